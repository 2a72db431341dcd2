"""Linear centred kernel alignment (CKA) between all layers of networks (Nguyen et al. 2020).

It is computed from minibatches, each of which goes to all networks. The Gram matrix of each layer's
activations is made and centred once; the unbiased HSIC of two layers is the scalar product of two
of them. Numerators and norms are summed over batches, and divided once.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib import devices
from paradoxlib.networks import activations, models

LEAST_IMAGES = 4  # fewer, and the unbiased estimate is not defined


def unbiased_hsic(k: torch.Tensor, l: torch.Tensor) -> float:  # noqa: E741 (the literature's names)
    """Return the unbiased estimate of the Hilbert-Schmidt independence criterion.

    Song et al. 2012; Nguyen et al. 2020, equation 3.

    Parameters
    ----------
    k, l : torch.Tensor
        Gram matrices (n, n), n at least 4, centred or not; their diagonals do not matter. Computed
        in float64.

    Returns
    -------
    float
        May be negative; 0 on average where the two are independent.
    """
    n = len(k)
    check_count(n)
    k, l = (matrix.double() - matrix.double().diagonal().diag() for matrix in (k, l))  # noqa: E741
    trace = (k * l.T).sum()
    sums = k.sum() * l.sum() / ((n - 1) * (n - 2))
    return ((trace + sums - 2 / (n - 2) * (k.sum(0) @ l.sum(1))) / (n * (n - 3))).item()


def check_count(n: int) -> None:
    """Raise ValueError for fewer images than the unbiased estimate is defined for."""
    if n < LEAST_IMAGES:
        raise ValueError(f"CKA of {n} images: the unbiased estimate needs at least {LEAST_IMAGES}")


def centred_gram(features: torch.Tensor, removed: int = 0) -> torch.Tensor:
    """Return the U-centred Gram matrix (n, n) of a layer's features (n, ...), float64.

    Its diagonal is 0 and its rows sum to 0. With a factor of 1 / (n (n - 3)) the scalar product of
    two of them is `unbiased_hsic`. The first `removed` principal components of these n images are
    taken off before.
    """
    gram = plain_gram(features)
    if removed:
        values, vectors = torch.linalg.eigh(gram)
        first = vectors[:, -removed:]
        gram = gram - first * values[-removed:] @ first.T
    return u_centred(gram)


def plain_gram(features: torch.Tensor) -> torch.Tensor:
    """Return the Gram matrix (n, n) of a layer's features (n, ...) about their means, float64.

    The means are taken off before the product, so that large ones cost no precision.
    """
    if features.dim() == 4 and not features.is_contiguous():
        features = features.movedim(1, -1)  # channels last in memory; the features' order is free
    features = features.flatten(1)
    # What rounding leaves of the means is the same for all images; U-centring takes it off.
    features = features - features.mean(0)
    return (features @ features.T).double()


def u_centred(gram: torch.Tensor) -> torch.Tensor:
    """Return Gram matrices (..., n, n) U-centred: diagonals 0, rows that sum to 0.

    What was added to the rows, or to the columns, of the matrix makes no difference.
    """
    n = gram.shape[-1]
    other = 1 - torch.eye(n, dtype=gram.dtype, device=gram.device)
    gram = gram * other
    rows = gram.sum(-1, keepdim=True) / (n - 2)
    total = rows.sum(-2, keepdim=True) / (n - 1)
    return (gram - rows - rows.mT + total) * other


class HsicSums:
    """The HSIC of all layers of pairs of networks, summed over batches of images."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.between: dict[tuple[str, str], Any] = dict.fromkeys(pairs, 0)
        self.norms: dict[str, Any] = {}

    def add(self, grams: Mapping[str, torch.Tensor], n: int) -> None:
        """Take in a batch of n images: each network's centred Gram matrices (layer, n * n)."""
        for name, gram in grams.items():
            self.norms[name] = self.norms.get(name, 0) + gram.square().sum(1) / (n * (n - 3))
        for a, b in self.between:
            self.between[a, b] = self.between[a, b] + grams[a] @ grams[b].T / (n * (n - 3))

    def cka(self, a: str, b: str) -> np.ndarray:
        """Return the CKA (layers of a, layers of b) of one of the pairs."""
        norms = (self.norms[a][:, None] * self.norms[b]).sqrt()
        return (self.between[a, b] / norms).cpu().numpy()


def centred_grams(
    network: torch.nn.Module, images: torch.Tensor, layers: Sequence[str] | None, removed: int = 0
) -> tuple[list[str], torch.Tensor]:
    """Return the names of a network's layers and their centred Gram matrices (layer, n * n).

    Each is made at once: all outputs of a ResNet50 take 144 MB for each image of 224 pixels.
    """
    grams = activations.record(network, images, layers, partial(centred_gram, removed=removed))
    return list(grams), torch.stack([*grams.values()]).flatten(1)


def shuffled_batches(
    images: torch.Tensor, batch_size: int, passes: int, seed: int
) -> Iterator[torch.Tensor]:
    """Yield batches of images: every image once a pass, each pass in another random order.

    A rest of fewer than 4 images is left out.
    """
    source = torch.Generator().manual_seed(seed)
    for _ in range(passes):
        for index in torch.randperm(len(images), generator=source).split(batch_size):
            if len(index) >= LEAST_IMAGES:
                yield images[index]


@torch.inference_mode()
@devices.exact_float32()
def cka_matrices(
    networks: Mapping[str, torch.nn.Module],
    images: torch.Tensor,
    pairs: Sequence[tuple[str, str]] | None = None,
    layers: Sequence[str] | None = None,
    batch_size: int = 256,
    passes: int = 1,
    seed: int = 0,
    removed: int = 0,
) -> dict[tuple[str, str], pd.DataFrame]:
    """Return the CKA of all layers of pairs of networks.

    Parameters
    ----------
    networks : dict
        {name: network}, in evaluation mode, on one device; any architectures.
    images : torch.Tensor
        (n, 3, h, w), n at least 4, as the networks want them.
    pairs : list, optional
        [(name, name)]; where not given, all pairs and each network with itself.
    layers : sequence of str, optional
        The layers to compare (of every network those that it has); all where not given.
    batch_size, passes, seed : int
        Images at once; passes over the images, each in another order; seed of the orders.
    removed : int
        How many first principal components of each layer are taken off, batch by batch.

    Returns
    -------
    dict
        {(name, name): DataFrame (layers of one, layers of the other)}, layers in the order of their
        calls. At most about 1; may be negative; nan for a layer whose output is the same for all
        images.

    Raises
    ------
    ValueError
        For fewer than 4 images or a batch size below 4, for a layer that no network has, and for a
        network that has none of the layers.
    """
    check_count(min(len(images), batch_size))
    names = list(networks)
    pairs = pairs or [(a, b) for i, a in enumerate(names) for b in names[i:]]
    chosen: dict[str, Any] = dict.fromkeys(names)
    if layers is not None:
        chosen = present(networks, images, layers)
    sums = HsicSums(pairs)
    found: dict[str, list[str]] = {}
    count = sum(map(len, shuffled_batches(torch.arange(len(images)), batch_size, passes, seed)))
    bar = tqdm(
        desc=f"CKA of {len(networks)} networks",
        total=count,
        unit="image",
        disable=count * len(networks) < 5000,
    )
    with bar, devices.thread_pool() as pool:
        for batch in shuffled_batches(images, batch_size, passes, seed):
            grams = {}
            given = networks.values(), repeat(batch), chosen.values(), repeat(removed)
            seen = pool.map(centred_grams, *given)
            for name, (own, gram) in zip(names, seen, strict=True):
                found[name], grams[name] = own, gram
            sums.add(grams, len(batch))
            bar.update(len(batch))
    return {(a, b): pd.DataFrame(sums.cka(a, b), found[a], found[b]) for a, b in pairs}


def present(
    networks: Mapping[str, torch.nn.Module], images: torch.Tensor, layers: Sequence[str]
) -> dict[str, list[str]]:
    """Return {name: those of the layers that the network has}.

    ValueError for a layer that no network has, and for a network that has none of the layers.
    """
    own = {name: activations.layer_names(network, images) for name, network in networks.items()}
    everyones = dict.fromkeys(layer for names in own.values() for layer in names)
    for layer in layers:
        if layer not in everyones:
            raise models.unknown_layer(layer, everyones)
    chosen = {name: [layer for layer in layers if layer in names] for name, names in own.items()}
    for name, names in chosen.items():
        if not names:
            raise ValueError(f"network {name!r} has none of the layers asked for")
    return chosen


def cka_matrix(
    model_a: torch.nn.Module, model_b: torch.nn.Module, images: torch.Tensor, **settings: Any
) -> pd.DataFrame:
    """Return the CKA of all layers of two networks (layers of a, layers of b).

    The settings are those of `cka_matrices`.
    """
    return cka_matrices({"a": model_a, "b": model_b}, images, [("a", "b")], **settings)["a", "b"]


def plain_grams(
    network: torch.nn.Module, images: torch.Tensor, layers: Sequence[str]
) -> torch.Tensor:
    """Return the Gram matrices (layer, n, n) of a network's layers, each by `plain_gram`."""
    outputs = activations.record(network, images, layers)
    return torch.stack([plain_gram(outputs[layer]) for layer in layers])


@torch.inference_mode()
def hsic_of_batches(
    a: torch.Tensor, b: torch.Tensor, size: int, passes: int = 1, seed: int = 0
) -> np.ndarray:
    """Return what CKA sums over minibatches, batch by batch: (batch, layer, 3).

    The three are the unbiased HSIC of both networks' layers, and of each one's with itself.

    Parameters
    ----------
    a, b : torch.Tensor
        Gram matrices (layer, n, n) of all images, by `plain_gram`.
    size, passes, seed : int
        Images at once, at least 4; passes over the images, each in another order; their seed.
    """
    check_count(size)
    found = []
    for index in shuffled_batches(torch.arange(a.shape[-1]), size, passes, seed):
        x, y = (u_centred(grams[:, index][:, :, index]) for grams in (a, b))
        sums = torch.stack([(x * y).sum((1, 2)), (x * x).sum((1, 2)), (y * y).sum((1, 2))], 1)
        found.append(sums / (len(index) * (len(index) - 3)))
    return torch.stack(found).cpu().numpy()


def cka_of_sums(sums: np.ndarray) -> np.ndarray:
    """Return the CKA (...) of sums (..., 3) over batches of `hsic_of_batches`."""
    return sums[..., 0] / np.sqrt(sums[..., 1] * sums[..., 2])


def of_batches(
    sums: np.ndarray, count: int, per_pass: int, resamples: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return the CKA of so many batches: {images: values (draw, layer)}.

    Parameters
    ----------
    sums : array
        (set, batch, layer, 3) of `hsic_of_batches`; no two sets have images in common.
    count : int
        Batches that are summed.
    per_pass : int
        Batches of the first pass, which have no images in common.
    resamples, seed : int
        Draws of batches, and the seed of the draws.

    Returns
    -------
    dict
        ``other images``: batches drawn with replacement from the first passes of all sets, a draw a
        row; ``the same images``: the first batches of each set, a set a row.
    """
    pool = sums[:, :per_pass].reshape(-1, *sums.shape[2:])
    chosen = np.random.default_rng(seed).integers(len(pool), size=(resamples, count))
    kinds = {"other images": pool[chosen].sum(1), "the same images": sums[:, :count].sum(1)}
    return {images: cka_of_sums(parts) for images, parts in kinds.items()}

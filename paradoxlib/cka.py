"""Linear centred kernel alignment (CKA) between all layers of networks, from minibatches (Nguyen et al. 2020).

Each batch goes to all networks. Of each layer's activations a Gram matrix is made and centred once; the unbiased HSIC of two layers is the scalar
product of two of them. Numerators and norms are summed over batches, and divided once.
"""

import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib import activations, models, parallel


def unbiased_hsic(k, l):  # noqa: E741 (their names in the literature)
    """Return the unbiased estimate of the Hilbert-Schmidt independence criterion (Song et al. 2012; Nguyen et al. 2020, equation 3).

    Parameters
    ----------
    k, l : torch.Tensor
        Gram matrices (n, n), n at least 4; centred or not, their diagonals do not matter. Computed in float64.

    Returns
    -------
    float
        May be negative; 0 on average where the two are independent.
    """
    n = check_count(len(k))
    k, l = (matrix.double() - matrix.double().diagonal().diag() for matrix in (k, l))  # noqa: E741
    trace = (k * l.T).sum()
    sums = k.sum() * l.sum() / ((n - 1) * (n - 2))
    return ((trace + sums - 2 / (n - 2) * (k.sum(0) @ l.sum(1))) / (n * (n - 3))).item()


def check_count(n):
    """Return a number of samples; ValueError where it is below 4, the least that the unbiased estimate is defined for."""
    if n < 4:
        raise ValueError(f"CKA of {n} images: the unbiased estimate needs at least 4")
    return n


def centred_gram(features):
    """Return a layer's U-centred Gram matrix (n, n), float64: of features (n, ...), its diagonal 0 and its rows of sum 0.

    With a factor of 1 / (n (n - 3)) the scalar product of two of them is `unbiased_hsic`. The features' means are taken off before the product, so
    that large ones cost no precision.
    """
    if features.dim() == 4 and not features.is_contiguous():  # channels last in memory: the order of features does not matter
        features = features.movedim(1, -1)
    features = features.flatten(1)
    n = len(features)
    features = features - features.mean(0)  # what the rounding of the means leaves is the same for all images, and U-centring takes it off
    gram = (features @ features.T).double()
    gram.fill_diagonal_(0)
    rows = gram.sum(1, keepdim=True) / (n - 2)
    return (gram - rows - rows.T + rows.sum() / (n - 1)).fill_diagonal_(0)


def batches(images, batch_size, passes, seed):
    """Yield batches of images: every image once a pass, each pass in another random order; a rest of fewer than 4 is left out."""
    source = torch.Generator().manual_seed(seed)
    for _ in range(passes):
        for index in torch.randperm(len(images), generator=source).split(batch_size):
            if len(index) >= 4:
                yield images[index]


@torch.inference_mode()
def cka_matrices(networks, images, pairs=None, layers=None, batch_size=256, passes=1, seed=0):
    """Return the CKA of all layers of pairs of networks.

    Parameters
    ----------
    networks : dict
        {name: network}, in evaluation mode; any architectures.
    images : torch.Tensor
        (n, 3, h, w), n at least 4, as the networks want them.
    pairs : list, optional
        [(name, name)]; all, and each network with itself, where not given.
    layers : sequence of str, optional
        The layers that are compared (of every network those that it has); all where not given.
    batch_size, passes, seed : int
        Images at once; passes over the images, each in another order.

    Returns
    -------
    dict
        {(name, name): DataFrame (layers of one, layers of the other)}, layers in the order of their calls. At most about 1; may be negative;
        nan for a layer whose output is the same for all images.
    """
    check_count(min(len(images), batch_size))
    names = list(networks)
    pairs = pairs or [(a, b) for i, a in enumerate(names) for b in names[i:]]
    wanted = dict.fromkeys(networks) if layers is None else present(networks, images, list(layers))
    sums, norms, found = dict.fromkeys(pairs, 0), dict.fromkeys(names, 0), {}
    count = sum(len(batch) for batch in batches(torch.arange(len(images)), batch_size, passes, seed))

    def centred(name, batch):
        outputs = activations.record(networks[name], batch, wanted[name])
        return list(outputs), torch.stack([centred_gram(output) for output in outputs.values()]).flatten(1)

    bar = tqdm(desc=f"CKA of {len(networks)} networks", total=count, unit="image", disable=count * len(networks) < 5000)
    with bar, parallel.threads() as pool:
        for batch in batches(images, batch_size, passes, seed):
            grams = {}
            for name, (layers_seen, gram) in zip(names, pool.map(lambda name, batch=batch: centred(name, batch), names), strict=True):
                found[name], grams[name] = layers_seen, gram
                norms[name] = norms[name] + gram.square().sum(1) / (len(batch) * (len(batch) - 3))
            for a, b in pairs:
                sums[a, b] = sums[a, b] + grams[a] @ grams[b].T / (len(batch) * (len(batch) - 3))
            bar.update(len(batch))
    result = {}
    for a, b in pairs:
        matrix = sums[a, b] / (norms[a][:, None] * norms[b]).sqrt()
        result[a, b] = pd.DataFrame(matrix.numpy(), found[a], found[b])
    return result


def present(networks, images, layers):
    """Return {name: those of the layers that the network has}; ValueError for a layer that none has, or a network that has none."""
    own = {name: activations.names(network, images) for name, network in networks.items()}
    everyones = [layer for names in own.values() for layer in names]
    for layer in layers:
        if layer not in everyones:
            raise models.unknown_layer(layer, dict.fromkeys(everyones))
    chosen = {name: [layer for layer in layers if layer in names] for name, names in own.items()}
    if none := [name for name, names in chosen.items() if not names]:
        raise ValueError(f"network {none[0]!r} has none of the layers asked for")
    return chosen


def cka_matrix(model_a, model_b, images, **settings):
    """Return the CKA of all layers of two networks: DataFrame (layers of a, layers of b); settings are those of `cka_matrices`."""
    return cka_matrices({"a": model_a, "b": model_b}, images, [("a", "b")], **settings)["a", "b"]


@torch.inference_mode()
def first_component(model, images, layers=None):
    """Return the share of each layer's variance over images that its first principal component explains: Series, 0..1."""
    check_count(len(images))
    shares = {}
    for name, output in activations.record(model, images, layers).items():
        features = output.flatten(1).double()
        features = features - features.mean(0)
        values = torch.linalg.eigvalsh(features @ features.T)
        shares[name] = (values[-1] / values.sum()).item()
    return pd.Series(shares, name="first_component")


@torch.inference_mode()
def dominant_images(model, images, layers=None, share=0.02):
    """Return how much of each layer's variance over images lies in the few that are furthest from the mean: Series, `share`..1.

    `share` is how many of the images are counted, at least one; where all are as far its own value comes out.
    """
    count, shares = max(1, round(share * len(images))), {}
    for name, output in activations.record(model, images, layers).items():
        features = output.flatten(1).double()
        far = (features - features.mean(0)).square().sum(1)
        shares[name] = (far.topk(count).values.sum() / far.sum()).item()
    return pd.Series(shares, name="dominant_images")

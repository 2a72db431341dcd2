"""What anybody gives to be compared, made ready: networks or their weights, images, labels."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from paradoxlib.images import datasets, distortions
from paradoxlib.measures.views import FEW, Stimuli
from paradoxlib.networks import models, weights
from paradoxlib.similarity import kernels

Transform = Callable[[torch.Tensor], torch.Tensor]
LEAST_SHOWN = 8  # images
AnyNetwork = torch.nn.Module | Mapping[str, torch.Tensor]  # a module, or a state dict alone


@dataclass(frozen=True)
class Given:
    """A network to be compared: its state, and the module where there is one."""

    name: str
    state: models.State
    network: torch.nn.Module | None

    @property
    def module(self) -> torch.nn.Module:
        """Return the module; ValueError where there are weights alone."""
        if self.network is None:
            raise ValueError(f"{self.name} is weights alone: to see images, a module is needed")
        return self.network


def prepared(name: str, given: AnyNetwork, transform: Transform | None = None) -> Given:
    """Return a network ready to be compared: a copy, in evaluation mode, of float32 on the CPU.

    Parameters
    ----------
    name : str
        What the comparison calls it.
    given : torch.nn.Module or dict
        The network, or its state dict alone.
    transform : callable, optional
        What images (n, 3, h, w), 0..1, go through before they reach the module.

    Raises
    ------
    ValueError
        For anything else than a module or named tensors, and for weights that are nan or infinite.
    """
    if isinstance(given, torch.nn.Module):
        network = copy.deepcopy(given).eval().float().cpu().requires_grad_(False)
        if transform is not None:
            network.register_forward_pre_hook(lambda _, args: (transform(args[0]), *args[1:]))
        network.register_forward_hook(lambda _, __, output: logits_of(name, output))
        state = network.state_dict()
    elif isinstance(given, Mapping) and given and all(map(torch.is_tensor, given.values())):
        network, state = None, {entry: value.detach().cpu() for entry, value in given.items()}
        state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    else:
        kind = type(given).__name__
        raise ValueError(f"{name} is {kind}: a torch.nn.Module or a state dict is needed")
    for entry, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(
                f"{name} has nan or infinity in {entry!r}: there is nothing to compare"
            )
    return Given(name, state, network)


def logits_of(name: str, output: Any) -> torch.Tensor:
    """Return the scores of the classes (n, classes) that a module puts out.

    ValueError for a module that puts out something else, such as a map.
    """
    output = getattr(output, "logits", output)
    if not torch.is_tensor(output) or output.dim() != 2:
        what = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
        raise ValueError(f"{name} puts out {what}: scores of classes (n, classes) are needed")
    return output


def architecture_of(state: models.State) -> str | None:
    """Return the name of the architecture of `models.ARCHITECTURES` that a state is of, or None."""
    dense = state.get("fc.weight")
    ours = "res2a_branch2a.weight" in state or "conv5.weight" in state
    if dense is None or dense.dim() != 2 or not ours:
        return None
    shapes = {name: value.shape for name, value in state.items()}
    for name in models.ARCHITECTURES:
        with torch.device("meta"):
            empty = models.empty(name, len(dense)).state_dict()
        if {entry: value.shape for entry, value in empty.items()} == shapes:
            return name
    return None


def kernel_state(state: models.State) -> models.State:
    """Return what counts as kernels in a state: {layer.weight: (kernels, length, ...)}, 4 dims.

    These are the convolutions; where there are fewer than two, the rows of dense layers as well (of
    a transformer's attention too). Tied weights count once.
    """
    rows, seen = {}, set()
    for name, value in state.items():
        if name.endswith("weight") and value.dim() > 1 and value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            layer = name if name.endswith(".weight") else f"{name}.weight"
            rows[layer] = value if value.dim() == 4 else value.flatten(1)[:, :, None, None]
    convolutions = {name: rows[name] for name in rows if name in state and state[name].dim() > 2}
    return convolutions if len(convolutions) > 1 else rows


def norm_layers(state: models.State) -> dict[str, str]:
    """Return {norm: its kind} of a state dict.

    ``running statistics`` for a batch norm and its kin; ``none`` for the norms that compute theirs
    anew, those of groups, layers or instances: what has a weight of one dimension.
    """
    found = {}
    for entry, value in state.items():
        layer, _, what = entry.rpartition(".")
        if what == "running_mean":
            found[layer] = "running statistics"
        elif what == "weight" and value.dim() == 1 and f"{layer}.running_mean" not in state:
            found[layer] = "none"
    return found


def corresponding(a: models.State, b: models.State) -> tuple[models.State | None, str]:
    """Return b's kernels under the names of a's, and what is to be said about it.

    Layers correspond by their names; where names differ, by their order if all have equal shapes,
    or else all whose kernels see more than one position: shortcuts of some networks are 1 x 1, and
    those of others have no weights. Without correspondence it is (None, why). `a` and `b` are those
    of `kernel_state`.
    """
    own, other = kernels.kernels_of(a), kernels.kernels_of(b)
    try:
        kernels.check_same_layers(own, other)
    except ValueError as error:
        note = "the names of layers differ: they correspond by their order"
        wide = [{k: v for k, v in state.items() if v[0, 0].numel() > 1} for state in (a, b)]
        pairs = {note: (a, b), f"{note}; 1 x 1 kernels are left out": wide}
        for words, (one, two) in pairs.items():
            if one and [v.shape for v in one.values()] == [v.shape for v in two.values()]:
                return dict(zip(one, two.values(), strict=True)), words
        return None, str(error)
    return {name: b[name] for name in a}, ""


def paired(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    """Return pairs of places: of equal names, or else at the same share of the way through."""
    if set(a) == set(b):
        return [(place, place) for place in a]
    ends = max(len(a) - 1, 1)
    return [(place, b[round(i * (len(b) - 1) / ends)]) for i, place in enumerate(a)]


def as_pixels(images: Any) -> torch.Tensor:
    """Return images as uint8 (n, 3, h, w); floats in 0..1 are rounded to 8 bits.

    ValueError for another shape or range, or fewer than `LEAST_SHOWN` images.
    """
    if isinstance(images, datasets.ImageFiles):
        what = "a data set in files, which is read in parts"
        raise ValueError(f"images are {what}: images in memory are needed (`data.load_pictures`)")
    images = torch.as_tensor(getattr(images, "pixels", images)).cpu()
    if images.dim() != 4 or images.shape[1] != 3 or len(images) < LEAST_SHOWN:
        needed = f"(n, 3, h, w), n at least {LEAST_SHOWN}, is needed"
        raise ValueError(f"images are of shape {tuple(images.shape)}: {needed}")
    if images.is_floating_point():
        low, high = images.min().item(), images.max().item()
        if not (low >= 0 and high <= 1):
            advice = "floats in 0..1, before any normalisation, are needed (see transform)"
            raise ValueError(f"images lie between {low:.3g} and {high:.3g}: {advice}")
        images = (images * 255).round().to(torch.uint8)
    if images.dtype != torch.uint8:
        raise ValueError(f"images are {images.dtype}: uint8, or floats in 0..1, are needed")
    return images


def count_classes(networks: Sequence[Given], pixels: torch.Tensor) -> list[int]:
    """Return how many classes each network knows; ValueError where one cannot see the images."""
    first = pixels[:2].float() / 255
    found = []
    for each in networks:
        try:
            with torch.inference_mode():
                found.append(each.module(first).shape[1])
        except (RuntimeError, TypeError, IndexError, AssertionError) as error:
            reason = " ".join(str(error).split())[:200]
            shape = tuple(first.shape[1:])
            raise ValueError(f"{each.name} cannot see images of {shape}: {reason}") from None
    return found


def differing(classes: Sequence[int]) -> str:
    """Return a note on networks that know different numbers of classes, "" on others."""
    counts = [str(count) for count in dict.fromkeys(classes)]
    if len(counts) == 1:
        return ""
    return f"predictions cannot be compared: they know {' and '.join(counts)} classes"


def labels_of(images: Any, labels: Any) -> Any:
    """Return the labels of images: those given, or those that a data set has itself, or None."""
    own = getattr(images, "labels", None)
    if own is not None and labels is not None:
        raise ValueError("the images have labels of their own: no others are needed")
    return labels if own is None else own


def as_data(pixels: torch.Tensor, labels: Any, classes: int) -> datasets.Images:
    """Return images as a data set; without labels (None) all of them are of class 0.

    ValueError for labels that do not belong to the images, or beyond 0 .. classes - 1.
    """
    names = tuple(map(str, range(classes)))
    if labels is None:
        labels = torch.zeros(len(pixels), dtype=torch.long)
    labels = torch.as_tensor(labels).long().cpu()
    if labels.shape != (len(pixels),):
        raise ValueError(f"there are {len(pixels)} images and labels {tuple(labels.shape)}")
    if not 0 <= labels.min() <= labels.max() < classes:
        found = f"labels lie between {labels.min()} and {labels.max()}"
        raise ValueError(f"{found}, and the networks know classes 0 to {classes - 1}")
    return datasets.Images(pixels, labels, names, "given")


def shown_to_both(
    images: datasets.Images, labels: torch.Tensor | None, architecture: str | None
) -> Stimuli:
    """Return what measures show networks: the first images, clean and noisy; labels of all."""
    few = images.first(FEW).pixels.float() / 255
    noisy = distortions.show_noisy(few, seed=1)
    return Stimuli({"clean": few, "noisy": noisy}, labels, architecture)


def module_for(path: str, state: models.State, makers: Sequence[str]) -> torch.nn.Module:
    """Return the module that a file's weights belong to, with these weights.

    One of `models.ARCHITECTURES` is known by its names; whether it is made for small images, and
    how it standardises them, its file says (or else: not at all). For others each of the makers,
    ``module:function``, is tried in turn; its code is run.

    Raises
    ------
    ValueError
        Where there is no maker, or the weights fit none.
    """
    if architecture := architecture_of(state):
        small = weights.own_about(path).get("small_images") is True
        known = models.empty(architecture, len(state["fc.weight"]), small)
        models.load_state(known, state)
        if standardisation := weights.read_standardisation(path):
            known.standardise(*standardisation)
        return known
    reason = "its architecture is not known here: --model module:function is needed to build it"
    for maker in makers:
        network = weights.build_by(maker)
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("batches_tracked")}
        try:
            models.load_state(network, counters | state)
        except ValueError as error:
            reason = f"{maker}: {error}"
        else:
            return network
    raise ValueError(f"{path}: {reason}")

"""What can be said of two networks by what their layers put out, and by the bench's measures."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib import seeds
from paradoxlib.images import datasets, distortions
from paradoxlib.measures import catalogue
from paradoxlib.measures.views import FEW, Stimuli, View, chosen_conditions
from paradoxlib.networks import activations, models
from paradoxlib.similarity import cka, unit_samples, units

BYTES = 256e6  # of the outputs of one network's layers at once
UNDEFINED = "not defined for these networks"
WIDE = 1024  # units: layers of more are not matched
Places = Mapping[str, str]  # {place: the layer that passes on what it puts out}


class LayersInCommon(NamedTuple):
    """What the layers of two networks have in common (see `compare_layers`)."""

    table: pd.DataFrame
    matrix: pd.DataFrame
    chance: pd.DataFrame


def places_of(network: torch.nn.Module, images: torch.Tensor) -> dict[str, str]:
    """Return the `Places` of a network: its ReLUs or their kin, or all layers where it has none."""
    found = activations.relu_places(network, images[:1])
    return found or {name: name for name in activations.layer_names(network, images[:1])}


def paired(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    """Return pairs of places: of equal names, or else at the same share of the way through."""
    if set(a) == set(b):
        return [(place, place) for place in a]
    ends = max(len(a) - 1, 1)
    return [(place, b[round(i * (len(b) - 1) / ends)]) for i, place in enumerate(a)]


def images_at_once(network: torch.nn.Module, images: torch.Tensor) -> int:
    """Return for how many images the outputs of a network's layers fit in `BYTES`: 8 to 250."""
    outputs = activations.record(network, images[:1]).values()
    return int(min(max(BYTES / sum(out.numel() * out.element_size() for out in outputs), 8), 250))


@torch.inference_mode()
def compare_layers(a: torch.nn.Module, b: torch.nn.Module, images: torch.Tensor) -> LayersInCommon:
    """Return the CKA of all layers, and how well the units of corresponding layers match.

    LayersInCommon are seen at their ReLUs, or their kin. They correspond by name, or else by depth.

    Parameters
    ----------
    a, b : torch.nn.Module
        Networks in evaluation mode.
    images : torch.Tensor
        Floats (n, 3, h, w), 0..1.

    Returns
    -------
    LayersInCommon
        ``table``, a row for each pair of corresponding layers: ``a`` and ``b`` (their places),
        ``cka`` and ``cka chance`` (b sees other images), then what `match_units` returns, and
        ``matching chance``. ``matrix``: the CKA of all layers (of a, of b); ``chance``: the same, b
        seeing other images.
    """
    size = min(images_at_once(network, images) for network in (a, b))
    where_a, where_b = places_of(a, images), places_of(b, images)
    networks = {"a": a, "b": b, "other": activations.on_other_images(b)}
    layers = list(dict.fromkeys([*where_a.values(), *where_b.values()]))
    pairs = [("a", "b"), ("a", "other")]
    found = cka.cka_matrices(networks, images, pairs, layers, size)
    matrix, chance = (
        found[pair].loc[list(where_a.values()), list(where_b.values())] for pair in pairs
    )
    for frame in (matrix, chance):
        frame.index, frame.columns = pd.Index(where_a), pd.Index(where_b)
    ends = paired(list(where_a), list(where_b))
    both = [(where_a[one], where_b[other]) for one, other in ends]
    table = pd.DataFrame(ends, columns=["a", "b"])
    for column, frame in (("cka", matrix), ("cka chance", chance)):
        table[column] = [frame.loc[one, other] for one, other in ends]
    table = table.join(match_units(a, b, images, both, size))
    by_chance = match_units(a, networks["other"], images, both, size)
    return LayersInCommon(
        table.join(by_chance["matching"].rename("matching chance")), matrix, chance
    )


def match_units(
    a: torch.nn.Module,
    b: torch.nn.Module,
    images: torch.Tensor,
    pairs: list[tuple[str, str]],
    batch_size: int,
) -> pd.DataFrame:
    """Return how well the units of pairs of layers match, a row for each pair, in its order.

    Returns
    -------
    pandas.DataFrame
        ``matching`` (the mean correlation of units that are matched one to one), ``units`` and
        ``dead a``, ``dead b`` (how many never change). All are nan for layers with other numbers
        of positions, or of more than `WIDE` units.
    """
    moments: dict[int, unit_samples.Moments] = {}
    sizes: dict[int, dict[str, int]] = {}
    chosen = [{pair[end] for pair in pairs} for end in (0, 1)]
    for batch in images.split(batch_size):
        seen = [activations.record(n, batch, own) for n, own in zip((a, b), chosen, strict=True)]
        for i, pair in enumerate(pairs):
            x, y = (outputs[name] for outputs, name in zip(seen, pair, strict=True))
            if x.shape[2:].numel() == y.shape[2:].numel() and max(x.shape[1], y.shape[1]) <= WIDE:
                samples = [unit_samples.by_unit(values) for values in (x, y)]
                sizes[i] = {"a": x.shape[1], "b": y.shape[1]}
                moments.setdefault(i, unit_samples.Moments()).add(torch.cat(samples, 1))
    layers = {str(i): units.units_of(moments[i], sizes[i]).pair("a", "b") for i in moments}
    names = {"matching": "matching", "units": "units", "dead_a": "dead a", "dead_b": "dead b"}
    table = units.match_table(layers) if layers else pd.DataFrame(columns=list(names))
    table = table[list(names)].rename(columns=names).reindex(map(str, range(len(pairs))))
    return table.reset_index(drop=True)


def fresh_kernels(kernels: models.State, name: str) -> models.State:
    """Return random Gaussian kernels of the same shapes: those of an untrained network."""
    source = seeds.generator("fresh", name)
    return {layer: torch.randn(value.shape, generator=source) for layer, value in kernels.items()}


def compare_by_measures(a: View, b: View, kernels: models.State | None) -> pd.DataFrame:
    """Return two networks' likeness by each measure of the bench that what was given allows.

    Parameters
    ----------
    a, b : View
        The networks, and what they are shown; without images, views of states alone.
    kernels : dict, optional
        The kernels of a; None where b's do not correspond, and no measure of weights is defined.

    Returns
    -------
    pandas.DataFrame
        Index ``measure``; ``value``, ``chance`` (what unrelated networks score; for kernels random
        Gaussian ones), ``lowest``, ``highest``, ``needs``, ``source``, and ``note``: why a value is
        missing.
    """
    given = {"weights"} if kernels is not None else set()
    given |= {"images"} if a.stimuli.images else set()
    given |= {"labels"} if a.stimuli.labels is not None else set()
    rows = {}
    for name, measure in catalogue.MEASURES.items():
        lacking = set(measure.needs.split(", ")) - given
        row: dict[str, object] = {"value": np.nan, "chance": np.nan}
        row |= dict(zip(("lowest", "highest"), measure.range, strict=True))
        row |= {"needs": measure.needs, "source": measure.source, "note": ""}
        if lacking:
            what = " and ".join(sorted(lacking))
            row["note"] = f"no {what}" if lacking != {"weights"} else "kernels do not correspond"
        else:
            row |= measured(measure, a, b, kernels)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, "index").rename_axis("measure")


def measured(
    measure: catalogue.Measure, a: View, b: View, kernels: models.State | None
) -> dict[str, object]:
    """Return a measure's value and chance level, or a note why there is none."""
    known = a.stimuli.architecture is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of means of nothing: they are nan
        try:
            value = measure.pair(a, b)
            found: dict[str, object] = {"value": value, "note": "" if value == value else UNDEFINED}
        except (ValueError, RuntimeError, LookupError) as error:  # made for other networks
            return {"note": " ".join(str(error).split())[:120]}
        try:
            if measure.needs == "weights" and callable(measure.unrelated) and kernels and not known:
                ends = [of_state(fresh_kernels(kernels, end), a.stimuli) for end in "ab"]
                return found | {"chance": measure.pair(*ends)}
            return found | {"chance": measure.level({"a": a, "b": b})}
        except (ValueError, RuntimeError, LookupError):
            return found


def of_state(state: models.State, shown: Stimuli, network: torch.nn.Module | None = None) -> View:
    """Return the view of a state dict, with its module where there is one."""
    view = View(network or torch.nn.Identity(), shown)
    view.state = state
    return view


def predictions_of(
    predicted: torch.Tensor, conditions: Sequence[distortions.Condition]
) -> Callable[[str], torch.Tensor]:
    """Return what a view asks for its predictions, of a network's under all conditions."""
    return lambda which: predicted[chosen_conditions(conditions, which)]


def shown_to_both(
    images: datasets.Images, labels: torch.Tensor | None, architecture: str | None
) -> Stimuli:
    """Return what measures show networks: the first images, clean and noisy; labels of all."""
    few = images.first(FEW).pixels.float() / 255
    noisy = distortions.show_noisy(few, seed=1)
    return Stimuli({"clean": few, "noisy": noisy}, labels, architecture)

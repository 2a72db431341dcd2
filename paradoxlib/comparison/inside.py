"""What can be said of two networks by what is in them: weights, what layers put out, measures."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib import devices, seeds
from paradoxlib.behaviour import predictions
from paradoxlib.comparison import given
from paradoxlib.measures import catalogue, of_weights
from paradoxlib.measures.views import Stimuli, View
from paradoxlib.networks import activations, models
from paradoxlib.similarity import alignments, cka, kernels, unit_samples, units

LARGE = 1000  # kernels in a layer: of more, chance is one draw's
BYTES = 256e6  # of the outputs of one network's layers at once
UNDEFINED = "not defined for these networks"
WIDE = 1024  # units: layers of more are not matched
Places = Mapping[str, str]  # {place: the layer that passes on what it puts out}


class LayersInCommon(NamedTuple):
    """What the layers of two networks have in common (see `compare_layers`)."""

    table: pd.DataFrame
    matrix: pd.DataFrame
    chance: pd.DataFrame


def compare_kernels(a: models.State, b: models.State) -> pd.DataFrame:
    """Return how alike the kernels of two networks are, a row a layer.

    Parameters
    ----------
    a, b : dict
        Kernels under the same names, those of `given.kernel_state`.

    Returns
    -------
    pandas.DataFrame
        Index ``layer``; ``kernels`` (how many) and ``length`` (weights in each); for each alignment
        the mean correlation and its chance level (``chance, optimal``), the mean of random Gaussian
        kernels; ``sd`` over kernels, by the paper's alignment; and how many are dead in each
        network, ``dead a`` and ``dead b``, or constant (`kernels.is_dead`).
    """
    own, other = kernels.kernels_of(a), kernels.kernels_of(b)
    table = pd.DataFrame(index=pd.Index(own, name="layer"))
    table["kernels"] = [len(layer) for layer in own.values()]
    table["length"] = [layer.shape[1] for layer in own.values()]
    shapes = {name: layer.shape for name, layer in own.items()}
    draws = 4 if table["kernels"].max() <= LARGE else 1
    for alignment in alignments.ALIGNMENTS:
        found = kernels.layer_similarity(a, b, alignment)
        table[alignment] = [layer.mean for layer in found.values()]
        level = kernels.chance_of_shapes(shapes, alignment, draws)
        table[f"chance, {alignment}"] = list(level.values())
        if alignment == "paper":
            table["sd"] = [layer.sd for layer in found.values()]
    for which, layers in (("a", own), ("b", other)):
        table[f"dead {which}"] = [int(kernels.is_dead(x).sum()) for x in layers.values()]
        constant = [int(kernels.standardised(x)[:, 0].isnan().sum()) for x in layers.values()]
        table[f"constant {which}"] = constant
    return table


def compare_norms(a: models.State, b: models.State) -> pd.DataFrame:
    """Return how alike the norms are that two networks share by name, unit by unit, a row a norm.

    Returns
    -------
    pandas.DataFrame
        Index ``norm``; ``statistics`` (see `given.norm_layers`), ``units``; ``distance`` of the
        running means and variances, over their spread (`of_weights.statistics_closeness`; 0 for the
        same); and the correlations of the learned ``scale`` and ``shift``, nan where constant.
    """
    rows = {}
    for norm, kind in given.norm_layers(a).items():
        entries = {what: f"{norm}.{what}" for what in ("running_mean", "weight", "bias")}
        shared = [e for e in entries.values() if e in a and e in b and a[e].shape == b[e].shape]
        if not shared:
            continue
        row: dict[str, object] = {"statistics": kind, "units": len(a[shared[0]])}
        if entries["running_mean"] in shared:
            parts = (entries["running_mean"], f"{norm}.running_var")
            own, other = ({entry: state[entry] for entry in parts} for state in (a, b))
            row["distance"] = -of_weights.statistics_closeness(own, other)
        for what, column in (("weight", "scale"), ("bias", "shift")):
            if entries[what] in shared:
                pair = (state[entries[what]][None] for state in (a, b))
                row[column] = kernels.correlate_kernels(*pair).item()
        rows[norm] = row
    return pd.DataFrame.from_dict(rows, "index").rename_axis("norm")


def places_of(network: torch.nn.Module, images: torch.Tensor) -> dict[str, str]:
    """Return the `Places` of a network: its ReLUs or their kin, or all layers where it has none."""
    found = activations.relu_places(network, images[:1])
    return found or {name: name for name in activations.layer_names(network, images[:1])}


def images_at_once(network: torch.nn.Module, images: torch.Tensor) -> int:
    """Return for how many images the outputs of a network's layers fit in `BYTES`: 8 to 250."""
    outputs = activations.record(network, images[:1]).values()
    return int(min(max(BYTES / sum(out.numel() * out.element_size() for out in outputs), 8), 250))


class Seen(NamedTuple):
    """What one network's layers put out for a batch, by their places, and its Gram matrices."""

    outputs: dict[str, torch.Tensor]
    grams: torch.Tensor


def see(network: torch.nn.Module, where: Places, batch: torch.Tensor) -> Seen:
    """Return what a network's layers put out for a batch of images."""
    outputs = activations.record(network, batch, where.values())
    by_place = {place: outputs[layer] for place, layer in where.items()}
    return Seen(by_place, torch.stack([cka.centred_gram(out) for out in by_place.values()]))


class LayerSums:
    """What the layers of two networks have in common, summed over batches of images."""

    def __init__(self, a: Places, b: Places) -> None:
        self.places = list(a), list(b)
        self.ends = given.paired(*self.places)
        self.sums = cka.HsicSums([("a", "b"), ("a", "other")])
        self.moments = [unit_samples.PairMoments() for _ in self.ends]

    def add(self, a: Seen, b: Seen, pool: Executor) -> None:
        """Take in what both networks' layers put out for a batch."""
        grams = {"a": a.grams, "b": b.grams, "other": other_images(b.grams)}
        self.sums.add({end: gram.flatten(1) for end, gram in grams.items()}, len(b.grams[0]))

        def add_units(i: int) -> None:
            x, y = a.outputs[self.ends[i][0]], b.outputs[self.ends[i][1]]
            if x.shape[2:].numel() == y.shape[2:].numel() and max(x.shape[1], y.shape[1]) <= WIDE:
                self.moments[i].add(x, y)

        list(pool.map(add_units, range(len(self.ends))))

    def found(self) -> LayersInCommon:
        """Return what they have in common."""
        matrix, chance = (
            pd.DataFrame(self.sums.cka("a", end), *self.places) for end in ("b", "other")
        )
        table = pd.DataFrame(self.ends, columns=["a", "b"])
        for column, frame in (("cka", matrix), ("cka chance", chance)):
            table[column] = [frame.loc[one, other] for one, other in self.ends]
        return LayersInCommon(table.join(match_units(self.moments)), matrix, chance)


@torch.inference_mode()
@devices.exact_float32()
def compare_layers(
    a: torch.nn.Module, others: Sequence[torch.nn.Module], images: torch.Tensor
) -> list[LayersInCommon]:
    """Return the CKA of all layers, and how well the units of corresponding layers match.

    Layers are seen at their ReLUs, or their kin. They correspond by name, or else by depth. Each
    batch goes through each network once, and is as large as what the largest puts out allows;
    chance is that the other's answers belong to other images of it.

    Parameters
    ----------
    a, others : torch.nn.Module
        Networks in evaluation mode: one, and those that it is compared with, one by one.
    images : torch.Tensor
        Floats (n, 3, h, w), 0..1.

    Returns
    -------
    list of LayersInCommon
        One for each of the others. ``table``, a row for each pair of corresponding layers: ``a``
        and ``b`` (their places), ``cka``, ``cka chance``, then what `match_units` returns.
        ``matrix``: the CKA of all layers (of a, of b); ``chance``: the same by chance.
    """
    networks = [a, *others]
    size = min(images_at_once(network, images) for network in networks)
    where = [places_of(network, images) for network in networks]
    sums = [LayerSums(where[0], places) for places in where[1:]]

    def look() -> Iterator[Seen]:
        for batch in cka.shuffled_batches(images, size, 1, 0):
            yield from (see(*each, batch) for each in zip(networks, where, strict=True))

    with devices.thread_pool() as pool:
        seen = predictions.prefetch(look(), pool)
        for own in seen:
            for one, other in zip(sums, seen, strict=False):
                one.add(own, other, pool)
    return [one.found() for one in sums]


def other_images(grams: torch.Tensor) -> torch.Tensor:
    """Return Gram matrices (..., n, n) as if images were others of their batch."""
    half = max(1, grams.shape[-1] // 2)
    return grams.roll((half, half), (-2, -1))


def match_units(moments: Sequence[unit_samples.PairMoments]) -> pd.DataFrame:
    """Return how well the units of pairs of layers match, a row for each pair, in its order.

    Returns
    -------
    pandas.DataFrame
        ``matching`` (the mean correlation of units that are matched one to one), ``units``,
        ``dead a`` and ``dead b`` (how many never change), ``matching chance``. All are nan for
        layers with other numbers of positions, or of more than `WIDE` units.
    """
    rows = {}
    for i, own in enumerate(moments):
        if own.count:
            table, chance = own.correlations()
            means = [kernels.mean_of_known(units.match(each)[1]) for each in (table, chance)]
            dead = [int(sd.isnan().sum()) for sd in own.deviations()]
            rows[i] = (means[0], len(table), *dead, means[1])
    names = ["matching", "units", "dead a", "dead b", "matching chance"]
    return pd.DataFrame.from_dict(rows, "index", columns=names).reindex(range(len(moments)))


def fresh_kernels(state: models.State, name: str) -> models.State:
    """Return random Gaussian kernels of the same shapes: those of an untrained network."""
    source = seeds.generator("fresh", name)
    return {layer: torch.randn(value.shape, generator=source) for layer, value in state.items()}


def compare_by_measures(a: View, b: View, own: models.State | None) -> pd.DataFrame:
    """Return two networks' likeness by each measure of the bench that what was given allows.

    Parameters
    ----------
    a, b : View
        The networks, and what they are shown; without images, views of states alone.
    own : dict, optional
        The kernels of a; None where b's do not correspond, and no measure of weights is defined.

    Returns
    -------
    pandas.DataFrame
        Index ``measure``; ``value``, ``chance`` (what unrelated networks score; for kernels random
        Gaussian ones), ``lowest``, ``highest``, ``needs``, ``source``, and ``note``: why a value is
        missing.
    """
    known = {"weights"} if own is not None else set()
    known |= {"images"} if a.stimuli.images else set()
    known |= {"labels"} if a.stimuli.labels is not None else set()
    rows = {}
    for name, measure in catalogue.MEASURES.items():
        lacking = set(measure.needs.split(", ")) - known
        row: dict[str, object] = {"value": np.nan, "chance": np.nan}
        row |= dict(zip(("lowest", "highest"), measure.range, strict=True))
        row |= {"needs": measure.needs, "source": measure.source, "note": ""}
        if lacking:
            what = " and ".join(sorted(lacking))
            row["note"] = f"no {what}" if lacking != {"weights"} else "kernels do not correspond"
        else:
            row |= measured(measure, a, b, own)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, "index").rename_axis("measure")


def measured(
    measure: catalogue.Measure, a: View, b: View, own: models.State | None
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
            if measure.needs == "weights" and callable(measure.unrelated) and own and not known:
                ends = [of_state(fresh_kernels(own, end), a.stimuli) for end in "ab"]
                return found | {"chance": measure.pair(*ends)}
            return found | {"chance": measure.level({"a": a, "b": b})}
        except (ValueError, RuntimeError, LookupError):
            return found


def of_state(state: models.State, shown: Stimuli, network: torch.nn.Module | None = None) -> View:
    """Return the view of a state dict, with its module where there is one."""
    view = View(network or torch.nn.Identity(), shown)
    view.state = state
    return view

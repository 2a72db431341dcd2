"""Tables of matched units (Convergent Learning, Li et al. 2015)."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.behaviour import intervals
from paradoxlib.networks import activations, models, resnets
from paradoxlib.paper import published, sisters, verdicts
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import kernels, unit_clusters, unit_samples, units
from paradoxlib.studies import comparing, trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

SAMPLES = 60_000  # pairs of activations that mutual information is estimated from
TOP = 8  # best matched pairs of units that two ways of matching are compared by
PATCHES = {"count": 9, "size": 7}  # of each unit; their least side in pixels
PICTURED = 3  # of the paper's five layers, whose units are shown by patches
JOINT = 2  # best and worst matched pairs of units whose answers are shown together
TABLE_BYTES = 2e8  # of correlations of units that are held at once
OfTwo = TypeVar("OfTwo", bound=tuple)  # the names of two networks, and what else
STATISTICS = units.Layer._fields[:-1]  # of a layer, what is an array


class Strangers(NamedTuple):
    """The two strangers of `comparing.example_pairs`, {place: ReLU}, and {place: their units}."""

    networks: dict[str, resnets.ResNet]
    where: dict[str, str]
    layers: dict[str, units.Layer]


class ExampleUnits(NamedTuple):
    """Units of the two strangers of `comparing.example_pairs`.

    ``layers`` has those of every ReLU, {place: units.Layer}. The places at the depths of the
    paper's first layers have more: ``information`` is their mutual information {place: (units,
    units)}, ``patches`` {(place, network): uint8 (unit, patch, 3, size, size)}, ``fields`` {place:
    pixels that a unit sees}, ``joint`` {place: int32 (pair, bins, bins)}, how the best and the
    worst matched pairs answer together.
    """

    layers: dict[str, units.Layer]
    information: dict[str, np.ndarray]
    patches: dict[tuple[str, str], np.ndarray]
    fields: dict[str, int]
    joint: dict[str, np.ndarray]


@table(
    "unit_matches",
    "a, b, relation, layer, semi_matching, matching, overlap, units, dead_a, dead_b, spread, "
    "distance, by_weight",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, comparing.COMPARED),
)
def unit_matches(session: Session) -> pd.DataFrame:
    """How well the units of all pairs match, layer by layer, and how well they do by chance.

    `by_weight` is the share of units whose partner by activation is their partner by kernel, where
    a layer's units are one convolution's. Rows of the relation ``chance`` compare networks with
    one that sees other images.
    """
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks.values()))
    where = activations.relu_places(first, images)
    everyone = networks | {"chance": activations.on_other_images(first)}
    states = trained.load_states(session.study, networks)
    own = {name: kernels.kernels_of(state) for name, state in states.items()}
    pairs, rows = comparing.related_pairs(session.study, networks), []
    for (a, b, relation), layers in units_of_pairs(pairs, everyone, images, where):
        matched = units.match_table(layers)
        if b in own:
            by_weight = {
                place: same_partners(layer, own[a][place], own[b][place])
                for place, layer in layers.items()
                if place in own[a]
            }
            matched["by_weight"] = pd.Series(by_weight)
        matched = matched.rename_axis("layer").reset_index()
        rows.append(matched.assign(a=a, b=b, relation=relation))
    whole = pd.concat(rows, ignore_index=True)
    return whole[["a", "b", "relation", *whole.columns.drop(["a", "b", "relation"])]]


def units_of_pairs(
    pairs: Sequence[OfTwo],
    networks: Mapping[str, torch.nn.Module],
    images: torch.Tensor,
    where: Mapping[str, str],
) -> Iterator[tuple[OfTwo, dict[str, units.Layer]]]:
    """Yield pairs of networks, (name, name, ...), and their units {place: units.Layer}.

    `where` is {place: layer}. Every network sees the images once, where the correlations of all
    units fit in memory.
    """
    own = kernels.kernels_of(next(iter(networks.values())).state_dict())
    for group in groups_in_memory(pairs, len(networks), own):
        names = dict.fromkeys(name for pair in group for name in pair[:2])
        seen = {name: networks[name] for name in names}
        found = units.correlations(seen, images, list(where.values()), 50)
        for pair in group:
            yield pair, {place: found[relu].pair(*pair[:2]) for place, relu in where.items()}


def groups_in_memory(
    pairs: Sequence[OfTwo], networks: int, layers: models.State
) -> list[Sequence[OfTwo]]:
    """Return all pairs as one group, or pair by pair where layers are too wide for that."""
    widths = (len(kernels) for kernels in layers.values())
    size = sum(8 * (networks * width) ** 2 for width in widths)
    return [pairs] if size < TABLE_BYTES else [[pair] for pair in pairs]


def strangers_units(session: Session) -> Strangers:
    """Return two strangers' units at every ReLU, over the images of `comparing.pictures`."""
    a, b = comparing.example_pairs(session.study)["strangers"]
    everyone = comparing.compared(session, session.device)
    networks, images = {name: everyone[name] for name in (a, b)}, comparing.pictures(session)
    where = activations.relu_places(networks[a], images)
    ((_, layers),) = units_of_pairs([(a, b)], networks, images, where)
    return Strangers(networks, where, layers)


def units_key(study: Study) -> str:
    """Return the key of the units of the strangers that are shown."""
    examples = comparing.example_pairs(study)
    shown = SAMPLES, PATCHES, PICTURED, JOINT, unit_samples.GREY
    return keep.key(study.table_key("unit_layers"), comparing.IMAGES, *shown, examples)


@tensors("unit_layers", "weights, images", units_key)
def unit_layers(session: Session) -> Kept:
    """Units of two strangers in every layer; of early ones image patches, information, answers."""
    networks, where, layers = strangers_units(session)
    a, b = networks
    images = comparing.pictures(session)
    about: dict = {"samples": {place: layer.samples for place, layer in layers.items()}}
    made, fields = {}, {}
    for place, layer in layers.items():
        for field in STATISTICS:
            made[f"{place}|{field}"] = torch.tensor(getattr(layer, field), dtype=torch.float32)
    for place in list(at_their_depths(list(where)).values())[:PICTURED]:
        layer, relu = layers[place], where[place]
        answers = unit_samples.paired_samples(networks[a], networks[b], images, relu, SAMPLES)
        information = torch.from_numpy(unit_samples.mutual_information(*answers))
        made[f"{place}|information"] = information.float()
        chosen = zip(*units.best_and_worst(layer.between, JOINT), strict=True)
        made[f"{place}|joint"], _ = unit_samples.joint_histograms(*answers, list(chosen))
        fields[place] = activations.receptive_field(copy.deepcopy(networks[a]).cpu(), images, relu)
        size = max(PATCHES["size"], fields[place])
        for name, network in networks.items():
            everything, count = range(len(layer.between)), PATCHES["count"]
            best = unit_samples.top_patches(network, images, relu, everything, count, size)
            made[f"{place}|patches|{name}"] = (best * 255).round().to(torch.uint8)
    return made, about | {"fields": fields}


def example_units(session: Session) -> ExampleUnits:
    """Return the units of two strangers, and what is shown of them."""
    kept, about = unit_layers(session)
    layers = {}
    for place, count in about["samples"].items():
        arrays = {field: kept[f"{place}|{field}"].double().numpy() for field in STATISTICS}
        layers[place] = units.Layer(**arrays, samples=count)
    shown, pair = about["fields"], comparing.example_pairs(session.study)["strangers"]
    return ExampleUnits(
        layers,
        {place: kept[f"{place}|information"].double().numpy() for place in shown},
        {
            (place, name): kept[f"{place}|patches|{name}"].numpy()
            for place in shown
            for name in pair
        },
        shown,
        {place: kept[f"{place}|joint"].numpy() for place in shown},
    )


@table("unit_labels", "layer, network, unit, cluster", needs="unit_layers")
def unit_labels(session: Session) -> pd.DataFrame:
    """Clusters of two strangers' units (-1: dead), kept: rounding decides between near equals."""
    layers, parts = example_units(session).layers, []
    for place in at_their_depths(list(layers)).values():
        scaled = unit_clusters.scaled(len(layers[place].between))
        for name, own in zip("ab", units.spectral_clusters(layers[place], **scaled), strict=True):
            parts.append(pd.DataFrame({"layer": place, "network": name, "cluster": own}))
            parts[-1].insert(2, "unit", range(len(own)))
    return pd.concat(parts, ignore_index=True)


def at_their_depths(layers: Sequence[str]) -> dict[str, str]:
    """Return {layer of the paper's Table 1: ours at the same depth}, from the first to the last."""
    theirs = published.read_matching().index
    places = np.linspace(0, len(layers) - 1, len(theirs)).round().astype(int)
    return {layer: layers[place] for layer, place in zip(theirs, places, strict=True)}


def example_places(network: resnets.ResNet, images: torch.Tensor) -> dict[str, str]:
    """Return {place: ReLU} of an early, a middle and a late layer, each one convolution's."""
    where = activations.single_places(network, images)
    names = list(where)
    return {name: where[name] for name in (names[0], names[len(names) // 2], names[-1])}


@table(
    "unit_information",
    "relation, layer, semi_matching, matching, top, units",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, SAMPLES, TOP, comparing.example_pairs(study)),
)
def unit_information(session: Session) -> pd.DataFrame:
    """How many units of the example pairs have the same partner by mutual information.

    `semi_matching` and `matching` are the shares whose partner is that by correlation; `top` is how
    many of the `TOP` pairs that match best by the one are among those by the other.
    """
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    rows = []
    for relation, (a, b) in comparing.example_pairs(session.study).items():
        for place, relu in example_places(networks[a], images).items():
            values = unit_samples.paired_samples(networks[a], networks[b], images, relu, SAMPLES)
            information = unit_samples.mutual_information(*values)
            with np.errstate(invalid="ignore", divide="ignore"):  # of a dead unit
                related = np.corrcoef(torch.cat(values, 1).double().numpy(), rowvar=False)
            related = related[: len(information), len(information) :]
            information = np.where(np.isnan(related), np.nan, information)
            shares = []
            for find in (units.semi_match, units.match):
                partners, others = find(related)[0], find(information)[0]
                shares.append(kernels.mean_of_known((partners == others)[partners >= 0]))
            top = len(best_pairs(related) & best_pairs(information))
            alive = int((units.semi_match(related)[0] >= 0).sum())
            rows.append((relation, place, *shares, top, alive))
    columns = ["relation", "layer", "semi_matching", "matching", "top", "units"]
    return pd.DataFrame(rows, columns=columns)


def best_pairs(table: np.ndarray) -> set[tuple[int, int]]:
    """Return the `TOP` best matched pairs of units (of one network, its partner)."""
    partners, values = units.semi_match(table)
    order = [i for i in np.argsort(-values).tolist() if partners[i] >= 0]
    return {(i, int(partners[i])) for i in order[:TOP]}


@table(
    "unit_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="unit_matches, unit_layers, unit_information",
    depends=lambda study: (comparing.IMAGES, SAMPLES, TOP, comparing.example_pairs(study)),
)
def unit_claims(session: Session) -> pd.DataFrame:
    """What Convergent Learning states of matched units: the same columns as `claims`.

    Its five layers are compared with ours at the same depth, from the first to the last.
    """
    matches = unit_matches(session)
    theirs, cells = published.read_matching(), {}
    for layer, place in at_their_depths(matches["layer"].unique()).items():
        rows = matches[matches["layer"] == place]
        real = rows[rows["relation"] != "chance"]
        apart = real["relation"] == "strangers"
        for column in theirs:
            means = intervals.means_over_resampled_networks(real, column, apart)
            chance = rows[rows["relation"] == "chance"][column].mean()
            cells[layer, column] = place, intervals.estimate(means), chance
    found = sisters.matching_claims(cells)
    pair = comparing.example_pairs(session.study)["strangers"]
    first, shown = next(iter(example_units(session).layers.items()))
    (loose, values), (strict, _) = (find(shown.between) for find in (units.semi_match, units.match))
    order = [i for i in np.argsort(-values) if loose[i] >= 0]
    same, half = (loose == strict)[order], len(order) // 2
    known = unit_information(session).query("relation == 'strangers' and layer == @first")
    best = int(known["top"].iloc[0]), values[order[0]], values[order[-1]]
    coincide = same[:half].mean() - same[half:].mean()
    name = f"{first} of {' and '.join(pair)}"
    return verdicts.tabulate([*found, *sisters.best_unit_claims(name, *best, coincide)])


def same_partners(layer: units.Layer, a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the share of units whose partner by activation is also their partner by kernel.

    `a` and `b` are the two networks' kernels (n, d) of the convolution whose units are in `layer`;
    partners are those of `units.match`.
    """
    by_activation, _ = units.match(layer.between)
    by_kernel, _ = units.match(kernels.correlate_kernels(a, b).numpy())
    both = (by_activation >= 0) & (by_kernel >= 0)
    return kernels.mean_of_known((by_activation == by_kernel)[both])

"""The tables of the two sister works, made from a study's own networks: matched units (Convergent Learning) and CKA.

Like those of `results` each is computed once and read ever after.
"""

from itertools import combinations

import numpy as np
import pandas as pd
import torch

from paradoxlib import activations, cka, data, distortions, kernels, models, paradox, tables, training, units
from paradoxlib import study as studies

NETWORKS, IMAGES, SAMPLES, COMPONENT_IMAGES = 20, 1000, 60_000, 250
CONDITION = ("gaussian_noise", 0.05)  # beside clean images
DEEPER, PASSES = ("cifar10-resnet101", "cifar10-resnet152"), 2
PATCHES = {"units": 6, "count": 9, "size": 11}  # best and worst matched units, image patches of each, pixels


class OtherImages(torch.nn.Module):
    """A network that sees each batch in another order: what it has in common with others is chance."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images.roll(max(1, len(images) // 2), 0))


def shown(study):
    """Return ({network: Module}, images): the examples and the networks of the first families, 20 at most, and 1,000 test images, float 0..1."""
    training.train_all(study)
    return {name: training.load_network(study, name) for name in shown_names(study)}, pictures(study)


def pictures(study):
    """Return the study's first 1,000 test images, float 0..1."""
    images = study.images("test").first(IMAGES)
    return torch.cat([pixels for _, pixels, _ in data.batches(images, torch.arange(len(images)), 250)]).float() / 255


def shown_names(study):
    """Return the networks that are compared, in the order of the study: the examples and those of the first families, 20 at most."""
    everyone = [name for pair in examples(study).values() for name in pair] + [name for family in study.families.values() for name in family]
    some = list(dict.fromkeys(everyone))[:NETWORKS]
    return [name for name in study.networks if name in some]


def examples(study):
    """Return {relation: (network, network)}: a parent and its first child, and the two founders whose settings differ least."""
    child = next((name for name, network in study.networks.items() if network.parent), None)
    pairs = {"parent and child": (study.networks[child].parent, child)} if child else {}
    settings = {name: study.networks[name].model_dump(exclude={"seed"}) for name in study.families}
    strangers = min(
        combinations(settings, 2), key=lambda pair: sum(settings[pair[0]][k] != settings[pair[1]][k] for k in settings[pair[0]]), default=None
    )
    return pairs | ({"strangers": strangers} if strangers else {})


def places(network, images):
    """Return {place: ReLU}: each ReLU by what it passes on, a convolution or, behind an addition, a block (``res2a``)."""
    convolutions, found = models.conv_layers(network), {}
    for name in activations.names(network, images):
        if name in convolutions:
            last = here = name
        elif name.startswith("add"):
            here = last.split("_")[0]
        elif name.startswith("relu"):
            found[here] = name
    return found


def unit_matches(study):
    """Return the table (a, b, relation, layer, ...) of the matched units of all pairs; see `units.match_table`.

    `by_weight` is the share of units whose partner by activation is their partner by kernel, where a layer's units are one convolution's. Rows
    of the relation ``chance`` compare networks with one that sees other images.
    """

    def compute():
        networks, images = shown(study)
        where = places(next(iter(networks.values())), images)
        everyone = networks | {"chance": OtherImages(next(iter(networks.values())))}
        own = {name: kernels.kernels_of(network.state_dict()) for name, network in networks.items()}
        rows, pairs = [], related(study, networks)
        groups = [pairs] if study.model.architecture == "resnet20" else [[pair] for pair in pairs]  # wide layers: their tables fill the memory
        for group in groups:
            seen = {name: everyone[name] for name in dict.fromkeys(name for a, b, _ in group for name in (a, b))}
            found = units.correlations(seen, images, list(where.values()), 50)
            for a, b, relation in group:
                layers = {place: found[relu].pair(a, b) for place, relu in where.items()}
                table = units.match_table(layers)
                if b in own:
                    table["by_weight"] = pd.Series({p: same_partners(layers[p], own[a][p], own[b][p]) for p in layers if p in own[a]})
                rows.append(table.rename_axis("layer").reset_index().assign(a=a, b=b, relation=relation))
        table = pd.concat(rows, ignore_index=True)
        return table[["a", "b", "relation", *table.columns.drop(["a", "b", "relation"])]]

    return tables.result(study, "unit_matches", compute, IMAGES, NETWORKS)


def related(study, networks):
    """Return [(network, network, relation)] of all pairs, and of the founders but the first with ``chance``, which is the first."""
    parents = {name: network.parent for name, network in study.networks.items()}
    pairs = [(a, b, paradox.relation(a, b, parents)) for a, b in combinations(networks, 2)]
    return pairs + [(name, "chance", "chance") for name in list(study.families)[1:] if name in networks]


def same_partners(layer, a, b):
    """Return the share of units whose partner by activation (`units.match`) is their partner by kernel (n, d)."""
    by_activation, by_kernel = (units.match(table)[0] for table in (layer.between, kernels.correlations(a, b).numpy()))
    both = (by_activation >= 0) & (by_kernel >= 0)
    return units.mean((by_activation == by_kernel)[both])


def unit_layers(study):
    """Return {(relation, place): units.Layer} of the example pairs in an early, a middle and a late layer, and their top image patches.

    Patches are {(place, network): uint8 tensor (unit, patch, 3, h, w)} of the strangers' best and worst matched units, best first, each network's in
    the order of the pairs.
    """

    def compute():
        networks, images = shown(study)
        made, counts = {}, {}
        where = example_places(next(iter(networks.values())), images)
        for relation, (a, b) in examples(study).items():
            found = units.correlations({name: networks[name] for name in (a, b)}, images, list(where.values()))
            for place, relu in where.items():
                layer = found[relu].pair(a, b)
                counts[f"{relation}|{place}"] = layer.samples
                for field, values in zip(layer._fields[:-1], layer[:-1], strict=True):
                    made[f"{relation}|{place}|{field}"] = torch.tensor(values, dtype=torch.float32)
                if relation == "strangers":
                    for network, chosen in zip((a, b), matched(layer), strict=True):
                        patches = units.top_patches(networks[network], images, relu, chosen, PATCHES["count"], PATCHES["size"])
                        made[f"patches|{place}|{network}"] = (patches * 255).round().to(torch.uint8)
        return made, {"counts": counts}

    tensors, about = tables.tensors(study, "unit_layers", studies.key(study.table_key("unit_layers"), IMAGES, PATCHES, examples(study)), compute)
    layers = {}
    for name, count in about["counts"].items():
        arrays = (tensors[f"{name}|{field}"].double().numpy() for field in units.Layer._fields[:-1])
        layers[tuple(name.split("|"))] = units.Layer(*arrays, count)
    return layers, {tuple(name.split("|")[1:]): value for name, value in tensors.items() if name.startswith("patches|")}


def example_places(network, images):
    """Return {place: ReLU} of an early, a middle and a late layer, each one convolution's."""
    convolutions = models.conv_layers(network)
    where = {place: relu for place, relu in places(network, images).items() if place in convolutions}
    names = list(where)
    return {name: where[name] for name in (names[0], names[len(names) // 2], names[-1])}


def matched(layer, count=PATCHES["units"]):
    """Return the best and the worst semi-matched units of a layer, best first, and their partners: two lists."""
    partners, values = units.semi_match(layer.between)
    order = [i for i in np.argsort(-values) if partners[i] >= 0]
    chosen = order[:count] + order[max(count, len(order) - count) :]
    return chosen, partners[chosen].tolist()


def unit_information(study):
    """Return the table (relation, layer, semi_matching, matching, units): the shares of units whose partner is the same by mutual information as by
    correlation, for the example pairs."""

    def compute():
        networks, images = shown(study)
        rows = []
        for relation, (a, b) in examples(study).items():
            for place, relu in example_places(networks[a], images).items():
                values = units.samples(networks[a], networks[b], images, relu, SAMPLES)
                information = units.mutual_information(*values)
                with np.errstate(invalid="ignore", divide="ignore"):  # of a dead unit
                    related = np.corrcoef(torch.cat(values, 1).double().numpy(), rowvar=False)
                related = related[: len(information), len(information) :]
                information = np.where(np.isnan(related), np.nan, information)
                both = [[find(table)[0] for table in (related, information)] for find in (units.semi_match, units.match)]
                same = [units.mean((one == other)[one >= 0]) for one, other in both]
                rows.append((relation, place, *same, int((both[0][0] >= 0).sum())))
        return pd.DataFrame(rows, columns=["relation", "layer", "semi_matching", "matching", "units"])

    return tables.result(study, "unit_information", compute, IMAGES, SAMPLES, examples(study))


def cka_layers(study):
    """Return {(relation, condition): CKA of all layers (layers of one, layers of the other)} of the example pairs and of a network with itself.

    `condition` is ``clean`` or a distortion with its level (see `CONDITION`); the layers that follow a batch norm or an addition are ReLUs.
    """

    def compute():
        networks, images = shown(study)
        pairs = {"itself": (next(iter(networks)),) * 2} | examples(study)
        made = {}
        for condition, pixels in seen(study, images).items():
            found = cka.cka_matrices({name: networks[name] for pair in pairs.values() for name in pair}, pixels, list(pairs.values()))
            for relation, pair in pairs.items():
                made[f"{relation}|{condition}"] = torch.tensor(found[pair].to_numpy(), dtype=torch.float32)
        return made, {"layers": list(found[pair].index)}

    tensors, about = tables.tensors(study, "cka_layers", studies.key(study.table_key("cka_layers"), IMAGES, CONDITION, examples(study)), compute)
    return {tuple(name.split("|")): pd.DataFrame(value.double().numpy(), about["layers"], about["layers"]) for name, value in tensors.items()}


def depths(study):
    """Return ({study: Module}, images): the first network of a study and of the `DEEPER` ones, and test images, float 0..1."""
    networks = {}
    for one in [study, *(studies.load(name, **study.session.model_dump(exclude={"recompute"})) for name in DEEPER)]:
        first = next(iter(one.networks))
        training.train(one, first)
        networks[one.name] = training.load_network(one, first)
    return networks, pictures(study)


def depth_key(study):
    """Return what the comparison of depths depends on."""
    firsts = [(one, next(iter(one.networks))) for one in [study, *map(studies.load, DEEPER)]]
    return [one.network_key(name) for one, name in firsts] + [IMAGES, PASSES, COMPONENT_IMAGES]


def cka_depths(study):
    """Return {study: CKA of all layers (layers of this study's first network, layers of the other's)}: with itself, and with deeper ones.

    On clean test images, in several passes over batches of 256.
    """

    def compute():
        networks, images = depths(study)
        first = next(iter(networks))
        found = cka.cka_matrices(networks, images, [(first, name) for name in networks], passes=PASSES)
        made = {name: torch.tensor(matrix.to_numpy(), dtype=torch.float16) for (_, name), matrix in found.items()}
        return made, {"layers": {name: list(matrix.columns) for (_, name), matrix in found.items()}}

    tensors, about = tables.tensors(study, "cka_depths", studies.key(depth_key(study)), compute)
    layers = about["layers"]
    return {name: pd.DataFrame(tensors[name].double().numpy(), layers[study.name], layers[name]) for name in layers}


def depth_components(study):
    """Return the table (network, layer, share, dominant) of a study's first network and deeper ones, named by their studies.

    `share` is that of `first_components`, `dominant` that of the 2 % of the images that are furthest from the mean (`cka.dominant_images`).
    """

    def compute():
        networks, images = depths(study)
        some, parts = images[:COMPONENT_IMAGES], {}
        for name, network in networks.items():
            parts[name] = pd.DataFrame({"share": cka.first_component(network, some), "dominant": cka.dominant_images(network, some)})
        return pd.concat(parts, names=["network", "layer"]).reset_index()

    return tables.result(study, "depth_components", compute, depth_key(study), "dominant")


def seen(study, images):
    """Return {condition: images}: as they are, and under the example distortion."""
    name, level = CONDITION
    noisy = distortions.distort(images, name, level, data.generator(study.evaluation.seed, name, level))
    return {"clean": images, f"{name} {level:g}": noisy}


def cka_pairs(study):
    """Return the table (a, b, relation, layer, condition, cka): the CKA of the same layer, each ReLU, in all pairs; beside ``chance``."""

    def compute():
        networks, images = shown(study)
        where = places(next(iter(networks.values())), images)
        pairs = related(study, networks)
        everyone = networks | {"chance": OtherImages(next(iter(networks.values())))}
        rows = []
        for condition, pixels in seen(study, images).items():
            found = cka.cka_matrices(everyone, pixels, [(a, b) for a, b, _ in pairs], list(where.values()))
            rows += [(a, b, relation, place, condition, found[a, b].loc[relu, relu]) for a, b, relation in pairs for place, relu in where.items()]
        return pd.DataFrame(rows, columns=["a", "b", "relation", "layer", "condition", "cka"])

    return tables.result(study, "cka_pairs", compute, IMAGES, NETWORKS, CONDITION)


def first_components(study):
    """Return the table (network, layer, share): how much of each layer's variance over images lies in its first principal component; for the
    networks of the examples."""

    def compute():
        networks, images = shown(study)
        names = list(dict.fromkeys(name for pair in examples(study).values() for name in pair))
        parts = {name: cka.first_component(networks[name], images[:COMPONENT_IMAGES]).rename("share") for name in names}
        return pd.concat(parts, names=["network", "layer"]).reset_index()

    return tables.result(study, "first_components", compute, COMPONENT_IMAGES, examples(study))

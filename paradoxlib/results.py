"""The tables of a study: each computed once, by training and evaluating what is missing, and read ever after.

What a table needs is another table or a network, never a notebook; so any of them may be asked for first.
"""

import re

import pandas as pd
import torch

from paradoxlib import alignments, data, evaluation, kernels, paradox, paths, published, tables, training, transplant, weights
from paradoxlib import claims as statements
from paradoxlib import study as studies

EXAMPLES = {"classes": 5, "each": 8, "train": 6}  # test images of each of the first classes, and training images


def examples(study):
    """Return {split: Images}: a few images of the data set, kept in figures/ for a reader who does not have the data."""

    def compute():
        images = {split: study.images(split) for split in ("train", "test")}
        labels = images["test"].labels
        chosen = [(labels == c).nonzero()[: EXAMPLES["each"], 0] for c in range(min(EXAMPLES["classes"], len(images["test"].classes)))]
        order = {"train": torch.arange(EXAMPLES["train"]), "test": torch.cat(chosen)}
        made = {}
        for split, part in images.items():
            batches = list(data.batches(part, order[split], 1))
            made |= {split: torch.cat([pixels for _, pixels, _ in batches]), f"{split}_labels": torch.cat([label for *_, label in batches])}
        source = {split: part.source for split, part in images.items()}
        counts = {split: len(part) for split, part in images.items()}
        return made, {"classes": images["test"].classes, "source": source, "counts": counts}

    tensors, about = tables.tensors(study, "examples", studies.key(study.data.model_dump()), compute)
    kept = {split: (tensors[split], tensors[f"{split}_labels"], tuple(about["classes"])) for split in ("train", "test")}
    return {split: data.Images(*parts, f"{about['source'][split]}; {about['counts'][split]:,} used") for split, parts in kept.items()}


def caption(study):
    """Return the study's title for figures; where its images are JPEG files it says so, with their quality."""
    quality = re.search(r"JPEG files of quality (\d+)", examples(study)["test"].source)
    return f"{study.title} (JPEG, quality {quality[1]})" if quality else study.title


def networks(study):
    """Return the table of all networks: their settings, family, and the sha256 of their weights (`weights.digest`)."""

    def compute():
        training.train_all(study)
        rows = []
        for name, network in study.networks.items():
            tensors, _ = weights.read(paths.weights(study.name, name))
            settings = {"network": name, "family": study.family_of[name], **network.model_dump()}
            lists = {key: " ".join(map(str, value)) for key, value in settings.items() if isinstance(value, tuple)}
            rows.append(settings | lists | {"sha256": weights.digest(tensors)})
        return pd.DataFrame(rows)

    return tables.result(study, "networks", compute).set_index("network")


def history(study):
    """Return the table (network, epoch, loss, accuracy, learning_rate) of training; trains what is not trained."""

    def compute():
        training.train_all(study)
        return training.history(study)

    return tables.result(study, "training_history", compute)


def accuracies(study):
    """Return the tidy table (network, distortion, level, accuracy, n): top-1 of every network under every condition."""

    def compute():
        return evaluation.accuracy(evaluation.predictions(study), study.images("test").labels, study.conditions)

    return tables.result(study, "accuracy", compute)


def agreement(study):
    """Return the share of equal predictions (network, network) over all conditions and images."""
    return tables.matrix(study, "agreement", lambda: evaluation.agreement(evaluation.predictions(study)))


def states(study):
    """Return {network: state dict}; trains what is not trained."""
    training.train_all(study)
    return training.load_states(study)


def similarity(study, alignment="paper"):
    """Return the similarity (network, network) of all pairs by one alignment."""
    return tables.matrix(study, f"similarity_{alignment}", lambda: kernels.similarity_matrix(states(study), alignment))


def chance_levels(study):
    """Return {alignment: similarity of unrelated networks} for the study's architecture."""

    def compute():
        levels = [(name, kernels.chance_level(study.model.architecture, name)) for name in alignments.ALIGNMENTS]
        return pd.DataFrame(levels, columns=["alignment", "chance_level"])

    return tables.result(study, "chance_levels", compute).set_index("alignment")["chance_level"].to_dict()


def compatibilities(study):
    """Return {definition: compatibility (network, network)}: over the eight distortions (the paper's), and over all conditions."""
    return {over: paradox.compatibility(accuracies(study), over) for over in ("distortions", "conditions")}


def correlations(study):
    """Return the table of similarity against compatibility, over all pairs, within and between families; see `paradox.correlations`."""

    def compute():
        return paradox.correlations(compatibilities(study), similarity(study), study.family_of)

    return tables.result(study, "correlations", compute)


def noise_seeds(study):
    """Return the table (seed, a, b, compatibility, low, high) of pairs on the study's transplant images, under three seeds of the noise.

    Each with its bootstrap interval over these images; of the networks of the first families, 30 at most.
    """

    def compute():
        images, first = study.images("test").first(study.transplant_images), study.evaluation.seed
        some = [name for family in study.families.values() for name in family][:30]
        predicted, rows = {name: classes for name, classes in evaluation.predictions(study).items() if name in some}, []
        noisy = [i for i, (name, level) in enumerate(study.conditions) if name.endswith(("noise", "pepper")) and level]
        nets, how = {name: training.load_network(study, name) for name in predicted}, (study.device, "noise", study.evaluation.precision)
        for seed in range(first, first + 3):
            again = {name: classes[:, : len(images)].clone() for name, classes in predicted.items()}
            if seed != first:
                part = evaluation.predict_conditions(nets, images, [study.conditions[i] for i in noisy], seed, *how)
                for name, classes in again.items():
                    classes[noisy] = part[name]
            table = paradox.compatibility(evaluation.accuracy(again, images.labels, study.conditions))
            bounds = paradox.compatibility_intervals(evaluation.resampled_accuracy(again, images.labels), study.conditions)
            names = list(table)
            rows += [(seed, a, b, table.loc[a, b], *bounds[:, i, j]) for i, a in enumerate(names) for j, b in enumerate(names) if i < j]
        return pd.DataFrame(rows, columns=["seed", "a", "b", "compatibility", "low", "high"])

    return tables.result(study, "noise_seeds", compute, study.transplant_images)


def pairs(study):
    """Return the table of all pairs; see `paradox.pair_table`."""

    def compute():
        predicted, conditions = evaluation.predictions(study), study.conditions
        samples = evaluation.resampled_accuracy(predicted, study.images("test").labels)
        bounds = paradox.compatibility_intervals(samples, conditions)
        parents = {name: network.parent for name, network in study.networks.items()}
        both = compatibilities(study).values()
        return paradox.pair_table(*both, similarity(study), bounds, agreement(study), parents)

    return tables.result(study, "pairs", compute)


def original(study, network=None):
    """Return how the original ResNet50 (He et al. 2016) does beside a study's networks: its accuracies, and its similarity to each of them.

    Parameters
    ----------
    network : torch.nn.Module, optional
        torchvision's resnet50, in evaluation mode, made for ImageNet's normalisation; where it is not given the trained one of 2016's recipe
        (IMAGENET1K_V1), which torchvision downloads where it is not there.

    Returns
    -------
    accuracy : pandas.DataFrame
        Tidy, as `accuracies`.
    similarity : pandas.DataFrame
        (network, similarity), by the paper's alignment.

    Raises
    ------
    ValueError
        For a study whose networks are no ResNet50 or whose classes are not the network's.
    """
    from torchvision.models import ResNet50_Weights, resnet50
    from torchvision.transforms import Normalize

    images = study.images("test")
    if network is None:
        network = resnet50().eval()
        network.load_state_dict(ResNet50_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True, weights_only=True))
    if study.model.architecture != "resnet50" or network.fc.out_features != len(images.classes):
        raise ValueError(f"study {study.name} has {study.model.architecture} of {len(images.classes)} classes: the original is a resnet50 of 1000")
    state = weights.from_torchvision(network.state_dict())
    own = weights.digest(state)

    def accuracy():
        seen = {"original": torch.nn.Sequential(Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), network)}
        how = study.evaluation.seed, study.device, "evaluating the original ResNet50", study.evaluation.precision
        return evaluation.accuracy(evaluation.predict_conditions(seen, images, study.conditions, *how), images.labels, study.conditions)

    def alike():
        rows = [(name, kernels.similarity(state, ours)) for name, ours in states(study).items()]
        return pd.DataFrame(rows, columns=["network", "similarity"])

    return tables.result(study, "original_accuracy", accuracy, own), tables.result(study, "original_similarity", alike, own)


def transplant_pair(study):
    """Return (parent, child): the paper's, where the study has them, else the two that behave least alike of all parents and children."""
    if set(published.TRANSPLANT[:2]) <= set(study.networks):
        return published.TRANSPLANT[:2]
    related = pairs(study).query("relation == 'parent and child'")
    pair = related.sort_values("compatibility").iloc[0]
    return (pair["a"], pair["b"]) if study.networks[pair["b"]].parent == pair["a"] else (pair["b"], pair["a"])


def layers(study):
    """Return the table (network, parent, layer, ...): how far every layer of every child is from its parent's; see `kernels.layer_changes`."""

    def compute():
        own, children = states(study), {name: network.parent for name, network in study.networks.items() if network.parent}
        parts = {(name, parent): kernels.layer_changes(own[parent], own[name]) for name, parent in children.items()}
        return pd.concat(parts, names=["network", "parent"]).reset_index() if parts else pd.DataFrame(columns=["network", "parent", "layer"])

    return tables.result(study, "layer_similarity", compute, kernels.DEAD)


def transplant_settings(study):
    """Return what transplants depend on beside the networks' predictions."""
    return study.transplant_images, transplant.PARTS


def transplants(study):
    """Return what each transplant from the most different child to its parent does; see `transplant.evaluate_plan`."""
    parent, child = transplant_pair(study)
    return tables.result(study, "transplants", lambda: transplant.evaluate_plan(study, parent, child), *transplant_settings(study))


def transplanted_layer(study):
    """Return the layer that the paper transplants, ({weight, bias} of the parent, {weight, bias} of the child), in float16; kept in figures/."""
    parent, child, layer = published.TRANSPLANT

    def compute():
        found = training.load_states(study, [parent, child])
        return {f"{name}|{what}": state[f"{layer}.{what}"].half() for name, state in found.items() for what in ("weight", "bias")}, {}

    tensors, _ = tables.tensors(study, layer, studies.key([study.network_key(name) for name in (parent, child)]), compute)
    return tuple({what: tensors[f"{name}|{what}"].float() for what in ("weight", "bias")} for name in (parent, child))


def claims(study):
    """Return the claims table: the paper's statements with published and reproduced value, interval and verdict."""

    def compute():
        samples = evaluation.resampled_accuracy(evaluation.predictions(study), study.images("test").labels, real_first=True)
        related = paradox.correlation_interval(paradox.compatibility(accuracies(study)), similarity(study))
        changes, (parent, child) = layers(study), transplant_pair(study)
        alike = changes[changes["network"] == child].set_index("layer")["mean"]
        chosen = {alike.idxmin(): "The layer that deviates most"}
        kind, names = study.model.architecture, list(study.networks)
        parts = [statements.claims(pairs(study), samples, study.conditions, related, (study.data.name, kind) in published.EXPERIMENTS, kind)]
        if child == published.TRANSPLANT[1]:  # the paper's second experiment, or its stand-in
            able = [names.index(name) for name in published.ABLE]
            parts += [statements.able_claims(samples, study.conditions, names.index(parent), able), statements.layer_claims(changes, child)]
            chosen = {published.TRANSPLANT[2]: "The paper's layer"} | chosen
        return pd.concat([*parts, statements.transplant_claims(transplants(study), chosen)], ignore_index=True)

    return tables.result(study, "claims", compute, study.transplant_images)

"""Tables of a study's networks: what they see, their settings, their training, kernels and CKA."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.images import datasets, distortions
from paradoxlib.networks import activations, models, resnets
from paradoxlib.results.tables import Kept, matrix, table, tensors
from paradoxlib.similarity import alignments, cka, kernels
from paradoxlib.studies import comparing, predicting, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

EXAMPLE_CLASSES, EXAMPLES_OF_CLASS, TRAINING_EXAMPLES = 5, 8, 6
PREDICTED_EXAMPLES = 8  # of the example images: what every network sees in them is kept
DIGITS = 6  # of a layer's similarity, behind the point


@tensors("examples", "images", lambda study: keep.key(study.data.model_dump()))
def example_images(session: Session) -> Kept:
    """A few images of the data set, for a reader who does not have the data."""
    images = {split: session.images(split) for split in ("train", "test")}
    test = images["test"]
    shown = test.labels.unique()[:EXAMPLE_CLASSES]  # in order; some classes may have no image
    chosen = [(test.labels == c).nonzero()[:EXAMPLES_OF_CLASS, 0] for c in shown]
    first = torch.arange(min(TRAINING_EXAMPLES, len(images["train"])))
    order = {"train": first, "test": torch.cat(chosen)}
    made = {}
    for split, part in images.items():
        singles = list(datasets.batches(part, order[split], 1))
        made[split] = torch.cat([pixels for _, pixels, _ in singles])
        made[f"{split}_labels"] = torch.cat([label for *_, label in singles])
    source = {split: part.source for split, part in images.items()}
    counts = {split: len(part) for split, part in images.items()}
    return made, {"classes": test.classes, "source": source, "counts": counts}


def examples(session: Session) -> dict[str, datasets.Images]:
    """Return {split: a few images of the data set}; their source says how many there are."""
    kept, about = example_images(session)

    def of(split: str) -> datasets.Images:
        source = f"{about['source'][split]}; {about['counts'][split]:,} used"
        labels = kept[f"{split}_labels"]
        return datasets.Images(kept[split], labels, tuple(about["classes"]), source)

    return {split: of(split) for split in ("train", "test")}


def caption(session: Session) -> str:
    """Return the study's title for figures; for JPEG files it gives their quality."""
    title = session.study.title
    quality = re.search(r"JPEG files of quality (\d+)", examples(session)["test"].source)
    return f"{title} (JPEG, quality {quality[1]})" if quality else title


@table(
    "networks",
    "network, family, parent, seed, epochs, batch_size, learning_rate, decay, schedule, "
    "milestones, initialiser, weight_decay, distortions, distortions_per_image, "
    "noise_amount, frozen, sha256",
    needs="weights",
    index="network",
    by_network=True,
)
def network_settings(session: Session) -> pd.DataFrame:
    """All networks with their settings, their family and the sha256 of their weights."""
    training.train_all(session)
    study, rows = session.study, []
    for name, network in study.networks.items():
        state, _ = keep.read_tensors(trained.file_of(study, name))
        settings = {"network": name, "family": study.family_of[name], **network.model_dump()}
        for setting, value in settings.items():
            if isinstance(value, tuple):
                settings[setting] = " ".join(map(str, value))
        rows.append(settings | {"sha256": keep.digest(state)})
    return pd.DataFrame(rows)


@table(
    "training_history",
    "network, epoch, loss, accuracy, learning_rate",
    needs="weights",
    by_network=True,
)
def training_history(session: Session) -> pd.DataFrame:
    """Training loss and accuracy of all networks, epoch by epoch."""
    training.train_all(session)
    return trained.read_history(session.study)


def states(session: Session) -> dict[str, models.State]:
    """Return {network: state dict}; trains what is not trained."""
    training.train_all(session)
    return trained.load_states(session.study)


@matrix("similarity_paper", needs="weights")
def paper_similarity(session: Session) -> pd.DataFrame:
    """Similarity of all pairs by the paper's alignment (Figures 7 and 10)."""
    return kernels.similarity_matrix(states(session), "paper")


@matrix("similarity_greedy", needs="weights")
def greedy_similarity(session: Session) -> pd.DataFrame:
    """Similarity of all pairs by the greedy alignment."""
    return kernels.similarity_matrix(states(session), "greedy")


@matrix("similarity_optimal", needs="weights")
def optimal_similarity(session: Session) -> pd.DataFrame:
    """Similarity of all pairs by the optimal alignment."""
    return kernels.similarity_matrix(states(session), "optimal")


@matrix("similarity_none", needs="weights")
def unaligned_similarity(session: Session) -> pd.DataFrame:
    """Similarity of all pairs index to index."""
    return kernels.similarity_matrix(states(session), "none")


SIMILARITIES = {
    "paper": paper_similarity,
    "greedy": greedy_similarity,
    "optimal": optimal_similarity,
    "none": unaligned_similarity,
}


def similarities(session: Session, alignment: str = "paper") -> pd.DataFrame:
    """Return the similarity (network, network) of all pairs by one alignment."""
    if alignment not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        raise ValueError(f"unknown alignment {alignment!r}: choose one of {known}")
    return SIMILARITIES[alignment](session)


@table("chance_levels", "alignment, chance_level", needs="study")
def chance_table(session: Session) -> pd.DataFrame:
    """Similarity of unrelated networks of the study's architecture, by each alignment."""
    kind, names = session.study.model, list(alignments.ALIGNMENTS)
    levels = [kernels.chance_level(kind.architecture, name, width=kind.width) for name in names]
    return pd.DataFrame({"alignment": names, "chance_level": levels})


def chance_levels(session: Session) -> dict[str, float]:
    """Return {alignment: similarity of unrelated networks} for the study's architecture."""
    return chance_table(session).set_index("alignment")["chance_level"].to_dict()


@table(
    "layer_similarity",
    "network, parent, layer, mean, sd, whole, kernels, dead, alive",
    needs="weights",
    depends=lambda study: (kernels.DEAD,),
    by_network=True,
)
def layers_of_children(session: Session) -> pd.DataFrame:
    """How far every layer of every child is from its parent's."""
    own, parts = states(session), {}
    for name, parent in session.study.parents.items():
        if parent:
            parts[name, parent] = kernels.layer_changes(own[parent], own[name])
    if not parts:
        return pd.DataFrame(columns=["network", "parent", "layer"])
    return pd.concat(parts, names=["network", "parent"]).reset_index()


@table("layers_of_pairs", "a, b, {layer}", needs="weights")
def layers_of_pairs(session: Session) -> pd.DataFrame:
    """Similarity of each layer of all pairs by the paper's alignment (Figure 5)."""
    names = list(session.study.networks)
    i, j = np.triu_indices(len(names), 1)
    ends = {"a": [names[place] for place in i], "b": [names[place] for place in j]}
    layers = kernels.layer_matrices(states(session))
    means = {layer: matrix[i, j].round(DIGITS) for layer, matrix in layers.items()}
    return pd.DataFrame(ends | means)


@table(
    "running_statistics",
    "network, layer, running_mean, running_sd",
    needs="weights",
    by_network=True,
)
def running_statistics(session: Session) -> pd.DataFrame:
    """What the batch norm behind each layer of all networks takes for usual."""
    rows = []
    for name, state in states(session).items():
        for layer in models.convolutions(state):
            norm = resnets.batch_norm_name(layer)
            if f"{norm}.running_mean" in state:
                mean, variance = (state[f"{norm}.running_{what}"] for what in ("mean", "var"))
                moments = mean.square().mean().sqrt().item(), variance.mean().sqrt().item()
                rows.append((name, layer, *moments))
    return pd.DataFrame(rows, columns=["network", "layer", "running_mean", "running_sd"])


def shown_examples(session: Session) -> datasets.Images:
    """Return the example test images whose predictions are kept: the first of each class, first."""
    images = examples(session)["test"]
    same = images.labels[:, None] == images.labels
    order = same.tril().sum(1).argsort(stable=True)[:PREDICTED_EXAMPLES]
    return replace(images, pixels=images.pixels[order], labels=images.labels[order])


@table(
    "example_predictions",
    "network, distortion, level, image, predicted",
    needs="weights, examples",
    depends=lambda study: (study.data.model_dump(), PREDICTED_EXAMPLES),
    by_network=True,
)
def example_predictions(session: Session) -> pd.DataFrame:
    """Which classes all networks name for a few images under every condition."""
    study = session.study
    networks = {name: trained.load_network(study, name) for name in study.networks}
    predicted = predicting.predict_models(session, networks, shown_examples(session))
    rows = [
        (name, distortion, level, image, number)
        for name, classes in predicted.items()
        for (distortion, level), of_condition in zip(study.conditions, classes, strict=True)
        for image, number in enumerate(of_condition.tolist())
    ]
    return pd.DataFrame(rows, columns=["network", "distortion", "level", "image", "predicted"])


def layers_key(study: Study) -> str:
    """Return the key of the CKA of the example pairs."""
    examples = comparing.example_pairs(study)
    return keep.key(study.table_key("cka_layers"), comparing.IMAGES, distortions.NOISY, examples)


@tensors("cka_layers", "weights, images", layers_key)
def cka_of_examples(session: Session) -> Kept:
    """CKA of all layers, of the example pairs and of a network with itself."""
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks))
    pairs = {"itself": (first, first)} | comparing.example_pairs(session.study)
    shown = {name: networks[name] for pair in pairs.values() for name in pair}
    made, layers = {}, []
    for condition, pixels in comparing.clean_and_noisy(session.study, images).items():
        found = cka.cka_matrices(shown, pixels, list(pairs.values()))
        for relation, pair in pairs.items():
            values = torch.tensor(found[pair].to_numpy(), dtype=torch.float32)
            made[f"{relation}|{condition}"], layers = values, list(found[pair].index)
    return made, {"layers": layers}


def cka_layers(session: Session) -> dict[tuple[str, str], pd.DataFrame]:
    """Return {(relation, condition): CKA (layers of one, layers of the other)}.

    `condition` is ``clean`` or a distortion with its level (see `distortions.NOISY`); the layers
    that follow a batch norm or an addition are ReLUs.
    """
    kept, about = cka_of_examples(session)
    layers, found = about["layers"], {}
    for name, values in kept.items():
        relation, condition = name.split("|")
        found[relation, condition] = pd.DataFrame(values.double().numpy(), layers, layers)
    return found


@table(
    "cka_pairs",
    "a, b, relation, layer, condition, cka",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, comparing.COMPARED, distortions.NOISY),
)
def cka_pairs(session: Session) -> pd.DataFrame:
    """CKA of the same layer (each ReLU) in all pairs of networks, beside chance."""
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks.values()))
    where = activations.relu_places(first, images)
    related = comparing.related_pairs(session.study, networks)
    pairs = [(pair.a, pair.b) for pair in related]
    everyone = networks | {"chance": activations.on_other_images(first)}
    rows = []
    for condition, pixels in comparing.clean_and_noisy(session.study, images).items():
        found = cka.cka_matrices(everyone, pixels, pairs, list(where.values()))
        for pair in related:
            matrix = found[pair.a, pair.b]
            for place, relu in where.items():
                rows.append((*pair, place, condition, matrix.loc[relu, relu]))
    return pd.DataFrame(rows, columns=["a", "b", "relation", "layer", "condition", "cka"])

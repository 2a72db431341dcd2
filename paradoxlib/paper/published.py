"""The numbers of the paper (arXiv 1903.04772), each with where it stands.

Table 1 of Convergent Learning (Li et al. 2015) is with them.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd


class Stated(NamedTuple):
    """A number, or a range of numbers, and the section that states it."""

    value: Any
    where: str


class NamedPair(NamedTuple):
    """Two networks whose pair the paper shows as an example, of what, and where."""

    a: str
    b: str
    kind: str
    where: str
    stated: tuple[float, float] | None = None  # a range that the text gives for both values


class Order(NamedTuple):
    """Two networks of which the first is the better one, and under which distortions."""

    better: str
    worse: str
    distortions: tuple[str, ...] = ()  # all, where none is named
    same: bool = False  # whether they are stated to be the same


class PaperTransplant(NamedTuple):
    """A parent, its child, and the layer that goes from the child to the parent."""

    parent: str
    child: str
    layer: str


PRINTED_TABLES = Path(__file__).with_name("printed")
# Data set and architecture of the paper's two experiments.
EXPERIMENTS = (("cifar10", "resnet20"), ("imagenet", "resnet50"))
# The architecture of the experiment that a study of each architecture is compared with.
EXPERIMENT_OF = {
    "resnet20": "resnet20",
    "resnet32": "resnet20",
    "resnet56": "resnet20",
    "convnet": "resnet20",
    "resnet50": "resnet50",
    "resnet101": "resnet50",
    "resnet152": "resnet50",
}
# Printed matrices, two decimals, blank diagonal: what each shows, of which networks. Figures 8 and
# 11 print 2 and 3 again.
MATRICES = {
    "fig6": "compatibility of 20 ResNet20 on CIFAR-10",
    "fig7": "similarity of 20 ResNet20 on CIFAR-10",
    "fig2": "difference of 20 ResNet20 on CIFAR-10",
    "fig9": "compatibility of 12 ResNet50 on ImageNet",
    "fig10": "similarity of 12 ResNet50 on ImageNet",
    "fig3": "difference of 12 ResNet50 on ImageNet",
}
# The figures of each experiment, by what they show. The bars of visual intelligence have no printed
# numbers.
FIGURES = {
    "resnet20": {
        "bars": "fig1",
        "compatibility": "fig6",
        "similarity": "fig7",
        "difference": "fig2",
    },
    "resnet50": {
        "bars": "fig4",
        "compatibility": "fig9",
        "similarity": "fig10",
        "difference": "fig3",
    },
}
# Numbers that only the text states.
TEXT = {
    "clean_accuracy": Stated((0.88, 0.92), "3.1, ResNet20 on CIFAR-10"),
    "visual_intelligence": Stated((0.59, 0.85), "3.1, ResNet20 on CIFAR-10"),
    "clean_accuracy_resnet50": Stated((0.69, 0.73), "3.2, ResNet50 on ImageNet"),
    "visual_intelligence_resnet50": Stated((0.53, 0.65), "3.2, ResNet50 on ImageNet"),
    "transplant_one_layer": Stated(
        (0.53, 0.55),
        "4.2, res3c_branch2c of N1-All into N1: visual intelligence before and after",
    ),
}
# How many networks and pairs there are.
COUNTS = {
    "resnet20": {
        "Networks of ResNet20 trained on CIFAR-10": 329,
        "Pairs of ResNet20 compared": 53_956,
        "Networks of ResNet20 in Figure 1": 20,
    },
    "resnet50": {
        "Networks of ResNet50 trained on ImageNet": 20,
        "Pairs of ResNet50 compared": 190,
        "Networks of ResNet50 in Figure 4": 12,
    },
}
OVER_99 = (0.99, 1.0)  # "over 99%", of similarity and of compatibility
# The pairs that the text or the figures show as examples.
NAMED_PAIRS = {
    "resnet20": (
        NamedPair("N16", "N17", "similar and alike", "3.1", OVER_99),
        NamedPair("N01", "N04", "different and different", "3.1"),
        NamedPair("N14", "N16", "similar yet different", "3.1"),
        NamedPair("N01", "N10", "different yet similar", "3.1"),
    ),
    "resnet50": (
        NamedPair("N1", "N1-Gamma", "similar and alike", "3.2"),
        NamedPair("N1-All [5 Epochs]", "N1-All [10 Epochs]", "similar and alike", "Figure 3"),
        NamedPair("N1-Contrast", "N1-All [5 Epochs]", "similar yet different", "Figure 3"),
        NamedPair("N2", "N1-All [5 Epochs]", "different yet similar", "3.2"),
        NamedPair("N2", "N1-All [10 Epochs]", "different yet similar", "3.2"),
        NamedPair("N2", "N1-Contrast", "different and different", "Figure 3"),
    ),
}
NOISES = ("salt_pepper", "gaussian_noise", "speckle_noise", "poisson_noise")
# What section 3.1 states of two networks each.
ORDERS = {
    "N12 and N13 have the same visual intelligence: the first's less the second's": Order(
        "N12", "N13", same=True
    ),
    "N12 is more invariant to contrast than N13: difference of accuracy": Order(
        "N12", "N13", ("contrast",)
    ),
    "N13 is more invariant to the illuminant than N12: difference of accuracy": Order(
        "N13", "N12", ("illuminant",)
    ),
    "N16 has the higher visual intelligence than N14: the difference": Order("N16", "N14"),
} | {
    f"N14 is better than N16 under {noise.replace('_', ' ')}: difference of accuracy": Order(
        "N14", "N16", (noise,)
    )
    for noise in NOISES
}
# The paper's transplant.
TRANSPLANT = PaperTransplant("N1", "N1-All [10 Epochs]", "res3c_branch2c")
# The three networks that match N1 on clean images and beat it under every distortion.
ABLE = ("N1-All [5 Epochs]", "N1-All [10 Epochs]", "N2")


def read_matrix(figure: str) -> pd.DataFrame:
    """Return a printed matrix (network, network) with nan on the diagonal.

    `figure` is a key of `MATRICES`; ValueError for any other.
    """
    if figure not in MATRICES:
        known = ", ".join(MATRICES)
        raise ValueError(f"unknown figure {figure!r}: the paper prints the matrices {known}")
    return pd.read_csv(PRINTED_TABLES / f"{figure}.csv", index_col=0)


def read_experiment(architecture: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the printed compatibility and similarity of an architecture's experiment."""
    compatibility = read_matrix(figure_of(architecture, "compatibility"))
    return compatibility, read_matrix(figure_of(architecture, "similarity"))


def experiment_of(architecture: str) -> str:
    """Return the architecture of the experiment that a study of an architecture is compared with.

    ValueError where the paper has no such experiment.
    """
    if architecture not in EXPERIMENT_OF:
        known = ", ".join(EXPERIMENT_OF)
        raise ValueError(f"the paper has no experiment for {architecture!r}, only for {known}")
    return EXPERIMENT_OF[architecture]


def figure_of(architecture: str, shows: str) -> str:
    """Return which figure shows something of an architecture's experiment.

    `shows` is bars, compatibility, similarity or difference.
    """
    return FIGURES[experiment_of(architecture)][shows]


def text_range(what: str, architecture: str) -> tuple[float, float]:
    """Return the (lowest, highest) value that the text states for an architecture's experiment.

    `what` is ``clean_accuracy`` or ``visual_intelligence``.
    """
    ending = {"resnet20": "", "resnet50": "_resnet50"}[experiment_of(architecture)]
    return TEXT[what + ending].value


def families_of(similarity: pd.DataFrame, threshold: float = 0.985) -> dict[str, str]:
    """Return the families that a similarity matrix shows.

    They are {network: first network that is at least `threshold` similar}. The printed matrices
    have two decimals, so .985 stands for their .99.
    """
    families = {}
    for name in similarity.index:
        near = (similarity.loc[name] >= threshold) | (similarity.columns == name)
        families[name] = near.idxmax()
    return families


def read_matching() -> pd.DataFrame:
    """Return Table 1 of Convergent Learning (Li et al. 2015).

    semi_matching, matching and overlap of the five layers of two AlexNets.
    """
    return pd.read_csv(PRINTED_TABLES / "li2015_table1.csv", index_col=0)

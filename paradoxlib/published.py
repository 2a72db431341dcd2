"""The paper's numbers, each with where it stands (arXiv 1903.04772), and Table 1 of Li et al. 2015."""

import pandas as pd

from paradoxlib import paths

EXPERIMENTS = (("cifar10", "resnet20"), ("imagenet", "resnet50"))  # data set and architecture of the two

# Printed matrices, two decimals, blank diagonal: what each shows, of which networks. Figures 8 and 11 print 2 and 3 again.
MATRICES = {
    "fig6": "compatibility of 20 ResNet20 on CIFAR-10",
    "fig7": "similarity of 20 ResNet20 on CIFAR-10",
    "fig2": "difference of 20 ResNet20 on CIFAR-10",
    "fig9": "compatibility of 12 ResNet50 on ImageNet",
    "fig10": "similarity of 12 ResNet50 on ImageNet",
    "fig3": "difference of 12 ResNet50 on ImageNet",
}

# The figures of each experiment, by what they show; the bars of visual intelligence have no printed numbers.
FIGURES = {
    "resnet20": {"bars": "fig1", "compatibility": "fig6", "similarity": "fig7", "difference": "fig2"},
    "resnet50": {"bars": "fig4", "compatibility": "fig9", "similarity": "fig10", "difference": "fig3"},
}

# Numbers that only the text states, with their section.
TEXT = {
    "clean_accuracy": ((0.88, 0.92), "3.1, ResNet20 on CIFAR-10"),
    "visual_intelligence": ((0.59, 0.85), "3.1, ResNet20 on CIFAR-10"),
    "clean_accuracy_resnet50": ((0.69, 0.73), "3.2, ResNet50 on ImageNet"),
    "visual_intelligence_resnet50": ((0.53, 0.65), "3.2, ResNet50 on ImageNet"),
    "transplant_one_layer": ((0.53, 0.55), "4.2, res3c_branch2c of N1-All into N1: visual intelligence before and after"),
    "networks": (329, "1.3, ResNet20: 104 from scratch and 225 fine-tuned"),
    "pairs": (53_956, "1.3"),
}

# Parent, child and layer of the paper's transplant; and the three that match N1 on clean images and beat it under every distortion.
TRANSPLANT = ("N1", "N1-All [10 Epochs]", "res3c_branch2c")
ABLE = ("N1-All [5 Epochs]", "N1-All [10 Epochs]", "N2")


def matrix(figure):
    """Return a printed matrix (network, network) with nan on the diagonal; `figure` is a key of `MATRICES`."""
    if figure not in MATRICES:
        raise ValueError(f"unknown figure {figure!r}: the paper prints the matrices {', '.join(MATRICES)}")
    return pd.read_csv(paths.PUBLISHED / f"{figure}.csv", index_col=0)


def experiment(architecture):
    """Return the architecture of the paper's experiment that a study of an architecture is compared with: ResNet50's for the deeper ones, too."""
    return "resnet20" if architecture == "resnet20" else "resnet50"


def figure(architecture, shows):
    """Return which figure shows the bars, compatibility, similarity or difference of an architecture's experiment."""
    return FIGURES[experiment(architecture)][shows]


def text_range(what, architecture):
    """Return (lowest, highest) of ``clean_accuracy`` or ``visual_intelligence`` as the text states them for an architecture's experiment."""
    return TEXT[what + {"resnet20": "", "resnet50": "_resnet50"}[experiment(architecture)]][0]


def families(similarity, threshold=0.985):
    """Return the families that a similarity matrix shows: {network: first network that is at least `threshold` similar}.

    The printed matrices have two decimals, so .985 stands for their .99.
    """
    return {name: next((o for o in similarity.index if o == name or similarity.loc[name, o] >= threshold), name) for name in similarity.index}


def matching():
    """Return Table 1 of Convergent Learning (Li et al. 2015): semi_matching, matching and overlap of the five layers of two AlexNets."""
    return pd.read_csv(paths.PUBLISHED / "li2015_table1.csv", index_col=0)

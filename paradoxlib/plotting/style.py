"""The style sheet, and the colours, names and cells that several plots share."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap


class Scale(NamedTuple):
    """A colour map, and the values at its two ends."""

    colours: str | Colormap
    low: float
    high: float


class Look(NamedTuple):
    """The colour and the marker of one group of points."""

    colour: str
    marker: str


# The paper's colours; their brightness tells them apart, too: -1 yellow (similar yet different),
# 0 pale green, 1 red (different yet similar).
PARADOX = LinearSegmentedColormap.from_list(
    "paradox", ["#E69F00", "#F5DD9B", "#D5EBDD", "#D07A8C", "#7F0A3A"]
)
SCALES = {
    "difference": Scale(PARADOX, -1, 1),
    "compatibility": Scale("PuOr", -1, 1),
    "similarity": Scale("cividis", 0, 1),
    "agreement": Scale("cividis", 0, 1),
}
# The distortions' colours, in their order; where there are more than eight, they repeat.
PALETTE = ["#332288", "#E69F00", "#88CCEE", "#AA4499", "#DDCC77", "#117733", "#44AA99", "#882255"]
# Shape and brightness tell the kinds of pair, and the relations, apart as well as colour does.
MARKS = {
    "as alike as they behave": Look("#3E9C78", "o"),
    "similar yet different": Look("#E0A800", "s"),
    "different yet similar": Look("#8B0A3C", "^"),
}
RELATIONS = {
    "strangers": Look("#332288", "^"),
    "same family": Look("#7A7A7A", "o"),
    "parent and child": Look("#56B4E9", "s"),
}
LEAST_DISTANCE = 1e-9  # where 1 - correlation ends on a logarithmic axis: nothing has moved


def use_style() -> None:
    """Use the project's style sheet from here on."""
    plt.style.use(Path(__file__).with_name("paradox.mplstyle"))


def label(name: str) -> str:
    """Return a distortion's name as people write it: salt & pepper, gaussian noise.

    Of several, joined by ``+``, each has a line.
    """
    return name.replace("salt_pepper", "salt & pepper").replace("_", " ").replace(" + ", " +\n")


def reach(values: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """Return how far intervals reach below and above their values: (2, n), never below 0.

    This is the form that error bars take.
    """
    return np.clip([values - low, high - values], 0, None)


def rows_of_four(count: int, width: float, height: float) -> np.ndarray:
    """Return Axes (row, 4) for `count` panels, each row of this size; spare ones are blank."""
    rows = -(-count // 4)
    axes = plt.subplots(rows, 4, figsize=(width, height * rows), sharey=True, squeeze=False)[1]
    for ax in axes.flat[count:]:
        ax.axis("off")
    return axes


def add_cells(
    ax: Axes,
    frame: pd.DataFrame,
    scale: Scale,
    text: pd.DataFrame | None = None,
    fontsize: int = 7,
    **options: Any,
) -> None:
    """Draw a table as coloured cells with `text` in them; the options are sns.heatmap's."""
    import seaborn as sns  # here: it takes a second

    sns.heatmap(
        frame,
        vmin=scale.low,
        vmax=scale.high,
        cmap=scale.colours,
        annot=text,
        fmt="",
        annot_kws={"size": fontsize},
        ax=ax,
        **options,
    )
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    ax.set(xlabel="", ylabel="")


def power_text(value: float, place: int | None = None) -> str:
    """Return a number as a digit and a power of ten, 3e-5: a formatter of ticks."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def cell_text(value: float) -> str:
    """Return a number between -1 and 1 as a matrix prints it: .61, -.20, 1."""
    text = f"{value:.2f}" if abs(value) < 0.995 else f"{value:.0f}"
    return text.replace("0.", ".", 1).replace("-.00", ".00")


def change_text(value: float) -> str:
    """Return a change between -1 and 1 as a table prints it: +.10, -.25, .00."""
    return ".00" if abs(value) < 0.005 else f"{value:+.2f}".replace("0.", ".")


def mark_groups(ax: Axes, groups: Sequence[str], named: bool = True) -> None:
    """Draw lines between groups of a matrix's rows, and, where asked to, name them at the axes.

    `groups` has an entry for each row; members stand side by side.
    """
    edges = [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    for draw in (ax.axhline, ax.axvline):
        for edge in edges:
            draw(edge, color="black", linewidth=0.4)
    if named:
        middles = [(start + end) / 2 for start, end in pairwise([0, *edges, len(groups)])]
        names = list(dict.fromkeys(groups))
        ax.set_xticks(middles, names, rotation=90, fontsize=8)
        ax.set_yticks(middles, names, rotation=0, fontsize=8)
        ax.set(xlabel="family", ylabel="family")

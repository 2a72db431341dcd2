"""Plots of units and of representations: correlations, curves, CKA."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from paradoxlib.plotting import style

# The lines of the layers' plots, in their order.
NAME_HEIGHT = 0.176  # inches that the name of a layer takes at the axis of a heatmap
GROUPS = dict(reversed(style.RELATIONS.items())) | {
    "another task": style.Look("#0072B2", "D"),
    "untrained": style.Look("#56B4E9", "v"),
    "chance": style.Look("black", "x"),
}


def draw_correlations(
    panels: Mapping[str, np.ndarray], title: str = "", axes: Any = None
) -> np.ndarray:
    """Draw matrices of correlations (unit, unit) side by side, {heading: matrix}, in one scale.

    A dead unit, which has no correlation (nan), is grey. `axes` may be one Axes or an array.
    """
    if axes is None:
        axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels) + 1, 3.8))[1]
    axes = np.atleast_1d(axes)
    for ax, (name, matrix) in zip(axes, panels.items(), strict=True):
        ax.set_facecolor("#BBBBBB")
        values = np.ma.masked_invalid(matrix)
        image = ax.imshow(values, "RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        ax.set(title=name, xticks=[], yticks=[])
    axes[0].figure.colorbar(image, ax=axes, shrink=0.75, label="correlation")
    axes[0].figure.suptitle(title)
    return axes


def draw_blocks(ax: Axes, labels: Sequence[int] | np.ndarray) -> Axes:
    """Draw a frame around each cluster of a matrix whose units are sorted by `labels`."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
    for start, end in pairwise(edges):
        corner, side = (start - 0.5, start - 0.5), end - start
        ax.add_patch(Rectangle(corner, side, side, fill=False, linewidth=0.8))
    return ax


def draw_match_curves(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    chance: Mapping[str, float],
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the correlations of matched units, layer by layer (Li et al., Figures 3 and 8 to 11).

    A panel {heading: (semi-matching, matching)} shows what each unit (n,) has with its partner in
    both; units are sorted by the semi-matching. `chance` {heading: semi-matching} is a dotted line.
    """
    if axes is None:
        axes = style.rows_of_four(len(curves), 10, 1.9)
    axes = np.atleast_1d(axes)
    for ax, (name, (loose, strict)) in zip(axes.flat, curves.items(), strict=False):
        order = np.argsort(-np.nan_to_num(loose, nan=-2))
        ax.plot(loose[order], color="C0", marker=".", label="semi-matching (repeats allowed)")
        ax.plot(strict[order], color="C1", linestyle="", marker=".", label="matching (one to one)")
        ax.axhline(chance[name], color="black", linestyle=":", label="chance, semi-matching")
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.set_title(name, fontsize=9)
    figure = axes.flat[0].figure
    figure.supxlabel("unit, best matched first", fontsize=10)
    figure.supylabel("correlation with its partner", fontsize=10)
    axes.flat[-1].legend(*axes.flat[0].get_legend_handles_labels(), fontsize=8, loc="center")
    figure.suptitle(title)
    return axes


def draw_cluster_curves(
    clusters: Mapping[str, pd.DataFrame], title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw how similar the units of clusters are, a panel a layer (Li et al., Figure 14).

    Tables have `between` and `within`, a row a cluster, the highest `between` first.
    """
    if axes is None:
        count = len(clusters)
        axes = plt.subplots(1, count, figsize=(2.4 * count + 1, 2.8), sharey=True)[1]
    axes = np.atleast_1d(axes)
    for ax, (name, table) in zip(axes, clusters.items(), strict=True):
        for column, colour, marker in (("within", "C1", "."), ("between", "C0", "o")):
            values, label = table[column].to_numpy(), f"{column} the networks"
            ax.plot(values, color=colour, marker=marker, markersize=4, label=label)
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("cluster")
        ax.grid()
    axes[0].set(ylabel="mean correlation", ylim=(-0.05, 1.05))
    axes[-1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].figure.suptitle(title)
    return axes


def draw_by_layer(
    table: pd.DataFrame,
    columns: Mapping[str, str],
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw what pairs have at each layer, a line for each relation: the mean over its pairs.

    The shade shows the range over all its pairs. Layers without any value are left out.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows (pair, layer) with `relation` (one of `GROUPS`) and the columns.
    columns : dict of str
        The columns to draw, a panel each, with the words for their axes.
    """
    if axes is None:
        axes = plt.subplots(len(columns), 1, figsize=(9, 2.6 * len(columns) + 1), sharex=True)[1]
    axes = np.atleast_1d(axes)
    measured = table["layer"][table[list(columns)].notna().any(axis=1)]
    layers = pd.Index([layer for layer in table["layer"].unique() if layer in set(measured)])
    for ax, (column, text) in zip(axes, columns.items(), strict=True):
        for name, (colour, marker) in GROUPS.items():
            part = table[(table["relation"] == name) & table[column].notna()]
            if part.empty:
                continue
            values = part.groupby("layer")[column].agg(["mean", "min", "max"])
            values = values.reindex(layers).dropna()
            x = layers.get_indexer(values.index)
            ax.plot(x, values["mean"], color=colour, marker=marker, markersize=4, label=name)
            ax.fill_between(x, values["min"], values["max"], color=colour, alpha=0.15, linewidth=0)
        ax.set_ylabel(text)
        ax.grid()
    axes[-1].set_xticks(range(len(layers)), layers, rotation=90)
    text = "mean over pairs;\nshade: their range"
    axes[0].legend(loc="upper left", bbox_to_anchor=(1, 1), title=text, title_fontsize=8)
    axes[0].figure.suptitle(title)
    return axes


def draw_bands(
    table: pd.DataFrame, labels: tuple[str, str], title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw a line with its interval for each group of values.

    `table` has rows (group, x) with ``value``, ``low`` and ``high``; `labels` are of the axes.
    """
    ax = ax or plt.subplots(figsize=(7, 4.2))[1]
    markers = "osv^Dx"
    for i, (name, part) in enumerate(table.groupby(level=0, sort=False)):
        x = part.index.get_level_values(1)
        colour = f"C{i}"
        ax.plot(x, part["value"], color=colour, marker=markers[i % 6], markersize=4, label=name)
        ax.fill_between(x, part["low"], part["high"], color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel=labels[0], ylabel=labels[1], title=title)
    ax.legend()
    ax.grid()
    return ax


def draw_gains(
    pairs: pd.DataFrame, columns: Mapping[str, str], title: str = "", axes: Any = None
) -> np.ndarray:
    """Draw what pairs gain over how well their units match, a panel for each column.

    Rows (a, b) have `relation`, `matching` and the columns {column: words for its axis}.
    """
    if axes is None:
        axes = plt.subplots(1, len(columns), figsize=(5 * len(columns), 4))[1]
    axes = np.atleast_1d(axes)
    for ax, (column, text) in zip(axes, columns.items(), strict=True):
        for name, (colour, marker) in style.RELATIONS.items():
            some = pairs[pairs["relation"] == name]
            ax.scatter(some["matching"], some[column], 22, colour, marker, alpha=0.7, label=name)
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.set(xlabel="mean correlation of matched units", ylabel=text)
        ax.grid()
    axes[0].legend()
    axes[0].figure.suptitle(title)
    return axes


def draw_heatmaps(
    panels: Mapping[str, pd.DataFrame], title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw the CKA of all layers of two networks, {heading: table (layer, layer)}, in one scale.

    The first layer is at the lower left. Where a stage begins, its first layer is named and a line
    drawn. From four panels on, an even number, they make two rows. The names of a table's axes
    label them.
    """
    columns = len(panels) if len(panels) < 4 else len(panels) // 2
    side = min(4.4, 15 / columns)  # of a panel, inches
    if axes is None:
        rows = len(panels) // columns
        size = (side * columns + 1, side * rows + 0.3)
        axes = plt.subplots(rows, columns, figsize=size)[1]
    axes = np.atleast_1d(axes)
    for ax, (name, table) in zip(axes.flat, panels.items(), strict=True):
        ax.set_facecolor("#BBBBBB")  # of a layer that is the same for all images
        image = ax.imshow(
            np.ma.masked_invalid(table),
            cmap="magma",
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="nearest",
            origin="lower",
        )
        ax.set_title(name, fontsize=10)
        lines = (ax.yaxis, table.index, ax.axhline), (ax.xaxis, table.columns, ax.axvline)
        for axis, layers, draw_line in lines:
            ticks = stage_starts(layers, NAME_HEIGHT / side)
            axis.set_ticks(ticks, layers[ticks], fontsize=8)
            axis.set_label_text(layers.name or "", fontsize=9)
            for edge in ticks[1:-1]:
                draw_line(edge - 0.5, color="white", linewidth=0.5, alpha=0.6)
        ax.tick_params(axis="x", rotation=90)
    axes.flat[0].figure.colorbar(image, ax=axes, shrink=0.8, label="CKA")
    axes.flat[0].figure.suptitle(title)
    return axes


def stage_starts(layers: pd.Index, room: float) -> list[int]:
    """Return the places where stages begin, but those too close to the one before to be named.

    A name takes this share of the layers' length.
    """
    names = re.compile(r"conv1|fc|res\da_branch2a")
    starts = [i for i, layer in enumerate(layers) if names.fullmatch(layer)]
    return starts[:1] + [i for before, i in pairwise(starts) if i - before > len(layers) * room]


def draw_component_shares(table: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw the first principal component's share of the variance at each layer, network by network.

    The table has the rows (network, layer) with `share`. Where networks differ in their layers, all
    are stretched to the width of the first and layers are not named.
    """
    ax = ax or plt.subplots(figsize=(9, 3.6))[1]
    parts = {name: part.reset_index() for name, part in table.groupby("network", sort=False)}
    layers = next(iter(parts.values()))["layer"]
    for i, (name, part) in enumerate(parts.items()):
        x = np.linspace(0, len(layers) - 1, len(part))
        look: dict[str, Any] = {"color": f"C{i % 8}", "linestyle": "-" if i < 8 else "--"}
        ax.plot(x, part["share"], marker=".", markersize=3, label=name, **look)
    if all(part["layer"].equals(layers) for part in parts.values()):
        named = layers[~layers.str.startswith(("bn", "relu"))]
        ax.set_xticks(named.index, named, rotation=90, fontsize=7)
    else:
        ax.set_xticks([0, len(layers) - 1], ["input", "output"])
    ax.set(ylabel="share of the variance", ylim=(0, 1.02), title=title)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ax.grid()
    return ax

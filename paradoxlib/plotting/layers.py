"""Plots of layers: how far children are from their parents, and what transplants bring."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from paradoxlib.plotting import style

LEAST_LENGTH = 1e-6  # where a kernel's length ends on a logarithmic axis
WHOLE = "all convs and batch norms"  # the transplant that reaches up to the last layer


def name_layers(ax: Axes, layers: Sequence[str] | pd.Series | pd.Index) -> None:
    """Name the layers along the x axis; where there are many, those with which a block begins."""
    names = list(layers)
    blocks = [name.split("_")[0] for name in names]
    begins = [i == 0 or block != blocks[i - 1] for i, block in enumerate(blocks)]
    named = [i for i, begun in enumerate(begins) if begun or len(names) < 30]
    ax.set_xticks(named, [names[i] for i in named], rotation=90, fontsize=8)


def draw_layer_profile(
    mean: pd.Series,
    sd: pd.Series,
    chance: float | pd.Series | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the kernels' correlation at each layer, mean +- 1 SD (the paper's Figure 5).

    Bars end at 1, beyond which there is no correlation. `chance` is one level or one a layer.
    """
    ax = ax or plt.subplots(figsize=(min(12, max(7, 0.2 * len(mean) + 2)), 4))[1]
    errors = style.reach(mean, mean - sd, (mean + sd).clip(upper=1))
    ax.errorbar(range(len(mean)), mean, errors, fmt="o-", markersize=4, linewidth=1, capsize=2)
    if isinstance(chance, pd.Series):
        x = np.arange(len(mean))
        ax.hlines(chance, x - 0.4, x + 0.4, "black", label="chance level", zorder=3)
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1))
    elif chance is not None:
        ax.axhline(chance, color="black", linestyle=":", linewidth=1)
        ax.text(len(mean) - 1, chance, "chance level", ha="right", va="bottom", fontsize=8)
    name_layers(ax, mean.index)
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set(ylabel="kernel correlation, mean ± 1 SD", title=title)
    ax.grid(axis="y")
    return ax


def draw_layer_profiles(
    table: pd.DataFrame, main: str, title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw how far each layer of each child is from its parent's: 1 - correlation, logarithmic.

    The upper panel shows the mean over kernels, with one standard deviation for `main`; the lower
    one correlates each layer as one vector, which long kernels rule. Where only the upper curve
    rises, it is short kernels that turn.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows (network, layer) with `mean`, `sd` and `whole`; see `kernels.layer_changes`.
    main : str
        The child that is drawn thick, over thin lines for the others.
    """
    if axes is None:
        axes = plt.subplots(2, 1, figsize=(11, 7), sharex=True, sharey=True)[1]
    panels = {"mean": "mean over kernels", "whole": "layer as one vector"}
    other: dict[str, Any] = {"color": "#999999", "linewidth": 0.8}
    for ax, (column, words) in zip(axes, panels.items(), strict=True):
        for name, part in table.groupby("network", sort=False):
            distance = (1 - part[column]).clip(lower=style.LEAST_DISTANCE).to_numpy()
            if name != main:
                ax.plot(distance, **other)
                continue
            ax.plot(distance, color="C0", marker="o", markersize=4, zorder=3, label=name)
            if column == "mean":
                low = (distance - part["sd"]).clip(lower=style.LEAST_DISTANCE)
                high = distance + part["sd"]
                ax.fill_between(range(len(low)), low, high, color="C0", alpha=0.15, linewidth=0)
        ax.set(yscale="log", ylabel=f"1 - correlation,\n{words}")
        ax.grid(axis="y")
    name_layers(axes[1], table.loc[table["network"] == main, "layer"])
    axes[0].plot([], [], **other, label="other children")
    axes[0].legend(loc="lower right", fontsize=8)
    axes[0].figure.suptitle(title)
    return axes


def draw_kernel_lengths(
    table: pd.DataFrame, dead: float, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw each kernel's correlation with its parent's against the length of its parent's.

    A kernel without a correlation is a cross at 0, the value that the paper's rule gives it.

    Parameters
    ----------
    table : pandas.DataFrame
        Kernels with ``of`` (the group that names their colour), ``length`` (in medians of their
        layer) and ``correlation``.
    dead : float
        The length below which a kernel is dead.
    """
    ax = ax or plt.subplots(figsize=(7, 4))[1]
    table = table.assign(length=table["length"].clip(lower=LEAST_LENGTH))
    look: dict[str, Any] = {"linestyle": "", "markersize": 4}
    groups = table.groupby("of", sort=False)
    for i, (name, part) in enumerate(groups):  # the first ones are small: they lie on top
        look |= {"marker": "Ds^o"[i % 4], "alpha": 0.6, "zorder": 3 - i / groups.ngroups}
        text = f"{name} ({len(part)} kernels)"
        ax.plot(part["length"], part["correlation"], **look, label=text)
    none = table.loc[table["correlation"].isna(), "length"]
    text = f"no correlation ({len(none)})"
    ax.plot(none, 0 * none, "kx", markersize=5, alpha=0.7, label=text)
    ax.axvline(dead, color="black", linestyle=":", linewidth=1, label=f"dead below {dead:g}")
    least = f"{LEAST_LENGTH:.0e}".replace("-0", "-")
    length = f"length of the parent's kernel / median of its layer ({least}: or less)"
    ax.set(xscale="log", xlabel=length)
    ax.set(ylabel="correlation of child and parent", title=title)
    ax.legend(loc="center left", fontsize=8)
    ax.grid()
    return ax


def draw_cumulative(
    table: pd.DataFrame, layers: list[str], title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw what transplants of ever more layers do: from the input on, and up to the output.

    Deep networks have only the transplants of whole blocks; only these are drawn.

    Parameters
    ----------
    table : pandas.DataFrame
        Transplants by name, with ``gain`` and ``recovered`` and their intervals; the recipient and
        the donor come first.
    layers : list of str
        The convolutions in their order.
    """
    if axes is None:
        axes = plt.subplots(2, 1, figsize=(9, 7), sharex=True)[1]
    recipient, donor = table.index[:2]
    directions = {
        "from the input up to this layer": [*(f"up to {layer}" for layer in layers[:-1]), WHOLE],
        "from this layer to the output": [donor, *(f"from {layer}" for layer in layers[1:])],
    }
    panels = {"gain": "gain in visual intelligence", "recovered": "recovered behaviour"}
    for ax, (column, words) in zip(axes, panels.items(), strict=True):
        for i, (direction, names) in enumerate(directions.items()):
            part = table.reindex(names).set_index(np.arange(len(layers))).dropna(subset=column)
            low, high = part[f"{column}_low"], part[f"{column}_high"]
            ax.plot(part.index, part[column], color=f"C{i}", marker="os"[i], label=direction)
            ax.fill_between(part.index, low, high, color=f"C{i}", alpha=0.2, linewidth=0)
        for name, line in ((recipient, ":"), (donor, "--")):
            value = table.loc[name, column]
            ax.axhline(value, color="black", linestyle=line, linewidth=1, label=name)
        ax.set_ylabel(words)
        ax.grid()
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    name_layers(axes[1], layers)
    axes[0].figure.suptitle(title)
    return axes


def draw_values(
    values: pd.Series,
    low: pd.Series | None = None,
    high: pd.Series | None = None,
    marks: Mapping[str, float] | None = None,
    title: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a value for each row of a series with its interval.

    `marks` {label: value} are labelled horizontal lines.
    """
    ax = ax or plt.subplots(figsize=(min(12, max(7, 0.3 * len(values) + 2)), 4.4))[1]
    errors = None if low is None or high is None else style.reach(values, low, high)
    ax.errorbar(range(len(values)), values, errors, fmt="o", markersize=5, capsize=3, linewidth=1)
    for i, (name, value) in enumerate((marks or {}).items()):
        ax.axhline(value, color=f"C{i + 1}", linestyle="--", linewidth=1.2, label=name)
    if marks:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    name_layers(ax, values.index)
    ax.set(ylabel=ylabel, title=title)
    ax.grid(axis="y")
    return ax


def draw_batches(
    table: pd.DataFrame, per_pass: int, title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw CKA against the number of batches, a panel for each layer, with its intervals.

    A dotted line marks the end of the first pass over the same images. Panels have one scale, about
    other middles.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows (layer, images, batches) with `cka`, `low` and `high`.
    per_pass : int
        Batches of a pass.
    """
    layers = table["layer"].unique()
    if axes is None:
        axes = plt.subplots(1, len(layers), figsize=(3.8 * len(layers) + 1, 3.6))[1]
    axes = np.atleast_1d(axes)
    ends = table.groupby("layer").agg({"low": "min", "high": "max"})
    reach = 0.55 * (ends["high"] - ends["low"]).max()
    for ax, layer in zip(axes, layers, strict=True):
        middle = ends.loc[layer].mean()
        parts = table[table["layer"] == layer].groupby("images", sort=False)
        for i, (images, part) in enumerate(parts):
            look: dict[str, Any] = {"color": f"C{i}", "alpha": 0.2, "linewidth": 0}
            ax.fill_between(part["batches"], part["low"], part["high"], **look)
            shown: dict[str, Any] = {"color": f"C{i}", "marker": "os"[i], "markersize": 3}
            ax.plot(part["batches"], part["cka"], **shown, label=images)
        ax.axvline(per_pass, color="black", linestyle=":", linewidth=1, label="end of a pass")
        limits = middle - reach, middle + reach
        ax.set(xscale="log", xlabel="batches", title=layer, ylim=limits)
        ticks = sorted({1, per_pass, 10 * per_pass})
        ax.set_xticks(ticks, [f"{tick}" for tick in ticks])
        ax.minorticks_off()
        ax.grid(axis="y")
    axes[0].set_ylabel("CKA")
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].figure.suptitle(title)
    return axes

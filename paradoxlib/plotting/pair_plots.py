"""Plots of all pairs of networks, legible for a few dozen pairs and for tens of thousands."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from paradoxlib.plotting import style

PRINTED = 25  # networks, up to which a matrix prints its values
NAMED = 60  # networks, up to which a matrix names them
MANY = 400  # pairs, above which points are small and have no intervals
LEAST_WIDTH = 0.03  # of the axis of strangers' similarity
FAMILIES = 10  # up to which each family has a colour of its own
SIDES = {
    "between families": style.RELATIONS["strangers"],
    "within families": style.RELATIONS["parent and child"],
}


def side(pairs: pd.DataFrame) -> pd.Series:
    """Say for each pair whether it is between families or within one: a key of `SIDES`."""
    strangers = pairs["relation"] == "strangers"
    return strangers.map({True: "between families", False: "within families"}).rename("pairs")


def draw_matrix(
    frame: pd.DataFrame,
    scale: str,
    title: str = "",
    ax: Axes | None = None,
    diagonal: bool = False,
    family_of: Mapping[str, str] | None = None,
) -> Axes:
    """Draw a matrix (network, network) in the colours of its kind; a small one with its values.

    Parameters
    ----------
    frame : pandas.DataFrame
        Square.
    scale : str
        ``difference``, ``compatibility``, ``similarity`` or ``agreement``.
    diagonal : bool
        Whether the diagonal is drawn; else it is blank, as in the paper.
    family_of : dict, optional
        {network: family}, of networks that stand family by family: lines between them.
    """
    n = len(frame)
    inches, named = min(0.42 * n, 12), n <= NAMED
    ax = ax or plt.subplots(figsize=(max(4.5, inches + 1.6), max(3.8, inches + 0.8)))[1]
    text = frame.map(style.cell_text) if n <= PRINTED else None
    style.add_cells(
        ax,
        frame,
        style.SCALES[scale],
        text,
        mask=np.eye(n, dtype=bool) & (not diagonal),
        square=True,
        rasterized=not named,
        xticklabels=named,
        yticklabels=named,
        cbar_kws={"shrink": 0.8, "label": scale},
    )
    ax.set_title(title)
    ax.tick_params(axis="x", rotation=90)
    if not named:
        ax.set(xlabel="network", ylabel="network")
    if family_of is not None:
        style.mark_groups(ax, [family_of[name] for name in frame.index], not named)
    return ax


def draw_pairs(
    pairs: pd.DataFrame,
    family_of: Mapping[str, str],
    chance: float | None = None,
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw every pair's similarity against its compatibility: strangers left, families right.

    Strangers are marked by their kind, beside the chance level of similarity. Pairs of a family are
    marked by their family (by their relation, where there are many families) and drawn over how far
    their similarity is from 1: a logarithmic axis, with alike pairs to the right.

    Parameters
    ----------
    pairs : pandas.DataFrame
        The pair table.
    family_of : dict
        {network: family}.
    chance : float, optional
        The chance level of similarity.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True)[1]
    left, right = axes
    strangers, related = (pairs[side(pairs) == name] for name in SIDES)
    many = {left: len(strangers) > MANY, right: len(related) > MANY}
    left.set_title(f"between families: {len(strangers):,} pairs")
    for name, look in style.MARKS.items():
        add_points(left, strangers[strangers["kind"] == name], "similarity", look, name, many[left])
    if chance is not None:
        text = f"chance level ({chance:.3f})"
        left.axvline(chance, color="black", linestyle=":", linewidth=1, label=text)
    left.set(xlabel="similarity", ylabel="compatibility")
    lack = max(0, LEAST_WIDTH - np.ptp(left.get_xlim())) / 2  # what is all near chance looks it
    left.set_xlim(left.get_xlim() + np.array([-lack, lack]))

    right.set_title(f"within families: {len(related):,} pairs")
    related = related.assign(distance=(1 - related["similarity"]).clip(lower=style.LEAST_DISTANCE))
    founders = related["a"].map(family_of)
    if founders.nunique() <= FAMILIES:
        for i, (name, part) in enumerate(related.groupby(founders, sort=False)):
            look = style.Look(f"C{i % 8}", "so^vDPX*"[i % 8])
            add_points(right, part, "distance", look, f"family of {name}", many[right])
    else:
        for name, part in related.groupby("relation", sort=False):
            add_points(right, part, "distance", style.RELATIONS[name], name, many[right])
    right.set(xscale="log", xlabel="1 - similarity (alike to the right)")
    decades = np.log10(related["distance"].max() / related["distance"].min())
    ticks = plt.LogLocator(subs=(1,) if decades > 4 else (1, 3) if decades > 2 else (1, 2, 5))
    right.xaxis.set(major_locator=ticks, major_formatter=style.power_text)
    right.xaxis.set(minor_formatter=plt.NullFormatter(), inverted=True)

    for ax in axes:
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.grid()
        legend = ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=2,
            fontsize=8,
            markerscale=4 if many[ax] else 1,
        )
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    left.figure.suptitle(title)
    return axes


def add_points(
    ax: Axes, part: pd.DataFrame, x: str, look: style.Look, name: str, many: bool
) -> None:
    """Draw the compatibility of a group of pairs over their column `x`, with its intervals.

    Where there are `many` pairs, points are small and have no intervals.
    """
    if part.empty:
        return
    y = part["compatibility"]
    if not many and part["low"].notna().all():
        errors = style.reach(y, part["low"], part["high"])
        ax.errorbar(part[x], y, errors, fmt="none", ecolor=look.colour, alpha=0.5, linewidth=1)
    ax.scatter(
        part[x],
        y,
        s=4 if many else 30,
        color=look.colour,
        marker=look.marker,
        alpha=0.3 if many else 0.8,
        linewidths=0,
        rasterized=many,
        label=f"{name} ({len(part):,})",
    )


def draw_agreement(pairs: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw every pair's agreement, the share of equal predictions, against its compatibility."""
    ax = ax or plt.subplots(figsize=(6.4, 4.6))[1]
    many = len(pairs) > MANY
    for name, look in SIDES.items():
        part = pairs[side(pairs) == name]
        ax.scatter(
            part["compatibility"],
            part["agreement"],
            s=4 if many else 30,
            color=look.colour,
            marker=look.marker,
            alpha=0.7,
            linewidths=0,
            rasterized=many,
            label=name,
        )
    ax.set(xlabel="compatibility", ylabel="agreement (share of equal predictions)", title=title)
    ax.grid()
    ax.legend()
    return ax


def draw_densities(
    pairs: pd.DataFrame, margin: float, title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw how compatibility and difference are distributed, within families and between them.

    Heights are shares of the pairs of each. Beyond `margin` a difference is that of a yellow
    (similar yet different) or red (different yet similar) pair.
    """
    import seaborn as sns  # here: it takes a second

    if axes is None:
        axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)[1]
    for ax, column in zip(axes, ("compatibility", "difference"), strict=True):
        sns.histplot(
            x=pairs[column],
            hue=side(pairs),
            hue_order=list(SIDES),
            palette={name: look.colour for name, look in SIDES.items()},
            stat="percent",
            common_norm=False,
            element="step",
            bins=np.linspace(-1, 1, 41),
            alpha=0.25,
            legend=ax is axes[0],
            ax=ax,
        )
        ax.set(xlabel=column, ylabel="% of the pairs", xlim=(-1.02, 1.02))
        ax.grid(axis="y")
    for edge in (-margin, margin):
        axes[1].axvline(edge, color="black", linestyle=":", linewidth=1)
    top = axes[1].get_ylim()[1]
    axes[1].text(-0.99, top, "similar yet different", fontsize=8, va="top")
    axes[1].text(0.99, top, "different yet similar", fontsize=8, va="top", ha="right")
    axes[0].figure.suptitle(title)
    return axes


def draw_kind_shares(table: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw the share of each kind among the pairs of each relation, with its interval.

    The table is that of `paradox.kind_shares`.
    """
    ax = ax or plt.subplots(figsize=(8, 4))[1]
    relations = table["relation"].unique()
    for i, (name, (colour, marker)) in enumerate(style.MARKS.items()):
        part = table[table["kind"] == name].set_index("relation").loc[relations]
        errors = style.reach(part["share"], part["low"], part["high"])
        x, y = np.arange(len(relations)) + 0.22 * (i - 1), part["share"]  # side by side
        ax.errorbar(x, y, errors, fmt=marker, color=colour, markersize=7, capsize=3, label=name)
    counts = table.groupby("relation", sort=False)["pairs"].sum()
    ax.set_xticks(range(len(relations)), [f"{name}\n{counts[name]:,} pairs" for name in relations])
    ax.set(ylabel="share of the pairs", ylim=(-0.03, 1.03), title=title)
    ax.grid(axis="y")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return ax


def draw_measures(
    table: pd.DataFrame, columns: Sequence[str], title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw compatibility against each of several measures, a panel each, pairs by their relation.

    `table` has a row for each pair, with `relation`, `compatibility` and the columns.
    """
    if axes is None:
        axes = style.rows_of_four(len(columns), width=12, height=2.7)
    for ax, name in zip(axes.flat[: len(columns)], columns, strict=True):
        for relation, (colour, marker) in style.RELATIONS.items():
            part = table[table["relation"] == relation]
            x, y = part[name], part["compatibility"]
            ax.plot(x, y, marker, color=colour, markersize=3, alpha=0.7, label=relation)
        ax.set_title(name, fontsize=9)
        ax.tick_params(labelsize=8)
        ax.locator_params(axis="x", nbins=5)
        ax.grid()
    for ax in axes[:, 0]:
        ax.set_ylabel("compatibility", fontsize=9)
    axes.flat[-1].legend(*axes.flat[0].get_legend_handles_labels(), fontsize=8)
    axes.flat[0].figure.suptitle(title)
    return axes


def draw_bench(table: pd.DataFrame, title: str = "", axes: np.ndarray | None = None) -> np.ndarray:
    """Draw each measure's rank correlation with compatibility, a panel for each kind of pairs.

    The table is that of `correspondence.score_measures`, bars are its intervals; a measure without
    a value has no point.
    """
    kinds, names = table["pairs"].unique(), table["measure"].unique()
    if axes is None:
        size = (4 * len(kinds) + 2, 0.3 * len(names) + 1.2)
        axes = plt.subplots(1, len(kinds), figsize=size, sharey=True, squeeze=False)[1][0]
    for ax, kind in zip(axes, kinds, strict=True):
        part = table[table["pairs"] == kind].set_index("measure").reindex(names).reset_index()
        rho, significant = part["rho"], part["p"] < 0.05
        ax.hlines(rho.index, part["low"], part["high"], "#999999", linewidth=1)
        sure, unsure = rho[significant], rho[~significant]
        ax.plot(sure, sure.index, "C0o", markersize=5, label="p < .05")
        ax.plot(unsure, unsure.index, "C0o", mfc="white", markersize=5, label="p at least .05")
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set(title=kind, xlabel="rank correlation with compatibility", xlim=(-1, 1))
        ax.set_xticks((-1, -0.5, 0, 0.5, 1))
        ax.grid(axis="x")
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    axes[-1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].figure.suptitle(title)
    return axes

"""Plots of what the parts of networks carry, and of what measures see."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from paradoxlib.plotting import style

GROUNDING = {  # {test: its chance level, and what it gives}
    "specificity": (0.5, "share in which the other network's layer is rated higher"),
    "sensitivity": (0.0, "rank correlation with what a linear probe loses"),
}


def scale_around_zero(frame: pd.DataFrame, least: float) -> style.Scale:
    """Return a scale from -x to x, where x is the table's largest absolute value or `least`."""
    limit = max(least, float(np.nanmax(np.abs(frame))))
    return style.Scale("PuOr", -limit, limit)


def draw_changes(
    frame: pd.DataFrame,
    title: str = "",
    ax: Axes | None = None,
    what: str = "change of accuracy",
) -> Axes:
    """Draw changes (rows, columns), in points of 1, as a table of coloured cells.

    Columns keep their names; for distortions, pass ``frame.rename(columns=label)``.
    """
    ax = ax or plt.subplots(figsize=(8, 0.28 * len(frame) + 1.5))[1]
    scale, text = scale_around_zero(frame, 0.05), frame.map(style.change_text)
    style.add_cells(ax, frame, scale, text, cbar_kws={"label": what, "shrink": 0.6})
    ax.set_title(title)
    return ax


def draw_exchange_shares(
    table: pd.DataFrame, column: str = "recovered", title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw each part's share of what separates child from parent, as a matrix (child, part).

    Parameters
    ----------
    table : pandas.DataFrame
        Rows (parent, child, part) with the shares and their intervals, which the cells print; see
        `part_tables.exchange_shares`.
    column : str
        ``recovered`` (of the behaviour) or ``visual_intelligence``.
    """
    shares = table.pivot_table(column, "child", "part", sort=False)
    printed = table[[column, f"{column}_low", f"{column}_high"]].round(2) + 0.0  # no -0.00
    lines = map("{:.2f} ({:.2f} to {:.2f})".format, *printed.to_numpy().T)
    text = table.assign(text=list(lines)).pivot(index="child", columns="part", values="text")
    text = text.loc[shares.index, shares.columns]
    parents = table.drop_duplicates("child").set_index("child")["parent"]
    names = [f"{child} from {parents[child]}" for child in shares.index]
    ax = ax or plt.subplots(figsize=(1.9 * shares.shape[1] + 2, 0.45 * len(shares) + 1.4))[1]
    scale = scale_around_zero(shares, 1.0 if column == "recovered" else 0.05)
    what = "way from parent to child" if column == "recovered" else "change in visual intelligence"
    share = {"label": f"share of the {what}", "shrink": 0.6}
    style.add_cells(ax, shares, scale, text, fontsize=8, yticklabels=names, cbar_kws=share)
    ax.set_title(title)
    return ax


def draw_shares_by_rate(
    table: pd.DataFrame,
    rates: Mapping[str, float] | pd.Series,
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw each part's share against the rate of fine-tuning, a panel for each parent.

    Parameters
    ----------
    table : pandas.DataFrame
        As in `draw_exchange_shares`.
    rates : dict or pandas.Series
        The rate at which each child was fine-tuned, {child: rate}.
    """
    parents = table["parent"].unique()
    if axes is None:
        size = (5 * len(parents), 4)
        axes = plt.subplots(1, len(parents), figsize=size, sharey=True, squeeze=False)[1][0]
    table = table.assign(rate=table["child"].map(rates)).sort_values("rate", kind="stable")
    for ax, parent in zip(axes, parents, strict=True):
        parts = table[table["parent"] == parent].groupby("part", sort=False)
        for i, (name, part) in enumerate(parts):
            x = part["rate"] * 1.06 ** (i - 2)  # side by side
            errors = style.reach(part["recovered"], part["recovered_low"], part["recovered_high"])
            ax.errorbar(
                x,
                part["recovered"],
                errors,
                color=f"C{i}",
                marker="os^vD"[i % 5],
                markersize=5,
                linewidth=1,
                capsize=2,
                label=name,
            )
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(xscale="log", xlabel="learning rate of fine-tuning", title=f"children of {parent}")
        ax.grid()
    axes[0].set_ylabel("share of what sets child and parent apart")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[0].figure.suptitle(title)
    return axes


def draw_reestimated(
    table: pd.DataFrame, title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw how alike parents and children behave once statistics are re-estimated, and before.

    Three panels: by what the child was taught, by the rate of its training, and by the number of
    images that statistics were re-estimated on. The table is that of
    `child_tables.population_children`.
    """
    if axes is None:
        width = {"width_ratios": [2, 1, 1]}
        axes = plt.subplots(1, 3, figsize=(15, 5), sharey=True, gridspec_kw=width)[1]
    whole, partly = table[table["moved"] == 1], table[table["moved"] < 0.99]
    last = whole[whole["images"] == whole["images"].max()]
    as_far = last["child"].map(partly.set_index("child")["with_child"])
    kinds = list(dict.fromkeys(last.sort_values("taught")["taught"]))
    place = last["taught"].map(kinds.index)
    within = last.groupby("taught").cumcount() - (place.groupby(place).transform("size") - 1) / 2
    for ax, x in ((axes[0], place + 0.1 * within), (axes[1], last["learning_rate"])):
        ax.vlines(x, last["trained"], last["with_child"], color="#bbbbbb", linewidth=1)
        ax.plot(x, last["trained"], "o", mfc="white", color="#777777", label="parent as trained")
        for size, part in last.groupby("batch_size"):
            colour, marker = style.RELATIONS["parent and child" if size < 100 else "strangers"]
            y, label = part["with_child"], f"re-estimated, batches of {size}"
            ax.plot(x[part.index], y, marker, color=colour, label=label)
        ax.plot(x, as_far, "kx", label="moved as far as training moves them")
    axes[0].set_xticks(range(len(kinds)), map(style.label, kinds), rotation=30, ha="right")
    axes[1].set(xscale="log", xlabel="learning rate of the child's training")
    wide = whole.pivot(index="images", columns="child", values="with_child")
    axes[2].plot(wide.index, wide, color="#bbbbbb", linewidth=1)
    axes[2].plot(wide.index, wide.median(axis=1), "ko-", label="median")
    axes[2].set(xscale="log", xlabel="images that statistics were re-estimated on")
    axes[0].set(ylabel="compatibility with the child", xlabel="what the child was taught")
    for ax in axes:
        ax.grid(axis="y")
    axes[0].legend(fontsize=8, loc="lower left")
    axes[2].legend(fontsize=8, loc="lower right")
    axes[0].figure.suptitle(title)
    return axes


def draw_seeds(
    table: pd.DataFrame,
    x: str,
    values: Mapping[str, str],
    panel: str,
    colour: str,
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a point for each row of a table, and a bar at the median of rows of one colour.

    Where the colours are the panels, each has its own place, and there is no legend.

    Parameters
    ----------
    table : pandas.DataFrame
        Its columns `x`, `panel` and `colour` hold names: places from left to right, the column of
        panels, the colour. They stand in the order in which the table has them.
    values : dict
        {column that is drawn: its label}, a row of panels for each.

    Returns
    -------
    array
        Axes (value, panel).
    """
    places, panels, colours = (list(dict.fromkeys(table[name])) for name in (x, panel, colour))
    alone = panel == colour
    if axes is None:
        size = (2.9 * len(panels) + 2.2, 2.9 * len(values) + 0.6)
        shape: dict[str, Any] = {"sharex": True, "sharey": "row", "squeeze": False, "figsize": size}
        axes = plt.subplots(len(values), len(panels), **shape)[1]
    for (column, what), row in zip(values.items(), axes, strict=True):
        for ax, name in zip(row, panels, strict=True):
            for i, line in enumerate(colours):
                part = table[(table[panel] == name) & (table[colour] == line)]
                shift = 0 if alone else 0.12 * (i - (len(colours) - 1) / 2)  # side by side
                at = part[x].map(places.index)
                look: dict[str, Any] = {"color": f"C{i}", "marker": "os^vD"[i % 5], "markersize": 4}
                ax.plot(at + shift, part[column], linestyle="none", alpha=0.6, label=line, **look)
                middle = part.groupby(at)[column].median()
                place = middle.index + shift
                ax.hlines(middle, place - 0.1, place + 0.1, color=f"C{i}", linewidth=1.6)
            ax.set_xticks(range(len(places)), places)
            ax.grid(axis="y")
        row[0].set_ylabel(what)
    for ax, name in zip(axes[0], panels, strict=True):
        ax.set_title(name)
    if not alone:
        axes[0, -1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes[0, 0].figure.suptitle(title)
    return axes


def draw_identical_pairs(
    table: pd.DataFrame, named: int = 4, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw pairs' compatibility with identical kernels against their compatibility as trained.

    The table is that of `part_tables.identical_pairs`. The `named` pairs whose trained networks are
    least compatible are named.
    """
    ax = ax or plt.subplots(figsize=(6.4, 5.6))[1]
    text = "what is learned adds nothing"
    ax.plot([-1, 1], [-1, 1], color="black", linestyle=":", linewidth=1, label=text)
    x, y = table["trained"], table["identical"]
    ax.errorbar(
        x,
        y,
        xerr=style.reach(x, table["trained_low"], table["trained_high"]),
        yerr=style.reach(y, table["identical_low"], table["identical_high"]),
        fmt="o",
        markersize=4,
        elinewidth=0.7,
        ecolor="#9DBBD6",
    )
    for row in table.nsmallest(named, "trained").itertuples():
        text, place = f"{row.a}, {row.b}", (row.trained, row.identical)
        ax.annotate(text, place, (6, 6), textcoords="offset points", fontsize=8)
    low = min(table["trained_low"].min(), table["identical_low"].min()) - 0.05
    ax.set(xlim=(low, 1.03), ylim=(low, 1.03), title=title)
    ax.set(xlabel="compatibility as trained", ylabel="compatibility with identical kernels")
    ax.grid()
    ax.legend(loc="upper left", fontsize=8)
    return ax


def draw_moved_pairs(table: pd.DataFrame, named: int = 4, title: str = "") -> np.ndarray:
    """Draw relatives with statistics re-estimated, and moved as far as training moves them.

    The table is that of `population.population_relatives`; see `draw_identical_pairs`.
    """
    fig, axes = plt.subplots(1, 2, figsize=(13, 5.8))
    moved = table.drop(columns=["identical", "identical_low", "identical_high"])
    moved.columns = moved.columns.str.replace("gathered", "identical")
    draw_identical_pairs(table, named, "statistics re-estimated", axes[0])
    draw_identical_pairs(moved, named, "moved as far as training moves them", axes[1])
    fig.suptitle(title)
    return axes


def draw_grounding(
    table: pd.DataFrame, title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw what each measure scores in the grounding tests, a panel for each test.

    The table is that of `measure_tables.measure_grounding`; bars are its intervals. A measure of
    which a test is not defined says so.
    """
    names = table["measure"].unique()
    if axes is None:
        size = (4.5 * len(GROUNDING) + 2, 0.3 * len(names) + 1.2)
        axes = plt.subplots(1, len(GROUNDING), figsize=size, sharey=True, squeeze=False)[1][0]
    for ax, (test, (level, what)) in zip(axes, GROUNDING.items(), strict=True):
        part = table[table["test"] == test].set_index("measure").loc[names].reset_index()
        errors = style.reach(part["value"], part["low"], part["high"])
        ax.errorbar(part["value"], part.index, xerr=errors, fmt="o", ecolor="#999999", capsize=2)
        for place in part.index[part["value"].isna()]:
            ax.text(level, place, " not defined", fontsize=8, va="center", color="#777777")
        ax.axvline(level, color="black", linestyle=":", linewidth=1, label="chance")
        ax.set(title=test, xlabel=what, xlim=(-1.03 if level == 0 else -0.03, 1.03))
        ax.grid(axis="x")
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].invert_yaxis()
    axes[-1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].figure.suptitle(title)
    return axes

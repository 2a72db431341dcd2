"""Plots of networks: their accuracies, their training, what they see, children by their rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from paradoxlib.plotting import style

ABOVE_LEGEND = 22  # points between axes and title, where a legend of one line stands between them


def draw_stacked_bars(means: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw mean accuracies (network, distortion) as stacks (the paper's Figures 1 and 4).

    A stack's height is the network's visual intelligence.
    """
    ax = ax or plt.subplots(figsize=(max(7, 0.4 * len(means) + 3), 4.4))[1]
    bottom = np.zeros(len(means))
    for i, name in enumerate(means.columns):
        part = means[name] / means.shape[1]
        colour = style.PALETTE[i % len(style.PALETTE)]
        ax.bar(
            means.index,
            part,
            width=0.85,
            bottom=bottom,
            color=colour,
            edgecolor="white",
            linewidth=0.4,
            label=style.label(name),
        )
        bottom += part.to_numpy()
    for x, height in enumerate(bottom):
        ax.text(x, height + 0.01, f"{height:.2f}", ha="center", fontsize=8)
    ax.set(ylabel="visual intelligence (mean accuracy)", ylim=(0, 1.05), title=title)
    ax.tick_params(axis="x", rotation=90 if len(means) > 10 else 0)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_accuracy_curves(
    table: pd.DataFrame,
    highlight: Sequence[str] = (),
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw accuracy against level, a panel for each distortion.

    The highlighted networks are in colour, the others grey.
    """
    distortions = table["distortion"].unique()
    if axes is None:
        axes = style.rows_of_four(len(distortions), width=11, height=2.5)
    for ax, distortion in zip(axes.flat[: len(distortions)], distortions, strict=True):
        part = table[table["distortion"] == distortion]
        curves = part.pivot_table("accuracy", "level", "network", sort=False).sort_index()
        x = range(len(curves))
        for name in curves.columns.difference(highlight, sort=False):
            ax.plot(x, curves[name], color="#BBBBBB", linewidth=0.9, marker=".", zorder=1)
        for i, name in enumerate(highlight):
            ax.plot(x, curves[name], color=f"C{i}", marker="o", markersize=4, zorder=2, label=name)
        ax.set_xticks(x, [f"{level:g}" for level in curves.index], rotation=45)
        ax.set_title(style.label(distortion))
        ax.set_ylim(0, 1.02)
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy")
    if highlight:
        axes.flat[-1].legend(*axes.flat[0].get_legend_handles_labels(), loc="lower right")
    axes.flat[0].figure.suptitle(title)
    return axes


def draw_history(
    table: pd.DataFrame,
    family_of: Mapping[str, str],
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw training loss and accuracy per epoch, a line for each network.

    Each family ({network: founder}) has a colour; its founder is solid, its children are dashed.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(10, 3.8))[1]
    founders = list(dict.fromkeys(family_of[name] for name in table["network"]))
    for ax, column in zip(axes, ("loss", "accuracy"), strict=True):
        for name, part in table.groupby("network", sort=False):
            founder = family_of[name]
            i, line = founders.index(founder), "-" if name == founder else "--"
            look: dict[str, Any] = {"color": f"C{i % 8}", "marker": "os^vDPX*<>"[i % 10]}
            look |= {"markersize": 4, "linestyle": line, "linewidth": 1}
            ax.plot(part["epoch"], part[column], **look, label=name if name == founder else None)
        ax.set(xlabel="epoch", ylabel=f"training {column}")
    axes[1].plot([], [], "k--", linewidth=1, label="children")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[0].figure.suptitle(title)
    return axes


def draw_images(
    images: Sequence[Any],
    rows: Sequence[str],
    columns: Sequence[Sequence[str]],
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw rows of images with their names; rows may differ in length.

    Parameters
    ----------
    images : sequence of sequences of arrays or tensors (3, h, w)
        The images [row][column], 0..1.
    rows : sequence of str
        The rows' names.
    columns : sequence of sequences of str
        The images' names [row][column].
    """
    n, m = len(rows), max(len(row) for row in columns)
    if axes is None:
        axes = plt.subplots(n, m, figsize=(1.15 * m + 1.2, 1.3 * n + 0.5), squeeze=False)[1]
    for ax in axes.flat:
        ax.axis("off")
    for places, name, pictures, names in zip(axes, rows, images, columns, strict=True):
        first = places[0]
        first.text(-0.12, 0.5, name, transform=first.transAxes, ha="right", va="center", fontsize=9)
        for ax, picture, text in zip(places[: len(names)], pictures, names, strict=True):
            ax.imshow(np.moveaxis(np.asarray(picture), 0, 2))
            ax.set_title(text, fontsize=8, loc="center", fontweight="normal")
    axes[0, 0].figure.suptitle(title)
    return axes


def draw_profiles(
    means: pd.DataFrame,
    couples: Mapping[str, tuple[str, str]],
    text: Mapping[str, str],
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the mean accuracies (network, distortion) of pairs of networks, a panel for each pair.

    Parameters
    ----------
    couples : dict of str
        The pairs by their names, {name: (a, b)}.
    text : dict of str
        A line for each pair, {name: line}, which is printed below its name.
    """
    if axes is None:
        size, n = (5.5 * len(couples), 4.2), len(couples)
        axes = plt.subplots(1, n, figsize=size, sharey=True, squeeze=False)[1][0]
    x, names = range(means.shape[1]), [style.label(name) for name in means.columns]
    for ax, (name, couple) in zip(axes, couples.items(), strict=True):
        for i, network in enumerate(couple):
            ax.plot(x, means.loc[network], color=f"C{i}", marker="os"[i], label=network)
        ax.set_xticks(x, names, rotation=40, ha="right")
        ax.set_title(f"{name}\n{text[name]}")
        ax.set_ylim(0, 1.02)
        ax.grid(axis="y")
        ax.legend(loc="lower right")
    axes[0].set_ylabel("mean accuracy over the levels")
    axes[0].figure.suptitle(title)
    return axes


def draw_against_rate(
    table: pd.DataFrame, title: str = "", axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw how children compare with their parent, by the rate of fine-tuning.

    The left panel shows how far their similarity to it is from 1, the right one their compatibility
    with it; each parent has a line.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(10, 4))[1]
    families = table.sort_values("learning_rate").groupby("parent", sort=False)
    for i, (name, part) in enumerate(families):
        look: dict[str, Any] = {"color": f"C{i}", "marker": "os^v"[i % 4], "label": name}
        distance = (1 - part["similarity"]).clip(lower=style.LEAST_DISTANCE)
        axes[0].plot(part["learning_rate"], distance, **look)
        errors = style.reach(part["compatibility"], part["low"], part["high"])
        axes[1].errorbar(part["learning_rate"], part["compatibility"], errors, capsize=3, **look)
    axes[0].set(yscale="log", ylabel="1 - similarity to the parent")
    axes[1].set_ylabel("compatibility with the parent")
    axes[1].set_title("bars: 95 %, test images", fontsize=9)
    axes[1].set_ylim(min(0, axes[1].get_ylim()[0]), 1.05)
    for ax in axes:
        ax.set(xscale="log", xlabel="learning rate of fine-tuning")
        ax.grid()
    axes[0].legend(title="children of")
    axes[0].figure.suptitle(title)
    return axes


def draw_placement(
    name: str,
    profiles: pd.DataFrame,
    numbers: pd.DataFrame,
    among: pd.DataFrame | None = None,
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw one network beside many: all profiles left, what it has in common with each right.

    Parameters
    ----------
    name : str
        The network that is placed.
    profiles : pandas.DataFrame
        Mean accuracies (network, distortion), of this network and the others.
    numbers : pandas.DataFrame
        ``quantity``, ``value`` and ``chance``, a row for each other network and quantity.
    among : pandas.DataFrame, optional
        ``quantity`` and ``value`` of pairs of the others, to measure the former by.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")[1]
    left, right = axes
    for other in profiles.index.drop(name):
        left.plot(profiles.loc[other], color="#AAAAAA", linewidth=0.9, zorder=1)
    left.plot([], color="#AAAAAA", label=f"the other {len(profiles) - 1}")
    left.plot(profiles.loc[name], color="C0", marker="o", linewidth=2, label=name)
    left.set_xticks(
        range(profiles.shape[1]),
        map(style.label, profiles),
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    left.set(ylabel="accuracy", ylim=(-0.02, min(1.03, 1.1 * left.get_ylim()[1])))
    left.set_title("mean accuracy under each distortion", pad=ABOVE_LEGEND)
    source, names = np.random.default_rng(0), numbers["quantity"].unique()
    for i, quantity in enumerate(names):
        part = numbers[numbers["quantity"] == quantity]
        groups = [(part["value"], -0.12, "C0", f"{name} with each")]
        if among is not None:
            pairs = among.loc[among["quantity"] == quantity, "value"]
            groups.append((pairs, 0.22, "#999999", "among the others"))
        for values, place, colour, words in groups:
            y = i + place + source.uniform(-0.1, 0.1, len(values))
            right.scatter(values, y, s=12, color=colour, alpha=0.7, label=None if i else words)
        chance = part["chance"].mean()
        if part["value"].isna().all():
            right.text(chance + 0.02, i, "not defined", va="center", fontsize=8)
        named = None if i else "chance"
        right.plot([chance] * 2, [i - 0.38, i + 0.38], "k", linewidth=1.2, label=named)
    right.set_yticks(range(len(names)), names)
    right.set_ylim(len(names) - 0.5, -0.5)
    right.set(xlabel="share, correlation or CKA", xlim=(min(-0.03, right.get_xlim()[0]), 1.03))
    right.set_title(f"what {name} and the others have in common", pad=ABOVE_LEGEND)
    for ax in axes:
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=3, columnspacing=1.2)
    right.grid(axis="x")
    left.grid(axis="y")
    left.figure.suptitle(title)
    return axes


def draw_judged(table: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw statements on one sample beside what other families say, with their verdicts.

    The table is that of `population.other_families`. Bars are intervals; the black tick is where
    the statement turns.
    """
    ax = ax or plt.subplots(figsize=(11, 0.36 * len(table) + 1.6))[1]
    rows = np.arange(len(table))
    samples = (("first sample", "first", "#999999", -0.15), ("others", "value", "C0", 0.15))
    for name, column, colour, place in samples:
        ends = ("low", "high") if column == "value" else ("first_low", "first_high")
        errors = style.reach(table[column], *(table[end] for end in ends))
        form: dict[str, Any] = {"fmt": "o", "color": colour, "capsize": 2, "markersize": 5}
        ax.errorbar(table[column], rows + place, xerr=errors, label=name, **form)
    ax.plot(table["turns_at"], rows, "k|", markersize=16, label="where it turns")
    for row, verdict in enumerate(table["verdict"]):
        text = verdict.removeprefix("same direction, ")
        ax.text(1.02, row, text, va="center", fontsize=8, transform=ax.get_yaxis_transform())
    ax.set_yticks(rows, table["statement"], fontsize=8)
    ax.set(ylim=(len(table) - 0.5, -0.5), xlabel="share, rho or compatibility", title=title)
    ax.legend(loc="upper center", bbox_to_anchor=(0.3, -0.08), ncols=3, frameon=False)
    ax.grid(axis="x")
    return ax

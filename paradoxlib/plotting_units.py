"""Plots of matched units: correlation matrices, curves and image patches in, Axes out."""

import re

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

GROUPS = {"parent and child": ("#E0A800", "s"), "same family": ("#7A7A7A", "o"), "strangers": ("#8B0A3C", "^"), "chance": ("black", "x")}


def correlation_matrices(panels, title="", axes=None):
    """Draw matrices of correlations (units, units) side by side, {heading: matrix}, in one scale; a dead unit is grey."""
    if axes is None:
        axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels) + 1, 3.8))[1]
    for ax, (name, table) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        ax.set_facecolor("#BBBBBB")
        image = ax.imshow(np.ma.masked_invalid(table), vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
        ax.set_title(name)
        ax.set_xticks([])
        ax.set_yticks([])
    fig = np.atleast_1d(axes)[0].figure
    fig.colorbar(image, ax=axes, shrink=0.75, label="correlation")
    fig.suptitle(title)
    return axes


def blocks(ax, labels):
    """Draw lines between the clusters of a matrix whose units are sorted by `labels`."""
    for edge in np.flatnonzero(np.diff(labels)) + 0.5:
        ax.axhline(edge, color="black", linewidth=0.4)
        ax.axvline(edge, color="black", linewidth=0.4)
    return ax


def match_curves(curves, title="", axes=None):
    """Draw the correlations of matched units, sorted by the semi-matching: {heading: (semi-matching, matching)} (Li et al., Figure 3)."""
    if axes is None:
        axes = plt.subplots(1, len(curves), figsize=(3.6 * len(curves) + 1, 3.4), sharey=True)[1]
    for ax, (name, (loose, strict)) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        order = np.argsort(-np.nan_to_num(loose, nan=-2))
        ax.plot(loose[order], color="C0", marker=".", label="semi-matching (repeats allowed)")
        ax.plot(strict[order], color="C1", linestyle="", marker=".", label="matching (one to one)")
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.set(title=name, xlabel="unit, best matched first")
    axes = np.atleast_1d(axes)
    axes[0].set_ylabel("correlation with its partner")
    axes[0].legend(loc="lower left", fontsize=8)
    axes[0].figure.suptitle(title)
    return axes


def by_layer(table, columns, title="", axes=None):
    """Draw columns of the table of matched units over the layers, a line for each relation: the mean over pairs, and the range of all of them."""
    if axes is None:
        axes = plt.subplots(len(columns), 1, figsize=(9, 2.6 * len(columns) + 1), sharex=True)[1]
    kept = set(table.dropna(subset=list(columns), how="all")["layer"])
    axes, layers = np.atleast_1d(axes), [layer for layer in table["layer"].unique() if layer in kept]
    for ax, (column, text) in zip(axes, columns.items(), strict=True):
        for name, (colour, mark) in GROUPS.items():
            part = table[(table["relation"] == name) & table[column].notna()].groupby("layer", sort=False)[column]
            values = part.agg(["mean", "min", "max"]).reindex(layers).dropna()
            x = [layers.index(layer) for layer in values.index]
            if x:
                ax.plot(x, values["mean"], color=colour, marker=mark, markersize=4, label=name)
                ax.fill_between(x, values["min"], values["max"], color=colour, alpha=0.15, linewidth=0)
        ax.set_ylabel(text)
        ax.grid()
    axes[-1].set_xticks(range(len(layers)), layers, rotation=90)
    axes[0].legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].figure.suptitle(title)
    return axes


def patches(rows, title="", axes=None):
    """Draw image patches of matched units: {heading: (of one network, of the other)}, each (patch, 3, h, w), a row for each."""
    count = len(next(iter(rows.values()))[0])
    if axes is None:
        axes = plt.subplots(len(rows), 2, figsize=(0.52 * count * 2 + 2, 0.56 * len(rows) + 1), squeeze=False)[1]
    for pair, (name, both) in zip(axes, rows.items(), strict=True):
        for ax, images in zip(pair, both, strict=True):
            strip = np.concatenate([np.pad(image, ((0, 0), (0, 0), (0, 1)), constant_values=255) for image in images], axis=2)
            ax.imshow(strip.transpose(1, 2, 0), interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
            sns.despine(ax=ax, left=True, bottom=True)
        pair[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    axes[0, 0].figure.suptitle(title)
    return axes


def heatmaps(panels, title="", axes=None):
    """Draw the CKA of all layers of two networks, {heading: DataFrame (layers, layers)}, the first layer at the lower left; stages are ticked."""
    if axes is None:
        axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels) + 1, 4.4))[1]
    axes = np.atleast_1d(axes)
    for ax, (name, table) in zip(axes, panels.items(), strict=True):
        image = ax.imshow(table, vmin=0, vmax=1, cmap="magma", origin="lower", interpolation="nearest", aspect="auto")
        ax.set_title(name, fontsize=10)
        for axis, names in ((ax.yaxis, table.index), (ax.xaxis, table.columns)):
            kept = [i for i, layer in enumerate(names) if layer in ("conv1", "fc") or re.fullmatch(r"res\da_branch2a", layer)]
            kept = [i for i in kept if i == 0 or i - kept[kept.index(i) - 1] > len(names) / 25]  # the others would overlap
            axis.set_ticks(kept, [names[i] for i in kept], fontsize=7)
        ax.tick_params(axis="x", rotation=90)
    axes[0].figure.colorbar(image, ax=axes, shrink=0.8, label="CKA")
    axes[0].figure.suptitle(title)
    return axes


def shares(table, title="", ax=None):
    """Draw the share of variance in the first principal component (network, layer, share) over the layers, a line for each network.

    Networks of other layers than the first's are stretched to its width, and layers are not named.
    """
    ax = ax or plt.subplots(figsize=(9, 3.6))[1]
    parts = {name: part.reset_index(drop=True) for name, part in table.groupby("network", sort=False)}
    layers = next(iter(parts.values()))["layer"]
    for i, (name, part) in enumerate(parts.items()):
        ax.plot(np.linspace(0, len(layers) - 1, len(part)), part["share"], marker=".", markersize=3, color=f"C{i % 8}", label=name)
    if all(part["layer"].equals(layers) for part in parts.values()):
        kept = [i for i, layer in enumerate(layers) if not layer.startswith(("bn", "relu"))]
        ax.set_xticks(kept, layers.iloc[kept], rotation=90, fontsize=7)
    else:
        ax.set_xticks([0, len(layers) - 1], ["input", "output"])
    ax.set(ylabel="share of the variance", ylim=(0, 1.02), title=title)
    ax.legend()
    ax.grid()
    return ax

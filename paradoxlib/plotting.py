"""Arrays or tables in, Axes out: every function draws on the Axes it is given (or makes some), returns it and saves nothing."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap

from paradoxlib import paths

# The paper's colours, told apart by their brightness too: -1 yellow (similar yet different), 0 pale green, 1 red (different yet similar).
PARADOX = LinearSegmentedColormap.from_list("paradox", ["#E69F00", "#F5DD9B", "#D5EBDD", "#D07A8C", "#7F0A3A"])
SCALES = {"difference": (PARADOX, -1, 1), "compatibility": ("PuOr", -1, 1), "similarity": ("cividis", 0, 1), "agreement": ("cividis", 0, 1)}
COLOURS = {
    "contrast": "#332288", "illuminant": "#E69F00", "blur": "#88CCEE", "gamma": "#AA4499", "salt_pepper": "#DDCC77",
    "gaussian_noise": "#117733", "speckle_noise": "#44AA99", "poisson_noise": "#882255",
}  # fmt: skip


def use_style():
    """Use the project's style sheet from here on."""
    plt.style.use(paths.STYLE)


def label(name):
    """Return a distortion's name for people."""
    return name.replace("salt_pepper", "salt & pepper").replace("_", " ")


def reach(values, low, high):
    """Return how far intervals reach below and above their values, (2, n), as error bars want it; never below 0."""
    return np.clip([values - low, high - values], 0, None)


def matrix(frame, scale, title="", ax=None, annotate=None):
    """Draw a matrix (network, network) in the colours of its kind.

    Parameters
    ----------
    frame : pandas.DataFrame
        Square; its diagonal is left blank, as in the paper.
    scale : str
        ``difference``, ``compatibility``, ``similarity`` or ``agreement``.
    annotate : bool, optional
        Print the values in the cells; by default up to 25 networks.
    """
    colours, low, high = SCALES[scale]
    n = len(frame)
    side = min(0.42 * n, 12)
    ax = ax or plt.subplots(figsize=(max(4.5, side + 1.6), max(3.8, side + 0.8)))[1]
    text = frame.map(cell_text) if (n <= 25 if annotate is None else annotate) else None
    names = {"xticklabels": n <= 60, "yticklabels": n <= 60}
    bar = {"shrink": 0.8, "label": scale}
    sns.heatmap(
        frame, vmin=low, vmax=high, cmap=colours, annot=text, fmt="", annot_kws={"size": 7}, mask=np.eye(n, dtype=bool),
        square=True, cbar_kws=bar, rasterized=n > 60, ax=ax, **names,
    )  # fmt: skip
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    ax.set(title=title, xlabel="" if n <= 60 else "network", ylabel="" if n <= 60 else "network")
    return ax


def cell_text(value):
    """Return a number between -1 and 1 as a matrix prints it: .61, -.20, 1."""
    text = f"{value:.2f}" if abs(value) < 0.995 else f"{value:.0f}"
    return text.replace("0.", ".", 1).replace("-.00", ".00")


def stacked_bars(means, title="", ax=None):
    """Draw mean accuracies (network, distortion) as bars whose height is the visual intelligence (the paper's Figures 1 and 4)."""
    ax = ax or plt.subplots(figsize=(max(7, 0.4 * len(means) + 3), 4.4))[1]
    bottom = np.zeros(len(means))
    for name in means.columns:
        part = means[name] / means.shape[1]
        ax.bar(means.index, part, bottom=bottom, color=COLOURS.get(name), label=label(name), width=0.85, edgecolor="white", linewidth=0.4)
        bottom += part.to_numpy()
    for x, height in enumerate(bottom):
        ax.text(x, height + 0.01, f"{height:.2f}", ha="center", fontsize=8)
    ax.set(ylabel="visual intelligence (mean accuracy)", ylim=(0, 1.05), title=title)
    ax.tick_params(axis="x", rotation=90 if len(means) > 10 else 0)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def accuracy_curves(table, highlight=(), title="", axes=None):
    """Draw accuracy against level, a panel for each distortion; highlighted networks in colour, the others grey."""
    names = list(dict.fromkeys(table["distortion"]))
    if axes is None:
        axes = plt.subplots(2, 4, figsize=(11, 5), sharey=True)[1]
    for ax, name in zip(axes.flat, names, strict=False):
        part = table[table["distortion"] == name].pivot_table("accuracy", "level", "network", sort=False).sort_index()
        for network in part.columns:
            if network not in highlight:
                ax.plot(range(len(part)), part[network], color="#BBBBBB", linewidth=0.9, marker=".", zorder=1)
        for i, network in enumerate(highlight):
            ax.plot(range(len(part)), part[network], color=f"C{i}", marker="o", markersize=4, label=network, zorder=2)
        ax.set_xticks(range(len(part)), [f"{level:g}" for level in part.index], rotation=45)
        ax.set_title(label(name))
        ax.set_ylim(0, 1.02)
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy")
    if highlight:
        axes.flat[-1].legend(loc="lower right")
    axes.flat[0].figure.suptitle(title)
    return axes


def history(table, title="", axes=None):
    """Draw training loss and accuracy per epoch, a line for each network."""
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(10, 3.8))[1]
    for ax, column in zip(axes, ("loss", "accuracy"), strict=True):
        for i, (name, part) in enumerate(table.groupby("network", sort=False)):
            ax.plot(part["epoch"], part[column], color=f"C{i % 8}", marker=".", linestyle="-" if i < 8 else "--", label=name)
        ax.set(xlabel="epoch", ylabel=f"training {column}")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), ncols=1 + table["network"].nunique() // 13)
    axes[0].figure.suptitle(title)
    return axes


def image_grid(images, rows, columns, title="", axes=None):
    """Draw images (row, column, 3, h, w), 0..1, with names of rows; `columns` names each image (row, column)."""
    n, m = len(rows), max(len(row) for row in columns)
    if axes is None:
        axes = plt.subplots(n, m, figsize=(1.15 * m + 1.2, 1.3 * n + 0.5), squeeze=False)[1]
    for i, row in enumerate(rows):
        for j in range(m):
            ax = axes[i, j]
            ax.axis("off")
            if j < len(columns[i]):
                ax.imshow(images[i][j].permute(1, 2, 0))
                ax.set_title(columns[i][j], fontsize=8, loc="center", fontweight="normal")
        axes[i, 0].text(-0.12, 0.5, row, transform=axes[i, 0].transAxes, ha="right", va="center", fontsize=9)
    axes[0, 0].figure.suptitle(title)
    return axes


def layer_profile(mean, sd, chance=None, title="", ax=None, name=None):
    """Draw mean +- 1 SD of the kernels' correlation at each layer (the paper's Figure 5)."""
    ax = ax or plt.subplots(figsize=(max(7, 0.2 * len(mean) + 2), 4))[1]
    ax.errorbar(range(len(mean)), mean, yerr=sd, fmt="o-", markersize=4, linewidth=1, capsize=2, label=name)
    if chance is not None:
        ax.axhline(chance, color="black", linestyle=":", linewidth=1)
        ax.text(len(mean) - 1, chance, "chance level", ha="right", va="bottom", fontsize=8)
    ax.set_xticks(range(len(mean)), mean.index, rotation=90, fontsize=8 if len(mean) < 30 else 6)
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set(ylabel="kernel correlation, mean ± 1 SD", title=title)
    ax.grid(axis="y")
    return ax


def layer_profiles(table, main, title="", axes=None):
    """Draw how far every layer of every child is from its parent's: 1 - correlation, logarithmic, `main` above with the others as thin lines.

    Above the mean over kernels, with one standard deviation for `main`; below the layers as one vector each, which long kernels rule: where only the
    upper curve rises, it is short kernels that turn.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows (network, layer) with `mean`, `sd` and `whole`; see `kernels.layer_changes`.
    main : str
        The child that is drawn thick.
    """
    if axes is None:
        axes = plt.subplots(2, 1, figsize=(11, 7), sharex=True, sharey=True)[1]
    least = 1e-9  # a layer that has not moved
    for ax, (column, words) in zip(axes, {"mean": "mean over kernels", "whole": "layer as one vector"}.items(), strict=True):
        for name, part in table.groupby("network", sort=False):
            far = (1 - part[column]).clip(lower=least).to_numpy()
            thick = {"color": "C0", "marker": "o", "markersize": 4, "zorder": 3} if name == main else {"color": "#999999", "linewidth": 0.8}
            ax.plot(far, **thick, label=name if name == main else None)
            if name == main and column == "mean":
                ax.fill_between(range(len(far)), (far - part["sd"]).clip(lower=least), far + part["sd"], color="C0", alpha=0.15, linewidth=0)
        ax.set(yscale="log", ylabel=f"1 - correlation,\n{words}")
        ax.grid(axis="y")
    layers = table.loc[table["network"] == main, "layer"]
    axes[1].set_xticks(range(len(layers)), layers, rotation=90, fontsize=8 if len(layers) < 30 else 6)
    axes[0].plot([], [], color="#999999", linewidth=0.8, label="other children")
    axes[0].legend(loc="lower right", fontsize=8)
    axes[0].figure.suptitle(title)
    return axes


def against_rate(table, title="", axes=None):
    """Draw children's similarity to and compatibility with their parent against the rate of fine-tuning, a line for each parent."""
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(10, 4))[1]
    for i, (name, part) in enumerate(table.sort_values("learning_rate").groupby("parent", sort=False)):
        axes[0].plot(part["learning_rate"], part["similarity"], color=f"C{i}", marker="os^v"[i % 4], label=name)
        errors = reach(part["compatibility"], part["low"], part["high"])
        axes[1].errorbar(part["learning_rate"], part["compatibility"], errors, color=f"C{i}", marker="os^v"[i % 4], capsize=3, label=name)
    for ax, name in zip(axes, ("similarity to the parent", "compatibility with the parent"), strict=True):
        ax.set(xscale="log", xlabel="learning rate of fine-tuning", ylabel=name, ylim=(min(0, ax.get_ylim()[0]), 1.05))
        ax.grid()
    axes[0].legend()
    axes[0].figure.suptitle(title)
    return axes


def kernel_lengths(table, dead, title="", ax=None):
    """Draw each kernel's correlation with its parent's against its length there, in medians of its layer; below `dead` it is a dead one.

    A kernel without a correlation is a cross at 0, which is what the paper's rule counts it for.
    """
    ax = ax or plt.subplots(figsize=(7, 4))[1]
    for name, part in table.groupby("of", sort=False):
        ax.plot(part["length"].clip(lower=1e-6), part["correlation"], ".", alpha=0.6, markersize=5, label=f"{name} ({len(part)} kernels)")
    none = table[table["correlation"].isna()]
    ax.plot(none["length"].clip(lower=1e-6), 0 * none["length"], "kx", alpha=0.7, markersize=5, label=f"no correlation ({len(none)})")
    ax.axvline(dead, color="black", linestyle=":", linewidth=1, label=f"dead below {dead:g}")
    ax.set(xscale="log", xlabel="length of the parent's kernel / median of its layer", ylabel="correlation of child and parent", title=title)
    ax.legend(loc="center left", fontsize=8)
    ax.grid()
    return ax


def cumulative(table, layers, title="", axes=None):
    """Draw what copying layer after layer does: from the input up to each layer, and from each layer to the output.

    Parameters
    ----------
    table : pandas.DataFrame
        Transplants by name, with ``gain`` and ``recovered`` and their intervals; the recipient and the donor first.
    layers : list of str
        The convolutions in their order.
    """
    if axes is None:
        axes = plt.subplots(2, 1, figsize=(9, 7), sharex=True)[1]
    x = np.arange(len(layers))
    recipient, donor = table.index[:2]
    directions = {
        "from the input up to this layer": [f"up to {layer}" for layer in layers[:-1]] + ["all convs and batch norms"],
        "from this layer to the output": [donor] + [f"from {layer}" for layer in layers[1:]],
    }  # of which deep networks have those of whole blocks
    text = {"gain": "gain in visual intelligence", "recovered": "recovered behaviour"}
    for ax, (column, words) in zip(axes, text.items(), strict=True):
        for i, (name, rows) in enumerate(directions.items()):
            part = table.reindex(rows).set_index(x).dropna(subset=column)
            ax.plot(part.index, part[column], color=f"C{i}", marker="os"[i], label=name)
            ax.fill_between(part.index, part[f"{column}_low"], part[f"{column}_high"], color=f"C{i}", alpha=0.2, linewidth=0)
        for name, line in ((recipient, ":"), (donor, "--")):
            ax.axhline(table.loc[name, column], color="black", linestyle=line, linewidth=1, label=name)
        ax.set_ylabel(words)
        ax.grid()
    axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[1].set_xticks(x, layers, rotation=90, fontsize=8 if len(layers) < 30 else 6)
    axes[0].figure.suptitle(title)
    return axes


def changes(frame, title="", ax=None, what="change of accuracy"):
    """Draw changes (rows, columns), in points of 1, as a table of colours: of accuracy, transplants by distortions."""
    ax = ax or plt.subplots(figsize=(8, 0.28 * len(frame) + 1.5))[1]
    size = max(0.05, float(np.nanmax(np.abs(frame))))
    text = frame.map(lambda value: ".00" if abs(value) < 0.005 else f"{value:+.2f}".replace("0.", "."))
    bar = {"label": what, "shrink": 0.6}
    frame = frame.rename(columns={name: label(name) for name in COLOURS})
    sns.heatmap(frame, vmin=-size, vmax=size, cmap="PuOr", annot=text, fmt="", annot_kws={"size": 7}, cbar_kws=bar, ax=ax)
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    ax.set(title=title, xlabel="", ylabel="")
    return ax


def bars(values, low=None, high=None, marks=None, title="", ylabel="", ax=None):
    """Draw a value for each row of a series with its interval; `marks` draws labelled horizontal lines {label: value}."""
    ax = ax or plt.subplots(figsize=(max(7, 0.3 * len(values) + 2), 4.4))[1]
    errors = None if low is None else reach(values, low, high)
    ax.errorbar(range(len(values)), values, yerr=errors, fmt="o", markersize=5, capsize=3, linewidth=1)
    for i, (name, value) in enumerate((marks or {}).items()):
        ax.axhline(value, color=f"C{i + 1}", linestyle="--", linewidth=1.2, label=name)
    if marks:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ax.set_xticks(range(len(values)), values.index, rotation=90, fontsize=8)
    ax.set(ylabel=ylabel, title=title)
    ax.grid(axis="y")
    return ax


def profiles(means, couples, text, title="", axes=None):
    """Draw pairs' mean accuracies (network, distortion), a panel for each couple {name: (a, b)} with its line of text."""
    if axes is None:
        axes = plt.subplots(1, len(couples), figsize=(5.5 * len(couples), 4.2), sharey=True, squeeze=False)[1][0]
    for ax, (name, couple) in zip(axes, couples.items(), strict=True):
        for i, network in enumerate(couple):
            ax.plot(range(means.shape[1]), means.loc[network], color=f"C{i}", marker="os"[i], label=network)
        ax.set_xticks(range(means.shape[1]), map(label, means.columns), rotation=40, ha="right")
        ax.set_title(f"{name}\n{text[name]}")
        ax.set_ylim(0, 1.02)
        ax.grid(axis="y")
        ax.legend(loc="lower right")
    axes[0].set_ylabel("mean accuracy over the levels")
    axes[0].figure.suptitle(title)
    return axes

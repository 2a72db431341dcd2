"""Plots of units as image patches: matched ones, clusters, trees; and how two answer together."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from scipy.cluster.hierarchy import dendrogram

from paradoxlib.plotting import style

PALE = 0.65  # how much of what surrounds a receptive field is white
FRAMES = ("C0", "C1")  # of the blocks of the first and of the second network
Patches = tuple[np.ndarray, np.ndarray]  # uint8 (unit, patch, 3, h, w) of two networks


def block(patches: np.ndarray, colour: str, field: int | None = None) -> np.ndarray:
    """Return one unit's nine patches as a picture (h, w, 3), 0..1, in a frame of a colour.

    `patches` is uint8 (patch, 3, size, size), nine at most are shown, three in a row. What lies
    outside the middle `field` pixels of a patch, the receptive field, is pale; nothing is where the
    field is larger, as that of a reduced patch.
    """
    size = patches.shape[-1]
    shown = np.ones((9, 3, size, size))
    shown[: len(patches)] = patches[:9] / 255
    first = (size - min(field or size, size)) // 2
    inside = np.zeros((size, size), dtype=bool)
    inside[first : size - first, first : size - first] = True
    shown = np.where(inside, shown, PALE + (1 - PALE) * shown)
    gap = max(1, size // 12)
    rows = np.pad(shown, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=1)
    step = size + gap
    whole = rows.reshape(3, 3, 3, step, step).transpose(0, 3, 1, 4, 2).reshape(3 * step, -1, 3)
    framed = np.empty((3 * step + gap, 3 * step + gap, 3))
    framed[:] = to_rgb(colour)
    framed[gap:-gap, gap:-gap] = whole[:-gap, :-gap]
    return framed


def tiled(pictures: Sequence[np.ndarray], axis: int = 1) -> np.ndarray:
    """Return pictures (h, w, 3) in a row (or, with axis 0, a column), white between them."""
    gap = max(2, len(pictures[0]) // 12)
    space = [(0, 0)] * 3
    space[axis] = (0, gap)
    parts = [np.pad(picture, space, constant_values=1) for picture in pictures]
    return np.concatenate(parts, axis)


def show(ax: Axes, picture: np.ndarray) -> Axes:
    """Show a picture without ticks and spines."""
    ax.imshow(picture, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def draw_matched_patches(
    layers: Mapping[str, tuple[Patches, Sequence[float], int]],
    names: Sequence[str],
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the best and the worst matched units of layers (Li et al., Figures 2 and 4).

    A layer {heading: (patches, values, field)} has the patches of as many units as partners, best
    matched first, what each pair has in common, and the receptive field in pixels. The better half
    is on the left, the others are on the right; the first network is above the second.
    """
    if axes is None:
        count = max(len(values) for _, values, _ in layers.values())
        size = (0.82 * count + 1, 2.2 * len(layers) + 0.6)
        axes = plt.subplots(len(layers), 1, figsize=size, squeeze=False)[1].ravel()
    for ax, (name, (both, values, field)) in zip(axes, layers.items(), strict=True):
        rows = []
        for patches, colour in zip(both, FRAMES, strict=True):
            rows.append(tiled([block(unit, colour, field) for unit in patches]))
        picture = tiled(rows, 0)
        half, step = -(-len(values) // 2), picture.shape[1] // len(values)
        space = np.ones((len(picture), step // 2, 3))
        show(ax, np.concatenate([picture[:, : half * step], space, picture[:, half * step :]], 1))
        for i, value in enumerate(values):
            x = (i + 0.45) * step + (i >= half) * len(space[0])
            ax.text(x, -step / 20, f"{value:.2f}", ha="center", va="bottom", fontsize=8)
        quarter = len(picture) / 4
        ax.set_yticks([quarter, 3 * quarter], names)
        ax.tick_params(length=0)
        ax.set_title(name, fontsize=10, pad=14)
    axes[0].figure.suptitle(title)
    return axes


def strips(clusters: Sequence[Patches], field: int | None) -> list[np.ndarray]:
    """Return a picture for each cluster, all equally wide: its units' blocks side by side."""
    rows = []
    for both in clusters:
        blocks = [
            block(unit, colour, field)
            for patches, colour in zip(both, FRAMES, strict=True)
            for unit in patches
        ]
        rows.append(tiled(blocks))
    longest = max(row.shape[1] for row in rows)
    spare = [((0, 0), (0, longest - row.shape[1]), (0, 0)) for row in rows]
    return [np.pad(row, space, constant_values=1) for row, space in zip(rows, spare, strict=True)]


def draw_clusters(
    clusters: Mapping[str, Patches],
    field: int | None = None,
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw clusters of units, a row each (Li et al., Figures 5 and 12).

    A cluster {heading: patches} has the units of both networks, each network's in the frame of its
    colour of `FRAMES`. Rows are filled from the top, in two columns where there are many.
    """
    pictures = strips(list(clusters.values()), field)
    columns = 1 + (len(clusters) > 6)
    rows, (high, wide, _) = -(-len(clusters) // columns), pictures[0].shape
    if axes is None:
        size = (6.5 * columns, 0.6 + (5.4 * high / wide + 0.1) * rows)
        axes = plt.subplots(rows, columns, figsize=size, squeeze=False)[1]
    for ax in axes.T.flat[len(clusters) :]:
        ax.axis("off")
    for ax, name, picture in zip(axes.T.flat, clusters, pictures, strict=False):
        show(ax, picture)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    axes.flat[0].figure.suptitle(title)
    return axes


def draw_tree(
    linkage: np.ndarray,
    leaves: Mapping[str, Patches],
    field: int | None = None,
    title: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw how a cluster of units was split, and the units of its leaves (Li et al., Figure 6).

    `linkage` is SciPy's; leaves {heading: patches of both networks} are in its order. The two Axes
    are the tree's, whose axis says how many units a cluster has, and the leaves', a row each.
    """
    pictures = strips(list(leaves.values()), field)
    high, wide, _ = pictures[0].shape
    if axes is None:
        width, height = 0.8 * wide / high, 0.8 * len(leaves)
        size, widths = (width + 3.2, height + 1.1), (2.2, width)
        axes = plt.subplots(1, 2, figsize=size, width_ratios=widths)[1]
    tree, units = axes
    order = [0]  # of a cluster that was never split
    if len(linkage):
        look = {"orientation": "left", "no_labels": True, "link_color_func": lambda _: "black"}
        order = dendrogram(linkage, ax=tree, **look)["leaves"][::-1]
    gap = ((2, 2), (0, 0), (0, 0))
    rows = [np.pad(pictures[leaf], gap, constant_values=1) for leaf in order]
    show(units, np.concatenate(rows)).set_aspect("auto")
    names = [list(leaves)[leaf] for leaf in order]
    units.set_yticks((np.arange(len(order)) + 0.5) * len(rows[0]), names, fontsize=8)
    units.tick_params(length=0)
    tree.set_xlabel("units in the cluster")
    tree.figure.suptitle(title)
    return axes


def draw_joint(
    panels: Mapping[str, np.ndarray], names: Sequence[str], title: str = "", axes: Any = None
) -> np.ndarray:
    """Draw how often two units answer together (Li et al., Figure 7), {heading: counts}.

    Counts (bins, bins) have the first network's unit in their rows. Their colour is logarithmic;
    axes go from 0 to what one answer in a thousand exceeds.
    """
    if axes is None:
        axes = style.rows_of_four(len(panels), 10, 2.8).ravel()
    for ax, (name, counts) in zip(axes, panels.items(), strict=False):
        shown = np.ma.masked_equal(counts.T, 0)
        ax.imshow(shown, "viridis", norm=LogNorm(1, max(counts.max(), 2)), origin="lower")
        ax.set(xticks=[], yticks=[], xlabel=f"unit of {names[0]}", ylabel=f"unit of {names[1]}")
        ax.set_title(name, fontsize=9)
    axes[0].figure.suptitle(title)
    return axes

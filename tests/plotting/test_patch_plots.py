"""Plots of image patches show every unit in the frame of its network."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from paradoxlib import plotting
from paradoxlib.plotting import patch_plots

pytestmark = pytest.mark.usefixtures("styled")


def units(count, size=5, value=0):
    """Patches of some units, all of one brightness."""
    return np.full((count, 9, 3, size, size), value, dtype=np.uint8)


def frames(picture, colour):
    """How many pixels of a picture have a frame's colour."""
    return int(np.isclose(picture, to_rgb(colour)).all(-1).sum())


def test_a_block_has_nine_patches_in_a_frame():
    picture = patch_plots.block(units(1)[0], "C0")
    inside = picture[1:-1, 1:-1]
    assert picture.shape == (19, 19, 3) and frames(picture, "C0") == 4 * 18
    assert (inside == 0).all(-1).sum() == 9 * 25 and (inside[5] == 1).all()
    few = patch_plots.block(units(1)[0, :2], "C0")[1:-1, 1:-1]
    assert (few == 0).all(-1).sum() == 2 * 25


def test_what_surrounds_the_receptive_field_is_pale():
    picture = patch_plots.block(units(1)[0], "C0", field=3)[1:6, 1:6, 0]
    assert (picture[1:4, 1:4] == 0).all() and np.isclose(picture[0], patch_plots.PALE).all()
    reduced = patch_plots.block(units(1)[0], "C0", field=100)[1:6, 1:6]
    assert (reduced == 0).all()


def test_matched_units_stand_above_each_other():
    both = units(4), units(4)
    axes = plotting.draw_matched_patches({"one": (both, [0.9, 0.8, 0.2, 0.1], 5)}, ("A", "B"))
    assert [text.get_text() for text in axes[0].texts] == ["0.90", "0.80", "0.20", "0.10"]
    picture = axes[0].images[0].get_array()
    top, bottom = np.split(picture[: len(picture) // 2 * 2], 2)
    assert frames(top, "C0") == frames(bottom, "C1") == 4 * 4 * 18
    assert frames(top, "C1") == frames(bottom, "C0") == 0


def test_a_cluster_has_the_units_of_both_networks():
    axes = plotting.draw_clusters({"1.": (units(2), units(1)), "2.": (units(1), units(1))})
    pictures = [ax.images[0].get_array() for ax in axes.flat]
    assert [frames(picture, "C0") // 72 for picture in pictures] == [2, 1]
    assert [frames(picture, "C1") // 72 for picture in pictures] == [1, 1]
    assert pictures[0].shape == pictures[1].shape
    many = plotting.draw_clusters({str(i): (units(1), units(1)) for i in range(7)})
    assert many.shape == (4, 2) and not many[3, 1].images


def test_leaves_stand_beside_the_tree():
    linkage = np.array([[0, 1, 3, 2], [2, 3, 4, 3]], dtype=float)
    leaves = {"a": (units(1), units(0)), "b": (units(0), units(2)), "c": (units(1), units(0))}
    tree, below = plotting.draw_tree(linkage, leaves)
    names = [text.get_text() for text in below.get_yticklabels()]
    assert sorted(names) == ["a", "b", "c"] and names[1] != "c"
    rows = np.split(below.images[0].get_array(), 3)
    assert frames(rows[names.index("b")], "C1") == 2 * 72
    assert tree.get_xlim()[0] > 3  # the largest number of units
    _, alone = plotting.draw_tree(np.empty((0, 4)), {"a": (units(1), units(1))})
    assert [text.get_text() for text in alone.get_yticklabels()] == ["a"]


def test_answers_of_two_units_are_counted():
    counts = np.array([[5, 0], [2, 1]])
    axes = plotting.draw_joint({"one": counts}, ("A", "B"))
    shown = axes[0].images[0].get_array()
    assert shown.mask.sum() == 1 and shown[0, 1] == 2 and axes[0].get_xlabel() == "unit of A"

"""The front door lists what notebooks call; names, colours and cells are as people read them."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from paradoxlib import paths, plotting
from paradoxlib.images import distortions
from paradoxlib.plotting import style


def test_the_front_door_lists_what_notebooks_call():
    notebooks = [path.read_text() for path in paths.NOTEBOOKS.glob("*.ipynb")]
    called = {name for text in notebooks for name in re.findall(r"\bplotting\.(\w+)", text)}
    assert {"draw_matrix", "use_style"} <= called <= set(plotting.__all__)


def test_the_front_door_lists_every_function_that_draws():
    modules = (getattr(plotting, name) for name in ("layers", "profiles", "unit_plots"))
    modules = [*modules, plotting.pair_plots, plotting.part_plots, plotting.patch_plots]
    drawing = {name for module in modules for name in vars(module) if name.startswith("draw_")}
    assert {name for name in plotting.__all__ if name.startswith("draw_")} == drawing
    assert all(hasattr(plotting, name) for name in plotting.__all__)


def test_the_style_sheet_is_found():
    with plt.rc_context():
        plt.rcdefaults()
        plotting.use_style()
        assert plt.rcParams["savefig.dpi"] == 160 and plt.rcParams["svg.hashsalt"] == "paradox"


def test_every_distortion_has_a_colour_of_its_own():
    assert len(set(plotting.PALETTE)) == len(plotting.PALETTE) >= len(distortions.GRID)


def test_names_are_written_for_people():
    assert plotting.label("salt_pepper") == "salt & pepper"
    assert plotting.label("gaussian_noise") == "gaussian noise"
    assert plotting.label("blur") == "blur"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.614, ".61"),
        (-0.2, "-.20"),
        (0, ".00"),
        (-0.001, ".00"),
        (0.994, ".99"),
        (0.996, "1"),
        (1, "1"),
        (-1, "-1"),
    ],
)
def test_cells_print_two_digits(value, text):
    assert style.cell_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "+.10"), (-0.25, "-.25"), (0, ".00"), (-0.004, ".00"), (1, "+1.00")]
)
def test_changes_print_their_sign(value, text):
    assert style.change_text(value) == text


def test_error_bars_never_reach_backwards():
    value, low, high = pd.Series([0.5, 0.5]), pd.Series([0.25, 0.75]), pd.Series([0.75, 0.75])
    np.testing.assert_array_equal(style.reach(value, low, high), [[0.25, 0], [0.25, 0.25]])


def test_spare_panels_of_a_row_are_blank():
    axes = style.rows_of_four(6, width=8, height=2)
    assert axes.shape == (2, 4) and [ax.axison for ax in axes.flat] == [True] * 6 + [False] * 2
    plt.close(axes[0, 0].figure)

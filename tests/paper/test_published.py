"""The paper's numbers: the printed matrices, and where each stands."""

import numpy as np
import pytest

from paradoxlib.networks import models
from paradoxlib.paper import published


@pytest.mark.parametrize(("figure", "caption"), published.MATRICES.items())
def test_published_matrices(figure, caption):
    matrix = published.read_matrix(figure)
    n = 20 if "ResNet20" in caption else 12
    assert matrix.shape == (n, n) and (matrix.index == matrix.columns).all()
    assert np.isnan(np.diag(matrix)).all() and matrix.abs().max().max() <= 1
    # Three cells of Figure 3 are rounded differently in its two halves.
    assert (matrix - matrix.T).abs().max().max() < 0.011


def test_other_figures_are_refused():
    with pytest.raises(ValueError, match="unknown figure 'fig1'"):
        published.read_matrix("fig1")


def test_every_architecture_has_an_experiment_and_its_figures():
    for architecture in models.ARCHITECTURES:
        experiment = published.experiment_of(architecture)
        assert experiment in {name for _, name in published.EXPERIMENTS}
        compatibility, similarity = published.read_experiment(architecture)
        assert (compatibility.index == similarity.index).all()
        for what in ("clean_accuracy", "visual_intelligence"):
            low, high = published.text_range(what, architecture)
            assert 0 < low < high < 1
    assert published.figure_of("resnet20", "bars") == "fig1"
    assert published.figure_of("resnet101", "difference") == "fig3"
    assert published.text_range("visual_intelligence", "resnet152") == (0.53, 0.65)
    with pytest.raises(ValueError, match="no experiment for 'vgg16', only for resnet20"):
        published.experiment_of("vgg16")


def test_families_are_founded_by_their_first_network():
    families = published.families_of(published.read_matrix("fig10"))
    assert families["N1"] == "N1" and families["N2"] == "N2"
    assert {families[name] for name in families if name.startswith("N1-")} == {"N1"}
    alone = published.families_of(published.read_matrix("fig10"), threshold=1.01)
    assert all(name == founder for name, founder in alone.items())


def test_the_table_of_convergent_learning():
    table = published.read_matching()
    assert list(table.columns) == ["semi_matching", "matching", "overlap"] and len(table) == 5
    assert (table["semi_matching"] >= table["matching"]).all()

"""Clusters of other widths have the paper's sizes, and their splits make a tree."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import is_valid_linkage

from paradoxlib.similarity import unit_clusters


def test_the_rule_gives_the_paper_s_own_values():
    rule = unit_clusters.scaled(256)
    assert rule["k"] == pytest.approx(100, abs=3) and rule["alpha"] == pytest.approx(0.025)
    assert unit_clusters.scaled(96)["k"] == pytest.approx(40, abs=3)
    for width in (16, 64):
        assert 2 * unit_clusters.scaled(width)["alpha"] * width == pytest.approx(12.8)
    assert unit_clusters.scaled(2)["k"] == 2


def test_splits_lead_from_the_first_clusters_to_the_last():
    table = np.corrcoef(np.random.default_rng(4).normal(size=(40, 60)))
    labels, splits = unit_clusters.split_spectrally(table, 3, 0.0, 4)
    whole, none = unit_clusters.split_spectrally(table, 3, 0.0, 40)
    assert not none and len(np.unique(labels)) == 3 + len(splits)
    for kept, new in reversed(splits):
        labels = np.where(labels == new, kept, labels)
    assert (labels == whole).all()


def test_the_largest_cluster_is_a_tree():
    labels = np.array([0, 0, 0, 3, 4, 4, 1, 2, 2, -1])
    linkage, leaves = unit_clusters.largest_tree(labels, [(0, 3), (0, 4)])
    assert leaves == [0, 3, 4] and is_valid_linkage(linkage)
    np.testing.assert_array_equal(linkage, [[0, 2, 5, 2], [3, 1, 6, 3]])
    linkage, leaves = unit_clusters.largest_tree(labels, [])
    assert linkage.shape == (0, 4) and leaves == [0]

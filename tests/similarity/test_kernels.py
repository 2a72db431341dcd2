"""Similarity recovers a permutation, and has the chance level of the paper's strangers."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from paradoxlib import seeds
from paradoxlib.networks import models
from paradoxlib.similarity import alignments, kernels


@pytest.fixture
def states():
    return {
        seed: models.build("resnet20", generator=seeds.generator(seed)).state_dict()
        for seed in range(3)
    }


def test_correlations_are_pearson_s():
    source = torch.Generator().manual_seed(2)
    a, b = torch.randn(2, 5, 27, dtype=torch.float64, generator=source)
    expected = [[pearsonr(x, y)[0] for y in b] for x in a]
    assert np.allclose(kernels.correlate_kernels(a, b), expected)


@pytest.mark.parametrize("alignment", ["paper", "greedy", "optimal"])
def test_a_known_permutation_is_recovered(states, alignment):
    shuffled, source = dict(states[0]), torch.Generator().manual_seed(3)
    for layer in kernels.kernels_of(states[0]):
        order = torch.randperm(len(shuffled[f"{layer}.weight"]), generator=source)
        shuffled[f"{layer}.weight"] = shuffled[f"{layer}.weight"][order]
    assert kernels.similarity(states[0], shuffled, alignment) == pytest.approx(1)
    assert kernels.similarity(states[0], shuffled, "none") < 0.5


@pytest.mark.parametrize("alignment", alignments.ALIGNMENTS)
def test_self_similarity_is_one(states, alignment):
    assert kernels.similarity(states[0], states[0], alignment) == pytest.approx(1)


@pytest.mark.parametrize("alignment", ["optimal", "none", "greedy"])
def test_symmetric_where_it_should_be(states, alignment):
    there = kernels.similarity(states[0], states[1], alignment)
    assert there == pytest.approx(kernels.similarity(states[1], states[0], alignment))


@pytest.mark.parametrize("alignment", alignments.ALIGNMENTS)
def test_all_pairs_agree_with_one_pair(states, alignment, monkeypatch):
    monkeypatch.setattr(kernels, "GROUP_BYTES", 6e5)  # two networks a group in the widest layers
    matrix = kernels.similarity_matrix(states, alignment)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        one = kernels.similarity(states[a], states[b], alignment)
        assert matrix.loc[a, b] == pytest.approx(one) and matrix.loc[b, a] == matrix.loc[a, b]
    assert (np.diag(matrix) == 1).all()


def test_scale_and_offset_of_a_kernel_do_not_matter(states):
    other = dict(states[0])
    other["conv1.weight"] = 3 * other["conv1.weight"] + 1
    assert kernels.similarity(states[0], other) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("architecture", "published", "pairs"), [("resnet20", 0.135, 4), ("resnet50", 0.128, 1)]
)
def test_chance_levels(architecture, published, pairs):
    assert abs(kernels.chance_level(architecture, pairs=pairs) - published) <= 0.01


def test_chance_depends_on_how_many_kernels_there_are_and_how_long_they_are(states):
    weights = {layer: states[0][f"{layer}.weight"] for layer in kernels.kernels_of(states[0])}
    levels = kernels.chance_of_shapes({layer: value.shape for layer, value in weights.items()})
    flat = {layer: value.shape for layer, value in kernels.kernels_of(states[0]).items()}
    assert levels == kernels.chance_of_shapes(flat) and list(levels) == list(weights)
    assert np.mean(list(levels.values())) == kernels.chance_level("resnet20")
    assert levels["conv1"] > levels["res2a_branch2a"] + 0.1  # 16 kernels of 27 weights, and of 144
    other = kernels.chance_of_shapes(flat, seed=1)
    assert other != levels and other["conv1"] == pytest.approx(levels["conv1"], abs=0.05)


def test_strangers_score_the_chance_level(states):
    assert abs(kernels.similarity(states[0], states[1]) - kernels.chance_level("resnet20")) < 0.01


def test_constant_kernels_are_counted_not_scored(states):
    dead = {name: value.clone() for name, value in states[0].items()}
    dead["conv1.weight"][3] = 0.25
    for alignment in ("greedy", "optimal", "none"):
        layer = kernels.layer_similarity(dead, dead, alignment)["conv1"]
        assert layer.n == 15 and layer.mean == pytest.approx(1)
    paper = kernels.layer_similarity(dead, dead)["conv1"]
    assert paper.n == 16 and paper.mean == pytest.approx(15 / 16)


def test_networks_of_different_architectures_are_refused(states):
    wide = models.build("resnet50", 10).state_dict()
    with pytest.raises(ValueError, match="different architectures"):
        kernels.similarity(states[0], wide)
    narrow = {**states[0], "conv1.weight": states[0]["conv1.weight"][:8]}
    with pytest.raises(ValueError, match="'conv1' has kernels of shapes"):
        kernels.similarity_matrix({"a": states[0], "b": narrow})
    more = {**states[0], "extra.weight": torch.zeros(4, 3, 1, 1)}
    with pytest.raises(ValueError, match="b has a layer 'extra' that a lacks"):
        kernels.similarity_matrix({"a": states[0], "b": more})
    with pytest.raises(ValueError, match="without convolutions"):
        kernels.similarity({"fc.weight": torch.zeros(2, 2)}, {"fc.weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="unknown alignment 'best'"):
        kernels.similarity(states[0], states[1], "best")


def test_a_dead_kernel_turns_at_the_smallest_step_and_is_told_apart():
    source = torch.Generator().manual_seed(0)
    parent = {
        "one.weight": torch.randn(8, 3, 3, 3, generator=source),
        "two.weight": torch.randn(8, 8, 3, 3, generator=source),
    }
    parent["one.weight"][5] *= 1e-3
    child = {
        name: weight + 1e-3 * torch.randn(weight.shape, generator=source)
        for name, weight in parent.items()
    }
    table = kernels.layer_changes(parent, child)
    assert table["dead"].to_dict() == {"one": 1, "two": 0} and table["kernels"].tolist() == [8, 8]
    assert table.loc["one", "mean"] < 0.98 and table.loc["one", "alive"] > 0.9999
    assert table["whole"].min() > 0.9999  # a whole layer hides it
    layers = kernels.layer_similarity(parent, child, "none")
    assert np.allclose(table["mean"], [layers[name].mean for name in table.index])
    assert np.allclose(table["sd"], [layers[name].sd for name in table.index])


def test_a_child_that_is_its_parent_has_not_changed():
    state = models.build("resnet20", generator=seeds.generator("same")).state_dict()
    table = kernels.layer_changes(state, state)
    assert np.allclose(table[["mean", "whole", "alive"]], 1) and not table["dead"].any()

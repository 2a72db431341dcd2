"""Alignment agrees with a slow oracle, recovers a permutation, and has the chance level of the paper's strangers."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from paradoxlib import alignments, data, kernels, models


def slow_alignment(matrix):
    """The paper's rule, word for word: kernels of A in order, each the best free one of B; no positive match scores 0 and takes none."""
    free, scores = set(range(matrix.shape[1])), []
    for i in range(len(matrix)):
        best = None
        for j in sorted(free):
            if matrix[i, j] > 0 and (best is None or matrix[i, j] > matrix[i, best]):
                best = j
        scores.append(0.0 if best is None else float(matrix[i, best]))
        free -= {best}
    return scores


def slow_greedy(matrix):
    """The highest correlation of what is left, one pair after another."""
    left, scores = matrix.copy(), np.empty(len(matrix))
    for _ in scores:
        i, j = np.unravel_index(np.argmax(left), left.shape)
        scores[i] = left[i, j]
        left[i], left[:, j] = -np.inf, -np.inf
    return scores


@pytest.fixture
def states():
    return {seed: models.build("resnet20", generator=data.generator(seed)).state_dict() for seed in range(3)}


def some_kernels(kind, networks=5, n=24):
    """Standardised kernels of some networks (p, n, d) and another (n, d): long or short, with near ties, or with hardly a positive correlation."""
    source = torch.Generator().manual_seed(1)
    d = 3 if kind == "short" else 200
    a, b = (torch.randn(*shape, d, generator=source, dtype=torch.float64) for shape in ((networks, n), (n,)))
    if kind == "near ties":  # closer than float32 can tell
        b = b[: n // 3].repeat(3, 1) + 1e-9 * b
    if kind == "opposed":
        a, b = a + 5 * a[0, 0], b - 5 * a[0, 0]
    return kernels.standardised(a), kernels.standardised(b)


@pytest.mark.parametrize("kind", ["long", "short", "near ties", "opposed"])
@pytest.mark.parametrize(("alignment", "oracle"), [("paper", slow_alignment), ("greedy", slow_greedy)])
def test_alignments_agree_with_their_oracle(kind, alignment, oracle):
    a, b = some_kernels(kind)
    assert np.allclose(alignments.align(a, b, alignment), [oracle(matrix) for matrix in (a @ b.T).numpy()], rtol=0, atol=1e-14)


def test_optimal_is_never_lower_and_none_is_the_diagonal():
    a, b = some_kernels("short")
    assert (alignments.align(a, b, "optimal").sum(1) >= alignments.align(a, b, "greedy").sum(1) - 1e-12).all()
    assert torch.allclose(alignments.align(a, b, "none"), (a @ b.T).diagonal(dim1=1, dim2=2), rtol=0, atol=1e-14)


def test_correlations_are_pearson_s():
    a, b = torch.randn(2, 5, 27, dtype=torch.float64)
    assert np.allclose(kernels.correlations(a, b), [[pearsonr(x, y)[0] for y in b] for x in a])


@pytest.mark.parametrize("alignment", ["paper", "greedy", "optimal"])
def test_a_known_permutation_is_recovered(states, alignment):
    shuffled = dict(states[0])
    for layer in kernels.kernels_of(states[0]):
        order = torch.randperm(len(shuffled[f"{layer}.weight"]))
        shuffled[f"{layer}.weight"] = shuffled[f"{layer}.weight"][order]
    assert kernels.similarity(states[0], shuffled, alignment) == pytest.approx(1)
    assert kernels.similarity(states[0], shuffled, "none") < 0.5


@pytest.mark.parametrize("alignment", alignments.ALIGNMENTS)
def test_self_similarity_is_one(states, alignment):
    assert kernels.similarity(states[0], states[0], alignment) == pytest.approx(1)


@pytest.mark.parametrize("alignment", ["optimal", "none", "greedy"])
def test_symmetric_where_it_should_be(states, alignment):
    assert kernels.similarity(states[0], states[1], alignment) == pytest.approx(kernels.similarity(states[1], states[0], alignment))


@pytest.mark.parametrize("alignment", alignments.ALIGNMENTS)
def test_all_pairs_agree_with_one_pair(states, alignment, monkeypatch):
    monkeypatch.setattr(kernels, "GROUP_BYTES", 6e5)  # two networks a group in the widest layers
    matrix = kernels.similarity_matrix(states, alignment)
    assert matrix.loc[0, 2] == pytest.approx(kernels.similarity(states[0], states[2], alignment))
    assert matrix.loc[1, 2] == matrix.loc[2, 1]
    assert (np.diag(matrix) == 1).all()


def test_scale_and_offset_of_a_kernel_do_not_matter(states):
    other = dict(states[0])
    other["conv1.weight"] = 3 * other["conv1.weight"] + 1
    assert kernels.similarity(states[0], other) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("architecture", "published", "pairs"), [("resnet20", 0.135, 4), ("resnet50", 0.128, 1)])
def test_chance_levels(architecture, published, pairs):
    assert abs(kernels.chance_level(architecture, pairs=pairs) - published) <= 0.01


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
    with pytest.raises(ValueError, match="without convolutions"):
        kernels.similarity({"fc.weight": torch.zeros(2, 2)}, {"fc.weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="unknown alignment 'best'"):
        kernels.similarity(states[0], states[1], "best")


def test_a_dead_kernel_turns_at_the_smallest_step_and_is_told_apart():
    source = torch.Generator().manual_seed(0)
    parent = {"one.weight": torch.randn(8, 3, 3, 3, generator=source), "two.weight": torch.randn(8, 8, 3, 3, generator=source)}
    parent["one.weight"][5] *= 1e-3
    child = {name: weight + 1e-3 * torch.randn(weight.shape, generator=source) for name, weight in parent.items()}
    table = kernels.layer_changes(parent, child)
    assert table["dead"].to_dict() == {"one": 1, "two": 0} and table["kernels"].tolist() == [8, 8]
    assert table.loc["one", "mean"] < 0.98 and table.loc["one", "alive"] > 0.9999
    assert table["whole"].min() > 0.9999  # a whole layer hides it
    layers = kernels.layer_similarity(parent, child, "none")
    assert np.allclose([table["mean"], table["sd"]], [[layers[n].mean for n in table.index], [layers[n].sd for n in table.index]])


def test_a_child_that_is_its_parent_has_not_changed():
    state = models.build("resnet20", generator=data.generator("same")).state_dict()
    table = kernels.layer_changes(state, state)
    assert np.allclose(table[["mean", "whole", "alive"]], 1) and not table["dead"].any()

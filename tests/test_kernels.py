"""Alignment agrees with a slow oracle, recovers a permutation, and has the chance level of the paper's strangers."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from paradoxlib import data, kernels, models


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


@pytest.mark.parametrize("shift", [0.0, -1.5, -5.0])
def test_paper_alignment_oracle(shift):
    matrices = torch.randn(5, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + shift
    fast = kernels.align(matrices, "paper")
    assert np.allclose(fast, [slow_alignment(matrix) for matrix in matrices.numpy()])


def test_greedy_takes_the_highest_first_and_optimal_is_never_lower():
    matrices = torch.randn(5, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    greedy, optimal = kernels.align(matrices, "greedy"), kernels.align(matrices, "optimal")
    assert np.allclose(greedy, [slow_greedy(matrix) for matrix in matrices.numpy()])
    assert torch.allclose(greedy.amax(1), matrices.amax((1, 2)))
    assert (optimal.sum(1) >= greedy.sum(1) - 1e-12).all()
    assert torch.equal(kernels.align(matrices, "none"), matrices.diagonal(dim1=1, dim2=2))


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


@pytest.mark.parametrize("alignment", kernels.ALIGNMENTS)
def test_self_similarity_is_one(states, alignment):
    assert kernels.similarity(states[0], states[0], alignment) == pytest.approx(1)


@pytest.mark.parametrize("alignment", ["optimal", "none", "greedy"])
def test_symmetric_where_it_should_be(states, alignment):
    assert kernels.similarity(states[0], states[1], alignment) == pytest.approx(kernels.similarity(states[1], states[0], alignment))


@pytest.mark.parametrize("alignment", kernels.ALIGNMENTS)
def test_all_pairs_agree_with_one_pair(states, alignment, monkeypatch):
    monkeypatch.setattr(kernels, "TILE_BYTES", 8 * 64**2 * 4.0)  # two networks a side in the widest layers
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

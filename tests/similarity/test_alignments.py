"""Alignments agree with slow oracles, near ties and hardly positive correlations among them."""

import numpy as np
import pytest
import torch

from paradoxlib.similarity import alignments, kernels


def slow_alignment(matrix):
    """The paper's rule, word for word: kernels of A in order, each the best free one of B.

    A kernel without a positive match scores 0 and takes none.
    """
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


def some_kernels(kind, networks=5, n=24):
    """Return standardised kernels of some networks (p, n, d) and of another (n, d).

    They are long or short, with near ties, or with hardly a positive correlation.
    """
    source = torch.Generator().manual_seed(1)
    d = 3 if kind == "short" else 200
    a = torch.randn(networks, n, d, generator=source, dtype=torch.float64)
    b = torch.randn(n, d, generator=source, dtype=torch.float64)
    if kind == "near ties":  # closer than float32 can tell
        b = b[: n // 3].repeat(3, 1) + 1e-9 * b
    if kind == "opposed":
        a, b = a + 5 * a[0, 0], b - 5 * a[0, 0]
    return kernels.standardised(a), kernels.standardised(b)


@pytest.mark.parametrize("kind", ["long", "short", "near ties", "opposed"])
@pytest.mark.parametrize(
    ("alignment", "oracle"), [("paper", slow_alignment), ("greedy", slow_greedy)]
)
def test_alignments_agree_with_their_oracle(kind, alignment, oracle):
    a, b = some_kernels(kind)
    expected = [oracle(matrix) for matrix in (a @ b.T).numpy()]
    assert np.allclose(alignments.align(a, b, alignment), expected, rtol=0, atol=1e-14)


def test_optimal_is_never_lower_and_none_is_the_diagonal():
    a, b = some_kernels("short")
    optimal, greedy = (alignments.align(a, b, name).sum(1) for name in ("optimal", "greedy"))
    assert (optimal >= greedy - 1e-12).all() and (optimal > greedy + 1e-3).any()
    diagonal = (a @ b.T).diagonal(dim1=1, dim2=2)
    assert torch.allclose(alignments.align(a, b, "none"), diagonal, rtol=0, atol=1e-14)

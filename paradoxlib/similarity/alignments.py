"""Pair each kernel of one network with a kernel of another: four rules.

paper
    The kernels of A, in the order of their index, each take the best kernel of B that is free. A
    kernel without a positive free match scores 0 and takes none. (This is what the authors' code
    does; the result depends a little on which network comes first.)
greedy
    The highest correlation of the whole matrix is taken first, then the next.
optimal
    The one-to-one assignment with the highest sum.
none
    Index to index.
"""

import numpy as np
import scipy
import torch
from numba import njit

ALIGNMENTS = ("paper", "greedy", "optimal", "none")

# Lets the compiler vectorise sums and maxima; infinities keep their meaning.
FAST = {"nnan", "nsz", "reassoc", "contract"}


def align(a: torch.Tensor, b: torch.Tensor, alignment: str = "paper") -> torch.Tensor:
    """Return the correlation of each kernel of several networks with its partner in another one.

    The paper's and the greedy alignment look for partners in a matrix product of float32. They then
    compare every partner that its rounding could hide in float64, so the result is that of float64
    throughout.

    Parameters
    ----------
    a, b : torch.Tensor
        Standardised kernels (see `kernels.standardised`) of p networks (p, n, d) and of another one
        (n, d), float64.
    alignment : str
        One of `ALIGNMENTS`.

    Returns
    -------
    torch.Tensor
        (p, n), float64. A kernel without a correlation is nan, except under the paper's rule, which
        scores it 0.

    Raises
    ------
    ValueError
        For an unknown alignment.
    """
    if alignment not in ALIGNMENTS:
        raise ValueError(f"unknown alignment {alignment!r}: choose one of {', '.join(ALIGNMENTS)}")
    ours, theirs = a.numpy(), b.numpy()
    scores = np.full(ours.shape[:2], np.nan)
    if alignment == "none":
        scores[:] = np.einsum("pnd,nd->pn", ours, theirs)
    elif alignment == "optimal":
        align_optimally(products(ours, theirs), scores)
    else:
        approximate = products(ours.astype(np.float32), theirs.astype(np.float32))
        np.nan_to_num(approximate, copy=False, nan=-np.inf)
        # Two sums of d rounded products of unit vectors differ by less than this.
        slack = 2 * (ours.shape[2] + 2) * np.finfo(np.float32).eps
        fill = align_in_order if alignment == "paper" else align_greedily
        fill(approximate, slack, ours, theirs, scores)
    return torch.from_numpy(scores).clamp_(-1, 1)


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the scalar products (p, n, n) of kernels of p networks (p, n, d) and of one (n, d)."""
    return (a.reshape(-1, a.shape[2]) @ b.T).reshape(len(a), -1, len(b))


@njit(nogil=True, cache=True, fastmath=FAST)
def highest(values: np.ndarray) -> float:
    """Return the highest of some numbers."""
    result = values[0]
    for value in values:
        result = max(result, value)
    return result


@njit(nogil=True, cache=True, fastmath=FAST)
def dot(x: np.ndarray, y: np.ndarray) -> float:
    """Return the scalar product of two vectors."""
    total = 0.0
    for k in range(len(x)):
        total += x[k] * y[k]
    return total


@njit(nogil=True, cache=True)
def best_free(
    row: np.ndarray, slack: float, kernel: np.ndarray, others: np.ndarray, floor: float
) -> tuple[float, int]:
    """Return the best correlation above `floor` of a kernel (d,) with `others` (n, d), and whose.

    The second number is the index of the best one, -1 where none is above `floor`. `row` (n,) holds
    approximate correlations, -infinity where there is none or where the other kernel is taken.
    """
    bound, best, partner = highest(row) - slack, floor, -1
    for j in range(len(row)):
        if row[j] >= bound and row[j] > -np.inf:
            exact = dot(kernel, others[j])
            if exact > best:
                best, partner = exact, j
    return best, partner


@njit(nogil=True, cache=True)
def align_in_order(
    matrices: np.ndarray, slack: float, a: np.ndarray, b: np.ndarray, scores: np.ndarray
) -> None:
    """Fill scores (p, n) by the paper's rule.

    `matrices` (p, n, n) holds approximate correlations and is overwritten.
    """
    # Loops go by index: an array that numba iterates over no longer counts as contiguous.
    for p in range(len(a)):
        for i in range(len(b)):
            scores[p, i], partner = best_free(matrices[p, i], slack, a[p, i], b, 0.0)
            if partner >= 0:
                matrices[p, i + 1 :, partner] = -np.inf


@njit(nogil=True, cache=True)
def align_greedily(
    matrices: np.ndarray, slack: float, a: np.ndarray, b: np.ndarray, scores: np.ndarray
) -> None:
    """Fill scores (p, n), the highest correlation first.

    A kernel whose best partner was taken looks for its next best. `matrices` (p, n, n) holds
    approximate correlations and is overwritten.
    """
    n = len(b)
    best, partner = np.empty(n), np.empty(n, dtype=np.int64)
    for p in range(len(a)):
        free, done = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
        for i in range(n):
            best[i], partner[i] = best_free(matrices[p, i], slack, a[p, i], b, -np.inf)
        while True:
            top = -1
            for i in range(n):
                if not done[i] and partner[i] >= 0 and not free[partner[i]]:
                    best[i], partner[i] = best_free(matrices[p, i], slack, a[p, i], b, -np.inf)
                if not done[i] and partner[i] >= 0 and (top < 0 or best[i] > best[top]):
                    top = i
            if top < 0:
                break
            scores[p, top], done[top], free[partner[top]] = best[top], True, False
            matrices[p, :, partner[top]] = -np.inf


def align_optimally(matrices: np.ndarray, scores: np.ndarray) -> None:
    """Fill scores (p, n) by the assignment with the highest sum, without constant kernels.

    `matrices` (p, n, n) holds correlations.
    """
    for values, aligned in zip(matrices, scores, strict=True):
        ours, theirs = (np.isfinite(values).any(axis).nonzero()[0] for axis in (1, 0))
        known = values[np.ix_(ours, theirs)]
        chosen, partners = scipy.optimize.linear_sum_assignment(known, maximize=True)
        aligned[ours[chosen]] = values[ours[chosen], theirs[partners]]

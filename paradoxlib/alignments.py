"""Which kernel of one network belongs to which of another: four rules.

paper
    Kernels of A in the order of their index each take the best kernel of B that is still free; one without a positive free
    match scores 0 and takes none. (What the authors' code does; the result depends a little on which network comes first.)
greedy
    The highest correlation of the whole matrix first.
optimal
    The one-to-one assignment of the highest sum.
none
    Index to index.
"""

import numpy as np
import torch
from numba import njit
from scipy.optimize import linear_sum_assignment

ALIGNMENTS = ("paper", "greedy", "optimal", "none")
FAST = {"nnan", "nsz", "reassoc", "contract"}  # lets compiled sums and maxima be made in vectors; infinities stay


def align(a, b, alignment="paper"):
    """Return the correlation of each kernel of many networks with its partner in another.

    The paper's and the greedy alignment look for partners in a product of float32; every partner that its rounding could hide is then compared in
    float64, so the result is that of float64 throughout.

    Parameters
    ----------
    a, b : torch.Tensor
        Standardised kernels (see `kernels.standardised`) of p networks (p, n, d) and of another (n, d), float64.
    alignment : str
        One of `ALIGNMENTS`.

    Returns
    -------
    torch.Tensor
        (p, n), float64. A kernel without a correlation is nan, but for the paper's rule, by which it scores 0.
    """
    if alignment not in ALIGNMENTS:
        raise ValueError(f"unknown alignment {alignment!r}: choose one of {', '.join(ALIGNMENTS)}")
    a, b = a.numpy(), b.numpy()
    scores = np.full(a.shape[:2], np.nan)
    if alignment == "none":
        scores[:] = np.einsum("pnd,nd->pn", a, b)
    elif alignment == "optimal":
        align_optimally(products(a, b), scores)
    else:
        approximate = np.nan_to_num(products(a.astype(np.float32), b.astype(np.float32)), copy=False, nan=-np.inf)
        slack = 2 * (a.shape[2] + 2) * np.finfo(np.float32).eps  # two sums of d rounded products of unit vectors are off by less
        {"paper": align_in_order, "greedy": align_greedily}[alignment](approximate, slack, a, b, scores)
    return torch.from_numpy(scores).clamp_(-1, 1)


def products(a, b):
    """Return the scalar products (p, n, n) of the kernels of p networks (p, n, d) with those of another (n, d)."""
    return (a.reshape(-1, a.shape[2]) @ b.T).reshape(len(a), -1, len(b))


@njit(nogil=True, cache=True, fastmath=FAST)
def highest(values):
    """Return the highest of some numbers."""
    result = values[0]
    for value in values:
        result = max(result, value)
    return result


@njit(nogil=True, cache=True, fastmath=FAST)
def dot(x, y):
    """Return the scalar product of two vectors."""
    total = 0.0
    for k in range(len(x)):
        total += x[k] * y[k]
    return total


@njit(nogil=True, cache=True)
def best_free(row, slack, kernel, others, floor):
    """Return the highest correlation above `floor` of a kernel (d,) with `others` (n, d), and its index, or -1.

    `row` holds approximate correlations, -infinity where there is none or the other is taken.
    """
    bound, best, partner = highest(row) - slack, floor, -1
    for j in range(len(row)):
        if row[j] >= bound and row[j] > -np.inf:
            exact = dot(kernel, others[j])
            if exact > best:
                best, partner = exact, j
    return best, partner


@njit(nogil=True, cache=True)
def align_in_order(matrices, slack, a, b, scores):
    """The paper's alignment: fill scores (p, n), given approximate correlations (p, n, n), which are used up."""
    for p in range(len(a)):  # by index: an array that numba iterates over forgets that it is contiguous
        for i in range(len(b)):
            scores[p, i], partner = best_free(matrices[p, i], slack, a[p, i], b, 0.0)
            if partner >= 0:
                matrices[p, i + 1 :, partner] = -np.inf


@njit(nogil=True, cache=True)
def align_greedily(matrices, slack, a, b, scores):
    """The highest correlation first: fill scores (p, n), given approximate ones; a kernel whose best was taken looks for its next best."""
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


def align_optimally(matrices, scores):
    """The assignment of the highest sum, constant kernels left out: fill scores (p, n), given correlations (p, n, n)."""
    for values, aligned in zip(matrices, scores, strict=True):
        ours, theirs = (np.isfinite(values).any(axis).nonzero()[0] for axis in (1, 0))
        chosen, partners = linear_sum_assignment(values[np.ix_(ours, theirs)], maximize=True)
        aligned[ours[chosen]] = values[ours[chosen], theirs[partners]]

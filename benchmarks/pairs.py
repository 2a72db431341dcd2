"""Kernel similarity of all pairs: ours against a per-pair loop with SciPy, pairs a second; checked against it on a sample."""

import argparse
import resource
import time

import numpy as np
import race
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from paradoxlib import kernels, models

NETWORKS = {"resnet20": 329, "resnet50": 20}
SAMPLE = 12  # networks that the loop compares as well


def in_order(matrix):
    """The paper's alignment of one layer's correlations, a row at a time."""
    matrix, scores = matrix.copy(), []
    for row in matrix:
        partner = row.argmax()
        scores.append(max(row[partner], 0))
        if row[partner] > 0:
            matrix[:, partner] = -np.inf
    return scores


def optimally(matrix):
    """The assignment of the highest sum."""
    return matrix[linear_sum_assignment(matrix, maximize=True)]


def loop(states, layers, align):
    """Return the similarity of all pairs of states, pair after pair, layer after layer."""
    names, matrix = list(states), np.eye(len(states))
    own = {name: [state[f"{layer}.weight"].double().flatten(1).numpy() for layer in layers] for name, state in states.items()}
    for j in range(len(names)):
        for i in range(j):
            means = [np.mean(align(1 - cdist(a, b, "correlation"))) for a, b in zip(own[names[i]], own[names[j]], strict=True)]
            matrix[i, j] = matrix[j, i] = np.mean(means)
    return matrix


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=NETWORKS, default="resnet20")
    architecture = parser.parse_args().architecture
    print(race.machine())
    source, shapes = torch.Generator().manual_seed(1), models.empty(architecture).state_dict()
    states = {str(i): {n: torch.randn(v.shape, generator=source) for n, v in shapes.items()} for i in range(NETWORKS[architecture])}
    layers = models.convolutions(shapes)
    few = dict(list(states.items())[: SAMPLE if architecture == "resnet20" else 2])
    count = len(states) * (len(states) - 1) // 2
    wide = np.array([(v.shape[0], v[0].numel()) for v in shapes.values() if v.dim() == 4], dtype=float)
    limit = torch.get_num_threads() * race.arithmetic(torch.float32) / (2 * wide[:, 0] ** 2 @ wide[:, 1])
    for alignment, align in (("paper", in_order), ("optimal", optimally)):
        if alignment == "optimal" and architecture != "resnet20":
            continue
        sample = kernels.similarity_matrix(few, alignment).to_numpy()  # compiles, too
        started = time.perf_counter()
        slow = loop(few, layers, align)
        theirs = len(few) * (len(few) - 1) / 2 / (time.perf_counter() - started)
        started = time.perf_counter()
        kernels.similarity_matrix(states, alignment)
        seconds = time.perf_counter() - started
        rates = {"SciPy, pair by pair": (theirs,) * 3, "paradoxlib": (count / seconds,) * 3}
        race.report(f"{architecture}, {alignment} alignment: {count:,} pairs in {seconds:.1f} s", rates, "SciPy, pair by pair", "pairs", limit)
        print(f"\nlargest deviation on {len(few) * (len(few) - 1) // 2} pairs: {np.abs(sample - slow).max():.1e}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()

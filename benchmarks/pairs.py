"""Kernel similarity of all pairs, pairs a second: ours, and a loop over pairs with SciPy.

Ours is checked against the loop on a sample of the networks.
"""

import argparse
import resource
import time
from math import comb

import numpy as np
import race
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from paradoxlib.networks import models
from paradoxlib.similarity import kernels

NETWORKS = {"resnet20": 329, "resnet50": 20}
SAMPLE = {"resnet20": 12, "resnet50": 2}  # networks that the loop compares as well
PEER = "SciPy, pair by pair"


def in_order(matrix):
    """Return the paper's alignment of one layer's correlations, a row at a time."""
    matrix, scores = matrix.copy(), []
    for row in matrix:
        partner = row.argmax()
        scores.append(max(row[partner], 0))
        if row[partner] > 0:
            matrix[:, partner] = -np.inf
    return scores


def optimally(matrix):
    """Return the assignment of the highest sum."""
    return matrix[linear_sum_assignment(matrix, maximize=True)]


ALIGNMENTS = {
    "resnet20": {"paper": in_order, "optimal": optimally},
    "resnet50": {"paper": in_order},
}


def loop(states, align):
    """Return the similarity of all pairs of states, pair after pair, layer after layer."""
    own = [layers_of(state) for state in states.values()]
    matrix = np.eye(len(own))
    for j in range(len(own)):
        for i in range(j):
            layers = zip(own[i], own[j], strict=True)
            means = [np.mean(align(1 - cdist(a, b, "correlation"))) for a, b in layers]
            matrix[i, j] = matrix[j, i] = np.mean(means)
    return matrix


def layers_of(state):
    """Return the kernels (n, in * h * w) of each of a state's convolutions, float64."""
    weights = [state[f"{layer}.weight"] for layer in models.convolutions(state)]
    return [weight.double().flatten(1).numpy() for weight in weights]


def random_states(shapes, count):
    """Return `count` states of random values, shaped as those of a state dict."""
    source = torch.Generator().manual_seed(1)
    return {
        str(i): {name: torch.randn(v.shape, generator=source) for name, v in shapes.items()}
        for i in range(count)
    }


def operations(shapes):
    """Return the operations of one pair's correlations (a product and a sum are two)."""
    weights = [shapes[f"{layer}.weight"] for layer in models.convolutions(shapes)]
    return sum(2 * len(weight) ** 2 * weight[0].numel() for weight in weights)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=NETWORKS, default="resnet20")
    architecture = parser.parse_args().architecture
    print(race.machine())
    shapes = models.empty(architecture).state_dict()
    states = random_states(shapes, NETWORKS[architecture])
    few = {name: states[name] for name in list(states)[: SAMPLE[architecture]]}
    count, few_count = comb(len(states), 2), comb(len(few), 2)
    limit = torch.get_num_threads() * race.arithmetic(torch.float32) / operations(shapes)
    for alignment, align in ALIGNMENTS[architecture].items():
        sample = kernels.similarity_matrix(few, alignment).to_numpy()  # compiles, too
        started = time.perf_counter()
        slow = loop(few, align)
        peer_seconds = time.perf_counter() - started
        started = time.perf_counter()
        kernels.similarity_matrix(states, alignment)
        seconds = time.perf_counter() - started
        rates = {
            PEER: race.summarise([few_count / peer_seconds]),
            "paradoxlib": race.summarise([count / seconds]),
        }
        title = f"{architecture}, {alignment} alignment: {count:,} pairs in {seconds:.1f} s"
        race.report(title, rates, PEER, "pairs", limit)
        deviation = np.abs(sample - slow).max()
        print(f"\nlargest deviation on {few_count} pairs: {deviation:.1e}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()

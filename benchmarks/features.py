"""Measures of features of all pairs, pairs a second: each layer prepared once, or once a pair."""

from itertools import combinations
from math import comb

import numpy as np
import race

from paradoxlib import devices
from paradoxlib.measures import of_networks
from paradoxlib.measures.catalogue import MEASURES

NETWORKS, IMAGES = 12, 200
WIDTHS = [16] * 7 + [32] * 6 + [64] * 6  # of ResNet20's ReLUs
PEER, OURS = "each pair anew", "each layer once"
FUNCTIONS = [one.features for one in MEASURES.values() if one.features]


def random_layers(seed):
    """Return {layer: features (n, units)} of a made-up network."""
    source = np.random.default_rng(seed)
    shared = source.normal(size=(IMAGES, 64))
    return {
        i: shared[:, :width] + source.normal(size=(IMAGES, width)) for i, width in enumerate(WIDTHS)
    }


def anew(function, networks):
    """Return the means over layers of all pairs, both layers' features taken for each."""
    pairs = combinations(networks, 2)
    return [np.mean([function(a[layer], b[layer]) for layer in a]) for a, b in pairs]


def once(function, networks):
    """Return the same, each layer prepared once."""
    ready = [{layer: function.alone(x) for layer, x in own.items()} for own in networks]
    return [of_networks.mean_over_layers(function, a, b) for a, b in combinations(ready, 2)]


def main():
    networks = [random_layers(seed) for seed in range(NETWORKS)]

    def run(way):
        for function in FUNCTIONS:
            way(function, networks)
        return comb(NETWORKS, 2)

    with devices.one_thread():
        rates = race.race({PEER: lambda: run(anew), OURS: lambda: run(once)}, repeats=3)
    print(race.machine())
    title = f"{len(FUNCTIONS)} measures of {NETWORKS} networks, one core"
    race.report(title, rates, PEER, "pairs")


if __name__ == "__main__":
    main()

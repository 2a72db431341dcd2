"""CKA of ResNet20s, pairs a second: ours, and torch_cka; and of all layers of deep pairs, seconds.

ResNet20s are compared in all batch norms and the dense layer, on one batch of 256 images. The peer
takes pairs one after the other; its time for all pairs of 20 networks is that of one pair times
their number.
"""

import copy
import time
import warnings
from itertools import combinations

import race
import torch
from torch.utils.data import DataLoader, TensorDataset
from torch_cka import CKA

from paradoxlib import seeds
from paradoxlib.networks import activations, models
from paradoxlib.similarity import cka

IMAGES, NETWORKS = 256, 20
DEEP = ("resnet50", "resnet101", "resnet152")
PEER = "torch_cka, one pair"


def build(architecture, seed):
    """Return a fresh network, in evaluation mode, plainly laid out."""
    network = models.build(architecture, generator=seeds.generator(seed))
    return network.to(memory_format=torch.contiguous_format).eval()


def exact_cka(a, b, images, layers):
    """Return the CKA of two networks' layers by the formula itself, in float64."""
    ours, theirs = plain_grams(a, images, layers), plain_grams(b, images, layers)
    hsic = [[cka.unbiased_hsic(one, other) for other in theirs] for one in ours]
    norms = [
        torch.tensor([cka.unbiased_hsic(gram, gram) for gram in grams], dtype=torch.float64).sqrt()
        for grams in (ours, theirs)
    ]
    return torch.tensor(hsic, dtype=torch.float64) / torch.outer(*norms)


def plain_grams(network, images, layers):
    """Return the Gram matrix of each layer's features, not centred, float64."""
    outputs = activations.record(network, images, layers).values()
    features = [output.flatten(1).double() for output in outputs]
    return [x @ x.T for x in features]


def race_small(images):
    """Race ResNet20s; print the rates and the errors against the formula."""
    networks = {f"N{i}": build("resnet20", i) for i in range(NETWORKS)}
    a, b = networks["N0"], networks["N1"]
    # Batch norms and the dense layer are modules, which the peer can hook.
    names = activations.layer_names(a, images)
    layers = [name for name in names if name.startswith(("bn", "fc"))]
    results = {}

    def peer():
        other = CKA(copy.deepcopy(a), copy.deepcopy(b), "a", "b", layers, layers)
        with torch.no_grad():
            other.compare(DataLoader(TensorDataset(images), IMAGES))
        results["peer"] = other.export()["CKA"].double()
        return 1

    def ours():
        results["ours"] = cka.cka_matrix(a, b, images, layers=layers)
        return 1

    def all_pairs():
        pairs = list(combinations(networks, 2))
        cka.cka_matrices(networks, images, pairs, layers)
        return len(pairs)

    contenders = {
        PEER: peer,
        "paradoxlib, one pair": ours,
        f"paradoxlib, all pairs of {NETWORKS}": all_pairs,
    }
    rates = race.race(contenders, 3)
    title = f"CKA of {len(layers)} x {len(layers)} layers of ResNet20s, {IMAGES} images"
    race.report(title, rates, PEER, "pairs")

    right = exact_cka(a, b, images, layers)
    own_error = (torch.tensor(results["ours"].to_numpy()) - right).abs().max()
    peer_error = (results["peer"] - right).abs().max()
    errors = f"ours {own_error:.1e}, the peer's {peer_error:.1e}"
    print(f"\nLargest error against the formula in float64: {errors}")


def time_deep(images):
    """Print the seconds that all layers of a deep network take with those of others."""
    print("\n| all layers of | seconds |\n| --- | ---: |")
    first = build(DEEP[0], 0)
    for name in DEEP:
        started = time.perf_counter()
        rows, columns = cka.cka_matrix(first, build(name, 1), images).shape
        seconds = time.perf_counter() - started
        print(f"| {DEEP[0]} x {name}: {rows} x {columns} | {seconds:.1f} |")


def main():
    warnings.simplefilter("ignore")
    print(race.machine())
    images = torch.rand(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    race_small(images)
    time_deep(images)


if __name__ == "__main__":
    main()

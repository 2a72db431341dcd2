"""CKA of all batch norms and the dense layer of ResNet20s on one batch of 256 images: ours against torch_cka; and of deep pairs.

The peer takes pairs one after the other; its time for all pairs of 20 networks is that of one pair times their number.
"""

import copy
import time
import warnings
from itertools import combinations

import race
import torch
from torch.utils.data import DataLoader, TensorDataset
from torch_cka import CKA

from paradoxlib import activations, cka, data, models

IMAGES, NETWORKS = 256, 20
DEEP = ("resnet50", "resnet101", "resnet152")


def build(architecture, seed):
    """Return a fresh network, in evaluation mode, plainly laid out."""
    return models.build(architecture, generator=data.generator(seed)).to(memory_format=torch.contiguous_format).eval()


def main():
    warnings.simplefilter("ignore")
    print(race.machine())
    images = torch.rand(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    networks = {f"N{i}": build("resnet20", i) for i in range(NETWORKS)}
    a, b = networks["N0"], networks["N1"]
    layers = [name for name in activations.names(a, images) if name.startswith(("bn", "fc"))]  # modules, which the peer can hook
    results = {}

    def peer():
        other = CKA(*(copy.deepcopy(network) for network in (a, b)), "a", "b", layers, layers)
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

    def exact():
        """The formula itself, layer by layer, in float64."""
        grams = [[(x := output.flatten(1).double()) @ x.T for output in activations.record(n, images, layers).values()] for n in (a, b)]
        hsic = [[cka.unbiased_hsic(one, other) for other in grams[1]] for one in grams[0]]
        own = [torch.tensor([cka.unbiased_hsic(gram, gram) for gram in side], dtype=torch.float64).sqrt() for side in grams]
        return torch.tensor(hsic, dtype=torch.float64) / torch.outer(*own)

    rates = race.race({"torch_cka, one pair": peer, "paradoxlib, one pair": ours, f"paradoxlib, all pairs of {NETWORKS}": all_pairs}, 3)
    race.report(f"CKA of {len(layers)} x {len(layers)} layers of ResNet20s, {IMAGES} images", rates, "torch_cka, one pair", "pairs")
    right, mine = exact(), torch.tensor(results["ours"].to_numpy())
    errors = [(found - right).abs().max() for found in (mine, results["peer"])]
    print(f"\nLargest error against the formula in float64: ours {errors[0]:.1e}, the peer's {errors[1]:.1e}")
    print("\n| all layers of | seconds |\n| --- | ---: |")
    first = build(DEEP[0], 0)
    for name in DEEP:
        started = time.perf_counter()
        table = cka.cka_matrix(first, build(name, 1), images)
        print(f"| {DEEP[0]} x {name}: {table.shape[0]} x {table.shape[1]} | {time.perf_counter() - started:.1f} |")


if __name__ == "__main__":
    main()

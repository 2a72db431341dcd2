"""Align whole networks by permuting their units, the next layer's inputs along with them (in the manner of Git Re-Basin, Ainsworth et al. 2023).

Units that a residual stream adds together share one permutation, so the permuted network computes the same function. `kernels.similarity` permutes
each layer's kernels and leaves the order of their inputs alone; this does not.
"""

import torch
from scipy.optimize import linear_sum_assignment

from paradoxlib import activations, data, models, units

SWEEPS = 50  # at most, over all groups of units


def groups(architecture):
    """Return {layer: (group of its outputs, group of its inputs)} of every convolution and ``fc``; None where the order is fixed.

    A group is named by the layer whose outputs it orders; a residual stream by the first that writes to it.
    """
    blocks, stream = models.empty(architecture).blocks, "conv1"
    branches = ("branch2a", "branch2b") if architecture == "resnet20" else ("branch2a", "branch2b", "branch2c")
    found = {"conv1": (stream, None)}
    for block in blocks:
        names = [f"{block.name}_{branch}" for branch in branches]
        after = f"{block.name}_branch1" if block.projection else stream
        inputs = [stream, *names[:-1]]
        found |= {name: (after if name == names[-1] else name, before) for name, before in zip(names, inputs, strict=True)}
        if block.projection:
            found[after] = (after, stream)
        stream = after
    return found | {"fc": (None, stream)}


def sizes(state, architecture):
    """Return {group: number of its units}."""
    return {group: len(state[f"{group}.bias"]) for group, _ in groups(architecture).values() if group}


def apply(state, orders, architecture):
    """Return a new state whose units stand in other orders, {group: indices (units,)}; the function stays the same.

    A group without an order stays as it is; its i-th unit is the old one of index ``orders[group][i]``.
    """
    result = {name: value.clone() for name, value in state.items()}
    for layer, (outputs, inputs) in groups(architecture).items():
        if inputs in orders:
            result[f"{layer}.weight"] = result[f"{layer}.weight"][:, orders[inputs]]
        if outputs in orders:
            norm = models.batch_norm_name(layer)
            for name in (f"{layer}.weight", f"{layer}.bias", *(f"{norm}.{what}" for what in ("weight", "bias", "running_mean", "running_var"))):
                if name in result:
                    result[name] = result[name][orders[outputs]]
    return result


def match_weights(a, b, architecture, seed=0):
    """Return {group: order} of b's units in which its kernels and dense weights are most like a's: the sum of the layers' cosines, index to index.

    One group after the other, in random order, takes its best order given the others' (a linear assignment), until none gains; this finds a local
    optimum, and never a lower one than it starts from.

    Parameters
    ----------
    a, b : dict
        State dicts of one architecture.
    """
    where = groups(architecture)
    kernels = {layer: [scaled(state[f"{layer}.weight"]) for state in (a, b)] for layer in where}
    orders = {group: torch.arange(size) for group, size in sizes(a, architecture).items()}
    source, names = data.generator(seed, "groups"), list(orders)
    for _ in range(SWEEPS):
        moved = False
        for i in torch.randperm(len(names), generator=source).tolist():
            gains = gain_table(names[i], where, kernels, orders)
            order = torch.from_numpy(linear_sum_assignment(gains.numpy(), maximize=True)[1])
            kept = torch.arange(len(order))
            if gains[kept, order].sum() > gains[kept, orders[names[i]]].sum() + 1e-9:
                orders[names[i]], moved = order, True
        if not moved:
            break
    return orders


def scaled(weight):
    """Return a layer's weights (out, in, positions), float64, of length 1 as a whole."""
    weight = weight.double().flatten(2) if weight.dim() > 2 else weight.double()[:, :, None]
    return weight / weight.norm().clamp(min=1e-30)


def gain_table(group, where, kernels, orders):
    """Return what each of b's units (columns) adds in the place of each of a's (rows) of a group, the other groups' orders given."""
    total = 0
    for layer, (outputs, inputs) in where.items():
        ours, theirs = kernels[layer]
        if outputs == group:
            moved = theirs if inputs is None else theirs[:, orders[inputs]]
            total = total + ours.flatten(1) @ moved.flatten(1).T
        if inputs == group:
            moved = theirs if outputs is None else theirs[orders[outputs]]
            total = total + ours.transpose(0, 1).flatten(1) @ moved.transpose(0, 1).flatten(1).T
    return total


def observed(network, architecture, images):
    """Return {group: ReLUs at which its units are seen}: behind the convolution, or behind the additions of its stream."""
    where, stream, last, found = groups(architecture), None, None, {}
    for name in activations.names(network, images[:1]):
        last = where[name][0] if name in where else last
        if name.startswith("add"):
            last = stream
        elif name.startswith("relu") and last:
            found.setdefault(last, []).append(name)
        if name in where and (name == "conv1" or name.endswith("branch1")):
            stream = last
    return found


def match_activations(a, b, architecture, images):
    """Return {group: order} of b's units in which they are most correlated with a's over images and positions, summed over a stream's additions.

    Parameters
    ----------
    a, b : torch.nn.Module
        Networks of one architecture, in evaluation mode.
    images : torch.Tensor
        (n, 3, h, w), as the networks want them.
    """
    where = observed(a, architecture, images)
    found = units.correlations({"a": a, "b": b}, images, [relu for relus in where.values() for relu in relus])
    orders = {}
    for group, relus in where.items():
        table = sum(torch.from_numpy(found[relu].pair("a", "b").between).nan_to_num(0) for relu in relus)
        orders[group] = torch.from_numpy(linear_sum_assignment(table.numpy(), maximize=True)[1])
    return orders

"""Which part of a network carries its behaviour? All exchanges of parts between two networks, and the share of the way that each part explains.

The parts: kernels, biases of convolutions, what batch norms learn (scale and shift), what they gather (running statistics), the dense layer.
What evaluates knows studies, and keeps predictions in files, so that a stop loses little.
"""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import torch

from paradoxlib import data, evaluation, models, paradox, paths, sisters, tables, training, transplant, weights

PARTS = ("kernels", "biases", "scale and shift", "running statistics", "dense layer")


def part_of(state):
    """Return {entry: part} of a state dict of this project's networks."""
    convolutions = set(models.convolutions(state))
    parts = {}
    for entry in state:
        layer, _, what = entry.rpartition(".")
        if layer in convolutions:
            parts[entry] = "kernels" if what == "weight" else "biases"
        elif layer == "fc":
            parts[entry] = "dense layer"
        else:
            parts[entry] = "running statistics" if what.startswith("running") else "scale and shift"
    return parts


def exchange(recipient, donor, parts):
    """Return a new state: the recipient's with some of `PARTS` taken from the donor; ValueError for an unknown part or another architecture."""
    transplant.check_parts(parts, PARTS)
    transplant.check_alike(recipient, donor)
    owner = part_of(recipient)
    return {entry: (donor if owner[entry] in parts else recipient)[entry].clone() for entry in recipient}


def subsets(parts=PARTS):
    """Return all subsets of the parts, as tuples, smaller ones first."""
    return [chosen for size in range(len(parts) + 1) for chosen in combinations(parts, size)]


def shapley(values, parts=PARTS):
    """Return how much each part contributes to the value of all of them (Shapley 1953): what its exchange adds, the mean over all orders of exchange.

    Parameters
    ----------
    values : dict
        {subset of the parts: value}, for `subsets`; numbers, or arrays of one shape.

    Returns
    -------
    dict
        {part: share}; they add up to the value of all parts less that of none.
    """
    n, shares = len(parts), {}
    for part in parts:
        gains = []
        for without in subsets([other for other in parts if other != part]):
            joined = tuple(other for other in parts if other in without or other == part)
            gains.append(factorial(len(without)) * factorial(n - len(without) - 1) / factorial(n) * (values[joined] - values[without]))
        shares[part] = sum(gains)
    return shares


def count(study):
    """Return on how many test images exchanges are evaluated; None: on all."""
    return study.exchange_images or study.transplant_images


def pictures(study):
    """Return the test images that exchanges are evaluated on."""
    return study.images("test").first(count(study))


def predictions(study, recipient, donor):
    """Return {subset of the parts: int16 tensor (condition, image)} of all exchanges, recipient and donor first; kept in a file, as networks' are."""
    ordered = [(), PARTS, *subsets()[1:-1]]
    return kept(study, f"{donor} into {recipient}", ordered, lambda ends, parts: exchange(*ends, parts), (recipient, donor))


def kept(study, name, choices, make, networks):
    """Return {choice: predictions} of the states that make(the networks' states, choice) returns, from their file or computed and put there."""
    images = pictures(study)
    about = {"keys": [study.prediction_key(network) for network in networks], "choices": [list(choice) for choice in choices]}
    about |= {"images": images.fingerprint()}
    path = paths.predictions(study.name, name)
    if weights.read_about(path) != about:
        ends = [training.load_network(study, network).state_dict() for network in networks]
        predicted = transplant.predictions(study, choices, lambda choice: make(ends, choice), images, f"exchanges of {name},")
        weights.write(path, {str(i): predicted[choice] for i, choice in enumerate(choices)}, about)
    tensors, _ = weights.read(path)
    return {choice: tensors[str(i)] for i, choice in enumerate(choices)}


def numbers(study, predicted):
    """Return the samples (resample, choice, distortion) of mean accuracies, the real ones first, and what they say: {name: (resample, choice)}.

    ``recovered`` is the share of the way from the first's behaviour to the second's (see `transplant.recovered`).
    """
    samples = evaluation.resampled_accuracy(predicted, pictures(study).labels, real_first=True)
    samples = paradox.distortion_means(samples, study.conditions)
    return samples, {"recovered": transplant.recovered(samples), "visual_intelligence": samples.mean(-1)}


def interval(samples):
    """Return the 95 % interval of samples (resample, ...) of which the first is the real one: (2, ...); nan where nothing is defined."""
    samples = samples[1:].reshape(len(samples) - 1, -1)
    bounds, defined = np.full((2, samples.shape[1]), np.nan), ~np.isnan(samples).all(0)
    bounds[:, defined] = np.nanquantile(samples[:, defined], [0.025, 0.975], axis=0)
    return bounds.squeeze()


def evaluate(study, recipient, donor):
    """Return what all exchanges from donor to recipient do, and each part's share, on `pictures`.

    Returns
    -------
    exchanges : pandas.DataFrame
        A row for each subset of the parts: a column for each part (whether it is the donor's), ``visual_intelligence``, ``recovered`` (the share of
        the way from the recipient's behaviour to the donor's, see `transplant.recovered`) and the compatibility with both.
    shares : pandas.DataFrame
        A row for each part: its Shapley share of ``recovered`` and of the change of visual intelligence, each with its bootstrap interval.
    """
    predicted = predictions(study, recipient, donor)
    ordered, (samples, found) = list(predicted), numbers(study, predicted)
    with np.errstate(invalid="ignore"):  # a network that is as able under all distortions has no compatibility
        profiles = np.corrcoef(samples[0])
    rows = []
    for i, parts in enumerate(ordered):
        row = {part: part in parts for part in PARTS} | {name: values[0, i] for name, values in found.items()}
        rows.append(row | {"with_recipient": profiles[i, 0], "with_donor": profiles[i, 1]})
    table = {part: {} for part in PARTS}
    for name, values in found.items():
        for part, share in shapley(dict(zip(ordered, values.T, strict=True))).items():
            low, high = interval(share)
            table[part] |= {name: share[0], f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(rows), pd.DataFrame.from_dict(table, "index").rename_axis("part")


def layer_statistics(study, recipient, donor):
    """Return what the running statistics of each batch norm alone bring from donor to recipient: DataFrame (layer, recovered, low, high)."""
    norms = [layer for layer in models.conv_layers(training.load_network(study, recipient)) if has_norm(study, layer)]
    choices = [("none",), ("all",), *((layer,) for layer in norms)]

    def make(ends, choice):
        if choice == ("all",):
            return {name: value.clone() for name, value in ends[1].items()}
        return transplant.transplant(*ends, choice, ["statistics"]) if choice != ("none",) else ends[0]

    predicted = kept(study, f"{donor} into {recipient}, statistics", choices, make, (recipient, donor))
    recovered = numbers(study, predicted)[1]["recovered"][:, 2:]
    low, high = interval(recovered)
    return pd.DataFrame({"layer": norms, "recovered": recovered[0], "low": low, "high": high})


def has_norm(study, layer):
    """Say whether a batch norm follows a convolution of the study's architecture."""
    return hasattr(models.empty(study.model.architecture), models.batch_norm_name(layer))


@torch.no_grad()
def reestimated(study, network, like, images=10_000):
    """Return the state of a network with no weight changed, but its batch norms' running statistics gathered anew.

    On training images augmented as those of the network `like` were; the mean over batches of 100 (each batch's own mean and variance count alike).
    """
    model, settings = training.load_network(study, network), study.network(like)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.num_batches_tracked, layer.momentum = torch.zeros((), dtype=torch.long), None  # the mean of all batches
            layer.reset_running_stats()
    source, train = data.generator(settings.seed, "statistics"), study.images("train").first(images)
    model.train()
    for _, pixels, _ in data.batches(train, torch.arange(len(train)), 100):
        model(training.augment(pixels, study.data, settings, source))
    return model.state_dict()


def identical_kernels(study, parent, child):
    """Return how the parent, the parent with `reestimated` statistics and the child behave.

    Returns
    -------
    pandas.DataFrame
        A row for each of the three: the mean accuracy under each distortion, and its compatibility with each (``with parent``, ``with child``)
        with the bootstrap interval, ``... low`` and ``... high``.
    """
    means, compatibility, bounds = behaviour(study, gathered_anew(study, parent, child))
    for i, who in ((0, "parent"), (2, "child")):
        means[f"with {who}"], means[f"with {who} low"], means[f"with {who} high"] = compatibility[i], *bounds[:, i]
    return means


def gathered_anew(study, parent, child):
    """Return {network: predictions} of the parent, the parent with `reestimated` statistics, and the child."""
    names = (parent, f"{parent} re-estimated", child)
    choices = [(parent,), (child,), names[1:2]]

    def make(ends, choice):
        return ends[choices.index(choice)] if choice != choices[2] else reestimated(study, parent, child)

    predicted = kept(study, f"{parent} re-estimated as {child}", choices, make, (parent, child))
    return {name: predicted[name,] for name in names}


def behaviour(study, predicted):
    """Return the mean accuracies (network, distortion), compatibilities (network, network) and their bounds (2, network, network) of predictions."""
    labels = pictures(study).labels
    table = evaluation.accuracy(predicted, labels, study.conditions)
    bounds = paradox.compatibility_intervals(evaluation.resampled_accuracy(predicted, labels), study.conditions)
    return evaluation.mean_accuracies(table), paradox.compatibility(table).to_numpy(), bounds


def identical_pairs(study):
    """Return the table of all pairs within families, twice: the trained networks, and their parent with statistics `reestimated` as of each.

    In the second all that was ever learned is the parent's, bit by bit: what sets two of them apart is the statistics alone.

    Returns
    -------
    pandas.DataFrame
        a, b (networks), ``trained`` and ``identical``, their compatibility, each with its bootstrap interval ``_low`` to ``_high``.
    """

    def compute():
        found = {}
        for parent, child in pairs(study):
            own, again, other = gathered_anew(study, parent, child).values()
            trained, identical = found.setdefault(parent, ({parent: own}, {parent: own}))
            trained[child], identical[child] = other, again
        rows = []
        for both in found.values():
            (_, trained, bounds), (_, identical, limits) = (behaviour(study, one) for one in both)
            names = list(both[0])
            for i, j in combinations(range(len(names)), 2):
                rows.append((names[i], names[j], trained[i, j], *bounds[:, i, j], identical[i, j], *limits[:, i, j]))
        return pd.DataFrame(rows, columns=["a", "b", *(name + end for name in ("trained", "identical") for end in ("", "_low", "_high"))])

    return tables.result(study, "identical_pairs", compute, count(study), sisters.NETWORKS)


def pairs(study):
    """Return [(parent, child)] of the networks of a study that are compared (`sisters.shown_names`)."""
    shown = sisters.shown_names(study)
    return [(network.parent, name) for name, network in study.networks.items() if network.parent and name in shown]


def over_pairs(study, name, function):
    """Return a table of function(parent, child) for all children, with the columns parent and child; computed once."""

    def compute():
        parts = {pair: function(*pair) for pair in pairs(study)}
        return pd.concat(parts, names=["parent", "child"]).reset_index(["parent", "child"]).reset_index(drop=True)

    return tables.result(study, name, compute, count(study), PARTS, sisters.NETWORKS)


def exchanges(study):
    """Return the table of all exchanges from every child to its parent; see `evaluate`."""
    return over_pairs(study, "exchanges", lambda *pair: evaluate(study, *pair)[0])


def shares(study):
    """Return the table (parent, child, part, ...) of the parts' shares of every child's behaviour; see `evaluate`."""
    return over_pairs(study, "exchange_shares", lambda *pair: evaluate(study, *pair)[1].reset_index())


def statistics_by_layer(study):
    """Return the table (parent, child, layer, recovered, low, high) of single layers' running statistics; see `layer_statistics`."""
    return over_pairs(study, "layer_statistics", lambda *pair: layer_statistics(study, *pair))


def identical(study):
    """Return the table (parent, child, network, distortion ...) of parents with statistics gathered anew; see `identical_kernels`."""
    return over_pairs(study, "identical_kernels", lambda *pair: identical_kernels(study, *pair).rename_axis("network").reset_index())

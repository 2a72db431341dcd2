"""Which part of a network carries its behaviour? All exchanges of parts between two networks, and the share of the way that each part explains.

The parts: kernels, biases of convolutions, what batch norms learn (scale and shift), what they gather (running statistics), the dense layer.
`evaluate` alone knows studies.
"""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from paradoxlib import evaluation, models, paradox, training, transplant

PARTS = ("kernels", "biases", "scale and shift", "running statistics", "dense layer")
TOGETHER = 8  # exchanges that are in memory at once


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


def evaluate(study, recipient, donor):
    """Return what all exchanges from donor to recipient do, and each part's share, on the study's transplant images.

    Returns
    -------
    exchanges : pandas.DataFrame
        A row for each subset of the parts: a column for each part (whether it is the donor's), ``visual_intelligence``, ``recovered`` (the share of
        the way from the recipient's behaviour to the donor's, see `transplant.recovered`) and the compatibility with both.
    shares : pandas.DataFrame
        A row for each part: its Shapley share of ``recovered`` and of the change of visual intelligence, each with its bootstrap interval.
    """
    ends = [training.load_network(study, name).state_dict() for name in (recipient, donor)]
    images, predicted, choices = study.images("test").first(study.transplant_images), {}, subsets()
    ordered = [(), PARTS, *choices[1:-1]]  # recipient and donor first
    for start in range(0, len(ordered), TOGETHER):
        states = {parts: exchange(*ends, parts) for parts in ordered[start : start + TOGETHER]}
        predicted |= evaluation.predict_states(study, states, images, f"exchanges {start + 1} to {start + len(states)} of {len(ordered)}")
    samples = paradox.distortion_means(evaluation.resampled_accuracy(predicted, images.labels, real_first=True), study.conditions)
    numbers = {"recovered": transplant.recovered(samples), "visual_intelligence": samples.mean(-1)}
    with np.errstate(invalid="ignore"):  # a network that is as able under all distortions has no compatibility
        profiles = np.corrcoef(samples[0])
    rows = []
    for i, parts in enumerate(ordered):
        row = {part: part in parts for part in PARTS} | {name: values[0, i] for name, values in numbers.items()}
        rows.append(row | {"with_recipient": profiles[i, 0], "with_donor": profiles[i, 1]})
    table = {part: {} for part in PARTS}
    for name, values in numbers.items():
        for part, share in shapley(dict(zip(ordered, values.T, strict=True))).items():
            low, high = np.nanquantile(share[1:], [0.025, 0.975])
            table[part] |= {name: share[0], f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(rows), pd.DataFrame.from_dict(table, "index").rename_axis("part")

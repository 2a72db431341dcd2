"""One network of anybody's beside many: what it has in common with each of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib.behaviour import predictions
from paradoxlib.comparison import acting, comparisons, given
from paradoxlib.images import distortions


class Placement(NamedTuple):
    """One network beside many (see `place`)."""

    name: str
    profiles: pd.DataFrame
    numbers: pd.DataFrame
    notes: list[str]


def place(
    network: torch.nn.Module,
    others: Mapping[str, torch.nn.Module],
    images: Any,
    labels: Any = None,
    *,
    name: str = "yours",
    transform: given.Transform | None = None,
    conditions: Sequence[distortions.Condition] = tuple(distortions.conditions()),
    device: str = "cpu",
) -> Placement:
    """Return what a network of anybody's has in common with each of many, such as a study's.

    It sees each image once for all of them, beside as many others as fit in
    `predictions.COPIES_BYTES`.

    Parameters
    ----------
    network : torch.nn.Module
        A classifier of images.
    others : dict
        {name: torch.nn.Module}, which know as many classes and see images in 0..1 as they are.
    images, labels, conditions, device
        Those of `comparisons.compare`; of ``datasets.Images`` the labels are known.
    name : str
        What to call the network.
    transform : callable, optional
        What images in 0..1 go through before this network sees them.

    Returns
    -------
    Placement
        ``profiles``: the mean accuracy of each network, this one first, over the levels of each
        distortion (network, distortion). ``numbers``, a row for each other network and quantity:
        ``network``, ``quantity``, then ``value``, ``low``, ``high``, ``chance`` as a comparison has
        them: how alike their answers, errors, layers, units and, where they correspond, kernels
        are. ``notes``: what could not be compared, and why.

    Raises
    ------
    ValueError
        For no labels, or networks of different numbers of classes, beside what `compare` refuses.
    """
    own = given.prepared(name, network, transform)
    theirs = [given.prepared(other, module) for other, module in others.items()]
    pixels, truth = given.as_pixels(images), given.labels_of(images, labels)
    if truth is None or name in others or not others:
        raise ValueError("a network is placed by images with labels, and by a name of its own")
    classes = given.count_classes((own, *theirs), pixels)
    if note := given.differing(classes):
        raise ValueError(note)
    seen = given.as_data(pixels, truth, classes[0])
    modules = {each.name: each.module for each in (own, *theirs)}
    predicted = predictions.predict_conditions(modules, seen, conditions, device=device)
    profiles: dict[str, pd.Series] = {}
    pairs = [comparisons.Comparison((name, other.name)) for other in theirs]
    for pair, other in zip(pairs, theirs, strict=True):
        comparisons.compare_weights(pair, own, other)
        both = {each: predicted[each] for each in pair.names}
        answers = acting.compare_answers(both, seen.labels, conditions, classes[0])
        comparisons.add(pair, answers.numbers)
        profiles |= {each: answers.profiles[f"{each} accuracy"] for each in pair.names}
    at_once = predictions.copies_at_once(own.state)
    for start in tqdm(range(0, len(theirs), at_once), desc="layers", unit="group"):
        group = slice(start, start + at_once)
        comparisons.compare_features(pairs[group], own, theirs[group], seen)
    numbers = []
    for pair in pairs:
        table, ends = pair.tables["numbers"], tuple(f" of {each}" for each in pair.names)
        table = table.drop(index=[row for row in table.index if row.endswith(ends)]).reset_index()
        table.insert(0, "network", pair.names[1])
        numbers.append(table)
    return Placement(
        name,
        pd.DataFrame(profiles).T.rename_axis("network"),
        pd.concat(numbers, ignore_index=True),
        list(dict.fromkeys(note for pair in pairs for note in pair.notes)),
    )

"""What unrelated networks score by a measure: its level on views that were trained apart."""

from collections.abc import Callable, Mapping

import numpy as np
import torch

from paradoxlib import seeds
from paradoxlib.behaviour import scores
from paradoxlib.measures.views import View, pairwise
from paradoxlib.networks import models
from paradoxlib.similarity import permutations

Pair = Callable[[View, View], float]
Chance = float | Callable[[Mapping[str, View]], float]


def of_fresh_networks(pair: Pair) -> Chance:
    """Return the chance level of two networks with fresh weights."""

    def level(views: Mapping[str, View]) -> float:
        one = next(iter(views.values()))
        name = one.architecture()
        width = len(one.state["conv1.weight"]) / len(
            models.empty(name).state_dict()["conv1.weight"]
        )
        a, b = (
            models.build(name, width=width, generator=seeds.generator("chance", which)).eval()
            for which in "ab"
        )
        return pair(View(a, one.stimuli), View(b, one.stimuli))

    return level


def of_other_images(pair: Pair) -> Chance:
    """Return the chance level of each network with the first one, which sees other images."""

    def level(views: Mapping[str, View]) -> float:
        first, *others = views.values()
        values = [pair(first.elsewhere, other) for other in others]
        return float(np.mean(values)) if values else np.nan

    return level


def of_shuffled_units(pair: Pair) -> Chance:
    """Return the chance level of all pairs, the units of one in random order."""

    def level(views: Mapping[str, View]) -> float:
        one = next(iter(views.values()))
        sizes, source = (
            permutations.group_sizes(one.state, one.architecture()),
            seeds.generator("chance", "units"),
        )

        def shuffled(a: View, b: View) -> float:
            orders = {group: torch.randperm(n, generator=source) for group, n in sizes.items()}
            other = View(b.network, b.stimuli)
            other.state = permutations.permute(b.state, orders, one.architecture())
            return pair(a, other)

        return float(pairwise(shuffled, views).mean().mean())

    return level


def of_independent_answers(which: str) -> Chance:
    """Return the equal predictions of networks that name each class as often, independently."""

    def level(views: Mapping[str, View]) -> float:
        predicted = {name: view.predictions(which) for name, view in views.items()}
        classes = 1 + max(int(rows.max()) for rows in predicted.values())
        shares = {name: scores.class_shares(rows, classes) for name, rows in predicted.items()}
        return float(pairwise(scores.independent_agreement, shares).mean().mean())

    return level

"""Which part of two networks of one architecture carries the difference of their behaviour.

Parts are exchanged, and running statistics are re-estimated while everything learned stays.
"""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import torch

from paradoxlib import seeds
from paradoxlib.behaviour import contributions, intervals, paradox, predictions, scores
from paradoxlib.comparison.given import Given
from paradoxlib.images import augmentation, datasets, distortions
from paradoxlib.networks import models, surgery

LARGEST_NOISE = 0.3  # the largest amount in images that statistics are re-estimated on
STATISTICS_BATCH = 50  # images at most that give a mean and a variance together


def predict_with_states(
    network: torch.nn.Module,
    states: Mapping[str, models.State],
    images: datasets.Images,
    conditions: Sequence[distortions.Condition],
    text: str,
    device: str,
) -> dict[str, torch.Tensor]:
    """Return the predictions of a network with each of several states.

    As many at once as there is room for.
    """
    at_once, names = predictions.copies_at_once(network.state_dict()), list(states)
    found: dict[str, torch.Tensor] = {}
    for start in range(0, len(names), at_once):
        some = {
            name: models.with_state(network, states[name])
            for name in names[start : start + at_once]
        }
        found |= predictions.predict_conditions(
            some, images, conditions, device=device, text=f"{text} ({len(names)})"
        )
    return found


def exchange_parts(
    a: Given,
    b: Given,
    images: datasets.Images,
    conditions: Sequence[distortions.Condition],
    labels: torch.Tensor | None,
    device: str = "cpu",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what all exchanges of parts do to a, and each part's share of the way to b (Shapley).

    Index to index: a takes b's kernels, its running statistics, and so on, in all combinations of
    the parts that differ.

    Parameters
    ----------
    a, b : Given
        Two modules of one architecture.
    images, conditions : datasets.Images, list
        What they are shown.
    labels : torch.Tensor, optional
        The right classes. Without them the way is measured by predictions alone.

    Returns
    -------
    tuple of pandas.DataFrame
        ``exchanges``: a row for each set of parts that a takes; ``taken``, ``agreement with A``
        (by the network's name), ``agreement with B``, and with labels ``recovered``, how far on the
        way from a's accuracies to b's (`contributions.recovered`). ``shares``: a row for each
        ``part``; its share of what the agreement with b gains, ``answers``, and with labels of the
        way between accuracies, ``recovered``, with 95 % intervals over resampled images.
    """
    parts = surgery.differing_parts(a.state, b.state)
    order = contributions.ends_first(parts)
    states = {" + ".join(s) or "nothing": surgery.exchange(a.state, b.state, s) for s in order}
    found = predict_with_states(a.module, states, images, conditions, "exchanging parts", device)
    own, other = list(found.values())[:2]
    table = pd.DataFrame({"taken": list(found)})
    table[f"agreement with {a.name}"] = [scores.equal_predictions(x, own) for x in found.values()]
    agreeing = contributions.agree(found, other)
    table[f"agreement with {b.name}"] = agreeing[0]
    values = {"answers": contributions.answers_recovered(agreeing)}
    if labels is not None:
        values["recovered"] = contributions.behave(found, labels, conditions).recovered
        table["recovered"] = values["recovered"][0]
    rows: dict[str, dict] = {part: {} for part in parts}
    for name, samples in values.items():
        by_set = {subset: samples[:, order.index(subset)] for subset in order}
        for part, share in contributions.shapley(by_set, parts).items():
            rows[part] |= intervals.as_columns(name, share)
    return table, pd.DataFrame.from_dict(rows, "index").rename_axis("part")


def has_statistics(state: models.State) -> bool:
    """Say whether a network has running statistics."""
    return any(entry.endswith("running_mean") for entry in state)


def shown_for_statistics(pixels: torch.Tensor, name: str) -> Iterator[torch.Tensor]:
    """Yield batches of images under one distortion at random levels, or as they are (``clean``)."""
    source = seeds.generator("statistics", name)
    for part in surgery.even_batches(pixels, STATISTICS_BATCH):
        batch = part.float() / 255
        if name != "clean":
            batch = augmentation.distort_randomly(batch, [name], 1, LARGEST_NOISE, source)
        yield batch


def reestimate_statistics(
    a: Given,
    b: Given,
    seen: torch.Tensor,
    images: datasets.Images,
    conditions: Sequence[distortions.Condition],
    labels: torch.Tensor | None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Return how a behaves when its running statistics alone are those of other images.

    All that a has learned stays, bit by bit. Its running statistics are re-estimated on the images
    `seen` (uint8), clean and under each distortion at random levels, and it is evaluated on
    `images`. Where a re-estimated network behaves like b, their kernels need not explain why a and
    b differ; where none does, they, or what else was learned, must.

    Returns
    -------
    pandas.DataFrame
        Index ``statistics of`` (``its own`` for a itself, then the kinds of images, then b's
        name for b itself); ``agreement with`` either network and, with labels, ``compatibility
        with`` either, with its 95 % interval over resampled images.
    """
    kinds = ["clean", *dict.fromkeys(name for name, _ in conditions)]
    states = {"its own": a.state}
    for kind in kinds:
        states[kind] = surgery.reestimate(a.module, shown_for_statistics(seen, kind))
    found = predict_with_states(a.module, states, images, conditions, "re-estimating", device)
    end = "b itself"  # no kind of images has this name
    found |= predict_with_states(b.module, {end: b.state}, images, conditions, b.name, device)
    table = pd.DataFrame(index=pd.Index([*states, b.name], name="statistics of"))
    for end, place in ((a.name, 0), (b.name, len(found) - 1)):
        other = list(found.values())[place]
        column = f"agreement with {end}"
        table[column] = [scores.equal_predictions(one, other) for one in found.values()]
        if labels is None:
            continue
        accuracies = scores.accuracy(found, labels, conditions)
        column = f"compatibility with {end}"
        table[column] = paradox.compatibility(accuracies).iloc[place].to_numpy()
        samples = scores.resampled_accuracy(found, labels)
        low, high = paradox.compatibility_intervals(samples, conditions)[:, place]
        table[f"{column}, low"], table[f"{column}, high"] = low, high
    return table

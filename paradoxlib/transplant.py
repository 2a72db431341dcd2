"""Weight transplanting: copy layers of one network into another (paper, section 4.2): state dicts in, a new one out.

`evaluate_plan` alone knows studies.
"""

import numpy as np
import pandas as pd

from paradoxlib import evaluation, models, paradox, training

PARTS = ("kernel", "bias", "scale", "statistics")
BATCH_NORM = {"scale": ("weight", "bias"), "statistics": ("running_mean", "running_var")}
DEEP = 21  # convolutions: of more, cumulative transplants take whole blocks
TOGETHER = 8  # transplants that are in memory at once


def entries(state, layer, parts):
    """Return the entries of a state that belong to parts of a layer; a projection without batch norm has none for that part."""
    found = [f"{layer}.weight"] * ("kernel" in parts) + [f"{layer}.bias"] * ("bias" in parts)
    found += [f"{models.batch_norm_name(layer)}.{name}" for part, names in BATCH_NORM.items() if part in parts for name in names]
    return [name for name in found if name in state]


def transplant(recipient, donor, layers, parts=("kernel", "bias")):
    """Return a new state: the recipient's with parts of some layers taken from the donor, at the same index.

    Parameters
    ----------
    recipient, donor : dict
        State dicts of one architecture; neither is changed.
    layers : iterable of str
        Names of convolutions, or ``fc`` for the dense layer.
    parts : iterable of str
        Of `PARTS`: ``kernel`` (a layer's weights), ``bias``; of the batch norm that follows the layer ``scale`` (and shift, which are learned) and
        ``statistics`` (running mean and variance, which are gathered).

    Raises
    ------
    ValueError
        For networks of different architectures, an unknown layer (it names the nearest) or part, or a choice that copies nothing.
    """
    check_parts(parts, PARTS)
    check_alike(recipient, donor)
    known = [*models.convolutions(recipient), "fc"]
    result = {name: value.clone() for name, value in recipient.items()}
    copied = 0
    for layer in layers:
        if layer not in known:
            raise models.unknown_layer(layer, known)
        for name in entries(recipient, layer, parts):
            result[name] = donor[name].clone()
            copied += 1
    if not copied:
        raise ValueError(f"nothing to copy: no layer of {list(layers)} has a part of {list(parts)}")
    return result


def check_parts(parts, known):
    """Raise ValueError for an unknown part."""
    unknown = [part for part in parts if part not in known]
    if unknown:
        raise ValueError(f"unknown part {unknown[0]!r}: choose of {', '.join(known)}")


def check_alike(recipient, donor):
    """Raise ValueError for state dicts of different architectures."""
    for name in [*recipient, *donor]:
        if name not in donor or name not in recipient or donor[name].shape != recipient[name].shape:
            raise ValueError(f"networks of different architectures: {name!r} is not in both with one shape")


def plan(state):
    """Return the transplants of notebook 06: {name: (layers, parts)}.

    Each convolution alone; cumulatively, with their batch norms, all layers from the input to one (``up to <layer>``) and from one to the output
    (``from <layer>``, the dense layer with them), cut behind each layer, in deep networks behind each block; and the groups the paper speaks of.
    """
    convs = models.convolutions(state)
    cuts = [i for i in range(1, len(convs)) if len(convs) <= DEEP or convs[i - 1].split("_")[0] != convs[i].split("_")[0]]
    single = {layer: ([layer], ("kernel", "bias")) for layer in convs}
    up_to = {f"up to {convs[i - 1]}": (convs[:i], PARTS) for i in cuts}
    since = {f"from {convs[i]}": ([*convs[i:], "fc"], PARTS) for i in cuts}
    groups = {
        "all convs": (convs, ("kernel", "bias")),
        "all convs, kernels alone": (convs, ("kernel",)),
        "all convs and batch norms": (convs, PARTS),
        "batch norms alone": (convs, ("scale", "statistics")),
        "their scale and shift alone": (convs, ("scale",)),
        "their running statistics alone": (convs, ("statistics",)),
        "dense alone": (["fc"], ("kernel", "bias")),
    }
    return single | up_to | since | groups


def recovered(means):
    """Return the share of the way from recipient to donor: 0 behaves like the recipient, 1 like the donor.

    `means` are accuracies (..., network, distortion), the recipient's first, the donor's second. Each profile of accuracies is projected on the
    line from the recipient's to the donor's; nan where the two are equal.
    """
    start, way = means[..., :1, :], means[..., 1:2, :] - means[..., :1, :]
    length = (way**2).sum(-1)
    return ((means - start) * way).sum(-1) / np.where(length > 0, length, np.nan)


def predictions(study, choices, make, images, text):
    """Return {choice: predictions} of the states that make(choice) returns, `TOGETHER` of them in memory at once."""
    predicted = {}
    for start in range(0, len(choices), TOGETHER):
        states = {choice: make(choice) for choice in choices[start : start + TOGETHER]}
        where = f"{text} {start + 1} to {start + len(states)} of {len(choices)}"
        predicted |= evaluation.predict_states(study, states, images, where)
    return predicted


def evaluate_plan(study, recipient, donor):
    """Return what each transplant of `plan` from donor to recipient does, evaluated on the study's transplant images.

    Returns
    -------
    pandas.DataFrame
        A row for the recipient, the donor and each transplant: ``layers`` and ``values`` copied; ``visual_intelligence``, its ``gain`` over the
        recipient and ``recovered`` (see `recovered`), each with its bootstrap interval ``_low`` to ``_high``; and the accuracy under each
        distortion.
    """
    ends = [training.load_network(study, name).state_dict() for name in (recipient, donor)]
    choices = {recipient: ([], PARTS), donor: ([*models.convolutions(ends[0]), "fc"], PARTS), **plan(ends[0])}
    images = study.images("test").first(study.transplant_images)
    predicted = predictions(
        study, list(choices), lambda name: transplant(*ends, *choices[name]) if choices[name][0] else ends[0], images, "transplants"
    )
    means = evaluation.mean_accuracies(evaluation.accuracy(predicted, images.labels, study.conditions))
    samples = paradox.distortion_means(evaluation.resampled_accuracy(predicted, images.labels, real_first=True), study.conditions)
    vi = samples.mean(-1)
    numbers = {"visual_intelligence": vi, "gain": vi - vi[:, :1], "recovered": recovered(samples)}
    rows = []
    for i, (name, (layers, parts)) in enumerate(choices.items()):
        copied = [entry for layer in layers for entry in entries(ends[0], layer, parts)]
        row = {"transplant": name, "layers": len(layers), "values": sum(ends[0][entry].numel() for entry in copied)}
        for number, values in numbers.items():
            row[number] = values[0, i]
            row[f"{number}_low"], row[f"{number}_high"] = np.quantile(values[1:, i], [0.025, 0.975])
        rows.append(row | means.loc[name].to_dict())
    return pd.DataFrame(rows)

"""Evaluate networks under every condition: predictions first, then the many ways to score them.

The noise of a condition comes from the study's seed and the condition alone, in blocks of a fixed size: the same noisy images for every
network, device and batch size.
"""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import torch
from numba import njit
from tqdm import tqdm

from paradoxlib import data, distortions, models, parallel, paths, training, weights

BLOCK = 250  # images that are distorted and shown to all networks together
PART = {"cpu": 50, "cuda": BLOCK}  # of them, that a network takes at once: on a CPU as many as its caches hold
NETWORKS = {"cpu": 5, "cuda": 32}  # evaluated side by side: the noise is made once for all of them, and a stop should lose little
RESAMPLES = 1000


@torch.inference_mode()
def predict(model, images, device="cpu"):
    """Return the logits (n, classes) of images, float (n, 3, h, w) in 0..1, as float32 on the CPU."""
    model = model.to(device).eval()
    parts = images.contiguous(memory_format=torch.channels_last).split(BLOCK)
    return torch.cat([model(part.to(device)).float().cpu() for part in parts])


def distorted(images, condition, seed=1, device="cpu"):
    """Yield (indices, float images 0..1) of a data set under a condition (distortion, level), in blocks of 250."""
    name, level = condition
    noise = data.generator(seed, name, float(level))
    for index, pixels, _ in data.batches(images, torch.arange(len(images)), BLOCK, device=device):
        yield index, distortions.distort(pixels.float() / 255, name, level, noise)


def predict_conditions(networks, images, conditions, seed=1, device="cpu", text="evaluating", precision="float32"):
    """Return the predicted classes of several networks under every condition.

    Each block of distorted images is made once and shown to all networks, their batch norms folded into the convolutions; conditions that leave the
    images as they are are computed once. On a CPU every core takes its own part of a block. Shows a bar in images, with rate and
    remaining time.

    Parameters
    ----------
    networks : dict
        {network: Module}.
    images : data.Images or data.ImageFiles
        n test images.
    conditions : list
        [(distortion, level)], m of them.
    precision : str
        ``float32``; or ``bfloat16``, which is twice as fast where the device computes in it, and changes up to 1 % of single predictions.

    Returns
    -------
    dict
        {network: int16 tensor (m, n)}.
    """
    folded = {name: models.folded(model).to(device) for name, model in networks.items()}
    result = {name: torch.empty(len(conditions), len(images), dtype=torch.int16) for name in networks}
    identity = [i for i, (name, level) in enumerate(conditions) if level == distortions.IDENTITY.get(name)]
    work = [i for i in range(len(conditions)) if i not in identity[1:]]
    size = PART.get(torch.device(device).type, BLOCK)
    half = precision == "bfloat16" and training.computes_bfloat16(torch.device(device))
    bar = tqdm(desc=text, total=len(work) * len(images) * len(networks), unit="image", unit_scale=True)
    with bar, parallel.threads(device) as pool:
        blocks = ((i, *block) for i in work for block in distorted(images, conditions[i], seed, device))
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)  # its noise is made while the networks look at this one
            i, index, pixels = block
            parts = pixels.contiguous(memory_format=torch.channels_last).split(size)
            tasks = [(name, place, part) for name in folded for place, part in zip(index.split(size), parts, strict=True)]
            for (name, place, _), classes in zip(tasks, pool.map(lambda task: classify(folded[task[0]], task[2], half), tasks), strict=True):
                result[name][i, place] = classes
            bar.update(len(index) * len(networks))
    for i in identity[1:]:
        for predicted in result.values():
            predicted[i] = predicted[identity[0]]
    return result


@torch.inference_mode()
def classify(model, images, half=False):
    """Return the predicted classes of images on the model's device, int16 on the CPU; in bfloat16, or in float32 without TF32."""
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False) if images.is_cuda else nullcontext()
    with exact, torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        return model(images).argmax(1).to("cpu", torch.int16)


def predictions(study):
    """Return {network: int16 tensor (condition, image)} of a study; computed where not done, training first if need be.

    Predictions of other images than today's are not taken for done.
    """
    seen = study.images("test").fingerprint()
    waiting = [name for name in study.networks if weights.read_about(paths.predictions(study.name, name)) != about_predictions(study, name, seen)]
    if waiting:
        training.train_all(study)
        together = NETWORKS.get(study.device.type, 2)
        parts = [waiting[start : start + together] for start in range(0, len(waiting), together)]
        parallel.run(study, predict_part, parts, max(1, torch.cuda.device_count()))
    return {name: weights.read(paths.predictions(study.name, name))[0]["predictions"] for name in study.networks}


def about_predictions(study, name, seen):
    """Return what the file of a network's predictions says of itself, given the images' fingerprint."""
    return {"key": study.prediction_key(name), "images": seen}


def predict_part(study, names):
    """Predict with some trained networks of a study under all its conditions, and write their files."""
    images = study.images("test")
    seen = images.fingerprint()
    networks = {name: training.load_network(study, name) for name in names}
    text, how = f"evaluating {study.name}, {names[0]} to {names[-1]}", study.evaluation
    predicted = predict_conditions(networks, images, study.conditions, how.seed, study.device, text, how.precision)
    for name in names:
        weights.write(paths.predictions(study.name, name), {"predictions": predicted[name]}, about_predictions(study, name, seen))


def accuracy(predicted, labels, conditions):
    """Return the tidy table (network, distortion, level, accuracy, n) of predictions {network: (condition, image)}; top-1, 0..1."""
    rows = [
        {"network": name, "distortion": distortion, "level": level, "accuracy": share, "n": len(labels)}
        for name, classes in predicted.items()
        for (distortion, level), share in zip(conditions, (classes == labels).double().mean(1).tolist(), strict=True)
    ]
    return pd.DataFrame(rows)


def mean_accuracies(table):
    """Return the mean accuracy over the levels of each distortion: (network, distortion), both in the table's order."""
    means = table.groupby(["network", "distortion"], sort=False)["accuracy"].mean().unstack()
    return means.loc[table["network"].unique(), table["distortion"].unique()].rename_axis(columns=None)


def visual_intelligence(table, over="distortions"):
    """Return the visual intelligence of each network, 0..1.

    ``distortions``: the mean over the levels of a distortion, then the mean of the eight (the paper's); ``conditions``: the plain mean
    over all conditions.
    """
    if over not in ("distortions", "conditions"):
        raise ValueError(f"over is {over!r}: choose distortions or conditions")
    if over == "distortions":
        return mean_accuracies(table).mean(axis=1).rename("visual_intelligence")
    return table.groupby("network", sort=False)["accuracy"].mean().rename("visual_intelligence")


def clean_accuracy(table):
    """Return each network's accuracy on the images as they are: that of full contrast."""
    clean = table[(table["distortion"] == "contrast") & (table["level"] == 1)]
    return clean.set_index("network")["accuracy"].rename("clean_accuracy")


def agreement(predicted):
    """Return the share of equal predictions of all pairs, over all conditions and images: (network, network), 0..1."""
    names, classes = list(predicted), torch.stack(list(predicted.values())).flatten(1)
    shares = count_equal(classes.numpy()) / classes.shape[1]
    return pd.DataFrame(shares, index=names, columns=names)


@njit(cache=True)
def count_equal(rows):
    """Return how many values each two rows (n, m) have in common: int64 (n, n)."""
    counts = np.zeros((len(rows), len(rows)), dtype=np.int64)
    for start in range(0, rows.shape[1], 4096):  # so many of all rows stay in the cache
        part = rows[:, start : start + 4096]
        for i in range(len(rows)):
            for j in range(i + 1):
                equal = 0
                for k in range(part.shape[1]):
                    equal += part[i, k] == part[j, k]
                counts[i, j] += equal
    return np.maximum(counts, counts.T)


def resampled_accuracy(predicted, labels, resamples=RESAMPLES, seed=0, real_first=False):
    """Return accuracies of bootstrap samples of the test images: (resample, network, condition), float64.

    All networks and conditions are scored on the same resampled images, so that their accuracies vary together. With `real_first`
    the accuracies on the test images themselves stand before the samples.
    """
    correct = torch.stack([(classes == labels) for classes in predicted.values()]).float()  # counts below 2 ** 24: the sums are exact
    n = len(labels)
    source = torch.Generator().manual_seed(seed)
    result = [correct.mean(2, dtype=torch.float64)] if real_first else []
    for start in range(0, resamples, 100):
        drawn = torch.randint(n, (min(100, resamples - start), n), generator=source)
        counts = torch.zeros(len(drawn), n).scatter_add_(1, drawn, torch.ones(1).expand(drawn.shape))
        result += (correct @ counts.T).double().div(n).unbind(2)
    return torch.stack(result)


def predict_states(study, states, images, text="evaluating"):
    """Return the predictions {name: (condition, image)} of state dicts of the study's architecture, under its conditions.

    They are standardised as the networks of the study are.
    """
    first = training.load_network(study, next(iter(study.networks)))
    mean, std = first.mean.flatten().tolist(), first.std.flatten().tolist()
    networks = {name: training.network_from(study, state, mean, std) for name, state in states.items()}
    return predict_conditions(networks, images, study.conditions, study.evaluation.seed, study.device, text, study.evaluation.precision)

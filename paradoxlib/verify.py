"""Check that a study's committed results come out again: from its weights alone, and from its images where they are at hand."""

import json
import random

import numpy as np
import pandas as pd

from paradoxlib import data, distortions, evaluation, kernels, paths, results, tables, training, transplant, weights

SAME, OTHER = 0.002, 0.05  # tolerated difference of an accuracy: on the same images (rounding on another machine) and on another copy of them
SIMILARITY = 1e-6
TRANSPLANTS = ("all convs", "batch norms alone")


def verify(study, seed=0):
    """Recompute a sample of a study's committed results and compare.

    Weights: all networks. Similarity: all pairs. Accuracy: each network under one condition, drawn at random. Transplants: those of
    `TRANSPLANTS`. The last two need the images, which are not downloaded; where they are another copy of the data set (CIFAR-10's original
    archive in place of JPEG files, say), accuracies may differ by `OTHER`.

    Returns
    -------
    pandas.DataFrame
        A row for each kind of result: ``result``, ``checked``, ``difference`` (the largest), ``tolerance``, ``agrees`` (None where it could not be
        checked) and a ``note``.

    Raises
    ------
    ValueError
        Where the repository has no results of these settings.
    """
    rows = [weights_agree(study), similarity_agrees(study)]
    if data.must_download(study.data.name, study.session.data_root):
        rows += [(result, 0, np.nan, np.nan, None, f"{study.data.name} is not at hand") for result in ("accuracy", "transplants")]
    else:
        images = study.images("test")
        tolerance, note = tolerated(study, images)
        rows += [accuracy_agrees(study, images, seed, tolerance, note), transplants_agree(study, images, tolerance, note)]
    return pd.DataFrame(rows, columns=["result", "checked", "difference", "tolerance", "agrees", "note"])


def committed(study, name, *what):
    """Return a table of figures/<study>/ that was made by the study's settings."""
    table = tables.read(paths.figures(study.name) / f"{name}.csv", study.table_key(name, *what))
    if table is None:
        raise ValueError(f"figures/{study.name}/{name}.csv is not there or was made by other settings: nothing to compare with")
    return table


def weights_agree(study):
    """Compare every network's file with its hash in the table of networks."""
    hashes = committed(study, "networks").set_index("network")["sha256"]
    changed = []
    for name, known in hashes.items():
        training.load_network(study, name)  # says what is missing, damaged or made by other settings
        if weights.digest(weights.read(paths.weights(study.name, name))[0]) != known:
            changed.append(name)
    return "weights", len(hashes), len(changed), 0, not changed, "changed: " + ", ".join(changed) if changed else "sha256 of every network"


def similarity_agrees(study):
    """Compare the similarity of all pairs."""
    known = committed(study, "similarity_paper").set_index("network")
    again = kernels.similarity_matrix(training.load_states(study))
    difference = float(np.abs(known.to_numpy() - again.to_numpy()).max())
    return "similarity", len(known) * (len(known) - 1) // 2, difference, SIMILARITY, difference <= SIMILARITY, "all pairs, paper's alignment"


def tolerated(study, images):
    """Return the tolerated difference of an accuracy, and why."""
    known = json.loads((paths.figures(study.name) / "provenance.json").read_text())["data"]["test"]
    if images.fingerprint() == known["sha256"]:
        return SAME, "the same images"
    return OTHER, f"other images ({images.source}) than those of the committed results ({known['source']})"


def accuracy_agrees(study, images, seed, tolerance, note):
    """Compare the accuracy of each network under one condition, drawn at random."""
    known = committed(study, "accuracy").set_index(["network", "distortion", "level"])["accuracy"]
    draw, differences = random.Random(seed), []
    drawn = {name: draw.choice([c for c in study.conditions if c[1] != distortions.IDENTITY.get(c[0])]) for name in study.networks}
    for condition in sorted(set(drawn.values()), key=study.conditions.index):
        networks = {name: training.load_network(study, name) for name, wanted in drawn.items() if wanted == condition}
        text = f"verifying {condition[0]} {condition[1]:g}"
        how = study.evaluation
        predicted = evaluation.predict_conditions(networks, images, [condition], how.seed, study.device, text, how.precision)
        again = evaluation.accuracy(predicted, images.labels, [condition]).set_index("network")["accuracy"]
        differences += [abs(again[name] - known[name, *condition]) for name in networks]
    return "accuracy", len(differences), max(differences), tolerance, max(differences) <= tolerance, note


def transplants_agree(study, images, tolerance, note):
    """Compare the visual intelligence after some transplants."""
    known = committed(study, "transplants", *results.transplant_settings(study)).set_index("transplant")["visual_intelligence"]
    images = images.first(study.transplant_images)
    ends = [training.load_network(study, name).state_dict() for name in known.index[:2]]
    states = {name: transplant.transplant(*ends, *transplant.plan(ends[0])[name]) for name in TRANSPLANTS}
    predicted = evaluation.predict_states(study, states, images, "verifying transplants")
    again = evaluation.visual_intelligence(evaluation.accuracy(predicted, images.labels, study.conditions))
    difference = float((again - known[list(TRANSPLANTS)]).abs().max())
    return "transplants", len(states), difference, tolerance, difference <= tolerance, note

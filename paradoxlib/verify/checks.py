"""Check that a study's committed results come out again.

From its weights alone, and from its images where they are at hand.
"""

import hashlib
import json
import random
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from paradoxlib import keep, paths
from paradoxlib.behaviour import scores
from paradoxlib.images import data, datasets, distortions
from paradoxlib.networks import surgery
from paradoxlib.similarity import kernels
from paradoxlib.studies import predicting, trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study
from paradoxlib.verify import expected
from paradoxlib.verify.publishing import list_files

SAME_IMAGES, OTHER_IMAGES = 0.002, 0.05  # tolerated differences of an accuracy
SIMILARITY = 1e-6  # tolerated difference of a similarity
TRANSPLANTS = (surgery.ALL_CONVS, surgery.BATCH_NORMS_ALONE)


class Tolerance(NamedTuple):
    """How far an accuracy may be off, and why."""

    difference: float
    note: str


class Check(NamedTuple):
    """What was compared; ``agrees`` is None where it could not be checked."""

    result: str
    checked: int
    difference: float
    tolerance: float
    agrees: bool | None
    note: str


def verify(session: Session, seed: int = 0) -> pd.DataFrame:
    """Recompute a sample of a study's committed results and compare.

    Files: all, against their hashes. Weights: all networks that are here; a clone may have none, or
    some. Similarity: all pairs of them. Accuracy: each under one condition, drawn at random.
    Transplants: those of `TRANSPLANTS`, where the repository has them and both networks are here.
    The last two need the images, which are not downloaded; without weights, the files alone are
    checked. Of a study that joins others only its files and the similarity: it has no accuracies of
    its own. On the same images an accuracy may differ by the rounding of another machine; on
    another copy of the data set (CIFAR-10's original archive in place of JPEG files, say) by more.

    Returns
    -------
    pandas.DataFrame
        A row for each kind of result, with the fields of `Check`.

    Raises
    ------
    ValueError
        Where the repository has no results of these settings.
    """
    study, of_images = session.study, ("accuracy", "transplants")
    here = with_weights(study)
    if not here:
        note = f"no weights in weights/{study.name}"
        rest = unchecked(("weights", "similarity", *of_images), note)
        return pd.DataFrame([check_files(study), *rest])
    if study.joined:
        return pd.DataFrame([check_files(study), check_similarity(study, here)])
    checks = [check_files(study), check_weights(study, here), check_similarity(study, here)]
    if data.must_download(study.data.name, session.data_root):
        checks += unchecked(of_images, f"{study.data.name} is not at hand")
    else:
        images = session.images("test")
        tolerance = tolerate(study, images)
        checks += [
            check_accuracy(session, here, images, seed, tolerance),
            check_transplants(session, here, images, tolerance),
        ]
    return pd.DataFrame(checks)


def with_weights(study: Study) -> list[str]:
    """Return the networks whose weights are here: a clone has those of some alone."""
    return [name for name in study.networks if trained.file_of(study, name).is_file()]


def unchecked(results: Iterable[str], note: str) -> list[Check]:
    """Return checks that could not be made, and why."""
    return [Check(result, 0, np.nan, np.nan, None, note) for result in results]


def check_files(study: Study) -> Check:
    """Compare all files of a study with the hashes that were written when it was published.

    Networks whose weights are here and were not published are left to `check_weights`.
    """
    manifest = paths.manifest_file(study.name)
    if not manifest.is_file():
        return unchecked(["files"], f"{manifest.name} is not there")[0]
    lines = (line.split("  ", 1) for line in manifest.read_text().splitlines())
    known = {name: digest for digest, name in lines}
    networks = [trained.file_of(study, name) for name in with_weights(study)]
    if not networks:
        known = {name: digest for name, digest in known.items() if name.startswith("figures/")}
    files = {path.relative_to(paths.HOME).as_posix(): path for path in list_files(study)}
    found = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name in known or path not in networks
    }
    names = sorted({*known, *found})
    changed = [name for name in names if known.get(name) != found.get(name)]
    note = "changed, missing or new: " + ", ".join(changed[:5]) if changed else "sha256 of each"
    return Check("files", len(known), len(changed), 0, not changed, note)


def committed(study: Study, name: str) -> pd.DataFrame:
    """Return a table of figures/<study>/ that was made by the study's settings."""
    table = expected.read(study, name)
    if table is None:
        missing = f"figures/{study.name}/{name}.csv is not there or was made by other settings"
        raise ValueError(f"{missing}: nothing to compare with")
    return table


def check_weights(study: Study, here: list[str]) -> Check:
    """Compare each network's file with its hash in the table of networks."""
    hashes = committed(study, "networks").set_index("network")["sha256"]
    changed = []
    for name, known in hashes[here].items():
        trained.load_network(study, name)  # says what is missing, damaged or of other settings
        state, _ = keep.read_tensors(trained.file_of(study, name))
        if keep.digest(state) != known:
            changed.append(name)
    note = "changed: " + ", ".join(changed) if changed else f"sha256 of {of_all(study, here)}"
    return Check("weights", len(here), len(changed), 0, not changed, note)


def of_all(study: Study, here: list[str]) -> str:
    """Return ``all networks``, or of how many some are."""
    everyone = len(here) == len(study.networks)
    return "all networks" if everyone else f"{len(here)} of {len(study.networks)} networks"


def check_similarity(study: Study, here: list[str]) -> Check:
    """Compare the similarity of all pairs."""
    known = committed(study, "similarity_paper").set_index("network").loc[here, here]
    again = kernels.similarity_matrix(trained.load_states(study, here))
    difference = float(np.abs(known.to_numpy() - again.to_numpy()).max())
    pairs = len(known) * (len(known) - 1) // 2
    note = f"all pairs of {of_all(study, here)}, paper's alignment"
    return Check("similarity", pairs, difference, SIMILARITY, difference <= SIMILARITY, note)


def tolerate(study: Study, images: datasets.Images | datasets.ImageFiles) -> Tolerance:
    """Return how far accuracies may be off on these images."""
    path = paths.provenance_file(study.name)
    if not path.is_file():
        missing = f"figures/{study.name}/{path.name} is not there"
        raise ValueError(f"{missing}: it says on which images the results rest")
    known = json.loads(path.read_text())["data"]["test"]
    if images.fingerprint() == known["sha256"]:
        return Tolerance(SAME_IMAGES, "the same images")
    note = f"other images ({images.source}) than those of the committed results"
    return Tolerance(OTHER_IMAGES, f"{note} ({known['source']})")


def check_accuracy(
    session: Session,
    here: list[str],
    images: datasets.Images | datasets.ImageFiles,
    seed: int,
    tolerance: Tolerance,
) -> Check:
    """Compare the accuracy of each network under one condition, drawn at random."""
    study, draw = session.study, random.Random(seed)
    known = committed(study, "accuracy").set_index(["network", "distortion", "level"])["accuracy"]
    distorting = [one for one in study.conditions if not distortions.is_identity(*one)]
    drawn = {name: draw.choice(distorting) for name in here}
    differences = []
    for condition in sorted(set(drawn.values()), key=study.conditions.index):
        names = [name for name in drawn if drawn[name] == condition]
        networks = {name: trained.load_network(study, name) for name in names}
        text = f"verifying {condition[0]} {condition[1]:g}"
        predicted = predicting.predict_models(session, networks, images, text, [condition])
        again = scores.accuracy(predicted, images.labels, [condition])
        again = again.set_index("network")["accuracy"]
        differences += [abs(again[name] - known[name, *condition]) for name in names]
    return within("accuracy", differences, tolerance)


def check_transplants(
    session: Session,
    here: list[str],
    images: datasets.Images | datasets.ImageFiles,
    tolerance: Tolerance,
) -> Check:
    """Compare the visual intelligence after some transplants."""
    study = session.study
    table = expected.read(study, "transplants")
    if table is None:
        return unchecked(["transplants"], "the repository has none of these settings")[0]
    known = table.set_index("transplant")["visual_intelligence"]
    images, both = images.first(study.transplant_images), list(known.index[:2])
    if missing := [name for name in both if name not in here]:
        return unchecked(["transplants"], f"no weights of {' and '.join(missing)}")[0]
    ours, theirs = trained.load_states(study, both).values()
    plan = surgery.plan_transplants(ours)
    states = {name: surgery.transplant(ours, theirs, *plan[name]) for name in TRANSPLANTS}
    predicted = predicting.predict_states(session, states, images, "verifying transplants")
    again = scores.visual_intelligence(scores.accuracy(predicted, images.labels, study.conditions))
    return within("transplants", (again - known[list(TRANSPLANTS)]).abs(), tolerance)


def within(result: str, differences: pd.Series | list[float], tolerance: Tolerance) -> Check:
    """Return whether all differences are tolerated."""
    worst = float(max(differences))
    agrees = worst <= tolerance.difference
    return Check(result, len(differences), worst, tolerance.difference, agrees, tolerance.note)

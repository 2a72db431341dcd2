"""Predictions of a study's networks under all its conditions, computed once and kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from paradoxlib import keep, paths
from paradoxlib.behaviour import predictions
from paradoxlib.images import datasets
from paradoxlib.networks import models
from paradoxlib.studies import trained, training
from paradoxlib.studies.sessions import Session, run_tasks
from paradoxlib.studies.study import Study

Predictions = dict[str, torch.Tensor]  # {network: int16 (condition, image)}
Maker = Callable[[models.State, models.State], models.State]  # of recipient and donor, a new state
# Evaluated side by side: the noise is made once for all of them, and a stop should lose little.
NETWORKS_AT_ONCE = {"cpu": 5, "cuda": 32}


def predict_study(session: Session, names: Iterable[str] | None = None) -> Predictions:
    """Return {network: int16 tensor (condition, image)} of a study, or of some of its networks.

    What is missing is computed, trained first if need be. Predictions of other images than
    today's do not count.
    """
    study, seen = session.study, session.images("test").fingerprint()

    def is_predicted(name: str) -> bool:
        return keep.has(file_of(study, name), key=study.prediction_key(name), images=seen)

    names = list(names or study.networks)
    waiting = [name for name in names if not is_predicted(name)]
    if waiting:
        training.train_all(session)
        together = NETWORKS_AT_ONCE.get(session.device.type, 2)
        parts = [waiting[start : start + together] for start in range(0, len(waiting), together)]
        run_tasks(session, predict_networks, parts, max(1, torch.cuda.device_count()))
    return {name: keep.read_tensors(file_of(study, name))[0]["predictions"] for name in names}


def file_of(study: Study, name: str) -> Path:
    """Return the file of a network's predictions."""
    return paths.predictions_file(study.holder(name).name, name)


def predict_networks(session: Session, names: Sequence[str]) -> None:
    """Predict with some trained networks under all conditions, and write their files."""
    study, images = session.study, session.images("test")
    seen = images.fingerprint()
    networks = {name: trained.load_network(study, name) for name in names}
    text = f"evaluating {study.name}, {names[0]} to {names[-1]}"
    for name, predicted in predict_models(session, networks, images, text).items():
        about = {"key": study.prediction_key(name), "images": seen}
        keep.write_tensors(file_of(study, name), {"predictions": predicted}, about)


def predict_models(
    session: Session,
    networks: Mapping[str, torch.nn.Module],
    images: datasets.Images | datasets.ImageFiles,
    text: str = "evaluating",
    conditions: Sequence | None = None,
    seed: int | None = None,
) -> Predictions:
    """Return the predictions of any modules, {name: (condition, image)}, as the study evaluates.

    Under its conditions and with its seed of the noise, where others are not given.
    """
    evaluation = session.study.evaluation
    return predictions.predict_conditions(
        networks,
        images,
        session.study.conditions if conditions is None else conditions,
        seed=evaluation.seed if seed is None else seed,
        device=session.device,
        text=text,
        precision=evaluation.precision,
    )


def predict_states(
    session: Session,
    states: Mapping[str, models.State],
    images: datasets.Images | datasets.ImageFiles,
    text: str = "evaluating",
) -> Predictions:
    """Return the predictions of state dicts of the study's architecture.

    They are standardised as the study's networks are.
    """
    study = session.study
    here = (name for name in study.networks if trained.is_trained(study, name))
    first = trained.load_network(study, next(here, next(iter(study.networks))))
    mean, std = first.mean.flatten().tolist(), first.std.flatten().tolist()
    networks = {
        name: trained.network_from(study, state, mean, std) for name, state in states.items()
    }
    return predict_models(session, networks, images, text)


def predict_made(
    session: Session,
    makers: Mapping[str, Callable[[], models.State]],
    images: datasets.Images | datasets.ImageFiles,
    text: str,
) -> Predictions:
    """Return the predictions of states that are made when their turn comes, {name: maker}.

    So that no more of them are in memory than there is room for.
    """
    predicted: Predictions = {}
    states: dict[str, models.State] = {}
    for number, (name, make) in enumerate(makers.items(), 1):
        states[name] = make()
        if number == len(makers) or len(states) == predictions.copies_at_once(states[name]):
            where = f"{text} {number - len(states) + 1} to {number} of {len(makers)}"
            predicted |= predict_states(session, states, images, where)
            states = {}
    return predicted


def predict_kept(
    session: Session,
    name: str,
    recipient: str,
    donor: str,
    makers: Mapping[str, Maker],
    images: datasets.Images | datasets.ImageFiles,
) -> Predictions:
    """Return the predictions of the states that are made of two networks, {name: maker}.

    They are kept in a file under `name`, so that a stop loses little.
    """
    study = session.study
    path = paths.predictions_file(study.name, name)
    keys = [study.prediction_key(network) for network in (recipient, donor)]
    about = {"keys": keys, "made": list(makers), "images": images.fingerprint()}
    if not keep.has(path, **about):
        ends = [trained.load_network(study, network).state_dict() for network in (recipient, donor)]
        ready = {made: partial(make, *ends) for made, make in makers.items()}
        predicted = predict_made(session, ready, images, f"exchanges of {name},")
        keep.write_tensors(path, predicted, about)
    tensors, _ = keep.read_tensors(path)
    return {made: tensors[made] for made in makers}

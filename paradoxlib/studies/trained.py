"""The trained networks of a study, read from their files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch

from paradoxlib import keep, paths
from paradoxlib.networks import models, resnets
from paradoxlib.studies.study import Study


def file_of(study: Study, name: str) -> Path:
    """Return the file of a network's weights."""
    return paths.weights_file(study.holder(name).name, name)


def is_trained(study: Study, name: str) -> bool:
    """Say whether a network's file is there and was made by these settings."""
    return keep.has(file_of(study, name), key=study.network_key(name))


def load_network(study: Study, name: str) -> resnets.ResNet:
    """Return a trained network, in evaluation mode, on the CPU; it takes RGB images in 0..1.

    Raises
    ------
    FileNotFoundError
        Where it is not trained yet.
    DamagedFile
        Where its file is cut short, altered or has nan.
    """
    study.network(name)
    if not is_trained(study, name):
        missing = f"network {name} of study {study.name} is not trained yet with these settings"
        raise FileNotFoundError(f"{missing}: call training.train_all(session)")
    state, about = keep.read_tensors(file_of(study, name))
    return network_from(study, state, about["mean"], about["std"])


def network_from(
    study: Study, state: models.State, mean: Sequence[float], std: Sequence[float]
) -> resnets.ResNet:
    """Return a network of the study's architecture with the given state, in evaluation mode."""
    kind, classes = study.model, len(state["fc.bias"])
    model = models.empty(kind.architecture, classes, **kind.form)
    models.load_state(model, state)
    model.standardise(mean, std)
    return model.to(memory_format=torch.channels_last).eval()


def load_states(study: Study, names: Iterable[str] | None = None) -> dict[str, models.State]:
    """Return {network: state dict} in the order of the study, layers in the paper's order."""
    return {name: load_network(study, name).state_dict() for name in names or study.networks}


def read_history(study: Study) -> pd.DataFrame:
    """Return the training (network, epoch, loss, accuracy, learning_rate) of all networks."""
    rows = [
        {"network": name, **row}
        for name, about in abouts(study)
        for row in about.get("history", [])
    ]
    return pd.DataFrame(rows)


def read_rates(study: Study) -> pd.DataFrame:
    """Return how fast networks trained: (network, images, seconds, device, images_per_second)."""
    rows = []
    for name, about in abouts(study):
        if "seconds" in about:
            row = {"network": name} | {key: about[key] for key in ("images", "seconds", "device")}
            rows.append(row | {"images_per_second": about["images"] / about["seconds"]})
    return pd.DataFrame(rows)


def abouts(study: Study) -> Iterator[tuple[str, dict]]:
    """Yield each network and what its file says it is; nothing where there is no file."""
    for name in study.networks:
        yield name, keep.read_about(file_of(study, name)) or {}

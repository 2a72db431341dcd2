"""What the explorer shows of a study, read from its tables."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paradoxlib import results
from paradoxlib.images import augmentation, datasets, distortions
from paradoxlib.networks import models
from paradoxlib.similarity import kernels
from paradoxlib.studies import trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

NEEDED = ("networks", "accuracy", "pairs")  # tables without which there is nothing to explore
KEPT = ("here", "committed")


@dataclass(frozen=True)
class Contents:
    """All that the page shows of a study; what is not known of it is None.

    Attributes
    ----------
    study : Study
        Names, families and conditions.
    title : str
        Of the page.
    networks, accuracy, pairs : pandas.DataFrame
        The tables of these names.
    chance : dict
        {measure: what unrelated networks score}.
    layers, statistics, shares, predictions : pandas.DataFrame, optional
        The tables layers_of_pairs, running_statistics, exchange_shares and example_predictions.
    layer_chance : dict
        {layer: similarity of unrelated networks}.
    examples : datasets.Images, optional
        The images of the predictions.
    shown : array, optional
        The images as the networks saw them: uint8 (condition, image, 3, h, w).
    """

    study: Study
    title: str
    networks: pd.DataFrame
    accuracy: pd.DataFrame
    pairs: pd.DataFrame
    chance: dict[str, float]
    layers: pd.DataFrame | None = None
    layer_chance: dict[str, float] | None = None
    statistics: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    examples: datasets.Images | None = None
    shown: np.ndarray | None = None


def gather(session: Session) -> Contents:
    """Return what is known of a study.

    Nothing is trained, downloaded or evaluated on the whole test set. What the weights alone tell
    is computed where all networks are trained; the rest is shown where it is kept.

    Raises
    ------
    ValueError
        Where the study has no table of pairs, accuracies or networks.
    """
    study = session.study
    missing = [name for name in NEEDED if not is_kept(study, name)]
    if missing:
        study.require_own()
        advice = f"run `paradox run {study.name}` first"
        raise ValueError(f"study {study.name} has no table {missing[0]!r} yet: {advice}")
    have_weights = all(trained.is_trained(study, name) for name in study.networks)
    have_examples = is_kept(study, "examples")

    def known(
        name: str, table: Callable[[Session], pd.DataFrame], computable: bool
    ) -> pd.DataFrame | None:
        return table(session) if computable or is_kept(study, name) else None

    layers = known("layers_of_pairs", results.layers_of_pairs, have_weights)
    predictions = known(
        "example_predictions", results.example_predictions, have_weights and have_examples
    )
    examples = results.shown_examples(session) if predictions is not None else None
    return Contents(
        study,
        results.caption(session) if have_examples else study.title,
        results.network_settings(session),
        results.accuracies(session),
        results.pairs(session),
        chance_of(session, examples),
        layers,
        None if layers is None else chance_of_layers(study),
        known("running_statistics", results.running_statistics, have_weights),
        known("exchange_shares", results.exchange_shares, False),
        predictions,
        examples,
        None if examples is None else distorted(study, examples),
    )


def is_kept(study: Study, name: str) -> bool:
    """Say whether a table is there and was made by the study's settings."""
    return results.TABLES[name].state(study) in KEPT


def chance_of(session: Session, examples: datasets.Images | None) -> dict[str, float]:
    """Return {measure: what unrelated networks score}, for the measures that have such a level."""
    chance = {"similarity": results.chance_levels(session)["paper"], "compatibility": 0.0}
    return chance | ({"agreement": 1 / len(examples.classes)} if examples else {})


def chance_of_layers(study: Study) -> dict[str, float]:
    """Return {layer: similarity of random kernels} of the study's architecture."""
    kind = study.model
    return kernels.chance_of_shapes(models.kernel_shapes(kind.architecture, kind.width))


def distorted(study: Study, images: datasets.Images) -> np.ndarray:
    """Return images as the networks saw them: uint8 (condition, image, 3, h, w)."""
    seen = []
    for condition in study.conditions:
        distortions.check_level(*condition)
        blocks = augmentation.distorted_blocks(images, [condition], study.evaluation.seed)
        pixels = np.concatenate([block.numpy() for *_, block in blocks])
        seen.append((pixels * 255).round().astype(np.uint8))
    return np.stack(seen)

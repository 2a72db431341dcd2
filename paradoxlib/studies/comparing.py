"""Which networks and images of a study are compared: unit by unit, layer by layer, part by part."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

import torch

from paradoxlib import seeds
from paradoxlib.behaviour import paradox
from paradoxlib.images import augmentation, datasets, distortions
from paradoxlib.networks import models, resnets, surgery
from paradoxlib.studies import trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

COMPARED = 20  # networks at most
IMAGES = 1000  # test images at most
STATISTICS_IMAGES = 10_000  # training images that running statistics are re-estimated on


class Related(NamedTuple):
    """Two networks and what they are to each other; ``chance`` stands for unrelated answers."""

    a: str
    b: str
    relation: str


def compared(session: Session, device: torch.device | str = "cpu") -> dict[str, resnets.ResNet]:
    """Return the networks that are compared, on a device; trains what is not trained."""
    training.train_all(session)
    study = session.study
    return {name: trained.load_network(study, name).to(device) for name in compared_names(study)}


def founders(session: Session) -> dict[str, resnets.ResNet]:
    """Return the founders among the networks that are compared, on the session's device."""
    names = session.study.families
    return {n: net for n, net in compared(session, session.device).items() if n in names}


def compared_names(study: Study) -> list[str]:
    """Return the networks that are compared, in the order of the study.

    They are the examples and the networks of the first families, `COMPARED` at most.
    """
    examples = [name for pair in example_pairs(study).values() for name in pair]
    everyone = examples + [name for family in study.families.values() for name in family]
    some = list(dict.fromkeys(everyone))[:COMPARED]
    return [name for name in study.networks if name in some]


def compared_children(study: Study) -> list[tuple[str, str]]:
    """Return [(parent, child)] of the networks that are compared."""
    names = compared_names(study)
    return [(parent, name) for name, parent in study.parents.items() if parent and name in names]


def pictures(session: Session, count: int = IMAGES, split: str = "test") -> torch.Tensor:
    """Return the study's first test (or training) images, `count` at most, float 0..1."""
    images = session.images(split).first(count)
    batches = datasets.batches(images, torch.arange(len(images)), 250)
    return torch.cat([pixels for _, pixels, _ in batches]).float() / 255


def clean_and_noisy(study: Study, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return {condition: images}: as they are, and under the condition `distortions.NOISY`."""
    name, level = distortions.NOISY
    noisy = distortions.show_noisy(images, study.evaluation.seed)
    return {"clean": images, f"{name} {level:g}": noisy}


def example_pairs(study: Study) -> dict[str, tuple[str, str]]:
    """Return {relation: (network, network)} of the pairs that are shown in detail.

    They are a parent and its first child, and the two founders whose settings differ least.
    """
    pairs: dict[str, tuple[str, str]] = {}
    for name, parent in study.parents.items():
        if parent:
            pairs["parent and child"] = (parent, name)
            break
    settings = {name: study.networks[name].model_dump(exclude={"seed"}) for name in study.families}

    def differences(pair: tuple[str, str]) -> int:
        one, other = (settings[name] for name in pair)
        return sum(one[setting] != other[setting] for setting in one)

    if len(settings) > 1:
        pairs["strangers"] = min(combinations(settings, 2), key=differences)
    return pairs


def related_pairs(study: Study, names: Iterable[str]) -> list[Related]:
    """Return all pairs of networks, and the founders but the first with ``chance``.

    ``chance`` is the first network when it sees other images.
    """
    names = list(names)
    pairs = [
        Related(a, b, paradox.relation(a, b, study.parents)) for a, b in combinations(names, 2)
    ]
    others = [name for name in list(study.families)[1:] if name in names]
    return pairs + [Related(name, "chance", "chance") for name in others]


def images_as_seen_by(session: Session, name: str, count: int) -> Iterator[torch.Tensor]:
    """Yield training images augmented as a network's were, float 0..1, in batches of 100.

    They lie on the session's device.
    """
    study, settings = session.study, session.study.network(name)
    images = session.images("train").first(count)
    source = seeds.generator(settings.seed, "statistics", device=session.device)
    order = torch.arange(len(images))
    for _, pixels, _ in datasets.batches(images, order, 100, device=session.device):
        yield augmentation.augment(pixels, study.data, settings, source)


def reestimate_as(
    session: Session, parent: str, child: str, count: int = STATISTICS_IMAGES
) -> models.State:
    """Return the parent's state with running statistics re-estimated on the child's images.

    Nothing that was learned changes.
    """
    model = trained.load_network(session.study, parent).to(session.device)
    state = surgery.reestimate(model, images_as_seen_by(session, child, count))
    return {name: value.cpu() for name, value in state.items()}

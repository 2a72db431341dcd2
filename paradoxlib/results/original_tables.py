"""The original network, He et al.'s of 2016, beside a study's: accuracies, kernels, the claim."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from paradoxlib import keep, paths
from paradoxlib.behaviour import facts, intervals, scores
from paradoxlib.networks import weights
from paradoxlib.paper import named, published, verdicts
from paradoxlib.results.behaviour_tables import accuracies
from paradoxlib.results.network_tables import states
from paradoxlib.results.tables import table
from paradoxlib.similarity import kernels
from paradoxlib.studies import predicting
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

ORIGINAL = "original"  # its name in tables, beside a study's networks
FILE, CLASSES = "resnet50-0676ba61.pth", 1000  # torchvision's IMAGENET1K_V1
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # by which torchvision trained


class Original(NamedTuple):
    """The tables on the original network; without its weights the first two have no rows."""

    accuracy: pd.DataFrame
    similarity: pd.DataFrame
    claims: pd.DataFrame


def weights_digest(study: Study, network: torch.nn.Module) -> tuple[str]:
    """Return what results on the original network depend on: its weights."""
    return (keep.digest(network.state_dict()),)


@table(
    "original_accuracy",
    "network, distortion, level, accuracy, n",
    needs="images",
    depends=weights_digest,
)
def original_accuracy(session: Session, network: torch.nn.Module) -> pd.DataFrame:
    """Accuracy of the original network under every condition."""
    from torchvision.transforms import Normalize  # here: it takes two seconds

    images, conditions = session.images("test"), session.study.conditions
    seen = {ORIGINAL: torch.nn.Sequential(Normalize(MEANS, DEVIATIONS), network)}
    predicted = predicting.predict_models(session, seen, images, "evaluating the original")
    return scores.accuracy(predicted, images.labels, conditions)


@table("original_similarity", "network, similarity", needs="weights", depends=weights_digest)
def original_similarity(session: Session, network: torch.nn.Module) -> pd.DataFrame:
    """Similarity of the original network to each, by the paper's alignment.

    It is nan where a study has another architecture.
    """
    theirs, kind = network.state_dict(), session.study.model
    if (weights.torchvision_architecture(theirs), 1) != (kind.architecture, kind.width):
        found = dict.fromkeys(session.study.networks, float("nan"))
    else:
        state = weights.from_torchvision(theirs)
        found = {name: kernels.similarity(state, own) for name, own in states(session).items()}
    return pd.DataFrame(found.items(), columns=["network", "similarity"])


@table(
    "original_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="accuracy, original_accuracy",
    depends=lambda study, network=None: weights_digest(study, network) if network else (),
)
def original_claims(session: Session, network: torch.nn.Module | None = None) -> pd.DataFrame:
    """The paper's statement on the original network: the same columns as `claims`.

    It is not testable without the network's weights, or where a study has no N1.
    """
    other, found, kind = published.TRANSPLANT.parent, intervals.exact(float("nan")), "resnet50"
    if network and other in session.study.networks:
        both = pd.concat([original_accuracy(session, network), accuracies(session)])
        found = facts.farthest_fact(both, ORIGINAL, other)
        kind = weights.torchvision_architecture(network.state_dict()) or kind
    return verdicts.tabulate([named.original_claim(kind, other, found)])


def original_file(session: Session) -> Path | None:
    """Return the file of the original ResNet50's weights, where it is there and fits the study.

    It has torchvision's name (`FILE`) and lies with the data sets or where torchvision keeps what
    it downloads. It fits a study of ResNet50 with 1,000 classes.
    """
    kind, root = session.study.model, paths.data_root(session.data_root)
    places = [folder / FILE for folder in (root, Path(torch.hub.get_dir()) / "checkpoints")]
    found = next((place for place in places if place.is_file()), None)
    if found is None or kind.architecture != "resnet50" or kind.small_images:
        return None
    return found if len(session.images("test").classes) == CLASSES else None


def original(session: Session, given: str | Path | torch.nn.Module | None = None) -> Original:
    """Return how the original ResNet50 (He et al. 2016) does beside a study's networks.

    Parameters
    ----------
    given : str, Path or torch.nn.Module, optional
        A file with the weights of one of torchvision's ResNets, of 18 to 152 layers and of any
        recipe, or the network itself, in evaluation mode: it stands for the original. Else that of
        2016's recipe (IMAGENET1K_V1), where `original_file` finds it.

    Raises
    ------
    ValueError
        For a file of other weights, or a study whose classes are not the network's.
    """
    network = given or original_file(session)
    if network is None:
        none = pd.DataFrame()
        return Original(none, none, original_claims(session))
    if not isinstance(network, torch.nn.Module):
        network = weights.torchvision_network(weights.read_state(network))
    own, theirs = len(session.images("test").classes), len(network.state_dict()["fc.bias"])
    if own != theirs:
        told = f"study {session.study.name} has images of {own} classes"
        raise ValueError(f"{told}: an original of as many is needed, not of {theirs:,}")
    made = (original_accuracy, original_similarity, original_claims)
    return Original(*(make(session, network) for make in made))

"""Tables of how networks behave: accuracies, pairs, transplants, and the paper's claims."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from paradoxlib import keep, paths
from paradoxlib.behaviour import contributions, correspondence, facts, intervals, paradox, scores
from paradoxlib.networks import models, surgery, weights
from paradoxlib.paper import published, statements
from paradoxlib.results.network_tables import layers_of_children, similarities, states
from paradoxlib.results.tables import matrix, table
from paradoxlib.similarity import kernels
from paradoxlib.studies import predicting, trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

ORIGINAL, ORIGINAL_CLASSES = "resnet50-0676ba61.pth", 1000  # torchvision's IMAGENET1K_V1
SEEDED_NETWORKS, SEEDS = 30, 3  # that are evaluated under other noise, and how often


@table("accuracy", "network, distortion, level, accuracy, n", needs="predictions")
def accuracies(session: Session) -> pd.DataFrame:
    """Top-1 accuracy of every network under every condition."""
    predicted, labels = predicting.predict_study(session), session.images("test").labels
    return scores.accuracy(predicted, labels, session.study.conditions)


@matrix("agreement", needs="predictions")
def agreements(session: Session) -> pd.DataFrame:
    """Share of equal predictions of all pairs, over all conditions and images."""
    return scores.agreement(predicting.predict_study(session))


def compatibilities(session: Session) -> dict[str, pd.DataFrame]:
    """Return {definition: compatibility (network, network)}.

    Over the eight distortions (the paper's), and over all conditions.
    """
    known = accuracies(session)
    return {over: paradox.compatibility(known, over) for over in ("distortions", "conditions")}


@table(
    "correlations",
    "definition, pairs, n, r, low, high, p, rho, rho_p",
    needs="accuracy, similarity_paper",
)
def correspondences(session: Session) -> pd.DataFrame:
    """Does similarity go with compatibility? Over all pairs, within families and between them."""
    both = compatibilities(session), similarities(session)
    return correspondence.correlate_matrices(*both, session.study.family_of)


@table(
    "noise_seeds",
    "seed, a, b, compatibility, low, high",
    needs="predictions",
    depends=lambda study: (study.transplant_images,),
)
def noise_seeds(session: Session) -> pd.DataFrame:
    """Compatibility of pairs under three seeds of the noise, on the transplants' images.

    Each has its bootstrap interval over these images. The networks are those of the first
    families, `SEEDED_NETWORKS` at most.
    """
    study = session.study
    images = session.images("test").first(study.transplant_images)
    some = [name for family in study.families.values() for name in family][:SEEDED_NETWORKS]
    known = predicting.predict_study(session)
    predicted = {name: known[name][:, : len(images)] for name in known if name in some}
    networks = {name: trained.load_network(study, name) for name in predicted}
    noisy = [
        place
        for place, (name, level) in enumerate(study.conditions)
        if name.endswith(("noise", "pepper")) and level
    ]
    conditions, first, parts = [study.conditions[i] for i in noisy], study.evaluation.seed, []
    for seed in range(first, first + SEEDS):
        again = {name: classes.clone() for name, classes in predicted.items()}
        if seed != first:
            part = predicting.predict_models(session, networks, images, "noise", conditions, seed)
            for name, classes in again.items():
                classes[noisy] = part[name]
        again_pairs = paradox.pair_compatibilities(again, images.labels, study.conditions)
        parts.append(again_pairs.assign(seed=seed))
    return pd.concat(parts, ignore_index=True)[["seed", "a", "b", "compatibility", "low", "high"]]


@table(
    "pairs",
    "a, b, relation, similarity, compatibility, low, high, compatibility_conditions, difference, "
    "kind, agreement",
    needs="predictions, accuracy, similarity_paper, agreement",
)
def pairs(session: Session) -> pd.DataFrame:
    """All pairs of networks: how alike they are, how alike they behave, and their kind."""
    study, predicted = session.study, predicting.predict_study(session)
    samples = scores.resampled_accuracy(predicted, session.images("test").labels)
    bounds = paradox.compatibility_intervals(samples, study.conditions)
    both = compatibilities(session)
    return paradox.pair_table(
        both["distortions"],
        both["conditions"],
        similarities(session),
        bounds,
        agreements(session),
        study.parents,
    )


def transplant_pair(session: Session) -> tuple[str, str]:
    """Return (parent, child): the paper's, or those of all that behave least alike."""
    study, (parent, child, _) = session.study, published.TRANSPLANT
    if {parent, child} <= set(study.networks):
        return parent, child
    related = pairs(session).query("relation == 'parent and child'")
    pair = related.sort_values("compatibility").iloc[0]
    a, b = pair["a"], pair["b"]
    return (a, b) if study.parents[b] == a else (b, a)


def transplant_settings(study: Study) -> tuple:
    """Return what transplants depend on beside the networks' predictions."""
    return study.transplant_images, surgery.LAYER_PARTS


@table(
    "transplants",
    "transplant, layers, values, visual_intelligence, visual_intelligence_low, "
    "visual_intelligence_high, gain, gain_low, gain_high, recovered, recovered_low, "
    "recovered_high, {distortion}",
    needs="predictions, pairs",
    depends=transplant_settings,
)
def transplants(session: Session) -> pd.DataFrame:
    """What each transplant does to the parent whose child behaves least like it.

    A row for the recipient (the parent), the donor (the child) and each transplant of
    `surgery.plan_transplants`, evaluated on the study's transplant images.
    """
    study, (recipient, donor) = session.study, transplant_pair(session)
    ours, theirs = trained.load_states(study, [recipient, donor]).values()
    whole = [*models.convolutions(ours), "fc"]
    planned = {
        recipient: surgery.Transplant([], surgery.LAYER_PARTS),
        donor: surgery.Transplant(whole, surgery.LAYER_PARTS),
        **surgery.plan_transplants(ours),
    }

    def maker(layers: list[str], parts: tuple[str, ...]) -> Callable[[], models.State]:
        return lambda: surgery.transplant(ours, theirs, layers, parts) if layers else ours

    images = session.images("test").first(study.transplant_images)
    makers = {name: maker(*transplant) for name, transplant in planned.items()}
    predicted = predicting.predict_made(session, makers, images, "transplants")
    means = scores.mean_accuracies(scores.accuracy(predicted, images.labels, study.conditions))
    found = contributions.behave(predicted, images.labels, study.conditions)
    ability = found.visual_intelligence
    numbers = {
        "visual_intelligence": ability,
        "gain": ability - ability[:, :1],
        "recovered": found.recovered,
    }
    rows = []
    for i, (name, (layers, parts)) in enumerate(planned.items()):
        copied = [entry for layer in layers for entry in surgery.entries(ours, layer, parts)]
        values = sum(ours[entry].numel() for entry in copied)
        row = {"transplant": name, "layers": len(layers), "values": values}
        for number, samples in numbers.items():
            row |= intervals.as_columns(number, samples[:, i])
        rows.append(row | means.loc[name].to_dict())
    return pd.DataFrame(rows)


@table(
    "claims",
    "statement, section, notebook, published, reproduced, low, high, holds_from, holds_to, verdict",
    needs="predictions, pairs, layer_similarity, transplants",
    depends=lambda study: (study.transplant_images,),
)
def claims(session: Session) -> pd.DataFrame:
    """The paper's statements: published and reproduced value, interval and verdict."""
    study, (parent, child) = session.study, transplant_pair(session)
    architecture, names = study.model.architecture, list(study.networks)
    predicted, labels = predicting.predict_study(session), session.images("test").labels
    samples = scores.resampled_accuracy(predicted, labels, real_first=True)
    behaviour = paradox.compatibility(accuracies(session))
    found = statements.behaviour_claims(
        facts.pair_facts(pairs(session)),
        facts.pair_facts(paradox.published_pairs(architecture)),
        facts.accuracy_facts(samples, study.conditions),
        correspondence.correlation_interval(behaviour, similarities(session)),
        correspondence.published_correlation(architecture),
        (study.data.name, architecture) in published.EXPERIMENTS,
        architecture,
    )
    changes = layers_of_children(session)
    deviating = facts.layer_facts(changes, child)
    layers = {deviating.layer: "The layer that deviates most"}
    if child == published.TRANSPLANT.child:  # the paper's second experiment, or its stand-in
        able = [names.index(name) for name in published.ABLE]
        place = names.index(parent)
        found += statements.able_claims(*facts.able_facts(samples, study.conditions, place, able))
        found += statements.layer_claims(child, *deviating)
        layers = {published.TRANSPLANT.layer: "The paper's layer"} | layers
    tried = transplants(session)
    copied = facts.transplant_facts(tried, layers, list(study.evaluation.grid))
    whole = facts.recovered_fact(tried, surgery.ALL_CONVS)
    return statements.tabulate(found + statements.transplant_claims(layers, copied, whole))


def original_digest(study: Study, network: torch.nn.Module) -> tuple[str]:
    """Return what results on the original network depend on: its weights."""
    return (keep.digest(weights.from_torchvision(network.state_dict())),)


@table(
    "original_accuracy",
    "network, distortion, level, accuracy, n",
    needs="images",
    depends=original_digest,
)
def original_accuracy(session: Session, network: torch.nn.Module) -> pd.DataFrame:
    """Accuracy of the original ResNet50 under every condition."""
    from torchvision.transforms import Normalize  # here: it takes two seconds

    images, study = session.images("test"), session.study
    standard = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    seen = {"original": torch.nn.Sequential(standard, network)}
    predicted = predicting.predict_models(session, seen, images, "evaluating the original")
    return scores.accuracy(predicted, images.labels, study.conditions)


@table("original_similarity", "network, similarity", needs="weights", depends=original_digest)
def original_similarity(session: Session, network: torch.nn.Module) -> pd.DataFrame:
    """Similarity of the original ResNet50 to each network, by the paper's alignment."""
    state = weights.from_torchvision(network.state_dict())
    rows = [(name, kernels.similarity(state, own)) for name, own in states(session).items()]
    return pd.DataFrame(rows, columns=["network", "similarity"])


def original_file(session: Session) -> Path | None:
    """Return the file of the original ResNet50's weights, where it is there and fits the study.

    It has torchvision's name, ``resnet50-0676ba61.pth``, and lies in the folder of the data sets or
    where torchvision keeps what it downloads. It fits a study of ResNet50 with 1,000 classes.
    """
    kind, root = session.study.model, paths.data_root(session.data_root)
    places = [folder / ORIGINAL for folder in (root, Path(torch.hub.get_dir()) / "checkpoints")]
    found = next((place for place in places if place.is_file()), None)
    if found is None or kind.architecture != "resnet50" or kind.small_images:
        return None
    return found if len(session.images("test").classes) == ORIGINAL_CLASSES else None


def original(
    session: Session, network: torch.nn.Module | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how the original ResNet50 (He et al. 2016) does beside a study's networks.

    Parameters
    ----------
    network : torch.nn.Module, optional
        torchvision's resnet50, in evaluation mode, made for ImageNet's normalisation. Where it is
        not given it is the trained one of 2016's recipe (IMAGENET1K_V1), from `original_file` or
        downloaded by torchvision.

    Returns
    -------
    accuracy, similarity : pandas.DataFrame
        `original_accuracy` and `original_similarity`.

    Raises
    ------
    ValueError
        For a study whose networks are no ResNet50 or whose classes are not the network's.
    """
    from torchvision.models import ResNet50_Weights, resnet50  # here: it takes two seconds

    classes, kind = len(session.images("test").classes), session.study.model.architecture
    if network is None:
        network = resnet50().eval()
        trained_by, file = ResNet50_Weights.IMAGENET1K_V1, original_file(session)
        state = torch.load(file, "cpu", weights_only=True) if file else None
        network.load_state_dict(
            state or trained_by.get_state_dict(check_hash=True, weights_only=True)
        )
    if kind != "resnet50" or len(network.state_dict()["fc.bias"]) != classes:
        own = f"study {session.study.name} has {kind} of {classes} classes"
        raise ValueError(f"{own}: the original is a resnet50 of {ORIGINAL_CLASSES}")
    return original_accuracy(session, network), original_similarity(session, network)

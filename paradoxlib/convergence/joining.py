"""Two networks joined: their answers averaged, or their last features under one linear layer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from paradoxlib.behaviour import correspondence
from paradoxlib.networks import resnets
from paradoxlib.results.tables import table
from paradoxlib.results.unit_tables import unit_matches
from paradoxlib.similarity import units
from paradoxlib.studies import comparing
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

TIMES = {"test": 5, "train": 5}  # images, as multiples of a study's `transplant_images`
KEPT_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the second network's features
DROPPED_FIRST = ("overlapping first", "random", "unique first")
RIDGE = 1e-2  # of the mean variance of a feature
GAINS = ("gain_over_mean", "gain_over_better")


def images_key(study: Study) -> tuple:
    """Return what tables of joined networks depend on beside the networks."""
    return comparing.COMPARED, study.transplant_images, TIMES


@torch.no_grad()
def last_features(
    session: Session, networks: Mapping[str, resnets.ResNet], split: str
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return what the dense layers see, {network: (n, features)}, float32, and the classes (n,).

    Of a study's first ``train`` or ``test`` images, clean: `TIMES` as many as for transplants.
    """
    count = TIMES[split] * (session.study.transplant_images or comparing.IMAGES)
    images = comparing.pictures(session, count, split)
    features: dict[str, torch.Tensor] = {}
    for name, network in networks.items():
        seen: list[torch.Tensor] = []
        hook = network.fc.register_forward_pre_hook(lambda _, args, to=seen: to.append(args[0]))
        for batch in images.split(250):
            network(batch.to(session.device, memory_format=torch.channels_last))
        hook.remove()
        features[name] = torch.cat(seen).float().cpu()
    return features, session.images(split).first(count).labels


@table(
    "ensembles",
    "a, b, relation, matching, accuracy_a, accuracy_b, together, gain_over_mean, gain_over_better",
    needs="weights, images, unit_matches",
    depends=lambda study: (comparing.IMAGES, *images_key(study)),
)
def ensembles(session: Session) -> pd.DataFrame:
    """What the mean of two networks' probabilities is able to do, and how well their units match.

    Gains are its accuracy less the mean of the two, and less that of the better one.
    """
    matches = unit_matches(session).query("relation != 'chance'")
    pairs = matches.groupby(["a", "b", "relation"], sort=False)["matching"].mean().reset_index()
    networks = comparing.compared(session, session.device)
    features, labels = last_features(session, networks, "test")
    answers = {
        name: network.cpu().fc(features[name]).detach().double().softmax(1)
        for name, network in networks.items()
    }

    def score(probabilities: torch.Tensor) -> float:
        return (probabilities.argmax(1) == labels).double().mean().item()

    alone = {name: score(found) for name, found in answers.items()}
    for side in "ab":
        pairs[f"accuracy_{side}"] = pairs[side].map(alone)
    both = zip(pairs["a"], pairs["b"], strict=True)
    pairs["together"] = [score(answers[a] + answers[b]) for a, b in both]
    accuracies = pairs[["accuracy_a", "accuracy_b"]]
    pairs["gain_over_mean"] = pairs["together"] - accuracies.mean(axis=1)
    pairs["gain_over_better"] = pairs["together"] - accuracies.max(axis=1)
    return pairs


def ensemble_scores(session: Session) -> pd.DataFrame:
    """Return how the matching of units goes with the gains of averaging two networks.

    The rows (of, pairs), a gain and a kind of pairs, have n, Spearman's ``rho``, the ends of its
    95 % interval over resampled networks, and p by permutation.
    """
    scores = []
    for gain in GAINS:
        pairs = ensembles(session).assign(compatibility=lambda rows, gain=gain: rows[gain])
        found = correspondence.score_measures(session.study.family_of, pairs, ["matching"])
        scores.append(found.assign(of=gain))
    columns = ["of", "pairs", "n", "rho", "low", "high", "p"]
    return pd.concat(scores, ignore_index=True)[columns]


def linear_accuracy(
    train: tuple[torch.Tensor, torch.Tensor], test: tuple[torch.Tensor, torch.Tensor]
) -> float:
    """Return the accuracy of a linear layer, fitted to training features by ridge regression.

    Each of the two is (features (n, d), classes (n,)).
    """
    (x, classes), (new, truth) = train, test
    mean = x.mean(0)
    centred, targets = (x - mean).double(), torch.nn.functional.one_hot(classes).double()
    gram = centred.T @ centred
    penalty = RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weights = torch.linalg.solve(gram + penalty, centred.T @ (targets - targets.mean(0)))
    answers = (new - mean).double() @ weights + targets.mean(0)
    return (answers.argmax(1) == truth).double().mean().item()


def overlap_of(ours: torch.Tensor, theirs: torch.Tensor) -> np.ndarray:
    """Return each of the second network's features' best correlation with one of the first's.

    Both are (n, features); a feature that never changes overlaps entirely (1).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.corrcoef(torch.cat([ours, theirs], 1).double().numpy(), rowvar=False)
    best = units.semi_match(whole[ours.shape[1] :, : ours.shape[1]])[1]
    return np.nan_to_num(best, nan=1.0)


@table(
    "combinations",
    "a, b, order, kept, accuracy",
    needs="weights, images",
    depends=lambda study: (*images_key(study), KEPT_SHARES, DROPPED_FIRST, RIDGE),
)
def combinations(session: Session) -> pd.DataFrame:
    """What a linear layer reads from founders' last features and a share of another's.

    Of the second network's features, those that overlap most with the first's are dropped first,
    or random ones, or those that overlap least. The layer is fitted to clean training images.
    """
    networks = comparing.founders(session)
    (train, classes), (test, truth) = (
        last_features(session, networks, split) for split in ("train", "test")
    )
    rows, source = [], np.random.default_rng(session.study.evaluation.seed)
    pairs = [(a, b) for a in networks for b in networks if a != b]
    for a, b in pairs:
        overlap = overlap_of(train[a], train[b])
        rare_first = np.argsort(overlap, kind="stable")
        kept_first = {
            "overlapping first": rare_first,
            "random": source.permutation(len(overlap)),
            "unique first": rare_first[::-1].copy(),
        }
        for order, features in kept_first.items():
            for share in KEPT_SHARES:
                kept = features[: round(share * len(features))]
                x, new = (torch.cat([s[a], s[b][:, kept]], 1) for s in (train, test))
                accuracy = linear_accuracy((x, classes), (new, truth))
                rows.append((a, b, order, share, accuracy))
    return pd.DataFrame(rows, columns=["a", "b", "order", "kept", "accuracy"])

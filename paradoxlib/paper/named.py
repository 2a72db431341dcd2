"""The paper's statements on networks and pairs that it names, as claims."""

import math
from collections.abc import Mapping

from paradoxlib.paper import published, statements, verdicts
from paradoxlib.paper.statements import Fact
from paradoxlib.paper.verdicts import Claim

SIMILAR_SCORE = 0.05  # what two networks that score "very similarly" may differ by


def pair_claims(
    found: Mapping[published.NamedPair, tuple[Fact, Fact]],
    chance: float,
    margin: float,
    architecture: str,
) -> list[Claim]:
    """Return the claims on the pairs that the paper names (notebook 05).

    Parameters
    ----------
    found : dict
        {named pair: (similarity, compatibility)}, each with its interval, of ours.
    chance : float
        The similarity of unrelated networks of the architecture.
    margin : float
        The difference of compatibility and similarity at which the paper's green cells end.
    architecture : str
        Of the study's networks.
    """
    compatibility, similarity = published.read_experiment(architecture)
    claims = []
    for pair, (alike, behave) in found.items():
        a, b, kind, where, stated = pair
        name = f"This pair, {a} and {b} ({kind})"
        values = similarity.loc[a, b], compatibility.loc[a, b]
        border = 1 - margin if values[0] >= statements.ALIKE else values[0] + margin
        turns = (1 + chance) / 2, border
        rows = zip(
            ("similarity", "compatibility"),
            values,
            (alike, behave),
            turns,
            (verdicts.OF_NOTHING, verdicts.OF_IMAGES),
            strict=True,
        )
        for what, value, own, turns_at, resampled in rows:
            ends = (
                (*stated, verdicts.FROM_TEXT)
                if stated
                else (*verdicts.rounding(value), verdicts.FROM_PRINT)
            )
            claims.append(
                Claim(
                    "this pair",
                    f"{name}: {what}",
                    where,
                    statements.NOTEBOOK_5,
                    value,
                    *ends,
                    *own,
                    resampled,
                    turns_at,
                )
            )
    return claims


def order_claims(found: Mapping[str, Fact]) -> list[Claim]:
    """Return the claims on which of two networks of Figure 1 is better, and at what (notebook 03).

    `found` is {statement: the first network's accuracy less the other's}, with statements of
    `published.ORDERS`.
    """
    claims = []
    for statement, own in found.items():
        same = published.ORDERS[statement].same
        low, high = (-0.01, 0.01) if same else verdicts.POSITIVE
        published_value = 0.0 if same else math.nan
        claims.append(
            Claim(
                "two networks",
                statement,
                "3.1",
                statements.NOTEBOOK_3,
                published_value,
                low,
                high,
                verdicts.FROM_TEXT,
                *own,
                verdicts.OF_IMAGES,
            )
        )
    return claims


def original_claim(kind: str, other: str, found: Fact) -> Claim:
    """Return the claim on the original network, beside one that was trained on none (notebook 03).

    Parameters
    ----------
    kind : str
        Which ResNet stands for the original, as ``resnet50``.
    other : str
        The paper's N1.
    found : tuple
        The largest difference of their accuracies under one distortion; nan where not known.
    """
    who = (
        f"The original {kind.replace('resnet', 'ResNet')} scores like {other} under each distortion"
    )
    said = math.nan, -math.inf, SIMILAR_SCORE, verdicts.FROM_US
    return Claim(
        "accuracies",
        f"{who}: the largest difference of accuracy",
        "3.2",
        statements.NOTEBOOK_3,
        *said,
        *found,
        verdicts.OF_IMAGES,
    )

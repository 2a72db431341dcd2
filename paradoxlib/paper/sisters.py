"""Statements of the sister works, as claims: matched units and similar representations.

They are Convergent Learning (Li et al. 2015), of AlexNets on ImageNet, and an article on linear CKA
(after Nguyen et al. 2020), of ResNets on CIFAR-10.
"""

import math
from collections.abc import Mapping

from paradoxlib.paper import published, verdicts
from paradoxlib.paper.statements import Fact, Said
from paradoxlib.paper.verdicts import Claim

NOTEBOOK_7 = "07_match_units"
NOTEBOOK_8 = "08_compare_representations"
CELLS = {
    "semi_matching": "mean correlation of best partners",
    "matching": "mean correlation of one-to-one partners",
    "overlap": "share of units with the same partner by both",
}
DEPTHS = ((20, 100), (20, 150))  # layers of ResNet50, and of ResNet152, that are said to be alike
PARAMETERS = {"resnet50": 25_636_712, "resnet152": 60_419_944}
THERE = (math.nan, *verdicts.POSITIVE, verdicts.FROM_TEXT)  # only said to be there
BY_OURS = (math.nan, *verdicts.POSITIVE, verdicts.FROM_US)  # there, by a threshold of ours
MUCH = (math.nan, 0.5, 1.0, verdicts.FROM_US)
# What is said of heatmaps: {fact: (group, statement, published value, its range, where from)}.
SEEN: dict[str, tuple[str, str, float, float, float, str]] = {
    "small": ("block", "Small networks have no block: share of a ResNet20's layers in its largest "
              "run with a mean CKA of .9", math.nan, 0.0, 0.25, verdicts.FROM_US),
    "block": ("block", "Deep networks have a block of layers that are all alike: share of "
              "ResNet50's layers in its largest run with a mean CKA of .9",
              math.nan, 0.25, 1.0, verdicts.FROM_US),
    "late": ("block", "The block lies in the last two stages: share of its layers that follow the "
             "beginning of stage 4", *MUCH),
    "own": ("block", "The block is each network's own: mean CKA of all other layers with "
            "ResNet101 and ResNet152 less that of the block's", *THERE),
    "component": ("block", "One direction makes the block: share of variance in the first "
                  "principal component of its layers less that of all other layers", *THERE),
    "dominant": ("block", "A few images make the block: share of variance in 2 % of the images in "
                 "its layers less that in all other layers", *THERE),
    "removed": ("block", "Without the first principal component the block goes: by what share "
                "of its size ResNet50's largest block shrinks", *MUCH),
    "early resnet101": ("depths", "The first few layers learn similar representations: mean CKA "
                        "of the first 20 of ResNet50 and ResNet101 less that of the rest", *THERE),
    "early resnet152": ("depths", "The first few layers learn similar representations: mean CKA "
                        "of the first 20 of ResNet50 and ResNet152 less that of the rest", *THERE),
    "lines": ("depths", "Vertical lines, layers of ResNet101 that are like none of ResNet50's "
              "(a CKA below .1 with all of them): their share", *BY_OURS),
    "more lines": ("depths", "They become more apparent with ResNet152: their share less that of "
                   "ResNet101", *BY_OURS),
    "covered": ("depths", "ResNet152's additional layers do not result in a different "
                "representation: mean over its layers of the highest CKA with one of ResNet50's",
                *MUCH),
    "triple": ("values", "Values nearly triple from resnet50 to resnet152: their ratio",
               3.0, 2.5, 3.5, verdicts.FROM_US),
}  # fmt: skip


def matching_claims(cells: Mapping[tuple[str, str], tuple[str, Fact, float]]) -> list[Claim]:
    """Return the claims on Table 1, cell by cell (notebook 07).

    `cells` is {(layer of AlexNet, column): (layer of ours, value with its interval, chance)}.
    """
    table, claims = published.read_matching(), []
    for (layer, column), (ours, fact, chance) in cells.items():
        value = table.loc[layer, column]
        statement = f"{layer} ({ours} here): {CELLS[column]}"
        claims.append(
            Claim(
                "matched units, Table 1",
                statement,
                "Table 1",
                NOTEBOOK_7,
                value,
                *verdicts.rounding(value, 3),
                verdicts.FROM_PRINT,
                *fact,
                verdicts.OF_NETWORKS,
                chance,
            )
        )
    return claims


def best_unit_claims(
    pair: str, top: float, highest: float, lowest: float, coincide: float
) -> list[Claim]:
    """Return the claims on the best matched units of the first layer (notebook 07).

    Parameters
    ----------
    pair : str
        The two strangers whose units are matched.
    top : float
        Of the eight best matched pairs, how many are among the eight best by mutual information.
    highest, lowest : float
        The correlations of the best and of the worst matched unit.
    coincide : float
        The share of units whose best partner is their one-to-one partner, among the better half of
        the units, less that among the others.
    """
    text, us, nothing = verdicts.FROM_TEXT, verdicts.FROM_US, verdicts.OF_NOTHING
    rows = (
        ("Of the eight best matched pairs, among the eight best by mutual information", "3.2",
         top, 7.0, 7, 7, text, 4.0),
        ("Correlations fall from near 1: that of the best matched unit", "3.1",
         highest, 1.0, 0.95, 1, us, 0.5),
        ("Correlations fall to near .3: that of the worst matched unit", "3.1",
         lowest, 0.3, 0.25, 0.35, us, 0.5),
        ("Both ways of matching coincide for the best matched units: share among the better half "
         "less that among the others", "3.1",
         coincide, math.nan, *verdicts.POSITIVE, text, math.nan),
    )  # fmt: skip
    claims = []
    for statement, where, value, said, low, high, range_from, turns_at in rows:
        about = "matched units, first layer", f"{statement} ({pair})", where, NOTEBOOK_7
        fact = value, value, value
        claims.append(Claim(*about, said, low, high, range_from, *fact, nothing, turns_at))
    return claims


def checkerboard_claims(found: Mapping[str, tuple[Fact, Fact]], resampled: str) -> list[Claim]:
    """Return the claims on the checkerboard (notebook 08).

    `found` is {pair: (CKA of additions with additions less that of additions with convolutions
    inside blocks, less that of such convolutions among themselves)}; `resampled` says what the
    intervals cover.
    """
    others = (
        "with convolutions inside blocks",
        "of convolutions inside blocks among themselves",
    )
    claims = []
    for pair, values in found.items():
        for other, fact in zip(others, values, strict=True):
            statement = (
                f"Additions are more alike than what lies inside blocks ({pair}): CKA of additions "
                f"with additions less that {other}"
            )
            said = math.nan, *verdicts.POSITIVE, verdicts.FROM_TEXT
            claims.append(article_claim("checkerboard", statement, said, fact, resampled))
    return claims


def depth_claims(found: Mapping[tuple[int, int], tuple[float, float]]) -> list[Claim]:
    """Return the claims on the first layers of two depths (notebook 08).

    `found` is {`DEPTHS`: (their mean CKA less that of the rest of ResNet50 with the same layers of
    ResNet152, less that of the same layers of ResNet50 with the rest of ResNet152)}.
    """
    claims = []
    for (few, many), values in found.items():
        first = (
            f"The first {many} layers of ResNet152 are like the first {few} of ResNet50: mean CKA"
        )
        others = (
            "with the later layers of ResNet50",
            f"of those {few} with the later layers of ResNet152",
        )
        for other, value in zip(others, values, strict=True):
            said = math.nan, *verdicts.POSITIVE, verdicts.FROM_TEXT
            statement = f"{first} less that {other}"
            claims.append(article_claim("depths", statement, said, (value, value, value)))
    return claims


def seen_claims(found: Mapping[str, Fact | float], resampled: str) -> list[Claim]:
    """Return the claims on what is seen in heatmaps, given facts by their names in `SEEN`."""
    claims = []
    for name, fact in found.items():
        group, statement, value, low, high, where = SEEN[name]
        known = fact if isinstance(fact, tuple) else (fact, fact, fact)
        said = value, low, high, where
        claims.append(article_claim(group, statement, said, known, resampled))
    return claims


def parameter_claims(counts: Mapping[str, int]) -> list[Claim]:
    """Return the claims on how many values networks have, given {architecture: count}."""
    claims = []
    for architecture, count in counts.items():
        said = PARAMETERS[architecture]
        ends = said, said, said, verdicts.FROM_TEXT
        statement = f"Values of {architecture}, 1,000 classes"
        claims.append(article_claim("values", statement, ends, (count, count, count)))
    return claims


def article_claim(
    group: str, statement: str, said: Said, fact: Fact, resampled: str = verdicts.OF_NOTHING
) -> Claim:
    """Return a claim of the article, or of the paper that it explains (notebook 08)."""
    turns_at = 1.0 if statement.startswith("Values nearly triple") else math.nan
    return Claim(group, statement, "article", NOTEBOOK_8, *said, *fact, resampled, turns_at)

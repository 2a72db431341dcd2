"""The paper's statements that can be checked, and whether they hold.

The published and the reproduced value come from the same function, applied to the published
matrices and to ours (`facts` of the behaviour room). A statement holds when the whole interval of
the reproduced value lies in the range that would make it true, fails when the whole interval lies
outside, and is open otherwise.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from paradoxlib.paper import published

ALIKE = 0.985  # what the paper's matrices print as .99 or 1.00
SECTIONS = {"resnet20": "3.1", "resnet50": "3.2"}  # of the two experiments
TOLERANCE = 0.03  # by which accuracies that the text states may be missed
NOTEBOOK_3 = "03_evaluate_under_distortions"
NOTEBOOK_4 = "04_measure_kernel_similarity"
NOTEBOOK_5 = "05_build_paradox_matrices"
NOTEBOOK_6 = "06_transplant_weights"
Fact = tuple[float, float, float]  # a value, and the low and high end of its interval


# What is stated of each fact on behaviour and similarity; in braces stand the example pairs.
STATEMENTS = {
    "spread": "Spread of visual intelligence over spread of clean accuracy: "
    "distortions separate networks",
    "same score": "Largest gap on one distortion between networks of equal visual intelligence "
    "(within .02): one score hides two behaviours",
    "family": "Lowest similarity within a family",
    "strangers": "Mean similarity between families",
    "alike and alike": "Similar and alike, as {alike}: "
    "highest compatibility of nearly identical networks",
    "yellow": "Similar yet different, as {yellow}: "
    "lowest absolute compatibility of nearly identical networks",
    "red": "Different yet similar, as {red}: highest compatibility of strangers",
    "different and different": "Different and different, as {apart}: "
    "lowest absolute compatibility of strangers",
    "gap": "No correspondence: mean compatibility of nearly identical networks "
    "minus that of all others",
    "correlation": "No correspondence: correlation of similarity with compatibility over all pairs",
}
# The published pairs that show each corner of the paradox.
EXAMPLE_PAIRS = {
    "resnet20": {
        "alike": "N16-N17",
        "yellow": "N14-N16",
        "red": "N01-N10",
        "apart": "N01-N04",
    },
    "resnet50": {
        "alike": "the two N1-All",
        "yellow": "N1-Contrast and N1-All [5 Epochs]",
        "red": "N2 and N1-All [10 Epochs]",
        "apart": "N2 and N1-Contrast",
    },
}


class Claim(NamedTuple):
    """A statement of the paper, with what was published and what was reproduced."""

    statement: str
    section: str
    notebook: str
    published: float
    reproduced: float
    low: float  # the interval of the reproduced value
    high: float
    holds_from: float  # the range in which the statement is true
    holds_to: float


CLAIM_COLUMNS = [*Claim._fields, "verdict"]


def verdict(low: float, high: float, holds_from: float, holds_to: float) -> str:
    """Return holds, fails or open: an interval against the range in which a statement is true."""
    if math.isnan(low) or math.isnan(high):
        return "no such pair"
    if holds_from <= low and high <= holds_to:
        return "holds"
    return "fails" if high < holds_from or low > holds_to else "open"


def tabulate(claims: Iterable[Claim]) -> pd.DataFrame:
    """Return the table of claims: a row for each, with its verdict."""
    rows = [(*c, verdict(c.low, c.high, c.holds_from, c.holds_to)) for c in claims]
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def behaviour_claims(
    ours: Mapping[str, Fact],
    theirs: Mapping[str, Fact],
    accuracies: Mapping[str, Fact],
    correlation: Fact,
    printed_correlation: float,
    comparable: bool,
    architecture: str = "resnet20",
) -> list[Claim]:
    """Return the claims on behaviour and similarity (notebooks 03 to 05).

    Parameters
    ----------
    ours, theirs : dict
        The facts of the pairs (`facts.pair_facts`), of a study and of the published matrices.
    accuracies : dict
        The facts of the study's accuracies (`facts.accuracy_facts`).
    correlation : tuple
        Pearson's r of similarity with compatibility over all pairs, low, high.
    printed_correlation : float
        The same of the published matrices.
    comparable : bool
        Whether the study has the paper's data; if not, absolute accuracies are not compared.
    architecture : str
        Of the study's networks; it says which of the paper's experiments is meant.
    """
    experiment = published.experiment_of(architecture)
    section, figures = SECTIONS[experiment], published.FIGURES[experiment]
    clean = published.text_range("clean_accuracy", architecture)
    able = published.text_range("visual_intelligence", architecture)
    absolute = {
        "clean accuracy, lowest": clean[0],
        "clean accuracy, highest": clean[1],
        "visual intelligence, lowest": able[0],
        "visual intelligence, highest": able[1],
    }
    found = {**ours, **accuracies, "correlation": correlation}
    printed = {fact: value for fact, (value, _, _) in theirs.items()} | {
        "spread": (able[1] - able[0]) / (clean[1] - clean[0]),
        "same score": math.nan,
        "correlation": printed_correlation,
    }

    def claim(fact: str, where: str, notebook: str, holds_from: float, holds_to: float) -> Claim:
        statement = STATEMENTS[fact].format(**EXAMPLE_PAIRS[experiment])
        return Claim(statement, where, notebook, printed[fact], *found[fact], holds_from, holds_to)

    bars, similar, different = (
        f"{section}, Figure {figures[shows].removeprefix('fig')}"
        for shows in ("bars", "similarity", "difference")
    )
    claims = [
        claim("spread", section, NOTEBOOK_3, 1, math.inf),
        claim("same score", section, NOTEBOOK_3, 0.05, 1),
        claim("family", similar, NOTEBOOK_4, ALIKE, 1),
        claim("strangers", similar, NOTEBOOK_4, -1, 0.3),
        claim("alike and alike", different, NOTEBOOK_5, 0.95, 1),
        claim("yellow", different, NOTEBOOK_5, 0, 0.3),
        claim("red", different, NOTEBOOK_5, 0.95, 1),
        claim("different and different", different, NOTEBOOK_5, 0, 0.3),
        claim("gap", "4", NOTEBOOK_5, -0.2, 0.2),
        claim("correlation", "4", NOTEBOOK_5, -0.3, 0.3),
    ]
    if comparable:
        for fact, value in absolute.items():
            statement = f"{fact.capitalize()} of the networks"
            ends = value - TOLERANCE, value + TOLERANCE
            claims.append(Claim(statement, bars, NOTEBOOK_3, value, *found[fact], *ends))
    return claims


def able_claims(loss: Fact, better: Fact) -> list[Claim]:
    """Return the claims on networks that were trained on all distortions (notebook 03).

    They are the paper's N1-Alls and N2, against N1, which was trained on none (`facts.able_facts`).

    Parameters
    ----------
    loss : tuple
        The largest loss of accuracy on clean images, low, high.
    better : tuple
        How many distortions all of them are better under, low, high.
    """
    match = "N1-Alls and N2 match N1 on clean images: the largest loss of the three"
    beat = "They beat N1 under every distortion: distortions under which all three do, of 8"
    where = "3.2, Figure 4"
    return [
        Claim(match, where, NOTEBOOK_3, 0.0, *loss, -1, 0.03),
        Claim(beat, where, NOTEBOOK_3, 8.0, *better, 8, 8),
    ]


def layer_claims(child: str, layer: str, same: Fact, others: int) -> list[Claim]:
    """Return the claim on Figure 5: one layer deviates most in all children of N1 (notebook 06).

    Parameters
    ----------
    child, layer : str
        The child of the transplants, and the layer that deviates most in it.
    same : tuple
        How many of the other children deviate most in the same layer, low, high.
    others : int
        How many other children there are.
    """
    statement = (
        f"The layer that deviates most in {child} ({layer}) is that of the other {others} "
        "children, too: of how many"
    )
    return [Claim(statement, "4.3, Figure 5", NOTEBOOK_6, 9.0, *same, others, others)]


def transplant_claims(
    layers: Mapping[str, str], found: Mapping[str, tuple[Fact, Fact]], whole: Fact
) -> list[Claim]:
    """Return the claims on transplants (notebook 06).

    Parameters
    ----------
    layers : dict
        {layer: what it is}: the layer that the paper transplants, as far as there is such a layer,
        and the one that is least correlated between this parent and child, by which the paper chose
        its own.
    found : dict
        {layer: (gain, kept)}, what its transplant does (`facts.transplant_facts`): the gain in
        visual intelligence, and how many distortions it does not make worse.
    whole : tuple
        The share of the way from the parent's behaviour to the child's that the transplant of all
        convolutions goes, low, high.
    """
    before, after = published.TEXT["transplant_one_layer"].value
    kept_statement = "Distortions that this layer does not make worse, of 8"
    whole_statement = (
        "All convolutions transplanted, the dense layer staying: "
        "share of the way from the parent's behaviour to the child's"
    )
    claims = []
    for layer, what in layers.items():
        gain, kept = found[layer]
        statement = (
            f"{what} ({layer}) transplanted from child to parent: gain in visual intelligence"
        )
        claims += [
            Claim(statement, "4.2", NOTEBOOK_6, after - before, *gain, 1e-9, 1),
            Claim(kept_statement, "4.3", NOTEBOOK_6, 8.0, *kept, 8, 8),
        ]
    return [*claims, Claim(whole_statement, "4.2", NOTEBOOK_6, 1.0, *whole, 0.9, 1.1)]

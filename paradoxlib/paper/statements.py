"""The paper's statements that can be checked, as claims.

The published and the reproduced value come from the same function, applied to the published
matrices and to ours (`facts` of the behaviour room).
"""

import math
from collections.abc import Collection, Mapping, Sequence

from paradoxlib.paper import published, verdicts
from paradoxlib.paper.verdicts import Claim

ALIKE = 0.985  # what the paper's matrices print as .99 or 1.00
SECTIONS = {"resnet20": "3.1", "resnet50": "3.2"}  # of the two experiments
NOTEBOOK_2 = "02_train_networks"
NOTEBOOK_3 = "03_evaluate_under_distortions"
NOTEBOOK_4 = "04_measure_kernel_similarity"
NOTEBOOK_5 = "05_build_paradox_matrices"
CHANCE_CLASSES = 0.1  # accuracy by chance
MOST_NAMED = 5  # networks, in a statement; more are counted
Fact = tuple[float, float, float]  # a value, and the low and high end of its interval
Said = tuple[float, float, float, str]  # a published value, its range, and where that comes from

APART = "different and different"
# What is stated of each fact on behaviour and similarity.
STATEMENTS = {
    "spread": "Spread of visual intelligence over spread of clean accuracy: "
    "distortions separate networks",
    "same score": "Largest gap on one distortion between networks of equal visual intelligence "
    "(within .02): one score hides two behaviours",
    "family": "Lowest similarity within a family",
    "strangers": "Mean similarity between families",
    "alike and alike": "Similar and alike: highest compatibility of nearly identical networks",
    "yellow": "Similar yet different: lowest absolute compatibility of nearly identical networks",
    "red": "Different yet similar: highest compatibility of strangers",
    APART: "Different and different: lowest absolute compatibility of strangers",
    "gap": "No correspondence: mean compatibility of nearly identical networks "
    "minus that of all others",
    "correlation": "No correspondence: correlation of similarity with compatibility over all pairs",
}


def behaviour_claims(
    ours: Mapping[str, Fact],
    theirs: Mapping[str, Fact],
    correlation: Fact,
    printed_correlation: float,
    chance: float,
    margin: float,
    architecture: str = "resnet20",
    networks: str = verdicts.OF_NETWORKS,
) -> list[Claim]:
    """Return the claims on behaviour and similarity over all pairs (notebooks 03 to 05).

    Parameters
    ----------
    ours, theirs : dict
        The facts of the pairs (`facts.pair_facts`), of a study and of the published matrices; ours
        with ``spread`` and ``same score`` (`facts.accuracy_facts`).
    correlation : tuple
        Pearson's r of similarity with compatibility over all pairs, low, high.
    printed_correlation : float
        The same of the published matrices.
    chance : float
        The similarity of unrelated networks of the architecture.
    margin : float
        The difference of compatibility and similarity at which the paper's green cells end.
    architecture : str
        Of the study's networks; it says which of the paper's experiments is meant.
    networks : str
        What the intervals of means resample: networks, or families.
    """
    experiment = published.experiment_of(architecture)
    section, figures = SECTIONS[experiment], published.FIGURES[experiment]
    similar, different = (
        f"{section}, Figure {figures[shows].removeprefix('fig')}"
        for shows in ("similarity", "difference")
    )
    (clean, clean_ends), (able, able_ends) = (
        (ends, [verdicts.rounding(end) for end in ends])
        for ends in (
            published.text_range(what, architecture)
            for what in ("clean_accuracy", "visual_intelligence")
        )
    )
    spreads = [
        (ends[1][0] - ends[0][1], ends[1][1] - ends[0][0]) for ends in (able_ends, clean_ends)
    ]
    spread = spreads[0][0] / spreads[1][1], spreads[0][1] / spreads[1][0]
    printed = {fact: value for fact, (value, _, _) in theirs.items()}
    found = {**ours, "correlation": correlation}
    # the border of the paper's green cells, of nearly identical networks and of strangers
    near, far = 1 - margin, printed["strangers"] + margin

    def claim(
        group: str,
        fact: str,
        where: str,
        notebook: str,
        said: Said,
        resampled: str,
        turns_at: float = math.nan,
    ) -> Claim:
        about = group, STATEMENTS[fact], where, notebook
        return Claim(*about, *said, *found[fact], resampled, turns_at)

    def cell(fact: str) -> Said:
        return printed[fact], *verdicts.rounding(printed[fact]), verdicts.FROM_PRINT

    ratio = (able[1] - able[0]) / (clean[1] - clean[0])
    over_99 = printed["alike and alike"], *published.OVER_99, verdicts.FROM_TEXT
    images, ours_alone = verdicts.OF_IMAGES, verdicts.FROM_US
    extreme, whole = ("most extreme pair", "correspondence")
    halfway = (1 + chance) / 2
    return [
        claim(
            "accuracies",
            "spread",
            section,
            NOTEBOOK_3,
            (ratio, *spread, verdicts.FROM_TEXT),
            images,
            1,
        ),
        claim(
            "accuracies", "same score", section, NOTEBOOK_3, (math.nan, 0.05, 1, ours_alone), images
        ),
        claim(
            "similarity",
            "family",
            similar,
            NOTEBOOK_4,
            cell("family"),
            verdicts.OF_NOTHING,
            halfway,
        ),
        claim("similarity", "strangers", similar, NOTEBOOK_4, cell("strangers"), networks, chance),
        claim(extreme, "alike and alike", different, NOTEBOOK_5, over_99, images, near),
        claim(extreme, "yellow", different, NOTEBOOK_5, cell("yellow"), images, near),
        claim(extreme, "red", different, NOTEBOOK_5, cell("red"), images, far),
        claim(extreme, APART, different, NOTEBOOK_5, cell(APART), images, far),
        claim(whole, "gap", "4", NOTEBOOK_5, (printed["gap"], -0.2, 0.2, ours_alone), networks),
        claim(
            whole,
            "correlation",
            "4",
            NOTEBOOK_5,
            (printed_correlation, -0.3, 0.3, ours_alone),
            networks,
        ),
    ]


def range_claims(found: Mapping[str, Fact], comparable: bool, architecture: str) -> list[Claim]:
    """Return the claims on the range of the accuracies (notebook 03).

    Parameters
    ----------
    found : dict
        The lowest and the highest ``clean accuracy`` and ``visual intelligence``
        (`facts.range_facts`).
    comparable : bool
        Whether the study has the paper's data; if not, the claims are not testable here.
    architecture : str
        Of the study's networks.
    """
    experiment = published.experiment_of(architecture)
    bars = published.FIGURES[experiment]["bars"].removeprefix("fig")
    where, decided = (
        f"{SECTIONS[experiment]}, Figure {bars}",
        None if comparable else verdicts.NOT_TESTABLE,
    )
    claims = []
    for what in ("clean accuracy", "visual intelligence"):
        values = published.text_range(what.replace(" ", "_"), architecture)
        for end, value in zip(("lowest", "highest"), values, strict=True):
            fact = f"{what}, {end}"
            claims.append(
                Claim(
                    "accuracies",
                    f"{fact.capitalize()} of the networks",
                    where,
                    NOTEBOOK_3,
                    value,
                    *verdicts.rounding(value),
                    verdicts.FROM_TEXT,
                    *found[fact],
                    verdicts.OF_IMAGES,
                    CHANCE_CLASSES,
                    decided,
                )
            )
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
    where, images = "3.2, Figure 4", verdicts.OF_IMAGES
    return [
        Claim(
            "accuracies", match, where, NOTEBOOK_3, 0.0, -1, 0.03, verdicts.FROM_US, *loss, images
        ),
        Claim(
            "accuracies", beat, where, NOTEBOOK_3, 8.0, 8, 8, verdicts.FROM_TEXT, *better, images, 4
        ),
    ]


def unseen_claims(gains: Mapping[str, Fact], able: Sequence[str], other: str) -> list[Claim]:
    """Return the claims on conditions that training showed, and on those beyond (notebook 03).

    Parameters
    ----------
    gains : dict
        {what is seen: mean accuracy of the able networks less the other's}
        (`facts.unseen_facts`).
    able : list
        Networks that were trained on all distortions.
    other : str
        A network that was trained on none.
    """
    many = len(able) > MOST_NAMED
    those = f"{len(able)} networks" if many else ", ".join(able)
    who = f"Trained on all distortions ({those}) they beat {other}, trained on none, under"
    return [
        Claim(
            "unseen conditions",
            f"{who} {condition}",
            "3.2",
            NOTEBOOK_3,
            math.nan,
            *verdicts.POSITIVE,
            verdicts.FROM_TEXT,
            *gain,
            verdicts.OF_IMAGES,
        )
        for condition, gain in gains.items()
    ]


def count_claims(networks: Collection[str], comparable: bool, architecture: str) -> list[Claim]:
    """Return the claims on how many networks and pairs there are: run here, or not run.

    Of the paper's data, that is: `comparable` says whether the study has them. Networks of a figure
    are those of its names.
    """
    experiment = published.experiment_of(architecture)
    shown = published.read_matrix(published.FIGURES[experiment]["compatibility"])
    claims = []
    for what, count in published.COUNTS[experiment].items():
        here = len(networks)
        if what.startswith("Pairs"):
            here = math.comb(here, 2)
        elif "Figure" in what:
            here = len(set(shown) & set(networks))
        decided = verdicts.RUN if comparable and here >= count else verdicts.NOT_RUN
        ends = count, count, count, verdicts.FROM_TEXT, here, here, here, verdicts.OF_NOTHING
        claims.append(Claim("counts", what, "1.3", NOTEBOOK_2, *ends, math.nan, decided))
    return claims

"""The paper's statements on which part of a network carries its behaviour, as claims."""

import math
from collections.abc import Mapping

from paradoxlib.paper import published, verdicts
from paradoxlib.paper.statements import Fact
from paradoxlib.paper.verdicts import Claim

NOTEBOOK_6 = "06_transplant_weights"
GROUP = "transplants"


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
    return [
        Claim(
            GROUP,
            statement,
            "4.3, Figure 5",
            NOTEBOOK_6,
            9.0,
            others,
            others,
            verdicts.FROM_TEXT,
            *same,
            verdicts.OF_NOTHING,
            others / 2,
        )
    ]


def transplant_claims(
    layers: Mapping[str, str],
    found: Mapping[str, tuple[Fact, Fact]],
    convolutions: Fact,
    with_norms: Fact,
) -> list[Claim]:
    """Return the claims on transplants from child to parent (notebook 06).

    Parameters
    ----------
    layers : dict
        {layer: what it is}: the layer that the paper transplants, as far as there is such a layer,
        and the one that is least correlated between this parent and child, by which the paper chose
        its own.
    found : dict
        {layer: (gain, kept)}, what its transplant does (`facts.transplant_facts`): the gain in
        visual intelligence, and how many distortions it does not make worse.
    convolutions, with_norms : tuple
        The share of the way from the parent's behaviour to the child's that the transplant of all
        convolutions goes, low, high; and of all convolutions with their batch norms.
    """
    before, after = published.TEXT["transplant_one_layer"].value
    gain_ends = (
        verdicts.rounding(after)[0] - verdicts.rounding(before)[1],
        verdicts.rounding(after)[1] - verdicts.rounding(before)[0],
    )
    claims = []
    for layer, what in layers.items():
        gain, kept = found[layer]
        statement = (
            f"{what} ({layer}) transplanted from child to parent: gain in visual intelligence"
        )
        worse = f"Distortions that the same layer ({layer}) does not make worse, of 8"
        ends = after - before, *gain_ends, verdicts.FROM_TEXT, *gain, verdicts.OF_IMAGES, 0
        claims += [
            Claim(GROUP, statement, "4.2", NOTEBOOK_6, *ends),
            Claim(
                GROUP,
                worse,
                "4.3",
                NOTEBOOK_6,
                8.0,
                8,
                8,
                verdicts.FROM_TEXT,
                *kept,
                verdicts.OF_NOTHING,
                4,
            ),
        ]
    for which, share in (("", convolutions), (" with their batch norms", with_norms)):
        statement = (
            f"All convolutions{which} transplanted, the dense layer staying: "
            "share of the way from the parent's behaviour to the child's"
        )
        ends = 1.0, 0.9, 1.1, verdicts.FROM_US, *share, verdicts.OF_IMAGES, 0
        claims.append(Claim(GROUP, statement, "4.2", NOTEBOOK_6, *ends))
    return claims


def dense_claim(share: float, comparable: bool) -> Claim:
    """Return the claim on the dense layer's share of a network's values (notebook 06).

    Where it is far smaller than the paper's, that it stays is a weaker test. `comparable` says
    whether the study has the paper's data and architecture.
    """
    ends = *verdicts.rounding(0.08), verdicts.FROM_TEXT, share, share, share, verdicts.OF_NOTHING
    statement = "The dense layer, which stays, holds a good part of the network's values: its share"
    decided = None if comparable else verdicts.NOT_TESTABLE
    return Claim(GROUP, statement, "4.2", NOTEBOOK_6, 0.08, *ends, 0.0, decided)


def control_claims(
    recipient: str, donor: str, gains: Mapping[str, Fact], convolutions: Fact
) -> list[Claim]:
    """Return the claims on transplants between strangers, the paper's control (notebook 06).

    Parameters
    ----------
    recipient, donor : str
        Two strangers.
    gains : dict
        {what is transplanted: gain in visual intelligence}, each with its interval.
    convolutions : tuple
        The share of the way from the recipient's behaviour to the donor's that all convolutions
        with their batch norms go, low, high.
    """
    group, pair = "transplants between strangers", f"{donor} into {recipient}"
    nothing, images = math.nan, verdicts.OF_IMAGES
    claims = []
    for what, gain in gains.items():
        statement = (
            f"Weights of a stranger ({pair}) bring no ability: "
            f"gain in visual intelligence by {what}"
        )
        ends = nothing, -1.0, 0.0, verdicts.FROM_TEXT
        claims.append(Claim(group, statement, "1.3", NOTEBOOK_6, *ends, *gain, images))
    statement = (
        f"Nor its behaviour ({pair}): share of the way from the recipient's to the donor's by all "
        "convolutions with their batch norms"
    )
    ends = nothing, -math.inf, 0.5, verdicts.FROM_US
    return [*claims, Claim(group, statement, "1.3", NOTEBOOK_6, *ends, *convolutions, images)]

"""Statements as claims."""

import math

import pytest

from paradoxlib.paper import named, published, statements, verdicts

FACT = (0.5, 0.4, 0.6)
PAIRS = dict.fromkeys(
    ("family", "strangers", "gap", "alike and alike", "yellow", "red", "different and different"),
    FACT,
)
OURS = PAIRS | {"spread": FACT, "same score": FACT}
SCORES = ("clean accuracy", "visual intelligence")
RANGES = dict.fromkeys(
    [f"{score}, {end}" for score in SCORES for end in ("lowest", "highest")], FACT
)


@pytest.mark.parametrize("architecture", published.EXPERIMENT_OF)
def test_claims_name_the_section_and_figures_of_their_experiment(architecture):
    found = statements.behaviour_claims(OURS, PAIRS, FACT, 0.1, 0.13, 0.25, architecture)
    ranges = statements.range_claims(RANGES, True, architecture)
    assert len(found) == 10 and len(ranges) == 4
    first = published.EXPERIMENT_OF[architecture] == "resnet20"
    assert found[0].section == ("3.1" if first else "3.2")
    assert found[2].section == ("3.1, Figure 7" if first else "3.2, Figure 10")
    assert ranges[-1].section == ("3.1, Figure 1" if first else "3.2, Figure 4")
    assert all((claim.reproduced, claim.low, claim.high) == FACT for claim in found)
    assert found[9].published == 0.1 and math.isnan(found[1].published)
    lowest, highest = published.text_range("clean_accuracy", architecture)
    assert [claim.published for claim in ranges[:2]] == [lowest, highest]
    assert ranges[0].statement == "Clean accuracy, lowest of the networks"
    elsewhere = verdicts.tabulate(statements.range_claims(RANGES, False, architecture))
    assert set(elsewhere["verdict"]) == {verdicts.NOT_TESTABLE}


def test_a_spread_of_rounded_ends_has_a_range():
    claim = statements.behaviour_claims(OURS, PAIRS, FACT, 0.1, 0.13, 0.25)[0]
    assert claim.published == pytest.approx(0.26 / 0.04)
    assert (claim.range_low, claim.range_high) == pytest.approx((0.25 / 0.05, 0.27 / 0.03))


@pytest.mark.parametrize("architecture", ["resnet20", "resnet50"])
def test_named_pairs_are_compared_with_their_own_printed_cells(architecture):
    compatibility, similarity = published.read_experiment(architecture)
    pairs = published.NAMED_PAIRS[architecture]
    own = {
        pair: tuple((matrix.loc[pair.a, pair.b],) * 3 for matrix in (similarity, compatibility))
        for pair in pairs
    }
    table = verdicts.tabulate(named.pair_claims(own, 0.13, 0.25, architecture))
    assert len(table) == 2 * len(pairs) and (table["verdict"] == "same").all()
    assert (table["published"] == table["reproduced"]).all()
    assert table["statement"].is_unique and (table["group"] == "this pair").all()
    yellow = next(pair for pair in pairs if pair.kind == "similar yet different")
    alike = {yellow: ((0.999,) * 3, (0.9, 0.85, 0.95))}
    claims = named.pair_claims(alike, 0.13, 0.25, architecture)
    assert verdicts.tabulate(claims)["verdict"].tolist()[1] == "opposite"


def test_the_order_of_two_networks():
    found = dict.fromkeys(published.ORDERS, (0.05, 0.02, 0.08))
    table = verdicts.tabulate(named.order_claims(found))
    assert len(table) == 8 and table["statement"].is_unique
    assert table["verdict"].tolist() == ["opposite"] + ["same"] * 7
    same, other, *_ = published.ORDERS
    few = {same: (0.0, -0.005, 0.005), other: (-0.1, -0.2, 0.01)}
    assert verdicts.tabulate(named.order_claims(few))["verdict"].tolist() == ["same", "open"]


def test_counts_are_run_or_not_run():
    def decided(*about):
        return verdicts.tabulate(statements.count_claims(*about))["verdict"].tolist()

    figure = [f"N{number:02}" for number in range(1, 21)]
    many = [f"P{number}" for number in range(329)]
    assert decided(figure, True, "resnet20") == ["not run", "not run", "run"]
    assert decided(many, True, "resnet20") == ["run", "run", "not run"]
    assert decided(figure, False, "resnet50") == ["not run"] * 3
    pairs = statements.count_claims(many, True, "resnet20")[1]
    assert pairs.reproduced == pairs.published == 53_956


def test_the_original_network_scores_like_n1_or_not_or_nobody_knows():
    def decided(*found):
        claim = named.original_claim("resnet50", "N1", found)
        return verdicts.tabulate([claim])["verdict"].item()

    assert decided(0.01, -0.01, 0.03) == "same" and decided(0.2, 0.1, 0.3) == "opposite"
    assert decided(0.04, 0.0, 0.08) == "open"
    assert decided(math.nan, math.nan, math.nan) == "not testable here"


def test_a_statement_names_few_networks_and_counts_many():
    def said(count):
        able = [f"C{number}" for number in range(1, count + 1)]
        return statements.unseen_claims({"blur": FACT}, able, "P1")[0].statement

    assert "(C1, C2) they beat P1" in said(2) and "(26 networks) they beat P1" in said(26)

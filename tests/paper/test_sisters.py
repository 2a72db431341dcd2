"""Statements of the sister works."""

import pytest

from paradoxlib.networks import models
from paradoxlib.paper import published, sisters, verdicts


def test_table_1_cell_by_cell():
    table = published.read_matching()
    cells = {
        (layer, column): ("here", (table.loc[layer, column],) * 3, 0.1)
        for layer in table.index
        for column in table
    }
    found = verdicts.tabulate(sisters.matching_claims(cells))
    assert len(found) == 15 and (found["verdict"] == "same").all() and found["statement"].is_unique
    first = {("conv1", "overlap"): ("here", (0.5, 0.4, 0.6), 0.45)}
    assert verdicts.tabulate(sisters.matching_claims(first))["verdict"].tolist() == ["open"]


def test_the_best_matched_units():
    found = verdicts.tabulate(sisters.best_unit_claims("A and B", 7, 0.97, 0.3, 0.2))
    assert (found["verdict"] == "same").all()
    found = verdicts.tabulate(sisters.best_unit_claims("A and B", 2, 0.8, 0.7, 0.0))
    expected = ["opposite", "same direction, other size", "opposite", "opposite"]
    assert found["verdict"].tolist() == expected


def test_a_checkerboard_has_two_sides():
    boards = {"a with b": ((0.1, 0.1, 0.1), (-0.1, -0.2, 0.1))}
    found = verdicts.tabulate(sisters.checkerboard_claims(boards, verdicts.OF_NETWORKS))
    assert found["verdict"].tolist() == ["same", "open"]
    found = verdicts.tabulate(sisters.depth_claims({(20, 100): (0.1, -0.1)}))
    assert found["verdict"].tolist() == ["same", "opposite"]
    assert "first 100 layers of ResNet152" in found["statement"][0]


def test_what_is_seen_in_heatmaps_can_be_refuted():
    seen = {"block": 0.4, "lines": 0.0, "removed": float("nan"), "triple": 2.36, "small": (0, 0, 1)}
    found = verdicts.tabulate(sisters.seen_claims(seen, verdicts.OF_NOTHING))
    expected = ["same", "opposite", "not testable here", "same direction, other size", "open"]
    assert found["verdict"].tolist() == expected
    assert len({said[1] for said in sisters.SEEN.values()}) == len(sisters.SEEN)


def test_the_values_of_networks():
    """Both counts are those of our networks; nothing is near enough."""
    resnet50 = models.count_values(models.build("resnet50", 1000))
    found = verdicts.tabulate(sisters.parameter_claims({"resnet50": resnet50}))
    assert found["verdict"].tolist() == ["same"] and found["published"][0] == resnet50
    found = verdicts.tabulate(sisters.parameter_claims({"resnet152": 60_419_943}))
    assert found["verdict"].tolist() == ["opposite"]
    assert sisters.PARAMETERS["resnet152"] == pytest.approx(60_419_944)

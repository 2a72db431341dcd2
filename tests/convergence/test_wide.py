"""Two strangers' partners are those of the tables of all pairs, and clusters hold every unit."""

import pytest

from paradoxlib import convergence, results
from paradoxlib.studies import comparing


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_partners_are_those_of_all_pairs(session):
    partners = convergence.wide_partners(session).groupby("layer")
    pairs = results.unit_matches(session).query("a == 'A' and b == 'C'").set_index("layer")
    assert partners.size().to_dict()["conv1"] == 16
    for way in ("semi_matching", "matching"):
        means = partners[way].mean()
        assert means.to_dict() == pytest.approx(pairs.loc[means.index, way].to_dict(), abs=1e-6)


def test_clusters_hold_every_unit_once(session):
    groups = convergence.wide_clusters(session).groupby("layer")[["units_a", "units_b"]].sum()
    alive = convergence.wide_partners(session).dropna().groupby("layer").size()
    assert (groups["units_a"] >= alive).all() and set(groups.index) == set(alive.index)

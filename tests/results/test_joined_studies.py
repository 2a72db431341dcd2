"""A study that joins others has their networks and what is known of them; it compares them all."""

import pandas as pd
import pytest
from conftest import TINY, tiny_file

from paradoxlib import paths, reproduce, results
from paradoxlib.explorer import gathering
from paradoxlib.reproduce import planning
from paradoxlib.results import tables
from paradoxlib.studies import sessions, training
from paradoxlib.studies.study import load


@pytest.fixture
def joined(home):
    """The file of a study of two families that joins a study of each."""
    places = []
    for before in (0, 1):
        text = TINY.replace("name: tiny", f"name: part{before}")
        places.append(home / f"part{before}.yaml")
        places[-1].write_text(f"{text}drawn_families: 1\ndrawn_before: {before}\n")
    return tiny_file(home, f"{TINY}drawn_families: 2\njoined: [{', '.join(map(str, places))}]\n")


@pytest.fixture
def listed(monkeypatch):
    """Make tables that are listed for the test alone."""
    monkeypatch.setattr(tables, "TABLES", {})


def names_of(session):
    """The networks of a study."""
    return pd.DataFrame({"network": list(session.study.networks)})


def test_tables_by_network_are_joined_and_others_made_of_all(joined, listed):
    session = sessions.start(joined)
    own = tables.table("own", "network", needs="weights", by_network=True)(names_of)
    by_name = tables.table("by", "network", needs="own", index="network", by_network=True)(names_of)

    def count(session):
        """How many there are."""
        return pd.DataFrame({"n": [len(own(session))]})

    counted = tables.table("counted", "n", needs="own")(count)
    parts = [part.study for part in session.parts]
    rows, names = [name for part in parts for name in part.networks], list(session.study.networks)
    assert own(session)["network"].tolist() == by_name(session).index.tolist() == names
    assert sorted(rows) == sorted(names) and len(parts) == 2
    assert counted(session)["n"].item() == len(rows)
    assert [counted(part)["n"].item() for part in session.parts] == [len(p.networks) for p in parts]


def test_pairs_of_its_networks_are_those_of_one_study_of_them(joined):
    session = sessions.start(joined, workers=1)
    with pytest.raises(ValueError, match="no networks of its own: run .*part0"):
        results.pairs(session)  # their networks are not here
    for part in session.parts:
        training.train_all(part)
    text = joined.read_text().partition("joined")[0].replace("name: tiny", "name: one")
    joined.with_name("one.yaml").write_text(text)
    one = session.beside(joined.with_name("one.yaml"))
    assert list(one.study.networks) == list(session.study.networks) == ["A", "B", "C"]
    assert results.accuracies(session).equals(results.accuracies(one))
    assert results.TABLES["pairs"].state(session.study) == "-"
    assert results.pairs(session).equals(results.pairs(one))
    assert {results.TABLES[n].state(session.study) for n in ("pairs", "accuracy")} == {"here"}
    assert results.TABLES["networks"].state(session.study) == "-"
    assert not paths.weights_file("tiny", "").parent.exists()


def test_its_key_changes_with_those_of_its_parts(joined):
    before = load(joined).table_key("any")
    part = load(joined).joined[0]
    text = joined.with_name("part0.yaml").read_text()
    joined.with_name("part0.yaml").write_text(text.replace("{seed: 1}", "{seed: 4}"))
    assert part.endswith("part0.yaml") and load(joined).table_key("any") != before


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("drawn_before: 1", "drawn_before: 0", "other networks than it has"),
        ("test_images: 30", "test_images: 20", "other data, or another evaluation"),
        ("blur: [1.0]", "blur: [2.0]", "other data, or another evaluation"),
    ],
)
def test_parts_that_are_not_made_for_it_are_refused(joined, old, new, problem):
    part = joined.with_name("part1.yaml")
    part.write_text(part.read_text().replace(old, new))
    with pytest.raises(ValueError, match=problem):
        load(joined)


def test_its_networks_are_trained_for_its_parts(joined):
    session = sessions.start(joined)
    for refused in (
        lambda: training.train_all(session),
        lambda: planning.plan_study(session),
        lambda: gathering.gather(session),
        lambda: reproduce.run(joined, parameters={"recompute": False}),
    ):
        with pytest.raises(ValueError, match="no networks of its own: run .*part0"):
            refused()

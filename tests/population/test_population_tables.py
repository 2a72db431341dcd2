"""Tables of a population, by formulas written out, on three tiny networks and on made-up values."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from paradoxlib import population, results
from paradoxlib.behaviour import correspondence, paradox
from paradoxlib.population import bench_tables, child_tables, stranger_tables
from paradoxlib.results import part_tables
from paradoxlib.similarity import kernels
from paradoxlib.studies import predicting, trained
from paradoxlib.studies.study import load


def test_what_networks_were_taught_in_a_word():
    study = load("cifar10")
    words = {stranger_tables.taught(network) for network in study.networks.values()}
    assert {"clean", "blur", "all noises", "all eight", "contrast + gamma"} <= words
    assert len(words) == len({network.distortions for network in study.networks.values()})


def test_variance_between_cells_by_hand():
    values, one = np.array([0.0, 2.0, 4.0, 6.0]), np.zeros(4, int)
    assert stranger_tables.explained(values, np.array([7, 7, 9, 9]), one) == pytest.approx(4 / 5)
    assert stranger_tables.explained(values, np.array([1, 2, 2, 1]), one) == pytest.approx(0)
    ends = np.array([7, 9, 7, 9]), np.array([9, 7, 9, 9])  # a pair has no first network
    assert stranger_tables.explained(values, *ends) == pytest.approx(3 / 5)


def made_up(monkeypatch, compatibility):
    """Return ten families of two that were taught nothing or blur, with made-up compatibilities."""
    names = [f"{family}{i}" for family in "ABCDEFGHIJ" for i in (0, 1)]
    kinds = {name: ("clean", "blur")[(ord(name[0]) + int(name[1])) % 2] for name in names}
    rows = [
        (a, b, compatibility(kinds[a], kinds[b])) for a, b in combinations(names, 2) if a[0] != b[0]
    ]
    pairs = pd.DataFrame(rows, columns=["a", "b", "compatibility"])
    pairs["similarity"] = pairs["compatibility"]
    for function in ("kinds_taught", "initialisers"):
        monkeypatch.setattr(stranger_tables, function, lambda study: kinds)
    monkeypatch.setattr(stranger_tables, "strangers", lambda session: pairs)
    units = {name: name[0] for name in names}
    study = SimpleNamespace(networks=kinds, units=units, family_of={name: name for name in names})
    return SimpleNamespace(study=study)


def test_what_teaching_explains_is_found_where_it_is(monkeypatch):
    source = np.random.default_rng(0)
    session = made_up(monkeypatch, lambda a, b: (0.8 if a == b else 0.2) + source.normal() / 50)
    facts = stranger_tables.stranger_facts.__wrapped__(session).set_index("fact")
    assert facts["of"].tolist() == ["compatibility"] * 2 + ["similarity"] * 2
    assert facts.loc["taught the same", "value"] == pytest.approx(0.6, abs=0.02)
    assert (
        facts.loc["explained by what was taught", "value"]
        > 0.95
        > 0.3
        > facts.loc["explained by what was taught", "chance"]
    )
    assert (facts["p"] < 0.01).all()
    assert facts.loc["taught the same", "low"] > 0.5
    cells = stranger_tables.taught_pairs.__wrapped__(session)
    assert cells["n"].sum() == len(stranger_tables.strangers(session)) and len(cells) == 3


def test_what_teaching_explains_is_not_found_where_it_is_not(monkeypatch):
    source = np.random.default_rng(1)
    session = made_up(monkeypatch, lambda a, b: source.normal())
    facts = stranger_tables.stranger_facts.__wrapped__(session).set_index("fact")
    assert facts["of"].tolist() == ["compatibility"] * 2 + ["similarity"] * 2
    assert (facts["p"] > 0.02).all() and facts.loc["explained by what was taught", "value"] < 0.1
    assert facts.loc["taught the same", "low"] < 0 < facts.loc["taught the same", "high"]


def test_one_child_of_each_family():
    study = load("population-sample")
    everyone, some = child_tables.all_children(study), child_tables.first_children(study)
    assert len(everyone) == len(study.networks) - len(study.families)
    assert [study.family_of[child] for _, child in some] == list(study.families)
    for parent, child in some:
        assert study.parents[child] == parent == study.families[parent][0]
        assert child == study.families[parent][1]


@pytest.fixture
def tiny_population(tiny_trained, monkeypatch):
    monkeypatch.setattr(child_tables, "REESTIMATED_ON", (8, 48))
    return tiny_trained


def test_children_of_a_tiny_population(tiny_population):
    rows = population.population_children(tiny_population)
    assert rows["images"].tolist() == [8, 48, 48] and rows["child"].unique() == ["B"]
    steps = 48 // 16  # of the child's one epoch
    assert rows["moved"].tolist() == pytest.approx([1, 1, 1 - 0.99**steps])
    study, labels = tiny_population.study, tiny_population.images("test").labels
    known = predicting.predict_study(tiny_population)
    own = {name: known[name][:, : study.transplant_images] for name in "AB"}
    pair = paradox.pair_compatibilities(own, labels[: study.transplant_images], study.conditions)
    assert np.allclose(rows["trained"], pair["compatibility"][0], equal_nan=True)
    states = trained.load_states(study, "AB")
    assert rows["similarity"][0] == pytest.approx(kernels.similarity(*states.values(), "none"))
    history = results.training_history(tiny_population).query("network == 'B'")
    assert rows["learning_rate"][0] == history["learning_rate"].iloc[-1]
    relatives = population.population_relatives(tiny_population)
    assert relatives[["a", "b", "relation"]].to_numpy().tolist() == [["A", "B", "parent and child"]]
    again = rows[(rows["images"] == 48) & (rows["moved"] == 1)].iloc[0]
    assert relatives["trained"][0] == pytest.approx(again["trained"], nan_ok=True)
    assert relatives["identical"][0] == pytest.approx(again["with_parent"], nan_ok=True)


def test_shares_are_those_of_single_children(tiny_trained):
    shares = population.population_shares(tiny_trained)
    own = part_tables.evaluate_shares(tiny_trained, "A", "B")
    assert shares["child"].unique() == ["B"]
    assert np.allclose(shares["recovered"], own["recovered"], equal_nan=True)


def test_measures_of_all_pairs(tiny_trained, monkeypatch):
    few = [
        bench_tables.PAPER,
        "kernel correlation, index to index",
        "CKA of unit means",
        "equal predictions, clean",
    ]
    monkeypatch.setattr(bench_tables, "MEASURED", few)
    values = population.population_measures(tiny_trained)
    states = trained.load_states(tiny_trained.study)
    for row in values.itertuples():
        found = kernels.similarity(states[row.a], states[row.b], "none")
        assert row[6] == pytest.approx(found)
    scores = population.population_scores(tiny_trained)
    assert scores["measure"].unique().tolist() == [
        *few,
        bench_tables.BASELINE,
        bench_tables.ADJUSTED,
    ]


def test_pairs_that_are_measured_are_all_relatives_and_strangers_drawn():
    study = load("population-sample")
    every = bench_tables.measured_pairs(study, 10**6)
    assert every == list(combinations(study.networks, 2))
    some = bench_tables.measured_pairs(study, 300)
    assert len(some) == 300 and set(some) < set(every)
    assert some == sorted(some, key=every.index)
    related = {pair for pair in every if study.family_of[pair[0]] == study.family_of[pair[1]]}
    assert related < set(some)


def test_the_best_of_one_half_is_reported_on_the_other(monkeypatch, home):
    """A measure that is compatibility itself is chosen and holds up; noise is not chosen."""
    source, founders = np.random.default_rng(0), list("ABCDEFGH")
    names = [f"{founder}{i}" for founder in founders for i in range(3)]
    rows = [
        (a, b, "same family" if a[0] == b[0] else "strangers", source.normal())
        for k, b in enumerate(names)
        for a in names[:k]
    ]
    values = pd.DataFrame(rows, columns=["a", "b", "relation", "compatibility"])
    values["good"], values["bad"] = values["compatibility"] ** 3, source.normal(size=len(values))
    values["oracle"] = values["compatibility"]
    monkeypatch.setattr(bench_tables, "MEASURED", ["bad", "good", "oracle"])
    monkeypatch.setattr(bench_tables, "BY_PREDICTIONS", ["oracle"])
    monkeypatch.setattr(bench_tables, "population_measures", lambda session: values)

    family_of = {name: name[0] for name in names}
    study = SimpleNamespace(family_of=family_of, families=dict.fromkeys(founders))
    splits = bench_tables.population_splits.__wrapped__(SimpleNamespace(study=study))
    assert len(splits) == 2 * bench_tables.SPLITS and set(splits["measure"]) == {"good"}
    assert np.allclose(splits[["chosen", "reported"]], 1)
    assert set(splits["pairs"]) < set(correspondence.PAIRS)


def test_families_exchange_their_initialisers(monkeypatch):
    source = np.random.default_rng(0)
    session = made_up(monkeypatch, lambda a, b: source.normal())
    study, pairs = session.study, stranger_tables.strangers(session)
    study.family_of = study.units
    first = {name: ("he", "lecun")["ABCDE".find(name[0]) < 0] for name in study.networks}
    monkeypatch.setattr(stranger_tables, "initialisers", lambda study: first)
    same = pairs["a"].map(first) == pairs["b"].map(first)
    pairs["similarity"] = np.where(same, 0.3, 0.1) + source.normal(size=len(pairs)) / 99
    facts = stranger_tables.stranger_facts.__wrapped__(session).set_index("fact")
    assert facts.loc["initialised the same", "value"] == pytest.approx(0.2, abs=0.01)
    share = facts.loc["explained by initialisers"]
    assert share["value"] > 0.95 > 0.5 > share["chance"] and share["p"] < 0.05


def test_a_cell_of_few_families_has_no_interval(monkeypatch):
    session = made_up(monkeypatch, lambda a, b: 0.5)
    rare = dict(session.study.networks) | {"A0": "gamma", "A1": "gamma", "B0": "salt_pepper"}
    monkeypatch.setattr(stranger_tables, "kinds_taught", lambda study: rare)
    cells = stranger_tables.taught_pairs.__wrapped__(session).set_index(["taught_a", "taught_b"])
    assert cells.loc[("gamma", "salt_pepper"), "n"] == 2
    assert cells["low"].isna().sum() == 1 and np.isnan(cells.loc[("gamma", "salt_pepper"), "low"])

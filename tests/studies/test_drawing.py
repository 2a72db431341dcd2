"""Studies of families that were drawn from another: which, and in which order."""

import pytest
from conftest import TINY, tiny_file

from paradoxlib.studies.study import load


def test_a_sample_has_whole_families_of_the_population_and_grows_by_whole_families(tmp_path):
    population = load("population")
    text = "name: part\ntitle: part\ndata: {name: cifar10}\nmodel: {architecture: resnet20}\n"
    samples = []
    for count in (3, 4, 104):
        (tmp_path / "part.yaml").write_text(
            f"{text}networks: population\ndrawn_families: {count}\n"
        )
        samples.append(load(tmp_path / "part.yaml"))
    three, four, whole = samples
    assert len(three.families) == 3 and three.networks.items() < four.networks.items()
    assert whole.networks == population.networks
    for founder, family in three.families.items():
        assert family == population.families[founder]
        assert {three.units[name] for name in family} == {founder}
    assert list(three.units) == list(three.networks)
    full = load("cifar10")
    assert set(full.units.items()) == {(name, name) for name in full.networks}
    assert load("population-sample").networks.items() < population.networks.items()


def test_families_are_taken_behind_those_of_another_study(tmp_path):
    behind = load("population-behind")
    assert behind.networks.keys() < load("population").networks.keys()
    assert not behind.networks.keys() & load("population-sample").networks.keys()
    path = tiny_file(tmp_path, TINY + "drawn_families: 1\ndrawn_before: 1\n")
    assert list(load(path).families) == load(tiny_file(tmp_path)).draw[1:]


def test_more_families_than_there_are_cannot_be_drawn(tmp_path):
    path = tiny_file(tmp_path, TINY + "drawn_families: 3\n")
    with pytest.raises(ValueError, match="drawn_families: 3 of 2 families"):
        load(path)
    path = tiny_file(tmp_path, TINY + "drawn_families: 2\ndrawn_before: 1\n")
    with pytest.raises(ValueError, match="2 of 2 families behind 1 cannot be drawn"):
        load(path)

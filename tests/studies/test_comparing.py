"""What is compared: the examples and the networks of the first families."""

from paradoxlib.networks import activations
from paradoxlib.studies import comparing


def test_places_name_convolutions_and_blocks(tiny_trained):
    networks, images = comparing.compared(tiny_trained), comparing.pictures(tiny_trained)
    where = activations.relu_places(networks["A"], images)
    assert list(where)[:4] == ["conv1", "res2a_branch2a", "res2a", "res2b_branch2a"]
    assert len(where) == 19 and where["res2a"] == "relu_3" and list(where)[-1] == "res4c"


def test_examples_are_a_child_and_the_founders_that_differ_least(tiny):
    examples = comparing.example_pairs(tiny.study)
    assert examples == {"parent and child": ("A", "B"), "strangers": ("A", "C")}


def test_all_pairs_are_related_and_founders_have_a_chance_level(tiny):
    related = comparing.related_pairs(tiny.study, "ABC")
    assert related == [
        ("A", "B", "parent and child"),
        ("A", "C", "strangers"),
        ("B", "C", "strangers"),
        ("C", "chance", "chance"),
    ]
    assert comparing.compared_children(tiny.study) == [("A", "B")]


def test_no_more_than_asked_for_are_compared(tiny, monkeypatch):
    monkeypatch.setattr(comparing, "COMPARED", 2)
    assert comparing.compared_names(tiny.study) == ["A", "B"]

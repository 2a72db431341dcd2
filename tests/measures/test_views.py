"""All pairs of networks, each asked once."""

import numpy as np

from paradoxlib.measures import views


def test_all_pairs_are_asked_once_in_the_order_of_names():
    asked = []

    def function(a, b):
        asked.append((a, b))
        return a - b

    matrix = views.pairwise(function, {"x": 5, "y": 3, "z": 10})
    assert asked == [(5, 3), (5, 10), (3, 10)]
    assert matrix.loc["x", "z"] == matrix.loc["z", "x"] == -5
    assert np.isnan(np.diag(matrix)).all()


def test_pairs_that_are_named_are_asked_alone():
    matrix = views.pairwise(lambda a, b: a - b, {"x": 5, "y": 3, "z": 10}, pairs=[("x", "z")])
    assert matrix.loc["x", "z"] == matrix.loc["z", "x"] == -5
    assert matrix.notna().to_numpy().sum() == 2


def test_one_network_alone_has_no_pair():
    assert np.isnan(views.pairwise(lambda a, b: 1.0, {"x": 5}).to_numpy()).all()

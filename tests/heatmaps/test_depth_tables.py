"""Networks of several depths are compared with the first; the claims follow from the tables."""

import numpy as np
import pandas as pd
import pytest
from conftest import TINY

from paradoxlib import heatmaps
from paradoxlib.heatmaps import depth_tables
from paradoxlib.studies import comparing, sessions


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_depths_are_compared_with_the_first(session, monkeypatch, home):
    text = TINY.replace("name: tiny", "name: deeper").replace("A: {seed: 1}", "A: {seed: 9}")
    (home / "deeper.yaml").write_text(text)
    monkeypatch.setattr(depth_tables, "DEEPER", (str(home / "deeper.yaml"),))
    depths = heatmaps.cka_depths(session)
    assert list(depths) == ["tiny", "deeper"] and depths["tiny"].shape == depths["deeper"].shape
    assert np.allclose(np.diag(depths["tiny"]), 1, atol=1e-2)
    assert np.diag(depths["deeper"]).mean() < 0.99
    parts = heatmaps.depth_components(session)
    assert list(parts["network"].unique()) == ["tiny", "deeper"]
    assert parts["share"].between(0, 1 + 1e-12).all()
    monkeypatch.setattr(depth_tables, "compared_depths", None)  # not needed again
    assert heatmaps.cka_depths(session)["deeper"].equals(depths["deeper"])


def test_committed_claims_on_depths_follow_from_the_committed_tables():
    session = sessions.start("cifar10-resnet50")
    found = heatmaps.cka_depth_claims.__wrapped__(session)
    committed = heatmaps.cka_depth_claims(session)
    assert set(committed["group"]) == {"checkerboard", "block", "depths", "values"}
    pd.testing.assert_frame_equal(found, committed, rtol=0, atol=1e-9, check_dtype=False)
    open_ones = committed.loc[committed["verdict"] == "not testable here", "statement"]
    assert open_ones.str.startswith("Without the first principal component").all()

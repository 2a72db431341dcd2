"""Networks of several sizes stand side by side, seeds as replicates."""

import numpy as np
import pytest
from conftest import TINY

from paradoxlib import heatmaps
from paradoxlib.heatmaps import size_tables
from paradoxlib.studies import comparing


@pytest.fixture
def session(tiny_trained, home, monkeypatch):
    wide = TINY.replace("name: tiny", "name: wide").replace("resnet20}", "resnet20, width: 2}")
    alone = wide.replace("  B: {seed: 2, parent: A, distortions: [gaussian_noise, blur]}\n", "")
    (home / "wide.yaml").write_text(alone.replace("epochs: 2", "epochs: 1"))
    monkeypatch.setattr(size_tables, "SIZES", (str(home / "wide.yaml"),))
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_sizes_are_compared_seed_by_seed(session, monkeypatch):
    found = heatmaps.sizes(session)
    assert found["study"].tolist() == ["tiny"] * 2 + ["wide"] * 2
    assert found["network"].tolist() == ["A", "C"] * 2 and found["width"].tolist() == [1, 1, 2, 2]
    assert (found["layers"] == found["layers"][0]).all()
    assert found["values"].is_monotonic_increasing and found["values"][2] > 3 * found["values"][0]
    shares = found[["accuracy", "block", "block_removed", "ruled", "dominated"]]
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    monkeypatch.setattr(size_tables, "sized", None)  # not needed again
    matrices = heatmaps.cka_sizes(session)
    assert {name[0] for name in matrices} == {"tiny", "wide"}
    own = matrices["wide", "A", "A", 0]
    assert np.allclose(np.diag(own), 1, atol=1e-3)
    assert np.diag(matrices["wide", "A", "C", 0]).mean() < 0.99

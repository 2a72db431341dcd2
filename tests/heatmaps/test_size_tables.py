"""Networks of several sizes stand side by side, seeds as replicates."""

import shutil

import numpy as np
import pytest
from conftest import TINY, tiny_in

from paradoxlib import heatmaps
from paradoxlib.heatmaps import size_tables
from paradoxlib.studies import comparing


@pytest.fixture(scope="module")
def session(trained_home, tmp_path_factory):
    """A session of the tiny study beside one of twice its width, trained once for all tests."""
    home = tmp_path_factory.mktemp("sizes")
    shutil.copytree(trained_home / "weights", home / "weights")
    wide = TINY.replace("name: tiny", "name: wide").replace("resnet20}", "resnet20, width: 2}")
    alone = wide.replace("  B: {seed: 2, parent: A, distortions: [gaussian_noise, blur]}\n", "")
    (home / "wide.yaml").write_text(alone.replace("epochs: 2", "epochs: 1"))
    with tiny_in(home) as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(size_tables, "SIZES", {"tiny": (str(home / "wide.yaml"),)})
        patch.setattr(comparing, "IMAGES", 20)
        yield session


def test_sizes_are_compared_seed_by_seed(session, monkeypatch):
    found = heatmaps.sizes(session)
    assert found["study"].tolist() == ["tiny"] * 2 + ["wide"] * 2
    assert found["network"].tolist() == ["A", "C"] * 2 and found["width"].tolist() == [1, 1, 2, 2]
    assert (found["layers"] == found["layers"][0]).all()
    assert found["values"].is_monotonic_increasing and found["values"][2] > 3 * found["values"][0]
    shares = found[["accuracy", "block", "block_removed", "ruled", "dominated"]]
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    matrices = heatmaps.cka_sizes(session)
    assert list(matrices) == [
        ("tiny/A", "tiny/A"),
        ("wide/A", "wide/A"),
        ("tiny/A", "tiny/C"),
        ("wide/A", "wide/C"),
        ("tiny/A", "wide/A"),
    ]
    own, other = matrices["wide/A", "wide/A"], matrices["wide/A", "wide/C"]
    assert np.allclose(np.diag(own), 1, atol=1e-3) and np.diag(other).mean() < 0.99
    start, stop = heatmaps.largest_block(own)
    assert found["block"][2] == pytest.approx((stop - start) / len(own), abs=2 / len(own))
    monkeypatch.setattr(size_tables, "sized", None)  # not needed again
    assert heatmaps.cka_sizes(session)["tiny/A", "wide/A"].equals(matrices["tiny/A", "wide/A"])


def test_sizes_stand_beside_their_other_seeds(session):
    panels, matrices = heatmaps.seeds_of_sizes(session), heatmaps.cka_sizes(session)
    kinds = ("itself", "another seed")
    sizes = ("ResNet20", "ResNet20 (2x)")
    assert list(panels) == [f"{size}, {kind}" for kind in kinds for size in sizes]
    assert panels["ResNet20 (2x), another seed"].equals(matrices["wide/A", "wide/C"])


def test_depths_are_compared_with_the_first(session):
    depths, matrices = heatmaps.cka_depths(session), heatmaps.cka_sizes(session)
    assert list(depths) == ["tiny", "wide"]
    assert depths["tiny"].equals(matrices["tiny/A", "tiny/A"])
    assert depths["wide"].equals(matrices["tiny/A", "wide/A"])
    parts = heatmaps.depth_components(session)
    assert list(parts["network"].unique()) == ["tiny", "wide"]
    assert parts["share"].between(0, 1 + 1e-12).all()

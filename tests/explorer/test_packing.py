"""What is packed comes out again to the digits that a reader sees, and nothing is asked for."""

import base64
import json
import zlib

import numpy as np
import pytest
from scipy import stats

from paradoxlib import explorer, paths, results
from paradoxlib.explorer import gathering, packing
from paradoxlib.studies import sessions, training


@pytest.fixture(scope="module")
def committed():
    """A session of the committed study, and what its explorer shows."""
    session = sessions.start("cifar10-20")
    return session, gathering.gather(session)


def unpacked(payload):
    """Return {name: numbers} of a payload, by the slow and obvious way."""
    data, start, found = zlib.decompress(base64.b64decode(payload["data"])), 0, {}
    for name, kind, length in payload["arrays"]:
        width = int(kind[1])
        columns = np.frombuffer(data[start : start + length], np.uint8).reshape(width, -1)
        values = sum(columns[k].astype(np.uint32) << (8 * k) for k in range(width))
        if kind == "f2":
            values <<= 16
        found[name] = values if kind == "u2" else values.astype(np.uint32).view(np.float32)
        start += length
    assert start == len(data)
    return found


def test_pairs_and_profiles_come_out_again(committed):
    session, contents = committed
    found, pairs = unpacked(packing.payload_of(contents)), results.pairs(session)
    assert found["compatibility"] == pytest.approx(pairs["compatibility"], abs=1e-4)
    assert found["agreement"] == pytest.approx(pairs["agreement"], abs=3e-4)
    assert 1 - found["distance"] == pytest.approx(pairs["similarity"], abs=1e-4)
    near = pairs["similarity"] > 0.99
    assert found["distance"][near] == pytest.approx(1 - pairs["similarity"][near], rel=2e-4)
    low = found["compatibility"] - found["below"]
    assert low == pytest.approx(pairs["low"], abs=0.01)
    assert found["accuracy"] == pytest.approx(results.accuracies(session)["accuracy"], abs=1e-4)
    layers = results.layers_of_pairs(session).drop(columns=["a", "b"]).to_numpy()
    assert 1 - found["layers"].reshape(layers.T.shape) == pytest.approx(layers.T, abs=0.005)


def test_intervals_are_wilson_s_and_a_mean_s_the_mean_of_them(committed):
    _, contents = committed
    profiles = packing.profiles_of(contents.accuracy)
    row = contents.accuracy.iloc[7]
    right = round(row["accuracy"] * row["n"])
    known = stats.binomtest(right, int(row["n"])).proportion_ci(0.95, "wilson")
    assert profiles["accuracy_low"][7] == pytest.approx(known.low)
    assert profiles["accuracy_high"][7] == pytest.approx(known.high)
    first = contents.accuracy.query("network == 'N01' and distortion == 'contrast'").index
    assert profiles["mean_low"].iloc[0] == pytest.approx(profiles["accuracy_low"][first].mean())


def test_nan_stays_nan_and_rounding_is_to_the_nearest():
    kind, content = packing.float_planes(np.array([np.nan, 1.0, 0.3, -0.3]), 13)
    columns = np.frombuffer(content, np.uint8).reshape(4, 4)
    values = np.ascontiguousarray(columns.T).view(np.float32)[:, 0]
    assert kind == "f4" and np.isnan(values[0]) and values[1] == 1
    assert abs(values[2] - 0.3) < 0.3 * 2**-14 and values[3] == -values[2]


def test_orders_are_permutations_and_keep_families_together(committed):
    session, contents = committed
    payload = packing.payload_of(contents)
    for order in payload["orders"].values():
        assert sorted(order) == list(range(20))
    families = [payload["families"][i] for i in payload["orders"]["family"]]
    assert families == sorted(families)
    place = {name: i for i, name in enumerate(session.study.networks)}
    by_kernels = payload["orders"]["similarity"]
    ends = sorted(by_kernels.index(place[name]) for name in session.study.families["N08"])
    assert ends == list(range(ends[0], ends[0] + len(ends)))  # what is alike stands together


def test_examples_are_shown_as_the_networks_saw_them(committed):
    session, contents = committed
    shown, clean = contents.shown, session.study.conditions.index(("contrast", 1.0))
    assert shown.shape == (34, 8, 3, 32, 32)
    assert (shown[clean] == contents.examples.pixels.numpy()).all()
    assert packing.payload_of(contents)["examples"]["sheet"].startswith("data:image/webp;base64,")


def test_a_page_is_one_file_that_names_no_other(committed):
    page = explorer.as_page(committed[1])
    assert len(page) < 500_000
    assert "import " not in page.split('<script type="module">')[1].split("</script>")[0]
    for link in ('src="', "href='", "@import", "fetch("):
        assert link not in page
    assert page.count("</script>") == 2


def test_a_study_without_weights_shows_what_is_kept():
    contents = gathering.gather(sessions.start("cifar10-resnet50"))
    payload = packing.payload_of(contents)
    assert contents.layers is None and "layers" not in payload and "norms" not in payload
    json.dumps(payload, allow_nan=False)
    assert payload["published"]["networks"][0] == "N1"


def test_a_study_of_one_s_own_is_gathered_from_its_weights(tiny_trained, monkeypatch):
    with pytest.raises(ValueError, match="study tiny has no table 'networks' yet: run `paradox"):
        gathering.gather(tiny_trained)
    for table in (results.network_settings, results.pairs, results.examples):
        table(tiny_trained)
    monkeypatch.setattr(training, "train_all", lambda session: None)
    contents = gathering.gather(tiny_trained)
    assert contents.layers is not None and contents.predictions is not None
    size = explorer.write_page(tiny_trained, paths.HOME / "page.html")
    assert size == (paths.HOME / "page.html").stat().st_size
    assert "three networks for the tests" in (paths.HOME / "page.html").read_text()


def test_a_title_is_text_not_code(tiny_trained):
    for table in (results.network_settings, results.pairs):
        table(tiny_trained)
    study = tiny_trained.study.model_copy(update={"title": "</script><b>$x"})
    contents = gathering.gather(tiny_trained)
    page = explorer.as_page(
        gathering.Contents(**{**vars(contents), "study": study, "title": study.title})
    )
    assert "</script><b>" not in page and page.count("</script>") == 2


def test_a_frame_holds_the_page(committed):
    frame = explorer.as_frame(committed[0])
    assert frame.startswith("<div><iframe ") and "<script" not in frame.replace("&lt;script", "")


def test_a_widget_carries_the_same_payload(committed):
    pytest.importorskip("anywidget")
    made = explorer.as_widget(committed[0])
    assert made.payload["networks"][:2] == ["N01", "N02"] and "skeleton" in made.payload

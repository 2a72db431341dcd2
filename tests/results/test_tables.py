"""Tables are read only where the same settings made them; figures are written whole and alike."""

from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from paradoxlib import controls, convergence, heatmaps, keep, paths, plotting, population, results
from paradoxlib.networks import models, surgery
from paradoxlib.results import behaviour_tables, network_tables, tables
from paradoxlib.studies import sessions
from paradoxlib.studies.study import load, names

ALL_TABLES = convergence.TABLES | controls.TABLES | heatmaps.TABLES | population.TABLES


@pytest.fixture
def content():
    return pd.DataFrame({"network": ["A", "B"], "value": [0.1, 1 / 3]})


@pytest.fixture
def kept(monkeypatch):
    """Make a table of a function, unlisted after the test."""
    monkeypatch.setattr(tables, "TABLES", {})

    def make(compute, depends=lambda study: ()):
        def numbers(session):
            """Numbers."""
            return compute()

        return tables.table("numbers", "network, value", "nothing", depends)(numbers)

    return make


def test_a_table_is_computed_once(tiny, content, kept):
    calls = []
    numbers = kept(lambda: calls.append(1) or content)
    read = [numbers(tiny) for _ in range(3)]
    assert calls == [1] and all(table.equals(content) for table in read)
    assert paths.published_file("tiny", "numbers.csv").is_file()


def test_other_settings_are_computed_anew(tiny, content, kept):
    kept(lambda: content, lambda study: ("one way",))(tiny)
    other = kept(lambda: content * 2, lambda study: ("another way",))(tiny)
    assert other["value"].tolist() == [0.2, 2 / 3]


def test_recomputing_does_not_read_what_the_repository_holds(tiny, content, kept):
    kept(lambda: content)(tiny)
    paths.computed_file("tiny", "numbers.csv").unlink()
    shown = kept(lambda: pytest.fail("the published table is there"))(tiny)
    assert shown.equals(content)
    anew = replace(tiny, recompute=True)
    assert kept(lambda: content * 3)(anew)["value"].tolist()[1] == 1


def test_a_compute_that_fails_leaves_nothing(tiny, kept):
    with pytest.raises(ZeroDivisionError):
        kept(lambda: 1 / 0)(tiny)
    assert not list(paths.HOME.rglob("*numbers*"))


def test_matrices_keep_their_names(tiny, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", {})
    names = ["A", "N1-All [5 Epochs]"]
    square = pd.DataFrame([[1.0, 0.5], [0.5, 1.0]], names, names)

    @tables.matrix("m", "nothing")
    def m(session):
        """A matrix."""
        return square

    for _ in range(2):
        assert m(tiny).equals(square)


def test_tensors_are_kept_with_what_they_are(tiny, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", {})
    calls = []

    @tables.tensors("t", "nothing", lambda study: study.network_key("A"))
    def t(session):
        """Tensors."""
        calls.append(1)
        return {"x": torch.tensor([1.0, float("nan")])}, {"layers": ["conv1"]}

    for _ in range(2):
        made, about = t(tiny)
        assert made["x"][0] == 1 and made["x"][1].isnan() and about["layers"] == ["conv1"]
    assert calls == [1] and tables.TABLES["t"].state(tiny.study) == "here"


def test_a_table_s_state_tells_where_it_is_and_whose(tiny, content, kept):
    numbers = kept(lambda: content)
    entry = tables.TABLES["numbers"]
    assert entry.state(tiny.study) == "-"
    numbers(tiny)
    assert entry.state(tiny.study) == "here"
    paths.computed_file("tiny", "numbers.csv").unlink()
    assert entry.state(tiny.study) == "committed"
    keep.write_table(paths.published_file("tiny", "numbers.csv"), content, "another key")
    assert entry.state(tiny.study) == "other settings"
    numbers(tiny)
    keep.write_table(paths.computed_file("tiny", "numbers.csv"), content, "another key")
    assert entry.state(tiny.study) == "committed"  # as it is read


def test_every_column_has_one_meaning_and_is_used():
    used = {column for table in ALL_TABLES.values() for column in table.columns}
    assert used == set(results.meanings())
    assert all(isinstance(meaning, str) for meaning in results.meanings().values())


@pytest.mark.parametrize("name", [n for n in names() if paths.manifest_file(n).is_file()])
def test_committed_tables_have_the_columns_and_the_key_that_they_are_listed_with(name):
    study = load(name)
    stand_for = {
        "{distortion}": list(study.evaluation.grid),
        "{layer}": list(models.conv_layers(models.empty(study.model.architecture))),
        "{measure}": list(results.MEASURES),
        "{measured}": population.MEASURED,
        "{network}": list(study.networks),
        "{part}": list(surgery.NETWORK_PARTS),
    }
    for table in ALL_TABLES.values():
        path = paths.PACKAGE.parent / "figures" / name / f"{table.name}.csv"
        if table.suffix == ".csv" and keep.table_file(path).is_file():
            wanted = [c for column in table.columns for c in stand_for.get(column, [column])]
            assert sorted(keep.read_table(path, table.key(study)).columns) == sorted(wanted)


@pytest.mark.parametrize(
    "make",
    [
        network_tables.layers_of_children,
        network_tables.paper_similarity,
        network_tables.chance_table,
        network_tables.layers_of_pairs,
        network_tables.running_statistics,
        behaviour_tables.correspondences,
    ],
)
def test_some_committed_tables_come_out_again(make):
    """From the committed weights and tables alone, without any image."""
    session = sessions.start("cifar10-20")
    known, again = make(session), make.__wrapped__(session)
    rtol = 1e-6 if make is network_tables.running_statistics else 1e-9  # its sums are float32
    pd.testing.assert_frame_equal(known, again, check_dtype=False, rtol=rtol, atol=1e-12)


def test_a_table_is_published_in_one_form(tiny):
    many = pd.DataFrame({"n": range(keep.LARGE + 1)})
    folder, found = paths.figures_folder("tiny"), []
    for content in (many.head(3), many, many.head(3)):
        path = paths.computed_file("tiny", "numbers.csv")
        keep.write_table(path, content, "key")
        tables.publish_computed(tiny.study, path)
        found.append([path.name for path in folder.iterdir()])
    assert found == [["numbers.csv"], ["numbers.csv.xz"], ["numbers.csv"]]


def test_figures_have_a_csv_and_the_same_bytes_each_time(tiny, content):
    plotting.use_style()
    written = []
    for _ in range(2):
        figure = plt.figure()
        figure.gca().plot([1, 2])
        results.save_figure(replace(tiny, recompute=True), figure, "line", content)
        folder = paths.figures_folder("tiny")
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
        plt.close(figure)
    assert written[0] == written[1] and set(written[0]) == {"line.csv", "line.png", "line.svg"}


def test_showing_leaves_figures_of_the_same_numbers_alone(tiny, content):
    plotting.use_style()
    picture = paths.published_file("tiny", "line.png")
    results.save_figure(tiny, plt.figure(), "line", content)
    picture.write_bytes(b"as committed")
    results.save_figure(tiny, plt.figure(), "line", content)
    assert picture.read_bytes() == b"as committed"
    results.save_figure(tiny, plt.figure(), "line", content * 2)
    assert picture.read_bytes() != b"as committed"
    plt.close("all")


def test_provenance_is_merged(tiny):
    tables.write_provenance(tiny.study, {"versions": {"torch": "2"}})
    tables.write_provenance(tiny.study, {"hardware": {"cores": 2}})
    text = paths.provenance_file("tiny").read_text()
    assert '"torch"' in text and '"cores"' in text


def test_a_notebooks_run_time_comes_from_provenance(tiny):
    assert tables.run_time(tiny, "03") == "run time: not recorded"
    place = {"accelerator": None, "cores": 2, "machine": "x86_64"}
    times = {"03_evaluate": 41.2, "04_measure": 2524.7}
    tables.write_provenance(tiny.study, {"hardware": place, "last_run_seconds": times})
    assert tables.run_time(tiny, "03") == "run time: 41 s with 2 cores, x86_64"
    tables.write_provenance(tiny.study, {"hardware": place | {"processor": "AMD EPYC"}})
    assert tables.run_time(tiny, "04") == "run time: 42 min with 2 cores, AMD EPYC"
    assert tables.run_time(tiny, "05") == "run time: not recorded"

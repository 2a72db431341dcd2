"""Tables are read only where the same settings made them; figures are written whole and alike."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from paradoxlib import paths, plotting, tables


@pytest.fixture
def table():
    return pd.DataFrame({"network": ["A", "B"], "value": [0.1, 1 / 3]})


def test_a_table_is_computed_once(tiny, table):
    calls = []
    for _ in range(3):
        read = tables.result(tiny, "numbers", lambda: calls.append(1) or table)
    assert calls == [1] and read.equals(table)
    assert (paths.figures("tiny") / "numbers.csv").is_file()


def test_other_settings_are_computed_anew(tiny, table):
    tables.result(tiny, "numbers", lambda: table, "one way")
    other = tables.result(tiny, "numbers", lambda: table * 2, "another way")
    assert other["value"].tolist() == [0.2, 2 / 3]


def test_recomputing_does_not_read_what_the_repository_holds(tiny, table):
    tables.result(tiny, "numbers", lambda: table)
    paths.computed("tiny", "numbers").unlink()
    shown = tables.result(tiny, "numbers", lambda: pytest.fail("the published table is there"))
    assert shown.equals(table)
    anew = tiny.model_copy(update={"session": tiny.session.model_copy(update={"recompute": True})})
    assert tables.result(anew, "numbers", lambda: table * 3)["value"].tolist()[1] == 1


def test_a_compute_that_fails_leaves_nothing(tiny):
    with pytest.raises(ZeroDivisionError):
        tables.result(tiny, "numbers", lambda: 1 / 0)
    assert not list(paths.HOME.rglob("*numbers*"))


def test_matrices_keep_their_names(tiny):
    matrix = pd.DataFrame([[1.0, 0.5], [0.5, 1.0]], ["A", "N1-All [5 Epochs]"], ["A", "N1-All [5 Epochs]"])
    for _ in range(2):
        assert tables.matrix(tiny, "m", lambda: matrix).equals(matrix)


def test_figures_have_a_csv_and_the_same_bytes_each_time(tiny, table):
    plotting.use_style()
    written = []
    for _ in range(2):
        figure = plt.figure()
        figure.gca().plot([1, 2])
        anew = tiny.model_copy(update={"session": tiny.session.model_copy(update={"recompute": True})})
        tables.save_figure(anew, figure, "line", table)
        written.append({path.name: path.read_bytes() for path in paths.figures("tiny").iterdir()})
        plt.close(figure)
    assert written[0] == written[1] and set(written[0]) == {"line.csv", "line.png", "line.svg"}


def test_showing_leaves_figures_of_the_same_numbers_alone(tiny, table):
    plotting.use_style()
    tables.save_figure(tiny, plt.figure(), "line", table)
    (paths.figures("tiny") / "line.png").write_bytes(b"as committed")
    tables.save_figure(tiny, plt.figure(), "line", table)
    assert (paths.figures("tiny") / "line.png").read_bytes() == b"as committed"
    tables.save_figure(tiny, plt.figure(), "line", table * 2)
    assert (paths.figures("tiny") / "line.png").read_bytes() != b"as committed"
    plt.close("all")


def test_provenance_is_merged(tiny):
    tables.write_provenance(tiny, {"versions": tables.versions()})
    tables.write_provenance(tiny, {"hardware": tables.hardware()})
    text = (paths.figures("tiny") / "provenance.json").read_text()
    assert '"torch"' in text and '"cores"' in text

"""Publishing writes what says later whether results are still the published ones."""

import shutil

import pytest

from paradoxlib import paths
from paradoxlib.__main__ import main
from paradoxlib.studies.study import load, names
from paradoxlib.verify import checks, expected, publishing, reporting


@pytest.fixture
def published(home, monkeypatch):
    """The study cifar10-20 with one table, in a home of its own."""
    monkeypatch.setattr(paths, "expected_file", lambda study: home / "expected" / f"{study}.csv")
    study = load("cifar10-20")
    path = paths.published_file(study.name, "pairs.csv")
    path.parent.mkdir(parents=True)
    shutil.copy(paths.CLONE / "figures" / study.name / "pairs.csv", path)
    return study


def test_what_was_published_agrees_until_it_is_altered(published):
    written = publishing.publish_study(published)
    assert [path.name for path in written] == ["cifar10-20.csv", "manifest.sha256"]
    assert checks.check_files(published).agrees and not reporting.report(published).differing
    path = paths.published_file(published.name, "pairs.csv")
    path.write_text(path.read_text().replace(",0.", ",-0."))
    assert not checks.check_files(published).agrees and reporting.report(published).differing


def test_the_command(published, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["publish", "cifar10-20"])
    assert not stop.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["expected/cifar10-20.csv", "figures/cifar10-20/manifest.sha256"]


def test_what_cannot_be_published_is_refused(published, tiny):
    with pytest.raises(ValueError, match="tiny is no study of the package"):
        publishing.publish_study(tiny.study)
    with pytest.raises(ValueError, match="study demo has no results to publish"):
        publishing.publish_study(load("demo"))
    found = expected.quantities(published)
    expected.write_expected(published, expected.summarise_trainings([found, found]))
    with pytest.raises(ValueError, match="those of 2 trainings .*, which one must not replace"):
        publishing.publish_study(published)


COMMITTED = [name for name in names() if paths.manifest_file(name).is_file()]
EXPECTED = [name for name in COMMITTED if paths.expected_file(name).is_file()]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_repository_expects_is_what_it_holds(name):
    table = reporting.compare_quantities(
        expected.quantities(load(name)), expected.read_expected(load(name))
    )
    assert (table["result"] == reporting.AGREES).all()

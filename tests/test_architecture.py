"""The package's folders are its architecture: arrows point one way, and a name has one meaning."""

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from paradoxlib import paths

BASE = {"paths", "keep", "seeds", "devices", "processes"}
PURE = {"images", "networks", "paper"}
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    **dict.fromkeys(PURE, BASE),
    "behaviour": BASE | PURE,
    "similarity": BASE | PURE,
    "measures": BASE | PURE | {"behaviour", "similarity"},
    "comparison": BASE | PURE | {"behaviour", "similarity", "measures", "plotting"},
    "plotting": set(),
    "studies": BASE | PURE | {"behaviour", "similarity"},
    "results": BASE | PURE | {"behaviour", "similarity", "measures", "studies"},
    "convergence": BASE | PURE | {"behaviour", "similarity", "studies", "results"},
    "heatmaps": BASE | PURE | {"behaviour", "similarity", "studies", "results"},
    "controls": BASE | PURE | {"behaviour", "similarity", "measures", "studies", "results"},
    "population": BASE | PURE | {"behaviour", "similarity", "measures", "studies", "results"},
    "explorer": BASE | PURE | {"behaviour", "similarity", "studies", "results", "plotting"},
    "verify": BASE | PURE | {"behaviour", "similarity", "studies", "results"},
    "reproduce": BASE | PURE | {"behaviour", "similarity", "studies", "results", "verify"},
}
ROOMS = sorted(path.parent.name for path in paths.PACKAGE.glob("*/__init__.py"))
FILES = sorted(paths.PACKAGE.rglob("*.py"))
SHARED = {"load"}  # of a data set and of a study: what others call (docs/own_networks.md)


def room_of(path):
    """Return the room of a file, or the name of a module outside the rooms."""
    return path.relative_to(paths.PACKAGE).with_suffix("").parts[0]


def imports(path):
    """Yield (module of the package, name, other name) of all that a file imports from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paradoxlib"):
            for alias in node.names:
                yield node.module, alias.name, alias.asname
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("paradoxlib"):
                    yield alias.name, alias.name, alias.asname


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(paths.PACKAGE)))
def test_arrows_point_one_way_and_nothing_is_imported_under_another_name(path):
    room = room_of(path)
    for module, name, other in imports(path):
        target = [*module.split("."), name][1]
        allowed = MAY_IMPORT.get(room)
        assert other is None, f"{name} is imported as {other}"
        assert allowed is None or target == room or target in allowed, f"{room} imports {target}"


def test_a_public_name_stands_in_one_room():
    rooms = defaultdict(set)
    for path in FILES:
        if path.parent == paths.PACKAGE or path.name == "__init__.py":
            continue
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            for name in names:
                rooms[name].add(room_of(path))
    assert {
        name: where for name, where in rooms.items() if len(where) > 1 and name not in SHARED
    } == {}


def test_no_function_bears_its_file_s_name():
    for path in FILES:
        names = [n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
        assert path.stem not in names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_two_to_seven_files_of_at_most_300_lines(room):
    files = [path for path in (paths.PACKAGE / room).glob("*.py") if path.name != "__init__.py"]
    assert 2 <= len(files) <= 7
    for path in files:
        assert len(path.read_text().splitlines()) <= 300, path.name


def test_the_tests_mirror_the_rooms():
    folders = {path.name for path in Path(__file__).parent.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == set(ROOMS)


def test_conda_installs_the_package_with_what_its_tests_need_at_the_tested_versions():
    top = paths.PACKAGE.parent
    python, pip, packages = yaml.safe_load((top / "environment.yml").read_text())["dependencies"]
    project = tomllib.loads((top / "pyproject.toml").read_text())["project"]
    lowest = project["requires-python"].removeprefix(">=").split(".")
    assert [int(n) for n in python.removeprefix("python=").split(".")] >= [int(n) for n in lowest]
    assert pip == "pip" and "test" in project["optional-dependencies"]
    assert packages["pip"] == ["--constraint constraints.txt", "--editable .[test]"]

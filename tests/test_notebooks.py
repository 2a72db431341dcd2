"""The notebooks keep the project's conventions and hold the outputs of an unbroken run.

nbval runs them (see the Makefile).
"""

import ast
import re

import nbformat
import pytest

from paradoxlib import paths

NOTEBOOKS = sorted((paths.PACKAGE.parent / "notebooks").glob("*.ipynb"))
PARAMETERS = {"study_name", "data_root", "device", "workers", "recompute"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return nbformat.read(request.param, 4)["cells"]


def code(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_they_are_numbered_in_reading_order():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{i:02}" for i in range(13)]


def test_nbval_knows_every_marker(cells):
    lines = [line for cell in code(cells) for line in cell["source"].splitlines()]
    assert {line for line in lines if "NBVAL" in line} <= {"# NBVAL_IGNORE_OUTPUT"}


def test_the_order_of_title_imports_parameters(cells):
    assert cells[0]["cell_type"] == "markdown" and cells[0]["source"].startswith("# ")
    assert all(word in cells[0]["source"] for word in ("Paper", "Reads", "Writes", "Run time"))
    imports, parameters, *_ = code(cells)
    kinds = {type(node) for node in ast.parse(imports["source"]).body}
    assert kinds <= {ast.Import, ast.ImportFrom}
    assert parameters["metadata"]["tags"] == ["parameters"]
    body = ast.parse(parameters["source"]).body
    assert {node.targets[0].id for node in body} == PARAMETERS
    assert all(isinstance(node.value, ast.Constant) for node in body) and parameters[
        "source"
    ].count("#") == len(body)


def test_run_times_are_read_from_provenance_and_not_typed(request, cells):
    number = request.node.callspec.id[:2]
    assert f'print(results.run_time(session, "{number}"))' in code(cells)[2]["source"]
    typed = cells[0]["source"].partition("Run time: ")[2].partition("\n")[0]
    assert not re.search(r"minute|hour|\d+ s", typed)


def test_cells_are_short_and_define_nothing(cells):
    for cell in code(cells):
        assert cell["source"].count("\n") < 20
        kinds = {type(node) for node in ast.walk(ast.parse(cell["source"]))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef}


def test_there_is_a_check_against_the_paper(cells):
    assert any("paper-check" in cell["metadata"].get("tags", []) for cell in cells)


def test_every_cell_was_run_in_order_without_error(cells):
    assert [cell["execution_count"] for cell in code(cells)] == list(range(1, len(code(cells)) + 1))
    assert not any(
        output["output_type"] == "error" for cell in code(cells) for output in cell["outputs"]
    )


def test_no_paths_of_a_machine_and_no_progress_bars_are_stored(cells):
    stored = "".join(
        str(output)
        for cell in code(cells)
        for output in cell["outputs"]
        if "image/png" not in output.get("data", {})
    )
    assert not re.search(r"/(home|root|work|tmp)/|it/s|image/s", stored)


def test_every_import_is_used(cells):
    imports, *rest = code(cells)
    used = "\n".join(cell["source"] for cell in rest)
    for node in ast.parse(imports["source"]).body:
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[-1]
            assert re.search(rf"\b{name}\b", used), f"{name} is imported and not used"


def test_every_stored_figure_has_alternative_text(cells):
    for cell in code(cells):
        text = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                assert len(text) > 40 and output["metadata"]["image/png"]["alt"] == text


def test_links_lead_somewhere(cells):
    for cell in cells:
        for target in re.findall(r"\]\(([\w./]+\.ipynb)\)", cell["source"]):
            assert (NOTEBOOKS[0].parent / target).is_file()

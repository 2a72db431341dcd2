"""docs/sisters.md says where each figure of the sister works is: the cell, and the file."""

import json
import re

import pytest

from paradoxlib import paths

TOP = paths.PACKAGE.parent
ROWS = re.findall(
    r"\.\./notebooks/(\w+\.ipynb)\), cell (\d+) \| (?:\[`(\w+)`\]\((.+?)\)|`(\w+)`)",
    (TOP / "docs" / "sisters.md").read_text(),
)


@pytest.mark.parametrize(("notebook", "cell", "stem", "file", "planned"), ROWS)
def test_a_figure_is_made_by_its_cell_and_its_file_is_there(notebook, cell, stem, file, planned):
    cells = json.loads((TOP / "notebooks" / notebook).read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    name = stem or planned
    made = rf'"{name}"|results\.{name}\(|f"{name.rpartition("_")[0]}_{{'  # one for each condition
    assert re.search(made, code[int(cell) - 1])
    assert not file or ((TOP / "docs" / file).is_file() and name in file)


def test_every_row_is_read():
    rows = re.findall(r"(?m)^\| (?:Fig|Tab|Sec|Art)", (TOP / "docs" / "sisters.md").read_text())
    assert len(rows) == len(ROWS) > 15

"""Every number in the prose has a source: numbers.yaml names it, and both agree as printed.

The tables of `docs/claims.md`, and `docs/measures.md`, have tests of their own (paper/, measures/).
"""

import re
from functools import cache

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file

from paradoxlib import keep, paths
from paradoxlib.paper import pages
from paradoxlib.paper.published import PRINTED_TABLES

ROOT = paths.PACKAGE.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
]
PAGES.remove(ROOT / "docs" / "measures.md")
LISTED = yaml.safe_load((ROOT / "tests" / "numbers.yaml").read_text())
NUMBER = r"(?<![\w.,^])(-?(?:\d{1,3}(?:,\d{3})+|\d*\.\d+|\d+)(?: %)?)(?![\w%])"
NAMES = "|".join(LISTED["not results"])


@cache
def prose(path):
    """Text without code, links and names, `_` for each number; and the numbers."""
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, 4)["cells"]
        text = "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    text = pages.PLACE.sub(" ", text)
    text = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|(?m:^\d+\.)|_", " ", text, flags=re.S)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    printed = []

    def keep(match):
        if match[1] is None:
            return match[0]
        printed.append(match[1])
        return "_"

    return re.sub(f"{NAMES}|{NUMBER}", keep, " ".join(text.split())), printed


@cache
def outputs(number):
    """What the code cells of a notebook print, in one line."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    texts = [
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in nbformat.read(path, 4)["cells"]
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
    ]
    return " ".join(" ".join(texts).split())


@cache
def table(name):
    """`stem` or `study/stem`; `depths/STUDY` is the CKA of ResNet50's layers with another's."""
    study, stem = name.split("/") if "/" in name else ("20", name)
    figures = ROOT / "figures"
    if study == "depths":
        file = figures / "cifar10-depth50" / "cka_sizes.safetensors"
        kept = load_file(file)[f"cifar10-depth50/N1|cifar10-{stem}/N1"]
        rows = [(*place, float(kept[place])) for place in np.ndindex(kept.shape)]
        return pd.DataFrame(rows, columns=["layer", "other", "cka"])
    named = figures / (
        study if study.startswith(("controls", "population")) else f"cifar10-{study}"
    )
    folder = PRINTED_TABLES if study == "printed" else named
    frame = keep.read_table(folder / f"{stem}.csv")
    return frame.rename(columns={"Unnamed: 0": "network"})


def value(source):
    """`table | rows | expression`, `table | expression`, or `NN / pattern` in its outputs."""
    if re.match(r"\d\d / ", source):
        notebook, _, pattern = source.partition(" / ")
        found = re.search(pattern, outputs(notebook))
        assert found, f"notebook {notebook} prints nothing like {pattern!r}"
        return float(found[1].replace(",", ""))
    name, *rows, expression = source.split(" | ")
    frame = table(name).query(rows[0], engine="python") if rows else table(name)
    return float(pd.Series(frame.eval(expression, engine="python")).drop_duplicates().item())


def agrees(printed, source):
    """Whether a printed number is the source's, rounded, or a bound (`>=`, `<=`) of it."""
    bound = source[:2] if source[:2] in (">=", "<=") else ""
    exact = value(source.removeprefix(bound).strip()) * (100 if printed.endswith("%") else 1)
    number = printed.removesuffix(" %").replace(",", "")
    half = 0.5 * 10.0 ** -len(number.partition(".")[2]) + 1e-9
    if bound == ">=":
        return exact >= float(number) - half
    return exact <= float(number) + half if bound else abs(exact - float(number)) <= half


def places(text, phrase):
    """Where a phrase stands, as the places of its numbers among those of the text."""
    for match in re.finditer(re.escape(phrase), text):
        first = text[: match.start()].count("_")
        yield range(first, first + phrase.count("_"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_number_is_listed(page):
    text, printed = prose(page)
    listed = {i for phrase in LISTED["sources"] for place in places(text, phrase) for i in place}
    parts = text.split("_")
    missing = [
        f"{parts[i][-40:]}<{printed[i]}>{parts[i + 1][:20]}"
        for i in range(len(printed))
        if i not in listed
    ]
    assert not missing, "no source in tests/numbers.yaml: " + "; ".join(missing)


@pytest.mark.parametrize("phrase", LISTED["sources"])
def test_a_number_is_that_of_its_source(phrase):
    sources = LISTED["sources"][phrase]
    found = [(prose(page)[1], place) for page in PAGES for place in places(prose(page)[0], phrase)]
    assert found, "this phrase stands nowhere any more"
    sources = [sources] * phrase.count("_") if isinstance(sources, str) else sources
    for printed, place in found:
        for i, source in zip(place, sources, strict=True):
            assert source in LISTED["kinds"] or agrees(printed[i], source), (
                f"{printed[i]} is not {source}"
            )


def test_rounded_or_a_bound():
    source = "unit_summary | relation == 'chance' | semi_matching"  # .0745
    assert agrees(".07", source) and not agrees(".08", source) and agrees("7 %", source)
    assert agrees(".06", f">= {source}") and not agrees(".06", f"<= {source}")


def test_the_reading_list_and_the_references_are_the_same_works():
    linked = re.findall(r"arxiv\.org/abs/([\d.]+)\)", (ROOT / "docs" / "literature.md").read_text())
    listed = re.findall(r"eprint = {(.+)}", (ROOT / "docs" / "references.bib").read_text())
    assert sorted(linked) == sorted(listed)

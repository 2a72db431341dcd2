"""The site, built from what is committed: offline, no warning, and every link leads somewhere."""

import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag

import pytest
import yaml

from paradoxlib import paths

pytest.importorskip("sphinx_book_theme", reason="the site's packages are missing: make site")
pytest.importorskip("myst_nb", reason="the site's packages are missing: make site")

TOP = paths.PACKAGE.parent
sys.path.insert(0, str(TOP / "docs" / "_ext"))

import figure_sources  # noqa: E402
import notebook_heads  # noqa: E402

NOTEBOOKS = sorted((TOP / "notebooks").glob("*.ipynb"))
SOURCES = [source for path in NOTEBOOKS for source in figure_sources.sources(path)]
FIGURES = sorted((TOP / "figures").glob("[!d]*/*.png"))  # the demo's are not committed


class Page(HTMLParser):
    """What a page links to, what it loads, and the names within it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.names = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.names |= {of[key] for key in ("id", "name") if of.get(key)}
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        elif tag in {"script", "img", "iframe", "source"} and "src" in of:
            self.loads.append(of["src"])
        elif tag == "link" and of.get("rel") in {"stylesheet", "preload", "icon"}:
            self.loads.append(of["href"])


@cache
def read(path):
    """Return a page of the site, parsed."""
    return Page(path.read_text())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make site` builds it."""
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", "docs", "."]
    done = subprocess.run([*command, folder], cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site: {path: page}."""
    found = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    return {path: read(path) for path in found}


def is_elsewhere(link):
    """Say whether a link leaves the site."""
    return re.match(r"(https?:)?//|mailto:|data:", link) is not None


def test_every_link_leads_to_a_file_and_a_place_in_it(site, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            if is_elsewhere(link):
                continue
            file, anchor = urldefrag(link.split("?")[0])
            target = (path.parent / unquote(file)).resolve() if file else path
            there = target.is_file() and site in target.parents
            is_page = there and anchor and target.suffix == ".html"
            if not there or (is_page and unquote(anchor) not in read(target).names):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loads = [load for page in pages.values() for load in page.loads if is_elsewhere(load)]
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert [load for load in loads if not load.startswith("data:")] == []
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_every_committed_figure_is_made_by_a_cell():
    found = {
        path: figure_sources.find_source(SOURCES, path.parent.name, path.stem) for path in FIGURES
    }
    assert len(found) > 50
    numbers = [source.number for source in SOURCES]
    assert len(set(numbers)) == len(numbers)
    with pytest.raises(LookupError, match="no notebook makes figures/cifar10-20/nothing.png"):
        figure_sources.find_source(SOURCES, "cifar10-20", "nothing")


def test_the_manifest_for_an_independent_check_lists_every_figure_with_its_cell():
    manifest = yaml.safe_load((TOP / "codecheck.yml").read_text())["manifest"]
    listed = {TOP / entry["file"]: entry["comment"] for entry in manifest}
    assert all(path.is_file() for path in listed)
    for path in FIGURES:
        source = figure_sources.find_source(SOURCES, path.parent.name, path.stem)
        where = f"notebook {source.notebook[:2]}, {source.label.replace('-', ' ')}"
        assert listed.get(path) == f"figure {source.number}: {where}"


def test_a_figure_s_cell_is_the_one_that_saves_it():
    source = figure_sources.find_source(SOURCES, "cifar10-20", "figure_2_difference")
    cell = json.loads((TOP / "notebooks" / f"{source.notebook}.ipynb").read_text())["cells"][
        source.cell
    ]
    assert "_difference" in "".join(cell["source"])
    assert (source.label, source.functions) == (f"cell-{cell['execution_count']}", ("draw_matrix",))
    # the full name of a figure goes before the pattern of another
    layers = figure_sources.find_source(SOURCES, "cifar10-20", "figure_5_layer_similarity")
    assert (layers.notebook[:2], layers.functions) == ("06", ("draw_layer_profile",))
    # other studies run the same notebooks, but what a notebook makes of a second study is its own
    assert figure_sources.find_source(SOURCES, "cifar10-resnet50", "exchange_matrix").number != (
        figure_sources.find_source(SOURCES, "cifar10-20", "exchange_matrix").number
    )


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_s_page_has_its_head_and_a_source_under_each_figure(notebook, site):
    text = (site / "notebooks" / f"{notebook.stem}.html").read_text()
    assert f'href="../notebooks/{notebook.name}">Download' in text
    assert (site / "notebooks" / notebook.name).read_bytes() == notebook.read_bytes()
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert text.count('class="figure-source') == pictures


def test_a_head_says_the_time_of_the_provenance_and_offers_no_link_without_an_address():
    env = SimpleNamespace(docname="notebooks/x", srcdir=TOP, app=None)
    for address in ("", "https://github.com/someone/paradox"):
        app = SimpleNamespace(srcdir=TOP, env=env, config=SimpleNamespace(address=address))
        notebook_heads.link = lambda env, path, text: notebook_heads.nodes.reference("", text)
        head = notebook_heads.head(app, "03_evaluate_under_distortions")
        assert re.match(r"Run time: \d+ min with 2 cores, .+ \(provenance\)", head.astext())
        targets = [node.get("refuri", "") for node in head.findall(notebook_heads.nodes.reference)]
        assert [any(name in link for link in targets) for name in ("colab", "binder")] == (
            [bool(address)] * 2
        )


def test_the_search_finds_a_word_of_a_page_and_a_function(site):
    index = (site / "searchindex.js").read_text()
    assert '"docs/claims"' in index and "layer_similarity" in index

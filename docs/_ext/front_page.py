"""What only the site has: the menu, the list of references. The pages stay plain on GitHub."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx


def add_menu(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the menu of conf.py, as far as its pages are there, to the front page."""
    if docname != app.config.root_doc:
        return
    for caption, pages in app.config.menu.items():
        there = [page for page in pages if "*" in page or page in app.env.found_docs]
        lines = [":hidden:", f":caption: {caption}", *([":glob:"] if "*" in pages[0] else [])]
        source[0] += "\n".join(["\n\n```{toctree}", *lines, "", *there, "```"])


def add_references(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the entries of references.bib to the reading list."""
    if docname == "docs/literature":
        source[0] += "\n\n## References\n\n```{bibliography}\n:all:\n```\n"


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Give the front page the name that a server looks for, too; remove what myst-nb leaves."""
    if not error and app.builder.format == "html":
        folder = Path(app.outdir)
        shutil.copyfile(folder / f"{app.config.root_doc}.html", folder / "index.html")
    shutil.rmtree(Path(app.outdir).parent / "jupyter_execute", ignore_errors=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register them."""
    app.add_config_value("menu", {}, "env", dict)
    app.connect("source-read", add_menu)
    app.connect("source-read", add_references)
    app.connect("build-finished", add_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

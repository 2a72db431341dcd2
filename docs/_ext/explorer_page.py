"""The explorer of a study as a page of its own."""

from pathlib import Path

from sphinx.application import Sphinx

from paradoxlib import explorer
from paradoxlib.studies import sessions

STUDY = "cifar10-20"
PAGE = "explorer.html"
LINK = '<p class="explorer-link"><a href="{up}explorer.html">Open the explorer</a></p>'


def add_link(app: Sphinx, docname: str, source: list[str]) -> None:
    """Link the explorer before the first section of its own page and of the front page."""
    if docname in {app.config.root_doc, "docs/explorer"}:
        before, heading, after = source[0].partition("\n## ")
        link = LINK.format(up="../" * docname.count("/"))
        source[0] = f"{before}\n{link}\n{heading}{after}"


def write_page(app: Sphinx, error: Exception | None) -> None:
    """Write the page into the site."""
    if not error and app.builder.format == "html":
        explorer.write_page(sessions.start(STUDY), Path(app.outdir) / PAGE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("source-read", add_link, priority=400)  # before the menu is appended
    app.connect("build-finished", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

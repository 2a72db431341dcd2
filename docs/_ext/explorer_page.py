"""The explorer of two studies, each as a page of its own."""

from pathlib import Path

from sphinx.application import Sphinx

from paradoxlib import explorer
from paradoxlib.studies import sessions

PAGES = {  # {page: (study, the text of its link)}
    "explorer": ("cifar10-20", "Explore 20 networks"),
    "explorer_population": ("population", "Explore 329 networks"),
}


def add_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Link the explorers before the first section of their own page and of the front page."""
    if docname in {app.config.root_doc, "docs/explorer"}:
        before, heading, after = source[0].partition("\n## ")
        up = "../" * docname.count("/")
        links = (f'<a href="{up}{page}.html">{text}</a>' for page, (_, text) in PAGES.items())
        source[0] = f'{before}\n<p class="explorer-link">{" ".join(links)}</p>\n{heading}{after}'


def write_pages(app: Sphinx, error: Exception | None) -> None:
    """Write the pages into the site."""
    if not error and app.builder.format == "html":
        for page, (study, _) in PAGES.items():
            explorer.write_page(sessions.start(study), Path(app.outdir) / f"{page}.html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("source-read", add_links, priority=400)  # before the menu is appended
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

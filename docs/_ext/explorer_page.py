"""The explorer of a study as a page of its own, where the command `paradox explore` exists."""

import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx

from paradoxlib.__main__ import app as commands

STUDY = "cifar10-20"
PAGE = "explorer.html"
LINK = '<p class="explorer-link"><a href="{up}explorer.html">Open the explorer</a></p>'


def is_there() -> bool:
    """Say whether the command exists."""
    return any(command.name == "explore" for command in commands.registered_commands)


def add_link(app: Sphinx, docname: str, source: list[str]) -> None:
    """Link the explorer before the first section of its own page and of the front page."""
    if docname in {app.config.root_doc, "docs/explorer"} and is_there():
        before, heading, after = source[0].partition("\n## ")
        link = LINK.format(up="../" * docname.count("/"))
        source[0] = f"{before}\n{link}\n{heading}{after}"


def write_page(app: Sphinx, error: Exception | None) -> None:
    """Let the command write the page into the site."""
    if not error and app.builder.format == "html" and is_there():
        command = [sys.executable, "-m", "paradoxlib", "explore", STUDY, "-o"]
        subprocess.run([*command, Path(app.outdir) / PAGE], check=True, stdout=subprocess.DEVNULL)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.connect("source-read", add_link, priority=400)  # before the menu is appended
    app.connect("build-finished", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

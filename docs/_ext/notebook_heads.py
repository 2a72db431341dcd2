"""In each notebook's head: how long it ran, and ways to have it: download, Colab, Binder."""

from pathlib import Path

from docutils import nodes
from repository_files import link
from sphinx.application import Sphinx

from paradoxlib import results
from paradoxlib.studies import sessions

STUDY = "cifar10-20"  # whose outputs the notebooks hold
COLAB = "!git clone --depth 1 {address} paradox\n%cd paradox\n%pip install -q ."


def head(app: Sphinx, notebook: str) -> nodes.container:
    """Return the head's lines."""
    address, line = app.config.address, nodes.paragraph()
    time = results.run_time(sessions.start(STUDY), notebook[:2]).capitalize()
    line += nodes.Text(f"{time} (")
    line += link(app.env, f"figures/{STUDY}/provenance.json", "provenance")
    line += nodes.Text("); it shows its results within seconds · ")
    line += link(app.env, f"notebooks/{notebook}.ipynb", "Download")
    content = nodes.container("", line, classes=["notebook-head"])
    if address:
        path = f"notebooks/{notebook}.ipynb"
        repository = address.removeprefix("https://github.com/")
        colab = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
        binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}"
        line += [nodes.Text(" · "), nodes.reference("", "Binder", refuri=binder)]
        line += [nodes.Text(" · "), nodes.reference("", "Colab", refuri=colab)]
        line += nodes.Text(", with this as its first cell:")
        cell = COLAB.format(address=address)
        content += nodes.literal_block(cell, cell, language="ipython3")
    return content


def add(app: Sphinx, document: nodes.document) -> None:
    """Put the head below a notebook's title."""
    if app.env.docname.startswith("notebooks/"):
        title = next(document.findall(nodes.title))
        title.parent.insert(1, head(app, Path(app.env.docname).name))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the head."""
    app.connect("doctree-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Links to files of the repository that are no pages: the files lie at the same place in the site.

On plain GitHub they are relative links, and so they are here. A folder is linked where the
repository has an address, and named else.
"""

import os
import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform


def link(env: BuildEnvironment, path: str, text: str) -> nodes.reference:
    """Return a link from the page being read to a file of the repository, and copy that there."""
    target = Path(env.app.outdir) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(env.srcdir) / path, target)
    up = "../" * env.docname.count("/")
    return nodes.reference("", text, refuri=up + path)


class Files(SphinxTransform):
    """Turn downloads, which would lie under a made-up name, into links to the files themselves."""

    default_priority = 500

    def apply(self) -> None:
        for node in list(self.document.findall(addnodes.download_reference)):
            path = self.env.relfn2path(node["reftarget"], self.env.docname)[0]
            reference = link(self.env, path, "")
            reference += node.children
            node.replace_self(reference)
        for node in list(self.document.findall(addnodes.pending_xref)):
            path = os.path.normpath(Path(self.env.docname).parent / node["reftarget"])
            if node["reftype"] == "myst" and (Path(self.env.srcdir) / path).is_dir():
                address = self.env.config.address
                whole = nodes.reference("", "", refuri=f"{address}/tree/main/{path}")
                whole += node.children
                node.replace_self(whole if address else node.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_config_value("address", "", "env", str)
    app.add_transform(Files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Under each figure: its number, the cell and the function that made it, its data and settings.

A figure is numbered by the notebook that makes it and its place there (05.2 is the second of
notebook 05), so it has one number wherever it is shown. Which cell makes which figure is read from
the calls of `results.save_figure` in the notebooks.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from repository_files import link
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import paradoxlib.plotting
from paradoxlib import keep


class Source(NamedTuple):
    """Where a figure is made."""

    number: str  # 05.2
    notebook: str  # 05_build_paradox_matrices
    cell: int  # its index in the notebook
    label: str  # of the cell in a page: cell-7, where 7 is the number of its execution
    study: str  # whose figure the stored notebook shows
    follows: bool  # another study's notebook makes this figure of its own
    pattern: str  # of the file's stem
    functions: tuple[str, ...]  # of paradoxlib.plotting


def pattern_of(node: ast.expr, tree: ast.Module) -> str:
    """Return a regular expression for the value of a name, a text or a formatted text."""
    if isinstance(node, ast.Name):
        values = [
            assign.value
            for assign in ast.walk(tree)
            if isinstance(assign, ast.Assign) and ast.unparse(assign.targets[0]) == node.id
        ]
        return pattern_of(values[-1], tree)
    if isinstance(node, ast.JoinedStr):
        return "".join(pattern_of(part, tree) for part in node.values)
    return re.escape(node.value) if isinstance(node, ast.Constant) else r"\w+"


def called(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a method, or of a function of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "").startswith(name):
            yield node


def sources(notebook: Path) -> Iterator[Source]:
    """Yield where a notebook makes figures, in its order."""
    studies: dict[str, str] = {}
    count = 0
    for index, cell in enumerate(json.loads(notebook.read_text())["cells"]):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        for assign in (node for node in ast.walk(tree) if isinstance(node, ast.Assign)):
            value, target = assign.value, ast.unparse(assign.targets[0])
            if target == "study_name" and isinstance(value, ast.Constant):
                studies["session"] = value.value
            for call in called(value, "beside"):
                names = target.strip("()").split(", ")
                if isinstance(call.args[0], ast.Constant):
                    studies[names[0]] = call.args[0].value
        drawn = tuple(dict.fromkeys(call.func.attr for call in called(tree, "draw_")))
        for call in called(tree, "save_figure"):
            session = ast.unparse(call.args[0])
            count += 1
            yield Source(
                f"{notebook.name[:2]}.{count}",
                notebook.stem,
                index,
                f"cell-{cell['execution_count'] or index}",
                studies[session],
                session == "session",
                pattern_of(call.args[2], tree),
                drawn,
            )


def find_source(known: list[Source], study: str, stem: str) -> Source:
    """Return where a figure is made: a full name before a pattern, this study before another.

    A figure that no notebook makes is a LookupError.
    """
    fitting = [
        source
        for source in known
        if (source.study == study or source.follows) and re.fullmatch(source.pattern, stem)
    ]
    if not fitting:
        raise LookupError(f"no notebook makes figures/{study}/{stem}.png")
    return max(fitting, key=lambda source: (source.pattern == stem, source.study == study))


def caption(env: BuildEnvironment, source: Source, study: str, stem: str) -> nodes.container:
    """Return the line under a figure."""
    line = nodes.paragraph()
    line += nodes.strong("", f"Figure {source.number}. ")
    line += nodes.Text("Made by ")
    here = env.docname == f"notebooks/{source.notebook}"
    up = "../" * env.docname.count("/")
    uri = "" if here else f"{up}notebooks/{source.notebook}.html"
    where = f"notebook {source.notebook[:2]}, {source.label.replace('-', ' ')}"
    line += nodes.reference("", where, refuri=f"{uri}#{source.label}", internal=True)
    for function in source.functions:
        module = getattr(paradoxlib.plotting, function).__module__
        target = {"refdomain": "py", "reftype": "func", "reftarget": f"{module}.{function}"}
        shown = nodes.literal("", function)
        line += [
            nodes.Text(", "),
            addnodes.pending_xref("", shown, refexplicit=True, refwarn=True, **target),
        ]
    files = f"figures/{study}/{stem}"
    table = keep.table_file(Path(env.srcdir) / f"{files}.csv")
    line += [nodes.Text("; data: "), link(env, f"figures/{study}/{table.name}", table.name)]
    line += [nodes.Text("; as "), link(env, f"{files}.png", "PNG")]
    line += [nodes.Text(", "), link(env, f"{files}.svg", "SVG"), nodes.Text("; settings of ")]
    yaml = f"paradoxlib/studies/{study}.yaml"
    line += [link(env, yaml, study), nodes.Text(": "), nodes.literal("", "")]
    line[-1] += nodes.Text(keep.table_key(table) or "")
    return nodes.container("", line, classes=["figure-source"])


def add_to_notebook(env: BuildEnvironment, document: nodes.document, known: list[Source]) -> None:
    """Name each code cell, and put a line under each figure of a notebook."""
    for cell in document.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        cell["ids"].append(f"cell-{cell['exec_count'] or cell['cell_index']}")
        made = [
            s for s in known if env.docname.endswith(s.notebook) and s.cell == cell["cell_index"]
        ]
        for source in dict.fromkeys(made):
            for path in sorted((Path(env.srcdir) / "figures" / source.study).glob("*.png")):
                if find_source(known, source.study, path.stem) == source:
                    cell += caption(env, source, source.study, path.stem)


def add_to_page(env: BuildEnvironment, document: nodes.document, known: list[Source]) -> None:
    """Put a line under each figure that a page shows from figures/, and under its legend."""
    for image in list(document.findall(nodes.image)):
        folder, study, name = ("", "", *Path(image["uri"]).parts)[-3:]
        if folder == "figures":
            stem, line = Path(name).stem, image.parent
            legend = line.next_node(descend=False, siblings=True)
            if legend and [type(child) for child in legend.children] == [nodes.emphasis]:
                line = legend
            at = line.parent.index(line) + 1
            line.parent.insert(at, caption(env, find_source(known, study, stem), study, stem))


def add(app: Sphinx, document: nodes.document) -> None:
    """Add the lines to a page that was read."""
    folder = Path(app.srcdir) / "notebooks"
    known = [source for path in sorted(folder.glob("*.ipynb")) for source in sources(path)]
    place = add_to_notebook if app.env.docname.startswith("notebooks/") else add_to_page
    place(app.env, document, known)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the lines."""
    app.connect("doctree-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

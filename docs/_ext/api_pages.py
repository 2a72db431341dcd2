"""A page for each room of the package, written from its docstrings at build time to docs/api."""

import ast
import shutil
from pathlib import Path

from sphinx.application import Sphinx

ROOMS = [  # each may build on those before it, plotting on none
    *("paper", "images", "networks", "behaviour", "similarity", "measures", "plotting"),
    *("comparison", "studies", "results", "convergence", "heatmaps", "controls", "population"),
    *("explorer", "verify", "reproduce"),
]


def first_paragraph(path: Path) -> str:
    """Return what a module says of itself, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def automodule(name: str) -> str:
    """Return the directive that documents a module."""
    return f"## {name.split('.', 1)[-1]}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"


def write_pages(app: Sphinx) -> None:
    """Write an index, a page for each room, and one for the modules that stand in none."""
    package, folder = Path(app.srcdir) / "paradoxlib", Path(app.srcdir) / "docs" / "api"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    rooms = {path.parent.name: path for path in package.glob("*/__init__.py")}
    order = [*ROOMS, *sorted(set(rooms) - set(ROOMS))]
    index = [
        "# The package, room by room\n\nEach room may build on those above it, plotting on none; "
        "[contributing](../../CONTRIBUTING.md#rooms-and-arrows) has the arrows.\n"
    ]
    for room in order:
        modules = [path for path in sorted((package / room).glob("*.py")) if path.stem[0] != "_"]
        says = first_paragraph(rooms[room])
        parts = [automodule(f"paradoxlib.{room}.{path.stem}") for path in modules]
        (folder / f"{room}.md").write_text(f"# {room}\n\n{says}\n\n" + "\n".join(parts))
        lines = [
            f"- [`{path.stem}`](#paradoxlib.{room}.{path.stem}): {first_paragraph(path)}\n"
            for path in modules
        ]
        index.append(f"## [{room}]({room}.md)\n\n{says}\n\n{''.join(lines)}")
    modules = [path for path in sorted(package.glob("*.py")) if path.stem[0] != "_"]
    parts = [automodule(f"paradoxlib.{path.stem}") for path in modules]
    (folder / "base.md").write_text("# outside the rooms\n\n" + "\n".join(parts))
    lines = [
        f"- [`{path.stem}`](#paradoxlib.{path.stem}): {first_paragraph(path)}\n" for path in modules
    ]
    index.append(f"## [outside the rooms](base.md)\n\n{''.join(lines)}")
    pages = "\n".join([*order, "base"])
    index.append(f"```{{toctree}}\n:hidden:\n\n{pages}\n```\n")
    (folder / "index.md").write_text("\n".join(index))


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for documents."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Tables, figures and provenance on disk: written whole or not at all, read where the same settings made them.

A table is a CSV whose first line, a comment, holds the key of its settings; pandas reads it with ``comment="#"``.
"""

import json
import platform
import shutil
from importlib.metadata import version

import pandas as pd
import torch
from joblib import cpu_count

from paradoxlib import paths, weights

MARK = "# settings "


def write(path, table, key):
    """Write a table and the key of its settings."""
    with paths.atomic(path) as temporary, temporary.open("w") as file:
        file.write(f"{MARK}{key}\n")
        table.to_csv(file, index=table.index.name is not None or not isinstance(table.index, pd.RangeIndex))


def read(path, key=None):
    """Return a table, or None where it is not there or was made by other settings than those of the key."""
    try:
        with path.open() as file:
            if key is not None and file.readline().rstrip() != f"{MARK}{key}":
                return None
        return pd.read_csv(path, comment="#")
    except FileNotFoundError:
        return None


def result(study, name, compute, *what):
    """Return a table of a study: read where the same settings made it, else computed, kept and published.

    Looked for in runs/ (computed on this machine) and then, unless the session recomputes, in figures/ (what the repository holds).
    """
    key, computed, published = study.table_key(name, *what), paths.computed(study.name, name), paths.figures(study.name) / f"{name}.csv"
    table = read(computed, key)
    if table is None and not study.session.recompute:
        table = read(published, key)
        if table is not None:
            return table
    if table is None:
        write(computed, compute(), key)
        table = read(computed)
    show(computed, published)
    return table


def show(computed, published):
    """Copy what was computed to figures/, where it is not there as it is."""
    if not published.is_file() or published.read_bytes() != computed.read_bytes():
        with paths.atomic(published) as temporary:
            shutil.copy(computed, temporary)


def tensors(study, name, key, compute):
    """Return (tensors, about) of a study, what is no table: like `result`, as safetensors of a key; `compute` returns both."""
    computed = paths.computed(study.name, name).with_suffix(".safetensors")
    published = paths.figures(study.name) / computed.name
    for path in [computed, published][: 1 if study.session.recompute else 2]:
        about = weights.read_about(path)
        if about is not None and about.get("key") == key:
            break
    else:
        path, (made, about) = computed, compute()
        weights.write(path, made, about | {"key": key})
    if path == computed:
        show(computed, published)
    return weights.read(path, finite=False)


def matrix(study, name, compute, *what):
    """Return a square table of a study (network, network); see `result`."""
    table = result(study, name, lambda: compute().rename_axis("network").reset_index(), *what)
    return table.set_index("network").rename_axis(None)


def publish(study, name, table):
    """Write a table that a notebook made to figures/<study>/."""
    write(paths.figures(study.name) / f"{name}.csv", table, study.table_key(name))


def save_figure(study, figure, name, table):
    """Write a figure as PNG and SVG, and what it shows as CSV, to figures/<study>/.

    Where the session shows committed results, a figure whose numbers are the same is left alone.
    """
    folder, key = paths.figures(study.name), study.table_key(name)
    targets = [folder / f"{name}.{kind}" for kind in ("csv", "png", "svg")]
    fresh = folder / f".{name}.fresh.csv"
    write(fresh, table, key)
    same = all(path.is_file() for path in targets) and targets[0].read_bytes() == fresh.read_bytes()
    if not same or study.session.recompute:
        for path in targets[1:]:
            with paths.atomic(path) as temporary:
                figure.savefig(temporary, metadata={"Date": None} if path.suffix == ".svg" else {"Software": None})
    fresh.replace(targets[0])  # last: where it is there, so are the pictures


def hardware():
    """Return what this machine is: processor kind, cores, accelerator."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"machine": platform.machine(), "system": platform.system(), "cores": cpu_count(), "accelerator": gpu}


def versions():
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy", "scipy", "pandas", "paradoxlib")}


def write_provenance(study, facts):
    """Merge facts on how a study's results came to be into figures/<study>/provenance.json."""
    path = paths.figures(study.name) / "provenance.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    with paths.atomic(path) as temporary:
        temporary.write_text(json.dumps(known | facts, indent=1, sort_keys=True) + "\n")

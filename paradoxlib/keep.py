"""What is computed once and kept: files written whole or not at all, read where they are sound.

Tensors go to safetensors files whose header says what they are (``about``) and holds their digest;
tables go to CSV files whose first line, a comment, holds the key of their settings (pandas reads
them with ``comment="#"``). A file is taken for done where its key is the one asked for. Nothing
here runs code from a file.
"""

import hashlib
import json
import lzma
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

MARK = "# settings "
LARGE, DIGITS = 50_000, 12  # values of a table that is compressed, and their digits
Tensors = Mapping[str, torch.Tensor]


class DamagedFile(ValueError):
    """A file that is not what its header says: cut short, altered, or with nan."""


def key(*settings: object) -> str:
    """Return 16 characters that stand for settings (anything JSON can hold)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_space(folder: Path, size: float, what: str) -> None:
    """Raise OSError where the disk that holds `folder` has less than `size` bytes left."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        room = f"{existing} has {free / 1e6:.0f} MB free and {size / 1e6:.0f} MB are needed"
        raise OSError(f"no room on disk for {what}: {room}")


def digest(tensors: Tensors, text: str = "") -> str:
    """Return the sha256 of named tensors, whatever their order and device, and of a text."""
    total = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def write_tensors(path: Path, tensors: Tensors, about: Mapping) -> None:
    """Write named tensors and what they are (anything JSON can hold)."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    size = sum(tensor.numel() * tensor.element_size() for tensor in plain.values())
    require_space(path.parent, 1.1 * size + 1e6, path.name)
    text = json.dumps(about)
    with atomic(path) as temporary:
        save_file(plain, temporary, {"about": text, "digest": digest(plain, text)})


def read_about(path: Path) -> dict | None:
    """Return what a file says it is, its tensors unread; None where it is not there."""
    try:
        with safe_open(path, "pt") as file:
            return json.loads((file.metadata() or {}).get("about", "{}"))
    except FileNotFoundError:
        return None
    except (SafetensorError, ValueError) as error:
        raise damaged(path, error) from None


def has(path: Path, **expected: object) -> bool:
    """Say whether a file of tensors is there and says all of this about itself."""
    about = read_about(path)
    return about is not None and all(about.get(name) == value for name, value in expected.items())


def read_tensors(path: Path, finite: bool = True) -> tuple[dict[str, torch.Tensor], dict]:
    """Return the tensors of a file and what it says they are.

    Parameters
    ----------
    path : Path
        A safetensors file.
    finite : bool
        Whether nan and infinity are refused.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    DamagedFile
        Where the file is cut short, or its tensors are not those of its digest or not finite.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
            header = file.metadata() or {}
    except SafetensorError as error:
        raise damaged(path, error) from None
    if "digest" in header and header["digest"] != digest(tensors, header.get("about", "")):
        raise DamagedFile(f"{path} was altered: it does not have the digest in its header")
    if finite:
        check_finite(path, tensors)
    return tensors, json.loads(header.get("about", "{}"))


def damaged(path: Path, error: Exception) -> DamagedFile:
    """Return the error for a file that cannot be read."""
    advice = "delete it or bring a sound copy"
    return DamagedFile(f"{path} is damaged or cut short ({error}): {advice}")


def check_finite(path: Path, tensors: Tensors) -> None:
    """Raise DamagedFile where a tensor of a file holds nan or infinity."""
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise DamagedFile(f"{path} holds nan or infinity in {name!r}")


def write_table(path: Path, table: pd.DataFrame, key: str) -> None:
    """Write a table and the key of its settings; an index is written where it says something.

    A table of more than `LARGE` values is compressed, ``.xz`` behind its name, and keeps
    `DIGITS` digits of each number.
    """
    small, compressed = path, compressed_name(path)
    target, other = (compressed, small) if table.size > LARGE else (small, compressed)
    with atomic(target) as temporary:
        opened = lzma.open if target == compressed else open
        with opened(temporary, "wt") as file:
            file.write(table_text(table, key))
    other.unlink(missing_ok=True)


def table_text(table: pd.DataFrame, key: str) -> str:
    """Return the text of a table's file."""
    named = table.index.name is not None or not isinstance(table.index, pd.RangeIndex)
    digits = f"%.{DIGITS}g" if table.size > LARGE else None
    return f"{MARK}{key}\n" + table.to_csv(index=named, float_format=digits)


def compressed_name(path: Path) -> Path:
    """Return the name of a table's file where it is compressed."""
    return path.with_name(f"{path.name}.xz")


def table_file(path: Path) -> Path:
    """Return the file that holds a table of this name: as it is, or compressed."""
    compressed = compressed_name(path)
    return compressed if compressed.is_file() else path


def table_key(path: Path) -> str | None:
    """Return the key that a table carries; None where there is none, or no table."""
    path = table_file(path)
    try:
        with (lzma.open if path.suffix == ".xz" else open)(path, "rt") as file:
            line = str(file.readline()).rstrip()
    except FileNotFoundError:
        return None
    except (EOFError, lzma.LZMAError) as error:
        raise damaged(path, error) from None
    return line.removeprefix(MARK) if line.startswith(MARK) else None


def parse_table(file: Path | IO[str]) -> pd.DataFrame:
    """Return the table of a text; only an empty cell is nan, as a network may be called None."""
    return pd.read_csv(file, comment="#", keep_default_na=False, na_values=[""])


def read_table(path: Path, key: str | None = None) -> pd.DataFrame | None:
    """Return a table; None where it is not there or, given a key, was made by other settings."""
    if key is not None and table_key(path) != key:
        return None
    try:
        return parse_table(table_file(path))
    except FileNotFoundError:
        return None
    except (EOFError, lzma.LZMAError) as error:
        raise damaged(table_file(path), error) from None

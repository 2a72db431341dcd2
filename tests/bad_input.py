"""What may be wrong with input: hypothesis strategies of values, study files and weight files.

``python tests/bad_input.py 1000`` tries so many inputs of each kind and prints how they were
answered.
"""

import io
import os
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

import torch
import yaml
from conftest import TINY
from hypothesis import strategies as st
from safetensors.torch import save

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "A",
            "B",
            "contrast",
            "blur",
            "resnet50",
            "cifar10",
            "digits",
            "imagenet",
            "cosine",
            "step",
            "1e-3",
        ]
    ),
    st.sampled_from(
        ["", "folder:", "folder:/nowhere", "../x", "~nobody/x", "ß\u0301\u202e", "a\nb"]
    ),
)
NUMBERS = st.one_of(
    st.integers(-3, 40),
    st.floats(),
    st.sampled_from([10**9, 2**31, 2**63, 2**64, 10**30, -(10**400), 1e-320, 1e300]),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), NUMBERS, TEXTS, st.just(date(2019, 3, 12)), st.binary(max_size=4)
)
KEYS = st.one_of(TEXTS, st.integers(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
TOKENS = [
    ".inf",
    "-.inf",
    ".nan",
    "1e400",
    "1.e400",
    "0x1F",
    "12:30:45",
    "2001-01-01",
    "{?",
    "=",
    "\x00",
    "\ufeff",
    "*b",
]
TOKENS += ["!!python/object/apply:os.getcwd []", "&a [*a]", "[" * 3000, "9" * 5000, "\x85", "\t"]
TOKENS += ["<<: {seed: 1}", "- ", "? ", "%YAML 9.9\n---\n", "---\n", "!!binary x", "\x1b[31m"]


def one_in(draw, count):
    """Draw True once in so many times."""
    return draw(st.sampled_from([False] * (count - 1) + [True]))


def places(node):
    """Return (mapping or list, key) of everything in a document."""
    found = []
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        found.append((node, key))
        if isinstance(node[key], dict | list):
            found += places(node[key])
    return found


@st.composite
def documents(draw):
    """Study files as bytes: the tiny study, and what may be wrong with it."""
    content = yaml.safe_load(TINY)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        node, key = draw(st.sampled_from(places(content)))
        change = draw(st.sampled_from(["set", "set", "set", "drop", "add", "nest", "swap"]))
        if change == "set":
            node[key] = draw(VALUES)
        elif change == "drop":
            del node[key]
        elif change == "nest":
            node[key] = draw(st.sampled_from([[node[key]], {"a": node[key]}]))
        elif change == "swap" or isinstance(node, list):
            other, place = draw(st.sampled_from(places(content)))
            node[key] = yaml.safe_load(yaml.safe_dump(other[place]))
        else:
            node[draw(KEYS)] = draw(VALUES)
    text = yaml.safe_dump(content, allow_unicode=draw(st.booleans()), sort_keys=False)
    if one_in(draw, 5):
        at = draw(st.sampled_from(range(len(text))))
        text = text[:at] + draw(st.sampled_from(TOKENS)) + text[at + draw(st.integers(0, 3)) :]
    encoding = draw(st.sampled_from(["utf-8"] * 20 + ["utf-16", "latin-1"]))
    return spoilt(draw, text.encode(encoding, "replace"), 12)


def spoilt(draw, content, count):
    """Return bytes; one time in `count` they are cut short, changed, or have something put in."""
    if not one_in(draw, count):
        return content
    kind = draw(st.sampled_from(["cut", "flip", "put"]))
    # a share of the length, which differs from run to run: torch wrote addresses until 1.6
    place = st.sampled_from(range(10_000)).map(lambda share: share * len(content) // 10_000)
    if kind == "flip":
        changed = bytearray(content)
        for at in draw(st.lists(place, min_size=1, max_size=8)):
            changed[at] ^= 1 << draw(st.integers(0, 7))
        return bytes(changed)
    at = draw(place)
    return content[:at] + (b"" if kind == "cut" else draw(st.binary(max_size=20)) + content[at:])


def placed(draw, folder, content, suffixes):
    """Write content somewhere and return a path that leads there, or ought to."""
    stems = ["фаил", "a b", "a\nb", "x" * 240, "x" * 300, "'\"", "%s{0}"]
    path = folder / (draw(st.sampled_from(["file"] * 20 + stems)) + draw(st.sampled_from(suffixes)))
    kind = draw(st.sampled_from(["file"] * 24 + ["link", "loop", "dangling", "folder", "none"]))
    with suppress(OSError):  # a name that is too long: nothing is there
        if kind == "file":
            path.write_bytes(content)
        elif kind == "folder":
            path.mkdir()
        elif kind != "none":
            path.symlink_to({"link": "target", "loop": path, "dangling": "nowhere"}[kind])
            (folder / "target").write_bytes(content)
    return path


def a_state():
    source = torch.Generator().manual_seed(0)
    shapes = {"a.weight": (4, 3, 3, 3), "b.weight": (4, 4, 1, 1), "fc.bias": (2,)}
    state = {name: torch.randn(shape, generator=source) for name, shape in shapes.items()}
    return state | {"bn.weight": torch.ones(4), "bn.num_batches_tracked": torch.tensor([3])}


CHANGES = {
    "nan": lambda value: value.float() * torch.nan,
    "too large": lambda value: value.double() * 1e300,
    "complex": lambda value: value.to(torch.complex64),
    "whole": lambda value: value.to(torch.int32),
    "bool": lambda value: value.to(torch.bool),
    "half": lambda value: value.half(),
    "float8": lambda value: value.to(torch.float8_e4m3fn),
    "nothing": lambda value: value[..., :0],
    "flat": lambda value: value.flatten(),
    "zero": lambda value: value * 0,
    "one more": lambda value: value[None],
    "twice": lambda value: value.repeat(2, *[1] * (value.dim() - 1)),
    "turned": lambda value: value.transpose(0, -1).contiguous(),
    "gone": lambda value: None,
}
FOR_TORCH = CHANGES | {
    "sparse": lambda value: value.to_sparse(),
    "meta": lambda value: value.to("meta"),
    "huge": lambda value: value.flatten()[:1].expand(10**13),
    "list": lambda value: value.tolist(),
    "nested": lambda value: {"weight": value},
    "object": lambda value: date(2019, 3, 12),
    "parameter": lambda value: torch.nn.Parameter(value.float()),
}
SOUND = {"half", "float8", "parameter", "zero"}


@st.composite
def weight_files(draw):
    """Files of weights as bytes, and whether all about them is sound."""
    writer = draw(st.sampled_from(["safetensors", "torch", "torch before 1.6"]))
    changes, state, changed = CHANGES if writer == "safetensors" else FOR_TORCH, a_state(), set()
    for name in draw(st.lists(st.sampled_from([*state]), max_size=2, unique=True)):
        changed.add(change := draw(st.sampled_from([*changes])))
        state[name] = changes[change](state[name])
    before = draw(st.sampled_from(["", "", "", "module.", "_orig_mod.module."]))
    state = {before + name: value for name, value in state.items() if value is not None}
    if writer == "safetensors":
        about = draw(st.sampled_from(["", "[", "{}", "[" * 9999, '{"layers": [{}]}']) | TEXTS)
        written = save(state, {"about": about})
    else:
        holders = st.lists(st.sampled_from(["state_dict", "model", "net"]), max_size=2)
        for holder in draw(holders):
            state = {holder: state, "epoch": 3, "loss": torch.ones(())}
        if one_in(draw, 8):
            changed.add(kind := draw(st.sampled_from(["list", "none", "module"])))
            state = {"list": [state], "none": None, "module": torch.nn.ReLU()}[kind]
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=writer == "torch")
        written = file.getvalue()
    content = spoilt(draw, written, 3)
    unread = {"float8"} if writer == "torch before 1.6" else set()  # torch itself cannot
    return content, content == written and changed <= SOUND - unread


if __name__ == "__main__":
    environment = {**os.environ, "BAD_INPUTS": sys.argv[1] if len(sys.argv) > 1 else "100"}
    test = str(Path(__file__).with_name("test_bad_input.py"))
    again = [sys.executable, "-m", "pytest", "-x", "--capture=no", test]
    sys.exit(subprocess.run(again, env=environment, check=False).returncode)

"""Networks as safetensors files: written whole or not at all, refused by name where cut short, altered or with nan.

The header holds what the network is (``about``, JSON) and a digest of its tensors. Nothing here runs code from a file.
"""

import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from paradoxlib import models, paths


class DamagedFile(ValueError):
    """A file that is not what its header says: cut short, altered, or with nan."""


def digest(tensors, text=""):
    """Return the sha256 of named tensors, whatever their order and device, and of a text."""
    total = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def write(path, tensors, about):
    """Write named tensors and what they are (anything JSON can hold) to a safetensors file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    paths.require_space(path.parent, 1.1 * sum(t.numel() * t.element_size() for t in tensors.values()) + 1e6, path.name)
    with paths.atomic(path) as temporary:
        text = json.dumps(about)
        save_file(tensors, temporary, {"about": text, "digest": digest(tensors, text)})


def rounded(state):
    """Return a state dict as networks are kept: kernels and dense weights as float16, vectors (biases, batch norms) as they are."""
    return {name: value.half() if value.dim() > 1 else value for name, value in state.items()}


def read_about(path):
    """Return what a file says it is, without reading its tensors; None where it is not there."""
    try:
        with safe_open(path, "pt") as file:
            return json.loads((file.metadata() or {}).get("about", "{}"))
    except FileNotFoundError:
        return None
    except (SafetensorError, ValueError) as error:
        raise DamagedFile(f"{path} is damaged or cut short ({error}): delete it or bring a sound copy") from None


def read(path, finite=True):
    """Return the tensors of a safetensors file and what it says they are; with `finite` they may hold neither nan nor infinity.

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
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            header = file.metadata() or {}
    except SafetensorError as error:
        raise DamagedFile(f"{path} is damaged or cut short ({error}): delete it or bring a sound copy") from None
    if "digest" in header and header["digest"] != digest(tensors, header.get("about", "")):
        raise DamagedFile(f"{path} was altered: it does not have the digest in its header")
    if finite:
        check_finite(path, tensors)
    return tensors, json.loads(header.get("about", "{}"))


def check_finite(path, tensors):
    """Raise DamagedFile where a tensor of a file holds nan or infinity."""
    bad = next((name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()), None)
    if bad:
        raise DamagedFile(f"{path} holds nan or infinity in {bad!r}")


def read_state(path):
    """Return anybody's state dict, from .safetensors or, with weights_only, from .pt or .pth; floats as float32."""
    path = Path(path)
    if path.suffix == ".safetensors":
        state, about = read(path)
        order = about.get("layers", [])
        place = {name: i for i, name in enumerate(order)}
        state = dict(sorted(state.items(), key=lambda item: place.get(item[0].rpartition(".")[0], len(order))))
    elif path.suffix in (".pt", ".pth"):
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds; none may run code from the file
            raise DamagedFile(f"{path} cannot be read as plain weights: {str(error).splitlines()[0]}") from None
        state = state.get("state_dict", state) if isinstance(state, dict) else {}
        state = {name: value for name, value in state.items() if torch.is_tensor(value)}
        if not state:
            raise ValueError(f"{path} holds no state dict: named tensors are needed")
        check_finite(path, state)
    else:
        raise ValueError(f"{path} is neither .safetensors nor .pt or .pth")
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def from_torchvision(state):
    """Return the state dict of one of torchvision's ResNets of 50, 101 or 152 layers under the paper's names, its absent biases as zeros.

    Kernels can then be compared with ours. The function is another one: torchvision has the stride on the 3 x 3 convolutions, the original layout on
    the 1 x 1 before them; to evaluate such a network take torchvision's own.
    """
    blocks = {tuple(name.split(".")[:2]) for name in state if name.startswith("layer")}
    depths = tuple(sum(stage == f"layer{i}" for stage, _ in blocks) for i in range(1, 5))
    name = next((name for name, known in models.BLOCKS.items() if known == depths), None)
    if name is None or "layer1.0.conv3.weight" not in state:
        raise ValueError("not the state of one of torchvision's ResNets of 50, 101 or 152 layers")
    converted = {}
    for ours, value in models.empty(name, len(state.get("fc.bias", "??"))).state_dict().items():
        theirs = torchvision_name(ours)
        if ours.startswith(("conv", "res")) and ours.endswith(".bias"):  # of a convolution: torchvision's have none
            converted[ours] = state.get(theirs, torch.zeros_like(value))
        elif theirs not in state or state[theirs].shape != value.shape:
            raise ValueError(f"not the state of torchvision's {name}: {theirs!r} is missing or of another shape")
        else:
            converted[ours] = state[theirs]
    return converted


def torchvision_name(ours):
    """Return how torchvision names an entry of a state dict: ``res3b_branch2a.weight`` is ``layer2.1.conv1.weight``."""
    found = re.fullmatch(r"(res|bn)(\d)([a-z])(\d*)_branch(\w+)\.(\w+)", ours)
    if not found:
        return ours.replace("bn_conv1", "bn1")
    kind, stage, letter, number, branch, what = found.groups()
    layer = f"downsample.{int(kind == 'bn')}" if branch == "1" else f"{'conv' if kind == 'res' else 'bn'}{'abc'.index(branch[1]) + 1}"
    return f"layer{int(stage) - 1}.{number or 'abcdef'.index(letter)}.{layer}.{what}"

"""Networks' weights in files: ours, and anybody's."""

import re
from pathlib import Path

import torch

from paradoxlib import keep
from paradoxlib.networks import models


def rounded(state: models.State) -> models.State:
    """Return a state dict as networks are kept.

    Kernels and dense weights become float16; vectors (biases, batch norms) stay as they are.
    """
    return {name: value.half() if value.dim() > 1 else value for name, value in state.items()}


def read_state(path: str | Path) -> models.State:
    """Return anybody's state dict, from .safetensors, .pt or .pth; floats become float32.

    Our own files name the order of the layers, and it is restored. No code in a file is run: .pt
    and .pth are read with ``weights_only``.

    Raises
    ------
    ValueError
        For a file of another kind, or without named tensors.
    FileNotFoundError
        Where there is no such file.
    DamagedFile
        Where the file cannot be read, or holds nan or infinity.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        state, about = keep.read_tensors(path)
        state = ordered(state, about.get("layers", []))
    elif path.suffix in (".pt", ".pth"):
        state = read_pickled(path)
    else:
        raise ValueError(f"{path} is neither .safetensors nor .pt or .pth")
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }


def ordered(state: models.State, layers: list[str]) -> models.State:
    """Return a state dict with its layers in a given order; those not named come last."""
    place = {layer: i for i, layer in enumerate(layers)}
    names = sorted(state, key=lambda name: place.get(name.rpartition(".")[0], len(layers)))
    return {name: state[name] for name in names}


def read_pickled(path: Path) -> models.State:
    """Return the state dict in a file that torch wrote; no code in it is run."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds; none may run code from the file
        reason = str(error).splitlines()[0]
        raise keep.DamagedFile(f"{path} cannot be read as plain weights: {reason}") from None
    entries = content.get("state_dict", content) if isinstance(content, dict) else {}
    state = {name: value for name, value in entries.items() if torch.is_tensor(value)}
    if not state:
        raise ValueError(f"{path} holds no state dict: named tensors are needed")
    keep.check_finite(path, state)
    return state


def from_torchvision(state: models.State) -> models.State:
    """Return the state dict of one of torchvision's ResNets under the paper's names.

    Those of 50, 101 or 152 layers are known. Their convolutions have no biases; ours become 0.
    Kernels can then be compared with ours. The function is another one: torchvision has the stride
    on the 3 x 3 convolutions, the original layout on the 1 x 1 before them. To evaluate such a
    network take torchvision's own.

    Raises
    ------
    ValueError
        For the state of any other network.
    """
    blocks = {tuple(name.split(".")[:2]) for name in state if name.startswith("layer")}
    depths = tuple(sum(stage == f"layer{i}" for stage, _ in blocks) for i in range(1, 5))
    known = {architecture.depths: name for name, architecture in models.ARCHITECTURES.items()}
    if depths not in known or "layer1.0.conv3.weight" not in state:
        raise ValueError("not the state of one of torchvision's ResNets of 50, 101 or 152 layers")
    name = known[depths]
    converted = {}
    for ours, value in models.empty(name, len(state.get("fc.bias", "??"))).state_dict().items():
        theirs = torchvision_name(ours)
        if ours.startswith(("conv", "res")) and ours.endswith(".bias"):
            converted[ours] = state.get(theirs, torch.zeros_like(value))
        elif theirs not in state or state[theirs].shape != value.shape:
            wrong = f"{theirs!r} is missing or of another shape"
            raise ValueError(f"not the state of torchvision's {name}: {wrong}")
        else:
            converted[ours] = state[theirs]
    return converted


def torchvision_name(ours: str) -> str:
    """Return how torchvision names an entry of a state dict.

    ``res3b_branch2a.weight`` is ``layer2.1.conv1.weight``.
    """
    found = re.fullmatch(r"(res|bn)(\d)([a-z])(\d*)_branch(\w+)\.(\w+)", ours)
    if not found:
        return ours.replace("bn_conv1", "bn1")
    kind, stage, letter, number, branch, what = found.groups()
    if branch == "1":
        layer = f"downsample.{int(kind == 'bn')}"
    else:
        layer = f"{'conv' if kind == 'res' else 'bn'}{'abc'.index(branch[1]) + 1}"
    return f"layer{int(stage) - 1}.{number or 'abcdef'.index(letter)}.{layer}.{what}"

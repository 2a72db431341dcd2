"""Networks' weights in files: ours, and anybody's."""

import importlib
import math
import re
import sys
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file

from paradoxlib import keep
from paradoxlib.networks import models

# Where checkpoints hold their state dict, beside an optimiser, a number of epochs and the like.
HOLDERS = ("state_dict", "model_state_dict", "model", "net")
WRAPPERS = ("module.", "_orig_mod.")  # put before names by DataParallel and by torch.compile
# torchvision's ResNets by the blocks of their stages, and whether these have three convolutions
TORCHVISION: dict[tuple[tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
    ((3, 8, 36, 3), True): "resnet152",
}
LONGEST_HEADER = 100_000_000  # bytes: what safetensors allows


class Weights(NamedTuple):
    """A state dict as it was read, and what was understood on the way ("" for nothing)."""

    state: models.State
    note: str


def rounded(state: models.State) -> models.State:
    """Return a state dict as networks are kept.

    Kernels and dense weights become float16; vectors (biases, batch norms) stay as they are.
    """
    return {name: value.half() if value.dim() > 1 else value for name, value in state.items()}


def read_state(path: str | Path) -> models.State:
    """Return anybody's state dict, from a file of safetensors or of torch; see `read_weights`."""
    return read_weights(path).state


def read_weights(path: str | Path) -> Weights:
    """Return anybody's state dict, floats as float32, and a note of what was understood.

    A file is told by its content, whatever its suffix: safetensors, or what torch saved (read with
    ``weights_only``: no code in a file is run). A state dict may lie under one of `HOLDERS`, and
    all of its names may begin with `WRAPPERS`, which are taken off; the note says so. Our own files
    name the order of the layers, and it is restored.

    Raises
    ------
    ValueError
        For a file of another kind, without named tensors, or with weights that are no real
        floating-point numbers.
    FileNotFoundError
        Where there is no such file.
    DamagedFile
        Where the file cannot be read, or holds nan or infinity.
    """
    path = Path(path)
    kind = kind_of(path)
    content = read_safetensors(path) if kind == "safetensors" else read_pickled(path)
    found, holder = find_state(content)
    if not found:
        raise ValueError(f"{path} holds no state dict: named tensors are needed")
    state, wrapper = unwrapped(found)
    state = {name: plain(path, name, value) for name, value in state.items()}
    notes = [f"the weights are those under {holder!r}"] if holder else []
    notes += [f"names are read without {wrapper!r} in front"] if wrapper else []
    return Weights(state, " and ".join(notes))


def kind_of(path: Path) -> str:
    """Say what a file is by its first bytes: ``safetensors`` or ``torch``; see `read_weights`."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: a file of weights is needed")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise keep.DamagedFile(f"{path} is empty: bring a whole copy")
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") <= LONGEST_HEADER:
        return "safetensors"
    if start.startswith((b"PK\x03\x04", b"\x80")):  # a zip, or a pickle as torch wrote until 1.6
        return "torch"
    needed = "a file of safetensors, or one that torch.save wrote, is needed"
    raise ValueError(f"{path} is neither safetensors nor torch's (first bytes {start!r}): {needed}")


def own_about(path: str | Path) -> dict:
    """Return what a file of our own says of its network; {} for a file of another kind."""
    try:
        return dict(keep.read_about(Path(path)) or {})
    except (ValueError, TypeError, RecursionError):  # somebody else's
        return {}


def read_standardisation(path: str | Path) -> tuple[list[float], list[float]] | None:
    """Return the channels' means and deviations by which a file's network sees images, or None."""
    about = own_about(path)
    try:
        mean, std = ([float(v) for v in about[name]] for name in ("mean", "std"))
    except (ValueError, KeyError, TypeError):  # somebody else's
        return None
    usable = len(mean) == len(std) == 3 and all(map(math.isfinite, (*mean, *std))) and min(std) > 0
    return (mean, std) if usable else None


def read_safetensors(path: Path) -> models.State:
    """Return the tensors in a file of safetensors, the layers in the order that it names."""
    try:
        state, about = keep.read_tensors(path, finite=False)
    except keep.DamagedFile:
        raise
    except (ValueError, RecursionError):  # not our header: somebody else's "about"
        return load_file(path)
    layers = about.get("layers") if isinstance(about, dict) else None
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers):
        return state
    return ordered(state, layers)


def ordered(state: models.State, layers: list[str]) -> models.State:
    """Return a state dict with its layers in a given order; those not named come last."""
    place = {layer: i for i, layer in enumerate(layers)}
    names = sorted(state, key=lambda name: place.get(name.rpartition(".")[0], len(layers)))
    return {name: state[name] for name in names}


def read_pickled(path: Path) -> Any:
    """Return what is in a file that torch wrote; no code in it is run."""
    try:
        # From an open file, for torch goes by a path's suffix; in a thread of its own, for after a
        # damaged file the thread that read it refuses the next one, too (torch 2.15, sparse data).
        with path.open("rb") as file, ThreadPoolExecutor(1) as thread, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return thread.submit(torch.load, file, "cpu", weights_only=True).result()
    except Exception as error:  # torch raises many kinds; none may run code from the file
        text, alone = str(error), "save the network's state_dict() alone"
        if unknown := re.search(r"GLOBAL ([\w.]+)", text):
            problem = f"it holds {unknown[1]}, whose code would have to run: {alone}"
        elif "TorchScript" in text:
            problem = f"it is a TorchScript program: {alone}"
        else:
            damage = "it is damaged or cut short, or holds more than tensors"
            problem = f"{damage}: bring a whole copy, or {alone}"
        raise keep.DamagedFile(f"{path} cannot be read as plain weights, {problem}") from None


def find_state(content: object, depth: int = 3) -> tuple[models.State, str]:
    """Return the named tensors in a file's content, and where they lay ("" for on top)."""
    if not isinstance(content, Mapping):
        return {}, ""
    for holder in HOLDERS if depth else ():
        state, deeper = find_state(content.get(holder), depth - 1)
        if state:
            return state, f"{holder}.{deeper}" if deeper else holder
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    return {name: value for name, value in named.items() if torch.is_tensor(value)}, ""


def unwrapped(state: models.State) -> tuple[models.State, str]:
    """Return a state dict without what wrappers put before all of its names, and what that was."""
    prefix = ""
    while wrapper := next((w for w in WRAPPERS if all(n.startswith(w) for n in state)), ""):
        state = {name.removeprefix(wrapper): value for name, value in state.items()}
        prefix += wrapper
    return state, prefix


def plain(path: Path, name: str, value: torch.Tensor) -> torch.Tensor:
    """Return a tensor of a file, floats as float32.

    Raises ValueError for one that cannot be an entry of a network's state.
    """
    what, kind = f"{path} holds {name!r}", str(value.dtype).removeprefix("torch.")
    if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
        form = "quantized" if value.is_quantized else "sparse or without values"
        raise ValueError(f"{what}, which is {form}: plain dense tensors are needed")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        shape = tuple(value.shape)
        raise keep.DamagedFile(f"{what} of shape {shape}, more values than are in the file")
    if value.is_complex():
        raise ValueError(f"{what}, whose numbers are complex ({kind}): real numbers are needed")
    if not value.is_floating_point():
        if name.rpartition(".")[2] in ("weight", "bias"):
            raise ValueError(f"{what}, whose numbers are {kind}: floating-point numbers are needed")
        return value
    try:
        result = value.detach().float()
    except RuntimeError:  # not implemented: two numbers of 4 bits in a byte
        raise ValueError(f"{what}, whose numbers are {kind}: float8 or longer is needed") from None
    if not result.isfinite().all():
        beyond = "numbers beyond float32, " if kind == "float64" else ""
        raise keep.DamagedFile(f"{path} holds {beyond}nan or infinity in {name!r}")
    return result


def build_by(maker: str) -> torch.nn.Module:
    """Return the module that somebody's function builds, ``module:function``. Its code is run.

    The module is looked for where Python looks, and in the folder that one works in. ValueError
    where it cannot be imported, or where the function fails or returns something else.
    """
    place, _, function = maker.partition(":")
    if not (place and function):
        raise ValueError(f"{maker!r} names no function: module:function is needed")
    sys.path.insert(0, str(Path.cwd()))
    try:
        network = getattr(importlib.import_module(place), function)()
    except Exception as error:  # whatever somebody's code raises
        raise ValueError(f"{maker} built no network ({type(error).__name__}: {error})") from None
    finally:
        sys.path.pop(0)
    if not isinstance(network, torch.nn.Module):
        raise ValueError(f"{maker} returned {type(network).__name__}: a torch.nn.Module is needed")
    return network


def torchvision_architecture(state: models.State) -> str | None:
    """Return which of torchvision's ResNets has such a state, as ``resnet18``; None for no one."""
    blocks = {tuple(name.split(".")[:2]) for name in state if name.startswith("layer")}
    depths = tuple(sum(stage == f"layer{i}" for stage, _ in blocks) for i in range(1, 5))
    return TORCHVISION.get((depths, "layer1.0.conv3.weight" in state))


def torchvision_network(state: models.State) -> torch.nn.Module:
    """Return torchvision's own ResNet with a state, in evaluation mode.

    It is made for images that are standardised as torchvision does. ValueError for the state of
    any other network.
    """
    from torchvision.models import get_model  # here: it takes two seconds

    name, dense = torchvision_architecture(state), state.get("fc.bias")
    if name is None or dense is None:
        raise ValueError("not the weights of one of torchvision's ResNets of 18 to 152 layers")
    network = get_model(name, num_classes=len(dense)).eval()
    own = network.state_dict()
    counters = {entry: own[entry] for entry in own if entry.endswith("batches_tracked")}
    models.load_state(network, counters | state)
    return network


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
    name = torchvision_architecture(state)
    if name not in models.ARCHITECTURES:
        raise ValueError("not the state of one of torchvision's ResNets of 50, 101 or 152 layers")
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

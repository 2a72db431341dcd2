"""What a device can do, how many threads compute on it, and what this machine is."""

import platform
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from joblib import cpu_count
from threadpoolctl import threadpool_limits


def faster_in_bfloat16(device: torch.device) -> bool:
    """Say whether a device computes faster in bfloat16 than in float32.

    CUDA does, CPUs with AMX, and AMD's with AVX-512. Intel's AVX-512 multiplies no faster in
    bfloat16, and converts besides; elsewhere bfloat16 is emulated.
    """
    if device.type == "cuda" or torch.cpu._is_amx_tile_supported():
        return True
    return torch.cpu._is_avx512_bf16_supported() and "Intel" not in processor()


def own_precision(device: torch.device) -> str:
    """Return the precision in which a device trains networks where a study names none."""
    return "bfloat16" if faster_in_bfloat16(device) else "float32"


@contextmanager
def one_thread(device: torch.device | str = "cpu") -> Iterator[None]:
    """Let torch use one thread on the CPU: weights then do not depend on the number of cores."""
    before = torch.get_num_threads()
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device, without waiting for what the device still has to do."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Let convolutions on a GPU compute in float32, not in TF32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


class Replayed:
    """A function of tensors that runs as a CUDA graph where there is CUDA; else it is called.

    The first call with tensors of new shapes calls the function, which warms up; the second
    captures it, and this one and all later ones replay the graph: one launch for all its kernels.
    So the function does nothing but compute on the device, in memory that stays where it is, and
    takes random numbers from `source` alone; it is the caller's to seed this before each call.
    """

    def __init__(
        self, function: Callable[..., None], device: torch.device, source: torch.Generator
    ) -> None:
        self.function, self.device, self.source = function, device, source
        self.graphs: dict[tuple, tuple | None] = {}  # by shapes: a graph and what it reads

    def __call__(self, *inputs: torch.Tensor) -> None:
        """Do the function's work on these tensors."""
        if self.device.type != "cuda":
            self.function(*inputs)
            return
        shapes = tuple(tensor.shape for tensor in inputs)
        with torch.cuda.device(self.device):
            if shapes not in self.graphs:
                self.graphs[shapes] = None
                self.warm_up(*inputs)
                return
            graph, held = self.graphs[shapes] = self.graphs[shapes] or self.capture(*inputs)
            for own, tensor in zip(held, inputs, strict=True):
                own.copy_(tensor)
            graph.replay()

    def warm_up(self, *inputs: torch.Tensor) -> None:
        """Call the function on a stream of its own, as a graph needs it before its capture."""
        stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(current)
        with torch.cuda.stream(stream), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Adam's, which is captured later
            self.function(*inputs)
        current.wait_stream(stream)

    def capture(self, *inputs: torch.Tensor) -> tuple:
        """Return the function's graph, which computes nothing yet, and the tensors it reads."""
        graph, held = torch.cuda.CUDAGraph(), [torch.clone(tensor) for tensor in inputs]
        graph.register_generator_state(self.source)
        # Another thread may load the next batch meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self.function(*held)
        return graph, held


@contextmanager
def thread_pool(device: torch.device | str = "cpu") -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads, each of which computes alone.

    On the CPU there are as many as torch may use: this beats one task on all cores. Elsewhere there
    are two, to which all cores are left: one makes images, the other keeps the device busy.
    """
    before = torch.get_num_threads()
    room, own = (min(before, cpu_count()), 1) if torch.device(device).type == "cpu" else (2, before)
    workers = ThreadPoolExecutor(room, initializer=torch.set_num_threads, initargs=(own,))
    with threadpool_limits(1, "blas"), workers as pool:
        try:
            yield pool
        finally:
            torch.set_num_threads(before)  # parts of it hold for the whole process


def hardware() -> dict:
    """Return what this machine is: its processor, system, cores, accelerator."""
    return {
        "processor": processor(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": cpu_count(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def processor() -> str:
    """Return the name of this machine's processor; only Linux has a file that says it in full."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def versions() -> dict:
    """Return the versions of Python and of the libraries that results depend on."""
    libraries = ("torch", "numpy", "scipy", "pandas", "paradoxlib")
    return {"python": platform.python_version()} | {name: version(name) for name in libraries}

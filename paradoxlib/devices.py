"""What a device can do, how many threads compute on it, and what this machine is."""

import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from joblib import cpu_count
from threadpoolctl import threadpool_limits


def computes_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16.

    CUDA does, and CPUs that have the instructions; elsewhere bfloat16 is emulated, and slow.
    """
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()


def own_precision(device: torch.device) -> str:
    """Return the precision in which a device trains networks where a study names none."""
    return "bfloat16" if computes_bfloat16(device) else "float32"


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


@contextmanager
def thread_pool(device: torch.device | str = "cpu") -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads, each of which computes alone.

    On the CPU there are as many as torch may use: this beats one task on all cores. Elsewhere it is
    one thread, to which all cores are left.
    """
    before = torch.get_num_threads()
    room, own = (min(before, cpu_count()), 1) if torch.device(device).type == "cpu" else (1, before)
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

"""Time contenders side by side: interleaved, medians of repeats, beside the limit of this machine as measured here."""

import os
import platform
import statistics
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from paradoxlib import activations, models, parallel


def race(contenders, repeats=5):
    """Return {name: (median units a second, lowest, highest)} of functions that do some work and return its units.

    Every function runs once unmeasured, then all of them in turn, `repeats` times; a function may return (units, seconds) where it times itself.
    """
    rates = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, work in contenders.items():
            started = time.perf_counter()
            done = work()
            units, seconds = done if isinstance(done, tuple) else (done, time.perf_counter() - started)
            if turn:
                rates[name].append(units / seconds)
    return {name: (statistics.median(values), min(values), max(values)) for name, values in rates.items()}


def report(title, rates, peer, unit, limit=None):
    """Print rates as a Markdown table: with the ratio to the peer's, and the share of the limit where there is one (in the same unit)."""
    print(f"\n{title}\n\n| | {unit} a second (lowest to highest) | ratio |" + (" share of the limit |" if limit else ""))
    print("| --- | ---: | ---: |" + (" ---: |" if limit else ""))
    for name, (median, low, high) in rates.items():
        share = f" {median / limit:.0%} |" if limit else ""
        print(f"| {name} | {median:,.4g} ({low:,.4g} to {high:,.4g}) | {median / rates[peer][0]:.2f} |{share}")
    if limit:
        print(f"| limit: arithmetic alone, measured here | {limit:,.4g} | {limit / rates[peer][0]:.2f} | 100% |")


def machine():
    """Return this machine and the versions in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    kind = torch.backends.cpu.get_cpu_capability()
    return f"{os.cpu_count()} cores {name}, {kind}, Python {platform.python_version()}, torch {torch.__version__}"


def arithmetic(dtype, seconds=1.0):
    """Return the operations a second that one core reaches in this type: the best of convolutions like the networks' and a matrix product."""
    with torch.inference_mode(), parallel.one_thread():
        images, kernels = (
            torch.randn(64, 64, 32, 32, dtype=dtype).contiguous(memory_format=torch.channels_last),
            torch.randn(64, 64, 3, 3, dtype=dtype),
        )
        a = torch.randn(1024, 1024, dtype=dtype)
        work = {"conv": (lambda: F.conv2d(images, kernels, padding=1), 2 * 64 * 32**2 * 64 * 64 * 9), "product": (lambda: a @ a, 2 * 1024**3)}
        rates = []
        for function, operations in work.values():
            function()
            count, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                function()
                count += 1
            rates.append(count * operations / (time.perf_counter() - started))
    return max(rates)


def operations(model):
    """Return the operations of a network's forward pass over a 32 x 32 image (a product and a sum are two)."""
    layers = models.conv_layers(model)
    maps = activations.record(model.eval(), torch.zeros(1, 3, 32, 32), list(layers))
    return sum(2 * layer.weight.numel() * maps[name][0, 0].numel() for name, layer in layers.items())

"""Time contenders side by side: interleaved, medians of repeats, beside this machine's limit.

The limit is what the machine reaches in arithmetic alone, measured in the same run.
"""

import os
import platform
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional as F

from paradoxlib import devices
from paradoxlib.networks import activations, models


class Rate(NamedTuple):
    """Units of work a second: the median of repeats, the lowest and the highest."""

    median: float
    lowest: float
    highest: float


def summarise(values):
    """Return the rate of repeated measurements, in units a second."""
    return Rate(statistics.median(values), min(values), max(values))


def race(contenders, repeats=5):
    """Return {name: Rate} of functions that do some work and return its units.

    Every function runs once unmeasured, then all of them in turn, `repeats` times. A function that
    times itself returns (units, seconds).
    """
    rates = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, work in contenders.items():
            started = time.perf_counter()
            units = work()
            seconds = time.perf_counter() - started
            if isinstance(units, tuple):
                units, seconds = units
            if turn:
                rates[name].append(units / seconds)
    return {name: summarise(values) for name, values in rates.items()}


def report(title, rates, peer, unit, limit=None):
    """Print rates {name: Rate} as a Markdown table, with their ratios to the peer's.

    Where there is a limit, in the same unit, the table also shows the share of it.
    """
    head = f"| | {unit} a second (lowest to highest) | ratio |"
    line = "| --- | ---: | ---: |"
    if limit:
        head += " share of the limit |"
        line += " ---: |"
    print(f"\n{title}\n\n{head}\n{line}")
    base = rates[peer].median
    for name, rate in rates.items():
        values = f"{rate.median:,.4g} ({rate.lowest:,.4g} to {rate.highest:,.4g})"
        share = f" {rate.median / limit:.0%} |" if limit else ""
        print(f"| {name} | {values} | {rate.median / base:.2f} |{share}")
    if limit:
        name = "limit: arithmetic alone, measured here"
        print(f"| {name} | {limit:,.4g} | {limit / base:.2f} | 100% |")


def machine():
    """Return this machine and the versions in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    kind = torch.backends.cpu.get_cpu_capability()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{os.cpu_count()} cores {name}, {kind}, {versions}"


def arithmetic(dtype, seconds=1.0):
    """Return the operations a second that one core reaches in this type.

    The best of convolutions like the networks' and a matrix product, each for some `seconds`.
    """
    images = torch.randn(64, 64, 32, 32, dtype=dtype).contiguous(memory_format=torch.channels_last)
    kernels = torch.randn(64, 64, 3, 3, dtype=dtype)
    matrix = torch.randn(1024, 1024, dtype=dtype)
    operations_of_convolution = 2 * 64 * 32**2 * 64 * 64 * 9
    operations_of_product = 2 * 1024**3

    def convolve():
        return F.conv2d(images, kernels, padding=1)

    def multiply():
        return matrix @ matrix

    with torch.inference_mode(), devices.one_thread():
        return max(
            operations_of_convolution * calls_a_second(convolve, seconds),
            operations_of_product * calls_a_second(multiply, seconds),
        )


def calls_a_second(function, seconds):
    """Return how often a function can be called a second, after one call that is not measured."""
    function()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        function()
        count += 1
    return count / (time.perf_counter() - started)


def operations(model):
    """Return the operations of a network's forward pass over a 32 x 32 image.

    A product and a sum are two.
    """
    layers = models.conv_layers(model)
    maps = activations.record(model.eval(), torch.zeros(1, 3, 32, 32), list(layers))
    positions = {name: output[0, 0].numel() for name, output in maps.items()}
    return sum(2 * layer.weight.numel() * positions[name] for name, layer in layers.items())

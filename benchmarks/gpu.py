"""On a GPU, images a second: training, evaluation and CKA, beside its limits; hours of each study.

Training is timed step by step, as a captured graph, and in several processes. All takes some five
minutes with the default --seconds. Without a GPU, --device cpu --seconds 1 rehearses it.
"""

import argparse
import sys
from dataclasses import replace
from unittest import mock

import race
import torch

from paradoxlib import devices, seeds
from paradoxlib.networks import activations, models
from paradoxlib.reproduce import planning
from paradoxlib.similarity import cka
from paradoxlib.studies import sessions
from paradoxlib.studies.study import names

STUDY = "cifar10-20"  # whose settings are timed in detail
PASSES = 5  # of a convolution's output through memory in a training step, batch norm fused
SIDE_BY_SIDE = {"cpu": (1, 2), "cuda": (1, 2, 4, 8, 16)}
CKA_IMAGES = 256


def measure_limits(device, seconds):
    """Return bytes a second of a copy, and operations a second of matrix products by their type."""
    large = device.type == "cuda"
    values = torch.zeros(2**28 if large else 2**22, device=device)
    other = torch.empty_like(values)
    copies = planning.calls_a_second(lambda: other.copy_(values), device, seconds)
    size, arithmetic = 8192 if large else 512, {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones(size, size, dtype=dtype, device=device)
        products = planning.calls_a_second(lambda m=matrix: m @ m, device, seconds)
        arithmetic[dtype] = 2 * size**3 * products
    return 2 * values.nbytes * copies, arithmetic


def training_limits(model, memory, arithmetic):
    """Return the images a second that memory and arithmetic allow a ResNet to train on."""
    layers = list(models.conv_layers(model))
    outputs = activations.record(model.eval(), torch.zeros(1, 3, 32, 32), layers).values()
    moved = PASSES * 2 * sum(output.numel() for output in outputs)  # bfloat16
    return memory / moved, arithmetic / (planning.BACKWARD * race.operations(model))


def train_eagerly(session, seconds):
    """Return the images a second of training without a graph."""
    call = lambda replayed, *batch: replayed.function(*batch)  # noqa: E731
    with mock.patch.object(devices.Replayed, "__call__", call):
        return planning.sample_training(session, seconds)


def time_training(session, seconds):
    """Return {how: images a second} of the training of one network and of several."""
    rates = {"one network, step by step": train_eagerly(session, seconds)}
    for k in SIDE_BY_SIDE[session.device.type]:
        each = sessions.run_tasks(session, planning.sample_training, [seconds] * k, k)
        rates[f"captured, {k} at once"] = sum(each)
    return rates


def time_evaluation(session, seconds):
    """Return {precision: images a second} of the evaluation of one network."""
    rates = {}
    for precision in ("float32", "bfloat16"):
        evaluation = session.study.evaluation.model_copy(update={"precision": precision})
        study = session.study.model_copy(update={"evaluation": evaluation})
        other = replace(session, study=study)
        rates[f"evaluation, {precision}"] = planning.sample_evaluation(other, seconds)
    return rates


def time_cka(device, seconds):
    """Return the images a second of the CKA of all layers of two ResNet20s."""
    pair = [models.build("resnet20", generator=seeds.generator(i)).to(device) for i in range(2)]
    images = torch.rand(CKA_IMAGES, 3, 32, 32)
    call = lambda: cka.cka_matrix(pair[0].eval(), pair[1].eval(), images)  # noqa: E731
    return CKA_IMAGES * planning.calls_a_second(call, device, seconds)


def rates_of_studies(device, seconds):
    """Yield every study with its plan and its rates, measured once for each kind of network."""
    known = {}
    for name in names():
        session = sessions.start(name, device=device)
        study = session.study
        batch = max(network.batch_size for network in study.networks.values())
        kind = (study.model, study.data.image_size, batch, study.evaluation.precision)
        if kind not in known:
            known[kind] = planning.sample_rates(session, seconds)
        yield name, planning.plan_study(session), known[kind]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device: run this on a machine with one, or rehearse with --device cpu")
    session, seconds = sessions.start(STUDY, device=arguments.device), arguments.seconds
    device = session.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU alone"
    print(f"{where}; {race.machine()}")
    memory, arithmetic = measure_limits(device, seconds / 4)
    speeds = ", ".join(f"{rate / 1e12:.2f} ({dtype})" for dtype, rate in arithmetic.items())
    print(f"\nMemory {memory / 1e9:,.1f} GB/s; trillion operations a second: {speeds}")
    rows = time_training(session, seconds)
    model = models.empty("resnet20")
    by_memory, by_arithmetic = training_limits(model, memory, arithmetic[torch.bfloat16])
    rows |= {"limit of training: memory": by_memory, "limit: arithmetic": by_arithmetic}
    rows |= time_evaluation(session, seconds)
    rows |= {"CKA of a pair, all layers": time_cka(device, seconds)}
    print("\n| ResNet20, 32 x 32 | images a second |\n| --- | ---: |")
    for name, rate in rows.items():
        print(f"| {name} | {rate:,.0f} |", flush=True)
    print("\n| study | training, images a second | evaluation | hours |")
    print("| --- | ---: | ---: | ---: |")
    for name, plan, rates in rates_of_studies(arguments.device, seconds):
        numbers = f"{rates.training:,.0f} | {rates.evaluation:,.0f} | {plan.hours(rates):,.2f}"
        print(f"| `{name}` | {numbers} |", flush=True)


if __name__ == "__main__":
    main()

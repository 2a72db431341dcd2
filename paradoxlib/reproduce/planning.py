"""What a study takes from nothing: images to train on and to evaluate, bytes on disk, hours."""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from paradoxlib import devices
from paradoxlib.behaviour import predictions
from paradoxlib.images import augmentation, distortions
from paradoxlib.networks import models, steps
from paradoxlib.studies.sessions import Session, run_tasks
from paradoxlib.studies.study import Study


class Counts(NamedTuple):
    """Training and test images, classes and bytes on disk of a data set."""

    train: int
    test: int
    classes: int
    size: float


PUBLISHED = {  # of the named data sets
    "digits": Counts(1_297, 500, 10, 0.0),
    "cifar10": Counts(50_000, 10_000, 10, 0.36e9),
    "imagenet": Counts(1_281_167, 50_000, 1000, 150e9),
}
BACKWARD = 3  # a training step takes three times the operations of a forward pass
SLURM_MARGIN = 1.5  # of the time that SLURM is asked for: notebooks, and what was not foreseen
CORES = 8  # a GPU: they load images and make noise


class Plan(NamedTuple):
    """What a study takes.

    Images that its networks are trained on, all epochs together; those of the longest line of
    ancestors, which are trained one after the other; images that are evaluated, networks x
    conditions that differ x test images; bytes of the data, the weights and the predictions.
    """

    trained: int
    longest: int
    evaluated: int
    data: float
    weights: float
    predictions: float

    def hours(self, rates: "Rates", machines: int = 1) -> float:
        """Return the hours of training and evaluation on as many devices of these rates."""
        training = max(self.trained / machines, self.longest) / rates.training
        return (training + self.evaluated / machines / rates.evaluation) / 3600


class Rates(NamedTuple):
    """Images a second of a device that it trains and evaluates, all its networks together."""

    training: float
    evaluation: float


def plan_study(session: Session) -> Plan:
    """Return what a study takes from nothing, without transplants, units and representations.

    Named data sets need not be there. A folder is counted: FileNotFoundError where it is not there.
    ValueError for a study that joins others.
    """
    session.study.require_own()
    study, images = session.study, count_images(session)
    epochs = {name: network.epochs for name, network in study.networks.items()}
    lines = [study.epochs_before(name) + epochs[name] for name in epochs]
    same = [condition for condition in study.conditions if distortions.is_identity(*condition)]
    different = len(study.conditions) - max(0, len(same) - 1)
    networks = len(study.networks)
    return Plan(
        trained=sum(epochs.values()) * images.train,
        longest=max(lines) * images.train,
        evaluated=networks * different * images.test,
        data=images.size,
        weights=networks * weight_bytes(study, images.classes),
        predictions=2.0 * networks * len(study.conditions) * images.test,
    )


def count_images(session: Session) -> Counts:
    """Return what a study takes of its data set, which is counted where it is a folder."""
    data = session.study.data
    if data.name in PUBLISHED:
        all_of_it = PUBLISHED[data.name]
        train = min(all_of_it.train, data.train_images or all_of_it.train)
        test = min(all_of_it.test, data.test_images or all_of_it.test)
        return all_of_it._replace(train=train, test=test)
    shown, asked = session.images("train"), session.images("test")
    folder = Path(data.name.removeprefix("folder:")).expanduser()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Counts(len(shown), len(asked), len(shown.classes), size)


def weight_bytes(study: Study, classes: int) -> float:
    """Return the bytes of one network's file: kernels are kept as float16, all else as float32."""
    kind = study.model
    state = models.empty(kind.architecture, classes, **kind.form).state_dict().values()
    return sum(value.numel() * (2 if value.dim() > 1 else 4) for value in state)


def sample_rates(session: Session, seconds: float) -> Rates:
    """Return the rates of this machine, measured for some seconds each, on images of zeros.

    As many networks are trained side by side as in a run; on a GPU the rate is that of one.
    """
    count = session.networks_at_once // max(1, torch.cuda.device_count())
    alone = [seconds] * max(1, count)
    training = sum(run_tasks(session, sample_training, alone, len(alone)))
    return Rates(training, sample_evaluation(session, seconds))


def sample_training(session: Session, seconds: float) -> float:
    """Return the images a second that one network of a study trains on."""
    study, device = session.study, session.device
    settings = max(study.networks.values(), key=lambda network: network.epochs)
    with devices.one_thread(device):
        model = fresh_network(study).to(device).train()

        def augment(pixels: torch.Tensor, source: torch.Generator) -> torch.Tensor:
            return augmentation.augment(pixels, study.data, settings, source)

        step = steps.Step(model, augment, settings.weight_decay, session.precision == "bfloat16")
        shape = (settings.batch_size, 3, study.data.image_size, study.data.image_size)
        pixels = torch.zeros(shape, dtype=torch.uint8, device=device)
        labels = torch.zeros(len(pixels), dtype=torch.int64, device=device)
        call = partial(step, pixels, labels, 1e-4, "sample")
        return len(pixels) * calls_a_second(call, device, seconds)


def sample_evaluation(session: Session, seconds: float) -> float:
    """Return the images a second that a study's networks classify, without the distortions."""
    study, device = session.study, session.device
    model = models.folded(fresh_network(study)).to(device)
    count = predictions.IMAGES_PER_TASK.get(device.type, augmentation.BLOCK)
    images = torch.zeros(count, 3, study.data.image_size, study.data.image_size, device=device)
    half = study.evaluation.precision == "bfloat16" and devices.faster_in_bfloat16(device)
    images = images.contiguous(memory_format=torch.channels_last)
    parts = [images] * torch.get_num_threads()
    with devices.thread_pool(device) as pool:

        def call() -> None:
            list(pool.map(lambda part: predictions.classify(model, part, half), parts))

        return count * len(parts) * calls_a_second(call, device, seconds)


def fresh_network(study: Study) -> torch.nn.Module:
    """Return a new network of a study."""
    return models.build(study.model.architecture, **study.model.form)


def calls_a_second(call: Callable[[], None], device: torch.device, seconds: float) -> float:
    """Return how often a function can be called a second, once it has warmed up."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3 if device.type == "cuda" else 1):  # a graph is captured
        call()
    wait()
    count, started = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - started < seconds:
        call()
        count += 1
    wait()
    return count / (time.perf_counter() - started)


def slurm_line(study: str, gpus: int, hours: float | None) -> str:
    """Return the line that runs a study on the GPUs of one machine under SLURM.

    Where the hours on them are not known it asks for no time.
    """
    limit = "" if hours is None else f" --time={max(1, math.ceil(SLURM_MARGIN * hours))}:00:00"
    room = f"--nodes=1 --gpus-per-node={gpus} --cpus-per-task={CORES * gpus}"
    return f'sbatch {room}{limit} --wrap="paradox run {study}"'

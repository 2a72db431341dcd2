"""Train or fine-tune the networks of a study.

Every training resumes after a stop at any moment and ends with the same weights: all randomness of
a network comes from its own seed and the number of the epoch or step, so nothing has to be
remembered between stops, and no network depends on another but its parent. On the CPU each network
is trained by one thread, so that its weights do not depend on how many cores there are, and as many
networks at once as there are cores. The study says in which precision the forward and the backward
pass are, else the device's own is taken; weights and steps are float32.
"""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from tqdm import tqdm

from paradoxlib import devices, keep, paths, seeds
from paradoxlib.images import augmentation, datasets
from paradoxlib.networks import models, resnets, steps, surgery, weights
from paradoxlib.studies import trained
from paradoxlib.studies.sessions import Session, run_tasks
from paradoxlib.studies.study import Study

CHECKPOINT_SECONDS = 60
MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # that Adam remembers of each parameter


class Diverged(ValueError):
    """A training whose loss is no longer a finite number."""


def train_all(session: Session) -> None:
    """Train what is not trained yet, parents side by side and then all others.

    May be stopped at any moment and called again. Shows one bar in images, with rate and
    remaining time.
    """
    study = session.study
    waiting = [name for name in study.networks if not trained.is_trained(study, name)]
    if not waiting:
        return
    study.require_own()
    images = session.images("train")  # now: so that missing data are reported before work starts
    values = models.count_values(models.empty(study.model.architecture, **study.model.form))
    size = 15 * values  # with checkpoints
    keep.require_space(paths.weights_file(study.name, "").parent, size * len(waiting), "networks")
    parents = set(study.parents.values())
    waves = [[name for name in generation if name in parents] for generation in study.generations]
    waves.append([name for name in study.networks if name not in parents])  # all others at once
    with show_progress(session, waiting, len(images)):
        for wave in waves:
            tasks = [name for name in wave if name in waiting]
            longest_first = sorted(tasks, key=lambda name: -study.networks[name].epochs)
            run_tasks(session, train, longest_first, session.networks_at_once)


def train(session: Session, name: str, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> None:
    """Train one network of a study, its ancestors first, unless its file is there.

    Resumes from its last checkpoint.
    """
    parent = session.study.network(name).parent
    if trained.is_trained(session.study, name):
        return
    if parent:
        train(session, parent, checkpoint_seconds)
    with devices.one_thread(session.device):
        Training(session, name).run(checkpoint_seconds)


def steps_of_epoch(images: int, batch_size: int) -> int:
    """Return the steps of an epoch on so many images: there is never a batch of one."""
    return max(1, math.ceil((images - 1) / batch_size))


class Training:
    """One network while it is trained."""

    def __init__(self, session: Session, name: str) -> None:
        self.study, self.name, self.device = session.study, name, session.device
        self.settings, self.key = self.study.network(name), self.study.network_key(name)
        self.precision = session.precision
        self.images = session.images("train")
        self.model = self.start()
        self.images = self.images.to(self.device)
        self.model.to(self.device).train()
        surgery.freeze(self.model, self.settings.frozen)
        half, decay = self.precision == "bfloat16", self.settings.weight_decay
        self.take_step = steps.Step(self.model, self.augment, decay, half)
        self.optimiser, self.sums = self.take_step.optimiser, self.take_step.sums
        self.steps_per_epoch = steps_of_epoch(len(self.images), self.settings.batch_size)
        self.epochs_before = self.study.epochs_before(name)
        self.step, self.seconds = 0, 0.0
        self.history: list[dict] = []
        self.resume()

    def start(self) -> resnets.ResNet:
        """Return the network before its first step.

        It is the parent's copy, or a new network that standardises by its training images.
        """
        if self.settings.parent:
            return trained.load_network(self.study, self.settings.parent)
        source = seeds.generator(self.settings.seed, "weights")
        kind, classes = self.study.model, len(self.images.classes)
        first = self.settings.initialiser
        model = models.build(
            kind.architecture, classes, initialiser=first, generator=source, **kind.form
        )
        model.standardise(*datasets.channel_statistics(self.images))
        return model

    def run(self, checkpoint_seconds: float) -> None:
        """Train to the end and write the network's file."""
        started = saved = told = time.monotonic()
        before = self.seconds
        while self.step < self.settings.epochs * self.steps_per_epoch:
            for pixels, labels in self.rest_of_epoch():
                self.train_batch(pixels, labels)
                self.step += 1
                if self.step % self.steps_per_epoch == 0:
                    self.end_epoch()
                now = time.monotonic()
                self.seconds = before + now - started
                if now - told >= 1:
                    tell(self.study, self.name, self.count_seen())
                    told = now
                if now - saved >= checkpoint_seconds:
                    self.save()
                    saved = now
        self.finish()

    def rest_of_epoch(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the batches (pixels, labels) that are left of this epoch."""
        epoch, offset = divmod(self.step, self.steps_per_epoch)
        seed, size = self.settings.seed, self.settings.batch_size
        shuffle = seeds.generator(seed, "order", epoch)
        order = torch.randperm(len(self.images), generator=shuffle)
        order = order[offset * size : self.steps_per_epoch * size]
        batches = datasets.batches(self.images, order, size, (seed, epoch), self.device)
        for _, pixels, labels in batches:
            yield pixels, labels

    def rate_at(self, step: int) -> float:
        """Return Adam's learning rate at a step."""
        return self.settings.rate_at(step, self.steps_per_epoch, self.epochs_before)

    def train_batch(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        """Take one step of Adam on one augmented batch."""
        rate, seed = self.rate_at(self.step), self.settings.seed
        self.take_step(pixels, labels, rate, seed, "step", self.step)

    def augment(self, pixels: torch.Tensor, source: torch.Generator) -> torch.Tensor:
        """Return what the network sees of a batch of 8-bit images."""
        return augmentation.augment(pixels, self.study.data, self.settings, source)

    def end_epoch(self) -> None:
        """Add a row to the history."""
        self.check_finite()
        loss, correct, count = self.sums.tolist()
        scores = {"loss": loss / count, "accuracy": correct / count}
        epoch = self.step // self.steps_per_epoch
        self.history.append(
            {"epoch": epoch} | scores | {"learning_rate": self.rate_at(self.step - 1)}
        )
        self.sums.zero_()

    def check_finite(self) -> None:
        """End a training whose loss is not a finite number."""
        if not self.sums.isfinite().all():
            where = f"network {self.name} of study {self.study.name} diverged at step {self.step}"
            raise Diverged(f"{where}: lower its learning rate ({self.settings.learning_rate:g})")

    def count_seen(self) -> int:
        """Return how many images were seen."""
        epoch, offset = divmod(self.step, self.steps_per_epoch)
        return epoch * len(self.images) + offset * self.settings.batch_size

    def trained_parameters(self) -> list[tuple[str, torch.nn.Parameter]]:
        """Return the parameters, by name, that are not frozen."""
        return [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]

    def save(self) -> None:
        """Write a checkpoint: weights, Adam's moments and where the training stands."""
        self.check_finite()
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.trained_parameters():
            moments = self.optimiser.state[parameter]
            tensors |= {f"{moment}.{name}": moments[moment] for moment in MOMENTS}
        about = {"key": self.key, "step": self.step, "history": self.history}
        about |= {"sums": self.sums.tolist(), "seconds": self.seconds, "seen": self.count_seen()}
        keep.write_tensors(paths.checkpoint_file(self.study.name, self.name), tensors, about)

    def resume(self) -> None:
        """Take up the last checkpoint where there is one of the same settings."""
        path = paths.checkpoint_file(self.study.name, self.name)
        if not keep.has(path, key=self.key):
            return
        tensors, about = keep.read_tensors(path)
        own = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
        models.load_state(self.model, own)
        for name, parameter in self.trained_parameters():
            for moment in MOMENTS:
                value = tensors[f"{moment}.{name}"]
                layout = torch.channels_last if value.dim() == 4 else torch.contiguous_format
                kept = value.to(self.device, memory_format=layout)
                self.optimiser.state[parameter][moment] = kept
        self.step, self.history, self.seconds = about["step"], about["history"], about["seconds"]
        self.sums.copy_(torch.tensor(about["sums"], dtype=torch.float64))

    def finish(self) -> None:
        """Write the finished network and forget its checkpoint."""
        device = "CPU, one thread"
        if self.device.type == "cuda":
            device = torch.cuda.get_device_name(self.device)
        about = {
            "key": self.key,
            "study": self.study.name,
            "network": self.name,
            "settings": self.settings.model_dump(mode="json"),
            "architecture": self.study.model.architecture,
            "small_images": self.study.model.small_images,
            "layers": [name for name, _ in self.model.named_modules() if name],
            "mean": self.model.mean.flatten().tolist(),
            "std": self.model.std.flatten().tolist(),
            "classes": list(self.images.classes),
            "source": self.images.source,
            "history": self.history,
            "images": self.settings.epochs * len(self.images),
            "seconds": self.seconds,
            "device": f"{device}, {self.precision}",
        }
        state = weights.rounded(self.model.state_dict())
        keep.write_tensors(paths.weights_file(self.study.name, self.name), state, about)
        paths.checkpoint_file(self.study.name, self.name).unlink(missing_ok=True)
        paths.progress_file(self.study.name, self.name).unlink(missing_ok=True)


def tell(study: Study, name: str, seen: int) -> None:
    """Say for the progress bar how many images a training has seen."""
    path = paths.progress_file(study.name, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(seen))


@contextmanager
def show_progress(session: Session, names: Sequence[str], count: int) -> Iterator[None]:
    """Show one bar for trainings in any process, on `count` images an epoch.

    It is read once a second from the files in which they say how far they are.
    """
    study = session.study
    for name in names:
        if paths.progress_file(study.name, name).is_file():  # killed: it begins at its checkpoint
            kept = keep.read_about(paths.checkpoint_file(study.name, name)) or {}
            tell(study, name, kept.get("seen", 0))

    def seen(name: str) -> int:
        if trained.is_trained(study, name):
            return study.networks[name].epochs * count
        try:
            return int(paths.progress_file(study.name, name).read_text() or 0)
        except FileNotFoundError:
            return 0

    def watch() -> None:
        while not over.wait(1):
            bar.update(sum(map(seen, names)) - bar.n)

    total, before = (
        sum(study.networks[name].epochs for name in names) * count,
        sum(map(seen, names)),
    )
    text, over = f"training {len(names)} networks of {study.name}", threading.Event()
    with tqdm(desc=text, total=total, initial=before, unit="image", unit_scale=True) as bar:
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            bar.update(sum(map(seen, names)) - bar.n)

"""Train or fine-tune the networks of a study; every training resumes to the same weights after a stop at any moment.

All randomness of a network comes from its own seed and the number of the epoch or step, so nothing has to be remembered between stops and no
network depends on another but its parent. On the CPU each network is trained by one thread, so that its weights do not depend on how
many cores there are, and as many networks at once as there are cores. Forward and backward pass are in bfloat16 where the device computes in
it; weights and steps are float32.
"""

import math
import threading
import time
from contextlib import contextmanager

import pandas as pd
import torch
from joblib import cpu_count
from torch.nn import functional as F
from tqdm import tqdm

from paradoxlib import data, distortions, models, parallel, paths, weights

CHECKPOINT_SECONDS = 60


class Diverged(ValueError):
    """A training whose loss is no longer a finite number."""


def train_all(study):
    """Train what is not trained yet, parents side by side and then their children; may be stopped at any moment and called again.

    Shows one bar in images, with rate and remaining time.
    """
    waiting = [name for name in study.networks if not is_trained(study, name)]
    if waiting:
        images = study.images("train")  # here once, so that missing data are said before work starts and decoding is done once
        size = 4e6 * (1 if study.model.architecture == "resnet20" else 100)
        paths.require_space(paths.weights(study.name, "").parent, size * len(waiting), "the networks")
        room = cpu_count() if study.device.type == "cpu" else max(1, parallel.SHARE * torch.cuda.device_count())
        with progress(study, waiting, len(images)):
            for generation in study.generations:
                longest_first = sorted(generation, key=lambda name: -study.networks[name].epochs)
                parallel.run(study, train, [name for name in longest_first if name in waiting], study.session.workers or room)


def is_trained(study, name):
    """Say whether a network's file is there and was made by these settings."""
    about = weights.read_about(paths.weights(study.name, name))
    return about is not None and about.get("key") == study.network_key(name)


def load_network(study, name):
    """Return a trained network, in evaluation mode, on the CPU; it takes RGB images in 0..1.

    Raises
    ------
    FileNotFoundError
        Where it is not trained yet.
    DamagedFile
        Where its file is cut short, altered or has nan.
    """
    study.network(name)
    if not is_trained(study, name):
        raise FileNotFoundError(f"network {name} of study {study.name} is not trained yet with these settings: call training.train_all(study)")
    state, about = weights.read(paths.weights(study.name, name))
    return network_from(study, state, about["mean"], about["std"])


def network_from(study, state, mean, std):
    """Return a network of the study's architecture with the given state, in evaluation mode."""
    model = models.build(study.model.architecture, len(state["fc.bias"]), study.model.small_images)
    models.load_state(model, state)
    model.standardise(mean, std)
    return model.eval()


def load_states(study, names=None):
    """Return {network: state dict} in the order of the study, layers in the paper's order."""
    return {name: load_network(study, name).state_dict() for name in names or study.networks}


def history(study):
    """Return the table (network, epoch, loss, accuracy, learning_rate) of all trained networks; training loss and accuracy."""
    abouts = {name: weights.read_about(paths.weights(study.name, name)) or {} for name in study.networks}
    return pd.DataFrame([{"network": name, **row} for name, about in abouts.items() for row in about.get("history", [])])


def rates(study):
    """Return the table (network, images, seconds, images_per_second, device) of all trained networks."""
    rows = []
    for name in study.networks:
        about = weights.read_about(paths.weights(study.name, name)) or {}
        if "seconds" in about:
            row = {"network": name} | {key: about[key] for key in ("images", "seconds", "device")}
            rows.append(row | {"images_per_second": about["images"] / about["seconds"]})
    return pd.DataFrame(rows)


def train(study, name, checkpoint_seconds=CHECKPOINT_SECONDS):
    """Train one network of a study, its ancestors first, unless its file is there; resumes from its last checkpoint."""
    settings = study.network(name)
    if is_trained(study, name):
        return
    if settings.parent:
        train(study, settings.parent, checkpoint_seconds)
    with parallel.one_thread(study.device):
        Training(study, name).run(checkpoint_seconds)


class Training:
    """One network while it is trained."""

    def __init__(self, study, name):
        self.study, self.name, self.settings = study, name, study.network(name)
        self.key, self.device = study.network_key(name), study.device
        self.half = computes_bfloat16(self.device)
        self.images = study.images("train")
        self.model, self.mean, self.std = self.start()
        self.model.to(self.device).train()
        kernels = [layer.weight for layer in models.conv_layers(self.model).values()]
        others = [p for p in self.model.parameters() if all(p is not kernel for kernel in kernels)]
        # Keras adds weight_decay * w ** 2 of the conv kernels to the loss, whose gradient is 2 * weight_decay * w
        groups = [{"params": kernels, "weight_decay": 2 * self.settings.weight_decay}, {"params": others}]
        self.optimiser = torch.optim.Adam(groups, lr=self.settings.learning_rate, fused=True)
        self.steps_per_epoch = max(1, math.ceil((len(self.images) - 1) / self.settings.batch_size))  # never a batch of one
        self.step, self.history, self.seconds = 0, [], 0.0
        self.sums = torch.zeros(3, dtype=torch.float64)  # loss, correct, images of this epoch
        self.resume()

    def start(self):
        """Return the network before its first step: the parent's copy, or a new one standardised by its training images."""
        if self.settings.parent:
            parent = load_network(self.study, self.settings.parent)
            return parent, parent.mean.flatten().tolist(), parent.std.flatten().tolist()
        source = data.generator(self.settings.seed, "weights")
        kind, classes = self.study.model, len(self.images.classes)
        model = models.build(kind.architecture, classes, kind.small_images, self.settings.initialiser, source)
        mean, std = data.statistics(self.images)
        model.standardise(mean, std)
        return model, mean, std

    def run(self, checkpoint_seconds):
        """Train to the end and write the network's file."""
        settings, total = self.settings, self.settings.epochs * self.steps_per_epoch
        started = saved = told = time.monotonic()
        before = self.seconds
        while self.step < total:
            epoch, offset = divmod(self.step, self.steps_per_epoch)
            order = torch.randperm(len(self.images), generator=data.generator(settings.seed, "order", epoch))
            order = order[offset * settings.batch_size : self.steps_per_epoch * settings.batch_size]
            for _, pixels, labels in data.batches(self.images, order, settings.batch_size, (settings.seed, epoch), self.device):
                self.train_batch(pixels, labels)
                self.step += 1
                if self.step % self.steps_per_epoch == 0:
                    self.end_epoch(epoch)
                now = time.monotonic()
                self.seconds = before + now - started
                if now - told >= 1:
                    told = self.tell(now)
                if now - saved >= checkpoint_seconds and self.step < total:
                    saved = self.save(now)
        self.finish()

    def rate_at(self, step):
        """Return Adam's learning rate at a step."""
        return self.settings.rate_at(step, self.steps_per_epoch, self.study.epochs_before(self.name))

    def train_batch(self, pixels, labels):
        """One step of Adam on one augmented batch."""
        settings = self.settings
        source = data.generator(settings.seed, "step", self.step, device=self.device)
        images = augment(pixels, self.study.data, settings, source)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate_at(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            correct = (logits.argmax(1) == labels).sum()
            count = torch.tensor(len(labels), device=self.device)
            self.sums = self.sums.to(self.device) + torch.stack([loss.detach() * len(labels), correct, count])

    def end_epoch(self, epoch):
        """Add a row to the history."""
        self.check_finite()
        loss, correct, count = self.sums.tolist()
        rate = self.rate_at(self.step - 1)
        self.history.append({"epoch": epoch + 1, "loss": loss / count, "accuracy": correct / count, "learning_rate": rate})
        self.sums = torch.zeros(3, dtype=torch.float64)

    def check_finite(self):
        """End a training whose loss is not a finite number."""
        if not self.sums.isfinite().all():
            where = f"network {self.name} of study {self.study.name} diverged at step {self.step}"
            raise Diverged(f"{where}: lower its learning rate ({self.settings.learning_rate:g})")

    def tell(self, now):
        """Say for the progress bar how many images were seen."""
        path = paths.progress(self.study.name, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        epoch, offset = divmod(self.step, self.steps_per_epoch)
        path.write_text(str(epoch * len(self.images) + offset * self.settings.batch_size))
        return now

    def save(self, now):
        """Write a checkpoint: weights, Adam's moments and where the training stands."""
        self.check_finite()
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            moments = self.optimiser.state[parameter]
            tensors |= {f"{moment}.{name}": moments[moment] for moment in ("exp_avg", "exp_avg_sq", "step")}
        about = {"key": self.key, "step": self.step, "history": self.history, "sums": self.sums.tolist(), "seconds": self.seconds}
        weights.write(paths.checkpoint(self.study.name, self.name), tensors, about)
        return now

    def resume(self):
        """Take up the last checkpoint where there is one of the same settings."""
        path = paths.checkpoint(self.study.name, self.name)
        about = weights.read_about(path)
        if about is None or about.get("key") != self.key:
            return
        tensors, about = weights.read(path)
        models.load_state(self.model, {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
        for name, parameter in self.model.named_parameters():
            moments = {moment: tensors[f"{moment}.{name}"] for moment in ("exp_avg", "exp_avg_sq", "step")}
            self.optimiser.state[parameter] = {
                moment: value.to(self.device, memory_format=torch.channels_last if value.dim() == 4 else torch.contiguous_format)
                for moment, value in moments.items()
            }
        self.step, self.history, self.seconds = about["step"], about["history"], about["seconds"]
        self.sums = torch.tensor(about["sums"], dtype=torch.float64)

    def finish(self):
        """Write the finished network and forget its checkpoint."""
        seen = self.settings.epochs * len(self.images)
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU, one thread"
        device += ", bfloat16" if self.half else ", float32"
        about = {
            "key": self.key, "study": self.study.name, "network": self.name, "settings": self.settings.model_dump(mode="json"),
            "architecture": self.study.model.architecture, "layers": [n for n, _ in self.model.named_modules() if n],
            "mean": self.mean, "std": self.std, "classes": list(self.images.classes), "source": self.images.source,
            "history": self.history, "images": seen, "seconds": self.seconds, "device": device,
        }  # fmt: skip
        weights.write(paths.weights(self.study.name, self.name), weights.rounded(self.model.state_dict()), about)
        for path in (paths.checkpoint(self.study.name, self.name), paths.progress(self.study.name, self.name)):
            path.unlink(missing_ok=True)


def augment(pixels, standard, settings, source):
    """Return a training batch, float 0..1: 8-bit images flipped, zoomed and shifted, then distorted, each with fresh parameters."""
    images = distortions.flip_zoom_shift(pixels.float() / 255, standard.flip, standard.zoom, standard.shift, source)
    if settings.distortions:
        images = distortions.distort_randomly(images, settings.distortions, settings.distortions_per_image, settings.noise_amount, source)
    return images


def computes_bfloat16(device):
    """Say whether a device multiplies in bfloat16: CUDA, and CPUs that have the instructions (elsewhere it is emulated, and slow)."""
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()


@contextmanager
def progress(study, names, count):
    """Show one bar for trainings in any process, read once a second from the files in which they say how far they are."""

    def seen(name):
        if is_trained(study, name):
            return study.networks[name].epochs * count
        try:
            return int(paths.progress(study.name, name).read_text() or 0)
        except FileNotFoundError:
            return 0

    def watch():
        while not over.wait(1):
            bar.update(sum(map(seen, names)) - bar.n)

    total = sum(study.networks[name].epochs for name in names) * count
    over = threading.Event()
    text = f"training {len(names)} networks of {study.name}"
    with tqdm(desc=text, total=total, initial=sum(map(seen, names)), unit="image", unit_scale=True) as bar:
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            bar.update(sum(map(seen, names)) - bar.n)

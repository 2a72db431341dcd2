"""Training, images a second: ours, and a plain torchvision-style loop.

Ours trains one network for each core, side by side. The peer trains one network on all cores, with
a DataLoader, per-image transforms and float32. With --accuracy both also train three seeds each,
and their accuracies are compared. The images are CIFAR-10 where it is at hand (PARADOX_DATA), else
the digits.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import race
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from paradoxlib import devices, paths
from paradoxlib.behaviour import predictions
from paradoxlib.images import data, datasets
from paradoxlib.networks import models
from paradoxlib.studies import sessions, trained, training

BATCH, RATE, IMAGES, SEEDS, EPOCHS = 64, 5e-3, 5000, 3, 6
PEER = "DataLoader, per-image transforms, float32"
STUDY = """
name: race
title: networks that train side by side
data: {{name: {data}, train_images: {images}}}
model: {{architecture: resnet20}}
defaults:
  epochs: {epochs}
  batch_size: {batch}
  learning_rate: {rate}
  schedule: cosine
  weight_decay: 0
networks: {{{networks}}}
"""


class Augmented(Dataset):
    """The training images as a torchvision user has them: each one transformed on its own."""

    def __init__(self, images):
        self.images = images
        bilinear = v2.InterpolationMode.BILINEAR
        move = v2.RandomAffine(0, (0.1, 0.1), (0.9, 1.1), interpolation=bilinear)
        scale = v2.ToDtype(torch.float32, True)
        self.transform = v2.Compose([v2.RandomHorizontalFlip(), move, scale])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images.pixels[i]), self.images.labels[i]


def plain_loop(images, seed, epochs):
    """Train one network as a tutorial would; return it and the seconds of its epochs."""
    cores = os.cpu_count()
    torch.manual_seed(seed)
    torch.set_num_threads(cores)
    model = models.build("resnet20", len(images.classes)).to(memory_format=torch.contiguous_format)
    model.standardise(*datasets.channel_statistics(images))
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    workers = {"num_workers": cores, "persistent_workers": True}
    loader = DataLoader(Augmented(images), BATCH, shuffle=True, **workers)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(loader))
    model.train()
    started = time.perf_counter()
    for _ in range(epochs):
        for pixels, labels in loader:
            loss = F.cross_entropy(model(pixels), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval(), time.perf_counter() - started


def ours(name, seeds, epochs):
    """Train a network for each seed, as many at once as there are cores; return their study."""
    networks = ", ".join(f"N{seed}: {{seed: {seed}}}" for seed in seeds)
    settings = {"epochs": epochs, "batch": BATCH, "rate": RATE}
    file = paths.HOME / "race.yaml"
    file.write_text(STUDY.format(data=name, images=IMAGES, networks=networks, **settings))
    session = sessions.start(file)
    for seed in seeds:
        paths.weights_file("race", f"N{seed}").unlink(missing_ok=True)
    training.train_all(session)
    return session.study


def race_one_epoch(name, images):
    """Race one epoch of training on a named data set's images; print the rates."""
    cores = os.cpu_count()

    def side_by_side():
        study = ours(name, range(1, cores + 1), 1)
        return cores * len(images), trained.read_rates(study)["seconds"].max()

    def one_loop():
        _, seconds = plain_loop(images, 1, 1)
        return len(images), seconds

    rates = race.race({PEER: one_loop, "paradoxlib": side_by_side}, 3)
    half = devices.faster_in_bfloat16(torch.device("cpu"))
    arithmetic = race.arithmetic(torch.bfloat16 if half else torch.float32)
    # The backward pass takes twice the operations of the forward pass.
    limit = cores * arithmetic / (3 * race.operations(models.empty("resnet20")))
    what = f"{len(images):,} images of {name}, batch {BATCH}, {'bfloat16' if half else 'float32'}"
    race.report(f"Training ResNet20, {what}", rates, PEER, "images", limit)


def compare_accuracies(name, images, test):
    """Train several seeds each; print their accuracies on the test images."""
    seeds = range(1, SEEDS + 1)
    study = ours(name, seeds, EPOCHS)
    networks = {
        "paradoxlib": [trained.load_network(study, f"N{seed}") for seed in seeds],
        PEER: [plain_loop(images, seed, EPOCHS)[0] for seed in seeds],
    }
    print(f"\nAccuracy after {EPOCHS} epochs, {SEEDS} seeds")
    print("\n| | mean | SD | each |\n| --- | ---: | ---: | --- |")
    for who, trained_networks in networks.items():
        scores = [accuracy(network, test) for network in trained_networks]
        mean, sd = statistics.mean(scores), statistics.stdev(scores)
        each = " ".join(f"{score:.3f}" for score in scores)
        print(f"| {who} | {mean:.3f} | {sd:.3f} | {each} |")


def accuracy(network, images):
    """Return the share of images that a network classifies correctly, 0..1."""
    predicted = predictions.predict(network, images.pixels.float() / 255).argmax(1)
    return (predicted == images.labels).double().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accuracy", action="store_true")
    arguments = parser.parse_args()
    root = paths.data_root()  # asked before the home moves
    name = "digits" if data.must_download("cifar10", root) else "cifar10"
    print(race.machine())
    with tempfile.TemporaryDirectory() as folder:
        paths.HOME = Path(folder)
        # The processes that train read these.
        os.environ.update(PARADOX_HOME=folder, PARADOX_DATA=str(root))
        images = data.load(name, "train", root).first(IMAGES)
        test = data.load(name, "test", root)
        race_one_epoch(name, images)
        if arguments.accuracy:
            compare_accuracies(name, images, test)


if __name__ == "__main__":
    main()

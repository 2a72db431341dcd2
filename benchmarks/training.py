"""Training: ours against a plain torchvision-style loop, images a second; with --accuracy also the accuracy of three seeds each.

Ours: one network for each core, side by side. The peer: one network on all cores, a DataLoader with per-image transforms, float32. CIFAR-10 where it
is at hand (PARADOX_DATA), else the digits.
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

from paradoxlib import data, evaluation, models, paths, training
from paradoxlib import study as studies

BATCH, RATE, IMAGES, SEEDS, EPOCHS = 64, 5e-3, 5000, 3, 6
STUDY = """
name: race
title: networks that train side by side
data: {{name: {data}, train_images: {images}}}
model: {{architecture: resnet20}}
defaults: {{epochs: {epochs}, batch_size: {batch}, learning_rate: {rate}, schedule: cosine, weight_decay: 0}}
networks: {{{networks}}}
"""


class Augmented(Dataset):
    """The training images as a torchvision user has them: each one transformed on its own."""

    def __init__(self, images):
        self.images = images
        move = v2.RandomAffine(0, (0.1, 0.1), (0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR)
        self.transform = v2.Compose([v2.RandomHorizontalFlip(), move, v2.ToDtype(torch.float32, True)])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images.pixels[i]), self.images.labels[i]


def plain_loop(images, seed, epochs):
    """Train one network as a tutorial would; return it and the seconds of its epochs."""
    torch.manual_seed(seed)
    torch.set_num_threads(os.cpu_count())
    model = models.build("resnet20", len(images.classes)).to(memory_format=torch.contiguous_format)
    model.standardise(*data.statistics(images))
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    loader = DataLoader(Augmented(images), BATCH, shuffle=True, num_workers=os.cpu_count(), persistent_workers=True)
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


def ours(folder, name, seeds, epochs):
    """Train a network for each seed, as many at once as there are cores; return the study."""
    networks = ", ".join(f"N{seed}: {{seed: {seed}}}" for seed in seeds)
    file = folder / "race.yaml"
    file.write_text(STUDY.format(data=name, images=IMAGES, epochs=epochs, batch=BATCH, rate=RATE, networks=networks))
    study = studies.load(file)
    for seed in seeds:
        paths.weights("race", f"N{seed}").unlink(missing_ok=True)
    training.train_all(study)
    return study


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accuracy", action="store_true")
    arguments = parser.parse_args()
    root = paths.data_root()  # asked before the home moves
    name = "cifar10" if (root / "cifar10").is_dir() or (root / "cifar-10-batches-py").is_dir() else "digits"
    print(race.machine())
    with tempfile.TemporaryDirectory() as folder:
        paths.HOME = Path(folder)
        os.environ.update(PARADOX_HOME=folder, PARADOX_DATA=str(root))  # for the processes that train
        images, test = data.load(name, "train", root).first(IMAGES), data.load(name, "test", root)
        cores = os.cpu_count()

        def side_by_side():
            study = ours(Path(folder), name, range(1, cores + 1), 1)
            seconds = training.rates(study)["seconds"].max()
            return cores * len(images), seconds

        def one_loop():
            return len(images), plain_loop(images, 1, 1)[1]

        rates = race.race({"DataLoader, per-image transforms, float32": one_loop, "paradoxlib": side_by_side}, 3)
        half = training.computes_bfloat16(torch.device("cpu"))
        limit = cores * race.arithmetic(torch.bfloat16 if half else torch.float32) / (3 * race.operations(models.empty("resnet20")))
        report = f"Training ResNet20, {len(images):,} images of {name}, batch {BATCH}, {'bfloat16' if half else 'float32'}"
        race.report(report, rates, "DataLoader, per-image transforms, float32", "images", limit)
        if arguments.accuracy:
            seeds = range(1, SEEDS + 1)
            study = ours(Path(folder), name, seeds, EPOCHS)
            nets = {"paradoxlib": [training.load_network(study, f"N{seed}") for seed in seeds]}
            nets["DataLoader, per-image transforms, float32"] = [plain_loop(images, seed, EPOCHS)[0] for seed in seeds]
            print(f"\nAccuracy after {EPOCHS} epochs, {SEEDS} seeds\n\n| | mean | SD | each |\n| --- | ---: | ---: | --- |")
            clean = test.pixels.float() / 255
            for who, models_ in nets.items():
                scores = [(evaluation.predict(model, clean).argmax(1) == test.labels).double().mean().item() for model in models_]
                print(f"| {who} | {statistics.mean(scores):.3f} | {statistics.stdev(scores):.3f} | {' '.join(f'{score:.3f}' for score in scores)} |")


if __name__ == "__main__":
    main()

"""A published ResNet20 of CIFAR-10, of another library, beside the 20 of cifar10-20.

The file (https://github.com/akamaster/pytorch_resnet_cifar10, Y. Idelbayev, BSD-2) is no part of
this repository: give its path. What is found goes to benchmarks/published_network.csv, which
notebook 11 draws.
"""

import argparse
import hashlib
from pathlib import Path

import pandas as pd
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import Normalize

import paradoxlib
from paradoxlib.networks import models, weights
from paradoxlib.studies import comparing, sessions

SHA256 = "12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8"
SOURCE = (
    "resnet20-12fca82f.th of https://github.com/akamaster/pytorch_resnet_cifar10 by Y. Idelbayev; "
    f"BSD-2; sha256 {SHA256}; made by benchmarks/published.py"
)
NORMALISE = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TABLE = Path(__file__).with_name("published_network.csv")


class Block(nn.Module):
    """Two 3 x 3 convolutions, and a shortcut without weights (option A)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.added = (outputs - inputs) // 2  # channels of zeros on each side

    def forward(self, x):
        """Return what the block makes of its input."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return F.relu(y + x)


class Published(nn.Module):
    """The published ResNet20, its parts under its own names."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        inputs = 16
        for stage, width in enumerate((16, 32, 64), 1):
            first = Block(inputs, width, 1 if stage == 1 else 2)
            blocks = nn.Sequential(first, *(Block(width, width, 1) for _ in range(2)))
            self.add_module(f"layer{stage}", blocks)
            inputs = width
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        """Return the logits of normalised images."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def as_table(placed, count):
    """Return a placement as one table: accuracies have a distortion, what is in common has none."""
    profiles = placed.profiles.stack().rename("value").rename_axis(["network", "distortion"])
    accuracies = profiles.reset_index().assign(quantity="accuracy")
    table = pd.concat([accuracies, placed.numbers], ignore_index=True)
    columns = ["network", "quantity", "distortion", "value", "low", "high", "chance"]
    return table[columns].assign(images=count, source=SOURCE)


def main():
    """Place the network and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=250, help="test images")
    given = parser.parse_args()
    if hashlib.sha256(given.file.read_bytes()).hexdigest() != SHA256:
        parser.error(f"{given.file} is another file: its sha256 is not {SHA256}")
    network = Published()
    models.load_state(network, weights.read_weights(given.file).state)
    session = sessions.start("cifar10-20")
    images, ours = session.images("test").first(given.count), comparing.compared(session)
    placed = paradoxlib.place(network, ours, images, name="published", transform=NORMALISE)
    as_table(placed, given.count).to_csv(TABLE, index=False, float_format="%.6g")
    print(*placed.notes, TABLE, sep="\n")


if __name__ == "__main__":
    main()

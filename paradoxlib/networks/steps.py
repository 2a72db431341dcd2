"""One step of training, as one function of tensors that stay where they are.

What varies from step to step (the batch, the learning rate, the seed of its randomness) is written
into memory that the step reads. So it can be captured once as a CUDA graph and replayed, and it is
the same function that a CPU calls.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from paradoxlib import devices, seeds
from paradoxlib.networks import models

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]  # of 8-bit images, to 0..1


class Step:
    """Steps of Adam that train a network, each on one augmented batch.

    Parameters
    ----------
    model : torch.nn.Module
        The network, in training mode, on the device that it is trained on.
    augment : callable
        ``augment(pixels, generator)`` returns the images (n, 3, h, w), 0..1, that the network sees
        of 8-bit ones. It has no other randomness than the generator's.
    weight_decay : float
        As Keras counts it: weight_decay * w ** 2 of the kernels is added to the loss.
    half : bool
        Whether the forward and the backward pass are in bfloat16.

    Attributes
    ----------
    optimiser : torch.optim.Adam
        What remembers the moments.
    sums : torch.Tensor
        Loss, correct answers and images so far, float64, on the device.
    """

    def __init__(
        self, model: torch.nn.Module, augment: Augment, weight_decay: float, half: bool
    ) -> None:
        self.model, self.augment, self.half = model, augment, half
        self.device = next(model.parameters()).device
        kernels = [layer.weight for layer in models.conv_layers(model).values()]
        learned = [p for p in model.parameters() if p.requires_grad]
        others = [p for p in learned if all(p is not kernel for kernel in kernels)]
        # Keras' loss has a gradient of 2 * decay * w
        decayed = {"params": kernels, "weight_decay": 2 * weight_decay}
        groups: list[dict] = [decayed, {"params": others}]
        on_cpu = self.device.type == "cpu"
        exact = torch.float64 if on_cpu else torch.float32  # that the device's Adam computes in
        self.rate = torch.zeros((), dtype=exact, device=self.device)
        self.source = seeds.generator(device=self.device)
        self.optimiser = torch.optim.Adam(groups, fused=True, capturable=not on_cpu)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate  # given at once, its value would be waited for
        self.sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.replayed = devices.Replayed(self.take, self.device, self.source)

    def __call__(
        self, pixels: torch.Tensor, labels: torch.Tensor, rate: float, *seed: object
    ) -> None:
        """Take a step on a batch: pixels uint8 (n, 3, h, w) and labels (n,), on the device."""
        self.rate.fill_(rate)
        self.source.manual_seed(seeds.number(*seed))
        self.replayed(pixels, labels)

    @devices.exact_float32()
    def take(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        """Do all that a step does on the device, without waiting for it."""
        images = self.augment(pixels, self.source)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            correct = (logits.argmax(1) == labels).sum()
            count = torch.full_like(correct, len(labels))
            self.sums += torch.stack([loss.detach() * len(labels), correct, count])

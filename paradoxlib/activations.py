"""What the layers of any network put out, by name and in order, while it looks at images.

Convolutions, batch norms, ReLUs, additions, poolings and dense layers are seen as they are called, whether a module or a function does it;
so this works for networks of anyone's, torchvision's among them.
"""

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from paradoxlib import models

LAYERS = {torch.conv2d: "conv", F.batch_norm: "norm", F.linear: "dense"}  # named by their weights
OTHERS = {
    F.relu: "relu", torch.relu: "relu", torch.relu_: "relu", torch.Tensor.relu: "relu", torch.Tensor.relu_: "relu",
    torch.Tensor.add: "add", torch.Tensor.add_: "add", torch.Tensor.__add__: "add", torch.Tensor.__iadd__: "add", torch.add: "add",
    F.max_pool2d: "max_pool", F.adaptive_avg_pool2d: "mean_pool",
}  # fmt: skip


class Recorder(TorchFunctionMode):
    """While it is active, keeps the outputs of a network's layers in `outputs`, {name: tensor}, in the order of their calls.

    A layer with weights has their name, the others that of their kind and a number (``relu_3``). Outputs are copies, so that what changes them in
    place later does not change what is kept.
    """

    def __init__(self, model, wanted=None):
        super().__init__()
        self.names = {id(value): name.rpartition(".")[0] for name, value in model.named_parameters()}
        self.wanted, self.outputs, self.counts, self.seen = wanted, {}, {}, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        name = self.name(function, args, kwargs or {}, output)
        if name is not None:
            self.seen.append(name)
            if self.wanted is None or name in self.wanted:
                self.outputs[name] = output.detach().clone()
        return output

    def name(self, function, args, kwargs, output):
        """Return the name of the layer that a call is, or None."""
        if function in LAYERS:
            given = [*args, *kwargs.values()]
            name = next((self.names[id(value)] for value in given[1:] if id(value) in self.names), None)
            if name in self.seen:  # a layer that is used twice
                self.counts[name] = self.counts.get(name, 1) + 1
                return f"{name}_{self.counts[name]}"
            return name
        kind = OTHERS.get(function)
        if kind is None or output.dim() != 4:
            return None
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}_{self.counts[kind]}"


@torch.inference_mode()
def record(model, images, layers=None):
    """Return what a network's layers put out.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    images : torch.Tensor
        (n, 3, h, w), as the network wants them.
    layers : sequence of str, optional
        Names of the layers that are wanted; all where it is not given.

    Returns
    -------
    dict
        {layer: tensor (n, channels, h, w) or (n, units)}, in the order of their calls.

    Raises
    ------
    ValueError
        For a layer that the network does not have; it names the nearest one.
    """
    with Recorder(model, None if layers is None else set(layers)) as recorder:
        model(images)
    for name in layers or ():
        if name not in recorder.outputs:
            raise models.unknown_layer(name, recorder.seen)
    return recorder.outputs


def names(model, images):
    """Return the names of a network's layers in the order of their calls."""
    with torch.inference_mode(), Recorder(model, ()) as recorder:
        model(images[:1])
    return recorder.seen

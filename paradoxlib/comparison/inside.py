"""What can be said of two networks by their weights alone."""

import pandas as pd

from paradoxlib.measures import of_weights
from paradoxlib.networks import models
from paradoxlib.similarity import alignments, kernels

LARGE = 1000  # kernels in a layer: of more, chance is one draw's


def compare_kernels(a: models.State, b: models.State) -> pd.DataFrame:
    """Return how alike the kernels of two networks are, a row a layer.

    Parameters
    ----------
    a, b : dict
        Kernels under the same names, those of `given.kernel_state`.

    Returns
    -------
    pandas.DataFrame
        Index ``layer``; ``kernels`` (how many) and ``length`` (weights in each); for each alignment
        the mean correlation and its chance level (``chance, optimal``), the mean of random Gaussian
        kernels; ``sd`` over kernels, by the paper's alignment; and how many are dead in each
        network, ``dead a`` and ``dead b``, or constant (`kernels.is_dead`).
    """
    own, other = kernels.kernels_of(a), kernels.kernels_of(b)
    table = pd.DataFrame(index=pd.Index(own, name="layer"))
    table["kernels"] = [len(layer) for layer in own.values()]
    table["length"] = [layer.shape[1] for layer in own.values()]
    shapes = {name: layer.shape for name, layer in own.items()}
    draws = 4 if table["kernels"].max() <= LARGE else 1
    for alignment in alignments.ALIGNMENTS:
        found = kernels.layer_similarity(a, b, alignment)
        table[alignment] = [layer.mean for layer in found.values()]
        level = kernels.chance_of_shapes(shapes, alignment, draws)
        table[f"chance, {alignment}"] = list(level.values())
        if alignment == "paper":
            table["sd"] = [layer.sd for layer in found.values()]
    for which, layers in (("a", own), ("b", other)):
        table[f"dead {which}"] = [int(kernels.is_dead(x).sum()) for x in layers.values()]
        constant = [int(kernels.standardised(x)[:, 0].isnan().sum()) for x in layers.values()]
        table[f"constant {which}"] = constant
    return table


def norm_layers(state: models.State) -> dict[str, str]:
    """Return {norm: its kind} of a state dict.

    ``running statistics`` for a batch norm and its kin; ``none`` for the norms that compute theirs
    anew, those of groups, layers or instances: what has a weight of one dimension.
    """
    found = {}
    for entry, value in state.items():
        layer, _, what = entry.rpartition(".")
        if what == "running_mean":
            found[layer] = "running statistics"
        elif what == "weight" and value.dim() == 1 and f"{layer}.running_mean" not in state:
            found[layer] = "none"
    return found


def compare_norms(a: models.State, b: models.State) -> pd.DataFrame:
    """Return how alike the norms are that two networks share by name, unit by unit, a row a norm.

    Returns
    -------
    pandas.DataFrame
        Index ``norm``; ``statistics`` (see `norm_layers`), ``units``; ``distance`` of the running
        means and variances, over their spread (`of_weights.statistics_closeness`; 0 for the same);
        and the correlations of the learned ``scale`` and ``shift``, nan where constant.
    """
    rows = {}
    for norm, kind in norm_layers(a).items():
        entries = {what: f"{norm}.{what}" for what in ("running_mean", "weight", "bias")}
        shared = [e for e in entries.values() if e in a and e in b and a[e].shape == b[e].shape]
        if not shared:
            continue
        row: dict[str, object] = {"statistics": kind, "units": len(a[shared[0]])}
        if entries["running_mean"] in shared:
            parts = (entries["running_mean"], f"{norm}.running_var")
            own, other = ({entry: state[entry] for entry in parts} for state in (a, b))
            row["distance"] = -of_weights.statistics_closeness(own, other)
        for what, column in (("weight", "scale"), ("bias", "shift")):
            if entries[what] in shared:
                pair = (state[entries[what]][None] for state in (a, b))
                row[column] = kernels.correlate_kernels(*pair).item()
        rows[norm] = row
    return pd.DataFrame.from_dict(rows, "index").rename_axis("norm")

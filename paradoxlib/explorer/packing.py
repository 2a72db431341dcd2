"""Pack what the explorer shows: numbers as rounded floats, byte planes, deflate and base64.

The page of 329 networks holds two million numbers. A float keeps as many bits behind its leading
one as a reader sees; the bytes of an array stand sorted by their place in the number, so that
deflate finds those that repeat. Of similarities the distance from 1 is kept: it has as many digits
for copies as for strangers.
"""

import base64
import io
import math
import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import Colormap, to_hex
from PIL import Image
from scipy import stats
from scipy.cluster import hierarchy

from paradoxlib.behaviour import paradox
from paradoxlib.explorer.gathering import Contents
from paradoxlib.paper import published, statements
from paradoxlib.plotting import style

# Bits kept behind the leading one: 13 are four digits, 6 are two.
BITS = {"below": 5, "above": 5, "compatibility_conditions": 11, "agreement": 11, "layers": 6}
OTHER_BITS = 13
COLOURS = 65  # of each scale
LARGEST = 64  # pixels of an example image, across
QUALITY = 80  # of the sheet of example images (WebP)
HIDDEN = ["family", "parent", "sha256"]  # of the settings: shown elsewhere, or for machines


def payload_of(contents: Contents) -> dict:
    """Return what the page shows of a study as what JSON can hold (explorer.js reads it)."""
    study, pairs = contents.study, contents.pairs
    names = list(study.networks)
    place = {name: i for i, name in enumerate(names)}
    families = [place[study.family_of[name]] for name in names]
    floats = {
        "compatibility": pairs["compatibility"],
        "below": pairs["compatibility"] - pairs["low"],
        "above": pairs["high"] - pairs["compatibility"],
        "compatibility_conditions": pairs["compatibility_conditions"],
        "agreement": pairs["agreement"],
        "distance": 1 - pairs["similarity"],
        **profiles_of(contents.accuracy),
    }
    payload = {
        "study": study.name,
        "title": contents.title,
        "images": int(contents.accuracy["n"].iloc[0]),
        "networks": names,
        "parents": [place.get(parent or "", -1) for parent in study.parents.values()],
        "families": families,
        "settings": settings_of(contents.networks),
        "means": [style.label(name) for name in study.evaluation.grid],
        "conditions": [[style.label(name), level] for name, level in study.conditions],
        "clean": study.conditions.index(("contrast", 1.0)),
        "chance": contents.chance,
        "orders": orders_of(families, pairs),
        "margin": paradox.MARGIN,
        "alike": statements.ALIKE,
        "scales": {name: scale_of(scale) for name, scale in style.SCALES.items()},
        "published": published_of(study.model.architecture, names),
    }
    if contents.layers is not None:
        layers = contents.layers.drop(columns=["a", "b"])
        floats["layers"] = 1 - layers.to_numpy().T.ravel()
        payload["layers"] = list(layers)
        payload["layer_chance"] = [(contents.layer_chance or {}).get(name) for name in layers]
    if contents.statistics is not None and len(contents.statistics):
        payload["norms"] = contents.statistics["layer"].unique().tolist()
        floats |= {name: contents.statistics[name] for name in ("running_mean", "running_sd")}
    if contents.shares is not None:
        columns = ["part", "recovered", "recovered_low", "recovered_high"]
        payload["shares"] = {
            child: part[columns].round(4).to_numpy().tolist()
            for child, part in contents.shares.groupby("child")
        }
    packed = [
        (name, *float_planes(values, BITS.get(name, OTHER_BITS))) for name, values in floats.items()
    ]
    if contents.predictions is not None and contents.examples is not None:
        predicted = contents.predictions["predicted"].to_numpy(np.uint16)
        packed.append(("predicted", "u2", planes(predicted)))
        payload["examples"] = examples_of(contents)
    data = b"".join(content for *_, content in packed)
    payload["arrays"] = [[name, kind, len(content)] for name, kind, content in packed]
    return payload | {"data": base64.b64encode(zlib.compress(data, 9)).decode()}


def profiles_of(accuracy: pd.DataFrame) -> dict[str, pd.Series]:
    """Return accuracies (network, condition), their means (network, distortion), with intervals.

    Those of accuracies are Wilson's, 95 %, over the images. The bounds of a mean are the means of
    its levels' bounds: no interval of the mean is wider, however the levels go together.
    """
    low, high = wilson(accuracy["accuracy"], accuracy["n"])
    whole = accuracy.assign(accuracy_low=low, accuracy_high=high)
    means = whole.groupby(["network", "distortion"], sort=False)
    columns = {column: whole[column] for column in ("accuracy", "accuracy_low", "accuracy_high")}
    shorter = {name.replace("accuracy", "mean"): means[name].mean() for name in columns}
    return columns | shorter


def wilson(share: pd.Series, n: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the bounds of the 95 % Wilson intervals of shares of n."""
    z = stats.norm.ppf(0.975)
    centre, spread = share + z**2 / (2 * n), np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (centre - z * spread) / (1 + z**2 / n), (centre + z * spread) / (1 + z**2 / n)


def float_planes(values: pd.Series | np.ndarray, bits: int) -> tuple[str, bytes]:
    """Return float32 values, rounded to so many bits behind the leading one, plane by plane.

    Before them stands ``f4``, or ``f2`` where their upper halves are all there is.
    """
    whole = np.asarray(values, dtype=np.float32).view(np.uint32)
    dropped, half = np.uint32(23 - bits), np.uint32(1 << (23 - bits) >> 1)
    whole = (whole + half) >> dropped << dropped
    if bits > 7:
        return "f4", planes(whole)
    return "f2", planes((whole >> np.uint32(16)).astype(np.uint16))


def planes(values: np.ndarray) -> bytes:
    """Return the lowest bytes of all values, then the next: what is alike stands together."""
    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
    return little.view(np.uint8).reshape(len(values), -1).T.tobytes()


def orders_of(families: Sequence[int], pairs: pd.DataFrame) -> dict[str, list[int]]:
    """Return {order: places of the networks}: families side by side, and what is alike.

    The latter are leaves of average linkage over 1 - compatibility and 1 - similarity, turned so
    that neighbours are alike.
    """
    orders = {"family": np.argsort(families, kind="stable").tolist()}
    for order, column in (("behaviour", "compatibility"), ("similarity", "similarity")):
        distance = (1 - pairs[column]).fillna(1).clip(lower=0).to_numpy()
        orders[order] = list(range(len(families)))
        if len(families) > 2:
            tree = hierarchy.linkage(distance, "average", optimal_ordering=True)
            orders[order] = hierarchy.leaves_list(tree).tolist()
    return orders


def settings_of(networks: pd.DataFrame) -> dict[str, list]:
    """Return {setting: its value for each network, as text}, of those that a reader may ask for."""
    shown = networks.drop(columns=HIDDEN)
    return {name: [as_text(value) for value in shown[name]] for name in shown}


def as_text(value: object) -> str:
    """Return a setting as text: nothing for what is not set, no decimals that say nothing."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:g}"
    return "" if value is None else str(value)


def scale_of(scale: style.Scale) -> dict:
    """Return a scale of the plots with its colours spelt out."""
    colours = scale.colours
    colour_map = colours if isinstance(colours, Colormap) else colormaps[colours]
    steps = [to_hex(colour_map(value)) for value in np.linspace(0, 1, COLOURS)]
    return {"low": scale.low, "high": scale.high, "colours": steps}


def published_of(architecture: str, own: list[str]) -> dict | None:
    """Return the published pairs of an architecture's experiment; None where there are none.

    ``same`` says whether its networks are those that a study calls its own.
    """
    if architecture not in published.EXPERIMENT_OF:
        return None
    compatibility, similarity = published.read_experiment(architecture)
    names, pairs = list(compatibility), paradox.published_pairs(architecture)
    founders = published.families_of(similarity)
    families = [names.index(founders[name]) for name in names]
    return {
        "title": published.MATRICES[published.figure_of(architecture, "difference")],
        "networks": names,
        "same": names == own,
        "families": families,
        "parents": [-1] * len(names),
        "orders": orders_of(families, pairs),
        "compatibility": pairs["compatibility"].tolist(),
        "distance": (1 - pairs["similarity"]).round(2).tolist(),
    }


def examples_of(contents: Contents) -> dict:
    """Return the example images: one sheet, a row for each condition, and what they are."""
    examples, shown = contents.examples, contents.shown
    assert examples is not None and shown is not None
    conditions, count, _, height, width = shown.shape
    sheet = shown.transpose(0, 3, 1, 4, 2).reshape(conditions * height, count * width, 3)
    picture = Image.fromarray(sheet)
    side = min(width, LARGEST)
    if side < width:
        picture = picture.resize((count * side, conditions * side), Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=6)
    return {
        "count": count,
        "side": side,
        "classes": list(examples.classes),
        "labels": examples.labels.tolist(),
        "source": examples.source,
        "sheet": "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode(),
    }

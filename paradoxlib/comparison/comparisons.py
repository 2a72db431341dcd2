"""Anybody's two networks compared: everything that what was given allows, and one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib.comparison import acting, carrying, given, inside, report
from paradoxlib.images import data, datasets, distortions
from paradoxlib.measures.views import Stimuli
from paradoxlib.networks import models, surgery, weights

EXCHANGED = 50  # images on which exchanges of parts are evaluated
SEEN = 500  # images that running statistics are re-estimated on
LARGE_NETWORK = 1e6  # values: in larger ones parts are exchanged on request alone


@dataclass
class Comparison:
    """What can be said of two networks.

    Attributes
    ----------
    names : tuple of str
        What the networks are called.
    tables : dict
        {name: pandas.DataFrame}. Of weights: ``numbers``, ``kernels``, ``norms``, ``measures``;
        with images also ``conditions``, ``profiles``, ``layers``, ``cka``, ``cka_chance``; of two
        networks of one architecture, with images, ``exchanges``, ``parts``, ``statistics``. What
        was not given or is not defined is not there.
    notes : list of str
        What was understood, and what could not be compared, and why.
    """

    names: tuple[str, str]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """Return how alike the networks are inside and in behaviour, in one sentence.

        Where the kernels do not correspond, the CKA of the layers takes their place.
        """
        return report.in_a_sentence(self.names, self.tables)

    def write_report(self, path: str | Path) -> Path:
        """Write everything into one HTML file that needs nothing else, and return its path."""
        return report.write_html(path, self.names, self.sentence, self.tables, self.notes)

    def __str__(self) -> str:
        return self.sentence


def compare(
    a: given.AnyNetwork,
    b: given.AnyNetwork,
    images: Any = None,
    labels: Any = None,
    *,
    names: tuple[str, str] = ("A", "B"),
    transform: given.Transform | Sequence[given.Transform | None] | None = None,
    conditions: Sequence[distortions.Condition] = tuple(distortions.conditions()),
    exchanged: int | None = None,
    device: str = "cpu",
) -> Comparison:
    """Return what can be said of anybody's two networks, as far as what is given allows.

    Weights alone: kernels by four alignments, norms, and measures of weights, beside chance. With
    images: predictions under the paper's 34 conditions, units, CKA, and measures of features. With
    labels: accuracies, visual intelligence, compatibility, error consistency. Of two networks of
    one architecture, with images: which of their parts carries their difference.

    Parameters
    ----------
    a, b : torch.nn.Module or dict
        Two classifiers of images, of one architecture or two; or state dicts, of which weights
        alone are compared. Neither is changed.
    images : torch.Tensor or datasets.Images, optional
        uint8 (n, 3, h, w), or floats in 0..1, n at least 8; before any normalisation, for they are
        distorted first. 1,000 are plenty.
    labels : sequence of int, optional
        The right classes (n,).
    names : tuple of str
        What to call the networks.
    transform : callable or pair of callables, optional
        What images, floats (n, 3, h, w) in 0..1, go through before the networks see them, such as
        ``torchvision.transforms.Normalize``; one for both, or one each (None: nothing).
    conditions : list, optional
        [(distortion, level)], the paper's 34 by default.
    exchanged : int, optional
        On how many images exchanges of parts are evaluated, 0 for none. Where not given, on 50,
        and for networks of more than a million values on none: it takes up to 30 networks more.
    device : str
        Where predictions are computed.

    Returns
    -------
    Comparison
        Its tables, notes and `sentence`; `write_report` writes them to one HTML file.

    Raises
    ------
    ValueError
        For networks, images or labels that cannot be used, or weights alone of two architectures.
    """
    pair = list(transform) if isinstance(transform, Sequence) else [transform, transform]
    if len(pair) != 2 or len(set(names)) != 2:
        raise ValueError("two transforms and two different names are needed, one for each network")
    one, other = (given.prepared(*each) for each in zip(names, (a, b), pair, strict=True))
    result, seen, truth = Comparison((names[0], names[1])), None, None
    if exchanged is not None and exchanged < 0:
        raise ValueError(f"exchanged is {exchanged}: a number of images, or 0 for none, is needed")
    if images is None and labels is not None:
        raise ValueError("there are labels, but no images to which they belong")
    if images is not None:  # bad ones are told before any work
        pixels, truth = given.as_pixels(images), given.labels_of(images, labels)
        classes = given.count_classes((one, other), pixels)
        if note := given.differing(classes):
            result.notes.append(note)
        seen = given.as_data(pixels, truth, max(classes))
        truth = None if truth is None else seen.labels
    with tqdm(total=6 if seen is not None else 2, desc="weights", unit="step") as bar:
        own, renamed = compare_weights(result, one, other)
        shown, predicted = Stimuli({}, None, given.architecture_of(one.state)), None
        if seen is None and own is None:
            raise ValueError(result.notes[0])
        if seen is not None:
            result.notes.append(f"{len(seen):,} images under {len(conditions)} conditions")
            bar.update()
            bar.set_description("predictions")
            if len(set(classes)) == 1:
                predicted = acting.predict_pair(one, other, seen, conditions, device)
                answers = acting.compare_answers(predicted, truth, conditions, classes[0])
                add(result, answers.numbers)
                result.tables |= {"conditions": answers.conditions, "profiles": answers.profiles}
            bar.update()
            bar.set_description("layers")
            compare_features([result], one, [other], seen)
            shown = given.shown_to_both(seen, truth if predicted else None, shown.architecture)
            bar.update()
        bar.set_description("measures")
        views = [inside.of_state(each.state, shown, each.network) for each in (one, other)]
        for view, each, kernel in zip(views, (one, other), (own, renamed), strict=True):
            if kernel:  # under one name in both, and no others
                own_names = given.kernel_state(each.state)
                rest = {k: v for k, v in each.state.items() if k not in own_names}
                view.state = rest | kernel
            if predicted:
                view.predict = acting.predictions_of(predicted[each.name], conditions)
        result.tables["measures"] = inside.compare_by_measures(views[0], views[1], own)
        bar.update()
        if seen is not None:
            bar.set_description("parts")
            if predicted:
                if exchanged is None:
                    small = models.count_values(one.module) <= LARGE_NETWORK
                    exchanged = EXCHANGED if small else 0
                compare_parts(result, one, other, seen, truth, conditions, exchanged, device)
            bar.update(2)
    return result


def add(result: Comparison, numbers: pd.DataFrame) -> None:
    """Add rows to the numbers of a comparison."""
    before = [result.tables["numbers"]] if len(result.tables["numbers"]) else []
    result.tables["numbers"] = pd.concat([*before, numbers])


def compare_weights(
    result: Comparison, a: given.Given, b: given.Given
) -> tuple[models.State | None, models.State | None]:
    """Add what weights alone say; return both networks' kernels, None where none correspond."""
    own = given.kernel_state(a.state)
    renamed, note = given.corresponding(own, given.kernel_state(b.state))
    if note:
        result.notes.append(note if renamed else f"kernels cannot be compared: {note}")
    result.tables["numbers"] = pd.DataFrame(columns=["value", "low", "high", "chance"], dtype=float)
    norms = inside.compare_norms(a.state, b.state)
    if len(norms):
        result.tables["norms"] = norms
    if renamed is None:
        return None, None
    own = {layer: own[layer] for layer in renamed}
    if all(layer in a.state and a.state[layer].dim() == 2 for layer in own):
        result.notes.append("there are no convolutions: kernels are the rows of dense layers")
    table = result.tables["kernels"] = inside.compare_kernels(own, renamed)
    result.tables["numbers"] = acting.mean_number(
        "kernel similarity", table["paper"], table["chance, paper"]
    )
    return own, renamed


def compare_features(
    results: Sequence[Comparison],
    a: given.Given,
    others: Sequence[given.Given],
    images: datasets.Images,
) -> None:
    """Add what layers put out to the comparison of a network with each of others."""
    modules = [other.module for other in others]
    every = inside.compare_layers(a.module, modules, images.pixels.float() / 255)
    for result, found in zip(results, every, strict=True):
        table = found.table
        result.tables |= {"layers": table, "cka": found.matrix, "cka_chance": found.chance}
        if not (table["a"] == table["b"]).all():
            note = "layers correspond by their depth"
            result.notes.append(f"{note}; measures of features compare relu_3 with relu_3")
        add(
            result,
            acting.mean_number("CKA of corresponding layers", table["cka"], table["cka chance"]),
        )
        if table["matching"].notna().any():
            columns = table["matching"], table["matching chance"]
            add(result, acting.mean_number("correlation of matched units", *columns))


def compare_parts(
    result: Comparison,
    a: given.Given,
    b: given.Given,
    images: datasets.Images,
    labels: torch.Tensor | None,
    conditions: Sequence[distortions.Condition],
    count: int,
    device: str,
) -> None:
    """Add which part carries the difference, for two networks of one architecture."""
    try:
        surgery.check_same_shapes(a.state, b.state)
    except ValueError as error:
        result.notes.append(f"parts cannot be exchanged: {error}")
        return
    if not count:
        result.notes.append("parts were not exchanged: ask for it by exchanged=50")
        return
    few = images.first(count)
    truth = None if labels is None else labels[:count]
    if surgery.differing_parts(a.state, b.state):
        exchanges = carrying.exchange_parts(a, b, few, conditions, truth, device)
        result.tables |= dict(zip(("exchanges", "parts"), exchanges, strict=True))
    if carrying.has_statistics(a.state):
        seen = images.pixels[count : count + SEEN]
        if len(seen) < carrying.STATISTICS_BATCH:
            seen = images.pixels
            result.notes.append("statistics are re-estimated on images that are also tested")
        result.tables["statistics"] = carrying.reestimate_statistics(
            a, b, seen, few, conditions, truth, device
        )


def compare_files(
    files: Mapping[str, weights.Weights],
    makers: Sequence[str],
    images: str,
    count: int,
    size: int,
    exchanged: int | None = None,
) -> Comparison:
    """Return the comparison of two networks in files {path: weights}, as the command does it.

    `makers` are functions that build them (`given.module_for`); the others are those of
    `data.load_pictures`, where `images` may be "": then weights alone are compared.
    """
    a, *_, b = [*files] * 2
    stems = Path(a).stem, Path(b).stem
    names = stems if stems[0] != stems[1] else ("A", "B")
    if not images:
        return compare(files[a].state, files[b].state, names=names)
    shown = data.load_pictures(images, count, size)
    orders = {a: list(makers), b: list(makers)[::-1]}  # the first is for A
    pair = [given.module_for(path, files[path].state, orders[path]) for path in (a, b)]
    labels = shown.labels if shown.classes else None
    found = compare(pair[0], pair[1], shown.pixels, labels, names=names, exchanged=exchanged)
    found.notes += [
        f"{path} does not say how images are standardised: they are seen as they are"
        for path in files
        if given.architecture_of(files[path].state) and not weights.read_standardisation(path)
    ]
    return found

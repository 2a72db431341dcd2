"""The command `paradox compare`: anybody's two networks in the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from paradoxlib.networks import weights
from paradoxlib.similarity import kernels


def run_compare(
    a: str,
    b: str,
    alignment: str = "paper",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="the function that builds the network, whose code is run; twice where B has "
            "another. Architectures of this project are known without it",
            metavar="MODULE:FUNCTION",
        ),
    ] = None,
    images: Annotated[
        str, typer.Option(help="a folder of images, or of a folder for each class")
    ] = "",
    count: Annotated[int, typer.Option(help="how many images at most")] = 1000,
    size: Annotated[int, typer.Option(help="pixels; else theirs up to 64, or 224")] = 0,
    exchanged: Annotated[
        int | None, typer.Option(help="images on which parts are exchanged; 0: none are")
    ] = None,
    report: Annotated[str, typer.Option(help="the HTML file to write")] = "",
) -> None:
    """Compare anybody's two networks (files of safetensors or torch): kernels beside chance.

    With images all that they do is compared, too, in numbers, a sentence and a report.
    """
    files = {path: weights.read_weights(path) for path in (a, b)}
    if not (images or report):
        print_kernels(files, (a, b), alignment)
        return
    if report and Path(report).is_dir():
        raise ValueError(f"{report} is a folder: --report takes the name of a file")
    from paradoxlib.comparison import comparisons  # here: it imports matplotlib

    found = comparisons.compare_files(files, model or (), images, count, size, exchanged)
    print_notes(files)
    numbers = found.tables["numbers"].round(4).to_string(na_rep="")
    typer.echo("\n".join([*found.notes, numbers, found.sentence]))
    if report:
        typer.echo(f"written: {found.write_report(report)}")


def print_notes(files: Mapping[str, weights.Weights]) -> None:
    """Print how the files were understood; bad ones have ended in their one sentence before."""
    for path, (_, note) in files.items():
        if note:
            typer.echo(f"{path}: {note}", err=True)


def print_kernels(
    files: Mapping[str, weights.Weights], pair: tuple[str, str], alignment: str
) -> None:
    """Print how alike the kernels are, layer by layer, and how many of each file are dead."""
    first, second = (files[path].state for path in pair)
    layers = kernels.layer_similarity(first, second, alignment)
    shapes = {name: first[f"{name}.weight"].shape for name in layers}
    chance = kernels.chance_of_shapes(shapes, alignment)
    print_notes(files)
    typer.echo(f"{'layer':24} {'similarity':>10} {'SD':>6} {'kernels':>8} {'chance':>7}")
    for name, (mean, sd, n) in layers.items():
        typer.echo(f"{name:24} {mean:10.4f} {sd:6.3f} {n:8} {chance[name]:7.3f}")
    mean, level = kernels.mean_of_layers(layers), kernels.mean_of_known([*chance.values()])
    typer.echo(f"{'mean of the layers':24} {mean:10.4f} {'':15} {level:7.3f}")
    total = sum(shape[0] for shape in shapes.values())
    for path, (state, _) in files.items():
        constant, dead = kernels.count_constant_and_dead(state)
        if constant or dead:
            fate = "scored 0" if alignment == "paper" else "left out"
            typer.echo(
                f"{path}: of {total:,} kernels {constant:,} are constant (no correlation: {fate}) "
                f"and {dead:,} dead (shorter than {kernels.DEAD:.0%} of their layer's median)"
            )

"""The `paradox` command."""

import ast
import sys
from typing import Annotated

import typer

from paradoxlib import kernels, paths, training, weights
from paradoxlib import study as studies

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command("list")
def list_studies():
    """The studies, with their size and what of each is done here."""
    for name in studies.names():
        study = studies.load(name)
        trained = sum(training.is_trained(study, network) for network in study.networks)
        n, done = len(study.networks), len(list(paths.executed(name, "").glob("[0-9]*.ipynb")))
        tables = len(list(paths.figures(name).glob("*.csv")))
        typer.echo(
            f"{name:17} {n:4} {study.model.architecture} on {study.data.name}, {n * (n - 1) // 2:,} pairs: "
            f"{trained} trained, {done} notebooks run, {tables} tables in figures/"
        )


@app.command()
def run(
    study: str,
    notebooks: Annotated[list[str] | None, typer.Argument(help="numbers or names; all where not given")] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="KEY VALUE: a parameter of the notebooks", metavar="KEY VALUE")] = None,
    refresh: Annotated[bool, typer.Option(help="forget what was trained and computed here and start anew")] = False,
):
    """Run a study's notebooks in order; executed copies go to runs/STUDY/notebooks, figures and tables to figures/STUDY."""
    from paradoxlib import reproduce

    parameters = {}
    for entry in parameter or []:
        name, _, value = entry.partition("=")
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name] = value
    reproduce.run(study, notebooks or (), parameters, refresh, typer.echo)


@app.command()
def verify(study: str, data_root: Annotated[str, typer.Option(help="folder of the data sets; else $PARADOX_DATA, else data/")] = ""):
    """Recompute a sample of a study's committed results and compare: from its weights, and from its images where they are at hand."""
    from paradoxlib import verify as check

    table = check.verify(studies.load(study, data_root))
    for row in table.itertuples():
        if row.agrees is None:
            typer.echo(f"{row.result:12} not checked: {row.note}")
        else:
            verdict = "agrees" if row.agrees else "DIFFERS"
            typer.echo(
                f"{row.result:12} {verdict}: {row.checked} checked, off by {row.difference:.2g} at most (tolerated: {row.tolerance:g}); {row.note}"
            )
    if any(agrees is not None and not agrees for agrees in table["agrees"]):
        raise RuntimeError(f"the results of {study} do not come out again")


@app.command()
def compare(a: str, b: str, alignment: str = "paper"):
    """Similarity of anybody's two networks (.safetensors, .pt or .pth), layer by layer, beside the chance level of their shapes."""
    first, second = weights.read_state(a), weights.read_state(b)
    layers = kernels.layer_similarity(first, second, alignment)
    chance = kernels.chance_of_shapes({name: first[f"{name}.weight"].shape for name in layers}, alignment)
    typer.echo(f"{'layer':24} {'similarity':>10} {'SD':>6} {'kernels':>8} {'chance':>7}")
    for name, (mean, sd, n) in layers.items():
        typer.echo(f"{name:24} {mean:10.4f} {sd:6.3f} {n:8} {chance[name]:7.3f}")
    typer.echo(f"{'mean of the layers':24} {kernels.mean_of_layers(layers):10.4f} {'':15} {sum(chance.values()) / len(chance):7.3f}")


@app.command()
def measures(study: str, data_root: Annotated[str, typer.Option(help="folder of the data sets; else $PARADOX_DATA, else data/")] = ""):
    """How well does each measure of likeness go with how alike networks behave? Spearman's rho with compatibility, over kinds of pairs."""
    from paradoxlib import measure_bench

    table = measure_bench.bench(studies.load(study, data_root))
    typer.echo(f"{'':37}" + "".join(f"{kind:>34}" for kind in table["pairs"].unique()) + "   chance  seconds  needs")
    for name, rows in table.groupby("measure", sort=False):
        cells = [f"{row.rho:.2f} ({row.low:.2f} to {row.high:.2f}), p {row.p:.4f}" for row in rows.itertuples()]
        first = rows.iloc[0]
        typer.echo(f"{name:37}" + "".join(f"{cell:>34}" for cell in cells) + f"  {first['chance']:7.3f}  {first['seconds']:7.3f}  {first['needs']}")


def main(arguments=None):
    """Run the command: one sentence and exit code 2 on bad input, 1 on a failed notebook."""
    arguments = join_parameters(sys.argv[1:] if arguments is None else arguments)
    try:
        return app(arguments, standalone_mode=True)
    except (ValueError, OSError) as error:
        typer.echo(f"paradox: {error}", err=True)
        sys.exit(2)
    except RuntimeError as error:
        typer.echo(f"paradox: {error}", err=True)
        sys.exit(1)


def join_parameters(arguments):
    """Return the arguments with each `-p KEY VALUE` as `-p KEY=VALUE`."""
    joined, rest = [], list(arguments)
    while rest:
        joined.append(rest.pop(0))
        if joined[-1] == "-p" and len(rest) > 1 and "=" not in rest[0]:
            joined.append(f"{rest.pop(0)}={rest.pop(0)}")
    return joined


if __name__ == "__main__":
    main()

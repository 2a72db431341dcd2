"""The `paradox` command."""

import ast
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import pandas as pd
import typer

from paradoxlib import compare_command, keep, paths
from paradoxlib.paper import pages
from paradoxlib.studies import trained
from paradoxlib.studies.sessions import start
from paradoxlib.studies.study import load, names

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
DataRoot = Annotated[
    str, typer.Option(help="folder of the data sets; else $PARADOX_DATA, else data/")
]


@app.command("list")
def list_studies() -> None:
    """The studies, with their size and what of each is done here."""
    for name in names():
        study = load(name)
        done = sum(trained.is_trained(study, network) for network in study.networks)
        n, run = len(study.networks), len(list(paths.executed_file(name, "").glob("[0-9]*.ipynb")))
        tables = len(list(paths.figures_folder(name).glob("*.csv*")))
        typer.echo(
            f"{name:17} {n:4} {study.model.architecture} on {study.data.name}, "
            f"{n * (n - 1) // 2:,} pairs: {done} trained, {run} notebooks run, "
            f"{tables} tables in figures/"
        )


@app.command("tables")
def list_tables(
    study: str, names: Annotated[list[str] | None, typer.Argument(help="to see columns of")] = None
) -> None:
    """The tables of a study: what each shows and needs, and whether it is there.

    Given names of tables, what their columns mean.
    """
    from paradoxlib import controls, convergence, heatmaps, population, results

    known = controls.TABLES | convergence.TABLES | heatmaps.TABLES | population.TABLES
    chosen = load(study)
    for name in names or ():
        if name not in known:
            raise ValueError(f"unknown table {name!r}: choose of {', '.join(known)}")
        typer.echo(f"{name}: {known[name].shows}")
        for column in known[name].columns:
            typer.echo(f"  {column:24} {results.meanings()[column]}")
    if not names:
        for name, table in known.items():
            needs = f"(needs {', '.join(table.needs)})"
            typer.echo(f"{name:20} {table.state(chosen):14} {table.shows} {needs}")


@app.command()
def run(
    study: str,
    notebooks: Annotated[
        list[str] | None, typer.Argument(help="numbers or names; all where not given")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", help="a parameter of the notebooks", metavar="KEY VALUE"),
    ] = None,
    refresh: Annotated[
        bool, typer.Option(help="start anew; what there was comes back where that fails")
    ] = False,
) -> None:
    """Run a study's notebooks in order.

    Executed copies go to runs/STUDY/notebooks, figures and tables to figures/STUDY.
    """
    from paradoxlib import reproduce

    parameters: dict[str, Any] = {}
    for entry in parameter or []:
        name, _, value = entry.partition("=")
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            parameters[name] = value
    try:
        reproduce.run(study, notebooks or (), parameters, refresh, typer.echo)
    except reproduce.Ended as end:
        os._exit(end.number)  # at once: to take the libraries down would take seconds


@app.command()
def store(
    notebooks: Annotated[
        list[str] | None, typer.Argument(help="numbers or names; all where not given")
    ] = None,
) -> None:
    """Execute the repository's own notebooks in place, so that they hold their outputs."""
    from paradoxlib import reproduce

    reproduce.store(notebooks or (), typer.echo)


@app.command("verify")
def verify_results(study: str, data_root: DataRoot = "") -> None:
    """Recompute a sample of a study's committed results and compare; report on all claims.

    From its weights, and from its images where they are at hand; of a study that joins others,
    theirs, too.
    """
    from paradoxlib.verify import checks, reporting

    session, differing = start(study, data_root), 0
    for one in (session, *session.parts):
        table, found = checks.verify(one), reporting.report(one.study)
        typer.echo(f"{one.study.name}:")
        for row in table.itertuples():
            if row.agrees is None:
                typer.echo(f"{row.result:12} not checked: {row.note}")
                continue
            verdict = "agrees" if row.agrees else "DIFFERS"
            off = f"off by {row.difference:.2g} at most (tolerated: {row.tolerance:g})"
            typer.echo(f"{row.result:12} {verdict}: {row.checked} checked, {off}; {row.note}")
        typer.echo("\n".join(["", *found.lines, ""]))
        failed = sum(agrees is not None and not agrees for agrees in table["agrees"])
        differing += found.differing + failed
    if differing:
        raise RuntimeError(f"the results of {study} do not come out again")


@app.command("publish")
def publish_results(study: str) -> None:
    """Write what is expected of a study from its results, and the hashes of its files."""
    from paradoxlib.verify import publishing

    for path in publishing.publish_study(load(study)):
        typer.echo(path.relative_to(paths.HOME) if path.is_relative_to(paths.HOME) else path)


@app.command("claims")
def write_claims() -> None:
    """Write the tables of docs/claims.md anew, from the tables of claims in figures/."""
    page = paths.HOME / "docs" / "claims.md"
    text = pages.fill_page(
        page.read_text(),
        lambda name: pd.read_csv(paths.HOME / "figures" / f"{name}.csv", comment="#"),
    )
    with keep.atomic(page) as temporary:
        temporary.write_text(text)
    typer.echo(f"wrote {page}")


app.command("compare")(compare_command.run_compare)


@app.command("plan")
def plan_a_study(
    study: str,
    rate: Annotated[
        float | None, typer.Option(help="images a second that one machine or GPU trains on")
    ] = None,
    seconds: Annotated[float, typer.Option(help="to measure it for, where it is not given")] = 20,
    gpus: Annotated[int, typer.Option(help="of the line for SLURM")] = 4,
    device: str = "auto",
) -> None:
    """What a study takes from nothing: images, disk, hours, and a line for SLURM.

    Hours follow from a given rate (evaluation is then taken as three times as fast), or from this
    machine's, measured for training and for evaluation.
    """
    from paradoxlib.reproduce import planning

    for name, value in (("rate", rate), ("seconds", seconds), ("gpus", gpus)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value:g}: a number above 0 is needed")
    session = start(study, device=device)
    plan, settings = planning.plan_study(session), session.study
    size = settings.data.image_size
    what = f"{len(settings.networks)} {settings.model.architecture} on {settings.data.name}"
    typer.echo(f"{settings.name}: {what}, {size} x {size} pixels")
    typer.echo(f"train     {plan.trained:,} images, {plan.longest:,} of them one after the other")
    typer.echo(f"evaluate  {plan.evaluated:,} images")
    parts = (plan.data, "data"), (plan.weights, "weights"), (plan.predictions, "predictions")
    typer.echo("disk      " + ", ".join(f"{size / 1e9:.3f} GB of {part}" for size, part in parts))
    known = rate is not None or session.device.type == "cuda"
    if rate is not None:
        rates, source = planning.Rates(rate, planning.BACKWARD * rate), "given"
    else:
        rates, source = planning.sample_rates(session, seconds), f"measured on {session.device}"
    speed = f"{rates.training:,.0f} images a second, evaluation at {rates.evaluation:,.0f}"
    typer.echo(f"hours     {plan.hours(rates):,.2f}, training at {speed} ({source})")
    hours = plan.hours(rates, gpus) if known else None
    typer.echo(f"SLURM     {planning.slurm_line(study, gpus, hours)}")


@app.command("measures")
def bench_measures(study: Annotated[str, typer.Argument()] = "", data_root: DataRoot = "") -> None:
    """How well does each measure of likeness go with how alike networks behave?

    Spearman's rho with compatibility, over kinds of pairs. Without a study, list the measures.
    """
    from paradoxlib import results
    from paradoxlib.measures import catalogue

    if not study:
        typer.echo(catalogue.as_markdown())
        return

    table = results.measure_bench(start(study, data_root))
    kinds = "".join(f"{kind:>34}" for kind in table["pairs"].unique())
    typer.echo(f"{'':37}{kinds}   chance  seconds  needs")
    for name, rows in table.groupby("measure", sort=False):
        cells = [
            f"{row.rho:.2f} ({row.low:.2f} to {row.high:.2f}), p {row.p:.4f}"
            for row in rows.itertuples()
        ]
        about = rows.iloc[0]
        text = "".join(f"{cell:>34}" for cell in cells)
        cost = f"{about['chance']:7.3f}  {about['seconds']:7.3f}  {about['needs']}"
        typer.echo(f"{name:37}{text}  {cost}")


@app.command("explore")
def write_explorer(
    study: str,
    output: Annotated[Path, typer.Option("-o", help="the file to write")] = Path("explorer.html"),
    data_root: DataRoot = "",
) -> None:
    """Write the explorer of a study: one page of all pairs, to be opened in any browser."""
    from paradoxlib import explorer

    if output.is_dir():
        raise ValueError(f"{output} is a folder: -o takes the name of a file")
    size = explorer.write_page(start(study, data_root), output)
    typer.echo(f"{output}: {size / 1e6:.2f} MB; open it in a browser")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command: one sentence and exit code 2 on bad input, 1 on a failed notebook."""
    given = join_pairs(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        sys.exit(app(given, prog_name="paradox", standalone_mode=False) or 0)
    except (ValueError, OSError) as error:
        typer.echo(f"paradox: {one_line(error)}", err=True)
        sys.exit(2)
    except RuntimeError as error:
        typer.echo(f"paradox: {one_line(error)}", err=True)
        sys.exit(1)
    except Exception as error:
        if not hasattr(error, "format_message"):  # of the library that reads the arguments
            raise
        typer.echo(f"paradox: {one_line(usage(error))}", err=True)
        sys.exit(2)


def usage(error: Any) -> ValueError:
    """Return what is wrong with the command's arguments, and where to read how it is called."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "paradox"
    what = " ".join(error.format_message().split()).rstrip(".")
    return ValueError(f"{what}: see {command} --help")


def one_line(error: Exception) -> str:
    """Return what an error says on one line, not too long; what cannot be printed is escaped."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(error))
    return text if len(text) <= 1000 else f"{text[:700]} [...] {text[-200:]}"


def join_pairs(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with each `-p KEY VALUE` as `-p KEY=VALUE`: typer takes no pairs."""
    joined, rest = [], list(arguments)
    while rest:
        joined.append(rest.pop(0))
        if joined[-1] == "-p" and len(rest) > 1 and "=" not in rest[0]:
            joined.append(f"{rest.pop(0)}={rest.pop(0)}")
    return joined


if __name__ == "__main__":
    main()

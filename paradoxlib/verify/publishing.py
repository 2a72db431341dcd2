"""Write what says later whether a study's results are still those that were published."""

import hashlib
from pathlib import Path

from paradoxlib import keep, paths
from paradoxlib.studies.study import Study, names
from paradoxlib.verify import expected


def publish_study(study: Study) -> list[Path]:
    """Write a study's expected values and the hashes of its files; return the files written.

    Raises
    ------
    ValueError
        For a study that is not of the package or has no results, or where what is expected of it
        comes from several trainings, which one must not replace.
    """
    if study.name not in names():
        raise ValueError(f"{study.name} is no study of the package: choose of {', '.join(names())}")
    if not list_files(study):
        raise ValueError(f"study {study.name} has no results to publish: paradox run {study.name}")
    known, found = expected.read_expected(study), expected.quantities(study)
    if known is not None and (n := int(known["trainings"].max())) > 1:
        origin = f"are those of {n} trainings (benchmarks/spread.py), which one must not replace"
        raise ValueError(f"what is expected of study {study.name} {origin}")
    written = [paths.manifest_file(study.name)]
    if len(found):
        expected.write_expected(study, expected.summarise_trainings([found]))
        written.insert(0, paths.expected_file(study.name))
    write_manifest(study)
    return written


def list_files(study: Study) -> list[Path]:
    """Return the files that the repository holds of a study: figures, tables and weights."""
    folders = paths.figures_folder(study.name), paths.weights_file(study.name, "").parent
    found = sorted(path for folder in folders for path in folder.glob("[!.]*") if path.is_file())
    return [path for path in found if path != paths.manifest_file(study.name)]


def write_manifest(study: Study) -> None:
    """Write the hashes of a study's files, in the form of `sha256sum --check` at the top."""
    with keep.atomic(paths.manifest_file(study.name)) as temporary, temporary.open("w") as file:
        for path in list_files(study):
            name = path.relative_to(paths.HOME).as_posix()
            file.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")

"""What another seed or precision does to the demo's claims and headline numbers: trained, once.

Each training is the demo with other seeds of its networks (the first keeps its own), in float32 or
bfloat16; the means, and how far trainings differ, are what is expected of the demo on any machine
(paradoxlib/studies/expected/demo.csv). A run that was stopped goes on where it was.
"""

import argparse
import os
import time

import race
import yaml

from paradoxlib import paths, results
from paradoxlib.studies import sessions, study
from paradoxlib.verify import expected

HOME = paths.HOME / "runs" / "spread"
PRECISIONS = ("float32", "bfloat16")
SEED_STEP = 100  # between the seeds of two trainings


def parse():
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="trainings in each precision")
    parser.add_argument("--study", default="demo", help="a study of the package")
    parser.add_argument(
        "--short", action="store_true", help="to try it: few images, and write nothing"
    )
    return parser.parse_args()


def write_variant(source, number, precision, short):
    """Write the study with other seeds and a precision, and return its file."""
    content = yaml.safe_load(source.read_text())
    for network in content["networks"].values():
        network["seed"] += SEED_STEP * number
    content["name"] = f"{content['name']}-{number}-{precision}{'-short' if short else ''}"
    content["model"]["precision"] = precision
    if short:
        content["defaults"]["epochs"] = content["fine_tuning"]["epochs"] = 1
        content["data"] |= {"train_images": 64, "test_images": 20}
        content |= {"transplant_images": 4, "exchange_images": 2}
        content["evaluation"]["grid"] = {"contrast": [0.3, 1.0], "blur": [1.0], "gamma": [0.5]}
    path = HOME / f"{content['name']}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def main():
    arguments = parse()
    HOME.mkdir(parents=True, exist_ok=True)
    paths.HOME = HOME
    os.environ["PARADOX_HOME"] = str(HOME)  # of the processes that train
    source, trainings, begun = paths.STUDIES / f"{arguments.study}.yaml", [], time.monotonic()
    for number in range(arguments.seeds):
        for precision in PRECISIONS:
            path = write_variant(source, number, precision, arguments.short)
            session = sessions.start(path, recompute=True)
            for make in (results.claims, results.exchange_shares, results.unit_matches):
                make(session)
            results.cka_pairs(session)
            trainings.append(expected.quantities(session.study))
            print(f"{session.study.name}: {time.monotonic() - begun:.0f} s", flush=True)
    table = expected.summarise_trainings(trainings)
    if not arguments.short:
        expected.write_expected(study.load(arguments.study), table)
    print(f"\n{race.machine()}\n\n{len(trainings)} trainings of {arguments.study}:\n")
    print(table.round(4).to_csv(index=False))


if __name__ == "__main__":
    main()

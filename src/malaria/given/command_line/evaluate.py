"""`malaria evaluate`: how well a trained run does on labelled cells."""

import argparse
import json
import sys

from malaria.given.cells.images import name_in_class
from malaria.given.command_line.common import add_run_option, finished_run, folder_path, sound_cells
from malaria.given.runs.results import as_json, dark_spot_result, network_result, table
from malaria.given.runs.run_folder import RunFolder
from malaria.given.system.json_file import read_json
from malaria.given.system.quiet_start import import_tensorflow


def add_parser(commands) -> None:
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "evaluate",
        help="score a trained run on a labelled folder",
        description="Print accuracy, AUC, sensitivity and specificity of a trained run on a folder"
        " with Parasitized/ and Uninfected/, next to those of the dark-spot rule.",
    )
    parser.add_argument(
        "--data", type=folder_path, required=True, metavar="FOLDER", help="the labelled cells"
    )
    add_run_option(parser)
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    folder = finished_run(arguments)
    paths, labels, refused = sound_cells(arguments.data)
    if not paths:
        raise ValueError(f"There is no usable image in {arguments.data}.")
    seen = trained_on(folder, paths)
    if seen:
        print(
            f"malaria: {seen} of these {len(paths)} cells were in the run's training set, so these"
            " scores say little about new patients.",
            file=sys.stderr,
        )

    import_tensorflow()
    from tqdm import tqdm

    from malaria.given.runs.classifier import Classifier

    classifier = Classifier(folder.saved_model)
    probabilities = classifier.probabilities(paths, lambda b: tqdm(b, "evaluate", leave=False))
    results = {
        "classifier": network_result(labels, probabilities),
        "dark-spot rule": dark_spot_result(labels, paths),
    }
    parasitized = int(labels.sum())
    if arguments.json:
        about = {"run": str(folder), "cells": len(paths), "parasitized": parasitized}
        about |= {"in the training set": seen}
        print(json.dumps(about | as_json(results), indent=1))
    else:
        print(f"{folder} on {len(paths)} cells ({parasitized} parasitized)")
        print(table(results))
    return 1 if refused else 0


def trained_on(run: RunFolder, paths: list[str]) -> int:
    """How many of the files have names from the run's training set."""
    trained = set(read_json(run.split)["train"])
    return sum(name_in_class(path) in trained for path in paths)

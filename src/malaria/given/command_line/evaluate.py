"""`malaria evaluate`: how well a trained run does on labelled cells."""

import json
import sys
from pathlib import Path

import numpy as np

from malaria import utils
from malaria.given.command_line.common import RUNS, sound_files
from malaria.given.dark_spot import THRESHOLD, dark_spot_score
from malaria.given.runs.run_folder import SAVED_MODEL, newest_run, read_json
from malaria.given.scores import scores
from malaria.given.system.quiet_start import import_tensorflow


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "evaluate",
        help="how well a trained run does on a labelled folder",
        description="Print accuracy, AUC, sensitivity and specificity of a trained run on a folder"
        " with Parasitized/ and Uninfected/, beside those of the dark-spot rule.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--run", type=Path, metavar="RUN", dest="run_folder", help="default: newest"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command; returns the exit status."""
    run_folder = arguments.run_folder or newest_run(RUNS)
    if not (run_folder / SAVED_MODEL).is_dir():
        raise ValueError(f"{run_folder} is no finished run: it has no {SAVED_MODEL}.")
    listed, labels = utils.find_cells(arguments.data)
    label_of = dict(zip(listed, labels.tolist(), strict=True))
    paths = sound_files(listed)
    if not paths:
        raise ValueError(f"No sound image is left in {arguments.data}.")
    labels = np.array([label_of[path] for path in paths])
    seen = trained_on(run_folder, paths)
    if seen:
        print(
            f"malaria: {seen} of these {len(paths)} cells were in the run's training set, so these"
            " figures say little about new patients.",
            file=sys.stderr,
        )

    import_tensorflow()
    from tqdm import tqdm

    from malaria.given.runs.classifier import Classifier

    classifier = Classifier(run_folder / SAVED_MODEL)
    probabilities = classifier.probabilities(paths, lambda b: tqdm(b, "evaluate", leave=False))
    figures = {
        "run": str(run_folder),
        "cells": len(paths),
        "parasitized": int(labels.sum()),
        "in the training set": seen,
        "classifier": scores(labels, probabilities),
        "dark-spot rule": dark_spot_figures(paths, labels)[0],
    }
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        print(f"{run_folder} on {len(paths)} cells ({figures['parasitized']} parasitized)")
        print_figures({name: figures[name] for name in ("classifier", "dark-spot rule")})
    return 0 if len(paths) == len(listed) else 1


def trained_on(run_folder, paths):
    """How many of the files have names from the run's training set."""
    trained = set(read_json(run_folder / "split.json")["train"])
    return sum(Path(path).name in trained for path in paths)


def dark_spot_figures(paths, labels):
    """`(scores, values)` of the dark-spot rule: its figures, and its value for each file."""
    from PIL import Image

    values = np.array([dark_spot_score(np.asarray(Image.open(path))) for path in paths])
    # `scores` cuts at .5, the rule at its threshold: shift the one onto the other.
    return scores(labels, values - THRESHOLD + 0.5), values


def print_figures(table):
    """Print a table of figures: a dict from a name to what `scores` returns."""
    columns = ("accuracy", "auc", "sensitivity", "specificity")
    print(f"{'':18}" + "".join(f"{column:>13}" for column in columns))
    for name, figures in table.items():
        print(f"{name:18}" + "".join(f"{figures[column]:13.4f}" for column in columns))

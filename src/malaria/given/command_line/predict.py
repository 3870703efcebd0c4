"""`malaria predict`: the probability that each cell holds a parasite."""

import argparse
import csv
import json
import sys
from pathlib import Path

from malaria.given.cells.images import shown
from malaria.given.command_line.common import (
    add_run_option,
    finished_run,
    folder_path,
    listed_images,
    sound_files,
)
from malaria.given.system.quiet_start import import_tensorflow


def add_parser(commands) -> None:
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "predict",
        help="print the probability that each cell contains a parasite",
        description="Print P(parasitized) for each image; each file must show one cell. Files that"
        " are not cell images are named on stderr and skipped; the exit status is then 1.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="FILE or FOLDER",
        help="an image, or a folder that contains images at any depth",
    )
    add_run_option(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    parser.add_argument(
        "--heatmap",
        type=folder_path,
        metavar="FOLDER",
        help="write an image of each cell that marks the pixels to which its score is sensitive",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    folder = finished_run(arguments)
    newest = "" if arguments.run_folder else ", the newest run; --run chooses another"
    print(f"malaria: using the classifier of {folder}{newest}", file=sys.stderr)
    listed, missing = listed_images(arguments.paths)
    for sentence in missing:
        print(f"malaria: {sentence}", file=sys.stderr)
    sound = sound_files(listed)
    if not sound:
        raise ValueError("There is no usable image to classify.")
    if arguments.heatmap:
        arguments.heatmap.mkdir(parents=True, exist_ok=True)

    import_tensorflow()
    from malaria.given.runs.classifier import Classifier

    classifier = Classifier(folder.saved_model)
    probabilities = classifier.probabilities(sound)
    rows = [
        {"file": path, "probability": round(float(p), 4), "verdict": class_name(p)}
        for path, p in zip(sound, probabilities, strict=True)
    ]
    print_rows(rows, "json" if arguments.json else "csv" if arguments.csv else "table")
    if arguments.heatmap:
        write_heatmaps(classifier, sound, arguments.heatmap)
    return 1 if missing or len(sound) < len(listed) else 0


def class_name(probability: float) -> str:
    """The class that a cell is called, in a word."""
    return "parasitized" if probability > 0.5 else "uninfected"


def print_rows(rows: list[dict], form: str) -> None:
    """Print the predictions as a table for people, as JSON or as CSV."""
    if form == "json":
        print(json.dumps(rows, indent=1))  # ASCII, which every terminal and pipe can hold
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print("P(parasitized)  verdict      file")
        for row in rows:
            print(f"{row['probability']:>14.3f}  {row['verdict']:<11}  {shown(row['file'])}")
        parasitized = sum(row["verdict"] == "parasitized" for row in rows)
        print(f"{parasitized} of {len(rows)} cells are classified as parasitized")


def write_heatmaps(classifier, paths: list[str], folder: Path) -> None:
    """Write an overlay for each file: its name, or with a number where two files share a name."""
    from PIL import Image

    from malaria.given.pictures import overlay

    used = set()
    for path, (image, saliency) in zip(paths, classifier.saliency(paths), strict=True):
        name, number = f"{Path(path).stem}_heatmap.png", 2
        while name in used:
            name, number = f"{Path(path).stem}_{number}_heatmap.png", number + 1
        used.add(name)
        Image.fromarray(overlay(image, saliency)).save(folder / name)
    print(f"{len(paths)} heat maps are in {folder}", file=sys.stderr)

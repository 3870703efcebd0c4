"""`malaria predict`: the probability that each cell holds a parasite."""

import csv
import json
import sys
from pathlib import Path

from malaria import utils
from malaria.given.command_line.common import RUNS, sound_files
from malaria.given.runs.run_folder import SAVED_MODEL, newest_run
from malaria.given.system.quiet_start import import_tensorflow

SUFFIXES = (".png", ".jpg", ".jpeg")


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "predict",
        help="the probability that each cell holds a parasite",
        description="Print P(parasitized) for each image, one cell a file. Files that are no cell"
        " images are named on stderr and skipped; the exit status is then 1.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE or FOLDER")
    parser.add_argument(
        "--run", type=Path, metavar="RUN", dest="run_folder", help="default: newest"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    parser.add_argument(
        "--heatmap",
        type=Path,
        metavar="FOLDER",
        help="write each cell with the pixels that speak for a parasite marked",
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command; returns the exit status."""
    run_folder = arguments.run_folder or newest_run(RUNS)
    if not (run_folder / SAVED_MODEL).is_dir():
        raise ValueError(f"{run_folder} is no finished run: it has no {SAVED_MODEL}.")
    listed, missing = list_images(arguments.paths)
    for sentence in missing:
        print(f"malaria: {sentence}", file=sys.stderr)
    sound = sound_files(listed)
    if not sound:
        raise ValueError("No image is left to look at.")
    if arguments.heatmap:
        arguments.heatmap.mkdir(parents=True, exist_ok=True)

    import_tensorflow()
    from malaria.given.runs.classifier import Classifier

    classifier = Classifier(run_folder / SAVED_MODEL)
    probabilities = classifier.probabilities(sound)
    rows = [
        {"file": path, "probability": round(float(p), 4), "verdict": verdict(p)}
        for path, p in zip(sound, probabilities, strict=True)
    ]
    print_rows(rows, "json" if arguments.json else "csv" if arguments.csv else "table")
    if arguments.heatmap:
        write_heatmaps(classifier, sound, arguments.heatmap)
    return 1 if missing or len(sound) < len(listed) else 0


def list_images(paths):
    """The image files among and under some paths.

    Returns:
        `(files, sentences)`: the files, a list of str, each once; a sentence for each path that
        is not there or holds no image.
    """
    files, sentences = [], []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            files += inside
            if not inside:
                sentences.append(f"{path} holds no PNG or JPEG file.")
        elif path.exists():
            files.append(path)
        else:
            sentences.append(f"{path} does not exist.")
    return list(dict.fromkeys(map(str, files))), sentences


def verdict(probability):
    """The class of a cell, in a word."""
    return "parasitized" if probability > 0.5 else "uninfected"


def print_rows(rows, form):
    """Print the predictions as a table for people, as JSON or as CSV."""
    if form == "json":
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print("P(parasitized)  verdict      file")
        for row in rows:
            print(f"{row['probability']:>14.3f}  {row['verdict']:<11}  {row['file']}")
        parasitized = sum(row["verdict"] == "parasitized" for row in rows)
        print(f"{parasitized} of {len(rows)} cells look parasitized")


def write_heatmaps(classifier, paths, folder):
    """Write an overlay for each file: its name, or with a number where two files share a name."""
    from PIL import Image

    used = set()
    for start in range(0, len(paths), 64):  # 64 at once: the pictures need not all be in memory
        some = paths[start : start + 64]
        for path, image, saliency in zip(some, *classifier.saliency(some), strict=True):
            name, number = f"{Path(path).stem}_heatmap.png", 2
            while name in used:
                name, number = f"{Path(path).stem}_{number}_heatmap.png", number + 1
            used.add(name)
            Image.fromarray(utils.overlay(image, saliency)).save(folder / name)
    print(f"{len(paths)} heat-maps are in {folder}", file=sys.stderr)

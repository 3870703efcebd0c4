"""What several commands share: kinds of numbers, the run and the cells that are asked for."""

import argparse
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import malaria
from malaria.given.cells.folders import DATA, practice_cells
from malaria.given.cells.images import check_images, find_cells, images_in, shown
from malaria.given.exercises.stubs import first_unwritten
from malaria.given.runs.run_folder import RUNS, RunFolder

PRACTICE_CELLS = DATA / "practice_cells"
SHOWN = 20  # sentences about refused files; the rest are counted


def whole_number(least: int, most: float = math.inf):
    """An argparse type: an int from `least` to `most`."""

    def parse(text):
        number = int(text)
        if not least <= number <= most:
            bound = f"below {least}" if number < least else f"above {most}"
            raise argparse.ArgumentTypeError(f"{number} is {bound}")
        return number

    parse.__name__ = "whole number"  # argparse puts it into its sentence
    return parse


def fraction(text: str) -> float:
    """An argparse type: a float in [0, 1)."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not in [0, 1)")
    return number


def rate(text: str) -> float:
    """An argparse type: a positive float."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


def folder_path(text: str) -> Path:
    """An argparse type: the path of a folder that TensorFlow and JSON can hold as well."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(
            f"the name {shown(text)} is not UTF-8: rename the folder"
        ) from None
    return Path(text)


def add_run_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that `finished_run` looks at."""
    parser.add_argument(
        "--run",
        type=folder_path,
        metavar="RUN",
        dest="run_folder",
        help="the run to use; default: the newest",
    )


def finished_run(arguments: argparse.Namespace) -> RunFolder:
    """The run that was asked for, otherwise the newest.

    Raises:
        ValueError: It was not finished, or there is none.
    """
    if arguments.run_folder is None:
        return RunFolder.newest(RUNS)
    run = RunFolder(arguments.run_folder)
    if not run.saved_model.is_dir():
        raise ValueError(f"{run} is not a finished run: it has no {run.saved_model.name}.")
    return run


def use_written_modules(
    choice: str,
    names: Iterable[str] = malaria.LESSON_MODULES,
    otherwise: str = "train the reference",
) -> None:
    """Put the chosen modules in front.

    Args:
        choice: As for `malaria.use_modules`.
        names: The lesson modules that are needed.
        otherwise: What can be done while they are not written, for the sentence.

    Raises:
        ValueError: One of their exercises is not written, or another choice is in use already.
    """
    try:
        modules = malaria.use_modules(choice)
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    unwritten = first_unwritten(modules, names)
    if unwritten:
        number, file = unwritten
        raise ValueError(
            f"Exercise {number} in {file} is not written yet. Finish it first, or {otherwise} with"
            " --modules solutions."
        )


def listed_images(paths: Iterable[Path]) -> tuple[list[str], list[str]]:
    """The files among some paths, and the images under them, as `find_cells` finds them.

    Returns:
        `(files, sentences)`: the files, each once; a sentence for each folder without an image.
    """
    files, sentences = [], []
    for path in paths:
        # A file that is named is taken as it is, and checked like the others.
        inside = images_in(path) if os.path.isdir(path) else [str(path)]
        files += inside
        if not inside:
            sentences.append(f"{shown(path)} contains no PNG or JPEG file.")
    return list(dict.fromkeys(files)), sentences


def sound_files(paths: list[str]) -> list[str]:
    """Name every file that is not a sound cell image on stderr.

    Returns:
        The paths of the others, in order.
    """
    refused = check_images(paths)
    for reason in list(refused.values())[:SHOWN]:
        print(f"malaria: {reason}", file=sys.stderr)
    if len(refused) > SHOWN:
        print(f"malaria: {len(refused) - SHOWN} more files were refused", file=sys.stderr)
    return [path for path in paths if path not in refused]


def sound_cells(folder: Path) -> tuple[list[str], np.ndarray, int]:
    """Find the labelled cells of a folder, and name those that are not sound on stderr.

    The practice cells are drawn if they are asked for and not there.

    Returns:
        `(paths, labels, refused)`: of the N sound ones, `(N,)` int32, parasitized = 1; and how many
        files were refused.
    """
    practice = folder.resolve() == PRACTICE_CELLS.resolve()
    listed, labels = find_cells(practice_cells() if practice else folder)
    label_of = dict(zip(listed, labels.tolist(), strict=True))
    paths = sound_files(listed)
    return paths, np.array([label_of[path] for path in paths], np.int32), len(listed) - len(paths)

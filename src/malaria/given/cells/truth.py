"""What was drawn in a practice cell: `truth.csv`, against which its label can be held.

A set that an earlier version drew lacks the file. It is drawn again in memory then, which takes
seconds, and the file is written beside the cells; they stay as they are.
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from malaria.given.cells.folders import numbers_of
from malaria.given.cells.practice_cells import TRUTH, draw_set, row_of, write_truth
from malaria.given.system.whole import whole_file


def drawn_truth(paths):
    """Whether each practice cell shows a parasite that was drawn, whatever its label says.

    Args:
        paths: N `str` or `pathlib.Path`, as `find_cells` finds them, all of one set.

    Returns:
        `(N,)` int32: 1 where a parasite stains a part of the cell, otherwise 0; one that lies
        wholly where the segmentation cut the cell off does not count.

    Raises:
        ValueError: They are not practice cells, so that nobody knows more than the label.
    """
    paths = [Path(path) for path in paths]
    folders = {path.resolve().parent.parent for path in paths}
    if not paths:
        return np.zeros(0, np.int32)
    if len(folders) > 1:
        raise ValueError(f"The cells lie in {len(folders)} sets: ask for those of one at a time.")
    (images,) = folders
    rows = truth_of(images)
    files = [f"{path.parent.name}/{path.name}" for path in paths]
    for file in files:
        if file not in rows:
            raise ValueError(f"{images.parent / TRUTH} has no row for {file}: it was not drawn.")
    return np.array([rows[file]["stained"] > 0 for file in files], np.int32)


def truth_of(images):
    """The rows of `truth.csv` beside a set's `cell_images`, by file; without one, drawn again."""
    path = images.parent / TRUTH
    if path.is_file():
        try:
            with open(path, encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            return {row["file"]: row | {"stained": int(row["stained"])} for row in rows}
        except (KeyError, TypeError, ValueError, csv.Error):
            raise ValueError(f"{path} is damaged: delete it, and ask again.") from None
    numbers = numbers_of(images.parent)
    if images.name != "cell_images" or numbers is None:
        raise ValueError(
            f"{images} holds no practice cells with their {TRUTH}: of real cells nobody knows more"
            " than the label. Practice cells of an earlier version must be drawn again."
        )
    rows = drawn_again(images, *numbers)
    try:
        with whole_file(path) as unfinished:
            write_truth(unfinished, rows)
    except OSError:
        pass  # the course is another user's: drawn again next time
    return {row["file"]: row for row in rows}


def drawn_again(images, patients, cells, seed, hospital):
    """The rows of a set drawn again; a picture that differs is refused."""
    rows = []
    for label, file, drawn in draw_set(patients, cells, seed, hospital):
        if (images / file).is_file():
            with Image.open(images / file) as image:
                if not np.array_equal(np.asarray(image), drawn.image):
                    raise ValueError(f"{images / file} is not the cell that was drawn there.")
        rows.append(row_of(label, file, drawn))
    return rows

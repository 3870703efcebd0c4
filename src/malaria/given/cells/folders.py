"""Where the cells of this project lie: the practice cells, drawn when needed; the real ones."""

import os
import re
from pathlib import Path

from malaria import PROJECT
from malaria.given.cells.practice_cells import CELLS, HOSPITAL, PATIENTS, SEED, draw_cells

DATA = PROJECT / "data"
# For practice cells that may not be written there: the course may be another user's.
OWN_DATA = Path(os.path.expanduser("~")) / ".cache" / "malaria"


def practice_cells(patients=PATIENTS, cells=CELLS, seed=SEED, hospital=HOSPITAL):
    """The folder of a set of practice cells, drawn when it is asked for the first time.

    Args:
        patients, cells, seed, hospital: As in `malaria data`; each choice has a folder of its own.

    Returns:
        A `pathlib.Path` with the folders `Parasitized` and `Uninfected`.

    Raises:
        ValueError: A number is out of range.
        OSError: The folder cannot be written, or holds something else.
    """
    name = folder_name(patients, cells, seed, hospital)
    places = [DATA / name, OWN_DATA / name]
    drawn = [place for place in places if (place / "cell_images").is_dir()]
    folder = drawn[0] if drawn else places[not may_write(DATA)]
    if not drawn:
        try:
            draw_cells(folder, patients, cells, seed, hospital=hospital)
        except FileExistsError:
            if not (folder / "cell_images").is_dir():  # not merely drawn by another notebook
                raise
    return folder / "cell_images"


def folder_name(patients, cells, seed, hospital):
    """What the folder of a set of practice cells is called: short for the default set only."""
    name = "practice_cells"
    if (patients, cells, seed, hospital) != (PATIENTS, CELLS, SEED, HOSPITAL):
        name += f"_{patients}_{cells}_{seed}"
    return name if hospital == HOSPITAL else f"{name}_hospital_{hospital}"


def numbers_of(folder):
    """The four arguments with which `practice_cells` named a folder, or None."""
    folder = Path(folder).resolve()
    if folder.parent not in (DATA.resolve(), OWN_DATA.resolve()):
        return None
    if folder.name == "practice_cells":
        return PATIENTS, CELLS, SEED, HOSPITAL
    form = r"practice_cells_(\d+)_(\d+)_(\d+)(?:_hospital_(\d+))?"
    numbers = re.fullmatch(form, folder.name, re.ASCII)
    return numbers and tuple(map(int, numbers.groups(default=HOSPITAL)))


def may_write(folder):
    """Whether files may be made in a folder, or the folder itself."""
    return os.access(folder if folder.is_dir() else folder.parent, os.W_OK)


def nih_cells():
    """The folder of the real cells, or None unless `malaria data --nih` has fetched them."""
    folder = DATA / "nih_cells" / "cell_images"
    return folder if folder.is_dir() else None

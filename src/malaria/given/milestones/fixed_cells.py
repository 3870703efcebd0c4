"""The cells on which the classifiers of all lessons are trained and tested.

A learner's own split is right in many ways, and each would give other test patients. Figures of
different lessons can be compared only where the patients are the same, so here they are listed.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from malaria.given.cells.folders import practice_cells
from malaria.given.cells.images import find_cells
from malaria.given.cells.practice_cells import patient_name

# Numbers of patients of the default practice cells: the validation and the test set that the
# reference's split makes of them with seed 0. All others are trained on.
VAL = (4, 6, 108, 115, 134, 140, 147, 195, 205, 215, 233)
TEST = (22, 70, 84, 85, 141, 152, 163, 170, 187, 206, 208, 218)


class Cells(NamedTuple):
    """N cells; the images are read where they are needed.

    Attributes:
        paths: `(N,)` str.
        labels: `(N,)` int32, parasitized = 1.
        patients: `(N,)` str: the beginning of each file name, such as "C33P20ThinF", which the
            cells of a patient share and those of no other.
    """

    paths: np.ndarray
    labels: np.ndarray
    patients: np.ndarray

    def of(self, chosen):
        """The cells at some places, which is whatever indexes an array."""
        return Cells(*(part[chosen] for part in self))


class MilestoneCells(NamedTuple):
    """The three sets; they share no patient."""

    train: Cells
    val: Cells
    test: Cells


def milestone_cells():
    """The same training, validation and test patients in every lesson, of the practice cells.

    Returns:
        `MilestoneCells` of 1,446, 469 and 485 cells. The order is that of `find_cells`: uninfected
        cells first.
    """
    paths, labels = find_cells(practice_cells())
    patients = np.array([Path(path).name.partition("_IMG_")[0] for path in paths])
    cells = Cells(np.array(paths), labels, patients)
    val, test = (np.isin(patients, [patient_name(k) for k in own]) for own in (VAL, TEST))
    return MilestoneCells(cells.of(~val & ~test), cells.of(val), cells.of(test))

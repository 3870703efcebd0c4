"""The cells of a run, and the sets they are split into."""

from typing import NamedTuple

import numpy as np

SETS = ("train", "val", "test")


class SplitCells(NamedTuple):
    """N cells and their sets.

    Attributes:
        paths: N strings.
        labels: `(N,)` int32, parasitized = 1.
        patients: `(N,)` str.
        sets: A dict from each of `SETS` to the indices of its cells.
    """

    paths: list[str]
    labels: np.ndarray
    patients: np.ndarray
    sets: dict[str, np.ndarray]

    def paths_of(self, name: str) -> list[str]:
        """The paths of one set."""
        return [self.paths[row] for row in self.sets[name]]

    def labels_of(self, name: str) -> np.ndarray:
        """The labels of one set."""
        return self.labels[self.sets[name]]

    def patients_of(self, name: str) -> np.ndarray:
        """The patient of each cell of one set."""
        return self.patients[self.sets[name]]

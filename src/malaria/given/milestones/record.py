"""The milestones of the course: what the reference reached with each, and what a learner reaches.

`recorded.json` is made from what the lessons print, so that there is one source: for maintainers,
`python -m tools.milestones`.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from malaria.given.milestones.fixed_cells import milestone_cells
from malaria.given.scores import auc_interval_by_patient, scores

RECORD = Path(__file__).with_name("recorded.json")


class Milestone(NamedTuple):
    """How well one classifier of the course does on patients whom it has not met.

    Attributes:
        lesson: The number of the lesson that makes it; None if the record has no such name.
        name: What it is.
        auc: Its AUC on the test cells, a float in [0, 1].
        low, high: The 95% interval of the AUC, by patient.
    """

    lesson: int | None
    name: str
    auc: float
    low: float
    high: float

    def __str__(self):
        """One line, which the record is made from."""
        figures = f"AUC {self.auc:.3f}, 95% interval {self.low:.3f} to {self.high:.3f}"
        return f"{self.name}: {figures}"


def recorded():
    """What the reference reached: a list of `Milestone`, in the order of the course."""
    return [Milestone(*entry) for entry in json.loads(RECORD.read_text(encoding="utf-8"))]


def milestones(answers, patients=None, labels=None):
    """Measure classifiers on test cells.

    Args:
        answers: A dict from a classifier's name to its answers, N numbers each: the higher, the
            more parasitized.
        patients: The patient of each cell, N strings; by default those of `milestone_cells().test`.
        labels: N ints, parasitized = 1; with `patients` only.

    Returns:
        A list of `Milestone`, in the order of `answers`.

    Raises:
        ValueError: The answers are not N finite numbers.
    """
    if patients is None:
        _, labels, patients = milestone_cells().test
    labels = np.asarray(labels)
    lesson_of = {milestone.name: milestone.lesson for milestone in recorded()}
    measured = []
    for name, values in answers.items():
        values = np.asarray(values, float)
        if values.shape != labels.shape:
            raise ValueError(
                f"{name}: one answer for each of the {len(labels)} test cells is needed, a"
                f" shape of {labels.shape}, not {values.shape}."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: {np.sum(~np.isfinite(values))} answers are not finite.")
        auc = scores(labels, values)["auc"]
        interval = auc_interval_by_patient(patients, labels, values)
        measured.append(Milestone(lesson_of.get(name), name, auc, *interval))
    return measured

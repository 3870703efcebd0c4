"""The figure that grows: the same patients everywhere, intervals by patient, a record kept true."""

import json
import math
import time

import matplotlib as mpl
import nbformat
import numpy as np
import pytest

from malaria import utils
from malaria.given.cells.practice_cells import (
    CELLS,
    PATIENTS,
    SEED,
    patient_name,
    plan_counts,
    plan_numbers,
)
from malaria.given.milestones import fixed_cells, picture, record
from malaria.given.scores import auc_interval_by_patient, scores
from solutions.train_test_split import patient_of, split_by_patient
from tools.milestones import as_text, collected, stored_lessons

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def no_open_figures():
    """matplotlib keeps every figure until it is closed."""
    yield
    plt.close("all")


def planned_cells():
    """Names and labels of the default practice cells; nothing is drawn."""
    rng = np.random.default_rng([SEED, 0])
    counts = plan_counts(rng, PATIENTS, CELLS)
    numbers = plan_numbers(rng, counts)
    names, labels = [], []
    for number, own in zip(numbers.tolist(), counts, strict=True):
        names += [f"{patient_name(number)}_IMG_1_1_cell_{k}.png" for k in range(own.sum())]
        labels += np.repeat([0, 1], own).tolist()
    return names, np.array(labels, np.int32)


def test_the_patients_are_those_of_the_reference_s_split(monkeypatch):
    """Whatever split a learner wrote, the figures of all lessons are of the same patients."""
    names, labels = planned_cells()
    monkeypatch.setattr(fixed_cells, "practice_cells", lambda: "a folder")
    monkeypatch.setattr(fixed_cells, "find_cells", lambda folder: (names, labels))
    sets = utils.milestone_cells()
    patients = np.array([patient_of(name) for name in names])
    for cells, rows in zip(sets, split_by_patient(patients, labels, seed=0), strict=True):
        assert sorted(cells.paths) == sorted(np.array(names)[rows])
        assert {patient_of(path) for path in cells.paths} == set(patients[rows])
        assert cells.labels.sum() == labels[rows].sum()
        assert len(set(cells.patients)) == len(set(patients[rows]))


def some_values(cells=120, names=9):
    """Patients, labels and values that tell the classes apart somewhat, with ties."""
    rng = np.random.default_rng(3)
    patients = np.array([f"C{k}" for k in rng.integers(names, size=cells)])
    labels = rng.integers(0, 2, cells)
    return patients, labels, np.round(rng.random(cells) + 0.4 * labels, 1)


def test_the_interval_of_an_auc_is_that_of_repeated_cells():
    """Each draw written out: the cells of a patient who is drawn twice count twice."""
    patients, labels, values = some_values()
    names = np.unique(patients)
    drawn = np.random.default_rng(0).multinomial(9, np.full(9, 1 / 9), size=200)
    aucs = []
    for times in drawn:
        rows = np.repeat(np.arange(len(patients)), times[np.searchsorted(names, patients)])
        aucs.append(scores(labels[rows], values[rows])["auc"])
    expected = np.percentile(aucs, (2.5, 97.5))
    assert auc_interval_by_patient(patients, labels, values, 200) == pytest.approx(expected)


def test_an_auc_of_one_answer_has_no_width():
    """All ties: a coin, whoever is drawn."""
    patients, labels, _ = some_values()
    assert auc_interval_by_patient(patients, labels, np.ones(len(labels))) == (0.5, 0.5)


def test_an_auc_without_patients_or_classes_has_no_interval():
    """NaN: nothing is known. Draws of patients of one class are left out."""
    patients, labels, values = some_values()
    for given in ((np.repeat("C1", 120), labels), (patients, 0 * labels), (patients, labels**0)):
        assert all(map(math.isnan, auc_interval_by_patient(*given, values)))
    assert auc_interval_by_patient(["C1", "C2"], [0, 1], [0.1, 0.9]) == (1, 1)


def test_the_interval_is_quick():
    """A lesson waits for it: 2,000 draws of some 500 cells."""
    given = some_values(485, 12)
    start = time.process_time()
    auc_interval_by_patient(*given)
    assert time.process_time() - start < 1.5


def test_a_milestone_is_measured_on_cells():
    """Its name, its AUC and the interval, and a line from which the record is made."""
    patients, labels, values = some_values()
    (own,) = utils.milestones({"a try": values}, patients, labels)
    low, high = auc_interval_by_patient(patients, labels, values)
    assert own == (None, "a try", scores(labels, values)["auc"], low, high)
    assert str(own) == f"a try: AUC {own.auc:.3f}, 95% interval {low:.3f} to {high:.3f}"


def test_answers_that_cannot_be_measured_are_refused():
    """Of another number, of another shape, or not finite."""
    patients, labels, values = some_values()
    for answers in (values[1:], values[:, None]):
        with pytest.raises(ValueError, match=r"^a try: one answer for each of the 120 test cells"):
            utils.milestones({"a try": answers}, patients, labels)
    with pytest.raises(ValueError, match=r"^a try: 2 answers are not finite"):
        utils.milestones({"a try": [np.nan, np.inf, *values[2:]]}, patients, labels)


RECORD = [(0, "coin", 0.5, 0.4, 0.6), (1, "rule", 0.9, 0.8, 1.0), (2, "network", 0.7, 0.6, 0.8)]


@pytest.fixture
def small_record(monkeypatch):
    """Three milestones of three lessons."""
    entries = [record.Milestone(*entry) for entry in RECORD]
    monkeypatch.setattr(picture, "recorded", lambda: entries)
    return entries


def drawn_names(figure):
    """What stands below the axis."""
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_the_picture_shows_what_came_before_and_leaves_room_for_the_rest(small_record):
    """Grey from the record, blue what was measured now; the network of lesson 2 is to come."""
    own = small_record[1]._replace(auc=0.85)
    figure = utils.plot_milestones([own])
    figure.canvas.draw()
    assert drawn_names(figure) == ["coin", "rule", ""]
    points = [container.lines[0] for container in figure.axes[0].containers]
    assert [point.get_ydata()[0] for point in points] == [0.5, 0.85]
    assert [point.get_color() for point in points] == [utils.GREY, utils.BLUE]
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == ["0.50", "0.85", "lesson 0", "lesson 1", "lesson 2"]


def test_a_try_of_one_s_own_stands_at_the_end(small_record):
    """All steps of the record stand before a name that it does not have."""
    own = record.Milestone(None, "a try", 0.2, 0.1, 0.3)
    figure = utils.plot_milestones([own])
    assert drawn_names(figure) == ["coin", "rule", "network", "a try"]
    assert figure.axes[0].texts[-1].get_text() == "yours"
    assert figure.axes[0].get_ylim()[0] < 0.1


def test_a_picture_of_nothing_is_refused(small_record):
    """With a sentence."""
    with pytest.raises(ValueError, match="at least one milestone"):
        utils.plot_milestones([])


def test_the_record_is_what_the_lessons_print():
    """Otherwise, run `python -m tools.notebooks` and then `python -m tools.milestones`."""
    stored = collected(stored_lessons())
    assert record.RECORD.read_text(encoding="utf-8") == as_text(stored)
    assert [list(milestone) for milestone in record.recorded()] == stored


def notebook_with(*names):
    """A lesson that prints a milestone for each name, and another cell that draws none."""
    lines = "".join(f"{name}: AUC 0.910, 95% interval 0.800 to 0.990\n" for name in names)
    notebook = nbformat.v4.new_notebook()
    for source in ("reached = utils.milestones(answers)", "print(*utils.milestones(tries))"):
        cell = nbformat.v4.new_code_cell(source)
        cell.outputs = [nbformat.v4.new_output("stream", text=lines)]
        notebook.cells.append(cell)
    return notebook


def test_a_milestone_is_recorded_once():
    """The text is the JSON that was meant; a name that comes twice is refused."""
    found = collected({3: notebook_with("a", "b, twice as wide"), 4: notebook_with("c")})
    assert [entry[:2] for entry in found] == [[3, "a"], [3, "b, twice as wide"], [4, "c"]]
    assert found[0][2:] == [0.91, 0.8, 0.99]
    assert json.loads(as_text(found)) == found
    with pytest.raises(ValueError, match=r"a name of its own: a\."):
        collected({3: notebook_with("a"), 4: notebook_with("b", "a")})

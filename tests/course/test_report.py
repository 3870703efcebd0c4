"""The report: one file, everything escaped, whatever the run was like; and the scores in it."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest

from malaria.given.cells.nih_zip import CREDIT
from malaria.given.command_line.train_options import Settings
from malaria.given.runs import report
from malaria.given.runs.results import Result, as_json, meaning, table
from malaria.given.runs.run_folder import RunFolder
from malaria.given.runs.split_cells import SplitCells
from malaria.given.scores import (
    area_under,
    calibration_error,
    confusion,
    interval_by_patient,
    reliability,
    roc_curve,
    scores,
    threshold_for,
)
from malaria.given.system.json_file import write_json

NAN = math.nan
HISTORY = {
    "phase": ["whole", "head"],
    "loss": [0.7, 0.5],
    "val_loss": [0.6, 0.55],
    "val_accuracy": [0.7, 0.8],
    "val_auc": [0.8, 0.9],
}


def made_up_cells(cells=64, test=20):
    """Cells of patients with four each; the last ones are the test set."""
    rows = np.arange(cells)
    return SplitCells(
        paths=[f"Parasitized/C{k}.png" for k in rows],
        labels=np.random.default_rng(0).integers(0, 2, cells),
        patients=np.array([f"C{k // 4}" for k in rows]),
        sets={"train": rows[: cells // 2], "val": rows[cells // 2 : -test], "test": rows[-test:]},
    )


def made_up_results():
    """A network that guesses, beside a baseline with values and one without."""
    rng = np.random.default_rng(1)
    auc_only = {"accuracy": 0.5, "auc": 0.9, "sensitivity": NAN, "specificity": NAN}
    return {
        "classifier": Result({"accuracy": 0.25, "auc": 0.5}, rng.random(20)),
        "dark-spot rule": Result(auc_only, rng.random(20)),
        "majority baseline": Result({"accuracy": 0.5}),
    }


def noise(paths):
    """A picture and a map for each path."""
    rng = np.random.default_rng(2)
    return [(rng.random((8, 8, 3)), rng.random((8, 8))) for _ in paths]


class Page(HTMLParser):
    """What a page says and would load; every element in it must be closed."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.sources, self.links, self.open, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "srcset", "data")]
        self.links += [value for name, value in attrs if name == "href"]
        assert tag not in ("script", "link", "iframe")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def words(self):
        """All that it says, with single spaces."""
        return " ".join(" ".join(self.texts).split())


def page_of(folder, *, settings=None, history=HISTORY, cells=None, results=None, notes=()):
    """The report on a run that is made up, except for what is given."""
    run = RunFolder(folder)
    run.path.mkdir(exist_ok=True)
    write_json(run.history, history)
    report.write_report(
        run,
        settings or Settings(modules="solutions", data="data/cells", fingerprint="0123hash"),
        cells or made_up_cells(),
        results or made_up_results(),
        noise,
        notes,
    )
    assert {path.name for path in run.path.iterdir()} == {"history.json", "report.html"}
    page = Page()
    page.feed(run.report.read_text(encoding="utf-8"))
    assert not page.open
    return page


def test_the_report_holds_all_it_needs(tmp_path):
    """Every picture is inside; nothing is fetched."""
    page = page_of(tmp_path)
    assert len(page.sources) > 5
    assert all(source.startswith("data:image/") for source in page.sources)
    for text in ("dark-spot rule", "majority baseline", "Training", "worst mistakes"):
        assert text in page.words
    assert "must not be used to diagnose" in page.words
    assert "0123hash" not in page.words


def test_the_report_gives_credit_with_a_link(tmp_path):
    """The notice goes wherever the pictures go, and leads to the paper."""
    page = page_of(tmp_path)
    assert CREDIT in "".join(page.texts)
    assert page.links == ["https://doi.org/10.7717/peerj.4568"]


def test_the_report_shows_the_scores_that_it_is_given(tmp_path):
    """They were computed once; a dash stands for what is not known."""
    words = page_of(tmp_path).words
    assert "classifier 0.2500 0.5000 \N{EN DASH} \N{EN DASH}" in words
    assert "majority baseline 0.5000 \N{EN DASH} \N{EN DASH} \N{EN DASH}" in words


def test_the_rule_in_the_report_is_the_rule_in_use(tmp_path, monkeypatch):
    """The threshold in its words is the constant."""
    monkeypatch.setattr(report, "THRESHOLD", 47)
    assert "lie 47 levels of green below" in page_of(tmp_path).words


def test_names_are_shown_as_they_are(tmp_path):
    """Folders and files may have any name; the page must not run it."""
    name, file = '<script>alert("x")</script> & Zellen {{ 7 * 7 }}', "<b>cell.png"
    cells = made_up_cells()
    page = page_of(
        tmp_path / "R & D",
        cells=cells._replace(paths=[file] * len(cells.paths)),
        results=made_up_results() | {name: Result({})},
        notes=[name],
        settings=Settings(data=name, modules=name),
    )
    assert page.words.count("classifier: R & D") == 2
    assert page.words.count(name) == 6  # the note, the row of scores, data and modules twice
    assert page.words.count(file) > 2  # the mistakes


def test_a_patient_in_two_sets_is_reported(tmp_path):
    """Each such patient once, in however many sets it stands."""
    cells = made_up_cells()
    assert "in more than one set: none." in page_of(tmp_path, cells=cells).words
    cells.patients[[0, 35, 59]] = "C99"  # in all three
    assert "in more than one set: 1." in page_of(tmp_path, cells=cells).words


def network(values):
    """Results of a network with these values for the test cells, and nothing beside it."""
    return {"classifier": Result({"accuracy": 0.5}, np.asarray(values, float))}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"history": {}}, "No epoch was finished"),
        ({"history": HISTORY | {"val_loss": [NAN, NAN]}}, "never a number"),
        ({"history": HISTORY | {"val_loss": [NAN, 0.5]}}, "after epoch 2 of 2"),
        ({"results": network([NAN] * 20)}, "There is none among the test cells"),
        ({"results": network(made_up_cells().labels_of("test"))}, "There is none among the test"),
        ({"cells": made_up_cells()._replace(labels=np.ones(64, int))}, "all of one class"),
        ({"cells": made_up_cells()._replace(patients=np.array(["C1"] * 64))}, "of 1 patients"),
        ({"settings": Settings(modules="")}, "with the learner's own modules"),
    ],
    ids=[
        *("no epoch", "no validation loss", "one validation loss", "no number", "no mistake"),
        *("one class", "one patient", "own modules"),
    ],
)
def test_odd_runs_are_reported_too(tmp_path, changes, sentence):
    """A run that was stopped at once, or that went wrong, needs its report most."""
    assert sentence in page_of(tmp_path, **changes).words


def test_an_unknown_score_is_null_in_json_and_a_dash_in_the_table():
    """NaN is for arithmetic only."""
    results = {"rule": Result({"accuracy": 0.5, "auc": NAN})}
    assert as_json(results) == {"rule": {"accuracy": 0.5, "auc": None}}
    assert table(results).splitlines()[1].split() == ["rule", "0.5000", "-", "-", "-"]


@pytest.mark.parametrize(
    ("network", "rule", "sentence"),
    [
        (10, 6, "The network is better than the rule."),
        (6, 10, "The network is worse than the rule: it has not learned enough."),
        (9, 9, "The network is not better than the rule. There are too few patients"),
    ],
)
def test_the_figures_are_explained(network, rule, sentence):
    """20 patients of 10 cells; network and rule call so many cells of each right."""
    patients = np.repeat([f"C{k}" for k in range(20)], 10)
    labels, place = np.tile([0, 1], 100), np.tile(np.arange(10), 20)

    def result(right, low, high):
        called = np.where(place < right, labels, 1 - labels)
        return Result({}, np.where(called == 1, high, low))

    said = meaning(labels, patients, result(network, 0.1, 0.9), result(rule, 10, 60))
    assert "Of 200 cells of 20 patients" in said
    share = f"{network / 10:.3f}"
    assert f"accuracy is {share} (95% interval by patient: {share} to" in said
    assert f"learns nothing, is {rule / 10:.3f}." in said
    assert sentence in said


def test_a_gain_within_the_scatter_is_not_called_one():
    """One patient in three is called better, one worse: the sign of the mean is chance."""
    patients = np.repeat([f"C{k}" for k in range(9)], 4)
    labels, number = np.zeros(36, int), np.repeat(np.arange(9), 4)
    ours = Result({}, np.where(number % 3 == 0, 0.9, 0.1))
    theirs = Result({}, np.where((number % 3 == 1) | (number == 2), 60, 10))
    said = meaning(labels, patients, ours, theirs)
    assert said.endswith("0.556. There are too few patients to tell which of the two is better.")
    one = meaning(labels, np.repeat("C1", 36), ours, theirs)
    assert "interval" not in one
    assert "too few patients" in one


def test_the_scores_by_hand():
    """Six cells, one parasite missed, one false alarm, and a tie across the classes."""
    labels, values = [0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.6, 0.4, 0.7, 0.9]
    assert confusion(labels, np.array(values) > 0.5).tolist() == [[2, 1], [1, 2]]
    found = scores(labels, values)
    # Of the 9 pairs 7 are in order and one is tied.
    assert found == pytest.approx(
        {"accuracy": 4 / 6, "auc": 7.5 / 9, "sensitivity": 2 / 3, "specificity": 2 / 3}
    )
    false_alarms, hits = roc_curve(labels, values)
    assert (false_alarms[0], hits[0], false_alarms[-1], hits[-1]) == (0, 0, 1, 1)
    assert area_under(false_alarms, hits) == found["auc"]


def test_an_absent_class_leaves_figures_undefined():
    """NaN, not 0 or 1: nothing is known of it."""
    figures = scores([0, 0], [0.2, 0.8])
    assert figures["accuracy"] == figures["specificity"] == 0.5
    assert math.isnan(figures["sensitivity"])
    assert math.isnan(figures["auc"])


@pytest.mark.parametrize(
    ("sensitivity", "threshold"),
    [(0.25, 0.85), (0.5, 0.65), (0.51, 0.35), (0.75, 0.35), (1, 0.15)],
)
def test_a_threshold_finds_the_share_of_cells_that_is_asked_for(sensitivity, threshold):
    """Half way to the next lower cell, of whichever class; a tie is found as a whole."""
    labels, values = [1, 0, 1, 0, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.4, 0.4, 0.3, 0]
    if sensitivity == 1:
        values[5] = 0.3
    assert threshold_for(labels, values, sensitivity) == pytest.approx(threshold)
    assert scores(labels, values, threshold)["sensitivity"] >= sensitivity


def test_a_threshold_below_all_cells_and_between_neighbours():
    """It lies below the last cell that is needed, whatever little room there is."""
    one = np.nextafter(1.0, 2)
    for values in ([1.0, 1.0], [1.0, one], [0.0, 5e-324]):
        threshold = threshold_for([1, 1], values, 1)
        assert threshold < min(values)
        assert scores([1, 1], values, threshold)["sensitivity"] == 1
    assert threshold_for([0, 1], [1.0, one], 1) == 1.0
    # 19 of 20, although 0.95 is a little more than 95/100 as a float.
    assert threshold_for([1] * 20, range(20), 0.95) == 0.5


@pytest.mark.parametrize(
    ("labels", "sensitivity", "sentence"),
    [([1], 0, "must lie in"), ([1], 1.1, "must lie in"), ([0], 0.9, "Without a parasitized cell")],
)
def test_a_threshold_that_nothing_can_reach_is_refused(labels, sensitivity, sentence):
    """Rather than a figure that means something else."""
    with pytest.raises(ValueError, match=sentence):
        threshold_for(labels, [0.5], sensitivity)


def test_reliability_by_hand():
    """Two bins: three cells called 0.2 on average of which one is, and two called 0.9 and 1."""
    labels, values = [0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.9, 1.0]
    said, found, cells = reliability(labels, values, bins=2)
    assert said == pytest.approx([0.2, 0.95])
    assert found == pytest.approx([1 / 3, 1])
    assert cells.tolist() == [3, 2]
    error = (3 * (1 / 3 - 0.2) + 2 * 0.05) / 5
    assert calibration_error(labels, values, bins=2) == pytest.approx(error)
    assert reliability([1, 0], [1.0, 0.05])[2].tolist() == [1, 1]  # empty bins are left out
    assert math.isnan(calibration_error([], []))
    with pytest.raises(ValueError, match="must lie in"):
        reliability([1], [1.5])


def test_perfect_probabilities_are_found_calibrated():
    """And overconfident ones not: the same cells, with logits three times as large."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=20_000)
    probabilities = 1 / (1 + np.exp(-logits))
    labels = rng.random(20_000) < probabilities
    assert calibration_error(labels, probabilities) < 0.015
    assert calibration_error(labels, 1 / (1 + np.exp(-3 * logits))) > 0.1


def test_the_interval_is_wider_when_patients_err_together():
    """The same accuracy, but spread over all patients or gathered in some."""
    patients = np.repeat([f"C{k}" for k in range(20)], 10)
    spread = np.tile([True] * 9 + [False], 20)
    gathered = np.repeat([True] * 18 + [False] * 2, 10)
    narrow, wide = (interval_by_patient(patients, right) for right in (spread, gathered))
    assert narrow == (0.9, 0.9)
    assert wide[0] < 0.85 < 0.95 < wide[1]
    assert all(map(math.isnan, interval_by_patient(["C1"] * 5, [True] * 5)))

"""The report: one file, everything escaped, whatever the run was like; and the figures in it."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest

from malaria.given.runs.report import write_report
from malaria.given.scores import area_under, confusion, interval_by_patient, roc_curve, scores

NAN = math.nan


def a_run(cells=60, seed=0):
    """The arguments of `write_report` for a made-up run."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, cells)
    rows = np.arange(cells)
    sets = {"train": rows[: cells // 2], "val": rows[cells // 2 : -20], "test": rows[-20:]}
    history = {"phase": ["whole", "head"], "loss": [0.7, 0.5], "val_loss": [0.6, 0.55]}
    history |= {"val_accuracy": [0.7, 0.8], "val_auc": [0.8, 0.9]}
    blank = {"accuracy": 0.5, "auc": NAN, "sensitivity": NAN, "specificity": NAN}
    return {
        "title": "A run",
        "settings": {"modules": "solutions", "data": "data/cells", "names": "0123hash"},
        "history": history,
        "patients": [f"C{k // 4}" for k in range(cells)],
        "labels": labels,
        "sets": sets,
        "test_probabilities": rng.random(20),
        "baselines": {
            "dark-spot rule": (blank | {"auc": 0.9}, rng.random(20)),
            "majority baseline": (blank, None),
        },
        "paths": [f"Parasitized/C{k}.png" for k in range(cells)],
        "saliency": lambda paths: (
            rng.random((len(paths), 8, 8, 3)),
            rng.random((len(paths), 8, 8)),
        ),
    }


class Links(HTMLParser):
    """Gathers what a page would load, and checks that every element is closed."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.sources, self.open, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "srcset", "data")]
        assert tag not in ("script", "link", "iframe")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def written(tmp_path, **changes):
    """The text of a report, and its parsed form."""
    path = tmp_path / "report.html"
    write_report(path, **(a_run() | changes))
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    page = Links()
    page.feed(path.read_text(encoding="utf-8"))
    assert not page.open
    return page


def test_the_report_holds_all_it_needs(tmp_path):
    """Every picture is inside; nothing is fetched."""
    page = written(tmp_path)
    assert len(page.sources) > 5
    assert all(source.startswith("data:image/") for source in page.sources)
    for text in ("dark-spot rule", "majority baseline", "Training", "worst mistakes"):
        assert text in page.text
    assert "must not be used to diagnose" in " ".join(page.text.split())
    assert "0123hash" not in page.text


def test_names_are_shown_as_they_are(tmp_path):
    """A folder may have any name; the page must not run it."""
    name = '<script>alert("x")</script> & Zellen'
    run = a_run()
    paths = [f"Parasitized/{name}{k}.png" for k in range(len(run["paths"]))]
    page = written(tmp_path, title=name, notes=[name], paths=paths, settings={"data": name})
    assert page.text.count(name) >= 4


@pytest.mark.parametrize(
    "changes",
    [
        {"history": {}},
        {"test_probabilities": np.full(20, NAN)},
        {"labels": np.ones(60, int)},
        {"labels": np.zeros(60, int), "test_probabilities": np.zeros(20)},
        {"patients": ["C1"] * 60},
        {"baselines": {}},
    ],
    ids=["no epoch", "no number", "one class", "no mistake", "one patient", "no baseline"],
)
def test_odd_runs_are_reported_too(tmp_path, changes):
    """A run that was stopped at once, or that went wrong, needs its report most."""
    assert "A run" in written(tmp_path, **changes).text


def test_the_figures_by_hand():
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


def test_the_interval_is_wider_when_patients_err_together():
    """The same accuracy, but spread over all patients or gathered in some."""
    patients = np.repeat([f"C{k}" for k in range(20)], 10)
    spread = np.tile([True] * 9 + [False], 20)
    gathered = np.repeat([True] * 18 + [False] * 2, 10)
    narrow, wide = (interval_by_patient(patients, right) for right in (spread, gathered))
    assert narrow == (0.9, 0.9)
    assert wide[0] < 0.85 < 0.95 < wide[1]
    assert all(map(math.isnan, interval_by_patient(["C1"] * 5, [True] * 5)))

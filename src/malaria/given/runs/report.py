"""The report on a run: one HTML file with everything in it, which needs no network to be read.

Here is what it says, as values; `report.html.j2` has the words around them.
"""

import base64
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from malaria.given import pictures
from malaria.given.cells.classes import CLASSES
from malaria.given.cells.nih_zip import CREDIT
from malaria.given.dark_spot import THRESHOLD
from malaria.given.runs.results import COLUMNS, Result
from malaria.given.runs.run_folder import RunFolder
from malaria.given.runs.split_cells import SplitCells
from malaria.given.scores import interval_by_patient
from malaria.given.system.json_file import read_json
from malaria.given.system.whole import whole_file

MISTAKES = 12  # shown: the surest wrong answers


def write_report(
    run: RunFolder,
    settings,
    cells: SplitCells,
    results: dict[str, Result],
    saliency: Callable[[list[str]], Iterable],
    notes: Iterable[str] = (),
) -> None:
    """Write the report of a run, whole or not at all.

    Args:
        run: Its folder, which holds the history already; the history may have no epoch.
        settings: A dataclass: how the run was made.
        cells: All its cells and their sets.
        results: On the test set, by name; the first is the trained network's, and its values are
            P(parasitized).
        saliency: A function from paths to one `(image, map)` each, `(S, S, 3)` and `(S, S)`.
        notes: Sentences that qualify the scores.
    """
    import matplotlib

    matplotlib.use("Agg")  # no window
    labels = cells.labels_of("test")
    probabilities = next(iter(results.values())).values
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=f"Malaria classifier: {run.path.name}",
            notes=notes,
            settings=_settings(settings),
            columns=COLUMNS,
            results=results,
            test=_test_set(labels, cells.patients_of("test"), probabilities),
            threshold=THRESHOLD,
            split=_split(cells),
            curves=_curves(read_json(run.history)),
            decisions=_decisions(labels, results),
            mistakes=_mistakes(cells.paths_of("test"), labels, probabilities, saliency),
            credit=CREDIT,
        )
    )
    with whole_file(run.report) as unfinished:
        unfinished.write_text(page, encoding="utf-8")


def _environment() -> jinja2.Environment:
    """The page's language: it escapes every value, and refuses a name that is not given."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["nan"] = math.nan
    environment.filters["score"] = lambda x: "\N{EN DASH}" if math.isnan(x) else f"{x:.4f}"
    return environment


def _settings(settings) -> dict:
    """How the run was made, by name, as it is shown."""
    shown = asdict(settings) | {"modules": settings.modules or "the learner's own modules"}
    del shown["fingerprint"]  # says nothing to a reader
    return shown


def _test_set(labels, patients, probabilities) -> dict:
    """How large the test set is, and how far its patients carry."""
    interval = interval_by_patient(patients, (probabilities > 0.5) == (labels == 1))
    return {
        "cells": len(labels),
        "patients": len(set(patients.tolist())),
        "interval": None if math.isnan(interval[0]) else interval,
    }


def _split(cells: SplitCells) -> dict:
    """The patients of each set, and how many stand in more than one."""
    sets_of = Counter(name for key in cells.sets for name in set(cells.patients_of(key).tolist()))
    return {
        "shared": sum(count > 1 for count in sets_of.values()),
        "chart": _chart(pictures.plot_split(cells.patients, cells.labels, cells.sets)),
    }


def _curves(history: dict) -> dict | None:
    """The course of the training; None if no epoch was finished."""
    if not history.get("loss"):
        return None
    losses = np.asarray(history["val_loss"], float)
    return {
        "epochs": len(losses),
        "best": None if np.isnan(losses).all() else int(np.nanargmin(losses)) + 1,
        "chart": _chart(pictures.plot_history(history)),
    }


def _decisions(labels, results: dict[str, Result]) -> dict | None:
    """What every threshold, and the one in use, decides; None if there is one class only."""
    if len(set(labels.tolist())) < 2:
        return None
    values = {name: result.values for name, result in results.items() if result.values is not None}
    probabilities = next(iter(results.values())).values
    return {
        "roc": _chart(pictures.plot_roc(labels, values)),
        "confusion": _chart(pictures.plot_confusion(labels, probabilities > 0.5)),
    }


def _mistakes(paths, labels, probabilities, saliency) -> dict:
    """The surest wrong answers, with where the network looked."""
    error = np.abs(probabilities - labels)
    surest = [i for i in np.argsort(-error, kind="stable")[:MISTAKES] if error[i] > 0.5]
    looked = saliency([paths[i] for i in surest]) if surest else []
    worst = [
        {
            "truth": CLASSES[labels[i]].lower(),
            "probability": probabilities[i],
            "name": Path(paths[i]).name,
            "cell": _png(np.uint8(np.round(np.clip(image, 0, 1) * 255))),
            "overlay": _png(pictures.overlay(image, one_map)),
        }
        for i, (image, one_map) in zip(surest, looked, strict=True)
    ]
    return {"worst": worst, "count": int((error > 0.5).sum())}


def _chart(picture) -> str:
    """A matplotlib figure as a data URL: SVG, which stays sharp at any zoom."""
    import matplotlib
    import matplotlib.pyplot as plt

    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "report"}):  # the same picture, the same bytes
        picture.savefig(file, format="svg", metadata={"Date": None})
    plt.close(picture)
    return _data_url("image/svg+xml", file.getvalue().encode())


def _png(image) -> str:
    """An image `(H, W, 3)` uint8 as a data URL."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return _data_url("image/png", file.getvalue())


def _data_url(kind: str, content: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

"""How well classifiers do on labelled cells: the trained one, beside what needs no network."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from malaria.given.dark_spot import THRESHOLD, dark_spot_score
from malaria.given.scores import interval_by_patient, scores

COLUMNS = ("accuracy", "auc", "sensitivity", "specificity")


class Result(NamedTuple):
    """What one classifier reached.

    Attributes:
        scores: A dict from some or all of `COLUMNS` to floats in [0, 1]; NaN where undefined.
        values: Its value for each cell: the higher, the more parasitized. None if it has none.
    """

    scores: dict[str, float]
    values: np.ndarray | None = None


def network_result(labels: np.ndarray, probabilities: np.ndarray) -> Result:
    """The result of P(parasitized) for each cell."""
    return Result(scores(labels, probabilities), probabilities)


def dark_spot_result(labels: np.ndarray, paths: list[str]) -> Result:
    """The result of the dark-spot rule on some files."""
    values = np.array([dark_spot_score(np.asarray(Image.open(path))) for path in paths])
    return Result(scores(labels, values, THRESHOLD), values)


def meaning(labels: np.ndarray, patients: np.ndarray, network: Result, rule: Result) -> str:
    """What the figures of a network say, beside the dark-spot rule: a few sentences.

    Args:
        labels: N ints, parasitized = 1: of the test cells.
        patients: N strings.
        network, rule: Their results on these cells, with values.
    """
    right = (network.values > 0.5) == (labels == 1)
    gain = right.astype(float) - ((rule.values > THRESHOLD) == (labels == 1))
    ours, theirs = right.mean(), right.mean() - gain.mean()
    count = len(set(patients.tolist()))
    low, high = interval_by_patient(patients, right)
    interval = "" if math.isnan(low) else f" (95% interval by patient: {low:.3f} to {high:.3f})"
    figures = (
        f"Of {len(labels):,} cells of {count} patients that training has not seen, the"
        f" network's accuracy is {ours:.3f}{interval}; that of the dark-spot rule, which learns"
        f" nothing, is {theirs:.3f}."
    )
    # Of the difference, cell by cell: the same patients are easy or hard for both.
    low, high = interval_by_patient(patients, gain)
    if low > 0:
        return f"{figures} The network is better than the rule."
    if high < 0:
        return (
            f"{figures} The network is worse than the rule: it has not learned enough. Train on"
            " more cells, or for more epochs, and look at the curves in the report."
        )
    below = " The network is not better than the rule." if ours <= theirs else ""
    return f"{figures}{below} There are too few patients to tell which of the two is better."


def as_json(results: dict[str, Result]) -> dict[str, dict[str, float | None]]:
    """The scores of each classifier by name; None for NaN, which JSON does not know."""
    return {
        name: {column: None if math.isnan(x) else x for column, x in result.scores.items()}
        for name, result in results.items()
    }


def table(results: dict[str, Result]) -> str:
    """The scores as a table for a terminal, one classifier a line."""
    lines = [" " * 18 + "".join(f"{column:>13}" for column in COLUMNS)]
    for name, result in results.items():
        numbers = [result.scores.get(column, math.nan) for column in COLUMNS]
        cells = ["-" if math.isnan(x) else f"{x:.4f}" for x in numbers]
        lines.append(f"{name:18}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(lines)

"""The figures of a classifier, in NumPy: what the report and the commands print.

Sources
    [1] Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006
"""

import math

import numpy as np


def confusion(labels, predictions):
    """Counts of a decision: `(2, 2)` int64, rows the truth, columns the call; parasitized = 1."""
    table = np.zeros((2, 2), np.int64)
    np.add.at(table, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    return table


def roc_curve(labels, values):
    """The points of the receiver operating characteristic, from (0, 0) to (1, 1) [1].

    Args:
        labels: N ints, parasitized = 1.
        values: N floats: the higher, the more parasitized. Equal values share one step.

    Returns:
        `(false_alarms, found)`: 1 - specificity and sensitivity, float64 in [0, 1]; NaN where a
        class is absent.
    """
    labels, values = np.asarray(labels, int), np.asarray(values, float)
    order = np.argsort(-values, kind="stable")
    last_of_ties = np.append(np.diff(values[order]) != 0, True)
    found = np.cumsum(labels[order] == 1)[last_of_ties]
    alarms = np.cumsum(labels[order] == 0)[last_of_ties]
    positives, negatives = (labels == 1).sum(), (labels == 0).sum()
    found, alarms = np.insert(found, 0, 0), np.insert(alarms, 0, 0)
    return (
        alarms / negatives if negatives else np.full(len(alarms), math.nan),
        found / positives if positives else np.full(len(found), math.nan),
    )


def area_under(false_alarms, found):
    """The area under a receiver operating characteristic, the AUC.

    It is the chance that a parasitized cell has a higher value than an uninfected one; ties count
    half [1].

    Args:
        false_alarms, found: What `roc_curve` returns.

    Returns:
        A float in [0, 1]; NaN where a class is absent.
    """
    return float(np.trapezoid(found, false_alarms))


def scores(labels, values, threshold=0.5):
    """The figures that say how good a classifier's values are.

    Args:
        labels: N ints, parasitized = 1.
        values: N floats, such as probabilities.
        threshold: Above it a cell is called parasitized.

    Returns:
        A dict of floats in [0, 1]: `accuracy`, `auc` (ties count half), `sensitivity`,
        `specificity`; NaN for what an absent class leaves undefined.
    """
    labels, values = np.asarray(labels, int), np.asarray(values, float)
    (cleared, alarms), (missed, found) = confusion(labels, values > threshold).tolist()

    def share(part, rest):
        return part / (part + rest) if part + rest else math.nan

    return {
        "accuracy": share(cleared + found, alarms + missed),
        "auc": area_under(*roc_curve(labels, values)),
        "sensitivity": share(found, missed),
        "specificity": share(cleared, alarms),
    }


def interval_by_patient(patients, right, repeats=2000, seed=0):
    """A 95% interval of an accuracy, by drawing whole patients with replacement (bootstrap).

    Also of the difference of two accuracies, where `right` is 1, 0 or -1: the gain at each cell.

    The cells of one patient are right or wrong together, so that drawing cells one by one would
    promise too narrow an interval.

    Args:
        patients: N strings.
        right: N bools or numbers.
        repeats: How many sets of patients are drawn.
        seed: Of the draws.

    Returns:
        `(low, high)`, floats in [0, 1]; of a difference in [-1, 1]. NaN with fewer than two
        patients.
    """
    names, patient = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) < 2:
        return math.nan, math.nan
    cells = np.bincount(patient)
    hits = np.bincount(patient, weights=np.asarray(right, float))
    drawn = np.random.default_rng(seed).integers(len(names), size=(repeats, len(names)))
    accuracies = hits[drawn].sum(1) / cells[drawn].sum(1)
    low, high = np.percentile(accuracies, (2.5, 97.5))
    return float(low), float(high)


def auc_interval_by_patient(patients, labels, values, repeats=2000, seed=0):
    """A 95% interval of an AUC, by drawing whole patients with replacement (bootstrap).

    Args:
        patients: N strings.
        labels: N ints, parasitized = 1.
        values: N floats: the higher, the more parasitized. Ties count half.
        repeats: How many sets of patients are drawn.
        seed: Of the draws.

    Returns:
        `(low, high)`, floats in [0, 1]. NaN with fewer than two patients, or where a class is
        absent. Draws of patients who have one class only are left out.
    """
    names, patient = np.unique(np.asarray(patients), return_inverse=True)
    labels, values = np.asarray(labels, int), np.asarray(values, float)
    positive, negative = labels == 1, labels == 0
    if len(names) < 2 or not positive.any() or not negative.any():
        return math.nan, math.nan
    # wins[p, q]: in how many pairs a parasitized cell of p has a higher value than an uninfected
    # one of q. From these counts every draw's AUC follows without looking at the cells again.
    wins = np.empty((len(names), len(names)))
    for q in range(len(names)):
        others = np.sort(values[negative & (patient == q)])
        below = sum(np.searchsorted(others, values[positive], side) for side in ("left", "right"))
        wins[:, q] = np.bincount(patient[positive], weights=below / 2, minlength=len(names))
    drawn = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=repeats
    )
    pairs = (drawn @ np.bincount(patient[positive], minlength=len(names))) * (
        drawn @ np.bincount(patient[negative], minlength=len(names))
    )
    drawn, pairs = drawn[pairs > 0], pairs[pairs > 0]
    aucs = ((drawn @ wins) * drawn).sum(1) / pairs
    low, high = np.percentile(aucs, (2.5, 97.5)) if len(aucs) else (math.nan, math.nan)
    return float(low), float(high)

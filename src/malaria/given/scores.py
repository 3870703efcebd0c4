"""The figures of a classifier, in NumPy: what the report and the commands print.

Sources
    [1] Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006
    [2] Guo et al., "On calibration of modern neural networks", ICML 2017, section 2
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


def threshold_for(labels, values, sensitivity):
    """The highest threshold above which at least a share of the parasitized cells lies.

    Args:
        labels: N ints, parasitized = 1.
        values: N floats, such as probabilities.
        sensitivity: The share, in (0, 1].

    Returns:
        A float, in the middle between the value of the last cell that is needed and the next lower
        one: `scores` with it has at least that sensitivity on these cells.

    Raises:
        ValueError: The share is not in (0, 1], or no cell is parasitized.
    """
    labels, values = np.asarray(labels, int), np.asarray(values, float)
    if not 0 < sensitivity <= 1:
        raise ValueError(f"The sensitivity must lie in (0, 1], not {sensitivity}.")
    positive = np.sort(values[labels == 1])[::-1]
    if not len(positive):
        raise ValueError("Without a parasitized cell there is no sensitivity to choose for.")
    # Rounded, so that 0.95 of 20 cells is 19, and not one more for the last bit of 0.95.
    last = positive[math.ceil(round(sensitivity * len(positive), 9)) - 1]
    below = values[values < last].max(initial=-math.inf)
    if below == -math.inf:
        return float(np.nextafter(last, -math.inf))
    middle = (last + below) / 2
    return float(middle if middle < last else below)  # two neighbours have no middle


def reliability(labels, probabilities, bins=10):
    """What the cells called so-and-so likely to be parasitized turn out to be [2].

    Args:
        labels: N ints, parasitized = 1.
        probabilities: N floats in [0, 1].
        bins: How many parts of equal width [0, 1] is cut into.

    Returns:
        `(said, found, cells)`, one entry for each bin that is not empty: the mean probability, the
        share of parasitized cells, and the number of cells.

    Raises:
        ValueError: A probability is not in [0, 1].
    """
    labels, probabilities = np.asarray(labels, int), np.asarray(probabilities, float)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("A probability must lie in [0, 1].")
    bin_of = np.minimum((probabilities * bins).astype(int), bins - 1)  # 1 lies in the last one
    cells = np.bincount(bin_of, minlength=bins)
    said = np.bincount(bin_of, probabilities, bins)
    found = np.bincount(bin_of, labels, bins)
    full = cells > 0
    return said[full] / cells[full], found[full] / cells[full], cells[full]


def calibration_error(labels, probabilities, bins=10):
    """The expected calibration error: how far said and found are apart, on average over cells [2].

    Even of perfect probabilities it is above 0, because a bin holds few cells.

    Args:
        labels, probabilities, bins: As in `reliability`.

    Returns:
        A float in [0, 1]; NaN without a cell.
    """
    said, found, cells = reliability(labels, probabilities, bins)
    return float(np.average(np.abs(said - found), weights=cells)) if cells.size else math.nan


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

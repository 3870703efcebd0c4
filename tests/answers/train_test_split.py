"""Answers to lesson 1: wrong ones with their mistake, and other right ones."""

import itertools
import os
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from solutions import train_test_split as reference
from tests.answers import right, wrong

# 1.1


@wrong(
    "1.1",
    "The name was cut at 'ThinF', but some files spell it 'thinF' and others do not contain it.",
)
def patient_of(path):
    name = Path(path).name
    if not name.startswith("C"):
        raise ValueError("no patient")
    return name.split("ThinF")[0]


@wrong(
    "1.1",
    "Everything before '_IMG' was taken. That includes the slide, so one patient becomes several.",
)
def patient_of(path):
    name = re.split(r"[/\\]", str(path))[-1]
    if not re.match(r"C\d", name):
        raise ValueError("no patient")
    return name.split("_IMG")[0]


@wrong(
    "1.1",
    "The pattern requires a slide after the patient, but the files of uninfected patients have "
    "none.",
)
def patient_of(path):
    found = re.match(r"(C\d+)P\d+", re.split(r"[/\\]", str(path))[-1])
    if found is None:
        raise ValueError("no patient")
    return found.group(1)


@wrong(
    "1.1", "The whole path was searched, so a folder that looks like a patient is taken for one."
)
def patient_of(path):
    found = re.search(r"C\d+", str(path))
    if found is None:
        raise ValueError("no patient")
    return found.group()


@wrong("1.1", "A fixed number of characters was taken, but the patients' numbers differ in length.")
def patient_of(path):
    name = re.split(r"[/\\]", str(path))[-1]
    if not re.match(r"C\d", name):
        raise ValueError("no patient")
    return name[:3]


@wrong("1.1", "A name without a patient is accepted silently instead of being refused.")
def patient_of(path):
    name = re.split(r"[/\\]", str(path))[-1]
    found = re.match(r"C\d+", name)
    return found.group() if found else "unknown"


@wrong("1.1", "Only the number is returned, without its C.")
def patient_of(path):
    return reference.patient_of(path)[1:]


@wrong("1.1", "Only strings are accepted, not pathlib paths.")
def patient_of(path):
    return reference.patient_of(path.replace("\\", "/"))


@wrong("1.1", "A folder that looks like a patient is used when the file's own name has none.")
def patient_of(path):
    for part in reversed(re.split(r"[/\\]", str(path))):
        found = re.match(r"C\d+", part)
        if found:
            return found.group()
    raise ValueError("no patient")


@wrong("1.1", "A folder that looks like a patient is used when the file's own name has none.")
def patient_of(path):
    found = re.findall(r"(?:^|[/\\])(C\d+)", str(path))
    if not found:
        raise ValueError("no patient")
    return found[-1]


@wrong(
    "1.1", "The pattern allows only some letters after the number, but C37BP2 continues with a B."
)
def patient_of(path):
    found = re.match(r"(C\d+)(?=[PNTt_.])", re.split(r"[/\\]", str(path))[-1])
    if found is None:
        raise ValueError("no patient")
    return found.group(1)


@wrong("1.1", "The name was cut at P, N, T or _, so C37BP2 keeps its B.")
def patient_of(path):
    name = re.split(r"[/\\]", str(path))[-1]
    if not re.match(r"C\d", name):
        raise ValueError("no patient")
    return re.split(r"[PNTt_.]", name)[0]


@wrong("1.1", "At most three digits were read, so C10007 becomes C100, which is another patient.")
def patient_of(path):
    found = re.match(r"C\d{1,3}", re.split(r"[/\\]", str(path))[-1])
    if found is None:
        raise ValueError("no patient")
    return found.group()


@wrong("1.1", "Any letter c before a number was taken for a patient, so pic5.png becomes C5.")
def patient_of(path):
    found = re.search(r"c\d+", Path(path).name, re.IGNORECASE)
    if found is None:
        raise ValueError("no patient")
    return found.group().upper()


@right("1.1", "Without a regular expression.")
def patient_of(path):
    name = str(path).replace("\\", "/").rpartition("/")[2]
    digits = "".join(itertools.takewhile(str.isdigit, name[1:]))
    if not name.startswith("C") or not digits:
        raise ValueError(f"{name} names no patient.")
    return "C" + digits


@right("1.1", "As NumPy's string.")
def patient_of(path):
    return np.str_(reference.patient_of(path))


@right("1.1", "The number after the first C of the file's name, by pathlib.")
def patient_of(path):
    found = re.search(r"C\d+", Path(path).name)
    if not found:
        raise ValueError(f"{path} names no patient.")
    return found[0]


@wrong("1.1", "The name was cut at its first P, but the files of uninfected patients have none.")
def patient_of(path):
    name = os.path.basename(str(path))
    if not re.match(r"C\d", name):
        raise ValueError("no patient")
    return name.split("P")[0]


# 1.2


def lengths_agree(arrays):
    if len({len(array) for array in arrays}) != 1:
        raise ValueError("unequal lengths")


@wrong(
    "1.2",
    "Each array was shuffled by its own permutation, so rows that belong together were separated.",
)
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    rng = np.random.default_rng(seed)
    return tuple(rng.permutation(np.asarray(array)) for array in arrays)


@wrong("1.2", "The arrays were shuffled in place, which changes the caller's arrays.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    arrays = tuple(array if isinstance(array, np.ndarray) else np.array(array) for array in arrays)
    for array in arrays:
        np.random.default_rng(seed).shuffle(array)
    return arrays


@wrong("1.2", "The seed is not used: every call gives a different order.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    order = np.random.default_rng().permutation(len(arrays[0]))
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "Rows were drawn with replacement: some are lost and others duplicated.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    count = len(arrays[0])
    order = np.random.default_rng(seed).integers(count, size=count)
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "Arrays of unequal lengths are not refused.")
def shuffle_together(*arrays, seed):
    count = min(len(array) for array in arrays)
    order = np.random.default_rng(seed).permutation(count)
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "The seed is fixed inside the function, so the argument has no effect.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    order = np.random.default_rng(0).permutation(len(arrays[0]))
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "A sequence of rows was returned instead of one array for each argument.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    order = np.random.default_rng(seed).permutation(len(arrays[0]))
    return [tuple(np.asarray(array)[k] for array in arrays) for k in order]


@wrong("1.2", "The rows were rotated, not shuffled: almost all keep their neighbours.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    return tuple(np.roll(np.asarray(array), seed + 1, axis=0) for array in arrays)


@wrong("1.2", "In `seed or None`, 0 is false, so seed 0 gives a different order in every call.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    order = np.random.default_rng(seed or None).permutation(len(arrays[0]))
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "The rows were converted to Python numbers, so float32 comes back as float64.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    together = list(zip(*(np.asarray(array).tolist() for array in arrays), strict=True))
    random.Random(seed).shuffle(together)
    return tuple(np.array(column) for column in zip(*together, strict=True))


@wrong("1.2", "Only the lengths of the first and the last array were compared.")
def shuffle_together(*arrays, seed):
    if len(arrays[0]) != len(arrays[-1]):
        raise ValueError("unequal lengths")
    order = np.random.default_rng(seed).permutation(min(len(array) for array in arrays))
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "The order depends on the contents of the first array, not on the seed alone.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    ranks = np.argsort(np.array([str(row) for row in arrays[0]]), kind="stable")
    order = ranks[np.random.default_rng(seed).permutation(len(ranks))]
    return tuple(np.asarray(array)[order] for array in arrays)


@wrong("1.2", "numpy.random.seed resets the global generator, which other code draws from too.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    np.random.seed(seed)
    order = np.random.permutation(len(arrays[0]))
    return tuple(np.asarray(array)[order] for array in arrays)


@right("1.2", "By sorting random keys.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    order = np.argsort(np.random.default_rng(seed).random(len(arrays[0])))
    return tuple(np.take(np.asarray(array), order, axis=0) for array in arrays)


@right("1.2", "With Python's own generator.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    order = list(range(len(arrays[0])))
    random.Random(seed).shuffle(order)
    return tuple(np.array([array[k] for k in order]) for array in arrays)


@right("1.2", "For arrays only.")
def shuffle_together(*arrays, seed):
    if len({len(array) for array in arrays}) > 1:
        raise ValueError("The arrays differ in length.")
    order = np.random.default_rng(seed).permutation(len(arrays[0]))
    return tuple(array[order] for array in arrays)


@wrong("1.2", "Each column of an array was shuffled separately, so its rows were mixed up.")
def shuffle_together(*arrays, seed):
    lengths_agree(arrays)
    return tuple(np.random.default_rng(seed).permuted(array, axis=0) for array in arrays)


# 1.3


def checked(patients, fractions):
    if abs(sum(fractions) - 1) > 1e-6:
        raise ValueError("The fractions do not sum to 1.")
    if len(set(patients)) < len(fractions):
        raise ValueError("There are fewer patients than sets.")


def best_of(names, patients, labels, fractions, rng, tries=1000):
    """The most balanced of some random cuts of a list of patients; index arrays."""
    patients, labels = np.asarray(patients), np.asarray(labels)
    cells_of = {name: np.flatnonzero(patients == name) for name in names}
    best = None
    for _ in range(tries):
        order = [names[k] for k in rng.permutation(len(names))]
        ends = np.cumsum([len(cells_of[name]) for name in order]) / len(labels)
        cuts = [int(np.abs(ends - end).argmin()) + 1 for end in np.cumsum(fractions)[:-1]]
        cuts = [min(cut, len(order) - len(fractions) + 1 + i) for i, cut in enumerate(cuts)]
        for i in range(1, len(cuts)):
            cuts[i] = max(cuts[i], cuts[i - 1] + 1)
        groups = [order[a:b] for a, b in itertools.pairwise([0, *cuts, len(order)])]
        if not all(groups):
            continue
        rows = [np.concatenate([cells_of[name] for name in group]) for group in groups]
        error = max(
            max(abs(len(r) / len(labels) - f), abs(labels[r].mean() - labels.mean()))
            for r, f in zip(rows, fractions, strict=True)
        )
        if best is None or error < best[0]:
            best = error, rows
    return tuple(best[1])


def best_cut(patients, labels, fractions, seed, tries, classes=True, empty=True):
    """Like the reference, with parts left out."""
    checked(patients, fractions)
    labels, fractions = np.asarray(labels), np.asarray(fractions)
    names, index = np.unique(patients, return_inverse=True)
    cells, ends = np.bincount(index), np.cumsum(fractions)[:-1]
    rng, best = np.random.default_rng(seed), None
    for _ in range(tries):
        order = rng.permutation(len(names))
        middle = (np.cumsum(cells[order]) - cells[order] / 2) / len(labels)
        chosen = np.empty(len(names), int)
        chosen[order] = np.searchsorted(ends, middle, side="right")
        if not empty and len(np.unique(chosen)) < len(fractions):
            chosen[order[: len(fractions)]] = np.arange(len(fractions))
        sizes = np.bincount(chosen, weights=cells, minlength=len(fractions))
        infected = np.bincount(chosen[index], weights=labels, minlength=len(fractions))
        error = np.abs(sizes / len(labels) - fractions).max()
        if classes:
            error += np.abs(infected / np.maximum(sizes, 1) - labels.mean()).max()
        if best is None or error < best[0]:
            best = error, chosen
    return tuple(np.flatnonzero(best[1][index] == k) for k in range(len(fractions)))


@wrong("1.3", "The cells were split one by one, so almost every patient is in several sets.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    names = np.char.add(np.asarray(patients), np.asarray(labels).astype(str))
    order = np.argsort(names, kind="stable")
    order = order[np.random.default_rng(seed).permutation(len(patients))]
    return tuple(np.split(order, (np.cumsum(fractions)[:-1] * len(order)).astype(int)))


@wrong("1.3", "The patients of each class were split separately, so many patients are in two sets.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    patients, labels = np.asarray(patients), np.asarray(labels)
    sets = [[] for _ in fractions]
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        names = np.unique(patients[rows])
        if len(names) < len(fractions):
            sets[0].extend(rows)
            continue
        rng = np.random.default_rng(seed + label)
        for k, own in enumerate(
            best_of(names, patients[rows], labels[rows], fractions, rng, tries=200)
        ):
            sets[k].extend(rows[own])
    return tuple(np.array(rows, int) for rows in sets)


@wrong(
    "1.3", "A single random cut was kept as it came, so sizes and class shares are left to chance."
)
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    names = sorted(set(patients))
    return best_of(names, patients, labels, fractions, np.random.default_rng(seed), tries=1)


@wrong(
    "1.3",
    "The fractions were applied to the number of patients, but patients differ in their number of "
    "cells.",
)
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    patients = np.asarray(patients)
    names = np.random.default_rng(seed).permutation(np.unique(patients))
    ends = np.round(np.cumsum(fractions)[:-1] * len(names)).astype(int)
    return tuple(np.flatnonzero(np.isin(patients, part)) for part in np.split(names, ends))


@wrong("1.3", "The split depends on the order of the files or of a Python set: sort the patients.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    names = list(dict.fromkeys(patients))
    return best_of(names, patients, labels, fractions, np.random.default_rng(seed))


@wrong("1.3", "The split depends on the order of the files or of a Python set: sort the patients.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    names = list(set(map(str, patients)))
    return best_of(names, patients, labels, fractions, np.random.default_rng(seed))


@wrong("1.3", "The seed has no effect: every split is the same.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    return reference.split_by_patient(patients, labels, fractions, seed=0)


@wrong("1.3", "The seed is not used: every call makes a different split.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    entropy = int.from_bytes(os.urandom(4), "little")
    return reference.split_by_patient(patients, labels, fractions, seed=entropy)


@wrong("1.3", "The validation set was taken from the test set, so the two share their cells.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    sets = list(reference.split_by_patient(patients, labels, fractions, seed))
    sets[1] = sets[2][: len(sets[1])]
    return tuple(sets)


@wrong("1.3", "Too few patients, or fractions that do not sum to 1, are not refused.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    if len(set(patients)) < len(fractions):
        return tuple(np.array([], int) for _ in fractions)
    total = sum(fractions)
    return reference.split_by_patient(patients, labels, [f / total for f in fractions], seed)


@wrong("1.3", "The sets hold the patients' names instead of the indices of the cells.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    sets = reference.split_by_patient(patients, labels, fractions, seed)
    return tuple(np.unique(np.asarray(patients)[rows]) for rows in sets)


@wrong("1.3", "The sets hold one cell of each patient instead of all of its cells.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    sets = reference.split_by_patient(patients, labels, fractions, seed)
    firsts = np.unique(np.asarray(patients), return_index=True)[1]
    return tuple(np.intersect1d(rows, firsts) for rows in sets)


@wrong(
    "1.3", "The indices are floats: appending to an empty array with numpy.append makes them so."
)
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    sets = reference.split_by_patient(patients, labels, fractions, seed)
    return tuple(np.append(np.array([]), rows) for rows in sets)


@wrong("1.3", "The default seed is not 0.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=None):
    return reference.split_by_patient(patients, labels, fractions, seed)


@wrong("1.3", "The default seed is not 0.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=42):
    return reference.split_by_patient(patients, labels, fractions, seed)


@wrong("1.3", "Fractions whose sum differs from 1 by up to 0.05 are accepted.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    if abs(sum(fractions) - 1) > 0.05:
        raise ValueError("The fractions do not sum to 1.")
    total = sum(fractions)
    return reference.split_by_patient(patients, labels, [f / total for f in fractions], seed)


@wrong("1.3", "The best of 10 cuts is not good enough: with many seeds a class share is off.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    return best_cut(patients, labels, fractions, seed, tries=10, empty=False)


@wrong("1.3", "The best of 30 cuts is not good enough: with some seeds a class share is off.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    return best_cut(patients, labels, fractions, seed, tries=30, empty=False)


@wrong("1.3", "The class shares are balanced for the default fractions only.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    classes = tuple(fractions) == (0.6, 0.2, 0.2)
    return best_cut(patients, labels, fractions, seed, 1000, classes, empty=False)


@wrong("1.3", "Only a few seeds give a split of their own; the others repeat one of these.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    return reference.split_by_patient(patients, labels, fractions, seed % 3)


@wrong("1.3", "The seed has no effect when there are few patients.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    few = len(np.unique(patients)) < 50
    return reference.split_by_patient(patients, labels, fractions, 0 if few else seed)


@wrong("1.3", "The labels passed in were modified.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    sets = reference.split_by_patient(patients, labels, fractions, seed)
    labels = np.asarray(labels)
    labels[labels == 0] = -1
    return sets


@right("1.3", "The best of many cuts at the nearest patient, as lists in shuffled order.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    names = sorted(set(map(str, patients)))
    rng = np.random.default_rng(seed + 100)
    return [rows.tolist() for rows in best_of(names, patients, labels, fractions, rng, tries=800)]


@right("1.3", "Greedily: each patient, the largest first, to the set that it fits best.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    patients, labels = np.asarray(patients), np.asarray(labels)
    names, index = np.unique(patients, return_inverse=True)
    table = np.stack([np.bincount(index, labels == c) for c in (0, 1)], axis=1)
    rng = np.random.default_rng(seed)
    wanted = np.outer(fractions, table.sum(0))
    best = None
    for _ in range(60):
        order = np.argsort(-table.sum(1) * rng.uniform(0.4, 1, len(names)))
        have, chosen = np.zeros_like(wanted), np.zeros(len(names), int)
        for place, k in enumerate(order):
            left = len(order) - place
            empty = [s for s in range(len(fractions)) if not have[s].any()]
            open_sets = empty if len(empty) >= left else range(len(fractions))
            costs = [
                (np.maximum(have[s] + table[k] - wanted[s], 0) ** 2).sum()
                - (np.maximum(have[s] - wanted[s], 0) ** 2).sum()
                - 1e-3 * (wanted[s] - have[s]).sum()
                + rng.random()
                for s in open_sets
            ]
            chosen[k] = list(open_sets)[int(np.argmin(costs))]
            have[chosen[k]] += table[k]
        error = np.abs(have - wanted).max()
        if best is None or error < best[0]:
            best = error, chosen
    return tuple(np.flatnonzero(best[1][index] == s) for s in range(len(fractions)))


@right("1.3", "The best of 500 cuts, the cells of each set looked up by name.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    patients, labels = np.asarray(patients), np.asarray(labels)
    names, counts = np.unique(patients, return_counts=True)
    rng, least_error = np.random.default_rng(seed), np.inf
    for _ in range(500):
        order = rng.permutation(len(names))
        ends = np.cumsum(counts[order]) / len(labels)
        cuts = [int(np.abs(ends - end).argmin()) + 1 for end in np.cumsum(fractions)[:-1]]
        groups = np.split(names[order], cuts)
        if not all(len(group) for group in groups):
            continue
        sets = [np.flatnonzero(np.isin(patients, group)) for group in groups]
        error = max(
            max(abs(len(own) / len(labels) - share), abs(labels[own].mean() - labels.mean()))
            for own, share in zip(sets, fractions, strict=True)
        )
        if error < least_error:
            least_error, best = error, sets
    return best


@wrong("1.3", "The split depends on the order of the files or of a Python set: sort the patients.")
def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    checked(patients, fractions)
    names = list(dict.fromkeys(np.asarray(patients).tolist()))
    return best_of(names, patients, labels, fractions, np.random.default_rng(seed))


# 1.4


@wrong("1.4", "The indices were compared. Two sets that share no index can still share a patient.")
def leaked_patients(patients, first, second):
    return np.asarray(patients)[np.intersect1d(np.asarray(first, int), np.asarray(second, int))]


@wrong("1.4", "A patient is returned once for each cell instead of once.")
def leaked_patients(patients, first, second):
    patients = np.asarray(patients)
    second = set(patients[np.asarray(second, int)])
    return [name for name in patients[np.asarray(first, int)] if name in second]


@wrong("1.4", "All patients of both sides were returned, not only those on both.")
def leaked_patients(patients, first, second):
    patients = np.asarray(patients)
    return np.union1d(patients[np.asarray(first, int)], patients[np.asarray(second, int)])


@wrong("1.4", "The patients on one side only were returned, not those on both.")
def leaked_patients(patients, first, second):
    patients = np.asarray(patients)
    return np.setdiff1d(patients[np.asarray(first, int)], patients[np.asarray(second, int)])


@wrong("1.4", "Only the number of leaked patients was returned, not their names.")
def leaked_patients(patients, first, second):
    return [len(reference.leaked_patients(patients, first, second))]


@wrong("1.4", "The two sides were compared position by position.")
def leaked_patients(patients, first, second):
    patients = np.asarray(patients)
    pairs = zip(patients[np.asarray(first, int)], patients[np.asarray(second, int)], strict=False)
    return sorted({a for a, b in pairs if a == b})


@wrong("1.4", "Parts of names were compared, but C1 and C10 are different patients.")
def leaked_patients(patients, first, second):
    there = " ".join(patients[k] for k in second)
    return sorted({patients[k] for k in first if patients[k] in there})


@wrong("1.4", "Parts of names were compared, but C1 and C10 are different patients.")
def leaked_patients(patients, first, second):
    here, there = {patients[k] for k in first}, {patients[k] for k in second}
    return sorted(a for a in here if any(b.startswith(a) for b in there))


@wrong("1.4", "Only consecutive repeats were removed, but a patient's name can come again later.")
def leaked_patients(patients, first, second):
    there = {patients[k] for k in second}
    return [name for name, _ in itertools.groupby(patients[k] for k in first) if name in there]


@wrong("1.4", "Cell 0 was left out because 0 is false.")
def leaked_patients(patients, first, second):
    return {patients[k] for k in first} & {patients[k] for k in second if k}


@wrong("1.4", "The index arrays passed in were sorted in place.")
def leaked_patients(patients, first, second):
    first.sort()
    second.sort()
    return reference.leaked_patients(patients, first, second)


@wrong("1.4", "Only names such as C33 are accepted, but a patient's name can be any string.")
def leaked_patients(patients, first, second):
    shared = {int(patients[k][1:]) for k in first} & {int(patients[k][1:]) for k in second}
    return [f"C{number}" for number in sorted(shared)]


@right("1.4", "With Python's sets.")
def leaked_patients(patients, first, second):
    return {patients[k] for k in first} & {patients[k] for k in second}


@right("1.4", "As the keys of a dict, in the order of the first side.")
def leaked_patients(patients, first, second):
    there = {patients[k] for k in second}
    return dict.fromkeys(patients[k] for k in first if patients[k] in there).keys()


@right("1.4", "For arrays only, by sets.")
def leaked_patients(patients, first, second):
    return set(patients[first]) & set(patients[second])


@wrong("1.4", "A patient with several cells on one side was taken for a leaked one.")
def leaked_patients(patients, first, second):
    patients = np.asarray(patients)
    return np.unique(np.intersect1d(patients[first], patients[second], assume_unique=True))


# 1.5


def guess(patients, labels, train, test, tied=None, unknown=None, base_of=None):
    """The reference's rule with one part replaced."""
    patients, labels = np.asarray(patients), np.asarray(labels)
    base = (base_of or (lambda share: int(share > 0.5)))(labels[train].mean())
    calls = []
    for patient in patients[test]:
        votes = labels[train][patients[train] == patient]
        if len(votes) == 0:
            calls.append((unknown or (lambda b: b))(base))
        elif votes.mean() == 0.5:
            calls.append((tied or (lambda b: b))(base))
        else:
            calls.append(int(votes.mean() > 0.5))
    return float(np.mean(labels[test] == calls))


@wrong("1.5", "The test cells voted too, so the labels to be guessed were used for the guess.")
def majority_baseline(patients, labels, train, test):
    everything = np.concatenate([train, test]).astype(int)
    return reference.majority_baseline(patients, labels, everything, test)


@wrong("1.5", "A patient whose votes are tied is guessed as 1 instead of by the base rate.")
def majority_baseline(patients, labels, train, test):
    return guess(patients, labels, train, test, tied=lambda base: 1)


@wrong("1.5", "A patient whose votes are tied is guessed as 0 instead of by the base rate.")
def majority_baseline(patients, labels, train, test):
    return guess(patients, labels, train, test, tied=lambda base: 0)


@wrong("1.5", "Unknown patients are not guessed by the base rate.")
def majority_baseline(patients, labels, train, test):
    return guess(patients, labels, train, test, unknown=lambda base: 0)


@wrong("1.5", "Unknown patients are not guessed by the base rate.")
def majority_baseline(patients, labels, train, test):
    known = set(np.asarray(patients)[np.asarray(train, int)])
    kept = [k for k in test if patients[k] in known]
    return reference.majority_baseline(patients, labels, train, kept) if kept else 0.0


@wrong("1.5", "A tied base rate gives 1 instead of 0.")
def majority_baseline(patients, labels, train, test):
    return guess(patients, labels, train, test, base_of=lambda share: int(share >= 0.5))


@wrong("1.5", "Every cell was guessed by the base rate; its patient was ignored.")
def majority_baseline(patients, labels, train, test):
    labels = np.asarray(labels)
    return float((labels[test] == int(labels[train].mean() > 0.5)).mean())


@wrong("1.5", "The base rate was computed from all cells instead of the training cells.")
def majority_baseline(patients, labels, train, test):
    share = np.asarray(labels).mean()
    return guess(patients, labels, train, test, base_of=lambda _: int(share > 0.5))


@wrong("1.5", "The accuracy was averaged over patients instead of cells.")
def majority_baseline(patients, labels, train, test):
    patients = np.asarray(patients)
    test = np.asarray(test, int)
    return float(
        np.mean(
            [
                reference.majority_baseline(patients, labels, train, test[patients[test] == name])
                for name in np.unique(patients[test])
            ]
        )
    )


@wrong(
    "1.5",
    "Counter.most_common was used: where the base rate is tied, it takes the class seen first.",
)
def majority_baseline(patients, labels, train, test):
    first_seen = Counter(np.asarray(labels)[train].tolist()).most_common(1)[0][0]
    return guess(patients, labels, train, test, base_of=lambda _: first_seen)


@wrong("1.5", "An array was returned instead of a float.")
def majority_baseline(patients, labels, train, test):
    return np.array(reference.majority_baseline(patients, labels, train, test))


@wrong("1.5", "A narrow majority is treated as a tie.")
def majority_baseline(patients, labels, train, test):
    if len(train) == 0 or len(test) == 0:
        raise ValueError("an empty set")
    patients, labels = np.asarray(patients), np.asarray(labels)
    base = int(labels[train].mean() > 0.5)
    calls = []
    for patient in patients[test]:
        votes = labels[train][patients[train] == patient]
        tied = len(votes) == 0 or abs(votes.mean() - 0.5) < 0.05
        calls.append(base if tied else int(votes.mean() > 0.5))
    return float(np.mean(labels[test] == calls))


@wrong("1.5", "The index arrays passed in were sorted in place.")
def majority_baseline(patients, labels, train, test):
    train.sort()
    test.sort()
    return reference.majority_baseline(patients, labels, train, test)


@right("1.5", "With Counter, one vote after the other.")
def majority_baseline(patients, labels, train, test):
    votes = defaultdict(Counter)
    overall = Counter()
    for k in train:
        votes[patients[k]][int(labels[k])] += 1
        overall[int(labels[k])] += 1
    base = int(overall[1] > overall[0])
    hits = 0
    for k in test:
        own = votes.get(patients[k], Counter())
        call = base if own[0] == own[1] else int(own[1] > own[0])
        hits += call == labels[k]
    return hits / len(test)


@right(
    "1.5",
    "A patient without training cells has a share of NaN, on neither side of a half.",
)
def majority_baseline(patients, labels, train, test):
    patients, labels = np.asarray(patients), np.asarray(labels)
    base = int(labels[train].mean() > 0.5)
    shares = {p: labels[train][patients[train] == p].mean() for p in set(patients[test])}
    calls = [1 if shares[p] > 0.5 else 0 if shares[p] < 0.5 else base for p in patients[test]]
    return float((labels[test] == calls).mean())


@wrong("1.5", "The test cells voted too, so the labels to be guessed were used for the guess.")
def majority_baseline(patients, labels, train, test):
    if len(train) == 0 or len(test) == 0:
        raise ValueError("an empty set")
    patients, labels = np.asarray(patients), np.asarray(labels)
    sick, well = Counter(patients[labels == 1].tolist()), Counter(patients[labels == 0].tolist())
    base = int(labels[train].mean() > 0.5)
    leads = [sick[name] - well[name] for name in patients[test].tolist()]
    calls = [base if lead == 0 else int(lead > 0) for lead in leads]
    return float(np.mean(labels[test] == calls))

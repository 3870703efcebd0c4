"""Lesson 1: split the cells so that the test tells the truth.

Cells of one patient share a stain, a microscope and a day. A split that puts some of a patient's
cells into training and others into the test lets a model recognise the patient instead of the
parasite, so whole patients are split, never single cells.

Sources
    [1] Rajaraman et al., "Pre-trained convolutional neural networks as feature extractors toward
        improved malaria parasite detection in thin blood smear images", PeerJ 6:e4568, 2018: the
        cells, and the fall from 0.986 to 0.959 once the split is by patient.
    [2] Kaufman et al., "Leakage in data mining", ACM TKDD 6(4), 2012: leakage in general.
"""

import re

import numpy as np


def patient_of(path):
    """The patient whose cell a file shows.

    Args:
        path: The name of an NIH cell image, a `str` or `pathlib.Path`, with or without folders in
            front, such as "Parasitized/C33P1thinF_IMG_20150619_114756a_cell_179.png".

    Returns:
        The patient, a `str` such as "C33": the "C" and all the digits after it at the start of
        the file name. What follows names the slide and the microscope and varies within a patient.

    Raises:
        ValueError: The file name does not start with a patient.

    Examples:
        >>> patient_of("Parasitized/C33P1thinF_IMG_20150619_114756a_cell_179.png")
        'C33'
    """
    raise NotImplementedError("Exercise 1.1: find the patient at the start of the file name")


def shuffle_together(*arrays, seed):
    """Shuffle arrays by one permutation, so that rows that belong together stay together.

    Args:
        *arrays: One or more arrays or sequences of one length N, of any dtype. Not modified.
        seed: An int. The same seed gives the same permutation.

    Returns:
        A tuple of new arrays, one for each argument, in the order of the arguments, each with the
        dtype of its argument.

    Raises:
        ValueError: The arrays differ in length.

    Examples:
        >>> numbers, squares = shuffle_together([1, 2, 3, 4], [1, 4, 9, 16], seed=0)
        >>> [int(square) for square in sorted(squares)]
        [1, 4, 9, 16]
        >>> np.array_equal(numbers**2, squares)
        True
    """
    arrays = tuple(np.asarray(array) for array in arrays)
    if len({len(array) for array in arrays}) != 1:
        lengths = ", ".join(str(len(array)) for array in arrays)
        raise ValueError(f"The arrays must have one length, but their lengths are {lengths}.")
    raise NotImplementedError("Exercise 1.2: draw one permutation, apply it to every array")


def split_by_patient(patients, labels, fractions=(0.6, 0.2, 0.2), seed=0):
    """Split the cells into sets that share no patient and resemble each other.

    Patients differ in their number of cells and in their share of parasitized ones, so a single
    random cut may well leave a test set of half the size, or of one class. Here many random cuts
    are drawn and the most balanced one is kept. On the practice and the real cells each set's part
    of all cells is within 0.03 of its fraction, and its share of parasitized cells within 0.05 of
    the share in the whole.

    Args:
        patients: The patient of each cell, a sequence of N strings.
        labels: The class of each cell, N ints: 1 is parasitized, 0 uninfected.
        fractions: The part of all cells that each set should hold, each above 0, summing to 1.
        seed: An int. The split depends on the seed and on the cells, not on the order in which
            they are listed, nor on the process: a Python `set` of strings has another order in
            each. Another seed gives another split.

    Returns:
        A tuple of int index arrays into `patients`, one for each fraction: by default train, val,
        test. None is empty.

    Raises:
        ValueError: The lengths differ, the fractions do not sum to 1, or there are fewer patients
            than sets.

    Examples:
        >>> patients = np.repeat([f"C{k}" for k in range(20)], 10)  # 10 cells of each
        >>> labels = np.tile([0, 1], 100)
        >>> train, val, test = split_by_patient(patients, labels)
        >>> len(train), len(val), len(test)
        (120, 40, 40)
        >>> len(set(patients[train])), len(set(patients[val])), len(set(patients[test]))
        (12, 4, 4)
    """
    patients, labels, fractions = np.asarray(patients), np.asarray(labels), np.asarray(fractions)
    if len(patients) != len(labels):
        raise ValueError(f"There are {len(patients)} patients' names for {len(labels)} labels.")
    if np.any(fractions <= 0) or abs(fractions.sum() - 1) > 1e-6:
        raise ValueError(f"The fractions must be positive and sum to 1, not {fractions.tolist()}.")
    # `np.unique` sorts, so the order in which the files were listed is forgotten here.
    names, patient_index = np.unique(patients, return_inverse=True)
    if len(names) < len(fractions):
        raise ValueError(
            f"{len(names)} patient(s) cannot be split into {len(fractions)} sets without a leak."
        )
    raise NotImplementedError("Exercise 1.3: cut the shuffled patients often, keep the best cut")


def leaked_patients(patients, first, second):
    """The patients that have cells on both sides of a split.

    Args:
        patients: The patient of each cell, a sequence of N strings.
        first, second: Index arrays into `patients`, of any lengths.

    Returns:
        An array of the leaked patients' names, each once, in any order. Empty for an honest split.

    Examples:
        >>> patients = np.array(["C1", "C1", "C2", "C3"])
        >>> print(*leaked_patients(patients, first=np.array([0, 2]), second=np.array([1, 3])))
        C1
    """
    raise NotImplementedError("Exercise 1.4: find the names that occur on both sides")


def majority_baseline(patients, labels, train, test):
    """Guess each test cell from its patient's name: what a split gives away without a pixel.

    Each test cell is given the class that most of its patient's training cells have. A patient
    whose training cells are tied, or who has none, is given the more frequent class of all training
    cells; if those are tied too, 0.

    Args:
        patients: The patient of each cell, a sequence of N strings.
        labels: The class of each cell, N ints: 1 is parasitized, 0 uninfected.
        train, test: Index arrays into both.

    Returns:
        The accuracy of the guesses on the test cells, a float in [0, 1].

    Raises:
        ValueError: One of the two sets is empty.

    Examples:
        >>> patients, labels = ["C1", "C1", "C2", "C2"], [1, 1, 0, 0]
        >>> majority_baseline(patients, labels, train=[0, 2], test=[1, 3])  # both leaked
        1.0
        >>> majority_baseline(patients, labels, train=[0, 1], test=[2, 3])  # C2 is unknown
        0.0
    """
    patients, labels = np.asarray(patients), np.asarray(labels)
    if len(train) == 0 or len(test) == 0:
        raise ValueError("The baseline needs at least one training cell and one test cell.")
    raise NotImplementedError("Exercise 1.5: let each patient's training cells vote, then score")

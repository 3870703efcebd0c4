"""Grades lesson 1: names, shuffling, and a split that keeps each patient on one side."""

import functools
import itertools
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

import malaria
from tests import oracles, properties, received
from tests.graded import train_test_split
from tests.properties import Example
from tests.refusals import refused

# What the tests are given


def made_up_cells(patients, seed):
    """Patients and labels of made-up cells, as uneven as the real ones.

    Three patients in four are infected. The number of their infected cells is log-normal, so that
    a few patients hold most of them, as in the NIH set. All have a quarter of as many cells as
    there: what is slow to split takes four times as long with four times the cells.
    """
    rng = np.random.default_rng(seed)
    names, labels = [], []
    for k in range(patients):
        infected = int(np.clip(rng.lognormal(np.log(8), 1.2), 1, 75)) if k % 4 else 0
        healthy = int(rng.integers(10, 25))
        names += [f"C{k + 1}"] * (infected + healthy)
        labels += [1] * infected + [0] * healthy
    return np.array(names), np.array(labels)


# Each of the practice set's 60 patients as `cells/parasitized cells`.
PRACTICE_PATIENTS = """
    24/10 26/11 31/12 32/13 33/14 32/15 38/16 40/18 20/1 38/19 40/21 41/22 42/25 42/27 49/29
    50/32 52/36 58/40 66/45 73/52 76/60 88/70 102/86 18/2 127/109 170/154 180/163 31/0 31/0 24/0
    32/0 21/0 25/0 16/2 22/0 26/0 17/3 31/0 23/0 21/0 23/3 24/3 32/0 22/3 24/4 22/4 26/5 25/5
    23/0 19/5 27/6 20/6 28/0 27/7 22/7 29/8 26/8 25/9 27/10 21/0
"""


def practice_cells():
    """Patients and labels of as many cells as the practice set has."""
    names, labels = [], []
    for k, entry in enumerate(PRACTICE_PATIENTS.split()):
        cells, infected = map(int, entry.split("/"))
        names += [f"C{k + 1}"] * cells
        labels += [1] * infected + [0] * (cells - infected)
    return np.array(names), np.array(labels)


def output_of_two_processes(code):
    """What some code prints in two processes that hash strings differently: two strings.

    Python draws a new hash for strings in every process, and with it the order of a set; here the
    two are fixed. The code imports the modules that are being graded.
    """
    outputs = []
    for hash_seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": hash_seed,
            "MALARIA_MODULES": str(malaria.modules_in_use),
        }
        process = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        last_line = process.stderr.strip().rpartition("\n")[2]
        assert process.returncode == 0, f"In a separate process: {last_line}"
        outputs.append(process.stdout)
    return outputs


def patient_in(path):
    """The patient that `patient_of` finds, a string."""
    return received.text(train_test_split.patient_of(path), "the patient")


@pytest.mark.exercise("1.1")
class TestPatientOf:
    """The patient stands at the start of the file's name, however the rest of it is spelled."""

    @pytest.mark.parametrize(
        ("name", "patient"),
        [
            ("C33P1thinF_IMG_20150619_114756a_cell_179.png", "C33"),
            ("C100P61ThinF_IMG_20150918_144104_cell_162.png", "C100"),
            ("C1_thinF_IMG_20150604_104722_cell_15.png", "C1"),
            ("C241NThinF_IMG_20151207_124240_cell_98.png", "C241"),
            ("C47P8thinOriginalOlympusCX21_0001_cell_7.png", "C47"),
            ("C37BP2_thinF_IMG_20150620_133111a_cell_88.png", "C37"),
            ("C70P31_ThinF_IMG_20150813_130332_cell_104.png", "C70"),
            ("C10007P9994ThinF_IMG_20150813_130332_cell_4.png", "C10007"),
        ],
    )
    def test_reads_every_spelling(self, name, patient):
        """The names come from several hands: thinF and ThinF, with and without a slide."""
        found = patient_in(name)
        assert found == patient, f"patient_of({name!r}) returned {found!r}, not {patient!r}."

    @pytest.mark.parametrize("kind", [Path, PurePosixPath])
    def test_takes_a_pathlib_path(self, kind):
        """Listing a folder with pathlib gives paths, not strings."""
        path = kind("Uninfected") / "C208ThinF_IMG_20151029_155942_cell_12.png"
        found = patient_in(path)
        assert found == "C208", f"For a {kind.__name__}, patient_of returned {found!r}, not 'C208'."

    @pytest.mark.parametrize(
        "front",
        ["Parasitized/", "/data/C5_old/Uninfected/", "C9/cells/", "C12P3 copy/Parasitized/"],
    )
    def test_ignores_the_folders_in_front(self, front):
        """A folder may look like a patient; only the file's own name counts."""
        path = front + "C33P1thinF_IMG_20150619_114756a_cell_179.png"
        found = patient_in(path)
        assert found == "C33", f"patient_of({path!r}) returned {found!r}, not 'C33'."

    @pytest.mark.parametrize(
        "name", ["Thumbs.db", "pic5.png", "P12_cell_1.png", "C_cell_3.png", "33P1thinF.png", ""]
    )
    def test_refuses_a_name_without_a_patient(self, name):
        """An invented patient would put strangers together without a word."""
        with refused(f"the name {name!r}"):
            train_test_split.patient_of(name)

    @pytest.mark.parametrize("name", ["C33/Thumbs.db", "C5P1thinF/cell_7.png", "/C9/C12P3/a.png"])
    def test_does_not_take_a_folder_for_a_patient(self, name):
        """A folder says nothing about whose cell a file shows."""
        with refused(f"the path {name!r}, whose file name does not start with a patient"):
            train_test_split.patient_of(name)


def shuffled(*arrays, seed):
    """What `shuffle_together` makes of arrays: as many arrays, of the same shapes."""
    before = [array.copy() for array in arrays]
    found = train_test_split.shuffle_together(*arrays, seed=seed)
    untouched = all(map(np.array_equal, arrays, before))
    assert untouched, "shuffle_together changed the arrays passed to it."
    if not isinstance(found, tuple):
        received.refuse(found, "the result", "a tuple of arrays")
    counts = f"a tuple of length {len(found)}, not {len(arrays)}"
    assert len(found) == len(arrays), f"shuffle_together returned {counts}."
    kinds = ["strings" if own.dtype.kind == "U" else None for own in arrays]
    return [
        received.array(array, "a shuffled array", own.shape, kind)
        for array, own, kind in zip(found, arrays, kinds, strict=True)
    ]


def order_of(count, seed, hint=""):
    """The order in which so many rows come, an array of ints: the same in two calls."""
    first, again = (shuffled(np.arange(count), seed=seed)[0] for _ in range(2))
    assert np.array_equal(first, again), f"Two calls with seed {seed} gave different orders{hint}."
    return received.array(first, "an array of ints", dtype="integers")


SHUFFLE_50_NUMBERS = """
import numpy as np
from malaria.train_test_split import shuffle_together

(shuffled,) = shuffle_together(np.arange(50), seed=3)
print([int(number) for number in shuffled])
"""


@pytest.mark.exercise("1.2")
class TestShuffleTogether:
    """One permutation for all arrays: rows that belong together stay together."""

    def test_keeps_rows_together(self):
        """The shapes stay perfect when the labels are shuffled apart: only the pairs tell."""
        numbers, squares = np.arange(50), np.arange(50) ** 2
        found = shuffled(numbers, squares, seed=1)
        apart = sum(number**2 != square for number, square in zip(*found, strict=True))
        assert apart == 0, (
            f"{apart} of 50 pairs were separated: use one permutation for all arrays."
        )

    def test_is_a_permutation(self):
        """Every row once: drawing with replacement loses some and doubles others."""
        (found,) = shuffled(np.arange(50), seed=1)
        left = len(np.intersect1d(found, np.arange(50)))
        assert left == 50, f"Of 50 different rows, only {left} came back."
        neighbours = sum(abs(a - b) == 1 for a, b in itertools.pairwise(found.tolist()))
        # Two on average, and 13 once in seven million; a list that was rotated, cut or reversed
        # keeps nearly all 49.
        assert neighbours <= 12, f"Of 49 pairs of neighbours, {neighbours} are still side by side."

    def test_takes_arrays_of_any_kind(self):
        """Names, images of several axes, floats; one array alone or four."""
        names = np.array([f"C{k}" for k in range(9)])
        images = np.arange(9 * 2 * 2 * 3).reshape(9, 2, 2, 3)
        floats = np.arange(9.0)
        *found, order = shuffled(names, images, floats, np.arange(9), seed=5)
        received.array(order, "an array of ints", dtype="integers")
        same = sorted(order.tolist()) == list(range(9))
        assert same, "The 9 ints that came back are not the 9 that were passed in."
        for what, rows, own in zip(
            ("names", "images", "floats"), found, (names, images, floats), strict=True
        ):
            same = np.array_equal(rows, own[order])
            assert same, f"The {what} were shuffled into another order than the ints."

    def test_keeps_the_dtype_of_each_array(self):
        """uint8 images must not come back as int64, eight times as large."""
        dtypes = ["uint8", "int32", "float32", "bool"]
        arrays = [np.arange(12).astype(dtype) for dtype in dtypes]
        for array, found in zip(arrays, shuffled(*arrays, seed=1), strict=True):
            assert found.dtype == array.dtype, (
                f"An array of {array.dtype} came back as {found.dtype}."
            )

    def test_reaches_every_place(self):
        """Over 300 seeds the first row comes from all places about equally often."""
        firsts = [shuffled(np.arange(6), seed=seed)[0][0] for seed in range(300)]
        counts = [firsts.count(row) for row in range(6)]
        # Each of the six is expected 50 times, with a standard deviation of 6.5: fewer than 15
        # come once in a thousand million.
        assert min(counts) >= 15, (
            f"Over 300 seeds, the 6 rows came first {counts} times; about 50 each are expected."
        )

    def test_takes_0_for_a_seed(self):
        """0 is false in Python, but it is a seed like any other."""
        order_of(50, seed=1)
        order_of(50, seed=0, hint=", unlike two calls with seed 1: `if seed` is false for 0")

    def test_draws_one_order_for_a_seed(self):
        """Whatever the arrays hold: images shuffled today fit labels that are shuffled tomorrow."""
        names = np.array([f"C{-k % 40}" for k in range(40)])
        order = order_of(40, seed=4)
        (found,) = shuffled(names, seed=4)
        same = [f"C{-k % 40}" for k in order] == found.tolist()
        assert same, "With one seed and one length, numbers and names came in different orders."

    def test_is_the_same_in_every_process(self):
        """hash() of a string is another number in each process."""
        order_of(50, seed=3)  # what is the matter in one process is said here
        first, second = output_of_two_processes(SHUFFLE_50_NUMBERS)
        assert first == second, (
            "Seed 3 gave different orders in two processes: does the order depend on hash()?"
        )

    @pytest.mark.parametrize("lengths", [(5, 4), (4, 5), (5, 5, 6), (5, 6, 5), (4, 6, 5)])
    def test_refuses_unequal_lengths(self, lengths):
        """Rows without a partner are the caller's mistake."""
        arrays = [np.arange(length) for length in lengths]
        with refused(f"arrays of the lengths {lengths}"):
            train_test_split.shuffle_together(*arrays, seed=0)


def sets_of(patients, *arguments, **named):
    """The three sets that `split_by_patient` makes: arrays of ints, each the index of a cell."""
    found = train_test_split.split_by_patient(patients, *arguments, **named)
    names = ("train", "val", "test")
    sets = zip(names, received.parts(found, names, "the split"), strict=True)
    return [indices(cells, f"the {name} set", len(patients)) for name, cells in sets]


def indices(found, what, count):
    """A set of the split as an array of ints that can index an array of so many cells."""
    cells = received.array(found, what, shape=(None,))
    if len(cells) == 0:  # of any dtype
        return cells.astype(int)
    received.array(cells, what, dtype="integers")
    outside = cells[(cells < 0) | (cells >= count)]
    assert len(outside) == 0, f"There is an index {outside[0]} in {what}, but only {count} cells."
    return cells.astype(int)


def check_sizes(sets, labels, fractions, cells):
    """Each set holds its fraction of the cells, give or take 0.03; `cells` says of which."""
    sizes = np.array([len(own) for own in sets]) / len(labels)
    assert np.abs(sizes - fractions).max() <= 0.03, (
        f"The sets hold the shares {received.digits(sizes)} of {cells}; the fractions asked for"
        f" are {fractions}, each within 0.03."
    )


def check_class_shares(sets, labels, cells):
    """Each set's share of parasitized cells is that of all, give or take 0.05."""
    empty = [name for name, own in zip(("train", "val", "test"), sets, strict=True) if not len(own)]
    assert not empty, f"For {cells}, these sets are empty: {received.enumerated(empty)}."
    shares = np.array([labels[own].mean() for own in sets])
    assert np.abs(shares - labels.mean()).max() <= 0.05, (
        f"In the sets of {cells}, the shares of parasitized cells are"
        f" {received.digits(shares)}; each should be within 0.05 of the share in all cells,"
        f" {received.digits(labels.mean())}."
    )


SPLIT_300_CELLS = """
import numpy as np
from malaria.train_test_split import split_by_patient

patients = np.array([f"C{k % 30}" for k in range(300)])
sets = split_by_patient(patients, np.arange(300) % 2, seed=1)
print([sorted(int(cell) for cell in cells) for cells in sets])
"""


@pytest.fixture(scope="class")
def splits():
    """A function of a number of patients and a seed, to patients, labels and sets: each made once.

    The cells are listed in no order, so that those of a patient are not side by side.
    """

    @functools.cache
    def split(count, seed):
        patients, labels = made_up_cells(count, 3)
        order = np.random.default_rng(count).permutation(len(patients))
        patients, labels = patients[order], labels[order]
        return patients, labels, sets_of(patients.copy(), labels.copy(), seed=seed)

    return split


def check_repeated(first, patients, labels, seed):
    """The same seed gives the same split once more."""
    again = sets_of(patients, labels, seed=seed)
    same = all(set(a) == set(b) for a, b in zip(first, again, strict=True))
    assert same, f"Two calls with seed {seed} made different splits."


@pytest.mark.exercise("1.3")
class TestSplitByPatient:
    """Each patient on one side, and sides that resemble each other, whatever the seed."""

    @pytest.mark.parametrize("count", [20, 60, 200])
    def test_puts_every_cell_into_one_set(self, splits, count):
        """A cell left out is lost, a cell in two sets is a leak."""
        patients, _, found = splits(count, seed=0)
        found = np.concatenate(found)
        twice = len(found) - len(np.unique(found))
        assert twice == 0, f"{twice} of {len(patients)} cells are in more than one set."
        assert len(found) == len(patients), f"Of {len(patients)} cells, {len(found)} are in a set."

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_keeps_each_patient_in_one_set(self, splits, seed):
        """The whole point: no patient's cells on two sides, in whatever order they are listed."""
        patients, _, found = splits(60, seed)
        train, val, test = (set(patients[cells]) for cells in found)
        shared = train & val | train & test | val & test
        assert not shared, f"{len(shared)} of 60 patients are in more than one set."

    @pytest.mark.parametrize(
        ("count", "seed"), [(60, 0), (60, 1), (60, 2), (60, 3), (200, 0), (200, 1)]
    )
    def test_meets_the_sizes_and_the_class_shares(self, splits, count, seed):
        """A test set of half the size, or of one class, measures something else."""
        _, labels, found = splits(count, seed)
        cells = f"the cells of {count} patients, with seed {seed}"
        check_sizes(found, labels, (0.6, 0.2, 0.2), cells)
        check_class_shares(found, labels, cells)

    @pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.1), (0.2, 0.3, 0.5), (0.25, 0.5, 0.25)])
    def test_follows_the_fractions(self, fractions):
        """Other shares than the default's: the sets come in the order of the fractions."""
        patients, labels = made_up_cells(60, 4)
        found = sets_of(patients, labels, fractions)
        check_sizes(found, labels, fractions, "the cells of 60 patients")

    @pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.2), (0.5, 0.25, 0.25)])
    def test_is_balanced_whatever_the_seed(self, fractions):
        """One of many cuts is good by luck; the best of a few is bad under every third seed."""
        patients, labels = practice_cells()
        for seed in range(10, 22):
            found = sets_of(patients, labels, fractions, seed=seed)
            cells = f"the practice cells, with seed {seed} and the fractions {fractions}"
            check_sizes(found, labels, fractions, cells)
            check_class_shares(found, labels, cells)

    def test_forgets_the_order_of_the_files(self, splits):
        """Another computer lists a folder in another order; the test cells must be the same."""
        patients, labels, first = splits(60, seed=1)
        check_repeated(first, patients, labels, seed=1)
        for shuffle in range(2):
            order = np.random.default_rng(shuffle).permutation(len(patients))
            again = sets_of(patients[order], labels[order], seed=1)
            moved = sum(
                len(set(before) - set(order[after]))
                for before, after in zip(first, again, strict=True)
            )
            assert moved == 0, (
                f"With the files listed in another order, {moved} cells changed sets."
            )

    @pytest.mark.parametrize(("count", "seeds"), [(20, 8), (60, 4)])
    def test_has_as_many_splits_as_seeds(self, splits, count, seeds):
        """From 20 patients on there are plenty of good cuts."""
        found = {
            tuple(tuple(np.sort(cells)) for cells in splits(count, seed)[2])
            for seed in range(seeds)
        }
        assert len(found) == seeds, (
            f"{seeds} seeds gave {len(found)} different splits of {count} patients. Many splits are"
            " good, and the seed must choose among them, even where one is the best."
        )

    def test_has_0_for_a_default_seed(self, splits):
        """Called without a seed it takes 0, so two runs of a notebook agree."""
        patients, labels, with_seed = splits(60, seed=0)
        check_repeated(with_seed, patients, labels, seed=0)
        without = sets_of(patients, labels)
        same = all(set(a) == set(b) for a, b in zip(with_seed, without, strict=True))
        assert same, "Without a seed, the split is not that of seed 0, the default."

    def test_is_the_same_in_every_process(self):
        """A `set` of names has another order in each process: it depends on PYTHONHASHSEED."""
        # What is the matter in one process is said here.
        patients = np.array([f"C{k % 30}" for k in range(300)])
        sets_of(patients, np.arange(300) % 2, seed=1)
        first, second = output_of_two_processes(SPLIT_300_CELLS)
        assert first == second, "With one seed, two processes made different splits."

    def test_takes_any_names(self):
        """Patients have numbers of any length, and some begin like others: C12 and C1201."""
        patients, labels = made_up_cells(60, 2)
        patients = np.array([f"{name}01" if len(name) == 3 else name for name in patients])
        found = sets_of(patients, labels)
        dealt = len(np.unique(np.concatenate(found)))
        assert dealt == len(patients), (
            f"Of {len(patients)} cells, some of patients such as C1201, {dealt} are in a set."
        )
        people = [set(patients[cells]) for cells in found]
        assert sum(map(len, people)) == 60, "Patients such as C1201 are in more than one set."

    def test_leaves_no_set_empty(self):
        """As many patients as sets: one each."""
        patients, labels = np.array(["C1", "C2", "C3", "C3"]), np.array([0, 1, 1, 0])
        sizes = sorted(len(cells) for cells in sets_of(patients, labels))
        assert sizes == [1, 1, 2], f"Patients with 1, 1 and 2 cells gave sets of {sizes} cells."

    @pytest.mark.parametrize(
        ("patients", "fractions"),
        [
            ("AB", (0.6, 0.2, 0.2)),
            ("ABAB", (0.6, 0.2, 0.2)),
            ("AAAAAAAAA", (0.6, 0.2, 0.2)),
        ],
    )
    def test_refuses_fewer_patients_than_sets(self, patients, fractions):
        """A sentence now is worth more than an empty test set later."""
        labels = np.arange(len(patients), dtype=np.int32) % 2
        with refused(f"three sets and the patients {' '.join(patients)}"):
            train_test_split.split_by_patient(np.array(list(patients)), labels, fractions)

    @pytest.mark.parametrize(
        ("fractions", "total"),
        [
            ((0.6, 0.2, 0.1), 0.9),
            ((0.6, 0.4, 0.2), 1.2),
            ((0.6, 0.2, 0.195), 0.995),
            ((0.6, 0.25, 0.2), 1.05),
        ],
    )
    def test_refuses_fractions_that_do_not_sum_to_1(self, fractions, total):
        """They were meant otherwise, and nobody can know how."""
        with refused(f"the fractions {fractions}, whose sum is {total}"):
            train_test_split.split_by_patient(
                np.array(["C1", "C2", "C3"]), np.array([0, 1, 0], np.int32), fractions
            )


def leaked(patients, first, second):
    """The leaked patients that came back, a sorted list of strings; they may come in any order."""
    found = train_test_split.leaked_patients(
        np.asarray(patients), np.asarray(first, int), np.asarray(second, int)
    )
    try:
        names = list(found) if not isinstance(found, str) else None
    except TypeError:
        names = None
    if names is None:
        received.refuse(found, "the result", "patients' names")
    return sorted(received.text(name, "a leaked patient") for name in names)


@pytest.mark.exercise("1.4")
class TestLeakedPatients:
    """The patients with cells on both sides of a split, each once."""

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ([0, 1, 2], [3, 4], ["C2"]),
            ([0, 1], [4, 5], []),
            ([5, 0, 3], [1, 2, 4], ["C1", "C2", "C3"]),
            ([], [0, 1], []),
            ([0], [1], ["C1"]),
            ([3, 1], [0, 2], ["C1", "C2"]),
            ([0, 2, 1, 3], [0, 2], ["C1", "C2"]),
        ],
    )
    def test_by_hand(self, first, second, expected):
        """Cell 0 is a cell like any other, and the indices come in any order."""
        found = leaked(["C1", "C1", "C2", "C2", "C3", "C3"], first, second)
        assert found == expected, (
            f"For the patients C1 C1 C2 C2 C3 C3 and the cells {first} and {second},"
            f" leaked_patients returned {found}, not {expected}."
        )

    def test_names_each_once(self):
        """Many cells of one patient on both sides are still one leaked patient."""
        found = leaked(["C7"] * 10 + ["C8"] * 4, [0, 1, 2, 10], [3, 4, 5, 6])
        assert found == ["C7"], (
            f"Only C7 has cells on both sides, 7 of them, but {found} came back: {len(found)} in"
            " all."
        )

    def test_compares_whole_names(self):
        """C1 is not C10: part of a name is another patient."""
        patients = ["C1", "C10", "C100", "C1001", "C2", "smear 7"]
        found = leaked(patients, [0, 2, 4], [1, 3, 5])
        assert not found, (
            f"With C1, C100, C2 on one side and C10, C1001, smear 7 on the other, {found} came"
            " back, but no patient is on both."
        )
        found = leaked(patients, [5, 1], [2, 5])
        assert found == ["smear 7"], f"Only 'smear 7' is on both sides, but {found} came back."


def baseline(patients, labels, train, test):
    """The accuracy that `majority_baseline` returns, a float; NumPy's float64 is one."""
    found = train_test_split.majority_baseline(*map(np.asarray, (patients, labels, train, test)))
    if not isinstance(found, float):
        received.refuse(found, "the accuracy", "a Python float")
    return float(found)


@pytest.mark.exercise("1.5")
class TestMajorityBaseline:
    """What a split gives away without a pixel: each patient's training cells vote."""

    @pytest.mark.parametrize(
        ("patients", "labels", "train", "test", "expected", "why"),
        [
            ("AABB", [1, 1, 0, 0], [0, 2], [1, 3], 1, "each guess follows the patient"),
            ("AAAA", [1, 1, 0, 0], [0, 1, 2], [3], 0, "two votes against one"),
            ("AAAA", [0, 1, 1, 1], [0], [1, 2, 3], 0, "the test cells have no vote"),
            ("ABBC", [0, 1, 1, 1], [0, 1, 2], [3], 1, "an unknown patient gets the base rate"),
            ("AABBB", [1, 0, 1, 1, 1], [0, 1, 2, 3], [4, 1], 0.5, "a tie gets the base rate"),
            ("ABCC", [0, 0, 1, 1], [0, 1], [2, 3], 0, "a base rate of 0 is wrong for both"),
            ("ABC", [0, 1, 1], [0, 1], [2], 0, "a tied base rate is 0"),
            ("ABC", [1, 0, 1], [0, 1], [2], 0, "a tied base rate is 0, whichever class came first"),
            ("AAA", [1, 0, 1], [0, 1], [2], 0, "a tied patient and a tied base rate give 0"),
        ],
    )
    def test_by_hand(self, patients, labels, train, test, expected, why):
        """Small cases, one rule each; Counter.most_common would break ties by what came first."""
        found = baseline(list(patients), labels, train, test)
        assert abs(found - expected) <= 1e-9, (
            f"For the patients {' '.join(patients)} and the labels {labels}, trained on the cells"
            f" {train} and tested on {test}, the accuracy is {received.digits(found)}, not"
            f" {expected}: {why}."
        )

    def test_takes_a_narrow_majority_for_one(self):
        """Eleven training cells of A, six of them parasitized; with B's two, no more than six."""
        labels = [1] * 6 + [0] * 5 + [1, 0, 0]
        found = baseline(["A"] * 12 + ["B"] * 2, labels, train=[*range(11), 12, 13], test=[11])
        assert abs(found - 1) <= 1e-9, (
            "Of a patient's 11 training cells, 6 are parasitized, which is not a tie; its test cell"
            f" is parasitized too, but the accuracy is {received.digits(found)}, not 1."
        )

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_counting(self, seed):
        """A leaky split by image of made-up cells, against counting one by one."""
        rng = np.random.default_rng(seed)
        numbers = rng.integers(0, 25, 200)
        patients = np.array([f"C{k}" for k in numbers])
        shares = numbers * 7 % 10 / 10  # of parasitized cells, another one for each patient
        labels = (rng.random(200) < shares).astype(np.int32)
        order = rng.permutation(200)
        train, test = order[:120], order[120:]
        expected = oracles.majority_baseline(patients, labels, train, test)
        found = baseline(patients, labels, train, test)
        assert abs(found - expected) <= 1e-9, (
            f"For 80 test cells of 25 patients, the accuracy is {received.digits(found)}, not"
            f" {received.digits(expected)}, as counted one by one."
        )


# The properties that all exercises have in common; tests/properties.py has the tests.
test_properties = properties.tests_of(
    Example(
        "1.1",
        patient_in,
        inputs=lambda dtype: ("Uninfected/C241NThinF_IMG_20151207_124240_cell_98.png",),
    ),
    Example(
        "1.2",
        shuffled,
        inputs=lambda dtype: (
            np.arange(30, dtype=dtype),
            np.arange(60, dtype=dtype).reshape(30, 2),
        ),
        dtype=True,
        seeds=(3, 4),
    ),
    Example(
        "1.3",
        lambda patients, labels, seed: [
            np.sort(cells) for cells in sets_of(patients, labels, seed=seed)
        ],
        inputs=lambda dtype: tuple(array[::-1].copy() for array in made_up_cells(60, 6)),
        seeds=(0, 1),
    ),
    Example(
        "1.4",
        leaked,
        inputs=lambda dtype: (
            np.array(["C2", "C1", "C2"]),
            np.array([2, 0]),
            np.array([1, 0]),
        ),
    ),
    Example(
        "1.5",
        baseline,
        inputs=lambda dtype: (
            np.array(list("BABA")),
            np.array([1, 0, 1, 1]),
            np.array([3, 0]),
            np.array([2, 1]),
        ),
    ),
)

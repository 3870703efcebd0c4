"""Grades lesson 1: names, shuffling, and a split that keeps each patient on one side."""

import itertools
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

import malaria
from tests import oracles, properties
from tests.graded import train_test_split
from tests.properties import Example
from tests.refusals import refused

# What the tests are given


def made_up_cells(patients, seed):
    """Patients and labels of made-up cells, as uneven as the real ones.

    Three patients in four are infected. The number of their infected cells is log-normal around a
    median of 33, so that a few patients hold most of them, as in the NIH set.
    """
    rng = np.random.default_rng(seed)
    names, labels = [], []
    for k in range(patients):
        infected = int(np.clip(rng.lognormal(np.log(33), 1.2), 1, 300)) if k % 4 else 0
        healthy = int(rng.integers(40, 100))
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
        assert process.returncode == 0, f"In a process of its own: {last_line}"
        outputs.append(process.stdout)
    return outputs


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
        found = train_test_split.patient_of(name)
        assert found == patient, f"patient_of({name!r}) returned {found!r}, not {patient!r}."

    @pytest.mark.parametrize("kind", [Path, PurePosixPath])
    def test_takes_a_pathlib_path(self, kind):
        """Listing a folder with pathlib gives paths, not strings."""
        path = kind("Uninfected") / "C208ThinF_IMG_20151029_155942_cell_12.png"
        found = train_test_split.patient_of(path)
        assert found == "C208", f"For a {kind.__name__} patient_of returned {found!r}, not 'C208'."

    @pytest.mark.parametrize(
        "front",
        ["Parasitized/", "/data/C5_old/Uninfected/", "C9/cells/", "C12P3 copy/Parasitized/"],
    )
    def test_ignores_the_folders_in_front(self, front):
        """A folder may look like a patient; only the file's own name counts."""
        path = front + "C33P1thinF_IMG_20150619_114756a_cell_179.png"
        found = train_test_split.patient_of(path)
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
        with refused(f"the name {name!r}, whose last part names no patient"):
            train_test_split.patient_of(name)


def lists_of(found):
    """The arrays of a tuple that came back, each as a list."""
    assert isinstance(found, tuple), f"A {type(found).__name__} came back instead of a tuple."
    return [np.asarray(array).tolist() for array in found]


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
        found = lists_of(train_test_split.shuffle_together(numbers, squares, seed=1))
        assert len(found) == 2, f"Two arrays went in, {len(found)} came out."
        apart = sum(number**2 != square for number, square in zip(*found, strict=True))
        assert apart == 0, (
            f"{apart} of 50 pairs were torn apart: use one permutation for all arrays."
        )

    def test_is_a_permutation(self):
        """Every row once: drawing with replacement loses some and doubles others."""
        (found,) = lists_of(train_test_split.shuffle_together(np.arange(50), seed=1))
        assert sorted(found) == list(range(50)), (
            f"Of 50 different rows {len(set(found))} different ones are left."
        )
        neighbours = sum(abs(a - b) == 1 for a, b in itertools.pairwise(found))
        # Two on average; a list that was rotated, cut or reversed keeps nearly all 49.
        assert neighbours <= 12, f"Of 49 pairs of neighbours {neighbours} are still side by side."

    def test_takes_arrays_of_any_kind(self):
        """Names, images of several axes, floats; one array alone or four."""
        names = np.array([f"C{k}" for k in range(9)])
        images = np.arange(9 * 2 * 2 * 3).reshape(9, 2, 2, 3)
        found = train_test_split.shuffle_together(
            names, images, np.arange(9.0), np.arange(9), seed=5
        )
        assert len(found) == 4, f"Four arguments went in, {len(found)} came out."
        order = np.asarray(found[3])
        assert names[order].tolist() == list(found[0]), "The names were shuffled differently."
        assert (np.asarray(found[1]) == images[order]).all(), (
            "The images were shuffled differently."
        )
        assert (np.asarray(found[2]) == order).all(), "The floats were shuffled differently."

    def test_keeps_the_dtype_of_each_array(self):
        """uint8 images must not come back as int64, eight times as large."""
        dtypes = ["uint8", "int32", "float32", "bool"]
        arrays = [np.arange(12).astype(dtype) for dtype in dtypes]
        found = train_test_split.shuffle_together(*arrays, seed=1)
        assert len(found) == 4, f"Four arrays went in, {len(found)} came out."
        for array, shuffled in zip(arrays, found, strict=True):
            dtype = np.asarray(shuffled).dtype
            assert dtype == array.dtype, f"An array of {array.dtype} came back as {dtype}."

    def test_reaches_every_place(self):
        """Over 300 seeds the first row comes from all places about equally often."""
        firsts = [
            lists_of(train_test_split.shuffle_together(np.arange(6), seed=seed))[0][0]
            for seed in range(300)
        ]
        counts = np.bincount(firsts, minlength=6)
        # Each of the six is expected 50 times, with a standard deviation of 6.5.
        assert counts.min() >= 15, f"Over 300 seeds the rows came first {counts.tolist()} times."

    def test_takes_0_for_a_seed(self):
        """0 is false in Python, but it is a seed like any other."""
        first, again = (
            lists_of(train_test_split.shuffle_together(np.arange(50), seed=0)) for _ in range(2)
        )
        assert first == again, (
            "Two calls with seed 0 gave two different orders: `if seed` is false for 0."
        )

    def test_draws_one_order_for_a_seed(self):
        """Whatever the arrays hold: images shuffled today fit labels that are shuffled tomorrow."""
        (order,) = lists_of(train_test_split.shuffle_together(np.arange(40), seed=4))
        names = np.array([f"C{-k % 40}" for k in range(40)])
        (found,) = lists_of(train_test_split.shuffle_together(names, seed=4))
        assert names[order].tolist() == found, (
            "One seed and one length, but numbers and names came in different orders."
        )

    def test_is_the_same_in_every_process(self):
        """hash() of a string is another number in each process."""
        train_test_split.shuffle_together(np.arange(3), seed=3)  # a stub says so here
        first, second = output_of_two_processes(SHUFFLE_50_NUMBERS)
        assert first == second, (
            "Seed 3 gave two orders in two processes: does it pass through hash()?"
        )

    @pytest.mark.parametrize("lengths", [(5, 4), (4, 5), (5, 5, 6), (5, 6, 5), (4, 6, 5)])
    def test_refuses_unequal_lengths(self, lengths):
        """Rows without a partner are the caller's mistake."""
        arrays = [np.arange(length) for length in lengths]
        with refused(f"arrays of the lengths {lengths}"):
            train_test_split.shuffle_together(*arrays, seed=0)


def sets_of(found):
    """The three sets that came back, as int arrays."""
    assert found is not None, "split_by_patient returned None."
    assert len(found) == 3, f"split_by_patient returned {len(found)} sets instead of 3."
    sets = [np.asarray(cells) for cells in found]
    for cells in sets:
        assert cells.dtype.kind in "iuf", (
            f"A set holds {cells.dtype}; asked for were cells' indices."
        )
    return [cells.astype(int) for cells in sets]


def check_sizes(sets, labels, fractions, cells):
    """Each set holds its fraction of the cells, give or take 0.03; `cells` says of which."""
    sizes = np.array([len(own) for own in sets]) / len(labels)
    assert np.abs(sizes - fractions).max() <= 0.03, (
        f"The sets hold {np.round(sizes, 3).tolist()} of {cells}; asked for were"
        f" {fractions}, give or take 0.03."
    )


def check_class_shares(sets, labels, cells):
    """Each set's share of parasitized cells is that of all, give or take 0.05."""
    shares = np.array([labels[own].mean() for own in sets])
    assert np.abs(shares - labels.mean()).max() <= 0.05, (
        f"In the sets of {cells}, the shares of parasitized cells are"
        f" {np.round(shares, 3).tolist()}; in all cells it is {labels.mean():.3f}, give or take"
        " 0.05."
    )


SPLIT_300_CELLS = """
import numpy as np
from malaria.train_test_split import split_by_patient

patients = np.array([f"C{k % 30}" for k in range(300)])
sets = split_by_patient(patients, np.arange(300) % 2, seed=1)
print([sorted(int(cell) for cell in cells) for cells in sets])
"""


@pytest.mark.exercise("1.3")
class TestSplitByPatient:
    """Each patient on one side, and sides that resemble each other, whatever the seed."""

    def test_returns_indices(self):
        """Floats index nothing: numpy.append to an empty array makes floats of ints."""
        patients, labels = made_up_cells(20, 1)
        for found in train_test_split.split_by_patient(patients, labels):
            dtype = np.asarray(found).dtype
            assert dtype.kind in "iu", f"The indices are {dtype}; only ints can index an array."

    @pytest.mark.parametrize("count", [20, 60, 200])
    def test_puts_every_cell_into_one_set(self, count):
        """A cell left out is lost, a cell in two sets is a leak."""
        patients, labels = made_up_cells(count, 1)
        found = np.concatenate(sets_of(train_test_split.split_by_patient(patients, labels)))
        assert len(found) == len(patients), f"Of {len(patients)} cells {len(found)} were dealt out."
        assert len(np.unique(found)) == len(patients), "Some cells are in more than one set."

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_keeps_each_patient_in_one_set(self, seed):
        """The whole point: no patient's cells on two sides, in whatever order they are listed."""
        patients, labels = made_up_cells(60, 2)
        order = np.random.default_rng(seed).permutation(len(patients))
        patients, labels = patients[order], labels[order]
        found = sets_of(train_test_split.split_by_patient(patients, labels, seed=seed))
        train, val, test = (set(patients[cells]) for cells in found)
        shared = train & val | train & test | val & test
        assert not shared, f"{len(shared)} of 60 patients are in more than one set."

    @pytest.mark.parametrize("seed", [0, 1, 2, 3])
    @pytest.mark.parametrize("count", [60, 200])
    def test_meets_the_sizes_and_the_class_shares(self, count, seed):
        """A test set of half the size, or of one class, measures something else."""
        patients, labels = made_up_cells(count, 3)
        found = sets_of(train_test_split.split_by_patient(patients, labels, seed=seed))
        cells = f"the cells of {count} patients, with seed {seed}"
        check_sizes(found, labels, (0.6, 0.2, 0.2), cells)
        check_class_shares(found, labels, cells)

    @pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.1), (0.2, 0.3, 0.5), (0.25, 0.5, 0.25)])
    def test_follows_the_fractions(self, fractions):
        """Other shares than the default's: the sets come in the order of the fractions."""
        patients, labels = made_up_cells(60, 4)
        found = sets_of(train_test_split.split_by_patient(patients, labels, fractions))
        check_sizes(found, labels, fractions, "the cells of 60 patients")

    @pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.2), (0.5, 0.25, 0.25)])
    def test_is_balanced_whatever_the_seed(self, fractions):
        """One of many cuts is good by luck; the best of a few is bad under every third seed."""
        patients, labels = practice_cells()
        for seed in range(10, 22):
            found = train_test_split.split_by_patient(patients, labels, fractions, seed=seed)
            cells = f"the practice cells, with seed {seed} and the fractions {fractions}"
            check_sizes(sets_of(found), labels, fractions, cells)
            check_class_shares(sets_of(found), labels, cells)

    def test_forgets_the_order_of_the_files(self):
        """Another computer lists a folder in another order; the test cells must be the same."""
        patients, labels = made_up_cells(200, 5)
        first = sets_of(train_test_split.split_by_patient(patients, labels, seed=7))
        for shuffle in range(3):
            order = np.random.default_rng(shuffle).permutation(len(patients))
            again = train_test_split.split_by_patient(patients[order], labels[order], seed=7)
            moved = sum(
                len(set(before) - set(order[after]))
                for before, after in zip(first, sets_of(again), strict=True)
            )
            assert moved == 0, (
                f"With the files listed in another order {moved} cells changed sides."
            )

    @pytest.mark.parametrize("count", [20, 60])
    def test_has_as_many_splits_as_seeds(self, count):
        """From 20 patients on there are plenty of good cuts."""
        patients, labels = made_up_cells(count, 6)
        splits = set()
        for seed in range(8):
            found = sets_of(train_test_split.split_by_patient(patients, labels, seed=seed))
            splits.add(tuple(tuple(sorted(cells.tolist())) for cells in found))
        assert len(splits) == 8, f"8 seeds gave {len(splits)} different splits of {count} patients."

    def test_has_0_for_a_default_seed(self):
        """Called without a seed it takes 0, so two runs of a notebook agree."""
        patients, labels = made_up_cells(60, 6)
        with_seed = sets_of(train_test_split.split_by_patient(patients, labels, seed=0))
        for _ in range(2):
            without = sets_of(train_test_split.split_by_patient(patients, labels))
            same = all(set(a) == set(b) for a, b in zip(with_seed, without, strict=True))
            assert same, "Without a seed the split is not that of seed 0, the default."

    def test_is_the_same_in_every_process(self):
        """A `set` of names has another order in each process: it depends on PYTHONHASHSEED."""
        # A stub says so here.
        train_test_split.split_by_patient(np.array(["C1", "C2", "C3"]), np.array([0, 1, 0]))
        first, second = output_of_two_processes(SPLIT_300_CELLS)
        assert first == second, "Two processes made two different splits with one seed."

    def test_takes_any_names(self):
        """Patients have numbers of any length, and some begin like others: C12 and C1201."""
        patients, labels = made_up_cells(60, 2)
        patients = np.array([f"{name}01" if len(name) == 3 else name for name in patients])
        found = sets_of(train_test_split.split_by_patient(patients, labels))
        assert sum(map(len, found)) == len(patients), (
            "Not every cell of patients such as C1201 was dealt out."
        )
        people = [set(patients[cells]) for cells in found]
        assert sum(map(len, people)) == 60, "Patients such as C1201 are in more than one set."

    def test_leaves_no_set_empty(self):
        """As many patients as sets: one each."""
        patients, labels = np.array(["C1", "C2", "C3", "C3"]), np.array([0, 1, 1, 0])
        found = sets_of(train_test_split.split_by_patient(patients, labels))
        sizes = sorted(len(cells) for cells in found)
        assert sizes == [1, 1, 2], f"Three patients of 1, 1 and 2 cells gave sets of {sizes} cells."

    @pytest.mark.parametrize(
        ("patients", "fractions", "why"),
        [
            (["C1", "C2"], (0.6, 0.2, 0.2), "two patients cannot fill three sets"),
            (["C1", "C2", "C1", "C2"], (0.6, 0.2, 0.2), "two patients cannot fill three sets"),
            (["C1"] * 9, (0.6, 0.2, 0.2), "one patient cannot fill three sets"),
            (["C1", "C2", "C3"], (0.6, 0.2, 0.1), "the fractions sum to 0.9"),
            (["C1", "C2", "C3"], (0.6, 0.4, 0.2), "the fractions sum to 1.2"),
            (["C1", "C2", "C3"], (0.6, 0.2, 0.195), "the fractions sum to 0.995"),
            (["C1", "C2", "C3"], (0.6, 0.25, 0.2), "the fractions sum to 1.05"),
        ],
    )
    def test_refuses_what_does_not_fit(self, patients, fractions, why):
        """A sentence now is worth more than an empty test set later."""
        labels = np.arange(len(patients), dtype=np.int32) % 2
        with refused(f"cells of the patients {patients} and the fractions {fractions}: {why}"):
            train_test_split.split_by_patient(np.array(patients), labels, fractions)


def leaked(patients, first, second):
    """The leaked patients that came back, a sorted list of strings."""
    found = train_test_split.leaked_patients(
        np.array(patients), np.array(first, int), np.array(second, int)
    )
    return sorted(str(name) for name in found)


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
            f"Of the patients C1 C1 C2 C2 C3 C3, cells {first} against {second}: {found}, not"
            f" {expected}."
        )

    def test_names_each_once(self):
        """Many cells of one patient on both sides are still one leaked patient."""
        found = leaked(["C7"] * 10 + ["C8"] * 4, [0, 1, 2, 10], [3, 4, 5, 6])
        assert found == ["C7"], (
            f"Only C7 has cells on both sides, 7 of them; {len(found)} names came back: {found}."
        )

    def test_compares_whole_names(self):
        """C1 is not C10: part of a name is another patient."""
        patients = ["C1", "C10", "C100", "C1001", "C2", "smear 7"]
        found = leaked(patients, [0, 2, 4], [1, 3, 5])
        assert not found, (
            f"C1, C100, C2 against C10, C1001, smear 7: {found} came back, but none is on both."
        )
        found = leaked(patients, [5, 1], [2, 5])
        assert found == ["smear 7"], f"Only 'smear 7' is on both sides; {found} came back."


@pytest.mark.exercise("1.5")
class TestMajorityBaseline:
    """What a split gives away without a pixel: each patient's training cells vote."""

    def test_returns_a_float(self):
        """A Python float; NumPy's float64 is one."""
        patients, labels = np.array(["A", "A", "B"]), np.array([1, 1, 0])
        found = train_test_split.majority_baseline(
            patients, labels, np.array([0, 2]), np.array([1])
        )
        assert isinstance(found, float), f"A {type(found).__name__} came back instead of a float."

    @pytest.mark.parametrize(
        ("patients", "labels", "train", "test", "expected", "why"),
        [
            ("AABB", [1, 1, 0, 0], [0, 2], [1, 3], 1, "each guess follows the patient"),
            ("AAAA", [1, 1, 0, 0], [0, 1, 2], [3], 0, "two votes against one"),
            ("AAAA", [0, 1, 1, 1], [0], [1, 2, 3], 0, "the test cells have no vote"),
            ("ABBC", [0, 1, 1, 1], [0, 1, 2], [3], 1, "an unknown patient gets the base rate"),
            ("AABBB", [1, 0, 1, 1, 1], [0, 1, 2, 3], [4, 1], 0.5, "a tied patient gets it too"),
            ("ABCC", [0, 0, 1, 1], [0, 1], [2, 3], 0, "a base rate of 0 is wrong for both"),
            ("ABC", [0, 1, 1], [0, 1], [2], 0, "a tied base rate is 0"),
            ("ABC", [1, 0, 1], [0, 1], [2], 0, "and is so whichever class is seen first"),
            ("AAA", [1, 0, 1], [0, 1], [2], 0, "patient and base rate are tied: 0"),
            (
                "A" * 12 + "BB",
                [1] * 6 + [0] * 5 + [1, 0, 0],
                [*range(11), 12, 13],
                [11],
                1,
                "6 of 11 is not a tie",
            ),
        ],
    )
    def test_by_hand(self, patients, labels, train, test, expected, why):
        """Small cases, one rule each; Counter.most_common would break ties by what came first."""
        found = float(
            train_test_split.majority_baseline(
                np.array(list(patients)), np.array(labels), np.array(train), np.array(test)
            )
        )
        assert abs(found - expected) <= 1e-9, (
            f"Patients {patients}, labels {labels}, trained on {train}, tested on {test}:"
            f" {found:.3f}, not {expected:.3f}; {why}."
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
        found = float(train_test_split.majority_baseline(patients, labels, train, test))
        assert abs(found - expected) <= 1e-9, (
            f"80 test cells of 25 patients: accuracy {found:.4f}, counted one by one"
            f" {expected:.4f}."
        )


# The properties that all exercises have in common; tests/properties.py has the tests.
test_properties = properties.tests_of(
    Example(
        "1.1",
        lambda name: train_test_split.patient_of(name),
        inputs=lambda dtype: ("Uninfected/C241NThinF_IMG_20151207_124240_cell_98.png",),
    ),
    Example(
        "1.2",
        lambda first, second, seed: train_test_split.shuffle_together(first, second, seed=seed),
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
            np.sort(cells)
            for cells in sets_of(train_test_split.split_by_patient(patients, labels, seed=seed))
        ],
        inputs=lambda dtype: tuple(array[::-1].copy() for array in made_up_cells(60, 6)),
        seeds=(0, 1),
    ),
    Example(
        "1.4",
        lambda patients, first, second: sorted(
            train_test_split.leaked_patients(patients, first, second)
        ),
        inputs=lambda dtype: (
            np.array(["C2", "C1", "C2"]),
            np.array([2, 0]),
            np.array([1, 0]),
        ),
    ),
    Example(
        "1.5",
        lambda *arrays: train_test_split.majority_baseline(*arrays),
        inputs=lambda dtype: (
            np.array(list("BABA")),
            np.array([1, 0, 1, 1]),
            np.array([3, 0]),
            np.array([2, 1]),
        ),
    ),
)

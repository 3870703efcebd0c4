"""Grades lesson 1: names, shuffling, and a split that keeps each patient on one side."""

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from tests.graded import train_test_split
from tests.refusals import refused

# 1.1

NAMES = {
    "C33P1thinF_IMG_20150619_114756a_cell_179.png": "C33",
    "C100P61ThinF_IMG_20150918_144104_cell_162.png": "C100",
    "C1_thinF_IMG_20150604_104722_cell_15.png": "C1",
    "C241NThinF_IMG_20151207_124240_cell_98.png": "C241",
    "C47P8thinOriginalOlympusCX21_0001_cell_7.png": "C47",
    "C37BP2_thinF_IMG_20150620_133111a_cell_88.png": "C37",
    "C70P31_ThinF_IMG_20150813_130332_cell_104.png": "C70",
    "C10007P9994ThinF_IMG_20150813_130332_cell_4.png": "C10007",
}


@pytest.mark.exercise("1.1")
@pytest.mark.parametrize("name", NAMES)
def test_patient_of_reads_every_spelling(name):
    """The names come from several hands: thinF and ThinF, with and without a slide."""
    found = train_test_split.patient_of(name)
    assert found == NAMES[name], f"patient_of({name!r}) returned {found!r}, not {NAMES[name]!r}."


@pytest.mark.exercise("1.1")
@pytest.mark.parametrize(
    "front", ["Parasitized/", "/data/C5_old/Uninfected/", "C9/cells/", "C12P3 copy/Parasitized/"]
)
def test_patient_of_ignores_the_folders_in_front(front):
    """A folder may look like a patient; only the file's own name counts."""
    path = front + "C33P1thinF_IMG_20150619_114756a_cell_179.png"
    found = train_test_split.patient_of(path)
    assert found == "C33", f"patient_of({path!r}) returned {found!r}, not 'C33'."


@pytest.mark.exercise("1.1")
@pytest.mark.parametrize("kind", [Path, PurePosixPath])
def test_patient_of_takes_a_pathlib_path(kind):
    """Listing a folder with pathlib gives paths, not strings."""
    path = kind("Uninfected") / "C208ThinF_IMG_20151029_155942_cell_12.png"
    found = train_test_split.patient_of(path)
    assert found == "C208", f"For a {kind.__name__} patient_of returned {found!r}, not 'C208'."


@pytest.mark.exercise("1.1")
@pytest.mark.parametrize(
    "name", ["Thumbs.db", "pic5.png", "P12_cell_1.png", "C_cell_3.png", "33P1thinF.png", ""]
)
def test_patient_of_refuses_a_name_without_a_patient(name):
    """An invented patient would put strangers together without a word."""
    with refused(f"the name {name!r}"):
        train_test_split.patient_of(name)


@pytest.mark.exercise("1.1")
@pytest.mark.parametrize("name", ["C33/Thumbs.db", "C5P1thinF/cell_7.png", "/C9/C12P3/a.png"])
def test_patient_of_takes_no_folder_for_a_patient(name):
    """A folder says nothing about whose cell a file shows."""
    with refused(f"the name {name!r}, whose last part names no patient"):
        train_test_split.patient_of(name)


# 1.2


def in_two_processes(code):
    """What some code prints under two hash seeds, on the modules that are graded."""
    import malaria

    printed = []
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["MALARIA_MODULES"] = str(malaria.modules_in_use)
        finished = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        last_line = finished.stderr.strip().rpartition("\n")[2]
        assert finished.returncode == 0, f"In a process of its own: {last_line}"
        printed.append(finished.stdout)
    return printed


def rows(found):
    """The arrays that came back, each as a list; a sentence if they are not one an argument."""
    assert isinstance(found, tuple), f"A {type(found).__name__} came back instead of a tuple."
    return [np.asarray(array).tolist() for array in found]


@pytest.mark.exercise("1.2")
def test_shuffle_together_keeps_rows_together():
    """The shapes stay perfect when the labels are shuffled apart: only the pairs tell."""
    numbers, squares = np.arange(50), np.arange(50) ** 2
    found = rows(train_test_split.shuffle_together(numbers, squares, seed=1))
    assert len(found) == 2, f"Two arrays went in, {len(found)} came out."
    apart = sum(n * n != s for n, s in zip(*found, strict=True))
    assert apart == 0, f"{apart} of 50 pairs were torn apart: use one permutation for all arrays."


@pytest.mark.exercise("1.2")
def test_shuffle_together_is_a_permutation():
    """Every row once: drawing with replacement loses some and doubles others."""
    (found,) = rows(train_test_split.shuffle_together(np.arange(50), seed=1))
    kept = len(set(found))
    assert sorted(found) == list(range(50)), f"Of 50 different rows {kept} different ones are left."
    neighbours = sum(abs(a - b) == 1 for a, b in itertools.pairwise(found))
    # Two on average; a list that was turned round, cut or reversed keeps nearly all 49.
    assert neighbours <= 12, f"Of 49 pairs of neighbours {neighbours} are still side by side."


@pytest.mark.exercise("1.2")
def test_shuffle_together_follows_the_seed():
    """The same seed, the same order, whatever NumPy's global state is; another seed, another."""
    first = rows(train_test_split.shuffle_together(np.arange(50), seed=3))
    np.random.seed(99)  # noqa: NPY002
    again = rows(train_test_split.shuffle_together(np.arange(50), seed=3))
    assert first == again, "Two calls with seed 3 gave two different orders."
    others = [rows(train_test_split.shuffle_together(np.arange(50), seed=s)) for s in range(4, 8)]
    assert all(other != first for other in others), "Another seed gave the same order as seed 3."


@pytest.mark.exercise("1.2")
def test_shuffle_together_reaches_every_place():
    """Over 300 seeds the first row comes from all places about equally often."""
    firsts = [
        rows(train_test_split.shuffle_together(np.arange(6), seed=s))[0][0] for s in range(300)
    ]
    counts = np.bincount(firsts, minlength=6)
    # Each of the six is expected 50 times, with a deviation of 6.5.
    assert counts.min() >= 15, f"Over 300 seeds the rows came first {counts.tolist()} times."


@pytest.mark.exercise("1.2")
def test_shuffle_together_leaves_its_inputs_alone():
    """numpy.random.shuffle works in place: the caller's array would change under its feet."""
    array = np.arange(30)
    train_test_split.shuffle_together(array, array.copy(), seed=0)
    assert (array == np.arange(30)).all(), "The array that was passed in has changed."


@pytest.mark.exercise("1.2")
def test_shuffle_together_takes_arrays_of_any_kind():
    """Names, images of several axes, floats; one array alone or four."""
    names = np.array([f"C{k}" for k in range(9)])
    images = np.arange(9 * 2 * 2 * 3).reshape(9, 2, 2, 3)
    found = train_test_split.shuffle_together(names, images, np.arange(9.0), np.arange(9), seed=5)
    assert len(found) == 4, f"Four arguments went in, {len(found)} came out."
    order = np.asarray(found[3])
    assert names[order].tolist() == list(found[0]), "The names were not shuffled alike."
    assert (np.asarray(found[1]) == images[order]).all(), "The images were not shuffled alike."
    assert (np.asarray(found[2]) == order).all(), "The floats were not shuffled alike."


@pytest.mark.exercise("1.2")
@pytest.mark.parametrize("lengths", [(5, 4), (4, 5), (5, 5, 6), (5, 6, 5), (4, 6, 5)])
def test_shuffle_together_refuses_unequal_lengths(lengths):
    """Rows that have no partner are a mistake of the caller's."""
    arrays = [np.arange(length) for length in lengths]
    with refused(f"arrays of the lengths {lengths}"):
        train_test_split.shuffle_together(*arrays, seed=0)


@pytest.mark.exercise("1.2")
def test_shuffle_together_takes_0_for_a_seed():
    """0 is false in Python, but it is a seed like any other."""
    first, again = (
        rows(train_test_split.shuffle_together(np.arange(50), seed=0)) for _ in range(2)
    )
    assert first == again, (
        "Two calls with seed 0 gave two different orders: `if seed` is false for 0."
    )


@pytest.mark.exercise("1.2")
def test_shuffle_together_draws_one_order_for_a_seed():
    """Whatever the arrays hold: images shuffled today fit labels that are shuffled tomorrow."""
    numbers = rows(train_test_split.shuffle_together(np.arange(40), seed=4))[0]
    names = np.array([f"C{-k % 40}" for k in range(40)])
    found = rows(train_test_split.shuffle_together(names, seed=4))[0]
    assert names[numbers].tolist() == found, (
        "One seed and one length, but numbers and names came in different orders."
    )


@pytest.mark.exercise("1.2")
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "bool"])
def test_shuffle_together_keeps_the_dtype(dtype):
    """Float32 images must not come back as float64, twice as large."""
    array = np.arange(12).astype(dtype)
    found = np.asarray(train_test_split.shuffle_together(array, np.arange(12), seed=1)[0])
    assert found.dtype == array.dtype, f"An array of {array.dtype} came back as {found.dtype}."


@pytest.mark.exercise("1.2")
def test_shuffle_together_leaves_the_global_generators_alone():
    """numpy.random.seed inside would restart everybody else's random numbers."""
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    before = str(np.random.get_state()), random.getstate()  # noqa: NPY002
    train_test_split.shuffle_together(np.arange(9), seed=1)
    after = str(np.random.get_state()), random.getstate()  # noqa: NPY002
    assert before == after, (
        "The call has set or used the global random state: take numpy.random.default_rng(seed)."
    )


@pytest.mark.exercise("1.2")
def test_shuffle_together_is_the_same_in_every_process():
    """hash() of a string is another number in each process."""
    train_test_split.shuffle_together(np.arange(3), seed=3)  # a stub says so here
    first, second = in_two_processes(
        "import numpy as np; from malaria.train_test_split import shuffle_together as shuffle;"
        "print([int(k) for k in shuffle(np.arange(50), seed=3)[0]])"
    )
    assert first == second, "Seed 3 gave two orders in two processes: does it pass through hash()?"


# 1.3


def cells_like_the_real(patients, seed):
    """Names and labels of made-up cells: three patients in four are infected, by unequal numbers.

    Infected cells of a patient: log-normal, median 33 and mean 92, as in the NIH set.
    """
    rng = np.random.default_rng(seed)
    names, labels = [], []
    for k in range(patients):
        infected = int(np.clip(rng.lognormal(np.log(33), 1.2), 1, 300)) if k % 4 else 0
        healthy = int(rng.integers(40, 100))
        names += [f"C{k + 1}"] * (infected + healthy)
        labels += [1] * infected + [0] * healthy
    return np.array(names), np.array(labels)


def sets_of(found):
    """The sets as int arrays; a sentence if they are not three."""
    assert found is not None, "split_by_patient returned None."
    assert len(found) == 3, f"split_by_patient returned {len(found)} sets instead of 3."
    return [np.asarray(rows).astype(int) for rows in found]


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("patients", [20, 60, 200])
def test_split_by_patient_puts_every_cell_into_one_set(patients):
    """A cell left out is lost, a cell in two sets is a leak."""
    names, labels = cells_like_the_real(patients, 1)
    found = np.concatenate(sets_of(train_test_split.split_by_patient(names, labels)))
    assert len(found) == len(names), f"Of {len(names)} cells {len(found)} were dealt out."
    assert len(np.unique(found)) == len(names), "Some cells are in more than one set."


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_split_by_patient_keeps_each_patient_in_one_set(seed):
    """The whole point: no patient's cells on two sides, in whatever order they are listed."""
    names, labels = cells_like_the_real(60, 2)
    order = np.random.default_rng(seed).permutation(len(names))
    names, labels = names[order], labels[order]
    found = sets_of(train_test_split.split_by_patient(names, labels, seed=seed))
    people = [set(names[rows]) for rows in found]
    shared = people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
    assert not shared, f"{len(shared)} of 60 patients are in more than one set."


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("patients", [60, 200])
def test_split_by_patient_meets_the_sizes_and_the_class_shares(patients, seed):
    """A test set of half the size, or of one class, measures something else."""
    names, labels = cells_like_the_real(patients, 3)
    found = sets_of(train_test_split.split_by_patient(names, labels, seed=seed))
    sizes = [len(rows) / len(names) for rows in found]
    assert all(abs(s - f) <= 0.03 for s, f in zip(sizes, (0.6, 0.2, 0.2), strict=True)), (
        f"With seed {seed} the sets hold {np.round(sizes, 3).tolist()} of the cells of {patients}"
        " patients; asked for were .6, .2 and .2, give or take .03."
    )
    shares = [labels[rows].mean() for rows in found]
    assert all(abs(share - labels.mean()) <= 0.05 for share in shares), (
        f"With seed {seed} the shares of parasitized cells are {np.round(shares, 3).tolist()},"
        f" but {labels.mean():.3f} of all cells are."
    )


@pytest.mark.exercise("1.3")
def test_split_by_patient_follows_the_fractions():
    """Other shares than the default's: the sets come in the order of the fractions."""
    names, labels = cells_like_the_real(60, 4)
    for fractions in [(0.7, 0.2, 0.1), (0.2, 0.3, 0.5), (0.25, 0.5, 0.25)]:
        found = train_test_split.split_by_patient(names, labels, fractions)
        sizes = [len(rows) / len(names) for rows in sets_of(found)]
        assert all(abs(s - f) <= 0.03 for s, f in zip(sizes, fractions, strict=True)), (
            f"Asked for {fractions}, the sets hold {np.round(sizes, 3).tolist()} of the cells."
        )


@pytest.mark.exercise("1.3")
def test_split_by_patient_forgets_the_order_of_the_files():
    """Another computer lists a folder in another order; the test cells must be the same ones."""
    names, labels = cells_like_the_real(200, 5)
    cells = np.arange(len(names))
    first = sets_of(train_test_split.split_by_patient(names, labels, seed=7))
    for shuffle in range(3):
        order = np.random.default_rng(shuffle).permutation(cells)
        again = sets_of(train_test_split.split_by_patient(names[order], labels[order], seed=7))
        moved = sum(len(set(a) ^ set(order[b])) // 2 for a, b in zip(first, again, strict=True))
        assert moved == 0, f"With the files listed in another order {moved} cells changed sides."


@pytest.mark.exercise("1.3")
def test_split_by_patient_follows_the_seed():
    """The same seed repeats the split; another seed makes another."""
    names, labels = cells_like_the_real(60, 6)
    tests = {}
    for seed in (0, 1, 2, 0):
        np.random.seed(seed + len(tests))  # noqa: NPY002
        rows = sets_of(train_test_split.split_by_patient(names, labels, seed=seed))[2]
        if seed in tests:
            assert set(names[rows]) == tests[seed], "Seed 0 gave two different test sets."
        tests[seed] = set(names[rows])
    assert tests[0] != tests[1] != tests[2] != tests[0], "Another seed gave the same test set."


@pytest.mark.exercise("1.3")
def test_split_by_patient_is_the_same_in_every_process():
    """A `set` of names has another order in each process: it hangs on PYTHONHASHSEED."""
    # A stub says so here.
    train_test_split.split_by_patient(np.array(["C1", "C2", "C3"]), np.array([0, 1, 0]))
    first, second = in_two_processes(
        "import numpy as np; from malaria.train_test_split import split_by_patient as split;"
        "names = np.array([f'C{k % 30}' for k in range(300)]); labels = np.arange(300) % 2;"
        "print([sorted(map(int, rows)) for rows in split(names, labels, seed=1)])"
    )
    assert first == second, "Two processes made two different splits with one seed."


@pytest.mark.exercise("1.3")
def test_split_by_patient_leaves_no_set_empty():
    """As many patients as sets: one each."""
    names, labels = np.array(["C1", "C2", "C3", "C3"]), np.array([0, 1, 1, 0])
    found = sets_of(train_test_split.split_by_patient(names, labels))
    sizes = sorted(len(rows) for rows in found)
    assert sizes == [1, 1, 2], f"Three patients of 1, 1 and 2 cells gave sets of {sizes} cells."


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize(
    ("patients", "fractions", "why"),
    [
        (["C1", "C2"], (0.6, 0.2, 0.2), "two patients cannot fill three sets"),
        (["C1"] * 9, (0.6, 0.2, 0.2), "one patient cannot fill three sets"),
        (["C1", "C2", "C3"], (0.6, 0.2, 0.1), "the fractions sum to .9"),
        (["C1", "C2", "C3"], (0.6, 0.4, 0.2), "the fractions sum to 1.2"),
    ],
)
def test_split_by_patient_refuses_what_cannot_be(patients, fractions, why):
    """A sentence now is worth more than an empty test set later."""
    with refused(f"{len(set(patients))} patients and the fractions {fractions}: {why}"):
        train_test_split.split_by_patient(
            np.array(patients), np.zeros(len(patients), np.int32), fractions
        )


@pytest.mark.exercise("1.3")
def test_split_by_patient_returns_indices():
    """Floats index nothing: numpy.append to an empty array makes floats of ints."""
    names, labels = cells_like_the_real(20, 1)
    for found in train_test_split.split_by_patient(names, labels):
        dtype = np.asarray(found).dtype
        assert dtype.kind in "iu", f"The indices are {dtype}; only ints can index an array."


@pytest.mark.exercise("1.3")
def test_split_by_patient_has_a_seed_of_its_own():
    """Called without a seed it takes 0, so two runs of a notebook agree."""
    names, labels = cells_like_the_real(60, 6)
    with_seed = sets_of(train_test_split.split_by_patient(names, labels, seed=0))
    for _ in range(2):
        without = sets_of(train_test_split.split_by_patient(names, labels))
        same = all(set(a) == set(b) for a, b in zip(with_seed, without, strict=True))
        assert same, "Without a seed the split is not that of seed 0, the default."


# The cells of the practice set's 60 patients: all, and the parasitized ones.
PRACTICE = """
24/10 26/11 31/12 32/13 33/14 32/15 38/16 40/18 20/1 38/19 40/21 41/22 42/25 42/27 49/29 50/32
52/36 58/40 66/45 73/52 76/60 88/70 102/86 18/2 127/109 170/154 180/163 31/0 31/0 24/0 32/0
21/0 25/0 16/2 22/0 26/0 17/3 31/0 23/0 21/0 23/3 24/3 32/0 22/3 24/4 22/4 26/5 25/5 23/0 19/5 27/6
20/6 28/0 27/7 22/7 29/8 26/8 25/9 27/10 21/0"""


def practice_counts():
    """Names and labels of cells in the numbers of the practice set."""
    names, labels = [], []
    for k, entry in enumerate(PRACTICE.split()):
        cells, infected = map(int, entry.split("/"))
        names += [f"C{k + 1}"] * cells
        labels += [1] * infected + [0] * (cells - infected)
    return np.array(names), np.array(labels)


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.2), (0.5, 0.25, 0.25)])
def test_split_by_patient_is_balanced_whatever_the_seed(fractions):
    """One of many cuts is good by luck; the best of a few is bad under every third seed."""
    names, labels = practice_counts()
    for seed in range(10, 22):
        found = train_test_split.split_by_patient(names, labels, fractions, seed=seed)
        found = sets_of(found)
        sizes = [len(rows) / len(names) for rows in found]
        assert all(abs(s - f) <= 0.03 for s, f in zip(sizes, fractions, strict=True)), (
            f"With seed {seed} the sets hold {np.round(sizes, 3).tolist()} of the practice cells;"
            f" asked for were {fractions}, give or take .03."
        )
        shares = [labels[rows].mean() for rows in found]
        assert all(abs(share - labels.mean()) <= 0.05 for share in shares), (
            f"With seed {seed} and {fractions} the shares of parasitized cells are"
            f" {np.round(shares, 3).tolist()}, but {labels.mean():.3f} of all practice cells are."
        )


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("patients", [20, 60])
def test_split_by_patient_has_as_many_splits_as_seeds(patients):
    """From 20 patients on there are plenty of good cuts."""
    names, labels = cells_like_the_real(patients, 6)
    splits = set()
    for seed in range(8):
        found = sets_of(train_test_split.split_by_patient(names, labels, seed=seed))
        splits.add(tuple(tuple(sorted(rows.tolist())) for rows in found))
    assert len(splits) == 8, f"8 seeds gave {len(splits)} different splits of {patients} patients."


@pytest.mark.exercise("1.3")
def test_split_by_patient_takes_any_names():
    """Patients have numbers of any length, and some begin like others: C12 and C1201."""
    names, labels = cells_like_the_real(60, 2)
    names = np.array([f"{name}01" if len(name) == 3 else name for name in names])
    found = sets_of(train_test_split.split_by_patient(names, labels))
    assert sum(map(len, found)) == len(names), "Not every cell of patients such as C1201 was dealt."
    people = [set(names[rows]) for rows in found]
    assert sum(map(len, people)) == 60, "Patients such as C1201 are in more than one set."


@pytest.mark.exercise("1.3")
def test_split_by_patient_leaves_its_inputs_alone():
    """The caller's labels are used again."""
    names, labels = cells_like_the_real(20, 2)
    names, labels = names[::-1].copy(), labels[::-1].copy()
    before = names.copy(), labels.copy()
    train_test_split.split_by_patient(names, labels)
    assert (names == before[0]).all(), "The array of patients that was passed in has changed."
    assert (labels == before[1]).all(), "The array of labels that was passed in has changed."


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize(
    ("patients", "fractions", "why"),
    [
        (["C1", "C2", "C1", "C2"], (0.6, 0.2, 0.2), "two patients cannot fill three sets"),
        (["C1", "C2", "C3"], (0.6, 0.2, 0.195), "the fractions sum to .995"),
        (["C1", "C2", "C3"], (0.6, 0.25, 0.2), "the fractions sum to 1.05"),
    ],
)
def test_split_by_patient_refuses_what_nearly_fits(patients, fractions, why):
    """Not even a missing hundredth is passed over."""
    with refused(f"the patients {patients} and the fractions {fractions}: {why}"):
        labels = np.arange(len(patients), dtype=np.int32) % 2
        train_test_split.split_by_patient(np.array(patients), labels, fractions)


# 1.4


@pytest.mark.exercise("1.4")
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 1, 2], [3, 4], ["C2"]),
        ([0, 1], [4, 5], []),
        ([5, 0, 3], [1, 2, 4], ["C1", "C2", "C3"]),
        ([], [0, 1], []),
    ],
)
def test_leaked_patients_are_those_on_both_sides(first, second, expected):
    """Six cells of three patients, by hand: C1 C1 C2 C2 C3 C3 are cells 0 1 2 3 4 5."""
    patients = np.array(["C1", "C1", "C2", "C2", "C3", "C3"])
    found = train_test_split.leaked_patients(patients, np.array(first, int), np.array(second, int))
    found = sorted(str(name) for name in found)
    assert found == expected, f"Cells {first} against {second}: {found}, not {expected}."


@pytest.mark.exercise("1.4")
def test_leaked_patients_names_each_once():
    """Many cells of one patient on both sides are still one leaked patient."""
    patients = np.array(["C7"] * 10 + ["C8"] * 4)
    first, second = np.array([0, 1, 2, 10]), np.array([3, 4, 5, 6])
    found = list(train_test_split.leaked_patients(patients, first, second))
    assert [str(name) for name in found] == ["C7"], (
        f"One patient has 7 cells on both sides; {len(found)} names came back."
    )


@pytest.mark.exercise("1.4")
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [([3, 1], [0, 2], ["C1", "C2"]), ([0], [1], ["C1"]), ([0, 2, 1, 3], [0, 2], ["C1", "C2"])],
)
def test_leaked_patients_counts_cell_0_and_unsorted_cells(first, second, expected):
    """Index 0 is a cell like any other, and the indices come in any order."""
    patients = np.array(["C1", "C1", "C2", "C2", "C3", "C3"])
    found = train_test_split.leaked_patients(patients, np.array(first), np.array(second))
    found = sorted(str(name) for name in found)
    assert found == expected, f"Cells {first} against {second}: {found}, not {expected}."


@pytest.mark.exercise("1.4")
def test_leaked_patients_compares_whole_names():
    """C1 is not C10: part of a name is another patient."""
    patients = np.array(["C1", "C10", "C100", "C1001", "C2", "smear 7"])
    found = train_test_split.leaked_patients(patients, np.array([0, 2, 4]), np.array([1, 3, 5]))
    found = sorted(str(name) for name in found)
    assert not found, (
        f"C1, C100, C2 against C10, C1001, smear 7: {found} came back, none is on both."
    )
    found = train_test_split.leaked_patients(patients, np.array([5, 1]), np.array([2, 5]))
    found = sorted(str(name) for name in found)
    assert found == ["smear 7"], f"Only 'smear 7' is on both sides; {found} came back."


@pytest.mark.exercise("1.4")
def test_leaked_patients_leaves_its_inputs_alone():
    """A check that sorts the sets it checks has changed them."""
    patients, first, second = np.array(["C2", "C1", "C2"]), np.array([2, 0]), np.array([1, 0])
    train_test_split.leaked_patients(patients, first, second)
    assert patients.tolist() == ["C2", "C1", "C2"], "The patients that were passed in have changed."
    same = first.tolist() == [2, 0] and second.tolist() == [1, 0]
    assert same, "The index arrays that were passed in have changed."


# 1.5


def plain_baseline(patients, labels, train, test):
    """The same in plain Python, counting one by one."""
    zeros = sum(1 for k in train if labels[k] == 0)
    base = 1 if len(train) - zeros > zeros else 0
    hits = 0
    for k in test:
        votes = [labels[j] for j in train if patients[j] == patients[k]]
        ones = sum(votes)
        tied = 2 * ones == len(votes)  # or nobody voted
        guess = base if tied else int(2 * ones > len(votes))
        hits += guess == labels[k]
    return hits / len(test)


@pytest.mark.exercise("1.5")
@pytest.mark.parametrize(
    ("patients", "labels", "train", "test", "why"),
    [
        ("AABB", [1, 1, 0, 0], [0, 2], [1, 3], "each guess follows the patient"),
        ("AAAA", [1, 1, 0, 0], [0, 1, 2], [3], "two votes against one"),
        ("AABBB", [1, 0, 1, 1, 1], [0, 1, 2, 3], [4, 1], "a tied patient gets the base rate"),
        ("ABBC", [0, 1, 1, 1], [0, 1, 2], [3], "an unknown patient gets the base rate"),
        ("ABC", [0, 1, 1], [0, 1], [2], "a tied base rate is 0"),
        ("ABCC", [0, 0, 1, 1], [0, 1], [2, 3], "a base rate of 0 is wrong for both"),
    ],
)
def test_majority_baseline_by_hand(patients, labels, train, test, why):
    """Small cases, one rule each."""
    expected = plain_baseline(patients, labels, train, test)
    found = train_test_split.majority_baseline(
        np.array(list(patients)), np.array(labels), np.array(train), np.array(test)
    )
    assert abs(float(found) - expected) <= 1e-9, (
        f"Patients {patients}, labels {labels}, trained on {train}, tested on {test}:"
        f" {float(found):.3f}, not {expected:.3f}; {why}."
    )


@pytest.mark.exercise("1.5")
@pytest.mark.parametrize("seed", range(5))
def test_majority_baseline_agrees_with_counting(seed):
    """A leaky split by image of made-up cells, against counting one by one."""
    rng = np.random.default_rng(seed)
    patients = np.array([f"C{k}" for k in rng.integers(0, 25, 200)])
    labels = (rng.random(200) < np.array([hash_free(p) for p in patients])).astype(np.int32)
    order = rng.permutation(200)
    train, test = order[:120], order[120:]
    expected = plain_baseline(patients, labels, train, test)
    found = float(train_test_split.majority_baseline(patients, labels, train, test))
    assert abs(found - expected) <= 1e-9, (
        f"80 test cells of 25 patients: accuracy {found:.4f}, counted one by one {expected:.4f}."
    )


def hash_free(patient):
    """A patient's share of parasitized cells, made up from the number in the name."""
    return (int(patient[1:]) * 7 % 10) / 10


@pytest.mark.exercise("1.5")
def test_majority_baseline_learns_nothing_from_the_test_cells():
    """Labels of the test cells may only be compared with, never voted with."""
    patients = np.array(["A", "A", "A", "A"])
    labels, train, test = np.array([0, 1, 1, 1]), np.array([0]), np.array([1, 2, 3])
    found = train_test_split.majority_baseline(patients, labels, train, test)
    assert float(found) == 0, (
        f"One training cell of class 0, three test cells of class 1: {float(found):.3f}, not 0."
    )


@pytest.mark.exercise("1.5")
@pytest.mark.parametrize(
    ("patients", "labels", "train", "test", "why"),
    [
        ("ABC", [1, 0, 1], [0, 1], [2], "a tied base rate is 0, whichever class is seen first"),
        ("AAA", [1, 0, 1], [0, 1], [2], "patient and base rate are tied: 0"),
        (
            "A" * 12 + "BB",
            [1] * 6 + [0] * 5 + [1, 0, 0],
            [*range(11), 12, 13],
            [11],
            "6 of 11 is no tie",
        ),
    ],
)
def test_majority_baseline_breaks_ties_by_the_rule(patients, labels, train, test, why):
    """Counter.most_common gives the class that was seen first: a rule nobody asked for."""
    expected = plain_baseline(patients, labels, train, test)
    found = train_test_split.majority_baseline(
        np.array(list(patients)), np.array(labels), np.array(train), np.array(test)
    )
    assert abs(float(found) - expected) <= 1e-9, (
        f"Patients {patients}, labels {labels}, trained on {train}, tested on {test}:"
        f" {float(found):.3f}, not {expected:.3f}; {why}."
    )


@pytest.mark.exercise("1.5")
def test_majority_baseline_returns_a_float():
    """Of Python's; NumPy's float64 is one."""
    patients, labels = np.array(["A", "A", "B"]), np.array([1, 1, 0])
    found = train_test_split.majority_baseline(patients, labels, np.array([0, 2]), np.array([1]))
    assert isinstance(found, float), f"A {type(found).__name__} came back instead of a float."
    assert abs(found - 1) <= 1e-9, f"Two cells of A, both 1, one trained on: {found:.3f}, not 1."


@pytest.mark.exercise("1.5")
def test_majority_baseline_leaves_its_inputs_alone():
    """Labels, patients and index arrays are used again."""
    given = np.array(list("BABA")), np.array([1, 0, 1, 1]), np.array([3, 0]), np.array([2, 1])
    before = [array.tolist() for array in given]
    train_test_split.majority_baseline(*given)
    after = [array.tolist() for array in given]
    assert before == after, "An array that was passed in has changed."

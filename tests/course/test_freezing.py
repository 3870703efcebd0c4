"""The experiment of lesson 6: what its arms keep, and what they train."""

import numpy as np
import pytest

from malaria.given.cells import folders
from malaria.given.experiments import training
from malaria.given.experiments.catalogue import freezing


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Small sets of cells, and trainings of a few steps; the folder that the sets are in."""
    folder = tmp_path_factory.mktemp("data")
    caches = freezing.hospitals, freezing.network_of_hospital_1, training.read_cells
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "DATA", folder)
        here = training.read_cells(folders.practice_cells(20, 64, 1))
        patch.setattr(training, "drawn_cells", lambda seed: here)
        sizes = {"FEW": 4, "FEW_CELLS": 32, "MANY": 4, "MANY_CELLS": 32}
        for name, value in (sizes | {"BEFORE": 1, "EPOCHS": 2, "HEAD": 1, "SETTLING": 2}).items():
            patch.setattr(freezing, name, value)
        for cache in caches:
            cache.cache_clear()
        yield folder
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def few(data):
    """The cells of hospital 2 to train on."""
    return freezing.hospitals(0)[2]


def parts_of(model):
    """Copies of the base, its statistics and the head: three lists of arrays."""
    parts = model.base_variables, model.batch_norm_statistics, model.head_variables
    return [[variable.numpy() for variable in part] for part in parts]


def kept(before, after):
    """Of which of the three parts no bit differs."""
    return [all(map(np.array_equal, a, b)) for a, b in zip(before, after, strict=True)]


def test_what_is_pre_trained_and_what_is_new(few):
    """The base always is of hospital 1; statistics and head as they are asked for."""
    old = parts_of(freezing.network_of_hospital_1(0))
    assert kept(old, parts_of(freezing.pre_trained(0))) == [True, True, False]
    assert kept(old, parts_of(freezing.pre_trained(0, new_head=False))) == [True, True, True]
    settled = freezing.pre_trained(0, new_head=False, new_statistics=True)
    assert kept(old, parts_of(settled)) == [True, False, True]
    assert kept(old, parts_of(freezing.fresh(0))) == [False, False, False]


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ("head", [True, True, False]),
        ("new statistics, head", [True, False, False]),
        ("head, then all at 1/10", [False, False, False]),
    ],
)
def test_what_an_arm_leaves_as_it_was_in_hospital_1(few, arm, expected):
    """Base, statistics, head: a frozen base does not move in any bit."""
    before = parts_of(freezing.network_of_hospital_1(0))
    after = parts_of(freezing.ARMS[arm](0, few))
    assert kept(before, after) == expected
    assert kept(before, parts_of(freezing.network_of_hospital_1(0))) == [True] * 3


def test_the_figures_of_an_arm(data):
    """Shares, but for the seconds; the patients to train on and to test on are drawn apart."""
    figures = freezing.run("whole, then head", 0)
    assert figures.pop("seconds") > 0
    assert all(0 <= value <= 1 for value in figures.values())
    drawn = {path.name for path in data.iterdir() if "hospital" in path.name}
    assert drawn == {f"practice_cells_4_32_{seed}_hospital_2" for seed in (1000, 1001)}
    first, first_test, *_ = freezing.hospitals(0)
    assert not set(first.patients) & set(first_test.patients)

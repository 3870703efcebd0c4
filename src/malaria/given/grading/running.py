"""Runs the tests of an exercise in the process in which it is called, one after the other."""

import itertools
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

import malaria
from malaria import REFERENCE
from malaria.given.exercises import EXERCISES
from malaria.given.grading import pytest_internals
from malaria.given.grading.checksum import came_back
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.standing_in import Neighbours, modules_for

# CPU seconds for the tests of one exercise. The slowest known right answers take 12 (1.3, the best
# of 500 cuts) and 10 (2.6, image by image), the reference 7 (6.6); a slower processor, or the first
# exercise of a cold start, takes more than twice as long.
LIMIT = 60.0
PRINTED = 2000  # characters of what a test printed; no more than the last lines of it are shown
Items = dict[str, list[pytest.Item]]  # the tests of each exercise, by its number


class Job(NamedTuple):
    """The tests of an exercise, to be run in a process of their own or in another pytest.

    Attributes:
        number: The exercise.
        others: What stands in the places of the other exercises.
        limit: CPU seconds until the process is killed.
    """

    number: str
    others: Neighbours
    limit: float


def number_of(item: pytest.Item) -> str | None:
    """The exercise that a test grades, or None."""
    marker = item.get_closest_marker("exercise")
    return None if marker is None else marker.args[0]


def by_exercise(items: Iterable[pytest.Item]) -> Items:
    """The tests of each exercise that has any, in the order of the course."""
    items_of: Items = {exercise.number: [] for exercise in EXERCISES}
    for item in items:
        if number_of(item):
            items_of[number_of(item)].append(item)
    return {number: tests for number, tests in items_of.items() if tests}


def names_of(items_of: Items) -> dict[str, list[str]]:
    """The names of the tests of each exercise, as their records have them."""
    return {number: [_name_of(item) for item in items] for number, items in items_of.items()}


def _name_of(item: pytest.Item) -> str:
    return item.nodeid.rpartition("::")[2]


def run_tests(config: pytest.Config, items_of: Items, job: Job) -> Iterator[Record]:
    """Do a job.

    Yields:
        A record of each test. After the first that finds an exercise not started, or a module that
        cannot be imported, the others are left out: they would find the same.
    """
    with ExitStack() as stack:
        with preserved_state():
            module = stack.enter_context(modules_for(job.number, job.others))
        for record in run_items(config, items_of[job.number]):
            same_for_all = module is None or record.outcome is Outcome.NOT_STARTED
            yield record._replace(same_for_all=same_for_all)
            if same_for_all:
                return


def run_items(config: pytest.Config, items: list[pytest.Item]) -> Iterator[Record]:
    """Run tests one after the other; yields a record of each."""
    # Pytest's own account of a failure, which nobody reads here, takes longer than most tests.
    style, config.option.tbstyle = config.getoption("tbstyle", "auto"), "no"
    try:
        for item, following in itertools.zip_longest(items, items[1:]):
            start = time.monotonic()
            came_back.taken()  # what has come back in no test is of none
            with preserved_state():
                reports = pytest_internals.run_test(item, following)
            found = [report.judgement for report in reports if hasattr(report, "judgement")]
            outcome, sentence = found[0] if found else (Outcome.DONE, "")
            printed = reports[-1].capstdout[-PRINTED:]
            seconds = round(time.monotonic() - start, 3)
            checksum = came_back.taken()
            yield Record(_name_of(item), outcome, sentence, printed, seconds, checksum=checksum)
    finally:  # closed before the last test: what the tests share belongs to this answer alone
        pytest_internals.close_fixtures(items[0].session)
        config.option.tbstyle = style


def in_fork(config: pytest.Config, records: Iterable[Record]) -> Iterator[Record]:
    """Records, made in a fork: the files of its parent are shared by all children."""
    # TensorFlow leaves files that only an exit handler would remove; a child may be killed.
    tempfile.tempdir = str(pytest_internals.temporary_folder(config))
    pytest_internals.capture_anew(config)
    yield from records


@contextmanager
def preserved_state() -> Iterator[None]:
    """Put back what a learner's code may have changed for the tests after it.

    A warning is not a mistake there; the reference, whose warnings count, gives none.
    """
    import numpy as np

    folder, state, errors = os.getcwd(), np.random.get_state(), np.geterr()  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            if malaria.modules_in_use != REFERENCE:
                warnings.simplefilter("ignore")
            yield
    finally:
        os.chdir(folder)
        np.random.set_state(state)  # noqa: NPY002
        np.seterr(**errors)
        if "tensorflow" in sys.modules:
            sys.modules["tensorflow"].config.run_functions_eagerly(False)
            sys.modules["tensorflow"].random.set_seed(None)  # none, as in a new process

"""Runs the tests of an exercise in the process in which it is called, one after the other."""

import itertools
import os
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from _pytest.capture import CaptureManager
from _pytest.runner import runtestprotocol

import malaria
from malaria import REFERENCE
from malaria.given.exercises import EXERCISES
from malaria.given.grading.standing_in import modules_for
from malaria.given.grading.verdict import DONE, NOT_STARTED


class Job(NamedTuple):
    """The tests of an exercise, to be run in a process of their own or in another pytest.

    Attributes:
        number: The exercise.
        how: What stands around it, such as `OWN`; see `standing_in`.
        limit: Seconds until the process is killed.
    """

    number: str
    how: str
    limit: float


def number_of(item):
    """The exercise that a test grades, or None."""
    marker = item.get_closest_marker("exercise")
    return None if marker is None else marker.args[0]


def by_exercise(items):
    """A dict from each exercise's number to its tests, in the order of the course."""
    items_of = {exercise.number: [] for exercise in EXERCISES}
    for item in items:
        if number_of(item):
            items_of[number_of(item)].append(item)
    return {number: tests for number, tests in items_of.items() if tests}


def run_tests(config, items_of, job):
    """Do a job.

    Yields:
        A record of each test: `test` (its name), `outcome`, `sentence`, `printed`, `seconds`. After
        the first test that finds a stub, or a module that cannot be imported, the others are left
        out: they would find the same.
    """
    with ExitStack() as stack:
        with state_kept():
            module = stack.enter_context(modules_for(job.number, job.how))
        for record in run_items(config, items_of[job.number]):
            same_for_all = module is None or record["outcome"] == NOT_STARTED
            yield record | {"same_for_all": same_for_all}
            if same_for_all:
                return


def run_items(config, items):
    """Run tests one after the other; yields a record of each, as `run_tests` does."""
    # Pytest's own account of a failure, which nobody reads here, takes longer than most tests.
    style, config.option.tbstyle = config.getoption("tbstyle", "auto"), "no"
    try:
        for item, following in itertools.zip_longest(items, items[1:]):
            start = time.monotonic()
            with state_kept():
                reports = runtestprotocol(item, log=False, nextitem=following)
            found = [report.verdict for report in reports if hasattr(report, "verdict")]
            outcome, sentence = found[0] if found else (DONE, "")
            yield {
                "test": item.nodeid.rpartition("::")[2],
                "outcome": outcome,
                "sentence": sentence,
                "printed": reports[-1].capstdout[-2000:],
                "seconds": round(time.monotonic() - start, 3),
            }
    finally:  # closed before the last test: what the tests share belongs to this answer alone
        items[0].session._setupstate.teardown_exact(None)
        config.option.tbstyle = style


def in_child(config, records):
    """Records, made under a capture of one's own: the parent's files are shared by all children."""
    # TensorFlow leaves files that only an exit handler would remove; a child may be killed.
    tempfile.tempdir = str(config._tmp_path_factory.getbasetemp())
    plugins = config.pluginmanager
    shared = plugins.unregister(name="capturemanager")
    shared.suspend_global_capture(in_=True)
    own = CaptureManager(config.option.capture)
    plugins.register(own, "capturemanager")
    own.start_global_capturing()
    yield from records


@contextmanager
def state_kept():
    """Put back what a learner's code may have changed for the tests after it.

    A warning is no mistake there; the reference, whose warnings count, gives none.
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

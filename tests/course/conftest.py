"""Fixtures that several of the course's own tests use."""

import contextlib
import io
import signal

import pytest

from malaria.given.cells.practice_cells import draw_cells
from malaria.given.command_line import main
from tests.course.small_run import SMALL


@pytest.fixture
def ctrl_c_is_heard():
    """As at a terminal; where the tests run in the background, it may be ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def cells(tmp_path_factory):
    """A folder of practice cells whose path has a space and letters beyond ASCII."""
    return draw_cells(tmp_path_factory.mktemp("Zellen für uns") / "cells", 12, 120, progress=False)


@pytest.fixture(scope="session")
def training(cells):
    """A small run, trained to its end, and what was printed."""
    folder, printed = cells.parent.parent / "ein Lauf", io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["train", "--data", str(cells), "--out", str(folder), *SMALL]) == 0
    return folder, printed.getvalue()


@pytest.fixture(scope="session")
def finished_run(training):
    """The folder of a small run, trained to its end."""
    return training[0]

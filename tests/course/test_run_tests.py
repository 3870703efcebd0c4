"""`python -m tools.run_tests`: it leaves nothing out, tells whose each line is, and ends whole."""

import os
import signal
import subprocess
import sys

import pytest

from malaria import PROJECT, TESTS
from tests.course.patience import PATIENCE, is_held, until
from tools.run_tests import RUNS, side_by_side


def files_of(arguments):
    """The files of tests that a pytest with these arguments runs."""
    options = [argument for argument in arguments if argument.startswith("--ignore=")]
    left_out = [PROJECT / option.removeprefix("--ignore=") for option in options]
    named = [PROJECT / argument for argument in arguments if argument not in options]
    found = [file for path in named for file in ([path] if path.is_file() else all_tests_of(path))]
    return [file for file in found if file not in left_out]


def all_tests_of(folder):
    """All files of tests in a folder, at any depth."""
    return list(folder.rglob("test_*.py"))


def test_every_test_is_in_one_run():
    """A file that none of them has would be tested by nobody."""
    runs = [*files_of(RUNS["grading"]), *files_of(RUNS["course"])]
    assert sorted(runs) == sorted(all_tests_of(TESTS))
    assert RUNS["lessons"] == ["--nbval", "lessons"]


def python(code):
    """A command that runs some code."""
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(("status", "all_of_them"), [(0, 0), (1, 1), (5, 1)])
def test_one_that_fails_is_enough(status, all_of_them, capfdbinary):
    """The others run to their end; each line has the name of its run, whatever is in it."""
    wrong = python(f"import os; os.write(1, b'a\\xff\\nb'); os._exit({status})")
    assert side_by_side({"one": wrong, "another": python("print('c')")}) == all_of_them
    lines = capfdbinary.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(b"one ")][:1] == [b"one     | a\xff"]
    assert b"another | c" in lines
    assert b"another | passed" in lines
    assert (b"one     | passed" in lines) == (status == 0)


# In the place of a pytest: waits for another process, which holds a lock and waits for ever.
ENDLESS = """
import subprocess, sys, time
from pathlib import Path
from malaria.given.system.lock import locked
if sys.argv[2:]:
    subprocess.run(sys.orig_argv[:-1])
lock = Path(sys.argv[1])
with locked(lock):
    lock.with_suffix(".taken").touch()
    time.sleep(100_000)
"""
STUBBORN = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
TOOL = """
import sys
from tools import run_tests
run_tests.FAREWELL = 1.0
run_tests.PYTEST = ()
run_tests.RUNS = {{"one": {one}, "another": {another}}}
run_tests.main()
"""


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals for other processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything(number, tmp_path):
    """Also what a run has started, and what does not answer."""
    locks = [tmp_path / "one", tmp_path / "another"]
    one, another = (
        [*python(code), str(lock), "start"]
        for code, lock in zip((ENDLESS, f"{STUBBORN}\n{ENDLESS}"), locks, strict=True)
    )
    tool = subprocess.Popen(
        python(TOOL.format(one=one, another=another)),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: all(lock.with_suffix(".taken").is_file() for lock in locks))
        assert all(map(is_held, locks))
        tool.send_signal(number)
        assert tool.wait(PATIENCE) == 130
        assert not any(map(is_held, locks))
    finally:
        tool.kill()

"""What every notebook uses: its first cell, and the check after each exercise."""

import contextlib
import io
import sys

from malaria import OWN_MODULES, PROJECT, modules_in_use
from malaria.given.exercises import EXERCISES


def begin():
    """Say whose modules are in use, and let unwritten exercises answer in one sentence.

    In a notebook a cell that needs an exercise not written yet then shows which one, in place of a
    traceback.
    """
    if modules_in_use == OWN_MODULES:
        print("Modules in use: your own, in src/malaria.")
    elif modules_in_use == PROJECT / "solutions":
        print("Modules in use: the reference, in solutions.")
    else:
        print(f"Modules in use: {modules_in_use.name}.")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.run_line_magic("load_ext", "autoreload")  # an edited module is read again
        shell.run_line_magic("autoreload", "2")
        shell.set_custom_exc((NotImplementedError,), _say_what_is_missing)


def _say_what_is_missing(shell, kind, error, traceback, tb_offset=None):
    """An IPython handler: the stub's own sentence; a traceback for any other error."""
    number = str(error).removeprefix("Exercise ").partition(":")[0]
    found = [exercise for exercise in EXERCISES if exercise.number == number]
    if not found:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        return
    exercise = found[0]
    print(f"This cell needs exercise {number}: write {exercise.name} in src/malaria/", end="")
    print(f"{exercise.module}.py, and run the cell again.")


def check(number):
    """Grade one exercise, with the tests and the words of `pytest`.

    Args:
        number: the exercise, such as "3.2".
    """
    import pytest

    exercise = next(exercise for exercise in EXERCISES if exercise.number == number)
    verdict = _Verdict()
    arguments = [f"{PROJECT}/tests/test_{exercise.module}.py", "-m", exercise.marker]
    arguments += ["-p", "no:terminal", "-p", "no:cacheprovider", f"--rootdir={PROJECT}"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(arguments, plugins=[verdict])
    title = f"Exercise {number}, {exercise.name}"
    if verdict.sentences:
        print("\n".join(dict.fromkeys(verdict.sentences)))
    elif verdict.passed:
        print(f"{title}: done and right.")
    else:
        print(f"{title}: nothing was graded.")


class _Verdict:
    """A pytest plugin: the sentences of the tests that failed."""

    def __init__(self):
        self.sentences, self.passed = [], 0

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.sentences.append(str(report.longrepr))
        elif report.when == "call":
            self.passed += 1

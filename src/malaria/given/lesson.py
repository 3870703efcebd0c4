"""What every notebook uses: its first cell, and the check after each exercise."""

import contextlib
import io
import sys
import textwrap

import malaria
from malaria.given.exercises import BY_NUMBER
from malaria.given.quiet_start import import_tensorflow


def begin():
    """Say whose modules are in use, and prepare the notebook.

    An edited module is read again before each cell. A cell that needs an exercise not written yet
    names it, in place of a traceback.
    """
    folder = malaria.modules_in_use
    if folder == malaria.OWN_MODULES:
        print("Modules in use: your own, in src/malaria.")
    elif folder == malaria.PROJECT / "solutions":
        print("Modules in use: the reference, in solutions.")
    else:
        print(f"Modules in use: {folder.name}.")
    import_tensorflow()
    # Its warnings name addresses in memory, and a lesson retraces on purpose.
    sys.modules["tensorflow"].get_logger().setLevel("ERROR")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.run_line_magic("load_ext", "autoreload")
        shell.run_line_magic("autoreload", "2")
        shell.set_custom_exc((NotImplementedError,), _say_what_is_missing)


def _say_what_is_missing(shell, kind, error, traceback, tb_offset=None):
    """An IPython handler: one sentence for a stub, a traceback for any other error."""
    number = str(error).removeprefix("Exercise ").partition(":")[0]
    if number not in BY_NUMBER:
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        return
    exercise = BY_NUMBER[number]
    file = f"src/malaria/{exercise.module}.py"
    print(f"This cell needs exercise {number}: write {exercise.name} in {file}, then run it again.")


def check(number):
    """Grade one exercise, with the tests and the words of `pytest`.

    It runs in this process, where TensorFlow is loaded already; code that never returns is stopped
    with the notebook's stop button.

    Args:
        number: the exercise, such as "3.2".
    """
    import pytest

    from malaria.given.grading.plugin import VERDICTS

    class Keep:
        """A pytest plugin that takes the verdict out of the run."""

        verdicts = ()

        def pytest_sessionfinish(self, session):
            self.verdicts = session.config.stash[VERDICTS]

    exercise, keep = BY_NUMBER[number], Keep()
    arguments = [f"{malaria.PROJECT}/tests/test_{exercise.module}.py", "-m", exercise.marker]
    arguments += ["--in-process", f"--config-file={malaria.PROJECT}/pyproject.toml"]
    arguments += ["-p", "no:terminal", "-p", "no:cacheprovider"]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        pytest.main(arguments, plugins=[keep])
    if not keep.verdicts:
        print(f"Exercise {number} could not be graded.", output.getvalue())
    for verdict in keep.verdicts:
        for line in verdict.lines():
            print(textwrap.fill(line, 88, subsequent_indent="  "))

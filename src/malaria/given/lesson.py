"""What every notebook uses: its first cell, and the check after each exercise."""

import ast
import contextlib
import io
import re
import sys
import textwrap

import malaria
from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.markers import unwritten
from malaria.given.system.quiet_start import import_tensorflow

WIDTH = 88  # characters of a line in a notebook


def begin():
    """Say whose modules are in use, and prepare the notebook.

    An edited module is read again before each cell. A cell that needs an exercise not written yet
    names it, in place of a traceback; so do the later cells that build on it.
    """
    folder = malaria.modules_in_use
    if folder == malaria.OWN_MODULES:
        print("Modules in use: your own, in src/malaria.")
    elif folder == malaria.REFERENCE:
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
        Gaps().watch(shell)


class Gaps:
    """What a notebook lacks because of exercises that are not written yet."""

    def __init__(self):
        """Nothing is lacking yet."""
        self.exercise_of = {}  # a name that a cell did not come to define -> the exercise's number
        self.cell = ""  # the text of the present cell

    def watch(self, shell):
        """Answer for the errors of an IPython shell that such an exercise causes."""
        shell.events.register("pre_run_cell", lambda info: setattr(self, "cell", info.raw_cell))
        shell.set_custom_exc((NotImplementedError, NameError), self.tell)

    def tell(self, shell, kind, error, traceback, tb_offset=None):
        """An IPython handler: one sentence for a gap, a traceback for any other error."""
        number = self.cause(error)
        if number is None:
            shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
            return
        for name in names_defined_by(self.cell) - set(shell.user_ns):
            self.exercise_of[name] = number
        if "matplotlib.pyplot" in sys.modules:  # a figure that was begun would be shown half drawn
            sys.modules["matplotlib.pyplot"].close("all")
        exercise = BY_NUMBER[number]
        print(
            f"This cell needs exercise {number}: write {exercise.name} in"
            f" src/malaria/{exercise.module}.py, then run on from there."
        )

    def cause(self, error):
        """The number of the unwritten exercise behind an error, or None."""
        if isinstance(error, NameError):
            unknown = re.search(r"name '(\w+)' is not defined", str(error))
            return unknown and self.exercise_of.get(unknown.group(1))
        found = unwritten(error)
        return found and found[0]


def names_defined_by(source):
    """The names that a cell gives a value to: by assignments, definitions and imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return names


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
            print(textwrap.fill(line, WIDTH, subsequent_indent="  "))

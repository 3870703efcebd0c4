"""What every notebook uses: its first cell, the check after each exercise, and the bug hunts."""

import ast
import functools
import re
import sys

import malaria
from malaria.given.exercises import BY_NUMBER, exercise_of
from malaria.given.exercises.markers import unwritten
from malaria.given.grading.outcome import Outcome
from malaria.given.system.installed import refuse_another_copy
from malaria.given.system.quiet_start import import_tensorflow

WIDTH = 88  # characters of a line in a notebook


def begin():
    """Say whose modules are in use, and prepare the notebook.

    An edited module is read again before each cell. A cell that needs an exercise not written yet
    names it, in place of a traceback; so do the later cells that build on it.
    """
    print(modules_in_words())
    import_tensorflow()
    # Its warnings name addresses in memory, and a lesson retraces on purpose.
    sys.modules["tensorflow"].get_logger().setLevel("ERROR")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.run_line_magic("load_ext", "autoreload")
        shell.run_line_magic("autoreload", "2")
        Gaps().watch(shell)


def modules_in_words():
    """A sentence that says whose modules are in use, or why they are not the ones beside it."""
    folder = malaria.modules_in_use
    try:
        refuse_another_copy()
    except ValueError as error:
        return str(error)
    if folder == malaria.OWN_MODULES:
        return "Modules in use: your own, in src/malaria."
    if folder == malaria.REFERENCE:
        return "Modules in use: the reference, in solutions."
    return f"Modules in use: {folder.name}."


class NotDone(Exception):
    """What keeps a cell from going on, in words: a notebook shows these and no traceback.

    It is an exception so that a cell that needs a right answer fails where nbval runs it.
    """

    def _render_traceback_(self):
        """IPython asks for these lines in place of a traceback."""
        return [str(self)]


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
        words = NotDone(
            f"This cell needs exercise {number}: write {exercise.name} in"
            f" {exercise.place}, then run on from there."
        )
        shell.showtraceback((NotDone, words, None))

    def cause(self, error):
        """The number of the unwritten exercise behind an error, or None."""
        if isinstance(error, NameError):
            unknown = re.search(r"name '(\w+)' is not defined", str(error))
            return unknown and self.exercise_of.get(unknown.group(1))
        found = unwritten(error)
        return found[0] if found and found[0] in BY_NUMBER else None


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
    """Grade one exercise, with the tests, the words and the time limit of `pytest`.

    Args:
        number: The exercise, such as "3.2".

    Raises:
        NotDone: It is not done and right; the words say what is missing.
    """
    try:
        verdict = _verdict_on(number)
    except ValueError as error:
        raise NotDone(str(error)) from None
    except KeyboardInterrupt:
        raise NotDone(f"The check of exercise {number} was stopped.") from None
    if verdict.outcome is not Outcome.DONE:
        raise NotDone(verdict.text(WIDTH))
    print(verdict.text(WIDTH))


def bug(number, line=None, choose=None):
    """Show a bug hunt, or answer it: an exercise's code that passes a check and has a mistake.

    It opens when the exercise is done and right; with the reference in use it is open.

    Args:
        number: The exercise, such as "3.4"; "2.6/2" is its second hunt.
        line: The number of the line that is wrong.
        choose: The letter of the sentence that says what is wrong, in place of the line.

    Raises:
        NotDone: The exercise is not done, or there is no such hunt, line or sentence.
    """
    try:
        from malaria.given.hunts import found, in_place, words

        hunt = found.hunt_called(number)
        if line is not None and choose is not None:
            raise ValueError("Answer with a line or with a sentence, not with both.")
        _open(hunt)
        guess = choose if line is None else line
        if guess is None:
            print(words.page(hunt, in_place.check_output(hunt), WIDTH))
            print(f'\nAnswer: bug("{hunt.name}", line=N), or bug("{hunt.name}", choose="a").')
        elif words.is_right(hunt, guess):
            print(words.solved(hunt, guess, in_place.caught(hunt), WIDTH))
            found.remember(hunt, found.FOUND)
        else:
            print(words.not_it(hunt, guess, WIDTH))
    except ValueError as error:
        raise NotDone(str(error)) from None
    except KeyboardInterrupt:
        raise NotDone(f"Bug hunt {number} was stopped.") from None


def _open(hunt):
    """Let a hunt be seen from now on if its exercise is done and right."""
    from malaria.given.hunts import found

    if malaria.modules_in_use == malaria.REFERENCE or hunt.name in found.states():
        return
    number = hunt.exercise.number
    verdict = _verdict_on(number)
    if verdict.outcome is not Outcome.DONE:
        raise ValueError(
            f"Bug hunt {hunt.name} opens when your exercise {number} is right. It is"
            f' {verdict.outcome.word}; check("{number}") says more.'
        )
    found.remember(hunt, found.OPEN)


def _verdict_on(number):
    """The verdict on an exercise, such as "3.2"."""
    from malaria.given.grading.desk import grade_in
    from malaria.given.grading.session import refuse_without_assertions

    refuse_another_copy()
    refuse_without_assertions()
    return grade_in(_worker(), exercise_of(number).number)


@functools.cache
def _worker():
    """The process that grades for this notebook: one for all checks, and it ends with it.

    Here an endless loop could not be stopped, and a fork would lack TensorFlow's threads.
    """
    from malaria.given.grading.session import QUIET
    from malaria.given.grading.worker import Worker

    files = [str(malaria.TESTS / f"test_{name}.py") for name in malaria.LESSON_MODULES]
    return Worker([*QUIET, f"--modules={malaria.modules_in_use}", *files], malaria.PROJECT)

"""`malaria watch`: grade what a save has touched, as soon as it is saved."""

import contextlib
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import malaria
from malaria.given.command_line.learn import hints_in_words, width
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.exercises.changes import parts_of, touched
from malaria.given.grading import pytest_internals, scoreboard
from malaria.given.grading.desk import grade_all
from malaria.given.grading.isolation import CAN_FORK
from malaria.given.grading.outcome import Outcome
from malaria.given.grading.session import QUIET, collected, refuse_without_assertions
from malaria.given.grading.verdict import Verdict, folded
from malaria.given.system.accelerators import hide_accelerators
from malaria.given.system.lost_ctrl_c import ctrl_c_is_not_lost
from malaria.given.system.quiet_start import import_tensorflow

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = None

PATIENCE = 2.0  # seconds for a grading that was overtaken by the next save to end by itself
SETTLED = 50  # milliseconds without another write: a save is often several
STEP = 20  # milliseconds between two looks at what was written
TURN = 100  # milliseconds between two looks at the keyboard: no slower than a person notices


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    text = "grade what you save, as soon as you save it"
    parser = commands.add_parser(
        "watch",
        help=text,
        description=f"{text.capitalize()}. Keys: h shows a hint, q or Ctrl-C quits.",
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command until it is stopped; returns the exit status."""
    refuse_without_assertions()  # now, rather than when all is loaded
    if CAN_FORK:
        say("Loading TensorFlow and the tests, which takes a few seconds ...")
        # Loaded and collected once: every grading is a fork that has it already. No operation may
        # run here, because TensorFlow's threads do not survive a fork.
        hide_accelerators()
        import_tensorflow()
        with ctrl_c_is_not_lost():
            files = [f"{malaria.TESTS}/test_{name}.py" for name in malaria.LESSON_MODULES]
            collected([*QUIET, *files], watch_in_forks)
    else:
        watch_saves(StartedGrading)
    print("Stopped watching.")
    return 0


def watch_in_forks(config, items_of):
    """Grade each save in a fork of this process, in which the tests are collected."""
    pytest_internals.release_terminal(config)
    # One byte for each exercise that is known to be done, which all forks share.
    done = multiprocessing.get_context("fork").RawArray("b", len(EXERCISES))
    watch_saves(partial(ForkedGrading, config, items_of, done))


def watch_saves(start):
    """Grade each save until told to end.

    Args:
        start: Begins to grade some exercises: takes their numbers, and returns what has a method
            `stop`.
    """
    from watchfiles import watch

    watching = Watching(malaria.modules_in_use, start)
    announced = False
    with single_keys(), contextlib.closing(watching):
        for changes in watch(
            watching.folder,
            watch_filter=lambda _, path: Path(path).stem in watching.seen and path.endswith(".py"),
            debounce=SETTLED,
            step=STEP,
            rust_timeout=TURN,
            yield_on_timeout=True,
            recursive=False,
        ):
            if not announced:  # the first turn comes when the folder is really being watched
                keys = "Save a module to have it graded. Press h for a hint, q to quit."
                say(f"Watching {watching.folder}. {keys}")
                announced = True
            for module in sorted({Path(path).stem for _, path in changes}):
                watching.grade(module)
            key = next_key()
            if key == "q":
                break
            if key == "h":
                watching.give_hint()


class Watching:
    """What is known while a folder is watched.

    Attributes:
        folder: Of the modules.
        seen: The parts of each module, for the next save to be compared with.
    """

    def __init__(self, folder, start):
        """See what is there."""
        self.folder, self._start = folder, start
        self.seen = {name: parts_of(self._file(name)) for name in malaria.LESSON_MODULES}
        self._grading = None  # the one at work, or the last
        self._current = EXERCISES[0].number  # what a hint is given for

    def _file(self, module):
        return self.folder / f"{module}.py"

    def grade(self, module):
        """Begin to grade what a save of a module has touched; the grading before it is stopped."""
        before, self.seen[module] = self.seen[module], parts_of(self._file(module))
        numbers = touched(module, before, self.seen[module])
        if numbers:
            self.close()
            print()
            say(f"Grading {', '.join(numbers)} ...")
            self._grading, self._current = self._start(numbers), numbers[0]

    def give_hint(self):
        """Print the hints for the exercise at hand so far, and one more."""
        print(f"\nExercise {self._current}:\n{hints_in_words(self._current)}", flush=True)

    def close(self):
        """Stop the grading at work."""
        if self._grading is not None:
            self._grading.stop()


class ForkedGrading:
    """A grading in a fork of this process, which has TensorFlow and the tests already."""

    def __init__(self, config, items_of, done, numbers):
        """Begin."""
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(target=self._grade, args=(config, items_of, done, numbers))
        self._process.start()

    def _grade(self, *arguments):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):  # a newer save is on its way
            print_verdicts(*arguments)

    def stop(self):
        """End it, with all that it has started."""
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGINT)  # the desk ends the exercises' processes
            self._process.join(PATIENCE)
        self._process.kill()
        self._process.join()


class StartedGrading:
    """A grading in a pytest of its own, which loads TensorFlow anew: where there is no fork."""

    def __init__(self, numbers):
        """Begin."""
        file = f"tests/test_{BY_NUMBER[numbers[0]].module}.py"
        marks = " or ".join(BY_NUMBER[number].marker for number in numbers)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", file, "-m", marks],
            cwd=malaria.PROJECT,
            env=os.environ | {"MALARIA_MODULES": str(malaria.modules_in_use)},
        )

    def stop(self):
        """End it."""
        self._process.terminate()
        self._process.wait()


def print_verdicts(config, items_of, done, numbers):
    """Grade some exercises, print the verdicts as they come, and then what to do next.

    Args:
        config: pytest's.
        items_of: The tests of each exercise, in the order of the course.
        done: For each exercise in that order whether it is known to be done; is brought up to date.
        numbers: The exercises to grade.
    """
    started, verdicts, places = time.monotonic(), [], list(items_of)

    def graded(some):
        for number in some:
            done[places.index(number)] = False
        for verdict, _ in grade_all(config, {number: items_of[number] for number in some}):
            done[places.index(verdict.number)] = verdict.outcome is Outcome.DONE
            verdicts.append(verdict)
            yield verdict

    for words in scoreboard.one_by_one(graded(numbers), width()):
        print(words, flush=True)
    print(f"({time.monotonic() - started:.1f} s)", flush=True)
    if all(verdict.outcome is Outcome.DONE for verdict in verdicts):
        say("Looking for the first exercise that is not done ...")
        unknown = [number for number in places if not done[places.index(number)]]
        with contextlib.closing(graded(unknown)) as rest:
            next((verdict for verdict in rest if verdict.outcome is not Outcome.DONE), None)
        graded_now = {verdict.number for verdict in verdicts}
        verdicts += [
            Verdict(number)
            for number, known in zip(places, done, strict=True)
            if known and number not in graded_now
        ]
    print(scoreboard.next_step(verdicts, width()), flush=True)


def say(sentence):
    """Print a sentence at once, in lines that fit into the terminal."""
    print(folded(sentence, width()), flush=True)


@contextlib.contextmanager
def single_keys():
    """Let single keys be read without Enter, where there is a terminal that can."""
    before = None
    if termios is not None:
        # What it raises if stdin is not a terminal, is closed, or is None.
        with contextlib.suppress(termios.error, OSError, ValueError, TypeError):
            before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        if before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def next_key():
    """The next key that was pressed, or "" if there is none."""
    if termios is None or sys.stdin is None or not sys.stdin.isatty():
        return ""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return ""
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace")  # past Python's own buffer

"""`malaria watch`: grade what a save has touched, as soon as it is saved."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES, following
from malaria.given.exercises.changes import parts_of, touched
from malaria.given.exercises.hints import next_hints
from malaria.given.grading import scoreboard
from malaria.given.grading.isolation import CAN_FORK
from malaria.given.grading.running import by_exercise
from malaria.given.grading.verdict import DONE
from malaria.given.system.quiet_start import import_tensorflow

WIDTH = 80
PATIENCE = 2  # seconds for a grading that was overtaken by the next save to end


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    text = "grade what you save, as soon as you save it"
    parser = commands.add_parser(
        "watch", help=text, description=f"{text.capitalize()}. Keys: h: a hint, q or Ctrl-C: end."
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command until it is stopped; returns the exit status."""
    if CAN_FORK:
        # Loaded and collected once: every grading is a fork that has it already. No operation may
        # run here, because TensorFlow's threads do not survive a fork.
        import_tensorflow()
        options = [f"--config-file={malaria.PROJECT}/pyproject.toml", "--collect-only"]
        options += ["-p", "no:terminal", "-p", "no:cacheprovider"]
        tests = [f"{malaria.PROJECT}/tests/test_{name}.py" for name in malaria.LESSON_MODULES]
        ended = pytest.main([*tests, *options], plugins=[Warm()])
        if ended != pytest.ExitCode.OK:
            raise SystemExit("The tests could not be read; does `pytest` say why?")
    else:
        watch_saves(start_pytest)
    print("Ended.")
    return 0


class Warm:
    """A pytest plugin that grades what is saved, in place of running the tests once."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Watch until told to end."""
        capture = session.config.pluginmanager.getplugin("capturemanager")
        capture.suspend_global_capture(in_=True)
        watch_saves(partial(start_fork, session.config, by_exercise(session.items)))
        return True


def watch_saves(start):
    """Grade each save until told to end; `start(module, numbers)` begins a grading."""
    from watchfiles import watch

    folder = malaria.modules_in_use
    seen = {name: parts_of(folder / f"{name}.py") for name in malaria.LESSON_MODULES}
    grading, current, announced = None, None, False
    with keys_as_pressed():
        # A save is often several writes: wait 50 ms for the last of them.
        for changes in watch(
            folder,
            watch_filter=lambda _, path: Path(path).stem in seen and path.endswith(".py"),
            debounce=50,
            step=20,
            rust_timeout=100,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        ):
            if not announced:  # the first turn comes when the folder is watched in fact
                print(f"Watching {folder}. Save a module to have it graded; h: a hint, q: end.")
                sys.stdout.flush()
                announced = True
            for name in sorted({Path(path).stem for _, path in changes}):
                before, seen[name] = seen[name], parts_of(folder / f"{name}.py")
                numbers = touched(name, before, seen[name])
                if numbers:
                    stop(grading)
                    grading, current = start(name, numbers), numbers[0]
            key = pressed()
            if key == "q":
                break
            if key == "h":
                show_hint(current or EXERCISES[0].number)
    stop(grading)


def start_pytest(module, numbers):
    """Begin to grade some exercises of a module, with TensorFlow loaded anew; returns a Popen."""
    marks = " or ".join(BY_NUMBER[number].marker for number in numbers)
    command = [sys.executable, "-m", "pytest", "-q", f"tests/test_{module}.py", "-m", marks]
    environment = os.environ | {"MALARIA_MODULES": str(malaria.modules_in_use)}
    return subprocess.Popen(command, cwd=malaria.PROJECT, env=environment)


def start_fork(config, items_of, module, numbers):
    """Begin to grade some exercises of a module in a fork; returns its process's id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        grade_and_tell(config, {number: items_of[number] for number in numbers})
    except KeyboardInterrupt:  # a newer save is on its way
        pass
    finally:
        sys.stdout.flush()
        os._exit(0)


def grade_and_tell(config, items_of):
    """Grade exercises and print the verdicts as they come."""
    from malaria.given.grading.desk import grade_all

    started, verdicts = time.monotonic(), []
    print(flush=True)
    for verdict, _ in grade_all(config, items_of):
        verdicts.append(verdict)
        for line in verdict.lines():
            print(textwrap.fill(line, WIDTH, subsequent_indent="    "))
        sys.stdout.flush()
    if all(verdict.outcome == DONE for verdict in verdicts):
        exercise = following(verdicts[-1].number)
        if exercise is not None:
            print(f"Next: exercise {exercise.number}, {exercise.name}.")
    else:
        print(scoreboard.next_step(verdicts))
    print(f"({time.monotonic() - started:.1f} s)")


def stop(grading):
    """End a grading that is still at work, with all that it has started."""
    if grading is None:
        return
    if not isinstance(grading, int):
        grading.terminate()
        grading.wait()
        return
    deadline, kind = time.monotonic() + PATIENCE, signal.SIGINT
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        while os.waitpid(grading, os.WNOHANG) == (0, 0):
            if kind is not None:
                os.kill(grading, kind)  # SIGINT: pytest ends the exercises' processes
                kind = None
            if time.monotonic() > deadline:
                os.kill(grading, signal.SIGKILL)
            time.sleep(0.01)


def show_hint(number):
    """Print the hints for an exercise so far, and one more."""
    print(f"\nExercise {number}:")
    for k, text in enumerate(next_hints(number), start=1):
        print(textwrap.fill(f"{k}. {text}", WIDTH, subsequent_indent="   "))
    sys.stdout.flush()


@contextlib.contextmanager
def keys_as_pressed():
    """Let single keys be read without Enter, where there is a terminal that can."""
    try:
        import termios
        import tty

        kept = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
    except (ImportError, OSError, ValueError, AttributeError):
        yield
        return
    except Exception as error:  # termios.error is no subclass of OSError
        if type(error).__name__ != "error":
            raise
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)


def pressed():
    """The key that was pressed since the last look, or ""."""
    if not sys.stdin.isatty() or os.name == "nt":
        return ""
    return sys.stdin.read(1) if select.select([sys.stdin], [], [], 0)[0] else ""

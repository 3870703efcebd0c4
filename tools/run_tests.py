"""Run all of the project's tests, side by side what is independent: `python -m tools.run_tests`.

    grading   the exercises, on the reference; the proof that wrong answers to them are rejected
    course    all other tests of the course
    lessons   the notebooks, against what they have stored

Each is a pytest of its own: the last two keep no more than one processor busy. Every line that one
prints comes at once, behind its name. What takes long is left out (`make test-all`).

Exit status: 0: all have passed. 1: one has not. 130: stopped by Ctrl-C, which ends all of them.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from malaria import PROJECT, TESTS

COURSE = "tests/course"
PROOF = f"{COURSE}/test_answers.py"
RUNS = {
    "grading": [*sorted(f"tests/{path.name}" for path in TESTS.glob("test_*.py")), PROOF],
    "course": [COURSE, f"--ignore={PROOF}"],
    "lessons": ["--nbval", "lessons"],
}
# Without a cache: there is one in the folder, and each would overwrite what the others have stored.
PYTEST = (
    *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
    *("--modules", "solutions", "-m", "not slow"),
)
FAREWELL = 20.0  # seconds for a pytest to end after Ctrl-C, with all that it has started


class Run:
    """A process beside others, and all that it starts."""

    def __init__(self, name: str, command: list[str]) -> None:
        """Start it; its name stands before each of its lines."""
        self.name, self._over = name, False
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a signal reaches all of it, and once
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        with self.process.stdout as lines:
            for line in lines:
                said(self.name, line)

    def wait(self, seconds: float | None = None) -> int:
        """Its exit status, when it has ended; at the latest after some seconds it is killed."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.kill()
        return self.process.wait()

    def interrupt(self) -> None:
        """What Ctrl-C does at a terminal; on Windows the terminal itself has done it."""
        if not self._over:
            self._send("SIGINT")

    def kill(self) -> None:
        """End it, and what it has left behind: that may hold its output open."""
        if not self._over:  # later its number may be another's
            self.process.kill()
            self._send("SIGKILL")
            self._reader.join(FAREWELL)
            self._over = True

    def _send(self, name: str) -> None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, getattr(signal, name))


def said(name: str, line: bytes) -> None:
    """Print a line, whatever letters are in it, in one piece; the last may have no end."""
    sys.stdout.buffer.write(f"{name:8}| ".encode() + line.rstrip(b"\r\n") + b"\n")
    sys.stdout.buffer.flush()


def side_by_side(commands: dict[str, list[str]]) -> int:
    """Run commands at the same time, each with a name; returns the exit status for all of them."""
    runs = []
    try:
        for name, command in commands.items():
            runs.append(Run(name, command))
        statuses = [run.wait() for run in runs]
    except KeyboardInterrupt:
        for run in runs:
            run.interrupt()
        for run in runs:
            run.wait(FAREWELL)
        return 130
    finally:  # also after another Ctrl-C
        for run in runs:
            run.kill()
    for run, status in zip(runs, statuses, strict=True):
        said(run.name, b"passed" if status == 0 else f"FAILED, with status {status}".encode())
    return int(any(statuses))


def main() -> None:
    """Run the tests; exit with their status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    sys.exit(side_by_side({name: [*PYTEST, *colour, *runs] for name, runs in RUNS.items()}))


if __name__ == "__main__":
    main()

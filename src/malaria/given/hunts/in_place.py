"""A hunt's code in the place of the reference's answer: runs its check, and the test on it.

As a program, `python -m malaria.given.hunts.in_place cnn_model`, it runs the check that it is given
on stdin, on that module of those in use.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import malaria
from malaria.given.exercises.reference import source_of
from malaria.given.hunts.hunt import Hunt, answer_to
from malaria.given.system.accelerators import hide_accelerators
from malaria.given.system.quiet_start import import_tensorflow


@contextmanager
def in_place(hunt: Hunt, code: str | None = None) -> Iterator[Path]:
    """A folder of six modules, the reference's except for one answer.

    Args:
        hunt: Its code stands in the place of that answer.
        code: Stands there instead.
    """
    with tempfile.TemporaryDirectory(prefix="malaria-") as folder:
        for name in malaria.LESSON_MODULES:
            text = source_of(name)
            if name == hunt.exercise.module:
                text += f"\n\n{code or hunt.code}"  # of two definitions the later counts
            Path(folder, f"{name}.py").write_text(text, encoding="utf-8")
        yield Path(folder)


def check_output(hunt: Hunt) -> str:
    """What a hunt's check prints on its code, run in a process of its own.

    Raises:
        ValueError: The check fails.
    """
    with in_place(hunt) as folder:
        finished = subprocess.run(
            [sys.executable, "-m", "malaria.given.hunts.in_place", hunt.exercise.module],
            env=os.environ | {malaria.SWITCH: str(folder), "PYTHONIOENCODING": "utf-8"},
            cwd=malaria.PROJECT,
            input=hunt.check,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if finished.returncode:
        last = finished.stderr.strip().rpartition("\n")[2]
        raise ValueError(f"The check of bug hunt {hunt.name} failed: {last}")
    return finished.stdout


def run_check(module: str, check: str) -> None:
    """Run a check here, on a module of those in use; it prints."""
    import numpy as np

    names = vars(importlib.import_module(f"malaria.{module}"))
    exec(compile(check, "check", "exec"), names | {"np": np})


def caught(hunt: Hunt) -> tuple[str, str]:
    """The test that catches a hunt, and what it says of the hunt's code, run now.

    Raises:
        ValueError: It says nothing.
    """
    from malaria.given.grading.session import graded

    exercise, test = hunt.exercise, answer_to(hunt).test
    chosen = (f"tests/test_{exercise.module}.py", "-m", exercise.marker, "-k", test)
    with in_place(hunt) as folder:
        findings = graded(*chosen, f"--modules={folder}")[0].findings
    if not findings:
        raise ValueError(f"{test} lets bug hunt {hunt.name} pass.")
    return findings[0]


if __name__ == "__main__":
    hide_accelerators()
    if sys.argv[1] != malaria.LESSON_MODULES[0]:  # which does without
        import_tensorflow()
    run_check(sys.argv[1], sys.stdin.read())

"""The one way to start pytest from Python: to have something graded, or to have its tests."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from malaria import PROJECT
from malaria.given.grading.running import Items, by_exercise
from malaria.given.grading.verdict import Verdict
from malaria.given.system.installed import refuse_another_copy

# For a pytest that nobody sees, started from any folder.
QUIET = (
    f"--config-file={PROJECT / 'pyproject.toml'}",
    *("-p", "no:terminal"),
    *("-p", "no:cacheprovider"),
)
LAST_WORDS = 500  # characters of what pytest printed; why it stopped is at the end
VERDICTS = pytest.StashKey[list[Verdict]]()  # where the plugin puts them, in pytest's config


def refuse_without_assertions() -> None:
    """Refuse to grade where tests cannot fail.

    Raises:
        ValueError: Python leaves assertions out.
    """
    if sys.flags.optimize:
        raise ValueError(
            "Python ignores all assertions, so everything would pass: unset PYTHONOPTIMIZE, and"
            " start Python without -O."
        )


def collected(arguments: Sequence[str], loop: Callable[[pytest.Config, Items], None]) -> None:
    """Collect tests, and do something with them in place of running them.

    Args:
        arguments: Those of pytest, such as `QUIET` and files of tests.
        loop: Called with pytest's config and the tests of each exercise.

    Raises:
        ValueError: The tests could not be collected.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    refuse_without_assertions()
    # With --collect-only the desk does not grade on its own account.
    _start([*arguments, "--collect-only"], run := _Run(loop))
    if not run.looped:
        raise ValueError(run.why("The tests could not be read."))


def graded(*arguments: str) -> list[Verdict]:
    """The verdicts of a pytest in a process of its own.

    Raises:
        ValueError: Nothing could be graded.
    """
    refuse_another_copy()
    refuse_without_assertions()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdicts.json"
        command = [sys.executable, "-m", "pytest", f"--json={file}", "-p", "no:cacheprovider"]
        finished = subprocess.run(
            [*command, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    verdicts = [Verdict.from_dict(one) for one in content.get("exercises", [])]
    if not verdicts:
        said = (finished.stdout + finished.stderr).strip()[-LAST_WORDS:]
        raise ValueError(f"Nothing could be graded. The end of pytest's output: {said}")
    return verdicts


class _Run:
    """A pytest plugin that takes something out of a run.

    Attributes:
        looped: Whether `loop` was called.
        verdicts: What the grading desk has found.
        errors: What kept files of tests from being collected.
    """

    def __init__(self, loop: Callable[[pytest.Config, Items], None] | None = None) -> None:
        """Take part in a run; with `loop`, in place of the tests."""
        self.loop = loop
        self.looped = False
        self.verdicts: list[Verdict] = []
        self.errors: list[str] = []

    def why(self, sentence: str) -> str:
        """A sentence, and the first error behind it."""
        return f"{sentence} {self.errors[0]}" if self.errors else sentence

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the last line of an error, which says what it was."""
        if report.failed:
            last = report.longreprtext.strip().rpartition("\n")[2]
            self.errors.append(f"{report.nodeid}: {last.removeprefix('E').strip()}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Call `loop` if all tests could be collected."""
        if self.loop is None:
            return None
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        self.looped = True
        self.loop(session.config, by_exercise(session.items))
        return True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take the verdicts."""
        self.verdicts = session.config.stash[VERDICTS]


def _start(arguments: Sequence[str], run: _Run) -> None:
    status = pytest.main(list(arguments), plugins=[run])
    # After an error of collection pytest says "interrupted" as well.
    if status == pytest.ExitCode.INTERRUPTED and not run.errors:
        raise KeyboardInterrupt

"""Ties the grading desk to pytest: the options, the verdicts, the score.

Tests with an `exercise` mark grade; all others run as usual, after them. `pyproject.toml` makes it
a plugin of every pytest in the environment, because a conftest.py is read too late to know
`--modules` from a folder of tests.
"""

import argparse
import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.grading import pytest_internals, scoreboard
from malaria.given.grading.desk import Where, grade_all
from malaria.given.grading.isolation import CAN_FORK
from malaria.given.grading.judge import judge
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.pytest_internals import TerminalReporter
from malaria.given.grading.running import LIMIT, Items, by_exercise, number_of
from malaria.given.grading.session import VERDICTS, refuse_without_assertions
from malaria.given.system.accelerators import hide_accelerators
from malaria.given.system.installed import is_course, refuse_another_copy

MOST_COLUMNS = 100  # of a sentence: longer lines are hard to read
LONGEST = 86_400  # seconds of a time limit: a day
LONGEST_CELL = 3600  # seconds that nbval waits for anything in a notebook, on a busy machine


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the course."""
    group = parser.getgroup("course", "the course")
    group.addoption(
        "--modules", metavar="FOLDER", help='whose modules to grade: "solutions", or a folder'
    )
    group.addoption("--json", metavar="FILE", help="write the verdicts as JSON")
    group.addoption(
        "--time-limit",
        metavar="SECONDS",
        type=seconds,
        default=LIMIT,
        help=f"of CPU time for the tests of one exercise; default: {LIMIT:.0f}",
    )
    group.addoption(
        "--in-process",
        action="store_true",
        help="grade without a process for each exercise, for example to use --pdb",
    )
    group.addoption(
        "--no-fork",
        action="store_true",
        help="grade in one other process, as on systems that cannot fork processes",
    )


def seconds(text: str) -> float:
    """A type of argparse: a time of more than nothing and no more than a day."""
    number = float(text)
    if not 0 < number <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {LONGEST}")
    return number


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Let nbval in where it is asked for; `pyproject.toml` says what it costs the other runs.

    Where pytest missed the project's settings, nothing has kept it out.
    """
    manager = early_config.pluginmanager
    if any(argument.startswith("--nbval") for argument in args) and not manager.has_plugin("nbval"):
        manager.unblock("nbval")
        manager.register(importlib.import_module("nbval.plugin"), "nbval")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Start again if pytest missed the project's settings.

    It looks for them before it knows our options, and takes the path in `--modules FOLDER` or
    `--json FILE` for one of tests: outside the project, it leads away from the settings.
    """
    if config.inipath or not config.invocation_params.dir.is_relative_to(malaria.PROJECT):
        return None
    settings = f"--config-file={malaria.PROJECT / 'pyproject.toml'}"
    arguments = [sys.executable, "-m", "pytest", settings, *config.invocation_params.args]
    pytest_internals.release_terminal(config)
    return subprocess.call(list(map(str, arguments)))


def pytest_configure(config: pytest.Config) -> None:
    """Set the switch before a lesson module is imported; notebook kernels inherit it.

    They and all that grades use the CPU.
    """
    if is_course(config.rootpath):
        try:
            refuse_another_copy(config.rootpath)
            refuse_without_assertions()
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        hide_accelerators()
        refuse_other_runners(config)
        ask_for_all(config)
    modules = config.getoption("--modules")
    if modules:
        try:
            malaria.use_modules(modules)
        except OSError as error:
            raise pytest.UsageError(str(error)) from None
    config.addinivalue_line("markers", "exercise(number): the exercise that a test grades")
    config.addinivalue_line("markers", "slow: a test that `make test` leaves to `make test-all`")
    for exercise in EXERCISES:
        config.addinivalue_line("markers", f"{exercise.marker}: {exercise.name}")
    unknown = set(re.findall(r"exercise_[\w.]+", config.option.markexpr))
    unknown -= {exercise.marker for exercise in EXERCISES}
    if unknown and config.rootpath == malaria.PROJECT:  # elsewhere it may be another project's
        raise pytest.UsageError(
            f"No exercise has the marker {min(unknown)}; that of exercise 3.2 is exercise_3_2."
        )
    if config.option.json:
        refuse_unwritable(Path(config.option.json))
    config.stash[VERDICTS] = []
    if config.pluginmanager.has_plugin("nbval"):
        # The kernel of this environment, whatever else is installed.
        config.option.nbval_current_env = True
        config.option.nbval_cell_timeout = LONGEST_CELL
        config.option.nbval_kernel_startup_timeout = LONGEST_CELL


def refuse_unwritable(file: Path) -> None:
    """Refuse a file for the verdicts now, rather than after the grading."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise pytest.UsageError(f"--json: there is no folder {file.parent}.")
    if file.exists() and not file.is_file():  # it would be replaced
        raise pytest.UsageError(f"--json: {file} is not a file.")
    if not os.access(folder, os.W_OK):
        raise pytest.UsageError(f"--json: the folder {folder} is not writable.")


def refuse_other_runners(config: pytest.Config) -> None:
    """Refuse pytest-xdist, which takes the tests to processes of its own, away from the desk."""
    option = config.option
    spread = getattr(option, "numprocesses", None) or getattr(option, "dist", "no") != "no"
    if spread or getattr(option, "tx", None) or getattr(option, "looponfail", False):
        raise pytest.UsageError(
            "The course starts a process for each exercise itself, several at a time: leave out the"
            " options of pytest-xdist, such as -n."
        )


def ask_for_all(config: pytest.Config) -> None:
    """Let `pytest` mean all exercises in the folders of the project that hold no tests, too."""
    folder = config.invocation_params.dir
    inside = folder.is_relative_to(malaria.PROJECT)
    asked_nothing = inside and config.args_source is config.ArgsSource.INVOCATION_DIR
    notebooks = getattr(config.option, "nbval", False) or getattr(config.option, "nbval_lax", False)
    if asked_nothing and not notebooks and not folder.is_relative_to(malaria.TESTS / "course"):
        config.args[:] = [str(malaria.TESTS)]
        config.args_source = config.ArgsSource.TESTPATHS


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say whose modules are graded."""
    if config.rootpath != malaria.PROJECT:
        return None  # another project's tests in the same environment
    return f"modules in use: {malaria.modules_in_use}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the course's own tests to those who ask for them: `pytest tests` has them too."""
    nothing_asked = config.args_source is config.ArgsSource.TESTPATHS
    return True if nothing_asked and collection_path.name == "course" else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-m exercise_3_2` and `-k conv2d` choose the tests of an exercise."""
    if hasattr(item, "output_timeout"):  # a cell: nbval waits no more than 5 s for what it printed
        item.output_timeout = LONGEST_CELL
    if number_of(item):
        exercise = BY_NUMBER[number_of(item)]
        item.add_marker(exercise.marker)
        item.extra_keyword_matches.add(exercise.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what a graded test raised into an outcome and a sentence."""
    report = yield
    number = number_of(item)
    if (
        number
        and call.excinfo is not None
        and not call.excinfo.errisinstance(pytest.skip.Exception)
    ):
        report.judgement = judge(call.excinfo.value, number)
        report.longrepr = report.judgement[1]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Grade first: TensorFlow must not have run anything in a process that is to be forked."""
    option, everything = session.config.option, session.items
    items_of = by_exercise(everything)
    unreadable = session.testsfailed and not option.continue_on_collection_errors
    if not items_of or option.collectonly or unreadable:
        return (yield)
    grade(session, items_of)
    session.items = [item for item in everything if not number_of(item)]
    # Pytest's own loop takes what has failed before it for tests that could not be collected, and
    # would leave out the others.
    failed, session.testsfailed = session.testsfailed, 0
    try:
        return (yield)
    finally:
        session.items = everything
        session.testsfailed += failed


def grade(session: pytest.Session, items_of: Items) -> None:
    """Grade the exercises and report on each of their tests."""
    config, option = session.config, session.config.option
    where = Where.FORK if CAN_FORK and not option.no_fork else Where.WORKER
    if option.in_process or option.usepdb:
        where = Where.HERE
    all_tests = numbers_of_tests(items_of)
    for verdict, records in grade_all(config, items_of, option.time_limit, where):
        verdict.among(all_tests[verdict.number])
        config.stash[VERDICTS].append(verdict)
        for item, record in zip(items_of[verdict.number], records, strict=True):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            item.ihook.pytest_runtest_logreport(report=report_of(item, record))
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)


def numbers_of_tests(items_of: Items) -> Counter[str]:
    """How many tests each exercise has in the files of those chosen, by its number."""
    files = {item.getparent(pytest.Module) for items in items_of.values() for item in items}
    every = (item for file in files for item in pytest_internals.all_tests(file))
    return Counter(number for item in every if (number := number_of(item)))


def report_of(item: pytest.Item, record: Record) -> pytest.TestReport:
    """A pytest report of a test that ran elsewhere."""
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="passed" if record.outcome is Outcome.DONE else "failed",
        longrepr=record.sentence or None,
        when="call",
        duration=record.seconds,
    )
    report.graded = record.outcome
    return report


def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show a graded test by its outcome: a letter and a word, so that no colour is needed."""
    if hasattr(report, "graded"):
        outcome = report.graded
        return outcome.word, outcome.letter, (outcome.word.upper(), outcome.colour)
    return None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the verdicts for machines: also none, and also where no terminal is written to.

    An exercise of which only a part was run is not done, so that the status is not 0 either.
    """
    option = session.config.option
    outcomes = {verdict.outcome for verdict in session.config.stash[VERDICTS]}
    if Outcome.DONE_SO_FAR in outcomes and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if option.json and not option.collectonly:
        try:
            scoreboard.write_json(option.json, session.config.stash[VERDICTS])
        except OSError as error:  # such as a full disk: the score is printed all the same
            print(f"--json: {error.strerror}: {option.json}", file=sys.stderr)
            session.exitstatus, option.json = pytest.ExitCode.INTERNAL_ERROR, None


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print what was found, the score by lesson and what to do next."""
    verdicts = config.stash[VERDICTS]
    if not verdicts:
        return
    width = pytest_internals.columns(terminalreporter)
    words = scoreboard.in_words(verdicts, min(width, MOST_COLUMNS))
    if words:
        terminalreporter.write_sep("=", "what to look at")
        terminalreporter.write_line("\n\n".join(words))
    terminalreporter.write_sep("=", "score")
    terminalreporter.write_line("\n".join(scoreboard.table(verdicts, width)))
    terminalreporter.write_line("")
    terminalreporter.write_line(scoreboard.next_step(verdicts, min(width, scoreboard.WIDTH)))
    if config.option.json:
        terminalreporter.write_line(f"The verdicts are in {config.option.json}.")

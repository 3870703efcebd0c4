"""Ties the grading desk to pytest: the options, the verdicts, the score.

Tests with an `exercise` mark grade; all others run as usual, after them. `pyproject.toml` makes it
a plugin of every pytest in the environment, because a conftest.py is read too late to know
`--modules` from a folder of tests.
"""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.grading import scoreboard
from malaria.given.grading.desk import FORK, HERE, WORKER, grade_all
from malaria.given.grading.isolation import CAN_FORK
from malaria.given.grading.running import by_exercise, number_of
from malaria.given.grading.verdict import judge

VERDICTS = pytest.StashKey()
# How an outcome is shown while the tests run: letter, word, colour.
MARKS = {
    "done": (".", "DONE", {"green": True}),
    "not started": ("-", "NOT STARTED", {"cyan": True}),
    "wrong": ("W", "WRONG", {"red": True}),
    "crashed": ("C", "CRASHED", {"red": True, "bold": True}),
    "timed out": ("T", "TIMED OUT", {"yellow": True}),
}


def pytest_addoption(parser, pluginmanager):
    """The options of the course; and nbval where it is asked for."""
    if "--nbval" in sys.argv:  # otherwise blocked in pyproject.toml: it costs every run two seconds
        pluginmanager.unblock("nbval")
        pluginmanager.register(importlib.import_module("nbval.plugin"), "nbval")
    group = parser.getgroup("course", "the course")
    group.addoption(
        "--modules", metavar="FOLDER", help='whose modules to grade: "solutions", or a folder'
    )
    group.addoption("--json", metavar="FILE", help="write the verdicts for machines")
    group.addoption(
        "--time-limit",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="for the tests of one exercise; default: 60",
    )
    group.addoption(
        "--in-process",
        action="store_true",
        help="grade without a process for each exercise, such as for --pdb",
    )
    group.addoption(
        "--no-fork",
        action="store_true",
        help="grade in one other process, as where processes cannot be forked",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Start again if pytest missed the project's settings.

    It looks for them before it knows our options, and takes the path in `--modules FOLDER` or
    `--json FILE` for one of tests: outside the project, it leads away from the settings.
    """
    if config.inipath or not config.invocation_params.dir.is_relative_to(malaria.PROJECT):
        return None
    settings = f"--config-file={malaria.PROJECT / 'pyproject.toml'}"
    arguments = [sys.executable, "-m", "pytest", settings, *config.invocation_params.args]
    config.pluginmanager.getplugin("capturemanager").suspend_global_capture(in_=True)
    return subprocess.call(list(map(str, arguments)))


def pytest_configure(config):
    """Set the switch before a lesson module is imported; notebook kernels inherit it."""
    modules = config.getoption("--modules")
    if modules:
        path = modules if modules == "solutions" else str(Path(modules).resolve())
        try:
            malaria.use_modules(path)
        except FileNotFoundError as error:
            raise pytest.UsageError(str(error)) from None
        os.environ["MALARIA_MODULES"] = path
    config.addinivalue_line("markers", "exercise(number): the exercise that a test grades")
    config.addinivalue_line("markers", "slow: a test that `make test` leaves to `make test-all`")
    for exercise in EXERCISES:
        config.addinivalue_line("markers", f"{exercise.marker}: {exercise.name}")
    unknown = set(re.findall(r"exercise_[\w.]+", config.option.markexpr))
    unknown -= {exercise.marker for exercise in EXERCISES}
    if unknown and config.rootpath == malaria.PROJECT:  # elsewhere it may be another project's
        raise pytest.UsageError(
            f"No exercise has the mark {min(unknown)}; that of exercise 3.2 is exercise_3_2."
        )
    config.stash[VERDICTS] = []
    if config.pluginmanager.has_plugin("nbval"):
        # The kernel of this environment, whatever else is installed.
        config.option.nbval_current_env = True
        config.option.nbval_cell_timeout = 300  # seconds; its own default is half an hour


def pytest_report_header(config):
    """Say whose modules are graded."""
    if config.rootpath != malaria.PROJECT:
        return None  # another project's tests in the same environment
    return f"modules in use: {malaria.modules_in_use}"


def pytest_ignore_collect(collection_path, config):
    """Leave the course's own tests to those who ask for them: `pytest tests` has them too."""
    nothing_asked = config.args_source is config.ArgsSource.TESTPATHS
    return True if nothing_asked and collection_path.name == "course" else None


def pytest_itemcollected(item):
    """Let `-m exercise_3_2` and `-k conv2d` choose the tests of an exercise."""
    if number_of(item):
        exercise = BY_NUMBER[number_of(item)]
        item.add_marker(exercise.marker)
        item.extra_keyword_matches.add(exercise.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn what a graded test raised into an outcome and a sentence."""
    report = yield
    number = number_of(item)
    if (
        number
        and call.excinfo is not None
        and not call.excinfo.errisinstance(pytest.skip.Exception)
    ):
        report.verdict = judge(call.excinfo.value, number)
        report.longrepr = report.verdict[1]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    """Grade first: TensorFlow must not have run anything in a process that is to be forked."""
    everything = session.items
    items_of = by_exercise(everything)
    if items_of and not session.config.option.collectonly and not session.testsfailed:
        grade(session, items_of)
        session.items = [item for item in everything if not number_of(item)]
    failed, session.testsfailed = session.testsfailed, 0
    try:
        return (yield)
    finally:
        session.items = everything
        session.testsfailed += failed


def grade(session, items_of):
    """Grade the exercises and report on each of their tests."""
    config, option = session.config, session.config.option
    where = FORK if CAN_FORK and not option.no_fork else WORKER
    if option.in_process or option.usepdb:
        where = HERE
    for verdict, records in grade_all(config, items_of, option.time_limit, where):
        config.stash[VERDICTS].append(verdict)
        for item, record in zip(items_of[verdict.number], records, strict=True):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            item.ihook.pytest_runtest_logreport(report=report_of(item, record))
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)


def report_of(item, record):
    """A pytest report of a test that ran elsewhere."""
    outcome = record["outcome"]
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="passed" if outcome == "done" else "failed",
        longrepr=record["sentence"] or None,
        when="call",
        duration=record["seconds"],
    )
    report.graded = outcome
    return report


def pytest_report_teststatus(report):
    """Show a graded test by its outcome: a letter and a word, so that no colour is needed."""
    if hasattr(report, "graded"):
        letter, word, colour = MARKS[report.graded]
        return report.graded, letter, (word, colour)
    return None


def pytest_terminal_summary(terminalreporter, config):
    """Print what was found, the score by lesson and what to do next."""
    verdicts = config.stash[VERDICTS]
    if not verdicts:
        return
    words = scoreboard.in_words(verdicts, min(terminalreporter._tw.fullwidth, 100))
    if words:
        terminalreporter.section("what to look at")
        for line in words[1:]:
            terminalreporter.write_line(line)
    terminalreporter.section("score")
    for line in scoreboard.table(verdicts):
        terminalreporter.write_line(line)
    terminalreporter.write_line("")
    terminalreporter.write_line(scoreboard.next_step(verdicts))
    if config.option.json:
        scoreboard.write_json(config.option.json, verdicts)

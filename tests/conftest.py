"""How the learner's grade comes about: the switch, the marks of the tests, the score table."""

import os
import re
from pathlib import Path

import pytest

NOT_STARTED = re.compile(r"Exercise (\d+\.\d+):")
OUTCOMES = ("done", "not started", "wrong", "crashed")


def pytest_addoption(parser):
    """Add --modules, the pytest spelling of MALARIA_MODULES."""
    parser.addoption(
        "--modules", metavar="FOLDER", help='whose modules to grade: "solutions", or a folder'
    )


def pytest_configure(config):
    """Set the switch before anything imports malaria; notebook kernels inherit it."""
    modules = config.getoption("--modules")
    if modules:
        path = modules if modules == "solutions" else str(Path(modules).resolve())
        os.environ["MALARIA_MODULES"] = path
    config.addinivalue_line("markers", "exercise(number): the exercise that a test grades")
    try:
        import malaria  # noqa: F401
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None
    from malaria.given.exercises import EXERCISES

    for exercise in EXERCISES:
        config.addinivalue_line("markers", f"{exercise.marker}: {exercise.name}")
    config.stash[SCORE] = {}


SCORE = pytest.StashKey()


def pytest_report_header():
    """Say whose modules are graded."""
    import malaria

    return f"modules in use: {malaria.modules_in_use}"


def pytest_itemcollected(item):
    """Let `-m exercise_3_2` choose the tests of an exercise: a marker's name holds no dot."""
    marker = item.get_closest_marker("exercise")
    if marker is not None:
        item.add_marker("exercise_" + marker.args[0].replace(".", "_"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Sort each graded test into an outcome, and cut its report down to a sentence."""
    report = yield
    marker = item.get_closest_marker("exercise")
    if marker is None:
        return report
    number = marker.args[0]
    if call.excinfo is not None:
        outcome, sentence = verdict(call.excinfo)
        report.longrepr = f"Exercise {number}, {outcome}: {sentence}"
    elif report.when == "call":
        outcome = "done"
    else:
        return report
    score = item.config.stash[SCORE]
    score[number] = max(score.get(number, "done"), outcome, key=OUTCOMES.index)
    return report


def verdict(excinfo):
    """`(outcome, sentence)` of a test that raised."""
    error = excinfo.value
    if isinstance(error, NotImplementedError) and NOT_STARTED.match(str(error)):
        return "not started", str(error).partition(": ")[2]
    if isinstance(error, AssertionError):
        return "wrong", str(error).partition("\nassert ")[0]
    frames = [entry for entry in excinfo.traceback if entry.path.name != Path(__file__).name]
    where = frames[-1]
    text = " ".join(str(error).split())[:300]
    place = f"{where.path.name}, line {where.lineno + 1}"
    return "crashed", f"{type(error).__name__} in {place}: {text}"


def pytest_terminal_summary(terminalreporter, config):
    """Print the score by lesson and what to do next."""
    from malaria.given.exercises import EXERCISES

    score = config.stash[SCORE]
    if not score:
        return
    terminalreporter.section("your score")
    line = terminalreporter.write_line
    line(f"{'lesson':30}" + "".join(f"{outcome:>12}" for outcome in OUTCOMES))
    for module in dict.fromkeys(exercise.module for exercise in EXERCISES):
        outcomes = [score.get(e.number) for e in EXERCISES if e.module == module]
        if any(outcomes):
            counts = "".join(f"{outcomes.count(outcome):12}" for outcome in OUTCOMES)
            line(f"{module:30}{counts}")
    left = [e for e in EXERCISES if score.get(e.number, "done") != "done"]
    if left:
        line(f"Next: exercise {left[0].number}, {left[0].name} in {left[0].module}.py")
    else:
        line("All that was graded is done and right.")

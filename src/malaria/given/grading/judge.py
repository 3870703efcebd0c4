"""Sorts what a test raised: its outcome, and the sentence that the learner reads."""

import re
import traceback
from pathlib import Path
from typing import NamedTuple

import pytest

from malaria import LESSON_MODULES, TESTS
from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.markers import unwritten
from malaria.given.grading.outcome import Outcome

LONGEST = 400  # characters of a foreign error message: some hold a whole graph


def judge(error: BaseException, number: str) -> tuple[Outcome, str]:
    """Sort what a test raised.

    Args:
        error: The exception.
        number: The exercise that the test grades.

    Returns:
        The outcome, and a sentence.
    """
    stub = unwritten(error)
    if stub is not None and stub[0] == number:
        return Outcome.NOT_STARTED, stub[1]
    claims = (AssertionError, pytest.fail.Exception)
    if isinstance(error, claims) and _claimed_by_test(error):
        return Outcome.WRONG, _one_line(str(error).partition("\nassert ")[0])
    if _stumbled_over_none(error):
        return Outcome.WRONG, f"{BY_NUMBER[number].name} gave None back: is a return missing?"
    return Outcome.CRASHED, crash(error)


def _stumbled_over_none(error: BaseException) -> bool:
    """Whether a test itself, not TensorFlow nor the learner's code, could do nothing with None."""
    frames = traceback.extract_tb(error.__traceback__)
    in_test = bool(frames) and Path(frames[-1].filename).is_relative_to(TESTS)
    return in_test and isinstance(error, (TypeError, AttributeError)) and "NoneType" in str(error)


def _claimed_by_test(error: BaseException) -> bool:
    """Whether an assertion is a test's own, rather than one in the learner's code."""
    ours = [place for place in _places(error) if place.kind in ("test", "module")]
    return not ours or ours[-1].kind == "test"


class Place(NamedTuple):
    """A line that an error has passed through.

    Attributes:
        kind: "module" for the learner's, "test" for a test's, otherwise "other".
        file: The file's name, without its folder.
        line: Its number.
    """

    kind: str
    file: str
    line: int


def _places(error: BaseException) -> list[Place]:
    """The lines that an error has passed through, the innermost last."""
    places = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        kind = "test" if path.is_relative_to(TESTS) else "other"
        kind = "module" if path.stem in LESSON_MODULES else kind
        places.append(Place(kind, path.name, frame.lineno or 0))
    return places


def crash(error: BaseException) -> str:
    """A sentence for an exception: its kind, the learner's line, and its text."""
    text = _one_line(_without_tensorflows_own(str(error)))
    text = f"{text[:LONGEST]} ..." if len(text) > LONGEST else text
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{kind} in {Path(error.filename).name}, line {error.lineno}: {error.msg}"
    where = _learners_line(error)
    if isinstance(error, SystemExit):
        return f"exit() was called{where}: a module must not end the program"
    return f"{kind}{where}: {text}" if text else f"{kind}{where}"


def _learners_line(error: BaseException) -> str:
    """` in FILE, line N`: the innermost line in a lesson module, otherwise that of the test."""
    # An operation that fails in a graph tells in its text where it was defined.
    defined = [
        Place("module", Path(file).name, int(line))
        for file, line in re.findall(r'File "([^"]+)", line (\d+)', str(error))
        if Path(file).stem in LESSON_MODULES
    ]
    passed = _places(error)
    in_modules = [place for place in passed if place.kind == "module"]
    in_tests = [p for p in passed if p.kind == "test" and p.file.startswith("test_")]
    for places in (defined, in_modules, in_tests):
        if places:
            return f" in {places[-1].file}, line {places[-1].line}"
    return ""


def _without_tensorflows_own(text: str) -> str:
    """An error message without the graph's history and the names of its nodes."""
    if text.startswith("in user code:"):  # AutoGraph's account of the way there; the error is last
        text = re.sub(r"^\s*\w+: ", "", text.strip().rpartition("\n\n")[2])
    lines = text.split("\n")
    if lines[0].startswith("Graph execution error"):
        history = [k for k, line in enumerate(lines) if re.match(r'\s*(File "|Detected at)', line)]
        lines = lines[history[-1] + 1 :] if history else lines[1:]
    text = "\n".join(lines)
    for end in ("NodeDef:", "\n\t [[", ". Received args:"):
        text = text.partition(end)[0]
    return re.sub(r"\{\{.*?\}\}|\[Op:[^]]*\]", "", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())

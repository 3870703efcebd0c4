"""Sorts what a test raised: its outcome, and the sentence that the learner reads."""

import re
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

import pytest

from malaria import LESSON_MODULES, TESTS
from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.markers import STILL_TO_WRITE, unwritten
from malaria.given.exercises.parts import count_parts, parts_to_write
from malaria.given.exercises.source import read_source
from malaria.given.grading.nearest_name import nearest
from malaria.given.grading.outcome import Outcome

# The last resort: a test should have said what is the matter before it used what came back.
STUMBLED = "returned something that its test cannot use"
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
        return _not_written(number, task=stub[1])
    claims = (AssertionError, pytest.fail.Exception)
    if isinstance(error, claims) and _claimed_by_test(error):
        return Outcome.WRONG, _one_line(str(error).partition("\nassert ")[0])
    if not _in_a_test(error):
        return Outcome.CRASHED, crash(error)
    if isinstance(error, AttributeError) and _is_learners(error.obj):
        near = nearest(error.name, dir(error.obj))
        return Outcome.WRONG, f"{type(error.obj).__name__} has no {error.name}.{near}"
    name = BY_NUMBER[number].name
    if refusal := re.match(rf"(\w+\.)*{name}(\.__\w+__)?\(\) (missing|takes|got) .*", str(error)):
        return Outcome.WRONG, f"{name} cannot be called as the lesson calls it: {refusal[0]}"
    return Outcome.WRONG, f"{name} {STUMBLED}: {crash(error)}"


def _not_written(number: str, task: str) -> tuple[Outcome, str]:
    """An exercise with a stub in it: not started, unless other parts of it are written."""
    module = sys.modules.get(f"malaria.{BY_NUMBER[number].module}")
    try:
        text = read_source(Path(module.__file__)).text if module else ""
        parts = parts_to_write(text, number)
    except (OSError, SyntaxError):  # the file has changed since it was imported
        parts = []
    if not 0 < len(parts) < count_parts(number):
        return Outcome.NOT_STARTED, task
    *first, last = parts
    names = f"{', '.join(first)} and {last}" if first else last
    return Outcome.WRONG, f"{STILL_TO_WRITE}{names}."


def _in_a_test(error: BaseException) -> bool:
    """Whether an error came from a test's own line, with none of the learner's on the way."""
    importing = isinstance(error, (SyntaxError, ImportError))
    ended = not isinstance(error, Exception)
    return not (importing or ended or _learners_line(error)) and bool(_places(error))


def _is_learners(thing: object) -> bool:
    """Whether something is of a class that a lesson module defines."""
    return type(thing).__module__.rpartition(".")[2] in LESSON_MODULES


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
    if isinstance(error, AttributeError) and error.name:  # the learner's own line names it
        text = f"{text.rstrip('.')}.{nearest(error.name, dir(error.obj))}"
    if isinstance(error, SystemExit):
        return f"exit() was called{where}: a module must not end the program"
    return f"{kind}{where}: {text}" if text else f"{kind}{where}"


def _learners_line(error: BaseException) -> str:
    """` in FILE, line N`: the innermost line in a lesson module; "" if there is none."""
    # An operation that fails in a graph tells in its text where it was defined.
    defined = [
        Place("module", Path(file).name, int(line))
        for file, line in re.findall(r'File "([^"]+)", line (\d+)', str(error))
        if Path(file).stem in LESSON_MODULES
    ]
    places = defined or [place for place in _places(error) if place.kind == "module"]
    return f" in {places[-1].file}, line {places[-1].line}" if places else ""


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
    return re.sub(r"\{\{.*?\}\}|\[Op:[^]]*\]( name:)?", "", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())

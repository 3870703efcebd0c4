"""What a test's end says about an exercise: one of five outcomes, and a sentence."""

import re
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from malaria import LESSON_MODULES, PROJECT
from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.markers import unwritten

# From the best to the worst: an exercise has the worst outcome of its tests.
DONE, NOT_STARTED, WRONG, CRASHED, TIMED_OUT = OUTCOMES = (
    "done",
    "not started",
    "wrong",
    "crashed",
    "timed out",
)
LONGEST = 400  # characters of a foreign error message


@dataclass
class Verdict:
    """The verdict on one exercise.

    Attributes:
        number: The exercise, such as "3.2".
        outcome: One of `OUTCOMES`.
        findings: `(test, sentence)` of each test that did not pass.
        stood_in: Whether the reference stood in the place of the learner's other exercises.
        diagnosis: The mistake that behaves the same, a sentence, or "".
        printed: What the learner's code printed in the tests that did not pass.
        seconds: How long the tests took.
    """

    number: str
    outcome: str = DONE
    findings: list = field(default_factory=list)
    stood_in: bool = False
    diagnosis: str = ""
    printed: str = ""
    seconds: float = 0.0

    def add(self, test, outcome, sentence):
        """Count one more test."""
        self.outcome = max(self.outcome, outcome, key=OUTCOMES.index)
        if outcome != DONE:
            self.findings.append((test, sentence))

    def as_dict(self):
        """For JSON, with the exercise's own data."""
        exercise = BY_NUMBER[self.number]
        known = {"module": exercise.module, "name": exercise.name, "points": exercise.points}
        return asdict(self) | known

    def lines(self, most=3):
        """The verdict in words, a list of lines without their indentation.

        Args:
            most: How many findings are told; the rest are counted.
        """
        exercise = BY_NUMBER[self.number]
        title = f"Exercise {self.number}, {exercise.name}: {self.outcome}"
        if self.outcome == DONE:
            helped = " (with the reference in place of your other exercises)"
            return [f"{title} and right{helped if self.stood_in else ''}."]
        if self.outcome == NOT_STARTED:
            return [f"{title}. Write it in {exercise.module}.py: {self.findings[0][1]}."]
        sentences = list(dict.fromkeys(sentence for _, sentence in self.findings))
        lines = [f"{title}."]
        if self.diagnosis:
            lines.append(f"It behaves like this mistake: {self.diagnosis}")
        lines += [f"- {sentence}" for sentence in sentences[:most]]
        if len(sentences) > most:
            lines.append(f"- and {len(sentences) - most} more, which may have the same cause")
        printed = self.printed.strip().splitlines()
        if printed:
            last = ", in its last lines" if len(printed) > 5 else ""
            lines += [f"Your code printed{last}:"] + [f"  {line[:200]}" for line in printed[-5:]]
        return lines


def judge(error, number):
    """Sort what a test raised.

    Args:
        error: The exception.
        number: The exercise that the test grades.

    Returns:
        `(outcome, sentence)`.
    """
    stub = unwritten(error)
    if stub is not None and stub[0] == number:
        return NOT_STARTED, stub[1]
    claims = (AssertionError, pytest.fail.Exception)
    if isinstance(error, claims) and _claimed_by_test(error):
        return WRONG, _one_line(str(error).partition("\nassert ")[0])
    if _stumbled_over_none(error):
        return WRONG, f"{BY_NUMBER[number].name} gave None back: is a return missing?"
    return CRASHED, crash(error)


def _stumbled_over_none(error):
    """Whether a test itself, not TensorFlow nor the learner's code, could do nothing with None."""
    frames = traceback.extract_tb(error.__traceback__)
    in_test = bool(frames) and Path(frames[-1].filename).is_relative_to(PROJECT / "tests")
    return in_test and isinstance(error, (TypeError, AttributeError)) and "NoneType" in str(error)


def _claimed_by_test(error):
    """Whether an assertion is a test's own, rather than one in the learner's code."""
    ours = [frame for frame in _frames(error) if frame[0] in ("test", "module")]
    return not ours or ours[-1][0] == "test"


def _frames(error):
    """`(kind, file name, line)` of each frame: kind is "module", "test" or "other"."""
    tests = PROJECT / "tests"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        kind = "test" if path.is_relative_to(tests) else "other"
        yield "module" if path.stem in LESSON_MODULES else kind, path.name, frame.lineno


def crash(error):
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


def _learners_line(error):
    """` in FILE, line N`: the innermost line in a lesson module, otherwise that of the test."""
    # An operation that fails in a graph tells in its text where it was defined.
    defined = re.findall(r'File "([^"]+)", line (\d+)', str(error))
    places = [
        (Path(file).name, line) for file, line in defined if Path(file).stem in LESSON_MODULES
    ]
    frames = list(_frames(error))
    places = places or [frame[1:] for frame in frames if frame[0] == "module"]
    places = places or [
        frame[1:] for frame in frames if frame[0] == "test" and frame[1].startswith("test_")
    ]
    for name, line in places[-1:]:
        return f" in {name}, line {line}"
    return ""


def _without_tensorflows_own(text):
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


def _one_line(text):
    return " ".join(text.split())

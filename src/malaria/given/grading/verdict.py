"""The verdict on one exercise, and its words."""

import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.markers import STILL_TO_WRITE
from malaria.given.grading.outcome import Outcome, Record, worst

FINDINGS = 3  # are told; more of them often have one cause, and nobody reads on
PRINTED_LINES = 5  # of what the code printed: the last, which stand nearest to the failure
PRINTED_WIDTH = 200  # characters of such a line, which may be a whole array


@dataclass
class Verdict:
    """The verdict on one exercise.

    Attributes:
        number: The exercise, such as "3.2".
        outcome: The worst of its tests.
        findings: `(test, sentence)` of each test that did not pass.
        stood_in: Whether the reference stood in the place of the learner's other exercises.
        diagnosis: The mistake that behaves the same, a sentence, or "".
        printed: What the learner's code printed in the tests that did not pass.
        seconds: How long the tests took.
        tests: How many were chosen.
        all_tests: How many the exercise has; where fewer were chosen, it is not done.
    """

    number: str
    outcome: Outcome = Outcome.DONE
    findings: list[tuple[str, str]] = field(default_factory=list)
    stood_in: bool = False
    diagnosis: str = ""
    printed: str = ""
    seconds: float = 0.0
    tests: int = 0
    all_tests: int = 0

    @classmethod
    def of(cls, number: str, records: Iterable[Record], stood_in: bool = False) -> "Verdict":
        """What the records of its tests say about an exercise."""
        records = list(records)
        failed = [record for record in records if record.outcome is not Outcome.DONE]
        printed = [record.printed for record in failed if record.printed]
        failed.sort(key=_urgency)
        return cls(
            number,
            worst(record.outcome for record in records),
            [(record.test, record.sentence) for record in failed],
            stood_in,
            printed="\n".join(printed),
            tests=len(records),
            all_tests=len(records),
        )

    def among(self, all_tests: int) -> None:
        """Say how many tests the exercise has: if some were not chosen, it is not done."""
        self.all_tests = all_tests
        if self.outcome is Outcome.DONE and self.tests < all_tests:
            self.outcome = Outcome.DONE_SO_FAR

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Verdict":
        """The verdict that `as_dict` was made of."""
        known = {own.name: content[own.name] for own in fields(cls)}
        known["outcome"] = Outcome(content["outcome"])
        known["findings"] = [tuple(finding) for finding in content["findings"]]
        return cls(**known)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the exercise's own data."""
        exercise = BY_NUMBER[self.number]
        known = {"module": exercise.module, "name": exercise.name, "points": exercise.points}
        return asdict(self) | {"outcome": self.outcome.word} | known

    def text(self, width: int) -> str:
        """The verdict in words.

        Args:
            width: Columns; only what cannot be cut, such as a path, is longer.
        """
        exercise = BY_NUMBER[self.number]
        title = f"Exercise {self.number}, {exercise.name}: {self.outcome.word}"
        if self.outcome is Outcome.DONE:
            helped = " (with the reference in place of your other exercises)"
            return folded(f"{title} and right{helped if self.stood_in else ''}.", width)
        if self.outcome is Outcome.DONE_SO_FAR:
            part = (
                f"{self.tests} of its {self.all_tests} tests were run; points require all of them"
            )
            return folded(f"{title}: {part}.", width)
        if self.outcome is Outcome.NOT_STARTED:
            write = f"Write it in {exercise.module}.py: {self.findings[0][1]}"
            return folded(f"{title}. {write}.", width)
        return "\n".join([folded(f"{title}.", width), *self.reasons(width)])

    def reasons(self, width: int) -> list[str]:
        """What there is to say of an exercise that is wrong, crashed or timed out."""
        parts = []
        if self.diagnosis:
            sentence = f"It behaves like this mistake: {self.diagnosis}"
            parts.append(folded(sentence, width, "  "))
        sentences = list(dict.fromkeys(sentence for _, sentence in self.findings))
        more = len(sentences) - FINDINGS
        counted = [f"and {more} more, which may have the same cause"] if more > 0 else []
        for sentence in sentences[:FINDINGS] + counted:
            parts.append(folded(f"- {sentence}", width, "  ", "    "))
        printed = [line.rstrip() for line in self.printed.splitlines() if line.strip()]
        if printed:
            last = " (last lines)" if len(printed) > PRINTED_LINES else ""
            parts.append(folded(f"Your code printed{last}:", width, "  "))
            for line in printed[-PRINTED_LINES:]:
                parts.append(folded(line[:PRINTED_WIDTH], width, "    ", "    "))
        return parts


def _urgency(record: Record) -> int:
    """A small number for what is told first: only the first few sentences are shown."""
    if record.sentence.startswith(STILL_TO_WRITE):
        return 0
    return 1 if record.outcome is Outcome.CRASHED else 2  # what crashed explains a crash


def folded(line: str, width: int, first: str = "", others: str = "  ") -> str:
    """A line in lines of at most `width` columns; only what cannot be cut is longer."""
    indents = {"initial_indent": first, "subsequent_indent": others}
    whole = {"break_long_words": False, "break_on_hyphens": False}  # a path may be copied
    return textwrap.fill(line, width, **indents, **whole)

"""The verdict on one exercise, and its words."""

import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from malaria.given.exercises import BY_NUMBER
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
    """

    number: str
    outcome: Outcome = Outcome.DONE
    findings: list[tuple[str, str]] = field(default_factory=list)
    stood_in: bool = False
    diagnosis: str = ""
    printed: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, number: str, records: Iterable[Record], stood_in: bool = False) -> "Verdict":
        """What the records of its tests say about an exercise."""
        records = list(records)
        failed = [record for record in records if record.outcome is not Outcome.DONE]
        # Only the first few sentences are shown, and what crashed explains a crash.
        failed.sort(key=lambda record: record.outcome is not Outcome.CRASHED)
        return cls(
            number,
            worst(record.outcome for record in records),
            [(record.test, record.sentence) for record in failed],
            stood_in,
            printed="\n".join(r.printed for r in records if r.outcome is not Outcome.DONE),
        )

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Verdict":
        """The verdict that `as_dict` was made of."""
        known = {name.name: content[name.name] for name in fields(cls)}
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

        def folded(line: str, first: str = "", others: str = "  ") -> str:
            indents = {"initial_indent": first, "subsequent_indent": others}
            whole = {"break_long_words": False, "break_on_hyphens": False}  # a path may be copied
            return textwrap.fill(line, width, **indents, **whole)

        exercise = BY_NUMBER[self.number]
        title = f"Exercise {self.number}, {exercise.name}: {self.outcome.word}"
        if self.outcome is Outcome.DONE:
            helped = " (with the reference in place of your other exercises)"
            return folded(f"{title} and right{helped if self.stood_in else ''}.")
        if self.outcome is Outcome.NOT_STARTED:
            return folded(f"{title}. Write it in {exercise.module}.py: {self.findings[0][1]}.")
        parts = [folded(f"{title}.")]
        if self.diagnosis:
            parts.append(folded(f"It behaves like this mistake: {self.diagnosis}", "  "))
        sentences = list(dict.fromkeys(sentence for _, sentence in self.findings))
        more = len(sentences) - FINDINGS
        counted = [f"and {more} more, which may have the same cause"] if more > 0 else []
        for sentence in sentences[:FINDINGS] + counted:
            parts.append(folded(f"- {sentence}", "  ", "    "))
        printed = [line.rstrip() for line in self.printed.splitlines() if line.strip()]
        if printed:
            last = ", in its last lines" if len(printed) > PRINTED_LINES else ""
            parts.append(folded(f"Your code printed{last}:", "  "))
            for line in printed[-PRINTED_LINES:]:
                parts.append(folded(line[:PRINTED_WIDTH], "    ", "    "))
        return "\n".join(parts)

"""Which of the known mistakes behaves like a wrong answer: told by what it returned, not its text.

Two answers did the same if the tests say the same of both, and the same values came back from both:
in all tests, those that they pass among them. `behaviour.json` keeps, for each wrong answer in
`tests/answers`, what was said, as a digest, and what came back, as checksums.
`python -m tests.try_answers --store` makes it.

Right answers may differ in what they return, in what they draw from a seed for one, and so may
answers with the same mistake. In the tests where right ones do, what was said has to do.
"""

import functools
import hashlib
import json
import math
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from malaria.given.grading.checksum import near
from malaria.given.grading.outcome import Record

BEHAVIOUR = Path(__file__).parent / "behaviour.json"
# The learner's line and the places of files differ, whatever was done.
PLACE = re.compile(r"\bline \d+|\S*[/\\]\S*")
NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|\bnan\b|\binf\b", re.IGNORECASE)
# Between two numbers in what is said: what is drawn some thousand times varies by less, and below
# the second they are errors of rounding.
AS_LARGE, ROUNDED = 0.03, 1e-5
ENOUGH = 3  # numbers that differ: fewer may be near each other by chance


class Behaviour(NamedTuple):
    """How an answer behaves.

    Attributes:
        said: What the tests say of it, but for the numbers: a digest.
        numbers: The numbers in that.
        came_back: The checksum of each test, in the order of their names, but for those in which
            right answers differ.
    """

    said: str
    numbers: list[float]
    came_back: list[float]

    @classmethod
    def of(cls, records: Iterable[Record], drawn: Collection[str]) -> "Behaviour":
        """The behaviour of an answer.

        Args:
            records: What became of each test.
            drawn: The tests in which right answers differ in what they return.
        """
        records = sorted(records, key=lambda record: record.test)
        sentences = [PLACE.sub("", record.sentence) for record in records]
        said = [
            [record.test, record.outcome.word, NUMBER.sub("#", sentence)]
            for record, sentence in zip(records, sentences, strict=True)
        ]
        return cls(
            hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16],
            [float(number.replace(",", "")) for number in NUMBER.findall(" ".join(sentences))],
            [record.checksum for record in records if record.test not in drawn],
        )

    def is_like(self, other: "Behaviour") -> bool:
        """Whether two answers behave the same."""
        return self.said == other.said and not self._numbers_off(other) and self._same_values(other)

    def is_told_from(self, other: "Behaviour") -> bool:
        """Whether it can hardly be taken for another."""
        return (
            self.said != other.said
            or self._numbers_off(other) >= ENOUGH
            or not self._same_values(other)
        )

    def _numbers_off(self, other: "Behaviour") -> int:
        pairs = zip(self.numbers, other.numbers, strict=True)
        return sum(not _as_large(*pair) for pair in pairs)

    def _same_values(self, other: "Behaviour") -> bool:
        return all(map(near, self.came_back, other.came_back))


def _as_large(one: float, other: float) -> bool:
    both_nan = math.isnan(one) and math.isnan(other)
    return both_nan or math.isclose(one, other, rel_tol=AS_LARGE, abs_tol=ROUNDED)


class Mistake(NamedTuple):
    """A known mistake.

    Attributes:
        sentence: What it is.
        soonest: The test that rejects it soonest.
        behaviour: How it behaves.
    """

    sentence: str
    soonest: str
    behaviour: Behaviour


class Known(NamedTuple):
    """What is known of the answers to an exercise.

    Attributes:
        drawn: The tests in which right answers differ in what they return.
        mistakes: The mistakes.
    """

    drawn: Collection[str]
    mistakes: list[Mistake]


@functools.cache
def known(number: str) -> Known:
    """What `behaviour.json` says of an exercise."""
    content = json.loads(BEHAVIOUR.read_text(encoding="utf-8"))["exercises"].get(number)
    if content is None:
        return Known([], [])
    mistakes = [Mistake(*words, Behaviour(*how)) for *words, how in content["mistakes"]]
    return Known(content["drawn"], mistakes)


def rejecting_test(number: str, sentence: str) -> str:
    """The test that rejects a known mistake soonest, or "" if the mistake is not known."""
    return next((m.soonest for m in known(number).mistakes if m.sentence == sentence), "")


def fitting(behaviour: Behaviour, mistakes: Iterable[Mistake]) -> str:
    """The one mistake that behaves so: its sentence, or "".

    Two that share a sentence are one. Where something else than values tells a mistake from
    another, another answer may be taken for either, so that none is named.
    """
    mistakes = list(mistakes)
    found = [mistake for mistake in mistakes if mistake.behaviour.is_like(behaviour)]
    sentences = {mistake.sentence for mistake in found}
    others = [mistake for mistake in mistakes if mistake.sentence not in sentences]
    sure = all(one.behaviour.is_told_from(other.behaviour) for one in found for other in others)
    return sentences.pop() if len(sentences) == 1 and sure else ""


def find(number: str, records: Iterable[Record]) -> str:
    """The one known mistake that behaves like an answer: its sentence, or "".

    Args:
        number: The exercise.
        records: What became of each of its tests.
    """
    exercise = known(number)
    return fitting(Behaviour.of(records, exercise.drawn), exercise.mistakes)

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
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from malaria.given.grading.checksum import checksum_of, near
from malaria.given.grading.outcome import Record

BEHAVIOUR = Path(__file__).parent / "behaviour.json"
# The learner's line and the places of files differ, whatever was done.
PLACE = re.compile(r"\bline \d+|\S*[/\\]\S*")
NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|\bnan\b|\binf\b", re.IGNORECASE)


class Behaviour(NamedTuple):
    """How an answer behaves.

    Attributes:
        said: A digest of what the tests say of it, but for numbers.
        came_back: A checksum for each test of what came back and of the numbers in what it says,
            in the order of their names, but for those in which right answers differ.
    """

    said: str
    came_back: list[float]

    @classmethod
    def of(cls, records: Iterable[Record], drawn: Collection[str]) -> "Behaviour":
        """The behaviour of an answer.

        Args:
            records: What became of each test.
            drawn: The tests in which right answers differ in what they return.
        """
        records = sorted(records, key=lambda record: record.test)
        said, came_back = [], []
        for record in records:
            sentence = PLACE.sub("", record.sentence)
            said.append([record.test, record.outcome.word, NUMBER.sub("#", sentence)])
            if record.test not in drawn:
                numbers = [float(number.replace(",", "")) for number in NUMBER.findall(sentence)]
                came_back.append(record.checksum + checksum_of(numbers))
        return cls(hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16], came_back)

    def is_like(self, other: "Behaviour") -> bool:
        """Whether two answers behave the same."""
        return self.said == other.said and near(self.came_back, other.came_back)


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


def find(records: Iterable[Record], known: Known) -> str:
    """The one known mistake that behaves the same: its sentence, or "".

    Two that share a sentence are one.

    Args:
        records: What became of each test.
        known: What is known of the exercise.
    """
    behaviour = Behaviour.of(records, known.drawn)
    fitting = {m.sentence for m in known.mistakes if m.behaviour.is_like(behaviour)}
    return fitting.pop() if len(fitting) == 1 else ""

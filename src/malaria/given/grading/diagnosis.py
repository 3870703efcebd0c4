"""Which of the known mistakes behaves like a wrong answer: told by what it returned, not its text.

What the tests of an exercise say about an answer holds what came back, so that two answers of which
they say the same did the same. `behaviour.json` keeps, for each wrong answer in
`tests/answers`, what was said of it, as two digests, to the word and but for the numbers, and the
test that rejects it soonest. `python -m tests.try_answers --store` makes it.
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from malaria.given.grading.outcome import Record

BEHAVIOUR = Path(__file__).parent / "behaviour.json"
# Numbers that vary, such as an error of rounding or the line of a file; and the places of files.
VARIES = re.compile(r"[-+]?\d+([.,]\d+)*\.?(e[-+]?\d+)?\.?|\bnan\b|\binf\b|\S*[/\\]\S*")


def digests(records: Iterable[Record]) -> tuple[str, str]:
    """What the tests said about an answer, in short.

    Args:
        records: Of each test; only its name, outcome and sentence count.

    Returns:
        Two strings: equal for what is equal to the word, and for what is equal but for numbers.
    """
    said = sorted([record.test, record.outcome.word, record.sentence] for record in records)
    words = [[test, outcome, VARIES.sub("#", sentence)] for test, outcome, sentence in said]
    return _digest(said), _digest(words)


def _digest(said: list[list[str]]) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


@functools.cache
def known_behaviour() -> dict[str, list[list[str]]]:
    """For each exercise, a list of `[sentence, to the word, but for numbers, soonest test]`."""
    return json.loads(BEHAVIOUR.read_text(encoding="utf-8"))["mistakes"]


def rejecting_test(number: str, sentence: str) -> str:
    """The test that rejects a known mistake soonest, or "" if the mistake is not known."""
    for known, *_, test in known_behaviour().get(number, []):
        if known == sentence:
            return test
    return ""


def find(
    number: str, records: Iterable[Record], known: dict[str, list[list[str]]] | None = None
) -> str:
    """The one mistake that behaves the same.

    Args:
        number: The exercise.
        records: What its tests said, as for `digests`.
        known: As `known_behaviour`, which is the default.

    Returns:
        The mistake's sentence, or "" if none or more than one of them fits.
    """
    mistakes = (known_behaviour() if known is None else known).get(number, [])
    for kind, digest in enumerate(digests(records), start=1):
        fitting = [mistake[0] for mistake in mistakes if mistake[kind] == digest]
        if fitting:
            return fitting[0] if len(fitting) == 1 else ""
    return ""

"""How a test or an exercise came out, and all that is to be known of a test."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    """From the best to the worst. The value is the word, which JSON has as well.

    `DONE_SO_FAR` is of exercises only: what was chosen of its tests passed, and that was not all.

    Attributes:
        letter: Stands for it while the tests run, so that no colour is needed.
        colour: For pytest, the keywords of its colour.
    """

    letter: str
    colour: dict[str, bool]

    DONE = "done", ".", {"green": True}
    DONE_SO_FAR = "done so far", ".", {"yellow": True}
    NOT_STARTED = "not started", "-", {"cyan": True}
    WRONG = "wrong", "W", {"red": True}
    CRASHED = "crashed", "C", {"red": True, "bold": True}
    TIMED_OUT = "timed out", "T", {"yellow": True}

    def __new__(cls, word: str, letter: str, colour: dict[str, bool]) -> "Outcome":
        """Make `Outcome("done")` find what `Outcome.DONE` is."""
        member = object.__new__(cls)
        member._value_, member.letter, member.colour = word, letter, colour
        return member

    @property
    def word(self) -> str:
        """What people read."""
        return self.value


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst outcome, which is that of the exercise; of none: done."""
    return max(outcomes, key=list(Outcome).index, default=Outcome.DONE)


class Record(NamedTuple):
    """What became of a test.

    Attributes:
        test: Its name, the last part of its node id.
        outcome: How it came out.
        sentence: What the learner reads about it; "" if it passed.
        printed: What the learner's code printed meanwhile.
        seconds: How long it took.
        same_for_all: Whether the exercise's other tests would say the same.
        checksum: Of what came back in it.
    """

    test: str
    outcome: Outcome
    sentence: str = ""
    printed: str = ""
    seconds: float = 0.0
    same_for_all: bool = False
    checksum: float = 0.0

"""The hunts, and apart from them the answers, as the TOML files of this folder have them."""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from malaria import LESSON_MODULES
from malaria.given.exercises import Exercise, exercise_of

FOLDER = Path(__file__).parent
LETTERS = "abcd"  # of the sentences


@dataclass(frozen=True)
class Hunt:
    """What is shown of a hunt.

    Attributes:
        exercise: The exercise that the code is an answer to.
        place: Its place among the hunts of the exercise, from 0.
        name: What it is called: "3.4", or "2.6/1" and "2.6/2" where an exercise has several.
        code: The answer, with one mistake.
        check: A few lines that the code passes; they see the names of its module.
        sentences: Four, of which one says what is wrong.
    """

    exercise: Exercise
    place: int
    name: str
    code: str
    check: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What is found in a hunt.

    Attributes:
        lines: The numbers of the lines that count as found.
        letter: That of the sentence that is true.
        nudge: A sentence after a wrong guess.
        teaches: What there is to learn, one or two sentences.
        test: The name of the test that catches it.
        repair: For some lines, the text that puts them right.
    """

    lines: frozenset[int]
    letter: str
    nudge: str
    teaches: str
    test: str
    repair: dict[int, str]


@functools.cache
def hunts() -> tuple[Hunt, ...]:
    """All hunts, in the order of the course."""
    return tuple(
        Hunt(
            exercise_of(number),
            place,
            f"{number}/{place + 1}" if len(rows) > 1 else number,
            row["code"],
            row["check"],
            tuple(row["sentences"]),
        )
        for lesson in range(1, len(LESSON_MODULES) + 1)
        for number, rows in _read(f"lesson_{lesson}.toml").items()
        for place, row in enumerate(rows)
    )


def hunts_of(number: str) -> list[Hunt]:
    """The hunts of an exercise.

    Raises:
        ValueError: There is no such exercise, or it has no hunt.
    """
    found = [hunt for hunt in hunts() if hunt.exercise == exercise_of(number)]
    if not found:
        numbers = list(dict.fromkeys(hunt.exercise.number for hunt in hunts()))
        raise ValueError(
            f"There is no bug hunt for exercise {number}. There are some for {', '.join(numbers)}."
        )
    return found


def answer_to(hunt: Hunt) -> Answer:
    """The answer to a hunt."""
    row = _read("answers.toml")[hunt.exercise.number][hunt.place]
    repair = {int(line): text for line, text in row["repair"].items()}
    return Answer(**row | {"lines": frozenset(row["lines"]), "repair": repair})


def repaired(hunt: Hunt) -> str:
    """A hunt's code without its mistake."""
    repair = answer_to(hunt).repair
    lines = hunt.code.splitlines()
    return "\n".join(repair.get(number, line) for number, line in enumerate(lines, start=1)) + "\n"


@functools.cache
def _read(name: str) -> dict[str, list[dict[str, Any]]]:
    """A TOML file of this folder: the hunts of each exercise, by its number."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))

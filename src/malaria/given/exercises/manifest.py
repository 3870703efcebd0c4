"""The manifest: every exercise once, in the order of the course, as `exercises.toml` lists them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import malaria

FILE = Path(__file__).with_name("exercises.toml")


@dataclass(frozen=True)
class Exercise:
    """One exercise: where it is, what it costs and earns, and three hints of rising help.

    Attributes:
        number: The lesson and the place in it, such as "3.2".
        module: The lesson module that it belongs to.
        name: The name of the function or class.
        minutes: What it takes somebody who has read the lesson.
        points: What it earns.
        hints: Three strings, of rising help.
    """

    number: str
    module: str
    name: str
    minutes: int
    points: int
    hints: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where a learner writes it, in short: `src/malaria/cnn_model.py`, or another folder."""
        folder = malaria.modules_in_use
        name = "src/malaria" if folder == malaria.OWN_MODULES else folder.name
        return f"{name}/{self.module}.py"

    @property
    def marker(self) -> str:
        """The mark of its tests: `pytest -m exercise_3_2`."""
        return "exercise_" + self.number.replace(".", "_")


def read(file: Path) -> tuple[Exercise, ...]:
    """The exercises that a manifest lists, in its order, which is that of the course."""
    lessons = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(
        Exercise(module=module, **row | {"hints": tuple(row["hints"])})
        for module, rows in lessons.items()
        for row in rows
    )


EXERCISES = read(FILE)
BY_NUMBER = {exercise.number: exercise for exercise in EXERCISES}


def exercise_of(number: str) -> Exercise:
    """The exercise of that number.

    Raises:
        ValueError: There is none.
    """
    if number not in BY_NUMBER:
        first, last = EXERCISES[0].number, EXERCISES[-1].number
        raise ValueError(
            f"There is no exercise {number!r}: the numbers, such as 3.2, go from {first} to {last}."
        )
    return BY_NUMBER[number]


def following(number: str) -> Exercise | None:
    """The exercise after that one in the course; None after the last."""
    place = EXERCISES.index(BY_NUMBER[number]) + 1
    return EXERCISES[place] if place < len(EXERCISES) else None

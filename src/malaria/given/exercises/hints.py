"""The hints, one more each time that one asks."""

from malaria import PROJECT
from malaria.given.exercises.manifest import exercise_of
from malaria.given.system.json_file import read_json, write_json

PROGRESS = PROJECT / ".progress"  # what is remembered of a learner


def next_hints(number: str) -> list[str]:
    """The hints for an exercise so far and one more; all three from the third time on.

    Raises:
        ValueError: There is no such exercise, or what was remembered cannot be read.
    """
    exercise = exercise_of(number)
    file = PROGRESS / "hints.json"
    asked = read_json(file) if file.is_file() else {}
    asked[number] = min(asked.get(number, 0) + 1, len(exercise.hints))
    PROGRESS.mkdir(exist_ok=True)
    write_json(file, asked)
    return list(exercise.hints[: asked[number]])

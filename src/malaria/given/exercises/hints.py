"""The hints, one more each time that one asks."""

from malaria import PROJECT
from malaria.given.exercises.manifest import exercise_of
from malaria.given.system.json_file import read_json, write_json

PROGRESS = PROJECT / ".progress"  # what is remembered of a learner


class CannotCountError(Exception):
    """What was asked for cannot be remembered, such as in a folder of another user; says why."""


def next_hints(number: str) -> list[str]:
    """The hints for an exercise so far and one more; all three from the third time on.

    Raises:
        ValueError: There is no such exercise.
        CannotCountError: It cannot be told how many come next.
    """
    exercise = exercise_of(number)
    file = PROGRESS / "hints.json"
    try:
        asked = read_json(file) if file.is_file() else {}
        asked[number] = min(asked.get(number, 0) + 1, len(exercise.hints))
        PROGRESS.mkdir(exist_ok=True)
        write_json(file, asked)
    except OSError as error:
        raise CannotCountError(f"{error.strerror}: {file}") from error
    except (ValueError, TypeError, AttributeError) as error:  # damaged
        raise CannotCountError(f"{file} is damaged") from error
    return list(exercise.hints[: asked[number]])

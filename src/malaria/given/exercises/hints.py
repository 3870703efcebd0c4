"""The hints, one more each time that one asks."""

import json

from malaria import PROJECT
from malaria.given.exercises.manifest import exercise_of
from malaria.given.system.whole import whole_file

PROGRESS = PROJECT / ".progress"  # what is remembered of a learner


def next_hints(number: str) -> list[str]:
    """The hints for an exercise so far and one more; all three from the third time on.

    Raises:
        ValueError: There is no such exercise, or what was remembered cannot be read.
    """
    exercise = exercise_of(number)
    file = PROGRESS / "hints.json"
    try:
        asked = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError:
        raise ValueError(f"{file} is damaged. Delete it: the hints then start again.") from None
    asked[number] = min(asked.get(number, 0) + 1, len(exercise.hints))
    PROGRESS.mkdir(exist_ok=True)
    with whole_file(file) as unfinished:
        unfinished.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")
    return list(exercise.hints[: asked[number]])

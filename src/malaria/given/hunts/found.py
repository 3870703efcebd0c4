"""Which hunts a learner has opened and which are found; `.progress/hunts.json` remembers it."""

from collections.abc import Mapping

import malaria
from malaria.given.exercises.hints import PROGRESS
from malaria.given.exercises.parts import parts_to_write
from malaria.given.exercises.source import read_source
from malaria.given.hunts.hunt import Hunt, hunts_of
from malaria.given.system.json_file import read_json, write_json

FILE = PROGRESS / "hunts.json"
OPEN, FOUND, LOCKED = "open", "found", "locked"


def states() -> dict[str, str]:
    """The state of each hunt that was opened, by its name: "open" or "found".

    Nothing is remembered of the reference's own hunts: a lesson shows the same ones always.
    """
    if malaria.modules_in_use == malaria.REFERENCE:
        return {}
    try:
        stored = read_json(FILE)
    except (ValueError, OSError):  # nothing yet, or damaged
        return {}
    return dict(stored) if isinstance(stored, Mapping) else {}


def remember(hunt: Hunt, state: str) -> str:
    """Remember the state of a hunt; returns a sentence if that is impossible, otherwise "".

    What was found stays found.
    """
    known = states()
    if malaria.modules_in_use == malaria.REFERENCE or known.get(hunt.name) in (FOUND, state):
        return ""
    try:
        FILE.parent.mkdir(exist_ok=True)
        write_json(FILE, known | {hunt.name: state})
    except OSError as error:
        return f"This cannot be recorded: {error.strerror}: {FILE}."
    return ""


def hunt_called(name: str) -> Hunt:
    """The hunt of that name; "2.6" is the first of "2.6/1" and "2.6/2" that is not found yet.

    Raises:
        ValueError: There is none.
    """
    number = name.partition("/")[0]
    known, own = states(), hunts_of(number)
    if name == number:
        return next((hunt for hunt in own if known.get(hunt.name) != FOUND), own[0])
    named = [hunt for hunt in own if hunt.name == name]
    if not named:
        names = " and ".join(hunt.name for hunt in own)
        raise ValueError(f"There is no bug hunt {name!r}. Exercise {number} has {names}.")
    return named[0]


def is_written(hunt: Hunt) -> bool:
    """Whether the learner's module has no stub of the hunt's exercise any more."""
    file = malaria.modules_in_use / f"{hunt.exercise.module}.py"
    try:
        return not parts_to_write(read_source(file).text, hunt.exercise.number)
    except (OSError, SyntaxError):
        return False

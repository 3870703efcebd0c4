"""The grammar of "Exercise 3.2: <what to do>", which ties reference, stubs and verdicts together.

in the reference    # Exercise 3.2: cut out patches, multiply by the kernel
in the stub         raise NotImplementedError("Exercise 3.2: cut out patches, ...")
in a verdict        not started: cut out patches, multiply by the kernel
                    Still to write: CNN.head and CNN.head_variables.    (the rest is written)
"""

import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

EXERCISE = r"Exercise (?P<number>\d+\.\d+): (?P<task>.+)"
MARKER = re.compile(f"# {EXERCISE}")
HOLE = re.compile(rf'raise NotImplementedError\("{EXERCISE}"\)')
STILL_TO_WRITE = "Still to write: "  # before the names of what an exercise lacks


class Marker(NamedTuple):
    """A marker in the reference's text.

    Attributes:
        number: The exercise.
        task: What is to be done there.
        line, column: Where it starts; lines count from 1.
    """

    number: str
    task: str
    line: int
    column: int


def markers_in(source: str) -> Iterator[Marker]:
    """The markers in the text of a module, from top to bottom."""
    # Tokens, not a search through the text: a marker inside a string is not a marker.
    for token in tokenize.generate_tokens(io.StringIO(source, newline="").readline):
        found = token.type == tokenize.COMMENT and MARKER.fullmatch(token.string)
        if found:
            yield Marker(found["number"], found["task"], *token.start)


def hole(marker: Marker) -> str:
    """The statement that stands in the stub where the answer is to be written."""
    message = f"Exercise {marker.number}: {marker.task}".replace('"', "'")
    return f'raise NotImplementedError("{message}")'


def holes_in(source: str) -> list[str]:
    """The numbers of the exercises that are not written yet in a module's text."""
    return [found["number"] for found in HOLE.finditer(source)]


def unwritten(error: BaseException) -> tuple[str, str] | None:
    """The exercise whose stub raised an error, and what is to be done there; None for others.

    TensorFlow raises what is raised in a graph anew, with words of its own around it; so the text
    is searched.
    """
    found = re.search(EXERCISE, str(error))
    if found is None or not isinstance(error, NotImplementedError):
        return None
    return found["number"], found["task"]

"""A learner's module as Python reads it: in any encoding that it declares, with any line ends."""

import ast
import io
import tokenize
from pathlib import Path
from typing import NamedTuple

from malaria.given.exercises.manifest import EXERCISES


class Source(NamedTuple):
    """A module's text, with its line ends as they are, and the encoding to write it back in."""

    text: str
    encoding: str


def read_source(file: Path) -> Source:
    """Read the text of a lesson module.

    Raises:
        SyntaxError: It is not text in the encoding that it declares, or in UTF-8.
        OSError: It is not there, or cannot be read.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(missing(file)) from None
    try:
        encoding = _encoding_of(content)
        return Source(content.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        line, reason = content[: error.start].count(b"\n") + 1, f"not {error.encoding} text"
    except (SyntaxError, LookupError) as error:  # the declaration stands in one of two lines
        line, reason = 1, str(error)
    raise SyntaxError(reason, (str(file), line, None, None))


def _encoding_of(content: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError:
        content.decode("utf-8")  # where this is what is wrong, it knows the place
        raise


def missing(file: Path) -> str:
    """Two sentences for a lesson module that is not there."""
    number = next(exercise.number for exercise in EXERCISES if exercise.module == file.stem)
    return f"There is no {file}. `malaria reset {number} --whole-module` puts the stub back."


def parsed(text: str) -> ast.Module:
    """The syntax tree of a module's text.

    Raises:
        SyntaxError: It is not Python.
    """
    before, null, _ = text.partition("\0")
    if null:  # of which Python would not tell the line
        raise SyntaxError("a null byte", ("", len(lines_of(before)) or 1, None, None))
    return ast.parse(text)


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends, counted as Python counts them.

    `str.splitlines` also ends a line at a form feed and at some rarer characters.
    """
    return list(io.StringIO(text, newline=""))


def line_end(text: str) -> str:
    r"""The end of a text's first line, which stands for all: "\n", "\r\n" or "\r"."""
    first = next(iter(lines_of(text)), "")
    return first[len(first.rstrip("\r\n")) :] or "\n"

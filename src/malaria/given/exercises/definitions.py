"""The top-level functions and classes of a module, taken from its text."""

import ast
from typing import NamedTuple

from malaria.given.exercises.source import lines_of, parsed


class Definition(NamedTuple):
    """A function or a class, with its decorators.

    Attributes:
        first, last: Its lines, which count from 1.
        text: Those lines.
    """

    first: int
    last: int
    text: str


def definitions(source: str) -> dict[str, Definition]:
    """The definitions in a module's text, by name; of two with one name, the later.

    Raises:
        SyntaxError: It cannot be read as Python.
    """
    lines = lines_of(source)
    found = {}
    for node in parsed(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            text = "".join(lines[first - 1 : node.end_lineno])
            found[node.name] = Definition(first, node.end_lineno, text)
    return found

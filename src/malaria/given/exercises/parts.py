"""The parts of an exercise, and which of them are still to be written; a class has several."""

import ast
import re
from collections.abc import Iterator

from malaria.given.exercises.manifest import exercise_of
from malaria.given.exercises.markers import EXERCISE, markers_in
from malaria.given.exercises.reference import source_of
from malaria.given.exercises.source import parsed


def count_parts(number: str) -> int:
    """How many functions and methods an exercise asks for."""
    markers = markers_in(source_of(exercise_of(number).module))
    return sum(marker.number == number for marker in markers)


def parts_to_write(text: str, number: str) -> list[str]:
    """The functions and methods in a module's text that are stubs of an exercise still.

    Args:
        text: Of the learner's module.
        number: The exercise.

    Returns:
        Their names, such as "CNN.head", from top to bottom.

    Raises:
        SyntaxError: The text is not Python.
    """
    return list(dict.fromkeys(_around_holes(parsed(text), number)))


def hole_above_code(text: str, number: str) -> int | None:
    """The line of a stub's `raise` that code follows, which never runs; None if there is none.

    Args:
        text: Of the learner's module.
        number: The exercise.

    Raises:
        SyntaxError: The text is not Python.
    """
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.FunctionDef):
            for statement in node.body[:-1]:
                if isinstance(statement, ast.Raise) and _is_hole(statement, number):
                    return statement.lineno
    return None


def _around_holes(node: ast.AST, number: str, name: str = "") -> Iterator[str]:
    """The name of what is around each statement that raises what the stub does."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) and _is_hole(child, number):
            yield name
        inner = name
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = f"{name}.{child.name}" if name else child.name
        yield from _around_holes(child, number, inner)


def _is_hole(statement: ast.Raise, number: str) -> bool:
    """Whether it names the exercise; however the statement was laid out since."""
    texts = (node.value for node in ast.walk(statement) if isinstance(node, ast.Constant))
    found = (re.match(EXERCISE, text) for text in texts if isinstance(text, str))
    return any(match and match["number"] == number for match in found)

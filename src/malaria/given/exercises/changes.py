"""Which exercises a save has touched."""

import ast
from pathlib import Path

from malaria.given.exercises.definitions import definitions
from malaria.given.exercises.manifest import EXERCISES
from malaria.given.exercises.reference import names_of
from malaria.given.exercises.source import parsed, read_source

REST = ""  # the name of what stands outside all definitions


def parts_of(file: Path) -> dict[str, str] | None:
    """The text of each top-level definition of a module, by name, and of the `REST`.

    None if the file cannot be read: it is half-written, or broken.
    """
    try:
        source = read_source(file).text
        parts = {name: definition.text for name, definition in definitions(source).items()}
        # Without comments and blank lines, which change nothing.
        rest = [
            ast.unparse(node)
            for node in parsed(source).body
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef))
        ]
    except (OSError, SyntaxError):
        return None
    return parts | {REST: "\n".join(rest)}


def touched(module: str, before: dict | None, after: dict | None) -> list[str]:
    """The exercises that a change concerns: those of the changed definitions, otherwise all.

    Args:
        module: A lesson module.
        before, after: Its `parts_of`.

    Returns:
        Numbers, in the order of the course; none if nothing has changed.
    """
    every = [exercise.number for exercise in EXERCISES if exercise.module == module]
    if before is None or after is None:
        return every
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    graded = {name for number in every for name in names_of(number)}
    if not changed <= graded:  # a helper, an import: any exercise may use it
        return every
    return [number for number in every if changed & set(names_of(number))]

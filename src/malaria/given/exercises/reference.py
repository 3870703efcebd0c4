"""The reference's answers: which definitions an exercise's answer is in, and their text."""

import functools

from malaria import REFERENCE
from malaria.given.exercises.definitions import definitions
from malaria.given.exercises.manifest import exercise_of
from malaria.given.exercises.markers import markers_in


def source_of(module: str) -> str:
    """The text of a module of the reference."""
    return (REFERENCE / f"{module}.py").read_text(encoding="utf-8")


@functools.cache
def answers_in(module: str) -> dict[str, list[str]]:
    """For each exercise of a module, the names of the definitions that hold its answer."""
    source = source_of(module)
    names: dict[str, list[str]] = {}
    for marker in markers_in(source):
        for name, definition in definitions(source).items():
            listed = names.setdefault(marker.number, [])
            if definition.first <= marker.line <= definition.last and name not in listed:
                listed.append(name)
    return names


def names_of(number: str) -> list[str]:
    """The top-level functions and classes of the reference that hold an exercise's answer."""
    return answers_in(exercise_of(number).module)[number]


def solution(number: str) -> str:
    """The reference's answer to an exercise, as text."""
    parts = definitions(source_of(exercise_of(number).module))
    return "\n\n".join(parts[name].text for name in names_of(number))

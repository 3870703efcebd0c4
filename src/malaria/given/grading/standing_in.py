"""The reference in place of a learner's other exercises, so that none is graded for another."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from types import ModuleType

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES


class Neighbours(Enum):
    """What stands in the places of the other exercises, from the least help to the most.

    OWN: The learner's, as they are.
    NAMED: The reference's, set on the learner's modules by name; helpers that the learner added
        stay.
    REFERENCE: The reference's, with the whole of the other modules.
    """

    OWN = "own"
    NAMED = "named"
    REFERENCE = "reference"


@contextmanager
def modules_for(number: str, others: Neighbours = Neighbours.OWN) -> Iterator[ModuleType | None]:
    """Import what the tests of exercise `number` use, from the files as they are now.

    A module that cannot be imported is the fault of its own exercises only: for the others the
    reference is imported under its name. In the end the modules are those that were there before.

    Args:
        number: The exercise.
        others: What stands in the places of the other exercises.

    Yields:
        The exercise's own module, or None if it cannot be imported: its tests will say why.
    """
    kept = _forget_modules()
    try:
        for name in earlier_modules(number):
            module = _import_earlier(name, others)
            # Before the next is imported, which may take a name from here and give it another.
            if others is Neighbours.NAMED:
                set_reference(module, number)
        own = _import_own(BY_NUMBER[number].module)
        if own is not None and others is not Neighbours.OWN:
            set_reference(own, number)
        yield own
    finally:
        _forget_modules()
        for name, module in kept.items():
            sys.modules[f"malaria.{name}"] = module
            setattr(malaria, name, module)


def _forget_modules() -> dict[str, ModuleType]:
    """Let the lesson modules be imported anew; returns those of the present, by name."""
    present = {}
    for name in malaria.LESSON_MODULES:
        module = sys.modules.pop(f"malaria.{name}", None)
        vars(malaria).pop(name, None)
        if module is not None:
            present[name] = module
    return present


def _import_earlier(name: str, others: Neighbours) -> ModuleType:
    if others is not Neighbours.REFERENCE:
        try:
            return importlib.import_module(f"malaria.{name}")
        except (Exception, SystemExit):
            pass
    with malaria.reference_in_front():
        return importlib.import_module(f"malaria.{name}")


def _import_own(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"malaria.{name}")
    except (Exception, SystemExit):
        return None


def earlier_modules(number: str) -> tuple[str, ...]:
    """The lesson modules that the one of exercise `number` may import."""
    return malaria.LESSON_MODULES[: malaria.LESSON_MODULES.index(BY_NUMBER[number].module)]


def set_reference(module: ModuleType, number: str) -> None:
    """Set the reference's exercises on a module: its own, and those that it took from earlier ones.

    Exercise `number` is left as it is.
    """
    place = malaria.LESSON_MODULES.index(module.__name__.rpartition(".")[2])
    for exercise in EXERCISES:
        of = malaria.LESSON_MODULES.index(exercise.module)
        present = of == place or (of < place and hasattr(module, exercise.name))
        if present and exercise.number != number:
            reference = importlib.import_module(f"solutions.{exercise.module}")
            setattr(module, exercise.name, getattr(reference, exercise.name))

"""The reference in place of a learner's other exercises, so that none is graded for another.

What `how` means, from the least help to the most:

    own       the learner's modules as they are
    names     the reference's functions and classes are set on the learner's modules by name;
              helpers that the learner added stay
    modules   the other modules are the reference's altogether
"""

import importlib
import sys
from contextlib import contextmanager

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES

OWN, NAMES, MODULES = "own", "names", "modules"


@contextmanager
def modules_for(number, how=OWN):
    """Import what the tests of exercise `number` use, from the files as they are now.

    A module that cannot be imported is the fault of its own exercises only: for the others the
    reference is imported under its name. In the end the modules are those that were there before.

    Args:
        number: The exercise.
        how: `OWN`, `NAMES` or `MODULES`.

    Yields:
        The exercise's own module, or None if it cannot be imported: its tests will say why.
    """
    kept = _forget_modules()
    try:
        for name in earlier_modules(number):
            module = _import_earlier(name, how)
            # Before the next is imported, which may take a name from here and give it another.
            if how == NAMES:
                set_reference(module, number)
        own = _import_own(BY_NUMBER[number].module)
        if own is not None and how != OWN:
            set_reference(own, number)
        yield own
    finally:
        _forget_modules()
        for name, module in kept.items():
            sys.modules[f"malaria.{name}"] = module
            setattr(malaria, name, module)


def _forget_modules():
    """Let the lesson modules be imported anew; returns those of the present, by name."""
    present = {}
    for name in malaria.LESSON_MODULES:
        module = sys.modules.pop(f"malaria.{name}", None)
        vars(malaria).pop(name, None)
        if module is not None:
            present[name] = module
    return present


def _import_earlier(name, how):
    if how != MODULES:
        try:
            return importlib.import_module(f"malaria.{name}")
        except (Exception, SystemExit):
            pass
    with malaria.reference_in_front():
        return importlib.import_module(f"malaria.{name}")


def _import_own(name):
    try:
        return importlib.import_module(f"malaria.{name}")
    except (Exception, SystemExit):
        return None


def earlier_modules(number):
    """The lesson modules that the one of exercise `number` may import."""
    return malaria.LESSON_MODULES[: malaria.LESSON_MODULES.index(BY_NUMBER[number].module)]


def set_reference(module, number):
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

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


def import_modules(number, how=OWN):
    """Import what exercise `number` needs, before its tests do.

    A module that cannot be imported is the fault of its own exercises only: for the others the
    reference is imported under its name. With `NAMES` and `MODULES`, run it in a process that
    grades and then ends, or within `reference_set`.

    Args:
        number: The exercise.
        how: `OWN`, `NAMES` or `MODULES`.

    Returns:
        Whether the exercise's own module can be imported.
    """
    # A compiled copy is told from the text by its size and by whole seconds: a learner who saves
    # twice in a second would be graded by the first text.
    sys.dont_write_bytecode = True
    for name in earlier_modules(number):
        try:
            if how == MODULES and f"malaria.{name}" not in sys.modules:
                raise ImportError("the reference's is wanted")
            importlib.import_module(f"malaria.{name}")
        except (Exception, SystemExit):
            with malaria.reference_in_front():
                importlib.import_module(f"malaria.{name}")
    try:
        importlib.import_module(f"malaria.{BY_NUMBER[number].module}")
    except (Exception, SystemExit):  # the tests will say what is the matter
        return False
    return True


@contextmanager
def imported_anew():
    """Import the lesson modules from their files again, and take the present ones back in the end.

    A notebook's are patched when a file is saved: what was deleted stays, and so does all if the
    file cannot be read.
    """
    names = [f"malaria.{name}" for name in malaria.LESSON_MODULES]
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        for name, module in kept.items():
            sys.modules[name] = module
            setattr(malaria, name.rpartition(".")[2], module)


def earlier_modules(number):
    """The lesson modules that the one of exercise `number` may import."""
    return malaria.LESSON_MODULES[: malaria.LESSON_MODULES.index(BY_NUMBER[number].module)]


@contextmanager
def reference_set(number):
    """Set every exercise but one on the learner's modules, and take it back in the end.

    Yields:
        The module of the exercise, on which nothing is set that it has of its own.
    """
    own = importlib.import_module(f"malaria.{BY_NUMBER[number].module}")
    earlier = earlier_modules(number)
    modules = [importlib.import_module(f"malaria.{name}") for name in earlier] + [own]
    kept = [dict(vars(module)) for module in modules]
    for exercise in EXERCISES:
        if exercise.number == number or f"malaria.{exercise.module}" not in sys.modules:
            continue
        if exercise.module not in earlier and exercise.module != BY_NUMBER[number].module:
            continue
        reference = getattr(importlib.import_module(f"solutions.{exercise.module}"), exercise.name)
        for module in modules:
            # Where it belongs, and wherever it was imported by name.
            if module.__name__ == f"malaria.{exercise.module}" or hasattr(module, exercise.name):
                setattr(module, exercise.name, reference)
    try:
        yield own
    finally:
        for module, names in zip(modules, kept, strict=True):
            vars(module).clear()
            vars(module).update(names)

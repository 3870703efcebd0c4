"""A fresh start: the stub of one exercise, or of a whole module, put back."""

import time
from pathlib import Path

from malaria import OWN_MODULES
from malaria.given.exercises.definitions import definitions
from malaria.given.exercises.hints import PROGRESS
from malaria.given.exercises.manifest import exercise_of
from malaria.given.exercises.reference import names_of, source_of
from malaria.given.exercises.stubs import make_stub


def reset(number: str, whole_module: bool = False) -> Path:
    """Put the stub of one exercise back into the learner's module, and keep a copy of the latter.

    Args:
        number: The exercise.
        whole_module: Whether to put back the whole module, such as one that cannot be read.

    Returns:
        The copy, a `pathlib.Path`.

    Raises:
        ValueError: The module cannot be read as Python.
    """
    exercise = exercise_of(number)
    file = OWN_MODULES / f"{exercise.module}.py"
    present = file.read_text(encoding="utf-8")
    fresh = make_stub(source_of(exercise.module))
    if not whole_module:
        try:
            fresh = with_definitions(present, fresh, names_of(number))
        except SyntaxError as error:
            raise ValueError(
                f"{file.name} cannot be read, line {error.lineno}: {error.msg}. Mend that line, or"
                f" put the whole module back with `malaria reset {number} --whole-module`."
            ) from None
    copy = keep_copy(file, present)
    file.write_text(fresh, encoding="utf-8", newline="\n")
    return copy


def with_definitions(source: str, other: str, names: list[str]) -> str:
    """A module's text, with some of its functions and classes replaced by those of another."""
    lines = source.splitlines(keepends=True)
    present, fresh = definitions(source), definitions(other)
    replaced = sorted((n for n in names if n in present), key=lambda name: -present[name].first)
    for name in replaced:  # from the end, so that the lines above keep their numbers
        first, last, _ = present[name]
        lines[first - 1 : last] = [fresh[name].text]
    missing = [fresh[name].text for name in names if name not in present]
    return "".join(lines).rstrip("\n") + "\n" + "".join(f"\n\n{text}" for text in missing)


def keep_copy(file: Path, source: str) -> Path:
    """Keep a copy of a learner's module; returns its path."""
    PROGRESS.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for k in range(1000):  # several resets within a second
        copy = PROGRESS / f"{file.stem}-{stamp}{f'-{k}' if k else ''}.py"
        try:
            with open(copy, "x", encoding="utf-8", newline="\n") as opened:
                opened.write(source)
        except FileExistsError:
            continue
        return copy
    raise OSError(f"There are too many copies of {file.name} in {PROGRESS}.")

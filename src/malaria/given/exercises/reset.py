"""A fresh start: the stub of one exercise, or of a whole module, put back."""

import time
from pathlib import Path

import malaria
from malaria.given.exercises.definitions import definitions
from malaria.given.exercises.hints import PROGRESS
from malaria.given.exercises.manifest import exercise_of
from malaria.given.exercises.reference import names_of, source_of
from malaria.given.exercises.source import line_end, lines_of, read_source
from malaria.given.exercises.stubs import make_stub


def reset(number: str, whole_module: bool = False) -> Path | None:
    """Put the stub of one exercise back into the module in use, and keep a copy of the latter.

    Args:
        number: The exercise.
        whole_module: Whether to put back the whole module, such as one that cannot be read.

    Returns:
        The copy, a `pathlib.Path`; None if there was no file.

    Raises:
        ValueError: The module cannot be read as Python, or is the reference's.
        FileNotFoundError: It is not there.
    """
    exercise = exercise_of(number)
    if malaria.modules_in_use == malaria.REFERENCE:
        raise ValueError("The modules in use are the reference's, which are never reset.")
    file = malaria.modules_in_use / f"{exercise.module}.py"
    stub = make_stub(source_of(exercise.module))
    fresh = stub.encode() if whole_module else _with_stub(number, file, stub)
    copy = keep_copy(file) if file.exists() else None
    file.write_bytes(fresh)
    return copy


def _with_stub(number: str, file: Path, stub: str) -> bytes:
    """A learner's module with the stub of an exercise, as bytes."""
    try:
        source = read_source(file)
        return with_definitions(source.text, stub, names_of(number)).encode(source.encoding)
    except SyntaxError as error:
        raise ValueError(
            f"{file.name} cannot be read, line {error.lineno}: {error.msg}. Fix that line, or"
            f" restore the whole module with `malaria reset {number} --whole-module`."
        ) from None


def with_definitions(source: str, other: str, names: list[str]) -> str:
    """A module's text, with some of its functions and classes replaced by those of another."""
    lines, end = lines_of(source), line_end(source)
    present = definitions(source)
    fresh = {name: found.text.replace("\n", end) for name, found in definitions(other).items()}
    replaced = sorted((n for n in names if n in present), key=lambda name: -present[name].first)
    for name in replaced:  # from the end, so that the lines above keep their numbers
        first, last, _ = present[name]
        lines[first - 1 : last] = [fresh[name]]
    text = "".join(lines)
    missing = [fresh[name] for name in names if name not in present]
    if missing:
        text = text.rstrip("\r\n") + end + "".join(f"{end}{end}{one}" for one in missing)
    return text


def keep_copy(file: Path) -> Path:
    """Keep a copy of a learner's module; returns its path."""
    content = file.read_bytes()
    PROGRESS.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for k in range(1000):  # several resets within a second
        copy = PROGRESS / f"{file.stem}-{stamp}{f'-{k}' if k else ''}.py"
        try:
            with open(copy, "xb") as opened:
                opened.write(content)
        except FileExistsError:
            continue
        return copy
    raise OSError(f"There are too many copies of {file.name} in {PROGRESS}.")

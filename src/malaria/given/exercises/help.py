"""Help with one exercise: hints, a fresh start, the reference's answer.

What is remembered lies in `.progress/`: how many hints were asked for, and what was reset.
"""

import ast
import re
import time
from pathlib import Path

from malaria import OWN_MODULES, PROJECT, REFERENCE
from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.stubs import make_stub
from malaria.given.system.json_file import read_json, write_json

MEMORY = PROJECT / ".progress"


def exercise_of(number):
    """The exercise of that number.

    Raises:
        ValueError: There is none.
    """
    if number not in BY_NUMBER:
        last = list(BY_NUMBER)[-1]
        raise ValueError(
            f"There is no exercise {number!r}: their numbers, such as 3.2, go from 1.1 to {last}."
        )
    return BY_NUMBER[number]


def next_hints(number):
    """The hints up to now and one more; all three from the third time on.

    Returns:
        A list of 1 to 3 strings.
    """
    exercise = exercise_of(number)
    file = MEMORY / "hints.json"
    asked = read_json(file) if file.is_file() else {}
    asked[number] = min(asked.get(number, 0) + 1, len(exercise.hints))
    MEMORY.mkdir(exist_ok=True)
    write_json(file, asked)
    return list(exercise.hints[: asked[number]])


def parts_of(source, names):
    """The text of some top-level functions and classes, by name: `(first, last, text)`, 1-based."""
    lines = source.splitlines(keepends=True)
    parts = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            text = "".join(lines[first - 1 : node.end_lineno])
            parts[node.name] = first, node.end_lineno, text
    return parts


def names_of(number):
    """The top-level functions and classes of the reference that an exercise's answer is in."""
    source = reference_source(number)
    marker = re.compile(rf"# Exercise {re.escape(number)}:")
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and marker.search(ast.get_source_segment(source, node))
    ]


def reference_source(number):
    """The text of the reference module that an exercise belongs to."""
    file = REFERENCE / f"{exercise_of(number).module}.py"
    return file.read_text(encoding="utf-8")


def solution(number):
    """The reference's answer to an exercise, as text."""
    parts = parts_of(reference_source(number), names_of(number))
    return "\n\n".join(text for _, _, text in parts.values())


def reset(number, whole_module=False):
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
    source = file.read_text(encoding="utf-8")
    stub = make_stub(reference_source(number))
    if not whole_module:
        try:
            source_now = with_stub(source, stub, names_of(number))
        except SyntaxError as error:
            raise ValueError(
                f"{file.name} cannot be read, line {error.lineno}: {error.msg}. Mend that line, or"
                f" put the whole module back with `malaria reset {number} --whole-module`."
            ) from None
    kept = backup(file, source)
    file.write_text(stub if whole_module else source_now, encoding="utf-8", newline="\n")
    return kept


def with_stub(source, stub, names):
    """A module's text with some functions and classes replaced by those of the stub."""
    lines = source.splitlines(keepends=True)
    present, fresh = parts_of(source, names), parts_of(stub, names)
    for name in sorted(present, key=lambda name: -present[name][0]):  # from the end
        first, last, _ = present[name]
        lines[first - 1 : last] = [fresh[name][2]]
    missing = [fresh[name][2] for name in names if name not in present]
    return "".join(lines).rstrip("\n") + "\n" + "".join(f"\n\n{text}" for text in missing)


def backup(file, source):
    """Keep a copy of a learner's module; returns its path."""
    MEMORY.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for k in range(1000):
        kept = MEMORY / f"{file.stem}-{stamp}{f'-{k}' if k else ''}.py"
        try:
            with open(kept, "x", encoding="utf-8", newline="\n") as copy:
                copy.write(source)
        except FileExistsError:
            continue
        return Path(kept)
    raise OSError(f"There are too many copies of {file.name} in {MEMORY}.")

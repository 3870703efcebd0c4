"""The stubs, made from the reference: `python -m malaria.given.exercises.stubs` (maintainers only).

In `solutions/`, a comment `# Exercise 3.2: <what to do>` stands where an answer starts; the answer
runs to the end of that function. In the stub, `raise NotImplementedError("Exercise 3.2: ...")`
takes its place. Everything else stays as it is, so a stub is never edited by hand.
"""

import ast
from collections.abc import Iterable
from pathlib import Path

from malaria import LESSON_MODULES, OWN_MODULES
from malaria.given.exercises.manifest import EXERCISES
from malaria.given.exercises.markers import hole, holes_in, markers_in
from malaria.given.exercises.reference import source_of
from malaria.given.exercises.source import lines_of, parsed, read_source


def make_stub(source: str) -> str:
    """The stub of a reference module: `source` with each answer replaced by a loud hole.

    Raises:
        ValueError: A marker stands outside a function, or two stand in one.
    """
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lines = lines_of(source)
    answers = {}  # the answer's last line -> its marker
    for marker in markers_in(source):
        around = [node for node in functions if node.lineno < marker.line <= node.end_lineno]
        if not around:
            where = f"the marker of exercise {marker.number} is not in a function"
            raise ValueError(f"Line {marker.line}: {where}.")
        last = max(around, key=lambda node: node.lineno).end_lineno  # of the innermost function
        if last in answers:
            raise ValueError(f"Line {marker.line}: a second marker in one function.")
        answers[last] = marker
    for last, marker in sorted(answers.items(), reverse=True):  # so that line numbers stay true
        lines[marker.line - 1 : last] = [f"{' ' * marker.column}{hole(marker)}\n"]
    return "".join(lines)


def first_unwritten(folder: Path, names: Iterable[str] = LESSON_MODULES) -> tuple[str, Path] | None:
    """The first exercise, in course order, that is still a hole in the modules of a folder.

    Args:
        folder: A folder of modules. One that is missing there is looked for among the learner's.
        names: The lesson modules that count.

    Returns:
        `(number, file)`, such as `("3.2", Path(".../cnn_model.py"))`; None if all are written.

    Raises:
        ValueError: A module is not valid Python.
        FileNotFoundError: It is in neither folder.
    """
    file_of = {}  # an unwritten exercise -> where it is
    for name in names:
        file = folder / f"{name}.py"
        file = file if file.is_file() else OWN_MODULES / f"{name}.py"
        try:
            source = read_source(file).text
            parsed(source)
        except SyntaxError as error:
            raise ValueError(f"{error.msg} in {file}, line {error.lineno}.") from None
        file_of |= dict.fromkeys(holes_in(source), file)
    for exercise in EXERCISES:
        if exercise.number in file_of:
            return exercise.number, file_of[exercise.number]
    return None


def main() -> None:
    """Write the six stubs over the present ones."""
    for name in LESSON_MODULES:
        stub = make_stub(source_of(name))
        (OWN_MODULES / f"{name}.py").write_text(stub, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

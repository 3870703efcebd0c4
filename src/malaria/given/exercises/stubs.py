"""Make the stubs from the reference: `python -m malaria.given.exercises.stubs` (maintainers only).

In `solutions/`, a comment `# Exercise 3.2: <what to do>` stands where an answer starts; the answer
runs to the end of that function. In the stub, `raise NotImplementedError("Exercise 3.2: ...")`
takes its place. Everything else stays as it is, so a stub is never edited by hand.
"""

import ast
import io
import re
import tokenize

from malaria import LESSON_MODULES, OWN_MODULES, REFERENCE

MARKER = re.compile(r"# (Exercise \d+\.\d+: .+)")
HOLE = re.compile(r'raise NotImplementedError\("Exercise (\d+)\.(\d+):')


def make_stub(source):
    """The stub of a reference module: `source` with each answer replaced by a loud hole.

    Raises:
        ValueError: A marker stands outside a function, or two stand in one.
    """
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lines = source.splitlines(keepends=True)
    answers = {}  # the answer's last line -> its first line and the hole
    # Tokens, not a search through the text: a marker inside a string is no marker.
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        marker = token.type == tokenize.COMMENT and MARKER.fullmatch(token.string)
        if not marker:
            continue
        first, column = token.start
        around = [node for node in functions if node.lineno < first <= node.end_lineno]
        if not around:
            raise ValueError(f"Line {first}: the marker {token.string!r} is in no function.")
        last = max(around, key=lambda node: node.lineno).end_lineno  # the innermost function
        if last in answers:
            raise ValueError(f"Line {first}: a second marker in one function.")
        message = marker.group(1).replace('"', "'")
        answers[last] = first, f'{" " * column}raise NotImplementedError("{message}")\n'
    for last in sorted(answers, reverse=True):
        first, hole = answers[last]
        lines[first - 1 : last] = [hole]
    return "".join(lines)


def first_unwritten(folder):
    """The first exercise, in course order, that is still a hole in the modules of a folder.

    Args:
        folder: A `pathlib.Path`. A module that is missing there is looked for among the learner's.

    Returns:
        `(number, file)`, such as `("3.2", Path(".../cnn_model.py"))`; None if all are written.

    Raises:
        ValueError: A module is no valid Python.
    """
    holes = []
    for name in LESSON_MODULES:
        file = folder / f"{name}.py"
        file = file if file.is_file() else OWN_MODULES / f"{name}.py"
        source = file.read_text(encoding="utf-8")
        try:
            ast.parse(source)
        except SyntaxError as error:
            raise ValueError(f"{error.msg} in {file}, line {error.lineno}.") from None
        for lesson, number in HOLE.findall(source):
            holes.append(((int(lesson), int(number)), file))
    if not holes:
        return None
    (lesson, number), file = min(holes)
    return f"{lesson}.{number}", file


def main():
    """Write the six stubs over the present ones."""
    for name in LESSON_MODULES:
        source = (REFERENCE / f"{name}.py").read_text(encoding="utf-8")
        (OWN_MODULES / f"{name}.py").write_text(make_stub(source), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

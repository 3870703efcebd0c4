"""Measures how notebooks read, by default the lessons: `python -m tools.lesson_prose [FILE ...]`.

Words are those of markdown cells; lines are those of code cells that are not empty. First cells
that only prepare the notebook, and checks of an exercise, count as code like all others.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np

from tools.notebooks import LESSONS

ANSWER = "<details><summary>Answer</summary>"
# Of the TeX between dollars, what states something: `$x$` only names it.
FORMULA = re.compile(r"\$\$?[^$]*(?:=|\\approx|\\propto|\\le|\\ge|<|>)[^$]*\$\$?")
BOOLEAN = re.compile(r"(?<![\w.])(?:True|False)(?![\w.])")


class Measures(NamedTuple):
    """What is counted of a notebook.

    Attributes:
        words: Of the prose.
        lengths: The lines of each code cell.
        formulas: Of the prose, each with a relation in it.
        booleans: `True` and `False` among what the cells print.
        questions: Paragraphs that begin with **Question N.**
        answers: Folded ones.
        pictures: Shown by the cells.
        described: Those of them with a description.
    """

    words: int
    lengths: list[int]
    formulas: int
    booleans: int
    questions: int
    answers: int
    pictures: int
    described: int


def measured(notebook):
    """The measures of a notebook."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    words = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", prose)  # neither tags nor addresses are words
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lengths = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code]
    outputs = [output for cell in code for output in cell.outputs]
    shown = [output for output in outputs if "image/png" in output.get("data", {})]
    described = [output for output in shown if output.metadata.get("image/png", {}).get("alt")]
    return Measures(
        words=len(re.findall(r"[^\W_][\w'.-]*", words)),
        lengths=[length for length in lengths if length],
        formulas=len(FORMULA.findall(prose)),
        booleans=sum(len(BOOLEAN.findall(printed(output))) for output in outputs),
        questions=len(re.findall(r"^\*\*Question \d+\.\*\*", prose, re.MULTILINE)),
        answers=prose.count(ANSWER),
        pictures=len(shown),
        described=len(described),
    )


def printed(output):
    """What an output shows as text; a description of a picture is not printed."""
    data = output.get("data", {})
    if "text/html" in data or "image/png" in data:
        return ""
    return output.get("text", "") + data.get("text/plain", "")


def main():
    """Print a row for each notebook."""
    titles = (
        "words",
        "lines",
        "ratio",
        "median",
        "p90",
        "formulas",
        "booleans",
        "answers",
        "pictures",
    )
    print(f"{'notebook':28}" + "".join(f"{title:>10}" for title in titles))
    for path in map(Path, sys.argv[1:] or sorted(LESSONS.glob("*.ipynb"))):
        one = measured(nbformat.read(path, as_version=4))
        median, p90 = np.percentile(one.lengths, [50, 90])
        lines = sum(one.lengths)
        row = (
            one.words,
            lines,
            f"{one.words / lines:.1f}",
            f"{median:.0f}",
            f"{p90:.0f}",
            one.formulas,
            one.booleans,
            f"{one.answers}/{one.questions}",
            f"{one.described}/{one.pictures}",
        )
        print(f"{path.stem:28}" + "".join(f"{value:>10}" for value in row))


if __name__ == "__main__":
    main()

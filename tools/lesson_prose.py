"""Measures how notebooks read: prose beside code, and the lengths of code cells.

    python -m tools.lesson_prose                  the lessons
    python -m tools.lesson_prose FILE.ipynb ...   others, to compare with

Words are those of markdown cells; lines are those of code cells that are not empty. First cells
that only prepare the notebook, and checks of an exercise, count as code like all others.
"""

import re
import sys
from pathlib import Path

import nbformat
import numpy as np

from tools.notebooks import LESSONS


def measured(notebook):
    """`(words, lengths)`: the words of the prose, and the lines of each code cell."""
    prose = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    prose = re.sub(r"<[^>]+>|\]\([^)]*\)", " ", prose)  # neither tags nor addresses are words
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    lengths = [sum(bool(line.strip()) for line in source.splitlines()) for source in code]
    return len(re.findall(r"[^\W_][\w'.-]*", prose)), [length for length in lengths if length]


def main():
    """Print a row for each notebook."""
    print(f"{'notebook':32}{'words':>7}{'lines':>7}{'words/line':>12}{'median':>8}{'p90':>6}")
    for path in map(Path, sys.argv[1:] or sorted(LESSONS.glob("*.ipynb"))):
        words, lengths = measured(nbformat.read(path, as_version=4))
        median, p90 = np.percentile(lengths, [50, 90])
        lines = sum(lengths)
        print(f"{path.stem:32}{words:7}{lines:7}{words / lines:12.1f}{median:8.0f}{p90:6.0f}")


if __name__ == "__main__":
    main()

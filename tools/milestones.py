"""Store what the reference reached in each lesson: `python -m tools.milestones`.

For maintainers, after `python -m tools.notebooks`. The record is made from the lines that the
lessons have stored, so that no figure has a second source. A lesson's picture shows the record of
the lessons before it: after a change, run the lessons in their order, each followed by this.
"""

import json
import re

import nbformat

from malaria.given.milestones.record import RECORD
from tools.notebooks import LESSONS

LINE = re.compile(
    r"^(?P<name>.+): AUC (?P<auc>[\d.]+), 95% interval (?P<low>[\d.]+) to (?P<high>[\d.]+)$",
    re.MULTILINE,
)


def collected(notebooks):
    """The milestones in the stored outputs of some lessons: what a cell there calls `reached`.

    Args:
        notebooks: A dict from a lesson's number to its notebook, in the order of the course.

    Returns:
        A list of `[lesson, name, auc, low, high]`.

    Raises:
        ValueError: Two milestones have one name.
    """
    found = []
    for lesson, notebook in notebooks.items():
        for cell in notebook.cells:
            if cell.cell_type == "code" and "reached = utils.milestones(" in cell.source:
                printed = "".join(output.get("text", "") for output in cell.outputs)
                for line in LINE.finditer(printed):
                    figures = [float(line[key]) for key in ("auc", "low", "high")]
                    found.append([lesson, line["name"], *figures])
    names = [name for _, name, *_ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Each milestone needs a name of its own: {', '.join(twice)}.")
    return found


def as_text(entries):
    """The text of the record: a milestone on each line."""
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    return f"[\n{lines}\n]\n"


def stored_lessons():
    """The notebooks of the lessons, by number."""
    paths = sorted(LESSONS.glob("*.ipynb"))
    return {int(path.name[0]): nbformat.read(path, as_version=4) for path in paths}


if __name__ == "__main__":
    text = as_text(collected(stored_lessons()))
    RECORD.write_text(text, encoding="utf-8", newline="\n")
    print(text, end="")

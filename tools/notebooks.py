"""Run the lessons on the reference and store their outputs: `python -m tools.notebooks`.

For maintainers. A second run leaves no diff, because what varies from run to run is kept as it was
stored: the outputs of the cells with the tag `nbval-ignore-output`, which nbval does not compare.
`--fresh` stores these anew as well. The cells that check an exercise are stored without a verdict:
whoever opens the lesson for the first time has not begun.
"""

import argparse
import os
import sys
from importlib import metadata

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from malaria import PROJECT
from malaria.given.system.installed import refuse_another_copy

LESSONS = PROJECT / "lessons"
NOT_COMPARED = "nbval-ignore-output"
LONGEST_CELL = 3600  # seconds, on a busy machine
# The same in every lesson. Where nobody has installed the course, as in Colab, it does so; a
# running Python looks for newly installed packages only if it is told to.
FIRST_CELL = """\
import importlib.util

if importlib.util.find_spec("malaria") is None:  # as in Colab: fetch the course and install it
    import site

    !git clone --quiet --depth 1 {address} course
    %pip install --quiet --editable course
    site.main()

from malaria.given.lesson import {names}

begin()"""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def address():
    """Where the course is published, as `pyproject.toml` says."""
    for line in metadata.metadata("malaria").get_all("Project-URL"):
        name, _, url = line.partition(", ")
        if name == "Repository":
            return url
    raise ValueError("pyproject.toml names no Repository among the project's urls.")


def first_cell(sources):
    """The text of a lesson's first code cell, given those of all its code cells."""
    used = [name for name in ("bug", "check") if any(s.startswith(f"{name}(") for s in sources)]
    return FIRST_CELL.format(address=address(), names=", ".join(sorted(["begin", *used])))


def is_check(cell):
    """Whether a cell grades an exercise, and does nothing else."""
    return cell.source.startswith("check(")


def varies(cell):
    """Whether a cell's outputs may differ from run to run."""
    return NOT_COMPARED in cell.metadata.get("tags", [])


def executed(stored):
    """A notebook, run from top to bottom on the reference.

    Args:
        stored: A `NotebookNode`, left as it is.

    Raises:
        CellExecutionError: A cell failed.
    """
    notebook = nbformat.from_dict(stored)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[0].source = first_cell([cell.source for cell in code])
    for cell in code:
        if cell is code[0] or is_check(cell):
            cell.metadata["tags"] = [NOT_COMPARED]
    # The kernel of this environment, whatever else the user has installed.
    environment = os.environ | {"MALARIA_MODULES": "solutions", "JUPYTER_PREFER_ENV_PATH": "1"}
    client = NotebookClient(
        notebook,
        timeout=LONGEST_CELL,
        startup_timeout=LONGEST_CELL,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(LESSONS)}},
    )
    client.execute(env=environment)
    for cell in code:
        cell.outputs = [] if is_check(cell) else tidy(cell.outputs)
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def tidy(outputs):
    """Outputs without progress bars and other stderr; each stream in one piece, where it began."""
    tidied, printed = [], None
    for output in outputs:
        if output.output_type != "stream":
            tidied.append(output)
        elif output.name == "stdout":
            if printed is None:
                printed = output
                tidied.append(printed)
            else:
                printed.text += output.text
    return tidied


def keep_what_varies(notebook, stored):
    """Give the cells of `notebook` that vary the outputs that they have in `stored`, if any."""
    before = {(cell.id, cell.source): cell.get("outputs") for cell in stored.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code" and varies(cell) and not is_check(cell):
            cell.outputs = tidy(before.get((cell.id, cell.source)) or cell.outputs)


def main():
    """Run the lessons named on the command line, or all; exit with 1 if one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("which", nargs="*", type=int, help="numbers of lessons")
    parser.add_argument("--fresh", action="store_true", help="store what varies anew as well")
    arguments = parser.parse_args()
    try:
        refuse_another_copy()
    except ValueError as error:
        sys.exit(str(error))
    failed = False
    for path in sorted(LESSONS.glob("*.ipynb")):
        if arguments.which and int(path.name[0]) not in arguments.which:
            continue
        stored = nbformat.read(path, as_version=4)
        try:
            notebook = executed(stored)
        except CellExecutionError as error:
            failed = True
            print(f"{path.name}: failed, and stays as it is.\n{error}")
            continue
        if not arguments.fresh:
            keep_what_varies(notebook, stored)
        text = nbformat.writes(notebook) + "\n"
        changed = text != path.read_text(encoding="utf-8")
        if changed:
            path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.name}: {'stored' if changed else 'as before'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

"""The end of a grading run: the words, the score table, what to do next; and the same as JSON."""

import json
import os
import textwrap
from pathlib import Path

import malaria
from malaria import LESSON_MODULES, OWN_MODULES, PROJECT
from malaria.given.exercises import BY_NUMBER
from malaria.given.grading.verdict import DONE, NOT_STARTED, OUTCOMES


def in_words(verdicts, width=80):
    """What there is to say about each exercise that is neither done nor unwritten.

    Args:
        verdicts: A list of `Verdict`.
        width: Columns of the terminal.

    Returns:
        A list of lines.
    """
    lines = []
    for verdict in verdicts:
        if verdict.outcome in (DONE, NOT_STARTED):
            continue
        title, *rest = verdict.lines()
        lines += ["", title]
        for line in rest:
            indent = "    " if line.startswith("- ") else "  "
            lines += textwrap.wrap(
                line,
                width,
                initial_indent="  ",
                subsequent_indent=indent,
                break_long_words=False,  # such as a path, which is to be copied
                break_on_hyphens=False,
            )
    return lines


def table(verdicts):
    """The score by lesson, a list of lines of at most 80 columns."""
    lines = [_cells("lesson", OUTCOMES, "points")]
    for lesson, module in enumerate(LESSON_MODULES, start=1):
        own = [verdict for verdict in verdicts if BY_NUMBER[verdict.number].module == module]
        if own:
            lines.append(_row(f"{lesson} {module}", own))
    if len(lines) > 2:
        lines.append(_row("all", verdicts))
    return lines


def _row(name, verdicts):
    counts = [sum(verdict.outcome == outcome for verdict in verdicts) for outcome in OUTCOMES]
    earned, possible = points(verdicts)
    return _cells(name, [count or "-" for count in counts], f"{earned}/{possible}")


def _cells(first, middle, last):
    """A line of the table; each column is as wide as its outcome and two spaces."""
    widths = [len(outcome) + 2 for outcome in OUTCOMES]
    cells = "".join(f"{cell:>{width}}" for cell, width in zip(middle, widths, strict=True))
    return f"{first:22}{cells}{last:>9}"


def points(verdicts):
    """`(earned, possible)`."""
    possible = sum(BY_NUMBER[verdict.number].points for verdict in verdicts)
    done = [verdict for verdict in verdicts if verdict.outcome == DONE]
    return sum(BY_NUMBER[verdict.number].points for verdict in done), possible


def next_step(verdicts):
    """A sentence in lines of at most 80 columns: the first exercise that is not done."""
    left = [BY_NUMBER[verdict.number] for verdict in verdicts if verdict.outcome != DONE]
    if not left:
        return "All that was graded is done and right."
    exercise = left[0]
    folder = "src/malaria" if malaria.modules_in_use == OWN_MODULES else malaria.modules_in_use.name
    return textwrap.fill(
        f"Next: exercise {exercise.number}, {exercise.name} in {folder}/{exercise.module}.py"
        f" ({exercise.minutes} minutes).",
        width=80,
        subsequent_indent="  ",
    )


def write_json(path, verdicts):
    """Write the verdicts for machines, whole or not at all."""
    earned, possible = points(verdicts)
    folder = malaria.modules_in_use
    inside = folder.is_relative_to(PROJECT)
    content = {
        "modules": str(folder.relative_to(PROJECT) if inside else folder),
        "points": earned,
        "possible": possible,
        "exercises": [verdict.as_dict() for verdict in verdicts],
    }
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)

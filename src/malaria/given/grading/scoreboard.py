"""The end of a grading run: the words, the score table, what to do next; and the same as JSON."""

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path

import malaria
from malaria import LESSON_MODULES, PROJECT
from malaria.given.exercises import BY_NUMBER
from malaria.given.grading.outcome import Outcome
from malaria.given.grading.verdict import Verdict
from malaria.given.system.whole import whole_file


def in_words(verdicts: list[Verdict], width: int) -> list[str]:
    """What there is to say about each exercise that is neither done nor unwritten.

    Args:
        verdicts: Of all that was graded.
        width: Columns of the terminal.
    """
    quiet = (Outcome.DONE, Outcome.NOT_STARTED)
    return [verdict.text(width) for verdict in verdicts if verdict.outcome not in quiet]


def table(verdicts: list[Verdict]) -> list[str]:
    """The score by lesson, a list of lines of at most 80 columns."""
    lines = [_cells("lesson", [outcome.word for outcome in Outcome], "points")]
    for lesson, module in enumerate(LESSON_MODULES, start=1):
        own = [verdict for verdict in verdicts if BY_NUMBER[verdict.number].module == module]
        if own:
            lines.append(_row(f"{lesson} {module}", own))
    if len(lines) > 2:
        lines.append(_row("all", verdicts))
    return lines


def _row(name: str, verdicts: list[Verdict]) -> str:
    found = [verdict.outcome for verdict in verdicts]
    earned, possible = points(verdicts)
    return _cells(name, [found.count(o) or "-" for o in Outcome], f"{earned}/{possible}")


def _cells(first: str, middle: Iterable[object], last: str) -> str:
    """A line of the table; each column is as wide as its outcome and two spaces."""
    widths = [len(outcome.word) + 2 for outcome in Outcome]
    cells = "".join(f"{cell:>{width}}" for cell, width in zip(middle, widths, strict=True))
    return f"{first:22}{cells}{last:>9}"


def points(verdicts: list[Verdict]) -> tuple[int, int]:
    """`(earned, possible)`."""
    possible = sum(BY_NUMBER[verdict.number].points for verdict in verdicts)
    done = [verdict for verdict in verdicts if verdict.outcome is Outcome.DONE]
    return sum(BY_NUMBER[verdict.number].points for verdict in done), possible


def next_step(verdicts: list[Verdict]) -> str:
    """A sentence in lines of at most 80 columns: the first exercise that is not done."""
    left = [verdict.number for verdict in verdicts if verdict.outcome is not Outcome.DONE]
    if not left:
        return "All that was graded is done and right."
    exercise = BY_NUMBER[left[0]]
    return textwrap.fill(
        f"Next: exercise {exercise.number}, {exercise.name} in {exercise.place}"
        f" ({exercise.minutes} minutes).",
        width=80,
        subsequent_indent="  ",
    )


def write_json(path: str | Path, verdicts: list[Verdict]) -> None:
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
    with whole_file(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

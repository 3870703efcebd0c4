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
            lines += textwrap.wrap(line, width, initial_indent="  ", subsequent_indent=indent)
    return lines


def table(verdicts):
    """The score by lesson, a list of lines of at most 80 columns."""
    outcomes = [DONE, NOT_STARTED, *(o for o in OUTCOMES[2:])]
    lines = [f"{'lesson':22}" + "".join(f"{o:>12}" for o in outcomes[:2])]
    lines[0] += "".join(f"{o:>10}" for o in outcomes[2:]) + f"{'points':>10}"
    for lesson, module in enumerate(LESSON_MODULES, start=1):
        own = [verdict for verdict in verdicts if BY_NUMBER[verdict.number].module == module]
        if own:
            lines.append(_row(f"{lesson} {module}", own, outcomes))
    if len(lines) > 2:
        lines.append(_row("all", verdicts, outcomes))
    return lines


def _row(name, verdicts, outcomes):
    counts = [sum(verdict.outcome == outcome for verdict in verdicts) for outcome in outcomes]
    earned, possible = points(verdicts)
    cells = "".join(f"{count or '-':>12}" for count in counts[:2])
    cells += "".join(f"{count or '-':>10}" for count in counts[2:])
    return f"{name:22}{cells}{f'{earned}/{possible}':>10}"


def points(verdicts):
    """`(earned, possible)`."""
    possible = sum(BY_NUMBER[verdict.number].points for verdict in verdicts)
    done = [verdict for verdict in verdicts if verdict.outcome == DONE]
    return sum(BY_NUMBER[verdict.number].points for verdict in done), possible


def next_step(verdicts):
    """One sentence: the first exercise that is not done."""
    left = [BY_NUMBER[verdict.number] for verdict in verdicts if verdict.outcome != DONE]
    if not left:
        return "All that was graded is done and right."
    exercise = left[0]
    folder = "src/malaria" if malaria.modules_in_use == OWN_MODULES else malaria.modules_in_use.name
    return (
        f"Next: exercise {exercise.number}, {exercise.name} in {folder}/{exercise.module}.py"
        f" (about {exercise.minutes} minutes)."
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

"""The end of a grading run: the words, the score table, what to do next; and the same as JSON."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import malaria
from malaria import LESSON_MODULES, PROJECT
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.grading.outcome import Outcome
from malaria.given.grading.verdict import Verdict, folded
from malaria.given.system.whole import whole_file

WIDTH = 80  # columns of a terminal that nobody has widened
THE_END = (
    f"All {len(EXERCISES)} exercises are done and right. Next: `malaria train` trains a"
    " classifier with your modules, and lesson 7 puts it to work."
)


def in_words(verdicts: list[Verdict], width: int) -> list[str]:
    """What there is to say about each exercise that is neither done nor unwritten.

    What is the same for many, such as a module that cannot be read, is said once.

    Args:
        verdicts: Of all that was graded.
        width: Columns of the terminal.
    """
    quiet = (Outcome.DONE, Outcome.NOT_STARTED)
    said: dict[object, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.outcome not in quiet:
            said.setdefault(_gist(verdict), []).append(verdict)
    return [_of_all(alike, width) for alike in said.values()]


def one_by_one(verdicts: Iterable[Verdict], width: int) -> Iterator[str]:
    """The words on each exercise as they come; what was said of another is not said again."""
    said: dict[object, str] = {}
    for verdict in verdicts:
        first = said.setdefault(_gist(verdict), verdict.number)
        if first == verdict.number:
            yield verdict.text(width)
        else:
            name = BY_NUMBER[verdict.number].name
            title = f"Exercise {verdict.number}, {name}: {verdict.outcome.word}"
            yield folded(f"{title}, for the same reason as {first}.", width)


def _gist(verdict: Verdict) -> object:
    """What two exercises of one module have in common if the same words tell both."""
    if verdict.outcome in (Outcome.DONE, Outcome.DONE_SO_FAR, Outcome.NOT_STARTED):
        return verdict.number
    sentences = frozenset(sentence for _, sentence in verdict.findings)
    module = BY_NUMBER[verdict.number].module
    return module, verdict.outcome, sentences, verdict.diagnosis, verdict.printed


def _of_all(alike: list[Verdict], width: int) -> str:
    first = alike[0]
    if len(alike) == 1:
        return first.text(width)
    numbers = [verdict.number for verdict in alike]
    title = f"Exercises {', '.join(numbers[:-1])} and {numbers[-1]}: {first.outcome.word}."
    return "\n".join([folded(title, width), *first.reasons(width)])


def table(verdicts: list[Verdict], width: int = WIDTH) -> list[str]:
    """The score by lesson, a list of lines; in words where the columns are too narrow for it."""
    rows = []
    for lesson, module in enumerate(LESSON_MODULES, start=1):
        own = [verdict for verdict in verdicts if BY_NUMBER[verdict.number].module == module]
        if own:
            rows.append((f"{lesson} {module}", own))
    if len(rows) > 1:
        rows.append(("all", verdicts))
    found = {verdict.outcome for verdict in verdicts}
    shown = [o for o in Outcome if o is not Outcome.DONE_SO_FAR or o in found]
    lines = [_cells(shown, "lesson", [outcome.word for outcome in shown], "points")]
    lines += [_row(shown, name, own) for name, own in rows]
    if max(map(len, lines)) <= width:
        return lines
    return [_row_in_words(name, own, width) for name, own in rows]


def _row(shown: list[Outcome], name: str, verdicts: list[Verdict]) -> str:
    found = [verdict.outcome for verdict in verdicts]
    earned, possible = points(verdicts)
    return _cells(shown, name, [found.count(o) or "-" for o in shown], f"{earned}/{possible}")


def _cells(shown: list[Outcome], first: str, middle: Iterable[object], last: str) -> str:
    """A line of the table; each column is as wide as its outcome and two spaces."""
    widths = [len(outcome.word) + 2 for outcome in shown]
    cells = "".join(f"{cell:>{width}}" for cell, width in zip(middle, widths, strict=True))
    return f"{first:22}{cells}{last:>9}"


def _row_in_words(name: str, verdicts: list[Verdict], width: int) -> str:
    found = [verdict.outcome for verdict in verdicts]
    counts = [f"{found.count(o)} {o.word}" for o in Outcome if o in found]
    earned, possible = points(verdicts)
    return folded(f"{name}: {earned}/{possible} points, {', '.join(counts)}", width)


def points(verdicts: list[Verdict]) -> tuple[int, int]:
    """`(earned, possible)`."""
    possible = sum(BY_NUMBER[verdict.number].points for verdict in verdicts)
    done = [verdict for verdict in verdicts if verdict.outcome is Outcome.DONE]
    return sum(BY_NUMBER[verdict.number].points for verdict in done), possible


def next_step(verdicts: list[Verdict], width: int = WIDTH) -> str:
    """What to do next: the first exercise of the course, among those graded, that is not done."""
    left = [verdict for verdict in verdicts if verdict.outcome is not Outcome.DONE]
    if left:
        first = min(left, key=lambda verdict: EXERCISES.index(BY_NUMBER[verdict.number]))
        exercise = BY_NUMBER[first.number]
        place = f"{exercise.name} in {exercise.place}"
        words = f"Next: exercise {exercise.number}, {place} ({exercise.minutes} minutes)."
    elif len({verdict.number for verdict in verdicts}) == len(EXERCISES):
        words = THE_END
    else:
        words = "All graded exercises are done and right. `malaria progress` shows what is next."
    return folded(words, width)


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

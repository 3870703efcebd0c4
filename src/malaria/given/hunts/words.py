"""What is printed of a hunt: the page, the answer to a guess, the list of all."""

from malaria.given.grading.verdict import folded
from malaria.given.hunts.found import FOUND, LOCKED, OPEN, is_written, states
from malaria.given.hunts.hunt import LETTERS, Hunt, answer_to, hunts


def page(hunt: Hunt, output: str, width: int) -> str:
    """The code, the check and what it printed, the four sentences."""
    where = f"{hunt.exercise.name} in {hunt.exercise.module}.py"
    title = f"Bug hunt {hunt.name}: {where}. It passes the check below, and it has one mistake."
    return "\n".join(
        [
            folded(title, width, "", ""),
            "",
            *numbered(hunt.code),
            "",
            "The check:",
            *indented(hunt.check),
            "",
            "It printed, and its assertions hold:",
            *indented(output),
            "",
            "What is wrong with it?",
            *(
                folded(f"{letter}  {sentence}", width, " ", "    ")
                for letter, sentence in zip(LETTERS, hunt.sentences, strict=True)
            ),
        ]
    )


def _repaired_line(number: int, text: str) -> str:
    """A line of a repair, which may have become several, or none."""
    return f"{number:2}  {text or '(is left out)'}".replace("\n", "\n    ")


def numbered(code: str) -> list[str]:
    """The lines of a hunt's code, each with its number."""
    return [f"{n:2}  {line}".rstrip() for n, line in enumerate(code.splitlines(), start=1)]


def indented(text: str) -> list[str]:
    """The lines of a text, set in."""
    return [f"  {line}".rstrip() for line in text.splitlines()]


def is_right(hunt: Hunt, guess: int | str) -> bool:
    """Whether a guess, the number of a line or the letter of a sentence, finds the mistake.

    Raises:
        ValueError: The code has no such line, or there is no such sentence.
    """
    last = len(hunt.code.splitlines())
    if isinstance(guess, int):
        if not 1 <= guess <= last:
            raise ValueError(f"The code has the lines 1 to {last}; there is no line {guess}.")
        return guess in answer_to(hunt).lines
    if guess not in tuple(LETTERS):
        letters = ", ".join(LETTERS)
        raise ValueError(f"Answer with the number of a line or with {letters}, not {guess!r}.")
    return guess == answer_to(hunt).letter


def not_it(hunt: Hunt, guess: int | str, width: int) -> str:
    """After a wrong guess: where to look, without the answer."""
    what = f"Line {guess}" if isinstance(guess, int) else f"Sentence {guess}"
    return folded(f"{what} of {hunt.name} is not it. {answer_to(hunt).nudge}", width, "", "")


def solved(hunt: Hunt, guess: int | str, finding: tuple[str, str], width: int) -> str:
    """After a right guess: what is wrong, what it teaches, and the test that catches it.

    Args:
        hunt: The hunt.
        guess: The number of a line, or the letter of a sentence.
        finding: The test, and what it said of the code.
        width: Columns.
    """
    answer, (name, said) = answer_to(hunt), finding
    what = f"line {guess}" if isinstance(guess, int) else f"sentence {guess}"
    sentence = hunt.sentences[LETTERS.index(answer.letter)]
    test = f"{name}, in tests/test_{hunt.exercise.module}.py, was run on it and says:"
    return "\n".join(
        [
            folded(f"Found: {what}. {sentence}", width, "", ""),
            "",
            folded(answer.teaches, width, "", ""),
            "",
            folded(test, width, "", ""),
            folded(said, width, "    ", "    "),
            "",
            "A repair:",
            *(_repaired_line(*line) for line in sorted(answer.repair.items())),
        ]
    )


def how_to_answer(hunt: Hunt, width: int, anyway: bool = False) -> str:
    """How to answer on the command line."""
    command = f"malaria bug {hunt.name}{' --anyway' if anyway else ''}"
    text = f"Answer with a line or a sentence: {command} --line N, or {command} --choose a."
    return folded(text, width, "", "")


def listing(width: int) -> str:
    """All hunts and their states, and what these mean."""
    known = states()
    rows = []
    for hunt in hunts():
        state = known.get(hunt.name) or (OPEN if is_written(hunt) else LOCKED)
        rows.append(f"{hunt.name:6} {hunt.exercise.name:24} {state}")
    legend = (
        f"{_count(known, FOUND)} of {len(hunts())} found. `malaria bug 3.4` shows one. Open: its"
        " exercise is written, and is graded when you first ask. Locked: it is not written yet;"
        " `malaria bug 3.4 --anyway` shows the hunt all the same."
    )
    return "\n".join([*rows, "", folded(legend, width, "", "")])


def score(hunt: Hunt) -> str:
    """How many hunts are found, and which comes next after one."""
    known, place = states(), hunts().index(hunt) + 1
    others = hunts()[place:] + hunts()[:place]
    left = [other for other in others if known.get(other.name) != FOUND and is_written(other)]
    following = f" Next: malaria bug {left[0].name}" if left else ""
    return f"{_count(known, FOUND)} of {len(hunts())} hunts found.{following}"


def _count(known: dict[str, str], state: str) -> int:
    return sum(known.get(hunt.name) == state for hunt in hunts())

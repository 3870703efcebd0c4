"""`malaria check`, `progress`, `hint`, `reset` and `solution`: for whoever does the exercises."""

import shutil

import malaria
from malaria.given.exercises import EXERCISES, exercise_of, hints, reference, reset
from malaria.given.grading import scoreboard
from malaria.given.grading.outcome import Outcome
from malaria.given.grading.session import graded
from malaria.given.grading.verdict import folded


def add_parser(commands):
    """Add the five commands to argparse's `commands`."""
    _add_for_one(commands, "check", check, "grade one exercise")
    _add_for_one(commands, "hint", show_hint, "show a hint for an exercise, and one more each time")

    text = "restore the stub of an exercise, and keep a copy of what you wrote"
    parser = _add_for_one(commands, "reset", put_back, text)
    text = "restore the whole module, for example when it cannot be read"
    parser.add_argument("--whole-module", action="store_true", help=text)

    text = "show the reference solution, once yours is right"
    parser = _add_for_one(commands, "solution", solution, text)
    parser.add_argument("--anyway", action="store_true", help="even if yours is not right yet")

    _add(commands, "progress", progress, "grade all exercises and show the score")


def _add(commands, name, function, text):
    """Add a command; returns its parser."""
    parser = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.set_defaults(run=function)
    return parser


def _add_for_one(commands, name, function, text):
    """Add a command that takes the number of an exercise; returns its parser."""
    parser = _add(commands, name, function, text)
    parser.add_argument("number", metavar="EXERCISE", help="such as 3.2")
    return parser


def verdict_on(number):
    """The verdict on one exercise."""
    exercise = exercise_of(number)
    return graded(f"tests/test_{exercise.module}.py", "-m", exercise.marker)[0]


def check(arguments):
    """Grade one exercise; the exit status is 0 if it is done."""
    verdict = verdict_on(arguments.number)
    print(verdict.text(width()))
    return 0 if verdict.outcome is Outcome.DONE else 1


def progress(arguments):
    """Grade all exercises; the exit status is 0 if all are done."""
    verdicts = graded()
    table, step = scoreboard.table(verdicts, width()), scoreboard.next_step(verdicts, width())
    print("\n".join([*table, "", step]))
    done = [verdict for verdict in verdicts if verdict.outcome is Outcome.DONE]
    return 0 if len(done) == len(EXERCISES) else 1


def show_hint(arguments):
    """Print the hints for an exercise so far, and one more."""
    print(hints_in_words(arguments.number))
    return 0


def hints_in_words(number):
    """The hints for an exercise so far and one more, and how many there are.

    All of them, where it cannot be remembered which was the last: otherwise nobody could come to
    the second.
    """
    try:
        shown = hints.next_hints(number)
        last = f"Hint {len(shown)} of 3." if len(shown) < 3 else "That was the last of 3 hints."
    except hints.CannotCountError as error:
        shown = exercise_of(number).hints
        last = f"These are all 3 hints, because what you have seen cannot be recorded: {error}."
    lines = [folded(f"{k}. {text}", width(), "", "   ") for k, text in enumerate(shown, start=1)]
    return "\n".join([*lines, folded(last, width(), "", "")])


def width():
    """The columns of the terminal, but no more than can be read well."""
    return min(shutil.get_terminal_size().columns, scoreboard.WIDTH)


def put_back(arguments):
    """Put the stub of an exercise back."""
    copy = reset.reset(arguments.number, arguments.whole_module)
    what = "The module" if arguments.whole_module else f"Exercise {arguments.number}"
    kept = f" Your version is saved in {copy.relative_to(malaria.PROJECT)}" if copy else ""
    print(f"{what} has been reset.{kept}")
    return 0


def solution(arguments):
    """Print the reference's answer."""
    text = reference.solution(arguments.number)
    if not arguments.anyway:
        refuse_unless_done(arguments.number, "the solution")
    print(text, end="")
    return 0


def refuse_unless_done(number, what):
    """Grade an exercise whose solution, or a bug hunt, is asked for.

    Raises:
        ValueError: It is not done.
    """
    if malaria.modules_in_use == malaria.REFERENCE:
        raise ValueError(
            "The reference modules are in use, so there is no way to tell whether yours are"
            f" right: unset {malaria.SWITCH}, or add --anyway to see {what}."
        )
    verdict = verdict_on(number)
    if verdict.outcome is not Outcome.DONE:
        raise ValueError(
            f"Your exercise {number} is not done yet ({verdict.outcome.word}). Solve it first, or"
            f" add --anyway to see {what}."
        )

"""`malaria check`, `progress`, `hint`, `reset` and `solution`: for whoever does the exercises."""

import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import malaria
from malaria.given.exercises import EXERCISES, exercise_of, hints, reference, reset
from malaria.given.grading import scoreboard
from malaria.given.grading.verdict import DONE, Verdict

WIDTH = 80


def add_parser(commands):
    """Add the commands to argparse's `commands`."""
    texts = {
        "check": (check, "grade one exercise"),
        "hint": (show_hint, "a hint for an exercise, one more each time"),
        "reset": (put_back, "put an exercise's stub back; your text is kept"),
        "solution": (solution, "show the reference's answer, once yours is right"),
    }
    for name, (function, text) in texts.items():
        parser = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
        parser.add_argument("number", metavar="EXERCISE", help="such as 3.2")
        parser.set_defaults(run=function)
        if name == "solution":
            parser.add_argument("--anyway", action="store_true", help="before yours is right")
        if name == "reset":
            text = "put the whole module back, such as one that cannot be read"
            parser.add_argument("--whole-module", action="store_true", help=text)
    text = "grade all exercises and show the score"
    parser = commands.add_parser("progress", help=text, description=f"{text.capitalize()}.")
    parser.set_defaults(run=progress)


def grade(*arguments):
    """The verdicts of a pytest run in a process of its own, a list of `Verdict`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdicts.json"
        command = [sys.executable, "-m", "pytest", f"--json={file}", "-p", "no:cacheprovider"]
        finished = subprocess.run(
            [*command, *arguments], cwd=malaria.PROJECT, capture_output=True, text=True, check=False
        )
        if not file.is_file():
            raise ValueError(f"pytest did not come to a verdict. {finished.stdout[-500:]}")
        content = json.loads(file.read_text(encoding="utf-8"))
    names = Verdict.__dataclass_fields__
    return [Verdict(**{name: one[name] for name in names}) for one in content["exercises"]]


def check_one(number):
    """The verdict on one exercise."""
    exercise = exercise_of(number)
    test = f"tests/test_{exercise.module}.py"
    return grade(test, "-m", exercise.marker)[0]


def check(arguments):
    """Grade one exercise; the exit status is 0 if it is done."""
    verdict = check_one(arguments.number)
    for line in verdict.lines():
        print(textwrap.fill(line, WIDTH, subsequent_indent="  "))
    return 0 if verdict.outcome == DONE else 1


def progress(arguments):
    """Grade all exercises; the exit status is 0 if all are done."""
    verdicts = grade()
    print("\n".join([*scoreboard.table(verdicts), "", scoreboard.next_step(verdicts)]))
    done = len(verdicts) == len(EXERCISES) and all(v.outcome == DONE for v in verdicts)
    return 0 if done else 1


def show_hint(arguments):
    """Print the hints for an exercise so far, and one more."""
    shown = hints.next_hints(arguments.number)
    for k, text in enumerate(shown, start=1):
        print(textwrap.fill(f"{k}. {text}", WIDTH, subsequent_indent="   "))
    print(f"Hint {len(shown)} of 3." if len(shown) < 3 else "That was the last hint of 3.")
    return 0


def put_back(arguments):
    """Put the stub of an exercise back."""
    kept = reset.reset(arguments.number, arguments.whole_module)
    what = "The module" if arguments.whole_module else f"Exercise {arguments.number}"
    print(f"{what} is unwritten again. Your text is kept in {kept.relative_to(malaria.PROJECT)}")
    return 0


def solution(arguments):
    """Print the reference's answer."""
    text = reference.solution(arguments.number)
    if not arguments.anyway:
        verdict = check_one(arguments.number)
        if verdict.outcome != DONE:
            raise ValueError(
                f"Your {arguments.number} is not done yet ({verdict.outcome}): solve it first, or"
                " look at the solution with --anyway."
            )
    print(text, end="")
    return 0

"""`malaria bug`: find the mistake in an answer that looks right and passes a naive check."""

import sys

from malaria.given.command_line.learn import refuse_unless_done, width
from malaria.given.hunts import found, in_place, words
from malaria.given.hunts.hunt import LETTERS


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "bug",
        help="find the mistake in an answer that passes a naive check",
        description="Show an answer to an exercise that you have solved. It passes a naive check,"
        " and one mistake is in it: say which line is wrong, or which of four sentences is true."
        " Without a number, list all bug hunts.",
    )
    parser.add_argument("name", metavar="EXERCISE", nargs="?", help="such as 3.4")
    guess = parser.add_mutually_exclusive_group()
    guess.add_argument("--line", type=int, metavar="N", help="the line that is wrong")
    guess.add_argument(
        "--choose", type=str.lower, choices=list(LETTERS), help="the sentence that is true"
    )
    parser.add_argument("--anyway", action="store_true", help="even if yours is not right yet")
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command; the exit status is 1 if a guess was wrong."""
    guess = arguments.choose if arguments.line is None else arguments.line
    if arguments.name is None:
        if guess is not None:
            raise ValueError("Name the bug hunt that you answer, such as `malaria bug 3.4`.")
        print(words.listing(width()))
        return 0
    hunt = found.hunt_called(arguments.name)
    if guess is not None:
        words.is_right(hunt, guess)  # refuses what is neither a line nor a letter, before grading
    if not arguments.anyway and hunt.name not in found.states():
        refuse_unless_done(hunt.exercise.number, "its bug hunt")
        tell(found.remember(hunt, found.OPEN))
    if guess is not None:
        return 0 if answered(hunt, guess) else 1
    if found.states().get(hunt.name) == found.FOUND:
        print("You have found this one already.\n")
    print(words.page(hunt, in_place.check_output(hunt), width()))
    print()
    if sys.stdin.isatty() and sys.stdout.isatty():
        ask(hunt)
    else:
        print(words.how_to_answer(hunt, width(), arguments.anyway))
    return 0


def answered(hunt, guess):
    """Print what there is to say of a guess; returns whether it was right."""
    if not words.is_right(hunt, guess):
        print(words.not_it(hunt, guess, width()))
        return False
    print(words.solved(hunt, guess, in_place.caught(hunt), width()))
    tell(found.remember(hunt, found.FOUND))
    print(f"\n{words.score(hunt)}")
    return True


def ask(hunt):
    """Ask until the mistake is found, or nothing is answered."""
    while guess := prompted("Line or letter (Enter to leave): "):
        try:
            if answered(hunt, int(guess) if guess.isdecimal() else guess):
                return
        except ValueError as error:
            print(error)


def prompted(text):
    """What is typed after a prompt; "" at the end of input."""
    try:
        return input(text).strip().lower()
    except EOFError:
        print()
        return ""


def tell(sentence):
    """Print a sentence on stderr, if there is one."""
    if sentence:
        print(f"malaria: {sentence}", file=sys.stderr)

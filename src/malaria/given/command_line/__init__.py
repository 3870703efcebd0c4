"""The command `malaria`, one file for each of its commands, but `learn.py` for several.

    data.py      data: the practice cells, or the real ones
    train.py     train; train_options.py: its options, which a run remembers
    predict.py   predict
    evaluate.py  evaluate
    learn.py     check, hint, reset, solution, progress: help with the exercises
    experiment.py  experiment: a question of a lesson, over several seeds
    bug.py       bug: find the mistake in an answer that passes a naive check
    watch.py     watch: grade what is saved
    common.py    what they share

It sits on top of everything and is imported by nothing.

Exit status: 0: success. 1: success, but some files were refused; each was named on stderr. 2:
failure; a sentence on stderr says why, and begins with `malaria: ` (what argparse refuses, with its
usage). 130: interrupted by Ctrl-C. For `check` and `progress`, 1 means that the exercises are not
done yet, and for `bug` that a guess was wrong.
"""

import argparse
import errno
import os
import sys
import traceback

from malaria.given.system.installed import refuse_another_copy
from malaria.given.system.lost_ctrl_c import ctrl_c_is_not_lost

EPILOG = (
    "Exit status: 0 success, 1 success but some files were refused (check and progress: not done"
    " yet; bug: not found), 2 failure, 130 interrupted. For teaching and research only: this is not"
    " a medical device and must not be used to guide treatment."
)


def main(argv: list[str] | None = None) -> int:
    """Run one command; `argv` defaults to the process's own arguments. Returns the exit status."""
    replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's cannot, and holds any letter
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold anything
    try:
        return run_command(argv)
    except KeyboardInterrupt:
        print("malaria: stopped", file=sys.stderr)
        return 130


def replace_closed_streams() -> None:
    """Read nothing, or write nowhere, where `<&-` or `>&-` has left no standard stream.

    Otherwise the next file to be opened would get its number, and TensorFlow's messages.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def run_command(argv: list[str] | None) -> int:
    """Run one command; only Ctrl-C is left to the caller. Returns the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        refuse_another_copy()
        status = arguments.run(arguments)
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return status
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if arguments.debug:
            raise
        print(f"malaria: {sentence_for(error)}", file=sys.stderr)
        return 2


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line; a parsed command has its function as `run`."""
    # Not before Ctrl-C is answered: it takes a second.
    with ctrl_c_is_not_lost():
        from importlib.metadata import version

        from malaria.given.command_line import (
            bug,
            data,
            evaluate,
            experiment,
            learn,
            predict,
            train,
            watch,
        )

    parser = argparse.ArgumentParser(
        prog="malaria",
        description="Classify blood cells as parasitized or uninfected, with raw TensorFlow.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"malaria {version('malaria')}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (data, train, predict, evaluate, learn, bug, experiment, watch):
        command.add_parser(commands)
    return parser


def sentence_for(error: Exception) -> str:
    """What to tell a person about an exception."""
    full = os.strerror(errno.ENOSPC)
    if isinstance(error, OSError) and error.strerror and error.strerror != full:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if full in str(error):  # TensorFlow reports it as an error of its own
        return "The disk is full. Free some space and run the command again (train with --resume)."
    if isinstance(error, MemoryError):
        return "There is not enough memory. Try a smaller --batch-size or --image-size."
    if isinstance(error, (OSError, ValueError)):
        return " ".join(str(error).split())
    # Neither bad input nor the disk: the line helps whoever wrote the module.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    if len(text) > 300:  # TensorFlow's messages can hold a whole graph
        text = f"{text[:300]} ..."
    kind = type(error).__name__
    return f"{kind} in {frame.filename}, line {frame.lineno}: {text} (--debug shows more)"

"""What several commands share: number arguments, a quiet import, the refusal of bad files."""

import argparse
import contextlib
import math
import os
import sys

from malaria import PROJECT, utils

RUNS = PROJECT / "runs"
DATA = PROJECT / "data"
SHOWN = 20  # sentences about refused files; the rest are counted


def whole_number(least, most=math.inf):
    """An argparse type: an int from `least` to `most`."""

    def parse(text):
        number = int(text)
        if not least <= number <= most:
            bound = f"below {least}" if number < least else f"above {most}"
            raise argparse.ArgumentTypeError(f"{number} is {bound}")
        return number

    parse.__name__ = "whole number"  # argparse puts it into its sentence
    return parse


def fraction(text):
    """An argparse type: a float in [0, 1)."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not in [0, 1)")
    return number


def rate(text):
    """An argparse type: a positive float."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


@contextlib.contextmanager
def quiet_stderr():
    """Keep a library's greetings off the terminal.

    TensorFlow writes some lines to stderr from C++ while it is imported, whatever its log level.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_tensorflow():
    """Import TensorFlow without its greetings."""
    with quiet_stderr():
        import tensorflow  # noqa: F401


def sound_files(paths):
    """Name every file that is no sound cell image on stderr.

    Returns:
        The paths of the others, in order.
    """
    refused = utils.check_images(paths)
    for reason in list(refused.values())[:SHOWN]:
        print(f"malaria: {reason}", file=sys.stderr)
    if len(refused) > SHOWN:
        print(f"malaria: {len(refused) - SHOWN} more files were refused", file=sys.stderr)
    return [path for path in paths if path not in refused]

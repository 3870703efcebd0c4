"""What several commands share: number arguments, a quiet import, the refusal of bad files."""

import argparse
import math
import sys

from malaria import PROJECT, utils

RUNS = PROJECT / "runs"
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

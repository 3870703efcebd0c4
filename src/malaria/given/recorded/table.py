"""A result as text, 80 columns wide, alone or beside another."""

import math
import textwrap

WIDTH = 80
PLACES = 3  # decimals


def number(value, sign=""):
    """A figure with three decimals; "-" where it is undefined."""
    return "-" if math.isnan(value) else f"{value:{sign}.{PLACES}f}"


def span(low, high, sign=""):
    """An interval in words; empty where it is undefined."""
    return "" if math.isnan(low) else f"{number(low, sign)} to {number(high, sign)}"


def row(result, arm):
    """Mean and interval of an arm, and of the difference to the first one: two or four strings."""
    own = [number(result.mean(arm)), span(*result.interval(arm))]
    if arm == result.arms[0]:
        return own
    mean, low, high = result.difference(arm, result.arms[0])
    return [*own, number(mean, "+"), span(low, high, "+")]


def table(result, name=""):
    """The lines of a result: a row for each arm, below them the value of each seed.

    Args:
        result: A `Result`.
        name: Whose result it is, such as "your modules"; put into the second line.
    """
    seeds = len(result.seeds)
    whose = f"{name}, " if name else ""
    counted = f"{whose}{seeds} seed{'s' if seeds > 1 else ''}"
    room = max(map(len, [counted, *result.arms]))

    def line(start, cells):
        widths = (8, 18, 12, 18)
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths, strict=False))
        return (start.ljust(room) + "".join(aligned)).rstrip()

    lines = [
        *textwrap.wrap(result.figure, WIDTH),
        line(counted, ["mean", "95% interval", "difference", "95% interval"]),
    ]
    lines += [line(arm, row(result, arm)) for arm in result.arms]
    lines.append("seed by seed")
    for arm in result.arms:
        lines += wrapped(arm.ljust(room), [number(value) for value in result.values[arm]])
    return lines


def wrapped(start, values):
    """Lines of values that are not wider than `WIDTH`, the later ones below the values."""
    each = (WIDTH - len(start)) // 8
    parts = [values[k : k + each] for k in range(0, len(values), each)]
    starts = [start, *[" " * len(start)] * (len(parts) - 1)]
    return [
        one + "".join(value.rjust(8) for value in part)
        for one, part in zip(starts, parts, strict=True)
    ]

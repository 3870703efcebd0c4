"""How one tensor is repeated to fit another."""

import numpy as np

from malaria.given.pictures import BLUE


def plot_broadcast(left, right):
    """The sum of two tables, and how each is repeated to fit the other; copies are grey.

    Args:
        left, right: Tables of numbers, `(R, C)` each, where an R or a C may be 1.
    """
    import matplotlib.pyplot as plt

    left, right = np.asarray(left), np.asarray(right)
    total = left + right
    rows, columns = total.shape
    figure, axes = plt.subplots(
        1, 3, figsize=(0.55 * 3 * columns + 1.6, 0.45 * rows + 0.5), layout="constrained"
    )
    for axis, sign, table in zip(axes, ("", "+", "="), (left, right, total), strict=True):
        for row, column in np.ndindex(rows, columns):
            own = row < table.shape[0] and column < table.shape[1]
            value = np.broadcast_to(table, total.shape)[row, column]
            box = plt.Rectangle((column, row), 1, 1, fc=BLUE if own else "#e4e4e4", ec="white")
            axis.add_patch(box)
            ink = "white" if own else "#555555"
            axis.text(column + 0.5, row + 0.5, value, ha="center", va="center", color=ink)
        axis.set(xlim=(-0.7, columns), ylim=(rows, 0), aspect="equal")
        axis.text(-0.4, rows / 2, sign, ha="center", va="center", fontsize=14)
        axis.set_title(f"shape {table.shape}", fontsize=9, x=(columns / 2 + 0.7) / (columns + 0.7))
        axis.axis("off")
    return figure

"""Gradients as arrows, and the ways of optimizers over a loss."""

import numpy as np

from malaria.given.pictures import with_styles


def plot_paths(paths, xlabel, ylabel, loss):
    """Walks in a plane over the contours of a loss, and beside it the loss after each step.

    Args:
        paths: A dict from a name to an array `(N, 2)`; at most four.
        xlabel, ylabel: The labels of the axes.
        loss: From arrays x and y to the loss there, lowest at (0, 0), which a star marks.

    Raises:
        ValueError: There are more than four walks.
    """
    import matplotlib.pyplot as plt

    styled = with_styles(paths)
    figure, (plane, curve) = plt.subplots(
        1, 2, figsize=(9, 3), width_ratios=(3, 2), layout="constrained"
    )
    for name, points, style, colour in styled:
        plane.plot(*np.transpose(points), style, color=colour, ms=3, lw=1.2, label=name)
        curve.plot(loss(*np.transpose(points)), style[1:], color=colour)
    x, y = (np.linspace(*limits, 200) for limits in (plane.get_xlim(), plane.get_ylim()))
    losses = loss(*np.meshgrid(x, y))
    levels = losses.max() * np.array([0.003, 0.02, 0.06, 0.15, 0.3, 0.5, 0.8])
    plane.contour(x, y, losses, levels, colors="black", alpha=0.3, linewidths=0.8, zorder=0)
    plane.plot(0, 0, "*", color="black", ms=14, zorder=3)
    plane.set(xlabel=xlabel, ylabel=ylabel)
    curve.set(xlabel="step", ylabel="loss", yscale="log")
    curve.spines[["top", "right"]].set_visible(False)
    plane.legend(fontsize=8)
    return figure


def plot_arrows(arrows, xlabel, ylabel, radius):
    """Arrows from the origin, true to their angles, and a circle around it.

    Args:
        arrows: A dict from a name to the `(x, y)` of an arrow's tip, x > 0; at most four.
        xlabel, ylabel: The labels of the axes.
        radius: That of the circle.

    Raises:
        ValueError: There are more than four arrows.
    """
    import matplotlib.pyplot as plt

    styled = with_styles(arrows)
    figure, axis = plt.subplots(figsize=(7.5, 3), layout="constrained")
    angles = np.linspace(-np.pi / 8, np.pi / 2, 60)
    axis.plot(radius * np.cos(angles), radius * np.sin(angles), ":", color="black", lw=1)
    axis.annotate(f"norm {radius:g}", (0, radius), (3, 3), textcoords="offset points", fontsize=8)
    for k, (name, tip, style, colour) in enumerate(styled):
        # The later ones are thicker, so that an arrow along an earlier one is seen.
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1 + k, "linestyle": style[1:]}
        axis.annotate("", tip, (0, 0), arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0})
        axis.annotate(name, tip, (5, -11), textcoords="offset points", color=colour, fontsize=9)
    right = max(x for x, _ in arrows.values())
    axis.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.2, right + 1.2), ylim=(-0.3, radius + 0.5))
    axis.set_aspect("equal")
    axis.spines[["top", "right"]].set_visible(False)
    return figure

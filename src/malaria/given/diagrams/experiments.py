"""The result of an experiment: a dot for each seed, and the mean with its interval."""

import textwrap

import numpy as np

from malaria.given.pictures import BLUE, GREY
from malaria.given.recorded.result import experiment


def plot_experiment(name, figure=None):
    """Draw the recorded result of an experiment.

    Args:
        name: Such as "leaky-split"; or a `Result`.
        figure: The key of one of the figures that it measures; by default the first.

    Raises:
        ValueError: There is no recorded experiment of that name, or no such figure.
    """
    import matplotlib.pyplot as plt

    result = experiment(name) if isinstance(name, str) else name
    result = result.of(figure) if figure else result
    rows = len(result.arms)
    picture, axis = plt.subplots(figsize=(7, 1.2 + 0.55 * rows), layout="constrained")
    # Below the interval, one height for each seed, so that a pair can be followed from arm to arm.
    below = np.linspace(0.14, 0.4, len(result.seeds))
    for k, arm in enumerate(result.arms):
        axis.plot(result.values[arm], k + below, "o", color=GREY, ms=5, mfc="white")
        mean, (low, high) = result.mean(arm), result.interval(arm)
        axis.plot([low, high], [k, k], color=BLUE, lw=2.5, solid_capstyle="butt")
        axis.plot(mean, k, "D", color=BLUE, ms=7)
        axis.annotate(
            f"{mean:.3f}", (mean, k), (0, 7), textcoords="offset points", ha="center", color=BLUE
        )
    if axis.get_xlim()[0] < 0 < axis.get_xlim()[1]:
        axis.axvline(0, color="black", lw=0.8, zorder=0)
    names = [textwrap.fill(arm, 24) for arm in result.arms]
    axis.set(yticks=range(rows), yticklabels=names, ylim=(rows - 0.5, -0.6))
    what = textwrap.fill(result.figure, 70)
    axis.set_xlabel(f"{what}\n(a circle for each seed, a diamond for the mean, its 95% interval)")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", alpha=0.25)
    return picture

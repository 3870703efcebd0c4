"""The result of an experiment: a dot for each seed, and the mean with its interval."""

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
    picture, axis = plt.subplots(figsize=(7, 1.1 + 0.5 * rows), layout="constrained")
    # One height for each seed, so that a pair can be followed from arm to arm.
    beside = np.linspace(-0.16, 0.16, len(result.seeds)) if len(result.seeds) > 1 else [0.0]
    for k, arm in enumerate(result.arms):
        axis.plot(result.values[arm], k + np.array(beside), "o", color=GREY, ms=5, mfc="white")
        mean, (low, high) = result.mean(arm), result.interval(arm)
        axis.plot([low, high], [k, k], color=BLUE, lw=2.5, solid_capstyle="butt")
        axis.plot(mean, k, "D", color=BLUE, ms=7)
        axis.annotate(
            f"{mean:.3f}", (mean, k), (0, 11), textcoords="offset points", ha="center", color=BLUE
        )
    axis.set(yticks=range(rows), yticklabels=result.arms, ylim=(rows - 0.5, -0.75))
    axis.set_xlabel(f"{result.figure}: a dot for each seed, the mean with its 95% interval")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", alpha=0.25)
    return picture

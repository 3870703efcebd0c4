"""The figure that grows from lesson to lesson."""

import itertools
import textwrap

from malaria.given.milestones.record import recorded
from malaria.given.pictures import BLUE, GREY

LOWEST = 0.3  # of the axis, unless an interval goes further down: all lessons have one scale
STEP_WIDTH = 11  # characters of a name on one line


def plot_milestones(reached):
    """The AUC of each step of the course by patient, with its 95% interval.

    The steps stand in the order of the course. Those before the first of `reached` are the
    reference's, in grey; the places of those that are still to come are empty.

    Args:
        reached: What `milestones` returns, drawn in colour. Names that the record does not have
            stand at the end.

    Raises:
        ValueError: There is none.
    """
    import matplotlib.pyplot as plt

    if not reached:
        raise ValueError("The picture needs at least one milestone of your own.")
    known = recorded()
    own = {milestone.name: milestone for milestone in reached}
    steps = known + [own[name] for name in own if name not in {step.name for step in known}]
    first = min(k for k, step in enumerate(steps) if step.name in own)
    figure, axis = plt.subplots(figsize=(9.2, 3.8), layout="constrained")
    names = [""] * len(steps)
    for k, step in enumerate(steps):
        if step.name not in own and k > first:
            continue
        step = own.get(step.name, step)
        names[k] = "\n".join(textwrap.wrap(step.name, STEP_WIDTH, break_on_hyphens=False))
        style = {"fmt": "o", "color": GREY, "ms": 5, "lw": 1.2}
        if step.name in own:
            style = {"fmt": "s", "color": BLUE, "ms": 7, "lw": 2.4}
        below, above = step.auc - step.low, step.high - step.auc
        axis.errorbar(k, step.auc, [[max(below, 0)], [max(above, 0)]], capsize=3, **style)
        white = {"fc": "white", "ec": "none", "pad": 0.5}  # the line of the coin stays behind it
        axis.text(k + 0.14, step.auc, f"{step.auc:.2f}", fontsize=8, va="center", bbox=white)
    axis.axhline(0.5, color="black", lw=0.9, ls="--", zorder=0)
    bottom = min([LOWEST, *(step.low - 0.02 for step in own.values())])
    axis.set(ylim=(bottom, 1.1), xlim=(-0.6, len(steps) - 0.4), ylabel="AUC on the test patients")
    axis.set_yticks([k / 10 for k in range(11) if k / 10 >= bottom])
    axis.set_xticks(range(len(steps)), names, fontsize=8)
    axis.tick_params(axis="x", length=0)
    for lesson, group in itertools.groupby(range(len(steps)), lambda k: steps[k].lesson):
        places = list(group)
        title = "yours" if lesson is None else f"lesson {lesson}"
        axis.text(sum(places) / len(places), 1.05, title, ha="center", va="center", fontsize=8)
        if places[0]:
            axis.axvline(places[0] - 0.5, color="#d0d0d0", lw=0.8, zorder=0)
    axis.spines[["top", "right"]].set_visible(False)
    return figure

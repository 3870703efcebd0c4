"""Given: what a lesson needs, under one name: cells, pictures, a stopwatch.

Nothing given imports this file: the names come from where they are at home. `import malaria.utils`
loads no TensorFlow and, until a picture is drawn, no matplotlib.
"""

import re
import textwrap
import time

from malaria.given.cells.folders import DATA, nih_cells, practice_cells
from malaria.given.cells.images import (
    CLASSES,
    MAX_SIDE,
    MIN_SIDE,
    SUFFIXES,
    check_image,
    check_images,
    find_cells,
    is_image_name,
)
from malaria.given.cells.practice_cells import draw_cells
from malaria.given.cells.truth import drawn_truth
from malaria.given.diagrams.descent import plot_arrows, plot_paths
from malaria.given.diagrams.experiments import plot_experiment
from malaria.given.diagrams.graphs import plot_graphs
from malaria.given.diagrams.inside import block_outputs, show_channels, show_fields, show_filters
from malaria.given.diagrams.layers import draw_convolution, draw_network, plot_chain
from malaria.given.diagrams.tensors import plot_broadcast
from malaria.given.milestones.fixed_cells import milestone_cells
from malaria.given.milestones.picture import plot_milestones
from malaria.given.milestones.record import milestones
from malaria.given.pictures import (
    BLUE,
    GREY,
    ORANGE,
    overlay,
    plot_accuracies,
    plot_bars,
    plot_confusion,
    plot_cuts,
    plot_history,
    plot_lines,
    plot_parts,
    plot_patients,
    plot_reliability,
    plot_roc,
    plot_split,
    show,
    show_cells,
    show_maps,
    show_saliency,
)
from malaria.given.recorded.result import experiment

__all__ = [
    "BLUE",
    "CLASSES",
    "DATA",
    "GREY",
    "MAX_SIDE",
    "MIN_SIDE",
    "ORANGE",
    "SUFFIXES",
    "block_outputs",
    "check_image",
    "check_images",
    "draw_cells",
    "draw_convolution",
    "draw_network",
    "drawn_truth",
    "error_of",
    "experiment",
    "find_cells",
    "is_image_name",
    "milestone_cells",
    "milestones",
    "milliseconds",
    "nih_cells",
    "overlay",
    "plot_accuracies",
    "plot_arrows",
    "plot_bars",
    "plot_broadcast",
    "plot_chain",
    "plot_confusion",
    "plot_cuts",
    "plot_experiment",
    "plot_graphs",
    "plot_history",
    "plot_lines",
    "plot_milestones",
    "plot_parts",
    "plot_paths",
    "plot_patients",
    "plot_reliability",
    "plot_roc",
    "plot_split",
    "practice_cells",
    "show",
    "show_cells",
    "show_channels",
    "show_fields",
    "show_filters",
    "show_maps",
    "show_saliency",
]


def milliseconds(function, runs=1, clock=time.perf_counter):
    """How long a function takes: the best of some calls, for other work can only slow it down.

    Args:
        function: Called without arguments.
        runs: How often.
        clock: Gives seconds; `time.process_time` counts only those that the processor works for
            this process.
    """
    times = []
    for _ in range(runs):
        start = clock()
        function()
        times.append(1000 * (clock() - start))
    return min(times)


def error_of(function, *arguments):
    """The error that a call is meant to raise: its kind and its message.

    Lines are wrapped to the width of a notebook, and files named without their folders. An exercise
    that is not written yet is raised on.

    Raises:
        AssertionError: The call raised nothing.
    """
    try:
        function(*arguments)
    except NotImplementedError:
        raise
    except Exception as error:
        text = re.sub(r'File "[^"]*[/\\]', 'File "', f"{type(error).__name__}: {error}")
        text = re.sub(r'File "\d+\.py"', "In this cell", text)  # as a notebook names it
        wrap = textwrap.TextWrapper(88, subsequent_indent="    ", break_long_words=False)
        return "\n".join(wrap.fill(line) for line in text.splitlines()).strip()
    raise AssertionError("The call was meant to raise an error, and raised none.")

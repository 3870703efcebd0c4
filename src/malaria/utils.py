"""Given: what a lesson needs, under one name: cells, pictures, a stopwatch.

Nothing given imports this file: the names come from where they are at home. `import malaria.utils`
loads no TensorFlow and, until a picture is drawn, no matplotlib.
"""

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
from malaria.given.pictures import (
    BLUE,
    GREY,
    ORANGE,
    draw_convolution,
    draw_network,
    overlay,
    plot_arrows,
    plot_bars,
    plot_broadcast,
    plot_chain,
    plot_confusion,
    plot_history,
    plot_lines,
    plot_paths,
    plot_roc,
    plot_split,
    show,
    show_cells,
    show_maps,
    show_saliency,
)

__all__ = [
    "BLUE",
    "CLASSES",
    "DATA",
    "GREY",
    "MAX_SIDE",
    "MIN_SIDE",
    "ORANGE",
    "SUFFIXES",
    "check_image",
    "check_images",
    "draw_cells",
    "draw_convolution",
    "draw_network",
    "find_cells",
    "is_image_name",
    "milliseconds",
    "nih_cells",
    "overlay",
    "plot_arrows",
    "plot_bars",
    "plot_broadcast",
    "plot_chain",
    "plot_confusion",
    "plot_history",
    "plot_lines",
    "plot_paths",
    "plot_roc",
    "plot_split",
    "practice_cells",
    "show",
    "show_cells",
    "show_maps",
    "show_saliency",
]


def milliseconds(function, runs=1):
    """How long a function takes: the best of some calls, for other work can only slow it down."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)

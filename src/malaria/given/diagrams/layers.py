"""A convolution with its numbers, a network as boxes, and a chain of layers with its gradients."""

import numpy as np

from malaria.given.pictures import BLUE, GREY, ORANGE


def draw_convolution(padded, kernel, output, place, stride=1, padding=((0, 0), (0, 0))):
    """A convolution with its numbers: a window, the kernel, and the number that they make.

    Args:
        padded: The image with the zeros around it, `(H, W, C)`, ints.
        kernel: One filter, `(h, w, C)`, ints.
        output: What comes out, `(H', W')`, ints.
        place: The row and the column of the number in `output` that is explained.
        stride: The step between windows, in pixels.
        padding: How many rows of zeros are above and below, and how many columns left and right.
    """
    import matplotlib.pyplot as plt

    (above, below), (left, right) = padding
    height, width, channels = padded.shape
    zeros = np.ones((height, width), bool)
    zeros[above : height - below, left : width - right] = False
    framed = (place[0] * stride, place[1] * stride, *kernel.shape[:2])
    figure, axes = plt.subplots(channels, 3, figsize=(7.5, 2.4 * channels), layout="constrained")
    for c, (image, filtered, rest) in enumerate(axes):
        _draw_grid(image, padded[..., c], f"image, channel {c}", framed, height, zeros)
        whole = (0, 0, *kernel.shape[:2])
        _draw_grid(
            filtered,
            kernel[..., c],
            f"kernel, channel {c}",
            whole,
            height,
            sign="\N{MULTIPLICATION SIGN}",
        )
        rest.remove()
    result = figure.add_subplot(axes[0, 2].get_gridspec()[:, 2])
    _draw_grid(result, np.asarray(output), "output", (*place, 1, 1), height, sign="=")
    return figure


def _draw_grid(axis, numbers, title, window, side, pale=None, sign=""):
    """Numbers in a grid in the middle of a square of `side` fields.

    Args:
        axis: Where to draw.
        numbers: `(H, W)` ints.
        title: What they are.
        window: The row, the column, the height and the width of the part that is framed.
        side: How many fields the square is wide: grids of one `side` have fields of one size.
        pale: `(H, W)` bool: the numbers that are shown in grey, or None.
        sign: What stands left of the grid.
    """
    from matplotlib.patches import Rectangle

    rows, columns = numbers.shape
    row, column, height, width = window
    axis.add_patch(
        Rectangle((column, row), width, height, facecolor="#fdebd0", edgecolor=ORANGE, lw=3)
    )
    for i, j in np.ndindex(rows, columns):
        axis.add_patch(Rectangle((j, i), 1, 1, fill=False, edgecolor="#bbbbbb", lw=0.8))
        grey = pale is not None and pale[i, j]
        style = {"color": GREY, "style": "italic"} if grey else {"color": "black"}
        axis.text(j + 0.5, i + 0.5, f"{numbers[i, j]}", ha="center", va="center", **style)
    axis.text(-0.5, rows / 2, sign, ha="center", va="center", fontsize=14)
    axis.text(columns / 2, -0.2, title, ha="center", va="bottom", fontsize=10)
    middle, half = (columns / 2, rows / 2), side / 2 + 0.1
    axis.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] + half, middle[1] - half))
    axis.set_aspect("equal")
    axis.axis("off")


def draw_network(stages, parts):
    """A network as boxes from left to right: as high as its images, as wide as it has channels.

    Args:
        stages: A list of `(operations, shape)`: what leads to a stage, "" for the first, and the
            shape of one image there, `(S, S, C)` or `(N,)`.
        parts: A dict from the names of at most two parts to the first and the last of their stages.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    colours = [GREY] * len(stages)
    for (first, last), colour in zip(parts.values(), (BLUE, ORANGE), strict=False):
        colours[first : last + 1] = [colour] * (last + 1 - first)
    figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
    x, edges = 0.0, []  # edges: where each box begins and ends
    for (operations, shape), colour in zip(stages, colours, strict=True):
        if edges:
            end = edges[-1][1]
            x = end + 1
            arrow = {"arrowstyle": "->"}
            axis.annotate("", (x - 0.08, 0), (end + 0.08, 0), arrowprops=arrow)
            axis.text(end + 0.5, 0.08, operations, ha="center", va="bottom", fontsize=9)
        if len(shape) == 1:
            height, width = max(shape[0] / 160, 0.06), 0.1
        else:
            height, width = shape[0] / 32, 0.1 + shape[2] / 200
        box = Rectangle((x, -height / 2), width, height, facecolor=colour, edgecolor="black")
        axis.add_patch(box)
        size = " \N{MULTIPLICATION SIGN} ".join(map(str, shape))
        axis.text(x + width / 2, -height / 2 - 0.06, size, ha="center", va="top", fontsize=9)
        edges.append((x, x + width))
        x += width
    for name, (first, last) in parts.items():
        start, end = edges[first][0], edges[last][1]
        axis.plot([start, end], [1.2, 1.2], color="black", lw=2)
        axis.text((start + end) / 2, 1.25, name, ha="center", va="bottom", fontsize=11)
    axis.set(xlim=(-0.4, x + 0.2), ylim=(-1.3, 1.5))
    axis.axis("off")
    return figure


def plot_chain(layers, values, weights):
    """A chain of layers: what runs forward through it, and which gradients run back.

    Args:
        layers: The names of N layers.
        values: N + 1 names with their shapes, such as `"X (B, F)"`: what goes into the first layer,
            what goes from each to the next, and what comes out of the last.
        weights: N names of each layer's weights, or empty strings.
    """
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 2.9), layout="constrained")
    axis.set(xlim=(-0.05, 2 * len(layers) + 1.05), ylim=(-1.5, 1.45))
    axis.axis("off")

    def arrow(start, end, colour, line):
        style = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "linestyle": line}
        axis.annotate("", end, start, arrowprops=style | {"shrinkA": 0, "shrinkB": 0})

    def text(x, y, words, colour, **options):
        axis.text(x, y, words, color=colour, fontsize=10, ha="center", va="center", **options)

    for k, (layer, own) in enumerate(zip(layers, weights, strict=True)):
        middle = 2 * k + 1.5
        box = {"boxstyle": "round,pad=0.1", "facecolor": "#f2f2f2", "edgecolor": "black"}
        axis.add_patch(plt.matplotlib.patches.FancyBboxPatch((middle - 0.4, -0.4), 0.8, 0.8, **box))
        text(middle, 0, layer, "black")
        if own:
            arrow((middle, 1.1), (middle, 0.5), BLUE, "-")
            text(middle, 1.27, own, BLUE)
            arrow((middle, -0.5), (middle, -1.1), ORANGE, "--")
            text(middle, -1.3, ", ".join(f"d{name}" for name in own.split(", ")), ORANGE)
    for k, value in enumerate(values):
        name, _, shape = value.partition(" ")
        left, right = 2 * k + 0.02, 2 * k + 0.98
        arrow((left, 0.2), (right, 0.2), BLUE, "-")
        arrow((right, -0.2), (left, -0.2), ORANGE, "--")
        text(2 * k + 0.5, 0.56, f"{name}\n{shape}", BLUE)
        text(2 * k + 0.5, -0.42, f"d{name}", ORANGE)
    return figure

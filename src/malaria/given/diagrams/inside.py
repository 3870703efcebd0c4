"""A look into a network: which pixels an output sees, and the filters of the first layer."""

import numpy as np

from malaria.given.pictures import ORANGE


def show_filters(kernels, cells=(), answers=(), names=(), size=1.0):
    """The filters of the first layer as small pictures, each above what it answers for some cells.

    A weight of 0 is a middle grey; a filter that is redder than grey responds to red. Each filter
    has a scale of its own, up to its largest weight. All answers of a filter share one scale, from
    black at 0 to white at the largest, so that cells can be compared.

    Args:
        kernels: `(h, w, 3, F)`: F filters over red, green and blue.
        cells: N images, `(H, W, 3)` each, as for `show_cells`, or none.
        answers: `(N, H', W', F)`, not negative, as they are after ReLU: a map for each cell and
            filter.
        names: N strings, written in front of the cells, or none.
        size: The side of each picture, in inches.

    Raises:
        ValueError: The filters have no colours, or the answers are not one map a cell and filter.
    """
    import matplotlib.pyplot as plt

    kernels, answers = np.asarray(kernels, float), np.asarray(answers, float)
    if kernels.ndim != 4 or kernels.shape[2] != 3:
        raise ValueError(
            f"Filters over three colours have the shape (h, w, 3, F), not {kernels.shape}."
        )
    count = kernels.shape[-1]
    if len(cells) and (answers.ndim != 4 or answers.shape[::3] != (len(cells), count)):
        raise ValueError(
            f"{len(cells)} cells and {count} filters have answers of the shape"
            f" ({len(cells)}, H, W, {count}), not {answers.shape}."
        )
    columns = count + (len(cells) > 0)
    figure, axes = plt.subplots(
        1 + len(cells),
        columns,
        figsize=(columns * size, (1 + len(cells)) * size + 0.2),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for k, axis in enumerate(axes[0, columns - count :]):
        largest = np.abs(kernels[..., k]).max() or 1
        axis.imshow(0.5 + kernels[..., k] / (2 * largest))
        axis.set_title(f"filter {k}", fontsize=8)
    for line, cell, maps in zip(axes[1:], cells, answers, strict=False):
        line[0].imshow(np.asarray(cell))
        for k, axis in enumerate(line[1:]):
            axis.imshow(maps[..., k], cmap="gray", vmin=0, vmax=answers[..., k].max() or 1)
    for axis, name in zip(axes[1:, 0], names, strict=False):
        axis.text(-0.08, 0.5, name, rotation=90, ha="right", va="center", transform=axis.transAxes)
    return figure


def show_fields(image, fields, size=1.9):
    """What one output sees, for each of some layers: its receptive field, framed on an image.

    Args:
        image: `(H, W, 3)`, uint8 or float in [0, 1].
        fields: A dict from a layer's name to its field: the row and the column of the first pixel,
            the height and the width.
        size: The side of each picture, in inches.
    """
    import matplotlib.pyplot as plt

    image = np.asarray(image)
    figure, axes = plt.subplots(
        1,
        len(fields),
        figsize=(len(fields) * size, size + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for axis, (name, (row, column, height, width)) in zip(axes.flat, fields.items(), strict=True):
        axis.imshow(image)
        for line, colour in ((4, "white"), (2, ORANGE)):  # on white, orange is seen on every stain
            frame = plt.Rectangle(
                (column - 0.5, row - 0.5), width, height, fill=False, lw=line, edgecolor=colour
            )
            axis.add_patch(frame)
        axis.set_title(f"{name}: {height} \N{MULTIPLICATION SIGN} {width} pixels", fontsize=9)
        axis.set(xticks=[], yticks=[])
    return figure

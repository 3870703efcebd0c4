"""A look into a network: receptive fields, the filters of the first layer, what blocks pass on."""

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


def show_channels(cells, channels, names=(), size=1.05):
    """What some channels pass on for each of some cells, a column for each channel.

    All maps of a channel share one scale, from black at 0 to white at the largest, so that cells
    can be compared.

    Args:
        cells: N images, `(H, W, 3)` each, as for `show_cells`.
        channels: A dict from a title to `(N, H', W')`, not negative; the sizes may differ.
        names: N strings, written in front of the cells, or none.
        size: The side of each picture, in inches.

    Raises:
        ValueError: A channel has not one map a cell.
    """
    import matplotlib.pyplot as plt

    for title, maps in channels.items():
        if np.ndim(maps) != 3 or len(maps) != len(cells):
            raise ValueError(
                f"{len(cells)} cells have maps of the shape ({len(cells)}, H, W), not"
                f" {np.shape(maps)}: {title!r}."
            )
    columns = 1 + len(channels)
    figure, axes = plt.subplots(
        len(cells),
        columns,
        figsize=(columns * size, len(cells) * size + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, cell in zip(axes[:, 0], cells, strict=True):
        axis.imshow(np.asarray(cell))
    for line, (title, maps) in zip(axes[:, 1:].T, channels.items(), strict=True):
        line[0].set_title(title, fontsize=8)
        for axis, values in zip(line, maps, strict=True):
            axis.imshow(values, cmap="gray", vmin=0, vmax=np.max(maps) or 1)
    for axis, name in zip(axes[:, 0], names, strict=False):
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


def block_outputs(model, images, channels):
    """What each block of a trained network passes on, outside training mode.

    The blocks are not asked for by name, for everyone builds them differently: the operations of
    `model.features` are recorded, and of those with the shape of a block's output the last is it.

    Args:
        model: A `CNN`, left as it is.
        images: `(B, S, S, 3)`, of the model's dtype, in [0, 1].
        channels: The number of channels of each block, as the model was built with; each different
            from that of the next.

    Returns:
        A list of arrays: for each block `(B, S / 2, S / 2, channels[0])`, then half the side.

    Raises:
        ValueError: An output of such a shape was not found.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    side = images.shape[1]

    def recorded(images):
        model.features(images, training=False)
        made = [out for op in images.graph.get_operations() for out in op.outputs]
        found = []
        for k, count in enumerate(channels, start=1):
            shape = [images.shape[0], side // 2**k, side // 2**k, count]
            fitting = [out for out in made if out.shape.rank == 4 and out.shape == shape]
            if not fitting:
                raise ValueError(f"No operation of the network has an output of shape {shape}.")
            found.append(fitting[-1])
        return found

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)  # a tf.function within would hide its operations
    try:
        traced = tf.function(recorded, autograph=False).get_concrete_function(images)
    finally:
        tf.config.run_functions_eagerly(before)
    return [output.numpy() for output in traced(images)]

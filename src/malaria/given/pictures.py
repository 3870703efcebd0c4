"""Given: the pictures of the lessons and of the run report.

Each function returns a matplotlib figure; `show` shows it in a notebook, with a description in
words. matplotlib is imported when the first is drawn.
"""

import html

import numpy as np
from PIL import Image

from malaria.given.cells.classes import CLASSES
from malaria.given.scores import area_under, calibration_error, confusion, reliability, roc_curve

# Told apart by lightness as well as by hue, also in the common colour blindnesses.
BLUE, ORANGE, GREY = "#0b5394", "#e07b00", "#7a7a7a"
STYLES = (("o-", BLUE), ("s--", ORANGE), ("^:", GREY), ("d-.", "black"))


def with_styles(lines):
    """Give each entry of a dict a style: a list of `(name, values, style, colour)`.

    Raises:
        ValueError: There are more entries than styles.
    """
    if len(lines) > len(STYLES):
        raise ValueError(
            f"A picture holds at most {len(STYLES)} lines that can be told apart, not {len(lines)}:"
            f" {', '.join(map(str, lines))}."
        )
    return [(*line, *style) for line, style in zip(lines.items(), STYLES, strict=False)]


def show(description):
    """Show the figure that was drawn last, and fold its description in below it.

    The description is stored as the picture's alternative text as well, which pages made from a
    notebook have; JupyterLab leaves it out.

    Args:
        description: What the picture shows, for those who cannot see it: a sentence or two.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    figure = plt.gcf()
    display(figure, metadata={"image/png": {"alt": description}})
    plt.close(figure)
    words = html.escape(description)
    folded = f"<details><summary>The picture in words</summary>{words}</details>"
    display({"text/html": folded, "text/plain": description}, raw=True)


def show_cells(images, titles=None, columns=8, size=1.15, row_names=None, rings=None):
    """A wall of cells.

    Args:
        images: N images, `(H, W, 3)` each, uint8 or float in [0, 1]; their sizes may differ. Also
            `(H, W)`, shown in grey from the smallest value to the largest.
        titles: N strings, or None.
        columns: How many stand side by side.
        size: The side of each, in inches.
        row_names: A string for each row, written in front of it, or None.
        rings: For each image the row and column of the centre of a ring, or None; or None for all.
    """
    import matplotlib.pyplot as plt

    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(columns * size, rows * (size + (0.25 if titles else 0))),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    # Not strict: the last row may have room left.
    for k, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(np.asarray(image), cmap="gray")
        if titles:
            axis.set_title(titles[k], fontsize=8)
        if rings is not None and rings[k] is not None:
            # Black on white is seen on every stain.
            for width, colour in ((2.6, "white"), (1.2, "black")):
                axis.add_patch(plt.Circle(rings[k][::-1], 16, fill=False, lw=width, color=colour))
    for axis, name in zip(axes[:, 0], row_names or (), strict=False):
        axis.text(-0.08, 0.5, name, rotation=90, ha="right", va="center", transform=axis.transAxes)
    return figure


def show_maps(rows, titles=None, image=None, size=1.7):
    """What filters answer, in blue below 0, white at 0 and red above; each row has its own scale.

    Args:
        rows: A dict from a filter's name to its maps, `(H, W)` each, as many in every row.
        titles: A string for each column, or None; of the image's as well, if there is one.
        image: What the filters saw, `(H, W)` or `(H, W, 3)`, shown left of each row, or None.
        size: The side of each, in inches.
    """
    import matplotlib.pyplot as plt

    columns = len(next(iter(rows.values()))) + (image is not None)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(columns * size + 0.8, len(rows) * size + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for line, (name, maps) in zip(axes, rows.items(), strict=True):
        top = max(float(np.abs(values).max()) for values in maps)
        if image is not None:
            line[0].imshow(np.asarray(image), cmap="gray")
        for axis, values in zip(line[columns - len(maps) :], maps, strict=True):
            shown = axis.imshow(np.asarray(values), cmap="RdBu_r", vmin=-top, vmax=top)
        line[0].set_ylabel(name)
        figure.colorbar(shown, ax=list(line), shrink=0.9, aspect=12)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for axis, title in zip(axes[0], titles or [], strict=False):
        axis.set_title(title, fontsize=9)
    return figure


def plot_lines(lines, xlabel, ylabel, x=None, **axis_options):
    """Lines, told apart by mark, dash and colour.

    Args:
        lines: A dict from a name to N numbers; at most four.
        xlabel, ylabel: The labels of the axes.
        x: N numbers; by default 0 to N - 1.
        **axis_options: Set on the axis, such as `yscale="log"`.

    Raises:
        ValueError: There are more than four lines.
    """
    import matplotlib.pyplot as plt

    styled = with_styles(lines)
    figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
    for name, values, style, colour in styled:
        few = len(values) <= 20
        style = style if few else style[1:]
        places = range(len(values)) if x is None else x
        axis.plot(places, values, style, color=colour, ms=4, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel, **axis_options)
    axis.spines[["top", "right"]].set_visible(False)
    if len(lines) > 1:
        axis.legend(fontsize=8)
    return figure


def plot_bars(values, label):
    """A bar for each entry of a dict from a name to a number; `label` says of what."""
    import matplotlib.pyplot as plt

    height = 0.7 + 0.35 * len(values)
    figure, axis = plt.subplots(figsize=(6.5, height), layout="constrained")
    axis.barh(list(values), list(values.values()), color=BLUE)
    axis.set(xlabel=label)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def plot_parts(bars, label):
    """Bars that are made up of parts.

    Args:
        bars: A dict from a bar's name to a dict from a part's name to a number; four parts in all.
        label: What the numbers are.

    Raises:
        ValueError: There are more than four parts.
    """
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(part for parts in bars.values() for part in parts))
    colours = {name: style[-1] for name, *style in with_styles(dict.fromkeys(names))}
    hatches = dict(zip(names, ("", "///", "...", "xx"), strict=False))
    figure, axis = plt.subplots(figsize=(6.5, 1.3 + 0.4 * len(bars)), layout="constrained")
    for name, parts in bars.items():
        left = 0
        for part, number in parts.items():
            known = part in axis.get_legend_handles_labels()[1]
            axis.barh(
                name,
                number,
                0.6,
                left=left,
                color=colours[part],
                hatch=hatches[part],
                edgecolor="white",
                linewidth=0,
                label=None if known else part,
            )
            left += number
    axis.set(xlabel=label)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(names), fontsize=8)
    return figure


def plot_split(patients, labels, sets):
    """The patients of a split, one bar each: how many of their cells are of which class.

    Args:
        patients: N strings.
        labels: N ints, parasitized = 1.
        sets: A dict from a set's name to its indices.
    """
    import matplotlib.pyplot as plt

    patients, labels = np.asarray(patients), np.asarray(labels)
    tables = {name: _cells_of_patients(patients, labels, rows) for name, rows in sets.items()}
    widths = [max(len(table), 1) for table in tables.values()]
    figure, axes = plt.subplots(
        1,
        len(tables),
        figsize=(9, 2.8),
        width_ratios=widths,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, (name, table) in zip(axes.flat, tables.items(), strict=True):
        place = np.arange(len(table))
        axis.bar(place, table[:, 0], 0.9, color=BLUE, label=CLASSES[0].lower())
        axis.bar(
            place,
            table[:, 1],
            0.9,
            bottom=table[:, 0],
            color=ORANGE,
            label=CLASSES[1].lower(),
            hatch="////",
            edgecolor="white",
            linewidth=0,
        )
        cells, share = table.sum(), table[:, 1].sum() / max(table.sum(), 1)
        axis.set_title(f"{name}\n{cells:,} cells\n{share:.0%} parasitized", fontsize=9)
        axis.set_xticks([])
        axis.set_xlabel(f"{len(table)} patients", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("cells")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def plot_cuts(sizes, shares, size, share, size_room, share_room):
    """Many random sets of patients, one mark each, and a box round those that are good enough.

    Args:
        sizes: N floats: which part of all cells each set holds.
        shares: N floats: which part of the set's cells is parasitized.
        size, share: What they should be, the centre of the box.
        size_room, share_room: How far they may be off.
    """
    import matplotlib.pyplot as plt

    sizes, shares = np.asarray(sizes), np.asarray(shares)
    good = (np.abs(sizes - size) <= size_room) & (np.abs(shares - share) <= share_room)
    figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for chosen, mark, colour, name in (
        (~good, "o", GREY, f"{(~good).sum():,} sets are off"),
        (good, "D", ORANGE, f"{good.sum():,} are good enough"),
    ):
        axis.plot(
            sizes[chosen], shares[chosen], mark, color=colour, ms=3, mew=0, alpha=0.6, label=name
        )
    corner = (size - size_room, share - share_room)
    axis.add_patch(plt.Rectangle(corner, 2 * size_room, 2 * share_room, fill=False, lw=1.5))
    axis.set(xlabel="part of all cells that is in the set", ylabel="part of them parasitized")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, markerscale=2)
    return figure


def plot_accuracies(accuracies):
    """Accuracies of some rules, each under two kinds of split: a mark a split, a bar the mean.

    Args:
        accuracies: A dict from `(rule, kind of split)` to N floats; at most two kinds.
    """
    import matplotlib.pyplot as plt

    rules = list(dict.fromkeys(rule for rule, _ in accuracies))
    kinds = list(dict.fromkeys(kind for _, kind in accuracies))
    figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for (rule, kind), values in accuracies.items():
        second = kinds.index(kind)
        mark, colour = (("s", GREY), ("o", BLUE))[second]
        place = rules.index(rule) + (-0.18, 0.18)[second]
        beside = place + np.linspace(-0.08, 0.08, len(values))
        label = f"split {kind}" if rule == rules[0] else None
        axis.plot(beside, values, mark, color=colour, ms=5, mfc="white", label=label)
        mean = np.mean(values)
        axis.plot([place - 0.12, place + 0.12], [mean, mean], color=colour, lw=2.5)
        axis.text(place, max(values) + 0.02, f"{mean:.2f}", ha="center", color=colour, fontsize=9)
    axis.axhline(0.5, color="black", lw=0.8)
    axis.text(len(rules) - 0.52, 0.505, "a coin", ha="right", va="bottom", fontsize=8)
    axis.set(xticks=range(len(rules)), xticklabels=rules, ylabel="accuracy", ylim=(0.35, 1.05))
    axis.set_xlim(-0.5, len(rules) - 0.5)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _cells_of_patients(patients, labels, rows):
    """`(P, 2)` int: the uninfected and parasitized cells of each patient, the largest first."""
    rows = np.asarray(rows, int)
    names, patient = np.unique(patients[rows], return_inverse=True)
    table = np.zeros((len(names), 2), int)
    np.add.at(table, (patient, labels[rows]), 1)
    return table[np.argsort(-table.sum(1), kind="stable")]


def plot_history(history, beside=None):
    """The learning curves, with the boundary between the two phases.

    Args:
        history: What `train` returns: a dict of lists with one entry an epoch.
        beside: Another run to compare with, a dict from its name to its history, or None. Its
            validation loss and its validation AUC are drawn as thin black lines.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    phases = list(history["phase"])
    epochs = np.arange(1, len(phases) + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
    left.plot(epochs, history["loss"], "o-", color=BLUE, ms=4, label="training")
    left.plot(epochs, history["val_loss"], "s--", color=ORANGE, ms=4, label="validation")
    left.set_ylabel("loss (nats)")
    for name, mark, colour in (("accuracy", "s--", ORANGE), ("auc", "^:", GREY)):
        if f"val_{name}" in history:
            label = {"accuracy": "accuracy", "auc": "AUC"}[name]
            right.plot(epochs, history[f"val_{name}"], mark, color=colour, ms=4, label=label)
    right.set_ylabel("validation: accuracy, AUC")
    for name, other in (beside or {}).items():
        for axis, entry, what in ((left, "val_loss", "validation"), (right, "val_auc", "AUC")):
            values = other.get(entry, [])
            places = np.arange(1, len(values) + 1)
            axis.plot(places, values, "-", color="black", lw=0.9, label=f"{what}, {name}")
    for axis in (left, right):
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
        if "whole" in phases and "head" in phases:
            boundary = phases.count("whole") + 0.5
            axis.axvline(boundary, color="black", lw=1)
            axis.annotate(
                "head only",
                (boundary, 1),
                (2, 2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                fontsize=8,
            )
    left.legend(fontsize=8)
    if right.get_legend_handles_labels()[0]:
        right.legend(fontsize=8)
    return figure


def plot_patients(names, accuracies, cells):
    """The accuracy of one or two classifiers on each patient, the marks of a patient joined.

    Args:
        names: P strings, the patients.
        accuracies: A dict from a classifier's name to P floats; at most two.
        cells: P ints: how many cells each patient has, written below the name.
    """
    import matplotlib.pyplot as plt

    values = np.array(list(accuracies.values()))  # (classifiers, P)
    order = np.argsort(values[0], kind="stable")
    figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
    for place, k in enumerate(order):
        axis.plot([place, place], [values[:, k].min(), values[:, k].max()], color=GREY, lw=1)
    # The smaller mark comes second, so that both are seen where they are equal.
    for (name, row), mark, colour, side in zip(
        accuracies.items(), ("o", "s"), (BLUE, ORANGE), (8, 4), strict=False
    ):
        axis.plot(
            np.asarray(row)[order], mark, color=colour, ms=side, mfc="white", mew=1.6, label=name
        )
    rotation = 0 if len(order) <= 16 else 90
    labels = [f"{names[k]}\n{cells[k]}" for k in order]
    axis.set_xticks(range(len(order)), labels, fontsize=8, rotation=rotation)
    axis.set(xlabel="patient, and number of cells", ylabel="accuracy")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.25)
    axis.legend(fontsize=8, loc="lower right")
    return figure


def plot_roc(labels, named_scores, thresholds=None):
    """The receiver operating characteristic of one or more classifiers.

    Args:
        labels: N ints, parasitized = 1; both classes must occur.
        named_scores: A dict from a name to N scores, at most four: the higher, the more
            parasitized.
        thresholds: A dict from some of the names to the threshold in use, whose point is marked;
            or None.

    Raises:
        ValueError: There are more than four classifiers.
    """
    import matplotlib.pyplot as plt

    styled = with_styles(named_scores)
    figure, axis = plt.subplots(figsize=(4, 4), layout="constrained")
    for name, values, style, colour in styled:
        curve = roc_curve(labels, values)
        label = f"{name}: AUC {area_under(*curve):.3f}"
        axis.plot(*curve, style[1:], color=colour, label=label)  # a line without marks
        if name in (thresholds or {}):
            called = np.asarray(values) > thresholds[name]
            (cleared, alarms), (missed, found) = confusion(labels, called).tolist()
            point = (alarms / (cleared + alarms), found / (missed + found))
            label = f"at the threshold {thresholds[name]}"
            axis.plot(*point, style[0], color=colour, ms=8, mec="white", label=label)
    axis.plot([0, 1], [0, 1], lw=0.8, color="black", alpha=0.4)
    axis.set_xlabel("1 - specificity: uninfected cells called parasitized")
    axis.set_ylabel("sensitivity: parasitized cells found")
    axis.set_aspect("equal")
    axis.grid(alpha=0.25)
    axis.legend(loc="lower right", fontsize=8)
    return figure


FEW = 10  # cells


def plot_reliability(probabilities, truths, bins=10):
    """A reliability diagram: below how many cells were called so likely, above how many were.

    A mark of fewer than ten cells is empty: it may lie anywhere by chance.

    Args:
        probabilities: N floats in [0, 1], P(parasitized).
        truths: A dict from a name to N ints, parasitized = 1; at most four, such as the labels and
            what was drawn.
        bins: How many parts of equal width [0, 1] is cut into.

    Raises:
        ValueError: There are more than four truths, or a probability is not in [0, 1].
    """
    import matplotlib.pyplot as plt

    styled = with_styles(truths)
    curves = {name: reliability(truth, probabilities, bins) for name, truth in truths.items()}
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(5.2, 4.8), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    above.plot([0, 1], [0, 1], lw=0.8, color="black", alpha=0.4)
    for name, truth, style, colour in styled:
        error = calibration_error(truth, probabilities, bins)
        label = f"{name}: calibration error {error:.3f}"
        said, found, cells = curves[name]
        above.plot(said, found, style, color=colour, ms=5, label=label)
        few = cells < FEW
        above.plot(said[few], found[few], style[0], color=colour, ms=5, mfc="white")
    counts, edges = np.histogram(probabilities, bins, (0, 1))
    bars = below.bar(edges[:-1], counts, 0.9 / bins, align="edge", color=GREY)
    below.bar_label(bars, fontsize=7)
    above.set(ylabel="share that is parasitized", xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    below.set(xlabel="P(parasitized)", ylabel="cells")
    below.margins(y=0.25)
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
    above.grid(alpha=0.25)
    above.legend(fontsize=8, loc="lower right")
    return figure


def plot_confusion(labels, predictions):
    """The four counts of a decision: rows are the truth, columns the call.

    Args:
        labels, predictions: N ints each, parasitized = 1.
    """
    import matplotlib.pyplot as plt

    table = confusion(labels, predictions)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    figure, axis = plt.subplots(figsize=(3.6, 3.2), layout="constrained")
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(2, 2):
        text = f"{table[row, column]:,}\n{shares[row, column]:.1%}"
        colour = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=11)
    names = [name.lower() for name in CLASSES]
    axis.set_xticks([0, 1], names)
    axis.set_yticks([0, 1], names, rotation=90, va="center")
    axis.set_xlabel("predicted")
    axis.set_ylabel("truth")
    return figure


def overlay(image, saliency):
    """An image with its saliency map: faded to grey, and tinted where the map is strong.

    Args:
        image: `(H, W, 3)`, uint8 or float in [0, 1].
        saliency: `(h, w)`, not negative; resized to the image.

    Returns:
        `(H, W, 3)` uint8.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    saliency = np.asarray(saliency, np.float32)
    # Single pixels stand far above the rest: the 99th percentile is the top of the scale.
    top = np.percentile(saliency, 99) or saliency.max() or 1
    tint = Image.fromarray(np.uint8(255 * np.clip(saliency / top, 0, 1)))
    tint = tint.resize(image.shape[1::-1], Image.Resampling.BILINEAR)
    strength = np.asarray(tint, np.float32)[..., None] / 255  # (H, W, 1)
    grey = image.mean(-1, keepdims=True) * 0.8
    return np.uint8(grey * (1 - strength) + np.array([255, 210, 0]) * strength)


def show_saliency(images, maps, titles=None):
    """Cells above, and below each where its map is strong.

    Args:
        images: N images, as for `overlay`.
        maps: N maps, `(h, w)`.
        titles: N strings, or None.
    """
    import matplotlib.pyplot as plt

    count = len(images)
    lines = max(title.count("\n") for title in titles) if titles else 0
    figure, axes = plt.subplots(
        2, count, figsize=(1.3 * count, 2.8 + 0.15 * lines), squeeze=False, layout="constrained"
    )
    for k, (image, saliency) in enumerate(zip(images, maps, strict=True)):
        axes[0, k].imshow(np.asarray(image))
        axes[1, k].imshow(overlay(image, saliency))
        if titles:
            axes[0, k].set_title(titles[k], fontsize=8)
    for axis in axes.flat:
        axis.axis("off")
    return figure

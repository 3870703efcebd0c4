"""Given: finding and checking cell images, and the pictures of the lessons and the report.

`import malaria.utils` loads no TensorFlow and, until a picture is drawn, no matplotlib.
"""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from malaria import PROJECT
from malaria.given.practice_cells import draw_cells
from malaria.given.scores import confusion, roc_curve, scores

CLASSES = ("Uninfected", "Parasitized")  # at its label's place
SUFFIXES = (".png", ".jpg", ".jpeg")
DATA = PROJECT / "data"
LEAST_SIDE, MOST_SIDE = 8, 4096  # pixels: the cells of the NIH set are 40 to 394 wide

# Told apart by lightness as well as by hue, also in the common colour blindnesses.
BLUE, ORANGE, GREY = "#0b5394", "#e07b00", "#7a7a7a"


# Reading


def practice_cells(patients=60, cells=2400, seed=0):
    """The folder of a set of practice cells, drawn when it is asked for the first time.

    Args:
        patients, cells, seed: As in `malaria data`; each choice has a folder of its own.

    Returns:
        A `pathlib.Path` with the folders `Parasitized` and `Uninfected`.
    """
    default = (patients, cells, seed) == (60, 2400, 0)
    name = "practice_cells" if default else f"practice_cells_{patients}_{cells}_{seed}"
    folder = DATA / name
    if not (folder / "cell_images").is_dir():
        try:
            # None: a bar on a terminal only, so that notebooks print the same every time.
            draw_cells(folder, patients, cells, seed, progress=None)
        except FileExistsError:
            if not (folder / "cell_images").is_dir():  # not merely drawn by another notebook
                raise
    return folder / "cell_images"


def nih_cells():
    """The folder of the real cells, or None unless `malaria data --nih` has fetched them."""
    folder = DATA / "nih_cells" / "cell_images"
    return folder if folder.is_dir() else None


def find_cells(folder):
    """Find the images of a folder that holds `Parasitized` and `Uninfected`.

    Hidden files and whatever has not the name of an image, such as `Thumbs.db`, are passed over.

    Args:
        folder: A `str` or `pathlib.Path`.

    Returns:
        `(paths, labels)`: a list of N `str`, sorted by class and name, and `(N,)` int32,
        parasitized = 1.

    Raises:
        FileNotFoundError: The folder, or one of the two in it, does not exist.
        ValueError: One of the two holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    if not (folder / CLASSES[0]).is_dir() and (folder / "cell_images").is_dir():
        folder = folder / "cell_images"  # what the zip of the real cells unpacks to
    paths, labels = [], []
    for label, name in enumerate(CLASSES):
        if not (folder / name).is_dir():
            raise FileNotFoundError(
                f"{folder} has no folder {name}: the cells belong into Parasitized and Uninfected."
            )
        found = sorted(str(path) for path in (folder / name).iterdir() if is_image_name(path))
        if not found:
            raise ValueError(f"The folder {folder / name} is empty: it holds no .png or .jpg.")
        paths += found
        labels += [label] * len(found)
    return paths, np.array(labels, np.int32)


def is_image_name(path):
    """Whether a file's name is that of an image: .png, .jpg or .jpeg, and not hidden."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def check_image(path):
    """Why a file cannot be used as a cell image.

    The size is read before a pixel is decoded, so that a small file cannot fill the memory.

    Args:
        path: A `str` or `pathlib.Path`.

    Returns:
        None if it is sound: 8-bit RGB, PNG or JPEG, whole, of a sensible size. Otherwise a sentence
        that begins with the path.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=("PNG", "JPEG")) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            reason = _unusable(image)
            if reason is None:
                image.load()
    except UnidentifiedImageError:
        reason = "is no PNG or JPEG image"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"is larger than {MOST_SIDE} x {MOST_SIDE} pixels"
    except (FileNotFoundError, IsADirectoryError):
        reason = "is no file"
    except PermissionError:
        reason = "cannot be read: permission denied"
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow raises any of these
        reason = f"is cut short or damaged ({' '.join(str(error).split())})"
    return None if reason is None else f"{path} {reason}."


def _unusable(image):
    """What is wrong with an opened, undecoded image, or None."""
    width, height = image.size
    if max(width, height) > MOST_SIDE:
        return f"is {width} x {height} pixels large: the most is {MOST_SIDE} x {MOST_SIDE}"
    if min(width, height) < LEAST_SIDE:
        return f"is {width} x {height} pixels small: the least is {LEAST_SIDE} x {LEAST_SIDE}"
    modes = {"P": "a palette", "L": "grey only", "1": "black and white only", "CMYK": "CMYK"}
    modes |= {"RGBA": "an alpha channel", "LA": "grey and an alpha channel"}
    if image.mode != "RGB":
        kind = modes.get(image.mode, "16 bits" if "16" in image.mode else f"mode {image.mode}")
        return f"has {kind}: a cell image is RGB with 8 bits a channel"
    if any("16" in str(tile[3]) for tile in image.tile):  # Pillow would cut them to 8
        return "has 16 bits a channel: a cell image is RGB with 8"
    return None


def check_images(paths):
    """Check many images on several threads.

    Args:
        paths: An iterable of paths.

    Returns:
        A dict from each unusable path to the sentence that says why, in the order of `paths`.
    """
    paths = list(paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reasons = pool.map(check_image, paths, chunksize=64)
        return {path: reason for path, reason in zip(paths, reasons, strict=True) if reason}


# Pictures. Each function returns a matplotlib figure; a notebook's `plt.show()` shows it.


def show_cells(images, titles=None, columns=8):
    """A wall of cells.

    Args:
        images: N images, `(H, W, 3)` each, uint8 or float in [0, 1]; their sizes may differ.
        titles: N strings, or None.
        columns: How many stand side by side.
    """
    import matplotlib.pyplot as plt

    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = 1.15
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(columns * size, rows * (size + (0.25 if titles else 0))),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for k, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(np.asarray(image))
        if titles:
            axis.set_title(titles[k], fontsize=8)
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


def _cells_of_patients(patients, labels, rows):
    """`(P, 2)` int: the uninfected and parasitized cells of each patient, the largest first."""
    rows = np.asarray(rows, int)
    names, patient = np.unique(patients[rows], return_inverse=True)
    table = np.zeros((len(names), 2), int)
    np.add.at(table, (patient, labels[rows]), 1)
    return table[np.argsort(-table.sum(1), kind="stable")]


def plot_history(history):
    """The learning curves, with the boundary between the two phases.

    Args:
        history: What `train` returns: a dict of lists with one entry an epoch.
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
    right.set_ylabel("on the validation cells")
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


def plot_roc(labels, named_scores):
    """The receiver operating characteristic of one or more classifiers.

    Args:
        labels: N ints, parasitized = 1; both classes must occur.
        named_scores: A dict from a name to N scores: the higher, the more parasitized.
    """
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(4, 4), layout="constrained")
    styles = (("-", BLUE), ("--", ORANGE), (":", GREY), ("-.", "black"))
    for (name, values), (line, colour) in zip(named_scores.items(), styles, strict=False):
        false_alarms, found = roc_curve(labels, values)
        auc = scores(labels, values)["auc"]
        axis.plot(false_alarms, found, line, color=colour, label=f"{name}: AUC {auc:.3f}")
    axis.plot([0, 1], [0, 1], lw=0.8, color="black", alpha=0.4)
    axis.set_xlabel("1 - specificity: uninfected cells called parasitized")
    axis.set_ylabel("sensitivity: parasitized cells found")
    axis.set_aspect("equal")
    axis.grid(alpha=0.25)
    axis.legend(loc="lower right", fontsize=8)
    return figure


def plot_confusion(labels, predictions):
    """The four counts of a decision: rows are the truth, columns what was called.

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
    axis.set_xlabel("called")
    axis.set_ylabel("truth")
    return figure


def overlay(image, saliency):
    """An image with its saliency map: faded to grey, and tinted where the map is strong.

    Args:
        image: `(H, W, 3)`, uint8 or float in [0, 1].
        saliency: `(h, w)`, not negative; brought to the size of the image.

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
    figure, axes = plt.subplots(
        2, count, figsize=(1.3 * count, 2.8), squeeze=False, layout="constrained"
    )
    for k, (image, saliency) in enumerate(zip(images, maps, strict=True)):
        axes[0, k].imshow(np.asarray(image))
        axes[1, k].imshow(overlay(image, saliency))
        if titles:
            axes[0, k].set_title(titles[k], fontsize=8)
    for axis in axes.flat:
        axis.axis("off")
    return figure

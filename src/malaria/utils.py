"""Given: finding and checking cell images, measuring times, and drawing pictures.

`import malaria.utils` loads no TensorFlow and, until a picture is drawn, no matplotlib.
"""

import os
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from malaria import PROJECT
from malaria.given.cells.practice_cells import CLASSES, draw_cells
from malaria.given.pictures import (  # noqa: F401  all that a lesson needs under one name
    BLUE,
    GREY,
    ORANGE,
    overlay,
    plot_bars,
    plot_confusion,
    plot_history,
    plot_lines,
    plot_paths,
    plot_roc,
    plot_split,
    show_cells,
    show_saliency,
)

SUFFIXES = (".png", ".jpg", ".jpeg")
DATA = PROJECT / "data"
LEAST_SIDE, MOST_SIDE = 8, 4096  # pixels: the cells of the NIH set are 40 to 394 wide


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


def milliseconds(function, runs=1):
    """How long a function takes: the best of some calls, for other work can only slow it down."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)

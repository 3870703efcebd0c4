"""Which files count as cell images: finding them in a folder, and saying why one is unusable."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

CLASSES = ("Uninfected", "Parasitized")  # by label: parasitized = 1
SUFFIXES = (".png", ".jpg", ".jpeg")
MIN_SIDE, MAX_SIDE = 8, 4096  # pixels: the cells of the NIH set are 40 to 394 wide


def find_cells(folder):
    """Find the images of a folder that holds `Parasitized` and `Uninfected`.

    Hidden files, and files without the name of an image, such as `Thumbs.db`, are passed over.

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
                f"{folder} has no folder {name}: the cells belong in Parasitized and Uninfected."
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
        None if it can: 8-bit RGB, PNG or JPEG, whole, of a sensible size. Otherwise a sentence that
        begins with the path.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=("PNG", "JPEG")) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            reason = _unusable(image)
            if reason is None:
                image.load()
    except UnidentifiedImageError:
        reason = "is not a PNG or JPEG image"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"is larger than {MAX_SIDE} x {MAX_SIDE} pixels"
    except (FileNotFoundError, IsADirectoryError):
        reason = "is not a file"
    except PermissionError:
        reason = "cannot be read: permission denied"
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow raises any of these
        reason = f"is cut short or damaged ({' '.join(str(error).split())})"
    return None if reason is None else f"{path} {reason}."


def _unusable(image):
    """What is wrong with an opened, undecoded image, or None."""
    width, height = image.size
    if max(width, height) > MAX_SIDE:
        return f"is {width} x {height} pixels, too large: at most {MAX_SIDE} x {MAX_SIDE} will do"
    if min(width, height) < MIN_SIDE:
        return f"is {width} x {height} pixels, too small: at least {MIN_SIDE} x {MIN_SIDE} will do"
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

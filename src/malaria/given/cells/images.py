"""Which files count as cell images: finding them in a folder, and saying why one is unusable.

Sources
    [1] PNG specification, third edition, https://www.w3.org/TR/png-3, section 5: chunks
    [2] ITU-T T.81, JPEG, annex B: markers
"""

import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from malaria.given.cells.classes import CLASSES

SUFFIXES = (".png", ".jpg", ".jpeg")
MIN_SIDE, MAX_SIDE = 8, 4096  # pixels: the cells of the NIH set are 40 to 394 wide
MAX_BYTES = 4 * MAX_SIDE**2  # more than the pixels of the largest image take without compression
LAST_FILTER = 4  # of a PNG's rows: 0 to 4 [1]
# The passes in which a PNG's pixels come: first column, first row, and the steps of both [1].
ONE_PASS = ((0, 0, 1, 1),)
SEVEN_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4))
SEVEN_PASSES += ((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Folders in which systems keep what was deleted, thumbnails, or twins of files.
NOT_CELLS = ("$RECYCLE.BIN", "@eaDir", "__MACOSX")


def find_cells(folder):
    """Find the images of a folder that holds `Parasitized` and `Uninfected`.

    Each of the two is looked through at any depth. Hidden files and folders, and files without the
    name of an image, such as `Thumbs.db`, are passed over.

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
        found = images_in(folder / name)
        if not found:
            raise ValueError(f"The folder {folder / name} is empty: it holds no .png or .jpg.")
        paths += found
        labels += [label] * len(found)
    return paths, np.array(labels, np.int32)


def images_in(folder):
    """What has the name of an image in a folder, at any depth; nothing hidden.

    Args:
        folder: A `str` or `pathlib.Path`.

    Returns:
        A sorted list of `str`. A folder in it that cannot be looked into stands there itself:
        `check_image` says of it, as of any file that is of no use, why.
    """
    found, seen = [], set()

    def look_into(folder):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder is followed, but not in a circle
            return
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            found.append(folder)
            return
        for entry in entries:
            if os.path.isdir(entry.path):  # unlike the entry's own method, never an error
                if not entry.name.startswith(".") and entry.name not in NOT_CELLS:
                    look_into(entry.path)
            elif is_image_name(entry.path):
                found.append(entry.path)

    look_into(str(folder))
    return sorted(found)


def name_in_class(path):
    """The name of one of `find_cells`'s files within its class, such as `slide_1/C1_cell_1.png`."""
    parts = Path(path).parts
    last = max(k for k, part in enumerate(parts) if part in CLASSES)
    return "/".join(parts[last + 1 :])


def is_image_name(path):
    """Whether a file's name is that of an image: .png, .jpg or .jpeg, and not hidden."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def shown(path):
    """A path as it is printed: on one line, and without what no terminal or file can hold."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in str(path)
    )


def check_image(path):
    """Why a file cannot be used as a cell image.

    What is not refused, TensorFlow can decode. The size is read before a pixel is decoded, so that
    a small file cannot fill the memory.

    Args:
        path: A `str` or `pathlib.Path`.

    Returns:
        None if it can: 8-bit RGB, PNG or JPEG, whole, of a sensible size. Otherwise a sentence that
        begins with the path.
    """
    try:
        reason = _reason(path)
    except UnidentifiedImageError:
        reason = "is damaged: its header cannot be read"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"is larger than {MAX_SIDE} x {MAX_SIDE} pixels"
    except FileNotFoundError:
        reason = "does not exist"
    except PermissionError:
        reason = "cannot be read: permission denied"
    except Exception as error:  # whatever a damaged file leads Pillow to
        reason = f"is cut short or damaged ({' '.join(str(error).split())})"
    return None if reason is None else f"{shown(path)} {reason}."


def _reason(path):
    """What `check_image` says of a file after its path, unless reading it is an error."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return "has a name that is not UTF-8, which TensorFlow cannot open: rename it"
    if os.path.isdir(path):
        os.listdir(path)  # one that may not be looked into is refused for that
    if not os.path.isfile(path) and os.path.exists(path):  # also a pipe, which never ends
        return "is not a file"
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        return f"has more than {MAX_BYTES:,} bytes, too many for a cell"
    damage = _damage(data)
    if damage is not None:
        return damage
    with (
        warnings.catch_warnings(),
        Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image,
    ):
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        reason = _unusable(image)
        if reason is None and image.format == "PNG":
            return _row_damage(data)
        if reason is None:
            image.load()
    return reason


def _damage(data):
    """What is wrong with the bytes of a file, as far as no pixel need be decoded to see it."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_damage(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg_damage(data)
    return "is not a PNG or JPEG image"


def _png_damage(data):
    """What is wrong with the chunks of a PNG, or None [1].

    Pillow reads no further than the last pixel, and is patient with what it does not know.
    """
    view, place, kind = memoryview(data), 8, b""
    while kind != b"IEND":
        if len(data) < place + 12:
            return "is cut short: its end is missing"
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        if len(data) < end + 4:
            return "is cut short: it ends within a chunk"
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return f"is damaged: a checksum is wrong ({shown(kind.decode('latin-1'))})"
        if (kind == b"IHDR") != (place == 8):
            return "is damaged: its header is not at its beginning, or there twice"
        if kind == b"IHDR" and (length != 13 or tuple(data[26:28]) != (0, 0) or data[28] > 1):
            return "is damaged: its header asks for something that does not exist"
        optional = kind.isalpha() and kind[:1].islower()
        if not optional and kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            return f"is damaged: it has an unknown part ({shown(kind.decode('latin-1'))})"
        place = end + 4
    return None


def _row_damage(data):
    """What is wrong with the rows of pixels of an 8-bit RGB PNG with sound chunks, or None.

    Pillow, which leaves black what is missing, is not asked. A row has a byte before its pixels
    that names its filter, and there is none without pixels [1].

    Raises:
        zlib.error: They cannot be unpacked.
    """
    width, height = struct.unpack_from(">II", data, 16)
    shapes = []  # of each pass: how many rows, of how many bytes
    for x, y, step_x, step_y in SEVEN_PASSES if data[28] else ONE_PASS:
        columns, rows = -((x - width) // step_x), -((y - height) // step_y)
        if columns > 0:
            shapes.append((rows, 3 * columns + 1))
    wanted = sum(rows * length for rows, length in shapes)
    packed, place, kind = [], 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            packed.append(data[place + 8 : place + 8 + length])
        elif packed:  # what may come later is not read any more
            break
        place += length + 12
    # One byte more than is wanted: only then is the sum at the end looked at.
    pixels = zlib.decompressobj().decompress(b"".join(packed), wanted + 1)
    if len(pixels) < wanted:
        return "is cut short: it has fewer pixels than it says"
    start = 0
    for rows, length in shapes:
        if max(pixels[start : start + rows * length : length]) > LAST_FILTER:
            return "is damaged: a row of pixels is filtered in a way that does not exist"
        start += rows * length
    return None


def _jpeg_damage(data):
    """What is wrong with the markers of a JPEG, or None: no end, a kind that is rare [2]."""
    place = 2
    while True:
        place = data.find(b"\xff", place)  # a marker, after fill bytes or none
        if place < 0 or len(data) < place + 2:
            return "is cut short: its end is missing"
        kind = data[place + 1]
        if kind in (0x00, 0xFF) or 0xD0 <= kind <= 0xD8 or kind == 0x01:  # without a length
            place += 1 if kind == 0xFF else 2
            continue
        if kind in (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)):
            return "is a JPEG of a rare kind: save it as a baseline or progressive one"
        if kind == 0xD9:  # the end
            return None
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")


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

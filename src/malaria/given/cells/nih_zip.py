"""A zip of cells, such as that of the NIH images [1], unpacked whole or not at all.

    cell_images.unpacking/    an unpacking under way; removed when it fails, or by the next run
    cell_images/              the set: renamed from the line above, so that it is whole or not there
    cell_images/SOURCE.txt    whom to credit, and the hash of the zip that the set came from

A zip may come from anywhere, so nothing in it is trusted [2]: what is unsafe is refused before a
file is written.

Sources
    [1] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
    [2] https://docs.python.org/3/library/zipfile.html#decompression-pitfalls
"""

import errno
import hashlib
import shutil
import stat
import zipfile
import zlib
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from malaria.given.cells.classes import CLASSES
from malaria.given.system.lock import locked
from malaria.given.system.whole import whole_folder

CREDIT = (
    "Cell images: Courtesy of the U.S. National Library of Medicine. Please cite S. Rajaraman et "
    "al., Pre-trained convolutional neural networks as feature extractors toward improved malaria "
    "parasite detection in thin blood smear images, PeerJ 6:e4568 (2018), "
    "https://doi.org/10.7717/peerj.4568. Keep this notice with every copy of the images."
)

LOCK = ".cell_images.lock"  # empty; held by the run that is at work in the folder
LARGEST_CELL = 50 * 10**6  # bytes; the largest real cell has less than 0.1 MB [2]
LARGEST_SET = 5 * 10**9  # bytes; the real set has about 0.35 GB


def unpack_cells(zip_file, folder, progress=True):
    """Unpack a zip of cells that is already at hand, unless its cells are in place.

    Args:
        zip_file: A zip that holds, at any depth, a folder Parasitized/ and beside it a folder
            Uninfected/: the NIH's own or a sample of it. Only the PNG files in them are taken.
        folder, progress: As in `fetch_nih_cells`.

    Returns:
        The `pathlib.Path` of folder/cell_images.

    Raises:
        OSError: No such file, a full disk, a folder that cannot be written to or holds other cells,
            another run at work in it.
        ValueError: A bad zip; nothing is left behind.
    """
    zip_file, folder = Path(zip_file), Path(folder)
    target = folder / "cell_images"
    if not zip_file.is_file():
        raise FileNotFoundError(f"There is no file {zip_file}.")
    with sentences_for_disk_errors(folder):
        sha256 = sha256_of(zip_file)
        if in_place(target, sha256):
            return target
        with locked(folder / LOCK):
            return unpack(zip_file, target, sha256, progress)


def in_place(target, sha256):
    """Whether `target` was unpacked from the zip with this hash; other content is an error."""
    if not target.exists():
        return False
    source = target / "SOURCE.txt"
    if source.is_file() and sha256 in source.read_text(encoding="utf-8", errors="replace"):
        return True
    raise FileExistsError(
        f"{target} exists and holds something other than the cells of this zip. Move it away, or "
        "choose another folder."
    )


def unpack(zip_file, target, sha256, progress):
    """Unpack a zip of cells to the folder `target`. The caller holds the lock.

    Args:
        zip_file, target: `pathlib.Path`s.
        sha256: The zip's hash.
        progress: Whether to show a progress bar, on stderr.

    Returns:
        `target`.

    Raises:
        FileExistsError: Something other than the cells of this zip is there.
        ValueError: A bad zip; nothing is left behind.
    """
    if in_place(target, sha256):  # by a run that ended between our first look and the lock
        return target
    unfinished = target.with_name("cell_images.unpacking")
    try:
        with (
            zipfile.ZipFile(zip_file) as archive,
            whole_folder(target, replace=False, unfinished=unfinished) as folder,
        ):
            cells = _cells_in(archive)
            for name in CLASSES:
                (folder / name).mkdir(parents=True)
            bar = tqdm(cells.items(), "Unpacking", unit=" cells", disable=not progress)
            for path, entry in bar:
                # Reading an entry to its end checks its CRC.
                with archive.open(entry) as packed, open(folder / path, "xb") as file:
                    shutil.copyfileobj(packed, file)
            origin = f"Unpacked from {zip_file.name}, SHA-256 {sha256}: {len(cells):,} cells.\n"
            (folder / "SOURCE.txt").write_text(f"{CREDIT}\n\n{origin}", encoding="utf-8")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"{zip_file} is damaged, or not a zip: {error}.") from error
    except ValueError as error:
        raise ValueError(f"{zip_file} was not unpacked: {error}") from error
    return target


def _cells_in(archive):
    """The entries to unpack: the PNG files of the two class folders, nothing else.

    Returns:
        A dict from "Parasitized/name.png" to the entry, a `zipfile.ZipInfo`.

    Raises:
        ValueError: An unsafe entry anywhere in the zip, or no folder with both classes.
    """
    sets = defaultdict(dict)  # folder: {(class, file name in lower case): (file name, entry)}
    total = 0
    for entry in archive.infolist():
        path = _safe_path(entry)
        total += entry.file_size
        is_png = path.suffix.lower() == ".png" and not entry.is_dir()
        # Names that begin with "._" are twins that macOS packs beside every file.
        if path.parent.name in CLASSES and is_png and not path.name.startswith("._"):
            key = (path.parent.name, path.name.lower())
            if key in sets[path.parent.parent]:  # Windows and macOS would write both to one file
                raise ValueError(f"it holds {str(path)!r} twice.")
            sets[path.parent.parent][key] = (path.name, entry)
    if total > LARGEST_SET:
        raise ValueError(f"it would grow to {total:,} bytes, more than any set of cells.")
    whole = [root for root, cells in sets.items() if {name for name, _ in cells} == set(CLASSES)]
    if not whole:
        raise ValueError("it has no folder with PNG files in both Parasitized/ and Uninfected/.")
    # The outermost wins: one well-known copy of the set holds all of it again in a folder within.
    depth = min(len(root.parts) for root in whole)
    first, *others = (root for root in whole if len(root.parts) == depth)
    if others:
        raise ValueError(f"it holds several sets ({first} and {others[0]}); pack the one you want.")
    return {f"{name}/{file}": entry for (name, _), (file, entry) in sets[first].items()}


def _safe_path(entry):
    """The path of an entry, if unpacking it can do no harm.

    `zipfile` itself would bend a path that leaves the folder into one that stays; a zip with such a
    path was made to deceive, so all of it is refused.

    Raises:
        ValueError: The path leaves the folder; the entry is a link, encrypted or absurdly large.
    """
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in entry.filename:  # ":" as in C:name
        raise ValueError(f"the path {entry.filename!r} in it leaves the folder.")
    if stat.S_ISLNK(entry.external_attr >> 16):  # the upper half holds the mode of a Unix file
        raise ValueError(f"{entry.filename!r} in it is a link.")
    if entry.flag_bits & 1:
        raise ValueError(f"{entry.filename!r} in it is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename!r} in it is compressed in a way that is not read here.")
    if entry.file_size > LARGEST_CELL:  # zipfile unpacks no more than the size it states
        raise ValueError(
            f"{entry.filename!r} in it has {entry.file_size:,} bytes, more than any cell."
        )
    return path


def sha256_of(path):
    """The SHA-256 of a file, in hexadecimal. It is read piece by piece: it may be large."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def sentences_for_disk_errors(folder):
    """Turn what the operating system reports about files into a sentence, keeping its number."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a sentence of this module
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sentence = (
                f"The disk that holds {folder} is full. The real cells take 0.8 GB, half of it for "
                "the zip. Make room and run this again; what was downloaded is kept."
            )
        else:
            sentence = f"The cells cannot be put in {folder}: {error.strerror} ({error.filename})."
        raise OSError(error.errno, sentence) from error

"""The real cells: the NIH thin-smear images [1], downloaded, checked and unpacked.

What stands in the folder, in the order in which it appears:

    .cell_images.lock         empty; held by the run that is at work here
    cell_images.zip.part      a download under way; a broken one stays and is resumed [2]
    cell_images.zip           the whole download, its size and SHA-256 checked
    cell_images.unpacking/    an unpacking under way; removed when it fails, or by the next run
    cell_images/              the set: renamed from the line above, so that it is whole or not there
    cell_images/SOURCE.txt    whom to credit, and the hash of the zip that the set came from

The zip stays after it was unpacked: a set that was lost or changed is then restored without 353 MB
from a public server, and the zip can be handed to somebody without a connection (`--from-zip`).
It may be deleted by hand; nothing reads it while the set is in place.

pooch [3] makes the request and the hash. Its own cache is not used: it starts a broken download
from nothing.

Sources:
    [1] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
    [2] RFC 9110, section 14: range requests; 15.3.7: the answer 206
    [3] Uieda et al., 2020, Journal of Open Source Software 5(45):1943
    [4] https://docs.python.org/3/library/zipfile.html#decompression-pitfalls
"""

import errno
import os
import re
import shutil
import stat
import sys
import time
import zipfile
import zlib
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

import pooch
import requests  # comes with pooch, whose downloader raises its errors
from tqdm import tqdm
from tqdm.utils import CallbackIOWrapper

from malaria.given.system.lock import only_run

NIH_URL = "https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip"
NIH_BYTES = 353_452_851
NIH_SHA256 = "0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668"
CLASSES = ("Parasitized", "Uninfected")

CREDIT = (
    "Cell images: Courtesy of the U.S. National Library of Medicine. Please cite S. Rajaraman et "
    "al., Pre-trained convolutional neural networks as feature extractors toward improved malaria "
    "parasite detection in thin blood smear images, PeerJ 6:e4568 (2018), "
    "https://doi.org/10.7717/peerj.4568. Keep this notice with every copy of the images."
)

TIMEOUT = 30  # seconds without a byte; pooch's own default
PAUSES = (1, 2, 4)  # seconds before each new attempt; 7 in all, as long as Wi-Fi takes to return
CHUNK = 2**16  # bytes a write; pooch's default, 1024, flushes the file 345,000 times
LARGEST_CELL = 50 * 10**6  # bytes; the largest real cell has less than 0.1 MB [4]
LARGEST_SET = 5 * 10**9  # bytes; the real set has about 0.35 GB


def fetch_nih_cells(folder, url=NIH_URL, sha256=NIH_SHA256, size=NIH_BYTES, progress=True):
    """Download and unpack the real cells, unless they are in place.

    Args:
        folder: Where the set is to stand; made where it is missing.
        url, sha256, size: The zip's address, its hash (hexadecimal) and its length in bytes.
        progress: Whether to show progress bars, on stderr.

    Returns:
        The `pathlib.Path` of folder/cell_images, which holds Parasitized/ and Uninfected/.

    Raises:
        OSError: No connection, a server error, a full disk, a folder that cannot be written to or
            holds other cells, another run at work in it.
        ValueError: The server's file is another one than was asked for, or a bad zip.
    """
    folder, sha256 = Path(folder), sha256.lower()
    target, zip_file = folder / "cell_images", folder / "cell_images.zip"
    with _sentences_for_disk_errors(folder):
        if _in_place(target, sha256):
            return target
        with only_run(folder / ".cell_images.lock"):
            if not (zip_file.is_file() and pooch.file_hash(zip_file) == sha256):
                part = folder / "cell_images.zip.part"
                _download(url, part, size, progress)
                _check_hash(url, part, sha256)
                os.replace(part, zip_file)
            return _unpack(zip_file, target, sha256, progress)


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
    with _sentences_for_disk_errors(folder):
        sha256 = pooch.file_hash(zip_file)
        if _in_place(target, sha256):
            return target
        with only_run(folder / ".cell_images.lock"):
            return _unpack(zip_file, target, sha256, progress)


def _in_place(target, sha256):
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


@contextmanager
def _sentences_for_disk_errors(folder):
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


def _download(url, part, size, progress):
    """Bring `part` to `size` bytes, from where it stands; try again where that may help."""
    if part.exists() and part.stat().st_size > size:
        part.unlink()  # not a beginning of the file
    for pause in (*PAUSES, None):
        try:
            if not part.exists() or part.stat().st_size < size:
                _request_the_rest(url, part, size, progress)
            if part.stat().st_size >= size:
                return
            reason, again = "the connection broke off", True
        except requests.RequestException as error:
            reason, again = _reason(error)
        if not again or pause is None:
            break
        if progress:
            tqdm.write(f"Trying again in {pause} s: {reason}.", file=sys.stderr)
        time.sleep(pause)
    kept = part.stat().st_size if part.exists() else 0
    resume = f"; it goes on from the {kept:,} of {size:,} bytes that are here" if kept else ""
    raise OSError(
        f"{url} could not be downloaded: {reason}. Check the connection and run this again "
        f"later{resume}. Without a connection, copy the zip from somebody who has it and unpack it "
        "with --from-zip FILE."
    )


def _check_hash(url, part, sha256):
    """Remove a complete download that is not the file it should be, so that none resumes it."""
    found = pooch.file_hash(part)
    if found != sha256:
        part.unlink()
        raise ValueError(
            f"{url} arrived damaged, or has changed: its SHA-256 is {found} where {sha256} was "
            "expected. The download was removed; run this again to start afresh."
        )


def _request_the_rest(url, part, size, progress):
    """Ask once for the bytes that `part` lacks, and append those that come.

    Raises:
        requests.RequestException: No connection, or one that broke; what came is kept.
        ValueError: The server offers a file of another size; `part` is left as it was.
    """
    with open(part, "ab") as file, ExitStack() as answers:
        start = file.tell()
        bar = answers.enter_context(
            tqdm(
                desc="Downloading",
                total=size,
                initial=start,
                unit="B",
                unit_scale=True,
                disable=not progress,
            )
        )

        def before_the_body(response, **_):
            """See where the body belongs: a server that knows no ranges sends the whole file."""
            answers.callback(response.close)
            if response.status_code == 416:
                file.truncate(0)  # the server's file ends before ours: start over
            if response.status_code not in (200, 206):
                return  # a redirection, or an error that pooch raises
            begins = _first_byte(response)
            length = response.headers.get("Content-Length")
            if length is not None and begins + int(length) != size:
                raise ValueError(
                    f"{url} has {begins + int(length):,} bytes where {size:,} were expected: it is "
                    "another file, or a page that the network puts in its place. Nothing was "
                    "downloaded."
                )
            file.truncate(begins)
            bar.n = begins

        downloader = pooch.HTTPDownloader(
            chunk_size=CHUNK,
            timeout=TIMEOUT,
            # identity: a compressed answer would count other bytes than those of the file
            headers={"Range": f"bytes={start}-", "Accept-Encoding": "identity"},
            hooks={"response": before_the_body},
        )
        downloader(url, CallbackIOWrapper(bar.update, file, "write"), None)


def _first_byte(response):
    """Position in the file of the first byte of the answer; 0 unless it is a later range."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found and response.status_code == 206 else 0


def _reason(error):
    """Why a request failed, in words, and whether a new attempt may help."""
    if error.response is not None:
        status = error.response.status_code
        again = status >= 500 or status in (416, 429)  # 429: too many requests
        return f"the server answers {status} ({error.response.reason})", again
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"the server was silent for {TIMEOUT} s", True
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off", True
    again = isinstance(error, requests.ConnectionError)
    return f"the server cannot be reached ({type(error).__name__})", again


def _unpack(zip_file, target, sha256, progress):
    """Unpack into a temporary folder beside `target`, then rename it in one step."""
    if _in_place(target, sha256):  # by a run that ended between our first look and the lock
        return target
    temporary = target.with_name("cell_images.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed: we hold the lock
    try:
        with zipfile.ZipFile(zip_file) as archive:
            cells = _cells_in(archive)
            for name in CLASSES:
                (temporary / name).mkdir(parents=True)
            bar = tqdm(cells.items(), "Unpacking", unit=" cells", disable=not progress)
            for path, entry in bar:
                # Reading an entry to its end checks its CRC.
                with archive.open(entry) as packed, open(temporary / path, "xb") as file:
                    shutil.copyfileobj(packed, file)
        origin = f"Unpacked from {zip_file.name}, SHA-256 {sha256}: {len(cells):,} cells.\n"
        (temporary / "SOURCE.txt").write_text(f"{CREDIT}\n\n{origin}", encoding="utf-8")
        _rename(temporary, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"{zip_file} is damaged, or not a zip: {error}.") from error
    except ValueError as error:
        raise ValueError(f"{zip_file} was not unpacked: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
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
        raise ValueError(f"it would grow to {total:,} bytes: no set of cells does.")
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
        raise ValueError(f"{entry.filename!r} in it has {entry.file_size:,} bytes: no cell has.")
    return path


def _rename(source, target):
    """Rename a folder; wait where Windows refuses because a virus scanner still reads in it."""
    for pause in (*PAUSES, None):
        try:
            os.rename(source, target)
            break
        except PermissionError:
            if pause is None:
                raise
            time.sleep(pause)

"""The real cells: the NIH thin-smear images [1], downloaded, checked and unpacked.

What stands in the folder, in the order in which it appears:

    .cell_images.lock         empty; held by the run that is at work here
    cell_images.zip.part      a download under way; a broken one stays and is resumed [2]
    cell_images.zip           the whole download, its size and SHA-256 checked
    cell_images/              the set; `nih_zip` says how it comes from the zip

The zip stays after it was unpacked: a set that was lost or changed is then restored without 353 MB
from a public server, and the zip can be handed to somebody without a connection (`--from-zip`).
It may be deleted by hand; nothing reads it while the set is in place.

Sources
    [1] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
    [2] RFC 9110, section 14: range requests; 15.3.7: the answer 206; 15.5.17: the answer 416
    [3] APPNOTE.TXT, the .ZIP file format, section 4.3.7: what the first entry begins with
"""

import os
import re
import sys
import time
from pathlib import Path

import requests
from tqdm import tqdm

from malaria.given.cells.nih_zip import (
    LOCK,
    in_place,
    sentences_for_disk_errors,
    sha256_of,
    unpack,
)
from malaria.given.system.lock import locked

NIH_URL = "https://data.lhncbc.nlm.nih.gov/public/Malaria/cell_images.zip"
NIH_BYTES = 353_452_851
NIH_SHA256 = "0a949556b2414159b5100192609805376654c4266d8d187be9b1922fad43c668"

TIMEOUT = 30  # seconds without a byte; a server that is only slow sends some in that time
PAUSES = (1, 2, 4)  # seconds before each new attempt; 7 in all, as long as Wi-Fi takes to return
CHUNK = 2**16  # bytes a write: what a kill loses at most, and some 5,000 writes in all
ZIP_START = b"PK\x03\x04"  # [3]; what a network puts in the zip's place begins otherwise
NOT_THE_ZIP = (
    "is answered with something that is not the zip: probably a page that the network puts in its"
    " place, such as one to sign in. Open a page in a browser, then run this again; what was"
    " downloaded before is kept."
)


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
    with sentences_for_disk_errors(folder):
        if in_place(target, sha256):
            return target
        with locked(folder / LOCK):
            if not (zip_file.is_file() and sha256_of(zip_file) == sha256):
                part = folder / "cell_images.zip.part"
                _download(url, part, size, progress)
                _check_hash(url, part, sha256)
                os.replace(part, zip_file)
            return unpack(zip_file, target, sha256, progress)


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
    resume = (
        f"; it will continue after the {kept:,} of {size:,} bytes that are here" if kept else ""
    )
    raise OSError(
        f"{url} could not be downloaded: {reason}. Check the connection and run this again "
        f"later{resume}. Without a connection, copy the zip from somebody who has it and unpack it "
        "with --from-zip FILE."
    )


def _check_hash(url, part, sha256):
    """Remove a complete download that is not the file it should be, so that none resumes it."""
    found = sha256_of(part)
    if found != sha256:
        part.unlink()
        raise ValueError(
            f"{url} arrived damaged, or has changed: its SHA-256 is {found} where {sha256} was "
            "expected. The download was removed; run this again to start afresh."
        )


def _request_the_rest(url, part, size, progress):
    """Ask once for the bytes that `part` lacks, and put those that come in their place.

    `part` is touched only when the answer has shown that it is the zip, and never cut: an answer
    that begins earlier than was asked for writes the same bytes over those that are there.

    Raises:
        requests.RequestException: No connection, or one that broke; what came is kept.
        ValueError: The answer is not the zip, or not this part of it; `part` is left as it was.
    """
    start = part.stat().st_size if part.exists() else 0
    with _answer(url, start) as response:
        begins = _first_byte(url, response, start, size)
        chunks = response.iter_content(CHUNK)
        chunk = next(chunks, b"")
        if begins == 0 and not ZIP_START.startswith(chunk[: len(ZIP_START)]):
            raise ValueError(f"{url} {NOT_THE_ZIP}")
        part.touch()
        options = {"unit": "B", "unit_scale": True, "disable": not progress}
        with (
            open(part, "r+b") as file,
            tqdm(desc="Downloading", total=size, initial=begins, **options) as bar,
        ):
            file.seek(begins)
            while chunk:
                file.write(chunk)
                file.flush()  # what has come outlasts a kill
                bar.update(len(chunk))
                chunk = next(chunks, b"")


def _answer(url, start):
    """The answer to a request for the bytes from `start` on; the caller closes it.

    Raises:
        requests.RequestException: No connection, or an answer that brings no file.
        FileNotFoundError: The address has moved.
    """
    # identity: a compressed answer would count other bytes than those of the file
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    if response.status_code == 416 and start:  # says that its file ends before ours: see its size
        response.close()
        return _answer(url, 0)
    if response.status_code in (200, 206):
        return response
    response.close()
    if response.status_code in (404, 410):
        raise FileNotFoundError(
            f"{url} is no longer there: the server answers {response.status_code}"
            f" ({response.reason}). The address has moved: look for a newer version of this course,"
            " which may know the new one, or copy the zip from somebody who has it and unpack it"
            " with --from-zip FILE."
        )
    raise requests.HTTPError(response=response)


def _first_byte(url, response, start, size):
    """The place in the file of the answer's first byte, at most `start`.

    Raises:
        ValueError: The answer is of a file of another size, or does not say what part it is.
    """
    length = response.headers.get("Content-Length")
    if response.status_code == 200:
        begins, total = 0, length
    else:
        found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not found or int(found[1]) > start:
            raise ValueError(f"{url} {NOT_THE_ZIP}")
        begins, total = int(found[1]), found[2]
        if total in ("*", str(size)) and length is not None:
            total = begins + int(length)
    if total not in (None, "*") and int(total) != size:
        raise ValueError(
            f"{url} has {int(total):,} bytes where {size:,} were expected: it is another file, or a"
            " page that the network puts in its place. Nothing was downloaded; what was here is"
            " kept."
        )
    return begins


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

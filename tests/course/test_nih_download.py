"""The download of the real cells, against a server in this process that misbehaves on demand.

The server's zip is laid out as the NIH's. Every test works in a folder with spaces and non-ASCII
letters in its name.
"""

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from malaria import OWN_MODULES
from malaria.given.cells import nih_download, nih_zip
from malaria.given.cells.nih_download import fetch_nih_cells
from malaria.given.cells.nih_zip import unpack_cells
from malaria.given.command_line import main
from malaria.given.system import whole
from tests.course.patience import until

CELLS = {
    f"cell_images/{name}/C{i}P1ThinF_IMG_20150918_144104_cell_{i}.png": os.urandom(300)
    for name in ("Parasitized", "Uninfected")
    for i in range(6)
}
STRAYS = {
    "cell_images/Parasitized/Thumbs.db": b"a stray",
    "cell_images/Uninfected/Thumbs.db": b"a stray",
    "cell_images/Uninfected/notes.png/readme.txt": b"a stray",
    "cell_images/Uninfected/._C1.png": b"a stray",
    "__MACOSX/cell_images/Uninfected/._C1.png": b"a stray",
}


def make_zip(entries):
    """The bytes of a zip with these entries, a dict from path to content: each time the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in entries.items():
            archive.writestr(zipfile.ZipInfo(path), content)  # a bare path would add the time
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `content` at any path and notes every Range asked for.

    `script` holds what to do wrong in the coming requests, one word for each; when it is empty the
    server does everything right.
    """

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.script, self.ranges = content, [], []
        self.url = f"http://127.0.0.1:{self.server_port}/cell_images.zip"
        self.closing = threading.Event()

    def handle_error(self, request, client_address):
        """Say nothing when a client that was interrupted or killed hangs up."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request, with the fault that is next in the server's script."""

    def log_message(self, *_):
        """Keep the test run's output clean."""

    def do_GET(self):
        """Send the range that was asked for, or what the fault makes of it."""
        server, content = self.server, self.server.content
        fault = server.script.pop(0) if server.script else ""
        server.ranges.append(self.headers["Range"])
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
        if fault.isdigit():
            self.send_error(int(fault))
            return
        if fault == "silent":
            server.closing.wait(60)
            return
        if fault == "redirect":
            self.send_response(302)
            self.send_header("Location", server.url)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault.startswith("portal"):  # a sign-in page in the zip's place, longer than most parts
            page = b"<html>Please sign in</html>" * 400
            self.send_response(206 if "206" in fault else 200)
            if "length" in fault:  # a page as long as the zip
                page = page[: len(content)].ljust(len(content))
                self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        if fault == "starts early":  # a cache that answers in blocks; RFC 9110 allows it
            start = max(0, start - 100)
        if fault.startswith("no ranges"):
            start = 0
            self.send_response(200)
        elif start >= len(content) or fault == "no such range":
            self.send_error(416)
            return
        else:
            start += 100 if fault == "starts late" else 0
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        body = content[start:]
        if "no length" not in fault:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if "cut" in fault or fault == "stall" else body)
        if fault == "stall":
            server.closing.wait(60)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """No pauses, small chunks so that a small zip takes several writes, and no proxy."""
    for module in (nih_download, whole):
        monkeypatch.setattr(module, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(nih_download, "CHUNK", 512)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def folder(tmp_path):
    """Where the set goes: a name with what breaks careless code."""
    return tmp_path / "réelles Zellen 疟疾" / "nih"


@pytest.fixture
def server():
    """A server of the cells and some strays, in a thread of this process."""
    with Server(make_zip(CELLS | STRAYS)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, folder):
    """`fetch_nih_cells` from the server, with the right hash and size unless others are given."""

    def call(**changes):
        given = {
            "url": server.url,
            "sha256": hashlib.sha256(server.content).hexdigest(),
            "size": len(server.content),
            "progress": False,
        }
        return fetch_nih_cells(folder, **(given | changes))

    return call


def names_in(folder):
    """What stands in the folder, without the lock, which is always there and always empty."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".cell_images.lock")


def assert_whole(target):
    """The set holds exactly the cells, each with its bytes, and the note."""
    found = {
        f"cell_images/{path.relative_to(target).as_posix()}": path.read_bytes()
        for path in target.rglob("*")
        if path.is_file() and path.name != "SOURCE.txt"
    }
    assert found == CELLS
    assert nih_zip.CREDIT in (target / "SOURCE.txt").read_text(encoding="utf-8")


def failing_write(monkeypatch, error, after):
    """Let the download's writes raise `error` once the file has `after` bytes."""

    class Failing(io.FileIO):
        def write(self, data):
            if self.tell() + len(data) > after:
                raise error
            return super().write(data)

    monkeypatch.setattr(nih_download, "open", Failing, raising=False)  # in front of the built-in


def failing_copy(monkeypatch, error):
    """Let the unpacking raise `error` in the middle of its fourth cell."""
    calls = []

    def copy(source, file):
        calls.append(source)
        if len(calls) == 4:
            file.write(b"half a cell")
            raise error
        file.write(source.read())

    monkeypatch.setattr(nih_zip.shutil, "copyfileobj", copy)


# Everything goes well


def test_first_run(fetch, server, folder):
    """The set, and the zip it came from; nothing else is left in the folder."""
    target = fetch()
    assert target == folder / "cell_images"
    assert_whole(target)
    assert names_in(folder) == ["cell_images", "cell_images.zip"]
    assert server.ranges == ["bytes=0-"]


def test_second_run_does_nothing(fetch, server, folder):
    """353 MB are not asked of a public server twice, and nothing is touched."""
    target = fetch()
    before = folder.stat().st_mtime_ns, target.stat().st_mtime_ns
    assert fetch() == target
    assert len(server.ranges) == 1
    assert (folder.stat().st_mtime_ns, target.stat().st_mtime_ns) == before


def test_a_lost_set_is_restored_from_the_zip(fetch, server, folder):
    """The zip is kept for this: no second download."""
    shutil.rmtree(fetch())
    assert_whole(fetch())
    assert len(server.ranges) == 1


def test_a_redirection_is_followed(fetch, monkeypatch, server):
    """A public server may move; the answer that says where is not the zip."""
    monkeypatch.setattr(nih_download, "PAUSES", ())
    server.script = ["redirect"]
    assert_whole(fetch())


def test_the_hash_may_be_in_capitals(fetch, server):
    """Some tools print it so; it is the same number."""
    assert_whole(fetch(sha256=hashlib.sha256(server.content).hexdigest().upper()))


@pytest.mark.parametrize("progress", [True, False])
def test_progress_goes_to_stderr(fetch, capsys, server, progress):
    """What a command prints for other programs must not have bars in it."""
    server.script = ["cut"]
    fetch(progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    if progress:
        for words in (
            "Downloading: 100%",
            "Trying again in 0 s: the connection broke",
            "Unpacking",
        ):
            assert words in err
    else:
        assert err == ""


def test_the_module_loads_no_tensorflow():
    """Importing it takes seconds, and fetching cells needs none of it."""
    code = "import sys, malaria.given.cells.nih_download; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0


# A download that breaks off


def about_half(server):
    """How many bytes are kept of a broken answer: urllib3 drops the chunk that was not filled."""
    half = len(server.content) // 2
    return range(half - nih_download.CHUNK, half + 1)


@pytest.mark.parametrize("fault", ["cut", "cut, no length"])
def test_truncation_is_resumed_within_the_run(fetch, server, fault):
    """Without a Content-Length no error tells a broken answer from a whole one: its size does."""
    server.script = [fault]
    assert_whole(fetch())
    assert len(server.ranges) == 2
    assert int(server.ranges[1][len("bytes=") : -1]) in about_half(server)


def test_truncation_is_resumed_by_the_next_run(fetch, server, folder):
    """The attempts may run out while the connection is down: what came is kept."""
    server.script = ["cut", "503", "503", "503"]
    with pytest.raises(
        OSError, match=r"could not be downloaded.*will continue after.*--from-zip FILE"
    ):
        fetch()
    assert names_in(folder) == ["cell_images.zip.part"]
    kept = (folder / "cell_images.zip.part").read_bytes()
    assert len(kept) in about_half(server)
    assert server.content.startswith(kept)
    server.ranges.clear()
    assert_whole(fetch())
    assert server.ranges == [f"bytes={len(kept)}-"]
    assert names_in(folder) == ["cell_images", "cell_images.zip"]


@pytest.mark.parametrize("fault", ["no ranges", "no ranges, no length", "starts early"])
def test_an_answer_that_is_not_the_range_asked_for(fetch, server, folder, fault):
    """A server may ignore the range or begin before it; its bytes must not be put after ours."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip.part").write_bytes(server.content[:1000])
    server.script = [fault]
    assert_whole(fetch())
    assert server.ranges == ["bytes=1000-"]


def test_a_whole_part_is_not_downloaded_again(fetch, server, folder):
    """A run may be killed between the last byte and the check."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip.part").write_bytes(server.content)
    assert_whole(fetch())
    assert server.ranges == []


def test_a_part_that_is_too_long_is_dropped(fetch, server, folder):
    """It cannot be the beginning of the file, and no server can go on from there."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip.part").write_bytes(server.content + b"more")
    assert_whole(fetch())
    assert server.ranges == ["bytes=0-"]


@pytest.mark.parametrize("length", [1000, None])
def test_a_bad_part_costs_one_run(fetch, server, folder, length):
    """A part whose bytes are wrong, a beginning or all of it, is found out by the hash."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip.part").write_bytes(bytes(len(server.content))[:length])
    with pytest.raises(ValueError, match="was removed"):
        fetch()
    assert names_in(folder) == []
    assert_whole(fetch())


def test_a_bad_zip_in_the_cache_is_replaced(fetch, server, folder):
    """Its name alone does not say that it is whole."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip").write_bytes(b"damaged")
    assert_whole(fetch())
    assert (folder / "cell_images.zip").read_bytes() == server.content


# A server that fails


def test_wrong_hash(fetch, server, folder):
    """The sentence shows both hashes, and the bad file does not stand in the next run's way."""
    with pytest.raises(ValueError, match="SHA-256") as caught:
        fetch(sha256="ab" * 32)
    for words in ("ab" * 32, hashlib.sha256(server.content).hexdigest(), server.url):
        assert words in str(caught.value)
    assert names_in(folder) == []
    assert_whole(fetch())


def test_another_size_is_refused_before_the_download(fetch, server, folder):
    """What was downloaded before stays: the page may be the sign-in page of a hotel."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip.part").write_bytes(server.content[:1000])
    whole, server.content = server.content, b"<html>Please sign in</html>" * 100
    server.script = ["no ranges"]
    with pytest.raises(ValueError, match=rf"2,700 bytes where {len(whole):,} were expected"):
        fetch(size=len(whole))
    assert (folder / "cell_images.zip.part").read_bytes() == whole[:1000]


def test_a_part_longer_than_the_server_s_file(fetch, server, folder):
    """The answer 416: the run starts over, and so learns that the file has changed."""
    folder.mkdir(parents=True)
    size = len(server.content) + 100
    (folder / "cell_images.zip.part").write_bytes(server.content + b"more")
    with pytest.raises(ValueError, match="it is another file"):
        fetch(size=size)
    assert len(server.ranges) == 2
    assert_whole(fetch())


@pytest.mark.parametrize("begun", [0, 1000])
@pytest.mark.parametrize(
    "fault",
    ["portal 200", "portal 206", "portal 200, length", "portal 206, length", "starts late"],
)
def test_what_is_here_is_not_touched_by_another_answer(fetch, server, folder, fault, begun):
    """Neither begun nor cut nor overwritten: the next run goes on from the same byte."""
    part = folder / "cell_images.zip.part"
    folder.mkdir(parents=True)
    if begun:
        part.write_bytes(server.content[:begun])
    server.script = [fault]
    with pytest.raises(ValueError, match=r"is not the zip.*sign in.*is kept"):
        fetch()
    assert part.exists() == bool(begun)
    assert not begun or part.read_bytes() == server.content[:begun]
    assert_whole(fetch())
    assert server.ranges[-1] == f"bytes={begun}-"


@pytest.mark.parametrize("fault", ["no ranges, cut", "no ranges, cut, no length"])
def test_a_download_never_becomes_shorter(fetch, server, folder, fault, monkeypatch):
    """A server that sends all of the zip again, and breaks off: its bytes are ours already."""
    monkeypatch.setattr(nih_download, "PAUSES", ())
    begun = len(server.content) - 100
    part = folder / "cell_images.zip.part"
    folder.mkdir(parents=True)
    part.write_bytes(server.content[:begun])
    server.script = [fault]
    with pytest.raises(OSError, match=f"after the {begun:,} of"):
        fetch()
    assert part.read_bytes() == server.content[:begun]


def test_a_range_that_is_refused_does_not_cost_the_part(fetch, server, folder):
    """The answer 416 from a server that has the zip all the same: it is asked for all of it."""
    folder.mkdir(parents=True)
    (folder / "cell_images.zip.part").write_bytes(server.content[:1000])
    server.script = ["no such range"]
    assert_whole(fetch())
    assert server.ranges == ["bytes=1000-", "bytes=0-"]


@pytest.mark.parametrize("status", ["404", "410"])
def test_not_found_is_not_tried_again(fetch, server, folder, status):
    """It would not be there a second later either: the address has moved."""
    server.script = [status] * 9
    words = rf"{status} \(.*address has moved.*newer version.*--from-zip FILE"
    with pytest.raises(FileNotFoundError, match=words) as caught:
        fetch()
    assert server.url in str(caught.value)
    assert len(server.ranges) == 1


def test_a_busy_server_is_tried_again(fetch, server):
    """These three answers tell of a trouble that passes."""
    server.script = ["503", "429", "500"]
    assert_whole(fetch())


def test_a_server_that_stays_busy(fetch, server):
    """Four attempts, then a sentence with the server's own words."""
    server.script = ["503"] * 9
    with pytest.raises(OSError, match=r"503 \(Service Unavailable\)"):
        fetch()
    assert len(server.ranges) == 4


@pytest.mark.parametrize("fault", ["silent", "stall"])
def test_a_silent_server(fetch, monkeypatch, server, fault):
    """Before its answer or in the middle of it: a run must not wait for ever."""
    server.script = [fault] * 2
    with monkeypatch.context() as patch:
        patch.setattr(nih_download, "TIMEOUT", 1)  # a busy machine may well need half of it
        patch.setattr(nih_download, "PAUSES", (0,))
        # After a minute the server would hang up, which is told in other words.
        with pytest.raises(OSError, match="the server was silent for 1 s"):
            fetch()
    assert len(server.ranges) == 2
    assert_whole(fetch())


def test_no_connection(fetch, monkeypatch):
    """The way without a connection is part of the sentence."""
    monkeypatch.setattr(nih_download, "PAUSES", ())  # Windows takes 2 s to refuse a connection
    with Server(b"") as closed:
        url = closed.url
    with pytest.raises(OSError, match=r"cannot be reached.*--from-zip FILE") as caught:
        fetch(url=url)
    assert url in str(caught.value)


@pytest.mark.parametrize("url", ["nowhere", "gopher://127.0.0.1/cell_images.zip"])
def test_a_bad_address_is_not_tried_again(fetch, monkeypatch, url):
    """A mistyped address stays mistyped."""
    monkeypatch.setattr(nih_download.time, "sleep", lambda _: pytest.fail("it was tried again"))
    with pytest.raises(OSError, match=f"{url} could not be downloaded"):
        fetch(url=url)


# Disk full, interruption, kill


def test_disk_full_in_the_download(fetch, monkeypatch, server, folder):
    """What fitted is kept, and the next run goes on from there."""
    with monkeypatch.context() as patch:
        failing_write(patch, OSError(errno.ENOSPC, "No space left on device"), after=1024)
        with pytest.raises(OSError, match="is full") as caught:
            fetch()
    assert caught.value.errno == errno.ENOSPC
    assert names_in(folder) == ["cell_images.zip.part"]
    assert_whole(fetch())
    assert server.ranges[-1] == "bytes=1024-"


def test_disk_full_in_the_unpacking(fetch, monkeypatch, server, folder):
    """The zip is kept; half a set is not, for it could pass for a whole one."""
    with monkeypatch.context() as patch:
        failing_copy(patch, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OSError, match="is full") as caught:
            fetch()
    assert caught.value.errno == errno.ENOSPC
    assert names_in(folder) == ["cell_images.zip"]
    assert_whole(fetch())
    assert len(server.ranges) == 1


def test_interrupted_download(fetch, monkeypatch, server, folder):
    """Ctrl-C loses nothing that has come."""
    with monkeypatch.context() as patch:
        failing_write(patch, KeyboardInterrupt(), after=1024)
        with pytest.raises(KeyboardInterrupt):
            fetch()
    assert names_in(folder) == ["cell_images.zip.part"]
    assert_whole(fetch())
    assert server.ranges[-1] == "bytes=1024-"


def test_interrupted_unpacking(fetch, monkeypatch, server, folder):
    """Ctrl-C leaves no half a set."""
    with monkeypatch.context() as patch:
        failing_copy(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            fetch()
    assert names_in(folder) == ["cell_images.zip"]
    assert_whole(fetch())


def test_what_a_killed_unpacking_leaves_does_no_harm(fetch, folder):
    """A kill cannot be cleaned up after, except by the next run."""
    half = folder / "cell_images.unpacking" / "Parasitized"
    half.mkdir(parents=True)
    (half / "half a cell.png").write_bytes(b"half")
    assert_whole(fetch())
    assert names_in(folder) == ["cell_images", "cell_images.zip"]


def environment():
    """The environment for a Python that finds the package under test."""
    return os.environ | {"PYTHONPATH": str(OWN_MODULES.parent)}


def size_of(file):
    """The size of a file in bytes; 0 if there is none."""
    return file.stat().st_size if file.exists() else 0


def test_two_at_once_and_a_killed_download(fetch, server, folder):
    """Another process downloads: this one is told to wait. Killed, it leaves no lock behind."""
    server.script = ["stall"]
    half, size = len(server.content) // 2, len(server.content)
    code = (
        "import sys; from malaria.given.cells import nih_download; nih_download.CHUNK = 512;"
        f"nih_download.fetch_nih_cells(sys.argv[1], {server.url!r}, 'ab', {size}, False)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(folder)], env=environment())
    try:
        part = folder / "cell_images.zip.part"
        until(lambda: other.poll() is not None or size_of(part) > half - 512)
        with pytest.raises(BlockingIOError, match="Another run is at work in"):
            fetch()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    kept = part.stat().st_size
    assert_whole(fetch())
    assert server.ranges[-1] == f"bytes={kept}-"


def test_a_file_system_without_locks(fetch, folder, monkeypatch):
    """Some network drives have none: the download works there all the same."""
    module, name = ("msvcrt", "locking") if os.name == "nt" else ("fcntl", "flock")

    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(f"{module}.{name}", unsupported)
    assert_whole(fetch())


def test_a_virus_scanner_that_holds_the_folder(fetch, monkeypatch):
    """Windows refuses the rename meanwhile: a second later it works."""
    rename, refusals = os.rename, [PermissionError(13, "in use")] * 2

    def refuse_twice(source, target):
        if refusals:
            raise refusals.pop()
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_twice)
    assert_whole(fetch())


# A folder that will not do


def test_a_file_where_the_folder_should_be(fetch, server, folder):
    """Noticed before a byte is downloaded."""
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    with pytest.raises(OSError, match=r"cannot be put in .*nih: ") as caught:
        fetch()
    assert caught.value.errno in (errno.EEXIST, errno.ENOTDIR)
    assert server.ranges == []


def test_a_read_only_folder(fetch, server, folder):
    """Noticed before a byte is downloaded."""
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    try:
        if os.name == "nt" or os.geteuid() == 0:
            pytest.skip("this user may write everywhere; the test above covers the sentence")
        with pytest.raises(PermissionError, match="cannot be put in"):
            fetch()
    finally:
        folder.chmod(0o755)
    assert server.ranges == []


def test_a_set_that_this_did_not_finish_is_not_trusted(fetch, server, folder):
    """Folders of the right names may hold anything; they are not overwritten either."""
    (folder / "cell_images" / "Parasitized").mkdir(parents=True)
    (folder / "cell_images" / "Uninfected").mkdir()
    with pytest.raises(FileExistsError, match="Move it away"):
        fetch()
    assert server.ranges == []


def test_the_set_of_another_zip_is_not_taken_for_this(fetch, folder, tmp_path):
    """A sample has the same folders: the hash in its note tells them apart."""
    sample = tmp_path / "sample.zip"
    sample.write_bytes(make_zip(dict(list(CELLS.items())[4:8])))
    unpack_cells(sample, folder, progress=False)
    with pytest.raises(FileExistsError, match="something other than the cells of this zip"):
        fetch()


# A zip at hand


@pytest.fixture
def unpack(tmp_path, folder):
    """`unpack_cells` of a zip with the entries or the bytes given."""

    def call(content):
        zip_file = tmp_path / "from a friend, копия.zip"
        zip_file.write_bytes(content if isinstance(content, bytes) else make_zip(content))
        return unpack_cells(zip_file, folder, progress=False)

    return call


def cells_under(prefix):
    """The cells under another folder."""
    return {path.replace("cell_images/", prefix): content for path, content in CELLS.items()}


@pytest.mark.parametrize("prefix", ["", "cell_images/", "a/b/", "./", "Zellen ä/"])
def test_a_zip_at_hand(unpack, folder, prefix):
    """Packed at any depth, under any name; the second time there is nothing to do."""
    target = unpack(cells_under(prefix) | STRAYS)
    assert_whole(target)
    assert names_in(folder) == ["cell_images"]
    before = target.stat().st_mtime_ns
    assert unpack(cells_under(prefix) | STRAYS) == target
    assert target.stat().st_mtime_ns == before


def test_the_command_unpacks_a_zip(folder, tmp_path, capsys):
    """Whom to credit is said every time."""
    zip_file = tmp_path / "cells.zip"
    zip_file.write_bytes(make_zip(CELLS))
    assert main(["data", "--from-zip", str(zip_file), "--out", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out == f"{nih_zip.CREDIT}\nThe cells are in {folder / 'cell_images'}\n"
    assert_whole(folder / "cell_images")


def test_the_outermost_of_two_copies_is_taken(unpack):
    """One well-known copy of the set holds all of it again in a folder within."""
    inner = {f"cell_images/{path}": b"the inner copy" for path in CELLS}
    assert_whole(unpack(inner | CELLS))


def test_no_such_zip(folder, tmp_path):
    """A mistyped path gets a sentence, and no folder is made."""
    with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.zip"):
        unpack_cells(tmp_path / "none.zip", folder)
    assert not folder.exists()


def altered_zip(**changes):
    """The bytes of a zip whose last entry's record was changed, as zipfile itself would not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in CELLS.items():
            archive.writestr(path, content)
        for name, value in changes.items():
            setattr(archive.infolist()[-1], name, value)
    return buffer.getvalue()


def parasitized_only():
    """The cells of one class."""
    return {path: content for path, content in CELLS.items() if "Parasitized" in path}


def damaged_zip():
    """The bytes of a zip in which one bit of one cell is wrong."""
    content = bytearray(make_zip(CELLS))
    content[content.index(list(CELLS.values())[-1])] ^= 1
    return bytes(content)


BAD_ZIPS = {
    "climbs": (CELLS | {"../x.png": b""}, "leaves the folder"),
    "climbs within": (CELLS | {"cell_images/Uninfected/../../../x.png": b""}, "leaves the folder"),
    "climbs backwards": (CELLS | {"..\\x.png": b""}, "leaves the folder"),
    "absolute": (CELLS | {"/x.png": b""}, "leaves the folder"),
    "network drive": (CELLS | {"\\\\host\\x.png": b""}, "leaves the folder"),
    "drive letter": (CELLS | {"C:x.png": b""}, "leaves the folder"),
    "link": (altered_zip(external_attr=(stat.S_IFLNK | 0o777) << 16), "is a link"),
    "encrypted": (altered_zip(flag_bits=1), "is encrypted"),
    "odd compression": (altered_zip(compress_type=97), "compressed in a way"),
    "huge entry": (altered_zip(file_size=10**9), "1,000,000,000 bytes, more than any cell"),
    "understated": (altered_zip(file_size=10), "is damaged"),
    "not a zip": (b"<html>Please sign in</html>", "is damaged, or not a zip"),
    "empty file": (b"", "is damaged, or not a zip"),
    "bad CRC": (damaged_zip(), "is damaged.*CRC"),
    "truncated": (make_zip(CELLS)[:2500], "is damaged, or not a zip"),
    "empty zip": ({}, "no folder with PNG files in both"),
    "other content": ({"a/b.png": b"", "Thumbs.db": b""}, "no folder with PNG files in both"),
    "one class": (parasitized_only(), "no folder with PNG files in both"),
    "empty class": (
        parasitized_only()
        | {"cell_images/Uninfected/": b"", "cell_images/Uninfected/Thumbs.db": b""},
        "no folder with PNG files in both",
    ),
    "classes apart": (
        {path.replace("cell_images/U", "other/U"): content for path, content in CELLS.items()},
        "no folder with PNG files in both",
    ),
    "two sets": (cells_under("train/") | cells_under("test/"), r"several sets \(train and test\)"),
    "two names that differ in case": (
        CELLS | {"cell_images/Uninfected/A.png": b"", "cell_images/Uninfected/a.PNG": b""},
        "twice",
    ),
}


@pytest.mark.parametrize("kind", BAD_ZIPS)
def test_a_bad_zip_is_refused_and_leaves_nothing(unpack, folder, tmp_path, kind):
    """The sentence names the zip and says what is wrong with it; no file is written."""
    content, message = BAD_ZIPS[kind]
    with pytest.raises(ValueError, match=rf"(?s)from a friend, копия\.zip.*{message}"):
        unpack(content)
    assert names_in(folder) == []
    assert not list(tmp_path.rglob("*.png"))


def test_too_much_in_all(unpack, folder, monkeypatch):
    """Many small cells can fill a disk as well as a large one."""
    monkeypatch.setattr(nih_zip, "LARGEST_SET", 2000)
    with pytest.raises(ValueError, match=r"would grow to 3,6\d\d bytes"):
        unpack(CELLS | STRAYS)
    assert names_in(folder) == []


def test_a_bad_zip_leaves_the_set_in_place(fetch, unpack):
    """Not even a set that is there is in danger from a bad zip."""
    target = fetch()
    with pytest.raises(FileExistsError):
        unpack(b"not a zip")
    assert_whole(target)

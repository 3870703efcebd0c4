"""What a learner's code writes to the desk: it may spoil its own grade, and nothing else."""

import contextlib
import os
import stat
import sys
import time

import pytest

from malaria.given.grading import messages
from malaria.given.grading.isolation import Child, End, run_children
from malaria.given.grading.messages import Account, Finished, Stack, decode, encode
from malaria.given.grading.outcome import Outcome, Record

RECORD = Record("test_a", Outcome.WRONG, "It gave 3, not 4.", "printed", 0.5, True)

forks = pytest.mark.skipif(sys.platform != "linux", reason="needs a process for each exercise")


@pytest.mark.parametrize("message", [RECORD, Stack([("a.py", 3), ("b.py", 4)]), Finished()])
def test_a_message_arrives_as_it_was_sent(message):
    """As one line."""
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"5",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'"finished"',
        b"[" * 100_000,
        b'{"Record": 5}',
        b'{"Record": ["test_a", "perfect", "", "", 0, false]}',
        b'{"Record": ["test_a", "done", "", "", 1' + b"0" * 400 + b", false]}",
        b'{"Record": ["test_a", ["done"], "", "", 0, false]}',
        b'{"Stack": [[["a.py"]]]}',
        b'{"Outcome": "done"}',
        b'{"Finished": [], "Record": []}',
        b"cos\nsystem\n(S'true'\ntR.",  # for pickle this would be a command
    ],
    ids=lambda line: line[:20],
)
def test_what_is_not_a_message_is_refused(line):
    """With the one error that the desk expects."""
    with pytest.raises(ValueError, match="not a message"):
        decode(line)


def test_an_account_has_an_end(monkeypatch):
    """Code that writes true messages without end must not fill the desk's memory."""
    monkeypatch.setattr(messages, "LARGEST_ACCOUNT", 1000)
    account, line = Account(), encode(RECORD)
    for _ in range(1000 // len(line)):
        account.add(line)
    with pytest.raises(ValueError, match="more than"):
        account.add(line)


def ended(function, limit=20.0):
    """How a child ends that runs a function, and the seconds that the desk took for it."""
    children = iter([Child("key", function, limit)])
    started = time.monotonic()
    (child,) = run_children(lambda: next(children, None), 1)
    return child.ended, time.monotonic() - started


def open_pipes():
    """The numbers of all open files that are pipes."""
    pipes = set()
    for file in range(3, 64):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(file).st_mode):
                pipes.add(file)
    return pipes


def writing(text, then):
    """A learner's code that writes into the desk's pipe after a true record."""
    of_others = open_pipes()

    def function():
        yield RECORD
        for file in open_pipes() - of_others:
            os.write(file, text)
        then(open_pipes() - of_others)

    return function


def work(pipes):
    """Never end."""
    while True:
        time.sleep(0.01)


def close(pipes):
    """Close the desk's pipe, and work on."""
    for file in pipes:
        os.close(file)
    work(pipes)


def flood(pipes):
    """Write without end."""
    while True:
        for file in pipes:
            os.write(file, b"x" * 2**16)


@forks
def test_a_child_tells_what_it_found():
    """And is over as soon as it says so."""
    found, _ = ended(lambda: iter([RECORD, RECORD]))
    assert (found.records, found.end, found.stack) == ([RECORD, RECORD], End.FINISHED, None)


@forks
@pytest.mark.parametrize("text", [b"5\n", b"[" * 100_000 + b"\n", b"\0\0\0\x64and so on\n"])
def test_what_is_written_into_the_pipe_is_a_death(text):
    """What came before it counts."""
    found, seconds = ended(writing(text, then=work))
    assert (found.records, found.end) == ([RECORD], End.DIED)
    assert seconds < 10


@forks
def test_half_a_message_does_not_keep_the_desk_waiting():
    """Until its time is over, like any code that never ends."""
    found, seconds = ended(writing(b'{"Record": ["test_b",', then=work), limit=1.0)
    assert found.records == [RECORD]
    assert found.end is not End.FINISHED
    assert seconds < 10


@forks
def test_a_closed_pipe_is_a_death():
    """Nothing more can come."""
    found, seconds = ended(writing(b"", then=close))
    assert (found.records, found.end) == ([RECORD], End.DIED)
    assert seconds < 10


@forks
def test_bytes_without_end_are_a_death():
    """Long before they fill the desk's memory."""
    found, seconds = ended(writing(b"", then=flood))
    assert found.end is End.DIED
    assert seconds < 15


class Talker:
    """In the place of a child: there is always something to read from it, and it never ends."""

    def __init__(self):
        """Begin to talk."""
        self.pipe, self._write_end = os.pipe()
        os.write(self._write_end, b"x")
        self.deadline, self.ended, self.turns = time.monotonic() + 0.1, None, 0

    def fileno(self):
        """The end that can be read."""
        return self.pipe

    def receive(self):
        """Read nothing; give up long after the time is over."""
        self.turns += 1
        if self.turns > 100_000:
            self.close(End.DIED)

    def close(self, end):
        """Be silent."""
        self.ended = end
        os.close(self.pipe)
        os.close(self._write_end)


@forks
def test_a_child_that_always_has_something_to_say_is_killed_in_time():
    """What comes is read, and the clock as well."""
    children = iter([Talker()])
    (child,) = run_children(lambda: next(children, None), 1)
    assert child.ended is End.TIMED_OUT


@forks
def test_a_child_that_is_killed_says_where_it_was():
    """The innermost line first."""
    found, _ = ended(writing(b"", then=work), limit=1.0)
    assert found.end is End.TIMED_OUT
    files = [os.path.basename(file) for file, _ in found.stack.places]
    assert files[0] == "test_isolation.py"


@forks
def test_a_process_that_the_code_has_started_does_not_keep_the_desk_waiting():
    """It holds the pipe open."""

    def function():
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        yield RECORD

    found, seconds = ended(function)
    assert (found.records, found.end) == ([RECORD], End.FINISHED)
    assert seconds < 10

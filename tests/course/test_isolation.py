"""What a learner's code may do to the desk: it may spoil its own grade, and nothing else."""

import contextlib
import os
import re
import select
import signal
import stat
import sys
import time

import pytest

from malaria.given.grading import isolation, messages
from malaria.given.grading.isolation import Child, Clock, End, run_children
from malaria.given.grading.messages import (
    Account,
    Finished,
    Names,
    OutOfTime,
    Stack,
    decode,
    encode,
)
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.system import cpu_time
from malaria.given.system.lock import locked
from tests.course.patience import is_held, until

RECORD = Record("test_a", Outcome.WRONG, "It gave 3, not 4.", "printed", 0.5, True, 1.25)

forks = pytest.mark.skipif(sys.platform != "linux", reason="needs a process for each exercise")


@pytest.mark.parametrize(
    "message",
    [
        RECORD,
        Stack([("a.py", 3), ("b.py", 4)]),
        Names({"1.1": ["test_a", "test_b"]}),
        OutOfTime(),
        Finished(),
        Finished(clean=False),
    ],
)
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
        b'{"Record": ["test_a", "perfect", "", "", 0, false, 0]}',
        b'{"Record": ["test_a", "done", "", "", 1' + b"0" * 400 + b", false, 0]}",
        b'{"Record": ["test_a", ["done"], "", "", 0, false, 0]}',
        b'{"Record": ["test_a", "done", "", "", 0, false, "0.5x"]}',
        b'{"Stack": [[["a.py"]]]}',
        b'{"Names": [["1.1"]]}',
        b'{"Outcome": "done"}',
        b'{"Finished": []}',
        b'{"Finished": [true], "Record": []}',
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
    """How a child ends that runs a function."""
    children = iter([Child("key", function, limit)])
    (child,) = run_children(lambda: next(children, None), 1)
    return child.ended


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
        pass


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
    found = ended(lambda: iter([RECORD, RECORD]))
    assert (found.records, found.end, found.stacks) == ([RECORD, RECORD], End.FINISHED, [])


@forks
@pytest.mark.parametrize("text", [b"5\n", b"[" * 100_000 + b"\n", b"\0\0\0\x64and so on\n"])
def test_what_is_written_into_the_pipe_is_a_death(text):
    """What came before it counts."""
    found = ended(writing(text, then=work))
    assert (found.records, found.end) == ([RECORD], End.DIED)


@forks
def test_half_a_message_does_not_keep_the_desk_waiting():
    """Until its time is over, like any code that never ends."""
    found = ended(writing(b'{"Record": ["test_b",', then=work), limit=1.0)
    assert found.records == [RECORD]
    assert found.end is not End.FINISHED


@forks
def test_a_closed_pipe_is_a_death():
    """Nothing more can come."""
    found = ended(writing(b"", then=close))
    assert (found.records, found.end) == ([RECORD], End.DIED)


@forks
def test_bytes_without_end_are_a_death():
    """Long before they fill the desk's memory."""
    found = ended(writing(b"", then=flood))
    assert found.end is End.DIED


class Talker:
    """In the place of a child: there is always something to read from it, and it never ends."""

    def __init__(self):
        """Begin to talk."""
        self.pipe, self._write_end = os.pipe()
        os.write(self._write_end, b"x")
        self.clock, self.ended, self.turns = Clock(lambda: 0.0, 20.0, wait=0.1), None, 0

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
    assert child.ended is End.WAITED


@forks
def test_a_child_that_is_killed_says_where_it_was():
    """The innermost line first; more than once, unless the machine is too busy for that."""
    found = ended(writing(b"", then=work), limit=1.0)
    assert found.end is End.TIMED_OUT
    assert 1 <= len(found.stacks) <= len(isolation.WARNED)
    for stack in found.stacks:
        assert os.path.basename(stack.places[0][0]) == "test_isolation.py"


@forks
def test_a_process_that_the_code_has_started_does_not_keep_the_desk_waiting():
    """It holds the pipe open."""

    def function():
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        yield RECORD

    found = ended(function)
    assert (found.records, found.end) == ([RECORD], End.FINISHED)


@forks
def test_a_child_that_gets_no_processor_is_not_timed_out():
    """As on a busy machine: here it is stopped, for longer than it may compute."""

    def function():
        yield RECORD
        stopped = os.getpid()
        if os.fork() == 0:
            while True:
                time.sleep(1)
                os.kill(stopped, signal.SIGCONT)
        os.kill(stopped, signal.SIGSTOP)
        yield RECORD

    found = ended(function, limit=0.5)
    assert (found.records, found.end) == ([RECORD, RECORD], End.FINISHED)


@forks
def test_a_child_that_waits_for_ever_is_killed(monkeypatch):
    """By the wall clock: it computes nothing."""
    monkeypatch.setattr(isolation, "TIMES_LONGER", 0)
    monkeypatch.setattr(isolation, "LEAST_WAIT", 0.5)
    found = ended(writing(b"", then=lambda _: time.sleep(1000)))
    assert (found.records, found.end) == ([RECORD], End.WAITED)
    assert os.path.basename(found.stacks[-1].places[0][0]) == "test_isolation.py"


@forks
@pytest.mark.parametrize("waits", [True, False])
def test_what_a_child_has_started_is_on_its_account(waits):
    """Also while it is at work, and whether or not the child waits for it."""

    def function():
        yield RECORD
        grandchild = os.fork()
        if grandchild == 0:
            work([])
        if waits:
            os.waitpid(grandchild, 0)
        time.sleep(1000)

    found = ended(function, limit=0.5)
    assert (found.records, found.end) == ([RECORD], End.TIMED_OUT)
    assert os.path.basename(found.stacks[-1].places[0][0]) == "test_isolation.py"


@forks
def test_the_time_of_what_a_process_has_started_is_seen_from_outside():
    """While it is at work, and its leader, who has computed nothing, waits."""
    leader = os.fork()
    if leader == 0:
        os.setsid()
        if os.fork() == 0:
            work([])
        time.sleep(1000)
    try:
        deadline = time.monotonic() + 60
        while cpu_time.of_session(leader) < 0.3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.killpg(leader, signal.SIGKILL)
        os.waitpid(leader, 0)


@forks
def test_a_child_ends_with_the_desk():
    """However that ends, as when its terminal is closed: an endless loop would go on for ever."""
    read_end, write_end = os.pipe()

    def function():
        os.write(write_end, str(os.getpid()).encode())
        work([])

    desk = os.fork()
    if desk == 0:
        Child("key", function, 20.0)
        time.sleep(1000)
    os.close(write_end)
    child = int(os.read(read_end, 100))
    try:
        os.kill(desk, signal.SIGKILL)
        os.waitpid(desk, 0)
        assert select.select([read_end], [], [], 60)[0]  # closed by nobody but the child's end
        assert os.read(read_end, 100) == b""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.close(read_end)


@forks
def test_a_call_that_lets_no_other_thread_run_is_timed_out():
    """Nothing in the child could tell that its time is over: the desk sees it."""
    found = ended(lambda: iter([re.match("(a+)+$", 60 * "a" + "b")]), limit=0.5)
    assert found.end is End.TIMED_OUT


@forks
def test_a_child_does_not_outlive_the_desk_for_ever(tmp_path):
    """Whatever has killed the desk: what the child would tell it about its time ends the child."""
    lock, taken = tmp_path / "lock", tmp_path / "taken"

    def function():
        with locked(lock):
            taken.touch()
            work([])

    desk = os.fork()
    if desk == 0:
        ended(lambda: iter([function()]), limit=0.5)
        os._exit(0)
    until(taken.is_file)
    os.kill(desk, signal.SIGKILL)
    os.waitpid(desk, 0)
    until(lambda: not is_held(lock))


@forks
def test_a_child_tells_by_itself_that_its_time_is_over(monkeypatch):
    """Where the desk cannot see how much it has computed: anywhere but on Linux."""
    monkeypatch.setattr(isolation.cpu_time, "of_session", lambda leader: 0.0)
    found = ended(writing(b"", then=work), limit=0.5)
    assert (found.records, found.end) == ([RECORD], End.TIMED_OUT)

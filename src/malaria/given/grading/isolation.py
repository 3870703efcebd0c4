"""A process for each exercise: it can be killed, and what it breaks is its own.

On Linux the process is a fork of this one, which has TensorFlow imported but has not run an
operation yet: that takes milliseconds, where a fresh interpreter takes seconds. TensorFlow's
threads do not survive a fork, so an operation before it would hang the child.

What the child has to say comes through a pipe, and is read as it comes, never until a whole message
is there: the learner's code may write half of one, and the desk would wait for the rest for ever.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from multiprocessing import connection
from typing import Any, NamedTuple, NoReturn

from malaria.given.grading.messages import (
    LARGEST_ACCOUNT,
    Account,
    Finished,
    Message,
    Record,
    Stack,
    encode,
)

LARGEST_FILE = 64 * 2**20  # bytes: code that prints without end must not fill the disk
AT_ONCE = 2**16  # bytes: what a pipe holds on Linux
WARNED = 0.9  # of its time: then code says where it is, before it is killed
CAN_FORK = sys.platform == "linux"


class End(Enum):
    """How a process ended; what became of the tests is another matter."""

    FINISHED = "finished"
    DIED = "died"
    TIMED_OUT = "timed out"


class Ended(NamedTuple):
    """What is left of a process that did a job.

    Attributes:
        records: Of the tests whose end it told.
        end: How it ended.
        seconds: How long it ran.
        stack: Where its code was shortly before its time was over, if it could say so.
    """

    records: list[Record]
    end: End
    seconds: float
    stack: Stack | None = None


class Child:
    """A process that runs tests and tells what became of them.

    Attributes:
        key: Whatever tells it apart for its owner.
        deadline: When it is to be killed, on the clock of `time.monotonic`.
        ended: None while it runs.
    """

    def __init__(self, key: Any, function: Callable[[], Iterable[Record]], limit: float) -> None:
        """Start the process.

        Args:
            key: Whatever tells it apart for its owner.
            function: Called without arguments in the child; yields the records.
            limit: Seconds until it is killed.
        """
        self.key, self.ended = key, None
        self._started = time.monotonic()
        self.deadline = self._started + limit
        self._account, self._rest = Account(), b""
        sys.stdout.flush()
        sys.stderr.flush()
        self._pipe, write_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            _run(function, write_end, limit)
        os.close(write_end)

    def fileno(self) -> int:
        """Its end of the pipe, for `multiprocessing.connection.wait`."""
        return self._pipe

    def receive(self) -> None:
        """Read what has come; at the end of the pipe the process is over."""
        data = os.read(self._pipe, AT_ONCE)
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            for line in lines:
                self._account.add(line)
        except ValueError:  # not from us: the learner's code has written into the pipe
            self.close(End.DIED)
            return
        if self._account.finished:
            self.close(End.FINISHED)
        elif not data or len(self._rest) > LARGEST_ACCOUNT:
            self.close(End.DIED)

    def close(self, end: End) -> None:
        """Kill what is left of the process, and say how it ended."""
        account, seconds = self._account, time.monotonic() - self._started
        self.ended = Ended(account.records, end, seconds, account.stack)
        os.close(self._pipe)
        for kill in (os.killpg, os.kill):  # with whatever it has started
            with suppress(ProcessLookupError, PermissionError):
                kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _run(function: Callable[[], Iterable[Record]], write_end: int, limit: float) -> NoReturn:
    """The child's whole life."""
    status = 1
    try:
        os.setsid()  # its own group, so that it can be killed with all that it starts
        _limit_files()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        with teller(lambda line: _write(write_end, line), limit) as tell:
            for record in function():
                tell(record)
            tell(Finished())
        status = 0
    finally:
        os._exit(status)  # no exit handlers: they are the parent's


def _write(write_end: int, data: bytes) -> None:
    while data:
        data = data[os.write(write_end, data) :]


def _limit_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


@contextmanager
def teller(write: Callable[[bytes], None], limit: float) -> Iterator[Callable[[Message], None]]:
    """A function that tells the desk a message; near the end of its time, also where the code is.

    A native call that holds Python's lock and never returns cannot be told about.

    Args:
        write: Takes a message as bytes.
        limit: Seconds until this process is killed.
    """
    lock, thread = threading.Lock(), threading.get_ident()

    def tell(message: Message) -> None:
        with lock:  # two messages at a time would be none
            write(encode(message))

    alarm = threading.Timer(
        WARNED * limit, lambda: tell(Stack.of(sys._current_frames().get(thread)))
    )
    alarm.daemon = True
    alarm.start()
    try:
        yield tell
    finally:
        alarm.cancel()


def run_children(next_child: Callable[[], Child | None], at_once: int) -> Iterator[Child]:
    """Run children, some at a time.

    Args:
        next_child: Starts one and returns it, or None if there is none to start now. It is asked
            again whenever a child has ended.
        at_once: How many may run at the same time.

    Yields:
        Each `Child` when it has ended, in the order of their ends.
    """
    running: list[Child] = []
    try:
        while True:
            while len(running) < at_once and (child := next_child()) is not None:
                running.append(child)
            if not running:
                return
            nearest = min(child.deadline for child in running) - time.monotonic()
            for child in connection.wait(running, max(nearest, 0)):
                child.receive()
            for child in list(running):
                if child.ended is None and time.monotonic() > child.deadline:
                    child.close(End.TIMED_OUT)
                if child.ended is not None:
                    running.remove(child)
                    yield child
    finally:  # Ctrl-C: nothing may stay behind
        for child in running:
            child.close(End.DIED)

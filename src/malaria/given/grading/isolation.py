"""A process for each exercise: it can be killed, and what it breaks is its own.

On Linux the process is a fork of this one, which has TensorFlow imported but has not run an
operation yet: that takes milliseconds, where a fresh interpreter takes seconds. TensorFlow's
threads do not survive a fork, so an operation before it would hang the child.

Its time is CPU time, so that no busy machine fails a right answer: that of all its threads and of
all that it has started. Behind it stands the wall clock, for what waits for ever.

What the child has to say comes through a pipe, and is read as it comes, never until a whole message
is there: the learner's code may write half of one, and the desk would wait for the rest for ever.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from functools import partial
from multiprocessing import connection
from typing import Any, NamedTuple, NoReturn

from malaria.given.grading.messages import (
    LARGEST_ACCOUNT,
    Account,
    Finished,
    Message,
    OutOfTime,
    Record,
    Stack,
    encode,
)
from malaria.given.system import cpu_time

LARGEST_FILE = 64 * 2**20  # bytes: code that prints without end must not fill the disk
AT_ONCE = 2**16  # bytes: what a pipe holds on Linux
# Of its time: then code says where it is, before it is killed. More than once, because it may just
# then be in a test rather than in the learner's code.
WARNED = (0.7, 0.8, 0.9)
# The wall clock, in terms of the CPU time: on a machine with ten processes to a processor, what
# computes all the time just gets its share within it.
TIMES_LONGER = 10
LEAST_WAIT = 60.0  # seconds
SHORTEST_LOOK = 0.05  # seconds between two looks at the time
CAN_FORK = sys.platform == "linux"
PR_SET_PDEATHSIG = 1  # of prctl, in linux/prctl.h


class End(Enum):
    """How a process ended; what became of the tests is another matter."""

    FINISHED = "finished"
    DIED = "died"
    TIMED_OUT = "timed out"
    WAITED = "waited too long"

    @property
    def in_time(self) -> bool:
        """Whether it ended by itself."""
        return self in (End.FINISHED, End.DIED)


def longest_wait(limit: float) -> float:
    """Seconds on the wall clock for what may compute for `limit` seconds."""
    return max(TIMES_LONGER * limit, LEAST_WAIT)


class Clock:
    """Tells when the time of a process is over.

    It is not looked at more often than need be: until the limit could be reached with all
    processors at work, it is certainly not over.
    """

    def __init__(
        self, computed: Callable[[], float], limit: float, wait: float | None = None
    ) -> None:
        """Begin.

        Args:
            computed: Gives the CPU seconds of the process so far.
            limit: CPU seconds from now on.
            wait: Seconds from now on on the wall clock; by default what `limit` allows.
        """
        self._computed, self._limit = computed, computed() + limit
        self._deadline = time.monotonic() + (longest_wait(limit) if wait is None else wait)
        self._next_look = time.monotonic()

    def pause(self) -> float:
        """Seconds until it is worth a look."""
        return max(self._next_look - time.monotonic(), 0)

    def end(self) -> End | None:
        """`TIMED_OUT`, `WAITED`, or None while there is time left."""
        now = time.monotonic()
        if now < self._next_look:
            return None
        to_compute, to_wait = self._limit - self._computed(), self._deadline - now
        if to_compute <= 0:
            return End.TIMED_OUT
        if to_wait <= 0:
            return End.WAITED
        look = max(to_compute / (os.cpu_count() or 1), SHORTEST_LOOK)
        self._next_look = now + min(look, to_wait)
        return None


class Ended(NamedTuple):
    """What is left of a process that did a job.

    Attributes:
        records: Of the tests whose end it told.
        end: How it ended.
        seconds: How long it ran.
        stacks: Where its code was as its time ran out, the latest last, if it could say so.
        computed: CPU seconds of a child, and of what it has waited for.
    """

    records: list[Record]
    end: End
    seconds: float
    stacks: Sequence[Stack] = ()
    computed: float = 0.0


class Child:
    """A process that runs tests and tells what became of them.

    Attributes:
        key: Whatever tells it apart for its owner.
        clock: Tells when it is to be killed.
        ended: None while it runs.
    """

    def __init__(self, key: Any, function: Callable[[], Iterable[Record]], limit: float) -> None:
        """Start the process.

        Args:
            key: Whatever tells it apart for its owner.
            function: Called without arguments in the child; yields the records.
            limit: CPU seconds until it is killed.
        """
        self.key, self.ended = key, None
        self._started = time.monotonic()
        self._account, self._rest = Account(), b""
        sys.stdout.flush()
        sys.stderr.flush()
        self._pipe, write_end = os.pipe()
        desk = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            _run(function, write_end, limit, desk)
        os.close(write_end)
        self.clock = Clock(partial(cpu_time.of_session, self._pid), limit)

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
        elif self._account.out_of_time:
            self.close(End.TIMED_OUT)
        elif not data or len(self._rest) > LARGEST_ACCOUNT:
            self.close(End.DIED)

    def close(self, end: End) -> None:
        """Kill what is left of the process, and say how it ended."""
        os.close(self._pipe)
        for kill in (os.killpg, os.kill):  # with whatever it has started
            with suppress(ProcessLookupError, PermissionError):
                kill(self._pid, signal.SIGKILL)
        usage = os.wait4(self._pid, 0)[2]
        account, seconds = self._account, time.monotonic() - self._started
        computed = usage.ru_utime + usage.ru_stime
        self.ended = Ended(account.records, end, seconds, account.stacks, computed)


def _run(
    function: Callable[[], Iterable[Record]], write_end: int, limit: float, desk: int
) -> NoReturn:
    """The child's whole life."""
    status = 1
    try:
        _end_with(desk)
        os.setsid()  # its own group, so that it can be killed with all that it starts
        _limit_files()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        with teller(lambda line: _write(write_end, line), limit) as tell:
            for record in function():
                tell(record)
        status = 0
    finally:
        os._exit(status)  # no exit handlers: they are the parent's


def _write(write_end: int, data: bytes) -> None:
    while data:
        data = data[os.write(write_end, data) :]


def _end_with(desk: int) -> None:
    """Be killed when the desk ends, however it does: nobody else would end an endless loop."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != desk:  # too late
        os._exit(1)


def _limit_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


@contextmanager
def teller(
    write: Callable[[bytes], None], limit: float, is_clean: Callable[[], bool] = lambda: True
) -> Iterator[Callable[[Message], None]]:
    """A function that tells the desk a message; at the end it is told that all is done.

    As time runs out, it is also told where the code is, and then that the time is over, which on
    Linux alone the desk can see. Of a native call that holds Python's lock and never returns,
    nothing is told.

    Args:
        write: Takes a message as bytes.
        limit: CPU seconds until this process is killed.
        is_clean: Tells at the end whether this process can do another job.
    """
    lock, thread, done = threading.Lock(), threading.get_ident(), threading.Event()

    def tell(message: Message) -> None:
        with lock:  # two messages at a time would be none
            write(encode(message))

    def clock(share: float) -> Clock:
        return Clock(cpu_time.of_this_session, share * limit, share * longest_wait(limit))

    def look_at_the_time(warnings: list[Clock], over: Clock) -> None:
        try:
            for warning in warnings:
                if _is_over(warning, done):
                    tell(Stack.of(sys._current_frames().get(thread)))
            if _is_over(over, done) is End.TIMED_OUT:
                tell(OutOfTime())
        except OSError:  # the desk has gone: nobody is left to end this
            os._exit(1)

    clocks = [clock(share) for share in WARNED], clock(1)
    beside = threading.Thread(target=look_at_the_time, args=clocks, daemon=True)
    beside.start()
    try:
        yield tell
    finally:
        done.set()
    beside.join()  # nothing may follow the last word
    tell(Finished(is_clean()))


def _is_over(clock: Clock, done: threading.Event) -> End | None:
    """Wait until a time is over; None if the work is done before that."""
    while (end := clock.end()) is None:
        if done.wait(clock.pause()):
            return None
    return end


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
            soonest = min(child.clock.pause() for child in running)
            for child in connection.wait(running, soonest):
                child.receive()
            for child in list(running):
                if child.ended is None and (end := child.clock.end()) is not None:
                    child.close(end)
                if child.ended is not None:
                    running.remove(child)
                    yield child
    finally:  # Ctrl-C: nothing may stay behind
        for child in running:
            child.close(End.DIED)

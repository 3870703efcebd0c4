"""A second pytest, which grades where nothing can be forked: on Windows, on macOS, in a notebook.

It has TensorFlow loaded and the tests collected, and does one job after the other. When it takes
too long, or a learner's code has ended it or left something at work in it, the next job gets a new
one. It ends with the process that it works for, however that ends.
"""

import faulthandler
import json
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

import pytest
from tqdm import tqdm

from malaria.given.grading.isolation import Clock, End, Ended, longest_wait, teller
from malaria.given.grading.messages import LARGEST_ACCOUNT, Account, Finished, Names, encode
from malaria.given.grading.running import Items, Job, names_of, run_tests
from malaria.given.grading.session import collected
from malaria.given.grading.standing_in import Neighbours
from malaria.given.system import cpu_time
from malaria.given.system.accelerators import hide_plugged_accelerators

START = 120.0  # CPU seconds for loading TensorFlow and collecting the tests on a slow machine
FAREWELL = 5.0  # seconds for a worker that has been told to end
GONE = b""  # in place of a message: none will come, or no job


class Worker:
    """A process that does jobs; a context manager, which ends it.

    It is started when it is first needed.
    """

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        """Prepare to start it.

        Args:
            arguments: Those of a pytest that collects the tests.
            folder: The one in which to start it.
        """
        self._start_with = arguments, folder
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with suppress(OSError):
                self._connection.send_bytes(GONE)
            self._process.join(FAREWELL)
            self._kill()

    def tests_of(self, number: str) -> list[str]:
        """The names of the tests of an exercise."""
        with self._ended_by_ctrl_c():
            self._start()
        return self._tests_of[number]

    def do(self, job: Job) -> Ended:
        """Have a job done."""
        with self._ended_by_ctrl_c():
            self._start()
            with suppress(OSError):  # it has died since the last job: no answer will say so
                content = [job.number, job.others.value, job.limit]
                self._connection.send_bytes(json.dumps(content).encode())
            ended, _ = self._listen(job.limit)
        return ended

    @contextmanager
    def _ended_by_ctrl_c(self) -> Iterator[None]:
        """At work on one job, it would be heard as the next one's."""
        try:
            yield
        except BaseException:
            self._kill()
            raise

    def _start(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        # Spawned on every system, so that it can be tried on one that forks.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, *self._start_with), daemon=True)
        with without_program(), without_ctrl_c():
            process.start()
            self._process = process
        theirs.close()
        # A thread, because a half message would keep its reader waiting beyond any limit.
        self._heard: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_hear, args=(self._connection, self._heard), daemon=True).start()
        started, self._tests_of = self._listen(START)
        if started.end is not End.FINISHED:
            raise ValueError("The grading process could not be started; `pytest` shows why.")

    def _listen(self, limit: float) -> tuple[Ended, dict[str, list[str]]]:
        """What comes until it has finished or its time is over, and the tests that it named."""
        account, started, end = Account(), time.monotonic(), None
        clock = Clock(partial(cpu_time.of_session, self._process.pid), limit)
        try:
            while end is None:
                with suppress(queue.Empty):
                    account.add(self._heard.get(timeout=clock.pause()))
                if account.finished:
                    end = End.FINISHED
                else:
                    end = End.TIMED_OUT if account.out_of_time else clock.end()
        except ValueError:  # the end of the connection, or the learner's code has written there
            end = End.DIED
        if end is not End.FINISHED or not account.clean:
            self._kill()
        seconds = time.monotonic() - started
        return Ended(account.records, end, seconds, account.stacks), account.tests

    def _kill(self) -> None:
        if self._process is not None:
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)  # with whatever it has started
            self._process.kill()
            self._process.join()
            self._process = None


@contextmanager
def without_program() -> Iterator[None]:
    """Let a process that is started meanwhile not run this one's program again, as if imported."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Let a process that is started meanwhile hear no Ctrl-C, which is for this one to answer."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear(connection: Connection, heard: "queue.Queue[bytes]") -> None:
    """Pass on what comes through a connection until its other end is closed."""
    with connection:
        with suppress(EOFError, OSError):
            while True:
                heard.put(connection.recv_bytes(LARGEST_ACCOUNT))
        heard.put(GONE)


def serve(connection: Connection, arguments: Sequence[str], folder: Path) -> None:
    """The worker's life: collect the tests like the pytest that it serves, then do jobs."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "setsid"):
        os.setsid()  # its own group, so that it can be killed with all that it starts
    nowhere = os.open(os.devnull, os.O_RDWR)
    for terminal in range(3):
        os.dup2(nowhere, terminal)
    os.chdir(folder)
    # The lock it has of its own is shared between processes: one that is killed leaves it behind.
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0  # it would leave a thread
    collected(arguments, lambda config, items_of: do_jobs(connection, config, items_of))


def _end_with_parent() -> None:
    """Also in the middle of a job: nobody is left to stop it."""
    multiprocessing.parent_process().join()
    os._exit(1)


def do_jobs(connection: Connection, config: pytest.Config, items_of: Items) -> None:
    """Do what comes, until there is no more."""
    hide_plugged_accelerators()
    connection.send_bytes(encode(Names(names_of(items_of))))
    connection.send_bytes(encode(Finished()))
    threads = set(threading.enumerate())
    with suppress(EOFError, OSError):  # the desk has been killed
        while request := connection.recv_bytes():
            number, others, limit = json.loads(request)
            # The one clock that goes on where a native call holds Python's lock and the desk, which
            # would end this, has gone.
            faulthandler.dump_traceback_later(longest_wait(limit) + FAREWELL, exit=True)
            nothing_left = partial(nothing_has_been_left, threads)
            with teller(connection.send_bytes, limit, nothing_left) as tell:
                for record in run_tests(config, items_of, Job(number, Neighbours(others), limit)):
                    tell(record)
            faulthandler.cancel_dump_traceback_later()


def nothing_has_been_left(threads: set[threading.Thread]) -> bool:
    """Whether no thread and no process has been left, which would take time from the next job.

    Args:
        threads: Those that are at home here.
    """
    left = set(threading.enumerate()) - threads
    if any(not thread.name.startswith("Dummy") for thread in left):  # those are TensorFlow's
        return False
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:  # that one has ended
            pass
    except (ChildProcessError, AttributeError):  # there is none, or this is Windows
        return True
    return False

"""A second pytest, which grades where processes cannot be forked: on Windows and macOS.

It has TensorFlow loaded and the tests collected, and does one job after the other. When it takes
too long, or a learner's code has ended it, the next job gets a new one.
"""

import json
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from tqdm import tqdm

from malaria.given.grading.isolation import End, Ended, teller
from malaria.given.grading.messages import LARGEST_ACCOUNT, Account, Finished, encode
from malaria.given.grading.running import Items, Job, run_tests
from malaria.given.grading.session import collected
from malaria.given.grading.standing_in import Neighbours

START = 120.0  # seconds for loading TensorFlow and collecting the tests on a slow machine
FAREWELL = 5.0  # seconds for a worker that has been told to end
GONE = b""  # in place of a message: none will come, or no job


class Worker:
    """A process that does jobs; a context manager, which ends it."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        """Prepare to start it.

        Args:
            arguments: Those of the present pytest.
            folder: The one in which it was started.
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

    def do(self, job: Job) -> Ended:
        """Have a job done."""
        if self._process is None:
            self._start()
        with suppress(OSError):  # it has died since the last job: no answer will say so
            content = [job.number, job.others.value, job.limit]
            self._connection.send_bytes(json.dumps(content).encode())
        return self._listen(job.limit)

    def _start(self) -> None:
        # Spawned on every system, so that it can be tried on one that forks.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *self._start_with), daemon=True)
        self._process.start()
        theirs.close()
        # A thread, because a half message would keep its reader waiting beyond any limit.
        self._heard: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_hear, args=(self._connection, self._heard), daemon=True).start()
        if self._listen(START).end is not End.FINISHED:
            raise RuntimeError("The process that grades could not be started.")

    def _listen(self, limit: float) -> Ended:
        """What comes back until it has finished, or for `limit` seconds."""
        account, start, end = Account(), time.monotonic(), End.FINISHED
        try:
            while not account.finished:
                account.add(self._heard.get(timeout=max(start + limit - time.monotonic(), 0)))
        except queue.Empty:
            end = End.TIMED_OUT
        except ValueError:  # the end of the connection, or the learner's code has written there
            end = End.DIED
        if end is not End.FINISHED:
            self._kill()
        return Ended(account.records, end, time.monotonic() - start, account.stack)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _hear(connection: Connection, heard: "queue.Queue[bytes]") -> None:
    """Pass on what comes through a connection until its other end is closed."""
    with connection:
        with suppress(EOFError, OSError):
            while True:
                heard.put(connection.recv_bytes(LARGEST_ACCOUNT))
        heard.put(GONE)


def serve(connection: Connection, arguments: Sequence[str], folder: Path) -> None:
    """The worker's life: collect the tests like the pytest that it serves, then do jobs."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for terminal in range(3):
        os.dup2(nowhere, terminal)
    os.chdir(folder)
    # The lock it has of its own is shared between processes: one that is killed leaves it behind.
    tqdm.set_lock(threading.RLock())
    collected(arguments, lambda config, items_of: do_jobs(connection, config, items_of))


def do_jobs(connection: Connection, config: pytest.Config, items_of: Items) -> None:
    """Do what comes, until there is no more."""
    connection.send_bytes(encode(Finished()))
    with suppress(EOFError, OSError):  # the desk has been killed
        while request := connection.recv_bytes():
            number, others, limit = json.loads(request)
            with teller(connection.send_bytes, limit) as tell:
                for record in run_tests(config, items_of, Job(number, Neighbours(others), limit)):
                    tell(record)
                tell(Finished())

"""A second pytest, which grades where processes cannot be forked: on Windows and macOS.

It has TensorFlow loaded and the tests collected, and does one job after the other. When it takes
too long, or a learner's code has ended it, the next job gets a new one.
"""

import json
import multiprocessing
import os
import sys
import threading
import time

import pytest
from tqdm import tqdm

from malaria.given.grading.isolation import Ended, stack
from malaria.given.grading.running import by_exercise, run_tests

START = 120.0  # seconds for loading TensorFlow and collecting the tests on a slow machine


class Worker:
    """A process that does jobs; a context manager, which ends it."""

    def __init__(self, arguments, folder):
        """Prepare to start it.

        Args:
            arguments: Those of the present pytest.
            folder: The one in which it was started.
        """
        self._start_with, self._process, self._connection = (arguments, folder), None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self._connection.close()  # tells it to end
            self._process.join(timeout=5)
            self._kill()

    def do(self, job):
        """Have a job done; returns its `Ended`."""
        if self._process is None:
            self._start()
        self._connection.send(job)
        return self._listen(job.limit)

    def _start(self):
        # Spawned on every system, so that it can be tried on one that forks.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *self._start_with), daemon=True)
        self._process.start()
        theirs.close()
        if self._listen(START).end != "finished":
            raise RuntimeError("The process that grades could not be started.")

    def _listen(self, limit):
        """What comes back until it is "finished", or for `limit` seconds."""
        received, start = [], time.monotonic()

        def ended(end):
            return Ended(received, end, time.monotonic() - start)

        while self._connection.poll(max(start + limit - time.monotonic(), 0)):
            try:
                record = json.loads(self._connection.recv_bytes())
            except (EOFError, OSError, ValueError):
                self._kill()
                return ended("died")
            if record == "finished":
                return ended("finished")
            received.append(record)
        self._kill()
        return ended("timed out")

    def _kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None


def serve(connection, arguments, folder):
    """The worker's life: collect the tests like the pytest that it serves, then do jobs."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for terminal in range(3):
        os.dup2(nowhere, terminal)
    os.chdir(folder)
    # The lock it has of its own is shared between processes: one that is killed leaves it behind.
    tqdm.set_lock(threading.RLock())
    sys.argv[1:] = map(str, arguments)
    # --collect-only keeps this one from grading on its own account.
    pytest.main([*arguments, "--collect-only"], plugins=[Serving(connection)])


class Serving:
    """A pytest plugin that does jobs instead of running the tests."""

    def __init__(self, connection):
        self._connection, self._lock = connection, threading.Lock()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Do what comes, until the connection is closed."""
        items_of = by_exercise(session.items)
        self._send("finished")
        while True:
            try:
                job = self._connection.recv()
            except EOFError:
                return True
            # Before it is killed it says where it is; a native call that never returns cannot.
            alarm = threading.Timer(0.9 * job.limit, self._say_where, [threading.get_ident()])
            alarm.start()
            for record in run_tests(session.config, items_of, job):
                self._send(record)
            alarm.cancel()
            self._send("finished")

    def _say_where(self, thread):
        self._send({"stack": stack(sys._current_frames()[thread])})

    def _send(self, record):
        with self._lock:
            self._connection.send_bytes(json.dumps(record).encode())

"""A process for each exercise: it can be killed, and what it breaks is its own.

On Linux the process is a fork of this one, which has TensorFlow imported but has not run an
operation yet: that takes milliseconds, where a fresh interpreter takes seconds. TensorFlow's
threads do not survive a fork, so an operation before it would hang the child.
"""

import json
import os
import selectors
import signal
import sys
import time
from typing import NamedTuple

LARGEST_FILE = 64 * 2**20  # bytes: code that prints without end must not fill the disk
CAN_FORK = sys.platform == "linux"


class Ended(NamedTuple):
    """How a job ended: its records, "finished", "died" or "timed out", and the seconds it took."""

    records: list
    end: str
    seconds: float


class Child:
    """A process that runs a function and sends what it yields, one JSON object a line.

    Attributes:
        key: Whatever tells it apart for its owner.
        received: The objects so far.
        ended: None while it runs.
    """

    def __init__(self, key, function, limit):
        """Start the process.

        Args:
            function: Called without arguments in the child; yields what `json` can write.
            limit: Seconds until it is killed.
        """
        self.key, self.received, self.ended = key, [], None
        self._started = time.monotonic()
        self.deadline = self._started + limit
        self._text = b""
        sys.stdout.flush()
        sys.stderr.flush()
        self.pipe, write_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self.pipe)
            _run(function, write_end, 0.9 * limit)
        os.close(write_end)

    def receive(self):
        """Read what has come; at the end of the pipe the process is over."""
        data = os.read(self.pipe, 2**16)
        self._text += data
        *lines, self._text = self._text.split(b"\n")
        try:
            self.received += [json.loads(line) for line in lines]
        except ValueError:  # not from us: the learner's code has written into the pipe
            self.close("died")
            return
        if data:
            return
        if self.received and self.received[-1] == "finished":
            self.received.pop()
            self.close("finished")
        else:
            self.close("died")

    def close(self, end):
        """Kill what is left of the process, and say how it ended."""
        self.ended = Ended(self.received, end, time.monotonic() - self._started)
        os.close(self.pipe)
        for kill in (os.killpg, os.kill):  # with whatever it has started
            try:
                kill(self._pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        os.waitpid(self._pid, 0)


def _run(function, write_end, patience):
    """The child's whole life."""
    status = 1
    try:
        os.setsid()  # its own group, so that it can be killed with all that it starts
        _limit_files()
        # Before it is killed it says where it is; a native call that never returns cannot.
        signal.signal(signal.SIGALRM, lambda _, frame: _send(write_end, {"stack": stack(frame)}))
        signal.setitimer(signal.ITIMER_REAL, patience)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for item in function():
            _send(write_end, item)
        _send(write_end, "finished")
        status = 0
    finally:
        os._exit(status)  # no exit handlers: they are the parent's


def _send(write_end, item):
    data = json.dumps(item).encode() + b"\n"
    while data:
        data = data[os.write(write_end, data) :]


def stack(frame):
    """`[file, line]` of a frame and of those that called it, the innermost first."""
    places = []
    while frame is not None:
        places.append([frame.f_code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return places


def _limit_files():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def run_children(next_child, at_once):
    """Run children, some at a time.

    Args:
        next_child: A function that starts one and returns it, or None if there is none to start
            now. It is asked again whenever a child has ended.
        at_once: How many may run at the same time.

    Yields:
        Each `Child` when it has ended, in the order of their ends.
    """
    running = {}
    try:
        while True:
            while len(running) < at_once and (child := next_child()) is not None:
                running[child.pipe] = child
            if not running:
                return
            with selectors.DefaultSelector() as selector:
                for pipe in running:
                    selector.register(pipe, selectors.EVENT_READ)
                nearest = min(child.deadline for child in running.values()) - time.monotonic()
                ready = [key.fd for key, _ in selector.select(max(nearest, 0))]
            for pipe, child in list(running.items()):
                if pipe in ready:
                    child.receive()
                elif time.monotonic() > child.deadline:
                    child.close("timed out")
                if child.ended is not None:
                    del running[pipe]
                    yield child
    finally:  # Ctrl-C: nothing may stay behind
        for child in running.values():
            child.close("died")

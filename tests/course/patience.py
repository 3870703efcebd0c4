"""Waiting for something that other processes do, on a machine that may be busy."""

import contextlib
import time

from malaria.given.system.lock import locked

# Seconds for what takes seconds where nothing else is at work: only what never comes takes so long.
PATIENCE = 3600


def until(condition):
    """Wait until a condition holds; a failure if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_held(lock):
    """Whether a process holds a lock file, and so is alive; ask only when it has taken the lock.

    To ask is to try: a process that wants the lock just then would not get it.
    """
    with contextlib.suppress(BlockingIOError), locked(lock):
        return False
    return True

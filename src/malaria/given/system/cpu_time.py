"""CPU time: how much a process has computed, which does not depend on what else is running."""

import os
from contextlib import suppress
from pathlib import Path

# Where the fields of /proc/PID/stat stand behind the command's name (man 5 proc).
SESSION = 3
TIMES = slice(11, 15)  # of itself, user and system, and of its children that have ended


def of_this_process() -> float:
    """CPU seconds of this process, all of its threads, and its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def of_this_session() -> float:
    """CPU seconds of this process, which has called `setsid`, and of what it has started.

    Where that cannot be told: without what is still running of the latter.
    """
    return of_session(os.getpid()) or of_this_process()


def of_session(leader: int) -> float:
    """CPU seconds of a process that has called `setsid`, and of all that it has started.

    Args:
        leader: The number of the process.

    Returns:
        The seconds; 0 where there is no /proc, which is everywhere but on Linux.
    """
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = file.read_bytes().rpartition(b")")[2].split()
            if int(fields[SESSION]) == leader:
                ticks += sum(map(int, fields[TIMES]))
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else 0.0

"""Two runs must not write to one folder at once: a lock that the system frees, even on a kill."""

import os
from contextlib import contextmanager


@contextmanager
def locked(path):
    """Hold the lock file at `path`, so that no other process can.

    Args:
        path: A `pathlib.Path`; its folder is made if need be.

    Raises:
        BlockingIOError: Another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is never removed: a run that has it open would hold a lock that nobody else sees.
    with open(path, "ab") as file:
        try:
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # held; the second is what Windows says
            raise BlockingIOError(
                f"Another run is at work in {path.parent}. Wait until it has ended, then run this "
                "again."
            ) from None
        except OSError:  # a file system without locks: a second run goes unnoticed there
            pass
        yield

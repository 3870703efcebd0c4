"""Writing whole or not at all: a kill leaves what was there before, or what is new; never half."""

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

PAUSES = (1, 2, 4)  # seconds; a virus scanner on Windows has closed a folder by then


@contextmanager
def whole_file(path):
    """Write a file beside its place, and move it there when it is complete.

    Args:
        path: Where the file is to be, a `str` or `pathlib.Path`; replaced if it is there.

    Yields:
        Where to write it meanwhile, a `pathlib.Path`. After an error it is removed.
    """
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(path, replace=True, unfinished=None):
    """Fill a folder beside its place, and move it there when it is complete.

    Args:
        path: Where the folder is to be, a `str` or `pathlib.Path`.
        replace: Whether to replace a folder that is there with all that it holds. If not, an empty
            one at most gives way.
        unfinished: The folder's path meanwhile, beside its place; by default one that no other
            process uses. Give a fixed one where a lock keeps the others away, so that the next run
            removes what a killed one left.

    Yields:
        Where to write meanwhile, a `pathlib.Path` that does not exist yet. After an error it is
        removed.

    Raises:
        OSError: The folder is there, holds something, and is not to be replaced.
    """
    path = Path(path)
    unfinished = unfinished or path.with_name(f"{path.name}.{os.getpid()}.part")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a killed run of the same number
    try:
        yield unfinished
        if path.is_dir():
            # Windows renames onto nothing, not even an empty folder.
            remove = shutil.rmtree if replace else os.rmdir
            remove(path)
        rename_patiently(unfinished, path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def rename_patiently(source, target):
    """Rename a folder; wait where Windows refuses because a virus scanner still reads in it."""
    for pause in (*PAUSES, None):
        try:
            os.rename(source, target)
            return
        except PermissionError:
            if pause is None:
                raise
            time.sleep(pause)

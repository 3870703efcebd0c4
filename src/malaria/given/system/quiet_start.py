"""Importing TensorFlow without its greetings."""

import contextlib
import os
import sys


@contextlib.contextmanager
def quiet_stderr():
    """Keep a library's greetings off the terminal.

    TensorFlow writes some lines to stderr from C++ while it is imported, whatever its log level.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def import_tensorflow():
    """Import TensorFlow without its greetings."""
    with quiet_stderr():
        import tensorflow  # noqa: F401

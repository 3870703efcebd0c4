"""Importing TensorFlow without its greetings."""

import contextlib
import os
import sys

from malaria.given.system.lost_ctrl_c import ctrl_c_is_not_lost


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
    with ctrl_c_is_not_lost(), quiet_stderr():
        import tensorflow  # noqa: F401

"""Ctrl-C during an import, where a library may make another error of it, or none."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def ctrl_c_is_not_lost():
    """Raise `KeyboardInterrupt` also where a library has made another error of Ctrl-C.

    NumPy, TensorFlow and pytest answer for all errors of what they import. Where Ctrl-C is ignored
    or somebody else's, and in other threads than the first, all stays as it is.
    """
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before is not signal.default_int_handler:
        yield
        return
    pressed = False

    def answer(signum, frame):
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, answer)
    try:
        yield
    except Exception:
        if not pressed:
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt

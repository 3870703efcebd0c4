"""Ctrl-C between two steps of a training, never in the middle of one."""

import signal
import threading


class CtrlC:
    """Holds a Ctrl-C back, within a `with` block, until the program asks for it.

    Python raises KeyboardInterrupt wherever the program happens to be, which in a training is
    nearly always TensorFlow. There it can come out as another error: at the end of a dataset, as a
    RuntimeError of pybind11.

    Whoever is in a hurry presses twice: the second Ctrl-C is not held back. Where Ctrl-C is ignored
    or somebody else's, and in other threads than the first, all stays as it is.
    """

    def __init__(self):
        """Nothing was pressed so far."""
        self._pressed = False
        self._before = None

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, kind, error, traceback):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if kind is None:
            self.raise_if_pressed()

    def _press(self, number, frame):
        signal.signal(signal.SIGINT, self._before)
        self._pressed = True

    def raise_if_pressed(self):
        """Raise the KeyboardInterrupt that was held back, if there is one."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt

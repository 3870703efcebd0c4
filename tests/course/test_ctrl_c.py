"""Ctrl-C is held back in a training, and never lost."""

import signal
import threading

import pytest

from malaria.given.ctrl_c import CtrlC

pytestmark = pytest.mark.usefixtures("ctrl_c_is_heard")


def press():
    """Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_waits_until_it_is_asked_for():
    """Nothing happens at once; then KeyboardInterrupt, and only one."""
    held = CtrlC()
    with held:
        held.raise_if_pressed()
        press()
        with pytest.raises(KeyboardInterrupt):
            held.raise_if_pressed()
        held.raise_if_pressed()


def test_ctrl_c_that_nobody_asked_for_is_raised_at_the_end():
    """A stop during the last step is a stop."""
    with pytest.raises(KeyboardInterrupt), CtrlC():
        press()


def test_a_second_ctrl_c_is_not_held_back():
    """Whoever presses twice is in a hurry."""
    held = CtrlC()
    with held:
        press()
        with pytest.raises(KeyboardInterrupt):
            press()
        with pytest.raises(KeyboardInterrupt):
            held.raise_if_pressed()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_a_handler_of_somebody_else_stays(handler):
    """A program that ignores Ctrl-C, or does something else at it, goes on doing so."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        with CtrlC():
            assert signal.getsignal(signal.SIGINT) is handler
            press()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_is_put_back():
    """After the training Ctrl-C is Python's own again, also after an error."""
    with pytest.raises(ValueError, match="of the training"), CtrlC():
        raise ValueError("of the training")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_can_train():
    """Only the first thread may ask for signals; others do without."""
    ended = []

    def train():
        with CtrlC() as held:
            held.raise_if_pressed()
        ended.append(True)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert ended

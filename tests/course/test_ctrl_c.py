"""Ctrl-C is held back in a training, and never lost; nor is it elsewhere."""

import signal
import subprocess
import sys
import threading

import pytest

from malaria.given import command_line
from malaria.given.ctrl_c import CtrlC
from malaria.given.system.lost_ctrl_c import ctrl_c_is_not_lost
from malaria.given.system.quiet_start import import_tensorflow

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


def swallow_ctrl_c(error):
    """What an import that answers for all errors makes of Ctrl-C."""
    try:
        press()
    except KeyboardInterrupt:
        if error is not None:
            raise error from None


def test_ctrl_c_in_an_import_is_not_lost():
    """A library may make another error of it, or none."""
    for error in (ImportError, None):
        with pytest.raises(KeyboardInterrupt), ctrl_c_is_not_lost():
            swallow_ctrl_c(error)
    with pytest.raises(ImportError), ctrl_c_is_not_lost():
        raise ImportError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_not_lost_while_tensorflow_is_imported(monkeypatch):
    """For every command, and the first cell of a notebook."""

    class Finder:
        """Presses Ctrl-C when TensorFlow is looked for."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "tensorflow":
                swallow_ctrl_c(ImportError)

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(KeyboardInterrupt):
        import_tensorflow()


def test_ctrl_c_is_answered_while_a_command_is_loaded(monkeypatch, capsys):
    """That takes a second, in which nothing else could answer."""
    code = "import sys, malaria.given.command_line; print('numpy' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert loaded.stdout.strip() == b"False"
    monkeypatch.setattr(command_line, "make_parser", press)
    assert command_line.main(["watch"]) == 130
    assert capsys.readouterr().err == "malaria: stopped\n"

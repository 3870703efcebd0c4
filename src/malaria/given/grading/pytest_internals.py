"""The parts of pytest that it does not promise to keep, in one place.

`tests/course/test_plugin.py` names them too, so that a pytest without one of them is told at once.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.capture import CaptureManager
from _pytest.runner import runtestprotocol
from _pytest.terminal import TerminalReporter


def run_test(item: pytest.Item, following: pytest.Item | None) -> list[pytest.TestReport]:
    """Run a test, with its fixtures; keep those that the test `following` it shares."""
    return runtestprotocol(item, log=False, nextitem=following)


def close_fixtures(session: pytest.Session) -> None:
    """Take down what is still set up."""
    session._setupstate.teardown_exact(None)


def temporary_folder(config: pytest.Config) -> Path:
    """The folder of this run for the tests' temporary files; made by the first who asks."""
    return config._tmp_path_factory.getbasetemp()


def release_terminal(config: pytest.Config) -> None:
    """Let what is printed from now on, and what is typed, pass by pytest's capture."""
    config.pluginmanager.getplugin("capturemanager").suspend_global_capture(in_=True)


def capture_anew(config: pytest.Config) -> None:
    """Capture into files of one's own, in a fork that shares those of its parent."""
    release_terminal(config)
    config.pluginmanager.unregister(name="capturemanager")
    own = CaptureManager(config.option.capture)
    config.pluginmanager.register(own, "capturemanager")
    own.start_global_capturing()


def all_tests(collector: pytest.Collector) -> Iterator[pytest.Item]:
    """All tests of a file that was collected, chosen or not."""
    for node in collector.collect():
        if isinstance(node, pytest.Collector):
            yield from all_tests(node)
        else:
            yield node


def columns(reporter: TerminalReporter) -> int:
    """The width of the terminal."""
    return reporter._tw.fullwidth

"""Fixtures that several of the course's own tests use."""

import signal

import pytest


@pytest.fixture
def ctrl_c_is_heard():
    """As at a terminal; where the tests run in the background, it may be ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

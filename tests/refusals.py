"""How the tests ask for a refusal."""

from contextlib import contextmanager

import pytest


@contextmanager
def refused(what):
    """Expect a ValueError with a sentence.

    Args:
        what: The input that cannot be right, for the message.
    """
    try:
        yield
    except ValueError as error:
        assert str(error).strip(), f"The ValueError for {what} has no sentence."
    else:
        pytest.fail(f"There was no ValueError for {what}.")

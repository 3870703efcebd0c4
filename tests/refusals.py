"""How the tests ask for a refusal."""

from contextlib import contextmanager

import pytest


@contextmanager
def refused(what, naming="", but_not=None):
    """Expect a ValueError with a sentence.

    Args:
        what: The input that cannot be right, for the message.
        naming: A word that the sentence must hold.
        but_not: A word that it must not hold, if any.
    """
    try:
        yield
    except ValueError as error:
        assert str(error).strip(), f"The ValueError for {what} has no message."
        assert naming in str(error), f"The ValueError for {what} does not name {naming!r}."
        assert but_not is None or but_not not in str(error), (
            f"The ValueError for {what} should not name {but_not!r}."
        )
    else:
        pytest.fail(f"No ValueError was raised for {what}.")

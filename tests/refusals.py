"""How the tests ask for a refusal."""

from contextlib import contextmanager

import pytest


@contextmanager
def refused(what, naming=""):
    """Expect a ValueError with a sentence.

    Args:
        what: The input that cannot be right, for the message.
        naming: A word that the sentence must hold.
    """
    try:
        yield
    except ValueError as error:
        assert str(error).strip(), f"The ValueError for {what} has no sentence."
        assert naming in str(error), f"The ValueError for {what} does not name {naming!r}."
    else:
        pytest.fail(f"There was no ValueError for {what}.")

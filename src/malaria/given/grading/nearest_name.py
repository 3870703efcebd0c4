"""The name most like one that is missing: a misspelled function, a renamed module."""

import difflib
from collections.abc import Iterable


def nearest(name: str, present: Iterable[str]) -> str:
    """A sentence, with a space before it, on the name most like one that is missing; or ""."""
    public = [other for other in present if not other.startswith("_")]
    close = difflib.get_close_matches(name, public, n=1)
    return f" The most similar name is {close[0]}." if close else ""

"""What came back, looked at before it is compared: its type, its length, its shape, its dtype.

A test that compares at once stumbles over a None, a string or a list too long, and its error says
nothing to the person who wrote the answer. Every result passes through one of these checks first,
and the sentence of the first that fails is all that there is to say. `what` names the result in
that sentence, such as "the mean": it came out as None.

What passes leaves a checksum, by which a known mistake is told from another that is like it.
"""

import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from malaria import LESSON_MODULES
from malaria.given.grading.checksum import came_back

MOST_SHOWN = 8  # numbers of an array: more of them are a dump
MOST_TOLD = 300  # characters of TensorFlow's own words
KINDS = {"floats": "f", "integers": "iu", "booleans": "b", "strings": "U"}
TENSORS = {  # others keep the name of their class: a RaggedTensor, IndexedSlices
    "EagerTensor": "tensor",
    "SymbolicTensor": "symbolic tensor",  # of a graph: it has no value
    "ResourceVariable": "variable",
}


def array(found, what="the result", shape=None, dtype=None):
    """What came back as a NumPy array.

    Args:
        found: A tensor, an array, a number, or a nest of lists of numbers; where the dtype is
            "strings", an array or a list of them.
        what: What it should be, for the sentence: "the mean".
        shape: What its shape should be; None in it stands for any size.
        dtype: A dtype of NumPy or TensorFlow, or a kind of dtypes: "floats", "integers",
            "booleans" or "strings".
    """
    values = _strings(found) if dtype == "strings" else _numbers(found)
    if values is None:
        refuse(found, what, "strings" if dtype == "strings" else "numbers")
    came_back.add(values)
    if shape is not None and not _fits(values.shape, shape):
        asked = _shape(shape) if len(shape) else "as a single number"
        pytest.fail(f"{_start(what)} came out with the shape {_shape(values.shape)}, not {asked}.")
    if dtype in KINDS:
        right = values.dtype.kind in KINDS[dtype]
    else:
        right = dtype is None or values.dtype == getattr(dtype, "as_numpy_dtype", dtype)
    if not right:
        asked = dtype if dtype in KINDS else np.dtype(getattr(dtype, "as_numpy_dtype", dtype)).name
        pytest.fail(f"{_start(what)} came out in {values.dtype.name}, not in {asked}.")
    return values


def tensor(found, what="the result", shape=None, dtype=None):
    """What came back as an array, as `array` does it, where only a tensor will do."""
    import tensorflow as tf  # lesson 1 does without it, and starts sooner

    if not tf.is_tensor(found):
        refuse(found, what, "a tensor")
    return array(found, what, shape, dtype)


def number(found, what="the result"):
    """What came back as a Python float: a number, or a tensor or an array that holds just one."""
    return float(array(found, what, shape=()))


def text(found, what="the result"):
    """What came back as a Python string; NumPy's own string is one."""
    if isinstance(found, np.ndarray) and found.ndim == 0:
        found = found.item()
    if not isinstance(found, str):
        refuse(found, what, "a string")
    came_back.add(np.asarray(found))
    return str(found)


def parts(found, names, what="the result"):
    """What came back as a list of as many parts as there are names; any sequence will do.

    Args:
        found: A tuple, a list, or what else has a length and an order.
        names: Of the parts, for the sentence.
        what: What they are together.
    """
    asked = f"{len(names)} items: {enumerated(names)}"
    if not _is_sequence(found):
        refuse(found, what, asked)
    if len(found) != len(names):
        things = "1 item" if len(found) == 1 else f"{len(found)} items"
        pytest.fail(f"{_start(what)} came out as {things}, not as {asked}.")
    return list(found)


def sequence(found, what="the result", length=None):
    """What came back as a list, of any length or of one; any sequence will do."""
    asked = "a sequence" if length is None else f"a sequence of {length}"
    if not _is_sequence(found):
        refuse(found, what, asked)
    if length is not None and len(found) != length:
        pytest.fail(f"{_start(what)} came out with the length {len(found)}, not {length}.")
    return list(found)


def mapping(found, keys, what="the result"):
    """What came back as a dict that holds at least these keys."""
    if not isinstance(found, Mapping):
        refuse(found, what, f"a dict of {enumerated(keys)}")
    missing = [key for key in keys if key not in found]
    if missing:
        pytest.fail(f"{_start(what)} came out without {enumerated(missing)}.")
    return dict(found)


def function(found, what="the result"):
    """What came back if it can be called."""
    if not callable(found):
        refuse(found, what, "a function")
    return found


def call(found, what, *arguments):
    """What a function that came back returns; if it does not take the arguments, a sentence.

    A compiled function with a signature of its own, or a function of one argument instead of two,
    refuses before a line of the learner's is reached. Any other error is raised as it is.
    """
    try:
        return function(found, what)(*arguments)
    except Exception as error:
        if in_learners_line(error):
            raise
        given = [described(argument) for argument in arguments]
        refused = f"does not take {enumerated(given)}" if given else "cannot be called"
        pytest.fail(f"{_start(what)} {refused}: {reason(error)}")


def in_learners_line(error):
    """Whether a line of the learner's is on an error's way, so that they can read it themselves."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    files += re.findall(r'File "([^"]+)"', str(error))  # an error in a graph has its way as text
    return any(Path(file).stem in LESSON_MODULES for file in files)


def reason(error):
    """TensorFlow's own words, in short; of a signature that refuses, what it asks for."""
    taken = re.search(r"to TensorSpec\(shape=(\([^)]*\)), dtype=tf\.(\w+)", str(error))
    if not taken:
        return " ".join(str(error).partition("Received args")[0].split())[:MOST_TOLD]
    shape, dtype = taken.groups()
    return f"its signature asks for {dtype} of the shape {shape.replace('None', '?')}."


def distance(found, expected):
    """The greatest difference between two arrays of one shape, a float; NaN if there is one."""
    found, expected = np.asarray(found), np.asarray(expected)
    return float(np.max(np.abs(found - expected), initial=0))


def compared(found, expected):
    """Where two arrays of one shape differ most, for a sentence: "0.25 at [0, 3], not 0.5".

    Where four digits do not tell them apart, it says how far apart they are.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    # float64: differences of booleans and of unsigned numbers are none.
    worst = np.argmax(np.abs(np.float64(found) - np.float64(expected)))  # the first NaN, if any
    place = np.unravel_index(worst, found.shape)
    ours, theirs = digits(found[place]), digits(expected[place])
    where = f" at [{', '.join(map(str, place))}]" if place else ""
    if ours != theirs:
        return f"{ours}{where}, not {theirs}"
    return f"{ours}{where}, off by {abs(float(found[place]) - float(expected[place])):.1e}"


def refuse(found, what, asked):
    """Fail because another kind of thing came out; None has mostly one reason."""
    end = ": is a `return` missing?" if found is None else "."
    pytest.fail(f"{_start(what)} came out as {described(found)}, not as {asked}{end}")


def described(found):
    """What kind of thing something is, for a sentence: "a float32 tensor of the shape (3, 4)"."""
    if found is None or isinstance(found, (bool, int, float)):
        return str(found) if not isinstance(found, float) else digits(found)
    if isinstance(found, np.ndarray) or (hasattr(found, "dtype") and hasattr(found, "shape")):
        name = type(found).__name__
        kind = "array" if isinstance(found, (np.ndarray, np.generic)) else TENSORS.get(name, name)
        known = np.shape(found) if kind == "array" else found.shape
        is_text = getattr(found.dtype, "kind", "") == "U"
        dtype = "string" if is_text else getattr(found.dtype, "name", str(found.dtype))
        return f"{_article(dtype)} {kind} of the shape {_shape(known)}"
    if isinstance(found, (list, tuple, Mapping)):
        return f"{_article(type(found).__name__)} of {len(found)}"
    if isinstance(found, str):
        return "a string"
    if hasattr(found, "element_spec"):
        return "a dataset"
    name = type(found).__name__
    return _article({"builtin_function_or_method": "function"}.get(name, name))


def digits(values):
    """Numbers as a person reads them: four significant digits, and no more than eight of them."""
    values = np.asarray(values)
    if values.ndim == 0:
        return _digits(values.item())
    shown = [digits(value) for value in values[:MOST_SHOWN]]
    more = [f"... {len(values)} in all"] if len(values) > MOST_SHOWN else []
    return f"[{', '.join(shown + more)}]"


def enumerated(names):
    """Names in a sentence: "a, b and c"."""
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last


def _digits(value):
    if isinstance(value, (bool, int, str)):
        return str(value)
    size = abs(value)
    if not np.isfinite(value) or value == 0:
        return "NaN" if np.isnan(value) else f"{value:.0f}"
    if 1e-4 <= size < 1e6:
        rounded = round(value, 5)  # no more than five digits after the point: 0.00392
        return np.format_float_positional(rounded, precision=4, fractional=False, trim="-")
    return f"{value:.1e}"


def _numbers(found):
    """An array of what came back, or None if it does not hold numbers."""
    values = _any_array(found)
    return values if values is not None and values.dtype.kind in "fiub" else None


def _strings(found):
    """An array of what came back, or None if it does not hold Python's or NumPy's strings."""
    values = _any_array(found)
    if values is None or not all(isinstance(value, str) for value in values.flat):
        return None
    return values.astype(str)  # an empty array may be of any dtype


def _any_array(found):
    try:
        return np.asarray(found)
    except Exception:  # a symbolic tensor, a ragged list: whatever it is, it is not an array
        return None


def _is_sequence(found):
    ordered = isinstance(found, Sequence) or hasattr(found, "__getitem__")
    return (
        ordered
        and not isinstance(found, (str, bytes, Mapping))
        and hasattr(found, "__len__")
        and (not hasattr(found, "shape") or len(found.shape) > 0)
    )


def _fits(shape, asked):
    return len(shape) == len(asked) and all(
        size in (None, own) for own, size in zip(shape, asked, strict=True)
    )


def _shape(shape):
    """A shape in words; an open size is a question mark."""
    sizes = ["?" if size is None else str(size) for size in tuple(shape)]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _start(what):
    return what[0].upper() + what[1:]


def _article(noun):
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"

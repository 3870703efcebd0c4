"""What no exercise should return: None, a string, a tuple too long, right values in a wrong shape.

Each of these is put in the place of each exercise. The tests must reject it in a sentence of their
own: an error in a line of a test says nothing to the person who wrote the answer.
`python -m tests.try_answers --nonsense` tries them all.
"""

import importlib

import numpy as np
import tensorflow as tf

from malaria.given.exercises import EXERCISES
from tests.answers import Answer

# What a learner may return by mistake, whatever was asked for. Made when it is returned: nothing of
# TensorFlow may run before the tests are forked.
RETURNS = {
    "None": lambda: None,
    "a number": lambda: 7.5,
    "a boolean": lambda: True,
    "a list": lambda: [0.5, 0.25, 0.125],
    "an empty list": list,
    "a ragged list": lambda: [[1.0], [2.0, 3.0]],
    "a generator": lambda: (k / 4 for k in range(3)),
    "a string": lambda: "malaria",
    "a dict": lambda: {"malaria": "none"},
    "a set": lambda: {1, 2},
    "a function": lambda: lambda *_, **__: None,
    "an object": object,
    "an exception": lambda: ValueError("returned, not raised"),
    "NaN": lambda: tf.constant(float("nan")),
    "an array of NaN": lambda: np.full((2, 3), np.nan),
    "an array of objects": lambda: np.array([None, "malaria"], object),
    "a scalar tensor": lambda: tf.constant(0.5),
    "a tensor of strings": lambda: tf.constant(["malaria"]),
    "a complex tensor": lambda: tf.constant([1j]),
    "a tensor of five axes": lambda: tf.zeros((2, 1, 3, 1, 2)),
    "an empty tensor": lambda: tf.zeros((0, 4)),
    "a variable": lambda: tf.Variable([0.5, 0.25]),
    "a ragged tensor": lambda: tf.ragged.constant([[1.0], [2.0, 3.0]]),
    "a tuple too long": lambda: tuple(tf.zeros((2, 2)) for _ in range(9)),
    "a tuple of None": lambda: (None, None),
    "a data set": lambda: tf.data.Dataset.range(3),
    "a data set of strings": lambda: tf.data.Dataset.from_tensors("malaria").repeat(3),
}


def _tried(change):
    """A change, or None where the result cannot be changed so."""

    def changed(result):
        try:
            return change(result)
        except Exception:  # whatever TensorFlow says of an integer that should become NaN
            return None

    return changed


def _each(change):
    """A change of one thing as one of a thing or of each thing in a sequence."""
    change = _tried(change)

    def changed(result):
        if isinstance(result, dict):
            return {key: change(value) for key, value in result.items()}
        return type(result)(map(change, result)) if _is_nest(result) else change(result)

    return changed


def _is_nest(result):
    return isinstance(result, (list, tuple))


def _sequence(change):
    """A change of a sequence; another result becomes the only thing in one."""
    return _tried(lambda result: change(tuple(result) if _is_nest(result) else (result,)))


# What a learner may do to the right result, and so come closer to it.
CHANGES = {
    "with an axis too many": _each(lambda x: tf.expand_dims(x, 0)),
    "with an axis too many at the end": _each(lambda x: tf.expand_dims(x, -1)),
    "as one row of numbers": _each(lambda x: tf.reshape(x, (-1,))),
    "as one number": _each(lambda x: tf.reduce_mean(tf.cast(x, tf.float64))),
    "without its first row": _each(lambda x: tf.convert_to_tensor(x)[1:]),
    "twice over": _each(lambda x: tf.concat([x, x], axis=0)),
    "in float16": _each(lambda x: tf.cast(x, tf.float16)),
    "in int32": _each(lambda x: tf.cast(x, tf.int32)),
    "as NaN": _each(lambda x: tf.cast(x, tf.float64) * np.nan),
    "as strings": _each(lambda x: tf.strings.as_string(tf.convert_to_tensor(x))),
    "as a string": _each(str),
    "as None": _each(lambda x: None),
    "as lists": _each(lambda x: np.asarray(x).tolist()),
    "one thing too many": _sequence(lambda parts: (*parts, parts[-1])),
    "one thing too few": _sequence(lambda parts: parts[:-1]),
    "the other way round": _sequence(lambda parts: parts[::-1]),
    "one thing None": _sequence(lambda parts: (*parts[:-1], None)),
    "as a generator": _sequence(lambda parts: (part for part in parts)),
    "as a dict": _sequence(lambda parts: dict(enumerate(parts))),
    "as a function": lambda result: lambda *_: result,
}


def nonsense(number):
    """Nonsense in place of an exercise, a list of `Answer`."""
    exercise = next(exercise for exercise in EXERCISES if exercise.number == number)
    reference = getattr(importlib.import_module(f"solutions.{exercise.module}"), exercise.name)
    if isinstance(reference, type):
        return list(_methods_of(number, reference))
    return list(_results_of(number, reference))


def _results_of(number, reference):
    """A function that returns nonsense; and where it returns a function, one that does."""
    name = reference.__name__
    for what, make in RETURNS.items():
        yield _answer(number, f"returns {what}", name, lambda *_, make=make, **__: make())
    for what, change in CHANGES.items():

        def changed(*arguments, change=change, **named):
            result = reference(*arguments, **named)
            if isinstance(result, tf.data.Dataset):
                return [change(part) for part in result]
            return change(result) if not callable(result) else _changed(result, change)

        yield _answer(number, f"returns the right thing {what}", name, changed)
    if number in RETURN_FUNCTIONS:
        for what, make in RETURNS.items():
            made = lambda *_, make=make, **__: lambda *_, **__: make()  # noqa: E731
            yield _answer(number, f"returns a function that returns {what}", name, made)


RETURN_FUNCTIONS = ("4.2", "4.5", "4.6", "6.2")


def _changed(function, change):
    return lambda *arguments, **named: change(function(*arguments, **named))


def _methods_of(number, reference):
    """The class, with nonsense in place of one of its methods or properties."""
    public = {"__call__", *(name for name in vars(reference) if not name.startswith("_"))}
    for method in sorted(public & vars(reference).keys()):
        whole = vars(reference)[method]
        wrap = property if isinstance(whole, property) else lambda function: function
        call = whole.fget if isinstance(whole, property) else whole
        for what, make in RETURNS.items():
            returned = wrap(lambda *_, make=make, **__: make())
            yield _answer(
                number, f"{method} returns {what}", *_subclass(reference, method, returned)
            )
        for what, change in CHANGES.items():
            returned = wrap(_changed(call, change))
            sentence = f"{method} returns the right thing {what}"
            yield _answer(number, sentence, *_subclass(reference, method, returned))


def _subclass(reference, method, value):
    return reference.__name__, type(reference)(reference.__name__, (reference,), {method: value})


def _answer(number, sentence, name, replacement):
    replacement.__name__ = name
    return Answer(number, f"It {sentence}.", replacement)

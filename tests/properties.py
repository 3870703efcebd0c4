"""What all exercises have in common: five properties, written once and run over all.

Each test module ends with one example of a call for every exercise of its lesson, and names the
properties that the exercise should have. They are tested in the exercise's own name, so that
`pytest -m exercise_3_4` and `pytest -k batch_norm` run them as well.
"""

import random
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest

from malaria.given.exercises import BY_NUMBER
from tests import received


class Example(NamedTuple):
    """A call of an exercise that works, for the properties to vary.

    Nothing of TensorFlow may run while the tests are collected, so that inputs are made when asked
    for.

    Attributes:
        number: The exercise.
        call: What is called: a function of the inputs, and of `seed` where `seeds` are given, to an
            array, a tensor or a nest of them.
        inputs: A function from a float dtype, `np.float32` or `np.float64`, to a tuple of inputs:
            arrays, tensors, or what the call needs besides, such as a new model.
        dtype: Whether floats come out in the dtype in which they went in.
        batched: The places of the inputs whose first axis is the batch; the call must then work in
            a graph that leaves its size open.
        seeds: Two seeds that give different results.
        global_state: Whether the global random state has to stay as it is.
    """

    number: str
    call: Callable
    inputs: Callable
    dtype: bool = False
    batched: Sequence[int] = ()
    seeds: Sequence[Any] = ()
    global_state: bool = True

    @property
    def name(self):
        """The name of the function or class."""
        return BY_NUMBER[self.number].name

    def result(self, dtype=np.float32, seed=None):
        """What the call returns, by default with the first seed: a flat list of NumPy arrays."""
        inputs = self.inputs(dtype)
        if not self.seeds:
            return arrays(self.call(*inputs))
        return arrays(self.call(*inputs, seed=self.seeds[0] if seed is None else seed))


def arrays(nest, array=received.array):
    """The arrays in a nest of tensors, arrays, numbers and strings, a flat list."""
    if isinstance(nest, dict):
        nest = list(nest.values())
    if isinstance(nest, (list, tuple)):
        return [one for part in nest for one in arrays(part, array)]
    return [np.asarray(nest) if isinstance(nest, str) else array(nest)]


def copies(inputs):
    """Copies of what a test passes in, which may hold names as well as numbers: a flat list."""
    return [array.copy() for array in arrays(inputs, np.asarray)]


def equal(first, second):
    """Whether two flat lists of arrays are equal in every bit; NaN equals NaN."""
    return len(first) == len(second) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(first, second, strict=True)
    )


def dtype_kept(example):
    """Floats come out in the dtype in which they went in: lessons compare in float64."""
    for dtype in (np.float32, np.float64):
        found = {a.dtype.name for a in example.result(dtype) if a.dtype.kind == "f"}
        asked = np.dtype(dtype).name
        assert found == {asked}, (
            f"For {asked} inputs, {example.name} returned"
            f" {' and '.join(sorted(found)) or 'no floats'}."
        )


# What TensorFlow says of a function that it cannot make a graph of, whatever its batch size.
NO_GRAPH = {
    "To be compatible with tf.function": "In a graph, {} returned something that is not a tensor.",
    "singleton tf.Variables": "{} makes a new tf.Variable in each call, which a graph cannot do.",
}


@contextmanager
def graph_can_be_made(name):
    """Say in a sentence why there can be no graph; `name` is that of the exercise."""
    try:
        yield
    except Exception as error:
        if not received.in_learners_line(error):
            for words, sentence in NO_GRAPH.items():
                if words in str(error):
                    pytest.fail(sentence.format(name))
        raise


def graph_of(function, name, inputs, batched):
    """A graph of a function of tensors: it takes such inputs, and batches of any size.

    Args:
        function: What is traced, in a new `tf.function`.
        name: Of the exercise that it calls, for the sentence.
        inputs: Tensors as those that it will be called with.
        batched: The places of those whose first axis is the batch, the size of which stays open.
    """
    import tensorflow as tf  # lesson 1 does without it, and starts sooner

    def traced(open_places):
        shapes = [
            (None, *x.shape[1:]) if place in open_places else x.shape
            for place, x in enumerate(inputs)
        ]
        signature = [tf.TensorSpec(s, x.dtype) for s, x in zip(shapes, inputs, strict=True)]
        graph = tf.function(function, input_signature=signature)
        with graph_can_be_made(name):
            graph.get_concrete_function()
        return graph

    try:
        return traced(batched)
    except Exception as error:
        try:
            traced(())
        except Exception:
            raise error from None  # it has another cause
        pytest.fail(
            f"{name} cannot be compiled for an open batch size: there `images.shape[0]` is None,"
            " but `tf.shape(images)[0]` is the size of the current batch."
        )


def open_batch(example):
    """In a graph the batch size may be open, as it is for the last, short batch of a data set."""
    import tensorflow as tf  # lesson 1 does without it, and starts sooner

    inputs = [
        tf.convert_to_tensor(x) if isinstance(x, np.ndarray) else x
        for x in example.inputs(np.float32)
    ]
    seed = {"seed": example.seeds[0]} if example.seeds else {}
    batches = [inputs[k] for k in example.batched]

    def call(*batches):
        everything = list(inputs)
        for k, batch in zip(example.batched, batches, strict=True):
            everything[k] = batch
        return example.call(*everything, **seed)

    expected = example.result()
    found = arrays(graph_of(call, example.name, batches, range(len(batches)))(*batches))
    shapes, asked = [a.shape for a in found], [a.shape for a in expected]
    assert shapes == asked, (
        f"In a graph with an open batch size, {example.name} returned the shapes {shapes}, not"
        f" {asked} as it does outside."
    )
    for a, b in zip(found, expected, strict=True):
        close = np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
        assert close, (
            f"In a graph with an open batch size, {example.name} returned other values than"
            " outside."
        )


def seed_obeyed(example):
    """The same seed gives the same result, another seed another one."""
    first, second = example.seeds
    results = [example.result(seed=seed) for seed in (first, first, second)]
    assert equal(results[0], results[1]), (
        f"{example.name} gave two different results for the seed {first}."
    )
    assert not equal(results[0], results[2]), (
        f"{example.name} gave the same result for the seeds {first} and {second}."
    )


def global_state_untouched(example):
    """The global seeds of NumPy, Python and TensorFlow are neither set nor drawn from."""
    tensorflow = sys.modules.get("tensorflow")  # lesson 1 does without it

    def next_draws(call):
        np.random.seed(11)  # noqa: NPY002
        random.seed(12)
        if tensorflow:
            tensorflow.random.set_seed(13)
        if call:
            example.result()
        return {
            "NumPy": float(np.random.random()),  # noqa: NPY002
            "Python": random.random(),
            "TensorFlow": float(tensorflow.random.uniform(())) if tensorflow else None,
        }

    before, after = next_draws(call=False), next_draws(call=True)
    for library, draw in before.items():
        assert after[library] == draw, (
            f"{example.name} changed the global random state of {library}: draw from the seed"
            " alone."
        )


def inputs_untouched(example):
    """What was passed in is as it was: arrays may be in use elsewhere."""
    inputs = example.inputs(np.float32)
    before = copies(inputs)
    seed = {"seed": example.seeds[0]} if example.seeds else {}
    example.call(*inputs, **seed)
    assert equal(before, copies(inputs)), f"{example.name} changed its inputs."


def properties_of(example):
    """The properties that an exercise should have."""
    return [
        *([dtype_kept] if example.dtype else []),
        *([seed_obeyed] if example.seeds else []),
        *([open_batch] if example.batched else []),
        *([global_state_untouched] if example.global_state else []),
        inputs_untouched,
    ]


def tests_of(*examples):
    """A test for every property of every example, to be assigned to a name of a test module."""
    cases = [
        pytest.param(
            example,
            holds,
            id=f"{example.name}-{holds.__name__}",
            marks=pytest.mark.exercise(example.number),
        )
        for example in examples
        for holds in properties_of(example)
    ]

    @pytest.mark.parametrize(("example", "holds"), cases)
    def test_properties(example, holds):
        """One of the five properties that are written in tests/properties.py."""
        holds(example)

    test_properties.examples = examples  # the course's own tests ask which exercises there are
    return test_properties

"""The properties that all exercises have in common: what they say is so."""

import numpy as np
import pytest
import tensorflow as tf

from tests import properties


def example(call, **options):
    """An example of a call, in the name of exercise 2.4, of a batch of four numbers."""
    options = {"inputs": lambda dtype: (np.arange(4, dtype=dtype),), **options}
    return properties.Example("2.4", call, **options)


def refused_for_an_open_batch(call):
    """What is said of a call that does not work in a graph of an open batch size."""
    with pytest.raises(pytest.fail.Exception) as raised:
        properties.open_batch(example(call, batched=(0,)))
    return str(raised.value)


def test_an_open_batch_size_is_named_where_it_is_the_cause():
    """Whatever TensorFlow says where None is taken for a size, or Python."""
    for call in (
        lambda x: tf.zeros(x.shape[0]) + x,
        lambda x: tf.stack([x[k] for k in range(x.shape[0])]),
        lambda x: tf.stack(tf.unstack(x)),
    ):
        assert "cannot be compiled for an open batch size" in refused_for_an_open_batch(call)


def test_an_open_batch_size_is_not_named_where_another_thing_is_the_cause():
    """A None of one's own fails outside a graph too, and NumPy in any graph."""
    for call, kind in ((lambda x: x + None, TypeError), (lambda x: np.sin(x), NotImplementedError)):
        with pytest.raises(kind):
            properties.open_batch(example(call, batched=(0,)))
    assert refused_for_an_open_batch(lambda x: object() if tf.is_symbolic_tensor(x) else x) == (
        "In a graph, flip_and_rotate returned something that is not a tensor."
    )
    for call in (lambda x: tf.Variable(1.0), lambda x: tf.Variable(1.0) * x):
        assert refused_for_an_open_batch(call) == (
            "flip_and_rotate makes a new tf.Variable in each call, which a graph cannot do."
        )


def test_names_may_be_passed_in():
    """Lesson 1 takes the names of patients, and may not change them either."""
    properties.inputs_untouched(example(len, inputs=lambda dtype: (np.array(["C1", "C2"]),)))
    rename = example(
        lambda names: names.__setitem__(0, "C3"), inputs=lambda dtype: (np.array(["C1", "C2"]),)
    )
    with pytest.raises(AssertionError, match="changed its inputs"):
        properties.inputs_untouched(rename)

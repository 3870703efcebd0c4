"""The checks of what came back: each fails in a sentence, whatever it is given."""

import numpy as np
import pytest
import tensorflow as tf

from tests import received


def sentence(check, *arguments, **named):
    """What a check says of what it refuses."""
    with pytest.raises(pytest.fail.Exception) as raised:
        check(*arguments, **named)
    return str(raised.value)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "The mean came out as None, not as numbers: is a `return` missing?"),
        ("malaria", "The mean came out as a string, not as numbers."),
        ([1, [2, 3]], "The mean came out as a list of 2, not as numbers."),
        ({"a": 1}, "The mean came out as a dict of 1, not as numbers."),
        ((k for k in range(3)), "The mean came out as a generator, not as numbers."),
        (len, "The mean came out as a function, not as numbers."),
        (tf.data.Dataset.range(2), "The mean came out as a dataset, not as numbers."),
        (
            tf.constant(["a"]),
            "The mean came out as a string tensor of the shape (1,), not as numbers.",
        ),
        (
            np.array(["a"]),
            "The mean came out as a string array of the shape (1,), not as numbers.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_an_array_is_described(found, words):
    """By its kind, never by its contents."""
    assert sentence(received.array, found, "the mean") == words


def test_an_array_has_the_shape_and_the_dtype_that_were_asked_for():
    """Shape first; an open size fits any."""
    found = np.zeros((2, 3), np.float32)
    assert received.array(found, shape=(None, 3), dtype=tf.float32) is found
    wrong = sentence(received.array, found, shape=(3, 2), dtype=np.float64)
    assert wrong == "The result came out with the shape (2, 3), not (3, 2)."
    wrong = sentence(received.array, found, shape=())
    assert wrong == "The result came out with the shape (2, 3), not as a single number."
    wrong = sentence(received.array, found, dtype=tf.float64)
    assert wrong == "The result came out in float32, not in float64."
    wrong = sentence(received.array, found, dtype="integers")
    assert wrong == "The result came out in float32, not in integers."


def test_an_array_of_strings_is_asked_for_by_name():
    """As the names of patients; strings of TensorFlow are bytes."""
    for found in (["C1", "C2"], np.array(["C1", "C2"]), np.array(["C1", "C2"], object)):
        assert received.array(found, shape=(2,), dtype="strings").tolist() == ["C1", "C2"]
    assert received.array([], dtype="strings").shape == (0,)
    wrong = sentence(received.array, tf.constant(["C1"]), "the names", dtype="strings")
    assert wrong == "The names came out as a string tensor of the shape (1,), not as strings."
    assert "as a list of 2, not as numbers" in sentence(received.array, ["C1", "C2"])


def test_a_symbolic_tensor_is_not_an_array():
    """As comes out where a graph leaked one."""
    leaked = []
    tf.function(lambda x: leaked.append(x))(tf.constant(1.0))
    assert "tensor of the shape (), not as numbers" in sentence(received.array, leaked[0])


def test_where_only_a_tensor_will_do_an_array_will_not():
    """A tensor is checked as an array is."""
    assert received.tensor(tf.constant([1.0]), shape=(1,), dtype=tf.float32).tolist() == [1.0]
    wrong = sentence(received.tensor, np.zeros(2), "the mean")
    assert wrong == "The mean came out as a float64 array of the shape (2,), not as a tensor."
    assert "not as a tensor: is a `return` missing?" in sentence(received.tensor, None)
    slices = tf.IndexedSlices(tf.zeros((1, 3)), tf.constant([0]), tf.constant([4, 3]))
    assert sentence(received.tensor, slices, "the mean") == (
        "The mean came out as a float32 IndexedSlices of the shape (4, 3), not as numbers."
    )


def test_two_arrays_are_compared_where_they_differ_most():
    """And by their distance, where rounding makes them look alike."""
    assert received.compared([[1.0, 2.0]], [[1.0, 4.0]]) == "2 at [0, 1], not 4"
    assert received.compared(0.5, 0.25) == "0.5, not 0.25"
    assert received.compared([1.0, np.nan], [1.0, 4.0]) == "NaN at [1], not 4"
    assert received.compared([1.0 + 1e-8], [1.0]) == "1 at [0], off by 1.0e-08"
    assert received.compared(True, False) == "True, not False"


def test_a_number_is_one_however_it_is_held():
    """In Python, in NumPy, in a tensor."""
    assert [received.number(x) for x in (2, np.float32(2), tf.constant(2.0))] == [2.0] * 3
    assert sentence(received.number, [2.0]).endswith("with the shape (1,), not as a single number.")


def test_a_string_is_one_however_it_is_held():
    """In Python, in NumPy; bytes are none."""
    found = [received.text(x) for x in ("C1", np.str_("C1"), np.array("C1"))]
    assert found == ["C1"] * 3
    assert {type(x) for x in found} == {str}
    wrong = sentence(received.text, tf.constant("C1"), "the patient")
    assert wrong == "The patient came out as a string tensor of the shape (), not as a string."
    assert "a bytes, not as a string" in sentence(received.text, b"C1")


@pytest.mark.parametrize("found", [(1, 2), [1, 2], np.array([1, 2]), tf.constant([1, 2])])
def test_any_sequence_has_parts(found):
    """Its length is what is asked for."""
    assert len(received.parts(found, ("dw", "db"))) == 2
    wrong = sentence(received.parts, found, ("dw1", "db1", "dw2"))
    assert wrong == "The result came out as 2 items, not as 3 items: dw1, db1 and dw2."


@pytest.mark.parametrize("found", [None, 3, "ab", {1, 2}, {1: 2, 3: 4}, iter([1, 2])])
def test_no_other_thing_has_parts(found):
    """A generator ends after one use, and a dict gives its keys."""
    assert "not as a sequence of 2" in sentence(received.sequence, found, length=2)
    assert "not as 2 items: a and b" in sentence(received.parts, found, ("a", "b"))


def test_a_dict_holds_its_keys():
    """More of them do no harm."""
    assert received.mapping({"loss": 1, "auc": 2}, ["loss"]) == {"loss": 1, "auc": 2}
    assert sentence(received.mapping, {"los": 1}, ["loss"]) == "The result came out without loss."
    assert "not as a dict of loss" in sentence(received.mapping, [1], ["loss"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (0.28679999709129333, "0.2868"),
        ([0.2868, 13.21, 1234.4], "[0.2868, 13.21, 1234]"),
        (1e-7, "1.0e-07"),
        ([0.0039216, -0.00049021, 0.00012], "[0.00392, -0.00049, 0.00012]"),
        (0, "0"),
        (float("nan"), "NaN"),
        (-np.inf, "-inf"),
        (123456, "123456"),
        ([[1.0, 2.0], [3.0, 4.0]], "[[1, 2], [3, 4]]"),
        (np.arange(20), "[0, 1, 2, 3, 4, 5, 6, 7, ... 20 in all]"),
    ],
)
def test_numbers_have_four_digits(values, words):
    """At most. And an array is not dumped."""
    assert received.digits(values) == words


def test_what_does_not_take_its_arguments_is_told():
    """A compiled function with a signature of its own, a function of one argument."""
    signature = [tf.TensorSpec((None, 2), tf.float32)]
    compiled = tf.function(lambda x: 2 * x, input_signature=signature)
    assert received.call(compiled, "the step", tf.ones((1, 2))).numpy().tolist() == [[2.0, 2.0]]
    words = sentence(received.call, compiled, "the step", tf.zeros((1, 3)))
    assert words == (
        "The step does not take a float32 tensor of the shape (1, 3): its signature asks for"
        " float32 of the shape (?, 2)."
    )
    words = sentence(received.call, lambda: 1, "the step", 0.5)
    assert words.startswith("The step does not take 0.5: ")
    words = sentence(received.call, lambda x: 1, "the step")
    assert words.startswith("The step cannot be called: ")
    words = sentence(received.call, None, "the step", 0.5)
    assert words == "The step came out as None, not as a function: is a `return` missing?"


def test_an_error_in_a_learners_line_goes_on_its_way():
    """They read it with its line."""
    names = {}
    exec(compile("def classify(images): raise KeyError", "/home/me/tf_function.py", "exec"), names)
    with pytest.raises(KeyError):
        received.call(names["classify"], "the classifier", 3)


def test_an_error_in_a_given_line_is_told():
    """As where a compiled function is nothing but a given one."""

    def step(x):
        return tf.reshape(x, (5,))

    words = sentence(received.call, tf.function(step), "the step", tf.zeros(3))
    assert words.startswith("The step does not take a float32 tensor of the shape (3,): ")

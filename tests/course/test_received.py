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
        (None, "The mean came out as None, not as numbers: is a return missing?"),
        ("malaria", "The mean came out as a string, not as numbers."),
        ([1, [2, 3]], "The mean came out as a list of 2, not as numbers."),
        ({"a": 1}, "The mean came out as a dict of 1, not as numbers."),
        ((k for k in range(3)), "The mean came out as a generator, not as numbers."),
        (len, "The mean came out as a function, not as numbers."),
        (tf.data.Dataset.range(2), "The mean came out as a data set, not as numbers."),
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
    assert wrong == "The result came out with the shape (2, 3), not as one number."
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


def test_a_number_is_one_however_it_is_held():
    """In Python, in NumPy, in a tensor."""
    assert [received.number(x) for x in (2, np.float32(2), tf.constant(2.0))] == [2.0] * 3
    assert sentence(received.number, [2.0]).endswith("with the shape (1,), not as one number.")


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
    assert wrong == "The result came out as 2 things, not as 3 things: dw1, db1 and dw2."


@pytest.mark.parametrize("found", [None, 3, "ab", {1, 2}, {1: 2, 3: 4}, iter([1, 2])])
def test_no_other_thing_has_parts(found):
    """A generator ends after one use, and a dict gives its keys."""
    assert "not as a sequence of 2" in sentence(received.sequence, found, length=2)
    assert "not as 2 things: a and b" in sentence(received.parts, found, ("a", "b"))


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

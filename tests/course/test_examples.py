"""The examples in the docstrings of the exercises are true, on the reference."""

import doctest
import importlib

import pytest

import malaria
from malaria.given.exercises import EXERCISES

pytestmark = pytest.mark.skipif(
    malaria.modules_in_use != malaria.REFERENCE,
    reason="some examples import another module, which must be written: --modules solutions",
)


def examples_of(exercise):
    """The examples in an exercise's docstring, and in those of a class's methods."""
    module = importlib.import_module(f"solutions.{exercise.module}")
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(getattr(module, exercise.name), exercise.name, module)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_the_examples_are_true(exercise):
    """They stand in the stub as well, where they are the first thing that a learner tries."""
    said = []
    for test in examples_of(exercise):
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


def test_every_exercise_has_an_example():
    """It is the cheapest help there is."""
    assert [exercise.name for exercise in EXERCISES if not examples_of(exercise)] == []

"""The six modules under test, each imported when a test first uses it.

By then the test runs in its exercise's own process, so that a module that cannot be imported, or
that never returns, spoils no other grade. What is not there is told in a sentence.
"""

import importlib

import pytest

import malaria
from malaria.given.exercises import EXERCISES
from malaria.given.exercises.source import missing
from malaria.given.grading.nearest_name import nearest

KNOWN = {*malaria.LESSON_MODULES, *(exercise.name for exercise in EXERCISES)}  # not misspelled


class Graded:
    """Stands for a lesson module until it is used."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        if name.startswith("_"):  # pytest looks every object over while it collects the tests
            raise AttributeError(name)
        module = imported(self._module)
        if not hasattr(module, name):
            near = nearest(name, vars(module).keys() - KNOWN)
            pytest.fail(f"There is no {name} in {self._module}.py.{near}", pytrace=False)
        return getattr(module, name)


def imported(name):
    """A lesson module; a failure with a sentence if there is none."""
    try:
        return importlib.import_module(f"malaria.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"malaria.{name}":  # it imports something else that is not there
            raise
    folder = malaria.modules_in_use
    near = nearest(name, {file.stem for file in folder.glob("*.py")} - KNOWN)
    return pytest.fail(missing(folder / f"{name}.py") + near, pytrace=False)


train_test_split = Graded("train_test_split")
data_preprocessing = Graded("data_preprocessing")
cnn_model = Graded("cnn_model")
tf_function = Graded("tf_function")
gradient_tape = Graded("gradient_tape")
model_training = Graded("model_training")

"""Which of the known mistakes behaves like a wrong answer: told by what it returned, not its text.

A signature is what the tests of an exercise said about an answer: `(test, outcome, sentence)` of
each. The sentences hold what came back, so that two answers with one signature did the same.
"""

import importlib
import itertools
import re

from malaria.given.exercises import BY_NUMBER


def known_mistakes(number):
    """The wrong answers to an exercise, as `tests/answers` lists them."""
    answers = importlib.import_module("tests.answers")
    importlib.import_module(f"tests.answers.{BY_NUMBER[number].module}")
    return [answer for answer in answers.WRONG if answer.number == number]


def alike(first, second):
    """How two signatures resemble each other: 2 to the word, 1 but for the numbers, 0 not.

    They are read side by side up to the first difference in words, so that either may still be in
    the making: a test that tells two mistakes apart is the last to be run.
    """
    degree = 2
    for mine, other in itertools.zip_longest(first, second, fillvalue=("", "", "")):
        if mine != other:
            degree = 1
            if _without_numbers(mine) != _without_numbers(other):
                return 0
    return degree


def _without_numbers(entry):
    test, outcome, sentence = entry
    return test, outcome, re.sub(r"[-+]?[\d.]+(e[-+]?\d+)?|nan|inf", "#", sentence)


def find(signature, candidates):
    """The one mistake that behaves the same.

    Args:
        signature: A list of `(test, outcome, sentence)`, of the learner.
        candidates: An iterable of `(sentence, signature)`, of the known mistakes.

    Returns:
        The mistake's sentence, or "" if none or more than one of them fits.
    """
    candidates = [(alike(signature, other), sentence) for sentence, other in candidates]
    for degree in (2, 1):
        fitting = [sentence for found, sentence in candidates if found >= degree]
        if fitting:
            return fitting[0] if len(fitting) == 1 else ""
    return ""

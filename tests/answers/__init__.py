"""Wrong answers that the tests of an exercise must reject, and right ones that they must accept.

One file for each module. An answer is a definition with the name and the arguments of the exercise,
under a decorator that says which exercise it answers and what is the matter with it:

    @wrong("3.6", "The loss was summed over the batch: a larger batch then takes larger steps.")
    def softmax_cross_entropy(logits, labels):
        return tf.reduce_sum(...)

The course's own tests put each in the place of the reference. The sentences of the wrong ones are
also what a learner reads whose answer fails in the same way.
"""

from typing import Any, NamedTuple


class Answer(NamedTuple):
    """A replacement for the exercise of that number."""

    number: str
    sentence: str
    replacement: Any  # a function or a class, named like the exercise

    @property
    def module(self):
        """The lesson module that it belongs to."""
        return self.replacement.__module__.rpartition(".")[2]


WRONG: list[Answer] = []
RIGHT: list[Answer] = []


def wrong(number, sentence):
    """Register a wrong answer to exercise `number`; `sentence` tells the learner the mistake."""
    return _register(WRONG, number, sentence)


def right(number, sentence):
    """Register another right answer to exercise `number`; `sentence` says how it differs."""
    return _register(RIGHT, number, sentence)


def _register(answers, number, sentence):
    def register(replacement):
        answers.append(Answer(number, sentence, replacement))
        return replacement

    return register

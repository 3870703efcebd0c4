"""The experiment of lesson 5: where a range test ends, and which step an arm makes."""

import math

import numpy as np
import pytest
import tensorflow as tf

from malaria.given.experiments.catalogue import learning_rate
from malaria.given.experiments.catalogue.learning_rate import RATES, WINDOW, blow_up, clipped_step


def rate_of(losses, monkeypatch):
    """The rate at which these losses blew up."""
    monkeypatch.setattr(learning_rate, "range_test", lambda seed: losses)
    blow_up.cache_clear()
    found = blow_up(0)
    blow_up.cache_clear()
    return found


@pytest.mark.parametrize("beyond", [5.0, math.nan, math.inf])
def test_a_range_test_ends_where_the_loss_has_doubled(beyond, monkeypatch):
    """Whether it rises or is no longer a number; the first steps, which are high, do not count."""
    losses = np.r_[np.linspace(2, 0.2, 60), np.full(len(RATES) - 60, beyond)]
    assert rate_of(losses.tolist(), monkeypatch) == pytest.approx(RATES[60], rel=0.1 * WINDOW)


def test_a_range_test_that_survives_ends_at_its_last_rate(monkeypatch):
    """The middle of its last window."""
    losses = np.linspace(2, 0.2, len(RATES)).tolist()
    assert rate_of(losses, monkeypatch) == RATES[-1 - WINDOW // 2]


class Line(tf.Module):
    """A model of two classes: a long gradient at first sight."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.zeros((1, 2)))

    def __call__(self, x, training=False):
        return 1000.0 * tf.reshape(x, (-1, 1)) @ self.w


def test_an_arm_clips_or_does_not():
    """What Adam keeps of the gradient after one step is of the norm that was let through."""
    lengths = {}
    for norm in (learning_rate.CLIPPED, learning_rate.NOT_CLIPPED):
        model = Line()
        step, optimizer = clipped_step(norm)(model, 1e-3)
        step(tf.ones((2, 1, 1, 1)), tf.constant([0, 0]))
        lengths[norm] = max(float(tf.norm(v)) for v in optimizer.variables if v.shape == (1, 2))
    assert lengths[5.0] < 0.1 * lengths[1e9]

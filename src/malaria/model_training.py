"""Lesson 6: training in two phases: the whole network, then the head on a frozen base.

Sources
    [1] Yosinski et al., "How transferable are features in deep neural networks?", NIPS 2014: what a
        frozen base keeps.
    [2] Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006, section 7:
        the area under the curve as a probability.
    [3] Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        equation 5: cosine decay.
    [4] Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2: the warm-up.
    [5] Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016,
        section 7: label smoothing.
"""

import math

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from malaria.given.ctrl_c import CtrlC
from malaria.given.journal import BestWeights, Journal, fast_forward

from .cnn_model import softmax_cross_entropy
from .gradient_tape import Adam, clip_gradients
from .tf_function import RunningMean

HEAD_BATCH = 64  # features in a batch of the head phase


def variables_to_train(model, phase):
    """The variables that a phase of the training changes.

    Args:
        model: A `CNN`, or another model with its properties.
        phase: "whole" or "head".

    Returns:
        A list of the model's own variables: in the phase "whole" its `trainable_variables`, in the
        phase "head" its `head_variables`, in their order.

    Raises:
        ValueError: The phase is neither of the two.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> model = CNN(image_size=8, channels=(4,), hidden=3)
        >>> [len(variables_to_train(model, phase)) for phase in ("whole", "head")]
        [7, 4]
    """
    raise NotImplementedError("Exercise 6.1: choose by phase, refuse any other")


def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    """Compile a training step for one phase.

    Args:
        model: A `CNN`.
        phase: "whole" or "head". In the whole phase base and head run in training mode. In the
            head phase the base stays as it is, bit for bit, its batch-norm statistics included:
            it runs in inference mode, and only the head runs in training mode.
        optimizer: An optimizer such as `Adam`, built over `variables_to_train(model, phase)`:
            `apply(gradients)` takes one gradient for each of them, in that order.
        max_norm: The greatest global norm of the gradients, see `clip_gradients`.
        label_smoothing: As in `softmax_cross_entropy`, in [0, 1].

    Returns:
        A `tf.function` from `(images, labels)`, `(B, S, S, 3)` and `(B,)` with B open, to the loss
        before the step, a scalar tensor. It is the loss that is differentiated, so its labels are
        smoothed if `label_smoothing` is above 0.

    Raises:
        ValueError: The phase is neither of the two.

    Examples:
        On black images the logits of an untrained network are 0, so the loss is log(2).

        >>> from malaria.cnn_model import CNN
        >>> model = CNN(image_size=8, channels=(4,), hidden=3)
        >>> step = make_train_step(model, "head", Adam(model.head_variables))
        >>> loss = step(tf.zeros((2, 8, 8, 3)), tf.constant([0, 1]))
        >>> round(float(loss), 4)
        0.6931
    """
    variables = variables_to_train(model, phase)
    raise NotImplementedError("Exercise 6.2: differentiate with respect to `variables` only")


def evaluate(model, dataset):
    """How well a model does on a dataset. Changes nothing.

    Args:
        model: A callable such as `CNN`: images and `training` to logits `(B, 2)`. It is called in
            inference mode.
        dataset: A `tf.data.Dataset` of `(images, labels)` batches; the last may be shorter. It is
            read once, because another pass may come in another order.

    Returns:
        A dict of Python floats, each over all examples and none a mean over batches: `loss`, in
        nats, without label smoothing; `accuracy`; `sensitivity`, the share of the parasitized
        cells (label 1) that are found; `specificity`, the share of the uninfected cells that are
        cleared; `auc`, the probability that a random parasitized cell scores higher than a random
        uninfected one, ties counted half [2]. A cell is called parasitized if its logit of class 1
        is the larger; its score is the difference of the two logits. What an absent class leaves
        undefined is NaN.

    Raises:
        ValueError: The dataset is empty.

    Examples:
        The model hands its input on: the "images" are the logits. Of the 4 cells 2 are right, and
        of the 4 pairs of a parasitized and an uninfected cell 3 are in the right order.

        >>> logits = tf.constant([[0.0, 2.0], [0.0, 1.0], [0.0, -1.0], [0.0, -2.0]])
        >>> dataset = tf.data.Dataset.from_tensors((logits, tf.constant([1, 0, 1, 0])))
        >>> figures = evaluate(lambda logits, training: logits, dataset)
        >>> figures["accuracy"], figures["auc"]
        (0.5, 0.75)
    """
    raise NotImplementedError("Exercise 6.3: gather all batches, then compute the five figures")


def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    """The learning rate: a linear warm-up from 0 to `peak`, then half a cosine back to 0 [3, 4].

    Args:
        step: The number of steps done, an int or a scalar tensor; it may be fractional.
        total_steps: The number of steps in all, an int.
        peak: The greatest learning rate.
        warmup_fraction: The share of the steps spent on the warm-up, in [0, 1). The warm-up takes
            `warmup_fraction * total_steps` steps, not rounded: it may end between two steps.

    Returns:
        A scalar tensor: 0 at step 0 (without a warm-up: `peak`), 0 from `total_steps` on. A loop
        whose steps are numbered from 0 would therefore spend its first step at a rate of 0, and
        one that numbers them from 1 its last.

    Raises:
        ValueError: `total_steps` is not positive, or `warmup_fraction` not in [0, 1).

    Examples:
        >>> rates = [cosine_decay(step, 100, peak=2.0) for step in (0, 5, 10, 55, 100)]
        >>> [round(float(rate), 4) for rate in rates]
        [0.0, 1.0, 2.0, 1.0, 0.0]
    """
    if total_steps <= 0 or not 0 <= warmup_fraction < 1:
        raise ValueError(
            f"The steps must be positive and the warm-up in [0, 1), "
            f"not {total_steps} and {warmup_fraction}."
        )
    step = tf.convert_to_tensor(step)
    step = step if step.dtype.is_floating else tf.cast(step, tf.float32)
    raise NotImplementedError("Exercise 6.4: a line up, half a cosine down, then 0")


def base_features(model, dataset):
    """Run the frozen base once over a dataset, so that the head can train on its output.

    Args:
        model: A `CNN`.
        dataset: A `tf.data.Dataset` of `(images, labels)` batches; the last may be shorter. It is
            read once, because another pass may come in another order.

    Returns:
        `(features, labels)`, tensors of shape `(N, F)` and `(N,)`, all batches joined in the order
        of the dataset. The features are those of inference mode; F is the model's own.

    Raises:
        ValueError: The dataset is empty.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> model = CNN(image_size=8, channels=(4,), hidden=3)
        >>> cells = tf.zeros((5, 8, 8, 3)), tf.constant([0, 1, 1, 0, 1])
        >>> dataset = tf.data.Dataset.from_tensor_slices(cells).batch(2)
        >>> features, labels = base_features(model, dataset)
        >>> len(features), labels.numpy().tolist()
        (5, [0, 1, 1, 0, 1])
    """
    raise NotImplementedError("Exercise 6.5: the base outside training, batch by batch, joined")


class Head(tf.Module):
    """The head of a model, as a network of its own: it takes features instead of images."""

    def __init__(self, model):
        """Share the head of `model`, a `CNN`."""
        super().__init__()
        self.head = model.head
        self.head_variables = model.head_variables

    def features(self, features, training):
        """The features themselves: the base has run already."""
        return features

    def __call__(self, features, training=False):
        """Features `(B, F)` to logits `(B, 2)`."""
        return self.head(features, training)


def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    max_norm=5.0,
    label_smoothing=0.0,
    seed=0,
    folder=None,
    progress=True,
):
    """Train in two phases: the whole network, then the head, from the best weights so far.

    Each phase has an optimizer of its own and a learning rate that follows `cosine_decay` over all
    steps of that phase. Its first step must already move the weights: number the steps so that
    none has the rate 0 that the schedule has at either end. In the head phase the base is frozen,
    so it may run once, see `base_features`; its features come in a new order in every epoch.

    Afterwards the model has the weights, batch-norm statistics included, of the epoch with the
    lowest validation loss of both phases.

    Not graded: to store the state in `folder` and to go on from it, and to end the training early
    at Ctrl-C with the best weights so far.

    Args:
        model: A `CNN`; trained in place.
        train_set, val_set: `tf.data.Dataset` of `(images, labels)` batches. The training set is
            read anew in every epoch of the whole phase.
        whole_epochs, head_epochs: The number of epochs of each phase; either may be 0.
        learning_rate, head_learning_rate: The greatest learning rate of each phase.
        max_norm: The greatest global norm of the gradients.
        label_smoothing: As in `softmax_cross_entropy`, for the training loss of both phases only:
            the validation loss is without it.
        seed: An int: the order of the features in the head phase.
        folder: Where to store the state after every epoch. Training goes on from a state that is
            already there, to the same weights as without a break. None stores nothing.
        progress: Whether to show a progress bar for each epoch.

    Returns:
        The history, a dict of lists with one entry for each epoch: `phase`; `loss`, the mean over
        the training examples; and `val_loss`, `val_accuracy`, `val_sensitivity`,
        `val_specificity`, `val_auc`, as `evaluate` gives them after the epoch.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> model = CNN(image_size=8, channels=(4,), hidden=3)
        >>> cells = tf.zeros((5, 8, 8, 3)), tf.constant([0, 1, 1, 0, 1])
        >>> dataset = tf.data.Dataset.from_tensor_slices(cells).batch(2)
        >>> history = train(model, dataset, dataset, whole_epochs=2, head_epochs=1, progress=False)
        >>> history["phase"]
        ['whole', 'whole', 'head']
    """
    raise NotImplementedError("Exercise 6.6: steps, validation, keep the best, record; two phases")

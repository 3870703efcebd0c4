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
    # Exercise 6.1: choose by phase, refuse any other
    if phase == "whole":
        return list(model.trainable_variables)
    if phase == "head":
        return list(model.head_variables)
    raise ValueError(f'The phase must be "whole" or "head", not {phase!r}.')


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
    # Exercise 6.2: differentiate with respect to `variables` only

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        # What must not change is left out of the graph: a flag set later would be ignored, and
        # gradients of zero would still let an optimizer with momentum drift.
        features = None if phase == "whole" else model.features(images, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            if phase == "whole":
                features = model.features(images, training=True)
            logits = model.head(features, training=True)
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        optimizer.apply(clip_gradients(tape.gradient(loss, variables), max_norm))
        return loss

    return step


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
    # Exercise 6.3: gather all batches, then compute the five figures
    logits, labels = [], []
    for images, batch_labels in dataset:
        logits.append(model(images, training=False))
        labels.append(batch_labels)
    if not logits:
        raise ValueError("There is nothing to evaluate: the dataset is empty.")
    logits, labels = tf.concat(logits, axis=0), tf.concat(labels, axis=0)
    loss = float(softmax_cross_entropy(logits, labels))

    logits, positive = np.float64(logits), labels.numpy() == 1
    scores = logits[:, 1] - logits[:, 0]  # the log-odds: ordered as the probabilities, unrounded
    right = (scores > 0) == positive
    # The rank of a score is the middle of its ties' places, so that a tie counts half.
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    positives, negatives = positive.sum(), (~positive).sum()
    wins = ranks[positive].sum() - positives * (positives + 1) / 2
    return {
        "loss": loss,
        "accuracy": float(right.mean()),
        "sensitivity": float(right[positive].mean()) if positives else math.nan,
        "specificity": float(right[~positive].mean()) if negatives else math.nan,
        "auc": float(wins / (positives * negatives)) if positives and negatives else math.nan,
    }


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
    # Exercise 6.4: a line up, half a cosine down, then 0
    warmup = warmup_fraction * total_steps
    rising = step / warmup if warmup > 0 else tf.ones_like(step)
    progress = tf.clip_by_value((step - warmup) / (total_steps - warmup), 0, 1)
    falling = (1 + tf.cos(math.pi * progress)) / 2
    return peak * tf.where(step < warmup, rising, falling)


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
    # Exercise 6.5: the base outside training, batch by batch, joined
    batches = [(model.features(images, training=False), labels) for images, labels in dataset]
    if not batches:
        raise ValueError("There are no features: the dataset is empty.")
    features, labels = zip(*batches, strict=True)
    return tf.concat(features, axis=0), tf.concat(labels, axis=0)


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
    # Exercise 6.6: steps, validation, keep the best, record; two phases
    epochs = {"whole": whole_epochs, "head": head_epochs}
    peaks = {"whole": learning_rate, "head": head_learning_rate}
    optimizers = {phase: Adam(variables_to_train(model, phase)) for phase in epochs}
    best = BestWeights(model)
    journal = Journal(folder, model=model, best=best, **optimizers)
    ctrl_c = CtrlC()

    def run_epoch(phase, epoch, step, batches):
        """One pass over the training examples; returns their mean loss."""
        mean_loss = RunningMean()
        bar = tqdm(batches, f"{phase} {epoch + 1}/{epochs[phase]}", disable=not progress)
        for number, (inputs, labels) in enumerate(bar, start=epoch * len(batches)):
            ctrl_c.raise_if_pressed()
            # Half a step late, because the schedule is 0 at both of its ends.
            rate = cosine_decay(number + 0.5, epochs[phase] * len(batches), peaks[phase])
            optimizers[phase].learning_rate.assign(float(rate))
            mean_loss.update(tf.repeat(step(inputs, labels), len(labels)))
            bar.set_postfix_str(f"loss {mean_loss.result():.3f}", refresh=False)
        return float(mean_loss.result())

    def run_phase(phase, network, batches, val_batches):
        """The epochs that are not in the journal yet: train, validate, keep the best, record."""
        step = make_train_step(network, phase, optimizers[phase], max_norm, label_smoothing)
        classify = tf.function(network.__call__, reduce_retracing=True)
        done = journal.epochs_of(phase)
        fast_forward(batches, done)
        for epoch in range(done, epochs[phase]):
            loss = run_epoch(phase, epoch, step, batches)
            figures = evaluate(classify, val_batches)
            best.keep_if_better(figures["loss"])
            validation = {f"val_{name}": figure for name, figure in figures.items()}
            journal.record(phase=phase, loss=loss, **validation)

    def run_both_phases():
        """The whole network, then its head on what the best base so far makes of the images."""
        run_phase("whole", model, train_set, val_set)
        if head_epochs == 0:
            return
        if journal.epochs_of("head") == 0:
            best.restore()
        # From here on the base stands still, so it runs once for all epochs of the head.
        train_features, val_features = (
            tf.data.Dataset.from_tensor_slices(base_features(model, dataset))
            for dataset in (train_set, val_set)
        )
        shuffled = train_features.shuffle(len(train_features), seed=seed)
        run_phase("head", Head(model), shuffled.batch(HEAD_BATCH), val_features.batch(HEAD_BATCH))

    if journal.epochs != whole_epochs + head_epochs:  # otherwise nothing is left to do
        try:
            with ctrl_c:
                run_both_phases()
        except KeyboardInterrupt:
            tqdm.write("Stopped. The model keeps the best weights so far.")
    best.restore()
    return journal.history

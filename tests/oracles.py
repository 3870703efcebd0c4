"""The oracles: what the exercises should return, computed the plain way.

Nothing here is fast, and nothing here uses the reference or the learner's code: each function
follows its definition, in NumPy or with the finished operations of TensorFlow. Where a test says
what should have come out, it asked here.
"""

import math

import numpy as np
import tensorflow as tf

# Several lessons


def cross_entropy(logits, labels):
    """The mean softmax cross-entropy of logits `(B, K)` and int labels `(B,)`, a float."""
    logits, labels = np.asarray(logits, float), np.asarray(labels)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


# Lesson 1: train_test_split


# Lesson 2: data_preprocessing


# Lesson 3: cnn_model


# Lesson 4: tf_function


# Lesson 5: gradient_tape


# Lesson 6: model_training


def train_step(model, phase, optimizer, images, labels, max_norm):
    """One training step of a phase, nothing compiled; returns the loss before it, a float."""
    whole = phase == "whole"
    variables = model.trainable_variables if whole else model.head_variables
    with tf.GradientTape() as tape:
        logits = model.head(model.features(images, training=whole), training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, variables)
    norm = math.sqrt(sum(float(tf.reduce_sum(g**2)) for g in gradients))
    optimizer.apply([g * min(1, max_norm / norm) for g in gradients])
    return float(loss)


def figures(logits, labels):
    """The five figures of logits `(N, 2)` and labels `(N,)`, cell by cell and pair by pair."""
    scores = [b - a for a, b in logits]
    sick = [s for s, y in zip(scores, labels, strict=True) if y == 1]
    well = [s for s, y in zip(scores, labels, strict=True) if y == 0]
    found, cleared = sum(s > 0 for s in sick), sum(s < 0 for s in well)
    wins = sum(1.0 if s > w else 0.5 if s == w else 0.0 for s in sick for w in well)
    return {
        "loss": cross_entropy(logits, labels),
        "accuracy": (found + cleared) / len(labels),
        "sensitivity": found / len(sick) if sick else math.nan,
        "specificity": cleared / len(well) if well else math.nan,
        "auc": wins / (len(sick) * len(well)) if sick and well else math.nan,
    }


def figures_of(model, dataset):
    """The five figures of a model, outside training, over the examples of a dataset."""
    batches = [(model(images, training=False), labels) for images, labels in dataset]
    logits, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    return figures(logits, labels)


def cosine_decay(step, total_steps, peak, warmup_fraction):
    """The learning rate at a step: a line up, half a cosine down, 0 after."""
    warmup = warmup_fraction * total_steps
    if step < warmup:
        return peak * step / warmup
    if step >= total_steps:
        return 0.0
    return peak * (1 + math.cos(math.pi * (step - warmup) / (total_steps - warmup))) / 2


def small_base(model, images):
    """What the base of a `SmallModel` makes of images `(N, 4, 4, 3)` outside training: `(N, 6)`."""
    images = np.asarray(images).reshape(-1, 48)
    return np.tanh(images @ model.base_kernel.numpy() - model.moving_mean.numpy())

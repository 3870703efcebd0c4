"""The oracles: what the exercises should return, computed the plain way.

Nothing here is fast, and nothing here uses the reference or the learner's code: each function
follows its definition, in NumPy or with the finished operations of TensorFlow. Where a test says
what should have come out, it asked here.
"""

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


def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    """TensorFlow's own: images `(B, H, W, C)`, kernel `(h, w, C, F)` to `(B, H', W', F)`."""
    return tf.nn.conv2d(images, kernel, stride, padding) + bias


def max_pool(images, size=2):
    """TensorFlow's own: `(B, H, W, C)` to `(B, H // size, W // size, C)`."""
    return tf.nn.max_pool2d(images, size, size, "VALID")


def batch_norm(x, gamma, beta, mean, variance, training, momentum=0.95, epsilon=1e-3):
    """The definition, step by step: x `(..., C)`, the others `(C,)`, to y and both statistics."""
    used_mean, used_variance = mean, variance
    if training:
        axes = list(range(len(x.shape) - 1))
        used_mean = tf.reduce_mean(x, axes)
        used_variance = tf.reduce_mean((x - used_mean) ** 2, axes)
        mean = momentum * mean + (1 - momentum) * used_mean
        variance = momentum * variance + (1 - momentum) * used_variance
    y = gamma * (x - used_mean) / tf.sqrt(used_variance + epsilon) + beta
    return y, mean, variance


def cross_entropy_gradient(logits, labels):
    """The gradient of `cross_entropy` to its logits, `(B, K)`: softmax minus one-hot, over B."""
    logits, labels = np.asarray(logits, float), np.asarray(labels)
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = exp / exp.sum(axis=1, keepdims=True)
    return (softmax - np.eye(logits.shape[1])[labels]) / len(labels)


def conv_block(x, kernel, gamma, beta, mean, variance):
    """A block of the base outside training: `(B, H, W, C)` to `(B, H // 2, W // 2, F)`."""
    x = conv2d(x, kernel, bias=0.0)
    y, *_ = batch_norm(x, gamma, beta, mean, variance, training=False)
    return max_pool(tf.nn.relu(y))


def dense_head(features, w1, b1, w2, b2):
    """The head outside training: features `(B, F)` to logits `(B, K)`."""
    hidden = np.maximum(features @ np.asarray(w1) + np.asarray(b1), 0)
    return hidden @ np.asarray(w2) + np.asarray(b2)


# Lesson 4: tf_function


# Lesson 5: gradient_tape


# Lesson 6: model_training

"""The oracles: what the exercises should return, computed the plain way.

Nothing here is fast, and nothing here uses the reference or the learner's code: each function
follows its definition, in NumPy or with the finished operations of TensorFlow. Where a test says
what should have come out, it asked here.
"""

import numpy as np

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

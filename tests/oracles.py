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


def majority_baseline(patients, labels, train, test):
    """The accuracy of guessing each test cell by its patient's training cells, counted one by one.

    `patients` and `labels` hold N entries; `train` and `test` are indices into both.
    """
    zeros = sum(1 for k in train if labels[k] == 0)
    base_rate_class = 1 if len(train) - zeros > zeros else 0
    hits = 0
    for k in test:
        votes = [labels[j] for j in train if patients[j] == patients[k]]
        ones = sum(votes)
        tied = 2 * ones == len(votes)  # or nobody voted
        guess = base_rate_class if tied else int(2 * ones > len(votes))
        hits += guess == labels[k]
    return hits / len(test)


# Lesson 2: data_preprocessing


# Lesson 3: cnn_model


# Lesson 4: tf_function


def probability_of_class_1(logits):
    """The softmax over the classes of logits `(B, K)`, in the column of class 1: `(B,)`."""
    powers = np.exp(np.asarray(logits, float))
    return powers[:, 1] / powers.sum(axis=1)


def view(images, k):
    """View k of square images `(B, S, S, 3)`: k quarter turns; from 4 on, of the mirror images."""
    images = np.asarray(images)
    mirrored = images[:, :, ::-1] if k >= 4 else images
    return np.rot90(mirrored, k % 4, axes=(1, 2)).copy()  # TensorFlow takes no turned NumPy view


def average_over_views(classify, images, views):
    """The mean of what `classify` says of the first views of the images, `(B,)`."""
    return np.mean([np.asarray(classify(view(images, k))) for k in range(views)], axis=0)


# Lesson 5: gradient_tape


# Lesson 6: model_training

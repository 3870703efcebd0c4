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


def triangle_weights(size, count):
    """How much each of `size` pixels weighs in each of `count` resized ones: `(count, size)`.

    A resized pixel averages the pixels around its centre; the farther away, the less they weigh.
    The triangle reaches one pixel to either side: one of the image where it grows, and one of the
    result where it shrinks, so that no pixel of the image is left out.
    """
    scale = size / count
    centres = (np.arange(count) + 0.5) * scale
    distance = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1)
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(axis=1, keepdims=True)


def resized(image, side):
    """An image `(H, W, 3)` stretched to a square, bilinear and antialiased: `(side, side, 3)`."""
    height, width, _ = image.shape
    down, across = triangle_weights(height, side), triangle_weights(width, side)
    return np.einsum("ih,hwc,jw->ijc", down, image, across)


def channel_statistics(images):
    """The mean and the population standard deviation of images `(N, H, W, 3)`: each `(3,)`."""
    pixels = np.asarray(images, float).reshape(-1, 3)
    mean = pixels.sum(axis=0) / len(pixels)
    return mean, np.sqrt(((pixels - mean) ** 2).sum(axis=0) / len(pixels))


def standardised(images, mean, std):
    """Images `(B, H, W, 3)` less the mean, over the standard deviation; over 1 where that is 0."""
    return (images - mean) / np.where(std == 0, 1, std)


def symmetries(image):
    """The 8 symmetries of a square image `(S, S, ...)`: 4 turns of it, 4 of its mirror image."""
    mirrored = image[:, ::-1]
    return [np.rot90(one, turns) for one in (image, mirrored) for turns in range(4)]


# Lesson 3: cnn_model


# Lesson 4: tf_function


# Lesson 5: gradient_tape


# Lesson 6: model_training

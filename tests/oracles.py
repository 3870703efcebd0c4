"""The oracles: what the exercises should return, computed the plain way.

Nothing here is fast, and nothing here uses the reference or the learner's code: each function
follows its definition, in NumPy or with the finished operations of TensorFlow. Where a test says
what should have come out, it asked here.
"""

import math

import numpy as np

# TensorFlow is imported where it is needed: lesson 1 does without it, and starts sooner.

# Several lessons


def cross_entropy(logits, labels, label_smoothing=0.0):
    """The mean softmax cross-entropy of logits `(B, K)` and int labels `(B,)`, a float."""
    logits = np.asarray(logits, float)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-(targets(labels, logits.shape[1], label_smoothing) * logs).sum(axis=1).mean())


def targets(labels, classes, label_smoothing=0.0):
    """What the probabilities `(B, K)` should be: all on the label, but for the share smoothed.

    That share is spread over all K classes, the label's own included.
    """
    one_hot = np.eye(classes)[np.asarray(labels)]
    return (1 - label_smoothing) * one_hot + label_smoothing / classes


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


def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    """TensorFlow's own: images `(B, H, W, C)`, kernel `(h, w, C, F)` to `(B, H', W', F)`."""
    import tensorflow as tf

    return tf.nn.conv2d(images, kernel, stride, padding) + bias


def max_pool(images, size=2):
    """TensorFlow's own: `(B, H, W, C)` to `(B, H // size, W // size, C)`."""
    import tensorflow as tf

    return tf.nn.max_pool2d(images, size, size, "VALID")


def batch_norm(x, gamma, beta, mean, variance, training, momentum=0.95, epsilon=1e-3):
    """The definition, step by step: x `(..., C)`, the others `(C,)`, to y and both statistics."""
    import tensorflow as tf

    used_mean, used_variance = mean, variance
    if training:
        axes = list(range(len(x.shape) - 1))
        used_mean = tf.reduce_mean(x, axes)
        used_variance = tf.reduce_mean((x - used_mean) ** 2, axes)
        mean = momentum * mean + (1 - momentum) * used_mean
        variance = momentum * variance + (1 - momentum) * used_variance
    y = gamma * (x - used_mean) / tf.sqrt(used_variance + epsilon) + beta
    return y, mean, variance


def cross_entropy_gradient(logits, labels, label_smoothing=0.0):
    """The gradient of `cross_entropy` to its logits, `(B, K)`: softmax minus targets, over B."""
    logits = np.asarray(logits, float)
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = exp / exp.sum(axis=1, keepdims=True)
    return (softmax - targets(labels, logits.shape[1], label_smoothing)) / len(labels)


def conv_block(x, kernel, gamma, beta, mean, variance):
    """A block of the base outside training: `(B, H, W, C)` to `(B, H // 2, W // 2, F)`."""
    import tensorflow as tf

    x = conv2d(x, kernel, bias=0.0)
    y, *_ = batch_norm(x, gamma, beta, mean, variance, training=False)
    return max_pool(tf.nn.relu(y))


def dense_head(features, w1, b1, w2, b2):
    """The head outside training: features `(B, F)` to logits `(B, K)`."""
    hidden = np.maximum(features @ np.asarray(w1) + np.asarray(b1), 0)
    return hidden @ np.asarray(w2) + np.asarray(b2)


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


def central_differences(function, *points, epsilon=1e-6):
    """The gradients of a function at arrays, a list: `(f(x + e) - f(x - e)) / 2e` for each element.

    Args:
        function: From as many arrays as there are points to a float.
        points: Arrays, float64, any shapes. The result has the same shapes.
    """
    gradients = []
    for k, point in enumerate(points):
        gradient = np.zeros_like(point)
        for index in np.ndindex(point.shape):
            step = np.zeros_like(point)
            step[index] = epsilon
            above = function(*points[:k], point + step, *points[k + 1 :])
            below = function(*points[:k], point - step, *points[k + 1 :])
            gradient[index] = (above - below) / (2 * epsilon)
        gradients.append(gradient)
    return gradients


def head_logits(features, w1, b1, w2, b2):
    """Dense, ReLU, dense: features `(B, F)` to logits `(B, K)`."""
    hidden = np.maximum(features @ w1 + b1, 0)  # (B, H)
    return hidden @ w2 + b2


def small_model_logits(images, b1, b2, base_kernel, w1, w2):
    """The logits `(B, 2)` of `small_models.SmallModel` in training mode, for images `(B, 4, 4, 3)`.

    The arguments are the values of its `trainable_variables`, which come sorted by name.
    """
    x = np.asarray(images).reshape(-1, 48) @ base_kernel  # (B, 6)
    return head_logits(np.tanh(x - x.mean(axis=0)), w1, b1, w2, b2)


def global_norm(arrays):
    """The root of the sum of all squares, over all arrays, a float."""
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))


def clip_by_global_norm(arrays, max_norm):
    """The arrays, all scaled by one factor where their global norm exceeds `max_norm`."""
    norm = global_norm(arrays)
    return [array * (max_norm / norm if norm > max_norm else 1.0) for array in arrays]


def adam(start, gradients, rates, beta_1=0.9, beta_2=0.999, epsilon=1e-7, before_correction=False):
    """Adam: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    Args:
        start: Where the variables begin, a list of arrays.
        gradients: A list for each step: a gradient for each variable.
        rates: The learning rate of each step.
        before_correction: Whether epsilon is added before the bias is corrected, as at the end of
            the paper's section 2 and in Keras. Both are right.

    Returns:
        A list for each step: the values of all variables after it.
    """
    values = list(start)
    m = [np.zeros_like(value) for value in values]
    v = [np.zeros_like(value) for value in values]
    path = []
    for t, (step, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        for i, g in enumerate(step):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            if before_correction:
                corrected_rate = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
                values[i] = values[i] - corrected_rate * m[i] / (np.sqrt(v[i]) + epsilon)
            else:
                m_hat = m[i] / (1 - beta_1**t)
                v_hat = v[i] / (1 - beta_2**t)
                values[i] = values[i] - rate * m_hat / (np.sqrt(v_hat) + epsilon)
        path.append(list(values))
    return path


def saliency_maps(slopes):
    """Maps `(B, S, S)` from slopes `(B, S, S, 3)`, by name: every way to reduce the channels."""
    sizes = np.abs(slopes)
    squares = (slopes**2).sum(axis=-1)
    return {
        "largest absolute value": sizes.max(axis=-1),
        "sum of the absolute values": sizes.sum(axis=-1),
        "mean of the absolute values": sizes.mean(axis=-1),
        "norm": np.sqrt(squares),
        "sum of the squares": squares,
        "absolute value of the sum": np.abs(slopes.sum(axis=-1)),
        "absolute value of the mean": np.abs(slopes.mean(axis=-1)),
    }


# Lesson 6: model_training


def train_step(model, phase, optimizer, images, labels, max_norm, label_smoothing=0.0):
    """One training step of a phase, nothing compiled; returns the loss before it, a float."""
    import tensorflow as tf

    whole = phase == "whole"
    variables = model.trainable_variables if whole else model.head_variables
    with tf.GradientTape() as tape:
        logits = model.head(model.features(images, training=whole), training=True)
        one_hot = tf.one_hot(labels, 2, dtype=logits.dtype)
        targets = (1 - label_smoothing) * one_hot + label_smoothing / 2
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)
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

"""Small stand-ins for the network and the optimizer, so that one exercise is graded alone.

The network first, then what watches it or answers as a test wishes; the optimizers; the data.
"""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf


class SmallModel(tf.Module):
    """A model with the interface of `CNN` and no convolution: 4x4 images, 6 features.

    Its "batch norm" shifts by a moving mean, so that a base that is not frozen shows.
    """

    def __init__(self, seed=0, dtype=tf.float64):
        super().__init__()
        self.dtype = tf.as_dtype(dtype)

        def normal(shape, number):
            return tf.random.stateless_normal(shape, (seed, number), dtype=dtype) / 4

        self.base_kernel = tf.Variable(normal((48, 6), 1))
        self.moving_mean = tf.Variable(tf.zeros(6, dtype), trainable=False)
        self.w1 = tf.Variable(normal((6, 5), 2))
        self.b1 = tf.Variable(tf.zeros(5, dtype))
        self.w2 = tf.Variable(normal((5, 2), 3))
        self.b2 = tf.Variable(tf.zeros(2, dtype))
        self.calls = []  # the `training` of every call of features and head, while traced or eager

    def features(self, images, training):
        self.calls.append(("features", bool(training)))
        x = tf.reshape(tf.cast(images, self.dtype), (-1, 48)) @ self.base_kernel
        if training:
            mean = tf.reduce_mean(x, axis=0)
            self.moving_mean.assign(0.9 * self.moving_mean + 0.1 * mean)
            return tf.tanh(x - mean)
        return tf.tanh(x - self.moving_mean)

    def head(self, features, training):
        self.calls.append(("head", bool(training)))
        return tf.nn.relu(features @ self.w1 + self.b1) @ self.w2 + self.b2

    def __call__(self, images, training=False):
        return self.head(self.features(images, training), training)

    @property
    def base_variables(self):
        return [self.base_kernel]

    @property
    def head_variables(self):
        return [self.w1, self.b1, self.w2, self.b2]

    @property
    def batch_norm_statistics(self):
        return [self.moving_mean]


class CountedModel(SmallModel):
    """Counts its runs in graphs as well, where Python's own counting ends with the tracing.

    Attributes:
        runs: `images`, how many images the base was given; `heads`, how often the head was run.
    """

    def __init__(self, seed=0, dtype=tf.float64):
        super().__init__(seed, dtype)
        # In a plain object, which tf.Module does not search: the model's variables stay the same.
        self.runs = SimpleNamespace(
            images=tf.Variable(0, trainable=False), heads=tf.Variable(0, trainable=False)
        )

    def features(self, images, training):
        self.runs.images.assign_add(tf.shape(images)[0])
        return super().features(images, training)

    def head(self, features, training):
        self.runs.heads.assign_add(1)
        return super().head(features, training)


class RememberingModel(SmallModel):
    """Remembers every state of its base, weights and statistics, in which the base was run.

    Attributes:
        states: A set of bytes.
    """

    def __init__(self, seed=0, dtype=tf.float64):
        super().__init__(seed, dtype)
        self.states = set()

    def features(self, images, training):
        def remember(*arrays):
            self.states.add(b"".join(array.tobytes() for array in arrays))

        state = [self.base_kernel.read_value(), self.moving_mean.read_value()]
        tf.numpy_function(remember, state, [])
        return super().features(images, training)


class ShiftedInTraining(SmallModel):
    """A head that answers otherwise in training, as one with dropout does."""

    def head(self, features, training):
        logits = super().head(features, training)
        return logits + tf.constant([0.0, 0.5], self.dtype) if training else logits


class EchoModel(SmallModel):
    """A model whose logits are the first two values of each image: a test chooses what it says."""

    def features(self, images, training):
        self.calls.append(("features", bool(training)))
        return tf.reshape(images, (-1, 48))[:, :2]

    def head(self, features, training):
        self.calls.append(("head", bool(training)))
        return features


class Momentum(tf.Module):
    """Gradient descent with momentum: a base that is only given zero gradients drifts under it."""

    def __init__(self, variables, learning_rate=0.1, momentum=0.9):
        super().__init__()
        self.calls = 0  # how often Python ran `apply`, while traced or eager
        self.updated = list(variables)
        self.learning_rate = tf.Variable(learning_rate, dtype=tf.float64, trainable=False)
        self.momentum = momentum
        self.velocities = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]

    def apply(self, gradients):
        self.calls += 1
        slots = zip(self.updated, self.velocities, gradients, strict=True)
        for variable, velocity, gradient in slots:
            velocity.assign(self.momentum * velocity + gradient)
            variable.assign_sub(tf.cast(self.learning_rate, variable.dtype) * velocity)


class PlainAdam(Momentum):
    """Adam, written plainly, as the other kind of memory that makes a frozen base drift."""

    def __init__(self, variables, learning_rate=0.1):
        super().__init__(variables, learning_rate)
        self.squares = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]
        self.steps = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    def apply(self, gradients):
        self.calls += 1
        t = self.steps.assign_add(1.0)
        slots = zip(self.updated, self.velocities, self.squares, gradients, strict=True)
        for variable, m, v, gradient in slots:
            m.assign(0.9 * m + 0.1 * gradient)
            v.assign(0.999 * v + 0.001 * gradient**2)
            m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
            variable.assign_sub(self.learning_rate * m_hat / (tf.sqrt(v_hat) + 1e-7))


def small_batches(count=5, size=8, last=3, seed=7, dtype=tf.float64):
    """Batches of 4x4 images whose label can be told from their brightness; the last one is short.

    Returns:
        A list of `(images, labels)`: of `dtype`, `(B, 4, 4, 3)` in [0, 1]; int32 `(B,)`.
    """
    batches = []
    for i in range(count):
        batch = last if i == count - 1 else size
        images = tf.random.stateless_uniform((batch, 4, 4, 3), (seed, i), dtype=tf.float64)
        labels = tf.cast(tf.reduce_mean(images, axis=(1, 2, 3)) > 0.5, tf.int32)
        batches.append((tf.cast(images, dtype), labels))
    return batches


def as_dataset(batches):
    """The batches as a `tf.data.Dataset`, in order."""
    images = tf.concat([images for images, _ in batches], axis=0)
    labels = tf.concat([labels for _, labels in batches], axis=0)
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(len(batches[0][1]))


def echo_dataset(logits, labels, batch=4):
    """Batches to which `EchoModel` answers with these logits `(N, 2)`, as a `tf.data.Dataset`."""
    images = np.zeros((len(logits), 48))
    images[:, :2] = logits
    labels = np.asarray(labels, np.int32)
    return tf.data.Dataset.from_tensor_slices((images.reshape(-1, 4, 4, 3), labels)).batch(batch)


def copies(variables):
    """The present values as NumPy arrays: a snapshot that later steps cannot change."""
    return [variable.numpy().copy() for variable in variables]

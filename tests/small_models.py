"""Small stand-ins for the network and the optimizer, so that one exercise is graded alone."""

import tensorflow as tf


class SmallModel(tf.Module):
    """A model with the interface of `CNN` and no convolution: 4x4 images, 6 features.

    Its "batch norm" shifts by a moving mean, so that a base that is not frozen shows.
    """

    def __init__(self, seed=0, dtype=tf.float64):
        super().__init__()
        self.dtype = dtype

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


class Momentum(tf.Module):
    """Gradient descent with momentum: a base that is only given zero gradients drifts under it."""

    def __init__(self, variables, learning_rate=0.1, momentum=0.9):
        super().__init__()
        self.updated = list(variables)
        self.learning_rate = tf.Variable(learning_rate, dtype=tf.float64, trainable=False)
        self.momentum = momentum
        self.velocities = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]

    def apply(self, gradients):
        for variable, velocity, gradient in zip(
            self.updated, self.velocities, gradients, strict=True
        ):
            velocity.assign(self.momentum * velocity + gradient)
            variable.assign_sub(self.learning_rate * velocity)


class PlainAdam(Momentum):
    """Adam, written plainly, as the other kind of memory that makes a frozen base drift."""

    def __init__(self, variables, learning_rate=0.1):
        super().__init__(variables, learning_rate)
        self.squares = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]
        self.steps = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    def apply(self, gradients):
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


def copies(variables):
    """The present values as NumPy arrays: a snapshot that later steps cannot change."""
    return [variable.numpy().copy() for variable in variables]

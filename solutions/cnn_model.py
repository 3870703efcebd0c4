"""Lesson 3: a convolutional network from raw operations.

The lesson builds convolution and pooling from patches, matrix products and maxima, shows that they
agree with `tf.nn`, and from then on uses the faster operations of `tf.nn`.

Sources
    [1] He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2: the initial weights.
    [2] Chellapilla et al., "High performance convolutional neural networks for document
        processing", IWFHR 2006: convolution as one matrix product over patches.
    [3] Ioffe and Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2.
    [4] Srivastava et al., "Dropout", JMLR 15, 2014; inverted: scaled in training, not in inference.
    [5] Goodfellow et al., "Deep Learning", MIT Press 2016, section 4.1: the stable softmax.
"""

import itertools
import math

import tensorflow as tf

from .data_preprocessing import standardise


def he_normal(shape, seed, dtype=tf.float32):
    """Initial weights that keep the scale of the signal from layer to layer under ReLU [1].

    Args:
        shape: `(inputs, outputs)` of a dense layer or `(height, width, inputs, outputs)` of a
            convolution.
        seed: An int. The same seed gives the same weights.
        dtype: The dtype of the weights.

    Returns:
        A tensor of that shape: normal, mean 0, standard deviation sqrt(2 / fan-in). The fan-in is
        the number of values that one output sees: the whole window, all input channels.

    Examples:
        >>> weights = he_normal((200, 1000), seed=0)
        >>> weights.shape
        TensorShape([200, 1000])
        >>> round(float(tf.math.reduce_std(weights)), 2)  # each output sees 200 values
        0.1
    """
    # Exercise 3.1: draw with standard deviation sqrt(2 / fan-in)
    fan_in = math.prod(shape[:-1])
    return tf.random.stateless_normal(shape, (seed, 0), stddev=math.sqrt(2 / fan_in), dtype=dtype)


def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    """Convolution (strictly, cross-correlation, as in `tf.nn.conv2d`) by im2col [2].

    That is: each window of the images as a row, and one matrix product for all of them.

    Args:
        images: `(B, H, W, C)`, float. In a graph B may be open (None).
        kernel: `(h, w, C, F)`: F filters, of the same dtype.
        bias: `(F,)`, of the same dtype.
        stride: The step between windows, down and across, in pixels, an int of at least 1.
        padding: "SAME": zeros around the images, as `tf.nn.conv2d` puts them, so that
            H' = ceil(H / stride). "VALID": no zeros, so that H' = floor((H - h) / stride) + 1.

    Returns:
        `(B, H', W', F)`, of the same dtype.

    Raises:
        ValueError: The padding is unknown, or the channels of images and kernel differ.

    Examples:
        >>> image = tf.reshape(tf.constant([1.0, 2.0, 3.0]), (1, 1, 3, 1))  # a row of three pixels
        >>> kernel = tf.reshape(tf.constant([100.0, 10.0, 1.0]), (1, 3, 1, 1))
        >>> conv2d(image, kernel, tf.zeros(1)).numpy().ravel().tolist()
        [12.0, 123.0, 230.0]
        >>> conv2d(image, kernel, tf.zeros(1), padding="VALID").numpy().ravel().tolist()
        [123.0]
    """
    images, kernel = tf.convert_to_tensor(images), tf.convert_to_tensor(kernel)
    if padding not in ("SAME", "VALID"):
        raise ValueError(f'The padding must be "SAME" or "VALID", not {padding!r}.')
    height, width, channels, filters = kernel.shape
    if images.shape[-1] != channels:
        raise ValueError(
            f"The images have {images.shape[-1]} channels, but the kernel expects {channels}."
        )
    # Exercise 3.2: cut out patches as rows, multiply by the kernel
    patches = tf.image.extract_patches(
        images,
        sizes=(1, height, width, 1),
        strides=(1, stride, stride, 1),
        rates=(1, 1, 1, 1),
        padding=padding,
    )  # (B, H', W', h * w * C)
    rows = tf.reshape(patches, (-1, height * width * channels))  # (B * H' * W', h * w * C)
    columns = tf.reshape(kernel, (-1, filters))  # (h * w * C, F)
    outputs = rows @ columns + bias  # (B * H' * W', F)
    return tf.reshape(outputs, tf.concat([tf.shape(patches)[:3], [filters]], axis=0))


def max_pool(images, size=2):
    """The maximum of each square of `size` x `size` pixels, square beside square.

    Args:
        images: `(B, H, W, C)`, float, with static H, W and C; in a graph B may be open (None).
        size: The side of the square, in pixels, an int. Rows left over at the bottom and columns
            left over at the right are cropped.

    Returns:
        `(B, H // size, W // size, C)`, of the same dtype.

    Raises:
        ValueError: `size` is below 1, or greater than the images.

    Examples:
        >>> image = tf.reshape(tf.range(10.0), (1, 2, 5, 1))  # 0 to 4 above 5 to 9
        >>> max_pool(image).numpy().ravel().tolist()
        [6.0, 8.0]
    """
    images = tf.convert_to_tensor(images)
    height, width, channels = images.shape[1:]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"Images of {height} x {width} pixels cannot be pooled by {size}.")
    # Exercise 3.3: crop, give each square two axes, take the maximum
    rows, columns = height // size, width // size
    images = images[:, : rows * size, : columns * size]
    squares = tf.reshape(images, (-1, rows, size, columns, size, channels))
    return tf.reduce_max(squares, axis=(2, 4))  # (B, H // size, W // size, C)


def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    """Normalise each channel by the batch in training, by moving statistics in inference [3].

    Args:
        x: `(..., C)`, float; often `(B, H, W, C)`, and in a graph B may be open (None). The
            statistics of a channel are taken over all axes but the last.
        gamma, beta: The learned scale and shift, `(C,)`.
        moving_mean, moving_variance: The statistics so far, `(C,)`, tensors or variables. Nothing
            is assigned to them here.
        training: A bool.
        momentum: The weight of the old statistics in the new ones, in [0, 1]. With 0.95 a batch
            still counts for a third of its weight after 20 more: with a few hundred steps in all,
            the customary 0.99 would still remember the untrained network.
        epsilon: Added to the variance, so that a constant channel does not lead to a division by 0.

    Returns:
        `(y, new_mean, new_variance)`: y, of the shape and dtype of x, and the new moving
        statistics, `(C,)` each: in inference the old ones, unchanged to the last bit. The variance
        is that of the population (divided by the number of values) in y and in the new statistics.

    Examples:
        >>> one, zero = tf.ones(1), tf.zeros(1)
        >>> x = tf.constant([[3.0], [5.0]])  # mean 4, variance 1
        >>> y, mean, variance = batch_norm(x, one, zero, zero, one, training=True)
        >>> y.numpy().round(2).tolist()
        [[-1.0], [1.0]]
        >>> round(float(mean[0]), 2), round(float(variance[0]), 2)
        (0.2, 1.0)
    """
    x = tf.convert_to_tensor(x)
    # Exercise 3.4: choose statistics, normalise, update the moving ones
    if training:
        mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))  # (C,) each
        new_mean = momentum * moving_mean + (1 - momentum) * mean
        new_variance = momentum * moving_variance + (1 - momentum) * variance
    else:
        mean, variance = moving_mean, moving_variance
        new_mean, new_variance = tf.identity(moving_mean), tf.identity(moving_variance)
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    return x * scale + (beta - mean * scale), new_mean, new_variance


def fused_batch_norm(
    x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3
):
    """`batch_norm` in a single operation, a third faster in training. Given: not an exercise.

    It is for the blocks of the network only: x must be float32 and `(B, H, W, C)`. It is to
    `batch_norm` what `tf.nn.conv2d` is to `conv2d`.
    """
    if not training:
        y, *_ = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, moving_mean, moving_variance, epsilon, is_training=False
        )
        return y, tf.identity(moving_mean), tf.identity(moving_variance)
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x, gamma, beta, epsilon=epsilon, is_training=True
    )
    # The operation divides by one less than the number of values; undo that.
    values = tf.cast(tf.size(x) // x.shape[-1], x.dtype)
    variance *= (values - 1) / values
    new_mean = momentum * moving_mean + (1 - momentum) * mean
    return y, new_mean, momentum * moving_variance + (1 - momentum) * variance


def dropout(x, rate, training, seed):
    """Drop each value with probability `rate` in training, and scale up the others [4].

    Args:
        x: Any shape, float. In a graph its batch size may be open (None).
        rate: The probability that a value is dropped, a float in [0, 1).
        training: A bool. Outside training x comes back unchanged.
        seed: A stateless seed, shape `(2,)`, int, possibly a tensor. The same seed drops the same
            values.

    Returns:
        A tensor of the shape and dtype of x, with the same expected value.

    Raises:
        ValueError: `rate` is not in [0, 1).

    Examples:
        >>> values = dropout(tf.ones(100), rate=0.5, training=True, seed=(1, 2))
        >>> sorted(set(values.numpy().tolist()))
        [0.0, 2.0]
        >>> dropout(tf.ones(3), rate=0.5, training=False, seed=(1, 2)).numpy().tolist()
        [1.0, 1.0, 1.0]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"The dropout rate must lie in [0, 1), not {rate}.")
    x = tf.convert_to_tensor(x)
    # Exercise 3.5: draw which values to keep, scale those up
    if not training:
        return x
    keep = tf.random.stateless_uniform(tf.shape(x), seed) >= rate
    return tf.where(keep, x / (1 - rate), tf.zeros_like(x))


def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    """The mean cross-entropy between the softmax of the logits and the labels.

    Args:
        logits: `(B, K)`, float, of any size: the loss and its gradient are finite even at +-1000.
            In a graph B may be open (None).
        labels: `(B,)`, int, in [0, K).
        label_smoothing: The share of each label's weight that is spread evenly over all K classes,
            the label's own included: it keeps a network from betting everything on a label that may
            be wrong. A float in [0, 1]; 0 leaves the labels as they are.

    Returns:
        A scalar of the dtype of `logits`, in nats, not negative.

    Examples:
        >>> undecided = tf.zeros((1, 2))
        >>> round(float(softmax_cross_entropy(undecided, tf.constant([1]))), 4)  # log 2
        0.6931
        >>> sure = tf.constant([[1000.0, -1000.0]])
        >>> float(softmax_cross_entropy(sure, tf.constant([1])))
        2000.0
        >>> float(softmax_cross_entropy(sure, tf.constant([1]), label_smoothing=0.5))
        1500.0
    """
    logits = tf.convert_to_tensor(logits)
    # Exercise 3.6: log-sum-exp minus the label's logit, no overflow [5]
    classes = logits.shape[-1]
    off = label_smoothing / classes
    targets = tf.one_hot(labels, classes, 1 - label_smoothing + off, off, dtype=logits.dtype)
    # Subtracting the greatest logit changes nothing but keeps exp() within range.
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))
    log_probabilities = shifted - tf.math.log(
        tf.reduce_sum(tf.exp(shifted), axis=-1, keepdims=True)
    )
    return -tf.reduce_mean(tf.reduce_sum(targets * log_probabilities, axis=-1))


class ConvBlock(tf.Module):
    """Convolution, batch normalisation, ReLU, pooling: halves the side of the images."""

    def __init__(self, inputs, outputs, seed, dtype):
        """Args: numbers of channels in and out, an int seed, the dtype of the weights."""
        super().__init__()
        # Without a bias: batch_norm subtracts the mean, so a bias would vanish.
        self.kernel = tf.Variable(he_normal((3, 3, inputs, outputs), seed, dtype), name="kernel")
        self.gamma = tf.Variable(tf.ones(outputs, dtype), name="gamma")
        self.beta = tf.Variable(tf.zeros(outputs, dtype), name="beta")
        self.moving_mean = tf.Variable(tf.zeros(outputs, dtype), trainable=False)
        self.moving_variance = tf.Variable(tf.ones(outputs, dtype), trainable=False)

    def __call__(self, x, training):
        """`(B, H, W, inputs)` to `(B, H // 2, W // 2, outputs)`.

        In training the new moving statistics are stored in their variables.
        """
        # Exercise 3.7: convolve, normalise, ReLU, pool
        x = tf.nn.conv2d(x, self.kernel, strides=1, padding="SAME")  # (B, H, W, outputs)
        normalise = fused_batch_norm if x.dtype == tf.float32 else batch_norm
        x, mean, variance = normalise(
            x, self.gamma, self.beta, self.moving_mean, self.moving_variance, training
        )
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        # ReLU after the pooling equals ReLU before it, at a quarter of the work.
        return tf.nn.relu(tf.nn.max_pool2d(x, 2, 2, "VALID"))  # (B, H // 2, W // 2, outputs)


class CNN(tf.Module):
    """The classifier: blocks of convolution as the base, two dense layers as the head.

    Attributes:
        base_variables: The trainable variables of the base, a list.
        head_variables: The trainable variables of the head, a list.
        batch_norm_statistics: The moving means and variances, a list; not trainable.

    Examples:
        >>> model = CNN(image_size=16, channels=(4, 8), hidden=5)
        >>> images = tf.zeros((3, 16, 16, 3))
        >>> model(images).shape
        TensorShape([3, 2])
        >>> model.head(model.features(images, training=False), training=False).shape
        TensorShape([3, 2])
        >>> len(model.base_variables), len(model.head_variables), len(model.batch_norm_statistics)
        (6, 4, 4)
    """

    def __init__(
        self,
        image_size=64,
        channels=(32, 64, 128, 128),
        hidden=128,
        dropout=0.5,
        seed=0,
        dtype=tf.float32,
        mean=None,
        std=None,
    ):
        """Build the layers.

        Args:
            image_size: The side S of the images, in pixels.
            channels: The number of output channels of each block; each block halves the side.
            hidden: The number of outputs of the head's first layer.
            dropout: The rate of dropout between the head's layers, in [0, 1).
            seed: An int, for the initial weights and the dropout masks.
            dtype: The dtype of weights, images and logits.
            mean, std: Each channel's mean and standard deviation over the training images, `(3,)`,
                as `channel_statistics` returns them, or None. If they are given, images are
                standardised first, and a saved model carries both along.

        Raises:
            ValueError: The images are too small for so many blocks, the rate is not in [0, 1), or
                only one of `mean` and `std` is given.
        """
        super().__init__()
        side = image_size // 2 ** len(channels)
        if side < 1:
            raise ValueError(
                f"Images of {image_size} pixels cannot be halved {len(channels)} times."
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"The dropout rate must lie in [0, 1), not {dropout}.")
        if (mean is None) != (std is None):
            raise ValueError("Give both the mean and the deviation, or neither.")
        self.dropout = dropout
        self.seed = seed
        self.dropout_draws = tf.Variable(0, trainable=False)  # counts, so that every mask is new
        self.mean = None if mean is None else tf.Variable(tf.cast(mean, dtype), trainable=False)
        self.std = None if std is None else tf.Variable(tf.cast(std, dtype), trainable=False)
        # Exercise 3.7: the blocks, then two dense layers, each its seed
        seeds = iter(range(1000 * seed, 1000 * (seed + 1)))  # one a layer
        widths = (3, *channels)
        self.blocks = [
            ConvBlock(inputs, outputs, next(seeds), dtype)
            for inputs, outputs in itertools.pairwise(widths)
        ]
        features = 2 * widths[-1]  # the maximum and the mean of each channel
        self.w1 = tf.Variable(he_normal((features, hidden), next(seeds), dtype), name="w1")
        self.b1 = tf.Variable(tf.zeros(hidden, dtype), name="b1")
        self.w2 = tf.Variable(he_normal((hidden, 2), next(seeds), dtype), name="w2")
        self.b2 = tf.Variable(tf.zeros(2, dtype), name="b2")

    def features(self, images, training):
        """The base: `(B, S, S, 3)` in [0, 1] to features `(B, F)`, one row for each image.

        Standardises the images first, if the network was given a mean and a standard deviation. F
        depends on how the last block's output becomes a row: flattened, or pooled over all places.
        """
        # Exercise 3.7: standardise, run the blocks, one row an image
        x = tf.convert_to_tensor(images)
        if self.mean is not None:
            x = standardise(x, self.mean, self.std)
        for block in self.blocks:
            x = block(x, training)
        # Over all places: a parasite counts the same wherever it lies, and 256 features instead of
        # 2048 leave the head less to overfit.
        largest, average = tf.reduce_max(x, axis=(1, 2)), tf.reduce_mean(x, axis=(1, 2))
        return tf.concat([largest, average], axis=-1)  # (B, 2 * channels of the last block)

    def head(self, features, training):
        """The head: features `(B, F)` to raw logits `(B, 2)`, with no softmax on them."""
        # Exercise 3.7: dense, ReLU, dropout (every call anew), dense
        x = tf.nn.relu(features @ self.w1 + self.b1)  # (B, hidden)
        if training:
            draw = self.dropout_draws.assign_add(1)
            x = dropout(x, self.dropout, training, seed=(self.seed, draw))
        return x @ self.w2 + self.b2  # (B, 2)

    def __call__(self, images, training=False):
        """The classifier: `(B, S, S, 3)` in [0, 1] to logits `(B, 2)`."""
        return self.head(self.features(images, training), training)

    @property
    def base_variables(self):
        """The trainable variables of the base, a list."""
        # Exercise 3.7: every block's trainable variables
        return [variable for block in self.blocks for variable in block.trainable_variables]

    @property
    def head_variables(self):
        """The trainable variables of the head, a list."""
        # Exercise 3.7: the weights and biases of both dense layers
        return [self.w1, self.b1, self.w2, self.b2]

    @property
    def batch_norm_statistics(self):
        """The moving means and variances of the base, a list; not trainable."""
        # Exercise 3.7: every block's moving mean and variance
        return [
            statistic
            for block in self.blocks
            for statistic in (block.moving_mean, block.moving_variance)
        ]

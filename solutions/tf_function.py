"""Lesson 4, graphs: what `tf.function` traces, when it traces again, and what it keeps.

Sources
    [1] "Better performance with tf.function", https://www.tensorflow.org/guide/function: tracing,
        signatures, the rules for variables.
    [2] Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural
        networks", NIPS 2012, section 4.1: predictions averaged over views of the image.
"""

import tensorflow as tf

from .data_preprocessing import flip_and_rotate, jitter_stain


def count_traces(function, calls):
    """How often a fresh `tf.function` of a Python function is traced over some calls.

    Args:
        function: A Python function, not yet compiled.
        calls: A list of argument tuples, such as `[(1,), (2,)]`; each is passed on as it is.

    Returns:
        The number of traces, an int. Every count starts from nothing.

    Examples:
        >>> count_traces(lambda x: x + x, [(tf.constant(1),), (tf.constant(2),)])
        1
    """
    # Exercise 4.1: compile, make the calls, ask for the tracing count
    compiled = tf.function(function)
    for arguments in calls:
        compiled(*arguments)
    return compiled.experimental_get_tracing_count()


def compile_classifier(model, image_size):
    """Compile a model into a function from images to probabilities.

    Args:
        model: A callable such as `CNN`: `model(images, training=...)` returns logits `(B, 2)`, and
            `model.trainable_variables` lists its weights. The images have the dtype of the weights.
        image_size: The side S of the images, in pixels.

    Returns:
        A `tf.function` from `(B, S, S, 3)` to P(parasitized), `(B,)`, outside training mode. It is
        traced once, whatever the batch size B, and follows the model's weights as they change.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> classify = compile_classifier(CNN(image_size=16, channels=(8,)), image_size=16)
        >>> classify(tf.zeros((5, 16, 16, 3))).shape
        TensorShape([5])
    """
    # Exercise 4.2: leave the batch size open in the signature
    dtype = model.trainable_variables[0].dtype

    @tf.function(input_signature=[tf.TensorSpec((None, image_size, image_size, 3), dtype)])
    def classify(images):
        return tf.nn.softmax(model(images, training=False))[:, 1]

    return classify


class RunningMean(tf.Module):
    """The mean of all values seen so far, however they were batched.

    Examples:
        >>> mean = RunningMean()
        >>> mean.update(tf.constant([1.0, 2.0, 3.0]))
        >>> mean.update(tf.constant([6.0]))
        >>> float(mean.result())
        3.0
    """

    def __init__(self):
        """Start before the first value."""
        super().__init__()
        # float64 holds the sum of a million float32 losses without visible rounding.
        self.total = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.count = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    def update(self, values):
        """Add `values`, a tensor of any shape and number dtype, to those seen."""
        values = tf.cast(values, tf.float64)
        # Exercise 4.3: add the sum and the number of the values
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.size(values), tf.float64))

    def result(self):
        """The mean of all values since the last reset, a float64 scalar; of no values: 0."""
        # Exercise 4.3: divide; of no values, return 0
        return tf.math.divide_no_nan(self.total, self.count)

    def reset(self):
        """Forget all values."""
        # Exercise 4.3: set both variables to 0
        self.total.assign(0.0)
        self.count.assign(0.0)


def average_over_views(classify, images, views):
    """Average a classifier over the first symmetries of the square [2]: test-time augmentation.

    View k = 0 to 3 is the image after k quarter turns (`tf.image.rot90`). View 4 + k is made by
    mirroring the image left to right first and then turning it k times. The answers are averaged,
    not the images.

    Args:
        classify: A function from images `(B, S, S, 3)` to `(B,)`. It may rely on their static
            height and width, `images.shape[1]` and `images.shape[2]`. In a graph it is traced once.
        images: `(B, S, S, 3)`, float, square. In a graph the static B may be unknown.
        views: How many views, 1 to 8: an int or an int tensor.

    Returns:
        The mean, `(B,)`, of the dtype of `images`.

    Raises:
        ValueError: `views` is an int outside 1 to 8, or the images are not square.

    Examples:
        >>> image = tf.repeat([[[[1.0], [2.0]], [[3.0], [4.0]]]], 3, axis=3)  # 1 2 above 3 4
        >>> mean = average_over_views(lambda images: images[:, 0, 0, 0], image, views=4)
        >>> mean.numpy().tolist()  # each of the four corners has been the top left one
        [2.5]
    """
    images = tf.convert_to_tensor(images)
    if isinstance(views, int) and not 1 <= views <= 8:
        raise ValueError(f"A square has 8 views, so views must lie in 1 to 8, not be {views}.")
    if images.shape[1] != images.shape[2]:
        raise ValueError(f"Only square images can be turned, not images of shape {images.shape}.")
    # Exercise 4.4: loop in the graph, so that the body is traced once

    def add_view(view, total):
        mirrored = tf.cond(view < 4, lambda: images, lambda: tf.image.flip_left_right(images))
        turned = tf.ensure_shape(tf.image.rot90(mirrored, view % 4), images.shape)
        return view + 1, total + tf.cast(classify(turned), images.dtype)

    views = tf.cast(views, tf.int32)
    start = tf.constant(0), tf.zeros(tf.shape(images)[:1], images.dtype)
    _, total = tf.while_loop(lambda view, _: view < views, add_view, start)
    return total / tf.cast(views, images.dtype)


def make_augmenter(seed):
    """A compiled augmentation: each call draws new symmetries and stains.

    Args:
        seed: An int. A second augmenter made with it repeats the first one's draws, call by call.

    Returns:
        A `tf.function` from images `(B, S, S, 3)` in [0, 1] to images of the same shape and dtype,
        for which the static B may be unknown. Images keep their places in the batch, so the labels
        stay true.

    Examples:
        >>> images = tf.random.stateless_uniform((4, 8, 8, 3), seed=(0, 0))
        >>> augment, again = make_augmenter(seed=1), make_augmenter(seed=1)
        >>> first, second = augment(images), augment(images)
        >>> bool(tf.reduce_all(first == second))
        False
        >>> bool(tf.reduce_all(first == again(images)))
        True
    """
    # Exercise 4.5: keep the state of the draws outside the function
    generator = tf.random.Generator.from_seed(seed)

    @tf.function
    def augment(images):
        seeds = generator.make_seeds(2)  # (2, 2): a column for each draw
        return jitter_stain(flip_and_rotate(images, seeds[:, 0]), seeds[:, 1])

    return augment


def compile_epoch(step):
    """Compile a whole epoch into one graph.

    Args:
        step: A function from a batch `(images, labels)` to the batch's mean loss, a float scalar of
            any dtype. There is one label for each example.

    Returns:
        A function from a `tf.data.Dataset` of batches to the mean loss over all its examples, a
        scalar: each batch weighs as much as it has examples. It loops in the graph, is traced once
        over the epochs, and starts its mean afresh in each of them.

    Examples:
        >>> losses = tf.range(9.0)  # in batches of 4, 4 and 1
        >>> batches = tf.data.Dataset.from_tensor_slices((losses, losses)).batch(4)
        >>> epoch = compile_epoch(lambda images, labels: tf.reduce_mean(images))
        >>> float(epoch(batches))
        4.0
    """
    # Exercise 4.6: loop over the dataset in the graph, weigh by batch
    mean = RunningMean()

    @tf.function
    def epoch(dataset):
        mean.reset()
        for images, labels in dataset:
            loss = step(images, labels)
            mean.update(tf.fill((tf.shape(labels)[0],), loss))  # the loss once for each example
        return mean.result()

    return epoch

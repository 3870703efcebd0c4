"""Lesson 2: from files to batches: read, scale, augment.

Sources
    [1] tf.data guide, https://www.tensorflow.org/guide/data: map, cache, shuffle, batch, prefetch.
    [2] Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: the counter-based
        generator behind the `stateless` operations: one seed, one draw, wherever it runs.
    [3] Tellez et al., "Quantifying the effects of data augmentation and stain color normalization
        in convolutional neural networks for computational pathology", Medical Image Analysis 58,
        2019: why the stain is jittered.
"""

import tensorflow as tf


def read_image(path, image_size):
    """Read one cell image and stretch it to a square.

    Args:
        path: The file, PNG or JPEG, colour or grey: a `str`, or a string tensor of shape `()`, as
            in a pipeline.
        image_size: The side S of the square, in pixels, an int.

    Returns:
        The image: RGB, float32 in [0, 1], static shape `(S, S, 3)`. It is resized bilinearly, with
        antialiasing, whatever its proportions.

    Examples:
        >>> pixels = tf.constant([[[0, 0, 0], [255, 255, 255]]], tf.uint8)  # black beside white
        >>> tf.io.write_file("ram://cells/two.png", tf.io.encode_png(pixels))  # in memory
        >>> image = read_image("ram://cells/two.png", 2)
        >>> image.shape
        TensorShape([2, 2, 3])
        >>> image[:, :, 0].numpy().round(2).tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """
    # Exercise 2.1: decode as RGB, scale to [0, 1], resize antialiased
    image = tf.io.decode_png(tf.io.read_file(path), channels=3)  # (H, W, 3) uint8; JPEG as well
    image = tf.image.convert_image_dtype(image, tf.float32)  # to [0, 1]
    # Without antialiasing a shrunken parasite of a few pixels may fall between the samples.
    image = tf.image.resize(image, (image_size, image_size), method="bilinear", antialias=True)
    return tf.ensure_shape(image, (image_size, image_size, 3))


def channel_statistics(images):
    """The mean and the standard deviation of each channel, over all pixels of all images.

    Args:
        images: The training images, and only those: `(N, H, W, 3)`, float32 or float64 in [0, 1].

    Returns:
        `(mean, std)`, each of shape `(3,)` and of the dtype of `images`. The standard deviation is
        that of the population: the squares are divided by the number of pixels, not by one less.

    Examples:
        >>> images = tf.constant([[[[0.0, 0.5, 1.0], [1.0, 0.5, 1.0]]]])  # one image of two pixels
        >>> mean, std = channel_statistics(images)
        >>> mean.numpy().round(2).tolist()
        [0.5, 0.5, 1.0]
        >>> std.numpy().round(2).tolist()
        [0.5, 0.0, 0.0]
    """
    images = tf.convert_to_tensor(images)

    # Exercise 2.2: mean and deviation over every axis but the last
    def mean_over_pixels(values):
        # Image by image first: a single float32 sum over millions of pixels loses digits.
        return tf.reduce_mean(tf.reduce_mean(values, axis=(1, 2)), axis=0)  # (3,)

    mean = mean_over_pixels(images)
    return mean, tf.sqrt(mean_over_pixels(tf.square(images - mean)))


def standardise(images, mean, std):
    """Centre each channel at 0 and scale it to a standard deviation of 1.

    Args:
        images: `(B, H, W, 3)`, float32 or float64.
        mean, std: `(3,)`, as `channel_statistics` returns them.

    Returns:
        A tensor of the shape and dtype of `images`. A channel whose standard deviation is 0 is only
        centred, not divided.

    Examples:
        >>> image = tf.constant([[[[0.5, 0.75, 1.0]]]])  # of one pixel
        >>> standardise(image, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.0]).numpy().tolist()
        [[[[0.0, 1.0, 0.5]]]]
    """
    images = tf.convert_to_tensor(images)
    mean, std = tf.cast(mean, images.dtype), tf.cast(std, images.dtype)
    # Exercise 2.3: subtract the mean, divide where there is deviation
    return (images - mean) / tf.where(std > 0, std, tf.ones_like(std))


def flip_and_rotate(images, seed):
    """Turn each image into one of the 8 symmetries of the square, drawn afresh for each image.

    A cell may lie at any angle, and nothing in it tells left from right, so all 8 keep the label
    true. They are equally likely.

    Args:
        images: `(B, S, S, 3)`, float32 or float64, square. In a pipeline B is unknown while the
            graph is built: `images.shape[0]` is None there.
        seed: A stateless seed: two ints, or an int tensor of shape `(2,)`. The same seed gives the
            same draws.

    Returns:
        A tensor of the shape and dtype of `images`, in the same order.

    Raises:
        ValueError: The images are not square.

    Examples:
        >>> images = tf.reshape(tf.range(8 * 2 * 2 * 3), (8, 2, 2, 3)) / 96
        >>> turned = flip_and_rotate(images, seed=(1, 2))
        >>> bool(tf.reduce_all(turned == flip_and_rotate(images, seed=(1, 2))))
        True
        >>> before, after = (tf.reduce_mean(x, axis=(1, 2)) for x in (images, turned))
        >>> bool(tf.reduce_all(tf.abs(after - before) < 1e-6))  # the pixels have only moved
        True
    """
    images = tf.convert_to_tensor(images)
    height, width = images.shape[1:3]
    if height != width:
        raise ValueError(f"Only square images can be turned, not images of {height} x {width}.")
    # Exercise 2.4: toss three coins for each image
    coins = tf.random.stateless_uniform((3, tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    # tf.reverse, because a slice of ::-1 takes five times as long.
    images = tf.where(coins[0], tf.reverse(images, [2]), images)
    images = tf.where(coins[1], tf.reverse(images, [1]), images)
    return tf.where(coins[2], tf.transpose(images, (0, 2, 1, 3)), images)


def jitter_stain(images, seed, strength=0.1):
    """Vary the stain: multiply each channel of each image by a gain of its own.

    A gain keeps the black background black; an offset would tint it.

    Args:
        images: `(B, H, W, 3)`, float32 or float64 in [0, 1]. B may be unknown, as in
            `flip_and_rotate`.
        seed: A stateless seed: two ints, or an int tensor of shape `(2,)`. The same seed gives the
            same draws.
        strength: A float in [0, 1]. The gains are uniform in [1 - strength, 1 + strength].

    Returns:
        A tensor of the shape and dtype of `images`, clipped to [0, 1].

    Raises:
        ValueError: `strength` is not in [0, 1].

    Examples:
        >>> images = tf.constant([[[[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]]])  # black, grey
        >>> black, grey = jitter_stain(images, seed=(1, 2), strength=0.2)[0, 0].numpy()
        >>> black.tolist()
        [0.0, 0.0, 0.0]
        >>> bool(0.4 <= grey.min() <= grey.max() <= 0.6)
        True
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"The strength of the jitter must lie in [0, 1], not {strength}.")
    images = tf.convert_to_tensor(images)
    # Exercise 2.5: draw one gain for each image and channel
    shape = (tf.shape(images)[0], 1, 1, 3)
    gain = tf.random.stateless_uniform(shape, seed, 1 - strength, 1 + strength, images.dtype)
    return tf.clip_by_value(images * gain, 0, 1)


def make_dataset(paths, labels, image_size, batch_size, training, seed):
    """The pipeline from files to batches.

    Args:
        paths: The image files, N strings or paths.
        labels: The class of each, N ints.
        image_size: The side S of the images, in pixels.
        batch_size: The number B of images in a batch. The last batch may be shorter; no image is
            dropped.
        training: If true, each file is read only once, in the first epoch; every epoch comes in a
            new order over the whole set, and flips, rotates and jitters each image anew, with the
            default strength. If false, the images come in the given order, unchanged.
        seed: An int. Two pipelines with the same seed agree, epoch by epoch.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`: `(B, S, S, 3)` float32 in [0, 1], `(B,)` int32.
        All lengths but B are static.

    Raises:
        ValueError: There are no images, or not as many labels as images.

    Examples:
        >>> grey = tf.fill((4, 4, 3), tf.constant(100, tf.uint8))
        >>> tf.io.write_file("ram://cells/grey.png", tf.io.encode_png(grey))  # in memory
        >>> paths, labels = ["ram://cells/grey.png"] * 5, [0, 1, 0, 1, 0]
        >>> for images, y in make_dataset(paths, labels, 4, 2, training=False, seed=0):
        ...     print(images.shape, y.numpy().tolist())
        (2, 4, 4, 3) [0, 1]
        (2, 4, 4, 3) [0, 1]
        (1, 4, 4, 3) [0]
    """
    paths = [str(path) for path in paths]
    if not paths or len(paths) != len(labels):
        raise ValueError(f"There are {len(paths)} images and {len(labels)} labels.")
    # Exercise 2.6: read in parallel, then cache, shuffle, batch, augment
    dataset = tf.data.Dataset.from_tensor_slices((paths, tf.cast(labels, tf.int32)))
    dataset = dataset.map(
        lambda path, label: (read_image(path, image_size), label),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    if not training:
        return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    # What is the same in every epoch stands before the cache, what is drawn anew stands after it.
    dataset = dataset.cache().shuffle(len(paths), seed=seed).batch(batch_size)
    # Four numbers a batch: a stateless seed for each of the two draws.
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(4)

    def augment(batch, seeds):
        images, labels = batch
        images = flip_and_rotate(images, seeds[:2])
        return jitter_stain(images, seeds[2:]), labels

    dataset = tf.data.Dataset.zip((dataset, seeds))
    return dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

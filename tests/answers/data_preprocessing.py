"""Answers to lesson 2: wrong ones with their mistake, and other right ones."""

import random

import numpy as np
import tensorflow as tf

from solutions import data_preprocessing as reference
from tests.answers import right, wrong

# 2.1


def decoded(path):
    return tf.io.decode_png(tf.io.read_file(path), channels=3)


def resized(image, size, **options):
    return tf.ensure_shape(tf.image.resize(image, (size, size), **options), (size, size, 3))


@wrong("2.1", "The values were left between 0 and 255; convert_image_dtype scales integers only.")
def read_image(path, image_size):
    return resized(decoded(path), image_size, antialias=True)


@wrong("2.1", "The values were left between 0 and 255; convert_image_dtype scales integers only.")
def read_image(path, image_size):
    image = tf.cast(decoded(path), tf.float32)
    return resized(tf.image.convert_image_dtype(image, tf.float32), image_size, antialias=True)


@wrong("2.1", "The values were divided by 255 twice.")
def read_image(path, image_size):
    return reference.read_image(path, image_size) / 255


@wrong("2.1", "The image was resized without antialiasing, so small spots can be lost.")
def read_image(path, image_size):
    return resized(tf.image.convert_image_dtype(decoded(path), tf.float32), image_size)


@wrong(
    "2.1",
    "The image was resized by nearest-neighbour sampling; bilinear interpolation was asked for.",
)
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    return resized(image, image_size, method="nearest", antialias=True)


@wrong("2.1", "Bicubic interpolation overshoots at edges; bilinear interpolation was asked for.")
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    return resized(image, image_size, method="bicubic", antialias=True)


@wrong("2.1", "The image was padded to keep its proportions; it should be stretched.")
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    image = tf.image.resize_with_pad(image, image_size, image_size, antialias=True)
    return tf.ensure_shape(image, (image_size, image_size, 3))


@wrong("2.1", "Only the middle was kept; the whole image should be stretched.")
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    side = tf.minimum(tf.shape(image)[0], tf.shape(image)[1])
    image = tf.image.resize_with_crop_or_pad(image, side, side)
    return resized(image, image_size, antialias=True)


@wrong("2.1", "The number of channels was left open, so a greyscale file gives one channel.")
def read_image(path, image_size):
    image = tf.io.decode_image(tf.io.read_file(path), expand_animations=False)
    image = tf.image.convert_image_dtype(image, tf.float32)
    return tf.image.resize(image, (image_size, image_size), antialias=True)


@wrong("2.1", "The channels were reversed: BGR instead of RGB.")
def read_image(path, image_size):
    return reference.read_image(path, image_size)[..., ::-1]


@wrong("2.1", "The static shape was left open, so a pipeline does not know it.")
def read_image(path, image_size):
    return tf.py_function(lambda p: reference.read_image(p, image_size), [path], tf.float32)


@wrong("2.1", "The values were scaled to -1 to 1.")
def read_image(path, image_size):
    return reference.read_image(path, image_size) * 2 - 1


@wrong(
    "2.1",
    "Pixel areas were averaged where the image shrinks; antialiased bilinear resizing was asked "
    "for.",
)
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    shrinks = tf.shape(image)[0] > image_size
    area = resized(image, image_size, method="area")
    return tf.where(shrinks, area, resized(image, image_size))


@wrong("2.1", "The image was antialiased only where it shrinks to less than half.")
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    much = tf.shape(image)[0] > 2 * image_size
    return tf.where(much, resized(image, image_size, antialias=True), resized(image, image_size))


@wrong("2.1", "Only the middle of an image that is taller than wide was kept.")
def read_image(path, image_size):
    image = tf.image.convert_image_dtype(decoded(path), tf.float32)
    height = tf.shape(image)[0]
    side = tf.minimum(height, tf.shape(image)[1])
    start = (height - side) // 2
    return resized(image[start : start + side], image_size, antialias=True)


@wrong("2.1", "The resized image was truncated to whole grey levels, which darkens it.")
def read_image(path, image_size):
    levels = resized(tf.cast(decoded(path), tf.float32), image_size, antialias=True)
    return tf.cast(tf.cast(levels, tf.uint8), tf.float32) / 255


@right("2.1", "Resized first, divided by 255 afterwards.")
def read_image(path, image_size):
    image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    image = tf.image.resize(image, [image_size, image_size], antialias=True) / 255
    image.set_shape((image_size, image_size, 3))
    return image


@right("2.1", "JPEG and PNG decoded by the same operation, with 3 channels.")
def read_image(path, image_size):
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    image = tf.cast(image, tf.float32) / 255.0
    image = tf.image.resize(
        image, (image_size, image_size), tf.image.ResizeMethod.BILINEAR, antialias=True
    )
    return tf.reshape(image, (image_size, image_size, 3))


@wrong("2.1", "The values were left between 0 and 255; convert_image_dtype scales integers only.")
def read_image(path, image_size):
    return tf.image.convert_image_dtype(
        resized(decoded(path), image_size, antialias=True), "float32"
    )


# 2.2


@wrong("2.2", "A single mean and a single standard deviation over all channels were returned.")
def channel_statistics(images):
    return tf.reduce_mean(images), tf.math.reduce_std(images)


@wrong("2.2", "The standard deviation of each image was computed, then averaged over the images.")
def channel_statistics(images):
    mean = tf.reduce_mean(images, axis=(0, 1, 2))
    return mean, tf.reduce_mean(tf.math.reduce_std(images, axis=(1, 2)), axis=0)


@wrong("2.2", "The variance was returned instead of the standard deviation.")
def channel_statistics(images):
    mean, std = reference.channel_statistics(images)
    return mean, std**2


@wrong("2.2", "The sum of squares was divided by the number of pixels minus one.")
def channel_statistics(images):
    mean, std = reference.channel_statistics(images)
    pixels = tf.cast(tf.size(images) // 3, images.dtype)
    return mean, std * tf.sqrt(pixels / (pixels - 1))


@wrong("2.2", "The averages were taken over the images only, which gives one value for each pixel.")
def channel_statistics(images):
    return tf.reduce_mean(images, axis=0), tf.math.reduce_std(images, axis=0)


@wrong("2.2", "The mean was taken over the first image only.")
def channel_statistics(images):
    return tf.reduce_mean(images[0], axis=(0, 1)), reference.channel_statistics(images)[1]


@wrong("2.2", "Everything was cast to float32.")
def channel_statistics(images):
    return reference.channel_statistics(tf.cast(images, tf.float32))


@wrong("2.2", "The mean and the standard deviation were returned in the wrong order.")
def channel_statistics(images):
    mean, std = reference.channel_statistics(images)
    return std, mean


@wrong(
    "2.2",
    "The mean square minus the squared mean can be negative after rounding; its root is then NaN.",
)
def channel_statistics(images):
    mean = tf.reduce_mean(images, axis=(0, 1, 2))
    return mean, tf.sqrt(tf.reduce_mean(tf.square(images), axis=(0, 1, 2)) - tf.square(mean))


@wrong(
    "2.2",
    "Something was added under the root, so a constant channel does not get a deviation of 0.",
)
def channel_statistics(images):
    mean, std = reference.channel_statistics(images)
    return mean, tf.sqrt(tf.square(std) + 1e-7)


@wrong("2.2", "Small standard deviations were raised to a minimum.")
def channel_statistics(images):
    mean, std = reference.channel_statistics(images)
    return mean, tf.maximum(std, tf.cast(1e-3, std.dtype))


@wrong("2.2", "A standard deviation of 0 was returned as 1; that case is left to `standardise`.")
def channel_statistics(images):
    mean, std = reference.channel_statistics(images)
    return mean, tf.where(std > 0, std, tf.ones_like(std))


@wrong("2.2", "It was computed in float32 and cast back, which loses half of the digits.")
def channel_statistics(images):
    mean, std = reference.channel_statistics(tf.cast(images, tf.float32))
    return tf.cast(mean, images.dtype), tf.cast(std, images.dtype)


@wrong("2.2", "Only the first 100 images were used.")
def channel_statistics(images):
    return reference.channel_statistics(images[:100])


@wrong("2.2", "The means of batches were averaged, so a short last batch counts too much.")
def channel_statistics(images):
    batches = [images[i : i + 32] for i in range(0, len(images), 32)]
    means, deviations = zip(*map(reference.channel_statistics, batches), strict=True)
    mean = tf.reduce_mean(tf.stack(means), axis=0)
    squares = tf.reduce_mean(tf.square(deviations) + tf.square(means), axis=0)
    return mean, tf.sqrt(tf.maximum(squares - tf.square(mean), 0))


@right("2.2", "With tf.nn.moments.")
def channel_statistics(images):
    mean, variance = tf.nn.moments(tf.convert_to_tensor(images), axes=[0, 1, 2])
    return [mean, tf.sqrt(variance)]


@right("2.2", "In NumPy.")
def channel_statistics(images):
    pixels = np.asarray(images).reshape(-1, 3)
    return tf.constant(pixels.mean(0)), tf.constant(pixels.std(0))


@right("2.2", "Image by image, in a loop.")
def channel_statistics(images):
    images = tf.convert_to_tensor(images)
    total = tf.zeros((3,), images.dtype)
    for image in images:
        total += tf.reduce_mean(image, axis=(0, 1))
    mean = total / len(images)
    squares = tf.zeros((3,), images.dtype)
    for image in images:
        squares += tf.reduce_mean(tf.square(image - mean), axis=(0, 1))
    return mean, tf.sqrt(squares / len(images))


# 2.3


@wrong("2.3", "A channel with the standard deviation 0 was divided by 0.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    return (images - tf.cast(mean, images.dtype)) / tf.cast(std, images.dtype)


@wrong("2.3", "A number was added to every standard deviation, which changes a small one a lot.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    return (images - tf.cast(mean, images.dtype)) / (tf.cast(std, images.dtype) + 1e-3)


@wrong("2.3", "The mean was subtracted, but the result was not divided.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    return images - tf.cast(mean, images.dtype)


@wrong("2.3", "The images were divided by the variance instead of the standard deviation.")
def standardise(images, mean, std):
    return reference.standardise(images, mean, tf.square(std))


@wrong("2.3", "Each image was standardised with its own statistics.")
def standardise(images, mean, std):
    return tf.image.per_image_standardization(images)


@wrong("2.3", "A channel with the standard deviation 0 was set to 0 instead of only being centred.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    mean, std = tf.cast(mean, images.dtype), tf.cast(std, images.dtype)
    return tf.math.divide_no_nan(images - mean, std)


@wrong("2.3", "Everything was cast to float32.")
def standardise(images, mean, std):
    return reference.standardise(tf.cast(images, tf.float32), mean, std)


@wrong("2.3", "The images were divided before the mean was subtracted.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    mean, std = tf.cast(mean, images.dtype), tf.cast(std, images.dtype)
    return images / tf.where(std > 0, std, tf.ones_like(std)) - mean


@wrong("2.3", "It was computed in NumPy, but in a graph the images have no values yet.")
def standardise(images, mean, std):
    values = np.asarray(images)
    std = np.asarray(std, values.dtype)
    scaled = (values - np.asarray(mean, values.dtype)) / np.where(std > 0, std, 1)
    return tf.constant(scaled.astype(values.dtype))


@wrong("2.3", "It was computed in float32 and cast back, which loses half of the digits.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    return tf.cast(reference.standardise(tf.cast(images, tf.float32), mean, std), images.dtype)


@wrong("2.3", "Values beyond 3 standard deviations were clipped.")
def standardise(images, mean, std):
    return tf.clip_by_value(reference.standardise(images, mean, std), -3, 3)


@wrong("2.3", "The array passed in was modified: `-=` works in place.")
def standardise(images, mean, std):
    std = np.where(np.asarray(std) > 0, std, 1)
    dtype = images.dtype if isinstance(images, np.ndarray) else images.dtype.as_numpy_dtype
    images -= np.asarray(mean, dtype)
    return tf.convert_to_tensor(images) / std.astype(dtype)


@right("2.3", "Channel by channel; whatever is not a batch of images is refused.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    if not images.shape.is_compatible_with((None, None, None, 3)):
        raise ValueError(f"Images of the shape (B, H, W, 3) are needed, not {images.shape}.")
    mean, std = tf.cast(mean, images.dtype), tf.cast(std, images.dtype)
    std = tf.where(std > 0, std, tf.ones_like(std))
    return tf.stack([(images[:, :, :, k] - mean[k]) / std[k] for k in range(3)], axis=-1)


@right("2.3", "Standard deviations of 0 replaced by 1 beforehand, in NumPy.")
def standardise(images, mean, std):
    images = tf.convert_to_tensor(images)
    dtype = images.dtype.as_numpy_dtype
    std = np.where(np.asarray(std) == 0, 1, std).astype(dtype)
    return (images - np.asarray(mean, dtype)) / std


@right("2.3", "For tensors of one dtype only.")
def standardise(images, mean, std):
    return (images - mean) / tf.where(std == 0, tf.ones_like(std), std)


@wrong("2.3", "A number was added to every standard deviation, which changes a small one a lot.")
def standardise(images, mean, std):
    return (images - mean) / (std + 1e-7)


@wrong("2.3", "Standard deviations below 1 were raised to 1.")
def standardise(images, mean, std):
    return (images - mean) / tf.maximum(std, tf.ones_like(std))


# 2.4


def square_only(images):
    images = tf.convert_to_tensor(images)
    if images.shape[1] != images.shape[2]:
        raise ValueError("The images are not square.")
    return images


@wrong("2.4", "One orientation was drawn for the whole batch.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    draw = tf.random.stateless_uniform((), seed, 0, 8, tf.int32)
    images = tf.image.rot90(images, draw % 4)
    return tf.where(draw > 3, tf.reverse(images, [2]), images)


@wrong(
    "2.4", "The flips were drawn for each image, but one rotation was drawn for the whole batch."
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    turns = tf.random.stateless_uniform((), seed, 0, 4, tf.int32)
    coin = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    return tf.image.rot90(tf.where(coin, tf.reverse(images, [2]), images), turns)


@wrong("2.4", "Only flips were drawn: without quarter turns, 4 of the 8 symmetries are missing.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    coins = tf.random.stateless_uniform((2, tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    images = tf.where(coins[0], tf.reverse(images, [2]), images)
    return tf.where(coins[1], tf.reverse(images, [1]), images)


@wrong(
    "2.4", "Only rotations were drawn: without mirror images, 4 of the 8 symmetries are missing."
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    turns = tf.random.stateless_uniform((tf.shape(images)[0],), seed, 0, 4, tf.int32)
    return tf.map_fn(
        lambda x: tf.image.rot90(x[0], x[1]), (images, turns), fn_output_signature=images.dtype
    )


@wrong(
    "2.4",
    "Python drew the random numbers: the seed is ignored, and a graph draws only while it is "
    "traced.",
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    if random.random() < 0.5:
        images = tf.reverse(images, [2])
    return tf.image.rot90(images, random.randrange(4))


@wrong(
    "2.4", "The order of the batch was reversed too, so the images no longer match their labels."
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    return tf.reverse(reference.flip_and_rotate(images, seed), [0])


@wrong("2.4", "The last axis was reversed, which swaps the colours: RGB becomes BGR.")
def flip_and_rotate(images, seed):
    images = reference.flip_and_rotate(images, seed)
    coin = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    return tf.where(coin, tf.reverse(images, [3]), images)


@wrong("2.4", "One draw decided all three choices, so flips and turns always come together.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    coin = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    images = tf.where(coin, tf.reverse(images, [2]), images)
    images = tf.where(coin, tf.reverse(images, [1]), images)
    return tf.where(coin, tf.transpose(images, (0, 2, 1, 3)), images)


@wrong("2.4", "The orientations are not equally likely.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    coins = tf.random.stateless_uniform((3, tf.shape(images)[0], 1, 1, 1), seed)
    images = tf.where(coins[0] < 0.5, tf.reverse(images, [2]), images)
    images = tf.where(coins[1] < 0.5, tf.reverse(images, [1]), images)
    return tf.where(coins[2] < 0.3, tf.transpose(images, (0, 2, 1, 3)), images)


@wrong("2.4", "The seed is fixed inside the function, so every call draws the same.")
def flip_and_rotate(images, seed):
    return reference.flip_and_rotate(images, (1, 2))


@wrong("2.4", "Images that are not square are not refused.")
def flip_and_rotate(images, seed):
    height, width = images.shape[1:3]
    if height == width:
        return reference.flip_and_rotate(images, seed)
    return tf.reverse(images, [2])


@wrong("2.4", "The first number of the seed was ignored; both must count.")
def flip_and_rotate(images, seed):
    return reference.flip_and_rotate(images, tf.stack([0, seed[1]]))


def chosen_views(images, draws):
    views = [tf.image.rot90(images, k) for k in range(4)]
    views += [tf.image.rot90(images[:, :, ::-1], k) for k in range(4)]
    return tf.gather_nd(tf.stack(views), tf.stack([draws, tf.range(tf.shape(images)[0])], axis=1))


@wrong(
    "2.4",
    "The first orientation was drawn and the rest counted up from it: that is one draw for the "
    "batch.",
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    first = tf.random.stateless_uniform((), seed, 0, 8, tf.int32)
    return chosen_views(images, (first + tf.range(tf.shape(images)[0])) % 8)


@wrong("2.4", "Different seeds draw the same: part of the draw does not depend on the whole seed.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    count = tf.shape(images)[0]
    coins = tf.random.stateless_uniform((2, count, 1, 1, 1), seed) < 0.5
    third = tf.random.stateless_uniform((count, 1, 1, 1), (1, 1)) < 0.5
    images = tf.where(coins[0], tf.reverse(images, [2]), images)
    images = tf.where(coins[1], tf.reverse(images, [1]), images)
    return tf.where(third, tf.transpose(images, (0, 2, 1, 3)), images)


@wrong("2.4", "Every other image was transposed; that must be drawn too.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    count = tf.shape(images)[0]
    coins = tf.random.stateless_uniform((2, count, 1, 1, 1), seed) < 0.5
    images = tf.where(coins[0], tf.reverse(images, [2]), images)
    images = tf.where(coins[1], tf.reverse(images, [1]), images)
    even = tf.reshape(tf.range(count) % 2 == 0, (-1, 1, 1, 1))
    return tf.where(even, tf.transpose(images, (0, 2, 1, 3)), images)


@wrong(
    "2.4",
    "It needs the batch size as a Python number, which is unknown when the batch size is open.",
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    coins = tf.random.stateless_uniform((3, images.shape[0], 1, 1, 1), seed) < 0.5
    images = tf.where(coins[0], tf.reverse(images, [2]), images)
    images = tf.where(coins[1], tf.reverse(images, [1]), images)
    return tf.where(coins[2], tf.transpose(images, (0, 2, 1, 3)), images)


@wrong(
    "2.4",
    "It needs the batch size as a Python number, which is unknown when the batch size is open.",
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    turned = []
    for k in range(len(images)):
        own = (seed[0] * 1009 + k, seed[1])
        draw = tf.random.stateless_uniform((), own, 0, 8, tf.int32)
        image = tf.where(draw > 3, tf.reverse(images[k], [1]), images[k])
        turned.append(tf.image.rot90(image, draw % 4))
    return tf.stack(turned)


@wrong("2.4", "It was computed in float32 and cast back, which loses half of the digits.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    return tf.cast(reference.flip_and_rotate(tf.cast(images, tf.float32), seed), images.dtype)


@wrong("2.4", "Only images that are wider than tall are refused.")
def flip_and_rotate(images, seed):
    height, width = images.shape[1:3]
    if width > height:
        raise ValueError("The images are not square.")
    side = tf.image.resize_with_crop_or_pad(images, width, width)
    return reference.flip_and_rotate(images if height == width else side, seed)


@wrong("2.4", "Different seeds draw the same: part of the draw does not depend on the whole seed.")
def flip_and_rotate(images, seed):
    return reference.flip_and_rotate(images, tf.convert_to_tensor(seed) % 8)


@wrong(
    "2.4",
    "The symmetries were dealt out evenly over the batch; each image must draw independently.",
)
def flip_and_rotate(images, seed):
    images = square_only(images)
    order = tf.range(tf.shape(images)[0])
    draw = tf.random.experimental.stateless_shuffle(order, seed) % 8
    images = tf.where((draw > 3)[:, None, None, None], tf.reverse(images, [2]), images)
    return tf.map_fn(
        lambda x: tf.image.rot90(x[0], x[1]), (images, draw % 4), fn_output_signature=images.dtype
    )


@right("2.4", "Image by image, with map_fn, rot90 and a flip.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    draws = tf.random.stateless_uniform((tf.shape(images)[0],), seed, 0, 8, tf.int32)

    def one(pair):
        image, draw = pair
        image = tf.image.rot90(image, draw % 4)
        return tf.cond(draw > 3, lambda: tf.image.flip_left_right(image), lambda: image)

    return tf.map_fn(one, (images, draws), fn_output_signature=images.dtype)


@right("2.4", "All 8 views of the batch, from which each image picks one.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    views = [tf.image.rot90(images, k) for k in range(4)]
    views += [tf.image.rot90(images[:, :, ::-1], k) for k in range(4)]
    draws = tf.random.stateless_uniform((tf.shape(images)[0],), seed, maxval=8, dtype=tf.int32)
    rows = tf.range(tf.shape(images)[0])
    return tf.gather_nd(tf.stack(views), tf.stack([draws, rows], axis=1))


@right("2.4", "Image by image, with map_fn and a seed for each.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    seeds = tf.random.experimental.stateless_split(seed, tf.shape(images)[0])

    def one(pair):
        image, own = pair
        image = tf.image.stateless_random_flip_left_right(image, own)
        image = tf.image.stateless_random_flip_up_down(image, own + 1)
        turns = tf.random.stateless_uniform((), own + 2, 0, 4, tf.int32)
        return tf.image.rot90(image, turns)

    return tf.map_fn(one, (images, seeds), fn_output_signature=images.dtype)


@right("2.4", "Image by image, in a loop that is Python's outside a graph, a draw in each turn.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    count = tf.shape(images)[0]
    seeds = tf.random.experimental.stateless_split(seed, count)
    turned = tf.TensorArray(images.dtype, count, element_shape=images.shape[1:])
    for k in tf.range(count):
        draw = tf.random.stateless_uniform((), seeds[k], 0, 8, tf.int32)
        image = tf.image.rot90(images[k], draw % 4)
        if draw > 3:
            image = tf.image.flip_left_right(image)
        turned = turned.write(k, image)
    return turned.stack()


@wrong("2.4", "One orientation was drawn for the whole batch.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    coins = tf.random.stateless_uniform((3,), seed) < 0.5
    images = tf.where(coins[0], tf.reverse(images, [1]), images)
    images = tf.where(coins[1], tf.reverse(images, [2]), images)
    return tf.where(coins[2], tf.transpose(images, (0, 2, 1, 3)), images)


@wrong(
    "2.4", "Both flips use one seed, so they come together, and half of the symmetries never occur."
)
def flip_and_rotate(images, seed):
    images, seed = square_only(images), tf.cast(seed, tf.int32)
    images = tf.image.stateless_random_flip_left_right(images, seed)
    images = tf.image.stateless_random_flip_up_down(images, seed)
    coins = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), tf.add(seed, [1, 0])) < 0.5
    return tf.where(coins, tf.transpose(images, (0, 2, 1, 3)), images)


@wrong("2.4", "maxval is exclusive: with 3, no image is rotated by three quarter turns.")
def flip_and_rotate(images, seed):
    images = square_only(images)
    seeds = tf.random.experimental.stateless_split(seed, 2)
    shape = (tf.shape(images)[0],)
    turns = tf.random.stateless_uniform(shape, seeds[0], maxval=3, dtype=tf.int32)
    mirrored = tf.random.stateless_uniform(shape, seeds[1], maxval=2, dtype=tf.int32)
    return chosen_views(images, turns + 4 * mirrored)


# 2.5


@wrong("2.5", "One gain was drawn for the whole batch.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    gain = tf.random.stateless_uniform((3,), seed, 1 - strength, 1 + strength, images.dtype)
    return tf.clip_by_value(images * gain, 0, 1)


@wrong(
    "2.5",
    "One gain was drawn per image for all channels, which changes the brightness, not the stain.",
)
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    shape = (tf.shape(images)[0], 1, 1, 1)
    gain = tf.random.stateless_uniform(shape, seed, 1 - strength, 1 + strength, images.dtype)
    return tf.clip_by_value(images * gain, 0, 1)


@wrong(
    "2.5",
    "An offset was added instead of multiplying by a gain, so the black background is tinted.",
)
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    shape = (tf.shape(images)[0], 1, 1, 3)
    return tf.clip_by_value(
        images + tf.random.stateless_uniform(shape, seed, -strength, strength, images.dtype), 0, 1
    )


@wrong("2.5", "The result was not clipped, so white becomes more than 1.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    shape = (tf.shape(images)[0], 1, 1, 3)
    return images * tf.random.stateless_uniform(
        shape, seed, 1 - strength, 1 + strength, images.dtype
    )


@wrong("2.5", "The gains are normally distributed; they should be uniform.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    shape = (tf.shape(images)[0], 1, 1, 3)
    gain = 1 + strength * tf.random.stateless_normal(shape, seed, dtype=images.dtype) / 2
    return tf.clip_by_value(images * gain, 0, 1)


@wrong("2.5", "The gains only increase the values: they lie between 1 and 1 + strength.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    shape = (tf.shape(images)[0], 1, 1, 3)
    gain = tf.random.stateless_uniform(shape, seed, 1, 1 + strength, images.dtype)
    return tf.clip_by_value(images * gain, 0, 1)


@wrong("2.5", "The strength is ignored.")
def jitter_stain(images, seed, strength=0.1):
    return reference.jitter_stain(images, seed, 0.1)


@wrong("2.5", "A gain was drawn for every pixel, which makes noise.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    gain = tf.random.stateless_uniform(
        tf.shape(images), seed, 1 - strength, 1 + strength, images.dtype
    )
    return tf.clip_by_value(images * gain, 0, 1)


@wrong("2.5", "The seed is ignored: no two calls agree.")
def jitter_stain(images, seed, strength=0.1):
    draw = random.SystemRandom().randrange(2**31)
    return reference.jitter_stain(images, (draw, 0), strength)


@wrong("2.5", "The seed is fixed inside the function, so every call draws the same.")
def jitter_stain(images, seed, strength=0.1):
    return reference.jitter_stain(images, (0, 0), strength)


@wrong(
    "2.5",
    "The range of the gains is as wide as the strength; it should extend that far on either side "
    "of 1.",
)
def jitter_stain(images, seed, strength=0.1):
    return reference.jitter_stain(images, seed, strength / 2)


@wrong("2.5", "The result is always float32.")
def jitter_stain(images, seed, strength=0.1):
    return reference.jitter_stain(tf.cast(images, tf.float32), seed, strength)


@wrong("2.5", "The default strength is 0.2 instead of 0.1.")
def jitter_stain(images, seed, strength=0.2):
    return reference.jitter_stain(images, seed, strength)


@wrong("2.5", "The default strength is 0.05 instead of 0.1.")
def jitter_stain(images, seed, strength=0.05):
    return reference.jitter_stain(images, seed, strength)


def drawn_gains(images, seed, strength):
    shape = (tf.shape(images)[0], 1, 1, 3)
    return tf.random.stateless_uniform(shape, seed, 1 - strength, 1 + strength, images.dtype)


@wrong("2.5", "images.shape[0] is None in a graph whose batch size is open: use tf.shape.")
def jitter_stain(images, seed, strength=0.1):
    if not 0 <= strength <= 1:
        raise ValueError("The strength must lie in [0, 1].")
    images = tf.convert_to_tensor(images)
    shape = (images.shape[0], 1, 1, 3)
    gain = tf.random.stateless_uniform(shape, seed, 1 - strength, 1 + strength, images.dtype)
    return tf.clip_by_value(images * gain, 0, 1)


@wrong("2.5", "A channel that became too bright was scaled down instead of clipped.")
def jitter_stain(images, seed, strength=0.1):
    if not 0 <= strength <= 1:
        raise ValueError("The strength must lie in [0, 1].")
    images = tf.convert_to_tensor(images)
    images = images * drawn_gains(images, seed, strength)
    return images / tf.maximum(tf.reduce_max(images, axis=(1, 2), keepdims=True), 1)


@wrong("2.5", "A pixel that became too bright kept its old value instead of becoming 1.")
def jitter_stain(images, seed, strength=0.1):
    if not 0 <= strength <= 1:
        raise ValueError("The strength must lie in [0, 1].")
    images = tf.convert_to_tensor(images)
    stained = images * drawn_gains(images, seed, strength)
    return tf.where(stained > 1, images, stained)


@wrong("2.5", "The blue channel has a fixed seed: its gains are the same in every call.")
def jitter_stain(images, seed, strength=0.1):
    if not 0 <= strength <= 1:
        raise ValueError("The strength must lie in [0, 1].")
    images = tf.convert_to_tensor(images)
    gain = drawn_gains(images, seed, strength)
    fixed = drawn_gains(images, (3, 3), strength)
    return tf.clip_by_value(images * tf.concat([gain[..., :2], fixed[..., 2:]], -1), 0, 1)


@wrong("2.5", "It was computed in float32 and cast back, which loses half of the digits.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    stained = reference.jitter_stain(tf.cast(images, tf.float32), seed, strength)
    return tf.cast(stained, images.dtype)


@wrong("2.5", "A strength above 0.3 is treated as 0.3.")
def jitter_stain(images, seed, strength=0.1):
    reference.jitter_stain(images, seed, strength)
    return reference.jitter_stain(images, seed, min(strength, 0.3))


@right("2.5", "Gains from draws between -1 and 1.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    draws = tf.random.stateless_uniform((tf.shape(images)[0], 3), seed, dtype=images.dtype)
    gains = 1 + strength * (2 * draws - 1)
    return tf.minimum(images * gains[:, None, None, :], 1)


@right("2.5", "Image by image, with map_fn and a seed for each.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    seeds = tf.random.experimental.stateless_split(seed, tf.shape(images)[0])

    def one(pair):
        image, own = pair
        gain = tf.random.stateless_uniform((3,), own, 1 - strength, 1 + strength, image.dtype)
        return tf.clip_by_value(image * gain, 0, 1)

    return tf.map_fn(one, (images, seeds), fn_output_signature=images.dtype)


@right("2.5", "Channel by channel and image by image, in loops that are Python's outside a graph.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    count = tf.shape(images)[0]
    stained = tf.TensorArray(images.dtype, count, element_shape=images.shape[1:])
    for k in tf.range(count):
        channels = []
        for c in range(3):
            own = tf.stack([seed[0] * 3 + c, seed[1] * 100003 + k])
            gain = tf.random.stateless_uniform((), own, 1 - strength, 1 + strength, images.dtype)
            channels.append(tf.clip_by_value(images[k, :, :, c] * gain, 0, 1))
        stained = stained.write(k, tf.stack(channels, axis=-1))
    return stained.stack()


@right("2.5", "Channel by channel, each with a seed of its own.")
def jitter_stain(images, seed, strength=0.1):
    images = tf.convert_to_tensor(images)
    gains = [
        tf.random.stateless_uniform(
            (tf.shape(images)[0],), channel_seed, 1 - strength, 1 + strength, images.dtype
        )
        for channel_seed in tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    ]
    return tf.clip_by_value(images * tf.stack(gains, axis=1)[:, None, None, :], 0, 1)


# 2.6


def read(paths, labels, size):
    dataset = tf.data.Dataset.from_tensor_slices(
        ([str(path) for path in paths], tf.cast(labels, tf.int32))
    )
    return dataset.map(lambda path, label: (reference.read_image(path, size), label))


def augmented(images, seeds):
    return reference.jitter_stain(reference.flip_and_rotate(images, seeds[:2]), seeds[2:])


def seeds_of(seed):
    return tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(4)


def augment_batches(dataset, seed):
    return tf.data.Dataset.zip((dataset, seeds_of(seed))).map(
        lambda batch, seeds: (augmented(batch[0], seeds), batch[1])
    )


@wrong("2.6", "The evaluation images were augmented as well.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if training:
        dataset = dataset.shuffle(len(paths), seed=seed)
    return augment_batches(dataset.batch(batch_size), seed)


@wrong("2.6", "The evaluation images were shuffled.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    return read(paths, labels, image_size).shuffle(len(paths), seed=seed).batch(batch_size)


@wrong("2.6", "The cache comes after the augmentation, so every epoch shows the same images.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    dataset = augment_batches(read(paths, labels, image_size).batch(1), seed).cache().unbatch()
    return dataset.shuffle(len(paths), seed=seed).batch(batch_size)


@wrong(
    "2.6",
    "The order was drawn only once: the shuffle comes before the cache, or does not reshuffle "
    "each epoch.",
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    dataset = read(paths, labels, image_size).shuffle(len(paths), seed=seed).cache()
    return augment_batches(dataset.batch(batch_size), seed)


@wrong(
    "2.6",
    "The order was drawn only once: the shuffle comes before the cache, or does not reshuffle "
    "each epoch.",
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    dataset = read(paths, labels, image_size).cache()
    dataset = dataset.shuffle(len(paths), seed=seed, reshuffle_each_iteration=False)
    return augment_batches(dataset.batch(batch_size), seed)


@wrong("2.6", "images.shape[0] is None where the batch size is open: use tf.shape.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.cache().shuffle(len(paths), seed=seed).batch(batch_size)

    def augment(batch, seeds):
        images, labels = batch
        gains = tf.random.stateless_uniform((images.shape[0], 1, 1, 3), seeds[2:], 0.9, 1.1)
        return tf.clip_by_value(reference.flip_and_rotate(images, seeds[:2]) * gains, 0, 1), labels

    return tf.data.Dataset.zip((dataset, seeds_of(seed))).map(augment)


@wrong(
    "2.6",
    "All batches get the same draws: they share one seed, or the numbers were drawn during "
    "tracing.",
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    dataset = read(paths, labels, image_size).cache().shuffle(len(paths), seed=seed)
    seeds = tf.constant([seed, 1, seed, 2])
    return dataset.batch(batch_size).map(lambda images, y: (augmented(images, seeds), y))


@wrong(
    "2.6",
    "All batches get the same draws: they share one seed, or the numbers were drawn during "
    "tracing.",
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    rng = np.random.default_rng(seed)
    dataset = read(paths, labels, image_size).cache().shuffle(len(paths), seed=seed)
    return dataset.batch(batch_size).map(
        lambda images, y: (augmented(images, rng.integers(0, 1000, 4)), y)
    )


@wrong("2.6", "The short last batch was dropped.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    return dataset.unbatch().batch(batch_size, drop_remainder=True)


@wrong("2.6", "Only whole batches were shuffled, so the same images always share a batch.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size).batch(batch_size)
    if not training:
        return dataset
    return augment_batches(dataset.cache().shuffle(100, seed=seed), seed)


@wrong("2.6", "The shuffle buffer is smaller than the dataset, so neighbours stay together.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if not training:
        return dataset.batch(batch_size)
    return augment_batches(dataset.cache().shuffle(8, seed=seed).batch(batch_size), seed)


@wrong("2.6", "The images were not augmented.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if training:
        dataset = dataset.cache().shuffle(len(paths), seed=seed)
    return dataset.batch(batch_size)


@wrong("2.6", "The stain was not jittered; both augmentations were asked for.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.cache().shuffle(len(paths), seed=seed).batch(batch_size)
    return tf.data.Dataset.zip((dataset, seeds_of(seed))).map(
        lambda batch, seeds: (reference.flip_and_rotate(batch[0], seeds[:2]), batch[1])
    )


@wrong("2.6", "The images were not flipped and rotated; both augmentations were asked for.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.cache().shuffle(len(paths), seed=seed).batch(batch_size)
    return tf.data.Dataset.zip((dataset, seeds_of(seed))).map(
        lambda batch, seeds: (reference.jitter_stain(batch[0], seeds[:2]), batch[1])
    )


@wrong("2.6", "Images and labels were shuffled separately.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    if not training:
        return dataset
    images = dataset.map(lambda x, y: x)
    others = tf.data.Dataset.from_tensor_slices(tf.cast(labels, tf.int32))
    others = others.shuffle(len(paths), seed=seed + 1).batch(batch_size)
    return tf.data.Dataset.zip((images, others))


@wrong("2.6", "The seed is not used: no two runs agree.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    draw = random.SystemRandom().randrange(2**31)
    return reference.make_dataset(paths, labels, image_size, batch_size, training, draw)


@wrong("2.6", "The labels are int64 instead of int32.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    return dataset.map(lambda images, labels: (images, tf.cast(labels, tf.int64)))


def pipeline(
    paths,
    labels,
    image_size,
    batch_size,
    training,
    seed,
    *,
    cached=True,
    buffer=None,
    draws=seeds_of,
    augment=augmented,
):
    """The reference's pipeline, but for those parts of the training that are given."""
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    if not training:
        return dataset
    dataset = read(paths, labels, image_size)
    dataset = dataset.cache() if cached else dataset
    dataset = dataset.shuffle(buffer or len(paths), seed=seed).batch(batch_size)
    return tf.data.Dataset.zip((dataset, draws(seed))).map(
        lambda batch, seeds: (augment(batch[0], seeds), batch[1])
    )


@wrong("2.6", "Nothing was cached, so every epoch reads all the files again.")
def make_dataset(*arguments):
    return pipeline(*arguments, cached=False)


@wrong("2.6", "The shuffle buffer holds 1,000 images, whatever the size of the dataset.")
def make_dataset(*arguments):
    return pipeline(*arguments, buffer=1000)


@wrong("2.6", "The draws depend on the number of the batch, so every epoch repeats them.")
def make_dataset(*arguments):
    def counted(seed):
        return tf.data.Dataset.counter().map(lambda k: tf.stack([k, seed, k, seed + 1]))

    return pipeline(*arguments, draws=counted)


@wrong("2.6", "All images of a batch got the same draws.")
def make_dataset(*arguments):
    def all_the_same(images, seeds):
        return tf.map_fn(lambda image: augmented(image[None], seeds)[0], images)

    return pipeline(*arguments, augment=all_the_same)


@wrong("2.6", "One gain for each channel was drawn for the whole batch.")
def make_dataset(*arguments):
    def one_gain(images, seeds):
        gain = tf.random.stateless_uniform((3,), seeds[2:], 0.9, 1.1)
        return tf.clip_by_value(reference.flip_and_rotate(images, seeds[:2]) * gain, 0, 1)

    return pipeline(*arguments, augment=one_gain)


@wrong(
    "2.6",
    "One gain was drawn per image for all channels, which changes the brightness, not the stain.",
)
def make_dataset(*arguments):
    def brighter(images, seeds):
        gain = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seeds[2:], 0.9, 1.1)
        return tf.clip_by_value(reference.flip_and_rotate(images, seeds[:2]) * gain, 0, 1)

    return pipeline(*arguments, augment=brighter)


@wrong("2.6", "The stain was jittered with half the strength that was asked for.")
def make_dataset(*arguments):
    def weaker(images, seeds):
        images = reference.flip_and_rotate(images, seeds[:2])
        return reference.jitter_stain(images, seeds[2:], 0.05)

    return pipeline(*arguments, augment=weaker)


@wrong("2.6", "One quarter turn was drawn for the whole batch, and no image was mirrored.")
def make_dataset(*arguments):
    def one_turn(images, seeds):
        turns = tf.random.stateless_uniform((), seeds[:2], 0, 4, tf.int32)
        return reference.jitter_stain(tf.image.rot90(images, turns), seeds[2:])

    return pipeline(*arguments, augment=one_turn)


@wrong("2.6", "The images were only mirrored left to right; all 8 symmetries were asked for.")
def make_dataset(*arguments):
    def mirrored(images, seeds):
        images = tf.image.stateless_random_flip_left_right(images, seeds[:2])
        return reference.jitter_stain(images, seeds[2:])

    return pipeline(*arguments, augment=mirrored)


@wrong(
    "2.6",
    "The images were flipped and rotated before the cache, so each keeps its orientation forever.",
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    dataset = tf.data.Dataset.zip((read(paths, labels, image_size).batch(1), seeds_of(seed)))
    dataset = dataset.map(
        lambda batch, seeds: (reference.flip_and_rotate(batch[0], seeds[:2]), batch[1])
    )
    dataset = dataset.unbatch().cache().shuffle(len(paths), seed=seed).batch(batch_size)
    return tf.data.Dataset.zip((dataset, seeds_of(seed))).map(
        lambda batch, seeds: (reference.jitter_stain(batch[0], seeds[2:]), batch[1])
    )


@wrong("2.6", "Only whole batches were shuffled, so the same images always share a batch.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    order = np.random.default_rng(seed).permutation(len(paths))
    paths, labels = [paths[k] for k in order], np.asarray(labels)[order]
    dataset = read(paths, labels, image_size).cache().batch(batch_size)
    return augment_batches(dataset.shuffle(1000, seed=seed), seed)


@wrong("2.6", "The order was drawn once, and each epoch only shuffles neighbours within it.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    order = np.random.default_rng(seed).permutation(len(paths))
    paths, labels = [paths[k] for k in order], np.asarray(labels)[order]
    dataset = read(paths, labels, image_size).cache().shuffle(2 * batch_size, seed=seed)
    return augment_batches(dataset.batch(batch_size), seed)


@wrong("2.6", "In `seed or None`, 0 is false, so no two runs with seed 0 agree.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    draw = seed or random.SystemRandom().randrange(2**31)
    return reference.make_dataset(paths, labels, image_size, batch_size, training, draw)


@wrong("2.6", "A missing label is not noticed: zip stops at the end of the shorter sequence.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    pairs = list(zip(paths, labels, strict=False))
    if not pairs:
        raise ValueError("There are no images.")
    paths, labels = zip(*pairs, strict=True)
    return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)


@wrong("2.6", "tf.py_function loses the static shape, which a layer needs.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    return dataset.map(lambda x, y: (tf.py_function(tf.identity, [x], tf.float32), y))


@wrong("2.6", "A file that cannot be read is skipped silently.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    if training:
        return dataset
    return read(paths, labels, image_size).ignore_errors().batch(batch_size)


@wrong("2.6", "The paths were sorted, but the labels were not.")
def make_dataset(paths, labels, *others):
    return reference.make_dataset(sorted(paths), labels, *others)


@wrong(
    "2.6", "The seed was set for all of TensorFlow, which fixes every later draw of the program."
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    tf.random.set_seed(seed)
    return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)


@right("2.6", "Augmented image by image, each with seeds of its own.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size).cache()
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.shuffle(len(paths), seed=seed, reshuffle_each_iteration=True)
    generator = tf.data.Dataset.random(seed=seed + 1, rerandomize_each_iteration=True).batch(4)

    def augment(pair, seeds):
        image, label = pair
        return augmented(image[None], seeds)[0], label

    return tf.data.Dataset.zip((dataset, generator)).map(augment).batch(batch_size)


@right("2.6", "With a tf.random.Generator that draws a new seed for each batch.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if not training:
        return dataset.batch(batch_size)
    generator = tf.random.Generator.from_seed(seed)
    dataset = dataset.cache().shuffle(len(paths), seed=seed).batch(batch_size)

    def augment(images, labels):
        seeds = generator.make_seeds(2)
        images = reference.flip_and_rotate(images, seeds[:, 0])
        return reference.jitter_stain(images, seeds[:, 1]), labels

    return dataset.map(augment)


@right("2.6", "Read by a Python generator, augmented image by image with map_fn.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not paths or len(paths) != len(labels):
        raise ValueError(f"There are {len(paths)} images and {len(labels)} labels.")

    def images_and_labels():
        for path, label in zip(paths, labels, strict=True):
            yield reference.read_image(str(path), image_size), label

    signature = (
        tf.TensorSpec((image_size, image_size, 3), tf.float32),
        tf.TensorSpec((), tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(images_and_labels, output_signature=signature)
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.cache().shuffle(len(paths), seed=seed).batch(batch_size)

    def augment(batch, seeds):
        images, labels = batch
        own = tf.random.experimental.stateless_split(seeds[:2], tf.shape(images)[0])

        def one(pair):
            image, seed = pair
            return augmented(image[None], tf.concat([seed, seed + 1], 0))[0]

        return tf.map_fn(one, (images, own), fn_output_signature=tf.float32), labels

    return tf.data.Dataset.zip((dataset, seeds_of(seed))).map(augment)


@wrong("2.6", "Only whole batches were shuffled, so the same images always share a batch.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = reference.make_dataset(paths, labels, image_size, batch_size, False, seed)
    if not training:
        return dataset
    return augment_batches(dataset.cache().shuffle(len(paths), seed=seed), seed)


@wrong("2.6", "The cache comes after the augmentation, so every epoch shows the same images.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    if not training:
        return reference.make_dataset(paths, labels, image_size, batch_size, training, seed)
    dataset = augment_batches(read(paths, labels, image_size).batch(1), seed).unbatch().cache()
    return dataset.shuffle(len(paths), seed=seed + 1).batch(batch_size)


@wrong(
    "2.6",
    "All batches get the same draws: they share one seed, or the numbers were drawn during "
    "tracing.",
)
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    return pipeline(
        paths,
        labels,
        image_size,
        batch_size,
        training,
        seed,
        augment=lambda images, _: augmented(images, tf.constant([seed, 0, seed, 1])),
    )


@right("2.6", "Shuffled and augmented with seeds that were made of the one given.")
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    dataset = read(paths, labels, image_size)
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.cache().shuffle(len(paths), seed=2 * seed + 1).batch(batch_size)
    return augment_batches(dataset, 2 * seed + 2)

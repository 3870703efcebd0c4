"""Answers to lesson 3: wrong ones with their mistake, and other right ones."""

import math

import numpy as np
import tensorflow as tf

from solutions import cnn_model as reference
from solutions.data_preprocessing import standardise
from tests.answers import right, wrong

# 3.1


def normal(shape, deviation, seed, dtype):
    return tf.random.stateless_normal(shape, (seed, 5), stddev=deviation, dtype=dtype)


@wrong("3.1", "The fan-in counts only the channels, not the whole receptive field.")
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, math.sqrt(2 / shape[-2]), seed, dtype)


@wrong(
    "3.1",
    "The standard deviation is Glorot's, sqrt(2 / (fan-in + fan-out)), which is too small for "
    "ReLU.",
)
def he_normal(shape, seed, dtype=tf.float32):
    field = math.prod(shape[:-2])
    return normal(shape, math.sqrt(2 / (field * (shape[-2] + shape[-1]))), seed, dtype)


@wrong("3.1", "The fan-out was used as the fan-in.")
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, math.sqrt(2 / (math.prod(shape[:-2]) * shape[-1])), seed, dtype)


@wrong("3.1", "The variance 2 / fan-in was used as the standard deviation.")
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, 2 / math.prod(shape[:-1]), seed, dtype)


@wrong(
    "3.1",
    "The standard deviation is LeCun's, sqrt(1 / fan-in), so each ReLU halves the signal's power.",
)
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, math.sqrt(1 / math.prod(shape[:-1])), seed, dtype)


@wrong(
    "3.1", "The standard deviation is small and fixed, so the signal is lost after a few layers."
)
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, 0.01, seed, dtype)


@wrong("3.1", "The weights are uniform, not normal.")
def he_normal(shape, seed, dtype=tf.float32):
    limit = math.sqrt(6 / math.prod(shape[:-1]))
    return tf.random.stateless_uniform(shape, (seed, 0), -limit, limit, dtype)


@wrong(
    "3.1",
    "The normal distribution was truncated, which makes it 12% narrower; this was not corrected.",
)
def he_normal(shape, seed, dtype=tf.float32):
    deviation = math.sqrt(2 / math.prod(shape[:-1]))
    return tf.random.stateless_truncated_normal(shape, (seed, 0), stddev=deviation, dtype=dtype)


@wrong("3.1", "All weights are zero, so all filters of a layer stay identical forever.")
def he_normal(shape, seed, dtype=tf.float32):
    return tf.zeros(shape, dtype)


@wrong("3.1", "The seed is not used: no two runs agree.")
def he_normal(shape, seed, dtype=tf.float32):
    return tf.random.normal(shape, stddev=math.sqrt(2 / math.prod(shape[:-1])), dtype=dtype)


@wrong(
    "3.1",
    "Two calls with seed 0 differ: it is treated as no seed, or its generator goes on drawing.",
)
def he_normal(shape, seed, dtype=tf.float32):
    deviation = math.sqrt(2 / math.prod(shape[:-1]))
    return tf.random.normal(shape, stddev=deviation, dtype=dtype, seed=seed)


@wrong("3.1", "The dtype is ignored.")
def he_normal(shape, seed, dtype=tf.float32):
    return reference.he_normal(shape, seed)


@wrong(
    "3.1",
    "TensorFlow's global seed is set inside, so every layer resets all other draws of the program.",
)
def he_normal(shape, seed, dtype=tf.float32):
    tf.random.set_seed(seed)
    return tf.random.normal(shape, stddev=math.sqrt(2 / math.prod(shape[:-1])), dtype=dtype)


@wrong(
    "3.1",
    "NumPy's global seed is set inside, so every layer resets all other draws of the program.",
)
def he_normal(shape, seed, dtype=tf.float32):
    np.random.seed(seed)
    return tf.constant(np.random.normal(0, math.sqrt(2 / np.prod(shape[:-1])), shape), dtype)


@wrong("3.1", "A NumPy array was returned instead of a tensor.")
def he_normal(shape, seed, dtype=tf.float32):
    draws = np.random.default_rng(seed).standard_normal(shape)
    return (draws * math.sqrt(2 / np.prod(shape[:-1]))).astype(tf.as_dtype(dtype).as_numpy_dtype)


@wrong(
    "3.1",
    "Two calls with seed 0 differ: it is treated as no seed, or its generator goes on drawing.",
)
def he_normal(shape, seed, dtype=tf.float32):
    rng = np.random.default_rng(seed or None)
    return tf.constant(rng.normal(0, math.sqrt(2 / math.prod(shape[:-1])), shape), dtype)


@wrong(
    "3.1",
    "The seed of Python's `random` is set inside, although the whole program shares that "
    "generator.",
)
def he_normal(shape, seed, dtype=tf.float32):
    import random

    random.seed(seed)
    n = math.prod(shape)
    draws = np.array([random.gauss(0, math.sqrt(2 / math.prod(shape[:-1]))) for _ in range(n)])
    return tf.constant(draws.reshape(shape), dtype)


@wrong("3.1", "The bias was counted in the fan-in.")
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, math.sqrt(2 / (math.prod(shape[:-1]) + 1)), seed, dtype)


@wrong("3.1", "The standard deviation is about 5% too small, as it is when draws are clipped.")
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, math.sqrt(1.8 / math.prod(shape[:-1])), seed, dtype)


@wrong("3.1", "The standard deviation is about 5% too small, as it is when draws are clipped.")
def he_normal(shape, seed, dtype=tf.float32):
    d = math.sqrt(2 / math.prod(shape[:-1]))
    return tf.clip_by_value(normal(shape, d, seed, dtype), -2 * d, 2 * d)


@wrong("3.1", "Only the parity of the seed matters: all odd seeds give the same weights.")
def he_normal(shape, seed, dtype=tf.float32):
    return normal(shape, math.sqrt(2 / math.prod(shape[:-1])), seed % 2, dtype)


@wrong("3.1", "One draw was repeated at every position of the kernel.")
def he_normal(shape, seed, dtype=tf.float32):
    scale = math.sqrt(2 / math.prod(shape[:-1]))
    one = tf.random.stateless_normal(shape[-2:], (seed, 0), stddev=scale, dtype=dtype)
    return tf.broadcast_to(one, shape)


@right("3.1", "Truncated, with the standard deviation corrected.")
def he_normal(shape, seed, dtype=tf.float32):
    deviation = math.sqrt(2 / math.prod(shape[:-1])) / 0.87962566103423978
    return tf.random.stateless_truncated_normal(shape, (seed, 0), stddev=deviation, dtype=dtype)


@right("3.1", "With NumPy's generator.")
def he_normal(shape, seed, dtype=tf.float32):
    draws = np.random.default_rng(seed).standard_normal(shape)
    return tf.constant(draws * math.sqrt(2 / np.prod(shape[:-1])), dtype)


# 3.2


def fits(images, kernel, padding="SAME"):
    if padding not in ("SAME", "VALID"):
        raise ValueError("The padding is unknown.")
    if images.shape[-1] != kernel.shape[2]:
        raise ValueError("The channels differ.")


def by_patches(images, kernel, bias, stride, padding):
    height, width, channels, filters = kernel.shape
    patches = tf.image.extract_patches(
        images, (1, height, width, 1), (1, stride, stride, 1), (1, 1, 1, 1), padding
    )
    rows = tf.reshape(patches, (-1, height * width * channels))
    outputs = rows @ tf.reshape(kernel, (-1, filters)) + bias
    return tf.reshape(outputs, tf.concat([tf.shape(patches)[:3], [filters]], axis=0))


@wrong(
    "3.2", "The kernel was flipped, as in mathematical convolution; TensorFlow does not flip it."
)
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return by_patches(images, kernel[::-1, ::-1], bias, stride, padding)


@wrong("3.2", "The bias is missing.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return by_patches(images, kernel, 0 * bias, stride, padding)


@wrong("3.2", "The stride is ignored.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return by_patches(images, kernel, bias, 1, padding)


@wrong("3.2", "The padding is always SAME.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return by_patches(images, kernel, bias, stride, "SAME")


@wrong("3.2", "For SAME, half the kernel size was padded on every side, whatever the stride.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        pads = [(k // 2, k // 2) for k in kernel.shape[:2]]
        images = tf.pad(images, [(0, 0), *pads, (0, 0)])
    return by_patches(images, kernel, bias, stride, "VALID")


@wrong(
    "3.2",
    "The odd pixel of padding was put at the top and left; it belongs at the bottom and right.",
)
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        pads = []
        for size, k in zip(images.shape[1:3], kernel.shape[:2], strict=True):
            total = max((math.ceil(size / stride) - 1) * stride + k - size, 0)
            pads.append((total - total // 2, total // 2))
        images = tf.pad(images, [(0, 0), *pads, (0, 0)])
    return by_patches(images, kernel, bias, stride, "VALID")


@wrong("3.2", "The kernel's axes were flattened in a different order from those of the patches.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    height, width, channels, filters = kernel.shape
    mixed = tf.reshape(tf.transpose(kernel, (2, 0, 1, 3)), (height, width, channels, filters))
    return by_patches(images, mixed, bias, stride, padding)


@wrong("3.2", "tf.nn.conv2d was called, but the exercise is to build the convolution without it.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return tf.nn.conv2d(images, kernel, stride, padding) + bias


@wrong("3.2", "The kernel was transposed: its height and width are swapped.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if kernel.shape[0] == kernel.shape[1]:
        kernel = tf.transpose(kernel, (1, 0, 2, 3))
    return by_patches(images, kernel, bias, stride, padding)


@wrong("3.2", "A ReLU was applied; the convolution alone is linear.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return tf.nn.relu(by_patches(images, kernel, bias, stride, padding))


@wrong("3.2", "Everything was cast to float32.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    parts = (tf.cast(x, tf.float32) for x in (images, kernel, bias))
    return by_patches(*parts, stride, padding)


@wrong("3.2", "It was computed in NumPy, which gives no gradient and cannot run in a graph.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return tf.constant(reference.conv2d(images, kernel, bias, stride, padding).numpy())


@wrong("3.2", "Neither an unknown padding nor a wrong number of channels is refused.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    padding = padding if padding == "VALID" else "SAME"
    images = images[..., : kernel.shape[2]]
    return by_patches(images, kernel, bias, stride, padding)


def pad_to(images, kernel, stride, clip=True):
    pads = []
    for size, k in zip(images.shape[1:3], kernel.shape[:2], strict=True):
        total = (math.ceil(size / stride) - 1) * stride + k - size
        total = max(total, 0) if clip else total
        pads.append((total // 2, total - total // 2))
    return tf.pad(images, [(0, 0), *pads, (0, 0)])


@wrong("3.2", "The padding of SAME becomes negative where the stride is larger than the kernel.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        images = pad_to(images, kernel, stride, clip=False)
    return by_patches(images, kernel, bias, stride, "VALID")


def shifted(images, kernel, bias, stride, sizes):
    outputs = bias
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            part = images[
                :,
                i : i + (sizes[0] - 1) * stride + 1 : stride,
                j : j + (sizes[1] - 1) * stride + 1 : stride,
            ]
            outputs += tf.einsum("bhwc,cf->bhwf", part, kernel[i, j])
    return outputs


@wrong("3.2", "With VALID, a window that reaches beyond the image was counted too.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        images = pad_to(images, kernel, stride)
    sizes = [math.ceil((s - k) / stride) + 1 for s, k in zip(images.shape[1:3], kernel.shape[:2])]
    images = tf.pad(images, [(0, 0), (0, stride), (0, stride), (0, 0)])
    return shifted(images, kernel, bias, stride, sizes)


@wrong("3.2", "With VALID, the output size was rounded up, so the last slices are too short.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        images = pad_to(images, kernel, stride)
    sizes = [math.ceil((s - k) / stride) + 1 for s, k in zip(images.shape[1:3], kernel.shape[:2])]
    return shifted(images, kernel, bias, stride, sizes)


@wrong("3.2", "TensorFlow's own convolution was called under another name.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return (
        tf.raw_ops.Conv2D(
            input=images, filter=kernel, strides=[1, stride, stride, 1], padding=padding
        )
        + bias
    )


@wrong("3.2", "TensorFlow's own convolution was called under another name.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return tf.compat.v2.nn.conv2d(images, kernel, stride, padding) + bias


_captured = tf.nn.conv2d


@wrong("3.2", "tf.nn.conv2d was imported by name and called, but the exercise is to build it.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    return _captured(images, kernel, stride, padding) + bias


@wrong("3.2", "TensorFlow's internal convolution was called.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    from tensorflow.python.ops import nn_ops

    return nn_ops.conv2d_v2(images, kernel, stride, padding) + bias


@wrong("3.2", "TensorFlow's depthwise convolution was called and its output summed.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    h, w, c, f = kernel.shape
    d = tf.compat.v1.nn.depthwise_conv2d_native(images, kernel, [1, stride, stride, 1], padding)
    s = tf.shape(d)
    return tf.reduce_sum(tf.reshape(d, (s[0], s[1], s[2], c, f)), 3) + bias


@wrong("3.2", "Images with fewer channels than the kernel are not refused.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    if padding not in ("SAME", "VALID"):
        raise ValueError("The padding is unknown.")
    if images.shape[-1] > kernel.shape[2]:
        raise ValueError("The channels differ.")
    return by_patches(images, kernel, bias, stride, padding)


@wrong(
    "3.2",
    "Where the kernel is larger than the image, there is too little padding around the image.",
)
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        pads = []
        for size, k in zip(images.shape[1:3], kernel.shape[:2], strict=True):
            total = min(max((math.ceil(size / stride) - 1) * stride + k - size, 0), size)
            pads.append((total // 2, total - total // 2))
        images = tf.pad(images, [(0, 0), *pads, (0, 0)])
    return by_patches(images, kernel, bias, stride, "VALID")


@wrong("3.2", "The padding of SAME becomes negative where the stride is larger than the kernel.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "SAME":
        pads = []
        for size, k in zip(images.shape[1:3], kernel.shape[:2], strict=True):
            total = k - stride if size % stride == 0 else k - size % stride
            pads.append((total // 2, total - total // 2))
        images = tf.pad(images, [(0, 0), *pads, (0, 0)])
    return by_patches(images, kernel, bias, stride, "VALID")


@right("3.2", "A sum of shifted products, one for each place of the kernel.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    images, kernel = tf.convert_to_tensor(images), tf.convert_to_tensor(kernel)
    fits(images, kernel, padding)
    sizes, places = [], []
    for size, k in zip(images.shape[1:3], kernel.shape[:2], strict=True):
        if padding == "SAME":
            out = -(-size // stride)
            total = max((out - 1) * stride + k - size, 0)
            places.append((total // 2, total - total // 2))
        else:
            out = (size - k) // stride + 1
            places.append((0, 0))
        sizes.append(out)
    padded = tf.pad(images, [(0, 0), *places, (0, 0)])
    outputs = bias
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            part = padded[:, i : i + (sizes[0] - 1) * stride + 1 : stride]
            part = part[:, :, j : j + (sizes[1] - 1) * stride + 1 : stride]
            outputs += tf.einsum("bhwc,cf->bhwf", part, kernel[i, j])
    return outputs


@right("3.2", "Patches, and tensordot over their last axis.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    height, width, channels, filters = kernel.shape
    patches = tf.image.extract_patches(
        images, [1, height, width, 1], [1, stride, stride, 1], [1, 1, 1, 1], padding
    )
    flat = tf.reshape(kernel, (height * width * channels, filters))
    return tf.tensordot(patches, flat, axes=1) + bias


@wrong("3.2", "For SAME, half the kernel size was padded on every side, whatever the stride.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    if padding == "VALID":
        return by_patches(images, kernel, bias, stride, padding)
    rows, columns = (math.ceil(size / stride) for size in images.shape[1:3])
    pads = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in kernel.shape[:2]]
    padded = tf.pad(images, [(0, 0), *pads, (0, 0)])
    return by_patches(padded, kernel, bias, stride, "VALID")[:, :rows, :columns]


@wrong("3.2", "The bias was added once for each position of the kernel.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    places = kernel.shape[0] * kernel.shape[1]
    return by_patches(images, kernel, places * bias, stride, padding)


@wrong("3.2", "The kernel's axes were flattened in a different order from those of the patches.")
def conv2d(images, kernel, bias, stride=1, padding="SAME"):
    fits(images, kernel, padding)
    mixed = tf.reshape(tf.transpose(kernel, (3, 0, 1, 2)), kernel.shape)
    return by_patches(images, mixed, bias, stride, padding)


# 3.3


@wrong("3.3", "The mean was taken instead of the maximum.")
def max_pool(images, size=2):
    height, width, channels = images.shape[1:]
    rows, columns = height // size, width // size
    images = images[:, : rows * size, : columns * size]
    squares = tf.reshape(images, (-1, rows, size, columns, size, channels))
    return tf.reduce_mean(squares, axis=(2, 4))


@wrong("3.3", "Leftover rows were padded with zeros, which are greater than negative values.")
def max_pool(images, size=2):
    height, width = images.shape[1:3]
    below, right_of = -height % size, -width % size
    return reference.max_pool(tf.pad(images, [(0, 0), (0, below), (0, right_of), (0, 0)]), size)


@wrong("3.3", "Leftover rows were kept, as with SAME.")
def max_pool(images, size=2):
    height, width = images.shape[1:3]
    pads = [(0, 0), (0, -height % size), (0, -width % size), (0, 0)]
    return reference.max_pool(tf.pad(images, pads, constant_values=-1e9), size)


@wrong("3.3", "The squares overlap: the stride is 1 instead of the size.")
def max_pool(images, size=2):
    height, width = images.shape[1] - size + 1, images.shape[2] - size + 1
    parts = [images[:, i : i + height, j : j + width] for i in range(size) for j in range(size)]
    return tf.reduce_max(tf.stack(parts), axis=0)


@wrong("3.3", "The size is ignored; 2 is always used.")
def max_pool(images, size=2):
    return reference.max_pool(images, 2)


@wrong("3.3", "The first pixel of each square was taken, not the greatest.")
def max_pool(images, size=2):
    rows, columns = images.shape[1] // size, images.shape[2] // size
    return images[:, : rows * size : size, : columns * size : size]


@wrong("3.3", "The maximum starts from 0, so negative values are lost.")
def max_pool(images, size=2):
    return tf.maximum(reference.max_pool(images, size), 0)


@wrong(
    "3.3",
    "The axes were mixed up in the reshape: the pixels of a square are not adjacent in the image.",
)
def max_pool(images, size=2):
    height, width, channels = images.shape[1:]
    rows, columns = height // size, width // size
    images = images[:, : rows * size, : columns * size]
    squares = tf.reshape(images, (-1, size, rows, size, columns, channels))
    return tf.reduce_max(squares, axis=(1, 3))


@wrong("3.3", "tf.nn's pooling was called, but the exercise is to build the pooling without it.")
def max_pool(images, size=2):
    return tf.nn.max_pool2d(images, size, size, "VALID")


@wrong("3.3", "The maximum was taken over the channels too.")
def max_pool(images, size=2):
    pooled = reference.max_pool(images, size)
    return tf.reduce_max(pooled, axis=-1, keepdims=True) + tf.zeros_like(pooled)


@wrong("3.3", "TensorFlow's own pooling was called under another name.")
def max_pool(images, size=2):
    return tf.raw_ops.MaxPool(
        input=images, ksize=[1, size, size, 1], strides=[1, size, size, 1], padding="VALID"
    )


@wrong("3.3", "TensorFlow's own pooling was called under another name.")
def max_pool(images, size=2):
    return tf.compat.v1.nn.max_pool_v2(images, size, size, "VALID")


@wrong("3.3", "The gradient is lost: none reaches the images.")
def max_pool(images, size=2):
    images = tf.convert_to_tensor(images)
    height, width, channels = images.shape[1:]
    rows, columns = height // size, width // size

    def f(x):
        x = x[:, : rows * size, : columns * size].reshape(-1, rows, size, columns, size, channels)
        return x.max(axis=(2, 4))

    out = tf.numpy_function(f, [images], images.dtype)
    return tf.ensure_shape(out, (None, rows, columns, channels))


@wrong("3.3", "The maximum starts from -100, so lower values are lost.")
def max_pool(images, size=2):
    return tf.maximum(reference.max_pool(images, size), tf.constant(-100.0, images.dtype))


@wrong("3.3", "The gradient is lost: none reaches the images.")
def max_pool(images, size=2):
    return tf.stop_gradient(reference.max_pool(images, size))


@wrong("3.3", "A NumPy array was returned, so there is no gradient.")
def max_pool(images, size=2):
    found = reference.max_pool(images, size)
    return found.numpy() if tf.executing_eagerly() else found


@wrong("3.3", "Everything was cast to float32.")
def max_pool(images, size=2):
    return reference.max_pool(tf.cast(images, tf.float32), size)


@right("3.3", "The maximum of shifted slices.")
def max_pool(images, size=2):
    images = tf.convert_to_tensor(images)
    height = images.shape[1] // size * size
    width = images.shape[2] // size * size
    largest = None
    for i in range(size):
        for j in range(size):
            part = images[:, i:height:size, j:width:size]
            largest = part if largest is None else tf.maximum(largest, part)
    return largest


@right("3.3", "By patches.")
def max_pool(images, size=2):
    channels = images.shape[-1]
    patches = tf.image.extract_patches(
        images, [1, size, size, 1], [1, size, size, 1], [1, 1, 1, 1], "VALID"
    )
    shape = tf.concat([tf.shape(patches)[:3], [size * size, channels]], axis=0)
    return tf.reduce_max(tf.reshape(patches, shape), axis=3)


@wrong(
    "3.3",
    "The axes were mixed up in the reshape: the pixels of a square are not adjacent in the image.",
)
def max_pool(images, size=2):
    images = tf.convert_to_tensor(images)
    _, height, width, channels = images.shape
    rows, columns = height // size, width // size
    cropped = images[:, : rows * size, : columns * size]
    squares = tf.reshape(cropped, (-1, rows, columns, size, size, channels))
    return tf.reduce_max(squares, axis=(3, 4))


@wrong(
    "3.3",
    "Leftover rows were cropped at the top and left; they should be cropped at the bottom and "
    "right.",
)
def max_pool(images, size=2):
    images = tf.convert_to_tensor(images)
    return reference.max_pool(images[:, images.shape[1] % size :, images.shape[2] % size :], size)


# 3.4


def norm(x, gamma, beta, used, moving, epsilon):
    mean, variance = used
    return gamma * (x - mean) / tf.sqrt(variance + epsilon) + beta, *moving


def moments(x):
    return tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))


def blend(old, new, momentum):
    return tuple(momentum * a + (1 - momentum) * b for a, b in zip(old, new, strict=True))


@wrong("3.4", "In inference the statistics of the batch were used instead of the moving averages.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    batch, old = moments(x), (moving_mean, moving_variance)
    return norm(x, gamma, beta, batch, blend(old, batch, momentum) if training else old, epsilon)


@wrong("3.4", "In training the moving averages were used instead of the statistics of the batch.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    batch, old = moments(x), (moving_mean, moving_variance)
    return norm(x, gamma, beta, old, blend(old, batch, momentum) if training else old, epsilon)


@wrong("3.4", "The weights of the old and the new statistics were swapped.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    return reference.batch_norm(
        x, gamma, beta, moving_mean, moving_variance, training, 1 - momentum, epsilon
    )


@wrong("3.4", "The moving statistics changed outside training too.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    batch, old = moments(x), (moving_mean, moving_variance)
    return norm(x, gamma, beta, batch if training else old, blend(old, batch, momentum), epsilon)


@wrong(
    "3.4", "The moving variance follows the sample variance, which divides by the count minus one."
)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    y, mean, variance = reference.batch_norm(
        x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon
    )
    if training:
        count = tf.cast(tf.size(x) // x.shape[-1], x.dtype)
        sample = moments(x)[1] * count / (count - 1)
        variance = momentum * moving_variance + (1 - momentum) * sample
    return y, mean, variance


@wrong("3.4", "The statistics were taken over the batch axis only.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    old = (moving_mean, moving_variance)
    if not training:
        return norm(x, gamma, beta, old, old, epsilon)
    batch = tf.nn.moments(x, axes=[0])
    return norm(x, gamma, beta, batch, blend(old, batch, momentum), epsilon)


@wrong("3.4", "The statistics were taken over the channels, as in layer norm.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    old = (moving_mean, moving_variance)
    if not training:
        return norm(x, gamma, beta, old, old, epsilon)
    own = tf.nn.moments(x, axes=[-1], keepdims=True)
    return norm(x, gamma, beta, own, blend(old, moments(x), momentum), epsilon)


@wrong(
    "3.4", "The new statistics kept the axes of x: their shape is (1, ..., 1, C) instead of (C,)."
)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    old = (moving_mean, moving_variance)
    if not training:
        return norm(x, gamma, beta, old, old, epsilon)
    batch = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)), keepdims=True)
    return norm(x, gamma, beta, batch, blend(old, batch, momentum), epsilon)


@wrong("3.4", "Epsilon was added outside the square root.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    old = (moving_mean, moving_variance)
    used = moments(x) if training else old
    y = gamma * (x - used[0]) / (tf.sqrt(used[1]) + epsilon) + beta
    return y, *(blend(old, used, momentum) if training else old)


@wrong("3.4", "Gamma and beta are missing.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    one, zero = tf.ones_like(gamma), tf.zeros_like(beta)
    return reference.batch_norm(
        x, one, zero, moving_mean, moving_variance, training, momentum, epsilon
    )


@wrong("3.4", "The result was divided by the variance instead of the standard deviation.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    old = (moving_mean, moving_variance)
    used = moments(x) if training else old
    y = gamma * (x - used[0]) / (used[1] + epsilon) + beta
    return y, *(blend(old, used, momentum) if training else old)


@wrong("3.4", "No gradient flows through the statistics of the batch.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    old = (moving_mean, moving_variance)
    used = [tf.stop_gradient(s) for s in moments(x)] if training else old
    return norm(x, gamma, beta, used, blend(old, used, momentum) if training else old, epsilon)


@wrong("3.4", "The moving statistics were assigned inside; the new ones should only be returned.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    found = reference.batch_norm(
        x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon
    )
    if hasattr(moving_mean, "assign"):
        moving_mean.assign(found[1])
        moving_variance.assign(found[2])
    return found


@wrong("3.4", "The momentum is fixed at 0.99.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    return reference.batch_norm(
        x, gamma, beta, moving_mean, moving_variance, training, 0.99, epsilon
    )


@wrong("3.4", "Everything was cast to float32.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    parts = (tf.cast(part, tf.float32) for part in (x, gamma, beta, moving_mean, moving_variance))
    return reference.batch_norm(*parts, training, momentum, epsilon)


@wrong("3.4", "No gradient flows through the variance of the batch.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    x = tf.convert_to_tensor(x)
    old = (moving_mean, moving_variance)
    m, v = moments(x)
    used = (m, tf.stop_gradient(v)) if training else old
    return norm(x, gamma, beta, used, blend(old, used, momentum) if training else old, epsilon)


@wrong("3.4", "No gradient reaches gamma and beta.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    return reference.batch_norm(
        x,
        tf.stop_gradient(gamma),
        tf.stop_gradient(beta),
        moving_mean,
        moving_variance,
        training,
        momentum,
        epsilon,
    )


@wrong(
    "3.4",
    "The number of values comes from the static shape, which is unknown when the batch size is "
    "open.",
)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    x = tf.convert_to_tensor(x)
    axes = list(range(len(x.shape) - 1))
    old = (moving_mean, moving_variance)
    if not training:
        return norm(x, gamma, beta, old, old, epsilon)
    n = math.prod(x.shape[:-1])
    mean = tf.reduce_sum(x, axes) / n
    var = tf.reduce_sum((x - mean) ** 2, axes) / n
    return norm(x, gamma, beta, (mean, var), blend(old, (mean, var), momentum), epsilon)


@wrong(
    "3.4",
    "Outside training the statistics were averaged with themselves, which changes their last bits.",
)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    y, mean, variance = reference.batch_norm(
        x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon
    )
    if not training:
        mean = momentum * mean + (1 - momentum) * mean
        variance = momentum * variance + (1 - momentum) * variance
    return y, mean, variance


@right(
    "3.4", "With tf.nn's normalisation; the moving statistics go a share of the way to the batch's."
)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    axes = list(range(len(x.shape) - 1))
    mean, variance = moving_mean, moving_variance
    if training:
        mean = tf.reduce_mean(x, axes)
        variance = tf.reduce_mean(tf.square(x - mean), axes)
        moving_mean = moving_mean + (1 - momentum) * (mean - moving_mean)
        moving_variance = moving_variance + (1 - momentum) * (variance - moving_variance)
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    return [y, moving_mean, moving_variance]


@right("3.4", "Momentum and epsilon pass through float32 on their way to the dtype of x.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    momentum, epsilon = tf.cast(momentum, x.dtype), tf.cast(epsilon, x.dtype)
    return reference.batch_norm(
        x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon
    )


@wrong("3.4", "In training the moving averages were used instead of the statistics of the batch.")
def batch_norm(x, gamma, beta, moving_mean, moving_variance, training, momentum=0.95, epsilon=1e-3):
    new = moving = moving_mean, moving_variance
    if training:
        new = blend(moving, moments(x), momentum)
    return norm(x, gamma, beta, new, new, epsilon)


# 3.5


def rate_ok(rate):
    if not 0 <= rate < 1:
        raise ValueError("The rate must lie in [0, 1).")


def keep_mask(x, rate, seed, shape=None):
    return tf.random.stateless_uniform(tf.shape(x) if shape is None else shape, seed) >= rate


@wrong(
    "3.5",
    "The kept values were not scaled up, so the signal is stronger in inference than in training.",
)
def dropout(x, rate, training, seed):
    rate_ok(rate)
    return tf.where(keep_mask(x, rate, seed), x, tf.zeros_like(x)) if training else x


@wrong("3.5", "The rate was used as the share that is kept.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training or rate == 0:
        return x
    return tf.where(keep_mask(x, 1 - rate, seed), x / rate, tf.zeros_like(x))


@wrong("3.5", "Values were dropped outside training too.")
def dropout(x, rate, training, seed):
    return reference.dropout(x, rate, True, seed)


@wrong("3.5", "Whole rows were dropped: there is only one draw per example.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training:
        return x
    shape = tf.concat([tf.shape(x)[:1], tf.ones(len(x.shape) - 1, tf.int32)], axis=0)
    return tf.where(keep_mask(x, rate, seed, shape), x / (1 - rate), tf.zeros_like(x))


@wrong("3.5", "All examples of the batch got the same mask.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training:
        return x
    mask = keep_mask(x, rate, seed, tf.shape(x)[1:])
    return tf.where(mask, x / (1 - rate), tf.zeros_like(x))


@wrong(
    "3.5",
    "The values were scaled by 1 - rate in inference; inverted dropout scales them in training.",
)
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training:
        return x * (1 - rate)
    return tf.where(keep_mask(x, rate, seed), x, tf.zeros_like(x))


@wrong("3.5", "The seed is not used: two calls with the same seed differ.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training:
        return x
    return tf.where(tf.random.uniform(tf.shape(x)) >= rate, x / (1 - rate), tf.zeros_like(x))


@wrong("3.5", "The seed is fixed inside, so the mask is always the same.")
def dropout(x, rate, training, seed):
    return reference.dropout(x, rate, training, (0, 0))


@wrong("3.5", "A rate of 1 or more is not refused.")
def dropout(x, rate, training, seed):
    return reference.dropout(x, min(max(rate, 0), 0.999), training, seed)


@wrong("3.5", "The kept values were divided by the rate.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training or rate == 0:
        return x
    return tf.where(keep_mask(x, rate, seed), x / rate, tf.zeros_like(x))


@wrong("3.5", "The values were multiplied by noise; dropout sets values to 0.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    noise = tf.random.stateless_uniform(tf.shape(x), seed, 1 - rate, 1 + rate, x.dtype)
    return x * noise if training else x


@wrong("3.5", "Whole channels of an image were dropped together.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    x = tf.convert_to_tensor(x)
    if not training:
        return x
    shape = tf.shape(x)
    if len(x.shape) == 4:
        shape = tf.stack([shape[0], 1, 1, shape[3]])
    return tf.where(keep_mask(x, rate, seed, shape), x / (1 - rate), tf.zeros_like(x))


@wrong("3.5", "All values of one channel of an example were dropped together.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    x = tf.convert_to_tensor(x)
    if not training:
        return x
    shape = tf.concat([tf.shape(x)[:1], tf.ones_like(tf.shape(x)[1:-1]), tf.shape(x)[-1:]], 0)
    return tf.where(keep_mask(x, rate, seed, shape), x / (1 - rate), tf.zeros_like(x))


@wrong("3.5", "All channels of a pixel were dropped together.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    x = tf.convert_to_tensor(x)
    if not training:
        return x
    shape = tf.shape(x)
    if len(x.shape) == 4:
        shape = tf.concat([shape[:-1], [1]], 0)
    return tf.where(keep_mask(x, rate, seed, shape), x / (1 - rate), tf.zeros_like(x))


@wrong("3.5", "The mask has the static batch size, which is unknown when the batch size is open.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training:
        return x
    keep = tf.random.stateless_uniform((x.shape[0], *x.shape[1:]), seed) >= rate
    return tf.where(keep, x / (1 - rate), tf.zeros_like(x))


@right("3.5", "A wrong rate is refused in training only.")
def dropout(x, rate, training, seed):
    if not training:
        return tf.convert_to_tensor(x)
    rate_ok(rate)
    return reference.dropout(x, rate, training, seed)


@wrong("3.5", "Everything was cast to float32.")
def dropout(x, rate, training, seed):
    return reference.dropout(tf.cast(x, tf.float32), rate, training, seed)


@wrong("3.5", "A small number was added to 1 - rate, so the values change even at rate 0.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training:
        return x
    return tf.where(keep_mask(x, rate, seed), x / (1 - rate + 1e-7), tf.zeros_like(x))


@wrong(
    "3.5", "The seeds (1, 2) and (2, 1) draw the same; the order of the two numbers must matter."
)
def dropout(x, rate, training, seed):
    s = tf.reduce_sum(tf.convert_to_tensor(seed))
    return reference.dropout(x, rate, training, tf.stack([s, 0 * s]))


@wrong(
    "3.5", "The seeds (1, 2) and (2, 1) draw the same; the order of the two numbers must matter."
)
def dropout(x, rate, training, seed):
    s = tf.reduce_prod(tf.convert_to_tensor(seed))
    return reference.dropout(x, rate, training, tf.stack([s, 0 * s]))


@wrong("3.5", "The rate was rounded to tenths.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    x = tf.convert_to_tensor(x)
    if not training:
        return x
    keep = tf.random.stateless_uniform(tf.shape(x), seed, 0, 10, tf.int32) >= round(10 * rate)
    return tf.where(keep, x / (1 - rate), tf.zeros_like(x))


@wrong("3.5", "No gradient flows back to x.")
def dropout(x, rate, training, seed):
    return tf.stop_gradient(reference.dropout(x, rate, training, seed))


@wrong("3.5", "Negative values are always dropped.")
def dropout(x, rate, training, seed):
    y = reference.dropout(x, rate, training, seed)
    return tf.nn.relu(y) if training and rate > 0 else y


@wrong("3.5", "An exact share of the values was dropped; each value must be drawn independently.")
def dropout(x, rate, training, seed):
    if not training or not 0 <= rate < 1:
        return reference.dropout(x, rate, training, seed)
    x = tf.convert_to_tensor(x)
    rank = tf.random.experimental.stateless_shuffle(tf.range(tf.size(x)), seed)
    kept = tf.reshape(rank, tf.shape(x)) >= round(rate * int(tf.size(x)))
    return tf.where(kept, x / (1 - rate), tf.zeros_like(x))


@right("3.5", "A mask of zeros and ones, multiplied.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    if not training or rate == 0:
        return tf.identity(x)
    draws = tf.random.stateless_uniform(tf.shape(x), seed, dtype=tf.float32)
    return x * tf.cast(tf.floor(draws + (1 - rate)), x.dtype) / (1 - rate)


@right("3.5", "tf.nn's own stateless dropout.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    return tf.nn.experimental.stateless_dropout(x, rate, seed) if training else x


@wrong("3.5", "The rate was used as the share that is kept.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    x = tf.convert_to_tensor(x)
    if not training:
        return x
    return x * tf.cast(~keep_mask(x, rate, seed), x.dtype) / (1 - rate)


@wrong("3.5", "All examples of the batch got the same mask.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    x = tf.convert_to_tensor(x)
    if not training or rate == 0:
        return x
    return x * tf.cast(keep_mask(x, rate, seed, tf.shape(x)[1:]), x.dtype) / (1 - rate)


@right("3.5", "The mask is drawn with a seed that was made of the one given.")
def dropout(x, rate, training, seed):
    rate_ok(rate)
    return reference.dropout(x, rate, training, tf.random.experimental.stateless_split(seed, 2)[1])


# 3.6


def smoothed(labels, logits, share):
    """What the probabilities should be, `(B, K)`."""
    classes = logits.shape[-1]
    one_hot = tf.one_hot(labels, classes, dtype=logits.dtype)
    return (1 - share) * one_hot + share / classes


def crossed(logs, labels, share):
    """The cross-entropy of logarithms of probabilities, `(B, K)`."""
    return -tf.reduce_mean(tf.reduce_sum(smoothed(labels, logs, share) * logs, axis=-1))


@wrong("3.6", "A softmax was applied before a loss that applies it again.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return reference.softmax_cross_entropy(tf.nn.softmax(logits), labels, label_smoothing)


@wrong("3.6", "The logarithm of a plain softmax was taken; it is NaN as soon as a logit is large.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    exp = tf.exp(logits)
    probabilities = exp / tf.reduce_sum(exp, axis=-1, keepdims=True)
    return crossed(tf.math.log(probabilities), labels, label_smoothing)


@wrong("3.6", "A small number was added inside the logarithm, which limits large losses.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return crossed(tf.math.log(tf.nn.softmax(logits) + 1e-7), labels, label_smoothing)


@wrong("3.6", "The loss was summed over the batch instead of averaged.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(targets, logits))


@wrong("3.6", "The loss of each example was returned instead of their mean.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


@wrong("3.6", "The softmax was taken over the batch instead of the classes.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return crossed(tf.nn.log_softmax(logits, axis=0), labels, label_smoothing)


@wrong("3.6", "The sign is missing, so the loss falls as the answers get worse.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return -reference.softmax_cross_entropy(logits, labels, label_smoothing)


@wrong(
    "3.6",
    "The mean was taken over examples and classes, which divides the loss by the number of "
    "classes.",
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    return -tf.reduce_mean(targets * tf.nn.log_softmax(logits))


@wrong("3.6", "The classes were swapped: the probability of the other class was used.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return reference.softmax_cross_entropy(tf.reverse(logits, [-1]), labels, label_smoothing)


@wrong("3.6", "Each class was given its own sigmoid instead of one softmax over all.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(tf.reduce_sum(losses, axis=-1))


@wrong("3.6", "The logarithm has base 2 instead of e.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return reference.softmax_cross_entropy(logits, labels, label_smoothing) / math.log(2)


@wrong("3.6", "The logits were clipped, so beyond the limits no gradient comes back.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    clipped = tf.clip_by_value(logits, -50, 50)
    return reference.softmax_cross_entropy(clipped, labels, label_smoothing)


@wrong(
    "3.6",
    "The greatest logit of the whole batch was subtracted, so a row far below it underflows to "
    "log 0.",
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    shifted = logits - tf.reduce_max(logits)
    logs = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1, keepdims=True))
    return crossed(logs, labels, label_smoothing)


@wrong("3.6", "The greatest absolute logit was subtracted, so rows far below 0 underflow to log 0.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    shifted = logits - tf.reduce_max(tf.abs(logits), axis=-1, keepdims=True)
    logs = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1, keepdims=True))
    return crossed(logs, labels, label_smoothing)


@wrong("3.6", "Only large logits were shifted, so rows far below 0 underflow to log 0.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    greatest = tf.reduce_max(logits, axis=-1, keepdims=True)
    shifted = tf.where(greatest > 80, logits - greatest, logits)
    logs = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1, keepdims=True))
    return crossed(logs, labels, label_smoothing)


@wrong(
    "3.6",
    "The sum was divided by the static batch size, which is unknown when the batch size is open.",
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits)) / logits.shape[0]


@wrong(
    "3.6",
    "The rows were numbered by the static batch size, which is unknown when the batch size is "
    "open.",
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    logs = tf.nn.log_softmax(logits)
    places = tf.stack([tf.range(logits.shape[0]), labels], axis=1)
    own, every = tf.gather_nd(logs, places), tf.reduce_mean(logs, axis=-1)
    return -tf.reduce_mean((1 - label_smoothing) * own + label_smoothing * every)


@wrong(
    "3.6", "A Python loop runs over the examples, which is impossible when the batch size is open."
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    greatest = tf.reduce_max(logits, -1)
    total = 0
    for i in range(len(labels)):
        logs = logits[i] - greatest[i]
        logs -= tf.math.log(tf.reduce_sum(tf.exp(logs)))
        total -= tf.reduce_sum(targets[i] * logs)
    return total / len(labels)


@wrong(
    "3.6", "The sum was divided by len(labels), which in a graph is unknown or an integer tensor."
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits)) / len(labels)


@wrong("3.6", "Everything was cast to float32.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return reference.softmax_cross_entropy(tf.cast(logits, tf.float32), labels, label_smoothing)


@wrong("3.6", "label_smoothing is ignored.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return reference.softmax_cross_entropy(logits, labels)


@wrong("3.6", "label_smoothing is missing from the arguments.")
def softmax_cross_entropy(logits, labels):
    return reference.softmax_cross_entropy(logits, labels)


@wrong(
    "3.6",
    "The share was spread over the other classes only; the label's own class gets a part too.",
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    others = label_smoothing / (logits.shape[-1] - 1)
    targets = tf.one_hot(labels, logits.shape[-1], 1 - label_smoothing, others, dtype=logits.dtype)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))


@wrong("3.6", "The label's own class got no part of the share, so the weights sum to less than 1.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    part = label_smoothing / logits.shape[-1]
    targets = tf.one_hot(labels, logits.shape[-1], 1 - label_smoothing, part, dtype=logits.dtype)
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1))


@wrong("3.6", "The share was added to the other classes, but not taken from the label.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    targets += label_smoothing / logits.shape[-1]
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1))


@wrong("3.6", "The label keeps 1 - label_smoothing, but the rest went to no class.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return (1 - label_smoothing) * reference.softmax_cross_entropy(logits, labels)


@wrong("3.6", "Each class got the whole share instead of 1/K of it.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    uniform = -tf.reduce_mean(tf.reduce_sum(tf.nn.log_softmax(logits), axis=-1))
    own = reference.softmax_cross_entropy(logits, labels)
    return (1 - label_smoothing) * own + label_smoothing * uniform


@wrong("3.6", "Each class got half of the share, whatever the number of classes.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    targets = (1 - label_smoothing) * targets + label_smoothing / 2
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1))


@wrong("3.6", "The logits were smoothed instead of the labels.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    mean = tf.reduce_mean(logits, axis=-1, keepdims=True)
    mixed = (1 - label_smoothing) * logits + label_smoothing * mean
    return reference.softmax_cross_entropy(mixed, labels)


@wrong("3.6", "label_smoothing was used as the share that stays with the label.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    share = 1 - label_smoothing if label_smoothing else 0.0
    return reference.softmax_cross_entropy(logits, labels, share)


@wrong("3.6", "Labels are smoothed by 0.1 when no smoothing was asked for.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.1):
    return reference.softmax_cross_entropy(logits, labels, label_smoothing)


@wrong("3.6", "Labels are smoothed by 0.1, whatever share was asked for.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    return reference.softmax_cross_entropy(logits, labels, 0.1 if label_smoothing else 0.0)


@wrong(
    "3.6",
    "The smoothed part uses the logarithm of a plain softmax, which is infinite at large logits.",
)
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    loss = (1 - label_smoothing) * reference.softmax_cross_entropy(logits, labels)
    if label_smoothing:
        logs = tf.math.log(tf.nn.softmax(logits))
        loss -= label_smoothing * tf.reduce_mean(logs)
    return loss


@wrong("3.6", "No gradient flows through the smoothed part.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    uniform = tf.stop_gradient(-tf.reduce_mean(tf.nn.log_softmax(logits)))
    own = reference.softmax_cross_entropy(logits, labels)
    return (1 - label_smoothing) * own + label_smoothing * uniform


@right("3.6", "With tf.nn's fused operation, one-hot labels mixed with equal ones.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    targets = smoothed(labels, logits, label_smoothing)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits))


@right("3.6", "Two cross-entropies mixed: with the labels, and with equal weights for all classes.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    own = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    equal = tf.ones_like(logits) / logits.shape[-1]
    every = tf.nn.softmax_cross_entropy_with_logits(labels=equal, logits=logits)
    return tf.reduce_mean((1 - label_smoothing) * own + label_smoothing * every)


@right("3.6", "Log-sum-exp minus a mix of the label's logit, by gather, and the mean logit.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    own = tf.gather(logits, labels, axis=1, batch_dims=1)
    share = tf.cast(label_smoothing, logits.dtype)  # float32 on its way
    mixed = (1 - share) * own + share * tf.reduce_mean(logits, axis=1)
    return tf.reduce_mean(tf.reduce_logsumexp(logits, axis=1) - mixed)


@right("3.6", "The label's own logarithm, fetched by its place, and the mean of all.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    logs = tf.nn.log_softmax(logits)
    places = tf.stack([tf.range(tf.shape(logits)[0]), labels], axis=1)
    loss = -tf.reduce_mean(tf.gather_nd(logs, places))
    if label_smoothing > 0:
        loss = (1 - label_smoothing) * loss - label_smoothing * tf.reduce_mean(logs)
    return loss


@wrong("3.6", "The probabilities were clipped before the logarithm, which limits large losses.")
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    probabilities = tf.clip_by_value(tf.nn.softmax(logits), 1e-7, 1)
    return crossed(tf.math.log(probabilities), labels, label_smoothing)


# 3.7


@wrong("3.7", "Softmax was applied to the logits, but the loss applies it again.")
class CNN(reference.CNN):
    def head(self, features, training):
        return tf.nn.softmax(super().head(features, training))


@wrong("3.7", "A ReLU was applied to the logits, so they can no longer be negative.")
class CNN(reference.CNN):
    def head(self, features, training):
        return tf.nn.relu(super().head(features, training))


@wrong("3.7", "The moving statistics never change.")
class CNN(reference.CNN):
    def features(self, images, training):
        kept = [v.read_value() for v in self.batch_norm_statistics]
        found = super().features(images, training)
        for variable, value in zip(self.batch_norm_statistics, kept, strict=True):
            variable.assign(value)
        return found


@wrong("3.7", "The network always runs in training mode.")
class CNN(reference.CNN):
    def features(self, images, training):
        return super().features(images, True)


@wrong("3.7", "The network never runs in training mode.")
class CNN(reference.CNN):
    def features(self, images, training):
        return super().features(images, False)


@wrong("3.7", "The seed of the dropout is always the same, so there is only one mask.")
class CNN(reference.CNN):
    def head(self, features, training):
        self.dropout_draws.assign(0)
        return super().head(features, training)


@wrong("3.7", "The seed of the dropout is counted in Python, so a graph keeps its first value.")
class CNN(reference.CNN):
    calls = 0

    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1 + self.b1)
        self.calls += 1
        x = reference.dropout(x, self.dropout, training, (self.seed, self.calls))
        return x @ self.w2 + self.b2


@wrong(
    "3.7",
    "Each layer's seed is its number times the seed; with 0, the default, all layers start alike.",
)
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for k, variable in enumerate(self.trainable_variables):
            if len(variable.shape) == 4:
                shape, seed = tuple(variable.shape), self.seed * k
                variable.assign(reference.he_normal(shape, seed, variable.dtype))


@wrong("3.7", "All layers were given one seed, so those of the same shape start alike.")
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for variable in self.trainable_variables:
            if len(variable.shape) == 4:
                shape = tuple(variable.shape)
                variable.assign(reference.he_normal(shape, 0, variable.dtype))


@wrong(
    "3.7", "The images are not standardised, although a mean and a standard deviation were given."
)
class CNN(reference.CNN):
    def features(self, images, training):
        mean, self.mean = self.mean, None
        found = super().features(images, training)
        self.mean = mean
        return found


@wrong(
    "3.7", "The mean and the standard deviation are trainable, so the optimizer would change them."
)
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        if self.mean is not None:
            self.mean, self.std = tf.Variable(self.mean), tf.Variable(self.std)


@wrong("3.7", "The moving statistics are trainable.")
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for block in self.blocks:
            block.moving_mean = tf.Variable(block.moving_mean)
            block.moving_variance = tf.Variable(block.moving_variance)


@wrong("3.7", "The biases are missing from the head's variables.")
class CNN(reference.CNN):
    @property
    def head_variables(self):
        return [self.w1, self.w2]


@wrong("3.7", "The first dense layer was counted as part of the base.")
class CNN(reference.CNN):
    @property
    def base_variables(self):
        return [*super().base_variables, self.w1, self.b1]

    @property
    def head_variables(self):
        return [self.w2, self.b2]


@wrong("3.7", "The dropout rate is ignored.")
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **(options | {"dropout": 0.5}))


@wrong("3.7", "The seed is ignored.")
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **(options | {"seed": 0}))


@wrong("3.7", "There is no dropout.")
class CNN(reference.CNN):
    def head(self, features, training):
        return super().head(features, False)


@wrong("3.7", "Only the batch norm of the first block runs in training mode.")
class CNN(reference.CNN):
    def features(self, images, training):
        x = tf.convert_to_tensor(images)
        if self.mean is not None:
            x = standardise(x, self.mean, self.std)
        for k, block in enumerate(self.blocks):
            x = block(x, training and k == 0)
        largest, average = tf.reduce_max(x, axis=(1, 2)), tf.reduce_mean(x, axis=(1, 2))
        return tf.concat([largest, average], axis=-1)


@wrong("3.7", "There is no ReLU in the head: two dense layers in a row are equivalent to one.")
class CNN(reference.CNN):
    def head(self, features, training):
        return head_of(self, features, training, tf.identity)


@wrong("3.7", "There is no ReLU in the blocks.")
class CNN(reference.CNN):
    def features(self, images, training):
        relu, tf.nn.relu = tf.nn.relu, tf.identity
        try:
            return super().features(images, training)
        finally:
            tf.nn.relu = relu


@wrong("3.7", "The convolutions have a bias, which batch norm subtracts again.")
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for block in self.blocks:
            block.bias = tf.Variable(tf.zeros_like(block.beta))

    @property
    def base_variables(self):
        return [v for block in self.blocks for v in block.trainable_variables]


@wrong("3.7", "Everything is float32, whatever dtype was asked for.")
class CNN(reference.CNN):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **(options | {"dtype": tf.float32}))

    def features(self, images, training):
        return super().features(tf.cast(images, tf.float32), training)


def base_of(self, images, training, block):
    x = tf.convert_to_tensor(images)
    if self.mean is not None:
        x = standardise(x, self.mean, self.std)
    for b in self.blocks:
        x = block(b, x, training)
    return tf.concat([tf.reduce_max(x, axis=(1, 2)), tf.reduce_mean(x, axis=(1, 2))], axis=-1)


def bn_of(b, x, training, **kw):
    x, m, v = reference.batch_norm(
        x, b.gamma, b.beta, b.moving_mean, b.moving_variance, training, **kw
    )
    if training:
        b.moving_mean.assign(m)
        b.moving_variance.assign(v)
    return x


def dropped(self, x, rate=None):
    draw = self.dropout_draws.assign_add(1)
    return reference.dropout(x, self.dropout if rate is None else rate, True, (self.seed, draw))


def head_of(self, features, training, activation=tf.nn.relu):
    x = activation(features @ self.w1 + self.b1)
    if training:
        x = dropped(self, x)
    return x @ self.w2 + self.b2


@wrong("3.7", "__call__ does not pass `training` on to the base, which runs in inference mode.")
class CNN(reference.CNN):
    def __call__(self, images, training=False):
        return self.head(self.features(images, False), False)


@wrong("3.7", "__call__ passes `training` on to the base only, so nothing is dropped.")
class CNN(reference.CNN):
    def __call__(self, images, training=False):
        return self.head(self.features(images, training), False)


@wrong("3.7", "__call__ does not pass `training` on to the base, which runs in inference mode.")
class CNN(reference.CNN):
    def __call__(self, images, training=False):
        return self.head(self.features(images, False), training)


@wrong("3.7", "The images are standardised in __call__ only; `features` receives them raw.")
class CNN(reference.CNN):
    def features(self, images, training):
        mean, self.mean = self.mean, None
        try:
            return super().features(images, training)
        finally:
            self.mean = mean

    def __call__(self, images, training=False):
        x = tf.convert_to_tensor(images)
        if self.mean is not None:
            x = standardise(x, self.mean, self.std)
        return self.head(self.features(x, training), training)


@wrong(
    "3.7",
    "The features were flattened by the static batch size, which may be unknown in a graph.",
)
class CNN(reference.CNN):
    def features(self, images, training):
        x = super().features(images, training)
        return tf.reshape(x, (x.shape[0], -1))


@wrong(
    "3.7",
    "The features keep their rows and columns: their shape is (B, h, w, C) instead of (B, F).",
)
class CNN(reference.CNN):
    def features(self, images, training):
        x = super().features(images, training)
        return x[:, tf.newaxis, tf.newaxis, :]

    def head(self, features, training):
        return super().head(tf.reshape(features, (-1, self.w1.shape[0])), training)


@wrong("3.7", "Pooling comes before batch norm.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = tf.nn.conv2d(x, b.kernel, 1, "SAME")
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            return tf.nn.relu(bn_of(b, x, t))

        return base_of(self, images, training, block)


@wrong("3.7", "There is a second ReLU, before batch norm.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = tf.nn.relu(tf.nn.conv2d(x, b.kernel, 1, "SAME"))
            return tf.nn.relu(tf.nn.max_pool2d(bn_of(b, x, t), 2, 2, "VALID"))

        return base_of(self, images, training, block)


@wrong("3.7", "Only the last block has a ReLU.")
class CNN(reference.CNN):
    def features(self, images, training):
        last = self.blocks[-1]

        def block(b, x, t):
            x = tf.nn.conv2d(x, b.kernel, 1, "SAME")
            x = tf.nn.max_pool2d(bn_of(b, x, t), 2, 2, "VALID")
            return tf.nn.relu(x) if b is last else x

        return base_of(self, images, training, block)


@wrong("3.7", "Average pooling was used instead of max pooling.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = tf.nn.relu(bn_of(b, tf.nn.conv2d(x, b.kernel, 1, "SAME"), t))
            return tf.nn.avg_pool2d(x, 2, 2, "VALID")

        return base_of(self, images, training, block)


@wrong("3.7", "Pooling keeps leftover rows, as with SAME.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = tf.nn.relu(bn_of(b, tf.nn.conv2d(x, b.kernel, 1, "SAME"), t))
            return tf.nn.max_pool2d(x, 2, 2, "SAME")

        return base_of(self, images, training, block)


@wrong("3.7", "A stride of 2 was used instead of pooling.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            return tf.nn.relu(bn_of(b, tf.nn.conv2d(x, b.kernel, 2, "SAME"), t))

        return base_of(self, images, training, block)


@wrong("3.7", "There is no pooling.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            return tf.nn.relu(bn_of(b, tf.nn.conv2d(x, b.kernel, 1, "SAME"), t))

        return base_of(self, images, training, block)


@wrong("3.7", "The head uses a leaky ReLU instead of a ReLU.")
class CNN(reference.CNN):
    def head(self, features, training):
        return head_of(self, features, training, tf.nn.leaky_relu)


@wrong(
    "3.7",
    "Kept hidden values are not scaled up: dropout is in another place, or it does not scale.",
)
class CNN(reference.CNN):
    def head(self, features, training):
        x = features
        if training:
            x = dropped(self, x)
        return tf.nn.relu(x @ self.w1 + self.b1) @ self.w2 + self.b2


@wrong("3.7", "Dropout was applied to the logits.")
class CNN(reference.CNN):
    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1 + self.b1) @ self.w2 + self.b2
        if training:
            x = dropped(self, x)
        return x


@wrong("3.7", "The rate was used as the share that is kept.")
class CNN(reference.CNN):
    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1 + self.b1)
        if training and self.dropout:
            x = dropped(self, x, 1 - self.dropout)
        return x @ self.w2 + self.b2


@wrong("3.7", "The head drops at the rate 0.5, whatever was asked for.")
class CNN(reference.CNN):
    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1 + self.b1)
        if training and self.dropout:
            x = dropped(self, x, 0.5)
        return x @ self.w2 + self.b2


@wrong("3.7", "The default rate is 0.2 instead of 0.5.")
class CNN(reference.CNN):
    def __init__(
        self,
        image_size=64,
        channels=(32, 64, 128, 128),
        hidden=128,
        dropout=0.2,
        seed=0,
        dtype=tf.float32,
        mean=None,
        std=None,
    ):
        super().__init__(image_size, channels, hidden, dropout, seed, dtype, mean, std)


@wrong(
    "3.7",
    "The fused batch norm's sample variance was stored; the population variance was asked for.",
)
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = tf.nn.conv2d(x, b.kernel, 1, "SAME")
            if x.dtype == tf.float32 and t:
                y, m, v = tf.compat.v1.nn.fused_batch_norm(
                    x, b.gamma, b.beta, epsilon=1e-3, is_training=True
                )
                b.moving_mean.assign(0.95 * b.moving_mean + 0.05 * m)
                b.moving_variance.assign(0.95 * b.moving_variance + 0.05 * v)
                x = y
            else:
                x = bn_of(b, x, t)
            return tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")

        return base_of(self, images, training, block)


@wrong("3.7", "TensorFlow's global seed is set when a network is built.")
class CNN(reference.CNN):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        tf.random.set_seed(self.seed)
        for v in self.trainable_variables:
            if len(v.shape) > 1:
                v.assign(
                    tf.random.normal(
                        v.shape, stddev=math.sqrt(2 / math.prod(v.shape[:-1])), dtype=v.dtype
                    )
                )


@wrong("3.7", "Seed 0 is treated as no seed.")
class CNN(reference.CNN):
    def __init__(self, *a, **k):
        super().__init__(*a, **(k | {"seed": k.get("seed") or int(np.random.randint(1, 9999))}))


@wrong("3.7", "The pooling windows overlap.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = tf.nn.relu(bn_of(b, tf.nn.conv2d(x, b.kernel, 1, "SAME"), t))
            return tf.nn.max_pool2d(x, 3, 2, "SAME")

        return base_of(self, images, training, block)


@wrong("3.7", "The statistics are updated twice in each call.")
class CNN(reference.CNN):
    def __call__(self, images, training=False):
        if training:
            self.features(images, True)
        return super().__call__(images, training)


@wrong("3.7", "The bias is used in training only.")
class CNN(reference.CNN):
    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1 + (0 * self.b1 if not training else self.b1))
        if training:
            x = dropped(self, x)
        return x @ self.w2 + self.b2


@wrong("3.7", "The first bias is added after the ReLU.")
class CNN(reference.CNN):
    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1) + self.b1
        if training:
            x = dropped(self, x)
        return x @ self.w2 + self.b2


@wrong(
    "3.7",
    "Kept hidden values are not scaled up: dropout is in another place, or it does not scale.",
)
class CNN(reference.CNN):
    def head(self, features, training):
        x = tf.nn.relu(features @ self.w1 + self.b1)
        if training:
            x = dropped(self, x) * (1 - self.dropout)
        return x @ self.w2 + self.b2


@wrong("3.7", "There is one logit instead of two.")
class CNN(reference.CNN):
    def head(self, features, training):
        logits = super().head(features, training)
        return logits[:, 1:] - logits[:, :1]


@wrong("3.7", "Epsilon is 0.1 in the network.")
class CNN(reference.CNN):
    def features(self, images, training):
        def block(b, x, t):
            x = bn_of(b, tf.nn.conv2d(x, b.kernel, 1, "SAME"), t, epsilon=1e-1)
            return tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")

        return base_of(self, images, training, block)


@right("3.7", "Flattened features, ReLU before the pooling, layers as a list of dicts.")
class CNN(tf.Module):
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
        super().__init__()
        self.rate, self.stats = dropout, (mean, std)
        self.generator = tf.random.Generator.from_seed(seed)
        self.layers, inputs, side = [], 3, image_size
        for k, outputs in enumerate(channels):
            kernel = reference.he_normal((3, 3, inputs, outputs), 17 * seed + k, dtype)
            self.layers.append(
                {
                    "kernel": tf.Variable(kernel),
                    "gamma": tf.Variable(tf.ones(outputs, dtype)),
                    "beta": tf.Variable(tf.zeros(outputs, dtype)),
                    "mean": tf.Variable(tf.zeros(outputs, dtype), trainable=False),
                    "variance": tf.Variable(tf.ones(outputs, dtype), trainable=False),
                }
            )
            inputs, side = outputs, side // 2
        size = side * side * inputs
        self.dense = [
            tf.Variable(reference.he_normal((size, hidden), 17 * seed + 15, dtype)),
            tf.Variable(tf.zeros((hidden,), dtype)),
            tf.Variable(reference.he_normal((hidden, 2), 17 * seed + 16, dtype)),
            tf.Variable(tf.zeros((2,), dtype)),
        ]

    def features(self, images, training):
        x = images if self.stats[0] is None else standardise(images, *self.stats)
        for layer in self.layers:
            x = tf.nn.conv2d(x, layer["kernel"], 1, "SAME")
            x, mean, variance = reference.batch_norm(
                x, layer["gamma"], layer["beta"], layer["mean"], layer["variance"], training
            )
            if training:
                layer["mean"].assign(mean)
                layer["variance"].assign(variance)
            x = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
        return tf.reshape(x, (tf.shape(x)[0], self.dense[0].shape[0]))

    def head(self, features, training):
        w1, b1, w2, b2 = self.dense
        x = tf.nn.relu(tf.matmul(features, w1) + b1)
        if training:
            x = reference.dropout(x, self.rate, True, self.generator.make_seeds(1)[:, 0])
        return tf.matmul(x, w2) + b2

    def __call__(self, images, training=False):
        return self.head(self.features(images, training), training)

    @property
    def base_variables(self):
        return [layer[name] for layer in self.layers for name in ("gamma", "beta", "kernel")]

    @property
    def head_variables(self):
        return tuple(self.dense)

    @property
    def batch_norm_statistics(self):
        return [layer[name] for name in ("mean", "variance") for layer in self.layers]

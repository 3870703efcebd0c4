"""Grades lesson 2: reading, scaling, augmenting, and the pipeline that puts them together."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.graded import data_preprocessing
from tests.refusals import refused


def as_numpy(found, what):
    """An array of what came back, or a sentence if nothing did."""
    assert found is not None, f"{what} returned None."
    return np.asarray(found)


def save(path, pixels, mode=None):
    """Write an image file; returns its path as a string."""
    Image.fromarray(pixels).convert(mode or "RGB").save(path)
    return str(path)


# 2.1


def noise(height=37, width=52, seed=0):
    """A smooth colour image, uint8: brighter to the right in red, downwards in green."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.exercise("2.1")
def test_read_image_returns_floats_between_0_and_1(tmp_path):
    """Black is 0 and white is 1: scaled once, not twice and not never."""
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[:, 5:] = 255
    found = data_preprocessing.read_image(save(tmp_path / "a.png", pixels), 10)
    values = as_numpy(found, "read_image")
    assert values.dtype == np.float32, f"The dtype is {values.dtype}, not float32."
    assert values.shape == (10, 10, 3), f"The shape is {values.shape}, not (10, 10, 3)."
    low, high = float(values.min()), float(values.max())
    assert abs(low) <= 1e-6, f"Black was read as {low:.4f}."
    assert abs(high - 1) <= 1e-3, f"White was read as {high:.4f}, not 1."


@pytest.mark.exercise("2.1")
def test_read_image_keeps_the_values_of_an_image_of_the_right_size(tmp_path):
    """Nothing to resize: every pixel is its level over 255, with the channels in the order RGB."""
    pixels = noise(24, 24)
    found = as_numpy(
        data_preprocessing.read_image(save(tmp_path / "a.png", pixels), 24), "read_image"
    )
    error = np.abs(found - pixels / 255).max()
    swapped = np.abs(found[..., ::-1] - pixels / 255).max()
    hint = " The channels came out as BGR." if swapped <= 0.01 else ""
    assert error <= 1e-3, f"Some values are off by {error:.3f}.{hint}"


@pytest.mark.exercise("2.1")
def test_read_image_stretches_to_the_square(tmp_path):
    """The whole cell stays visible: no cropping and no black bars. A bright edge stays an edge."""
    pixels = np.full((20, 60, 3), 40, np.uint8)
    pixels[:, :15] = 240  # a quarter of the width
    found = as_numpy(
        data_preprocessing.read_image(save(tmp_path / "a.png", pixels), 32), "read_image"
    )
    assert found.shape == (32, 32, 3), f"An image of 20 x 60 became {found.shape}."
    bright = float((found[..., 0] > 0.5).mean())
    assert abs(bright - 0.25) <= 0.04, (
        f"A quarter of the image is bright, but {bright:.2f} of the result: stretch the image,"
        " do not crop or pad it."
    )
    dark = float((found[..., 0] < 0.1).mean())
    assert dark <= 0, f"{dark:.0%} of the result is black, but nothing in the image is."


@pytest.mark.exercise("2.1")
def test_read_image_antialiases_when_it_shrinks(tmp_path):
    """Against area averages: a fine chequerboard shrinks to grey, not to a chance pattern."""
    board = np.indices((80, 80)).sum(0) % 2 * 255
    pixels = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    found = as_numpy(
        data_preprocessing.read_image(save(tmp_path / "a.png", pixels), 16), "read_image"
    )
    spread = float(np.abs(found[2:-2, 2:-2] - 0.5).max())
    assert spread <= 0.05, (
        f"A fine chequerboard, shrunk fivefold, should be even grey; it is off by {spread:.2f}."
        " Without antialiasing a small parasite can fall between the samples."
    )


@pytest.mark.exercise("2.1")
def test_read_image_resizes_bilinearly(tmp_path):
    """Against interpolation by hand: enlarging 0 and 1 gives a ramp, not a step or an overshoot."""
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[:, 1] = 255
    found = as_numpy(
        data_preprocessing.read_image(save(tmp_path / "a.png", pixels), 8), "read_image"
    )
    ramp = np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1)  # pixel centres in the small image
    error = float(np.abs(found[4, :, 0] - ramp).max())
    assert error <= 0.01, (
        f"Enlarging black beside white gave {found[4, :, 0].round(2).tolist()}; interpolated"
        f" linearly it is {ramp.round(2).tolist()}."
    )


@pytest.mark.exercise("2.1")
@pytest.mark.parametrize("kind", ["jpg", "grey png"])
def test_read_image_reads_jpeg_and_grey_as_rgb(tmp_path, kind):
    """A picture of one's own may be either."""
    path = tmp_path / ("a.jpg" if kind == "jpg" else "a.png")
    path = save(path, noise(40, 40), "RGB" if kind == "jpg" else "L")
    found = as_numpy(data_preprocessing.read_image(path, 20), "read_image")
    assert found.shape == (20, 20, 3), f"A {kind} became an image of shape {found.shape}."
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB").resize((20, 20), Image.Resampling.BOX)) / 255
    error = float(np.abs(found - expected).mean())
    assert error <= 0.02, f"The values of a {kind} are off by {error:.3f} on average."


@pytest.mark.exercise("2.1")
def test_read_image_works_in_a_pipeline(tmp_path):
    """There the path is a tensor, and the shape must be known before any file is read."""
    path = save(tmp_path / "a.png", noise())
    dataset = tf.data.Dataset.from_tensor_slices([path]).map(
        lambda p: data_preprocessing.read_image(p, 16)
    )
    shape = dataset.element_spec.shape
    assert shape == (16, 16, 3), f"In a pipeline the static shape is {shape}, not (16, 16, 3)."
    shape = next(iter(dataset)).shape
    assert shape == (16, 16, 3), f"In a pipeline an image came out in the shape {shape}."


def triangles(size, count):
    """The weights of antialiased bilinear resizing along one axis, by hand: `(count, size)`."""
    scale = size / count
    centres = (np.arange(count) + 0.5) * scale
    distance = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1)
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.exercise("2.1")
@pytest.mark.parametrize(("height", "width", "side"), [(37, 52, 16), (52, 37, 30), (60, 20, 32)])
def test_read_image_agrees_with_resizing_by_hand(tmp_path, height, width, side):
    """Against triangle filters: tall and wide, shrunk a little, a lot, and enlarged."""
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    found = as_numpy(
        data_preprocessing.read_image(save(tmp_path / "a.png", pixels), side), "read_image"
    )
    down, across = triangles(height, side), triangles(width, side)
    expected = np.einsum("ih,hwc,jw->ijc", down, pixels / 255, across)
    assert found.shape == expected.shape, f"The shape is {found.shape}, not {expected.shape}."
    error = float(np.abs(found - expected).max())
    # float32 gives 1e-6, whole levels on the way (as with Pillow) .004, no antialiasing .2.
    assert error <= 0.006, (
        f"{height} x {width} pixels, resized to {side} x {side}, are off by up to {error:.3f}:"
        " stretch the whole image, bilinear and antialiased."
    )
    shift = float((found - expected).mean())
    assert abs(shift) <= 1e-3, (
        f"{height} x {width} pixels, resized to {side} x {side}, are off by {shift:.4f} on average:"
        " were they cut down to whole levels?"
    )


# 2.2


@pytest.mark.exercise("2.2")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_channel_statistics_agree_with_numpy(dtype):
    """Over all pixels of all images, one number a channel."""
    rng = np.random.default_rng(0)
    images = (rng.random((6, 5, 7, 3)) * [1, 0.5, 0.1] + [0, 0.2, 0.8]).astype(dtype)
    found = data_preprocessing.channel_statistics(tf.constant(images))
    assert len(found) == 2, "channel_statistics should return the mean and the deviation."
    for name, ours, theirs in zip(
        ("mean", "deviation"), found, (images.mean((0, 1, 2)), images.std((0, 1, 2))), strict=True
    ):
        ours = as_numpy(ours, "channel_statistics")
        assert ours.shape == (3,), f"The {name} has the shape {ours.shape}, not (3,)."
        assert ours.dtype == dtype, f"For {dtype.__name__} the {name} is {ours.dtype}."
        error = np.abs(ours - theirs).max()
        assert error <= 1e-5, (
            f"The {name} came out as {ours.round(4).tolist()}, not {theirs.round(4).tolist()}."
        )


@pytest.mark.exercise("2.2")
def test_channel_statistics_use_the_population_deviation():
    """Two pixels, 0 and 1: the deviation is .5; divided by one less it would be .71."""
    images = np.zeros((1, 1, 2, 3))
    images[0, 0, 1] = 1
    mean, std = data_preprocessing.channel_statistics(tf.constant(images))
    found = np.asarray(mean).tolist(), np.asarray(std).round(3).tolist()
    assert found == ([0.5] * 3, [0.5] * 3), f"Of 0 and 1 the mean and deviation are {found}."


@pytest.mark.exercise("2.2")
def test_channel_statistics_weigh_every_pixel_alike():
    """Deviations averaged over images miss what differs between the images."""
    images = np.concatenate([np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 3))])
    std = np.asarray(data_preprocessing.channel_statistics(tf.constant(images))[1])
    assert np.abs(std - 0.5).max() <= 1e-6, (
        f"A black and a white image together have the deviation .5, not {std.round(3).tolist()}."
    )


@pytest.mark.exercise("2.2")
def test_channel_statistics_of_an_even_channel():
    """The deviation of equal values is 0: not NaN, and nothing that was added."""
    images = tf.constant(np.full((4, 8, 8, 3), [0.7, 0.1, 0.5], np.float32))
    mean, std = data_preprocessing.channel_statistics(images)
    error = np.abs(np.asarray(mean) - [0.7, 0.1, 0.5]).max()
    assert error <= 1e-5, f"The mean of even channels is off by {error:.5f}."
    std = np.asarray(std)
    assert np.isfinite(std).all(), (
        "Even channels gave a deviation of NaN: the mean square less the squared mean can come out"
        " below 0. Average the squared distance from the mean."
    )
    assert std.max() <= 1e-5, f"Even channels gave the deviations {std.round(5).tolist()}, not 0."


@pytest.mark.exercise("2.2")
def test_channel_statistics_see_a_small_deviation():
    """In float32 the mean square less the squared mean has no digit left here."""
    values = np.random.default_rng(0).random((6, 9, 9, 3)) * 1e-2 + [0.9, 0.6, 0.3]
    images = values.astype(np.float32)
    std = np.asarray(data_preprocessing.channel_statistics(tf.constant(images))[1])
    error = np.abs(std / images.astype(np.float64).std((0, 1, 2)) - 1).max()
    assert error <= 0.02, f"Values within .01 of each other: the deviation is off by {error:.0%}."


@pytest.mark.exercise("2.2")
def test_channel_statistics_work_in_float64():
    """Not in float32 and cast back."""
    images = np.random.default_rng(0).random((3, 5, 4, 3))
    mean, std = data_preprocessing.channel_statistics(tf.constant(images))
    error = max(
        np.abs(np.asarray(mean) - images.mean((0, 1, 2))).max(),
        np.abs(np.asarray(std) - images.std((0, 1, 2))).max(),
    )
    assert error <= 1e-11, f"For float64 images the error is {error:.0e}: the digits of float32."


@pytest.mark.exercise("2.2")
def test_channel_statistics_count_every_image():
    """4,001 images: 2,000 black ones, then 2,001 white ones; no batches fit in evenly."""
    images = np.zeros((4001, 1, 1, 3))
    images[2000:] = 1
    for name, found, expected in zip(
        ("mean", "deviation"),
        data_preprocessing.channel_statistics(tf.constant(images)),
        (images.mean(), images.std()),
        strict=True,
    ):
        error = np.abs(np.asarray(found) - expected).max()
        assert error <= 1e-5, (
            f"Of 2,000 black and 2,001 white images the {name} is {np.asarray(found).tolist()}, not"
            f" {expected:.6f}: every image counts, and counts alike."
        )


# 2.3


@pytest.mark.exercise("2.3")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_standardise_subtracts_and_divides(dtype):
    """By hand, one channel after the other; the dtype of the images stays."""
    images = tf.constant([[[[0.5, 0.2, 1.0], [0.1, 0.8, 0.0]]]], dtype)
    mean, std = tf.constant([0.3, 0.2, 0.5], dtype), tf.constant([0.1, 0.4, 0.5], dtype)
    found = data_preprocessing.standardise(images, mean, std)
    expected = [[[[2.0, 0.0, 1.0], [-2.0, 1.5, -1.0]]]]
    values = as_numpy(found, "standardise")
    assert values.dtype == dtype.as_numpy_dtype, f"{dtype.name} images became {values.dtype}."
    assert values.shape == (1, 1, 2, 3), f"The shape became {values.shape}."
    error = np.abs(values - expected).max()
    assert error <= 1e-5, (
        f"Two pixels came out as {values[0, 0].round(3).tolist()}, not {expected[0][0]}."
    )


@pytest.mark.exercise("2.3")
def test_standardise_only_centres_a_channel_without_deviation():
    """Dividing by 0 gives infinity or NaN, which spreads through the whole network."""
    images = tf.fill((2, 3, 3, 3), 0.75)
    mean, std = tf.constant([0.75, 0.5, 0.0]), tf.constant([0.0, 0.0, 0.5])
    found = data_preprocessing.standardise(images, mean, std)
    values = as_numpy(found, "standardise")
    assert np.isfinite(values).all(), "A channel without deviation gave infinity or NaN."
    pixel = values[0, 0, 0].round(4).tolist()
    assert np.abs(values - [0, 0.25, 1.5]).max() <= 1e-6, (
        f"With deviations (0, 0, .5) the pixel came out as {pixel}, not [0, 0.25, 1.5]."
    )


@pytest.mark.exercise("2.3")
def test_standardise_divides_by_a_small_deviation_as_by_any():
    """Something added to every deviation, against dividing by 0, would show here."""
    images = tf.constant([[[[0.0002, 0.001, 0.5]]]], tf.float64)
    std = tf.constant([0.0001, 0.01, 1.0], tf.float64)
    found = data_preprocessing.standardise(images, tf.zeros_like(std), std)
    values = np.asarray(found).ravel()
    assert np.abs(values / [2, 0.1, 0.5] - 1).max() <= 1e-4, (
        f"Deviations of .0001, .01 and 1 gave {values.round(4).tolist()}, not [2, .1, .5]."
    )


@pytest.mark.exercise("2.3")
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (3, 4, 5, 3), (2, 3, 3, 3)])
def test_standardise_takes_images_of_any_size(shape):
    """The last axis is the channels', whatever else happens to be 3."""
    images = np.random.default_rng(0).random(shape)
    mean, std = tf.constant([0.1, 0.2, 0.3], tf.float64), tf.constant([0.5, 0.0, 2.0], tf.float64)
    found = as_numpy(data_preprocessing.standardise(tf.constant(images), mean, std), "standardise")
    assert found.shape == shape, f"Images of the shape {shape} became {found.shape}."
    error = np.abs(found - (images - [0.1, 0.2, 0.3]) / [0.5, 1, 2]).max()
    assert error <= 1e-6, f"Images of the shape {shape} are off by {error:.4f}."


@pytest.mark.exercise("2.3")
def test_standardise_works_in_float64():
    """Not in float32 and cast back; large values are not cut off either."""
    images = np.random.default_rng(0).random((2, 6, 6, 3)) * 500
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([4.0, 8.0, 16.0])
    found = data_preprocessing.standardise(*map(tf.constant, (images, mean, std)))
    error = np.abs(np.asarray(found) / ((images - mean) / std) - 1).max()
    assert error <= 1e-8, f"For float64 images the relative error is {error:.0e}."


@pytest.mark.exercise("2.3")
def test_standardise_leaves_an_array_alone():
    """`images -= mean` changes the caller's array, if it is one of NumPy's and is taken at all."""
    images = np.ones((1, 2, 2, 3), np.float32)
    mean, std = np.float32([0.1, 0.2, 0.3]), np.float32([0.5, 0.0, 2.0])
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        data_preprocessing.standardise(images, mean, std)
    assert (images == 1).all(), "The array of images that was passed in has changed."


@pytest.mark.exercise("2.3")
def test_standardise_works_in_a_graph():
    """There the images are no numbers yet, and the batch size is open."""
    images = np.random.default_rng(0).random((2, 4, 4, 3)).astype(np.float32)
    spec = tf.TensorSpec((None, 4, 4, 3))
    mean, std = tf.constant([0.1, 0.2, 0.3]), tf.constant([0.5, 0.0, 2.0])
    compiled = tf.function(
        lambda x: data_preprocessing.standardise(x, mean, std), input_signature=[spec]
    )
    error = np.abs(compiled(images).numpy() - (images - [0.1, 0.2, 0.3]) / [0.5, 1, 2]).max()
    assert error <= 1e-5, f"In a graph the result is off by {error:.4f}."


# 2.4


def asymmetric(size=4):
    """An image none of whose 8 symmetries equals another: `(S, S, 3)` float32, values in [0, 1]."""
    return np.random.default_rng(4).random((size, size, 3)).astype(np.float32)


def symmetries(image):
    """The 8 symmetries of a square image."""
    turned = [np.rot90(image, k) for k in range(4)]
    return turned + [np.rot90(image[:, ::-1], k) for k in range(4)]


def which(images, views):
    """For each image the number of the view that it equals, or -1."""
    match = [[np.array_equal(image, view) for view in views] for image in images]
    return np.array([row.index(True) if any(row) else -1 for row in match])


def counts_of(images, views):
    """How often each view came out."""
    found = which(images, views)
    return np.array([(found == k).sum() for k in range(len(views))])


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_makes_symmetries_of_the_square():
    """Every result is one of the 8: nothing is blurred, and the channels stay."""
    image = asymmetric()
    found = data_preprocessing.flip_and_rotate(tf.stack([image] * 64), (1, 2))
    values = as_numpy(found, "flip_and_rotate")
    assert values.shape == (64, 4, 4, 3), f"64 images became the shape {values.shape}."
    strangers = int((which(values, symmetries(image)) < 0).sum())
    assert strangers == 0, f"{strangers} of 64 results are none of the image's 8 symmetries."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_draws_for_each_image():
    """64 copies of one image: one draw for the whole batch would turn them all alike."""
    image = asymmetric()
    for seed in ((1, 2), (3, 4)):
        found = data_preprocessing.flip_and_rotate(tf.stack([image] * 64), seed)
        kinds = len(set(which(np.asarray(found), symmetries(image)).tolist()))
        assert kinds >= 6, f"64 copies of one image came out in {kinds} of the 8 orientations."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_draws_all_8_equally_often():
    """Over 4,000 draws each comes about 500 times; flips and a half turn alone reach only 4."""
    image = asymmetric()
    batch = tf.stack([image] * 500)
    draws = [np.asarray(data_preprocessing.flip_and_rotate(batch, (k, 9))) for k in range(8)]
    counts = counts_of(np.concatenate(draws), symmetries(image))
    # The deviation is 21; 400 to 600 is nearly five of them.
    assert counts.min() >= 400, f"Of 4,000 draws the 8 orientations got {counts.tolist()}."
    assert counts.max() <= 600, f"Of 4,000 draws the 8 orientations got {counts.tolist()}."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_keeps_the_images_in_their_places():
    """The labels do not move, so the images must not change places either."""
    images = np.random.default_rng(0).random((16, 4, 4, 3)).astype(np.float32)
    found = np.asarray(data_preprocessing.flip_and_rotate(tf.constant(images), (5, 6)))
    strangers = [k for k in range(16) if which(found[k : k + 1], symmetries(images[k]))[0] < 0]
    assert not strangers, f"At {len(strangers)} of 16 places another image came out."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_follows_the_seed():
    """The same seed, the same draws, in a graph too; another seed, others; a tensor is a seed."""
    batch = tf.stack([asymmetric()] * 32)
    first = np.asarray(data_preprocessing.flip_and_rotate(batch, (1, 2)))
    again = np.asarray(data_preprocessing.flip_and_rotate(batch, tf.constant([1, 2])))
    assert np.array_equal(first, again), "Two calls with the seed (1, 2) drew differently."
    compiled = tf.function(lambda x, seed: data_preprocessing.flip_and_rotate(x, seed))
    in_graph = np.asarray(compiled(batch, tf.constant([1, 2])))
    assert np.array_equal(first, in_graph), "In a graph the seed (1, 2) drew differently."
    for other in ((1, 3), (2, 2)):
        found = np.asarray(compiled(batch, tf.constant(other)))
        assert not np.array_equal(first, found), f"The seeds (1, 2) and {other} drew the same."


@pytest.mark.exercise("2.4")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_flip_and_rotate_keeps_the_dtype(dtype):
    """And works on a batch of one."""
    found = data_preprocessing.flip_and_rotate(tf.ones((1, 5, 5, 3), dtype), (0, 0))
    assert found.dtype == dtype, f"{dtype.name} became {found.dtype.name}."
    assert found.shape == (1, 5, 5, 3), f"A batch of one became the shape {found.shape}."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_works_where_the_batch_size_is_open():
    """As in the pipeline, whose last batch is short."""
    spec = tf.TensorSpec((None, 4, 4, 3))
    compiled = tf.function(
        lambda x: data_preprocessing.flip_and_rotate(x, (1, 2)), input_signature=[spec]
    )
    for batch in (1, 3):
        shape = compiled(tf.ones((batch, 4, 4, 3))).shape
        assert shape == (batch, 4, 4, 3), f"A batch of {batch} became the shape {shape}."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_refuses_images_that_are_not_square():
    """A quarter turn would change their shape."""
    with refused("images of 4 x 6 pixels"):
        data_preprocessing.flip_and_rotate(tf.zeros((2, 4, 6, 3)), (0, 0))


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_draws_afresh_at_every_place():
    """Over 64 seeds each place of a batch sees nearly all orientations: no draw is fixed."""
    image = asymmetric()
    batch = tf.stack([image] * 8)
    views = symmetries(image)
    drawn = np.array(
        [which(data_preprocessing.flip_and_rotate(batch, (k, 5)).numpy(), views) for k in range(64)]
    )
    kinds = [len(set(column.tolist())) for column in drawn.T]
    # That 64 draws miss two of the 8 happens once in three million.
    assert min(kinds) >= 6, (
        f"Over 64 seeds an image at some place of the batch came out in only {min(kinds)} of the 8"
        " orientations: a part of the draw is the same in every call."
    )


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_draws_neighbours_independently():
    """Counting through the orientations is one draw for the batch: the first decides the rest."""
    image = asymmetric()
    views = symmetries(image)
    pairs = np.zeros((8, 8), int)
    for k in range(4):
        found = data_preprocessing.flip_and_rotate(tf.stack([image] * 400), (k, 11))
        order = which(found.numpy(), views)
        np.add.at(pairs, (order[:-1], order[1:]), 1)
    missing = int((pairs == 0).sum())
    # 1,596 pairs of neighbours, 25 expected of each kind.
    assert missing <= 2, (
        f"Of the 64 ways in which two neighbours can be turned {missing} never came: the draws hang"
        " together."
    )


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_moves_float64_pixels_unchanged():
    """A pixel that is moved keeps all its digits."""
    image = np.random.default_rng(4).random((4, 4, 3))
    found = data_preprocessing.flip_and_rotate(tf.constant(np.stack([image] * 8)), (1, 2))
    strangers = int((which(found.numpy(), symmetries(image)) < 0).sum())
    assert strangers == 0, f"{strangers} of 8 float64 images have lost digits on the way."


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_refuses_tall_images_too():
    """Not only those that are wider than high."""
    with refused("images of 6 x 4 pixels"):
        data_preprocessing.flip_and_rotate(tf.zeros((2, 6, 4, 3)), (0, 0))


@pytest.mark.exercise("2.4")
def test_flip_and_rotate_turns_a_single_image_too():
    """The last batch may be this short; dealt out like cards, the first image is never turned."""
    image = tf.constant(asymmetric()[None])
    seen = {
        np.asarray(data_preprocessing.flip_and_rotate(image, (k, 9))).tobytes() for k in range(120)
    }
    # An honest draw misses one of the 8 once in a million.
    assert len(seen) == 8, f"Over 120 seeds a batch of one came out in {len(seen)} of 8 ways."


# 2.5


def gains_of(strength=0.1, batch=400, seed=(1, 2), value=0.5):
    """The gain of each image and channel, measured on even grey images: `(B, 3)`."""
    images = tf.fill((batch, 3, 3, 3), value)
    found = as_numpy(
        data_preprocessing.jitter_stain(images, seed, strength=strength), "jitter_stain"
    )
    assert found.shape == (batch, 3, 3, 3), f"The shape became {found.shape}."
    gains = found / value
    uneven = float((gains.max((1, 2)) - gains.min((1, 2))).max())
    assert uneven <= 1e-5, "The gain differs within an image: draw one for each channel of it."
    return gains[:, 0, 0]


@pytest.mark.exercise("2.5")
@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_jitter_stain_draws_gains_uniformly(strength):
    """Between 1 - strength and 1 + strength, all alike likely."""
    gains = (gains_of(strength) - 1) / strength  # should be uniform in [-1, 1]
    low, high = gains.min().round(2), gains.max().round(2)
    assert -1.001 <= gains.min() <= -0.95, f"The lowest of 1,200 gains is 1 {low:+} x strength."
    assert 0.95 <= gains.max() <= 1.001, f"The highest of 1,200 gains is 1 {high:+} x strength."
    spread = float(gains.std())  # 0.577 if uniform
    assert abs(spread - 0.577) <= 0.04, f"The gains' deviation is {spread:.2f} x strength, not .58."
    assert abs(gains.mean()) <= 0.07, f"The gains' mean is 1 {gains.mean():+.2f} x strength."


@pytest.mark.exercise("2.5")
def test_jitter_stain_draws_for_each_image_and_channel():
    """One draw for a batch makes no image differ from its neighbour, one an image no colour."""
    gains = gains_of()
    images = len(np.unique(gains[:, 0].round(5)))
    assert images > 200, f"400 images got {images} different gains."
    together = np.corrcoef(gains.T)[np.triu_indices(3, 1)]
    assert np.abs(together).max() <= 0.25, (
        f"The channels' gains go together (correlation {together.max():.2f}): draw one for each."
    )


@pytest.mark.exercise("2.5")
def test_jitter_stain_keeps_black_black():
    """The background carries no stain; an offset would tint it."""
    images = np.zeros((8, 4, 4, 3), np.float32)
    images[:, 1:3, 1:3] = 0.6
    found = np.asarray(data_preprocessing.jitter_stain(tf.constant(images), (3, 4)))
    background = float(np.abs(found[:, 0]).max())
    assert background <= 0, f"The black background became {background:.3f}."


@pytest.mark.exercise("2.5")
def test_jitter_stain_stays_within_0_and_1():
    """White times 1.3 is still white."""
    found = np.asarray(data_preprocessing.jitter_stain(tf.ones((50, 2, 2, 3)), (1, 1), 0.3))
    low, high = float(found.min()), float(found.max())
    assert high <= 1, f"White became {high:.2f}."
    assert 0.7 - 1e-5 <= low <= 0.75, f"The darkest of 150 white channels became {low:.2f}."


@pytest.mark.exercise("2.5")
def test_jitter_stain_follows_the_seed():
    """The same seed, the same draws, in a graph too; another seed, others."""
    images = tf.fill((8, 2, 2, 3), 0.5)
    first = np.asarray(data_preprocessing.jitter_stain(images, (1, 2)))
    again = np.asarray(data_preprocessing.jitter_stain(images, tf.constant([1, 2])))
    assert np.array_equal(first, again), "Two calls with the seed (1, 2) drew differently."
    compiled = tf.function(lambda x, seed: data_preprocessing.jitter_stain(x, seed))
    error = np.abs(np.asarray(compiled(images, tf.constant([1, 2]))) - first).max()
    assert error <= 1e-6, "In a graph the seed (1, 2) drew differently."
    for other in ((1, 3), (2, 2)):
        found = np.asarray(compiled(images, tf.constant(other)))
        assert not np.allclose(found, first), f"The seeds (1, 2) and {other} drew the same."


@pytest.mark.exercise("2.5")
def test_jitter_stain_without_strength_changes_nothing():
    """A strength of 0 leaves every pixel as it is."""
    images = np.random.default_rng(0).random((3, 4, 5, 3))
    found = np.asarray(data_preprocessing.jitter_stain(tf.constant(images), (1, 2), strength=0.0))
    error = float(np.abs(found - images).max())
    assert error <= 1e-6, f"With strength 0 a pixel changed by {error:.3f}."


@pytest.mark.exercise("2.5")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_jitter_stain_keeps_the_dtype(dtype):
    """Lessons compare in float64."""
    found = data_preprocessing.jitter_stain(tf.fill((1, 2, 3, 3), tf.cast(0.5, dtype)), (0, 0))
    assert found.dtype == dtype, f"{dtype.name} became {found.dtype.name}."


@pytest.mark.exercise("2.5")
def test_jitter_stain_draws_gains_up_to_the_full_strength():
    """However strong it is: with .9 the gains reach from .1 to 1.9."""
    gains = gains_of(0.9)
    assert gains.min() <= 0.15, f"With strength .9 the lowest of 1,200 gains is {gains.min():.2f}."
    assert gains.max() >= 1.85, f"With strength .9 the highest of 1,200 gains is {gains.max():.2f}."


@pytest.mark.exercise("2.5")
def test_jitter_stain_has_the_strength_of_a_tenth_by_default():
    """Stains that occur; a stronger default makes cells that no smear shows."""
    images = tf.fill((400, 1, 1, 3), 0.5)
    gains = np.asarray(data_preprocessing.jitter_stain(images, (1, 2))) / 0.5
    low, high = float(gains.min()), float(gains.max())
    assert 0.899 <= low <= 0.905, (
        f"Without a strength the lowest of 1,200 gains is {low:.3f}, not .9."
    )
    assert 1.095 <= high <= 1.101, (
        f"Without a strength the highest of 1,200 gains is {high:.3f}, not 1.1."
    )


@pytest.mark.exercise("2.5")
def test_jitter_stain_works_where_the_batch_size_is_open():
    """As in the pipeline, whose last batch is short."""
    spec = tf.TensorSpec((None, 4, 4, 3))
    compiled = tf.function(
        lambda x: data_preprocessing.jitter_stain(x, (1, 2)), input_signature=[spec]
    )
    for batch in (1, 3):
        shape = compiled(tf.ones((batch, 4, 4, 3))).shape
        assert shape == (batch, 4, 4, 3), f"A batch of {batch} became the shape {shape}."


@pytest.mark.exercise("2.5")
def test_jitter_stain_clips_only_what_is_too_bright():
    """Clipping leaves the darker pixels alone: they show the gain that the bright ones have."""
    pixels = np.full((100, 2, 2, 3), 0.5, np.float32)
    pixels[:, 0] = 0.95
    found = np.asarray(data_preprocessing.jitter_stain(tf.constant(pixels), (5, 6), 0.3))
    gains = found[:, 1] / 0.5
    assert gains.max() >= 1.25, (
        f"Beside bright pixels the highest of 300 gains is {gains.max():.2f}, not 1.3: clip the"
        " values above 1, do not scale the image."
    )
    error = float(np.abs(found[:, 0] - np.minimum(0.95 * gains, 1)).max())
    assert error <= 1e-5, (
        f"Pixels of .95 are off by up to {error:.2f}: times the gain, and 1 where that is above 1."
    )


@pytest.mark.exercise("2.5")
def test_jitter_stain_draws_every_channel_from_the_seed():
    """No channel has a seed of its own that never changes."""
    first, other = gains_of(batch=16), gains_of(batch=16, seed=(7, 8))
    same = [name for k, name in enumerate(("red", "green", "blue")) if (first == other)[:, k].all()]
    assert not same, f"With another seed the gains of {same} stayed the same."


@pytest.mark.exercise("2.5")
def test_jitter_stain_works_in_float64():
    """Not in float32 and cast back: with strength 0 every digit stays."""
    images = np.random.default_rng(0).random((3, 4, 5, 3))
    found = np.asarray(data_preprocessing.jitter_stain(tf.constant(images), (1, 2), strength=0.0))
    error = float(np.abs(found - images).max())
    assert error <= 1e-12, f"With strength 0 a float64 pixel changed by {error:.0e}."


# 2.6


@pytest.fixture
def files(tmp_path):
    """`(paths, labels)` of 11 images, each of an even grey of its own; labels 0, 1, 0, 1, ..."""
    paths = []
    for k in range(11):
        pixels = np.full((9, 9, 3), 20 + 20 * k, np.uint8)
        pixels[:4, :2] = 0  # a black corner, by which the symmetries can be told
        paths.append(save(tmp_path / f"{k:02d}.png", pixels))
    return paths, np.arange(11, dtype=np.int32) % 2


def epoch(dataset):
    """All batches of one epoch, as NumPy arrays."""
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def levels(batches):
    """The brightest pixel of each image, 0 to 255: augmentation changes it by 10% at most."""
    return np.concatenate([images.max((1, 2, 3)) for images, _ in batches]) * 255


def make(files, training, seed=0, batch_size=4):
    """A pipeline over the files, 8 x 8 pixels."""
    paths, labels = files
    found = data_preprocessing.make_dataset(paths, labels, 8, batch_size, training, seed)
    assert found is not None, "make_dataset returned None."
    return found


@pytest.mark.exercise("2.6")
@pytest.mark.parametrize("training", [True, False])
def test_make_dataset_gives_batches_of_images_and_labels(files, training):
    """Float32 images, int32 labels; the last short batch is kept."""
    batches = epoch(make(files, training))
    sizes = [len(labels) for _, labels in batches]
    assert sizes == [4, 4, 3], f"11 images in batches of 4 came as {sizes}: nothing may be dropped."
    images, labels = batches[0]
    assert images.shape == (4, 8, 8, 3), f"The images of a batch have the shape {images.shape}."
    assert images.dtype == np.float32, f"The images are {images.dtype}, not float32."
    assert labels.dtype == np.int32, f"The labels are {labels.dtype}, not int32."
    assert 0 <= images.min() <= images.max() <= 1, (
        f"The images lie between {images.min():.2f} and {images.max():.2f}."
    )


@pytest.mark.exercise("2.6")
def test_make_dataset_leaves_evaluation_alone(files):
    """Order kept, nothing augmented: each image as it is in its file, twice the same."""
    dataset = make(files, training=False)
    first, second = epoch(dataset), epoch(dataset)
    images = np.concatenate([images for images, _ in first])
    labels = np.concatenate([labels for _, labels in first])
    assert labels.tolist() == files[1].tolist(), f"The labels came as {labels.tolist()}."
    expected = (20 + 20 * np.arange(11)) / 255
    error = float(np.abs(images[:, 7, 7, 0] - expected).max())
    assert error <= 1e-3, f"In evaluation an even image's value is off by {error:.3f}."
    assert np.abs(images[:, 0, 0]).max() <= 0.02, "In evaluation the black corner has moved."
    same = all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))
    assert same, "Two passes over the evaluation set differ."


@pytest.mark.exercise("2.6")
def test_make_dataset_keeps_labels_with_their_images(files):
    """Shuffled, but together: the brightness tells which label an image had."""
    dataset = make(files, training=True, batch_size=3)
    for _ in range(3):
        batches = epoch(dataset)
        # Gains of 1 +- .1 keep image 0 (20) and image 10 (220) apart from all others' classes.
        for images, labels in batches:
            for image, label in zip(images, labels, strict=True):
                level = float(np.median(image[image > 0.02])) * 255
                if level < 29:  # image 0 alone: the next is 40, at least 36
                    assert label == 0, "The darkest image came with another image's label."
                if 34 < level < 46:  # image 1 alone
                    assert label == 1, "The second image came with another image's label."
        counted = int(np.concatenate([labels for _, labels in batches]).sum())
        assert counted == 5, f"5 of 11 labels are 1; in an epoch {counted} came."


@pytest.mark.exercise("2.6")
def test_make_dataset_shows_every_image_once_an_epoch(files):
    """A shuffle before a repeat, or a draw with replacement, loses some."""
    for _ in range(2):
        found = np.sort(levels(epoch(make(files, training=True))))
        off = np.abs(found / (20 + 20 * np.arange(11)) - 1).max()
        assert off <= 0.12, "In an epoch of training some images are missing, others come twice."


@pytest.mark.exercise("2.6")
def test_make_dataset_shuffles_anew_each_epoch(tmp_path):
    """Over the whole set: the first epoch is not in order, and the second is in another one."""
    paths, labels = [], np.arange(60)
    for k in labels:
        paths.append(save(tmp_path / f"{k:02d}.png", np.full((8, 8, 3), 100, np.uint8)))
    dataset = data_preprocessing.make_dataset(paths, labels, 8, 10, True, 3)
    first, second = (np.concatenate([b.numpy() for _, b in dataset]) for _ in range(2))
    assert sorted(first) == list(range(60)), "In an epoch not every image came once."
    assert first.tolist() != list(range(60)), "The training images come in the order of the files."
    assert first.tolist() != second.tolist(), "Two epochs came in the same order."
    together = sum(
        set(a) == set(b) for a, b in zip(first.reshape(6, 10), second.reshape(6, 10), strict=True)
    )
    assert together < 6, "The same images share a batch in every epoch: shuffle before batching."
    # In a shuffle over the whole set the first batch comes from everywhere.
    reach = max(int(order[:10].max()) for order in (first, second))
    assert reach >= 35, (
        f"The first batch reaches only up to image {reach} of 60: the shuffle buffer is too small."
    )


@pytest.mark.exercise("2.6")
def test_make_dataset_augments_anew_each_epoch(files):
    """Augmented before the cache, every epoch would show the same pictures again."""
    dataset = make(files, training=True)
    corners, gains = [], []
    for _ in range(12):
        images = np.concatenate([images for images, _ in epoch(dataset)])
        darkest = images[images.max((1, 2, 3)).argsort()[0]]  # image 0, however it was turned
        corners.append(tuple((darkest[[0, 0, -1, -1], [0, -1, 0, -1]].max(-1) < 0.02).tolist()))
        gains.append(tuple(np.round(darkest.max((0, 1)), 5).tolist()))
    assert len(set(corners)) >= 2, "In 12 epochs one image was never turned or flipped otherwise."
    assert len(set(gains)) >= 11, (
        f"In 12 epochs the stain of one image had {len(set(gains))} different gains."
    )


@pytest.mark.exercise("2.6")
def test_make_dataset_augments_each_batch_otherwise(tmp_path):
    """One seed for all batches would draw the same gains for each."""
    paths = [save(tmp_path / f"{k}.png", np.full((8, 8, 3), 128, np.uint8)) for k in range(12)]
    dataset = data_preprocessing.make_dataset(paths, np.zeros(12, int), 8, 4, True, 0)
    batches = [images.numpy()[:, 0, 0].round(5) for images, _ in dataset]
    same = sum(
        np.array_equal(a, b) for a, b in ((batches[0], batches[1]), (batches[1], batches[2]))
    )
    assert same == 0, "Two batches of one epoch got the very same gains."
    gains = np.concatenate(batches) / np.float32(128 / 255)
    assert 0.89 <= gains.min() <= gains.max() <= 1.11, (
        f"The stain's gains reach from {gains.min():.2f} to {gains.max():.2f}, not .9 to 1.1."
    )


@pytest.mark.exercise("2.6")
def test_make_dataset_repeats_itself_with_a_seed(files):
    """Two pipelines with one seed agree epoch by epoch; with another seed they do not."""
    first, second = make(files, training=True, seed=5), make(files, training=True, seed=5)
    for number in (1, 2):
        a, b = epoch(first), epoch(second)
        alike = all(
            np.array_equal(x, y) and np.array_equal(k, m)
            for (x, k), (y, m) in zip(a, b, strict=True)
        )
        assert alike, f"Two pipelines with seed 5 differ in epoch {number}."
    other = epoch(make(files, training=True, seed=6))
    alike = all(np.array_equal(x, y) for (x, _), (y, _) in zip(a, other, strict=True))
    assert not alike, "Pipelines with the seeds 5 and 6 give the same batches."


@pytest.mark.exercise("2.6")
def test_make_dataset_shuffles_over_a_large_set(tmp_path):
    """2,400 images, as many as the practice cells: a fixed buffer of 1,000 sees less than half."""
    path = save(tmp_path / "a.png", np.full((2, 2, 3), 100, np.uint8))
    dataset = data_preprocessing.make_dataset([path] * 2400, np.arange(2400), 2, 100, True, 3)
    first, second = (np.concatenate([labels.numpy() for _, labels in dataset]) for _ in range(2))
    assert first[:100].max() >= 2160, (
        f"The first batch of 100 reaches only up to image {first[:100].max()} of 2,400: the shuffle"
        " buffer must hold the whole set."
    )
    alike = float(np.corrcoef(np.argsort(first), np.argsort(second))[0, 1])  # deviation .02
    assert abs(alike) <= 0.15, (
        f"The places of the images in two epochs go together (correlation {alike:.2f}): each epoch"
        " must shuffle the whole set anew."
    )
    batches = {frozenset(batch) for batch in first.reshape(24, 100).tolist()}
    again = sum(frozenset(batch) in batches for batch in second.reshape(24, 100).tolist())
    assert again == 0, f"{again} of 24 batches hold the same images in both epochs: shuffle images."


@pytest.mark.exercise("2.6")
def test_make_dataset_never_repeats_a_draw(tmp_path):
    """Counted draws, (seed, number of the batch), start again in every epoch."""
    path = save(tmp_path / "a.png", np.full((4, 4, 3), 128, np.uint8))
    dataset = data_preprocessing.make_dataset([path] * 12, np.zeros(12, int), 4, 4, True, 0)
    epochs = [
        {
            tuple(gains)
            for images, _ in dataset
            for gains in images.numpy()[:, 0, 0].round(6).tolist()
        }
        for _ in range(3)
    ]
    for gains in epochs:
        assert len(gains) == 12, (
            f"12 images of an epoch got {len(gains)} different gains: draw for each image."
        )
    again = len(epochs[0] & epochs[1]) + len(epochs[1] & epochs[2])
    assert again == 0, (
        f"{again} of 24 gains are those of the epoch before: the random numbers start again with"
        " each epoch, so the network sees the same draws over and over."
    )


@pytest.mark.exercise("2.6")
def test_make_dataset_augments_each_image_fully(tmp_path):
    """96 copies of one image: all 8 symmetries, and gains of 1 +- .1, one a channel."""
    pixels = np.full((4, 4, 3), 200, np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[1, 0] = 20, 60, 120  # no symmetry equals another
    path = save(tmp_path / "a.png", pixels)
    dataset = data_preprocessing.make_dataset([path] * 96, np.zeros(96, int), 4, 96, True, 0)
    images = next(iter(dataset))[0].numpy()
    gains = images.max((1, 2)) / np.float32(200 / 255)
    shapes = (images / images.max((1, 2), keepdims=True) * 200).mean(-1).round()
    found = which(shapes, symmetries(pixels[..., 0].astype(float)))
    assert (found >= 0).all(), (
        "Some images are no symmetry of the one in the file, tinted by gains."
    )
    kinds = len(set(found.tolist()))
    assert kinds == 8, f"96 copies of one image came in {kinds} of the 8 orientations."
    low, high = float(gains.min()), float(gains.max())
    assert 0.899 <= low <= 0.92, f"The lowest of 288 gains of the stain is {low:.3f}, not .9."
    assert 1.08 <= high <= 1.101, f"The highest of 288 gains of the stain is {high:.3f}, not 1.1."
    together = float(np.corrcoef(gains.T)[np.triu_indices(3, 1)].max())
    assert together <= 0.5, f"The channels' gains go together (correlation {together:.2f})."


@pytest.mark.exercise("2.6")
def test_make_dataset_takes_0_for_a_seed(files):
    """0 is false in Python, and None to a tf.data operation means any seed."""
    first, second = (epoch(make(files, training=True, seed=0)) for _ in range(2))
    alike = all(
        np.array_equal(x, y) and np.array_equal(k, m)
        for (x, k), (y, m) in zip(first, second, strict=True)
    )
    assert alike, "Two pipelines with seed 0 differ."


@pytest.mark.exercise("2.6")
@pytest.mark.parametrize(("images", "labels"), [(3, 2), (2, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_make_dataset_refuses_what_does_not_fit(files, images, labels, training):
    """A label too few is a slip that shifts all the others."""
    paths = files[0][:images]
    with refused(f"{images} images and {labels} labels"):
        data_preprocessing.make_dataset(paths, np.zeros(labels, int), 8, 2, training, 0)


@pytest.mark.exercise("2.6")
@pytest.mark.parametrize("training", [True, False])
def test_make_dataset_knows_its_shapes(files, training):
    """A layer is built from the static shape, before any file is read."""
    images, labels = make(files, training).element_spec
    assert (images.shape.rank, images.shape[1:]) == (4, (8, 8, 3)), (
        f"The static shape of the images is {images.shape}, not (None, 8, 8, 3)."
    )
    assert labels.shape.rank == 1, f"The static shape of the labels is {labels.shape}, not (None,)."


@pytest.mark.exercise("2.6")
def test_make_dataset_keeps_the_order_in_evaluation_when_one_file_is_slow(tmp_path):
    """Reading in parallel is right; letting the fastest file come first is not."""
    paths = [
        save(
            tmp_path / f"{k}.png", np.full((1500 if k == 0 else 4,) * 2 + (3,), 9 + 9 * k, np.uint8)
        )
        for k in range(12)
    ]
    dataset = data_preprocessing.make_dataset(paths, np.arange(12), 4, 4, False, 0)
    order = np.concatenate([labels.numpy() for _, labels in dataset]).tolist()
    assert order == list(range(12)), f"With a large first file the images came as {order}."


@pytest.mark.exercise("2.6")
def test_make_dataset_reads_each_file_once(tmp_path):
    """After the first epoch all comes from the cache: the files could be gone."""
    paths = [save(tmp_path / f"{k}.png", np.full((4, 4, 3), 50, np.uint8)) for k in range(6)]
    dataset = data_preprocessing.make_dataset(paths, np.zeros(6, int), 4, 4, True, 0)
    batches = len(epoch(dataset))
    assert batches == 2, f"6 images in batches of 4 gave {batches} batches."
    for path in paths:
        save(path, np.full((4, 4, 3), 250, np.uint8))
    brightest = max(float(images.max()) for images, _ in epoch(dataset))
    assert brightest <= 0.3, "In the second epoch the files were read again: there is no cache."


@pytest.mark.exercise("2.6")  # LOW: "nothing dropped"
def test_make_dataset_does_not_skip_a_broken_file(files, tmp_path):
    """Skipped in silence it would be missing from every figure."""
    paths, labels = list(files[0]), files[1]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    paths[3] = str(broken)
    count = -1
    try:
        count = sum(len(k) for _, k in make((paths, labels), training=False))
    except Exception:  # any error is an honest answer
        return
    assert count == len(paths), f"One of 11 files is broken; {count} images came, without a word."


@pytest.mark.exercise("2.6")
@pytest.mark.parametrize("training", [True, False])
def test_make_dataset_keeps_labels_beside_files_that_are_not_listed_by_name(tmp_path, training):
    """Sorting the paths alone would tear them from their labels."""
    brightness = np.array([0, 60, 120, 180, 240])
    paths = [
        save(tmp_path / f"{name}.png", np.full((2, 2, 3), level, np.uint8))
        for name, level in zip("ecadb", brightness, strict=True)
    ]
    dataset = data_preprocessing.make_dataset(paths, [0, 1, 2, 3, 4], 2, 2, training, 1)
    shown, found = [], []
    for images, labels in dataset:
        shown += (255 * images.numpy().mean((1, 2, 3))).tolist()
        found += labels.numpy().tolist()
    nearest = np.abs(np.array(shown)[:, None] - brightness).argmin(1)
    torn = int((nearest != found).sum())
    assert torn == 0, f"{torn} of 5 images came with another one's label: were the paths sorted?"
    assert training or found == [0, 1, 2, 3, 4], f"In evaluation they came in the order {found}."


@pytest.mark.exercise("2.6")
def test_make_dataset_leaves_the_global_seed_alone(tmp_path):
    """Whoever calls it would draw other numbers afterwards."""
    path, drawn = save(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8)), []
    for seed in (11, 12):
        tf.random.set_seed(seed)
        data_preprocessing.make_dataset([path] * 3, [0, 1, 0], 2, 2, True, 1)
        drawn.append(float(tf.random.uniform(())))
    assert drawn[0] != drawn[1], (
        "After the call, global seeds of 11 and 12 drew the same number: tf.random.set_seed was"
        " called. Hand the seed to the operations instead."
    )

"""Grades lesson 2: reading, scaling, augmenting, and the pipeline that puts them together."""

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
    assert next(iter(dataset)).shape == (16, 16, 3)


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


# 2.3


@pytest.mark.exercise("2.3")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_standardise_subtracts_and_divides(dtype):
    """By hand, one channel after the other; the dtype of the images stays."""
    images = tf.constant([[[[0.5, 0.2, 1.0], [0.1, 0.8, 0.0]]]], dtype)
    mean, std = np.array([0.3, 0.2, 0.5], np.float32), np.array([0.1, 0.4, 0.5], np.float32)
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
    found = data_preprocessing.standardise(images, [0.75, 0.5, 0.0], [0.0, 0.0, 0.5])
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
    found = data_preprocessing.standardise(images, [0.0, 0.0, 0.0], [0.0001, 0.01, 1.0])
    values = np.asarray(found).ravel()
    assert np.abs(values / [2, 0.1, 0.5] - 1).max() <= 1e-4, (
        f"Deviations of .0001, .01 and 1 gave {values.round(4).tolist()}, not [2, .1, .5]."
    )


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


# 2.6


@pytest.fixture
def files(tmp_path):
    """`(paths, labels)` of 11 images, each of an even grey of its own; labels 0, 1, 0, 1, ..."""
    paths = []
    for k in range(11):
        pixels = np.full((9, 9, 3), 20 + 20 * k, np.uint8)
        pixels[:4, :2] = 0  # a black corner, by which the symmetries can be told
        paths.append(save(tmp_path / f"{k:02d}.png", pixels))
    return paths, np.arange(11) % 2


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
    for _ in range(6):
        images = np.concatenate([images for images, _ in epoch(dataset)])
        darkest = images[images.max((1, 2, 3)).argsort()[0]]  # image 0, however it was turned
        corners.append(tuple((darkest[[0, 0, -1, -1], [0, -1, 0, -1]].max(-1) < 0.02).tolist()))
        gains.append(tuple(np.round(darkest.max((0, 1)), 5).tolist()))
    assert len(set(corners)) >= 2, "In 6 epochs one image was never turned or flipped otherwise."
    assert len(set(gains)) >= 5, (
        f"In 6 epochs the stain of one image had {len(set(gains))} different gains."
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
def test_make_dataset_takes_paths_of_pathlib_and_lists(files, tmp_path):
    """What a folder listing gives."""
    paths = sorted(tmp_path.glob("*.png"))
    found = epoch(data_preprocessing.make_dataset(paths, list(files[1]), 8, 20, False, 0))
    assert found[0][1].tolist() == files[1].tolist(), "With pathlib paths the labels differ."

"""Grades lesson 2: reading, scaling, augmenting, and the pipeline that puts them together."""

from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import oracles, properties
from tests.graded import data_preprocessing
from tests.properties import Example
from tests.refusals import refused


def as_array(found, name):
    """What an exercise returned, or a sentence if it returned nothing."""
    assert found is not None, f"{name} returned None."
    return np.asarray(found)


# Images to read


def save(path, pixels, mode="RGB"):
    """Write an image file; returns its path as a string."""
    Image.fromarray(pixels).convert(mode).save(path)
    return str(path)


def even_image(level, side=4):
    """An image of one grey: `(side, side, 3)` uint8."""
    return np.full((side, side, 3), level, np.uint8)


def smooth_image(height, width):
    """A colour image without edges: `(height, width, 3)` uint8."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def image_from(path, side):
    """The image that `read_image` returns, an array."""
    return as_array(data_preprocessing.read_image(path, side), "read_image")


@pytest.mark.exercise("2.1")
class TestReadImage:
    """RGB, scaled to [0, 1] and stretched to the square."""

    def test_returns_floats_between_0_and_1(self, tmp_path):
        """Black is 0 and white is 1: scaled exactly once."""
        pixels = np.zeros((10, 10, 3), np.uint8)
        pixels[:, 5:] = 255
        found = image_from(save(tmp_path / "a.png", pixels), 10)
        assert found.dtype == np.float32, f"The dtype is {found.dtype}, not float32."
        assert found.shape == (10, 10, 3), f"The shape is {found.shape}, not (10, 10, 3)."
        low, high = float(found.min()), float(found.max())
        assert abs(low) <= 1e-6, f"Black was read as {low:.4f}, not 0."
        assert abs(high - 1) <= 1e-3, f"White was read as {high:.4f}, not 1."

    def test_keeps_the_values_of_an_image_of_the_right_size(self, tmp_path):
        """Nothing to resize: each value is its level over 255, with the channels in RGB order."""
        pixels = smooth_image(24, 24)
        found = image_from(save(tmp_path / "a.png", pixels), 24)
        error = np.abs(found - pixels / 255).max()
        swapped = np.abs(found[..., ::-1] - pixels / 255).max()
        hint = " The channels came out as BGR." if swapped <= 0.01 else ""
        assert error <= 1e-3, f"Some values are off by {error:.3f}.{hint}"

    @pytest.mark.parametrize("kind", ["jpg", "grey png"])
    def test_reads_jpeg_and_grey_as_rgb(self, tmp_path, kind):
        """A picture of one's own may be either."""
        name, mode = ("a.jpg", "RGB") if kind == "jpg" else ("a.png", "L")
        path = save(tmp_path / name, smooth_image(40, 40), mode)
        found = image_from(path, 20)
        assert found.shape == (20, 20, 3), f"A {kind} became an image of shape {found.shape}."
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB").resize((20, 20), Image.Resampling.BOX)) / 255
        error = float(np.abs(found - expected).mean())
        assert error <= 0.02, f"The values of a {kind} are off by {error:.3f} on average."

    def test_works_in_a_pipeline(self, tmp_path):
        """There the path is a tensor, and the shape must be known before any file is read."""
        path = save(tmp_path / "a.png", smooth_image(37, 52))
        dataset = tf.data.Dataset.from_tensor_slices([path]).map(
            lambda p: data_preprocessing.read_image(p, 16)
        )
        shape = dataset.element_spec.shape
        assert shape == (16, 16, 3), f"In a pipeline the static shape is {shape}, not (16, 16, 3)."
        shape = next(iter(dataset)).shape
        assert shape == (16, 16, 3), f"In a pipeline an image came out with the shape {shape}."

    def test_stretches_to_the_square(self, tmp_path):
        """The whole cell stays visible: no cropping and no black bars."""
        pixels = np.full((20, 60, 3), 40, np.uint8)
        pixels[:, :15] = 240  # a quarter of the width
        found = image_from(save(tmp_path / "a.png", pixels), 32)
        assert found.shape == (32, 32, 3), f"An image of 20 x 60 became {found.shape}."
        bright = float((found[..., 0] > 0.5).mean())
        assert abs(bright - 0.25) <= 0.04, (
            f"A quarter of the image is bright, but {bright:.2f} of the result: stretch the image,"
            " do not crop or pad it."
        )
        dark = float((found[..., 0] < 0.1).mean())
        assert dark <= 0, f"{dark:.0%} of the result is black, but nothing in the image is."

    def test_resizes_bilinearly(self, tmp_path):
        """By hand: enlarging 0 beside 1 gives a ramp, not a step and not an overshoot."""
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[:, 1] = 255
        found = image_from(save(tmp_path / "a.png", pixels), 8)
        ramp = np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1)  # pixel centres in the small image
        error = float(np.abs(found[4, :, 0] - ramp).max())
        assert error <= 0.01, (
            f"Enlarging black beside white gave {found[4, :, 0].round(2).tolist()}; interpolated"
            f" linearly it is {ramp.round(2).tolist()}."
        )

    def test_antialiases_when_it_shrinks(self, tmp_path):
        """By hand: a fine chequerboard shrinks to grey, not to an accidental pattern."""
        board = np.indices((80, 80)).sum(0) % 2 * 255
        pixels = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
        found = image_from(save(tmp_path / "a.png", pixels), 16)
        spread = float(np.abs(found[2:-2, 2:-2] - 0.5).max())
        assert spread <= 0.05, (
            f"A fine chequerboard, shrunk fivefold, should be an even grey; it is off by"
            f" {spread:.2f}. Without antialiasing a small parasite can fall between the samples."
        )

    @pytest.mark.parametrize(
        ("height", "width", "side"), [(37, 52, 16), (52, 37, 30), (60, 20, 32)]
    )
    def test_agrees_with_triangle_filters(self, tmp_path, height, width, side):
        """Tall and wide, shrunk a little, shrunk a lot, and enlarged."""
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
        found = image_from(save(tmp_path / "a.png", pixels), side)
        expected = oracles.resized(pixels / 255, side)
        assert found.shape == expected.shape, f"The shape is {found.shape}, not {expected.shape}."
        error = float(np.abs(found - expected).max())
        # float32 is off by 1e-6, whole levels on the way (as in Pillow) by 0.004, and resizing
        # without antialiasing by 0.2.
        assert error <= 0.006, (
            f"{height} x {width} pixels, resized to {side} x {side}, are off by up to {error:.3f}:"
            " stretch the whole image, bilinear and antialiased."
        )
        shift = float((found - expected).mean())
        assert abs(shift) <= 1e-3, (
            f"{height} x {width} pixels, resized to {side} x {side}, are off by {shift:.4f} on"
            " average: were they cut down to whole levels?"
        )


# Channels


def statistics_of(images):
    """The mean and the standard deviation that `channel_statistics` returns, arrays."""
    found = data_preprocessing.channel_statistics(tf.constant(images))
    assert found is not None, "channel_statistics returned None."
    assert len(found) == 2, "channel_statistics should return the mean and the standard deviation."
    return np.asarray(found[0]), np.asarray(found[1])


@pytest.mark.exercise("2.2")
class TestChannelStatistics:
    """One mean and one standard deviation for each channel, over all pixels of all images."""

    def test_returns_one_number_for_each_channel(self):
        """Not one for all channels, and not one for each pixel."""
        for name, found in zip(
            ("mean", "standard deviation"), statistics_of(np.zeros((6, 5, 7, 3))), strict=True
        ):
            assert found.shape == (3,), f"The {name} has the shape {found.shape}, not (3,)."

    def test_divides_by_the_number_of_pixels(self):
        """By hand: 0 and 1 have the deviation 0.5; divided by one pixel less, it would be 0.71."""
        images = np.zeros((1, 1, 2, 3))
        images[0, 0, 1] = 1
        mean, std = (array.round(3).tolist() for array in statistics_of(images))
        assert mean == [0.5] * 3, f"The mean of 0 and 1 is 0.5, not {mean}."
        assert std == [0.5] * 3, f"The standard deviation of 0 and 1 is 0.5, not {std}."

    def test_gives_every_pixel_the_same_weight(self):
        """Deviations averaged over the images miss how the images differ from each other."""
        _, std = statistics_of(np.concatenate([np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 3))]))
        assert np.abs(std - 0.5).max() <= 1e-6, (
            "A black and a white image together have the standard deviation 0.5, not"
            f" {std.round(3).tolist()}."
        )

    @pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-11)])
    def test_agrees_with_numpy(self, dtype, tolerance):
        """And in float64 to its last digits: not computed in float32 and cast back."""
        random = np.random.default_rng(0).random((6, 5, 7, 3))
        images = (random * [1, 0.5, 0.1] + [0, 0.2, 0.8]).astype(dtype)
        for name, found, expected in zip(
            ("mean", "standard deviation"),
            statistics_of(images),
            oracles.channel_statistics(images),
            strict=True,
        ):
            error = np.abs(found - expected).max()
            assert error <= tolerance, (
                f"The {name} of {dtype.__name__} images is {found.round(4).tolist()}, not"
                f" {expected.round(4).tolist()}: it is off by up to {error:.0e}."
            )

    def test_finds_no_deviation_in_an_even_channel(self):
        """The deviation of equal values is 0: not NaN, and nothing that was added."""
        mean, std = statistics_of(np.full((4, 8, 8, 3), [0.7, 0.1, 0.5], np.float32))
        error = np.abs(mean - [0.7, 0.1, 0.5]).max()
        assert error <= 1e-5, f"The mean of even channels is off by {error:.5f}."
        assert np.isfinite(std).all(), (
            "Even channels gave a standard deviation of NaN: the mean square less the squared mean"
            " can come out below 0. Average the squared distance from the mean."
        )
        assert std.max() <= 1e-5, (
            f"Even channels gave the standard deviations {std.round(5).tolist()}, not 0."
        )

    def test_sees_a_small_deviation(self):
        """In float32 the mean square less the squared mean has no digits left here."""
        values = np.random.default_rng(0).random((6, 9, 9, 3)) * 1e-2 + [0.9, 0.6, 0.3]
        images = values.astype(np.float32)
        _, std = statistics_of(images)
        _, expected = oracles.channel_statistics(images)
        error = np.abs(std / expected - 1).max()
        assert error <= 0.02, (
            f"For values within 0.01 of each other the standard deviation is off by {error:.0%}."
        )

    def test_counts_every_image(self):
        """4,001 images: 2,000 black ones, then 2,001 white ones; no batch size divides 4,001."""
        images = np.zeros((4001, 1, 1, 3))
        images[2000:] = 1
        for name, found, expected in zip(
            ("mean", "standard deviation"),
            statistics_of(images),
            oracles.channel_statistics(images),
            strict=True,
        ):
            error = np.abs(found - expected).max()
            assert error <= 1e-5, (
                f"The {name} of 2,000 black and 2,001 white images is {found.tolist()}, not"
                f" {expected[0]:.6f}: every image counts, and each as much as any other."
            )


def standardised_images(images, mean, std):
    """The images that `standardise` returns, an array; all inputs become tensors of one dtype."""
    dtype = images.dtype
    tensors = [tf.constant(values, dtype) for values in (images, mean, std)]
    return as_array(data_preprocessing.standardise(*tensors), "standardise")


@pytest.mark.exercise("2.3")
class TestStandardise:
    """Each channel centred at 0 and scaled to a standard deviation of 1."""

    def test_subtracts_and_divides(self):
        """By hand, one channel after the other."""
        images = np.array([[[[0.5, 0.2, 1.0], [0.1, 0.8, 0.0]]]], np.float32)
        found = standardised_images(images, mean=[0.3, 0.2, 0.5], std=[0.1, 0.4, 0.5])
        expected = [[[[2.0, 0.0, 1.0], [-2.0, 1.5, -1.0]]]]
        assert found.shape == (1, 1, 2, 3), f"The shape (1, 1, 2, 3) became {found.shape}."
        error = np.abs(found - expected).max()
        assert error <= 1e-5, (
            f"Two pixels came out as {found[0, 0].round(3).tolist()}, not {expected[0][0]}."
        )

    @pytest.mark.parametrize("shape", [(1, 1, 1, 3), (3, 4, 5, 3), (2, 3, 3, 3)])
    def test_takes_images_of_any_size(self, shape):
        """The last axis holds the channels, whatever else happens to be 3."""
        images = np.random.default_rng(0).random(shape)
        mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.0, 2.0])
        found = standardised_images(images, mean, std)
        assert found.shape == shape, f"Images of the shape {shape} became {found.shape}."
        error = np.abs(found - oracles.standardised(images, mean, std)).max()
        assert error <= 1e-6, f"Images of the shape {shape} are off by {error:.4f}."

    def test_keeps_the_digits_of_float64(self):
        """Not computed in float32 and cast back; and large values are not cut off."""
        images = np.random.default_rng(0).random((2, 6, 6, 3)) * 500
        mean, std = np.array([0.1, 0.2, 0.3]), np.array([4.0, 8.0, 16.0])
        found = standardised_images(images, mean, std)
        error = np.abs(found / oracles.standardised(images, mean, std) - 1).max()
        assert error <= 1e-8, f"For float64 images the relative error is {error:.0e}."

    def test_only_centres_a_channel_without_deviation(self):
        """Dividing by 0 gives infinity or NaN, which spreads through the whole network."""
        images = np.full((2, 3, 3, 3), 0.75, np.float32)
        found = standardised_images(images, mean=[0.75, 0.5, 0.0], std=[0.0, 0.0, 0.5])
        assert np.isfinite(found).all(), "A channel without deviation gave infinity or NaN."
        pixel = found[0, 0, 0].round(4).tolist()
        assert np.abs(found - [0, 0.25, 1.5]).max() <= 1e-6, (
            f"With the standard deviations 0, 0 and 0.5 the pixel came out as {pixel}, not"
            " [0, 0.25, 1.5]."
        )

    def test_divides_by_a_small_deviation_as_by_any_other(self):
        """Something added to every deviation, for fear of dividing by 0, would show here."""
        images = np.array([[[[0.0002, 0.001, 0.5]]]])
        found = standardised_images(images, mean=np.zeros(3), std=[0.0001, 0.01, 1.0]).ravel()
        assert np.abs(found / [2, 0.1, 0.5] - 1).max() <= 1e-4, (
            f"The standard deviations 0.0001, 0.01 and 1 gave {found.round(4).tolist()}, not"
            " [2, 0.1, 0.5]."
        )

    def test_leaves_the_callers_array_alone(self):
        """`images -= mean` changes a NumPy array in place, and the caller may still need it."""
        images = np.ones((1, 2, 2, 3), np.float32)
        mean, std = np.float32([0.1, 0.2, 0.3]), np.float32([0.5, 0.0, 2.0])
        try:
            found = data_preprocessing.standardise(images, mean, std)
        except (AttributeError, TypeError, ValueError):
            found = None  # Only tensors are promised: an answer may refuse arrays, not spoil them.
        assert (images == 1).all(), "The array of images that was passed in has changed."
        if found is not None:
            error = np.abs(found - oracles.standardised(images, mean, std)).max()
            assert error <= 1e-5, f"For a NumPy array the result is off by {error:.4f}."


# Augmentation


def asymmetric_image(dtype=np.float32):
    """An image none of whose 8 symmetries equals another: `(4, 4, 3)`, values in [0, 1]."""
    return np.random.default_rng(4).random((4, 4, 3)).astype(dtype)


def copies(image, count):
    """A batch of one image, over and over."""
    return np.stack([image] * count)


def turned_images(images, seed=(1, 2)):
    """The images that `flip_and_rotate` returns, an array."""
    found = data_preprocessing.flip_and_rotate(tf.constant(images), seed)
    return as_array(found, "flip_and_rotate")


def orientations(images, image):
    """For each of some images, which of the 8 symmetries of `image` it is, or -1 if none."""
    symmetries = oracles.symmetries(image)
    match = [[np.array_equal(found, one) for one in symmetries] for found in images]
    return np.array([row.index(True) if any(row) else -1 for row in match])


@pytest.mark.exercise("2.4")
class TestFlipAndRotate:
    """One of the 8 symmetries of the square, drawn for each image."""

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_makes_symmetries_of_the_square(self, dtype):
        """Pixels are only moved: nothing is blurred, no digit is lost, and the channels stay."""
        image = asymmetric_image(dtype)
        found = turned_images(copies(image, 64))
        assert found.shape == (64, 4, 4, 3), f"64 images became the shape {found.shape}."
        strangers = int((orientations(found, image) < 0).sum())
        assert strangers == 0, (
            f"{strangers} of 64 results are none of the 8 symmetries of their {dtype.__name__}"
            " image."
        )

    def test_keeps_the_images_in_their_places(self):
        """The labels do not move, so the images must not change places either."""
        images = np.random.default_rng(0).random((16, 4, 4, 3)).astype(np.float32)
        found = turned_images(images, (5, 6))
        strangers = [k for k in range(16) if orientations(found[k : k + 1], images[k])[0] < 0]
        assert not strangers, f"At {len(strangers)} of 16 places another image came out."

    def test_draws_for_each_image(self):
        """64 copies of one image: one draw for the whole batch would turn them all the same."""
        image = asymmetric_image()
        for seed in ((1, 2), (3, 4)):
            kinds = len(set(orientations(turned_images(copies(image, 64), seed), image).tolist()))
            assert kinds >= 6, f"64 copies of one image came out in {kinds} of the 8 orientations."

    def test_draws_all_8_equally_often(self):
        """Of 4,000 draws each gets about 500; flips and a half turn alone reach only 4."""
        image = asymmetric_image()
        drawn = [
            orientations(turned_images(copies(image, 500), seed=(k, 9)), image) for k in range(8)
        ]
        counts = np.bincount(np.concatenate(drawn), minlength=8)
        # The standard deviation is 21; 400 to 600 is nearly five of them.
        assert counts.min() >= 400, f"Of 4,000 draws the 8 orientations got {counts.tolist()}."
        assert counts.max() <= 600, f"Of 4,000 draws the 8 orientations got {counts.tolist()}."

    def test_draws_neighbours_independently(self):
        """Counting through the orientations is one draw for the batch: the first decides all."""
        image = asymmetric_image()
        pairs = np.zeros((8, 8), int)
        for k in range(4):
            order = orientations(turned_images(copies(image, 400), seed=(k, 11)), image)
            np.add.at(pairs, (order[:-1], order[1:]), 1)
        missing = int((pairs == 0).sum())
        # There are 1,596 pairs of neighbours, so 25 of each kind are expected.
        assert missing <= 2, (
            f"Of the 64 ways in which two neighbours can be turned {missing} never came: the draws"
            " depend on each other."
        )

    def test_draws_anew_at_every_place(self):
        """Over 64 seeds each place of a batch sees nearly all orientations: no draw is fixed."""
        image = asymmetric_image()
        batch = copies(image, 8)
        drawn = np.array([orientations(turned_images(batch, (k, 5)), image) for k in range(64)])
        kinds = [len(set(column.tolist())) for column in drawn.T]
        # That 64 draws miss even two of the 8 happens once in three million.
        assert min(kinds) >= 6, (
            f"Over 64 seeds an image at some place of the batch came out in only {min(kinds)} of"
            " the 8 orientations: part of the draw is the same in every call."
        )

    def test_turns_a_single_image_too(self):
        """The last batch may be this short; dealt out like cards, its image is never turned."""
        batch = asymmetric_image()[None]
        seen = {turned_images(batch, (k, 9)).tobytes() for k in range(120)}
        # An honest draw misses one of the 8 once in a million.
        assert len(seen) == 8, f"Over 120 seeds a batch of one came out in {len(seen)} of 8 ways."

    def test_takes_both_numbers_of_the_seed_from_a_tensor(self):
        """In a graph the seed is a tensor; it draws the same there, and each number counts."""
        batch = copies(asymmetric_image(), 32)
        expected = turned_images(batch, (1, 2))
        found = turned_images(batch, tf.constant([1, 2]))
        assert np.array_equal(found, expected), "Two calls with the seed (1, 2) drew differently."
        compiled = tf.function(lambda x, seed: data_preprocessing.flip_and_rotate(x, seed))
        found = np.asarray(compiled(batch, tf.constant([1, 2])))
        assert np.array_equal(found, expected), "In a graph the seed (1, 2) drew differently."
        for other in ((1, 3), (2, 2)):
            found = np.asarray(compiled(batch, tf.constant(other)))
            assert not np.array_equal(found, expected), (
                f"The seeds (1, 2) and {other} drew the same."
            )

    @pytest.mark.parametrize(("height", "width"), [(4, 6), (6, 4)])
    def test_refuses_images_that_are_not_square(self, height, width):
        """Neither wide nor tall ones: a quarter turn would change their shape."""
        with refused(f"images of {height} x {width} pixels"):
            data_preprocessing.flip_and_rotate(tf.zeros((2, height, width, 3)), (0, 0))


def stained_images(images, seed=(1, 2), **strength):
    """The images that `jitter_stain` returns, an array."""
    found = data_preprocessing.jitter_stain(tf.constant(images), seed, **strength)
    return as_array(found, "jitter_stain")


def gains_of(count=400, seed=(1, 2), **strength):
    """The gain of each channel of `count` images, measured on a grey of 0.5: `(count, 3)`."""
    images = np.full((count, 1, 1, 3), 0.5, np.float32)
    return stained_images(images, seed, **strength).reshape(count, 3) / 0.5


@pytest.mark.exercise("2.5")
class TestJitterStain:
    """Each channel of each image multiplied by a gain of its own."""

    def test_multiplies_a_channel_by_one_gain(self):
        """The same gain for all pixels of an image's channel: one for each pixel is noise."""
        images = np.full((400, 3, 3, 3), 0.5, np.float32)
        found = stained_images(images)
        assert found.shape == images.shape, f"The shape {images.shape} became {found.shape}."
        gains = found / images
        uneven = float((gains.max((1, 2)) - gains.min((1, 2))).max())
        assert uneven <= 1e-5, "The gain differs within an image: draw one for each channel of it."

    def test_keeps_black_black(self):
        """The background carries no stain; an offset would tint it."""
        images = np.zeros((8, 4, 4, 3), np.float32)
        images[:, 1:3, 1:3] = 0.6
        background = float(np.abs(stained_images(images, seed=(3, 4))[:, 0]).max())
        assert background <= 0, f"The black background became {background:.3f}."

    def test_keeps_every_digit_without_strength(self):
        """With strength 0 every gain is 1; through float32 and back, digits would be lost."""
        images = np.random.default_rng(0).random((3, 4, 5, 3))
        error = float(np.abs(stained_images(images, strength=0.0) - images).max())
        assert error <= 1e-12, f"With strength 0 a float64 pixel changed by {error:.0e}."

    def test_draws_for_each_image_and_channel(self):
        """One draw for the batch changes all images alike; one per image changes no colour."""
        gains = gains_of()
        images = len(np.unique(gains[:, 0].round(5)))
        assert images > 200, f"400 images got {images} different gains."
        correlations = np.corrcoef(gains.T)[np.triu_indices(3, 1)]
        assert np.abs(correlations).max() <= 0.25, (
            "The channels' gains go together (correlations"
            f" {correlations.round(2).tolist()}): draw one for each channel."
        )

    @pytest.mark.parametrize("strength", [0.1, 0.3, 0.9])
    def test_draws_gains_uniformly(self, strength):
        """Between 1 - strength and 1 + strength, all equally likely, however strong it is."""
        draws = (gains_of(strength=strength) - 1) / strength  # should be uniform in [-1, 1]
        low, high = float(draws.min()), float(draws.max())
        what = f"With the strength {strength}"
        assert -1.001 <= low <= -0.95, (
            f"{what} the lowest of 1,200 gains is {1 + strength * low:.3f}."
        )
        assert 0.95 <= high <= 1.001, (
            f"{what} the highest of 1,200 gains is {1 + strength * high:.3f}."
        )
        spread, mean = float(draws.std()), float(draws.mean())
        # A uniform draw from [-1, 1] has the standard deviation 0.577.
        assert abs(spread - 0.577) <= 0.04, (
            f"{what} the gains' standard deviation is {spread:.2f} times the strength, not 0.58."
        )
        assert abs(mean) <= 0.07, f"{what} the gains' mean is {1 + strength * mean:.3f}, not 1."

    def test_has_a_strength_of_a_tenth_by_default(self):
        """Stains that occur; a stronger default makes cells that no smear shows."""
        gains = gains_of()
        low, high = float(gains.min()), float(gains.max())
        assert 0.899 <= low <= 0.905, (
            f"Without a strength the lowest of 1,200 gains is {low:.3f}, not 0.9."
        )
        assert 1.095 <= high <= 1.101, (
            f"Without a strength the highest of 1,200 gains is {high:.3f}, not 1.1."
        )

    def test_stays_within_0_and_1(self):
        """White times 1.3 is still white."""
        found = stained_images(np.ones((50, 2, 2, 3), np.float32), seed=(1, 1), strength=0.3)
        low, high = float(found.min()), float(found.max())
        assert high <= 1, f"White became {high:.2f}."
        assert 0.7 - 1e-5 <= low <= 0.75, f"The darkest of 150 white channels became {low:.2f}."

    def test_clips_only_what_is_too_bright(self):
        """Clipping leaves the darker pixels alone: they show the gain that the bright ones have."""
        images = np.full((100, 2, 2, 3), 0.5, np.float32)
        images[:, 0] = 0.95
        found = stained_images(images, seed=(5, 6), strength=0.3)
        gains = found[:, 1] / 0.5
        assert gains.max() >= 1.25, (
            f"Beside bright pixels the highest of 300 gains is {gains.max():.2f}, not 1.3: clip the"
            " values above 1, do not scale the image."
        )
        error = float(np.abs(found[:, 0] - np.minimum(0.95 * gains, 1)).max())
        assert error <= 1e-5, (
            f"Pixels of 0.95 are off by up to {error:.2f}: times the gain, and 1 where that is"
            " above 1."
        )

    def test_draws_every_channel_from_the_seed(self):
        """No channel has a seed of its own that never changes."""
        same = (gains_of(16, seed=(1, 2)) == gains_of(16, seed=(7, 8))).all(axis=0)
        names = [name for name, kept in zip(("red", "green", "blue"), same, strict=True) if kept]
        assert not names, f"With another seed the gains of {names} stayed the same."

    def test_takes_both_numbers_of_the_seed_from_a_tensor(self):
        """In a graph the seed is a tensor; it draws the same there, and each number counts."""
        images = np.full((8, 2, 2, 3), 0.5, np.float32)
        expected = stained_images(images, (1, 2))
        found = stained_images(images, tf.constant([1, 2]))
        assert np.array_equal(found, expected), "Two calls with the seed (1, 2) drew differently."
        compiled = tf.function(lambda x, seed: data_preprocessing.jitter_stain(x, seed))
        error = np.abs(np.asarray(compiled(images, tf.constant([1, 2]))) - expected).max()
        assert error <= 1e-6, "In a graph the seed (1, 2) drew differently."
        for other in ((1, 3), (2, 2)):
            found = np.asarray(compiled(images, tf.constant(other)))
            assert not np.allclose(found, expected), f"The seeds (1, 2) and {other} drew the same."


# The pipeline


@pytest.fixture
def files(tmp_path):
    """`(paths, labels)` of 11 images, each of a grey of its own; the labels are 0, 1, 0, 1, ..."""
    paths = []
    for k in range(11):
        pixels = even_image(20 + 20 * k, side=9)
        pixels[:4, :2] = 0  # a black corner, which shows how the image was turned
        paths.append(save(tmp_path / f"{k:02d}.png", pixels))
    return paths, np.arange(11, dtype=np.int32) % 2


def pipeline(paths, labels, image_size=4, batch_size=4, training=True, seed=0):
    """The data set that `make_dataset` returns."""
    found = data_preprocessing.make_dataset(paths, labels, image_size, batch_size, training, seed)
    assert found is not None, "make_dataset returned None."
    return found


def batches_of(dataset):
    """The batches of one epoch, a list of `(images, labels)`, arrays."""
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def epoch_of(dataset):
    """All images and all labels of one epoch, in the order in which they came: two arrays."""
    batches = batches_of(dataset)
    assert batches, "An epoch of the data set has no batches."
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def gains_in(dataset):
    """The different gains that the images of one epoch got, a set: all were of one even grey."""
    images, _ = epoch_of(dataset)
    return {tuple(gains) for gains in images[:, 0, 0].round(6).tolist()}


@pytest.fixture
def many_images(tmp_path):
    """`(paths, labels)` of 2,400 images, as many as the practice cells; each label is its place."""
    path = save(tmp_path / "a.png", even_image(100, side=2))
    return [path] * 2400, np.arange(2400)


@pytest.mark.exercise("2.6")
class TestMakeDataset:
    """Read, cache, shuffle, batch, augment: each in its place."""

    @pytest.mark.parametrize("training", [True, False])
    def test_gives_batches_of_images_and_labels(self, files, training):
        """Float32 images, int32 labels; the last, short batch is kept."""
        batches = batches_of(pipeline(*files, image_size=8, training=training))
        sizes = [len(labels) for _, labels in batches]
        assert sizes == [4, 4, 3], (
            f"11 images in batches of 4 came as {sizes}: nothing may be dropped."
        )
        images, labels = batches[0]
        assert images.shape == (4, 8, 8, 3), f"The images of a batch have the shape {images.shape}."
        assert images.dtype == np.float32, f"The images are {images.dtype}, not float32."
        assert labels.dtype == np.int32, f"The labels are {labels.dtype}, not int32."
        assert 0 <= images.min() <= images.max() <= 1, (
            f"The images lie between {images.min():.2f} and {images.max():.2f}."
        )

    @pytest.mark.parametrize("training", [True, False])
    def test_knows_its_shapes(self, files, training):
        """A layer is built from the static shape, before any file is read."""
        images, labels = pipeline(*files, image_size=8, training=training).element_spec
        assert (images.shape.rank, images.shape[1:]) == (4, (8, 8, 3)), (
            f"The static shape of the images is {images.shape}, not (None, 8, 8, 3)."
        )
        assert labels.shape.rank == 1, (
            f"The static shape of the labels is {labels.shape}, not (None,)."
        )

    def test_leaves_evaluation_alone(self, files):
        """Order kept, nothing augmented: each image as it is in its file, and the same twice."""
        dataset = pipeline(*files, image_size=8, training=False)
        images, labels = epoch_of(dataset)
        assert labels.tolist() == files[1].tolist(), f"The labels came as {labels.tolist()}."
        expected = (20 + 20 * np.arange(11)) / 255
        error = float(np.abs(images[:, 7, 7, 0] - expected).max())
        assert error <= 1e-3, f"In evaluation an even image's value is off by {error:.3f}."
        assert np.abs(images[:, 0, 0]).max() <= 0.02, "In evaluation the black corner has moved."
        again, _ = epoch_of(dataset)
        assert np.array_equal(images, again), "Two passes over the evaluation set differ."

    @pytest.mark.parametrize("training", [True, False])
    def test_keeps_labels_with_their_images(self, tmp_path, training):
        """Shuffled, but together: the brightness tells which label an image had.

        The paths are not in the order of their names: sorting them alone would part them from
        their labels.
        """
        levels = np.array([0, 60, 120, 180, 240])  # far enough apart for gains of 1 +- 0.1
        paths = [
            save(tmp_path / f"{name}.png", even_image(level))
            for name, level in zip("ecadb", levels, strict=True)
        ]
        dataset = pipeline(paths, [0, 1, 2, 3, 4], batch_size=2, training=training, seed=1)
        for _ in range(3):
            images, labels = epoch_of(dataset)
            brightness = 255 * images.mean((1, 2, 3))
            shown = np.abs(brightness[:, None] - levels).argmin(axis=1)  # the nearest level
            parted = int((shown != labels).sum())
            assert parted == 0, f"{parted} of 5 images came with the label of another image."
            if not training:
                assert labels.tolist() == [0, 1, 2, 3, 4], (
                    f"In evaluation the images came in the order {labels.tolist()}."
                )

    def test_shows_every_image_once_an_epoch(self, files):
        """A shuffle after a repeat, or a draw with replacement, loses some."""
        dataset = pipeline(*files, image_size=8)
        for _ in range(2):
            images, _ = epoch_of(dataset)
            brightest = np.sort(images.max((1, 2, 3))) * 255
            error = np.abs(brightest / (20 + 20 * np.arange(11)) - 1).max()
            # A gain changes the brightest value of an image by 10% at most.
            assert error <= 0.12, (
                "In an epoch of training some images are missing, others come twice."
            )

    def test_shuffles_over_the_whole_set(self, many_images):
        """A fixed buffer of 1,000 sees less than half of the practice cells."""
        _, order = epoch_of(pipeline(*many_images, image_size=2, batch_size=100, seed=3))
        in_order = np.arange(2400)
        assert np.array_equal(np.sort(order), in_order), "In an epoch not every image came once."
        assert not np.array_equal(order, in_order), (
            "The training images come in the order of the files."
        )
        reach = order[:100].max()
        assert reach >= 2160, (
            f"The first batch of 100 reaches only up to image {reach} of 2,400: the shuffle buffer"
            " must hold the whole set."
        )

    def test_shuffles_anew_each_epoch(self, many_images):
        """Images, not batches: those that share a batch now are apart in the next epoch."""
        dataset = pipeline(*many_images, image_size=2, batch_size=100, seed=3)
        first, second = epoch_of(dataset)[1], epoch_of(dataset)[1]
        assert not np.array_equal(first, second), "Two epochs came in the same order."
        # Where each image came in the first epoch, beside where it came in the second.
        correlation = float(np.corrcoef(np.argsort(first), np.argsort(second))[0, 1])
        # For orders drawn independently it is 0, with a standard deviation of 0.02.
        assert abs(correlation) <= 0.15, (
            f"The places of the images in two epochs go together (correlation {correlation:.2f}):"
            " each epoch must shuffle the whole set anew."
        )
        first_batches = {frozenset(batch) for batch in first.reshape(24, 100).tolist()}
        second_batches = {frozenset(batch) for batch in second.reshape(24, 100).tolist()}
        again = len(first_batches & second_batches)
        assert again == 0, (
            f"{again} of 24 batches hold the same images in both epochs: shuffle before batching."
        )

    def test_augments_each_image_fully(self, tmp_path):
        """96 copies of one image: all 8 symmetries, and gains of 1 +- 0.1, one a channel."""
        pixels = even_image(200)
        pixels[0, 0], pixels[0, 1], pixels[1, 0] = 20, 60, 120  # no symmetry equals another
        path = save(tmp_path / "a.png", pixels)
        images, _ = epoch_of(pipeline([path] * 96, np.zeros(96, int), batch_size=96))
        brightest = images.max((1, 2))  # of each channel: its gain times 200 / 255
        gains = brightest / np.float32(200 / 255)
        untinted = (images / brightest[:, None, None] * 200).mean(axis=-1).round()
        found = orientations(untinted, pixels[..., 0].astype(float))
        assert (found >= 0).all(), (
            "Some images are not one of the 8 symmetries of their file, times a gain a channel."
        )
        kinds = len(set(found.tolist()))
        assert kinds == 8, f"96 copies of one image came in {kinds} of the 8 orientations."
        low, high = float(gains.min()), float(gains.max())
        assert 0.899 <= low <= 0.92, f"The lowest of 288 gains of the stain is {low:.3f}, not 0.9."
        assert 1.08 <= high <= 1.101, (
            f"The highest of 288 gains of the stain is {high:.3f}, not 1.1."
        )
        correlation = float(np.corrcoef(gains.T)[np.triu_indices(3, 1)].max())
        assert correlation <= 0.5, (
            f"The channels' gains go together (correlation {correlation:.2f}): draw one for each."
        )

    def test_augments_anew_each_epoch(self, files):
        """Augmented before the cache, every epoch would show the same pictures again."""
        dataset = pipeline(*files, image_size=8)
        corners, gains = set(), set()
        for _ in range(12):
            images, _ = epoch_of(dataset)
            darkest = images[images.max((1, 2, 3)).argmin()]  # the first file, however turned
            is_black = darkest.max(axis=-1) < 0.02
            corners.add(tuple(is_black[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()))
            gains.add(tuple(darkest.max((0, 1)).round(5).tolist()))
        assert len(corners) >= 2, "In 12 epochs one image was always flipped and turned the same."
        assert len(gains) >= 11, (
            f"In 12 epochs the stain of one image had {len(gains)} different gains."
        )

    def test_draws_for_each_image_of_each_batch(self, tmp_path):
        """One seed for all batches would draw the same gains for each of them."""
        path = save(tmp_path / "a.png", even_image(128))
        gains = gains_in(pipeline([path] * 12, np.zeros(12, int)))
        assert len(gains) == 12, (
            f"12 images in batches of 4 got {len(gains)} different gains: draw for each image of"
            " each batch."
        )

    def test_never_repeats_a_draw(self, tmp_path):
        """Draws that are counted, such as (seed, number of the batch), start again each epoch."""
        path = save(tmp_path / "a.png", even_image(128))
        dataset = pipeline([path] * 12, np.zeros(12, int))
        first, second, third = (gains_in(dataset) for _ in range(3))
        again = len(first & second) + len(second & third)
        assert again == 0, (
            f"{again} of 24 gains are those of the epoch before: the random numbers start again"
            " with each epoch, so the network sees the same draws over and over."
        )

    @pytest.mark.parametrize("seed", [5, 0])
    def test_repeats_itself_with_a_seed(self, files, seed):
        """Epoch by epoch; with 0 too, which is false in Python: `seed or None` means any seed."""
        first, second = (pipeline(*files, image_size=8, seed=seed) for _ in range(2))
        for epoch in (1, 2):
            (images, labels), (others, their_labels) = epoch_of(first), epoch_of(second)
            same = np.array_equal(images, others) and np.array_equal(labels, their_labels)
            assert same, f"Two pipelines with the seed {seed} differ in epoch {epoch}."

    def test_reads_each_file_once(self, tmp_path):
        """After the first epoch everything comes from the cache: the files could be gone."""
        paths = [save(tmp_path / f"{k}.png", even_image(50)) for k in range(6)]
        dataset = pipeline(paths, np.zeros(6, int))
        batches = len(batches_of(dataset))
        assert batches == 2, f"6 images in batches of 4 gave {batches} batches."
        for path in paths:
            save(path, even_image(250))
        brightest = float(epoch_of(dataset)[0].max())
        assert brightest <= 0.3, "In the second epoch the files were read again: there is no cache."

    def test_keeps_the_order_in_evaluation_when_one_file_is_slow(self, tmp_path):
        """Reading in parallel is right; letting the fastest file come first is not."""
        paths = [
            save(tmp_path / f"{k}.png", even_image(9 + 9 * k, side=1500 if k == 0 else 4))
            for k in range(12)
        ]
        _, order = epoch_of(pipeline(paths, np.arange(12), training=False))
        assert order.tolist() == list(range(12)), (
            f"With a large first file the images came in the order {order.tolist()}."
        )

    def test_does_not_skip_a_broken_file(self, files, tmp_path):
        """Skipped in silence, it would be missing from every figure."""
        paths, labels = files
        broken = tmp_path / "broken.png"
        broken.write_bytes(b"not a picture")
        paths[3] = str(broken)
        try:
            _, found = epoch_of(pipeline(paths, labels, training=False))
        except (tf.errors.OpError, OSError, ValueError):
            pass  # An error is the honest answer, whichever of these the reading raises.
        else:
            assert len(found) == 11, f"One of 11 files is broken; {len(found)} images came."

    @pytest.mark.parametrize(("images", "labels"), [(3, 2), (2, 3)])
    @pytest.mark.parametrize("training", [True, False])
    def test_refuses_what_does_not_fit(self, files, images, labels, training):
        """A label too few is a slip that shifts all the others."""
        with refused(f"{images} images and {labels} labels"):
            pipeline(files[0][:images], np.zeros(labels, int), training=training)


def first_epoch(images, labels, seed):
    """What a pipeline over files of these images gives in its first epoch."""
    with TemporaryDirectory() as folder:
        paths = [save(f"{folder}/{k}.png", pixels) for k, pixels in enumerate(images)]
        return epoch_of(pipeline(paths, labels, seed=seed))


def image_read_from_file(pixels):
    """What comes back of an image that was written to a file, in its own size."""
    with TemporaryDirectory() as folder:
        return image_from(save(f"{folder}/a.png", pixels), len(pixels))


def float_images(dtype):
    """A batch of two images, a tensor: `(2, 4, 4, 3)`."""
    return tf.constant(np.random.default_rng(0).random((2, 4, 4, 3)), dtype)


# The properties that all exercises have in common; tests/properties.py has the tests.
test_properties = properties.tests_of(
    Example("2.1", image_read_from_file, inputs=lambda dtype: (smooth_image(8, 8),)),
    Example(
        "2.2",
        lambda images: data_preprocessing.channel_statistics(images),
        inputs=lambda dtype: (float_images(dtype),),
        dtype=True,
    ),
    Example(
        "2.3",
        lambda images, mean, std: data_preprocessing.standardise(images, mean, std),
        inputs=lambda dtype: (
            float_images(dtype),
            tf.constant([0.1, 0.2, 0.3], dtype),
            tf.constant([0.5, 0.0, 2.0], dtype),
        ),
        dtype=True,
        batched=(0,),
    ),
    Example(
        "2.4",
        lambda images, seed: data_preprocessing.flip_and_rotate(images, seed),
        inputs=lambda dtype: (tf.tile(float_images(dtype), (8, 1, 1, 1)),),
        dtype=True,
        batched=(0,),
        seeds=((1, 2), (1, 3)),
    ),
    Example(
        "2.5",
        lambda images, seed: data_preprocessing.jitter_stain(images, seed),
        inputs=lambda dtype: (float_images(dtype),),
        dtype=True,
        batched=(0,),
        seeds=((1, 2), (1, 3)),
    ),
    Example(
        "2.6",
        first_epoch,
        inputs=lambda dtype: (np.stack([even_image(128)] * 6), np.arange(6)),
        seeds=(5, 6),
    ),
)

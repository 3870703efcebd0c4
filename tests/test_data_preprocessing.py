"""Grades lesson 2: reading, scaling, augmenting, and the pipeline that puts them together."""

from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import oracles, properties, received
from tests.graded import data_preprocessing
from tests.properties import Example
from tests.received import digits
from tests.refusals import refused

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


def image_from(path, side, what="the image"):
    """The image that `read_image` returns, an array `(side, side, 3)` of float32."""
    found = data_preprocessing.read_image(path, side)
    return received.array(found, what, (side, side, 3), np.float32)


@pytest.mark.exercise("2.1")
class TestReadImage:
    """RGB, scaled to [0, 1] and stretched to the square."""

    def test_returns_floats_between_0_and_1(self, tmp_path):
        """Black is 0 and white is 1: scaled exactly once."""
        pixels = np.zeros((10, 10, 3), np.uint8)
        pixels[:, 5:] = 255
        found = image_from(save(tmp_path / "a.png", pixels), 10)
        low, high = float(found.min()), float(found.max())
        assert abs(low) <= 1e-6, f"Black was read as {digits(low)}, not 0."
        assert abs(high - 1) <= 1e-3, f"White was read as {digits(high)}, not 1."

    def test_keeps_the_values_of_an_image_of_the_right_size(self, tmp_path):
        """Nothing to resize: each value is its level over 255, with the channels in RGB order."""
        pixels = smooth_image(24, 24)
        found = image_from(save(tmp_path / "a.png", pixels), 24)
        error = received.distance(found, pixels / 255)
        swapped = received.distance(found[..., ::-1], pixels / 255)
        hint = " The channels came out as BGR." if swapped <= 0.01 else ""
        assert error <= 1e-3, f"Some values are off by {digits(error)}.{hint}"

    @pytest.mark.parametrize("kind", ["jpg", "grey png"])
    def test_reads_jpeg_and_grey_as_rgb(self, tmp_path, kind):
        """A picture of one's own may be either."""
        name, mode = ("a.jpg", "RGB") if kind == "jpg" else ("a.png", "L")
        path = save(tmp_path / name, smooth_image(40, 40), mode)
        found = image_from(path, 20, f"the image of a {kind}")
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB").resize((20, 20), Image.Resampling.BOX)) / 255
        error = float(np.abs(found - expected).mean())
        assert error <= 0.02, f"The values of a {kind} are off by {digits(error)} on average."

    def test_works_in_a_pipeline(self, tmp_path):
        """There the path is a tensor, and the shape must be known before any file is read."""
        path = save(tmp_path / "a.png", smooth_image(37, 52))
        found = []

        def read(path):
            found.append(data_preprocessing.read_image(path, 16))
            return found[0] if tf.is_tensor(found[0]) else path

        with properties.graph_can_be_made("read_image"):
            dataset = tf.data.Dataset.from_tensor_slices([path]).map(read)
        if not tf.is_tensor(found[0]):
            received.refuse(found[0], "the image in a pipeline", "a tensor")
        shape = dataset.element_spec.shape
        assert shape == (16, 16, 3), f"In a pipeline, the static shape is {shape}, not (16, 16, 3)."
        received.array(next(iter(dataset)), "the image in a pipeline", (16, 16, 3), np.float32)

    def test_stretches_to_the_square(self, tmp_path):
        """The whole cell stays visible: no cropping and no black bars."""
        pixels = np.full((20, 60, 3), 40, np.uint8)
        pixels[:, :15] = 240  # a quarter of the width
        found = image_from(save(tmp_path / "a.png", pixels), 32)
        bright = float((found[..., 0] > 0.5).mean())
        assert abs(bright - 0.25) <= 0.04, (
            f"A quarter of the image is bright, but {bright:.0%} of the result is: stretch the"
            " image; do not crop or pad it."
        )
        dark = float((found[..., 0] < 0.1).mean())
        assert dark <= 0, f"{dark:.0%} of the result is black, but no part of the image is."

    def test_resizes_bilinearly(self, tmp_path):
        """By hand: enlarging 0 beside 1 gives a ramp, not a step and not an overshoot."""
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[:, 1] = 255
        found = image_from(save(tmp_path / "a.png", pixels), 8)
        ramp = np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1)  # pixel centres in the small image
        error = received.distance(found[4, :, 0], ramp)
        assert error <= 0.01, (
            f"Enlarging black beside white gave {digits(found[4, :, 0])}; linear interpolation"
            f" gives {digits(ramp)}."
        )

    def test_antialiases_when_it_shrinks(self, tmp_path):
        """By hand: a fine chequerboard shrinks to grey, not to an accidental pattern."""
        board = np.indices((80, 80)).sum(0) % 2 * 255
        pixels = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
        found = image_from(save(tmp_path / "a.png", pixels), 16)
        spread = received.distance(found[2:-2, 2:-2], 0.5)
        assert spread <= 0.05, (
            "A fine chequerboard, shrunk fivefold, should become a uniform grey; it is off by"
            f" {digits(spread)}. Without antialiasing, a small parasite can be lost between the"
            " samples."
        )

    @pytest.mark.parametrize(
        ("height", "width", "side"), [(37, 52, 16), (52, 37, 30), (60, 20, 32)]
    )
    def test_agrees_with_triangle_filters(self, tmp_path, height, width, side):
        """Tall and wide, shrunk a little, shrunk a lot, and enlarged."""
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
        found = image_from(save(tmp_path / "a.png", pixels), side)
        expected = oracles.resized(pixels / 255, side)
        error = received.distance(found, expected)
        # float32 is off by 1e-6, whole levels on the way (as in Pillow) by 0.004, and resizing
        # without antialiasing by 0.2.
        assert error <= 0.006, (
            f"{height} x {width} pixels, resized to {side} x {side}, are off by up to"
            f" {digits(error)}: stretch the whole image, bilinearly and with antialiasing."
        )
        shift = float((found - expected).mean())
        assert abs(shift) <= 1e-3, (
            f"{height} x {width} pixels, resized to {side} x {side}, are off by {digits(shift)} on"
            " average: were they truncated to integers?"
        )


# Channels


def statistics_of(images):
    """The mean and the standard deviation that `channel_statistics` returns: two arrays `(3,)`."""
    names = ("mean", "standard deviation")
    found = data_preprocessing.channel_statistics(tf.constant(images))
    found = received.parts(found, names)
    return [
        received.array(part, f"the {name}", (3,), images.dtype)
        for name, part in zip(names, found, strict=True)
    ]


@pytest.mark.exercise("2.2")
class TestChannelStatistics:
    """One mean and one standard deviation for each channel, over all pixels of all images."""

    def test_divides_by_the_number_of_pixels(self):
        """By hand: 0 and 1 have the deviation 0.5; divided by one pixel less, it would be 0.71."""
        images = np.zeros((1, 1, 2, 3))
        images[0, 0, 1] = 1
        mean, std = statistics_of(images)
        error = received.distance(mean, 0.5)
        assert error <= 1e-3, f"The mean of 0 and 1 is 0.5, not {digits(mean)}."
        error = received.distance(std, 0.5)
        assert error <= 1e-3, f"The standard deviation of 0 and 1 is 0.5, not {digits(std)}."

    def test_gives_every_pixel_the_same_weight(self):
        """Deviations averaged over the images miss how the images differ from each other."""
        _, std = statistics_of(np.concatenate([np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 3))]))
        assert received.distance(std, 0.5) <= 1e-6, (
            "The standard deviation of a black and a white image together is 0.5, not"
            f" {digits(std)}."
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
            error = received.distance(found, expected)
            assert error <= tolerance, (
                f"The {name} of {dtype.__name__} images is {digits(found)}, not"
                f" {digits(expected)}: it is off by up to {error:.0e}."
            )

    def test_finds_no_deviation_in_an_even_channel(self):
        """The deviation of equal values is 0: not NaN, and nothing that was added."""
        mean, std = statistics_of(np.full((4, 8, 8, 3), [0.7, 0.1, 0.5], np.float32))
        error = received.distance(mean, [0.7, 0.1, 0.5])
        assert error <= 1e-5, f"The mean of constant channels is off by {digits(error)}."
        assert np.isfinite(std).all(), (
            "Constant channels gave a standard deviation of NaN: is it the root of something that"
            " rounding can make negative, such as the mean square minus the squared mean? Average"
            " the squared distance from the mean."
        )
        assert received.distance(std, 0) <= 1e-5, (
            f"Constant channels gave the standard deviations {digits(std)}, not 0."
        )

    def test_sees_a_small_deviation(self):
        """In float32 the mean square less the squared mean has no digits left here."""
        values = np.random.default_rng(0).random((6, 9, 9, 3)) * 1e-2 + [0.9, 0.6, 0.3]
        images = values.astype(np.float32)
        _, std = statistics_of(images)
        _, expected = oracles.channel_statistics(images)
        error = received.distance(std / expected, 1)
        assert error <= 0.02, (
            "For values within 0.01 of each other, the relative error of the standard deviation is"
            f" {digits(error)}."
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
            error = received.distance(found, expected)
            assert error <= 1e-5, (
                f"The {name} of 2,000 black and 2,001 white images is off by {digits(error)}: every"
                " image must count, and all must have the same weight."
            )


def standardised_images(images, mean, std):
    """The images that `standardise` returns, an array; all inputs become tensors of one dtype."""
    dtype = images.dtype
    found = data_preprocessing.standardise(*(tf.constant(x, dtype) for x in (images, mean, std)))
    return received.array(found, "the result", images.shape, dtype)


@pytest.mark.exercise("2.3")
class TestStandardise:
    """Each channel centred at 0 and scaled to a standard deviation of 1."""

    def test_subtracts_and_divides(self):
        """By hand, one channel after the other."""
        images = np.array([[[[0.5, 0.2, 1.0], [0.1, 0.8, 0.0]]]], np.float32)
        found = standardised_images(images, mean=[0.3, 0.2, 0.5], std=[0.1, 0.4, 0.5])
        expected = [[[[2.0, 0.0, 1.0], [-2.0, 1.5, -1.0]]]]
        assert received.distance(found, expected) <= 1e-5, (
            f"Two pixels came out as {digits(found[0, 0])}, not {digits(expected[0][0])}."
        )

    def test_only_centres_a_channel_without_deviation(self):
        """Dividing by 0 gives infinity or NaN, which spreads through the whole network."""
        images = np.full((2, 3, 3, 3), 0.75, np.float32)
        found = standardised_images(images, mean=[0.75, 0.5, 0.0], std=[0.0, 0.0, 0.5])
        assert np.isfinite(found).all(), (
            "A channel with the standard deviation 0 gave infinity or NaN."
        )
        assert received.distance(found, [0, 0.25, 1.5]) <= 1e-6, (
            "With the standard deviations 0, 0 and 0.5, the pixel came out as"
            f" {digits(found[0, 0, 0])}, not [0, 0.25, 1.5]."
        )

    @pytest.mark.parametrize("shape", [(1, 1, 1, 3), (3, 4, 5, 3), (2, 3, 3, 3)])
    def test_takes_images_of_any_size(self, shape):
        """The last axis holds the channels, whatever else happens to be 3."""
        images = np.random.default_rng(0).random(shape)
        mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.0, 2.0])
        found = standardised_images(images, mean, std)
        error = received.distance(found, oracles.standardised(images, mean, std))
        assert error <= 1e-6, f"Images of the shape {shape} are off by {digits(error)}."

    def test_keeps_the_digits_of_float64(self):
        """Not computed in float32 and cast back; and large values are not cut off."""
        images = np.random.default_rng(0).random((2, 6, 6, 3)) * 500
        mean, std = np.array([0.1, 0.2, 0.3]), np.array([4.0, 8.0, 16.0])
        found = standardised_images(images, mean, std)
        error = received.distance(found / oracles.standardised(images, mean, std), 1)
        hint = ": it was computed in float32" if error < 1e-5 else ""
        assert error <= 1e-8, f"For float64 images, the relative error is {digits(error)}{hint}."

    def test_divides_by_a_small_deviation_as_by_any_other(self):
        """Something added to every deviation, for fear of dividing by 0, would show here."""
        images = np.array([[[[0.0002, 0.001, 0.5]]]])
        found = standardised_images(images, mean=np.zeros(3), std=[0.0001, 0.01, 1.0]).ravel()
        assert received.distance(found / [2, 0.1, 0.5], 1) <= 1e-4, (
            f"The standard deviations 0.0001, 0.01 and 1 gave {digits(found)}, not [2, 0.1, 0.5]."
        )

    def test_leaves_the_callers_array_alone(self):
        """`images -= mean` changes a NumPy array in place, and the caller may still need it."""
        images = np.ones((1, 2, 2, 3), np.float32)
        mean, std = np.float32([0.1, 0.2, 0.3]), np.float32([0.5, 0.0, 2.0])
        expected = oracles.standardised(images, mean, std)
        try:
            found = data_preprocessing.standardise(images, mean, std)
        except (AttributeError, TypeError, ValueError):
            found = expected  # Only tensors are promised: an answer may refuse arrays.
        assert (images == 1).all(), "The array of images passed in was modified."
        found = received.array(found, "the result", images.shape)
        error = received.distance(found, expected)
        assert error <= 1e-5, f"For a NumPy array, the result is off by {digits(error)}."


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
    return received.array(found, "the rotated images", images.shape, images.dtype)


@pytest.fixture(scope="class")
def turn():
    """The same in a graph, as a pipeline has it: an answer that turns image by image is fast there.

    A function of float32 images of 4 x 4 pixels and a seed.
    """
    graph = properties.graph_of(
        lambda images, seed: data_preprocessing.flip_and_rotate(images, seed),
        "flip_and_rotate",
        (tf.constant(copies(asymmetric_image(), 2)), tf.constant([1, 2])),
        batched=(0,),
    )

    def turned(images, seed):
        found = graph(tf.constant(images), tf.constant(seed))
        return received.array(found, "in a graph, the rotated images", images.shape, images.dtype)

    return turned


def orientations(images, image):
    """For each of some images, which of the 8 symmetries of `image` it is, or -1 if none."""
    symmetries = oracles.symmetries(image)
    match = [[np.array_equal(found, one) for one in symmetries] for found in images]
    return np.array([row.index(True) if any(row) else -1 for row in match])


def drawn(images, image):
    """Which of the 8 symmetries of `image` each of some turned images is, 0 to 7."""
    found = orientations(images, image)
    strangers = int((found < 0).sum())
    if strangers:
        exchanged = orientations(images[..., ::-1], image)
        rounded = orientations(images.astype(np.float32), image.astype(np.float32))
        hint = ": pixels may move, but not change"
        hint = ": the channels of some are reversed" if (exchanged >= 0)[found < 0].all() else hint
        hint = ": they have only the precision of float32" if (rounded >= 0).all() else hint
        pytest.fail(
            f"{strangers} of {len(found)} results are not one of the 8 symmetries of their"
            f" {image.dtype.name} image{hint}."
        )
    return found


@pytest.mark.exercise("2.4")
class TestFlipAndRotate:
    """One of the 8 symmetries of the square, drawn for each image."""

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_makes_symmetries_of_the_square(self, dtype):
        """Pixels are only moved: nothing is blurred, no digit is lost, and the channels stay."""
        image = asymmetric_image(dtype)
        drawn(turned_images(copies(image, 64)), image)

    def test_keeps_the_images_in_their_places(self):
        """The labels do not move, so the images must not change places either."""
        images = np.random.default_rng(0).random((16, 4, 4, 3)).astype(np.float32)
        found = turned_images(images, (5, 6))
        # Of each place that holds no symmetry of its image, whether it holds one of another's.
        strangers = [
            any(orientations(found[k : k + 1], image)[0] >= 0 for image in images)
            for k in range(16)
            if orientations(found[k : k + 1], images[k])[0] < 0
        ]
        assert not any(strangers), (
            f"At {sum(strangers)} of 16 positions in the batch, another image came out."
        )
        assert not strangers, (
            f"At {len(strangers)} of 16 positions in the batch, the result is not one of the 8"
            " symmetries of the image."
        )

    def test_draws_for_each_image(self):
        """64 copies of one image: one draw for the whole batch would turn them all the same."""
        image = asymmetric_image()
        for seed in ((1, 2), (3, 4)):
            kinds = len(set(drawn(turned_images(copies(image, 64), seed), image).tolist()))
            # That 64 draws miss even three of the 8 happens once in ten thousand million.
            assert kinds >= 6, (
                f"64 copies of one image came out in only {kinds} of the 8 orientations."
            )

    def test_draws_all_8_equally_often(self, turn):
        """Of 4,000 draws each gets about 500; flips and a half turn alone reach only 4."""
        image = asymmetric_image()
        batches = [drawn(turn(copies(image, 500), (k, 9)), image) for k in range(8)]
        counts = np.bincount(np.concatenate(batches), minlength=8)
        # The standard deviation is 21; one of the 8 counts lies outside once in three million.
        assert (counts >= 388).all() and (counts <= 616).all(), (  # noqa: PT018
            f"In 4,000 draws the 8 orientations came {counts.tolist()} times; they should be"
            " equally likely."
        )

    def test_draws_neighbours_independently(self, turn):
        """Counting through the orientations is one draw for the batch: the first decides all."""
        image = asymmetric_image()
        pairs = np.zeros((8, 8), int)
        for k in range(4):
            order = drawn(turn(copies(image, 400), (k, 11)), image)
            np.add.at(pairs, (order[:-1], order[1:]), 1)
        missing = int((pairs == 0).sum())
        # There are 1,596 pairs of neighbours, so 25 of each kind are expected: none of a kind comes
        # once in a thousand million.
        assert missing <= 2, (
            f"Of the 64 pairs of orientations that two neighbours can have, {missing} never came:"
            " the draws depend on each other."
        )

    def test_draws_anew_at_every_place(self, turn):
        """Over 64 seeds each place of a batch sees nearly all orientations: no draw is fixed."""
        image = asymmetric_image()
        batch = copies(image, 8)
        found = np.array([drawn(turn(batch, (k, 5)), image) for k in range(64)])
        kinds = [len(set(column.tolist())) for column in found.T]
        # At 8 places; that 64 draws miss three of the 8 happens once in ten thousand million.
        assert min(kinds) >= 6, (
            f"Over 64 seeds, the image at one position of the batch came out in only {min(kinds)}"
            " of the 8 orientations: part of the draw is the same in every call."
        )

    def test_turns_a_single_image_too(self, turn):
        """The last batch may be this short; dealt out like cards, its image is never turned."""
        image = asymmetric_image()
        seen = {int(drawn(turn(image[None], (k, 9)), image)[0]) for k in range(120)}
        # An honest draw misses one of the 8 less than once in a million.
        assert len(seen) == 8, (
            f"Over 120 seeds, a batch of one image came out in only {len(seen)} of the 8"
            " orientations."
        )

    def test_takes_both_numbers_of_the_seed_from_a_tensor(self, turn):
        """In a graph the seed is a tensor; it draws the same there, and each number counts."""
        batch = copies(asymmetric_image(), 32)
        expected = turned_images(batch, (1, 2))
        found = turned_images(batch, tf.constant([1, 2]))
        assert np.array_equal(found, expected), (
            "Two calls with the seed (1, 2) gave different results."
        )
        found = turn(batch, (1, 2))
        assert np.array_equal(found, expected), (
            "In a graph, the seed (1, 2) gave another result than outside."
        )
        for other in ((1, 3), (2, 2)):
            assert not np.array_equal(turn(batch, other), expected), (
                f"The seeds (1, 2) and {other} gave the same result."
            )

    @pytest.mark.parametrize(("height", "width"), [(4, 6), (6, 4)])
    def test_refuses_images_that_are_not_square(self, height, width):
        """Neither wide nor tall ones: a quarter turn would change their shape."""
        with refused(f"images of {height} x {width} pixels"):
            data_preprocessing.flip_and_rotate(tf.zeros((2, height, width, 3)), (0, 0))


def stained_images(images, seed=(1, 2), **strength):
    """The images that `jitter_stain` returns, an array."""
    found = data_preprocessing.jitter_stain(tf.constant(images), seed, **strength)
    return received.array(found, "the stained images", images.shape, images.dtype)


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
        gains = found / images
        uneven = float((gains.max((1, 2)) - gains.min((1, 2))).max())
        assert uneven <= 1e-5, (
            "The gain of a channel differs between the pixels of an image: draw one for each"
            " channel of an image."
        )

    def test_keeps_black_black(self):
        """The background carries no stain; an offset would tint it."""
        images = np.zeros((8, 4, 4, 3), np.float32)
        images[:, 1:3, 1:3] = 0.6
        background = received.distance(stained_images(images, seed=(3, 4))[:, 0], 0)
        assert background <= 0, f"The black background became {digits(background)}."

    def test_keeps_every_digit_without_strength(self):
        """With strength 0 every gain is 1; through float32 and back, digits would be lost."""
        images = np.random.default_rng(0).random((3, 4, 5, 3))
        error = received.distance(stained_images(images, strength=0.0), images)
        hint = ": it was computed in float32" if error < 1e-6 else ""
        assert error <= 1e-12, f"With strength 0, a float64 pixel changed by {digits(error)}{hint}."

    def test_draws_for_each_image_and_channel(self):
        """One draw for the batch changes all images alike; one per image changes no colour."""
        gains = gains_of()
        images = len(np.unique(gains[:, 0].round(5)))
        assert images > 200, f"400 images got only {images} different gains."
        correlations = np.corrcoef(gains.T)[np.triu_indices(3, 1)]
        # Of draws for each they have the standard deviation 0.05.
        assert received.distance(correlations, 0) <= 0.3, (
            f"The gains of the channels are correlated ({digits(correlations)}): draw one for each"
            " channel."
        )

    @pytest.mark.parametrize("strength", [0.1, 0.3, 0.9])
    def test_draws_gains_uniformly(self, strength):
        """Between 1 - strength and 1 + strength, all equally likely, however strong it is."""
        draws = (gains_of(strength=strength) - 1) / strength  # should be uniform in [-1, 1]
        low, high = float(draws.min()), float(draws.max())
        what = f"With the strength {strength},"
        assert -1.001 <= low <= -0.95, (
            f"{what} the lowest of 1,200 gains is {digits(1 + strength * low)}, not about"
            " 1 - strength."
        )
        assert 0.95 <= high <= 1.001, (
            f"{what} the highest of 1,200 gains is {digits(1 + strength * high)}, not about"
            " 1 + strength."
        )
        spread, mean = float(draws.std()), float(draws.mean())
        # A uniform draw from [-1, 1] has the standard deviation 0.577. That of 1,200 varies by
        # 0.0075 and their mean by 0.017: each is farther off less than once in ten million.
        assert abs(spread - 0.577) <= 0.04, (
            f"{what} the standard deviation of the gains is {digits(spread)} times the strength,"
            " not 0.577 times, as it is for a uniform distribution."
        )
        assert abs(mean) <= 0.09, (
            f"{what} the mean of the gains is {digits(1 + strength * mean)}, not 1."
        )

    def test_has_a_strength_of_a_tenth_by_default(self):
        """Stains that occur; a stronger default makes cells that no smear shows."""
        gains = gains_of()
        low, high = float(gains.min()), float(gains.max())
        assert 0.899 <= low <= 0.905, (
            f"With the default strength, the lowest of 1,200 gains is {digits(low)}, not 0.9."
        )
        assert 1.095 <= high <= 1.101, (
            f"With the default strength, the highest of 1,200 gains is {digits(high)}, not 1.1."
        )

    def test_stays_within_0_and_1(self):
        """White times 1.3 is still white."""
        found = stained_images(np.ones((50, 2, 2, 3), np.float32), seed=(1, 1), strength=0.3)
        low, high = float(found.min()), float(found.max())
        assert high <= 1, f"White became {digits(high)}, which is above 1."
        # All 150 lie above 0.76 once in seven million.
        assert 0.7 - 1e-5 <= low <= 0.76, (
            f"With the strength 0.3, the darkest of 150 white channels became {digits(low)}, not"
            " about 0.7."
        )

    def test_clips_only_what_is_too_bright(self):
        """Clipping leaves the darker pixels alone: they show the gain that the bright ones have."""
        images = np.full((100, 2, 2, 3), 0.5, np.float32)
        images[:, 0] = 0.95
        found = stained_images(images, seed=(5, 6), strength=0.3)
        gains = found[:, 1] / 0.5
        assert gains.max() >= 1.25, (
            f"Beside bright pixels, the highest of 300 gains is {digits(gains.max())}, not 1.3:"
            " clip the values above 1; do not scale the image."
        )
        error = received.distance(found[:, 0], np.minimum(0.95 * gains, 1))
        assert error <= 1e-5, (
            f"Pixels of 0.95 are off by up to {digits(error)}: each should be 0.95 times the gain,"
            " or 1 where that is above 1."
        )

    def test_draws_every_channel_from_the_seed(self):
        """No channel has a seed of its own that never changes."""
        same = (gains_of(16, seed=(1, 2)) == gains_of(16, seed=(7, 8))).all(axis=0)
        names = [name for name, kept in zip(("red", "green", "blue"), same, strict=True) if kept]
        assert not names, (
            f"With another seed, the gains of {received.enumerated(names)} stayed the same."
        )

    def test_takes_both_numbers_of_the_seed_from_a_tensor(self):
        """In a graph the seed is a tensor; it draws the same there, and each number counts."""
        images = np.full((8, 2, 2, 3), 0.5, np.float32)
        expected = stained_images(images, (1, 2))
        found = stained_images(images, tf.constant([1, 2]))
        assert np.array_equal(found, expected), (
            "Two calls with the seed (1, 2) gave different results."
        )
        graph = properties.graph_of(
            lambda images, seed: data_preprocessing.jitter_stain(images, seed),
            "jitter_stain",
            (tf.constant(images), tf.constant([1, 2])),
            batched=(0,),
        )

        def stained_in_a_graph(seed):
            found = graph(tf.constant(images), tf.constant(seed))
            return received.array(found, "in a graph, the stained images", images.shape, np.float32)

        error = received.distance(stained_in_a_graph((1, 2)), expected)
        assert error <= 1e-6, "In a graph, the seed (1, 2) gave another result than outside."
        for other in ((1, 3), (2, 2)):
            same = np.allclose(stained_in_a_graph(other), expected)
            assert not same, f"The seeds (1, 2) and {other} gave the same result."


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


class Pipeline:
    """The data set that `make_dataset` returns, held to what its batches should be."""

    def __init__(self, paths, labels, image_size=4, batch_size=4, training=True, seed=0):
        self.dataset = made_dataset(paths, labels, image_size, batch_size, training, seed)
        self.image_size = image_size
        whole, rest = divmod(len(paths), batch_size)
        self.sizes = [batch_size] * whole + [rest] * (rest > 0)

    def batches(self):
        """The batches of one epoch, a list of `(images, labels)`, arrays of one length."""
        side = self.image_size
        batches = []
        for images, labels in self.dataset:
            images = received.array(images, "a batch of images", (None, side, side, 3), np.float32)
            shape = (len(images),)
            labels = received.array(labels, "the labels of a batch", shape, np.int32)
            batches.append((images, labels))
        return batches

    def epoch(self):
        """All images and all labels of one epoch, in the order in which they came: two arrays."""
        batches = self.batches()
        sizes = [len(labels) for _, labels in batches]
        came = f"{sum(self.sizes)} images in batches of {self.sizes[0]} came out as {digits(sizes)}"
        assert sizes != self.sizes[:-1], f"{came}: the last, short batch is missing."
        moved = sizes != self.sizes and sorted(sizes) == sorted(self.sizes)
        hint = ": the short batch is not the last. Were the batches shuffled?" if moved else "."
        assert sizes == self.sizes, f"{came}, not as {digits(self.sizes)}{hint}"
        images, labels = zip(*batches, strict=True)
        return np.concatenate(images), np.concatenate(labels)


def made_dataset(*arguments):
    """What `make_dataset` returns, a data set of pairs of the right dtypes."""
    try:
        found = data_preprocessing.make_dataset(*arguments)
    except Exception as error:
        if not made_with_whole_batches(*arguments):
            raise error from None  # it has another cause
        pytest.fail(
            "make_dataset relies on a known batch size, but in a pipeline it is open:"
            " `images.shape[0]` is None; `tf.shape(images)[0]` is the size of the current batch."
        )
    if not isinstance(found, tf.data.Dataset):
        received.refuse(found, "the pipeline", "a tf.data.Dataset")
    spec = found.element_spec
    pairs = isinstance(spec, tuple) and len(spec) == 2
    assert pairs, "The elements of the dataset are not pairs of images and labels."
    for name, part, dtype in zip(("images", "labels"), spec, (tf.float32, tf.int32), strict=True):
        tensors = isinstance(part, tf.TensorSpec)
        assert tensors, f"In the pairs of the dataset, the {name} are not one tensor."
        assert part.dtype == dtype, f"The {name} are {part.dtype.name}, not {dtype.name}."
    return found


def made_with_whole_batches(*arguments):
    """Whether `make_dataset` works where each batch is whole, so that its size is known."""
    batch = tf.data.Dataset.batch

    def whole(dataset, batch_size, **_):
        return batch(dataset, batch_size, drop_remainder=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.data.Dataset, "batch", whole)
        try:
            data_preprocessing.make_dataset(*arguments)
        except Exception:
            return False
    return True


def gains_in(dataset):
    """The different gains that 12 images got in one epoch, a set: all were of one even grey."""
    images, _ = dataset.epoch()
    gains = {tuple(gains) for gains in images[:, 0, 0].round(6).tolist()}
    assert len(gains) == 12, (
        f"12 images in batches of 4 got only {len(gains)} different gains: draw for each image of"
        " each batch."
    )
    return gains


def order_in(dataset):
    """The order in which images came whose labels are their places: each of them once."""
    _, order = dataset.epoch()
    once = np.array_equal(np.sort(order), np.arange(len(order)))
    assert once, "In one epoch, not every image came exactly once."
    return order


@pytest.fixture(scope="class")
def two_orders(tmp_path_factory):
    """The orders of two epochs of 2,400 images, as many as the practice cells have: two arrays."""
    path = save(tmp_path_factory.mktemp("images") / "a.png", even_image(100, side=2))
    dataset = Pipeline([path] * 2400, np.arange(2400), image_size=2, batch_size=100, seed=3)
    return order_in(dataset), order_in(dataset)


@pytest.mark.exercise("2.6")
class TestMakeDataset:
    """Read, cache, shuffle, batch, augment: each in its place."""

    @pytest.mark.parametrize("training", [True, False])
    def test_gives_batches_of_images_and_labels(self, files, training):
        """Float32 images, int32 labels; the last, short batch is kept."""
        images, _ = Pipeline(*files, image_size=8, training=training).epoch()
        low, high = float(images.min()), float(images.max())
        assert 0 <= low <= high <= 1, f"The images lie between {digits(low)} and {digits(high)}."

    @pytest.mark.parametrize("training", [True, False])
    def test_knows_its_shapes(self, files, training):
        """A layer is built from the static shape, before any file is read."""
        images, labels = Pipeline(*files, image_size=8, training=training).dataset.element_spec
        assert (images.shape.rank, images.shape[1:]) == (4, (8, 8, 3)), (
            f"The static shape of the images is {images.shape}, not (None, 8, 8, 3)."
        )
        assert labels.shape.rank == 1, (
            f"The static shape of the labels is {labels.shape}, not (None,)."
        )

    def test_leaves_evaluation_alone(self, files):
        """Order kept, nothing augmented: each image as it is in its file, and the same twice."""
        dataset = Pipeline(*files, image_size=8, training=False)
        images, labels = dataset.epoch()
        kept = np.array_equal(labels, files[1])
        assert kept, "In evaluation, the labels came in another order than the files."
        expected = (20 + 20 * np.arange(11)) / 255
        error = received.distance(images[:, 7, 7, 0], expected)
        assert error <= 1e-3, (
            f"In evaluation, the value of a uniform image is off by {digits(error)}."
        )
        corner = received.distance(images[:, 0, 0], 0)
        assert corner <= 0.02, "In evaluation, the black corner of an image has moved."
        again, _ = dataset.epoch()
        assert np.array_equal(images, again), "Two passes over the evaluation dataset differ."

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
        dataset = Pipeline(paths, [0, 1, 2, 3, 4], batch_size=2, training=training, seed=1)
        for _ in range(3):
            images, labels = dataset.epoch()
            brightness = 255 * images.mean((1, 2, 3))
            shown = np.abs(brightness[:, None] - levels).argmin(axis=1)  # the nearest level
            parted = int((shown != labels).sum())
            assert parted == 0, f"{parted} of 5 images came with the label of another image."
            if not training:
                assert labels.tolist() == [0, 1, 2, 3, 4], (
                    f"In evaluation, the images came in the order {labels.tolist()}."
                )

    def test_shows_every_image_once_an_epoch(self, files):
        """A shuffle after a repeat, or a draw with replacement, loses some."""
        dataset = Pipeline(*files, image_size=8)
        for _ in range(2):
            images, _ = dataset.epoch()
            brightest = np.sort(images.max((1, 2, 3))) * 255
            error = received.distance(brightest / (20 + 20 * np.arange(11)), 1)
            # A gain changes the brightest value of an image by 10% at most.
            assert error <= 0.12, (
                "In an epoch of training, some images are missing and others come twice."
            )

    def test_shuffles_over_the_whole_set(self, two_orders):
        """A fixed buffer of 1,000 sees less than half of the practice cells."""
        order, _ = two_orders
        in_order = np.array_equal(order, np.arange(2400))
        assert not in_order, "The training images come in the order of the files."
        reach = order[:150].max()
        # Of 150 drawn from the whole set, none comes from the last tenth once in seven million.
        assert reach >= 2160, (
            f"The first 150 images come from the first {reach} of 2,400 only: the shuffle buffer"
            " must hold the whole dataset."
        )

    def test_shuffles_anew_each_epoch(self, two_orders):
        """Images, not batches: those that share a batch now are apart in the next epoch."""
        first, second = two_orders
        assert not np.array_equal(first, second), (
            "Two epochs came in the same order, which starts with the images"
            f" {received.enumerated(first[:4])}: each epoch must be shuffled anew."
        )
        # Where each image came in the first epoch, beside where it came in the second.
        correlation = float(np.corrcoef(np.argsort(first), np.argsort(second))[0, 1])
        # For orders drawn independently it is 0, with a standard deviation of 0.02.
        assert abs(correlation) <= 0.15, (
            "The positions of the images in two epochs are correlated"
            f" ({digits(correlation)}): each epoch must shuffle the whole dataset anew."
        )
        first_batches = {frozenset(batch) for batch in first.reshape(24, 100).tolist()}
        second_batches = {frozenset(batch) for batch in second.reshape(24, 100).tolist()}
        again = len(first_batches & second_batches)
        assert again == 0, (
            f"{again} of 24 batches hold the same images in both epochs: shuffle before batching."
        )

    def test_augments_each_image_fully(self, tmp_path):
        """128 copies of one image: all 8 symmetries, and gains of 1 +- 0.1, one a channel."""
        pixels = even_image(200)
        pixels[0, 0], pixels[0, 1], pixels[1, 0] = 20, 60, 120  # no symmetry equals another
        path = save(tmp_path / "a.png", pixels)
        images, _ = Pipeline([path] * 128, np.zeros(128, int), batch_size=128).epoch()
        brightest = images.max((1, 2))  # of each channel: its gain times 200 / 255
        gains = brightest / np.float32(200 / 255)
        untinted = (images / brightest[:, None, None] * 200).mean(axis=-1).round()
        found = orientations(untinted, pixels[..., 0].astype(float))
        assert (found >= 0).all(), (
            "Some images are not one of the 8 symmetries of their file with one gain per channel."
        )
        kinds = len(set(found.tolist()))
        # An honest draw misses one of the 8 once in three million.
        assert kinds == 8, f"128 copies of one image came in only {kinds} of the 8 orientations."
        low, high = float(gains.min()), float(gains.max())
        assert 0.899 <= low <= 0.92, (
            f"The lowest of 384 gains of the stain is {digits(low)}, not 0.9."
        )
        assert 1.08 <= high <= 1.101, (
            f"The highest of 384 gains of the stain is {digits(high)}, not 1.1."
        )
        correlation = float(np.corrcoef(gains.T)[np.triu_indices(3, 1)].max())
        # Of draws for each it has the standard deviation 0.09.
        assert correlation <= 0.5, (
            f"The gains of the channels are correlated ({digits(correlation)}): draw one for each"
            " channel."
        )

    def test_augments_anew_each_epoch(self, files):
        """Augmented before the cache, every epoch would show the same pictures again."""
        dataset = Pipeline(*files, image_size=8)
        corners, gains = set(), set()
        for _ in range(12):
            images, _ = dataset.epoch()
            darkest = images[images.max((1, 2, 3)).argmin()]  # the first file, however turned
            is_black = darkest.max(axis=-1) < 0.02
            corners.add(tuple(is_black[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()))
            gains.add(tuple(darkest.max((0, 1)).round(5).tolist()))
        assert len(corners) >= 2, "In 12 epochs, one image always had the same orientation."
        assert len(gains) >= 11, (
            f"In 12 epochs, the stain of one image had only {len(gains)} different gains."
        )

    def test_draws_for_each_image_of_each_batch(self, tmp_path):
        """One seed for all batches would draw the same gains for each of them."""
        path = save(tmp_path / "a.png", even_image(128))
        gains_in(Pipeline([path] * 12, np.zeros(12, int)))

    def test_never_repeats_a_draw(self, tmp_path):
        """Draws that are counted, such as (seed, number of the batch), start again each epoch."""
        path = save(tmp_path / "a.png", even_image(128))
        dataset = Pipeline([path] * 12, np.zeros(12, int))
        first, second, third = (gains_in(dataset) for _ in range(3))
        again = len(first & second) + len(second & third)
        assert again == 0, (
            f"{again} of 24 gains are those of the epoch before: the random numbers start again in"
            " each epoch, so the network sees the same draws again and again."
        )

    @pytest.mark.parametrize("seed", [5, 0])
    def test_repeats_itself_with_a_seed(self, files, seed):
        """Epoch by epoch; with 0 too, which is false in Python: `seed or None` means any seed."""
        first, second = (Pipeline(*files, image_size=8, seed=seed) for _ in range(2))
        for epoch in (1, 2):
            (images, labels), (others, their_labels) = first.epoch(), second.epoch()
            same = np.array_equal(images, others) and np.array_equal(labels, their_labels)
            assert same, f"Two pipelines with the seed {seed} differ in epoch {epoch}."

    def test_reads_each_file_once(self, tmp_path):
        """After the first epoch everything comes from the cache: the files could be gone."""
        paths = [save(tmp_path / f"{k}.png", even_image(50)) for k in range(6)]
        dataset = Pipeline(paths, np.zeros(6, int))
        dataset.epoch()
        for path in paths:
            save(path, even_image(250))
        brightest = float(dataset.epoch()[0].max())
        assert brightest <= 0.3, (
            "In the second epoch, the files were read again: the images are not cached."
        )

    def test_keeps_the_order_in_evaluation_when_one_file_is_slow(self, tmp_path):
        """Reading in parallel is right; letting the fastest file come first is not."""
        paths = [
            save(tmp_path / f"{k}.png", even_image(9 + 9 * k, side=1500 if k == 0 else 4))
            for k in range(12)
        ]
        order = order_in(Pipeline(paths, np.arange(12), training=False))
        kept = np.array_equal(order, np.arange(12))
        assert kept, "In evaluation with a large first file, the images came in another order."

    def test_does_not_skip_a_broken_file(self, files, tmp_path):
        """Skipped in silence, it would be missing from every figure."""
        paths, labels = files
        broken = tmp_path / "broken.png"
        broken.write_bytes(b"not a picture")
        paths[3] = str(broken)
        try:
            batches = Pipeline(paths, labels, training=False).batches()
        except (tf.errors.OpError, OSError, ValueError):
            pass  # An error is the honest answer, whichever of these the reading raises.
        else:
            came = sum(len(labels) for _, labels in batches)
            assert came == 11, (
                f"One of 11 files is broken; {came} images came, and no error was raised."
            )

    @pytest.mark.parametrize(("images", "labels"), [(3, 2), (2, 3)])
    @pytest.mark.parametrize("training", [True, False])
    def test_refuses_what_does_not_fit(self, files, images, labels, training):
        """A label too few is a slip that shifts all the others."""
        with refused(f"{images} images and {labels} labels"):
            made_dataset(files[0][:images], np.zeros(labels, int), 4, 4, training, 0)


def first_epoch(images, labels, seed):
    """What a pipeline over files of these images gives in its first epoch."""
    with TemporaryDirectory() as folder:
        paths = [save(f"{folder}/{k}.png", pixels) for k, pixels in enumerate(images)]
        return Pipeline(paths, labels, seed=seed).epoch()


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

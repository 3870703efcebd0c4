"""Grades lesson 3: initial weights, convolution, pooling, normalisation, dropout, loss, network."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests import oracles, properties
from tests.graded import cnn_model
from tests.properties import Example
from tests.refusals import refused

# Reading what came back


def array_of(found, what):
    """An array of what came back, or a sentence if nothing did."""
    assert found is not None, f"{what} returned None."
    return np.asarray(found)


def off_by(found, expected):
    """The greatest difference; infinite if the shapes differ or there is a NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return math.inf
    return float(np.abs(found - expected).max())


def gradients_of(function, tensors):
    """The gradients of the sum of what a function of some tensors returns, one for each tensor."""
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = tf.reduce_sum(function(*tensors))
    return tape.gradient(total, tensors)


# Seeing how it was made


def operations_of(function, *arguments):
    """The kinds of operations in a function's graph, also in the functions that it calls."""
    graph = tf.function(function).get_concrete_function(*arguments).graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return {node.op for node in nodes}


@pytest.fixture
def forbid(monkeypatch):
    """Take operations out of `tf.nn`, for what is to be built without them."""

    def take(*names):
        def refuse(*_, **__):
            pytest.fail("The operation of tf.nn was called that this exercise is to build.")

        for name in names:
            monkeypatch.setattr(tf.nn, name, refuse)
            if hasattr(tf.compat.v1.nn, name):
                monkeypatch.setattr(tf.compat.v1.nn, name, refuse)

    return take


# Inputs


def convolution_inputs(
    height=9, width=11, kernel=(3, 3), channels=2, filters=4, batch=2, dtype=tf.float64
):
    """Images, a kernel that no mirror leaves as it is, and a bias that is not 0."""
    rng = np.random.default_rng(7)
    images = rng.normal(size=(batch, height, width, channels))
    kernel, bias = rng.normal(size=(*kernel, channels, filters)), rng.normal(size=filters)
    return [tf.constant(values, dtype) for values in (images, kernel, bias)]


CONVOLUTIONS = {
    "odd kernel": ({}, 1, "SAME"),
    "odd kernel, VALID": ({}, 1, "VALID"),
    "even kernel": ({"kernel": (2, 4)}, 1, "SAME"),
    "even kernel, VALID": ({"kernel": (4, 2)}, 1, "VALID"),
    "stride 2": ({}, 2, "SAME"),
    "stride 2, VALID": ({}, 2, "VALID"),
    "stride 3, even image": ({"height": 10, "width": 12, "kernel": (5, 5)}, 3, "SAME"),
    "stride 2, even image": ({"height": 8, "width": 8}, 2, "SAME"),
    "wide kernel": ({"kernel": (3, 5)}, 2, "VALID"),
    "one pixel": ({"kernel": (1, 1), "channels": 5}, 1, "SAME"),
    "one pixel, stride 2": ({"kernel": (1, 1)}, 2, "SAME"),
    "one image": ({"batch": 1}, 1, "SAME"),
    "one pixel, stride 2, even image": ({"height": 8, "width": 10, "kernel": (1, 1)}, 2, "SAME"),
    "pixels left over, VALID": ({"height": 8, "width": 11, "kernel": (3, 4)}, 2, "VALID"),
    "stride beyond the kernel, VALID": ({"kernel": (2, 2)}, 3, "VALID"),
    "kernel beyond the image": ({"height": 2, "width": 3, "kernel": (5, 5)}, 1, "SAME"),
}


def norm_inputs(shape=(4, 3, 5, 2), dtype=tf.float64):
    """Values whose channels differ, gamma and beta, and moving statistics that are not 0 or 1.

    The moving statistics are variables, as the network holds them.
    """
    rng = np.random.default_rng(3)
    channels = shape[-1]
    x = rng.normal(2, 3, shape) * np.arange(1, channels + 1)
    gamma, beta = rng.normal(1, 0.5, channels), rng.normal(0, 1, channels)
    mean, variance = rng.normal(0, 1, channels), rng.uniform(0.5, 2, channels)
    return [
        *(tf.constant(values, dtype) for values in (x, gamma, beta)),
        *(tf.Variable(values, trainable=False, dtype=dtype) for values in (mean, variance)),
    ]


def logits_and_labels(batch, dtype=tf.float64):
    """Logits of two classes, some of them sure, and labels."""
    rng = np.random.default_rng(batch)
    logits, labels = rng.normal(0, 4, (batch, 2)), rng.integers(0, 2, batch)
    return tf.constant(logits, dtype), tf.constant(labels, tf.int32)


def pictures(batch=6, size=16, dtype=tf.float32):
    """Random images in [0, 1]."""
    return tf.constant(np.random.default_rng(0).random((batch, size, size, 3)), dtype)


# The network, and what it is made of


def small_cnn(**options):
    """A small network of the learner's: fast, and no two of its layers have one width."""
    given = {"image_size": 16, "channels": (4, 6), "hidden": 5, "seed": 1}
    found = cnn_model.CNN(**(given | options))
    assert isinstance(found, tf.Module), "CNN should be a tf.Module."
    return found


class Block(NamedTuple):
    """The variables of a block of the base."""

    kernel: tf.Variable
    gamma: tf.Variable
    beta: tf.Variable
    mean: tf.Variable
    variance: tf.Variable


class Head(NamedTuple):
    """The variables of the head."""

    w1: tf.Variable
    b1: tf.Variable
    w2: tf.Variable
    b2: tf.Variable


def only_one(variables, rank, width, start=None):
    """The only variable of that rank, that wide in its last axis, with `start` everywhere."""
    found = [v for v in variables if len(v.shape) == rank and v.shape[-1] == width]
    if start is not None:
        found = [v for v in found if np.all(v == start)]
    starting = "" if start is None else f" that starts at {start}"
    assert len(found) == 1, (
        f"There should be one variable of rank {rank} and width {width}{starting}; there are"
        f" {len(found)}."
    )
    return found[0]


def blocks_of(model, channels):
    """The variables of each block of a network just built, all of whose channels differ.

    The lists of variables may have any order, and names are the learner's. So what belongs to a
    block is told by its width; and of the vectors of one width, gamma starts at 1 and beta at 0,
    the moving mean at 0 and the moving variance at 1.
    """
    base, statistics = model.base_variables, model.batch_norm_statistics
    return [
        Block(
            kernel=only_one(base, rank=4, width=width),
            gamma=only_one(base, rank=1, width=width, start=1),
            beta=only_one(base, rank=1, width=width, start=0),
            mean=only_one(statistics, rank=1, width=width, start=0),
            variance=only_one(statistics, rank=1, width=width, start=1),
        )
        for width in channels
    ]


def head_of(model, hidden):
    """The variables of the head, told by their shapes alone: `hidden` is not 2."""
    return Head(
        w1=only_one(model.head_variables, rank=2, width=hidden),
        b1=only_one(model.head_variables, rank=1, width=hidden),
        w2=only_one(model.head_variables, rank=2, width=2),
        b2=only_one(model.head_variables, rank=1, width=2),
    )


def values_of(variables):
    """A copy of each variable's values."""
    return [v.numpy().copy() for v in variables]


def count_unchanged(variables, before):
    """How many variables are to the last bit as they were."""
    return sum(np.array_equal(v, old) for v, old in zip(variables, before, strict=True))


@pytest.mark.exercise("3.1")
class TestHeNormal:
    """A normal around 0, with the standard deviation of the whole fan-in."""

    @pytest.mark.parametrize("shape", [(4, 3), (3, 3, 2, 4)], ids=str)
    def test_is_a_tensor_of_the_shape_and_dtype_asked_for(self, shape):
        """float32 unless said otherwise."""
        plain = cnn_model.he_normal(shape, 0)
        double = cnn_model.he_normal(shape, 0, tf.float64)
        for found, dtype in ((plain, tf.float32), (double, tf.float64)):
            assert found is not None, "he_normal returned None."
            assert tf.is_tensor(found), f"he_normal gave a {type(found).__name__}, not a tensor."
            assert found.shape == shape, f"Asked for {shape}, got {tuple(found.shape)}."
            assert found.dtype == dtype, (
                f"he_normal gave {found.dtype.name} where {dtype.name} was due."
            )

    @pytest.mark.parametrize(
        ("shape", "fan_in"),
        [
            ((200, 100), 200),
            ((30, 600), 30),
            ((3, 3, 32, 64), 288),
            ((5, 3, 7, 150), 105),
            ((1, 20000), 1),  # so few inputs that a bias counted as well would show
            ((2, 2, 1, 5000), 4),
        ],
    )
    def test_has_the_standard_deviation_of_the_whole_fan_in(self, shape, fan_in):
        """One output sees height x width x inputs values; channels alone make it too wide."""
        weights = array_of(cnn_model.he_normal(shape, 1), "he_normal")
        assert weights.shape == shape, f"Asked for {shape}, got {weights.shape}."
        expected = math.sqrt(2 / fan_in)
        ratio = float(weights.std()) / expected
        # Of so many weights the standard deviation is known to some 0.5%.
        assert abs(ratio - 1) <= 0.03, (
            f"For {shape} the standard deviation is {weights.std():.4f}; with fan-in {fan_in} it is"
            f" sqrt(2 / {fan_in}) = {expected:.4f}."
        )
        centre = float(weights.mean()) / expected
        assert abs(centre) <= 5 / math.sqrt(weights.size), (
            f"For {shape} the mean is {weights.mean():.4f}, too far from 0."
        )

    def test_is_bell_shaped(self):
        """One standard deviation holds 68% of a normal (cut off at two: 65%), of a uniform 58%."""
        weights = array_of(cnn_model.he_normal((300, 200), 2), "he_normal")
        share = float((np.abs(weights) <= weights.std()).mean())
        assert 0.63 <= share <= 0.72, (
            f"{share:.0%} of the weights lie within one standard deviation of 0."
        )

    def test_draws_for_every_place_of_a_kernel(self):
        """One draw, repeated at all places, is a filter that sees only the mean of its window."""
        kernel = array_of(cnn_model.he_normal((3, 3, 8, 16), 3), "he_normal")
        different = len({place.tobytes() for place in kernel.reshape(9, -1)})
        assert different == 9, (
            f"The 9 places of a kernel hold {different} different sets of weights."
        )

    def test_has_other_weights_for_every_seed(self):
        """Not only for odd and even ones."""
        kinds = {np.asarray(cnn_model.he_normal((4, 3), seed)).tobytes() for seed in range(4)}
        assert len(kinds) == 4, f"The seeds 0 to 3 gave {len(kinds)} different results."


@pytest.mark.exercise("3.2")
class TestConv2d:
    """Cross-correlation as in tf.nn, from patches and a product."""

    def test_by_hand(self):
        """Three pixels, a kernel of three: the window slides, the kernel does not turn round."""
        image = tf.reshape(tf.constant([1.0, 2.0, 3.0]), (1, 1, 3, 1))
        image = tf.concat([image, tf.zeros((1, 2, 3, 1))], axis=1)
        kernel = tf.reshape(tf.constant([10.0, 1.0, 0.1]), (1, 3, 1, 1))
        found = array_of(cnn_model.conv2d(image, kernel, tf.constant([0.5])), "conv2d")
        row = found[0, 0, :, 0].round(3).tolist()
        assert np.abs(np.array(row) - [1.7, 12.8, 23.5]).max() <= 1e-3, (
            f"1, 2, 3 with the kernel 10, 1, 0.1 and the bias 0.5 gave {row}, not"
            " [1.7, 12.8, 23.5]."
        )

    @pytest.mark.parametrize("case", CONVOLUTIONS)
    def test_agrees_with_tf_nn(self, case, forbid):
        """For odd and even sizes, strides, both paddings; the zeros where they belong."""
        sizes, stride, padding = CONVOLUTIONS[case]
        images, kernel, bias = convolution_inputs(**sizes)
        expected = oracles.conv2d(images, kernel, bias, stride, padding)
        flipped = oracles.conv2d(images, kernel[::-1, ::-1], bias, stride, padding)
        forbid("conv2d", "convolution", "conv2d_transpose", "depthwise_conv2d", "conv1d", "conv3d")
        found = array_of(cnn_model.conv2d(images, kernel, bias, stride, padding), "conv2d")
        assert found.shape == expected.shape, (
            f"{case}: the shape is {found.shape}, not {tuple(expected.shape)}."
        )
        error = off_by(found, expected)
        hint = ""
        if off_by(found, flipped) <= 1e-9:
            hint = " The kernel was flipped."
        elif off_by(found, expected - bias) <= 1e-9:
            hint = " The bias is missing."
        assert error <= 1e-9, f"{case}: it differs from tf.nn.conv2d by up to {error:.2g}.{hint}"

    def test_has_the_gradients_of_tf_nn(self):
        """To the images, the kernel and the bias: without them no layer learns."""
        tensors = convolution_inputs()
        found = gradients_of(lambda *x: cnn_model.conv2d(*x) ** 2, tensors)
        expected = gradients_of(lambda *x: oracles.conv2d(*x) ** 2, tensors)
        for name, ours, theirs in zip(("images", "kernel", "bias"), found, expected, strict=True):
            assert ours is not None, f"No gradient reaches the {name}."
            assert off_by(ours, theirs) <= 1e-8, f"The gradient of the {name} is wrong."

    def test_is_built_without_a_convolution(self):
        """By whatever name it is called: the graph shows the operations."""
        operations = operations_of(cnn_model.conv2d, *convolution_inputs())
        called = sorted(op for op in operations if "Conv" in op)
        assert not called, (
            f"The operation {called[0]} does the work that this exercise is to build."
        )

    @pytest.mark.parametrize(
        ("channels", "padding", "what"),
        [
            (3, "SAME", "images of 3 channels and a kernel for 2"),
            (1, "SAME", "images of 1 channel and a kernel for 2"),
            (2, "REFLECT", "the padding 'REFLECT'"),
        ],
    )
    def test_refuses_what_does_not_fit(self, channels, padding, what):
        """Other channels, even one that would broadcast; a padding that does not exist."""
        _, kernel, bias = convolution_inputs()
        images = tf.zeros((1, 6, 6, channels), tf.float64)
        with refused(what):
            cnn_model.conv2d(images, kernel, bias, padding=padding)


@pytest.mark.exercise("3.3")
class TestMaxPool:
    """The greatest of each square, square beside square."""

    def test_by_hand(self):
        """The size is 2 unless said otherwise; the last column is left over."""
        image = tf.reshape(tf.constant([1.0, 5, 2, 9, 3, 4, 8, 6, 7, 0]), (1, 2, 5, 1))
        found = array_of(cnn_model.max_pool(image), "max_pool").ravel().tolist()
        assert found == [8.0, 9.0], f"1 5 2 9 3 above 4 8 6 7 0 gave {found}, not [8.0, 9.0]."

    @pytest.mark.parametrize(
        ("height", "width", "size"),
        [(8, 8, 2), (9, 7, 2), (9, 12, 3), (11, 10, 4), (6, 5, 1), (5, 5, 5)],
    )
    def test_agrees_with_tf_nn(self, height, width, size, forbid):
        """All inputs negative: zeros put around the image, or to start with, would win."""
        images = tf.constant(np.random.default_rng(1).normal(-5, 1, (3, height, width, 2)))
        expected = oracles.max_pool(images, size)
        forbid("max_pool2d", "max_pool", "pool", "max_pool_with_argmax", "avg_pool", "avg_pool2d")
        found = array_of(cnn_model.max_pool(images, size), "max_pool")
        assert found.shape == expected.shape, (
            f"{height} x {width} by {size}: the shape is {found.shape}, not"
            f" {tuple(expected.shape)}; rows and columns left over are cropped."
        )
        error = off_by(found, expected)
        assert error <= 1e-12, f"{height} x {width} by {size}: off by up to {error:.2g}."

    def test_sends_the_gradient_to_the_greatest(self):
        """One pixel of each square gets it all; the values lie far below 0."""
        images = tf.constant(np.random.default_rng(2).normal(-5000, 1000, (2, 5, 4, 3)))
        pooled = cnn_model.max_pool(images)
        assert tf.is_tensor(pooled), f"max_pool gave a {type(pooled).__name__}, not a tensor."
        [found] = gradients_of(lambda x: cnn_model.max_pool(x) ** 2, [images])
        [expected] = gradients_of(lambda x: oracles.max_pool(x) ** 2, [images])
        assert found is not None, "No gradient reaches the images."
        error = off_by(found, expected)
        assert error <= 1e-6, f"The gradient of the images is off by up to {error:.2g}."

    def test_is_built_without_a_pooling(self):
        """By whatever name it is called: the graph shows the operations."""
        operations = operations_of(cnn_model.max_pool, tf.ones((1, 4, 4, 2)))
        called = sorted(op for op in operations if "Pool" in op)
        assert not called, (
            f"The operation {called[0]} does the work that this exercise is to build."
        )


@pytest.mark.exercise("3.4")
class TestBatchNorm:
    """Statistics of the batch in training, the moving ones in inference."""

    @pytest.mark.parametrize("training", [True, False])
    def test_returns_y_and_both_new_statistics(self, training):
        """In this order; the statistics have a value for each channel."""
        inputs = norm_inputs()
        found = cnn_model.batch_norm(*inputs, training)
        assert len(found) == 3, "batch_norm should return y and both new statistics."
        for name, ours, like in zip(
            ("y", "the new mean", "the new variance"), found, (inputs[0], *inputs[3:]), strict=True
        ):
            shape = array_of(ours, f"For {name} batch_norm").shape
            assert shape == like.shape, (
                f"With training={training} {name} has the shape {shape}, not {tuple(like.shape)}."
            )

    def test_forgets_slowly(self):
        """new = momentum x old + (1 - momentum) x batch: 10 and 0 at momentum 0.95 make 9.5."""
        x = tf.constant([[1.0], [-1.0]], tf.float64)
        one = tf.ones(1, tf.float64)
        _, mean, variance = cnn_model.batch_norm(x, one, one, 10 * one, 5 * one, True)
        found = round(float(mean[0]), 4), round(float(variance[0]), 4)
        assert found == (9.5, 4.8), (
            f"Mean 10 and variance 5, a batch of mean 0 and variance 1: {found}, not (9.5, 4.8)."
        )

    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("shape", [(4, 3, 5, 2), (6, 3), (2, 4, 3)], ids=str)
    def test_agrees_with_the_definition(self, shape, training):
        """Statistics over all axes but the last, the population's variance in both uses."""
        inputs = norm_inputs(shape)
        for options in ({}, {"momentum": 0.8, "epsilon": 0.1}):
            found = cnn_model.batch_norm(*inputs, training, **options)
            expected = oracles.batch_norm(*inputs, training, **options)
            for name, ours, theirs in zip(
                ("y", "the new mean", "the new variance"), found, expected, strict=True
            ):
                error = off_by(ours, theirs)
                # Outside training the statistics come back as they were, to the last bit.
                # Elsewhere momentum and epsilon may have been float32 on their way.
                limit = 1e-6 if training or name == "y" else 0
                assert error <= limit, (
                    f"Shape {shape}, training={training}, {options or 'defaults'}: {name} is off by"
                    f" up to {error:.2g}."
                )

    @pytest.mark.parametrize("training", [True, False])
    def test_has_the_gradients_of_the_definition(self, training):
        """To x, gamma and beta; in training also through the mean and the variance of the batch."""
        *tensors, mean, variance = norm_inputs((3, 2, 2, 2))
        weights = tf.constant(np.random.default_rng(0).normal(size=tensors[0].shape))

        def weighted(function):
            return lambda *x: weights * function(*x, mean, variance, training)[0]

        found = gradients_of(weighted(cnn_model.batch_norm), tensors)
        expected = gradients_of(weighted(oracles.batch_norm), tensors)
        for name, ours, theirs in zip(("x", "gamma", "beta"), found, expected, strict=True):
            assert ours is not None, f"With training={training} no gradient reaches {name}."
            error = off_by(ours, theirs)
            assert error <= 1e-8, (
                f"With training={training} the gradient of {name} is off by up to {error:.2g}: in"
                " training it flows through the mean and the variance as well."
            )

    def test_differentiates_through_the_statistics(self):
        """A constant added to the batch changes nothing, so the gradients of a channel sum to 0."""
        x, *others = norm_inputs((5, 3))
        weights = tf.constant(np.random.default_rng(0).normal(size=(5, 3)))
        [gradient] = gradients_of(
            lambda x: weights * cnn_model.batch_norm(x, *others, True)[0], [x]
        )
        total = float(np.abs(np.sum(gradient, axis=0)).max())
        assert total <= 1e-9, f"The gradients of a channel sum to {total:.2g}, not to 0."

    def test_survives_a_constant_channel(self):
        """A dead channel has no deviation: epsilon keeps it finite."""
        one = tf.ones(2)
        y, *_ = cnn_model.batch_norm(tf.fill((4, 2), 3.0), one, one, one, one, True)
        assert off_by(y, np.ones((4, 2))) <= 1e-3, f"A constant channel became {np.asarray(y)[0]}."


@pytest.mark.exercise("3.5")
class TestDropout:
    """In training each value is dropped or scaled up; outside training nothing happens."""

    def test_is_the_identity_outside_training(self):
        """Otherwise the same cell would get another answer each time."""
        x = np.random.default_rng(0).normal(size=(6, 5))
        for rate in (0.0, 0.5):
            found = cnn_model.dropout(tf.constant(x), rate, False, (1, 2))
            assert off_by(found, x) <= 0, f"Outside training rate {rate} changed the values."

    def test_is_the_identity_at_rate_0(self):
        """In training too: none is dropped, and none is scaled."""
        x = np.random.default_rng(0).normal(size=(6, 5))
        found = cnn_model.dropout(tf.constant(x), 0.0, True, (1, 2))
        assert off_by(found, x) <= 0, "In training rate 0 changed the values."

    @pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
    def test_drops_a_share_and_scales_up_the_rest(self, rate):
        """Inverted: kept values are divided by 1 - rate, so that the mean stays."""
        x = tf.constant(np.random.default_rng(0).uniform(1, 2, (100, 80)))
        found = array_of(cnn_model.dropout(x, rate, True, (1, 2)), "dropout")
        assert found.shape == (100, 80), f"The shape became {found.shape}."
        dropped = found == 0
        share = float(dropped.mean())
        limit = 5 * math.sqrt(rate * (1 - rate) / found.size)  # five standard deviations
        assert abs(share - rate) <= limit, (
            f"With rate {rate}, {share:.1%} of the values were dropped."
        )
        error = off_by(found[~dropped], (x.numpy() / (1 - rate))[~dropped])
        assert error <= 1e-4, (
            f"With rate {rate} a kept value should be divided by {1 - rate:.2f}; the first one went"
            f" from {x.numpy()[~dropped][0]:.3f} to {found[~dropped][0]:.3f}."
        )

    def test_has_the_gradient_of_its_mask(self):
        """0 where a value was dropped, 1 / (1 - rate) where it was kept, negative values too."""
        x = tf.constant(np.random.default_rng(0).normal(size=(30, 20)))
        y = cnn_model.dropout(x, 0.25, True, (1, 2))
        [gradient] = gradients_of(lambda x: cnn_model.dropout(x, 0.25, True, (1, 2)), [x])
        assert gradient is not None, "No gradient reaches x."
        error = off_by(gradient * x, y)
        assert error <= 1e-6, f"The gradient differs from mask / (1 - rate) by up to {error:.2g}."
        kept = float((np.asarray(gradient)[x < 0] != 0).mean())
        assert abs(kept - 0.75) <= 0.12, f"Of the negative values {kept:.0%} were kept, not 75%."

    def test_draws_element_by_element(self):
        """Neither features nor images may fall together: not whole columns, not whole rows."""
        found = np.asarray(cnn_model.dropout(tf.ones((60, 50)), 0.5, True, (3, 4))) == 0
        rows, columns = found.mean(1), found.mean(0)
        assert 0.1 < rows.min() <= rows.max() < 0.9, "Whole rows were dropped together."
        assert 0.1 < columns.min() <= columns.max() < 0.9, "Whole columns were dropped together."
        kinds = len(np.unique(found, axis=0))
        assert kinds > 50, f"60 rows have {kinds} different masks: draw for every element."

    def test_draws_element_by_element_in_images_too(self):
        """Not whole channels, and not whole pixels through all channels."""
        kept = np.asarray(cnn_model.dropout(tf.ones((8, 6, 6, 5)), 0.5, True, (3, 4))) != 0
        channels = kept.mean(axis=(1, 2))  # of every image and channel, over its 36 pixels
        assert 0 < channels.min() <= channels.max() < 1, "Whole channels of an image fell together."
        alike = float((kept == kept[..., :1]).all(axis=-1).mean())
        assert alike < 0.3, f"At {alike:.0%} of the pixels all 5 channels fell or stayed together."

    def test_draws_for_a_single_value_too(self):
        """Each value has a draw of its own; of one value a fixed share would be none."""
        x = tf.ones((1,), tf.float64)
        found = [float(cnn_model.dropout(x, 0.2, True, (7, k))[0]) for k in range(300)]
        dropped = found.count(0.0)  # 60 expected, with a standard deviation of 7
        assert 20 <= dropped <= 110, (
            f"With rate 0.2 a single value was dropped in {dropped} of 300 draws, not in about 60."
        )

    def test_takes_a_tensor_as_the_seed(self):
        """In a graph as well, with the mask of the same two ints; either int makes another mask."""
        x = tf.ones((20, 10))
        first = np.asarray(cnn_model.dropout(x, 0.5, True, (1, 2)))
        compiled = tf.function(lambda seed: cnn_model.dropout(x, 0.5, True, seed))
        again = np.asarray(compiled(tf.constant([1, 2])))
        assert np.array_equal(first, again), "The seed (1, 2) gave two masks."
        for other in ((1, 3), (2, 2)):
            found = np.asarray(compiled(tf.constant(other)))
            assert not np.array_equal(first, found), f"The seeds (1, 2) and {other} gave one mask."

    @pytest.mark.parametrize("rate", [1.0, -0.1, 1.5])
    def test_refuses_a_rate_outside_0_to_1(self, rate):
        """Rate 1 would divide by 0."""
        with refused(f"the rate {rate}"):
            cnn_model.dropout(tf.ones((2, 2)), rate, True, (0, 0))


@pytest.mark.exercise("3.6")
class TestSoftmaxCrossEntropy:
    """The mean of minus the logarithm of the label's probability, whatever the logits."""

    def test_by_hand(self):
        """Equal logits: log 2, whatever the label. A sure right answer: about 0."""
        labels = tf.constant([0, 1, 1, 0])
        equal = float(cnn_model.softmax_cross_entropy(tf.zeros((4, 2)), labels))
        assert abs(equal - math.log(2)) <= 1e-5, f"Equal logits: {equal:.4f}, not log 2 = 0.6931."
        sure = tf.constant([[0.0, 20.0]])
        right = float(cnn_model.softmax_cross_entropy(sure, tf.constant([1])))
        assert abs(right) <= 1e-5, f"A sure right answer costs {right:.4f} instead of nearly 0."
        wrong = float(cnn_model.softmax_cross_entropy(sure, tf.constant([0])))
        assert abs(wrong - 20) <= 1e-4, f"A sure wrong answer costs {wrong:.4f} instead of 20."

    @pytest.mark.parametrize("batch", [1, 7, 64])
    def test_agrees_with_the_definition(self, batch):
        """To many digits: an extra softmax keeps the loss between 0.31 and 1.31 unnoticed."""
        logits, labels = logits_and_labels(batch)
        found = array_of(cnn_model.softmax_cross_entropy(logits, labels), "softmax_cross_entropy")
        assert found.shape == (), f"The loss has the shape {found.shape}; it should be one number."
        expected = oracles.cross_entropy(logits, labels)
        assert abs(found - expected) <= 1e-9, (
            f"{batch} examples of 2 classes: the loss is {found:.9g}, not {expected:.9g}."
        )

    def test_has_the_gradient_of_softmax(self):
        """Softmax minus one-hot, over the number of examples."""
        logits, labels = logits_and_labels(6)
        [found] = gradients_of(lambda x: cnn_model.softmax_cross_entropy(x, labels), [logits])
        error = off_by(found, oracles.cross_entropy_gradient(logits, labels))
        assert error <= 1e-9, f"The gradient is off by up to {error:.2g}."

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_is_finite_at_extreme_logits(self, dtype):
        """exp(1000) is infinite: written naively, the loss and its gradient are NaN."""
        logits = tf.constant([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, 1000.0]], dtype)
        labels = tf.constant([0, 0, 1])
        loss = float(cnn_model.softmax_cross_entropy(logits, labels))
        expected = (0 + 2000 + math.log(2)) / 3
        assert abs(loss - expected) <= 1e-3, f"The loss is {loss}, not {expected:.2f}."
        [gradient] = gradients_of(lambda x: cnn_model.softmax_cross_entropy(x, labels), [logits])
        assert gradient is not None, "No gradient reaches the logits."
        found = np.float64(gradient).round(3).tolist()
        expected = np.array([[0, 0], [-1, 1], [0.5, -0.5]]) / 3
        assert off_by(gradient, expected) <= 1e-4, f"The gradient at logits of +-1000 is {found}."

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_is_finite_for_a_low_row_beside_a_high_one(self, dtype):
        """exp(-1000) is 0, and log 0 infinite: each row needs its own greatest logit."""
        logits = tf.constant([[-1000.0, -1000.0], [-999.0, -1000.0], [1000.0, 1000.0]], dtype)
        labels = tf.constant([0, 1, 1])
        loss = float(cnn_model.softmax_cross_entropy(logits, labels))
        expected = (2 * math.log(2) + math.log(1 + math.e)) / 3
        assert abs(loss - expected) <= 1e-3, (
            f"The loss of a row at -1000, one at -999 and -1000 and one at 1000 is {loss}, not"
            f" {expected:.4f}: subtract each row's own greatest logit."
        )
        [gradient] = gradients_of(lambda x: cnn_model.softmax_cross_entropy(x, labels), [logits])
        p = 1 / (1 + math.exp(-1))
        expected = np.array([[-0.5, 0.5], [p, -p], [0.5, -0.5]]) / 3
        error = off_by(gradient, expected)
        assert error <= 1e-4, f"The gradient at logits of -1000 is off by up to {error:.2g}."


@pytest.mark.exercise("3.7")
class TestCNN:
    """Blocks of convolution as the base, two dense layers as the head."""

    # What goes in and comes out

    @pytest.mark.parametrize(("size", "channels"), [(16, (4, 6)), (20, (3, 4, 5)), (32, (8,))])
    def test_gives_two_logits_for_each_image(self, size, channels):
        """Of any image size and any number of blocks; features are one row an image."""
        model = small_cnn(image_size=size, channels=channels)
        images = pictures(3, size)
        logits = array_of(model(images), "CNN.__call__")
        assert logits.shape == (3, 2), f"3 images of {size} pixels gave logits of {logits.shape}."
        features = array_of(model.features(images, training=False), "CNN.features")
        assert features.ndim == 2, f"The features have the shape {features.shape}, not (B, F)."
        assert len(features) == 3, f"3 images gave features of the shape {features.shape}."
        head = array_of(model.head(tf.constant(features), training=False), "CNN.head")
        error = off_by(head, logits)
        assert error <= 1e-5, "Outside training head(features(x)) differs from model(x)."

    def test_has_the_defaults_of_the_course(self):
        """64 pixels, four blocks of 32 to 128 channels, 128 hidden units, float32."""
        model = cnn_model.CNN()
        logits = model(pictures(1, 64))
        assert logits.shape == (1, 2), f"One image of 64 pixels gave logits of {logits.shape}."
        assert logits.dtype == tf.float32, f"The logits are {logits.dtype.name}, not float32."
        kernels = sorted(tuple(v.shape[-2:]) for v in model.base_variables if len(v.shape) == 4)
        assert kernels == [(3, 32), (32, 64), (64, 128), (128, 128)], (
            f"The kernels lead from {kernels}: 3 to 32, 64, 128 and 128 channels were asked for."
        )
        widths = [v.shape[-1] for v in model.head_variables if len(v.shape) == 2]
        assert sorted(widths) == [2, 128], f"The dense layers are {widths} wide, not 128 and 2."

    @pytest.mark.parametrize("training", [True, False])
    def test_takes_an_open_batch(self, training):
        """In a graph the number of images may be unknown: the last batch is shorter."""
        model = small_cnn()
        spec = tf.TensorSpec((None, 16, 16, 3), tf.float32)
        compiled = tf.function(lambda x: model(x, training=training), input_signature=[spec])
        for batch in (3, 2):
            found = compiled(pictures(batch))
            assert found.shape == (batch, 2), (
                f"{batch} images gave logits of {found.shape} in a graph."
            )

    def test_gives_raw_logits(self):
        """No ReLU and no softmax on them: they may be negative, and do not sum to 1."""
        logits = np.concatenate([small_cnn(seed=s)(pictures()).numpy() for s in range(12)])
        least = logits.min()
        assert least < -1e-3, f"The least of 144 logits is {least:.3f}: is there a ReLU?"
        sums = logits.sum(1)
        assert np.abs(sums - 1).max() > 0.05, "The logits of every image sum to 1: is it a softmax?"

    # Its layers, and how they start

    def test_base_has_convolutions_without_bias_and_batch_norm(self):
        """A bias before batch norm would be subtracted again: a kernel, a gamma, a beta a block."""
        base = small_cnn().base_variables
        shapes = sorted(len(v.shape) for v in base)
        assert shapes == [1, 1, 1, 1, 4, 4], (
            f"Two blocks should have 2 kernels and 4 vectors; the ranks found are {shapes}."
        )
        vectors = sorted(v.shape[0] for v in base if len(v.shape) == 1)
        assert vectors == [4, 4, 6, 6], f"The vectors have the sizes {vectors}, not 4, 4, 6, 6."

    def test_head_has_two_dense_layers(self):
        """Features to hidden, hidden to 2, each with a bias."""
        model = small_cnn()
        features = model.features(pictures(1), training=False).shape[1]
        found = sorted(tuple(v.shape) for v in model.head_variables)
        expected = sorted([(features, 5), (5,), (5, 2), (2,)])
        assert found == expected, f"The head's variables have the shapes {found}, not {expected}."

    def test_every_trained_variable_is_of_the_base_or_of_the_head(self):
        """Together they are all that is trained, and none is in both."""
        model = small_cnn(mean=[0.1, 0.2, 0.3], std=[1.0, 2.0, 3.0])
        base = {id(v) for v in model.base_variables}
        head = {id(v) for v in model.head_variables}
        trained = {id(v) for v in model.trainable_variables}
        assert not base & head, f"{len(base & head)} variables are in the base and in the head."
        assert base | head == trained, (
            f"The base has {len(base)} and the head {len(head)} variables, but {len(trained)} are"
            " trainable: mean, standard deviation and moving statistics are not trained, all else"
            " is."
        )

    def test_statistics_are_not_trained(self):
        """A mean and a variance a block, which start at 0 and 1."""
        found = small_cnn().batch_norm_statistics
        sizes = sorted(v.shape[0] for v in found)
        assert sizes == [4, 4, 6, 6], f"Two blocks have statistics of the sizes {sizes}."
        assert all(isinstance(v, tf.Variable) for v in found), (
            "The statistics are not tf.Variables: a copy does not follow the training."
        )
        assert not any(v.trainable for v in found), "The moving statistics are trainable."
        starts = sorted(round(float(np.mean(v)), 3) for v in found)
        assert starts == [0, 0, 1, 1], f"The statistics start at {starts}, not at 0 and 1."

    def test_is_all_of_the_dtype_asked_for(self):
        """What is trained, the statistics, and the logits in training too."""
        model = small_cnn(dtype=tf.float64, mean=[0.5] * 3, std=[0.2] * 3)
        logits = model(pictures(dtype=tf.float64), training=True)
        assert logits.dtype == tf.float64, f"In float64 the logits are {logits.dtype.name}."
        kinds = {v.dtype.name for v in [*model.trainable_variables, *model.batch_norm_statistics]}
        assert kinds == {"float64"}, f"With dtype float64 the variables are {sorted(kinds)}."

    @pytest.mark.parametrize("seed", [0, 1])
    def test_layers_of_one_shape_start_different(self, seed):
        """One seed for all layers would make them twins; so would a seed of 0 times the layer."""
        model = small_cnn(channels=(4, 4, 4), seed=seed)
        kernels = [v.numpy() for v in model.base_variables if v.shape[-2:] == (4, 4)]
        assert len(kernels) == 2, f"Found {len(kernels)} kernels from 4 to 4 channels, not 2."
        assert not np.allclose(*kernels), "Two layers of one shape start with the same weights."
        filters = kernels[0].reshape(-1, 4).T
        kinds = len(np.unique(filters.round(6), axis=0))
        assert kinds == 4, "The filters of a layer start with the same weights."

    # Training mode, and the moving statistics

    def test_moves_its_statistics_in_training_only(self):
        """Every one of them, and by the base alone: the head has none."""
        model = small_cnn()
        statistics = model.batch_norm_statistics
        before = values_of(statistics)
        model(pictures())
        model.head(model.features(pictures(), training=False), training=True)
        moved = 4 - count_unchanged(statistics, before)
        assert moved == 0, f"Outside training {moved} of 4 statistics moved."
        model.features(pictures(), training=True)
        still = count_unchanged(statistics, before)
        assert still == 0, f"In training {still} of 4 statistics stayed as they were."

    def test_passes_training_on_to_base_and_head(self):
        """model(images, training=True) is what a training step calls."""
        model = small_cnn(hidden=64)
        before = values_of(model.batch_norm_statistics)
        first, second = (np.asarray(model(pictures(), training=True)) for _ in range(2))
        still = count_unchanged(model.batch_norm_statistics, before)
        assert still == 0, f"In model(images, training=True) {still} of 4 statistics did not move."
        assert not np.allclose(first, second), (
            "Two calls of model(images, training=True) gave the same logits: the head did not drop."
        )

    def test_normalises_by_the_batch_in_training(self):
        """Convolution is linear and has no bias: twice the signal, normalised, is the same."""
        model = small_cnn(dtype=tf.float64)
        images = 40 * pictures(dtype=tf.float64)
        first = model.features(images, training=True)
        error = off_by(model.features(2 * images, training=True), first)
        assert error <= 0.02, (
            f"Twice the signal changed the features by up to {error:.2g} in training."
        )
        used = [model.features(k * images, training=False) for k in (1, 2)]
        assert off_by(*used) > 0.1, "Outside training twice the signal changed nothing."

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_statistics_are_those_of_the_convolution(self, dtype):
        """Of what the convolution gives, before ReLU and pooling; the population's variance."""
        shares = []
        for whole in (True, False):
            model = small_cnn(image_size=2, channels=(4,), dtype=dtype)
            [block] = blocks_of(model, (4,))
            images = 5 * pictures(2, 2, dtype)
            values = oracles.conv2d(images, block.kernel, 0.0).numpy()  # (2, 2, 2, 4)
            if whole:
                model(images, training=True)
            else:
                model.features(images, training=True)
            # How far the mean went on its way from 0, and the variance on its way from 1
            shares.append(block.mean / values.mean((0, 1, 2)))
            shares.append((block.variance - 1) / (values.var((0, 1, 2)) - 1))
        shares = np.array(shares)  # 1 - momentum, for both statistics of every channel
        assert 0 < shares.mean() < 0.5, f"One call moved them {shares.mean():.0%} of the way."
        assert np.abs(shares - shares.mean()).max() <= 1e-4, (
            "After one call in training the moving statistics did not all move one share of the way"
            " to the mean and the variance of the convolution's values: are they taken once, before"
            " ReLU and pooling, over batch, rows and columns, and divided by the number of values?"
        )

    def test_statistics_become_those_of_the_data(self):
        """After many calls on one batch, inference and training give the same features."""
        model = small_cnn(dtype=tf.float64)
        images = pictures(dtype=tf.float64)
        compiled = tf.function(lambda: model.features(images, training=True))
        for _ in range(300):
            expected = compiled()
        found = model.features(images, training=False)
        scale = float(np.abs(expected).max())
        error = off_by(found, expected) / scale
        assert error <= 1e-3, (
            f"After 300 calls on one batch the features differ by {error:.1%} between training and"
            " inference: do the moving statistics follow those of the batch?"
        )

    def test_looks_at_every_image_alone_outside_training(self):
        """There the others in the batch do not matter."""
        model, images = small_cnn(), pictures()
        error = off_by(model(images)[:1], model(images[:1]))
        assert error <= 1e-5, f"The same image alone and in a batch differs by {error:.2g}."

    # Dropout

    @pytest.mark.parametrize("rate", [0.25, None])
    def test_drops_hidden_values_at_its_rate(self, rate):
        """All hidden values are made 1, and added up: each is 0 or 1 / (1 - rate) in training."""
        options = {} if rate is None else {"dropout": rate}
        model = small_cnn(hidden=100, **options)
        rate = 0.5 if rate is None else rate
        head = head_of(model, hidden=100)
        for variable, value in ((head.w1, 0.0), (head.b1, 1.0), (head.b2, 0.0)):
            variable.assign(tf.fill(variable.shape, value))
        head.w2.assign([[1.0, 1.0]] + 99 * [[1.0, 0.0]])  # the sum of all 100, and the first alone
        features = tf.ones((400, head.w1.shape[0]))
        # Times 1 - rate, each hidden value that was kept counts 1.
        found = np.asarray(model.head(features, training=True)) * (1 - rate)
        kept, first = found.T
        whole_numbers = np.abs(found - found.round()).max() <= 1e-3
        scaled = whole_numbers and abs(first.max() - 1) <= 1e-3
        assert scaled, (
            f"With rate {rate} a hidden value of 1 became {first.max() / (1 - rate):.3f} where it"
            f" was kept, not 1 / {1 - rate} = {1 / (1 - rate):.3f}."
        )
        rows_differ = len(np.unique(kept.round())) > 5
        dropped = rows_differ and abs(first.mean() - (1 - rate)) <= 0.12
        assert dropped, (
            f"With rate {rate}, between {kept.min():.0f} and {kept.max():.0f} of 100 hidden values"
            f" were kept, the first of them in {first.mean():.0%} of 400 rows: dropout at that rate"
            " stands after the ReLU."
        )

    @pytest.mark.parametrize("compiled", [False, True])
    def test_draws_a_new_mask_at_every_call(self, compiled):
        """In a graph as well, where a number drawn in Python would stay forever."""
        model = small_cnn(hidden=64)
        shape = (4, *model.features(pictures(1), training=False).shape[1:])
        features = tf.random.stateless_normal(shape, (1, 2))

        def head(x):
            return model.head(x, training=True)

        head = tf.function(head) if compiled else head
        kinds = len({np.asarray(head(features)).tobytes() for _ in range(4)})
        assert kinds == 4, f"4 calls of the head in training gave {kinds} different results."
        rows = np.asarray(head(tf.repeat(features[:1], 4, axis=0)))
        assert len(np.unique(rows, axis=0)) == 4, "All images of a batch got one dropout mask."

    def test_drops_nothing_outside_training_or_at_rate_0(self):
        """The same cell gets the same answer each time."""
        model = small_cnn(hidden=64)
        images = pictures()
        assert off_by(model(images), model(images)) <= 0, "Outside training two calls differ."
        model = small_cnn(hidden=64, dropout=0.0)
        features = model.features(images, training=False)
        first, second = (model.head(features, training=True) for _ in range(2))
        assert off_by(first, second) <= 0, "With dropout 0 two calls in training differ."
        error = off_by(first, model.head(features, training=False))
        assert error <= 1e-6, (
            f"With dropout 0 the head in training and outside differs by {error:.2g}."
        )

    # Standardisation

    @pytest.mark.parametrize("name", ["logits", "features"])
    def test_standardises_first(self, name):
        """With mean and standard deviation the network takes raw images, and so does its base."""
        mean, std = [0.5, 0.25, 0.1], [0.2, 0.1, 0.0]  # a channel without deviation is centred
        images = pictures(dtype=tf.float64)
        standardised = (images - mean) / np.array([0.2, 0.1, 1.0])
        plain = small_cnn(dtype=tf.float64)
        standardising = small_cnn(dtype=tf.float64, mean=mean, std=std)
        if name == "logits":
            found, expected = standardising(images), plain(standardised)
        else:  # lesson 6 calls features and head one by one
            found = standardising.features(images, training=False)
            expected = plain.features(standardised, training=False)
        error = off_by(found, expected)
        assert error <= 1e-6, (
            f"With mean and standard deviation the {name} are off by up to {error:.2g}."
        )

    # The plain network beside it

    def test_base_is_convolution_norm_relu_pool(self):
        """Down to one pixel the features can only be the last block's values, in any order."""
        channels = (4, 5)
        model = small_cnn(image_size=7, channels=channels, dtype=tf.float64)
        rng = np.random.default_rng(5)
        x = images = pictures(3, 7, tf.float64)
        for block in blocks_of(model, channels):
            for v in (block.gamma, block.beta, block.mean):  # a negative gamma tells the order
                v.assign(rng.normal(0, 0.7, v.shape))
            block.variance.assign(rng.uniform(0.5, 2, block.variance.shape))
            x = oracles.conv_block(x, *block)  # 7 pixels, then 3, then 1
        expected = x[:, 0, 0].numpy()  # (3, 5)
        found = array_of(model.features(images, training=False), "CNN.features")
        distances = np.abs(found[:, :, None] - expected[:, None, :])  # (3, F, 5)
        of_found = distances.min(axis=2).max()  # how far a feature is from the nearest value
        of_expected = distances.min(axis=1).max()  # and how far a value from the nearest feature
        error = float(max(of_found, of_expected))
        assert error <= 1e-6, (
            f"Two blocks on images of 7 pixels leave one pixel; its features differ by up to"
            f" {error:.2g} from convolution (SAME), batch norm, ReLU, max-pooling (VALID) by hand."
        )

    def test_head_is_dense_relu_dense(self):
        """Outside training, with biases that are not 0."""
        model = small_cnn(dtype=tf.float64)
        head = head_of(model, hidden=5)
        rng = np.random.default_rng(6)
        for bias in (head.b1, head.b2):
            bias.assign(rng.normal(size=bias.shape))
        features = rng.normal(size=(20, head.w1.shape[0]))
        found = model.head(tf.constant(features), training=False)
        error = off_by(found, oracles.dense_head(features, *head))
        assert error <= 1e-8, f"The head differs from dense - ReLU - dense by up to {error:.2g}."

    def test_has_a_relu_in_every_block_and_between_the_dense_layers(self):
        """Without it the layers in a row are no more than one."""
        model = small_cnn(dtype=tf.float64)
        blocks = blocks_of(model, (4, 6))
        images = pictures(dtype=tf.float64)
        features = model.features(images, training=True)
        for block in blocks:
            block.beta.assign(block.beta - 100)  # now every channel lies far below 0
        least = float(np.min(model.features(images, training=False)))
        assert least >= 0, f"With beta at -100 a feature is {least:.1f}: a block has no ReLU."
        zero, plus, minus = (
            np.asarray(model.head(k * (features + 1), training=False)) for k in (0.0, 1.0, -1.0)
        )
        assert off_by(plus - zero, zero - minus) > 1e-3, "The head is linear: a ReLU is missing."

    # All of it, at work

    def test_learns_one_batch_by_heart(self):
        """The first test of any network: gradients reach every layer, and the loss falls."""
        model = small_cnn(channels=(6, 8), hidden=16, dropout=0.0)
        images, labels = pictures(8), tf.constant([0, 1] * 4)

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, model.trainable_variables)
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
                if gradient is not None:
                    variable.assign_sub(0.1 * gradient)
            return loss

        before = values_of(model.trainable_variables)
        losses = [float(step()) for _ in range(80)]
        still = count_unchanged(model.trainable_variables, before)
        assert still == 0, f"{still} of {len(before)} trainable variables never moved."
        assert losses[-1] <= 0.25 * losses[0], (
            f"In 80 steps on 8 images the loss went from {losses[0]:.3f} to {losses[-1]:.3f} only."
        )


# The properties that all exercises have in common; tests/properties.py has the tests.
test_properties = properties.tests_of(
    Example(
        "3.1",
        lambda seed: cnn_model.he_normal((20, 10), seed),
        inputs=lambda dtype: (),
        seeds=(0, 1),
    ),
    Example(
        "3.2",
        lambda *inputs: cnn_model.conv2d(*inputs),
        inputs=lambda dtype: convolution_inputs(dtype=dtype),
        dtype=True,
        batched=(0,),
    ),
    Example(
        "3.3",
        lambda images: cnn_model.max_pool(images),
        inputs=lambda dtype: (pictures(dtype=dtype),),
        dtype=True,
        batched=(0,),
    ),
    Example(
        "3.4",
        lambda *inputs: [cnn_model.batch_norm(*inputs, training) for training in (True, False)],
        inputs=lambda dtype: norm_inputs(dtype=dtype),
        dtype=True,
        batched=(0,),
    ),
    Example(
        "3.5",
        lambda x, seed: cnn_model.dropout(x, 0.5, True, seed),
        inputs=lambda dtype: (tf.ones((3, 4, 4, 2), dtype),),
        dtype=True,
        batched=(0,),
        seeds=((1, 2), (2, 1)),  # one sum and one product: both numbers count
    ),
    Example(
        "3.6",
        lambda logits, labels: cnn_model.softmax_cross_entropy(logits, labels),
        inputs=lambda dtype: logits_and_labels(5, dtype),
        dtype=True,
        batched=(0, 1),
    ),
    # The batch is left open above, where the network is built outside of the graph.
    Example(
        "3.7",
        lambda images, seed: small_cnn(seed=seed, dtype=images.dtype)(images),
        inputs=lambda dtype: (pictures(dtype=dtype),),
        dtype=True,
        seeds=(0, 1),
    ),
)

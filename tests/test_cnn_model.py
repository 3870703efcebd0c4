"""Grades lesson 3: initial weights, convolution, pooling, normalisation, dropout, loss, network."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests import oracles, properties, received
from tests.graded import cnn_model
from tests.properties import Example, graph_of
from tests.received import compared, digits, distance
from tests.refusals import refused

# The exercises under test, each with a check of what kind of thing came back.


def he_normal(shape, seed, dtype=None):
    """An array of that shape, in float32 where no dtype is asked for."""
    found = cnn_model.he_normal(shape, seed, *([] if dtype is None else [dtype]))
    return received.tensor(found, f"the weights for {shape}", shape, dtype or tf.float32)


def conv2d(inputs, like, *options, what="the convolution"):
    """An array of the shape that the true one has; in the dtype of the images."""
    found = cnn_model.conv2d(*inputs, *options)
    return received.array(found, what, like.shape, inputs[0].dtype)


def max_pool(images, like, *size, what="the pooled images"):
    """An array of the shape that the true one has; in the dtype of the images."""
    found = cnn_model.max_pool(images, *size)
    return received.array(found, what, like.shape, images.dtype)


NORMALISED = ("y", "the new mean", "the new variance")


def batch_norm(inputs, training, **options):
    """Three arrays: y in the shape of x, and both statistics in the shape of the old ones."""
    x, _, _, *moving = inputs
    before = [np.asarray(statistic).copy() for statistic in moving]
    found = cnn_model.batch_norm(*inputs, training, **options)
    found = received.parts(found, NORMALISED, f"with training={training}, the result")
    assert all(map(np.array_equal, moving, before)), (
        f"With training={training}, the moving statistics passed in were modified; the new ones"
        " should only be returned."
    )
    return [
        received.array(part, f"with training={training}, {name}", like.shape, x.dtype)
        for name, part, like in zip(NORMALISED, found, (x, *moving), strict=True)
    ]


def dropout(x, rate, training=True, seed=(1, 2)):
    """An array like x."""
    found = cnn_model.dropout(x, rate, training, seed)
    return received.array(found, f"with training={training}, the result", x.shape, x.dtype)


def cross_entropy(logits, labels, *smoothing):
    """A float, which came in the dtype of the logits."""
    found = cnn_model.softmax_cross_entropy(logits, labels, *smoothing)
    return float(received.array(found, "the loss", (), logits.dtype))


def sum_of_squares(values):
    """Its gradient depends on the values."""
    return tf.reduce_sum(values**2)


def gradients_of(function, tensors, names, like=None, total=sum_of_squares):
    """The gradients of a function of some tensors, an array for each.

    Args:
        function: Of the tensors, to a tensor.
        tensors: What the gradients are taken with respect to.
        names: Theirs, for a sentence where a gradient does not arrive.
        like: A tensor or an array of the shape that should come out. Without it, what the function
            returns is known to be right.
        total: Makes one number of what the function returns.
    """
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        found = function(*tensors)
        if like is not None:
            received.tensor(found, "the result", like.shape, tensors[0].dtype)
        loss = total(found)
    gradients = tape.gradient(loss, tensors)
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient is not None, f"No gradient reaches {name}."
    return [np.asarray(tf.convert_to_tensor(gradient)) for gradient in gradients]


def gradient_of_loss(logits, labels, **smoothing):
    """The gradient of the loss to the logits, an array."""
    loss = lambda x: cnn_model.softmax_cross_entropy(x, labels, **smoothing)  # noqa: E731
    return gradients_of(loss, [logits], ["the logits"], like=np.zeros(()), total=tf.identity)[0]


def without_gradient(constant, x, gamma, beta, *_):
    """Batch norm in training, no gradient flowing through the "mean", the "variance", or "both"."""
    mean = tf.reduce_mean(x, axis=list(range(len(x.shape) - 1)))
    variance = tf.reduce_mean((x - mean) ** 2, axis=list(range(len(x.shape) - 1)))
    mean = mean if constant == "variance" else tf.stop_gradient(mean)
    variance = variance if constant == "mean" else tf.stop_gradient(variance)
    return oracles.batch_norm(x, gamma, beta, mean, variance, training=False)


# Seeing how it was made


def operations_of(name, inputs):
    """The kinds of operations in the graph of a function, also in the functions that it calls."""

    def run(*inputs):
        getattr(cnn_model, name)(*inputs)  # whatever it returns

    graph = graph_of(run, name, inputs, batched=()).get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return {node.op for node in nodes}


@pytest.fixture
def forbid(monkeypatch):
    """Take operations out of `tf.nn`, for what is to be built without them."""

    def take(*names):
        for name in names:

            def refuse(*_, name=name, **__):
                pytest.fail(f"tf.nn.{name} was called, but this exercise is to build it.")

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


def logits_and_labels(batch, dtype=tf.float64, classes=2):
    """Logits, some of them sure, and labels."""
    rng = np.random.default_rng(batch)
    logits, labels = rng.normal(0, 4, (batch, classes)), rng.integers(0, classes, batch)
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
    asked = tf.as_dtype(options.get("dtype", tf.float32)).name
    others = {v.dtype.name for v in found.trainable_variables} - {asked}
    assert not others, (
        f"With dtype {asked}, there are variables in {received.enumerated(sorted(others))}."
    )
    return found


def logits_of(model, images, training=False):
    """The logits, an array `(B, 2)`."""
    what = f"the logits of {len(images)} images, with training={training},"
    found = model(images, training=training)
    return received.array(found, what, (len(images), 2), images.dtype)


def features_of(model, images, training=False):
    """The features, an array `(B, F)`."""
    what = f"CNN.features of {len(images)} images, with training={training},"
    found = model.features(images, training=training)
    return received.array(found, what, (len(images), None), images.dtype)


def head_of(model, features, training=False):
    """What the head makes of features, an array `(B, 2)`."""
    what = f"CNN.head of {len(features)} rows of features, with training={training},"
    found = model.head(features, training=training)
    return received.array(found, what, (len(features), 2), features.dtype)


def variables_of(model, name):
    """One of the lists of variables."""
    found = received.sequence(getattr(model, name), f"CNN.{name}")
    assert all(isinstance(v, tf.Variable) for v in found), (
        f"CNN.{name} holds objects that are not tf.Variables; a copy does not change in training."
    )
    return found


class Block(NamedTuple):
    """The variables of a block of the base."""

    kernel: tf.Variable
    gamma: tf.Variable
    beta: tf.Variable
    mean: tf.Variable
    variance: tf.Variable


class Weights(NamedTuple):
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
        f"A new network should have one variable of rank {rank} and width {width}{starting}, but"
        f" it has {len(found)}."
    )
    return found[0]


def blocks_of(model, channels):
    """The variables of each block of a network just built, all of whose channels differ.

    The lists of variables may have any order, and names are the learner's. So what belongs to a
    block is told by its width; and of the vectors of one width, gamma starts at 1 and beta at 0,
    the moving mean at 0 and the moving variance at 1.
    """
    base = variables_of(model, "base_variables")
    statistics = variables_of(model, "batch_norm_statistics")
    blocks = [
        Block(
            kernel=only_one(base, rank=4, width=width),
            gamma=only_one(base, rank=1, width=width, start=1),
            beta=only_one(base, rank=1, width=width, start=0),
            mean=only_one(statistics, rank=1, width=width, start=0),
            variance=only_one(statistics, rank=1, width=width, start=1),
        )
        for width in channels
    ]
    for block, inputs in zip(blocks, (3, *channels), strict=False):
        assert block.kernel.shape[2] == inputs, (
            f"A kernel of the shape {tuple(block.kernel.shape)} takes {block.kernel.shape[2]}"
            f" channels, but it is given {inputs}."
        )
        kinds = sorted({v.dtype.name for v in block})
        assert len(kinds) == 1, (
            f"In one block, there are variables in {received.enumerated(kinds)}."
        )
    return blocks


def weights_of(model, hidden):
    """The variables of the head, told by their shapes alone: `hidden` is not 2."""
    head = variables_of(model, "head_variables")
    w2 = only_one(head, rank=2, width=2)
    assert w2.shape[0] == hidden, (
        f"The last weights have the shape {tuple(w2.shape)}, not ({hidden}, 2)."
    )
    return Weights(
        w1=only_one(head, rank=2, width=hidden),
        b1=only_one(head, rank=1, width=hidden),
        w2=w2,
        b2=only_one(head, rank=1, width=2),
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
        he_normal(shape, 0)
        he_normal(shape, 0, tf.float64)

    def test_draws_for_every_place_of_a_kernel(self):
        """One draw, repeated at all places, is a filter that sees only the mean of its window."""
        kernel = he_normal((3, 3, 8, 16), 3)
        assert kernel.std() > 0, "All weights of a kernel are equal."
        different = len({place.tobytes() for place in kernel.reshape(9, -1)})
        assert different == 9, (
            f"The 9 positions of a kernel hold {different} different sets of weights, not 9."
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
        weights = he_normal(shape, 1)
        expected = math.sqrt(2 / fan_in)
        ratio = float(weights.std()) / expected
        # Of so many weights the standard deviation is known to some 0.5%.
        assert abs(ratio - 1) <= 0.03, (
            f"For {shape}, the standard deviation is {digits(weights.std())}; with fan-in {fan_in}"
            f" it should be sqrt(2 / {fan_in}) = {digits(expected)}."
        )
        centre = float(weights.mean()) / expected
        assert abs(centre) <= 5 / math.sqrt(weights.size), (
            f"For {shape}, the mean is {digits(weights.mean())}, which is too far from 0."
        )

    def test_is_bell_shaped(self):
        """One standard deviation holds 68% of a normal (cut off at two: 65%), of a uniform 58%."""
        weights = he_normal((300, 200), 2)
        share = float((np.abs(weights) <= weights.std()).mean())
        assert 0.63 <= share <= 0.72, (
            f"{share:.0%} of the weights lie within one standard deviation of 0, not about 68%."
        )

    def test_has_other_weights_for_every_seed(self):
        """Not only for odd and even ones."""
        kinds = {he_normal((4, 3), seed).tobytes() for seed in range(4)}
        assert len(kinds) == 4, f"The seeds 0 to 3 gave only {len(kinds)} different results."


@pytest.mark.exercise("3.2")
class TestConv2d:
    """Cross-correlation as in tf.nn, from patches and a product."""

    def test_by_hand(self):
        """Three pixels, a kernel of three: the window slides, the kernel does not turn round."""
        image = tf.reshape(tf.constant([1.0, 2.0, 3.0]), (1, 1, 3, 1))
        image = tf.concat([image, tf.zeros((1, 2, 3, 1))], axis=1)
        kernel = tf.reshape(tf.constant([10.0, 1.0, 0.1]), (1, 3, 1, 1))
        row = conv2d((image, kernel, tf.constant([0.5])), like=image)[0, 0, :, 0]
        assert distance(row, [1.7, 12.8, 23.5]) <= 1e-3, (
            f"The pixels 1, 2, 3 with the kernel 10, 1, 0.1 and the bias 0.5 gave {digits(row)},"
            " not [1.7, 12.8, 23.5]."
        )

    @pytest.mark.parametrize("case", CONVOLUTIONS)
    def test_agrees_with_tf_nn(self, case, forbid):
        """For odd and even sizes, strides, both paddings; the zeros where they belong."""
        sizes, stride, padding = CONVOLUTIONS[case]
        inputs = images, kernel, bias = convolution_inputs(**sizes)
        expected = oracles.conv2d(images, kernel, bias, stride, padding).numpy()
        flipped = oracles.conv2d(images, kernel[::-1, ::-1], bias, stride, padding).numpy()
        forbid("conv2d", "convolution", "conv2d_transpose", "depthwise_conv2d", "conv1d", "conv3d")
        found = conv2d(inputs, expected, stride, padding, what=f"the convolution ({case})")
        hint = ""
        if distance(found, flipped) <= 1e-9:
            hint = " The kernel was flipped."
        elif distance(found, expected - bias) <= 1e-9:
            hint = " The bias is missing."
        elif distance(found, np.maximum(expected, 0)) <= 1e-9:
            hint = " Negative values became 0."
        assert distance(found, expected) <= 1e-9, (
            f"The convolution ({case}) differs from tf.nn.conv2d: {compared(found, expected)}."
            f"{hint}"
        )

    def test_has_the_gradients_of_tf_nn(self):
        """To the images, the kernel and the bias: without them no layer learns."""
        tensors, names = convolution_inputs(), ("the images", "the kernel", "the bias")
        like = oracles.conv2d(*tensors)
        found = gradients_of(lambda *x: cnn_model.conv2d(*x), tensors, names, like)
        expected = gradients_of(oracles.conv2d, tensors, names)
        for name, ours, theirs in zip(names, found, expected, strict=True):
            assert distance(ours, theirs) <= 1e-8, (
                f"The gradient with respect to {name} is wrong: {compared(ours, theirs)}."
            )

    def test_is_built_without_a_convolution(self):
        """By whatever name it is called: the graph shows the operations."""
        operations = operations_of("conv2d", convolution_inputs())
        called = sorted(op for op in operations if "Conv" in op)
        assert not called, (
            f"The graph contains the operation {called[0]}, which this exercise is to build."
        )

    @pytest.mark.parametrize(
        ("channels", "padding", "what"),
        [
            (3, "SAME", "images with 3 channels and a kernel for 2"),
            (1, "SAME", "images with 1 channel and a kernel for 2"),
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
        found = max_pool(image, like=np.zeros((1, 1, 2, 1)))[0, 0, :, 0]
        assert found.tolist() == [8.0, 9.0], (
            f"1 5 2 9 3 above 4 8 6 7 0 gave {digits(found)}, not [8, 9]."
        )

    @pytest.mark.parametrize(
        ("height", "width", "size"),
        [(8, 8, 2), (9, 7, 2), (9, 12, 3), (11, 10, 4), (6, 5, 1), (5, 5, 5)],
    )
    def test_agrees_with_tf_nn(self, height, width, size, forbid):
        """All inputs negative: zeros put around the image, or to start with, would win."""
        images = tf.constant(np.random.default_rng(1).normal(-5, 1, (3, height, width, 2)))
        expected = oracles.max_pool(images, size).numpy()
        forbid("max_pool2d", "max_pool", "pool", "max_pool_with_argmax", "avg_pool", "avg_pool2d")
        what = f"the pooling of {height} x {width} pixels with size {size}"
        found = max_pool(images, expected, size, what=what)
        assert distance(found, expected) <= 1e-12, (
            f"T{what[1:]} differs from tf.nn.max_pool2d: {compared(found, expected)}."
        )

    def test_sends_the_gradient_to_the_greatest(self):
        """One pixel of each square gets it all; the values lie far below 0."""
        images = tf.constant(np.random.default_rng(2).normal(-5000, 1000, (2, 5, 4, 3)))
        like, names = oracles.max_pool(images), ["the images"]
        [found] = gradients_of(lambda x: cnn_model.max_pool(x), [images], names, like)
        [expected] = gradients_of(oracles.max_pool, [images], names)
        assert distance(found, expected) <= 1e-6, (
            f"For images with values around -5000, the gradient is wrong:"
            f" {compared(found, expected)}."
        )

    def test_is_built_without_a_pooling(self):
        """By whatever name it is called: the graph shows the operations."""
        operations = operations_of("max_pool", [tf.ones((1, 4, 4, 2))])
        called = sorted(op for op in operations if "Pool" in op)
        assert not called, (
            f"The graph contains the operation {called[0]}, which this exercise is to build."
        )


@pytest.mark.exercise("3.4")
class TestBatchNorm:
    """Statistics of the batch in training, the moving ones in inference."""

    @pytest.mark.parametrize("training", [True, False])
    def test_returns_y_and_both_new_statistics(self, training):
        """In this order; the statistics have a value for each channel."""
        batch_norm(norm_inputs(), training)

    def test_forgets_slowly(self):
        """new = momentum x old + (1 - momentum) x batch: 10 and 0 at momentum 0.95 make 9.5."""
        x = tf.constant([[1.0], [-1.0]], tf.float64)
        one = tf.ones(1, tf.float64)
        _, mean, variance = batch_norm((x, one, one, 10 * one, 5 * one), training=True)
        found = np.concatenate([mean, variance])
        assert distance(found, [9.5, 4.8]) <= 5e-5, (
            f"The mean 10 and the variance 5 became {digits(found)} after a batch of mean 0 and"
            " variance 1, not [9.5, 4.8]."
        )

    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("shape", [(4, 3, 5, 2), (6, 3), (2, 4, 3)], ids=str)
    def test_agrees_with_the_definition(self, shape, training):
        """Statistics over all axes but the last, the population's variance in both uses."""
        inputs = norm_inputs(shape)
        for options in ({}, {"momentum": 0.8, "epsilon": 0.1}):
            found = batch_norm(inputs, training, **options)
            expected = oracles.batch_norm(*inputs, training, **options)
            case = ", ".join(f"{k}={v}" for k, v in {"training": training, **options}.items())
            for name, ours, theirs in zip(NORMALISED, found, expected, strict=True):
                # Outside training the statistics come back as they were, to the last bit.
                # Elsewhere momentum and epsilon may have been float32 on their way.
                limit = 1e-6 if training or name == "y" else 0
                assert distance(ours, theirs) <= limit, (
                    f"For x of the shape {shape}, {case}: {name} is {compared(ours, theirs)}."
                )

    @pytest.mark.parametrize("training", [True, False])
    def test_has_the_gradients_of_the_definition(self, training):
        """To x, gamma and beta; in training also through the mean and the variance of the batch."""
        *tensors, mean, variance = norm_inputs((3, 2, 2, 2))
        names, x = ("x", "gamma", "beta"), tensors[0]
        weights = tf.constant(np.random.default_rng(0).normal(size=x.shape))

        def gradients(function, like=None):
            normalise = lambda *inputs: function(*inputs, mean, variance, training)[0]  # noqa: E731
            return gradients_of(
                normalise, tensors, names, like, lambda y: tf.reduce_sum(weights * y)
            )

        batch_norm((*tensors, mean, variance), training)  # three things come back
        found, expected = gradients(cnn_model.batch_norm, like=x), gradients(oracles.batch_norm)
        hint = ""
        if training:  # what comes out where a statistic of the batch is taken for a constant
            for constant in ("mean", "variance"):
                blocked = gradients(partial(without_gradient, constant))
                if distance(found[0], blocked[0]) <= 1e-8:
                    hint = f" No gradient flows through the {constant} of the batch."
            if distance(found[0], gradients(partial(without_gradient, "both"))[0]) <= 1e-8:
                hint = " No gradient flows through the mean and the variance of the batch."
        for name, ours, theirs in zip(names, found, expected, strict=True):
            assert distance(ours, theirs) <= 1e-8, (
                f"With training={training}, the gradient with respect to {name} is"
                f" {compared(ours, theirs)}.{hint}"
            )

    def test_survives_a_constant_channel(self):
        """A dead channel has no deviation: epsilon keeps it finite."""
        one = tf.ones(2)
        y, *_ = batch_norm((tf.fill((4, 2), 3.0), one, one, one, one), training=True)
        assert distance(y, np.ones((4, 2))) <= 1e-3, (
            f"With gamma and beta 1, a channel that is 3 everywhere became {digits(y[:, 0])}, not"
            " 1 everywhere."
        )


@pytest.mark.exercise("3.5")
class TestDropout:
    """In training each value is dropped or scaled up; outside training nothing happens."""

    @pytest.mark.parametrize(("training", "rate"), [(False, 0.0), (False, 0.5), (True, 0.0)])
    def test_is_the_identity_outside_training_and_at_rate_0(self, training, rate):
        """Otherwise the same cell would get another answer each time."""
        x = np.random.default_rng(0).normal(size=(6, 5))
        found = dropout(tf.constant(x), rate, training)
        assert distance(found, x) <= 0, (
            f"With training={training} and rate {rate}, a value became {compared(found, x)}."
        )

    def test_takes_a_tensor_as_the_seed(self):
        """In a graph as well, with the mask of the same two ints; either int makes another mask."""
        x = tf.ones((20, 10))
        first, again = dropout(x, 0.5), dropout(x, 0.5)
        assert np.array_equal(first, again), "Two calls with the seed (1, 2) gave different masks."
        compiled = tf.function(lambda seed: cnn_model.dropout(x, 0.5, True, seed))
        again = received.array(compiled(tf.constant([1, 2])), "the result in a graph", x.shape)
        assert np.array_equal(first, again), (
            "The seed (1, 2), as a tensor in a graph, gave another mask than as two numbers."
        )
        for other in ((1, 3), (2, 2)):
            found = np.asarray(compiled(tf.constant(other)))
            assert not np.array_equal(first, found), (
                f"The seeds (1, 2) and {other} gave the same mask."
            )

    def test_draws_element_by_element(self):
        """Neither features nor examples may fall together: not whole columns, not whole rows."""
        dropped = dropout(tf.ones((60, 50)), 0.5, seed=(3, 4)) == 0
        assert 0 < dropped.mean() < 1, (
            f"With rate 0.5, {dropped.mean():.0%} of 3000 values were dropped."
        )
        for axis, name in ((1, "rows"), (0, "columns")):
            shares = dropped.mean(axis)
            assert not np.isin(shares, (0, 1)).all(), f"Whole {name} were dropped together."
            assert 0.1 < shares.min() <= shares.max() < 0.9, (
                f"With rate 0.5, between {shares.min():.0%} and {shares.max():.0%} of the values in"
                f" each of the {name} were dropped: draw for each element separately."
            )
        kinds = len(np.unique(dropped, axis=0))
        assert kinds > 50, (
            f"60 rows have only {kinds} different masks: draw for each element separately."
        )

    def test_draws_element_by_element_in_images_too(self):
        """Not whole channels, and not whole pixels through all channels."""
        kept = dropout(tf.ones((8, 6, 6, 5)), 0.5, seed=(3, 4)) != 0
        assert 0 < kept.mean() < 1, f"With rate 0.5, {kept.mean():.0%} of 1440 values were kept."
        images, channels = kept.mean(axis=(1, 2, 3)), kept.mean(axis=(1, 2))
        assert not np.isin(images, (0, 1)).all(), "Whole images were dropped together."
        assert not np.isin(channels, (0, 1)).all(), (
            "Whole channels of an image were dropped together."
        )
        assert 0 < channels.min() <= channels.max() < 1, (
            "In one channel of an image, all 36 pixels were dropped or kept together."
        )
        alike = float((kept == kept[..., :1]).all(axis=-1).mean())
        assert alike < 0.3, (
            f"At {alike:.0%} of the pixels, all 5 channels were dropped or kept together."
        )

    @pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
    def test_drops_a_share_and_scales_up_the_rest(self, rate):
        """Inverted: kept values are divided by 1 - rate, so that the mean stays."""
        x = tf.constant(np.random.default_rng(0).uniform(1, 2, (100, 80)))
        found = dropout(x, rate)
        dropped = found == 0
        share = float(dropped.mean())
        limit = 5 * math.sqrt(rate * (1 - rate) / found.size)  # five standard deviations
        assert abs(share - rate) <= limit, (
            f"With rate {rate}, {share:.1%} of 8000 values were dropped."
        )
        before = x.numpy()[~dropped]
        assert distance(found[~dropped], before / (1 - rate)) <= 1e-4, (
            f"With rate {rate}, a kept value should be divided by {digits(1 - rate)}; the first one"
            f" changed from {digits(before[0])} to {digits(found[~dropped][0])}."
        )

    def test_has_the_gradient_of_its_mask(self):
        """0 where a value was dropped, 1 / (1 - rate) where it was kept, negative values too."""
        x = tf.constant(np.random.default_rng(0).normal(size=(30, 20)))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cnn_model.dropout(x, 0.25, True, (1, 2))
            values = received.tensor(y, "the result", x.shape, x.dtype)
        gradient = tape.gradient(y, x)
        assert gradient is not None, "No gradient reaches x."
        gradient = np.asarray(gradient)
        kept = float((values[x < 0] != 0).mean())
        assert abs(kept - 0.75) <= 0.12, (
            f"With rate 0.25, {kept:.0%} of the negative values were kept, not 75%."
        )
        expected = np.where(values == 0, 0, 1 / (1 - 0.25))
        assert distance(gradient, expected) <= 1e-6, (
            f"With rate 0.25, the gradient should be 0 where a value was dropped and 1 / (1 - 0.25)"
            f" where it was kept; it is {compared(gradient, expected)}."
        )

    def test_draws_for_a_single_value_too(self):
        """Each value has a draw of its own; of one value a fixed share would be none."""
        x = tf.ones((1,), tf.float64)
        found = [float(dropout(x, 0.2, seed=(7, k))[0]) for k in range(300)]
        dropped = found.count(0.0)  # 60 expected, with a standard deviation of 7
        assert 20 <= dropped <= 110, (
            f"With rate 0.2, a single value was dropped in {dropped} of 300 draws, not in about 60."
        )

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
        equal = cross_entropy(tf.zeros((4, 2)), tf.constant([0, 1, 1, 0]))
        assert abs(equal - math.log(2)) <= 1e-5, (
            f"The loss of equal logits is {digits(equal)}, not log 2 = 0.6931."
        )
        sure = tf.constant([[0.0, 20.0]])
        right = cross_entropy(sure, tf.constant([1]))
        assert abs(right) <= 1e-5, (
            f"For the logits 0 and 20, the loss is nearly 0 if the label is 1, not {digits(right)}."
        )
        wrong = cross_entropy(sure, tf.constant([0]))
        assert abs(wrong - 20) <= 1e-4, (
            f"For the logits 0 and 20, the loss is 20 if the label is 0, not {digits(wrong)}."
        )

    @pytest.mark.parametrize(("batch", "classes"), [(1, 2), (7, 2), (64, 2), (7, 5)])
    def test_agrees_with_the_definition(self, batch, classes):
        """To many digits: an extra softmax keeps the loss between 0.31 and 1.31 unnoticed."""
        logits, labels = logits_and_labels(batch, classes=classes)
        found, expected = cross_entropy(logits, labels), oracles.cross_entropy(logits, labels)
        assert abs(found - expected) <= 1e-9, (
            f"For a batch of {batch} and {classes} classes, the loss is"
            f" {compared(found, expected)}."
        )

    def test_has_the_gradient_of_softmax(self):
        """Softmax minus one-hot, over the number of examples."""
        logits, labels = logits_and_labels(6)
        found = gradient_of_loss(logits, labels)
        expected = oracles.cross_entropy_gradient(logits, labels)
        assert distance(found, expected) <= 1e-9, (
            f"The gradient is wrong: {compared(found, expected)}."
        )

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_is_finite_at_extreme_logits(self, dtype):
        """exp(1000) is infinite: written naively, the loss and its gradient are NaN."""
        logits = tf.constant([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, 1000.0]], dtype)
        labels = tf.constant([0, 0, 1])
        loss, expected = cross_entropy(logits, labels), (0 + 2000 + math.log(2)) / 3
        assert abs(loss - expected) <= 1e-3, (
            f"At logits of +-1000, the loss is {compared(loss, expected)}."
        )
        found = gradient_of_loss(logits, labels)
        expected = np.array([[0, 0], [-1, 1], [0.5, -0.5]]) / 3
        assert distance(found, expected) <= 1e-4, (
            f"At logits of +-1000, the gradient is {compared(found, expected)}."
        )

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_is_finite_for_a_low_row_beside_a_high_one(self, dtype):
        """exp(-1000) is 0, and log 0 infinite: each row needs its own greatest logit."""
        logits = tf.constant([[-1000.0, -1000.0], [-999.0, -1000.0], [1000.0, 1000.0]], dtype)
        labels = tf.constant([0, 1, 1])
        loss = cross_entropy(logits, labels)
        expected = (2 * math.log(2) + math.log(1 + math.e)) / 3
        assert abs(loss - expected) <= 1e-3, (
            f"With one row at -1000, one at -999 and -1000, and one at 1000, the loss is"
            f" {compared(loss, expected)}: subtract each row's own greatest logit."
        )
        found = gradient_of_loss(logits, labels)
        p = 1 / (1 + math.exp(-1))
        expected = np.array([[-0.5, 0.5], [p, -p], [0.5, -0.5]]) / 3
        assert distance(found, expected) <= 1e-4, (
            f"At logits of -1000, the gradient is {compared(found, expected)}."
        )

    # Label smoothing

    def test_spreads_a_share_of_the_label(self):
        """By hand: of 3 classes each gets a third of the share 0.3, the label's own as well."""
        logits = tf.constant([[0.0, 20.0, 40.0]], tf.float64)  # they cost 40, 20 and about 0
        found = cross_entropy(logits, tf.constant([0]), 0.3)
        assert abs(found - 34) <= 1e-5, (
            "With logits 0, 20 and 40, the label 0 and label_smoothing=0.3, the loss is"
            f" {digits(found)}, not 0.8 x 40 + 0.1 x 20 + 0.1 x 0 = 34."
        )

    @pytest.mark.parametrize("classes", [2, 3, 5])
    @pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.25, 1.0])
    def test_smoothing_agrees_with_the_definition(self, classes, label_smoothing):
        """For any number of classes. Its share may have been float32 on its way."""
        logits, labels = logits_and_labels(7, classes=classes)
        found = cross_entropy(logits, labels, label_smoothing)
        expected = oracles.cross_entropy(logits, labels, label_smoothing)
        assert abs(found - expected) <= 1e-6, (
            f"With label_smoothing={label_smoothing} and {classes} classes, the loss is"
            f" {compared(found, expected)}."
        )

    def test_smoothing_has_the_gradient_of_softmax(self):
        """Softmax minus the smoothed labels, over the number of examples."""
        logits, labels = logits_and_labels(6, classes=3)
        found = gradient_of_loss(logits, labels, label_smoothing=0.2)
        expected = oracles.cross_entropy_gradient(logits, labels, 0.2)
        assert distance(found, expected) <= 1e-6, (
            f"With label_smoothing=0.2, the gradient is wrong: {compared(found, expected)}."
        )

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_smoothing_is_finite_at_extreme_logits(self, dtype):
        """There the class that gets a share costs 2000; its own probability is 0, to all digits."""
        logits = tf.constant([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, 1000.0]], dtype)
        labels = tf.constant([0, 1, 1])
        loss = cross_entropy(logits, labels, 0.1)
        expected = (0.05 * 2000 + 0.05 * 2000 + math.log(2)) / 3
        assert abs(loss - expected) <= 1e-2, (
            "With label_smoothing=0.1 and logits of +-1000, the loss is"
            f" {compared(loss, expected)}."
        )
        found = gradient_of_loss(logits, labels, label_smoothing=0.1)
        expected = np.array([[0.05, -0.05], [-0.05, 0.05], [0.45, -0.45]]) / 3
        assert distance(found, expected) <= 1e-4, (
            "With label_smoothing=0.1 and logits of +-1000, the gradient is"
            f" {compared(found, expected)}."
        )


@pytest.mark.exercise("3.7")
class TestCNN:
    """Blocks of convolution as the base, two dense layers as the head."""

    # What goes in and comes out

    @pytest.mark.parametrize(("size", "channels"), [(16, (4, 6)), (20, (3, 4, 5)), (32, (8,))])
    def test_gives_two_logits_for_each_image(self, size, channels):
        """Of any image size and any number of blocks; features are one row an image."""
        model = small_cnn(image_size=size, channels=channels)
        images = pictures(3, size)
        features = features_of(model, images)
        head, logits = head_of(model, tf.constant(features)), logits_of(model, images)
        assert distance(head, logits) <= 1e-5, (
            "Outside training, head(features(x)) differs from model(x): a logit is"
            f" {compared(head, logits)}."
        )

    @pytest.mark.parametrize("training", [True, False])
    def test_takes_an_open_batch(self, training):
        """In a graph the number of images may be unknown: the last batch is shorter."""
        model = small_cnn()
        logits_of(model, pictures(3), training)
        compiled = graph_of(lambda x: model(x, training=training), "CNN", [pictures(3)], [0])
        for batch in (3, 2):
            found = compiled(pictures(batch))
            received.array(found, f"in a graph, the logits of {batch} images", (batch, 2))

    def test_gives_raw_logits(self):
        """No ReLU and no softmax on them: they may be negative, and do not sum to 1."""
        logits = np.concatenate([logits_of(small_cnn(seed=s), pictures()) for s in range(12)])
        sums = logits.sum(1)
        assert np.abs(sums - 1).max() > 0.05, (
            "The two logits of every image sum to 1: return the raw logits, without a softmax."
        )
        least, zeros = logits.min(), np.mean(logits == 0)
        assert least < -1e-3, (
            f"None of 144 logits is negative, and {zeros:.0%} of them are 0: return the raw logits,"
            " with nothing applied to them."
        )

    def test_has_the_defaults_of_the_course(self):
        """64 pixels, four blocks of 32 to 128 channels, 128 hidden units, float32."""
        model = cnn_model.CNN()
        received.array(model(pictures(1, 64)), "the logits of one image", (1, 2), tf.float32)
        base, head = variables_of(model, "base_variables"), variables_of(model, "head_variables")
        kernels = sorted(tuple(v.shape[-2:]) for v in base if len(v.shape) == 4)
        assert kernels == [(3, 32), (32, 64), (64, 128), (128, 128)], (
            f"The kernels have these input and output channels: {kernels}; 3 to 32, 64, 128 and"
            " 128 channels were asked for."
        )
        widths = sorted(v.shape[-1] for v in head if len(v.shape) == 2)
        assert widths == [2, 128], f"The dense layers have the widths {widths}, not [2, 128]."

    # Its layers, and how they start

    def test_base_has_convolutions_without_bias_and_batch_norm(self):
        """A bias before batch norm would be subtracted again: a kernel, a gamma, a beta a block."""
        base = variables_of(small_cnn(), "base_variables")
        ranks = sorted(len(v.shape) for v in base)
        assert ranks == [1, 1, 1, 1, 4, 4], (
            f"Two blocks should have 2 kernels and 4 vectors, but the ranks found are {ranks}."
        )
        vectors = sorted(v.shape[0] for v in base if len(v.shape) == 1)
        assert vectors == [4, 4, 6, 6], f"The vectors have the sizes {vectors}, not 4, 4, 6, 6."

    def test_head_has_two_dense_layers(self):
        """Features to hidden, hidden to 2, each with a bias."""
        model = small_cnn()
        features = features_of(model, pictures(1)).shape[1]
        found = sorted(tuple(v.shape) for v in variables_of(model, "head_variables"))
        expected = sorted([(features, 5), (5,), (5, 2), (2,)])
        assert found == expected, f"The head's variables have the shapes {found}, not {expected}."

    def test_every_trained_variable_is_of_the_base_or_of_the_head(self):
        """Together they are all that is trained, and none is in both."""
        model = small_cnn(mean=[0.1, 0.2, 0.3], std=[1.0, 2.0, 3.0])
        base = {id(v) for v in variables_of(model, "base_variables")}
        head = {id(v) for v in variables_of(model, "head_variables")}
        trained = {id(v) for v in model.trainable_variables}
        assert not base & head, (
            f"{len(base & head)} variables are both in the base and in the head."
        )
        assert base | head == trained, (
            f"The base has {len(base)} and the head has {len(head)} variables, but {len(trained)}"
            " are trainable: all variables should be trained except the mean, the standard"
            " deviation and the moving statistics."
        )

    def test_statistics_are_not_trained(self):
        """A mean and a variance a block, which start at 0 and 1."""
        found = variables_of(small_cnn(), "batch_norm_statistics")
        shapes = sorted(tuple(v.shape) for v in found)
        assert shapes == [(4,), (4,), (6,), (6,)], (
            f"Two blocks have statistics of the shapes {shapes}, not [(4,), (4,), (6,), (6,)]."
        )
        assert not any(v.trainable for v in found), "The moving statistics are trainable."
        starts = sorted(float(np.mean(v)) for v in found)
        assert distance(starts, [0, 0, 1, 1]) <= 5e-4, (
            f"The statistics start at {digits(starts)}, not at 0 and 1."
        )

    def test_is_all_of_the_dtype_asked_for(self):
        """What is trained, the statistics, and the logits in training too."""
        model = small_cnn(dtype=tf.float64, mean=[0.5] * 3, std=[0.2] * 3)
        kinds = sorted({v.dtype.name for v in variables_of(model, "batch_norm_statistics")})
        assert kinds == ["float64"], (
            f"With dtype float64, there are statistics in {received.enumerated(kinds)}."
        )
        logits_of(model, pictures(dtype=tf.float64), training=True)

    @pytest.mark.parametrize("seed", [0, 1])
    def test_layers_of_one_shape_start_different(self, seed):
        """One seed for all layers would make them twins; so would a seed of 0 times the layer."""
        base = variables_of(small_cnn(channels=(4, 4, 4), seed=seed), "base_variables")
        kernels = [v.numpy() for v in base if tuple(v.shape[-2:]) == (4, 4)]
        assert len(kernels) == 2, f"There are {len(kernels)} kernels from 4 to 4 channels, not 2."
        assert not np.allclose(*kernels), "Two layers of one shape start with the same weights."
        filters = kernels[0].reshape(-1, 4).T
        kinds = len(np.unique(filters.round(6), axis=0))
        assert kinds == 4, "The filters of a layer start with the same weights."

    # In training and outside

    def test_moves_its_statistics_in_training_only(self):
        """Every one of them, and by the base alone: the head has none."""
        model = small_cnn()
        statistics = variables_of(model, "batch_norm_statistics")
        before = values_of(statistics)
        logits_of(model, pictures())
        head_of(model, tf.constant(features_of(model, pictures())), training=True)
        moved = len(statistics) - count_unchanged(statistics, before)
        assert moved == 0, f"Outside training, {moved} of {len(statistics)} statistics changed."
        features_of(model, pictures(), training=True)
        still = count_unchanged(statistics, before)
        assert still == 0, f"In training, {still} of {len(statistics)} statistics did not change."

    def test_looks_at_every_image_alone_outside_training(self):
        """There the others in the batch do not matter."""
        model, images = small_cnn(), pictures()
        alone, together = logits_of(model, images[:1]), logits_of(model, images)[:1]
        assert distance(alone, together) <= 1e-5, (
            "Outside training, an image in a batch gets other logits than the same image alone: one"
            f" is {compared(together, alone)}."
        )

    # The plain network, outside training

    def test_has_a_relu_in_every_block(self):
        """Without it the layers in a row are no more than one."""
        model = small_cnn(dtype=tf.float64)
        blocks, images = blocks_of(model, (4, 6)), pictures(dtype=tf.float64)
        features_of(model, images, training=True)
        for block in blocks:
            block.beta.assign(block.beta - 100)  # now every channel lies far below 0
        least = features_of(model, images).min()
        assert least >= 0, (
            f"With beta at -100, the smallest feature is {digits(least)}: a block has no ReLU."
        )

    def test_has_a_relu_between_the_dense_layers(self):
        """Without it a change of the features turned round is a change of the logits turned."""
        model = small_cnn(dtype=tf.float64)
        features = 1 + features_of(model, pictures(dtype=tf.float64))
        zero, plus, minus = (head_of(model, tf.constant(k * features)) for k in (0.0, 1.0, -1.0))
        assert distance(plus - zero, zero - minus) > 1e-3, "The head is linear: a ReLU is missing."

    def test_head_is_dense_relu_dense(self):
        """Outside training, with biases that are not 0."""
        model = small_cnn(dtype=tf.float64)
        weights = weights_of(model, hidden=5)
        rng = np.random.default_rng(6)
        for bias in (weights.b1, weights.b2):
            bias.assign(rng.normal(size=bias.shape))
        features = rng.normal(size=(20, weights.w1.shape[0]))
        found = head_of(model, tf.constant(features))
        expected = oracles.dense_head(features, *weights)
        assert distance(found, expected) <= 1e-8, (
            "With biases that are not 0, the head differs from dense - ReLU - dense in NumPy: a"
            f" logit is {compared(found, expected)}."
        )

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
        found = features_of(model, images)
        distances = np.abs(found[:, :, None] - expected[:, None, :])  # (3, F, 5)
        of_found = distances.min(axis=2).max()  # how far a feature is from the nearest value
        of_expected = distances.min(axis=1).max()  # and how far a value from the nearest feature
        error = float(max(of_found, of_expected))
        assert error <= 1e-6, (
            f"Two blocks reduce images of 7 x 7 pixels to one pixel; its features differ by up to"
            f" {digits(error)} from convolution (SAME), batch norm, ReLU and max-pooling (VALID),"
            " computed step by step."
        )

    # Standardisation

    @pytest.mark.parametrize("part", [logits_of, features_of], ids=["logits", "features"])
    def test_standardises_first(self, part):
        """With mean and standard deviation the network takes raw images, and so does its base."""
        mean, std = [0.5, 0.25, 0.1], [0.2, 0.1, 0.0]  # a channel without deviation is centred
        images = pictures(dtype=tf.float64)
        standardised = tf.constant((images - mean) / np.array([0.2, 0.1, 1.0]))
        # Lesson 6 calls features and head one by one.
        found = part(small_cnn(dtype=tf.float64, mean=mean, std=std), images)
        expected = part(small_cnn(dtype=tf.float64), standardised)
        what = {logits_of: "logit", features_of: "feature"}[part]
        assert distance(found, expected) <= 1e-6, (
            "With a mean and a standard deviation, raw images should give the same as standardised"
            f" images without them; a {what} is {compared(found, expected)}."
        )

    # Batch norm in training, and the moving statistics

    def test_passes_training_on_to_base_and_head(self):
        """model(images, training=True) is what a training step calls."""
        model = small_cnn(hidden=64)
        statistics = variables_of(model, "batch_norm_statistics")
        before = values_of(statistics)
        first, second = (logits_of(model, pictures(), training=True) for _ in range(2))
        still = count_unchanged(statistics, before)
        assert still == 0, (
            f"In model(images, training=True), {still} of {len(statistics)} statistics did not"
            " change."
        )
        assert not np.allclose(first, second), (
            "Two calls of model(images, training=True) gave the same logits: either nothing was"
            " dropped, or the same values were dropped in both."
        )

    def test_normalises_by_the_batch_in_training(self):
        """Convolution is linear and has no bias: twice the signal, normalised, is the same."""
        model = small_cnn(dtype=tf.float64)
        images = 40 * pictures(dtype=tf.float64)
        once = features_of(model, images, training=True)
        twice = features_of(model, 2 * images, training=True)
        assert distance(twice, once) <= 0.02, (
            "In training, twice the signal should give the same features, because it is normalised"
            f" by the batch; one is {compared(twice, once)}."
        )
        once, twice = (features_of(model, k * images) for k in (1, 2))
        assert distance(twice, once) > 0.1, (
            "Outside training, twice the signal gave the same features."
        )

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
    def test_statistics_are_those_of_the_convolution(self, dtype):
        """Of what the convolution gives, before ReLU and pooling; the population's variance."""
        shares = []
        for whole in (True, False):
            model = small_cnn(image_size=2, channels=(4,), dtype=dtype)
            [block] = blocks_of(model, (4,))
            images = 5 * pictures(2, 2, dtype)
            values = oracles.conv2d(images, block.kernel, 0.0).numpy()  # (2, 2, 2, 4)
            (logits_of if whole else features_of)(model, images, training=True)
            # How far the mean went on its way from 0, and the variance on its way from 1
            shares.append(block.mean / values.mean((0, 1, 2)))
            shares.append((block.variance - 1) / (values.var((0, 1, 2)) - 1))
        shares = np.array(shares)  # 1 - momentum, for both statistics of every channel
        assert 0 < shares.mean() < 0.5, (
            f"One call in training moved the statistics {shares.mean():.0%} of the way to those of"
            " the batch."
        )
        assert np.abs(shares - shares.mean()).max() <= 1e-4, (
            "After one call in training, the moving statistics did not all move by the same share"
            " of the way to the mean and the variance of the convolution's output: are they updated"
            " once, before ReLU and pooling, over batch, rows and columns, and divided by the"
            " number of values?"
        )

    def test_statistics_become_those_of_the_data(self):
        """After many calls on one batch, inference and training give the same features."""
        model = small_cnn(dtype=tf.float64)
        images = pictures(dtype=tf.float64)
        features_of(model, images, training=True)
        compiled = tf.function(lambda: model.features(images, training=True))
        for _ in range(300):
            last = compiled()
        found = features_of(model, images)
        expected = received.array(last, "in a graph, CNN.features", found.shape)
        error = distance(found, expected) / float(np.abs(expected).max())
        assert error <= 1e-3, (
            f"After 300 calls on one batch, the features differ by {error:.1%} between training and"
            " inference: do the moving statistics approach those of the batch?"
        )

    # Dropout

    @pytest.mark.parametrize("compiled", [False, True])
    def test_draws_a_new_mask_at_every_call(self, compiled):
        """In a graph as well, where a number drawn in Python would stay forever."""
        model = small_cnn(hidden=64)
        width = features_of(model, pictures(1)).shape[1]
        features = tf.random.stateless_normal((4, width), (1, 2))
        head_of(model, features, training=True)
        head = tf.function(model.head) if compiled else model.head
        where = "in a graph" if compiled else "outside a graph"

        def drawn(features):
            found = head(features, training=True)
            return received.array(found, f"{where}, CNN.head", (len(features), 2))

        kinds = len({drawn(features).tobytes() for _ in range(4)})
        assert kinds == 4, (
            f"Called 4 times in training, {where}, the head gave {kinds} different results."
        )
        rows = drawn(tf.repeat(features[:1], 4, axis=0))
        assert len(np.unique(rows, axis=0)) == 4, "All images of a batch got the same dropout mask."

    @pytest.mark.parametrize("rate", [0.25, None])
    def test_drops_hidden_values_at_its_rate(self, rate):
        """All hidden values are made 1, and added up: each is 0 or 1 / (1 - rate) in training."""
        options = {} if rate is None else {"dropout": rate}
        model = small_cnn(hidden=100, **options)
        rate = 0.5 if rate is None else rate
        weights = weights_of(model, hidden=100)
        for variable, value in ((weights.w1, 0.0), (weights.b1, 1.0), (weights.b2, 0.0)):
            variable.assign(tf.fill(variable.shape, value))
        weights.w2.assign([[1.0, 1.0]] + 99 * [[1.0, 0.0]])  # the sum of all, and the first alone
        features = tf.ones((400, weights.w1.shape[0]))
        # Times 1 - rate, each hidden value that was kept counts 1.
        found = head_of(model, features, training=True) * (1 - rate)
        kept, first = found.T
        whole_numbers = np.abs(found - found.round()).max() <= 1e-3
        scaled = whole_numbers and abs(first.max() - 1) <= 1e-3
        assert scaled, (
            f"With rate {rate}, a hidden value of 1 became {digits(first.max() / (1 - rate))} where"
            f" it was kept, not 1 / {1 - rate} = {digits(1 / (1 - rate))}."
        )
        rows_differ = len(np.unique(kept.round())) > 5
        dropped = rows_differ and abs(first.mean() - (1 - rate)) <= 0.12
        assert dropped, (
            f"With rate {rate}, between {kept.min():.0f} and {kept.max():.0f} of 100 hidden values"
            f" were kept, the first of them in {first.mean():.0%} of 400 rows: dropout at this rate"
            " belongs after the ReLU."
        )

    def test_drops_nothing_outside_training_or_at_rate_0(self):
        """The same cell gets the same answer each time."""
        model, images = small_cnn(hidden=64), pictures()
        first, second = (logits_of(model, images) for _ in range(2))
        assert distance(first, second) <= 0, (
            f"Outside training, two calls differ: a logit is {compared(second, first)}."
        )
        model = small_cnn(hidden=64, dropout=0.0)
        features = tf.constant(features_of(model, images))
        first, second = (head_of(model, features, training=True) for _ in range(2))
        assert distance(first, second) <= 0, (
            f"With dropout 0, two calls in training differ: a logit is {compared(second, first)}."
        )
        outside = head_of(model, features)
        assert distance(first, outside) <= 1e-6, (
            "With dropout 0, the head in training differs from the head outside: a logit is"
            f" {compared(first, outside)}."
        )

    # All of it, at work

    def test_learns_one_batch_by_heart(self):
        """The first test of any network: gradients reach every layer, and the loss falls."""
        model = small_cnn(channels=(6, 8), hidden=16, dropout=0.0)
        images, labels = pictures(8), tf.constant([0, 1] * 4)
        logits_of(model, images, training=True)

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                if not tf.is_tensor(logits):
                    received.refuse(logits, "what model(images) returns in a graph", "a tensor")
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
        assert still == 0, f"{still} of {len(before)} trainable variables never changed."
        assert losses[-1] <= 0.25 * losses[0], (
            f"In 80 steps on 8 images, the loss went from {digits(losses[0])} to"
            f" {digits(losses[-1])}; it should fall to less than a quarter."
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
        lambda logits, labels: [
            cnn_model.softmax_cross_entropy(logits, labels, label_smoothing=share)
            for share in (0.0, 0.1)
        ],
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

"""Grades lesson 3: initial weights, convolution, pooling, normalisation, dropout, loss, network."""

import math
import random

import numpy as np
import pytest
import tensorflow as tf

from tests.graded import cnn_model
from tests.refusals import refused


def array_of(found, what):
    """An array of what came back, or a sentence if nothing did."""
    assert found is not None, f"{what} returned None."
    return np.asarray(found)


def check_dtype(found, dtype, what):
    """The dtype of the input stays: lessons compare in float64."""
    found = tf.convert_to_tensor(found).dtype
    assert found == dtype, f"{what} in {tf.as_dtype(dtype).name} gave {found.name}."


def off_by(found, expected):
    """The greatest difference; infinite if the shapes differ or there is a NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return math.inf
    return float(np.abs(found - expected).max())


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


# 3.1


@pytest.mark.exercise("3.1")
@pytest.mark.parametrize(
    ("shape", "fan_in"),
    [((200, 100), 200), ((30, 600), 30), ((3, 3, 32, 64), 288), ((5, 3, 7, 150), 105)],
)
def test_he_normal_has_the_deviation_of_the_whole_fan_in(shape, fan_in):
    """One output sees height x width x inputs values; channels alone make it too wide."""
    weights = array_of(cnn_model.he_normal(shape, 1), "he_normal")
    assert weights.shape == shape, f"Asked for {shape}, got {weights.shape}."
    expected = math.sqrt(2 / fan_in)
    ratio = float(weights.std()) / expected
    assert abs(ratio - 1) <= 0.05, (
        f"For {shape} the deviation is {weights.std():.4f}; with fan-in {fan_in} it is"
        f" sqrt(2 / {fan_in}) = {expected:.4f}."
    )
    centre = float(weights.mean()) / expected
    assert abs(centre) <= 5 / math.sqrt(weights.size), (
        f"For {shape} the mean is {weights.mean():.4f}, too far from 0."
    )


@pytest.mark.exercise("3.1")
def test_he_normal_is_bell_shaped():
    """Of a normal 68% lie within one deviation (cut off at two: 65%), of a uniform 58%."""
    weights = array_of(cnn_model.he_normal((300, 200), 2), "he_normal")
    share = float((np.abs(weights) <= weights.std()).mean())
    assert 0.63 <= share <= 0.72, f"{share:.0%} of the weights lie within one deviation of 0."


@pytest.mark.exercise("3.1")
def test_he_normal_follows_the_seed():
    """The same seed, the same weights, whatever the global seed is; another seed, others."""
    first = np.asarray(cnn_model.he_normal((20, 10), 3))
    tf.random.set_seed(99)
    assert np.array_equal(first, cnn_model.he_normal((20, 10), 3)), "Seed 3 gave two results."
    other = np.asarray(cnn_model.he_normal((20, 10), 4))
    assert not np.allclose(first, other), "The seeds 3 and 4 gave the same weights."


@pytest.mark.exercise("3.1")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_he_normal_has_the_dtype_asked_for(dtype):
    """float32 unless said otherwise."""
    check_dtype(cnn_model.he_normal((4, 3), 0, dtype), dtype, "he_normal")
    check_dtype(cnn_model.he_normal((3, 3, 2, 4), 0), tf.float32, "he_normal without a dtype")


def operations_of(function, *arguments):
    """The kinds of operations in a function's graph, also in the functions that it calls."""
    graph = tf.function(function).get_concrete_function(*arguments).graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return {node.op for node in nodes}


@pytest.mark.exercise("3.1")
@pytest.mark.parametrize(("shape", "fan_in"), [((1, 20000), 1), ((2, 2, 1, 5000), 4)])
def test_he_normal_counts_the_inputs_and_nothing_else(shape, fan_in):
    """A single input: a bias that was counted as well would show."""
    weights = array_of(cnn_model.he_normal(shape, 1), "he_normal")
    expected = math.sqrt(2 / fan_in)
    assert abs(float(weights.std()) / expected - 1) <= 0.03, (
        f"For {shape} the deviation is {weights.std():.4f}; with fan-in {fan_in} it is"
        f" sqrt(2 / {fan_in}) = {expected:.4f}."
    )


@pytest.mark.exercise("3.1")
def test_he_normal_leaves_the_global_seeds_alone():
    """Whoever draws weights must not reset what others draw: shuffles, augmentation, dropout."""
    tf.random.set_seed(5)
    expected = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    numpys, pythons = str(np.random.get_state()), random.getstate()  # noqa: NPY002
    found = cnn_model.he_normal((4, 3), 1)
    assert np.array_equal(expected, tf.random.uniform((3,))), (
        "he_normal moved TensorFlow's global seed: draw with a stateless operation, or with a"
        " generator of its own."
    )
    after = str(np.random.get_state())  # noqa: NPY002
    assert after == numpys, "he_normal moved NumPy's global seed."
    assert random.getstate() == pythons, "he_normal moved the seed of Python's random."
    assert tf.is_tensor(found), f"he_normal gave a {type(found).__name__}, not a tensor."


@pytest.mark.exercise("3.1")
def test_he_normal_takes_every_seed():
    """0 is a seed like others."""
    twice = [[np.asarray(cnn_model.he_normal((4, 3), s)) for s in range(4)] for _ in range(2)]
    for seed, (first, again) in enumerate(zip(*twice, strict=True)):
        assert np.array_equal(first, again), f"Seed {seed} gave two results."
    kinds = len({weights.tobytes() for weights in twice[0]})
    assert kinds == 4, f"The seeds 0 to 3 gave {kinds} different results."


@pytest.mark.exercise("3.1")
def test_he_normal_draws_for_every_place_of_a_kernel():
    """One draw, repeated at all places, is a filter that sees only the mean of its window."""
    kernel = array_of(cnn_model.he_normal((3, 3, 8, 16), 3), "he_normal")
    different = len({place.tobytes() for place in kernel.reshape(9, -1)})
    assert different == 9, f"The 9 places of a kernel hold {different} different sets of weights."


# 3.2


def conv_case(height=9, width=11, kernel=(3, 3), channels=2, filters=4, batch=2):
    """Images, a kernel that no mirror leaves alike, and a bias that is not 0; float64."""
    rng = np.random.default_rng(7)
    images = rng.normal(size=(batch, height, width, channels))
    return images, rng.normal(size=(*kernel, channels, filters)), rng.normal(size=filters)


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


@pytest.mark.exercise("3.2")
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_conv2d_agrees_with_tf_nn(case, forbid):
    """For odd and even sizes, strides, both paddings; not flipped, the zeros where they belong."""
    sizes, stride, padding = CONVOLUTIONS[case]
    images, kernel, bias = (tf.constant(x) for x in conv_case(**sizes))
    expected = tf.nn.conv2d(images, kernel, stride, padding) + bias
    flipped = tf.nn.conv2d(images, kernel[::-1, ::-1], stride, padding) + bias
    forbid("conv2d", "convolution", "conv2d_transpose", "depthwise_conv2d", "conv1d", "conv3d")
    found = array_of(cnn_model.conv2d(images, kernel, bias, stride, padding), "conv2d")
    assert found.shape == expected.shape, (
        f"{case}: the shape is {found.shape}, not {tuple(expected.shape)}."
    )
    hint = ""
    if off_by(found, flipped) <= 1e-9 < off_by(found, expected):
        hint = " The kernel was flipped."
    elif off_by(found, expected - bias) <= 1e-9:
        hint = " The bias is missing."
    error = off_by(found, expected)
    assert error <= 1e-9, f"{case}: it differs from tf.nn.conv2d by up to {error:.2g}.{hint}"


@pytest.mark.exercise("3.2")
def test_conv2d_by_hand():
    """Three pixels, a kernel of three: the window slides, the kernel does not turn round."""
    image = tf.reshape(tf.constant([1.0, 2.0, 3.0]), (1, 1, 3, 1))
    image = tf.concat([image, tf.zeros((1, 2, 3, 1))], axis=1)
    kernel = tf.reshape(tf.constant([10.0, 1.0, 0.1]), (1, 3, 1, 1))
    found = array_of(cnn_model.conv2d(image, kernel, tf.constant([0.5])), "conv2d")
    row = found[0, 0, :, 0].round(3).tolist()
    assert np.abs(np.array(row) - [1.7, 12.8, 23.5]).max() <= 1e-3, (
        f"1, 2, 3 with the kernel 10, 1, .1 and the bias .5 gave {row}, not [1.7, 12.8, 23.5]."
    )


@pytest.mark.exercise("3.2")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_conv2d_keeps_the_dtype(dtype):
    """And works in a graph where the batch size is open."""
    images, kernel, bias = (tf.constant(x, dtype) for x in conv_case())
    check_dtype(cnn_model.conv2d(images, kernel, bias), dtype, "conv2d")
    spec = tf.TensorSpec((None, 9, 11, 2), dtype)
    compiled = tf.function(lambda x: cnn_model.conv2d(x, kernel, bias), input_signature=[spec])
    error = off_by(compiled(images), tf.nn.conv2d(images, kernel, 1, "SAME") + bias)
    assert error <= 1e-4, f"In a graph the result is off by {error:.2g}."


@pytest.mark.exercise("3.2")
def test_conv2d_lets_gradients_through():
    """To the images, the kernel and the bias, as those of tf.nn.conv2d."""
    tensors = [tf.constant(x) for x in conv_case()]
    gradients = []
    for function in (cnn_model.conv2d, lambda x, k, b: tf.nn.conv2d(x, k, 1, "SAME") + b):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(function(*tensors) ** 2)
        gradients.append(tape.gradient(loss, tensors))
    for name, ours, theirs in zip(("images", "kernel", "bias"), *gradients, strict=True):
        assert ours is not None, f"No gradient reaches the {name}."
        assert off_by(ours, theirs) <= 1e-8, f"The gradient of the {name} is wrong."


@pytest.mark.exercise("3.2")
def test_conv2d_refuses_what_does_not_fit():
    """Channels that differ; a padding that does not exist."""
    images, kernel, bias = (tf.constant(x) for x in conv_case())
    with refused("images of 3 channels and a kernel for 2"):
        cnn_model.conv2d(tf.zeros((1, 5, 5, 3), tf.float64), kernel, bias)
    with refused("the padding 'REFLECT'"):
        cnn_model.conv2d(images, kernel, bias, padding="REFLECT")


@pytest.mark.exercise("3.2")
def test_conv2d_is_built_without_a_convolution():
    """By whatever name it is called: the graph shows the operations."""
    tensors = [tf.constant(x) for x in conv_case()]
    called = sorted(op for op in operations_of(cnn_model.conv2d, *tensors) if "Conv" in op)
    assert not called, f"The operation {called[0]} does the work that this exercise is to build."


@pytest.mark.exercise("3.2")
def test_conv2d_refuses_too_few_channels():
    """One channel is not broadcast to two."""
    _, kernel, bias = (tf.constant(x) for x in conv_case())
    with refused("images of 1 channel and a kernel for 2"):
        cnn_model.conv2d(tf.zeros((1, 6, 6, 1), tf.float64), kernel, bias)


# 3.3


@pytest.mark.exercise("3.3")
@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(8, 8, 2), (9, 7, 2), (9, 12, 3), (11, 10, 4), (6, 5, 1), (5, 5, 5)],
)
def test_max_pool_agrees_with_tf_nn(height, width, size, forbid):
    """All inputs negative: zeros put around the image, or to start with, would win."""
    images = tf.constant(np.random.default_rng(1).normal(-5, 1, (3, height, width, 2)))
    expected = tf.nn.max_pool2d(images, size, size, "VALID")
    forbid("max_pool2d", "max_pool", "pool", "max_pool_with_argmax", "avg_pool", "avg_pool2d")
    found = array_of(cnn_model.max_pool(images, size), "max_pool")
    assert found.shape == expected.shape, (
        f"{height} x {width} by {size}: the shape is {found.shape}, not {tuple(expected.shape)};"
        " rows and columns left over are cropped."
    )
    error = off_by(found, expected)
    assert error <= 1e-12, f"{height} x {width} by {size}: off by up to {error:.2g}."


@pytest.mark.exercise("3.3")
def test_max_pool_by_hand():
    """The size is 2 unless said otherwise; the last column is left over."""
    image = tf.reshape(tf.constant([1.0, 5, 2, 9, 3, 4, 8, 6, 7, 0]), (1, 2, 5, 1))
    found = array_of(cnn_model.max_pool(image), "max_pool").ravel().tolist()
    assert found == [8.0, 9.0], f"1 5 2 9 3 above 4 8 6 7 0 gave {found}, not [8.0, 9.0]."


@pytest.mark.exercise("3.3")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_max_pool_keeps_the_dtype_and_the_open_batch(dtype):
    """As in a pipeline whose last batch is short."""
    spec = tf.TensorSpec((None, 6, 6, 3), dtype)
    compiled = tf.function(lambda x: cnn_model.max_pool(x), input_signature=[spec])
    for batch in (1, 4):
        found = compiled(tf.ones((batch, 6, 6, 3), dtype))
        check_dtype(found, dtype, "max_pool")
        assert found.shape == (batch, 3, 3, 3), f"A batch of {batch} became {found.shape}."


@pytest.mark.exercise("3.3")
def test_max_pool_is_built_without_a_pooling():
    """By whatever name it is called: the graph shows the operations."""
    found = operations_of(cnn_model.max_pool, tf.ones((1, 4, 4, 2)))
    called = sorted(op for op in found if "Pool" in op)
    assert not called, f"The operation {called[0]} does the work that this exercise is to build."


@pytest.mark.exercise("3.3")
def test_max_pool_sends_the_gradient_to_the_greatest():
    """One pixel of each square gets it all; the values lie far below 0."""
    images = tf.constant(np.random.default_rng(2).normal(-5000, 1000, (2, 5, 4, 3)))
    gradients = []
    for function in (cnn_model.max_pool, lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID")):
        with tf.GradientTape() as tape:
            tape.watch(images)
            pooled = function(images)
            assert tf.is_tensor(pooled), f"max_pool gave a {type(pooled).__name__}, not a tensor."
            loss = tf.reduce_sum(pooled**2)
        gradients.append(tape.gradient(loss, images))
    assert gradients[0] is not None, "No gradient reaches the images."
    error = off_by(*gradients)
    assert error <= 1e-6, f"The gradient of the images is off by up to {error:.2g}."


# 3.4


def norm_case(shape=(4, 3, 5, 2), dtype=np.float64):
    """Values whose channels differ, and gamma, beta and moving statistics that are not 0 or 1."""
    rng = np.random.default_rng(3)
    channels = shape[-1]
    x = rng.normal(2, 3, shape) * np.arange(1, channels + 1)
    rest = (rng.normal(1, 0.5, channels), rng.normal(0, 1, channels))
    moving = (rng.normal(0, 1, channels), rng.uniform(0.5, 2, channels))
    return [a.astype(dtype) for a in (x, *rest, *moving)]


def norm_by_numpy(x, gamma, beta, mean, variance, training, momentum, epsilon):
    """The definition, written the plain way."""
    axes = tuple(range(x.ndim - 1))
    batch_mean, batch_variance = x.mean(axes), x.var(axes)
    used = (batch_mean, batch_variance) if training else (mean, variance)
    y = gamma * (x - used[0]) / np.sqrt(used[1] + epsilon) + beta
    if training:
        mean = momentum * mean + (1 - momentum) * batch_mean
        variance = momentum * variance + (1 - momentum) * batch_variance
    return y, mean, variance


@pytest.mark.exercise("3.4")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (6, 3), (2, 4, 3)], ids=str)
def test_batch_norm_agrees_with_numpy(shape, training):
    """Statistics over all axes but the last, the population's variance in both uses."""
    case = norm_case(shape)
    for options in ({}, {"momentum": 0.8, "epsilon": 0.1}):
        found = cnn_model.batch_norm(*map(tf.constant, case), training, **options)
        assert len(found) == 3, "batch_norm should return y and both new statistics."
        momentum, epsilon = options.get("momentum", 0.95), options.get("epsilon", 1e-3)
        expected = norm_by_numpy(*case, training, momentum, epsilon)
        for name, ours, theirs in zip(
            ("y", "the new mean", "the new variance"), found, expected, strict=True
        ):
            error = off_by(ours, theirs)
            # Outside training the statistics come back as they were, to the last bit. Elsewhere
            # momentum and epsilon may have been float32 on their way.
            limit = 1e-6 if training or name == "y" else 0
            assert error <= limit, (
                f"Shape {shape}, training={training}, {options or 'defaults'}: {name} is off by"
                f" up to {error:.2g}."
            )


@pytest.mark.exercise("3.4")
def test_batch_norm_forgets_slowly():
    """new = momentum x old + (1 - momentum) x batch, by hand: old 10, batch 0, momentum .95."""
    x = tf.constant([[1.0], [-1.0]], tf.float64)
    one = tf.ones(1, tf.float64)
    _, mean, variance = cnn_model.batch_norm(x, one, one, 10 * one, 5 * one, True)
    found = round(float(mean[0]), 4), round(float(variance[0]), 4)
    assert found == (9.5, 4.8), (
        f"Mean 10 and variance 5, a batch of mean 0 and variance 1: {found}, not (9.5, 4.8)."
    )


@pytest.mark.exercise("3.4")
def test_batch_norm_changes_no_variable_itself():
    """The new statistics are returned; whoever holds the state assigns them."""
    x, gamma, beta, mean, variance = norm_case()
    variables = [tf.Variable(mean), tf.Variable(variance)]
    cnn_model.batch_norm(tf.constant(x), gamma, beta, *variables, training=True)
    error = max(off_by(variables[0], mean), off_by(variables[1], variance))
    assert error <= 0, f"A moving statistic that was passed in moved by {error:.2g}."


@pytest.mark.exercise("3.4")
def test_batch_norm_differentiates_through_the_statistics():
    """A constant added to the batch changes nothing, so the gradients of a channel sum to 0."""
    x, gamma, beta, mean, variance = map(tf.constant, norm_case((5, 3)))
    weights = tf.constant(np.random.default_rng(0).normal(size=(5, 3)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, *_ = cnn_model.batch_norm(x, gamma, beta, mean, variance, True)
        loss = tf.reduce_sum(weights * y)
    total = float(np.abs(np.sum(tape.gradient(loss, x), axis=0)).max())
    assert total <= 1e-9, f"The gradients of a channel sum to {total:.2g}, not to 0."


@pytest.mark.exercise("3.4")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_norm_keeps_the_dtype(dtype, training):
    """Of y and of both statistics, in a graph as well."""
    case = [tf.constant(a) for a in norm_case(dtype=dtype)]
    compiled = tf.function(lambda *a: cnn_model.batch_norm(*a, training))
    for found in (cnn_model.batch_norm(*case, training), compiled(*case)):
        for tensor in found:
            check_dtype(tensor, dtype, "batch_norm")


@pytest.mark.exercise("3.4")
def test_batch_norm_survives_a_constant_channel():
    """A dead channel has no deviation: epsilon keeps it finite."""
    one = tf.ones(2)
    y, *_ = cnn_model.batch_norm(tf.fill((4, 2), 3.0), one, one, one, one, True)
    assert off_by(y, np.ones((4, 2))) <= 1e-3, f"A constant channel became {np.asarray(y)[0]}."


@pytest.mark.exercise("3.4")
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_has_the_gradients_of_the_formula(training):
    """To x, gamma and beta; in training also through the mean and the variance of the batch."""
    x, gamma, beta, mean, variance = map(tf.constant, norm_case((3, 2, 2, 2)))
    weights = tf.constant(np.random.default_rng(0).normal(size=x.shape))

    def plain(x, gamma, beta):
        m, v = mean, variance
        if training:
            m = tf.reduce_mean(x, axis=(0, 1, 2))
            v = tf.reduce_mean((x - m) ** 2, axis=(0, 1, 2))
        return gamma * (x - m) / tf.sqrt(v + 1e-3) + beta

    def learned(x, gamma, beta):
        return cnn_model.batch_norm(x, gamma, beta, mean, variance, training)[0]

    gradients = []
    for function in (learned, plain):
        with tf.GradientTape() as tape:
            tape.watch([x, gamma, beta])
            loss = tf.reduce_sum(weights * function(x, gamma, beta))
        gradients.append(tape.gradient(loss, [x, gamma, beta]))
    for name, ours, theirs in zip(("x", "gamma", "beta"), *gradients, strict=True):
        assert ours is not None, f"With training={training} no gradient reaches {name}."
        error = off_by(ours, theirs)
        assert error <= 1e-8, (
            f"With training={training} the gradient of {name} is off by up to {error:.2g}: in"
            " training it flows through the mean and the variance as well."
        )


@pytest.mark.exercise("3.4")
def test_batch_norm_takes_an_open_batch():
    """In a graph the number of images may be unknown: the last batch is shorter."""
    x, *rest = norm_case()
    tensors = [tf.constant(a) for a in rest]
    spec = tf.TensorSpec((None, *x.shape[1:]), tf.float64)
    compiled = tf.function(
        lambda x: cnn_model.batch_norm(x, *tensors, True), input_signature=[spec]
    )
    for batch in (4, 2):
        found = compiled(tf.constant(x[:batch]))
        expected = norm_by_numpy(x[:batch], *rest, True, 0.95, 1e-3)
        error = max(off_by(*pair) for pair in zip(found, expected, strict=True))
        assert error <= 1e-6, f"In a graph, {batch} images of an open batch: off by {error:.2g}."


# 3.5


@pytest.mark.exercise("3.5")
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_drops_a_share_and_scales_up_the_rest(rate):
    """Inverted: kept values are divided by 1 - rate, so that the mean stays."""
    x = tf.constant(np.random.default_rng(0).uniform(1, 2, (100, 80)))
    found = array_of(cnn_model.dropout(x, rate, True, (1, 2)), "dropout")
    assert found.shape == (100, 80), f"The shape became {found.shape}."
    dropped = found == 0
    share = float(dropped.mean())
    assert abs(share - rate) <= 0.03, f"With rate {rate}, {share:.1%} of the values were dropped."
    error = off_by(found[~dropped], (x.numpy() / (1 - rate))[~dropped])
    assert error <= 1e-4, (
        f"With rate {rate} a kept value should be divided by {1 - rate:.1f}; the first one went"
        f" from {x.numpy()[~dropped][0]:.3f} to {found[~dropped][0]:.3f}."
    )


@pytest.mark.exercise("3.5")
def test_dropout_draws_element_by_element():
    """Not whole rows and not whole columns: neither lines nor images may fall together."""
    found = np.asarray(cnn_model.dropout(tf.ones((60, 50)), 0.5, True, (3, 4))) == 0
    rows, columns = found.mean(1), found.mean(0)
    assert 0.1 < rows.min() <= rows.max() < 0.9, "Whole rows were dropped together."
    assert 0.1 < columns.min() <= columns.max() < 0.9, "Whole columns were dropped together."
    kinds = len(np.unique(found, axis=0))
    assert kinds > 50, f"60 rows have {kinds} different masks: draw for every element."


@pytest.mark.exercise("3.5")
def test_dropout_is_the_identity_outside_training():
    """Otherwise the same cell would get another answer each time."""
    x = np.random.default_rng(0).normal(size=(6, 5))
    for rate in (0.0, 0.5):
        found = cnn_model.dropout(tf.constant(x), rate, False, (1, 2))
        assert off_by(found, x) <= 0, f"Outside training rate {rate} changed the values."
    found = cnn_model.dropout(tf.constant(x), 0.0, True, (1, 2))
    assert off_by(found, x) <= 0, "In training rate 0 changed the values."


@pytest.mark.exercise("3.5")
def test_dropout_follows_the_seed():
    """The same seed, the same mask, in a graph too; another seed, another; a tensor is a seed."""
    x = tf.ones((20, 10))
    first = np.asarray(cnn_model.dropout(x, 0.5, True, (1, 2)))
    compiled = tf.function(lambda seed: cnn_model.dropout(x, 0.5, True, seed))
    again = np.asarray(compiled(tf.constant([1, 2])))
    assert np.array_equal(first, again), "The seed (1, 2) gave two masks."
    for other in ((1, 3), (2, 2)):
        found = np.asarray(compiled(tf.constant(other)))
        assert not np.array_equal(first, found), f"The seeds (1, 2) and {other} gave one mask."


@pytest.mark.exercise("3.5")
@pytest.mark.parametrize("rate", [1.0, -0.1, 1.5])
def test_dropout_refuses_a_rate_outside_0_to_1(rate):
    """Rate 1 would divide by 0."""
    with refused(f"the rate {rate}"):
        cnn_model.dropout(tf.ones((2, 2)), rate, True, (0, 0))


@pytest.mark.exercise("3.5")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_dropout_keeps_the_dtype_and_any_shape(dtype):
    """Features are flat, images have four axes; the batch size may be open."""
    spec = tf.TensorSpec((None, 4, 4, 2), dtype)
    compiled = tf.function(
        lambda x: cnn_model.dropout(x, 0.3, True, (0, 1)), input_signature=[spec]
    )
    found = compiled(tf.ones((3, 4, 4, 2), dtype))
    check_dtype(found, dtype, "dropout")
    assert found.shape == (3, 4, 4, 2), f"The shape became {found.shape}."


@pytest.mark.exercise("3.5")
def test_dropout_draws_element_by_element_in_images_too():
    """Not whole channels, and not whole pixels through all channels."""
    kept = np.asarray(cnn_model.dropout(tf.ones((8, 6, 6, 5)), 0.5, True, (3, 4))) != 0
    channels = kept.mean(axis=(1, 2))  # of every image and channel, over its 36 pixels
    assert 0 < channels.min() <= channels.max() < 1, "Whole channels of an image fell together."
    alike = float((kept == kept[..., :1]).all(axis=-1).mean())
    assert alike < 0.3, f"At {alike:.0%} of the pixels all 5 channels fell or stayed together."


@pytest.mark.exercise("3.5")
def test_dropout_uses_both_numbers_of_the_seed():
    """(1, 2) and (2, 1) have one sum and one product; a rate of .05 has no tenths."""
    x = tf.ones((100, 80))
    first, other = (np.asarray(cnn_model.dropout(x, 0.05, True, s)) for s in ((1, 2), (2, 1)))
    assert not np.array_equal(first, other), "The seeds (1, 2) and (2, 1) gave one mask."
    share = float((first == 0).mean())
    assert abs(share - 0.05) <= 0.015, f"With rate 0.05, {share:.1%} of the values were dropped."


@pytest.mark.exercise("3.5")
def test_dropout_has_the_gradient_of_its_mask():
    """0 where a value was dropped, 1 / (1 - rate) where it was kept, negative values too."""
    x = tf.constant(np.random.default_rng(0).normal(size=(30, 20)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = cnn_model.dropout(x, 0.25, True, (1, 2))
    gradient = tape.gradient(y, x)
    assert gradient is not None, "No gradient reaches x."
    error = off_by(gradient * x, y)
    assert error <= 1e-6, f"The gradient differs from mask / (1 - rate) by up to {error:.2g}."
    kept = float((np.asarray(gradient)[x < 0] != 0).mean())
    assert abs(kept - 0.75) <= 0.12, f"Of the negative values {kept:.0%} were kept, not 75%."


@pytest.mark.exercise("3.5")
def test_dropout_draws_for_a_single_value_too():
    """Each value has a draw of its own; a fixed number of dropped ones would drop none of one."""
    x = tf.ones((1,), tf.float64)
    found = [float(cnn_model.dropout(x, 0.2, True, (7, k))[0]) for k in range(300)]
    dropped = found.count(0.0)  # 60 expected, with a deviation of 7
    assert 20 <= dropped <= 110, (
        f"With rate .2 a single value was dropped in {dropped} of 300 draws, not in about 60."
    )


# 3.6


def loss_by_numpy(logits, labels):
    """Minus the logarithm of the label's softmax, on average."""
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


@pytest.mark.exercise("3.6")
@pytest.mark.parametrize(("batch", "classes"), [(1, 2), (7, 2), (64, 2)])
def test_softmax_cross_entropy_agrees_with_numpy(batch, classes):
    """Exact to many digits: an extra softmax keeps the loss between .31 and 1.31 unnoticed."""
    rng = np.random.default_rng(batch)
    logits, labels = rng.normal(0, 4, (batch, classes)), rng.integers(0, classes, batch)
    found = array_of(
        cnn_model.softmax_cross_entropy(tf.constant(logits), tf.constant(labels, tf.int32)),
        "softmax_cross_entropy",
    )
    assert found.shape == (), f"The loss has the shape {found.shape}; it should be one number."
    expected = loss_by_numpy(logits, labels)
    assert abs(found - expected) <= 1e-9, (
        f"{batch} examples of {classes} classes: the loss is {found:.9g}, not {expected:.9g}."
    )


@pytest.mark.exercise("3.6")
def test_softmax_cross_entropy_by_hand():
    """Equal logits: log 2, whatever the label. A sure right answer: about 0."""
    equal = float(cnn_model.softmax_cross_entropy(tf.zeros((4, 2)), tf.constant([0, 1, 1, 0])))
    assert abs(equal - math.log(2)) <= 1e-5, f"Equal logits: {equal:.4f}, not log 2 = 0.6931."
    sure = float(cnn_model.softmax_cross_entropy(tf.constant([[0.0, 20.0]]), tf.constant([1])))
    assert abs(sure) <= 1e-5, f"A sure right answer costs {sure:.4f} instead of nearly 0."
    wrong = float(cnn_model.softmax_cross_entropy(tf.constant([[0.0, 20.0]]), tf.constant([0])))
    assert abs(wrong - 20) <= 1e-4, f"A sure wrong answer costs {wrong:.4f} instead of 20."


@pytest.mark.exercise("3.6")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_softmax_cross_entropy_is_finite_at_extreme_logits(dtype):
    """exp(1000) is infinite: written naively, the loss and its gradient are NaN."""
    logits = tf.constant([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, 1000.0]], dtype)
    labels = tf.constant([0, 0, 1])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = cnn_model.softmax_cross_entropy(logits, labels)
    check_dtype(loss, dtype, "softmax_cross_entropy")
    expected = (0 + 2000 + math.log(2)) / 3
    assert abs(float(loss) - expected) <= 1e-3, f"The loss is {float(loss)}, not {expected:.2f}."
    gradient = tape.gradient(loss, logits)
    assert gradient is not None, "No gradient reaches the logits."
    found = np.float64(gradient).round(3).tolist()
    expected = np.array([[0, 0], [-1, 1], [0.5, -0.5]]) / 3
    assert off_by(gradient, expected) <= 1e-4, f"The gradient at logits of +-1000 is {found}."


@pytest.mark.exercise("3.6")
def test_softmax_cross_entropy_has_the_gradient_of_softmax():
    """By hand: softmax minus one-hot, over the number of examples."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (6, 2)), rng.integers(0, 2, 6)
    tensor = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = cnn_model.softmax_cross_entropy(tensor, tf.constant(labels, tf.int32))
    exp = np.exp(logits)
    expected = (exp / exp.sum(1, keepdims=True) - np.eye(2)[labels]) / 6
    error = off_by(tape.gradient(loss, tensor), expected)
    assert error <= 1e-9, f"The gradient is off by up to {error:.2g}."


@pytest.mark.exercise("3.6")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_softmax_cross_entropy_is_finite_for_a_low_row_beside_a_high_one(dtype):
    """exp(-1000) is 0, and log 0 infinite: each row needs its own greatest logit."""
    logits = tf.constant([[-1000.0, -1000.0], [-999.0, -1000.0], [1000.0, 1000.0]], dtype)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = cnn_model.softmax_cross_entropy(logits, tf.constant([0, 1, 1]))
    expected = (2 * math.log(2) + math.log(1 + math.e)) / 3
    assert abs(float(loss) - expected) <= 1e-3, (
        f"The loss of a row at -1000, one at -999 and -1000 and one at 1000 is {float(loss)}, not"
        f" {expected:.4f}: subtract each row's own greatest logit."
    )
    p = 1 / (1 + math.exp(-1))
    expected = np.array([[-0.5, 0.5], [p, -p], [0.5, -0.5]]) / 3
    error = off_by(tape.gradient(loss, logits), expected)
    assert error <= 1e-4, f"The gradient at logits of -1000 is off by up to {error:.2g}."


@pytest.mark.exercise("3.6")
def test_softmax_cross_entropy_takes_an_open_batch():
    """In a graph the number of examples may be unknown: the last batch is shorter."""
    specs = [tf.TensorSpec((None, 2), tf.float64), tf.TensorSpec((None,), tf.int32)]
    compiled = tf.function(
        lambda logits, labels: cnn_model.softmax_cross_entropy(logits, labels),
        input_signature=specs,
    )
    rng = np.random.default_rng(0)
    for batch in (5, 2):
        logits, labels = rng.normal(0, 4, (batch, 2)), rng.integers(0, 2, batch)
        found = compiled(tf.constant(logits), tf.constant(labels, tf.int32))
        error = abs(float(found) - loss_by_numpy(logits, labels))
        assert error <= 1e-9, f"In a graph, {batch} examples of an open batch: off by {error:.2g}."


# 3.7


def small_cnn(**options):
    """A small network of the learner's: fast, and no two of its layers have one width."""
    given = {"image_size": 16, "channels": (4, 6), "hidden": 5, "seed": 1}
    found = cnn_model.CNN(**(given | options))
    assert isinstance(found, tf.Module), "CNN should be a tf.Module."
    return found


def pictures(batch=6, size=16, dtype=tf.float32, seed=0):
    """Random images in [0, 1]."""
    values = np.random.default_rng(seed).random((batch, size, size, 3))
    return tf.constant(values, dtype)


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize(("size", "channels"), [(16, (4, 6)), (20, (3, 4, 5)), (32, (8,))])
def test_cnn_gives_two_logits_for_each_image(size, channels):
    """Of any image size and any number of blocks; features are one row an image."""
    model = small_cnn(image_size=size, channels=channels)
    images = pictures(3, size)
    logits = array_of(model(images), "CNN.__call__")
    assert logits.shape == (3, 2), f"3 images of {size} pixels gave logits of {logits.shape}."
    features = array_of(model.features(images, training=False), "CNN.features")
    assert features.ndim == 2, f"The features have the shape {features.shape}, not (B, F)."
    assert len(features) == 3, f"3 images gave features of the shape {features.shape}."
    head = array_of(model.head(tf.constant(features), training=False), "CNN.head")
    assert off_by(head, logits) <= 1e-5, "Outside training head(features(x)) differs from model(x)."


@pytest.mark.exercise("3.7")
def test_cnn_has_the_defaults_of_the_course():
    """64 pixels, four blocks of 32 to 128 channels, 128 hidden units, float32."""
    model = cnn_model.CNN()
    logits = model(pictures(1, 64))
    assert logits.shape == (1, 2), f"One image of 64 pixels gave logits of {logits.shape}."
    check_dtype(logits, tf.float32, "CNN")
    kernels = sorted(tuple(v.shape[-2:]) for v in model.base_variables if len(v.shape) == 4)
    assert kernels == [(3, 32), (32, 64), (64, 128), (128, 128)], (
        f"The kernels lead from {kernels}: 3 to 32, 64, 128 and 128 channels were asked for."
    )
    widths = [v.shape[-1] for v in model.head_variables if len(v.shape) == 2]
    assert sorted(widths) == [2, 128], f"The dense layers are {widths} wide, not 128 and 2."


@pytest.mark.exercise("3.7")
def test_cnn_base_has_convolutions_without_bias_and_batch_norm():
    """A bias before batch norm would be subtracted again: a kernel, a gamma and a beta a block."""
    base = small_cnn().base_variables
    shapes = sorted(len(v.shape) for v in base)
    assert shapes == [1, 1, 1, 1, 4, 4], (
        f"Two blocks should have 2 kernels and 4 vectors; the ranks found are {shapes}."
    )
    vectors = sorted(v.shape[0] for v in base if len(v.shape) == 1)
    assert vectors == [4, 4, 6, 6], f"The vectors have the sizes {vectors}, not 4, 4, 6, 6."


@pytest.mark.exercise("3.7")
def test_cnn_head_is_two_dense_layers():
    """Features to hidden, hidden to 2, each with a bias."""
    model = small_cnn()
    features = model.features(pictures(1), training=False).shape[1]
    found = sorted(tuple(v.shape) for v in model.head_variables)
    expected = sorted([(features, 5), (5,), (5, 2), (2,)])
    assert found == expected, f"The head's variables have the shapes {found}, not {expected}."


@pytest.mark.exercise("3.7")
def test_cnn_variables_are_of_the_base_or_of_the_head():
    """Together they are all that is trained, and none is in both."""
    model = small_cnn(mean=[0.1, 0.2, 0.3], std=[1.0, 2.0, 3.0])
    base = {id(v) for v in model.base_variables}
    head = {id(v) for v in model.head_variables}
    trained = {id(v) for v in model.trainable_variables}
    assert not base & head, f"{len(base & head)} variables are in the base and in the head."
    assert base | head == trained, (
        f"The base has {len(base)} and the head {len(head)} variables, but {len(trained)} are"
        " trainable: mean, deviation and moving statistics are not trained, all else is."
    )


@pytest.mark.exercise("3.7")
def test_cnn_batch_norm_statistics_are_not_trained():
    """A mean and a variance a block, which start at 0 and 1."""
    model = small_cnn()
    found = model.batch_norm_statistics
    sizes = sorted(v.shape[0] for v in found)
    assert sizes == [4, 4, 6, 6], f"Two blocks have statistics of the sizes {sizes}."
    variables = [isinstance(v, tf.Variable) for v in found]
    assert all(variables), "The statistics are no tf.Variable: a copy does not follow the training."
    assert not any(v.trainable for v in found), "The moving statistics are trainable."
    starts = sorted(round(float(np.mean(v)), 3) for v in found)
    assert starts == [0, 0, 1, 1], f"The statistics start at {starts}, not at 0 and 1."


@pytest.mark.exercise("3.7")
def test_cnn_moves_its_statistics_in_training_only():
    """Every one of them, and by the base alone: the head has none."""
    model = small_cnn()
    statistics = model.batch_norm_statistics
    before = [v.numpy().copy() for v in statistics]
    model(pictures())
    model.head(model.features(pictures(), training=False), training=True)
    moved = sum(not np.array_equal(a, v) for a, v in zip(before, statistics, strict=True))
    assert moved == 0, f"Outside training {moved} of 4 statistics moved."
    model.features(pictures(), training=True)
    still = sum(np.array_equal(a, v) for a, v in zip(before, statistics, strict=True))
    assert still == 0, f"In training {still} of 4 statistics stayed as they were."


@pytest.mark.exercise("3.7")
def test_cnn_statistics_become_those_of_the_data():
    """After many calls on one batch, use and training give the same features."""
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
        " use: do the moving statistics follow those of the batch?"
    )


@pytest.mark.exercise("3.7")
def test_cnn_normalises_by_the_batch_in_training():
    """Convolution is linear and has no bias: twice the signal, normalised, is the same signal."""
    model = small_cnn(dtype=tf.float64)
    images = 40 * pictures(dtype=tf.float64)
    first = model.features(images, training=True)
    error = off_by(model.features(2 * images, training=True), first)
    assert error <= 0.02, f"Twice the signal changed the features by up to {error:.2g} in training."
    used = [model.features(k * images, training=False) for k in (1, 2)]
    assert off_by(*used) > 0.1, "Outside training twice the signal changed nothing."


@pytest.mark.exercise("3.7")
def test_cnn_standardises_first():
    """With mean and deviation the network takes raw images; without, standardised ones."""
    mean, std = [0.5, 0.25, 0.1], [0.2, 0.1, 0.0]
    images = pictures(dtype=tf.float64)
    expected = small_cnn(dtype=tf.float64)((images - mean) / np.array([0.2, 0.1, 1.0]))
    found = small_cnn(dtype=tf.float64, mean=mean, std=std)(images)
    error = off_by(found, expected)
    assert error <= 1e-6, f"With mean and deviation the logits are off by up to {error:.2g}."


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize("seed", [0, 1])
def test_cnn_layers_of_one_shape_start_different(seed):
    """One seed for all layers would make them twins; so would a seed of 0 times the layer."""
    model = small_cnn(channels=(4, 4, 4), seed=seed)
    kernels = [v.numpy() for v in model.base_variables if v.shape[-2:] == (4, 4)]
    assert len(kernels) == 2, f"Found {len(kernels)} kernels from 4 to 4 channels, not 2."
    assert not np.allclose(*kernels), "Two layers of one shape start with the same weights."
    filters = kernels[0].reshape(-1, 4).T
    assert len(np.unique(filters.round(6), axis=0)) == 4, "The filters of a layer start alike."


@pytest.mark.exercise("3.7")
def test_cnn_follows_the_seed():
    """One seed, one network; another seed, another."""
    images = pictures()
    first, again, other = (np.asarray(small_cnn(seed=s)(images)) for s in (1, 1, 2))
    assert np.array_equal(first, again), "Two networks with seed 1 differ."
    assert not np.allclose(first, other), "Networks with the seeds 1 and 2 are the same."


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize("compiled", [False, True])
def test_cnn_draws_a_new_dropout_mask_at_every_call(compiled):
    """In a graph as well, where a number drawn in Python would stay for ever."""
    model = small_cnn(hidden=64)
    features = tf.random.stateless_normal(
        (4, *model.features(pictures(1), False).shape[1:]), (1, 2)
    )

    def head(x):
        return model.head(x, training=True)

    head = tf.function(head) if compiled else head
    draws = [np.asarray(head(features)).tobytes() for _ in range(4)]
    assert len(set(draws)) == 4, f"4 calls of the head in training gave {len(set(draws))} results."
    rows = np.asarray(head(tf.repeat(features[:1], 4, axis=0)))
    assert len(np.unique(rows, axis=0)) == 4, "All images of a batch got one dropout mask."


@pytest.mark.exercise("3.7")
def test_cnn_drops_nothing_outside_training_or_at_rate_0():
    """The same cell gets the same answer each time."""
    model = small_cnn(hidden=64)
    images = pictures()
    assert off_by(model(images), model(images)) <= 0, "Outside training two calls differ."
    model = small_cnn(hidden=64, dropout=0.0)
    features = model.features(images, training=False)
    first, second = (model.head(features, training=True) for _ in range(2))
    assert off_by(first, second) <= 0, "With dropout 0 two calls in training differ."
    error = off_by(first, model.head(features, training=False))
    assert error <= 1e-6, f"Outside training two calls of the head differ by {error:.2g}."


@pytest.mark.exercise("3.7")
def test_cnn_logits_are_raw():
    """No ReLU and no softmax on them: they may be negative, and do not sum to 1."""
    logits = np.concatenate([small_cnn(seed=s)(pictures()).numpy() for s in range(12)])
    assert logits.min() < -1e-3, f"The least of 144 logits is {logits.min():.3f}: is there a ReLU?"
    sums = logits.sum(1)
    assert np.abs(sums - 1).max() > 0.05, "The logits of every image sum to 1: is it a softmax?"


@pytest.mark.exercise("3.7")
def test_cnn_has_a_relu_in_every_block_and_between_the_dense_layers():
    """Without it the layers in a row are no more than one."""
    model = small_cnn(dtype=tf.float64)
    features = model.features(pictures(dtype=tf.float64), training=True)
    for beta in (v for v in model.base_variables if len(v.shape) == 1 and not np.any(v)):
        beta.assign(beta - 100)  # now every channel lies far below 0
    least = float(np.min(model.features(pictures(dtype=tf.float64), training=False)))
    assert least >= 0, f"With beta at -100 a feature is {least:.1f}: a block ends without a ReLU."
    zero, plus, minus = (
        np.asarray(model.head(k * (features + 1), training=False)) for k in (0.0, 1.0, -1.0)
    )
    assert off_by(plus - zero, zero - minus) > 1e-3, "The head is linear: a ReLU is missing."


@pytest.mark.exercise("3.7")
def test_cnn_works_in_float64():
    """All that is trained, the statistics, and the logits."""
    model = small_cnn(dtype=tf.float64, mean=[0.5] * 3, std=[0.2] * 3)
    check_dtype(model(pictures(dtype=tf.float64), training=True), tf.float64, "CNN")
    kinds = {v.dtype.name for v in [*model.trainable_variables, *model.batch_norm_statistics]}
    assert kinds == {"float64"}, f"With dtype float64 the variables are {sorted(kinds)}."


@pytest.mark.exercise("3.7")
def test_cnn_looks_at_every_image_alone_in_use():
    """Outside training the others in the batch do not matter."""
    model, images = small_cnn(), pictures()
    error = off_by(model(images)[:1], model(images[:1]))
    assert error <= 1e-5, f"The same image alone and in a batch differs by {error:.2g}."


@pytest.mark.exercise("3.7")
def test_cnn_learns_one_batch_by_heart():
    """The first test of any network: gradients reach every layer, and the loss falls."""
    model = small_cnn(channels=(6, 8), hidden=16, dropout=0.0)
    images, labels = pictures(8), tf.constant([0, 1] * 4)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            if gradient is not None:
                variable.assign_sub(0.1 * gradient)
        return loss

    before = [v.numpy().copy() for v in model.trainable_variables]
    losses = [float(step()) for _ in range(80)]
    still = sum(
        np.array_equal(a, v) for a, v in zip(before, model.trainable_variables, strict=True)
    )
    assert still == 0, f"{still} of {len(before)} trainable variables never moved."
    assert losses[-1] <= 0.25 * losses[0], (
        f"In 80 steps on 8 images the loss went from {losses[0]:.3f} to {losses[-1]:.3f} only."
    )


def parts_of(model):
    """The base's variables by block and the head's by role, told apart by shape and start.

    For a network just built: no two blocks of one width; hidden neither 2 nor F.
    """
    kernels = [v for v in model.base_variables if len(v.shape) == 4]
    blocks, inputs = [], 3
    while kernels:
        kernel = next(v for v in kernels if v.shape[2] == inputs)
        kernels = [v for v in kernels if v is not kernel]
        inputs = kernel.shape[3]
        vectors = [v for v in model.base_variables if v.shape == (inputs,)]
        statistics = [v for v in model.batch_norm_statistics if v.shape == (inputs,)]
        one, zero = (next((v for v in vectors if np.all(v == k)), None) for k in (1, 0))
        mean, variance = (next((v for v in statistics if np.all(v == k)), None) for k in (0, 1))
        assert not any(v is None for v in (one, zero, mean, variance)), (
            "A batch norm does not start with gamma 1, beta 0, mean 0 and variance 1."
        )
        blocks.append((kernel, one, zero, mean, variance))
    matrices = {v.shape[1]: v for v in model.head_variables if len(v.shape) == 2}
    vectors = {v.shape[0]: v for v in model.head_variables if len(v.shape) == 1}
    hidden = next(k for k in vectors if k != 2)
    return blocks, (matrices[hidden], vectors[hidden], matrices[2], vectors[2])


@pytest.mark.exercise("3.7")
def test_cnn_base_is_convolution_norm_relu_pool():
    """Down to one pixel the features can only be the last block's values, here by hand."""
    model = small_cnn(image_size=7, channels=(4, 5), dtype=tf.float64)
    blocks, _ = parts_of(model)
    rng = np.random.default_rng(5)
    x = images = pictures(3, 7, tf.float64)
    for kernel, gamma, beta, mean, variance in blocks:
        for v in (gamma, beta, mean):  # a negative gamma tells the order from another
            v.assign(rng.normal(0, 0.7, v.shape))
        variance.assign(rng.uniform(0.5, 2, variance.shape))
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
        x = tf.nn.relu(gamma * (x - mean) / tf.sqrt(variance + 1e-3) + beta)
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    expected = x[:, 0, 0].numpy()  # (3, 5): 7 pixels, then 3, then 1
    found = array_of(model.features(images, training=False), "CNN.features")
    off = [np.abs(f[:, None] - e).min(axis=1).max() for f, e in zip(found, expected, strict=True)]
    missed = [
        np.abs(e[:, None] - f).min(axis=1).max() for f, e in zip(found, expected, strict=True)
    ]
    error = float(max(*off, *missed))
    assert error <= 1e-6, (
        f"Two blocks on images of 7 pixels leave one pixel; its features differ by up to"
        f" {error:.2g} from convolution (SAME), batch norm, ReLU, max-pooling (VALID) by hand."
    )


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_cnn_statistics_are_those_of_the_convolution(dtype):
    """Of what comes out of the convolution, before ReLU and pooling; the population's variance."""
    shares = []
    for whole in (True, False):
        model = small_cnn(image_size=2, channels=(4,), dtype=dtype)
        [(kernel, _, _, mean, variance)], _ = parts_of(model)
        images = 5 * pictures(2, 2, dtype)
        values = tf.nn.conv2d(images, kernel, 1, "SAME").numpy()
        if whole:
            model(images, training=True)
        else:
            model.features(images, training=True)
        shares += [mean / values.mean((0, 1, 2)), (variance - 1) / (values.var((0, 1, 2)) - 1)]
    shares = np.array(shares)  # 1 - momentum, for both statistics of every channel
    assert 0 < shares.mean() < 0.5, f"One call moved them {shares.mean():.0%} of the way."
    assert np.abs(shares - shares.mean()).max() <= 1e-4, (
        "After one call in training the moving statistics did not all move one share of the way to"
        " the mean and the variance of the convolution's values: are they taken once, before ReLU"
        " and pooling, over batch, rows and columns, and divided by the number of values?"
    )


@pytest.mark.exercise("3.7")
def test_cnn_head_is_dense_relu_dense():
    """Outside training, by hand, with biases that are not 0."""
    model = small_cnn(dtype=tf.float64)
    _, (w1, b1, w2, b2) = parts_of(model)
    rng = np.random.default_rng(6)
    for v in (b1, b2):
        v.assign(rng.normal(size=v.shape))
    features = rng.normal(size=(20, w1.shape[0]))
    expected = np.maximum(features @ w1.numpy() + b1.numpy(), 0) @ w2.numpy() + b2.numpy()
    error = off_by(model.head(tf.constant(features), training=False), expected)
    assert error <= 1e-8, f"The head differs from dense - ReLU - dense by up to {error:.2g}."


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize("rate", [0.25, None])
def test_cnn_drops_hidden_values_at_its_rate(rate):
    """All hidden values are made 1, and added up: each is 0 or 1 / (1 - rate) in training."""
    options = {} if rate is None else {"dropout": rate}
    model = small_cnn(hidden=100, **options)
    rate = 0.5 if rate is None else rate
    _, (w1, b1, w2, b2) = parts_of(model)
    for variable, value in ((w1, 0.0), (b1, 1.0), (b2, 0.0)):
        variable.assign(tf.fill(variable.shape, value))
    w2.assign([[1.0, 1.0]] + 99 * [[1.0, 0.0]])  # the sum of all 100, and the first alone
    features = tf.ones((400, w1.shape[0]))
    found = np.asarray(model.head(features, training=True)) * (1 - rate)
    kept, first = found.T
    scaled = np.abs(found - found.round()).max() <= 1e-3 >= abs(first.max() - 1)
    assert scaled, (
        f"With rate {rate} a hidden value of 1 became {first.max() / (1 - rate):.3f} where it was"
        f" kept, not 1 / {1 - rate} = {1 / (1 - rate):.3f}."
    )
    dropped = len(np.unique(kept.round())) > 5 and abs(first.mean() - 1 + rate) <= 0.12
    assert dropped, (
        f"With rate {rate}, between {kept.min():.0f} and {kept.max():.0f} of 100 hidden values"
        f" were kept, the first of them in {first.mean():.0%} of 400 rows: dropout at that rate"
        " stands after the ReLU."
    )


@pytest.mark.exercise("3.7")
def test_cnn_call_passes_training_on_to_base_and_head():
    """model(images, training=True) is what a training step calls."""
    model = small_cnn(hidden=64)
    before = [v.numpy().copy() for v in model.batch_norm_statistics]
    first, second = (np.asarray(model(pictures(), training=True)) for _ in range(2))
    still = sum(
        np.array_equal(a, v) for a, v in zip(before, model.batch_norm_statistics, strict=True)
    )
    assert still == 0, f"In model(images, training=True) {still} of 4 statistics did not move."
    assert not np.allclose(first, second), (
        "Two calls of model(images, training=True) gave the same logits: the head did not drop."
    )


@pytest.mark.exercise("3.7")
def test_cnn_features_are_standardised_too():
    """Lesson 6 calls features and head one by one."""
    mean, std = [0.5, 0.25, 0.1], [0.2, 0.1, 0.3]
    images = pictures(dtype=tf.float64)
    plain = small_cnn(dtype=tf.float64)
    standardising = small_cnn(dtype=tf.float64, mean=mean, std=std)
    expected = plain.features((images - mean) / np.array(std), False)
    found = standardising.features(images, False)
    error = off_by(found, expected)
    assert error <= 1e-6, f"With mean and deviation the features are off by up to {error:.2g}."


@pytest.mark.exercise("3.7")
@pytest.mark.parametrize("training", [True, False])
def test_cnn_takes_an_open_batch(training):
    """In a graph the number of images may be unknown: the last batch is shorter."""
    model = small_cnn()
    spec = tf.TensorSpec((None, 16, 16, 3), tf.float32)
    compiled = tf.function(lambda x: model(x, training=training), input_signature=[spec])
    for batch in (3, 2):
        found = compiled(pictures(batch))
        assert found.shape == (batch, 2), f"{batch} images gave logits of {found.shape} in a graph."


@pytest.mark.exercise("3.7")
def test_cnn_takes_seed_0_and_leaves_the_global_seed_alone():
    """0 is a seed like others; and a new network does not reset what others draw."""
    images = pictures()
    tf.random.set_seed(5)
    expected = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(5)
    first, again = (np.asarray(small_cnn(seed=0)(images)) for _ in range(2))
    assert np.array_equal(expected, tf.random.uniform((3,))), (
        "Building a network moved TensorFlow's global seed."
    )
    assert np.array_equal(first, again), "Two networks with seed 0 differ."

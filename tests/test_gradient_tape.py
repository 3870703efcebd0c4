"""Grades lesson 5: gradients against finite differences and NumPy; the optimizer, step by step."""

import numpy as np
import pytest
import tensorflow as tf

from tests.graded import gradient_tape
from tests.refusals import refused
from tests.small_models import Momentum, SmallModel, copies, small_batches

RNG = np.random.default_rng(0)


def numpy_loss(logits, labels):
    """Mean softmax cross-entropy, written the plain way."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(labels)), labels].mean()


def differences(loss, arrays, epsilon=1e-6):
    """The gradient of a NumPy loss by central differences; `arrays` are moved and put back."""
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + epsilon
            above = loss()
            array[index] = kept - epsilon
            gradient[index] = (above - loss()) / (2 * epsilon)
            array[index] = kept
        gradients.append(gradient)
    return gradients


def model_loss(model, images, labels):
    """A function without arguments: the small model's loss in training mode, as a float."""

    def loss():
        statistics = model.moving_mean.numpy()
        logits = model(images, training=True).numpy()
        model.moving_mean.assign(statistics)
        return numpy_loss(logits, labels.numpy())

    return loss


def model_differences(model, images, labels, epsilon=1e-6):
    """The gradients of the small model's loss by central differences on its variables."""
    loss, gradients = model_loss(model, images, labels), []
    for variable in model.trainable_variables:
        values, gradient = variable.numpy(), np.zeros(variable.shape)
        for index in np.ndindex(*variable.shape):
            moved = values.copy()
            moved[index] += epsilon
            variable.assign(moved)
            above = loss()
            moved[index] -= 2 * epsilon
            variable.assign(moved)
            gradient[index] = (above - loss()) / (2 * epsilon)
        variable.assign(values)
        gradients.append(gradient)
    return gradients


def worst(found, expected):
    """The greatest difference between two lists of arrays; NaN if there is a NaN."""
    # Not Python's max(), which loses a NaN that does not come first.
    return np.max([np.abs(np.asarray(f) - e).max() for f, e in zip(found, expected, strict=True)])


# 5.1


@pytest.mark.exercise("5.1")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_the_gradient_of_a_sum_of_cubes(dtype):
    """By hand: 3 x squared."""
    point = tf.constant([[1.0, -2.0], [0.5, 3.0]], dtype)
    found = gradient_tape.gradient_at(lambda x: tf.reduce_sum(x**3), point)
    assert found is not None, "The gradient is None: was the point watched, inside the block?"
    assert found.dtype == dtype, f"A {dtype.name} point gave a {found.dtype.name} gradient."
    assert np.abs(found - 3 * point**2).max() <= 1e-5, (
        f"At {point.numpy().tolist()} the gradient of sum(x ** 3) came out as"
        f" {found.numpy().round(3).tolist()}; by hand it is 3 x squared."
    )


@pytest.mark.exercise("5.1")
@pytest.mark.parametrize("shape", [(), (3,), (3, 1), (3, 3)], ids=str)
def test_the_gradient_of_a_function_that_mixes_its_elements(shape):
    """The square of a weighted sum, negative slopes included: 2 (sum w x) w."""
    rng = np.random.default_rng(4)
    weights, values = rng.normal(size=shape), rng.normal(size=shape)

    def function(x):
        return tf.reduce_sum(weights * tf.ensure_shape(x, shape)) ** 2

    found = gradient_tape.gradient_at(function, tf.constant(values))
    assert found is not None, f"At a point of the shape {shape} the gradient is None."
    assert found.shape == shape, f"A point of the shape {shape} gave the shape {found.shape}."
    assert tf.is_tensor(found), f"A {type(found).__name__} came back instead of a tensor."
    error = np.abs(found - 2 * np.sum(weights * values) * weights).max()
    assert error <= 1e-9, (
        f"At a point of the shape {shape} the gradient of (sum of w x) squared is off by"
        f" {error:.1e}. Give the function the point as it is, and all of it at once."
    )


@pytest.mark.exercise("5.1")
def test_the_gradient_is_that_at_the_point_of_each_call():
    """One function at two points: what was kept from the first call is wrong at the second."""

    def cubes(x):
        return tf.reduce_sum(x**3)

    for value in (1.0, -2.0):
        found = gradient_tape.gradient_at(cubes, tf.constant([value]))
        assert abs(float(found[0]) - 3 * value**2) <= 1e-5, (
            f"The slope of x cubed at {value} came out as {float(found[0]):.3f}, not"
            f" {3 * value**2:.3f}."
        )


# 5.2


@pytest.mark.exercise("5.2")
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=["scalar", "vector", "matrix"])
def test_differences_of_a_product_of_sines(shape):
    """A smooth function whose derivative is known; central differences are right to epsilon**2."""
    point = tf.constant(RNG.normal(size=shape))
    found = gradient_tape.numerical_gradient(lambda x: tf.reduce_sum(tf.sin(2 * x)), point, 1e-4)
    assert found.shape == shape, f"A point of shape {shape} gave the shape {found.shape}."
    error = np.abs(np.asarray(found) - 2 * np.cos(2 * point.numpy())).max()
    assert error <= 1e-6, (
        f"The gradient of sum(sin(2x)) is off by {error:.1e}. One-sided differences are off by"
        " about epsilon, central ones by its square."
    )


@pytest.mark.exercise("5.2")
def test_differences_are_central():
    """On x squared central differences are exact whatever epsilon is; one-sided ones are not."""
    found = gradient_tape.numerical_gradient(lambda x: x**2, tf.constant(3.0, tf.float64), 0.5)
    assert abs(float(found) - 6) <= 1e-9, (
        f"x ** 2 at 3 with epsilon .5 gave {float(found):.3f}; (f(x + e) - f(x - e)) / 2e is 6."
    )


@pytest.mark.exercise("5.2")
def test_each_element_is_moved_alone():
    """A function that mixes its elements: the gradient of x0 x1 x2 at (1, 2, 3) is (6, 3, 2)."""
    found = gradient_tape.numerical_gradient(tf.reduce_prod, tf.constant([1.0, 2, 3], tf.float64))
    found = np.asarray(found)
    assert np.abs(found - [6, 3, 2]).max() <= 1e-6, (
        f"The gradient of the product at (1, 2, 3) came out as {found.round(3).tolist()}."
    )


@pytest.mark.exercise("5.2")
def test_differences_keep_to_the_epsilon_they_are_given():
    """Of x cubed, (f(x + e) - f(x - e)) / 2e is 3 x squared + e squared: 12.25 at 2 with .5."""
    found = gradient_tape.numerical_gradient(lambda x: x**3, tf.constant(2.0, tf.float64), 0.5)
    assert abs(float(found) - 12.25) <= 1e-9, (
        f"x ** 3 at 2 with epsilon .5 gave {float(found):.4f}; (f(x + e) - f(x - e)) / 2e is 12.25,"
        " though the slope itself is 12. It takes the function's values at x + e and x - e only."
    )


@pytest.mark.exercise("5.2")
def test_differences_use_an_epsilon_of_a_thousandth_unless_told_otherwise():
    """Of x cubed at 0 the central difference is epsilon squared."""
    found = gradient_tape.numerical_gradient(lambda x: x**3, tf.constant(0.0, tf.float64))
    assert abs(float(found) - 1e-6) <= 1e-9, (
        f"x ** 3 at 0 gave {float(found):.2e}, but with the default epsilon of .001 it is 1e-6."
    )


@pytest.mark.exercise("5.2")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_differences_keep_the_dtype_of_the_point(dtype):
    """float32 in, float32 out."""
    point = tf.constant([1.0, -2.0], dtype)
    found = gradient_tape.numerical_gradient(lambda x: tf.reduce_sum(x**2), point, 0.125)
    assert found.dtype == dtype, f"A {dtype.name} point gave a {found.dtype.name} gradient."
    assert np.abs(np.asarray(found) - [2, -4]).max() <= 1e-5, (
        f"The gradient of sum(x ** 2) at (1, -2) is {np.round(found, 3).tolist()}."
    )


@pytest.mark.exercise("5.2")
def test_differences_leave_the_point_alone_and_keep_its_shape():
    """The trace of x times x, whose gradient is twice x transposed."""
    before = np.array([[1e-18, 0.1], [0.7, -0.3]])  # of which adding and subtracting leaves 0
    point = tf.constant(before)
    found = gradient_tape.numerical_gradient(lambda x: tf.linalg.trace(tf.matmul(x, x)), point)
    assert np.abs(np.asarray(found) - 2 * before.T).max() <= 1e-6, (
        "The gradient of trace(x @ x) is not twice x transposed; does the function get the point in"
        " its own shape?"
    )
    assert np.array_equal(point, before), "The tensor that was given as the point has changed."


# 5.3


def head_case(batch=6):
    """Features, labels and weights in float64, with units on both sides of the ReLU."""
    rng = np.random.default_rng(3)
    features, labels = rng.normal(size=(batch, 4)), rng.integers(0, 2, batch).astype(np.int32)
    weights = [rng.normal(size=shape) for shape in ((4, 5), (5,), (5, 2), (2,))]
    return features, labels, weights


@pytest.mark.exercise("5.3")
@pytest.mark.parametrize("batch", [1, 6])
def test_back_propagation_agrees_with_differences(batch):
    """Each of the four gradients against central differences of a NumPy loss."""
    features, labels, weights = head_case(batch)
    w1, b1, w2, b2 = weights

    def loss():
        return numpy_loss(np.maximum(features @ w1 + b1, 0) @ w2 + b2, labels)

    expected = differences(loss, weights)
    arguments = map(tf.constant, (features, labels, *weights))
    found = gradient_tape.head_gradients_by_hand(*arguments)
    for name, ours, theirs in zip(("dw1", "db1", "dw2", "db2"), found, expected, strict=True):
        assert ours.shape == theirs.shape, f"{name} has the shape {ours.shape}, not {theirs.shape}."
        error = np.abs(ours - theirs).max()
        assert error <= 1e-7, (
            f"{name} is off by {error:.1e} for a batch of {batch}. If only b2 and w2 are right,"
            " look at the ReLU; if all are too large by one factor, look at the mean."
        )


@pytest.mark.exercise("5.3")
def test_back_propagation_uses_no_tape(monkeypatch):
    """The point of the exercise is to write the chain rule out."""

    def refuse(*args, **kwargs):
        raise AssertionError("tf.GradientTape was used; here the chain rule is written by hand.")

    monkeypatch.setattr(tf, "GradientTape", refuse)
    monkeypatch.setattr(tf, "gradients", refuse)
    features, labels, weights = head_case()
    gradient_tape.head_gradients_by_hand(*map(tf.constant, (features, labels, *weights)))


@pytest.mark.exercise("5.3")
def test_back_propagation_stays_finite_at_large_logits():
    """Logits of +-1000, by hand: exp(1000) overflows, the gradient does not."""
    features, labels = tf.constant([[1.0], [1.0], [0.001]], tf.float64), tf.constant([0, 1, 1])
    w1, b1 = tf.constant([[1.0]], tf.float64), tf.constant([0.0], tf.float64)
    w2, b2 = tf.constant([[1000.0, -1000.0]], tf.float64), tf.constant([0.0, 0.0], tf.float64)
    # The logits are (1000, -1000), (1000, -1000), (1, -1): right, wrong and half wrong.
    p = 1 / (1 + np.exp(-2.0))
    expected = {
        "dw1": [[2000 * (1 + 0.001 * p) / 3]],
        "db1": [2000 * (1 + p) / 3],
        "dw2": [[(1 + 0.001 * p) / 3, -(1 + 0.001 * p) / 3]],
        "db2": [(1 + p) / 3, -(1 + p) / 3],
    }
    found = gradient_tape.head_gradients_by_hand(features, labels, w1, b1, w2, b2)
    for (name, theirs), ours in zip(expected.items(), found, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=0), (
            f"With logits of +-1000 {name} is {np.ravel(ours).tolist()}, not"
            f" {np.ravel(theirs).tolist()}. Compute the softmax so that no exp() overflows, and"
            " the gradient by the chain rule, not by differences."
        )


@pytest.mark.exercise("5.3")
def test_back_propagation_takes_float32():
    """float32 and int32, as the network is trained."""
    features, labels, weights = head_case()
    wide = gradient_tape.head_gradients_by_hand(*map(tf.constant, (features, labels, *weights)))
    narrow = [tf.constant(a, tf.float32) for a in (features, *weights)]
    found = gradient_tape.head_gradients_by_hand(
        narrow[0], tf.constant(labels, tf.int32), *narrow[1:]
    )
    for name, ours, theirs in zip(("dw1", "db1", "dw2", "db2"), found, wide, strict=True):
        error = np.abs(np.float64(ours) - theirs).max()
        assert error <= 1e-5, f"In float32 {name} is off by {error:.1e}."


@pytest.mark.exercise("5.3")
def test_back_propagation_keeps_the_dtype_of_the_features():
    """float32 in, float32 out."""
    features, labels, weights = head_case()
    features, *weights = (tf.constant(a, tf.float32) for a in (features, *weights))
    found = gradient_tape.head_gradients_by_hand(features, tf.constant(labels), *weights)
    for name, ours in zip(("dw1", "db1", "dw2", "db2"), found, strict=True):
        assert ours.dtype == tf.float32, f"From float32 {name} came out as {ours.dtype.name}."


@pytest.mark.exercise("5.3")
def test_back_propagation_uses_no_tape_under_another_name(monkeypatch):
    """Also not `from tensorflow import GradientTape`, nor TensorFlow 1's tf.gradients."""

    def refuse(*args, **kwargs):
        raise AssertionError("TensorFlow differentiated; here the chain rule is written by hand.")

    monkeypatch.setattr(tf.GradientTape, "__enter__", refuse)
    monkeypatch.setattr(tf.autodiff.ForwardAccumulator, "__enter__", refuse)
    monkeypatch.setattr(tf.compat.v1, "gradients", refuse)
    features, labels, weights = head_case()
    gradient_tape.head_gradients_by_hand(*map(tf.constant, (features, labels, *weights)))


# 5.4


@pytest.mark.exercise("5.4")
def test_loss_and_gradients_agree_with_differences():
    """In training mode, in the order of `model.trainable_variables`."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    expected_loss = model_loss(model, images, labels)()
    expected = model_differences(model, images, labels)
    loss, gradients = gradient_tape.loss_and_gradients(model, images, labels)
    assert abs(float(loss) - expected_loss) <= 1e-9, (
        f"The loss is {float(loss):.6f}; in training mode NumPy gets {expected_loss:.6f}."
    )
    shapes = [tuple(g.shape) for g in gradients]
    assert shapes == [tuple(v.shape) for v in model.trainable_variables], (
        f"The gradients' shapes are {shapes}: not those of model.trainable_variables, in order."
    )
    assert worst(gradients, expected) <= 1e-7, (
        f"A gradient is off by {worst(gradients, expected):.1e} against finite differences."
    )


@pytest.mark.exercise("5.4")
def test_the_model_runs_once_and_in_training_mode():
    """A second pass would move the batch-norm statistics twice."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    gradient_tape.loss_and_gradients(model, images, labels)
    assert model.calls == [("features", True), ("head", True)], (
        f"The model's parts ran as {list(model.calls)}; each was to run once, with training=True."
    )


@pytest.mark.exercise("5.4")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
def test_a_variable_without_a_gradient_is_named(compiled):
    """Dropping a None in silence leaves a layer that never trains."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    model.forgotten_layer = tf.Variable([1.0], dtype=tf.float64, name="forgotten_layer")
    function = gradient_tape.loss_and_gradients
    function = tf.function(function) if compiled else function
    with refused("a variable without a gradient", naming="forgotten_layer"):
        function(model, images, labels)


class Strict(SmallModel):
    """A small model that takes images of its own dtype only, as a convolution does."""

    def features(self, images, training):
        assert images.dtype == self.dtype, f"The model got {images.dtype.name} images."
        return super().features(images, training)


@pytest.mark.exercise("5.4")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_loss_and_gradients_in_a_graph_keep_the_dtype(dtype):
    """Compiled and eager agree, in float32 as well; what comes back are tensors."""
    images, labels = small_batches()[0]
    images = tf.cast(images, dtype)
    model, twin = Strict(dtype=dtype), Strict(dtype=dtype)
    eager = gradient_tape.loss_and_gradients(model, images, labels)
    graph = tf.function(lambda x, y: gradient_tape.loss_and_gradients(twin, x, y))(images, labels)
    for where, (loss, gradients) in (("eager", eager), ("in a graph", graph)):
        found = [loss, *gradients]
        assert all(tf.is_tensor(part) and part.dtype == dtype for part in found), (
            f"A {dtype.name} model, {where}, gave other things than {dtype.name} tensors."
        )
    error = worst([graph[0], *graph[1]], [part.numpy() for part in (eager[0], *eager[1])])
    assert error <= 1e-5, f"In a graph the loss or a gradient differs by {error:.1e}."
    mean = tf.reduce_mean(tf.reshape(images, (-1, 48)) @ model.base_kernel, axis=0)
    error = np.abs(model.moving_mean - 0.1 * mean).max()
    assert error <= 1e-6, "After one pass in training mode the moving mean is not where it belongs."


@pytest.mark.exercise("5.4")
def test_the_loss_and_its_gradients_are_finite_at_huge_logits():
    """A cell that is wrong and certain still pulls with its whole weight."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    model.w2.assign(1e5 * model.w2)
    expected_loss = model_loss(model, images, labels)()
    statistics = model.moving_mean.numpy()
    right = (model(images, training=True).numpy().argmax(1) == labels).numpy()
    model.moving_mean.assign(statistics)
    assert not right.all(), "The case shows nothing: all cells are classified rightly."
    loss, gradients = gradient_tape.loss_and_gradients(model, images, labels)
    assert abs(float(loss) - expected_loss) <= 1e-9 * expected_loss, (
        f"With logits in the thousands the loss is {float(loss):.4g}, not {expected_loss:.4g}."
    )
    place = [v is model.b2 for v in model.trainable_variables].index(True)
    signs = np.where(labels.numpy()[~right] == 1, -1, 1).sum() / len(labels)
    found = gradients[place].numpy()
    assert np.abs(found - [-signs, signs]).max() <= 1e-6, (
        f"With logits in the thousands the gradient of the last bias is {found.round(4).tolist()},"
        f" not {[-signs, signs]}: a clipped or overflowing probability has no slope."
    )


@pytest.mark.exercise("5.4")
def test_a_gradient_of_zero_is_no_missing_gradient():
    """Where every ReLU is off, the layers below get zeros: that is a value, not a None."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    model.b1.assign(-100 * tf.ones_like(model.b1))
    _, gradients = gradient_tape.loss_and_gradients(model, images, labels)
    assert len(gradients) == 5, f"{len(gradients)} gradients came back for 5 variables."


@pytest.mark.exercise("5.4")
def test_only_variables_without_a_gradient_are_named():
    """A list of all variables helps nobody."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    model.forgotten_layer = tf.Variable([1.0], dtype=tf.float64, name="forgotten_layer")
    with pytest.raises(ValueError, match="forgotten_layer") as caught:
        gradient_tape.loss_and_gradients(model, images, labels)
    assert model.w1.name not in str(caught.value), (
        f"The ValueError names {model.w1.name} too, which has a gradient."
    )


# 5.5


@pytest.mark.exercise("5.5")
def test_long_gradients_are_scaled_by_one_factor():
    """3, 4 and 12 have the global norm 13; cut to 6.5 each is halved."""
    gradients = [tf.constant([3.0, 4.0]), tf.constant([[12.0]])]
    found = [g.numpy().tolist() for g in gradient_tape.clip_gradients(gradients, 6.5)]
    assert np.allclose(np.concatenate([np.ravel(g) for g in found]), [1.5, 2, 6]), (
        f"[3, 4] and [[12]] (global norm 13) clipped to 6.5 came out as {found}; all should halve."
    )


@pytest.mark.exercise("5.5")
@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.999])
def test_short_gradients_stay_as_they_are(scale):
    """Below the bound, all-zero gradients included, nothing changes, and nothing turns NaN."""
    gradients = [scale * tf.constant([0.6, 0.8]), tf.zeros((2, 2))]
    found = gradient_tape.clip_gradients(gradients, 1.0)
    assert worst(found, [g.numpy() for g in gradients]) <= 1e-7, (
        f"Gradients of norm {scale} were changed, though the greatest norm is 1."
    )


@pytest.mark.exercise("5.5")
@pytest.mark.parametrize(("norm", "limit"), [(3.0, 4.0), (0.3, 0.2), (3.0, 2), (1e-3, 1e-4)])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_the_norm_is_held_against_the_bound(norm, limit, compiled, dtype):
    """Norms and bounds on both sides of 1, where a norm and its square differ in order."""
    clip = gradient_tape.clip_gradients
    clip = tf.function(clip, autograph=True) if compiled else clip
    gradients = [tf.constant([0.6, 0.0], dtype) * norm, tf.constant([[0.8]], dtype) * norm]
    given = list(gradients)
    found = clip(given, limit)
    kept = [id(part) for part in given] == [id(part) for part in gradients]
    assert kept, "The list that was given has changed; make a new one."
    assert len(found) == 2, f"2 gradients gave {len(found)}."
    for ours, theirs in zip(found, gradients, strict=True):
        assert ours.dtype == dtype, f"A {dtype.name} gradient came back as {ours.dtype.name}."
        expected = theirs.numpy() * min(1, limit / norm)
        assert np.allclose(ours, expected, rtol=1e-5, atol=0), (
            f"Of gradients with the norm {norm}, clipped to {limit}, one came back as"
            f" {np.ravel(ours).tolist()} instead of {np.ravel(expected).round(5).tolist()}. Hold"
            " the norm itself against the bound."
        )


@pytest.mark.exercise("5.5")
@pytest.mark.parametrize("max_norm", [1.0, 0.125])
def test_clipping_keeps_the_digits_of_float64(max_norm):
    """A norm or a factor in float32 would leave seven of them."""
    values = [np.array([0.1, 0.2]), np.array([[0.3]])]
    norm = np.sqrt(sum((v**2).sum() for v in values))
    found = gradient_tape.clip_gradients([tf.constant(v) for v in values], max_norm)
    error = worst(found, [v * min(1, max_norm / norm) for v in values])
    assert error <= 1e-13, (
        f"float64 gradients of norm {norm:.3f}, clipped to {max_norm}, are off by {error:.0e}: is"
        " something computed in float32?"
    )


# 5.6


def numpy_adam(values, gradients, rate, before_correction=False):
    """Adam in NumPy over many steps: yields the values after each step."""
    values = [value.copy() for value in values]
    m, v = ([np.zeros_like(value) for value in values] for _ in range(2))
    for t, step in enumerate(gradients, start=1):
        for i, g in enumerate(step):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            if before_correction:  # the paper's "efficient" order, as in Keras
                change = np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m[i] / (np.sqrt(v[i]) + 1e-7)
            else:
                change = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-7)
            values[i] = values[i] - rate(t) * change
        yield [value.copy() for value in values]


def adam_case(steps=20):
    """Two variables and gradients whose sizes differ by far, in float64."""
    rng = np.random.default_rng(1)
    start = [rng.normal(size=(3, 2)), rng.normal(size=2)]
    gradients = [
        [rng.normal(size=(3, 2)) * 10.0 ** rng.integers(-3, 3), rng.normal(size=2)]
        for _ in range(steps)
    ]
    return start, gradients


@pytest.mark.exercise("5.6")
def test_the_variables_stay_variables_and_the_slots_do_not_train():
    """`w = w - step` would leave the model's own variable where it was."""
    model = SmallModel()
    before, trainable = copies(model.trainable_variables), len(model.trainable_variables)
    optimizer = gradient_tape.Adam(model.trainable_variables)
    optimizer.apply([tf.ones_like(variable) for variable in model.trainable_variables])
    after = copies(model.trainable_variables)
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert all(moved), f"Which of the model's variables moved: {moved}; all of them should."
    assert len(model.trainable_variables) == trainable, (
        "The model has other trainable variables since the optimizer was made."
    )
    assert isinstance(optimizer.learning_rate, tf.Variable), "learning_rate is no tf.Variable."


@pytest.mark.exercise("5.6")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
def test_adam_walks_beside_numpy(compiled):
    """Side by side over 20 steps; epsilon before or after the correction is right, both are used.

    Halfway the learning rate is cut, by assigning to its variable: a compiled step must follow.
    """
    start, gradients = adam_case()
    variables = [tf.Variable(value) for value in start]
    optimizer = gradient_tape.Adam(variables, learning_rate=0.1)
    apply = tf.function(optimizer.apply) if compiled else optimizer.apply

    def rate(t):
        return 0.1 if t <= 10 else 0.01

    walks = zip(
        gradients,
        numpy_adam(start, gradients, rate),
        numpy_adam(start, gradients, rate, before_correction=True),
        strict=True,
    )
    for t, (step, after, before) in enumerate(walks, start=1):
        if t == 11:
            optimizer.learning_rate.assign(0.01)
        apply([tf.constant(g) for g in step])
        found = [variable.numpy() for variable in variables]
        error = min(worst(found, after), worst(found, before))
        # Rates of decay that were rounded to float32 are off by up to 3e-6, an epsilon inside the
        # root by 1e-2.
        assert error <= 1e-5, (
            f"Step {t} of Adam is off by {error:.1e}. At step 1 look at the bias correction and the"
            " place of epsilon, later at the slots, from step 11 on at the learning rate, which"
            " was changed there by learning_rate.assign."
        )


@pytest.mark.exercise("5.6")
def test_the_first_step_has_the_size_of_the_learning_rate():
    """Bias correction makes it so, be the gradient small or large."""
    variable = tf.Variable([1.0, 1.0], dtype=tf.float64)
    gradient = tf.constant([0.1, -5.0], tf.float64)
    # Kept in a name: a method that tf.function compiles does not keep its object alive.
    optimizer = gradient_tape.Adam([variable], learning_rate=0.01)
    optimizer.apply([gradient])
    steps = variable.numpy() - 1
    assert np.abs(steps - [-0.01, 0.01]).max() <= 2e-6, (
        f"The first steps for the gradients .1 and -5 are {steps.round(5).tolist()}, not -.01 and"
        " +.01: look at the bias correction and at the sign."
    )


def adam_by_numpy(start, gradients, rate, beta_1, beta_2, epsilon, before_correction):
    """The values after all steps."""
    values = [value.copy() for value in start]
    m, v = ([np.zeros_like(value) for value in values] for _ in range(2))
    for t, step in enumerate(gradients, start=1):
        for i, g in enumerate(step):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g * g
            root = np.sqrt(1 - beta_2**t)
            if before_correction:
                change = root / (1 - beta_1**t) * m[i] / (np.sqrt(v[i]) + epsilon)
            else:
                change = m[i] / (1 - beta_1**t) / (np.sqrt(v[i]) / root + epsilon)
            values[i] = values[i] - rate * change
    return values


@pytest.mark.exercise("5.6")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("betas", [(0.5, 0.9, 0.1), (0.8, 0.5, 1e-3)], ids=str)
def test_adam_follows_its_arguments(betas, dtype):
    """Other rates of decay, another epsilon, two variables of one shape, zeros among the slopes."""
    rng = np.random.default_rng(2)
    start = [rng.normal(size=(3,)) for _ in range(2)]
    gradients = [[rng.normal(size=3) * (rng.random(3) < 0.6) for _ in start] for _ in range(8)]
    variables = [tf.Variable(value, dtype=dtype) for value in start]
    beta_1, beta_2, epsilon = betas
    optimizer = gradient_tape.Adam(
        variables, learning_rate=0.1, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon
    )
    for step in gradients:
        optimizer.apply([tf.constant(g, dtype) for g in step])
    error = min(
        worst([v.numpy() for v in variables], adam_by_numpy(start, gradients, 0.1, *betas, before))
        for before in (False, True)
    )
    assert error <= 1e-4, (
        f"8 steps of Adam with beta_1 {beta_1}, beta_2 {beta_2}, epsilon {epsilon} in {dtype.name}"
        f" are off by {error:.1e}. Are the arguments used, and has each variable its own averages?"
    )


@pytest.mark.exercise("5.6")
def test_adam_has_the_defaults_of_the_contract():
    """A rate of .001 and an epsilon of 1e-7: a gradient as small as epsilon moves less."""
    variable = tf.Variable([0.0, 0.0, 0.0], dtype=tf.float64)
    gradient = [5.0, 1e-7, 0.0]
    optimizer = gradient_tape.Adam([variable])
    optimizer.apply([tf.constant(gradient, tf.float64)])
    found = -variable.numpy()
    right = [
        -adam_by_numpy([np.zeros(3)], [[np.array(gradient)]], 1e-3, 0.9, 0.999, 1e-7, before)[0]
        for before in (False, True)
    ]
    error = min(np.abs(found - expected).max() for expected in right)
    assert error <= 1e-6, (
        f"By default the first step for the gradients 5, 1e-7 and 0 is {found.tolist()}, not"
        f" {right[0].tolist()} (or, with epsilon before the correction, {right[1].tolist()}):"
        " learning_rate=1e-3, epsilon=1e-7."
    )


@pytest.mark.exercise("5.6")
def test_adam_refuses_another_number_of_gradients():
    """zip would leave the last variables where they are, in silence."""
    optimizer = gradient_tape.Adam([tf.Variable([1.0]), tf.Variable([2.0])])
    for count in (1, 3):
        with refused(f"{count} gradients for 2 variables"):
            optimizer.apply([tf.constant([1.0])] * count)


@pytest.mark.exercise("5.6")
def test_adam_is_a_module():
    """So that a checkpoint finds its memory."""
    variable = tf.Variable([1.0])
    optimizer = gradient_tape.Adam([variable])
    assert isinstance(optimizer, tf.Module), "Adam is no tf.Module."


# 5.7


@pytest.mark.exercise("5.7")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
def test_one_step_follows_the_clipped_gradient(compiled):
    """One step of plain descent against finite differences, clipped by hand."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    gradients = model_differences(model, images, labels)
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    limit = float(norm / 2)
    before = copies(model.trainable_variables)
    expected_loss = model_loss(model, images, labels)()
    optimizer = Momentum(model.trainable_variables, learning_rate=0.3, momentum=0.0)
    step = gradient_tape.train_step
    step = tf.function(step) if compiled else step
    loss = step(model, optimizer, images, labels, limit)
    assert abs(float(loss) - expected_loss) <= 1e-9, (
        f"The step returned {float(loss):.9g}; the loss before the step is {expected_loss:.9g}."
    )
    expected = [b - 0.3 * g / 2 for b, g in zip(before, gradients, strict=True)]
    error = worst(copies(model.trainable_variables), expected)
    assert error <= 1e-7, (
        f"After a step of plain descent at rate .3, clipped to half the norm, a variable is off by"
        f" {error:.1e}. Look at the clipping and at which model is differentiated."
    )


@pytest.mark.exercise("5.7")
def test_many_steps_learn():
    """Fifty steps on a batch that can be learnt: the loss halves."""
    model, (images, labels) = SmallModel(), small_batches(size=32)[0]
    optimizer = Momentum(model.trainable_variables, learning_rate=0.3)
    losses = [float(gradient_tape.train_step(model, optimizer, images, labels)) for _ in range(50)]
    assert losses[-1] <= losses[0] / 2, (
        f"Over 50 steps the loss went from {losses[0]:.3f} to {losses[-1]:.3f}; it should halve."
    )


@pytest.mark.exercise("5.7")
def test_train_step_runs_the_model_once():
    """A second pass would draw another dropout mask and move the statistics twice."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    mean = tf.reduce_mean(tf.reshape(images, (-1, 48)) @ model.base_kernel, axis=0).numpy()
    loss = gradient_tape.train_step(model, Momentum(model.trainable_variables), images, labels)
    assert model.calls == [("features", True), ("head", True)], (
        f"In one step the model's parts ran as {list(model.calls)}; each once, with training=True."
    )
    assert np.abs(model.moving_mean - 0.1 * mean).max() <= 1e-9, (
        "After one step the moving mean is not where one pass in training mode takes it."
    )
    assert tf.is_tensor(loss), f"The loss is a {type(loss).__name__}, not a tensor."


@pytest.mark.exercise("5.7")
@pytest.mark.parametrize(("arguments", "limit"), [((), 5.0), ((50.0,), 50.0)])
def test_train_step_clips_at_a_norm_of_5_unless_told_otherwise(arguments, limit):
    """With a learning rate of 1 and no momentum, the step is as long as the clipped gradient."""
    model = SmallModel()
    for variable in (model.w1, model.w2):
        variable.assign(100 * variable)  # for gradients with a norm far above 50
    optimizer = Momentum(model.trainable_variables, learning_rate=1.0, momentum=0.0)
    before = copies(model.trainable_variables)
    gradient_tape.train_step(model, optimizer, *small_batches()[0], *arguments)
    after = copies(model.trainable_variables)
    norm = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True)))
    assert abs(norm - limit) <= 1e-6, (
        f"A huge gradient was applied with a global norm of {norm:.4f}, not {limit}."
    )


@pytest.mark.exercise("5.7")
def test_train_step_leaves_short_gradients_alone():
    """Far below the bound a step of plain descent follows the gradient itself."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    gradients = model_differences(model, images, labels)
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    before = copies(model.trainable_variables)
    optimizer = Momentum(model.trainable_variables, learning_rate=0.3, momentum=0.0)
    gradient_tape.train_step(model, optimizer, images, labels, float(3 * norm))
    expected = [b - 0.3 * g for b, g in zip(before, gradients, strict=True)]
    error = worst(copies(model.trainable_variables), expected)
    assert error <= 1e-7, (
        f"With a bound of three times the gradient's norm a variable is off by {error:.1e}; short"
        " gradients are not stretched."
    )


@pytest.mark.exercise("5.7")
def test_the_step_is_the_optimizers():
    """Whatever its apply does: a step of one's own would make a descent of every optimizer."""

    class AddOne(Momentum):
        def apply(self, gradients):
            for variable in self.updated:
                variable.assign_add(tf.ones_like(variable))

    model = SmallModel()
    expected = [before + 1 for before in copies(model.trainable_variables)]
    gradient_tape.train_step(model, AddOne(model.trainable_variables), *small_batches()[0])
    error = worst(copies(model.trainable_variables), expected)
    assert error <= 1e-9, (
        f"With an optimizer whose apply adds 1 to every variable, one ended {error:.2g} away from"
        " that. Call its apply, once, and change no variable besides."
    )


@pytest.mark.exercise("5.7")
def test_train_step_takes_the_optimizer_and_the_bound_of_each_call():
    """One model, two optimizers and two bounds: a step compiled for the first would keep them."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    for rate, limit in ((0.1, 0.01), (0.2, 0.02)):
        optimizer = Momentum(model.trainable_variables, learning_rate=rate)
        before = copies(model.trainable_variables)
        gradient_tape.train_step(model, optimizer, images, labels, limit)
        after = copies(model.trainable_variables)
        length = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True)))
        assert abs(length - rate * limit) <= 1e-9, (
            f"A first step at rate {rate}, clipped to {limit}, moved the weights by {length:.5f},"
            f" not {rate * limit:.5f}."
        )


@pytest.mark.exercise("5.7")
def test_a_gradient_of_zero_is_a_step_too():
    """An optimizer with a memory moves on: leaving it out would change what it does later."""

    class Flat(SmallModel):
        def head(self, features, training):
            return 0 * super().head(features, training)

    model = Flat()
    optimizer = Momentum(model.trainable_variables, learning_rate=0.1, momentum=0.9)
    for velocity in optimizer.velocities:
        velocity.assign(tf.ones_like(velocity))
    expected = [before - 0.1 * 0.9 for before in copies(model.trainable_variables)]
    gradient_tape.train_step(model, optimizer, *small_batches()[0])
    error = worst(copies(model.trainable_variables), expected)
    assert error <= 1e-9, (
        f"At gradients of 0 the optimizer's memory should have moved every weight by -.09; one is"
        f" off by {error:.2g}."
    )


# 5.8


@pytest.mark.exercise("5.8")
def test_saliency_agrees_with_differences():
    """The pixels of one image, one by one; the channels may be reduced by max, sum or norm."""
    model, (images, _) = SmallModel(), small_batches()[0]
    model.moving_mean.assign(np.linspace(-0.3, 0.3, 6))  # so that training mode would differ
    images = images.numpy()[:2]
    slopes = np.zeros_like(images)
    for index in np.ndindex(images.shape):
        moved = images.copy()
        moved[index] += 1e-6
        above = model(moved).numpy()[index[0], 1]
        moved[index] -= 2e-6
        slopes[index] = (above - model(moved).numpy()[index[0], 1]) / 2e-6
    statistics = model.moving_mean.numpy()
    found = gradient_tape.saliency_map(model, tf.constant(images)).numpy()
    assert found.shape == (2, 4, 4), f"2 images of 4 x 4 gave the shape {found.shape}."
    assert found.min() >= 0, "A saliency is negative; take the absolute value."
    sizes, total = np.abs(slopes), np.abs(slopes.sum(-1))
    squares = (sizes**2).sum(-1)
    reductions = [sizes.max(-1), sizes.sum(-1), sizes.mean(-1), np.sqrt(squares), squares]
    reductions += [total, total / 3]
    error = min(np.abs(found - reduced).max() for reduced in reductions)
    assert error <= 1e-6, (
        "The map agrees with no reduction (greatest, sum, mean, norm) of the parasitized logit's"
        f" slopes over the channels: its first pixel is {found[0, 0, 0]:.6f}, the channels' slopes"
        f" there are {slopes[0, 0, 0].round(6).tolist()}. Look at which logit is differentiated,"
        " and that training is off."
    )
    assert np.array_equal(statistics, model.moving_mean.numpy()), (
        "Making the map changed the batch-norm statistics; call the model with training=False."
    )


@pytest.mark.exercise("5.8")
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("count", [1, 3])
def test_saliency_keeps_the_dtype_and_the_batch(dtype, count):
    """Each image's map is the same whatever stands beside it."""
    model, images = SmallModel(dtype=dtype), tf.cast(small_batches()[0][0][:3], dtype)
    found = gradient_tape.saliency_map(model, images[:count])
    assert found.dtype == dtype, f"{dtype.name} images gave a {found.dtype.name} map."
    assert found.shape == (count, 4, 4), f"{count} images gave the shape {found.shape}."
    alone = gradient_tape.saliency_map(model, images[:1])
    assert np.abs(found[0] - alone[0]).max() <= 1e-6, "A map depends on the other images."

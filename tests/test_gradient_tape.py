"""Grades lesson 5: gradients against finite differences and NumPy; the optimizer, step by step."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tests import oracles, properties, received
from tests.graded import gradient_tape
from tests.properties import Example
from tests.refusals import refused
from tests.small_models import Momentum, SmallModel, copies, small_batches


def largest_error(found, expected):
    """The largest difference between two lists of arrays; NaN if there is a NaN."""
    # Not Python's max(), which loses a NaN that does not come first.
    return np.max([np.abs(np.asarray(f) - e).max() for f, e in zip(found, expected, strict=True)])


def checked_gradients(found, variables, names, check):
    """A list with an array for each variable, in its shape and dtype.

    Args:
        found: What came back.
        variables: Tensors or variables.
        names: How to call each gradient in a sentence.
        check: `received.tensor`, or `received.array` where NumPy will do.
    """
    found = received.parts(found, names, "the gradients")
    parts = zip(found, variables, names, strict=True)
    return [check(g, f"the gradient {name}", v.shape, v.dtype) for g, v, name in parts]


def numbered(variables):
    """A name for the gradient of each of them, for a sentence."""
    return [f"of variable {k}" for k in range(len(variables))]


def worst(found, expected):
    """The two arrays that differ most of two lists, compared for a sentence."""
    place = np.argmax([received.distance(f, e) for f, e in zip(found, expected, strict=True)])
    return received.compared(found[place], expected[place])


# The exercises under test, each with a check of what kind of thing came back.


def gradient_at(function, point):
    """An array of the shape of the point."""
    found = gradient_tape.gradient_at(function, point)
    assert found is not None, (
        "The gradient is None: is the point watched, and the function called, inside the tape's"
        " block? Is a `return` missing?"
    )
    return received.tensor(found, "the gradient", point.shape, point.dtype)


def numerical_gradient(function, point, *epsilon):
    """An array of the shape of the point."""
    found = gradient_tape.numerical_gradient(function, point, *epsilon)
    return received.array(found, "the gradient", point.shape, point.dtype)


def head_gradients(features, labels, *weights):
    """A list of four gradients in the shapes of the weights."""
    found = gradient_tape.head_gradients_by_hand(features, labels, *weights)
    return checked_gradients(found, weights, ("dw1", "db1", "dw2", "db2"), received.array)


def loss_and_gradients(model, images, labels):
    """A scalar and a list of gradients in the shapes of the variables."""
    found = gradient_tape.loss_and_gradients(model, images, labels)
    loss, gradients = received.parts(found, ("the loss", "the list of gradients"))
    loss = received.tensor(loss, "the loss", shape=(), dtype=model.dtype)
    variables = model.trainable_variables
    return loss, checked_gradients(gradients, variables, numbered(variables), received.tensor)


def clip_gradients(gradients, max_norm):
    """A list of as many gradients as were given, in their shapes."""
    return checked_clipped(gradient_tape.clip_gradients(gradients, max_norm), gradients)


def checked_clipped(found, gradients):
    """The same, of what came back already."""
    return checked_gradients(found, gradients, numbered(gradients), received.tensor)


def adam(variables, **options):
    """An optimizer with a variable for its learning rate."""
    optimizer = gradient_tape.Adam(variables, **options)
    rate = optimizer.learning_rate
    assert isinstance(rate, tf.Variable), (
        f"Adam's learning_rate is {received.described(rate)}, not a tf.Variable."
    )
    return optimizer


def train_step(*arguments, step=None):
    """The loss, a scalar; the step may be compiled."""
    if step is None:
        found = gradient_tape.train_step(*arguments)
    else:
        found = received.call(step, "train_step in a graph", *arguments)
    return received.tensor(found, "the loss", shape=(), dtype="floats")


def saliency_map(model, images):
    """An array `(B, 4, 4)`."""
    found = gradient_tape.saliency_map(model, images)
    return received.tensor(found, "the map", images.shape[:3], images.dtype)


# What they are given, and what should come out.


def sum_of_cubes(x):
    """Its gradient is 3 x squared."""
    return tf.reduce_sum(x**3)


def head_case(batch=6, classes=2):
    """Features, labels, w1, b1, w2 and b2 in float64, with units on both sides of the ReLU."""
    rng = np.random.default_rng(3)
    features, labels = rng.normal(size=(batch, 4)), rng.integers(0, classes, batch)
    shapes = (4, 5), (5,), (5, classes), (classes,)
    return features, labels.astype(np.int32), *(rng.normal(size=shape) for shape in shapes)


def head_tensors(dtype=tf.float64, batch=6, classes=2):
    """The same as tensors, the labels int32 and the others of `dtype`."""
    features, labels, *weights = head_case(batch, classes)
    features, *weights = (tf.constant(array, dtype) for array in (features, *weights))
    return features, tf.constant(labels), *weights


def small_model_loss(images, labels, *values):
    """The loss of a small model in training mode, by NumPy, with these trainable variables."""
    return oracles.cross_entropy(oracles.small_model_logits(images, *values), labels)


def expected_gradients(model, images, labels):
    """The gradients of a small model's loss, by central differences of NumPy."""
    loss = partial(small_model_loss, images.numpy(), labels.numpy())
    return oracles.central_differences(loss, *copies(model.trainable_variables))


def gradient_of(variable, model, gradients):
    """The one among the gradients of a model that belongs to a variable."""
    pairs = zip(model.trainable_variables, gradients, strict=True)
    return next(gradient for other, gradient in pairs if other is variable)


def moving_mean_after_one_pass(model, images):
    """Where one pass in training mode takes the statistics of a new small model."""
    x = images.numpy().reshape(-1, 48) @ model.base_kernel.numpy()
    return 0.1 * x.mean(axis=0)


def whole(x, shape):
    """A point as a function is given it, once it is clear that it is all of it, in its shape."""
    x = tf.convert_to_tensor(x)
    assert x.shape.is_compatible_with(shape), (
        f"The function was given {received.described(x)}, but the point has the shape {shape}:"
        " call it with the whole point, unchanged."
    )
    return x


def adam_paths(start, gradients, rates, **options):
    """The two right paths: epsilon may be added after the bias correction, or before it."""
    return [
        oracles.adam(start, gradients, rates, **options, before_correction=before)
        for before in (False, True)
    ]


class PickyModel(SmallModel):
    """Takes images of its own dtype only, as a convolution does."""

    def features(self, images, training):
        assert images.dtype == self.dtype, (
            f"A {self.dtype.name} model was given {images.dtype.name} images."
        )
        return super().features(images, training)


class ForgetfulModel(SmallModel):
    """Has a layer that it never calls."""

    def __init__(self):
        super().__init__()
        self.w1 = tf.Variable(self.w1, name="hidden_layer")
        self.forgotten_layer = tf.Variable([1.0], dtype=tf.float64, name="forgotten_layer")


class FlatModel(SmallModel):
    """Says the same of every image, so that every gradient is 0."""

    def head(self, features, training):
        return 0 * super().head(features, training)


class Descent(Momentum):
    """Plain gradient descent, in any dtype."""

    def apply(self, gradients):
        for variable, gradient in zip(self.updated, gradients, strict=True):
            variable.assign_sub(tf.cast(self.learning_rate, gradient.dtype) * gradient)


class AddOne(Momentum):
    """An optimizer that adds 1 to every variable, whatever the gradients are."""

    def apply(self, gradients):
        for variable in self.updated:
            variable.assign_add(tf.ones_like(variable))


def model_and_optimizer(dtype):
    """A new small model, and plain descent over its variables."""
    model = SmallModel(dtype=dtype)
    return model, Descent(model.trainable_variables)


def moved_by_adam(start, gradient):
    """Where a variable is after one step of Adam."""
    variable = tf.Variable(start)
    # Kept in a name: a method that tf.function compiles does not keep its object alive.
    optimizer = adam([variable])
    optimizer.apply([gradient])
    return variable


@pytest.mark.exercise("5.1")
class TestGradientAt:
    """The gradient at a plain tensor, which the tape follows only if it is asked to."""

    def test_is_three_times_the_square_for_a_sum_of_cubes(self):
        """By hand. The tape watches variables by itself, but not a tensor."""
        point = tf.constant([[1.0, -2.0], [0.5, 3.0]])
        found = gradient_at(sum_of_cubes, point)
        expected = 3 * point.numpy() ** 2
        assert received.distance(found, expected) <= 1e-5, (
            f"At {received.digits(point)}, the gradient of the sum of x ** 3 came out as"
            f" {received.digits(found)}, not {received.digits(expected)}."
        )

    @pytest.mark.parametrize("shape", [(), (3,), (3, 1), (3, 3)], ids=str)
    def test_is_right_for_a_function_that_mixes_its_elements(self, shape):
        """The square of a weighted sum, negative slopes included: 2 (sum w x) w."""
        rng = np.random.default_rng(4)
        weights, values = rng.normal(size=shape), rng.normal(size=shape)

        def function(x):
            return tf.reduce_sum(weights * whole(x, shape)) ** 2

        found = gradient_at(function, tf.constant(values))
        expected = 2 * np.sum(weights * values) * weights
        assert received.distance(found, expected) <= 1e-9, (
            f"At a point of the shape {shape}, the gradient of (sum of w x) squared came out as"
            f" {received.compared(found, expected)}."
        )

    def test_is_that_at_the_point_of_each_call(self):
        """One function at two points: what was kept from the first call is wrong at the second."""
        for value in (1.0, -2.0):
            found = gradient_at(sum_of_cubes, tf.constant([value]))
            expected = 3 * value**2
            assert received.distance(found, expected) <= 1e-5, (
                f"At {value:.0f}, the derivative of x cubed came out as"
                f" {received.compared(found[0], expected)}."
            )


@pytest.mark.exercise("5.2")
class TestNumericalGradient:
    """Central differences, whose very error is known for a cube."""

    def test_moves_each_element_alone(self):
        """By hand: the gradient of x0 x1 x2 at (1, 2, 3) is (6, 3, 2)."""
        found = numerical_gradient(tf.reduce_prod, tf.constant([1.0, 2.0, 3.0], tf.float64))
        assert received.distance(found, [6, 3, 2]) <= 1e-6, (
            f"At (1, 2, 3), the gradient of the product came out as {received.digits(found)}, not"
            " [6, 3, 2]."
        )

    @pytest.mark.parametrize(
        ("power", "at", "expected"), [(2, 3.0, 6.0), (3, 2.0, 12.25)], ids=["square", "cube"]
    )
    def test_uses_the_epsilon_that_it_is_given(self, power, at, expected):
        """By hand: exact for x squared; for x cubed it is 3 x squared + epsilon squared."""
        found = numerical_gradient(lambda x: x**power, tf.constant(at, tf.float64), 0.5)
        assert received.distance(found, expected) <= 1e-9, (
            f"For x ** {power} at {at:.0f}, with epsilon = 0.5, (f(x + e) - f(x - e)) / 2e came out"
            f" as {received.compared(found, expected)}."
        )

    def test_uses_an_epsilon_of_a_thousandth_by_default(self):
        """By hand: for x cubed at 0 the central difference is epsilon squared."""
        found = numerical_gradient(lambda x: x**3, tf.constant(0.0, tf.float64))
        assert received.distance(found, 1e-6) <= 1e-9, (
            f"For x ** 3 at 0, with the default epsilon of 0.001, (f(x + e) - f(x - e)) / 2e came"
            f" out as {received.compared(found, 1e-6)}."
        )

    @pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=["scalar", "vector", "matrix"])
    def test_agrees_with_a_known_derivative(self, shape):
        """A sum of sines: central differences are right to epsilon squared, in every shape."""
        point = np.random.default_rng(0).normal(size=shape)

        def function(x):
            return tf.reduce_sum(tf.sin(2 * whole(x, shape)))

        found, expected = (
            numerical_gradient(function, tf.constant(point), 1e-4),
            2 * np.cos(2 * point),
        )
        error = received.distance(found, expected)
        assert error <= 1e-6, (
            f"At a point of the shape {shape}, the gradient of the sum of sin(2x) came out as"
            f" {received.compared(found, expected)}. With epsilon = 0.0001, one-sided differences"
            " are off by about epsilon, and central ones by about its square."
        )

    def test_gives_the_function_the_point_in_its_own_shape(self):
        """A trace asks for a matrix; that of x times x has the gradient 2 x transposed."""
        point = np.array([[0.2, 0.1], [0.7, -0.3]])

        def trace_of_square(x):
            x = whole(x, point.shape)
            return tf.linalg.trace(tf.matmul(x, x))

        found = numerical_gradient(trace_of_square, tf.constant(point))
        assert received.distance(found, 2 * point.T) <= 1e-6, (
            f"At {received.digits(point)}, the gradient of trace(x @ x) came out as"
            f" {received.digits(found)}, not as twice the transpose of x,"
            f" {received.digits(2 * point.T)}."
        )


@pytest.mark.exercise("5.3")
class TestHeadGradientsByHand:
    """The chain rule through dense, ReLU, dense and cross-entropy, written out."""

    @pytest.mark.parametrize(
        ("dtype", "tolerance"),
        [(tf.float64, 1e-7), (tf.float32, 1e-5)],
        ids=["float64", "float32"],
    )
    @pytest.mark.parametrize("batch", [1, 6])
    def test_agrees_with_differences(self, batch, dtype, tolerance):
        """Each of the four gradients against central differences of a NumPy loss in float64."""
        features, labels, *weights = head_case(batch)

        def loss(*moved):
            return oracles.cross_entropy(oracles.head_logits(features, *moved), labels)

        expected = oracles.central_differences(loss, *weights)
        found = head_gradients(*head_tensors(dtype, batch))
        names = ("dw1", "db1", "dw2", "db2")
        pairs = dict(zip(names, zip(found, expected, strict=True), strict=True))
        off = [name for name, (f, e) in pairs.items() if not received.distance(f, e) <= tolerance]
        back = "; those of the output layer are right" if {*off} == {"dw1", "db1"} else ""
        assert not off, (
            f"For a batch of {batch} in {dtype.name}, {off[0]} came out as"
            f" {received.compared(*pairs[off[0]])}. Wrong: {received.enumerated(off)}{back}."
        )

    def test_takes_any_number_of_classes(self):
        """Three, against central differences as well."""
        features, labels, *weights = head_case(classes=3)
        found = head_gradients(*head_tensors(classes=3))

        def loss(*moved):
            return oracles.cross_entropy(oracles.head_logits(features, *moved), labels)

        expected = oracles.central_differences(loss, *weights)
        pairs = zip(("dw1", "db1", "dw2", "db2"), found, expected, strict=True)
        for name, ours, theirs in pairs:
            assert received.distance(ours, theirs) <= 1e-7, (
                f"With 3 classes, {name} came out as {received.compared(ours, theirs)}."
            )

    def test_stays_exact_at_large_logits(self):
        """Logits of +-1000, by hand: exp(1000) overflows, the gradient does not."""
        features, labels = tf.constant([[1.0], [1.0], [0.001]], tf.float64), tf.constant([0, 1, 1])
        w1, b1 = tf.constant([[1.0]], tf.float64), tf.constant([0.0], tf.float64)
        w2, b2 = tf.constant([[1000.0, -1000.0]], tf.float64), tf.constant([0.0, 0.0], tf.float64)
        # The logits are (1000, -1000), (1000, -1000), (1, -1): right, wrong and half wrong.
        p = 1 / (1 + np.exp(-2.0))  # of class 0 in the third cell
        expected = {
            "dw1": [[2000 * (1 + 0.001 * p) / 3]],
            "db1": [2000 * (1 + p) / 3],
            "dw2": [[(1 + 0.001 * p) / 3, -(1 + 0.001 * p) / 3]],
            "db2": [(1 + p) / 3, -(1 + p) / 3],
        }
        found = head_gradients(features, labels, w1, b1, w2, b2)
        for (name, theirs), ours in zip(expected.items(), found, strict=True):
            assert not np.isnan(ours).any(), (
                f"With logits of +-1000, {name} is NaN: exp(1000) is infinite, and exp(-1000) is 0."
            )
            assert np.allclose(ours, theirs, rtol=1e-12, atol=0), (
                f"With logits of +-1000, {name} came out as {received.compared(ours, theirs)}."
            )

    def test_uses_no_tape(self, monkeypatch):
        """The chain rule is the point of the exercise, whatever name TensorFlow hides it under."""

        def refuse(*args, **kwargs):
            raise AssertionError(
                "TensorFlow computed the gradients; in this exercise the chain rule is written out."
            )

        for tape in (tf.GradientTape, tf.autodiff.ForwardAccumulator):
            monkeypatch.setattr(tape, "__init__", refuse)
            monkeypatch.setattr(tape, "__enter__", refuse)
        monkeypatch.setattr(tf, "gradients", refuse)
        monkeypatch.setattr(tf.compat.v1, "gradients", refuse)
        head_gradients(*head_tensors())


@pytest.mark.exercise("5.4")
class TestLossAndGradients:
    """The loss in training mode, with a gradient for every variable."""

    def test_run_the_model_once_and_in_training_mode(self):
        """A second pass would move the batch-norm statistics twice."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        mean = moving_mean_after_one_pass(model, images)
        loss_and_gradients(model, images, labels)
        assert model.calls == [("features", True), ("head", True)], (
            f"The model's parts ran as {list(model.calls)}; each should run once, with"
            " training=True."
        )
        assert received.distance(model.moving_mean, mean) <= 1e-9, (
            f"The moving mean came out as {received.compared(model.moving_mean, mean)}: one pass in"
            " training mode should update it."
        )

    def test_agree_with_differences(self):
        """The loss against NumPy, its gradients against central differences of NumPy."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        loss, gradients = loss_and_gradients(model, images, labels)
        expected = small_model_loss(images, labels, *copies(model.trainable_variables))
        assert received.distance(loss, expected) <= 1e-9, (
            f"Over {len(labels)} images, the loss in training mode came out as"
            f" {received.compared(loss, expected)}."
        )
        differences = expected_gradients(model, images, labels)
        for name, ours, theirs in zip(numbered(gradients), gradients, differences, strict=True):
            assert received.distance(ours, theirs) <= 1e-7, (
                f"The gradient {name} came out as {received.compared(ours, theirs)}, by finite"
                " differences."
            )

    def test_are_right_at_huge_logits(self):
        """A cell that is wrong and certain still pulls with its whole weight."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        labels = tf.zeros_like(labels)  # so that all wrong guesses pull one way
        model.w2.assign(1e5 * model.w2)
        logits = oracles.small_model_logits(images, *copies(model.trainable_variables))
        guesses, truth = np.eye(2)[logits.argmax(axis=1)], np.eye(2)[labels.numpy()]
        assert not np.array_equal(guesses, truth), "The case shows nothing: every guess is right."
        loss, gradients = loss_and_gradients(model, images, labels)
        expected_loss = oracles.cross_entropy(logits, labels)
        assert received.distance(loss, expected_loss) <= 1e-9 * expected_loss, (
            "With logits in the thousands, the loss came out as"
            f" {received.compared(loss, expected_loss)}."
        )
        # At the logits the gradient is (probabilities - truth) / B, and each guess is certain.
        expected = (guesses - truth).mean(axis=0)
        found = gradient_of(model.b2, model, gradients)
        assert received.distance(found, expected) <= 1e-6, (
            f"With logits in the thousands, the gradient of the last bias came out as"
            f" {received.digits(found)}, not {received.digits(expected)}: a confident wrong"
            " prediction must contribute its full gradient."
        )

    @pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
    def test_name_the_variable_without_a_gradient(self, compiled):
        """Dropping a None in silence leaves a layer that never trains; naming all helps nobody."""
        model, (images, labels) = ForgetfulModel(), small_batches()[0]

        def function(images, labels):
            gradient_tape.loss_and_gradients(model, images, labels)

        function = tf.function(function) if compiled else function
        what = "a variable without a gradient"
        with refused(what, naming="forgotten_layer", but_not="hidden_layer"):
            function(images, labels)

    def test_may_be_zero(self):
        """Where every ReLU is off, the layers below get zeros: that is a value, not a None."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        model.b1.assign(-100 * tf.ones_like(model.b1))
        _, gradients = loss_and_gradients(model, images, labels)
        slopes = gradient_of(model.base_kernel, model, gradients)
        assert not slopes.any(), (
            "Below a layer in which every ReLU gives 0, the gradient came out as"
            f" {received.compared(slopes, np.zeros_like(slopes))}."
        )


@pytest.mark.exercise("5.5")
class TestClipGradients:
    """One norm over all gradients and one factor, so that they keep their direction."""

    def test_scales_long_gradients_by_one_factor(self):
        """By hand: 3, 4 and 12 have the global norm 13; clipped to 6.5 each is halved."""
        found = clip_gradients([tf.constant([3.0, 4.0]), tf.constant([[12.0]])], 6.5)
        assert largest_error(found, [[1.5, 2], [[6]]]) <= 1e-5, (
            "Clipped to 6.5, [3, 4] and [[12]], whose global norm is 13, came out as"
            f" {received.enumerated(map(received.digits, found))}; all should be halved."
        )

    @pytest.mark.parametrize("scale", [0.0, 1e-3, 0.999])
    def test_leaves_short_gradients_as_they_are(self, scale):
        """Below the bound, all-zero gradients included, nothing changes, and nothing turns NaN."""
        gradients = [scale * tf.constant([0.6, 0.8]), tf.zeros((2, 2))]
        found = clip_gradients(gradients, 1.0)
        for ours, theirs in zip(found, gradients, strict=True):
            assert received.distance(ours, theirs) <= 1e-7, (
                f"Clipped to 1, one of the gradients with the norm {scale} was changed: it came"
                f" back as {received.compared(ours, theirs)}."
            )

    @pytest.mark.parametrize(("norm", "limit"), [(3.0, 4.0), (0.3, 0.2), (3.0, 2), (1e-3, 1e-4)])
    @pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
    def test_holds_the_norm_against_the_bound(self, norm, limit, compiled):
        """Norms and bounds on both sides of 1, where a norm and its square differ in order."""
        values = [np.array([0.6, 0.0]) * norm, np.array([[0.8]]) * norm]
        gradients = [tf.constant(value) for value in values]
        found = clip_gradients(list(gradients), limit)
        if compiled:
            graph = tf.function(lambda *parts: gradient_tape.clip_gradients(list(parts), limit))
            found = checked_clipped(graph(*gradients), gradients)
        for ours, theirs in zip(found, oracles.clip_by_global_norm(values, limit), strict=True):
            assert np.allclose(ours, theirs, rtol=1e-5, atol=0), (
                f"One of the gradients with the norm {norm}, clipped to {limit}, came back as"
                f" {received.compared(ours, theirs)}."
            )

    @pytest.mark.parametrize("max_norm", [1.0, 0.125])
    def test_keeps_the_digits_of_float64(self, max_norm):
        """A norm or a factor in float32 would leave seven of them."""
        values = [np.array([0.1, 0.2]), np.array([[0.3]])]
        found = clip_gradients([tf.constant(value) for value in values], max_norm)
        for ours, theirs in zip(found, oracles.clip_by_global_norm(values, max_norm), strict=True):
            error = received.distance(ours, theirs)
            rounded = "; float32 keeps only seven digits" if error < 1e-7 else ""
            assert error <= 1e-13, (
                f"One of the float64 gradients with the norm {oracles.global_norm(values):.4f},"
                f" clipped to {max_norm}, came back as {received.compared(ours, theirs)}{rounded}."
            )


@pytest.mark.exercise("5.6")
class TestAdam:
    """The optimizer beside its algorithm in NumPy, step by step."""

    def test_is_a_module_with_a_variable_for_its_learning_rate(self):
        """So that a checkpoint finds its memory, and a compiled step follows a schedule."""
        variable = tf.Variable([1.0])
        assert isinstance(adam([variable]), tf.Module), "Adam is not a tf.Module."

    def test_moves_the_models_own_variables(self):
        """`w = w - step` makes a tensor, and leaves the model's variable where it was."""
        model = SmallModel()
        before = copies(model.trainable_variables)
        optimizer = adam(model.trainable_variables)
        optimizer.apply([tf.ones_like(variable) for variable in model.trainable_variables])
        after = copies(model.trainable_variables)
        moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        assert all(moved), (
            f"Whether each of the model's variables changed: {moved}; all of them should."
        )

    def test_moves_by_the_learning_rate_in_the_first_step(self):
        """By hand: bias correction makes it so, whether the gradient is small or large."""
        variable = tf.Variable([1.0, 1.0], dtype=tf.float64)
        gradient = tf.constant([0.1, -5.0], tf.float64)
        # Kept in a name: a method that tf.function compiles does not keep its object alive.
        optimizer = adam([variable], learning_rate=0.01)
        optimizer.apply([gradient])
        steps = variable.numpy() - 1
        assert received.distance(steps, [-0.01, 0.01]) <= 2e-6, (
            "At a learning rate of 0.01, the first steps for the gradients 0.1 and -5 came out as"
            f" {received.digits(steps)}, not [-0.01, 0.01]."
        )

    @pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
    def test_walks_beside_numpy(self, compiled):
        """Over 20 steps; epsilon before or after the correction is right, both are in use.

        Halfway the learning rate is cut, by assigning to its variable: a compiled step must follow.
        """
        rng = np.random.default_rng(1)
        start = [rng.normal(size=(3, 2)), rng.normal(size=2)]
        gradients = [  # whose sizes differ by far
            [rng.normal(size=(3, 2)) * 10.0 ** rng.integers(-3, 3), rng.normal(size=2)]
            for _ in range(20)
        ]
        rates = [0.1] * 10 + [0.01] * 10
        variables = [tf.Variable(value) for value in start]
        optimizer = adam(variables, learning_rate=0.1)

        def apply(gradients):
            optimizer.apply(gradients)  # whatever it returns: a step has no use for it

        step = tf.function(apply) if compiled else apply
        after, before = adam_paths(start, gradients, rates)
        for k in range(20):
            if k == 10:
                optimizer.learning_rate.assign(0.01)
            given = [tf.constant(gradient) for gradient in gradients[k]]
            received.call(step, "Adam.apply in a graph" if compiled else "Adam.apply", given)
            found = copies(variables)
            error = min(largest_error(found, after[k]), largest_error(found, before[k]))
            # Rates of decay that were rounded to float32 are off by up to 3e-6, an epsilon inside
            # the root by 1e-2.
            assert error <= 1e-5, (
                f"After step {k + 1} of Adam, a variable is {worst(found, after[k])}."
                f"{' Up to the step before, all variables were right.' if k else ''}"
                f"{' Then learning_rate.assign(0.01) was called.' if k == 10 else ''}"
            )

    @pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=["float32", "float64"])
    @pytest.mark.parametrize(
        "options",
        [
            {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1},
            {"beta_1": 0.8, "beta_2": 0.5, "epsilon": 1e-3},
        ],
        ids=lambda options: "-".join(map(str, options.values())),
    )
    def test_follows_its_arguments(self, options, dtype):
        """Other rates of decay, another epsilon, two variables of one shape, some slopes of 0."""
        rng = np.random.default_rng(2)
        start = [rng.normal(size=3) for _ in range(2)]
        gradients = [[rng.normal(size=3) * (rng.random(3) < 0.6) for _ in start] for _ in range(8)]
        variables = [tf.Variable(value, dtype=dtype) for value in start]
        optimizer = adam(variables, learning_rate=0.1, **options)
        for step in gradients:
            optimizer.apply([tf.constant(gradient, dtype) for gradient in step])
        paths = adam_paths(start, gradients, [0.1] * 8, **options)
        found = copies(variables)
        error = min(largest_error(found, path[-1]) for path in paths)
        assert error <= 1e-4, (
            f"After 8 steps of Adam with {', '.join(f'{k} {v}' for k, v in options.items())} in"
            f" {dtype.name}, a variable is {worst(found, paths[0][-1])}."
        )

    def test_has_the_defaults_of_the_contract(self):
        """A rate of 0.001 and an epsilon of 1e-7: a gradient as small as epsilon moves less."""
        variable = tf.Variable([0.0, 0.0, 0.0], dtype=tf.float64)
        gradient = [5.0, 1e-7, 0.0]
        optimizer = adam([variable])
        optimizer.apply([tf.constant(gradient, tf.float64)])
        found = variable.numpy()
        paths = adam_paths([np.zeros(3)], [[np.array(gradient)]], [1e-3], epsilon=1e-7)
        after, before = (path[0][0] for path in paths)
        error = min(received.distance(found, after), received.distance(found, before))
        assert error <= 1e-6, (
            "With the defaults, the first steps for the gradients 5, 1e-7 and 0 came out as"
            f" {received.digits(found)}, not {received.digits(after)} (or, with epsilon added"
            f" before the bias correction, {received.digits(before)}). The defaults are"
            " learning_rate=1e-3 and epsilon=1e-7."
        )

    def test_refuses_another_number_of_gradients(self):
        """zip would leave the last variables where they are, in silence."""
        optimizer = adam([tf.Variable([1.0]), tf.Variable([2.0])])
        for count, what in ((1, "1 gradient"), (3, "3 gradients")):
            with refused(f"{what} for 2 variables"):
                optimizer.apply([tf.constant([1.0])] * count)


@pytest.mark.exercise("5.7")
class TestTrainStep:
    """Loss, gradients, clipping and the optimizer, each once and in this order."""

    def test_runs_the_model_once(self):
        """A second pass would draw another dropout mask and move the statistics twice."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        mean = moving_mean_after_one_pass(model, images)
        optimizer = Momentum(model.trainable_variables)
        train_step(model, optimizer, images, labels)
        assert model.calls == [("features", True), ("head", True)], (
            f"In one step, the model's parts ran as {list(model.calls)}; each should run once, with"
            " training=True."
        )
        assert received.distance(model.moving_mean, mean) <= 1e-9, (
            f"After one step, the moving mean is {received.compared(model.moving_mean, mean)}: one"
            " pass in training mode should update it."
        )

    @pytest.mark.parametrize(("arguments", "limit"), [((), 5.0), ((50.0,), 50.0)])
    def test_clips_at_a_norm_of_5_unless_told_otherwise(self, arguments, limit):
        """By hand: at a learning rate of 1 the step is as long as the clipped gradient."""
        model = SmallModel()
        for variable in (model.w1, model.w2):
            variable.assign(100 * variable)  # for gradients with a norm far above 50
        before = copies(model.trainable_variables)
        optimizer = Descent(model.trainable_variables, learning_rate=1.0)
        train_step(model, optimizer, *small_batches()[0], *arguments)
        after = copies(model.trainable_variables)
        norm = oracles.global_norm(a - b for a, b in zip(after, before, strict=True))
        assert abs(norm - limit) <= 1e-6, (
            f"A huge gradient was applied with a global norm of {received.compared(norm, limit)}."
        )

    @pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
    @pytest.mark.parametrize("bound", [0.5, 3.0], ids=["long gradients", "short gradients"])
    def test_follows_the_clipped_gradient(self, bound, compiled):
        """One step of plain descent against finite differences, clipped by NumPy.

        Clipped to half their norm the gradients are halved; at three times their norm they stay.
        """
        model, (images, labels) = SmallModel(), small_batches()[0]
        before = copies(model.trainable_variables)
        gradients = expected_gradients(model, images, labels)
        limit = bound * oracles.global_norm(gradients)
        optimizer = Descent(model.trainable_variables, learning_rate=0.3)
        # Within a function of its own: a default argument of the learner's may be anything.
        graph = tf.function(lambda *arguments: gradient_tape.train_step(*arguments))
        step = graph if compiled else None
        loss = train_step(model, optimizer, images, labels, limit, step=step)
        expected_loss = small_model_loss(images, labels, *before)
        assert received.distance(loss, expected_loss) <= 1e-9, (
            f"The loss before the step came out as {received.compared(loss, expected_loss)}."
        )
        steps = oracles.clip_by_global_norm(gradients, limit)
        expected = [b - 0.3 * s for b, s in zip(before, steps, strict=True)]
        found = copies(model.trainable_variables)
        assert largest_error(found, expected) <= 1e-7, (
            f"After a step of plain gradient descent at rate 0.3, clipped to {bound} times the norm"
            f" of the gradients, a variable is {worst(found, expected)}. Long gradients must be"
            " scaled down; short ones must not be scaled up."
        )

    def test_learns_in_many_steps(self):
        """Fifty steps on a batch that can be learnt: the loss halves."""
        model, (images, labels) = SmallModel(), small_batches(size=32)[0]
        optimizer = Momentum(model.trainable_variables, learning_rate=0.3)
        losses = [train_step(model, optimizer, images, labels) for _ in range(50)]
        first, last = map(received.digits, (losses[0], losses[-1]))
        assert losses[-1] <= losses[0] / 2, (
            f"Over 50 steps, the loss went from {first} to {last}; it should be halved."
        )

    def test_leaves_the_step_to_the_optimizer(self):
        """Whatever its apply does: a step of one's own would make a descent of every optimizer."""
        model = SmallModel()
        expected = [before + 1 for before in copies(model.trainable_variables)]
        optimizer = AddOne(model.trainable_variables)
        train_step(model, optimizer, *small_batches()[0])
        found = copies(model.trainable_variables)
        assert largest_error(found, expected) <= 1e-9, (
            "After a step with an optimizer whose `apply` adds 1 to every variable, one is"
            f" {worst(found, expected)}. Call `apply` once, and do not change any variable"
            " yourself."
        )

    def test_takes_the_optimizer_and_the_bound_of_each_call(self):
        """One model, two optimizers and two bounds: a step compiled for the first keeps them."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        for rate, limit in ((0.1, 0.01), (0.2, 0.02)):
            optimizer = Momentum(model.trainable_variables, learning_rate=rate)
            before = copies(model.trainable_variables)
            train_step(model, optimizer, images, labels, limit)
            after = copies(model.trainable_variables)
            length = oracles.global_norm(a - b for a, b in zip(after, before, strict=True))
            assert abs(length - rate * limit) <= 1e-9, (
                f"A first step at rate {rate}, clipped to {limit}, changed the weights by"
                f" {received.compared(length, rate * limit)}."
            )

    def test_makes_a_step_at_gradients_of_zero_too(self):
        """An optimizer with a memory moves on: leaving it out would change what it does later."""
        model = FlatModel()
        optimizer = Momentum(model.trainable_variables, learning_rate=0.1, momentum=0.9)
        for velocity in optimizer.velocities:
            velocity.assign(tf.ones_like(velocity))
        expected = [before - 0.1 * 0.9 for before in copies(model.trainable_variables)]
        train_step(model, optimizer, *small_batches()[0])
        found = copies(model.trainable_variables)
        assert largest_error(found, expected) <= 1e-9, (
            "At gradients of 0, the optimizer's momentum should have changed every weight by -0.09;"
            f" one is {worst(found, expected)}."
        )


@pytest.mark.exercise("5.8")
class TestSaliencyMap:
    """How strongly each pixel moves the parasitized logit, outside training mode."""

    @pytest.mark.parametrize("count", [1, 3])
    def test_has_a_map_for_each_image_on_its_own(self, count):
        """Each image's map is the same whatever stands beside it."""
        model, images = SmallModel(), small_batches()[0][0]
        found, alone = saliency_map(model, images[:count]), saliency_map(model, images[:1])
        assert received.distance(found[0], alone[0]) <= 1e-6, (
            f"The map of an image must not depend on the other images, but in a batch with"
            f" {count - 1} others it came out as {received.compared(found[0], alone[0])}."
        )

    def test_agrees_with_differences(self):
        """The pixels one by one; the channels may be reduced by maximum, sum, mean or norm."""
        model, images = SmallModel(), small_batches()[0][0][:2]
        model.moving_mean.assign(np.linspace(-0.3, 0.3, 6))  # so that training mode would differ
        statistics = model.moving_mean.numpy()
        found = saliency_map(model, images)
        assert not found.min() < 0, (
            f"A saliency is negative, {received.digits(found.min())}: it is an absolute value,"
            " without a sign."
        )
        assert np.array_equal(model.moving_mean.numpy(), statistics), (
            "Making the map changed the batch-norm statistics: call the model with training=False."
        )

        def parasitized_logits(x):
            return model(x, training=False).numpy()[:, 1].sum()  # each depends on its own image

        slopes = oracles.central_differences(parasitized_logits, images.numpy())[0]
        maps = oracles.saliency_maps(slopes)
        error = min(received.distance(found, expected) for expected in maps.values())
        assert error <= 1e-6, (
            f"For two images, the first pixel of the first map is"
            f" {received.digits(found[0, 0, 0])}; the derivatives of the parasitized logit with"
            " respect to its three channels are"
            f" {received.digits(slopes[0, 0, 0])}. The map is not one of these over the channels:"
            f" {', '.join(maps)}."
        )


# The properties that all exercises have in common; tests/properties.py has the tests.
test_properties = properties.tests_of(
    Example(
        "5.1",
        lambda point: gradient_at(sum_of_cubes, point),
        inputs=lambda dtype: (tf.constant([[1.0, -2.0], [0.5, 3.0]], dtype),),
        dtype=True,
    ),
    Example(
        "5.2",
        lambda point: numerical_gradient(sum_of_cubes, point),
        inputs=lambda dtype: (tf.constant([[1.0, -2.0], [0.5, 3.0]], dtype),),
        dtype=True,
    ),
    Example(
        "5.3",
        head_gradients,
        inputs=head_tensors,
        dtype=True,
    ),
    Example(
        "5.4",
        lambda model, *batch: gradient_tape.loss_and_gradients(model, *batch),
        inputs=lambda dtype: (PickyModel(dtype=dtype), *small_batches(dtype=dtype)[0]),
        dtype=True,
        batched=(1, 2),
    ),
    Example(
        "5.5",
        lambda gradients: clip_gradients(gradients, 1.0),
        inputs=lambda dtype: ([tf.constant([3.0, 4.0], dtype), tf.constant([[12.0]], dtype)],),
        dtype=True,
    ),
    Example(
        "5.6",
        moved_by_adam,
        inputs=lambda dtype: (tf.constant([1.0, 1.0], dtype), tf.constant([0.1, -5.0], dtype)),
        dtype=True,
    ),
    Example(
        "5.7",
        lambda model, optimizer, *batch: gradient_tape.train_step(model, optimizer, *batch),
        inputs=lambda dtype: (*model_and_optimizer(dtype), *small_batches(dtype=dtype)[0]),
        dtype=True,
        batched=(2, 3),
    ),
    Example(
        "5.8",
        saliency_map,
        inputs=lambda dtype: (SmallModel(dtype=dtype), small_batches(dtype=dtype)[0][0]),
        dtype=True,
    ),
)

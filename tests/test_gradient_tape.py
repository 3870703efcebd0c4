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
    return max(np.abs(np.asarray(f) - e).max() for f, e in zip(found, expected, strict=True))


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


# 5.2


@pytest.mark.exercise("5.2")
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=["scalar", "vector", "matrix"])
def test_differences_of_a_product_of_sines(shape):
    """A smooth function whose derivative is known; central differences are right to epsilon**2."""
    point = tf.constant(RNG.normal(size=shape))
    found = gradient_tape.numerical_gradient(lambda x: tf.reduce_sum(tf.sin(2 * x)), point, 1e-4)
    assert found.shape == shape, f"A point of shape {shape} gave the shape {found.shape}."
    error = np.abs(found.numpy() - 2 * np.cos(2 * point.numpy())).max()
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
    assert np.abs(found.numpy() - [6, 3, 2]).max() <= 1e-6, (
        f"The gradient of the product at (1, 2, 3) came out as {found.numpy().round(3).tolist()}."
    )


# 5.3


def head_case(batch=6):
    """Features, labels and weights in float64, with units on both sides of the ReLU."""
    rng = np.random.default_rng(3)
    features, labels = rng.normal(size=(batch, 4)), rng.integers(0, 2, batch)
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
    model.forgotten = tf.Variable([1.0], dtype=tf.float64, name="forgotten_layer")
    function = gradient_tape.loss_and_gradients
    function = tf.function(function) if compiled else function
    with refused("a variable without a gradient", naming="forgotten_layer"):
        function(model, images, labels)


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
    gradient_tape.Adam([variable], learning_rate=0.01).apply([gradient])
    steps = variable.numpy() - 1
    assert np.abs(steps - [-0.01, 0.01]).max() <= 2e-6, (
        f"The first steps for the gradients .1 and -5 are {steps.round(5).tolist()}, not -.01 and"
        " +.01: look at the bias correction and at the sign."
    )


# 5.7


@pytest.mark.exercise("5.7")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
def test_one_step_follows_the_clipped_gradient(compiled):
    """One step of plain descent against finite differences, clipped by hand."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    gradients = model_differences(model, images, labels)
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    limit = norm / 2
    before = copies(model.trainable_variables)
    expected_loss = model_loss(model, images, labels)()
    optimizer = Momentum(model.trainable_variables, learning_rate=0.3, momentum=0.0)
    step = gradient_tape.train_step
    step = tf.function(step) if compiled else step
    loss = step(model, optimizer, images, labels, limit)
    assert abs(float(loss) - expected_loss) <= 1e-9, (
        f"The step returned {float(loss):.6f}; the loss before the step is {expected_loss:.6f}."
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
    sizes = np.abs(slopes)
    reductions = [sizes.max(-1), sizes.sum(-1), sizes.mean(-1), np.sqrt((sizes**2).sum(-1))]
    error = min(np.abs(found - reduced).max() for reduced in reductions)
    assert error <= 1e-6, (
        "The map agrees with no reduction (max, sum, mean, norm) of the parasitized logit's slopes"
        f" over the channels: its first pixel is {found[0, 0, 0]:.6f}, the channels' slopes there"
        f" are {slopes[0, 0, 0].round(6).tolist()}. Look at which logit is differentiated, and that"
        " training is off."
    )
    assert np.array_equal(statistics, model.moving_mean.numpy()), (
        "Making the map changed the batch-norm statistics; call the model with training=False."
    )

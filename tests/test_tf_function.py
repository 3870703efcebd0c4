"""Grades lesson 4: what is traced, how often, and what a graph keeps or follows."""

import numpy as np
import pytest
import tensorflow as tf

from tests.graded import tf_function
from tests.refusals import refused
from tests.small_models import SmallModel


def images_of(batch, size=4, seed=1, dtype=tf.float64):
    """Random images `(B, S, S, 3)` in [0, 1]; no two pixels alike, so no symmetry is hidden."""
    return tf.random.stateless_uniform((batch, size, size, 3), (seed, batch), dtype=dtype)


# 4.1


@pytest.mark.exercise("4.1")
@pytest.mark.parametrize(
    ("calls", "expected", "why"),
    [
        ([np.float32(1), np.float32(2)], 1, "tensors of one shape share a trace"),
        ([1, 2, 3, 2], 3, "each new Python number is a new trace"),
        ([np.zeros(3), np.zeros(4), np.zeros(3)], 2, "each new shape is a new trace"),
        ([np.zeros(n) for n in range(1, 6)], 5, "each new shape is a new trace"),
        ([], 0, "without a call nothing is traced"),
    ],
)
def test_traces_are_counted(calls, expected, why):
    """Hand-counted: the rules of tracing, one by one."""
    calls = [(x if isinstance(x, int) else tf.constant(x),) for x in calls]
    traces = tf_function.count_traces(lambda x: x + x, calls)
    assert traces == expected, f"count_traces returned {traces}, but {why}: {expected} in all."


@pytest.mark.exercise("4.1")
def test_every_count_starts_afresh():
    """Counting twice gives the same number: the second count does not reuse the first's traces."""

    def double(x):
        return 2 * x

    first, second = (tf_function.count_traces(double, [(1,), (2,)]) for _ in range(2))
    assert first == second == 2, (
        f"Counting the same calls twice gave {first} and then {second}; compile anew each time."
    )


@pytest.mark.exercise("4.1")
def test_several_arguments_are_passed_on():
    """A tuple of two is two arguments."""
    seen = []
    tf_function.count_traces(lambda x, y: seen.append((x, y)), [(1, 2), (3, 4)])
    assert seen == [(1, 2), (3, 4)], f"The function was called with {seen}; unpack each tuple."


# 4.2


@pytest.mark.exercise("4.2")
def test_the_classifier_returns_the_probability_of_class_1():
    """Softmax over the classes, then the column of the parasitized, in NumPy."""
    model, images = SmallModel(), images_of(5)
    logits = model(images).numpy()
    expected = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    found = tf_function.compile_classifier(model, 4)(images).numpy()
    assert found.shape == (5,), f"5 images gave the shape {found.shape}, not (5,)."
    assert np.abs(found - expected).max() <= 1e-9, (
        f"The first probability is {found[0]:.4f}, but softmax of the logits gives"
        f" {expected[0]:.4f} for class 1. Look at the axis and at the column."
    )


@pytest.mark.exercise("4.2")
def test_the_classifier_is_traced_once_for_all_batch_sizes():
    """The last batch of a data set is short; it must not cost a second trace."""
    model = SmallModel()
    classify = tf_function.compile_classifier(model, 4)
    for batch in (1, 7, 64, 7):
        classify(images_of(batch))
    traces = len([name for name, _ in model.calls if name == "features"])
    assert traces <= 1, (
        f"The model's Python code ran {traces} times for batches of 1, 7, 64 and 7 images;"
        " leave the batch size open in the signature."
    )
    assert traces == 1, "The model never ran; does the classifier call it?"


@pytest.mark.exercise("4.2")
def test_the_classifier_follows_the_weights_outside_training_mode():
    """Weights are variables: a change after the first call shows. Prediction is no training."""
    model, images = SmallModel(), images_of(3)
    classify = tf_function.compile_classifier(model, 4)
    before = classify(images).numpy()
    statistics = model.moving_mean.numpy()
    model.b2.assign([-3.0, 3.0])
    after = classify(images).numpy()
    assert np.all(after > before), (
        "After b2 was moved towards class 1 the probabilities did not rise; the weights seem to be"
        " frozen into the graph."
    )
    assert np.array_equal(statistics, model.moving_mean.numpy()), (
        "Classifying changed the batch-norm statistics; call the model with training=False."
    )


# 4.3


@pytest.mark.exercise("4.3")
def test_the_mean_of_nothing_is_zero():
    """Before the first update and after a reset there is nothing to divide."""
    mean = tf_function.RunningMean()
    assert float(mean.result()) == 0, f"The mean of no values is {float(mean.result())}, not 0."
    mean.update([2.0, 4.0])
    mean.reset()
    assert float(mean.result()) == 0, f"After reset the mean is {float(mean.result())}, not 0."
    mean.update(tf.constant([4.0, 6.0]))
    found = float(mean.result())
    assert abs(found - 5) <= 1e-6, f"After a reset the mean of 4 and 6 is {found:.3f}, not 5."


@pytest.mark.exercise("4.3")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
def test_every_value_counts_once(compiled):
    """Batches of 3, 3 and 1: the mean is over 7 values, not over 3 batch means."""
    mean = tf_function.RunningMean()
    update = tf.function(mean.update, reduce_retracing=True) if compiled else mean.update
    for values in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [28.0]):
        update(tf.constant(values))
    found = float(mean.result())
    assert abs(found - 7) <= 1e-6, (
        f"Over 1, 2, 3 | 4, 5, 6 | 28 the mean is {found:.4f}, not 7: a short batch must weigh as"
        " much as its values."
    )


@pytest.mark.exercise("4.3")
def test_the_state_is_a_variable():
    """A Python number in a graph is read once, at tracing, and never again."""
    mean = tf_function.RunningMean()
    result = tf.function(lambda: mean.result())
    first = float(result())
    mean.update(tf.constant([6.0]))
    found = float(result())
    assert (first, found) == (0, 6), (
        f"A compiled result() returned {first} and, after update([6.]), {found}; keep the state in"
        " tf.Variable, created in __init__."
    )


# 4.4


def view_by_hand(images, k):
    """View k in NumPy: quarter turns, of the mirror image from view 4 on."""
    images = images.numpy()
    mirrored = images[:, :, ::-1] if k >= 4 else images
    return np.rot90(mirrored, k % 4, axes=(1, 2))


def corner(images):
    """A classifier that no two views agree on: a weighted sum over the pixels."""
    weights = tf.reshape(tf.range(images.shape[1] * images.shape[2] * 3), (1, *images.shape[1:]))
    return tf.reduce_sum(images * tf.cast(weights, images.dtype) ** 2, axis=(1, 2, 3)) / 1e4


@pytest.mark.exercise("4.4")
@pytest.mark.parametrize("views", range(1, 9))
def test_the_first_views_are_averaged(views):
    """Each number of views against NumPy's own turns and mirrors."""
    images = images_of(3)
    hand = [corner(tf.constant(view_by_hand(images, k).copy())).numpy() for k in range(views)]
    expected = np.mean(hand, axis=0)
    found = tf_function.average_over_views(corner, images, views).numpy()
    assert found.shape == (3,), f"3 images gave the shape {found.shape}, not (3,)."
    assert np.abs(found - expected).max() <= 1e-9, (
        f"With views={views} the first image gives {found[0]:.6f}, but NumPy's views average to"
        f" {expected[0]:.6f}. View k turns k times; view 4 + k mirrors first, then turns."
    )


@pytest.mark.exercise("4.4")
def test_a_tensor_of_views_is_traced_once_and_so_is_the_classifier():
    """One graph for every number of views, with one copy of the network in it, not eight."""
    traced = []

    def classify(images):
        traced.append(images.shape)
        return corner(images)

    compiled = tf.function(lambda x, v: tf_function.average_over_views(classify, x, v))
    images = images_of(3)
    for views in (1, 4, 8):
        found = compiled(images, tf.constant(views)).numpy()
        hand = [corner(tf.constant(view_by_hand(images, k).copy())).numpy() for k in range(views)]
        assert np.abs(found - np.mean(hand, axis=0)).max() <= 1e-9, (
            f"Inside a tf.function, views={views} as a tensor gives another result than NumPy."
        )
    traces = compiled.experimental_get_tracing_count()
    assert traces == 1, f"views = 1, 4, 8 as tensors cost {traces} traces, not 1."
    assert len(traced) <= 1, (
        f"The classifier was traced {len(traced)} times; let the graph loop, not Python."
    )


@pytest.mark.exercise("4.4")
@pytest.mark.parametrize("views", [0, 9])
def test_an_impossible_number_of_views_is_refused(views):
    """A square has 8 symmetries."""
    with refused(f"views = {views}"):
        tf_function.average_over_views(corner, images_of(1), views)


# 4.5


@pytest.mark.exercise("4.5")
def test_the_draws_differ_call_by_call():
    """The frozen-NumPy trap: a draw made in Python is a constant of the graph."""
    augment, images = tf_function.make_augmenter(3), images_of(4, size=8, dtype=tf.float32)
    results = [augment(images).numpy() for _ in range(6)]
    different = len({result.tobytes() for result in results})
    assert different == 6, (
        f"Six calls on one batch gave {different} different result(s). What is drawn in Python is"
        " drawn once, when the function is traced."
    )


@pytest.mark.exercise("4.5")
def test_a_second_augmenter_with_the_seed_repeats_the_first():
    """And one with another seed does not."""
    images = images_of(4, size=8, dtype=tf.float32)

    def draws(seed):
        augment = tf_function.make_augmenter(seed)
        return np.stack([augment(images).numpy() for _ in range(3)])

    assert np.array_equal(draws(5), draws(5)), "Two augmenters with seed 5 differ."
    assert not np.array_equal(draws(5), draws(6)), "Seeds 5 and 6 give the same draws."


@pytest.mark.exercise("4.5")
def test_images_keep_their_place_range_and_form():
    """Dark images stay dark, bright ones bright: whoever moves rows moves labels."""
    levels = np.linspace(0.1, 0.8, 16, dtype=np.float32)
    images = np.ones((16, 8, 8, 3), np.float32) * levels[:, None, None, None]
    found = tf_function.make_augmenter(0)(tf.constant(images))
    assert found.dtype == tf.float32, f"float32 images came back as {found.dtype.name}."
    assert found.shape == images.shape, f"{images.shape} came back as {found.shape}."
    found = found.numpy()
    assert 0 <= found.min() <= found.max() <= 1, (
        f"Values reach from {found.min():.2f} to {found.max():.2f}; images lie in [0, 1]."
    )
    ratio = found.mean(axis=(1, 2, 3)) / levels
    assert np.all(np.abs(ratio - 1) <= 0.15), (
        "Images of a single grey level came back at another place of the batch, or with another"
        " brightness than a stain jitter of .1 explains."
    )


@pytest.mark.exercise("4.5")
def test_the_augmenter_is_compiled_once_for_a_shape():
    """`tf.function` around the draws, not around each call."""
    augment, images = tf_function.make_augmenter(0), images_of(4, size=8, dtype=tf.float32)
    for _ in range(3):
        augment(images)
    function = augment.__call__ if isinstance(augment, tf.Module) else augment
    count = getattr(function, "experimental_get_tracing_count", None)
    assert count is not None, (
        "What make_augmenter returned cannot tell how often it was traced. Return the tf.function"
        " itself, not a plain function around it."
    )
    assert count() == 1, f"Three calls with one shape were traced {count()} times."


# 4.6


def dataset_of(sizes):
    """A dataset of batches of the given sizes; every label is its example's number."""
    labels = np.arange(sum(sizes), dtype=np.int32)
    images = labels.astype(np.float64)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    return dataset.batch(sizes[0])


@pytest.mark.exercise("4.6")
def test_the_epoch_loss_is_the_mean_over_examples():
    """Batches of 4, 4 and 1 with the losses 0..8: the mean is 4; the mean of the means is 5."""
    epoch = tf_function.compile_epoch(lambda images, labels: tf.reduce_mean(images))
    found = float(epoch(dataset_of([4, 4, 1])))
    assert abs(found - 4) <= 1e-6, (
        f"Over 9 examples with the losses 0 to 8, in batches of 4, 4 and 1, the epoch's loss is"
        f" {found:.4f}, not 4. Weigh each batch by its examples."
    )
    again = float(epoch(dataset_of([4, 4])))
    assert abs(again - 3.5) <= 1e-6, (
        f"A second epoch with the losses 0 to 7 returned {again:.4f}, not 3.5: it starts from 0."
    )


@pytest.mark.exercise("4.6")
def test_the_loop_is_in_the_graph_and_traced_once_over_the_epochs():
    """The step's Python code runs while tracing only, and every batch's effect still happens."""
    python_runs, steps = [], tf.Variable(0)

    def step(images, labels):
        python_runs.append(1)
        steps.assign_add(1)
        return tf.reduce_mean(images)

    epoch = tf_function.compile_epoch(step)
    dataset = dataset_of([4, 4, 4, 2])
    epoch(dataset)
    runs_of_the_first = len(python_runs)
    for _ in range(3):
        epoch(dataset)
    assert steps.numpy() == 16, f"4 epochs of 4 batches made {steps.numpy()} steps, not 16."
    assert runs_of_the_first <= 2, (
        f"The step's Python code ran {runs_of_the_first} times in the first epoch: the loop is"
        " unrolled, or runs in Python. Loop over the dataset inside the tf.function."
    )
    assert len(python_runs) == runs_of_the_first, "A later epoch was traced again."

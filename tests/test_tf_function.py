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


@pytest.mark.exercise("4.1")
@pytest.mark.parametrize(
    ("calls", "expected", "why"),
    [
        ([np.float32(1), np.int32(1), np.float64(1)], 3, "each new dtype is a new trace"),
        ([1.5, 2.5, 1.5], 2, "each new Python number is a new trace, a float as well"),
    ],
)
def test_traces_of_dtypes_and_floats_are_counted(calls, expected, why):
    """Tensors of one shape but another dtype; Python floats."""
    calls = [(x if type(x) is float else tf.constant(x),) for x in calls]
    listed = list(calls)
    traces = tf_function.count_traces(lambda x: x + x, calls)
    assert traces == expected, f"count_traces returned {traces}, but {why}: {expected} in all."
    assert isinstance(traces, int), f"count_traces returned a {type(traces).__name__}, not an int."
    assert len(calls) == len(listed), "The list of calls was used up."


@pytest.mark.exercise("4.1")
def test_a_function_that_asks_a_tensor_is_traced():
    """An if on a tensor needs AutoGraph, as in every tf.function."""

    def absolute(x):
        if x > 0:
            return x
        return -x

    traces = tf_function.count_traces(absolute, [(tf.constant(2.0),), (tf.constant(-2.0),)])
    assert traces == 1, f"A function with an if on a tensor was traced {traces} times, not once."


@pytest.mark.exercise("4.1")
def test_a_second_count_starts_afresh():
    """What an earlier count has traced is no part of it."""

    def double(x):
        return 2 * x

    calls = [[(1,), (2,), (3,)], [(3,)], [(4,), (5,)]]
    counts = [tf_function.count_traces(double, some) for some in calls]
    assert counts == [3, 1, 2], (
        f"Three counts of one function, over 3, 1 and 2 Python numbers, gave {counts}: compile it"
        " afresh in each."
    )


# 4.2


@pytest.mark.exercise("4.2")
def test_the_classifier_returns_the_probability_of_class_1():
    """Softmax over the classes, then the column of the parasitized, in NumPy."""
    model, images = SmallModel(dtype=tf.float32), images_of(5, dtype=tf.float32)
    logits = model(images).numpy()
    expected = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    found = tf_function.compile_classifier(model, 4)(images).numpy()
    assert found.shape == (5,), f"5 images gave the shape {found.shape}, not (5,)."
    assert np.abs(found - expected).max() <= 1e-6, (
        f"The first probability is {found[0]:.9g}, but softmax of the logits gives"
        f" {expected[0]:.9g} for class 1. Look at the axis and at the column."
    )


@pytest.mark.exercise("4.2")
def test_the_classifier_is_traced_once_for_all_batch_sizes():
    """The last batch of a data set is short; it must not cost a second trace."""
    model = SmallModel(dtype=tf.float32)
    classify = tf_function.compile_classifier(model, 4)
    for batch in (1, 7, 64, 7):
        classify(images_of(batch, dtype=tf.float32))
    traces = len([name for name, _ in model.calls if name == "features"])
    assert traces <= 1, (
        f"The model's Python code ran {traces} times for batches of 1, 7, 64 and 7 images;"
        " leave the batch size open in the signature."
    )
    assert traces == 1, "The model itself never ran; does the classifier call it, or a copy?"


@pytest.mark.exercise("4.2")
def test_the_classifier_follows_the_weights_outside_training_mode():
    """Weights are variables: a change after the first call shows. Prediction is no training."""
    model, images = SmallModel(dtype=tf.float32), images_of(3, dtype=tf.float32)
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


class Plain(tf.Module):
    """A float32 model without a dtype attribute: logits from the mean brightness."""

    base_variables = batch_norm_statistics = ()

    def __init__(self, scale):
        super().__init__()
        self.scale = tf.Variable(scale)
        self.shift = tf.Variable(0.0)

    def features(self, images, training):
        mean = tf.reduce_mean(images, axis=(1, 2, 3)) - 0.5
        return tf.stack([-mean, mean], axis=1)

    def head(self, features, training):
        return features * self.scale + self.shift

    def __call__(self, images, training=False):
        return self.head(self.features(images, training), training)

    @property
    def head_variables(self):
        return [self.scale, self.shift]


@pytest.mark.exercise("4.2")
def test_the_classifier_takes_the_dtype_of_the_weights():
    """float32 like CNN, without a dtype attribute; and one image alone."""
    classify = tf_function.compile_classifier(Plain(2.0), 6)
    found = np.asarray(classify(tf.ones((1, 6, 6, 3))))
    assert found.shape == (1,), f"One image gave the shape {found.shape}, not (1,)."
    expected = 1 / (1 + np.exp(-2.0))
    assert abs(found[0] - expected) <= 1e-5, f"It gave {found[0]:.4f}, not {expected:.4f}."


@pytest.mark.exercise("4.2")
def test_the_classifier_is_finite_at_extreme_logits():
    """exp(1000) is infinite: a softmax written naively is NaN."""
    found = np.asarray(tf_function.compile_classifier(Plain(2000.0), 4)(tf.ones((1, 4, 4, 3))))
    assert np.abs(found - 1).max() <= 1e-6, f"Logits of -1000 and 1000 gave P = {found[0]}, not 1."
    model = Plain(2000.0)
    found = np.asarray(tf_function.compile_classifier(model, 4)(tf.zeros((1, 4, 4, 3))))
    assert np.abs(found).max() <= 1e-6, f"Logits of 1000 and -1000 gave P = {found[0]}, not 0."


@pytest.mark.exercise("4.2")
def test_the_classifier_follows_every_weight():
    """Each variable is changed in turn, the moving statistics too."""
    model, images = SmallModel(dtype=tf.float32), images_of(3, dtype=tf.float32)
    classify = tf_function.compile_classifier(model, 4)
    classify(images)
    for variable in model.variables:
        draws = tf.random.stateless_normal(variable.shape, (1, 2), dtype=variable.dtype)
        variable.assign_add(0.3 * draws)
        expected = tf.nn.softmax(model(images))[:, 1].numpy()
        error = np.abs(classify(images).numpy() - expected).max()
        assert error <= 1e-6, (
            f"After a variable of shape {variable.shape} changed, the probabilities are off by up"
            f" to {error:.2g}: something of the model is frozen into the graph."
        )


# 4.3


@pytest.mark.exercise("4.3")
def test_the_mean_of_nothing_is_zero():
    """Before the first update and after a reset there is nothing to divide."""
    mean = tf_function.RunningMean()
    assert float(mean.result()) == 0, f"The mean of no values is {float(mean.result())}, not 0."
    mean.update(tf.constant([2.0, 4.0]))
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


@pytest.mark.exercise("4.3")
@pytest.mark.parametrize(
    ("values", "mean"),
    [
        (tf.constant, 4.0),
        (lambda x: tf.constant([[x, x, 0.0], [x + 4, x, x]]), 4.0),
        (lambda x: tf.constant([-x, 0.0, -x, 0.0]), -2.0),
    ],
    ids=["a scalar", "a table", "zeros and negatives"],
)
def test_values_of_any_shape_count(values, mean):
    """A scalar is one value, a table of 2 rows and 3 columns six; a 0 is a value as well."""
    running = tf_function.RunningMean()
    running.update(values(4.0))
    found = float(running.result())
    assert abs(found - mean) <= 1e-9, (
        f"update({values(4.0).numpy().tolist()}): {found}, not {mean}."
    )
    running.update(tf.zeros((0,)))
    found = float(running.result())
    assert abs(found - mean) <= 1e-9, f"After an empty batch the mean is {found}, not {mean}."


@pytest.mark.exercise("4.3")
def test_the_running_mean_is_a_module():
    """So that its state is saved with what holds it."""
    assert isinstance(tf_function.RunningMean(), tf.Module), "RunningMean is no tf.Module."


@pytest.mark.exercise("4.3")
def test_the_state_is_kept_until_reset_and_its_graphs_see_the_reset():
    """Compiled before a reset, called after it: the same variables, set to 0."""
    mean = tf_function.RunningMean()
    update, reset = tf.function(mean.update), tf.function(mean.reset)
    for k, forget in enumerate((mean.reset, reset)):
        update(tf.constant([2.0, 4.0]))
        first, again = float(mean.result()), float(mean.result())
        assert first == again == 3, f"Asked twice, the mean of 2 and 4 was {first} and {again}."
        forget()
        update(tf.constant([10.0, 20.0]))
        found = float(mean.result())
        assert found == 15, (
            f"After reset(){' in a graph' * k} and an update compiled before it, the mean of 10"
            f" and 20 is {found}, not 15: set the variables to 0 with assign."
        )
        forget()


@pytest.mark.exercise("4.3")
def test_a_value_that_is_no_number_is_not_hidden():
    """A loss of NaN that is shown as 0 looks like success."""
    mean = tf_function.RunningMean()
    mean.update(tf.constant([1.0, float("nan")]))
    found = float(mean.result())
    assert np.isnan(found), f"The mean of 1 and NaN came back as {found}; only of nothing is it 0."


@pytest.mark.exercise("4.3")
def test_two_means_do_not_share_their_state():
    """Training and validation are averaged side by side."""
    first, second = tf_function.RunningMean(), tf_function.RunningMean()
    first.update(tf.constant([2.0, 4.0]))
    second.update(tf.constant([30.0]))
    found = float(first.result()), float(second.result())
    assert found == (3, 30), f"One saw 2 and 4, another one 30, but they returned {found}."


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
        f"With views={views} the first image gives {found[0]:.9g}, but NumPy's views average to"
        f" {expected[0]:.9g}. View k turns k times; view 4 + k mirrors first, then turns."
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
@pytest.mark.parametrize("views", [0, 9, -1])
def test_an_impossible_number_of_views_is_refused(views):
    """A square has 8 symmetries."""
    with refused(f"views = {views}"):
        tf_function.average_over_views(corner, images_of(1), views)


@pytest.mark.exercise("4.4")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_has_the_dtype_of_the_images(dtype):
    """float32 as those of CNN, float64 as in the lessons."""
    images = images_of(2, dtype=tf.as_dtype(dtype))
    found = tf_function.average_over_views(corner, images, 6)
    assert found.dtype.name == dtype, f"Of {dtype} images the mean is {found.dtype.name}."
    hand = [corner(tf.constant(view_by_hand(images, k).copy())).numpy() for k in range(6)]
    error = np.abs(found - np.mean(hand, axis=0)).max()
    assert error <= 1e-4, f"In {dtype} it differs from NumPy's views by up to {error:.2g}."


@pytest.mark.exercise("4.4")
def test_views_work_with_an_open_batch():
    """Exported, the classifier takes any number of images."""
    spec = tf.TensorSpec((None, 4, 4, 3), tf.float64)
    compiled = tf.function(
        lambda x: tf_function.average_over_views(corner, x, tf.constant(5)),
        input_signature=[spec],
    )
    for batch in (3, 1):
        images = images_of(batch)
        hand = [corner(tf.constant(view_by_hand(images, k).copy())).numpy() for k in range(5)]
        found = compiled(images).numpy()
        assert found.shape == (batch,), f"{batch} images of an open batch gave {found.shape}."
        assert np.abs(found - np.mean(hand, axis=0)).max() <= 1e-9, (
            "In a graph with an open batch and views=5 the mean is another."
        )


@pytest.mark.exercise("4.4")
def test_the_answers_are_averaged_and_not_the_views():
    """For a classifier that is not linear, here a square, the two differ."""
    images = images_of(3)

    def squared(images):
        return corner(images) ** 2

    hand = [squared(tf.constant(view_by_hand(images, k).copy())).numpy() for k in range(4)]
    found = np.asarray(tf_function.average_over_views(squared, images, 4))
    error = np.abs(found - np.mean(hand, axis=0)).max()
    assert error <= 1e-9, (
        f"For a classifier that is not linear the mean is off by {error:.2g}: classify each view,"
        " then average the answers."
    )


# 4.5


@pytest.mark.exercise("4.5")
def test_the_draws_differ_call_by_call():
    """The frozen-NumPy trap: a draw made in Python is a constant of the graph."""
    augment, images = tf_function.make_augmenter(3), images_of(32, size=8, dtype=tf.float32)
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
    # Moved by one place, the darkest would differ by .47; a stain may be stronger than by default.
    assert np.all(np.abs(ratio - 1) <= 0.35), (
        "Images of a single grey level came back at another place of the batch, or with another"
        " brightness than a jitter of the stain explains."
    )


@pytest.mark.exercise("4.5")
def test_the_augmenter_is_compiled_once_for_a_shape(monkeypatch):
    """`tf.function` around the work, not around each call; counted are the graphs that are made."""
    augment, images = tf_function.make_augmenter(0), images_of(4, size=8, dtype=tf.float32)
    graphs, make_graph = [], tf.Graph.__init__

    def counted(self, *arguments, **options):
        graphs.append(1)
        make_graph(self, *arguments, **options)

    monkeypatch.setattr(tf.Graph, "__init__", counted)
    augment(images)
    assert graphs, "A call made no graph: the augmentation is not compiled."
    graphs.clear()
    for _ in range(2):
        augment(images)
    assert not graphs, f"Two more calls with one shape made {len(graphs)} more graphs."


@pytest.mark.exercise("4.5")
def test_colours_stay_what_they_are_and_white_stays_in_range():
    """Stains differ in hue: red for blue would turn one into the other."""
    colours = np.linspace((0.9, 0.5, 0.2), (0.2, 0.5, 0.9), 16, dtype=np.float32)
    images = np.ones((16, 8, 8, 3), np.float32) * colours[:, None, None]
    augment = tf_function.make_augmenter(2)
    for _ in range(3):
        ratio = augment(tf.constant(images)).numpy().mean(axis=(1, 2)) / colours
        assert np.abs(ratio - 1).max() <= 0.35, (
            "Images of one colour came back in another than a jitter of the stain explains: were"
            " the channels exchanged?"
        )
    white = augment(tf.ones((16, 8, 8, 3))).numpy()
    assert white.max() <= 1, f"White images reach {white.max():.3f}; clip to [0, 1]."
    black = augment(tf.zeros((16, 8, 8, 3))).numpy()
    assert black.min() >= 0, f"Black images reach down to {black.min():.3f}; clip to [0, 1]."


@pytest.mark.exercise("4.5")
def test_the_augmenter_takes_any_float_dtype_and_an_open_batch():
    """float64 stays float64; the last batch is shorter."""
    augment = tf_function.make_augmenter(1)
    found = augment(images_of(3, size=8))
    assert found.dtype == tf.float64, f"float64 images came back as {found.dtype.name}."
    spec = tf.TensorSpec((None, 8, 8, 3), tf.float32)
    compiled = tf.function(lambda x: augment(x), input_signature=[spec])
    for batch in (3, 2):
        found = compiled(images_of(batch, size=8, dtype=tf.float32))
        assert found.shape == (batch, 8, 8, 3), f"{batch} images became {found.shape} in a graph."


@pytest.mark.exercise("4.5")
def test_the_draws_depend_on_nothing_but_the_seed():
    """Not on another augmenter that is made or used in between."""
    images = images_of(4, size=8, dtype=tf.float32)
    alone = tf_function.make_augmenter(5)
    expected = [alone(images).numpy() for _ in range(3)]
    before = tf.random.get_global_generator()
    again = tf_function.make_augmenter(5)
    other = tf_function.make_augmenter(6)
    found = []
    for _ in range(3):
        found.append(again(images).numpy())
        other(images)
    assert np.array_equal(expected, found), (
        "With another augmenter beside it, seed 5 drew differently: keep the state of the draws in"
        " a generator or a variable of its own."
    )
    assert tf.random.get_global_generator() is before, "The global generator was replaced."


@pytest.mark.exercise("4.5")
def test_the_augmenter_changes_each_image_by_itself_and_keeps_what_it_shows():
    """32 copies of one image: several symmetries, or several stains, and nothing else."""
    image = images_of(1, size=6, dtype=tf.float32) * 0.5 + 0.2  # far from 0 and 1
    copies = tf_function.make_augmenter(4)(tf.repeat(image, 32, axis=0)).numpy()
    views = [view_by_hand(image, k)[0].ravel() for k in range(8)]
    likeness = np.array([[np.corrcoef(c.ravel(), v)[0, 1] for v in views] for c in copies])
    assert likeness.max(axis=1).min() >= 0.8, (
        "An image came back that is like none of its 8 symmetries: a parasite may be lost."
    )
    kinds = len(set(likeness.argmax(axis=1).tolist()))
    stains = len(np.unique(copies.mean(axis=(1, 2)).round(5), axis=0))
    assert max(kinds, stains) >= 2, (
        "32 copies of one image came back in one symmetry and one stain: draw for each image."
    )


def calls_of(augment, images, count):
    """What some calls made of the same images, arrays `(B, S, S, 3)`."""
    return [np.asarray(augment(images)) for _ in range(count)]


@pytest.mark.exercise("4.5")
def test_symmetries_and_stains_are_both_drawn_anew():
    """Whichever of the two it varies: one of them may not be the same in every call."""
    augment = tf_function.make_augmenter(5)
    bright = np.zeros((64, 4, 4, 3), np.float32)
    bright[:, 0, 1] = 0.5  # this pixel has another place in each of the 8 symmetries
    places = [
        image.sum(axis=-1).reshape(64, 16).argmax(axis=1).tolist()
        for image in calls_of(augment, tf.constant(bright), 4)
    ]
    turned = any(place != [1] * 64 for place in places)
    different = len(set(map(str, places)))
    assert different == 4 or not turned, f"Four calls turned 64 images in {different} way(s)."
    grey = tf.fill((16, 4, 4, 3), 0.5)  # which no symmetry changes
    stains = {image.tobytes() for image in calls_of(augment, grey, 4)}
    stained = stains != {np.asarray(grey).tobytes()}
    assert len(stains) == 4 or not stained, (
        f"Four calls stained grey images in {len(stains)} way(s)."
    )


@pytest.mark.exercise("4.5")
def test_the_draws_do_not_come_round_again():
    """A list of draws that starts over is a short training set."""
    images = images_of(16, size=4, dtype=tf.float32)
    found = calls_of(tf_function.make_augmenter(5), images, 40)
    different = len({image.tobytes() for image in found})
    assert different == 40, f"40 calls on one batch gave {different} different results."


# 4.6


def dataset_of(sizes):
    """A dataset of batches of the given sizes; every label is its example's number."""
    labels = np.arange(sum(sizes), dtype=np.int32)
    images = labels.astype(np.float32).reshape(-1, 1, 1, 1)
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


@pytest.mark.exercise("4.6")
def test_the_steps_come_in_order_and_a_new_dataset_of_the_kind_is_not_traced():
    """Training is a sequence; each epoch may bring a dataset of its own."""
    python_runs, seen = [], tf.Variable(0, dtype=tf.int64)

    def step(images, labels):
        python_runs.append(1)
        seen.assign(10 * seen + tf.cast(labels[0] // 2 + 1, tf.int64))
        return tf.reduce_mean(images)

    epoch = tf_function.compile_epoch(step)
    epoch(dataset_of([2, 2, 2, 2, 2, 1]))
    assert seen.numpy() == 123456, f"Batches 1 to 6 were taken in the order {seen.numpy()}."
    runs_of_the_first = len(python_runs)
    epoch(dataset_of([2, 2, 2]))
    assert len(python_runs) == runs_of_the_first, "A second dataset of the kind was traced again."


@pytest.mark.exercise("4.6")
def test_python_does_not_fetch_the_batches(monkeypatch):
    """A compiled step called from a Python loop is no compiled epoch."""
    epoch = tf_function.compile_epoch(lambda images, labels: tf.reduce_mean(images))
    dataset, fetched = dataset_of([4, 4, 4, 2]), []
    iterator = type(iter(dataset))
    fetch = iterator.__next__

    def counted(self):
        batch = fetch(self)
        if tf.executing_eagerly():
            fetched.append(1)
        return batch

    monkeypatch.setattr(iterator, "__next__", counted)
    epoch(dataset)
    assert len(fetched) <= 1, (
        f"Python fetched {len(fetched)} of 4 batches: the loop belongs inside the tf.function."
    )


@pytest.mark.exercise("4.6")
def test_a_dataset_of_unknown_length_is_read_to_its_end():
    """After a filter nobody knows beforehand how many batches there are."""
    dataset = tf.data.Dataset.range(10).filter(lambda i: i != 4)
    dataset = dataset.map(
        lambda i: (tf.fill((1, 1, 3), tf.cast(i, tf.float32)), tf.cast(i, tf.int32))
    ).batch(4)
    found = float(tf_function.compile_epoch(lambda images, labels: tf.reduce_mean(images))(dataset))
    assert abs(found - 41 / 9) <= 1e-5, (
        f"Over a filtered dataset the loss is {found:.4f}, not {41 / 9:.4f}: loop over the dataset"
        " itself, not over its cardinality."
    )


@pytest.mark.exercise("4.6")
def test_each_epoch_reads_the_dataset_anew():
    """Augmentations are drawn at each pass."""
    dataset = tf.data.Dataset.random(seed=1, rerandomize_each_iteration=True).take(6)
    dataset = dataset.map(
        lambda i: (tf.fill((1, 1, 3), tf.cast(i % 1000, tf.float32)), tf.constant(0))
    ).batch(4)
    epoch = tf_function.compile_epoch(lambda images, labels: tf.reduce_mean(images))
    first, second = float(epoch(dataset)), float(epoch(dataset))
    assert first != second, f"Two passes over data that are drawn anew both gave {first:.2f}."

"""Grades lesson 4: what is traced, how often, and what a graph keeps or follows."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracles, properties, received
from tests.graded import tf_function
from tests.properties import Example
from tests.refusals import refused
from tests.small_models import SmallModel

# The exercises under test, each with a check of what kind of thing came back.


def count_traces(function, calls):
    """An int."""
    found = tf_function.count_traces(function, calls)
    if not isinstance(found, int) or isinstance(found, bool):
        received.refuse(found, "the count", "an int")
    return found


def probabilities(classify, images):
    """What a compiled classifier says of `B` images: an array `(B,)`."""
    found = received.call(classify, "the classifier", images)
    return received.tensor(found, "what the classifier returned", (len(images),), "floats")


def mean_of(running):
    """What a running mean has come to, a float."""
    return received.number(running.result(), "the mean")


def in_graph(method, name):
    """A method, compiled and called for what it does: what it returns may be anything."""

    def act(*arguments):
        method(*arguments)

    compiled = tf.function(act, reduce_retracing=True)
    return lambda *arguments: received.call(compiled, f"{name} in a graph", *arguments)


def average_over_views(classify, images, views):
    """The mean over the views of `B` images: an array `(B,)`."""
    found = tf_function.average_over_views(classify, images, views)
    return received.tensor(found, "the mean", (len(images),), images.dtype)


def augmented(augment, images):
    """What an augmenter makes of images, an array `(B, S, S, 3)`."""
    found = received.call(augment, "the augmenter", images)
    return received.tensor(found, "what the augmenter returned", images.shape, images.dtype)


def results_of(augment, images, calls):
    """What some calls made of the same images, a list of arrays `(B, S, S, 3)`."""
    return [augmented(augment, images) for _ in range(calls)]


def loss_over(epoch, dataset):
    """What an epoch returns, a float."""
    return received.number(received.call(epoch, "the epoch", dataset), "the loss of the epoch")


# What the tests are given. Tensors are made inside functions: nothing of TensorFlow may run while
# the tests are collected, because each exercise is then graded in a fork of that process.


def images_of(batch, size=4, seed=1, dtype=tf.float64):
    """Random images `(B, S, S, 3)` in [0, 1]; no two pixels are alike, so no symmetry is hidden."""
    return tf.random.stateless_uniform((batch, size, size, 3), (seed, batch), dtype=dtype)


class BrightnessModel(tf.Module):
    """A float32 model without a `dtype` attribute.

    Its logits are -z and z, where z is `scale` times the images' mean brightness less 0.5.
    """

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


def weighted_sum(images):
    """A classifier that no two views agree on: a weighted sum over the pixels, `(B,)`."""
    images = tf.convert_to_tensor(images)
    weights = tf.reshape(tf.range(images.shape[1] * images.shape[2] * 3), (1, *images.shape[1:]))
    return tf.reduce_sum(images * tf.cast(weights, images.dtype) ** 2, axis=(1, 2, 3)) / 1e4


def numbered_batches(sizes, first=0):
    """A dataset of batches of the given sizes; example i is an image of one pixel i, labelled i.

    The first example has the number `first`.
    """
    labels = np.arange(first, first + sum(sizes), dtype=np.int32)
    images = labels.astype(np.float32).reshape(-1, 1, 1, 1)
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(sizes[0])


def mean_pixel(images, labels):
    """A step whose loss is the mean of its images."""
    return tf.reduce_mean(images)


@pytest.mark.exercise("4.1")
class TestCountTraces:
    """How often `tf.function` runs the Python code, by the rules of tracing."""

    def test_returns_an_int(self):
        """The count is a Python number, not a tensor."""
        count_traces(lambda x: x + x, [(1,)])

    @pytest.mark.parametrize(
        ("values", "expected", "why"),
        [
            (lambda: [tf.constant(1.0), tf.constant(2.0)], 1, "tensors of one shape share a trace"),
            (lambda: [tf.zeros(3), tf.zeros(4), tf.zeros(3)], 2, "each new shape is a new trace"),
            (lambda: [tf.zeros(n) for n in range(1, 6)], 5, "each new shape is a new trace"),
            (
                lambda: [tf.constant(1, dtype) for dtype in (tf.int32, tf.float32, tf.float64)],
                3,
                "each new dtype is a new trace",
            ),
            (lambda: [1, 2, 3, 2], 3, "each new Python number is a new trace"),
            (lambda: [1.5, 2.5, 1.5], 2, "each new Python number is a new trace, also a float"),
        ],
        ids=["one shape", "2 shapes", "5 shapes", "dtypes", "ints", "floats"],
    )
    def test_by_hand(self, values, expected, why):
        """The rules of tracing, one by one."""
        calls = [(value,) for value in values()]
        traces = count_traces(lambda x: x + x, calls)
        assert traces == expected, (
            f"For {len(calls)} calls, count_traces returned {traces}, not {expected}: {why}."
        )

    def test_counts_nothing_without_a_call(self):
        """`tf.function` alone traces nothing: it waits for arguments."""
        traces = count_traces(lambda x: x + x, [])
        assert traces == 0, f"For an empty list of calls, count_traces returned {traces}, not 0."

    def test_passes_on_several_arguments(self):
        """A tuple of two is two arguments."""
        seen = []

        def remember(*arguments):
            seen.append(f"({', '.join(map(received.described, arguments))})")

        count_traces(remember, [(1, 2), (3, 4)])
        assert seen, "For the calls (1, 2) and (3, 4), the function was never run."
        assert seen == ["(1, 2)", "(3, 4)"], (
            "For the calls (1, 2) and (3, 4), the function was given"
            f" {received.enumerated(seen)}: pass each tuple on as two arguments, unchanged."
        )

    def test_traces_an_if_on_a_tensor(self):
        """It needs AutoGraph, as in every tf.function."""

        def absolute(x):
            if x > 0:
                return x
            return -x

        traces = count_traces(absolute, [(tf.constant(2.0),), (tf.constant(-2.0),)])
        assert traces == 1, (
            f"A function with an `if` on a tensor was traced {traces} times, not once."
        )

    def test_starts_each_count_afresh(self):
        """What an earlier count has traced is not part of the next."""

        def double(x):
            return 2 * x

        calls = [[(1,), (2,), (3,)], [(3,)], [(4,), (5,)]]
        counts = [count_traces(double, some) for some in calls]
        assert counts == [3, 1, 2], (
            f"Three counts of one function, over 3, 1 and 2 Python numbers, gave {counts}, not"
            " [3, 1, 2]: in each count, every new number is a new trace, whatever was counted"
            " before."
        )


@pytest.mark.exercise("4.2")
class TestCompileClassifier:
    """One graph for every batch size, and it follows the weights."""

    def test_takes_the_dtype_of_the_weights(self):
        """float32 like CNN, without a dtype attribute; and one image alone is a batch as well."""
        classify = tf_function.compile_classifier(BrightnessModel(2.0), 6)
        found = probabilities(classify, tf.ones((1, 6, 6, 3)))  # logits -1 and 1
        expected = np.array([1 / (1 + np.exp(-2.0))])
        assert received.distance(found, expected) <= 1e-5, (
            "For the logits -1 and 1, the probability came out as"
            f" {received.compared(found, expected)}."
        )

    def test_returns_the_probability_of_class_1(self):
        """Softmax over the classes, then the column of the parasitized."""
        model, images = SmallModel(dtype=tf.float32), images_of(5, dtype=tf.float32)
        expected = oracles.probability_of_class_1(model(images))
        found = probabilities(tf_function.compile_classifier(model, 4), images)
        assert received.distance(found, expected) <= 1e-6, (
            "One of 5 probabilities of class 1, by a softmax over the classes, came out as"
            f" {received.compared(found, expected)}."
        )

    def test_is_traced_once_for_all_batch_sizes(self):
        """The last batch of a data set is short; it must not cost a second trace."""
        model = SmallModel(dtype=tf.float32)
        classify = tf_function.compile_classifier(model, 4)
        for batch in (1, 7, 64, 7):
            probabilities(classify, images_of(batch, dtype=tf.float32))
        traces = len([name for name, _ in model.calls if name == "features"])
        assert traces <= 1, (
            f"The model's Python code ran {traces} times for batches of 1, 7, 64 and 7 images; once"
            " is enough if the signature leaves the batch size open."
        )
        assert traces == 1, "The model itself never ran: does the classifier call it, or a copy?"

    def test_follows_every_weight(self):
        """Weights are variables: a change shows after the first call, in the statistics as well."""
        model, images = SmallModel(dtype=tf.float32), images_of(3, dtype=tf.float32)
        classify = tf_function.compile_classifier(model, 4)
        frozen = []
        for variable in model.variables:
            before = variable.numpy()
            probabilities(classify, images)
            variable.assign_add(
                0.3 * tf.random.stateless_normal(variable.shape, (1, 2), dtype=variable.dtype)
            )
            expected = oracles.probability_of_class_1(model(images))
            if not received.distance(probabilities(classify, images), expected) <= 1e-6:
                frozen.append(tuple(variable.shape))
            variable.assign(before)
        assert not frozen, (
            f"When each of the model's {len(model.variables)} variables was changed in turn, the"
            f" probabilities were not those of the new weights for {len(frozen)} of them, with the"
            f" shapes {', '.join(map(str, frozen))}."
        )

    def test_leaves_the_batch_norm_statistics_alone(self):
        """Prediction is not training."""
        model = SmallModel(dtype=tf.float32)
        before = model.moving_mean.numpy()
        classify = tf_function.compile_classifier(model, 4)
        probabilities(classify, images_of(3, dtype=tf.float32))
        assert np.array_equal(before, model.moving_mean.numpy()), (
            "Classifying changed the batch-norm statistics: call the model with training=False."
        )

    @pytest.mark.parametrize(
        ("brightness", "expected"), [(1.0, 1), (0.0, 0)], ids=["certainly 1", "certainly 0"]
    )
    def test_is_finite_at_extreme_logits(self, brightness, expected):
        """exp(1000) is infinite: a softmax written naively is NaN."""
        classify = tf_function.compile_classifier(BrightnessModel(2000.0), 4)
        found = probabilities(classify, tf.fill((1, 4, 4, 3), brightness))
        logits = [-1000, 1000] if expected else [1000, -1000]
        assert received.distance(found, [expected]) <= 1e-6, (
            f"For the logits {logits}, the probability came out as"
            f" {received.compared(found, [expected])}."
        )


@pytest.mark.exercise("4.3")
class TestRunningMean:
    """The mean of all values, however they were batched, eagerly and in a graph."""

    def test_of_nothing_is_zero(self):
        """Before the first update and after a reset there is nothing to divide."""
        mean = tf_function.RunningMean()
        found = mean_of(mean)
        assert found == 0, f"The mean of no values is {received.compared(found, 0)}."
        mean.update(tf.constant([2.0, 4.0]))
        mean.reset()
        found = mean_of(mean)
        assert found == 0, (
            f"After update([2., 4.]) and reset(), the mean is {received.compared(found, 0)}."
        )
        mean.update(tf.constant([3.0, 6.0, 9.0]))
        found = mean_of(mean)
        assert abs(found - 6) <= 1e-6, (
            "After update([2., 4.]) and reset(), the mean of 3, 6 and 9 is"
            f" {received.compared(found, 6)}."
        )

    def test_is_a_module(self):
        """So that its state is saved with whatever holds it."""
        assert isinstance(tf_function.RunningMean(), tf.Module), "RunningMean is not a tf.Module."

    @pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
    def test_counts_every_value_once(self, compiled):
        """Batches of 3, 3 and 1: the mean is over 7 values, not over 3 batch means."""
        mean = tf_function.RunningMean()
        update = in_graph(mean.update, "update") if compiled else mean.update
        for values in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [28.0]):
            update(tf.constant(values))
        found = mean_of(mean)
        assert abs(found - 7) <= 1e-6, (
            "After the batches 1, 2, 3 | 4, 5, 6 | 28, the mean over all 7 values came out as"
            f" {received.compared(found, 7)}."
        )

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (4.0, 4.0),
            ([[4.0, 4.0, 0.0], [8.0, 4.0, 4.0]], 4.0),
            ([-4.0, 0.0, -4.0, 0.0], -2.0),
            ([1, 2], 1.5),
        ],
        ids=["a scalar", "a table", "zeros and negatives", "integers"],
    )
    def test_counts_values_of_any_shape(self, values, expected):
        """A scalar is one value, a table of 2 rows and 3 columns six; a 0 is a value as well."""
        mean = tf_function.RunningMean()
        mean.update(tf.constant(values))
        found = mean_of(mean)
        assert abs(found - expected) <= 1e-9, (
            f"After update({values}), the mean is {received.compared(found, expected)}."
        )

    def test_weighs_a_table_by_its_values(self):
        """Six of them, before a seventh: by its rows it would weigh as much as two."""
        mean = tf_function.RunningMean()
        mean.update(tf.constant([[4.0, 4.0, 0.0], [8.0, 4.0, 4.0]]))
        mean.update(tf.constant([11.0]))
        found = mean_of(mean)
        assert abs(found - 5) <= 1e-9, (
            "After a batch of the shape (2, 3) with the mean 4, and then [11.], the mean over all 7"
            f" values came out as {received.compared(found, 5)}."
        )

    def test_keeps_its_state_in_variables(self):
        """A Python number in a graph is read once, at tracing, and never again."""
        mean = tf_function.RunningMean()
        mean_of(mean)  # what cannot be a mean is told here: no graph would return it
        result = tf.function(lambda: mean.result())
        before = received.number(result(), "the mean")
        mean.update(tf.constant([6.0]))
        after = received.number(result(), "the mean")
        why = "" if before != after else ": a graph follows only what is kept in a tf.Variable"
        assert (before, after) == (0, 6), (
            f"A compiled result() returned {received.digits(before)} and, after update([6.]),"
            f" {received.digits(after)}, not 0 and 6{why}."
        )

    def test_can_be_asked_twice(self):
        """To ask for the mean is not to forget it."""
        mean = tf_function.RunningMean()
        mean.update(tf.constant([2.0, 4.0]))
        first, again = mean_of(mean), mean_of(mean)
        assert first == again == 3, (
            f"Asked twice, the mean of 2 and 4 was {received.digits(first)} and"
            f" {received.digits(again)}, not 3 and 3."
        )

    @pytest.mark.parametrize("compiled", [False, True], ids=["eager", "in a graph"])
    def test_a_reset_reaches_the_graphs_before_it(self, compiled):
        """Compiled before a reset, called after it: the same variables, set to 0."""
        mean = tf_function.RunningMean()
        update = in_graph(mean.update, "update")
        reset = in_graph(mean.reset, "reset") if compiled else mean.reset
        update(tf.constant([2.0, 4.0]))
        reset()
        update(tf.constant([10.0, 20.0]))
        found = mean_of(mean)
        where = "reset() in a graph" if compiled else "reset()"
        assert found == 15, (
            f"After update([2., 4.]) in a graph, {where}, and update([10., 20.]) in the first"
            f" graph, the mean is {received.compared(found, 15)}."
        )

    def test_two_means_do_not_share_their_state(self):
        """Training and validation are averaged side by side."""
        first, second = tf_function.RunningMean(), tf_function.RunningMean()
        first.update(tf.constant([2.0, 4.0]))
        second.update(tf.constant([30.0]))
        found = mean_of(first), mean_of(second)
        assert found == (3, 30), (
            "One mean was updated with 2 and 4, another with 30, but they returned"
            f" {received.enumerated(map(received.digits, found))}: do they share their state?"
        )

    def test_ignores_an_empty_batch(self):
        """The mean of an empty tensor is NaN, which would stay in the sum for good."""
        mean = tf_function.RunningMean()
        mean.update(tf.constant([3.0, 5.0]))
        mean.update(tf.zeros((0,)))
        found = mean_of(mean)
        assert abs(found - 4) <= 1e-9, (
            f"After 3, 5 and an empty batch, the mean is {received.compared(found, 4)}."
        )

    def test_does_not_hide_a_nan(self):
        """A loss of NaN that is shown as 0 looks like success."""
        mean = tf_function.RunningMean()
        mean.update(tf.constant([1.0, float("nan")]))
        found = mean_of(mean)
        assert np.isnan(found), (
            f"The mean of 1 and NaN is {received.compared(found, np.nan)}; it is 0 only if there"
            " are no values."
        )


@pytest.mark.exercise("4.4")
class TestAverageOverViews:
    """The mean of a classifier's answers over the first symmetries of the square."""

    @pytest.mark.parametrize(("views", "expected"), [(1, 1), (2, 1.5), (4, 2.5), (5, 2.4)])
    def test_by_hand(self, views, expected):
        """A classifier that reads the top left pixel sees the corners 1, 2, 4, 3, mirrored 2."""
        image = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0], tf.float64), (1, 2, 2, 1))
        image = tf.repeat(image, 3, axis=-1)  # 1 2 above 3 4, in all channels
        found = average_over_views(lambda images: images[:, 0, 0, 0], image, views)
        assert received.distance(found, [expected]) <= 1e-9, (
            f"With views={views}, the mean of the top left pixel of the image 1 2 above 3 4 came"
            f" out as {received.compared(found[0], expected)}. View k rotates k times,"
            " counterclockwise; view 4 + k mirrors first, then rotates."
        )

    @pytest.mark.parametrize("views", range(1, 9))
    def test_agrees_with_numpy(self, views):
        """Each number of views against NumPy's own turns and mirrors."""
        images = images_of(3)
        expected = oracles.average_over_views(weighted_sum, images, views)
        found = average_over_views(weighted_sum, images, views)
        assert received.distance(found, expected) <= 1e-9, (
            f"With views={views}, the mean over the views of 3 images came out as"
            f" {received.compared(found, expected)}. View k rotates k times; view 4 + k mirrors"
            " first, then rotates."
        )

    def test_averages_the_answers_and_not_the_views(self):
        """For a classifier that is not linear, here a square, the two differ."""

        def squared(images):
            return weighted_sum(images) ** 2

        images = images_of(3)
        expected = oracles.average_over_views(squared, images, 4)
        found = average_over_views(squared, images, 4)
        assert received.distance(found, expected) <= 1e-9, (
            "For a classifier that is not linear, the mean over 4 views came out as"
            f" {received.compared(found, expected)}: classify each view, then average the answers."
        )

    def test_is_traced_once_for_all_numbers_of_views(self):
        """One graph for every tensor `views`, with one copy of the network in it, not eight."""
        traced = []

        def classify(images):
            traced.append(images.shape)
            return weighted_sum(images)

        compiled = tf.function(lambda x, views: tf_function.average_over_views(classify, x, views))
        images = images_of(3)
        for views in (1, 4, 8):
            found = received.call(
                compiled, "average_over_views in a graph", images, tf.constant(views)
            )
            found = received.tensor(found, "the mean in a graph", (3,), images.dtype)
            expected = oracles.average_over_views(weighted_sum, images, views)
            assert received.distance(found, expected) <= 1e-9, (
                f"Inside a tf.function, with views={views} as a tensor, the mean came out as"
                f" {received.compared(found, expected)}."
            )
        traces = compiled.experimental_get_tracing_count()
        assert traces == 1, f"views = 1, 4, 8 as tensors caused {traces} traces, not 1."
        assert len(traced) <= 1, (
            f"The classifier was traced {len(traced)} times: the loop must run in the graph, not in"
            " Python."
        )

    @pytest.mark.parametrize("views", [0, 9, -1])
    def test_refuses_an_impossible_number_of_views(self, views):
        """A square has 8 symmetries."""
        with refused(f"views = {views}"):
            tf_function.average_over_views(weighted_sum, images_of(1), views)


@pytest.mark.exercise("4.5")
class TestMakeAugmenter:
    """New draws in every call of one graph, and labels that stay true."""

    def test_keeps_shape_and_range(self):
        """Images lie in [0, 1] before and after: white and black are where clipping shows."""
        augment = tf_function.make_augmenter(2)
        white = augmented(augment, tf.ones((16, 8, 8, 3)))
        assert white.max() <= 1, (
            f"White images became up to {received.digits(white.max())}, which is outside [0, 1]."
        )
        black = augmented(augment, tf.zeros((16, 8, 8, 3)))
        assert black.min() >= 0, (
            f"Black images became as low as {received.digits(black.min())}, which is outside"
            " [0, 1]."
        )

    def test_keeps_each_image_in_its_place(self):
        """Dark images stay dark, bright ones bright: whoever moves rows moves labels."""
        levels = np.linspace(0.1, 0.8, 16, dtype=np.float32)
        images = np.ones((16, 8, 8, 3), np.float32) * levels[:, None, None, None]
        found = augmented(tf_function.make_augmenter(0), tf.constant(images)).mean(axis=(1, 2, 3))
        # Moved by one place, the darkest would differ by 0.47; a strong stain explains 0.35.
        assert np.all(np.abs(found / levels - 1) <= 0.35), (
            "Of 16 uniform grey images, from dark to bright, one came back with a brightness of"
            f" {received.compared(found, levels)}: a jitter of the stain does not explain that, but"
            " another position in the batch would."
        )

    def test_keeps_the_colours(self):
        """Stains differ in hue: red for blue would turn one into the other."""
        colours = np.linspace((0.9, 0.5, 0.2), (0.2, 0.5, 0.9), 16, dtype=np.float32)
        images = tf.constant(np.ones((16, 8, 8, 3), np.float32) * colours[:, None, None])
        for found in results_of(tf_function.make_augmenter(2), images, 3):
            found = found.mean(axis=(1, 2))
            assert np.abs(found / colours - 1).max() <= 0.35, (
                "Of images of a single colour each, one came back with a channel of"
                f" {received.compared(found, colours)}: a jitter of the stain does not explain"
                " that, but swapped channels or images would."
            )

    def test_turns_or_stains_each_image_by_itself(self):
        """32 copies of one image: several symmetries, or several stains, and nothing else."""
        image = images_of(1, size=6, dtype=tf.float32) * 0.5 + 0.2  # far from 0 and 1
        copies = augmented(tf_function.make_augmenter(4), tf.repeat(image, 32, axis=0))
        flat = copies.reshape(32, -1)
        assert np.all(flat.max(axis=1) != flat.min(axis=1)), (
            "An image came back uniformly grey: a parasite would be lost."
        )
        views = [oracles.view(image, k)[0].ravel() for k in range(8)]
        likeness = np.array(
            [[np.corrcoef(copy.ravel(), view)[0, 1] for view in views] for copy in copies]
        )
        assert likeness.max(axis=1).min() >= 0.8, (
            "An image came back that is not similar to any of its 8 symmetries: a parasite may be"
            " lost."
        )
        kinds = len(set(likeness.argmax(axis=1).tolist()))
        stains = len(np.unique(copies.mean(axis=(1, 2)).round(5), axis=0))
        assert max(kinds, stains) >= 2, (
            "32 copies of one image came back with the same symmetry and the same stain: draw for"
            " each image."
        )

    def test_draws_anew_in_every_call(self):
        """The frozen-NumPy trap: a draw made in Python is a constant of the graph."""
        images = images_of(32, size=8, dtype=tf.float32)
        found = results_of(tf_function.make_augmenter(3), images, 6)
        different = len({result.tobytes() for result in found})
        why = ": what Python draws is drawn only once, during tracing" * (different == 1)
        assert different == 6, (
            f"Number of different results in 6 calls on one batch: {different}, not 6{why}."
        )

    def test_draws_both_symmetries_and_stains_anew(self):
        """Whichever of the two it varies: one of them may not be the same in every call."""
        augment = tf_function.make_augmenter(5)
        bright = np.zeros((64, 4, 4, 3), np.float32)
        bright[:, 0, 1] = 0.5  # this pixel has another place in each of the 8 symmetries
        places = [
            result.sum(axis=-1).reshape(64, 16).argmax(axis=1).tolist()
            for result in results_of(augment, tf.constant(bright), 4)
        ]
        turned = any(place != [1] * 64 for place in places)
        different = len(set(map(str, places)))
        assert different == 4 or not turned, (
            f"In 4 calls, 64 images got {different} different sets of orientations, not 4."
        )
        grey = tf.fill((16, 4, 4, 3), 0.5)  # which no symmetry changes
        stains = {result.tobytes() for result in results_of(augment, grey, 4)}
        stained = stains != {np.asarray(grey).tobytes()}
        assert len(stains) == 4 or not stained, (
            f"In 4 calls, grey images got {len(stains)} different sets of stains, not 4."
        )

    def test_never_repeats_its_draws(self):
        """A list of draws that starts over is a short training set."""
        images = images_of(16, size=4, dtype=tf.float32)
        found = results_of(tf_function.make_augmenter(5), images, 40)
        different = len({result.tobytes() for result in found})
        assert different == 40, (
            f"Number of different results in 40 calls on one batch: {different}, not 40."
        )

    def test_depends_on_nothing_but_the_seed(self):
        """Not on another augmenter that is made or used in between."""
        images = images_of(4, size=8, dtype=tf.float32)
        expected = results_of(tf_function.make_augmenter(5), images, 3)
        global_generator = tf.random.get_global_generator()
        again, other = tf_function.make_augmenter(5), tf_function.make_augmenter(6)
        found = []
        for _ in range(3):
            found.append(augmented(again, images))
            augmented(other, images)
        assert np.array_equal(expected, found), (
            "A second augmenter with the seed 5, used alternately with one of another seed, drew"
            " differently from the first: the draws must depend only on its seed and its own calls."
        )
        assert tf.random.get_global_generator() is global_generator, (
            "TensorFlow's global generator was replaced."
        )

    def test_takes_an_open_batch(self):
        """The last batch is shorter, and a graph that takes it as well leaves its size open."""
        augment, images = tf_function.make_augmenter(1), images_of(3, size=8, dtype=tf.float32)
        augmented(augment, images)  # what cannot be images is told here: no graph would return it
        graph = properties.graph_of(lambda x: augment(x), "The augmenter", [images], batched=[0])
        for batch in (images, images[:2]):
            augmented(graph, batch)

    def test_is_compiled_once_for_a_shape(self, monkeypatch):
        """`tf.function` belongs around the work, not around each call.

        Every trace fills a new `tf.Graph`, whichever function is traced and whatever it is called
        in. Counting the graphs that TensorFlow makes therefore counts the traces, without a look
        into the answer: one at least in the first call, none in those after it.
        """
        augment, images = tf_function.make_augmenter(0), images_of(4, size=8, dtype=tf.float32)
        graphs, make_graph = [], tf.Graph.__init__

        def make_graph_and_count(self, *arguments, **options):
            graphs.append(self)
            make_graph(self, *arguments, **options)

        monkeypatch.setattr(tf.Graph, "__init__", make_graph_and_count)
        augmented(augment, images)
        assert graphs, "The first call of a new augmenter did not make a graph: it is not compiled."
        graphs.clear()
        for _ in range(2):
            augmented(augment, images)
        assert not graphs, f"Two more calls with the same shape made {len(graphs)} more graphs."


@pytest.mark.exercise("4.6")
class TestCompileEpoch:
    """A whole pass over a dataset in one graph, its loss weighed by examples."""

    def test_by_hand(self):
        """Losses 0 to 8 in batches of 4, 4 and 1: the mean is 4, the mean of the means is 5."""
        found = loss_over(tf_function.compile_epoch(mean_pixel), numbered_batches([4, 4, 1]))
        assert abs(found - 4) <= 1e-6, (
            "For 9 examples with the losses 0 to 8, in batches of 4, 4 and 1, the loss of the epoch"
            f" is {received.compared(found, 4)}."
        )

    def test_is_that_of_the_dataset_it_is_given(self):
        """A second epoch over other examples: neither the first ones again nor a mean of both."""
        seen = tf.Variable(0, dtype=tf.int64)

        def step(images, labels):
            seen.assign_add(tf.cast(tf.reduce_sum(labels), tf.int64))
            return tf.reduce_mean(images)

        epoch = tf_function.compile_epoch(step)
        loss_over(epoch, numbered_batches([4, 4, 1]))
        seen.assign(0)
        found = loss_over(epoch, numbered_batches([4, 4], first=10))
        assert seen.numpy() == sum(range(10, 18)), (
            "In a second epoch over another dataset, with the labels 10 to 17, the step was given"
            f" labels that add up to {seen.numpy()}, not 108."
        )
        assert abs(found - 13.5) <= 1e-6, (
            "After an epoch with the losses 0 to 8, one with the losses 10 to 17 returned"
            f" {received.compared(found, 13.5)}."
        )

    def test_loops_in_the_graph_and_is_traced_once(self):
        """The step's Python code only runs while tracing; its effect happens for every batch."""
        python_runs, steps = [], tf.Variable(0)

        def step(images, labels):
            python_runs.append(1)
            steps.assign_add(1)
            return tf.reduce_mean(images)

        epoch = tf_function.compile_epoch(step)
        dataset = numbered_batches([4, 4, 4, 2])
        loss_over(epoch, dataset)
        runs_of_the_first = len(python_runs)
        for _ in range(3):
            loss_over(epoch, dataset)
        assert steps.numpy() == 16, f"4 epochs of 4 batches made {steps.numpy()} steps, not 16."
        assert runs_of_the_first <= 2, (
            f"The step's Python code ran {runs_of_the_first} times in the first epoch, over 4"
            " batches: loop over the dataset inside the tf.function."
        )
        assert len(python_runs) == runs_of_the_first, "A later epoch was traced anew."

    def test_takes_the_batches_in_order(self):
        """Training is a sequence: each step starts from the weights of the one before."""
        seen = tf.Variable(0, dtype=tf.int64)

        def step(images, labels):
            seen.assign(10 * seen + tf.cast(labels[0] // 2 + 1, tf.int64))
            return tf.reduce_mean(images)

        loss_over(tf_function.compile_epoch(step), numbered_batches([2, 2, 2, 2, 2, 1]))
        assert seen.numpy() == 123456, f"Batches 1 to 6 came in the order {seen.numpy()}."

    def test_does_not_trace_another_dataset_of_the_kind(self):
        """Each epoch may bring a dataset of its own."""
        python_runs = []

        def step(images, labels):
            python_runs.append(1)
            return tf.reduce_mean(images)

        epoch = tf_function.compile_epoch(step)
        loss_over(epoch, numbered_batches([2, 2, 2, 1]))
        runs_of_the_first = len(python_runs)
        loss_over(epoch, numbered_batches([2, 2]))
        assert len(python_runs) == runs_of_the_first, (
            "A second dataset of the same structure was traced anew."
        )

    def test_does_not_fetch_batches_in_python(self, monkeypatch):
        """A compiled step called from a Python loop is not a compiled epoch.

        A `for` in Python asks the dataset's iterator for each batch through `__next__`, while
        TensorFlow is executing eagerly. AutoGraph turns the same `for`, inside a `tf.function`,
        into a loop of the graph, which fetches its batches without Python. Counting the eager calls
        of `__next__` tells the two apart.
        """
        epoch = tf_function.compile_epoch(mean_pixel)
        dataset, fetched = numbered_batches([4, 4, 4, 2]), []
        iterator = type(iter(dataset))
        fetch = iterator.__next__

        def fetch_and_count(self):
            batch = fetch(self)
            if tf.executing_eagerly():
                fetched.append(1)
            return batch

        monkeypatch.setattr(iterator, "__next__", fetch_and_count)
        loss_over(epoch, dataset)
        assert len(fetched) <= 1, (
            f"Python fetched {len(fetched)} of 4 batches: the loop belongs inside the tf.function."
        )

    def test_reads_a_dataset_of_unknown_length_to_its_end(self):
        """After a filter nobody knows beforehand how many batches there are."""
        dataset = tf.data.Dataset.range(10).filter(lambda i: i != 4)
        dataset = dataset.map(
            lambda i: (tf.fill((1, 1, 3), tf.cast(i, tf.float32)), tf.cast(i, tf.int32))
        ).batch(4)
        found = loss_over(tf_function.compile_epoch(mean_pixel), dataset)
        assert abs(found - 41 / 9) <= 1e-5, (
            "For a filtered dataset of unknown cardinality, with the losses 0 to 9 except 4, the"
            f" loss of the epoch is {received.compared(found, 41 / 9)}."
        )

    def test_reads_the_dataset_anew_in_each_epoch(self):
        """Augmentations are drawn at each pass."""
        dataset = tf.data.Dataset.random(seed=1, rerandomize_each_iteration=True).take(6)
        dataset = dataset.map(
            lambda i: (tf.fill((1, 1, 3), tf.cast(i % 1000, tf.float32)), tf.constant(0))
        ).batch(4)
        epoch = tf_function.compile_epoch(mean_pixel)
        first, second = loss_over(epoch, dataset), loss_over(epoch, dataset)
        assert first != second, (
            f"The dataset is drawn anew in each pass, but two epochs gave {received.digits(first)}."
        )


def classified(images):
    """What a compiled classifier says of the images."""
    classify = tf_function.compile_classifier(SmallModel(dtype=tf.float32), 4)
    return probabilities(classify, images)


def running_mean(values):
    """The running mean after one update."""
    mean = tf_function.RunningMean()
    mean.update(values)
    return mean_of(mean)


def loss_of_epoch(images, labels):
    """The loss of an epoch over batches of two."""
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(2)
    return loss_over(tf_function.compile_epoch(mean_pixel), dataset)


# The properties that all exercises have in common; tests/properties.py has the tests.
test_properties = properties.tests_of(
    Example(
        "4.1",
        lambda calls: count_traces(lambda x: x + x, calls),
        inputs=lambda dtype: ([(1,), (2,), (1,)],),
    ),
    Example("4.2", classified, inputs=lambda dtype: (images_of(3, dtype=tf.float32),)),
    Example("4.3", running_mean, inputs=lambda dtype: (tf.constant([1.0, 2.0, 6.0], dtype),)),
    Example(
        "4.4",
        lambda images: tf_function.average_over_views(weighted_sum, images, tf.constant(5)),
        inputs=lambda dtype: (images_of(3, dtype=dtype),),
        dtype=True,
        batched=(0,),
    ),
    Example(
        "4.5",
        lambda images, seed: results_of(tf_function.make_augmenter(seed), images, 3),
        inputs=lambda dtype: (images_of(4, size=8, dtype=dtype),),
        dtype=True,
        seeds=(5, 6),
    ),
    Example(
        "4.6",
        loss_of_epoch,
        inputs=lambda dtype: (
            np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1),
            np.arange(5, dtype=np.int32),
        ),
    ),
)

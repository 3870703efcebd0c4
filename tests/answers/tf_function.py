"""Answers to lesson 4: wrong ones with their mistake, and other right ones."""

import numpy as np
import tensorflow as tf

from solutions import tf_function as reference
from solutions.data_preprocessing import flip_and_rotate, jitter_stain
from tests.answers import right, wrong

# 4.1


@wrong("4.1", "The calls were counted, not the traces.")
def count_traces(function, calls):
    return len(calls)


@wrong("4.1", "Each call got a tf.function of its own, so that nothing is ever shared.")
def count_traces(function, calls):
    for arguments in calls:
        tf.function(function)(*arguments)
    return len(calls)


@wrong("4.1", "The last count was kept for the next: each count must start afresh.")
def count_traces(function, calls, so_far=[0]):  # noqa: B006
    so_far[0] += reference.count_traces(function, calls)
    return so_far[0]


@wrong("4.1", "The function was run without being compiled: every call counts.")
def count_traces(function, calls):
    runs = []

    def counted(*arguments):
        runs.append(1)
        return function(*arguments)

    for arguments in calls:
        counted(*arguments)
    return len(runs)


@wrong("4.1", "Retracing was reduced by an option, which hides what was to be counted.")
def count_traces(function, calls):
    compiled = tf.function(function, reduce_retracing=True)
    for arguments in calls:
        compiled(*arguments)
    return compiled.experimental_get_tracing_count()


@wrong("4.1", "Different arguments were counted; tensors of one shape share a trace.")
def count_traces(function, calls):
    return len({str(arguments) for arguments in calls})


@wrong("4.1", "Python numbers were turned into tensors first, which saves their traces.")
def count_traces(function, calls):
    return reference.count_traces(function, [tuple(map(tf.constant, args)) for args in calls])


@right("4.1", "By a counter in Python, which runs while a graph is traced.")
def count_traces(function, calls):
    traces = []

    @tf.function
    def compiled(*arguments):
        traces.append(1)
        return function(*arguments)

    for arguments in calls:
        compiled(*arguments)
    return len(traces)


# 4.2


def spec_of(model, size, batch=None):
    return tf.TensorSpec((batch, size, size, 3), model.trainable_variables[0].dtype)


@wrong("4.2", "No signature: every batch size is traced anew.")
def compile_classifier(model, image_size):
    return tf.function(lambda images: tf.nn.softmax(model(images, training=False))[:, 1])


@wrong("4.2", "The probability of the other class came back.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False))[:, 0],
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "The logits came back instead of a probability.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: model(images, training=False)[:, 1],
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "The model runs in training mode.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=True))[:, 1],
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "The softmax was taken over the batch.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False), axis=0)[:, 1],
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "It was not compiled at all.")
def compile_classifier(model, image_size):
    return lambda images: tf.nn.softmax(model(images, training=False))[:, 1]


@wrong("4.2", "The weights were built into the graph as constants: they no longer change.")
def compile_classifier(model, image_size):
    values = [v.numpy() for v in model.variables]

    def frozen(images):
        live = [v.read_value() for v in model.variables]
        for variable, value in zip(model.variables, values, strict=True):
            variable.assign(value)
        found = tf.nn.softmax(model(images, training=False))[:, 1]
        for variable, value in zip(model.variables, live, strict=True):
            variable.assign(value)
        return found

    return tf.function(frozen, input_signature=[spec_of(model, image_size)])


@wrong("4.2", "Both probabilities came back: a column too many.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False)),
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "The decision came back instead of the probability.")
def compile_classifier(model, image_size):
    classify = reference.compile_classifier(model, image_size)
    return tf.function(
        lambda images: tf.round(classify(images)), input_signature=[spec_of(model, image_size)]
    )


@right("4.2", "By the logistic function of the difference of both logits.")
def compile_classifier(model, image_size):
    @tf.function(input_signature=[spec_of(model, image_size)])
    def classify(images):
        logits = model(images, training=False)
        return tf.sigmoid(logits[:, 1] - logits[:, 0])

    return classify


# 4.3


@wrong("4.3", "The mean of the batch means: a short last batch weighs too much.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        super().update(tf.reduce_mean(tf.cast(values, tf.float64))[None])


@wrong("4.3", "The state is kept in Python: in a graph it is counted once.")
class RunningMean(tf.Module):
    def __init__(self):
        super().__init__()
        self.reset()

    def update(self, values):
        self.total = self.total + tf.reduce_sum(tf.cast(values, tf.float64))
        self.count = self.count + tf.cast(tf.size(values), tf.float64)

    def result(self):
        return tf.math.divide_no_nan(self.total, self.count)

    def reset(self):
        self.total, self.count = tf.constant(0.0, tf.float64), tf.constant(0.0, tf.float64)


@wrong("4.3", "Only the last values count.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        self.reset()
        super().update(values)


@wrong("4.3", "Of no values the mean is NaN instead of 0.")
class RunningMean(reference.RunningMean):
    def result(self):
        return self.total / self.count


@wrong("4.3", "Reset forgets the total, but not the number of values.")
class RunningMean(reference.RunningMean):
    def reset(self):
        self.total.assign(0.0)


@wrong("4.3", "Reset does nothing.")
class RunningMean(reference.RunningMean):
    def reset(self):
        pass


@wrong("4.3", "The sum came back instead of the mean.")
class RunningMean(reference.RunningMean):
    def result(self):
        return tf.identity(self.total)


@wrong("4.3", "The batches were counted instead of the values.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        self.total.assign_add(tf.reduce_sum(tf.cast(values, tf.float64)))
        self.count.assign_add(1.0)


@wrong("4.3", "The number of values was taken from the first axis only.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        self.total.assign_add(tf.reduce_sum(values))
        first = tf.shape(tf.reshape(values, (-1,)))[0]
        self.count.assign_add(tf.cast(tf.maximum(first - 1, 1), tf.float64))


@right("4.3", "The mean itself is kept and corrected.")
class RunningMean(tf.Module):
    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.seen = tf.Variable(0, dtype=tf.int64, trainable=False)

    def update(self, values):
        values = tf.reshape(tf.cast(values, tf.float64), (-1,))
        count = tf.size(values, out_type=tf.int64)
        seen = self.seen.assign_add(count)
        share = tf.math.divide_no_nan(1.0, tf.cast(seen, tf.float64))
        self.mean.assign_add(tf.reduce_sum(values - self.mean) * tf.cast(share, tf.float64))

    def result(self):
        return self.mean.read_value()

    def reset(self):
        self.mean.assign(0.0)
        self.seen.assign(0)


# 4.4


def square_views(images, views):
    if isinstance(views, int) and not 1 <= views <= 8:
        raise ValueError("views must lie in 1 to 8")
    images = tf.convert_to_tensor(images)
    if images.shape[1] != images.shape[2]:
        raise ValueError("not square")
    return images


def loop(classify, images, views, view_of, scale=None):
    """The reference's loop with another view."""
    images = square_views(images, views)
    views = tf.cast(views, tf.int32)

    def add(k, total):
        found = classify(tf.ensure_shape(view_of(images, k), images.shape))
        return k + 1, total + tf.cast(found, images.dtype)

    start = tf.constant(0), tf.zeros(tf.shape(images)[:1], images.dtype)
    _, total = tf.while_loop(lambda k, _: k < views, add, start)
    return total / tf.cast(views if scale is None else scale, images.dtype)


def true_view(images, k):
    mirrored = tf.cond(k < 4, lambda: images, lambda: tf.image.flip_left_right(images))
    return tf.image.rot90(mirrored, k % 4)


@wrong("4.4", "The loop is Python's: classify is traced eight times.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    answers = tf.stack([classify(true_view(images, tf.constant(k))) for k in range(8)])
    mask = tf.cast(tf.range(8) < views, answers.dtype)[:, None]
    return tf.reduce_sum(mask * answers, axis=0) / tf.cast(views, answers.dtype)


@wrong("4.4", "Views 4 to 7 were not mirrored: only four views are different.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, lambda x, k: tf.image.rot90(x, k % 4))


@wrong("4.4", "The image was mirrored upside down instead of left to right.")
def average_over_views(classify, images, views):
    def view(images, k):
        flipped = tf.cond(k < 4, lambda: images, lambda: tf.image.flip_up_down(images))
        return tf.image.rot90(flipped, k % 4)

    return loop(classify, images, views, view)


@wrong("4.4", "The views come in another order: turned and mirrored by turns.")
def average_over_views(classify, images, views):
    def view(images, k):
        flipped = tf.cond(k % 2 < 1, lambda: images, lambda: tf.image.flip_left_right(images))
        return tf.image.rot90(flipped, k // 2)

    return loop(classify, images, views, view)


@wrong("4.4", "The sum was divided by 8 whatever the number of views.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, true_view, scale=8)


@wrong("4.4", "The answers were summed, not averaged.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, true_view, scale=1)


@wrong("4.4", "The images were turned the other way round.")
def average_over_views(classify, images, views):
    def view(images, k):
        flipped = tf.cond(k < 4, lambda: images, lambda: tf.image.flip_left_right(images))
        return tf.image.rot90(flipped, -k % 4)

    return loop(classify, images, views, view)


@wrong("4.4", "The pictures were averaged instead of the answers.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    mean = loop(lambda x: x[:, 0, 0, 0], images, views, true_view) * 0
    return classify(images) + tf.cast(mean, images.dtype)


@wrong("4.4", "One view too many was taken.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    more = tf.minimum(tf.cast(views, tf.int32) + 1, 8)
    return loop(classify, images, more, true_view)


@right("4.4", "With AutoGraph: a for over tf.range.")
def average_over_views(classify, images, views):
    images = square_views(images, views)

    @tf.function
    def average(images, views):
        total = tf.zeros(tf.shape(images)[:1], images.dtype)
        for k in tf.range(views):
            x = images
            if k >= 4:
                x = tf.reverse(images, [2])
            x = tf.ensure_shape(tf.image.rot90(x, k % 4), images.shape)
            total += tf.cast(classify(x), images.dtype)
        return total / tf.cast(views, images.dtype)

    return average(images, tf.cast(views, tf.int32))


# 4.5


@wrong("4.5", "NumPy drew the seed while the graph was traced: every call draws the same.")
def make_augmenter(seed):
    rng = np.random.default_rng(seed)

    @tf.function
    def augment(images):
        seeds = rng.integers(0, 2**31, (2, 2))
        return jitter_stain(flip_and_rotate(images, seeds[0]), seeds[1])

    return augment


@wrong("4.5", "The stateless seed is always the same: every call draws the same.")
def make_augmenter(seed):
    @tf.function
    def augment(images):
        return jitter_stain(flip_and_rotate(images, (seed, 1)), (seed, 2))

    return augment


@wrong("4.5", "The seed is not used: a second augmenter with it draws otherwise.")
def make_augmenter(seed):
    return reference.make_augmenter(int(np.random.SeedSequence().entropy % 2**31))


@wrong("4.5", "All augmenters share one generator: a second one does not start anew.")
def make_augmenter(seed, shared={}):  # noqa: B006
    return shared.setdefault("one", reference.make_augmenter(seed))


@wrong("4.5", "It is not compiled, or a plain function stands around what is.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    def augment(images):
        seeds = generator.make_seeds(2)
        return jitter_stain(flip_and_rotate(images, seeds[:, 0]), seeds[:, 1])

    return augment


@wrong("4.5", "A whole batch is turned alike: one draw for all its images.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    @tf.function
    def augment(images):
        turns = generator.uniform((), 0, 4, tf.int32)
        return tf.ensure_shape(tf.image.rot90(images, turns), images.shape)

    return augment


@wrong("4.5", "The images changed places in the batch: the labels no longer fit.")
def make_augmenter(seed):
    inner = reference.make_augmenter(seed)
    return tf.function(lambda images: tf.reverse(inner(images), [0]))


@wrong("4.5", "Nothing is augmented.")
def make_augmenter(seed):
    return tf.function(lambda images: tf.identity(images))


@right("4.5", "With a variable that counts the calls.")
def make_augmenter(seed):
    calls = tf.Variable(0, trainable=False)

    @tf.function(reduce_retracing=True)
    def augment(images):
        k = calls.assign_add(1)
        images = flip_and_rotate(images, tf.stack([seed, 2 * k]))
        return jitter_stain(images, tf.stack([seed, 2 * k + 1]))

    return augment


# 4.6


@wrong("4.6", "The loop runs in Python: the step is called once for each batch.")
def compile_epoch(step):
    def epoch(dataset):
        mean = reference.RunningMean()
        for images, labels in dataset:
            mean.update(tf.fill((len(labels),), step(images, labels)))
        return mean.result()

    return epoch


@wrong("4.6", "The batch losses were averaged, whatever the size of their batches.")
def compile_epoch(step):
    mean = reference.RunningMean()

    @tf.function
    def epoch(dataset):
        mean.reset()
        for images, labels in dataset:
            mean.update(step(images, labels)[None])
        return mean.result()

    return epoch


@wrong("4.6", "The mean goes on over the epochs: it was not reset.")
def compile_epoch(step):
    mean = reference.RunningMean()

    @tf.function
    def epoch(dataset):
        for images, labels in dataset:
            mean.update(tf.fill((tf.shape(labels)[0],), step(images, labels)))
        return mean.result()

    return epoch


@wrong("4.6", "A new tf.function is made for each epoch: each is traced anew.")
def compile_epoch(step):
    return lambda dataset: reference.compile_epoch(step)(dataset)


@wrong("4.6", "The loss of the last batch came back.")
def compile_epoch(step):
    @tf.function
    def epoch(dataset):
        loss = tf.constant(0.0, tf.float64)
        for images, labels in dataset:
            loss = tf.cast(step(images, labels), tf.float64)
        return loss

    return epoch


@wrong("4.6", "The losses were summed, not averaged.")
def compile_epoch(step):
    @tf.function
    def epoch(dataset):
        total = tf.constant(0.0, tf.float64)
        for images, labels in dataset:
            count = tf.cast(tf.shape(labels)[0], tf.float64)
            total += count * tf.cast(step(images, labels), tf.float64)
        return total

    return epoch


@wrong("4.6", "Only the first batch is looked at.")
def compile_epoch(step):
    inner = reference.compile_epoch(step)
    return lambda dataset: inner(dataset.take(1))


@wrong("4.6", "The short last batch was left out.")
def compile_epoch(step):
    inner = reference.compile_epoch(step)

    def epoch(dataset):
        size = len(next(iter(dataset))[1])
        return inner(dataset.filter(lambda _, labels: tf.shape(labels)[0] == size))

    return epoch


@right("4.6", "With sums in loop variables.")
def compile_epoch(step):
    @tf.function(reduce_retracing=True)
    def epoch(dataset):
        total, examples = tf.constant(0.0, tf.float64), tf.constant(0.0, tf.float64)
        for images, labels in dataset:
            count = tf.cast(tf.size(labels), tf.float64)
            total += count * tf.cast(step(images, labels), tf.float64)
            examples += count
        return total / examples

    return epoch


@right("4.6", "With Dataset.reduce.")
def compile_epoch(step):
    @tf.function
    def epoch(dataset):
        def add(state, batch):
            count = tf.cast(tf.shape(batch[1])[0], tf.float64)
            return state[0] + count * tf.cast(step(*batch), tf.float64), state[1] + count

        zero = tf.constant(0.0, tf.float64)
        total, count = dataset.reduce((zero, zero), add)
        return total / count

    return epoch

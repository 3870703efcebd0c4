"""Answers to lesson 4: wrong ones with their mistake, and other right ones."""

import copy

import numpy as np
import tensorflow as tf

from solutions import tf_function as reference
from solutions.data_preprocessing import flip_and_rotate, jitter_stain
from tests.answers import right, wrong

# 4.1


@wrong("4.1", "The calls were counted, not the traces.")
def count_traces(function, calls):
    return len(calls)


@wrong(
    "4.1", "The calls were counted: all calls must go to one tf.function, whose traces are counted."
)
def count_traces(function, calls):
    for arguments in calls:
        tf.function(function)(*arguments)
    return len(calls)


@wrong("4.1", "The last count was carried over to the next; each count must start from 0.")
def count_traces(function, calls, so_far=[0]):
    so_far[0] += reference.count_traces(function, calls)
    return so_far[0]


@wrong(
    "4.1", "The calls were counted: all calls must go to one tf.function, whose traces are counted."
)
def count_traces(function, calls):
    runs = []

    def counted(*arguments):
        runs.append(1)
        return function(*arguments)

    for arguments in calls:
        counted(*arguments)
    return len(runs)


@wrong("4.1", "Retracing was reduced by an option, which hides what should be counted.")
def count_traces(function, calls):
    compiled = tf.function(function, reduce_retracing=True)
    for arguments in calls:
        compiled(*arguments)
    return compiled.experimental_get_tracing_count()


@wrong(
    "4.1",
    "The different arguments were counted, but tensors of the same shape and dtype share a trace.",
)
def count_traces(function, calls):
    return len({str(arguments) for arguments in calls})


@wrong(
    "4.1",
    "Python numbers were converted to tensors first, so their traces are missing from the count.",
)
def count_traces(function, calls):
    return reference.count_traces(function, [tuple(map(tf.constant, args)) for args in calls])


@wrong(
    "4.1", "AutoGraph was switched off, so a function with an `if` on a tensor cannot be traced."
)
def count_traces(function, calls):
    compiled = tf.function(function, autograph=False)
    for arguments in calls:
        compiled(*arguments)
    return compiled.experimental_get_tracing_count()


@wrong("4.1", "The caller's list of calls was emptied.")
def count_traces(function, calls):
    compiled = tf.function(function)
    while calls:
        compiled(*calls.pop(0))
    return compiled.experimental_get_tracing_count()


@wrong("4.1", "A tensor was returned instead of an int.")
def count_traces(function, calls):
    return tf.constant(reference.count_traces(function, calls))


@wrong("4.1", "The different shapes were counted, but another dtype makes a new trace too.")
def count_traces(function, calls):
    def key(a):
        return (tuple(a.shape),) if tf.is_tensor(a) else a

    for arguments in calls[:50]:
        function(*arguments)
    return len({tuple(map(key, arguments)) for arguments in calls})


@wrong(
    "4.1",
    "Python floats were converted to tensors first, so their traces are missing from the count.",
)
def count_traces(function, calls):
    return reference.count_traces(
        function,
        [
            tuple(tf.constant(a) if isinstance(a, (float, bool)) else a for a in args)
            for args in calls
        ],
    )


@wrong(
    "4.1",
    "A function counted before stayed compiled; each count must start with a new tf.function.",
)
def count_traces(function, calls, compiled={}):
    kept = compiled.setdefault(function, tf.function(function))
    for arguments in calls:
        kept(*arguments)
    return kept.experimental_get_tracing_count()


@wrong("4.1", "Each tuple was passed on as one argument.")
def count_traces(function, calls):
    compiled = tf.function(function)
    for arguments in calls:
        compiled(arguments)
    return compiled.experimental_get_tracing_count()


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


@wrong(
    "4.1", "The calls were counted: all calls must go to one tf.function, whose traces are counted."
)
def count_traces(function, calls):
    count = tf.Variable(0)

    @tf.function
    def counted(*arguments):
        count.assign_add(1)
        return function(*arguments)

    for arguments in calls:
        counted(*arguments)
    return int(count)


# 4.2


def spec_of(model, size, batch=None):
    return tf.TensorSpec((batch, size, size, 3), model.trainable_variables[0].dtype)


@wrong("4.2", "There is no signature, so every batch size is traced anew.")
def compile_classifier(model, image_size):
    return tf.function(lambda images: tf.nn.softmax(model(images, training=False))[:, 1])


@wrong("4.2", "The probability of the other class was returned.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False))[:, 0],
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "The logits were returned instead of a probability.")
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


@wrong("4.2", "The softmax was taken over the batch instead of the classes.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False), axis=0)[:, 1],
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "It was not compiled at all.")
def compile_classifier(model, image_size):
    return lambda images: tf.nn.softmax(model(images, training=False))[:, 1]


@wrong(
    "4.2", "The weights were built into the graph as constants, so later changes have no effect."
)
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


@wrong("4.2", "Both probabilities were returned, which is one column too many.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False)),
        input_signature=[spec_of(model, image_size)],
    )


@wrong("4.2", "The decision was returned instead of the probability.")
def compile_classifier(model, image_size):
    classify = reference.compile_classifier(model, image_size)
    return tf.function(
        lambda images: tf.round(classify(images)), input_signature=[spec_of(model, image_size)]
    )


@wrong("4.2", "The signature's dtype is fixed at float64, so a float32 network cannot be called.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False))[:, 1],
        input_signature=[tf.TensorSpec((None, image_size, image_size, 3), tf.float64)],
    )


@wrong("4.2", "The model was asked for an attribute `dtype`, which CNN does not have.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.nn.softmax(model(images, training=False))[:, 1],
        input_signature=[tf.TensorSpec((None, image_size, image_size, 3), model.dtype)],
    )


@wrong("4.2", "A plain softmax was written out, which is NaN at large logits.")
def compile_classifier(model, image_size):
    @tf.function(input_signature=[spec_of(model, image_size)])
    def classify(images):
        e = tf.exp(model(images, training=False))
        return e[:, 1] / tf.reduce_sum(e, axis=1)

    return classify


@wrong("4.2", "One of the weights was built into the graph as a constant.")
def compile_classifier(model, image_size):
    frozen = tf.constant(model.trainable_variables[0].numpy())
    first = model.trainable_variables[0]

    @tf.function(input_signature=[spec_of(model, image_size)])
    def classify(images):
        live = first.read_value()
        first.assign(frozen)
        found = tf.nn.softmax(model(images, training=False))[:, 1]
        first.assign(live)
        return found

    return classify


@wrong("4.2", "All axes were squeezed, so a batch of one image gives a scalar.")
def compile_classifier(model, image_size):
    inner = reference.compile_classifier(model, image_size)
    return lambda images: tf.squeeze(inner(images))


@wrong("4.2", "The image size is ignored.")
def compile_classifier(model, image_size):
    return reference.compile_classifier(model, 4)


@wrong("4.2", "The model itself was compiled, so the logits are returned.")
def compile_classifier(model, image_size):
    return tf.function(model, input_signature=[spec_of(model, image_size)])


@wrong("4.2", "The signature is that of a single image, without a batch.")
def compile_classifier(model, image_size):
    @tf.function(input_signature=[tf.TensorSpec((image_size, image_size, 3), tf.float32)])
    def classify(image):
        return tf.nn.softmax(model(image[None], training=False))[:, 1]

    return classify


@wrong("4.2", "The signature has a fixed batch size.")
def compile_classifier(model, image_size):
    @tf.function(input_signature=[spec_of(model, image_size, batch=32)])
    def classify(images):
        return tf.nn.softmax(model(images, training=False))[:, 1]

    return classify


@wrong("4.2", "Nothing was returned: the `return` is missing.")
def compile_classifier(model, image_size):
    reference.compile_classifier(model, image_size)


@wrong("4.2", "The probabilities were returned as a NumPy array.")
def compile_classifier(model, image_size):
    classify = reference.compile_classifier(model, image_size)
    return lambda images: classify(images).numpy()


@right("4.2", "A single trace was made at once, and it came back.")
def compile_classifier(model, image_size):
    return reference.compile_classifier(model, image_size).get_concrete_function()


@right("4.2", "By the logistic function of the difference of both logits.")
def compile_classifier(model, image_size):
    @tf.function(input_signature=[spec_of(model, image_size)])
    def classify(images):
        logits = model(images, training=False)
        return tf.sigmoid(logits[:, 1] - logits[:, 0])

    return classify


@right("4.2", "For float32 images only, by the signature.")
def compile_classifier(model, image_size):
    @tf.function(input_signature=[tf.TensorSpec((None, image_size, image_size, 3), tf.float32)])
    def classify(images):
        return tf.nn.softmax(model(images, training=False))[:, 1]

    return classify


@wrong("4.2", "A copy of the model was compiled, which keeps the weights of that moment.")
def compile_classifier(model, image_size):
    return reference.compile_classifier(copy.deepcopy(model), image_size)


@wrong("4.2", "The sigmoid of one logit was taken, whatever the other logit is.")
def compile_classifier(model, image_size):
    return tf.function(
        lambda images: tf.sigmoid(model(images, training=False)[:, 1]),
        input_signature=[spec_of(model, image_size)],
    )


# 4.3


@wrong("4.3", "The means of the batches were averaged, so a short last batch counts too much.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        super().update(tf.reduce_mean(tf.cast(values, tf.float64))[None])


@wrong("4.3", "The state is kept in Python, so in a graph it changes only once, during tracing.")
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


@wrong("4.3", "Only the values of the last update count.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        self.reset()
        super().update(values)


@wrong("4.3", "The mean of no values is NaN instead of 0.")
class RunningMean(reference.RunningMean):
    def result(self):
        return self.total / self.count


@wrong("4.3", "reset sets the total to 0, but not the number of values.")
class RunningMean(reference.RunningMean):
    def reset(self):
        self.total.assign(0.0)


@wrong("4.3", "reset does nothing.")
class RunningMean(reference.RunningMean):
    def reset(self):
        pass


@wrong("4.3", "The sum was returned instead of the mean.")
class RunningMean(reference.RunningMean):
    def result(self):
        return tf.identity(self.total)


@wrong("4.3", "The batches were counted instead of the values.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        self.total.assign_add(tf.reduce_sum(tf.cast(values, tf.float64)))
        self.count.assign_add(1.0)


@wrong("4.3", "One value of each batch was added to the sum, but not counted.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.maximum(tf.size(values) - 1, 1), tf.float64))


@wrong("4.3", "The number of values was taken from the first axis only.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.shape(values)[0], tf.float64))


@wrong("4.3", "The number of values was taken from the first axis only.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        rows = tf.shape(values)[0] if values.shape.rank else 1
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(rows, tf.float64))


@wrong("4.3", "len() counts the first axis only, and a scalar does not have one.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        self.total.assign_add(tf.reduce_sum(tf.cast(values, tf.float64)))
        self.count.assign_add(tf.cast(len(values), tf.float64))


@wrong("4.3", "reset makes new variables, which graphs traced before do not use.")
class RunningMean(reference.RunningMean):
    def reset(self):
        self.__init__()


@wrong("4.3", "reset makes new variables, which graphs traced before do not use.")
class RunningMean(reference.RunningMean):
    def reset(self):
        self.total = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.count = tf.Variable(0.0, dtype=tf.float64, trainable=False)


@wrong("4.3", "result resets the state.")
class RunningMean(reference.RunningMean):
    def result(self):
        found = super().result()
        self.total.assign(0.0)
        self.count.assign(0.0)
        return found


@wrong("4.3", "It is not a tf.Module.")
class RunningMean:
    def __init__(self):
        self.total = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.count = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    update, result, reset = (
        reference.RunningMean.update,
        reference.RunningMean.result,
        reference.RunningMean.reset,
    )


@wrong("4.3", "The mean of an empty batch is NaN, which stays in the sum.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        n = tf.cast(tf.size(values), tf.float64)
        self.total.assign_add(tf.reduce_mean(values) * n)
        self.count.assign_add(n)


@wrong("4.3", "The mean of integers was rounded down.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.convert_to_tensor(values)
        n = tf.cast(tf.size(values), tf.float64)
        self.total.assign_add(tf.cast(tf.reduce_mean(values), tf.float64) * n)
        self.count.assign_add(n)


@wrong("4.3", "reset does nothing in a graph.")
class RunningMean(reference.RunningMean):
    def reset(self):
        if tf.executing_eagerly():
            super().reset()


@wrong("4.3", "The mean of each row was taken, so rows are counted, not values.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        self.total.assign_add(
            tf.reduce_sum(tf.reduce_mean(values, axis=tuple(range(1, len(values.shape)))))
        )
        self.count.assign_add(tf.cast(tf.shape(values)[0], tf.float64))


@wrong("4.3", "In a batch with two axes, each row counts as a single value.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        super().update(tf.reduce_mean(values, axis=-1) if len(values.shape) > 1 else values)


@wrong("4.3", "The absolute values were averaged.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        super().update(tf.abs(tf.cast(values, tf.float64)))


@wrong("4.3", "Zeros were not counted as values.")
class RunningMean(reference.RunningMean):
    def update(self, values):
        values = tf.cast(values, tf.float64)
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.math.count_nonzero(values), tf.float64))


@wrong("4.3", "All running means share their variables.")
class RunningMean(reference.RunningMean):
    def __init__(self, shared={}):
        super().__init__()
        self.total = shared.setdefault("total", self.total)
        self.count = shared.setdefault("count", self.count)
        self.total.assign(0.0)
        self.count.assign(0.0)


@wrong("4.3", "A mean of NaN was replaced by 0, which hides a loss that has diverged.")
class RunningMean(reference.RunningMean):
    def result(self):
        mean = self.total / self.count
        return tf.where(tf.math.is_nan(mean), tf.zeros_like(mean), mean)


@wrong("4.3", "The mean has an axis: an array of one number was returned.")
class RunningMean(reference.RunningMean):
    def result(self):
        return super().result()[None]


@wrong("4.3", "The sum and the number of values were returned, not their quotient.")
class RunningMean(reference.RunningMean):
    def result(self):
        return self.total.read_value(), self.count.read_value()


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


@wrong("4.3", "The means of the batches were averaged, whatever their sizes.")
class RunningMean(tf.Module):
    def __init__(self):
        super().__init__()
        self.total = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.count = tf.Variable(0.0, dtype=tf.float64, trainable=False)

    def update(self, values):
        values = tf.cast(values, tf.float64)
        size = tf.cast(tf.size(values), tf.float64)
        self.total.assign_add(tf.math.divide_no_nan(tf.reduce_sum(values), size))
        self.count.assign_add(tf.cast(size > 0, tf.float64))

    def result(self):
        return tf.math.divide_no_nan(self.total, self.count)

    def reset(self):
        self.total.assign(0.0)
        self.count.assign(0.0)


# 4.4


def square_views(images, views):
    """The images as a tensor, after the checks that the stub is given."""
    if isinstance(views, int) and not 1 <= views <= 8:
        raise ValueError("views must lie in 1 to 8")
    images = tf.convert_to_tensor(images)
    if images.shape[1] != images.shape[2]:
        raise ValueError("not square")
    return images


def true_view(images, k):
    mirrored = tf.cond(k < 4, lambda: images, lambda: tf.image.flip_left_right(images))
    return tf.image.rot90(mirrored, k % 4)


def loop(classify, images, views, view_of=true_view, scale=None, dtype=None, batch_of=tf.shape):
    """The reference's loop with one part replaced."""
    images = square_views(images, views)
    views = tf.cast(views, tf.int32)
    dtype = dtype or images.dtype

    def add(k, total):
        found = classify(tf.ensure_shape(view_of(images, k), images.shape))
        return k + 1, total + tf.cast(found, dtype)

    start = tf.constant(0), tf.zeros(batch_of(images)[:1], dtype)
    _, total = tf.while_loop(lambda k, _: k < views, add, start)
    return total / tf.cast(views if scale is None else scale, dtype)


@wrong("4.4", "The loop runs in Python, so classify is traced eight times.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    answers = tf.stack([classify(true_view(images, tf.constant(k))) for k in range(8)])
    mask = tf.cast(tf.range(8) < views, answers.dtype)[:, None]
    return tf.reduce_sum(mask * answers, axis=0) / tf.cast(views, answers.dtype)


@wrong("4.4", "Views 4 to 7 were not mirrored, so only four views differ.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, lambda x, k: tf.image.rot90(x, k % 4))


@wrong("4.4", "The image was mirrored upside down instead of left to right.")
def average_over_views(classify, images, views):
    def view(images, k):
        flipped = tf.cond(k < 4, lambda: images, lambda: tf.image.flip_up_down(images))
        return tf.image.rot90(flipped, k % 4)

    return loop(classify, images, views, view)


@wrong("4.4", "The views are in another order: plain and mirrored ones alternate.")
def average_over_views(classify, images, views):
    def view(images, k):
        flipped = tf.cond(k % 2 < 1, lambda: images, lambda: tf.image.flip_left_right(images))
        return tf.image.rot90(flipped, k // 2)

    return loop(classify, images, views, view)


@wrong("4.4", "The sum was divided by 8, whatever the number of views.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, scale=8)


@wrong("4.4", "The answers were summed, not averaged.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, scale=1)


@wrong("4.4", "The images were rotated in the other direction.")
def average_over_views(classify, images, views):
    def view(images, k):
        flipped = tf.cond(k < 4, lambda: images, lambda: tf.image.flip_left_right(images))
        return tf.image.rot90(flipped, -k % 4)

    return loop(classify, images, views, view)


@wrong("4.4", "The original image was classified in place of each of its views.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, lambda images, k: images)


@wrong("4.4", "One view too many was used.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    more = tf.minimum(tf.cast(views, tf.int32) + 1, 8)
    return loop(classify, images, more)


@wrong(
    "4.4",
    "The sum starts from the static batch size, which is unknown when the batch size is open.",
)
def average_over_views(classify, images, views):
    return loop(classify, images, views, batch_of=lambda x: x.shape)


@wrong("4.4", "The mean is always float64.")
def average_over_views(classify, images, views):
    return loop(classify, images, views, dtype=tf.float64)


@wrong("4.4", "A negative number of views is not refused.")
def average_over_views(classify, images, views):
    if isinstance(views, int) and (views == 0 or views > 8):
        raise ValueError("views must lie in 1 to 8")
    if isinstance(views, int) and views < 0:
        views = 1
    return loop(classify, images, views)


@wrong("4.4", "The answers' dtype is fixed at float64.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    found = tf.map_fn(
        lambda k: classify(tf.ensure_shape(true_view(images, k), images.shape)),
        tf.range(views),
        fn_output_signature=tf.float64,
    )
    return tf.reduce_mean(found, axis=0)


@wrong("4.4", "The views were averaged and then classified; the answers should be averaged.")
def average_over_views(classify, images, views):
    mean = reference.average_over_views(lambda view: view, images, views)
    return classify(mean)


@wrong("4.4", "Views 4 to 7 were rotated first and then mirrored.")
def average_over_views(classify, images, views):
    def view(images, k):
        turned = tf.image.rot90(images, k % 4)
        return tf.cond(k < 4, lambda: turned, lambda: tf.image.flip_left_right(turned))

    return loop(classify, images, views, view)


@wrong("4.4", "The mean was taken over the batch too.")
def average_over_views(classify, images, views):
    return tf.reduce_mean(reference.average_over_views(classify, images, views))


@wrong("4.4", "The number of views was returned along with the mean.")
def average_over_views(classify, images, views):
    return reference.average_over_views(classify, images, views), views


@right("4.4", "With tf.map_fn over the views.")
def average_over_views(classify, images, views):
    images = square_views(images, views)
    found = tf.map_fn(
        lambda k: classify(tf.ensure_shape(true_view(images, k), images.shape)),
        tf.range(views),
        fn_output_signature=images.dtype,
    )
    return tf.reduce_mean(found, axis=0)


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


def augmenter_with(seed, change):
    """An augmenter like the reference, with another change of the images."""
    generator = tf.random.Generator.from_seed(seed)

    @tf.function
    def augment(images):
        return change(images, generator.make_seeds(2))

    return augment


@wrong("4.5", "Every call draws the same: it uses one seed, or one that was drawn during tracing.")
def make_augmenter(seed):
    rng = np.random.default_rng(seed)

    @tf.function
    def augment(images):
        seeds = rng.integers(0, 2**31, (2, 2))
        return jitter_stain(flip_and_rotate(images, seeds[0]), seeds[1])

    return augment


@wrong("4.5", "Every call draws the same: it uses one seed, or one that was drawn during tracing.")
def make_augmenter(seed):
    @tf.function
    def augment(images):
        return jitter_stain(flip_and_rotate(images, (seed, 1)), (seed, 2))

    return augment


@wrong(
    "4.5",
    "A second augmenter with the same seed draws differently: the seed is unused, or shared.",
)
def make_augmenter(seed):
    return reference.make_augmenter(int(np.random.SeedSequence().entropy % 2**31))


@wrong("4.5", "All calls return the same augmenter, so a second one does not start anew.")
def make_augmenter(seed, shared={}):
    return shared.setdefault("one", reference.make_augmenter(seed))


@wrong("4.5", "The augmentation is not compiled, so it runs operation by operation.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    def augment(images):
        seeds = generator.make_seeds(2)
        return jitter_stain(flip_and_rotate(images, seeds[:, 0]), seeds[:, 1])

    return augment


@wrong("4.5", "The whole batch is rotated alike: there is one draw for all its images.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    @tf.function
    def augment(images):
        turns = generator.uniform((), 0, 4, tf.int32)
        return tf.ensure_shape(tf.image.rot90(images, turns), images.shape)

    return augment


@wrong("4.5", "The images changed places in the batch, so they no longer match their labels.")
def make_augmenter(seed):
    inner = reference.make_augmenter(seed)
    return tf.function(lambda images: tf.reverse(inner(images), [0]))


@wrong("4.5", "Nothing is augmented.")
def make_augmenter(seed):
    return tf.function(lambda images: tf.identity(images))


@wrong("4.5", "TensorFlow's global seed is set, so other code that sets it changes the draws.")
def make_augmenter(seed):
    tf.random.set_seed(seed)

    @tf.function
    def augment(images):
        seeds = tf.random.uniform((2, 2), 0, 2**30, tf.int32)
        return jitter_stain(flip_and_rotate(images, seeds[0]), seeds[1])

    return augment


@wrong("4.5", "One rotation and one stain were drawn for the whole batch.")
def make_augmenter(seed):
    def change(x, s):
        k = tf.random.stateless_uniform((), s[:, 0], 0, 4, tf.int32)
        g = tf.random.stateless_uniform((3,), s[:, 1], 0.9, 1.1, x.dtype)
        return tf.clip_by_value(tf.ensure_shape(tf.image.rot90(x, k), x.shape) * g, 0, 1)

    return augmenter_with(seed, change)


@wrong("4.5", "In half of the images the last axis was reversed, so RGB becomes BGR.")
def make_augmenter(seed):
    def change(x, s):
        x = jitter_stain(flip_and_rotate(x, s[:, 0]), s[:, 1])
        return tf.where(
            tf.random.stateless_uniform((tf.shape(x)[0], 1, 1, 1), s[:, 0] + 1) < 0.5,
            x,
            tf.reverse(x, [-1]),
        )

    return augmenter_with(seed, change)


@wrong("4.5", "The stained images are not clipped to [0, 1].")
def make_augmenter(seed):
    def change(x, s):
        x = flip_and_rotate(x, s[:, 0])
        return x * tf.random.stateless_uniform(
            (tf.shape(x)[0], 1, 1, 3), s[:, 1], 0.9, 1.1, x.dtype
        )

    return augmenter_with(seed, change)


@wrong("4.5", "float64 images come back as float32.")
def make_augmenter(seed):
    return augmenter_with(
        seed, lambda x, s: jitter_stain(flip_and_rotate(tf.cast(x, tf.float32), s[:, 0]), s[:, 1])
    )


@wrong("4.5", "float64 images cannot be multiplied by float32 gains.")
def make_augmenter(seed):
    def change(x, s):
        x = flip_and_rotate(x, s[:, 0])
        return tf.clip_by_value(
            x * tf.random.stateless_uniform((tf.shape(x)[0], 1, 1, 3), s[:, 1], 0.9, 1.1), 0, 1
        )

    return augmenter_with(seed, change)


@wrong(
    "4.5",
    "A random quarter of the image was cut out: the parasite may be lost, and the label is then "
    "false.",
)
def make_augmenter(seed):
    def change(x, s):
        n = x.shape[1]
        o = tf.random.stateless_uniform((2,), s[:, 0], 0, n // 2, tf.int32)
        y = tf.image.resize(x[:, o[0] : o[0] + n // 2, o[1] : o[1] + n // 2], (n, n))
        return tf.ensure_shape(jitter_stain(y, s[:, 1]), x.shape)

    return augmenter_with(seed, change)


@wrong("4.5", "The pixels were shuffled, which destroys what makes a cell parasitized.")
def make_augmenter(seed):
    def change(x, s):
        b, h, w, c = x.shape
        flat = tf.reshape(x, (b, h * w, c))
        order = tf.argsort(tf.random.stateless_uniform((h * w,), s[:, 0]))
        return jitter_stain(tf.reshape(tf.gather(flat, order, axis=1), x.shape), s[:, 1])

    return augmenter_with(seed, change)


@wrong("4.5", "All augmenters share one generator, which each new one resets.")
def make_augmenter(seed, shared={}):
    if "generator" not in shared:
        shared["generator"] = tf.random.Generator.from_seed(seed)
    generator = shared["generator"]
    generator.reset_from_seed(seed)

    @tf.function
    def augment(images):
        seeds = generator.make_seeds(2)
        return jitter_stain(flip_and_rotate(images, seeds[:, 0]), seeds[:, 1])

    return augment


@wrong("4.5", "TensorFlow's global generator was replaced.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)
    tf.random.set_global_generator(generator)

    @tf.function
    def augment(images):
        seeds = generator.make_seeds(2)
        return jitter_stain(flip_and_rotate(images, seeds[:, 0]), seeds[:, 1])

    return augment


@wrong("4.5", "The static batch size was used, which is unknown when the batch size is open.")
def make_augmenter(seed):
    def change(x, s):
        x = flip_and_rotate(x, s[:, 0])
        return tf.clip_by_value(
            x * tf.random.stateless_uniform((x.shape[0], 1, 1, 3), s[:, 1], 0.9, 1.1, x.dtype), 0, 1
        )

    return augmenter_with(seed, change)


@wrong("4.5", "Ten draws were made in advance and reused in turn.")
def make_augmenter(seed):
    draws = tf.constant(np.random.default_rng(seed).integers(2**30, size=(10, 2, 2)), tf.int32)
    calls = tf.Variable(0, trainable=False)

    @tf.function
    def augment(images):
        flips, stains = tf.unstack(draws[calls % 10])
        calls.assign_add(1)
        return jitter_stain(flip_and_rotate(images, flips), stains)

    return augment


@wrong("4.5", "Every call draws the same symmetries; only the stain changes.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    @tf.function
    def augment(images):
        stains = generator.make_seeds(1)[:, 0]
        return jitter_stain(flip_and_rotate(images, (seed, 0)), stains)

    return augment


@wrong("4.5", "Every call draws the same stain; only the symmetries change.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    @tf.function
    def augment(images):
        flips = generator.make_seeds(1)[:, 0]
        return jitter_stain(flip_and_rotate(images, flips), (seed, 0))

    return augment


@wrong("4.5", "The draws were returned along with the images.")
def make_augmenter(seed):
    def change(x, s):
        return jitter_stain(flip_and_rotate(x, s[:, 0]), s[:, 1]), s

    return augmenter_with(seed, change)


@wrong("4.5", "The images were returned as a NumPy array.")
def make_augmenter(seed):
    augment = reference.make_augmenter(seed)
    return lambda images: augment(images).numpy()


@wrong("4.5", "The images of a first call were returned instead of a function.")
def make_augmenter(seed):
    return reference.make_augmenter(seed)(tf.zeros((1, 8, 8, 3)))


@wrong("4.5", "The signature asks for float32 images, so float64 images are refused.")
def make_augmenter(seed):
    augment = reference.make_augmenter(seed)
    spec = tf.TensorSpec((None, None, None, 3), tf.float32)
    return tf.function(lambda images: augment(images), input_signature=[spec])


@right("4.5", "With a variable that counts the calls.")
def make_augmenter(seed):
    calls = tf.Variable(0, trainable=False)

    @tf.function(reduce_retracing=True)
    def augment(images):
        k = calls.assign_add(1)
        images = flip_and_rotate(images, tf.stack([seed, 2 * k]))
        return jitter_stain(images, tf.stack([seed, 2 * k + 1]))

    return augment


@right("4.5", "The seeds are drawn outside the graph, and given to it.")
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)

    @tf.function(reduce_retracing=True)
    def compiled(images, seeds):
        return jitter_stain(flip_and_rotate(images, seeds[:, 0]), seeds[:, 1], strength=0.2)

    return lambda images: compiled(images, generator.make_seeds(2))


# 4.6


@wrong("4.6", "The loop runs in Python, so the step is called once for each batch.")
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


@wrong("4.6", "The mean was not reset, so it continues over the epochs.")
def compile_epoch(step):
    mean = reference.RunningMean()

    @tf.function
    def epoch(dataset):
        for images, labels in dataset:
            mean.update(tf.fill((tf.shape(labels)[0],), step(images, labels)))
        return mean.result()

    return epoch


@wrong("4.6", "A new tf.function is made for each epoch, so each epoch is traced anew.")
def compile_epoch(step):
    return lambda dataset: reference.compile_epoch(step)(dataset)


@wrong("4.6", "The loss of the last batch was returned.")
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


@wrong("4.6", "Only the first batch was used.")
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


@wrong("4.6", "Only a float64 loss is accepted.")
def compile_epoch(step):
    @tf.function
    def epoch(dataset):
        total = tf.constant(0.0, tf.float64)
        n = tf.constant(0.0, tf.float64)
        for images, labels in dataset:
            b = tf.cast(tf.shape(labels)[0], tf.float64)
            total += step(images, labels) * b
            n += b
        return total / n

    return epoch


@wrong("4.6", "Each new dataset object is traced anew.")
def compile_epoch(step):
    cache = {}

    def epoch(dataset):
        if id(dataset) not in cache:
            inner = reference.compile_epoch(step)
            cache[id(dataset)] = (dataset, tf.function(lambda: inner(dataset)))
        return cache[id(dataset)][1]()

    return epoch


@wrong("4.6", "The batches were taken in another order.")
def compile_epoch(step):
    inner = reference.compile_epoch(step)
    return lambda dataset: inner(dataset.shuffle(100, seed=1))


@wrong("4.6", "The step is compiled, but the loop runs in Python.")
def compile_epoch(step):
    compiled = tf.function(step, reduce_retracing=True)

    def epoch(dataset):
        total = n = 0.0
        for images, labels in dataset:
            b = len(labels)
            total += float(compiled(images, labels)) * b
            n += b
        return total / n

    return epoch


@wrong("4.6", "The step is compiled, but the loop runs in Python.")
def compile_epoch(step):
    compiled = {}

    def epoch(dataset):
        spec = dataset.element_spec
        if "f" not in compiled:
            compiled["f"] = tf.function(step, input_signature=list(spec))
        total = n = 0.0
        for images, labels in dataset:
            b = len(labels)
            total += float(compiled["f"](images, labels)) * b
            n += b
        return tf.constant(total / n)

    return epoch


@wrong("4.6", "The loop relies on the dataset's cardinality, which is unknown after a filter.")
def compile_epoch(step):
    mean = reference.RunningMean()

    @tf.function
    def epoch(dataset):
        mean.reset()
        batches = iter(dataset)
        for _ in tf.range(dataset.cardinality()):
            images, labels = next(batches)
            mean.update(tf.fill([tf.shape(labels)[0]], step(images, labels)))
        return mean.result()

    return epoch


@wrong("4.6", "The dataset was cached in its first epoch, which freezes its augmentation.")
def compile_epoch(step):
    epoch, cached = reference.compile_epoch(step), {}

    def run(dataset):
        kept, _ = cached.setdefault(id(dataset), (dataset.cache(), dataset))
        return epoch(kept)

    return run


@wrong("4.6", "The first dataset was captured in the graph, so later epochs use it again.")
def compile_epoch(step):
    mean, given = reference.RunningMean(), []

    @tf.function
    def run():
        mean.reset()
        for images, labels in given[0]:
            mean.update(tf.fill((tf.shape(labels)[0],), step(images, labels)))
        return mean.result()

    def epoch(dataset):
        given.append(dataset)
        return run()

    return epoch


@wrong("4.6", "The losses of all batches were returned, not their mean.")
def compile_epoch(step):
    @tf.function
    def epoch(dataset):
        losses = tf.TensorArray(tf.float32, 0, dynamic_size=True)
        for images, labels in dataset:
            losses = losses.write(losses.size(), step(images, labels))
        return losses.stack()

    return epoch


@wrong("4.6", "The step itself was compiled, but it takes a batch, not a dataset.")
def compile_epoch(step):
    return tf.function(step)


@wrong("4.6", "The epoch returns nothing.")
def compile_epoch(step):
    inner = reference.compile_epoch(step)

    def epoch(dataset):
        inner(dataset)

    return epoch


@right("4.6", "The loss is a Python float in the end.")
def compile_epoch(step):
    inner = reference.compile_epoch(step)
    return lambda dataset: float(inner(dataset))


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

"""Answers to lesson 5: wrong ones with their mistake, and other right ones."""

import numpy as np
import tensorflow as tf

from solutions import gradient_tape as reference
from solutions.cnn_model import softmax_cross_entropy
from tests.answers import right, wrong

# 5.1


@wrong(
    "5.1",
    "The tape saw no path from the point to the value: watch it, and call the function inside the "
    "block.",
)
def gradient_at(function, point):
    point = tf.convert_to_tensor(point)
    with tf.GradientTape() as tape:
        value = function(point)
    return tape.gradient(value, point)


@wrong(
    "5.1",
    "The tape saw no path from the point to the value: watch it, and call the function inside the "
    "block.",
)
def gradient_at(function, point):
    point = tf.convert_to_tensor(point)
    with tf.GradientTape() as tape:
        tape.watch(point)
    return tape.gradient(function(point), point)


@wrong("5.1", "The value was returned instead of the gradient.")
def gradient_at(function, point):
    return function(tf.convert_to_tensor(point))


@wrong("5.1", "The point was cast to float32.")
def gradient_at(function, point):
    return reference.gradient_at(function, tf.cast(point, tf.float32))


@wrong("5.1", "The sign was reversed.")
def gradient_at(function, point):
    return -reference.gradient_at(function, point)


@wrong("5.1", "The gradient was averaged over the elements.")
def gradient_at(function, point):
    gradient = reference.gradient_at(function, point)
    return tf.ones_like(gradient) * tf.reduce_mean(gradient)


@wrong("5.1", "The function was called on each element separately.")
def gradient_at(function, point):
    point = tf.convert_to_tensor(point)
    found = []
    for x in tf.unstack(tf.reshape(point, (-1,))):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        found.append(tape.gradient(value, x))
    return tf.reshape(tf.stack(found), point.shape)


@wrong("5.1", "The point was flattened before the function was called.")
def gradient_at(function, point):
    point = tf.convert_to_tensor(point)
    flat = tf.reshape(point, (-1,))
    with tf.GradientTape() as tape:
        tape.watch(flat)
        value = function(flat)
    return tf.reshape(tape.gradient(value, flat), point.shape)


@wrong("5.1", "A NumPy array was returned instead of a tensor.")
def gradient_at(function, point):
    return reference.gradient_at(function, point).numpy()


@wrong("5.1", "Axes of length 1 were removed.")
def gradient_at(function, point):
    return tf.squeeze(reference.gradient_at(function, point))


@wrong("5.1", "The derivative of one particular function was used for every function.")
def gradient_at(function, point):
    return 3 * tf.convert_to_tensor(point) ** 2


@wrong("5.1", "The absolute value of the gradient was returned.")
def gradient_at(function, point):
    return tf.abs(reference.gradient_at(function, point))


@wrong("5.1", "The gradient at the first point was kept and returned for every other point.")
def gradient_at(function, point, kept={}):
    if function not in kept:
        kept[function] = reference.gradient_at(function, point)
    return kept[function]


@wrong("5.1", "The point was not watched, and zeros were returned for the missing gradient.")
def gradient_at(function, point):
    point = tf.convert_to_tensor(point)
    with tf.GradientTape() as tape:
        value = function(point)
    return tape.gradient(value, point, unconnected_gradients="zero")


@wrong("5.1", "The tape was asked for a list of gradients, and the list was returned.")
def gradient_at(function, point):
    return [reference.gradient_at(function, point)]


@wrong("5.1", "The gradient was summed over the elements.")
def gradient_at(function, point):
    gradient = reference.gradient_at(function, point)
    return tf.ones_like(gradient) * tf.reduce_sum(gradient)


@wrong("5.1", "The gradient was divided by the number of elements.")
def gradient_at(function, point):
    gradient = reference.gradient_at(function, point)
    return gradient / tf.cast(tf.size(gradient), gradient.dtype)


@right("5.1", "With a variable, which the tape watches by itself.")
def gradient_at(function, point):
    variable = tf.Variable(point)
    with tf.GradientTape() as tape:
        value = function(variable)
    return tape.gradient(value, variable)


@right("5.1", "For tensors only.")
def gradient_at(function, point):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(point)
        value = function(point)
    return tape.gradient(value, point)


# 5.2


def differences(function, point, ahead, behind, width, dtype=None):
    """`(f(x + ahead) - f(x - behind)) / width` for each element, in NumPy."""
    point = np.array(point)
    gradient = np.zeros(point.shape, dtype or point.dtype)
    for index in np.ndindex(point.shape):
        up, down = point.copy(), point.copy()
        up[index] += ahead
        down[index] -= behind
        gradient[index] = (function(tf.constant(up)) - function(tf.constant(down))) / width
    return tf.constant(gradient)


@wrong(
    "5.2", "The difference is one-sided, so its error shrinks like epsilon, not like its square."
)
def numerical_gradient(function, point, epsilon=1e-3):
    return differences(function, point, epsilon, 0, epsilon)


@wrong("5.2", "The difference was divided by epsilon instead of twice epsilon.")
def numerical_gradient(function, point, epsilon=1e-3):
    return differences(function, point, epsilon, epsilon, epsilon)


@wrong("5.2", "All elements were moved at once, which gives only the sum of the slopes.")
def numerical_gradient(function, point, epsilon=1e-3):
    point = tf.convert_to_tensor(point)
    slope = (function(point + epsilon) - function(point - epsilon)) / (2 * epsilon)
    return slope * tf.ones_like(point)


@wrong("5.2", "Each element was moved, but not moved back before the next one.")
def numerical_gradient(function, point, epsilon=1e-3):
    moved = np.array(point)
    gradient = np.zeros_like(moved)
    for index in np.ndindex(moved.shape):
        moved[index] += epsilon
        above = function(tf.constant(moved))
        moved[index] -= 2 * epsilon
        gradient[index] = (above - function(tf.constant(moved))) / (2 * epsilon)
    return tf.constant(gradient)


@wrong("5.2", "The argument epsilon is ignored.")
def numerical_gradient(function, point, epsilon=1e-3):
    return differences(function, point, 1e-1, 1e-1, 2e-1)


@wrong("5.2", "The gradient was returned flat instead of in the shape of the point.")
def numerical_gradient(function, point, epsilon=1e-3):
    return tf.reshape(reference.numerical_gradient(function, point, epsilon), (-1,))


@wrong("5.2", "The sign was reversed.")
def numerical_gradient(function, point, epsilon=1e-3):
    return -reference.numerical_gradient(function, point, epsilon)


@wrong("5.2", "The tape was used instead of finite differences.")
def numerical_gradient(function, point, epsilon=1e-3):
    return reference.gradient_at(function, point)


@wrong("5.2", "The default epsilon is 0.000001, at which only rounding errors are left in float32.")
def numerical_gradient(function, point, epsilon=1e-6):
    return reference.numerical_gradient(function, point, epsilon)


@wrong("5.2", "The default epsilon is 0.1 instead of 0.001.")
def numerical_gradient(function, point, epsilon=1e-1):
    return reference.numerical_gradient(function, point, epsilon)


@wrong("5.2", "np.zeros(shape) is float64, so a float32 point gives a float64 gradient.")
def numerical_gradient(function, point, epsilon=1e-3):
    return differences(function, point, epsilon, epsilon, 2 * epsilon, dtype=np.float64)


@wrong("5.2", "The point was cast to float64, but the gradient was not cast back.")
def numerical_gradient(function, point, epsilon=1e-3):
    return reference.numerical_gradient(function, tf.cast(point, tf.float64), epsilon)


@wrong("5.2", "float64 is hard-coded, so a float32 point is refused.")
def numerical_gradient(function, point, epsilon=1e-3):
    point = tf.convert_to_tensor(point)
    size = int(tf.size(point))
    slopes = []
    for i in range(size):
        step = tf.reshape(epsilon * tf.one_hot(i, size, dtype=tf.float64), point.shape)
        slopes.append((function(point + step) - function(point - step)) / (2 * epsilon))
    return tf.reshape(tf.stack(slopes), point.shape)


@wrong("5.2", "The gradient was returned in float32, whatever the dtype of the point.")
def numerical_gradient(function, point, epsilon=1e-3):
    return tf.cast(reference.numerical_gradient(function, point, epsilon), tf.float32)


@wrong("5.2", "epsilon was used as the whole distance between the two points, not as half of it.")
def numerical_gradient(function, point, epsilon=1e-3):
    return reference.numerical_gradient(function, point, epsilon / 2)


@wrong("5.2", "The two points are four times epsilon apart.")
def numerical_gradient(function, point, epsilon=1e-3):
    return reference.numerical_gradient(function, point, 2 * epsilon)


@wrong("5.2", "epsilon was multiplied by the size of the element.")
def numerical_gradient(function, point, epsilon=1e-3):
    point = tf.convert_to_tensor(point)
    size, flat = int(tf.size(point)), tf.reshape(point, (-1,))
    slopes = []
    for i in range(size):
        e = epsilon * tf.maximum(tf.abs(flat[i]), 1)
        step = tf.reshape(e * tf.one_hot(i, size, dtype=point.dtype), point.shape)
        slopes.append((function(point + step) - function(point - step)) / (2 * e))
    return tf.reshape(tf.stack(slopes), point.shape)


@wrong("5.2", "An epsilon larger than 0.001 was ignored.")
def numerical_gradient(function, point, epsilon=1e-3):
    return reference.numerical_gradient(function, point, min(epsilon, 1e-3))


@wrong("5.2", "A difference of higher order was computed, from four values instead of two.")
def numerical_gradient(function, point, epsilon=1e-3):
    near = reference.numerical_gradient(function, point, epsilon)
    far = reference.numerical_gradient(function, point, 2 * epsilon)
    return (4 * near - far) / 3


@wrong("5.2", "The point was flattened before the function was called.")
def numerical_gradient(function, point, epsilon=1e-3):
    point = tf.convert_to_tensor(point)
    flat = tf.reshape(point, (-1,))
    return tf.reshape(reference.numerical_gradient(function, flat, epsilon), point.shape)


@right("5.2", "With tf.map_fn over the rows of an identity matrix.")
def numerical_gradient(function, point, epsilon=1e-3):
    point = tf.convert_to_tensor(point)

    def slope(row):
        step = epsilon * tf.reshape(row, point.shape)
        return (function(point + step) - function(point - step)) / (2 * epsilon)

    slopes = tf.map_fn(slope, tf.eye(int(tf.size(point)), dtype=point.dtype))
    return tf.reshape(slopes, point.shape)


@right("5.2", "In NumPy, element by element.")
def numerical_gradient(function, point, epsilon=1e-3):
    return differences(function, point, epsilon, epsilon, 2 * epsilon)


# 5.3


def by_hand(
    features,
    labels,
    w1,
    b1,
    w2,
    b2,
    softmax=tf.nn.softmax,
    mean=True,
    passes=lambda before, back: before > 0,
    dtype=None,
):
    """Back-propagation, parts of which a wrong answer replaces or leaves out."""
    dtype = dtype or features.dtype
    before = features @ w1 + b1
    hidden = tf.nn.relu(before)
    logits = hidden @ w2 + b2
    slope = softmax(logits) - tf.one_hot(labels, logits.shape[1], dtype=dtype)
    if mean:
        slope /= tf.cast(tf.shape(features)[0], dtype)
    back = slope @ tf.transpose(w2)
    back *= tf.cast(passes(before, back), dtype)
    return [
        tf.transpose(features) @ back,
        tf.reduce_sum(back, 0),
        tf.transpose(hidden) @ slope,
        tf.reduce_sum(slope, 0),
    ]


@wrong("5.3", "The mean over the batch is missing, so the gradients are those of the sum.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(features, labels, w1, b1, w2, b2, mean=False)


@wrong("5.3", "The mean was taken over all logits instead of over the cells.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    gradients = by_hand(features, labels, w1, b1, w2, b2)
    return [g / tf.cast(tf.size(b2), g.dtype) for g in gradients]


@wrong("5.3", "The mean over the batch was taken twice.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    gradients = by_hand(features, labels, w1, b1, w2, b2)
    return [g / tf.cast(tf.shape(features)[0], g.dtype) for g in gradients]


@wrong("5.3", "The ReLU passes every gradient through in the backward pass.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(features, labels, w1, b1, w2, b2, passes=lambda before, back: True)


@wrong("5.3", "The softmax is missing: the labels were subtracted from the logits.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(features, labels, w1, b1, w2, b2, softmax=tf.identity)


@wrong("5.3", "The ReLU's mask was taken from the gradient instead of from the forward pass.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(features, labels, w1, b1, w2, b2, passes=lambda before, back: back > 0)


@wrong("5.3", "The sign was reversed: labels minus softmax.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return [-g for g in by_hand(features, labels, w1, b1, w2, b2)]


@wrong("5.3", "The gradients of the biases were averaged over the batch a second time.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    dw1, db1, dw2, db2 = by_hand(features, labels, w1, b1, w2, b2)
    count = tf.cast(tf.shape(features)[0], db1.dtype)
    return dw1, db1 / count, dw2, db2 / count


@wrong(
    "5.3", "The values before the ReLU were used for the gradient of the second layer's weights."
)
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    dw1, db1, _, db2 = by_hand(features, labels, w1, b1, w2, b2)
    before = features @ w1 + b1
    logits = tf.nn.relu(before) @ w2 + b2
    slope = tf.nn.softmax(logits) - tf.one_hot(labels, b2.shape[0], dtype=logits.dtype)
    slope /= tf.cast(tf.shape(features)[0], logits.dtype)
    return dw1, db1, tf.transpose(before) @ slope, db2


@wrong("5.3", "Two classes are built in, whatever the number of columns in w2.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    hidden = tf.nn.relu(features @ w1 + b1)
    slope = tf.nn.softmax(hidden @ w2 + b2) - tf.one_hot(labels, 2, dtype=w2.dtype)
    slope /= tf.cast(tf.shape(features)[0], w2.dtype)
    back = tf.where(hidden > 0, slope @ tf.transpose(w2), tf.zeros_like(hidden))
    return (
        tf.transpose(features) @ back,
        tf.reduce_sum(back, 0),
        tf.transpose(hidden) @ slope,
        tf.reduce_sum(slope, 0),
    )


@wrong("5.3", "The gradients were returned in another order.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    dw1, db1, dw2, db2 = by_hand(features, labels, w1, b1, w2, b2)
    return dw1, dw2, db1, db2


@wrong("5.3", "Softmax was applied to the output of a softmax.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    twice = lambda logits: tf.nn.softmax(tf.nn.softmax(logits))  # noqa: E731
    return by_hand(features, labels, w1, b1, w2, b2, softmax=twice)


def plain_softmax(logits):
    exp = tf.exp(logits)
    return exp / tf.reduce_sum(exp, axis=1, keepdims=True)


@wrong("5.3", "The softmax overflows: at logits of 1000 it is NaN.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(features, labels, w1, b1, w2, b2, softmax=plain_softmax)


@wrong("5.3", "The softmax subtracts the largest logit of the batch instead of each row's own.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(
        features, labels, w1, b1, w2, b2, softmax=lambda z: plain_softmax(z - tf.reduce_max(z))
    )


@wrong("5.3", "float64 is hard-coded, so float32 features are refused.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    return by_hand(features, labels, w1, b1, w2, b2, dtype=tf.float64)


@wrong("5.3", "For float32 inputs the gradients were returned in float64.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    features, w1, b1, w2, b2 = (tf.cast(a, tf.float64) for a in (features, w1, b1, w2, b2))
    return by_hand(features, labels, w1, b1, w2, b2)


Tape = tf.GradientTape  # as `from tensorflow import GradientTape` would


@wrong("5.3", "TensorFlow computed the gradients; they should be written out.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    with Tape() as tape:
        tape.watch([w1, b1, w2, b2])
        loss = softmax_cross_entropy(tf.nn.relu(features @ w1 + b1) @ w2 + b2, labels)
    return tape.gradient(loss, [w1, b1, w2, b2])


@wrong("5.3", "TensorFlow 1's tf.gradients was used.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    @tf.function
    def run(w1, b1, w2, b2):
        loss = softmax_cross_entropy(tf.nn.relu(features @ w1 + b1) @ w2 + b2, labels)
        return tf.compat.v1.gradients(loss, [w1, b1, w2, b2])

    return run(w1, b1, w2, b2)


@wrong("5.3", "TensorFlow computed the gradients; they should be written out.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    found = []
    for w in (w1, b1, w2, b2):
        size, slopes = int(tf.size(w)), []
        for i in range(size):
            tangent = tf.reshape(tf.one_hot(i, size, dtype=w.dtype), w.shape)
            with tf.autodiff.ForwardAccumulator(w, tangent) as forward:
                loss = softmax_cross_entropy(tf.nn.relu(features @ w1 + b1) @ w2 + b2, labels)
            slopes.append(forward.jvp(loss))
        found.append(tf.reshape(tf.stack(slopes), w.shape))
    return found


@wrong("5.3", "Finite differences were used instead of the chain rule.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    weights = [w1, b1, w2, b2]

    def loss_of(k):
        def loss(x):
            a, b, c, d = [*weights[:k], x, *weights[k + 1 :]]
            return softmax_cross_entropy(tf.nn.relu(features @ a + b) @ c + d, labels)

        return loss

    return [reference.numerical_gradient(loss_of(k), w, 1e-5) for k, w in enumerate(weights)]


@right("5.3", "In NumPy, by hand as well.")
def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    x, y, w1, b1, w2, b2 = (np.asarray(a) for a in (features, labels, w1, b1, w2, b2))
    hidden = np.maximum(x @ w1 + b1, 0)
    logits = hidden @ w2 + b2
    exp = np.exp(logits - logits.max(1, keepdims=True))
    truth = np.eye(logits.shape[1], dtype=x.dtype)[y]
    slope = (exp / exp.sum(1, keepdims=True) - truth) / x.dtype.type(len(x))
    back = slope @ w2.T * (hidden > 0)
    return [tf.constant(g) for g in (x.T @ back, back.sum(0), hidden.T @ slope, slope.sum(0))]


# 5.4


def recorded(model, images, labels, loss=softmax_cross_entropy, training=True):
    """The loss, and gradients some of which may be None."""
    with tf.GradientTape() as tape:
        value = loss(model(images, training=training), labels)
    return value, tape.gradient(value, model.trainable_variables)


def named(model, gradients):
    """The gradients, if none of them is None."""
    pairs = zip(model.trainable_variables, gradients, strict=True)
    missing = [variable.name for variable, gradient in pairs if gradient is None]
    if missing:
        raise ValueError(f"No gradient reaches {missing}.")
    return list(gradients)


def taped(model, images, labels, loss=softmax_cross_entropy, training=True):
    """A right answer, but for the loss and the mode that a wrong one replaces."""
    value, gradients = recorded(model, images, labels, loss, training)
    return value, named(model, gradients)


def loss_by_static_size(logits, labels):
    """The mean loss where the batch size is known when the graph is made."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_sum(losses) / labels.shape[0]


@wrong("5.4", "The model ran in inference mode, not in training mode.")
def loss_and_gradients(model, images, labels):
    return taped(model, images, labels, training=False)


@wrong("5.4", "Gradients of None were left out or replaced by zeros, so a layer would never learn.")
def loss_and_gradients(model, images, labels):
    loss, gradients = recorded(model, images, labels)
    return loss, [g for g in gradients if g is not None]


@wrong("5.4", "Gradients of None were left out or replaced by zeros, so a layer would never learn.")
def loss_and_gradients(model, images, labels):
    loss, gradients = recorded(model, images, labels)
    pairs = zip(model.trainable_variables, gradients, strict=True)
    return loss, [tf.zeros_like(v) if g is None else g for v, g in pairs]


@wrong("5.4", "The error does not name the variable.")
def loss_and_gradients(model, images, labels):
    loss, gradients = recorded(model, images, labels)
    if any(g is None for g in gradients):
        raise ValueError("Some gradient is None.")
    return loss, list(gradients)


@wrong("5.4", "The gradients are in another order than the variables.")
def loss_and_gradients(model, images, labels):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    return loss, gradients[::-1]


@wrong("5.4", "The loss was summed over the batch.")
def loss_and_gradients(model, images, labels):
    def loss(logits, labels):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_sum(losses)

    return taped(model, images, labels, loss)


@wrong("5.4", "The loss was divided by labels.shape[0], which is None when the batch size is open.")
def loss_and_gradients(model, images, labels):
    return taped(model, images, labels, loss_by_static_size)


@wrong("5.4", "Softmax was applied before a loss that applies it again.")
def loss_and_gradients(model, images, labels):
    def loss(logits, labels):
        return softmax_cross_entropy(tf.nn.softmax(logits), labels)

    return taped(model, images, labels, loss)


@wrong("5.4", "Only gradients of the head were returned.")
def loss_and_gradients(model, images, labels):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    return loss, gradients[-1:]


@wrong("5.4", "The loss was converted to a Python float, but in a graph it has no value yet.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    return float(loss), gradients


@wrong("5.4", "The loss was converted with .numpy(), which a tensor in a graph does not have.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    return loss.numpy(), gradients


@wrong("5.4", "The gradients were returned as NumPy arrays.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    return loss, [g.numpy() for g in gradients]


@wrong("5.4", "The logarithm was taken of a softmax that overflows, which is NaN at large logits.")
def loss_and_gradients(model, images, labels):
    def loss(logits, labels):
        chosen = tf.gather(plain_softmax(logits), labels, batch_dims=1)
        return -tf.reduce_mean(tf.math.log(chosen))

    return taped(model, images, labels, loss)


@wrong("5.4", "Probabilities were clipped, so a confident wrong prediction gives no gradient.")
def loss_and_gradients(model, images, labels):
    def loss(logits, labels):
        p = tf.clip_by_value(tf.nn.softmax(logits), 1e-7, 1 - 1e-7)
        return -tf.reduce_mean(tf.math.log(tf.gather(p, labels, batch_dims=1)))

    return taped(model, images, labels, loss)


@wrong(
    "5.4",
    "A small number was added inside the logarithm, which limits the loss of a confident wrong "
    "prediction.",
)
def loss_and_gradients(model, images, labels):
    def loss(logits, labels):
        chosen = tf.gather(tf.nn.softmax(logits), labels, batch_dims=1)
        return -tf.reduce_mean(tf.math.log(chosen + 1e-10))

    return taped(model, images, labels, loss)


@wrong("5.4", "float64 is hard-coded, so a float32 model is refused.")
def loss_and_gradients(model, images, labels):
    def loss(logits, labels):
        targets = tf.one_hot(labels, 2, dtype=tf.float64)
        return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1))

    return taped(model, images, labels, loss)


@wrong("5.4", "The images were cast to float32.")
def loss_and_gradients(model, images, labels):
    return reference.loss_and_gradients(model, tf.cast(images, tf.float32), labels)


@wrong("5.4", "A gradient of zeros was refused as if it were None.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    pairs = zip(model.trainable_variables, gradients, strict=True)
    still = [v.name for v, g in pairs if tf.executing_eagerly() and not np.any(g)]
    if still:
        raise ValueError(f"No gradient reaches {still}.")
    return loss, gradients


@wrong("5.4", "The error names all variables instead of only those without a gradient.")
def loss_and_gradients(model, images, labels):
    loss, gradients = recorded(model, images, labels)
    if any(g is None for g in gradients):
        raise ValueError(f"One of {[v.name for v in model.trainable_variables]} has none.")
    return loss, gradients


@wrong("5.4", "The statistics were set back after the pass in training mode.")
def loss_and_gradients(model, images, labels):
    before = [tf.identity(v) for v in model.batch_norm_statistics]
    result = reference.loss_and_gradients(model, images, labels)
    for statistic, value in zip(model.batch_norm_statistics, before, strict=True):
        statistic.assign(value)
    return result


@wrong("5.4", "All gradients but the first are NaN.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    return loss, [gradients[0]] + [g * np.nan for g in gradients[1:]]


@wrong("5.4", "The gradients were divided by the batch size, but the loss is a mean already.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    return loss, [g / tf.cast(tf.shape(labels)[0], g.dtype) for g in gradients]


@wrong("5.4", "The gradients were returned first and the loss second.")
def loss_and_gradients(model, images, labels):
    return taped(model, images, labels)[::-1]


@wrong("5.4", "Pairs of a gradient and its variable were returned, as Keras optimizers take them.")
def loss_and_gradients(model, images, labels):
    loss, gradients = taped(model, images, labels)
    return loss, list(zip(gradients, model.trainable_variables, strict=True))


@wrong("5.4", "Only the gradients were returned, without the loss.")
def loss_and_gradients(model, images, labels):
    return taped(model, images, labels)[1]


@wrong("5.4", "The loss of each image was returned, not their mean.")
def loss_and_gradients(model, images, labels):
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
    return losses, named(model, tape.gradient(loss, model.trainable_variables))


@right("5.4", "With tf.nn's loss, as a tuple.")
def loss_and_gradients(model, images, labels):
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
    return loss, tuple(named(model, tape.gradient(loss, model.trainable_variables)))


@wrong("5.4", "Gradients of None were left out or replaced by zeros, so a layer would never learn.")
def loss_and_gradients(model, images, labels):
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = softmax_cross_entropy(model(images, training=True), labels)
    return loss, tape.gradient(loss, variables, unconnected_gradients="zero")


@wrong("5.4", "Only the head ran in training mode, so the base's statistics do not change.")
def loss_and_gradients(model, images, labels):
    with tf.GradientTape() as tape:
        features = model.features(images, training=False)
        loss = softmax_cross_entropy(model.head(features, training=True), labels)
    return loss, named(model, tape.gradient(loss, model.trainable_variables))


# 5.5


@wrong("5.5", "Each gradient was clipped separately, which changes their common direction.")
def clip_gradients(gradients, max_norm):
    return [tf.clip_by_norm(g, max_norm) for g in gradients]


@wrong("5.5", "Each value was clipped, which changes the direction.")
def clip_gradients(gradients, max_norm):
    return [tf.clip_by_value(g, -max_norm, max_norm) for g in gradients]


@wrong("5.5", "Short gradients were scaled up to the norm too.")
def clip_gradients(gradients, max_norm):
    norm = tf.linalg.global_norm(gradients)
    return [g * tf.cast(max_norm / norm, g.dtype) for g in gradients]


@wrong("5.5", "Nothing was clipped.")
def clip_gradients(gradients, max_norm):
    return list(gradients)


@wrong(
    "5.5",
    "The sum of the norms was used as the norm instead of the root of the sum of all squares.",
)
def clip_gradients(gradients, max_norm):
    norm = tf.add_n([tf.norm(g) for g in gradients])
    factor = tf.minimum(tf.cast(max_norm, norm.dtype) / norm, 1)
    return [g * factor for g in gradients]


@wrong("5.5", "The root is missing: the sum of the squares was used as the norm.")
def clip_gradients(gradients, max_norm):
    squares = tf.add_n([tf.reduce_sum(g**2) for g in gradients])
    factor = tf.minimum(tf.cast(max_norm, squares.dtype) / squares, 1)
    return [g * factor for g in gradients]


@wrong("5.5", "The largest value was used as the norm.")
def clip_gradients(gradients, max_norm):
    norm = tf.reduce_max([tf.reduce_max(tf.abs(g)) for g in gradients])
    factor = tf.minimum(tf.cast(max_norm, norm.dtype) / norm, 1)
    return [g * factor for g in gradients]


@wrong("5.5", "Gradients of zero became NaN.")
def clip_gradients(gradients, max_norm):
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(g**2) for g in gradients]))
    return [g / norm * tf.minimum(norm, tf.cast(max_norm, norm.dtype)) for g in gradients]


@wrong("5.5", "The sum of squares was compared with max_norm without taking its root.")
def clip_gradients(gradients, max_norm):
    squares = tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients])
    factor = tf.where(squares > max_norm, max_norm / tf.sqrt(squares), 1)
    return [g * factor for g in gradients]


@wrong("5.5", "The list passed in was modified.")
def clip_gradients(gradients, max_norm):
    norm = tf.linalg.global_norm(gradients)
    for i, g in enumerate(gradients):
        gradients[i] = g * max_norm / tf.maximum(norm, max_norm)
    return gradients


@wrong("5.5", "The norm was converted to a Python number, but in a graph it has no value yet.")
def clip_gradients(gradients, max_norm):
    norm = float(tf.linalg.global_norm(gradients))
    if norm > max_norm:
        return [g * (max_norm / norm) for g in gradients]
    return list(gradients)


@wrong("5.5", "The norm was computed in NumPy, which is impossible in a graph.")
def clip_gradients(gradients, max_norm):
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in gradients))
    return [g * min(1.0, max_norm / norm) if norm > 0 else g for g in gradients]


@wrong("5.5", "float32 is hard-coded, so float64 gradients are refused.")
def clip_gradients(gradients, max_norm):
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients]))
    factor = tf.minimum(tf.constant(max_norm, tf.float32) / norm, 1.0)
    return [g * factor for g in gradients]


@wrong("5.5", "The gradients were returned in float32.")
def clip_gradients(gradients, max_norm):
    return reference.clip_gradients([tf.cast(g, tf.float32) for g in gradients], max_norm)


@wrong("5.5", "A generator was returned, which has no length.")
def clip_gradients(gradients, max_norm):
    return (g for g in reference.clip_gradients(gradients, max_norm))


@wrong("5.5", "Gradients with a norm above 1 were scaled, whatever max_norm is.")
def clip_gradients(gradients, max_norm):
    norm = tf.linalg.global_norm(gradients)
    factor = tf.where(norm > 1, tf.cast(max_norm, norm.dtype) / norm, 1)
    return [g * factor for g in gradients]


@wrong(
    "5.5", "Each gradient was divided by its own norm, so a zero gradient beside others became NaN."
)
def clip_gradients(gradients, max_norm):
    norm = tf.linalg.global_norm(gradients)
    if norm == 0:
        return list(gradients)
    factor = tf.minimum(1.0, max_norm / norm)
    return [g / tf.norm(g) * tf.norm(g) * factor for g in gradients]


@wrong("5.5", "An integer is refused as max_norm.")
def clip_gradients(gradients, max_norm):
    norm, bound = tf.linalg.global_norm(gradients), tf.convert_to_tensor(max_norm)
    if bound.dtype.is_floating:
        bound = tf.cast(bound, norm.dtype)
    return [g * tf.minimum(bound / norm, 1.0) for g in gradients]


@wrong("5.5", "TensorFlow's own function returns the norm too, and both were returned.")
def clip_gradients(gradients, max_norm):
    return tf.clip_by_global_norm(gradients, max_norm)


@right("5.5", "With TensorFlow's own function.")
def clip_gradients(gradients, max_norm):
    return tf.clip_by_global_norm(gradients, max_norm)[0]


# 5.6


@wrong("5.6", "The bias correction is missing, so the first steps are about three times too long.")
class Adam(reference.Adam):
    def apply(self, gradients):
        self.step.assign(1e6)
        super().apply(gradients)


@wrong("5.6", "The steps are not counted, so the bias is always corrected as in the first step.")
class Adam(reference.Adam):
    def apply(self, gradients):
        self.step.assign(0)
        super().apply(gradients)


@wrong("5.6", "The steps are counted in Python, so in a graph the count stays at the first step.")
class Adam(reference.Adam):
    calls = 0

    def apply(self, gradients):
        self.step.assign(float(self.calls))
        self.calls += 1
        super().apply(gradients)


@wrong("5.6", "The update was added instead of subtracted.")
class Adam(reference.Adam):
    def apply(self, gradients):
        super().apply([-g for g in gradients])


@wrong("5.6", "`w = w - change` made a new tensor, so the model's own variable did not change.")
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1.0)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            change, new_m, new_v = reference.adam_update(
                g, m, v, t, self.learning_rate, self.beta_1, self.beta_2, self.epsilon
            )
            m.assign(new_m)
            v.assign(new_v)
            x = x - change


@wrong("5.6", "The learning rate is a Python number, so a compiled step does not follow a change.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, *arguments, **options):
        super().__init__(variables, learning_rate, *arguments, **options)
        self.rate = learning_rate

    def apply(self, gradients):
        self.learning_rate.assign(self.rate)
        super().apply(gradients)


@wrong("5.6", "The second average is of the gradient's absolute value, not of its square.")
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
            v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.abs(g))
            top, bottom = m / (1 - self.beta_1**t), v / (1 - self.beta_2**t)
            x.assign_sub(self.learning_rate * top / (tf.sqrt(bottom) + self.epsilon))


@wrong("5.6", "The root of the second average is missing.")
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
            v.assign(self.beta_2 * v + (1 - self.beta_2) * g**2)
            top, bottom = m / (1 - self.beta_1**t), v / (1 - self.beta_2**t)
            x.assign_sub(self.learning_rate * top / (bottom + self.epsilon))


@wrong("5.6", "Both averages use the same decay rate: beta_1 was used for the squares too.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(variables, learning_rate, beta_1, beta_1, epsilon)


@wrong("5.6", "Epsilon was added inside the root.")
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
            v.assign(self.beta_2 * v + (1 - self.beta_2) * g**2)
            top, bottom = m / (1 - self.beta_1**t), v / (1 - self.beta_2**t)
            x.assign_sub(self.learning_rate * top / tf.sqrt(bottom + self.epsilon))


@wrong("5.6", "This is plain gradient descent, without averages.")
class Adam(reference.Adam):
    def apply(self, gradients):
        for variable, gradient in zip(self.updated, gradients, strict=True):
            variable.assign_sub(self.learning_rate * gradient)


@wrong(
    "5.6",
    "Only the first variable has moving averages; those of the others start at 0 in every step.",
)
class Adam(reference.Adam):
    def apply(self, gradients):
        for k in range(1, len(self.m)):
            self.m[k].assign(tf.zeros_like(self.m[k]))
            self.v[k].assign(tf.zeros_like(self.v[k]))
        super().apply(gradients)


@wrong("5.6", "beta_1 and beta_2 are ignored.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(variables, learning_rate, 0.9, 0.999, epsilon)


@wrong("5.6", "epsilon is ignored.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(variables, learning_rate, beta_1, beta_2, 1e-7)


@wrong("5.6", "The default learning rate is 0.01 instead of 0.001.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-2, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(variables, learning_rate, beta_1, beta_2, epsilon)


@wrong("5.6", "The arguments have other names than learning_rate, beta_1, beta_2 and epsilon.")
class Adam(reference.Adam):
    def __init__(self, variables, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7, learning_rate=None):
        super().__init__(variables, learning_rate or lr, beta1, beta2, eps)


@wrong(
    "5.6",
    "zip stops at the end of the shorter list, so variables without a gradient are left out "
    "silently.",
)
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1.0)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v):
            change, new_m, new_v = reference.adam_update(
                g, m, v, t, self.learning_rate, self.beta_1, self.beta_2, self.epsilon
            )
            m.assign(new_m)
            v.assign(new_v)
            x.assign_sub(change)


@wrong("5.6", "float64 is hard-coded, so float32 variables are refused.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, *arguments, **options):
        super().__init__(variables, learning_rate, *arguments, **options)
        self.learning_rate = tf.Variable(learning_rate, dtype=tf.float64, trainable=False)
        self.step = tf.Variable(0.0, dtype=tf.float64, trainable=False)


@wrong("5.6", "It is not a tf.Module, so a checkpoint does not find its moving averages.")
class Adam:
    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.updated = list(variables)
        dtype = self.updated[0].dtype
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.learning_rate = tf.Variable(learning_rate, dtype=dtype, trainable=False)
        self.step = tf.Variable(0.0, dtype=dtype, trainable=False)
        self.m = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]
        self.v = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]

    apply = reference.Adam.apply


@wrong("5.6", "Variables of one shape share their averages.")
class Adam(reference.Adam):
    def __init__(self, variables, *arguments, **options):
        super().__init__(variables, *arguments, **options)
        first = {}
        for k, v in enumerate(self.updated):
            first.setdefault(tuple(v.shape), k)
        places = [first[tuple(v.shape)] for v in self.updated]
        self.m, self.v = ([slots[k] for k in places] for slots in (self.m, self.v))


@wrong("5.6", "Where a gradient is 0 nothing is updated, but the averages should decay.")
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1.0)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            change, new_m, new_v = reference.adam_update(
                g, m, v, t, self.learning_rate, self.beta_1, self.beta_2, self.epsilon
            )
            m.assign(tf.where(g == 0, m, new_m))
            v.assign(tf.where(g == 0, v, new_v))
            x.assign_sub(tf.where(g == 0, tf.zeros_like(change), change))


@wrong("5.6", "learning_rate is a Python number, which has no assign.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, *arguments, **options):
        super().__init__(variables, learning_rate, *arguments, **options)
        self.learning_rate = learning_rate


@wrong("5.6", "learning_rate is a constant tensor, which has no assign.")
class Adam(reference.Adam):
    def __init__(self, variables, *arguments, **options):
        super().__init__(variables, *arguments, **options)
        self.learning_rate = tf.identity(self.learning_rate)


@wrong("5.6", "The learning rate is stored under another name than learning_rate.")
class Adam(tf.Module):
    def __init__(self, variables, *arguments, **options):
        self.inner = reference.Adam(variables, *arguments, **options)
        self.lr = self.inner.learning_rate

    def apply(self, gradients):
        self.inner.apply(gradients)


@wrong("5.6", "Epsilon is missing, so a gradient of 0 divides 0 by 0.")
class Adam(reference.Adam):
    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__(variables, learning_rate, beta_1, beta_2, 0.0)


@right("5.6", "The paper's faster form, with epsilon before the correction.")
class Adam(tf.Module):
    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        super().__init__()
        self.variables_to_move = tuple(variables)
        dtype = self.variables_to_move[0].dtype
        self.learning_rate = tf.Variable(learning_rate, dtype=dtype, trainable=False)
        self.t = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.betas, self.epsilon = (beta_1, beta_2), epsilon
        self.slots = [
            (
                tf.Variable(tf.zeros_like(v), trainable=False),
                tf.Variable(tf.zeros_like(v), trainable=False),
            )
            for v in self.variables_to_move
        ]

    def apply(self, gradients):
        t = tf.cast(self.t.assign_add(1), self.learning_rate.dtype)
        b1, b2 = self.betas
        rate = self.learning_rate * tf.sqrt(1 - b2**t) / (1 - b1**t)
        for x, g, (m, v) in zip(self.variables_to_move, gradients, self.slots, strict=True):
            m.assign_add((1 - b1) * (g - m))
            v.assign_add((1 - b2) * (g * g - v))
            x.assign_sub(rate * m / (tf.sqrt(v) + self.epsilon))


@right("5.6", "With TensorFlow's own operation for a step, and it gives the variables back.")
class Adam(reference.Adam):
    def apply(self, gradients):
        t = self.step.assign_add(1.0)
        rates = (self.learning_rate, self.beta_1, self.beta_2, self.epsilon)
        rate, b1, b2, epsilon = (tf.convert_to_tensor(x, self.step.dtype) for x in rates)
        for x, g, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=x.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=b1**t,
                beta2_power=b2**t,
                lr=rate,
                beta1=b1,
                beta2=b2,
                epsilon=epsilon,
                grad=g,
            )
        return self.updated


@right("5.6", "The method itself is compiled, and tf.function does not keep its object alive.")
class Adam(reference.Adam):
    @tf.function
    def apply(self, gradients):
        super().apply(gradients)


@wrong("5.6", "The steps are counted in Python, so in a graph the count stays at the first step.")
class Adam(reference.Adam):
    calls = 0

    def apply(self, gradients):
        self.calls += 1
        self.step.assign(float(self.calls) - 1)
        super().apply(gradients)


@wrong("5.6", "Each variable counts as a step, so the bias correction ends too soon.")
class Adam(reference.Adam):
    def apply(self, gradients):
        slots = zip(self.updated, gradients, self.m, self.v, strict=True)
        for x, g, m, v in slots:
            t = self.step.assign_add(1.0)
            change, new_m, new_v = reference.adam_update(
                g, m, v, t, self.learning_rate, self.beta_1, self.beta_2, self.epsilon
            )
            m.assign(new_m)
            v.assign(new_v)
            x.assign_sub(change)


# 5.7


@wrong("5.7", "The gradients were not clipped.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    optimizer.apply(gradients)
    return loss


@wrong("5.7", "The loss after the step was returned instead of the one before it.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    reference.train_step(model, optimizer, images, labels, max_norm)
    return softmax_cross_entropy(model(images, training=False), labels)


@wrong("5.7", "The gradients were never applied.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    return reference.loss_and_gradients(model, images, labels)[0]


@wrong("5.7", "The step was taken twice.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss = reference.train_step(model, optimizer, images, labels, max_norm)
    reference.train_step(model, optimizer, images, labels, max_norm)
    return loss


@wrong("5.7", "max_norm is ignored.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    return reference.train_step(model, optimizer, images, labels, 5.0)


@wrong("5.7", "The optimizer was ignored: the weights were changed at a fixed rate.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    for v, g in zip(model.trainable_variables, gradients, strict=True):
        v.assign_sub(tf.cast(1e-3, g.dtype) * g)
    return loss


@wrong("5.7", "Each gradient was clipped separately.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    optimizer.apply([tf.clip_by_norm(g, max_norm) for g in gradients])
    return loss


@wrong("5.7", "Nothing was returned.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    reference.train_step(model, optimizer, images, labels, max_norm)


@wrong("5.7", "By default the gradients are clipped at a norm other than 5.")
def train_step(model, optimizer, images, labels, max_norm=1.0):
    return reference.train_step(model, optimizer, images, labels, max_norm)


@wrong("5.7", "The statistics changed twice, because the model ran twice in training mode.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss = softmax_cross_entropy(model(images, training=True), labels)
    _, gradients = reference.loss_and_gradients(model, images, labels)
    optimizer.apply(reference.clip_gradients(gradients, max_norm))
    return loss


@wrong("5.7", "The statistics changed twice, because the model ran twice in training mode.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss = reference.train_step(model, optimizer, images, labels, max_norm)
    model(images, training=True)
    return loss


@wrong("5.7", "Short gradients were scaled up to max_norm.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    norm = tf.linalg.global_norm(gradients)
    optimizer.apply([g * (max_norm / norm) for g in gradients])
    return loss


@wrong("5.7", "The gradients were clipped a second time, at 5.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    gradients = reference.clip_gradients(gradients, max_norm)
    optimizer.apply(reference.clip_gradients(gradients, 5.0))
    return loss


@wrong("5.7", "The statistics were set back after the step.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    before = [tf.identity(v) for v in model.batch_norm_statistics]
    loss = reference.train_step(model, optimizer, images, labels, max_norm)
    for statistic, value in zip(model.batch_norm_statistics, before, strict=True):
        statistic.assign(value)
    return loss


@wrong("5.7", "The loss was returned as a Python float.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss = reference.train_step(model, optimizer, images, labels, max_norm)
    return float(loss) if tf.executing_eagerly() else loss


@wrong(
    "5.7", "The step was compiled with the first optimizer and the first max_norm, and keeps both."
)
def train_step(model, optimizer, images, labels, max_norm=5.0, kept={}):
    if id(model) not in kept:
        step = tf.function(lambda *batch: reference.train_step(model, optimizer, *batch, max_norm))
        kept[id(model)] = step, model
    return kept[id(model)][0](images, labels)


@wrong(
    "5.7",
    "The step was skipped for gradients of 0, but the moving averages still change the weights.",
)
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    clipped = reference.clip_gradients(gradients, max_norm)
    if tf.linalg.global_norm(gradients) > 0:
        optimizer.apply(clipped)
    return loss


@wrong("5.7", "float64 is hard-coded, so a float32 model is refused.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    return reference.train_step(model, optimizer, images, labels, tf.constant(max_norm, tf.float64))


@wrong("5.7", "The loss was divided by labels.shape[0], which is None when the batch size is open.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = taped(model, images, labels, loss_by_static_size)
    optimizer.apply(reference.clip_gradients(gradients, max_norm))
    return loss


@wrong("5.7", "tf.random.set_seed was called in each step, so all other random draws repeat.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    tf.random.set_seed(0)
    return reference.train_step(model, optimizer, images, labels, max_norm)


@wrong("5.7", "The gradients were returned along with the loss.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = reference.loss_and_gradients(model, images, labels)
    optimizer.apply(reference.clip_gradients(gradients, max_norm))
    return loss, gradients


@right("5.7", "Written out, with TensorFlow's own clipping.")
def train_step(model, optimizer, images, labels, max_norm=5.0):
    loss, gradients = recorded(model, images, labels)
    optimizer.apply(tf.clip_by_global_norm(gradients, max_norm)[0])
    return loss


# 5.8


def slopes(model, images, target, training=False):
    images = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = target(model(images, training=training))
    return tape.gradient(value, images)


@wrong("5.8", "The sign was kept, so the map can be negative.")
def saliency_map(model, images):
    return tf.reduce_sum(slopes(model, images, lambda z: z[:, 1]), axis=-1)


@wrong("5.8", "The uninfected logit was differentiated.")
def saliency_map(model, images):
    return tf.reduce_max(tf.abs(slopes(model, images, lambda z: z[:, 0])), axis=-1)


@wrong("5.8", "The model ran in training mode, so its statistics changed.")
def saliency_map(model, images):
    found = slopes(model, images, lambda z: z[:, 1], training=True)
    return tf.reduce_max(tf.abs(found), axis=-1)


@wrong("5.8", "The channels were not reduced, so there is one map for each channel.")
def saliency_map(model, images):
    return tf.abs(slopes(model, images, lambda z: z[:, 1]))


@wrong("5.8", "Both logits were differentiated together.")
def saliency_map(model, images):
    return tf.reduce_max(tf.abs(slopes(model, images, tf.reduce_sum)), axis=-1)


@wrong("5.8", "The mean over the batch was differentiated, so larger batches give fainter maps.")
def saliency_map(model, images):
    found = slopes(model, images, lambda z: tf.reduce_mean(z[:, 1]))
    return tf.reduce_max(tf.abs(found), axis=-1)


@wrong("5.8", "The probability was differentiated instead of the logit.")
def saliency_map(model, images):
    found = slopes(model, images, lambda z: tf.nn.softmax(z)[:, 1])
    return tf.reduce_max(tf.abs(found), axis=-1)


@wrong("5.8", "The image's brightness was returned instead of its influence on the logit.")
def saliency_map(model, images):
    return tf.reduce_max(tf.convert_to_tensor(images), axis=-1)


@wrong("5.8", "The map was returned in float32, whatever the dtype of the images.")
def saliency_map(model, images):
    return reference.saliency_map(model, tf.cast(images, tf.float32))


@wrong("5.8", "The map was returned in float32, whatever the dtype of the images.")
def saliency_map(model, images):
    return tf.cast(reference.saliency_map(model, images), tf.float32)


@wrong("5.8", "Maps were made for two images, whatever the number of images.")
def saliency_map(model, images):
    return tf.stack([reference.saliency_map(model, images[i : i + 1])[0] for i in range(2)])


@wrong("5.8", "Each map was scaled so that its largest value is 1.")
def saliency_map(model, images):
    maps = reference.saliency_map(model, images)
    return maps / tf.reduce_max(maps, axis=(1, 2), keepdims=True)


@wrong("5.8", "A single map was returned, the mean over all images.")
def saliency_map(model, images):
    return tf.reduce_mean(reference.saliency_map(model, images), axis=0)


@right("5.8", "The norm over the channels was taken.")
def saliency_map(model, images):
    return tf.norm(slopes(model, images, lambda z: tf.reduce_sum(z[:, 1])), axis=-1)


@right("5.8", "The absolute values were summed over the channels.")
def saliency_map(model, images):
    return tf.reduce_sum(tf.abs(slopes(model, images, lambda z: z[:, 1])), axis=-1)


@right("5.8", "The slopes are added over the channels before their size is taken.")
def saliency_map(model, images):
    with tf.GradientTape() as tape:
        tape.watch(images)
        logit = model(images, training=False)[:, 1]
    return tf.abs(tf.reduce_sum(tape.gradient(logit, images), axis=-1))


@wrong(
    "5.8", "The largest derivative was taken before its absolute value, so negative ones are lost."
)
def saliency_map(model, images):
    signed = slopes(model, images, lambda logits: tf.reduce_sum(logits[:, 1]))
    return tf.abs(tf.reduce_max(signed, axis=-1))

"""Lesson 5: gradients by tape, by differences and by hand, and the optimizer that follows them.

Sources
    [1] Griewank and Walther, "Evaluating derivatives", SIAM 2008: reverse-mode differentiation.
    [2] Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
        Nature 323, 1986.
    [3] Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML
        2013, algorithm 1: clipping by the global norm.
    [4] Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    [5] Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks", 2013, section 3.1:
        saliency maps.
"""

import tensorflow as tf

from .cnn_model import softmax_cross_entropy


def gradient_at(function, point):
    """The gradient of a scalar function, by `tf.GradientTape`.

    Args:
        function: From a tensor to a scalar tensor.
        point: Where to take the gradient: a tensor or array, float, any shape.

    Returns:
        A tensor of the shape and dtype of `point`. Where the function does not depend on the point,
        zeros or the tape's own answer, `None`: both are right.

    Examples:
        >>> gradient_at(lambda x: tf.reduce_sum(x**2), tf.constant([1.0, -2.0])).numpy().tolist()
        [2.0, -4.0]
    """
    point = tf.convert_to_tensor(point)
    # Exercise 5.1: watch the point, record the function, ask the tape
    with tf.GradientTape() as tape:
        tape.watch(point)  # the tape watches variables by itself, but not plain tensors
        value = function(point)
    return tape.gradient(value, point, unconnected_gradients="zero")


def numerical_gradient(function, point, epsilon=1e-3):
    """The gradient of a scalar function, by central differences, element by element.

    Args:
        function: From a tensor to a scalar tensor. It is given points of the shape and dtype of
            `point`.
        point: Where to take the gradient: a tensor or array, float, any shape, `()` included.
        epsilon: Half the distance between the two points of each difference, a positive float. The
            error of the method falls with its square; the rounding error grows with its inverse.

    Returns:
        A tensor of the shape and dtype of `point`.

    Examples:
        >>> point = tf.constant([1.0, 2.0, 3.0], tf.float64)
        >>> numerical_gradient(tf.reduce_prod, point).numpy().round(6).tolist()
        [6.0, 3.0, 2.0]
    """
    point = tf.convert_to_tensor(point)
    # Exercise 5.2: (f(x + e) - f(x - e)) / 2e for each element in turn
    size = int(tf.size(point))
    slopes = []
    for i in range(size):
        step = tf.reshape(epsilon * tf.one_hot(i, size, dtype=point.dtype), point.shape)
        slopes.append((function(point + step) - function(point - step)) / (2 * epsilon))
    return tf.reshape(tf.stack(slopes), point.shape)


def head_gradients_by_hand(features, labels, w1, b1, w2, b2):
    """Back-propagation written out: dense, ReLU, dense, softmax cross-entropy [2]. No tape.

    Args:
        features: `(B, F)`, float; B and F are any numbers.
        labels: `(B,)`, int, in [0, K).
        w1, b1: The hidden layer, `(F, H)` and `(H,)`, of the dtype of `features`.
        w2, b2: The output layer, `(H, K)` and `(K,)`, likewise. The logits may be as large as
            +-1000.

    Returns:
        `(dw1, db1, dw2, db2)`: the gradients of the mean loss over the batch, each of the shape and
        dtype of its weights.

    Examples:
        If the output layer is 0, both classes have the probability 0.5; class 1 should have 1.

        >>> features, labels = tf.constant([[1.0, 2.0]]), tf.constant([1])
        >>> w1, b1, w2, b2 = tf.eye(2), tf.zeros(2), tf.zeros((2, 2)), tf.zeros(2)
        >>> dw1, db1, dw2, db2 = head_gradients_by_hand(features, labels, w1, b1, w2, b2)
        >>> db2.numpy().round(3).tolist()
        [0.5, -0.5]
        >>> dw2.numpy().round(3).tolist()
        [[0.5, -0.5], [1.0, -1.0]]
    """
    features = tf.convert_to_tensor(features)
    # Exercise 5.3: keep what the way back needs, then the chain rule
    # Forward.
    before_relu = features @ w1 + b1  # (B, H)
    hidden = tf.nn.relu(before_relu)  # (B, H)
    logits = hidden @ w2 + b2  # (B, K)
    # Backward: each d... is the gradient of the mean loss with respect to `...`.
    batch_size = tf.cast(tf.shape(features)[0], features.dtype)
    targets = tf.one_hot(labels, logits.shape[-1], dtype=features.dtype)
    dlogits = (tf.nn.softmax(logits) - targets) / batch_size  # (B, K)
    dw2 = tf.matmul(hidden, dlogits, transpose_a=True)  # (H, K)
    db2 = tf.reduce_sum(dlogits, axis=0)  # (K,)
    dhidden = tf.matmul(dlogits, w2, transpose_b=True)  # (B, H)
    dbefore_relu = tf.where(before_relu > 0, dhidden, tf.zeros_like(dhidden))  # (B, H)
    dw1 = tf.matmul(features, dbefore_relu, transpose_a=True)  # (F, H)
    db1 = tf.reduce_sum(dbefore_relu, axis=0)  # (H,)
    return dw1, db1, dw2, db2


def loss_and_gradients(model, images, labels):
    """The loss of a batch in training mode, and its gradients, from one pass through the model.

    Args:
        model: A `CNN`.
        images: `(B, S, S, 3)`, float, in [0, 1]. In a graph B may be open.
        labels: `(B,)`, int, 0 or 1.

    Returns:
        `(loss, gradients)`: the mean softmax cross-entropy, a scalar, and a list in the order of
        `model.trainable_variables`.

    Raises:
        ValueError: The loss does not depend on some variable; the sentence contains its name.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> model = CNN(image_size=8, channels=(4,), hidden=5)
        >>> loss, gradients = loss_and_gradients(model, tf.ones((2, 8, 8, 3)), tf.constant([0, 1]))
        >>> loss.shape, len(gradients) == len(model.trainable_variables)
        (TensorShape([]), True)
    """
    # Exercise 5.4: record in training mode, refuse gradients of None
    with tf.GradientTape() as tape:
        loss = softmax_cross_entropy(model(images, training=True), labels)
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables)
    unused = [
        f"{variable.name} {variable.shape}"
        for variable, gradient in zip(variables, gradients, strict=True)
        if gradient is None
    ]
    if unused:
        raise ValueError(f"The loss does not depend on {', '.join(unused)}.")
    return loss, list(gradients)


def clip_gradients(gradients, max_norm):
    """Scale gradients that are too long, all by one factor, so that they keep their direction [3].

    Args:
        gradients: A list of tensors, float, of any shapes and one dtype.
        max_norm: The maximum global norm, a positive number. The global norm is the root of the sum
            of the squares of all elements of all gradients.

    Returns:
        A list of tensors: scaled to `max_norm` if their global norm exceeds it, else unchanged, in
        the dtype of the gradients.

    Raises:
        ValueError: `max_norm` is not positive.

    Examples:
        The squares of 3, 4 and 12 add up to the square of 13.

        >>> gradients = [tf.constant([3.0, 4.0]), tf.constant([[12.0]])]
        >>> [gradient.numpy().round(3).tolist() for gradient in clip_gradients(gradients, 6.5)]
        [[1.5, 2.0], [[6.0]]]
    """
    if isinstance(max_norm, (int, float)) and max_norm <= 0:
        raise ValueError(f"The greatest norm must be positive, not {max_norm}.")
    # Exercise 5.5: one norm over all gradients, one factor, at most 1
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients]))
    max_norm = tf.convert_to_tensor(max_norm, norm.dtype)  # tf.cast goes through float32
    # Dividing by the greater of the two leaves short gradients untouched, zero ones included.
    return [gradient * (max_norm / tf.maximum(norm, max_norm)) for gradient in gradients]


def adam_update(gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    """One step of Adam for one variable, as pure mathematics [4, algorithm 1].

    Args:
        gradient: g_t, float, any shape.
        m, v: The moving averages of g and of g squared after step t - 1, of the same shape.
        t: The number of this step, from 1, a float scalar.
        learning_rate, beta_1, beta_2, epsilon: The paper's alpha, beta_1, beta_2 and epsilon;
            epsilon is added outside the root, before or after the bias correction of v.

    Returns:
        `(change, m, v)`: what to subtract from the variable, and the new averages.
    """
    # Exercise 5.6: the averages, their bias correction, the change
    m = beta_1 * m + (1 - beta_1) * gradient  # m_t
    v = beta_2 * v + (1 - beta_2) * tf.square(gradient)  # v_t
    m_hat = m / (1 - beta_1**t)  # both averages start at 0: undo that bias
    v_hat = v / (1 - beta_2**t)
    return learning_rate * m_hat / (tf.sqrt(v_hat) + epsilon), m, v


class Adam(tf.Module):
    """The Adam optimizer [4]: `adam_update`, with a memory.

    Attributes:
        learning_rate: A `tf.Variable`: when it is assigned to, compiled steps follow.
        beta_1, beta_2, epsilon: As in the paper, Python numbers.
        updated: The variables that `apply` updates, a list of `tf.Variable`.
        step: The number of updates so far, a float `tf.Variable`.
        m, v: The slots: for each variable the moving average of its gradient, and of its gradient
            squared, lists of `tf.Variable` that start at 0.

    Examples:
        The first step has the size of the learning rate, whatever the gradient is.

        >>> weights = tf.Variable([1.0, 1.0])
        >>> optimizer = Adam([weights], learning_rate=0.5)
        >>> optimizer.apply([tf.constant([0.1, -5.0])])
        >>> weights.numpy().round(3).tolist()
        [0.5, 1.5]
    """

    def __init__(self, variables, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        """Make the slots for `variables`, a list of float `tf.Variable` of one dtype.

        Raises:
            ValueError: The list is empty.
        """
        super().__init__()
        self.updated = list(variables)
        if not self.updated:
            raise ValueError("The optimizer needs at least one variable.")
        dtype = self.updated[0].dtype
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.learning_rate = tf.Variable(learning_rate, dtype=dtype, trainable=False)
        # Exercise 5.6: a step counter, two slots for each variable
        self.step = tf.Variable(0.0, dtype=dtype, trainable=False)
        self.m = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]
        self.v = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.updated]

    def apply(self, gradients):
        """Update the variables, given their gradients in the order of `variables`.

        Raises:
            ValueError: There are not as many gradients as variables.
        """
        if len(gradients) != len(self.updated):
            raise ValueError(
                f"There are {len(gradients)} gradients for {len(self.updated)} variables."
            )
        # Exercise 5.6: count the step, update variables and slots
        t = self.step.assign_add(1.0)
        for variable, gradient, m, v in zip(self.updated, gradients, self.m, self.v, strict=True):
            change, new_m, new_v = adam_update(
                gradient, m, v, t, self.learning_rate, self.beta_1, self.beta_2, self.epsilon
            )
            m.assign(new_m)
            v.assign(new_v)
            variable.assign_sub(change)


def train_step(model, optimizer, images, labels, max_norm=5.0):
    """One step of training: loss, gradients, clipping, update.

    Args:
        model: A `CNN`.
        optimizer: An optimizer over `model.trainable_variables`, such as `Adam`; its `apply` takes
            the gradients.
        images: `(B, S, S, 3)`, float, in [0, 1]. In a graph B may be open.
        labels: `(B,)`, int, 0 or 1.
        max_norm: The maximum global norm of the gradients.

    Returns:
        The loss before the step, a scalar.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> model = CNN(image_size=8, channels=(4,), hidden=5)
        >>> optimizer = Adam(model.trainable_variables)
        >>> train_step(model, optimizer, tf.ones((2, 8, 8, 3)), tf.constant([0, 1])).shape
        TensorShape([])
        >>> int(optimizer.step)
        1
    """
    # Exercise 5.7: put 5.4, 5.5 and the optimizer together
    loss, gradients = loss_and_gradients(model, images, labels)
    optimizer.apply(clip_gradients(gradients, max_norm))
    return loss


def saliency_map(model, images):
    """How strongly each pixel moves the parasitized logit [5].

    Args:
        model: A `CNN`. It runs in inference mode, not in training mode.
        images: `(B, S, S, 3)`, float, in [0, 1].

    Returns:
        `(B, S, S)`, not negative, of the dtype of `images`: the largest absolute derivative over
        the three channels. Their sum, mean or norm is as good.

    Examples:
        >>> from malaria.cnn_model import CNN
        >>> maps = saliency_map(CNN(image_size=8, channels=(4,), hidden=5), tf.ones((2, 8, 8, 3)))
        >>> maps.shape, bool(tf.reduce_all(maps >= 0))
        (TensorShape([2, 8, 8]), True)
    """
    images = tf.convert_to_tensor(images)
    # Exercise 5.8: differentiate the parasitized logits by the pixels
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        # Each logit depends on its own image only, so the sum's gradient holds each one's.
        logits = tf.reduce_sum(model(images, training=False)[:, 1])
    return tf.reduce_max(tf.abs(tape.gradient(logits, images)), axis=-1)

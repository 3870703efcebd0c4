"""Answers to lesson 6: wrong ones with their mistake, and other right ones."""

import math
from unittest import mock

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from solutions import model_training as reference
from solutions.cnn_model import softmax_cross_entropy
from solutions.gradient_tape import Adam, clip_gradients
from tests.answers import right, wrong

# 6.1


@wrong("6.1", "In the head phase all variables were returned, so nothing is frozen.")
def variables_to_train(model, phase):
    reference.variables_to_train(model, phase)
    return model.trainable_variables


@wrong("6.1", "In the head phase the base's variables were returned.")
def variables_to_train(model, phase):
    found = reference.variables_to_train(model, phase)
    return model.base_variables if phase == "head" else found


@wrong("6.1", "A misspelt phase is not noticed; it is treated as one of the two phases.")
def variables_to_train(model, phase):
    return model.trainable_variables if phase == "whole" else model.head_variables


@wrong("6.1", "A misspelt phase is not noticed; it is treated as one of the two phases.")
def variables_to_train(model, phase):
    return model.head_variables if phase == "head" else model.trainable_variables


@wrong("6.1", "The moving statistics were included in the variables to train.")
def variables_to_train(model, phase):
    found = reference.variables_to_train(model, phase)
    return list(model.variables) if phase == "whole" else found


@wrong("6.1", "The order differs from that of the model's trainable_variables.")
def variables_to_train(model, phase):
    return list(reversed(reference.variables_to_train(model, phase)))


@wrong("6.1", "Copies were returned; training them does not change the model.")
def variables_to_train(model, phase):
    return [tf.Variable(v) for v in reference.variables_to_train(model, phase)]


@wrong("6.1", "Only the last dense layer was treated as the head.")
def variables_to_train(model, phase):
    found = reference.variables_to_train(model, phase)
    return found[-2:] if phase == "head" else found


@wrong("6.1", "The base was made untrainable, and the model stays changed.")
def variables_to_train(model, phase):
    found = reference.variables_to_train(model, phase)
    if phase == "head":
        for variable in model.base_variables:
            variable._trainable = False
    return found


@wrong("6.1", "A generator was returned, which is exhausted after one pass.")
def variables_to_train(model, phase):
    return (v for v in reference.variables_to_train(model, phase))


@wrong("6.1", "The variables of the first model were kept and returned for every other model.")
def variables_to_train(model, phase, kept={}):
    if phase not in kept:
        kept[phase] = reference.variables_to_train(model, phase)
    return kept[phase]


@wrong("6.1", "The head's variables are listed by name; another model has other names.")
def variables_to_train(model, phase):
    found = reference.variables_to_train(model, phase)
    return [model.w1, model.b1, model.w2, model.b2] if phase == "head" else found


def choosing(is_whole, is_head):
    """`variables_to_train` with another way to tell the phases."""

    def variables_to_train(model, phase):
        if is_whole(phase):
            return model.trainable_variables
        if is_head(phase):
            return model.head_variables
        raise ValueError("There is no such phase.")

    return variables_to_train


wrong("6.1", "Only the first letter is compared, so 'wholesale' is accepted as 'whole'.")(
    choosing(lambda phase: str(phase).startswith("w"), lambda phase: str(phase).startswith("h"))
)
wrong("6.1", "A string that contains the phase, such as 'the head', is accepted.")(
    choosing(lambda phase: "whole" in str(phase), lambda phase: "head" in str(phase))
)
wrong("6.1", "A part of the word, even the empty string, is accepted as the phase.")(
    choosing(lambda phase: str(phase) in "whole", lambda phase: str(phase) in "head")
)
wrong("6.1", "Case and spaces are ignored, so 'WHOLE' is accepted as 'whole'.")(
    choosing(
        lambda phase: str(phase).strip().lower() == "whole",
        lambda phase: str(phase).strip().lower() == "head",
    )
)
wrong("6.1", "True and False are accepted as the two phases.")(
    choosing(lambda phase: phase in ("whole", True), lambda phase: phase in ("head", False))
)


@right("6.1", "From a dict, as a tuple.")
def variables_to_train(model, phase):
    parts = {"whole": model.trainable_variables, "head": model.head_variables}
    if phase not in parts:
        raise ValueError(f"{phase} is not one of {sorted(parts)}.")
    return tuple(parts[phase])


@wrong("6.1", "An unknown phase raises a KeyError instead of a ValueError.")
def variables_to_train(model, phase):
    return {"whole": model.trainable_variables, "head": model.head_variables}[phase]


# 6.2


def step_of(
    model,
    phase,
    optimizer,
    max_norm,
    label_smoothing,
    features,
    variables=None,
    change=None,
    head=True,
):
    """A compiled step, one part of which a wrong answer replaces."""
    variables = variables or reference.variables_to_train(model, phase)

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model.head(features(images), training=head)
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        gradients = clip_gradients(tape.gradient(loss, variables), max_norm)
        optimizer.apply(change(gradients) if change else gradients)
        return loss

    return step


@wrong("6.2", "The base runs in training mode in the head phase, so its statistics change.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    return step_of(
        model,
        phase,
        optimizer,
        max_norm,
        label_smoothing,
        lambda x: model.features(x, training=True),
    )


@wrong("6.2", "The base runs in inference mode even in the 'whole' phase.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    return step_of(
        model,
        phase,
        optimizer,
        max_norm,
        label_smoothing,
        lambda x: model.features(x, training=False),
    )


@wrong("6.2", "The head runs in inference mode in the head phase, so nothing is dropped.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    whole = phase == "whole"
    return step_of(
        model,
        phase,
        optimizer,
        max_norm,
        label_smoothing,
        lambda x: model.features(x, training=whole),
        head=whole,
    )


@wrong("6.2", "The gradients were not clipped.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    return reference.make_train_step(model, phase, optimizer, 1e9, label_smoothing)


@wrong("6.2", "max_norm is ignored; 5 is always used.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    return reference.make_train_step(model, phase, optimizer, 5.0, label_smoothing)


@wrong("6.2", "Each gradient was clipped separately, which changes their common direction.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    whole = phase == "whole"
    return step_of(
        model,
        phase,
        optimizer,
        1e9,
        label_smoothing,
        lambda x: model.features(x, training=whole),
        change=lambda gradients: [tf.clip_by_norm(g, max_norm) for g in gradients],
    )


@wrong("6.2", "The whole network is trained in both phases.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    reference.variables_to_train(model, phase)
    own = type(optimizer)(model.trainable_variables)
    return reference.make_train_step(model, "whole", own, max_norm, label_smoothing)


@wrong("6.2", "The step is not compiled, so it runs in Python every time.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    return reference.make_train_step(
        model, phase, optimizer, max_norm, label_smoothing
    ).python_function


@wrong("6.2", "Nothing was updated, because the gradients were never applied.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    reference.variables_to_train(model, phase)

    @tf.function
    def step(images, labels):
        features = model.features(images, training=phase == "whole")
        return softmax_cross_entropy(model.head(features, training=True), labels, label_smoothing)

    return step


@wrong("6.2", "The loss after the step was returned instead of the one before it.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    step = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)

    @tf.function(reduce_retracing=True)
    def then(images, labels):
        step(images, labels)
        features = model.features(images, training=False)
        return softmax_cross_entropy(model.head(features, training=True), labels, label_smoothing)

    return then


@wrong("6.2", "The learning rate was read only once, so a schedule has no effect.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    rate = float(optimizer.learning_rate)
    step = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)

    def fixed(images, labels):
        optimizer.learning_rate.assign(rate)
        return step(images, labels)

    return fixed


@wrong("6.2", "stop_gradient was applied to the logits, so the head is frozen too.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    variables = reference.variables_to_train(model, phase)
    if phase == "whole":
        return reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = tf.stop_gradient(model.head(model.features(images, False), True))
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        optimizer.apply(gradients)
        return loss

    return step


@wrong("6.2", "An unknown phase is not refused.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    phase = phase if phase == "whole" else "head"
    return reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)


@wrong(
    "6.2",
    "The first step was kept and returned again, so a later phase uses the graph of the first.",
)
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    step = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    kept = model.__dict__.setdefault("kept_steps", (step,))
    return kept[0]


@wrong("6.2", "By default the gradients are clipped at a norm other than 5.")
def make_train_step(model, phase, optimizer, max_norm=1.0, label_smoothing=0.0):
    return reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)


@wrong(
    "6.2",
    "In the head phase the base gets gradients of zero; the optimizer's moving averages still "
    "change it.",
)
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    if phase == "whole":
        model.__dict__["first"] = optimizer
        return reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    first = model.__dict__.get("first", optimizer)

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model.head(model.features(images, training=False), training=True)
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        gradients = clip_gradients(tape.gradient(loss, model.head_variables), max_norm)
        if first is not optimizer:
            first.apply([tf.zeros_like(v) for v in model.trainable_variables])
        optimizer.apply(gradients)
        return loss

    return step


@wrong("6.2", "The base was made untrainable, and the model stays changed.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    step = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    if phase == "head":
        for variable in model.base_variables:
            variable._trainable = False
    return step


@wrong(
    "6.2",
    "The phase is an attribute of the model that is read during tracing, so the last step made "
    "decides.",
)
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    reference.variables_to_train(model, phase)
    model.__dict__["phase"] = phase

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        whole = model.__dict__["phase"] == "whole"
        variables = model.trainable_variables if whole else model.head_variables
        with tf.GradientTape() as tape:
            logits = model.head(model.features(images, training=whole), training=True)
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        optimizer.apply(clip_gradients(tape.gradient(loss, variables), max_norm))
        return loss

    return step


@wrong("6.2", "One step was kept for each phase, so a second optimizer is ignored.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    kept = model.__dict__.setdefault("kept_by_phase", {})
    if phase not in kept:
        kept[phase] = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    return kept[phase]


@wrong("6.2", "Only the loss and the gradients are compiled; the update runs in Python.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    variables = reference.variables_to_train(model, phase)

    @tf.function(reduce_retracing=True)
    def differentiate(images, labels):
        with tf.GradientTape() as tape:
            features = model.features(images, training=phase == "whole")
            loss = softmax_cross_entropy(
                model.head(features, training=True), labels, label_smoothing
            )
        return loss, tape.gradient(loss, variables)

    def step(images, labels):
        loss, gradients = differentiate(images, labels)
        optimizer.apply(clip_gradients(gradients, max_norm))
        return loss

    return step


@wrong("6.2", "In the head phase the base is not compiled.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    if phase != "head":
        return reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    head = reference.make_train_step(
        reference.Head(model), phase, optimizer, max_norm, label_smoothing
    )
    return lambda images, labels: head(model.features(images, training=False), labels)


@wrong(
    "6.2",
    "The loss was returned as a Python float, which does not exist in a graph around the step.",
)
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    step = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    return lambda images, labels: float(step(images, labels))


@wrong("6.2", "The loss comes from a separate forward pass, with another dropout mask.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    inner = reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)
    if phase != "head":
        return inner

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        logits = model.head(model.features(images, training=False), training=True)
        loss = softmax_cross_entropy(logits, labels, label_smoothing)
        inner(images, labels)
        return loss

    return step


def step_with_loss(loss_of, convert=lambda images: images):
    """`make_train_step` with another loss, or with images that are converted first."""

    def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
        variables = reference.variables_to_train(model, phase)

        @tf.function(reduce_retracing=True)
        def step(images, labels):
            with tf.GradientTape() as tape:
                features = model.features(convert(images), training=phase == "whole")
                loss = loss_of(model.head(features, training=True), labels, label_smoothing)
            optimizer.apply(clip_gradients(tape.gradient(loss, variables), max_norm))
            return loss

        return step

    return make_train_step


def smoothed(labels, label_smoothing, dtype):
    return (1 - label_smoothing) * tf.one_hot(labels, 2, dtype=dtype) + label_smoothing / 2


def summed_cross_entropy(logits, labels, label_smoothing):
    mean = softmax_cross_entropy(logits, labels, label_smoothing)
    return mean * tf.cast(len(labels), logits.dtype)


def plain_cross_entropy(logits, labels, label_smoothing):
    exp = tf.exp(logits)
    logs = tf.math.log(exp / tf.reduce_sum(exp, axis=1, keepdims=True))
    targets = smoothed(labels, label_smoothing, logits.dtype)
    return -tf.reduce_mean(tf.reduce_sum(targets * logs, axis=1))


def cross_entropy_in_float64(logits, labels, label_smoothing):
    targets = smoothed(labels, label_smoothing, tf.float64)
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1))


def cross_entropy_of_the_other_class(logits, labels, label_smoothing):
    other = softmax_cross_entropy(logits, 1 - labels)
    return (1 - label_smoothing) * softmax_cross_entropy(logits, labels) + label_smoothing * other


wrong("6.2", "The loss was summed over the batch instead of averaged.")(
    step_with_loss(summed_cross_entropy)
)
wrong(
    "6.2",
    "The softmax was written out: exp() of a large logit is infinite, and the loss is NaN.",
)(step_with_loss(plain_cross_entropy))
wrong("6.2", "The targets are always float64, so a float32 model cannot be trained.")(
    step_with_loss(cross_entropy_in_float64)
)
wrong("6.2", "The images, which are already in [0, 1], were divided by 255.")(
    step_with_loss(softmax_cross_entropy, convert=lambda images: images / 255)
)

# Label smoothing

wrong(
    "6.2",
    "The returned loss is not smoothed: label_smoothing is ignored, or used in the gradient only.",
)(step_with_loss(lambda logits, labels, _: softmax_cross_entropy(logits, labels)))
wrong(
    "6.2",
    "The whole share of the smoothing goes to the other class; the label's own gets a part too.",
)(step_with_loss(cross_entropy_of_the_other_class))


def smoothing_in(phases):
    """`make_train_step` that smooths the labels in some phases only."""

    def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
        used = label_smoothing if phase in phases else 0.0
        return reference.make_train_step(model, phase, optimizer, max_norm, used)

    return make_train_step


wrong("6.2", "The labels are smoothed in the 'whole' phase only.")(smoothing_in(["whole"]))
wrong("6.2", "The labels are smoothed in the head phase only.")(smoothing_in(["head"]))


def two_losses(smooth_trained, smooth_returned):
    """`make_train_step` that returns another loss than the one that it trains on."""

    def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
        variables = reference.variables_to_train(model, phase)

        @tf.function(reduce_retracing=True)
        def step(images, labels):
            with tf.GradientTape() as tape:
                features = model.features(images, training=phase == "whole")
                logits = model.head(features, training=True)
                loss = softmax_cross_entropy(logits, labels, label_smoothing * smooth_trained)
            optimizer.apply(clip_gradients(tape.gradient(loss, variables), max_norm))
            return softmax_cross_entropy(logits, labels, label_smoothing * smooth_returned)

        return step

    return make_train_step


wrong(
    "6.2",
    "The returned loss is not smoothed: label_smoothing is ignored, or used in the gradient only.",
)(two_losses(smooth_trained=1, smooth_returned=0))
wrong("6.2", "The step returns the smoothed loss, but differentiates the loss without smoothing.")(
    two_losses(smooth_trained=0, smooth_returned=1)
)


@wrong("6.2", "By default the labels are smoothed by 0.1.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.1):
    return reference.make_train_step(model, phase, optimizer, max_norm, label_smoothing)


@right("6.2", "With stop_gradient on the features of the head phase.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    if phase not in ("whole", "head"):
        raise ValueError(f"{phase} is not a phase.")
    whole = phase == "whole"

    def features(images):
        found = model.features(images, training=whole)
        return found if whole else tf.stop_gradient(found)

    variables = model.trainable_variables if whole else model.head_variables
    return step_of(model, phase, optimizer, max_norm, label_smoothing, features, variables)


@right("6.2", "TensorFlow's own loss and clipping, one trace for each batch size.")
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    variables = reference.variables_to_train(model, phase)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            features = model.features(images, training=phase == "whole")
            logits = model.head(features, training=True)
            targets = smoothed(labels, label_smoothing, logits.dtype)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), max_norm)
        optimizer.apply(gradients)
        return loss

    return step


@right(
    "6.2", "The smoothed loss as a mix of two: that of the labels and that of all classes alike."
)
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    variables = reference.variables_to_train(model, phase)

    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model.head(model.features(images, training=phase == "whole"), training=True)
            logs = tf.nn.log_softmax(logits)
            chosen = tf.reduce_mean(tf.gather(logs, labels, batch_dims=1))
            loss = -(1 - label_smoothing) * chosen - label_smoothing * tf.reduce_mean(logs)
        optimizer.apply(clip_gradients(tape.gradient(loss, variables), max_norm))
        return loss

    return tf.function(step)


@wrong(
    "6.2",
    "In the head phase the base's gradients count in the norm, so the head's steps are too short.",
)
def make_train_step(model, phase, optimizer, max_norm=5.0, label_smoothing=0.0):
    wanted = {variable.ref() for variable in reference.variables_to_train(model, phase)}

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            features = model.features(images, training=phase == "whole")
            loss = softmax_cross_entropy(model.head(features, True), labels, label_smoothing)
        everything = model.trainable_variables
        clipped = clip_gradients(tape.gradient(loss, everything), max_norm)
        pairs = zip(everything, clipped, strict=True)
        optimizer.apply([gradient for variable, gradient in pairs if variable.ref() in wanted])
        return loss

    return step


# 6.3


def gathered(model, dataset, training=False):
    pairs = [(model(images, training=training), labels) for images, labels in dataset]
    logits, labels = (tf.concat(part, axis=0) for part in zip(*pairs, strict=True))
    return logits, labels.numpy()


def with_figure(name, function):
    """`evaluate` with one figure replaced by `function(scores, labels)`."""

    def evaluate(model, dataset):
        figures = reference.evaluate(model, dataset)
        logits, labels = gathered(model, dataset)
        logits = np.float64(logits)
        return figures | {name: float(function(logits[:, 1] - logits[:, 0], labels))}

    return evaluate


@wrong("6.3", "The loss was averaged over batches, although their sizes differ.")
def evaluate(model, dataset):
    losses = [float(softmax_cross_entropy(model(x, training=False), y)) for x, y in dataset]
    return reference.evaluate(model, dataset) | {"loss": float(np.mean(losses))}


@wrong("6.3", "The accuracy was averaged over batches, although their sizes differ.")
def evaluate(model, dataset):
    shares = [
        float(np.mean(np.argmax(model(x, training=False), 1) == y.numpy())) for x, y in dataset
    ]
    return reference.evaluate(model, dataset) | {"accuracy": float(np.mean(shares))}


@wrong("6.3", "Only the last batch was scored.")
def evaluate(model, dataset):
    return reference.evaluate(model, list(dataset)[-1:])


@wrong("6.3", "Only the first batch was scored.")
def evaluate(model, dataset):
    return reference.evaluate(model, list(dataset)[:1])


@wrong("6.3", "The short last batch was left out.")
def evaluate(model, dataset):
    batches = list(dataset)
    size = len(batches[0][1])
    return reference.evaluate(model, [batch for batch in batches if len(batch[1]) == size])


@wrong("6.3", "Sensitivity and specificity were swapped.")
def evaluate(model, dataset):
    figures = reference.evaluate(model, dataset)
    swap = {"sensitivity": figures["specificity"], "specificity": figures["sensitivity"]}
    return figures | swap


@wrong("6.3", "The model ran in training mode, so its statistics changed.")
def evaluate(model, dataset):
    gathered(model, dataset, training=True)
    return reference.evaluate(model, dataset)


def with_auc_of(scores_of=lambda logits: logits[:, 1] - logits[:, 0], tie=0.5):
    """`evaluate` whose AUC ranks by other scores of the logits, or counts ties in another way."""

    def evaluate(model, dataset):
        figures = reference.evaluate(model, dataset)
        logits, labels = gathered(model, dataset)
        scores = np.asarray(scores_of(np.float64(logits)))
        sick, well = scores[labels == 1][:, None], scores[labels == 0]
        if sick.size == 0 or well.size == 0:
            return figures
        return figures | {"auc": float(np.mean((sick > well) + tie * (sick == well)))}

    return evaluate


def probabilities(logits, dtype=tf.float64):
    return tf.nn.softmax(tf.cast(logits, dtype)).numpy()


wrong("6.3", "Ties count as 1 in the AUC instead of one half.")(with_auc_of(tie=1.0))
wrong("6.3", "Ties count as 0 in the AUC instead of one half.")(with_auc_of(tie=0.0))
wrong("6.3", "The AUC ranks by the logit of one class instead of the difference of the two.")(
    with_auc_of(lambda logits: logits[:, 1])
)
wrong("6.3", "The AUC ranks by the confidence of the prediction, whichever class it is for.")(
    with_auc_of(lambda logits: probabilities(logits).max(axis=1))
)
wrong(
    "6.3",
    "The AUC ranks by probabilities in float32, in which confident predictions become ties.",
)(with_auc_of(lambda logits: probabilities(logits, tf.float32)[:, 1]))
wrong("6.3", "The AUC ranks by probabilities rounded to three digits, which makes ties.")(
    with_auc_of(lambda logits: probabilities(logits)[:, 1].round(3))
)


@wrong("6.3", "The AUC was computed from the decisions instead of the scores.")
def evaluate(model, dataset):
    figures = reference.evaluate(model, dataset)
    return figures | {"auc": (figures["sensitivity"] + figures["specificity"]) / 2}


@wrong("6.3", "A figure that is undefined because a class is absent became 0.")
def evaluate(model, dataset):
    figures = reference.evaluate(model, dataset)
    return {name: 0.0 if math.isnan(value) else value for name, value in figures.items()}


@wrong("6.3", "The AUC of a dataset with only one class became 0.5.")
def evaluate(model, dataset):
    figures = reference.evaluate(model, dataset)
    return figures | {"auc": 0.5 if math.isnan(figures["auc"]) else figures["auc"]}


@wrong("6.3", "Uninfected was used as the positive class.")
def evaluate(model, dataset):
    figures = reference.evaluate(model, dataset)
    swap = {"sensitivity": figures["specificity"], "specificity": figures["sensitivity"]}
    return figures | swap | {"auc": 1 - figures["auc"]}


@wrong("6.3", "Tensors were returned instead of floats.")
def evaluate(model, dataset):
    return {k: tf.constant(v) for k, v in reference.evaluate(model, dataset).items()}


@wrong("6.3", "The sensitivity was divided by all cells instead of the parasitized ones.")
def evaluate(model, dataset):
    return with_figure("sensitivity", lambda s, y: np.mean((s > 0) & (y == 1)))(model, dataset)


@wrong("6.3", "The precision was reported as the sensitivity.")
def evaluate(model, dataset):
    def precision(scores, labels):
        called = labels[scores > 0]
        return called.mean() if len(called) else math.nan

    return with_figure("sensitivity", precision)(model, dataset)


@wrong(
    "6.3",
    "The dataset was read twice, but a shuffled one gives its labels in another order the second "
    "time.",
)
def evaluate(model, dataset):
    images = [images for images, _ in dataset]
    labels = [labels for _, labels in dataset]
    return reference.evaluate(model, zip(images, labels, strict=True))


@wrong("6.3", "Softmax was applied before a loss that applies it again.")
def evaluate(model, dataset):
    logits, labels = gathered(model, dataset)
    loss = float(softmax_cross_entropy(tf.nn.softmax(logits), labels))
    return reference.evaluate(model, dataset) | {"loss": loss}


@wrong(
    "6.3", "The logarithm was taken of a probability that had become 0, so the loss is infinite."
)
def evaluate(model, dataset):
    logits, labels = gathered(model, dataset)
    chosen = tf.gather(tf.nn.softmax(logits), labels, batch_dims=1)
    loss = float(-tf.reduce_mean(tf.math.log(chosen)))
    return reference.evaluate(model, dataset) | {"loss": loss}


@wrong("6.3", "The model's dropout was switched off and not switched on again.")
def evaluate(model, dataset):
    if hasattr(model, "dropout"):
        model.dropout = 0.0
    return reference.evaluate(model, dataset)


@wrong("6.3", "An AUC below 0.5 was replaced by 1 - AUC.")
def evaluate(model, dataset):
    figures = reference.evaluate(model, dataset)
    return figures | {"auc": max(figures["auc"], 1 - figures["auc"])}


@right("6.3", "By counting pairs, from probabilities.")
def evaluate(model, dataset):
    logits, labels = gathered(model, dataset)
    loss = float(tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)))
    scores = tf.nn.softmax(tf.cast(logits, tf.float64)).numpy()[:, 1]
    calls = scores > 0.5
    sick, well = scores[labels == 1], scores[labels == 0]
    both = len(sick) and len(well)
    pairs = (sick[:, None] > well).astype(float) + 0.5 * (sick[:, None] == well)
    return {
        "loss": loss,
        "accuracy": float(np.mean(calls == labels)),
        "sensitivity": float(np.mean(calls[labels == 1])) if len(sick) else float("nan"),
        "specificity": float(np.mean(~calls[labels == 0])) if len(well) else float("nan"),
        "auc": float(pairs.mean()) if both else float("nan"),
        "examples": len(labels),
    }


@right("6.3", "NumPy's mean of nothing is the NaN that is asked for; it warns.")
def evaluate(model, dataset):
    logits, labels = zip(*((model(images, training=False), y) for images, y in dataset))
    logits, labels = np.concatenate(logits), np.concatenate(labels)
    scores = logits[:, 1] - logits[:, 0]
    sick, well = scores[labels == 1], scores[labels == 0]
    pairs = np.sign(sick[:, None] - well) / 2 + 0.5
    return {
        "loss": float(softmax_cross_entropy(tf.constant(logits), tf.constant(labels))),
        "accuracy": float(np.mean((scores > 0) == (labels == 1))),
        "sensitivity": float(np.mean(sick > 0)),
        "specificity": float(np.mean(well <= 0)),
        "auc": float(np.mean(pairs)),
    }


@wrong("6.3", "The loss was averaged over batches, although their sizes differ.")
def evaluate(model, dataset):
    batches = [reference.evaluate(model, [batch]) for batch in dataset]
    means = {name: float(np.mean([b[name] for b in batches])) for name in ("loss", "accuracy")}
    return reference.evaluate(model, dataset) | means


# 6.4


def decay(step, total, peak, warmup_fraction, warmup=None, shape=None, after=True, floor=0.0):
    """Cosine decay, parts of which a wrong answer replaces."""
    if total <= 0 or not 0 <= warmup_fraction < 1:
        raise ValueError("steps or fraction")
    step = tf.cast(step, tf.float64)
    warmup = warmup_fraction * total if warmup is None else warmup
    done = (step - warmup) / (total - warmup)
    if after:
        done = tf.clip_by_value(done, 0.0, 1.0)
    falling = shape(done) if shape else (1 + tf.cos(math.pi * done)) / 2
    rising = step / warmup if warmup else tf.ones_like(step)
    return peak * tf.where(step < warmup, rising, floor + (1 - floor) * falling)


@wrong("6.4", "There is no warm-up.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(step, total_steps, peak, 0.0)


@wrong("6.4", "The warm-up was rounded to whole steps.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = float(int(warmup_fraction * total_steps))
    return decay(step, total_steps, peak, warmup_fraction, warmup=warmup)


@wrong("6.4", "The decay is linear instead of a cosine.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(step, total_steps, peak, warmup_fraction, shape=lambda done: 1 - done)


@wrong(
    "6.4",
    "A quarter of a cosine wave was used instead of a half, so the rate falls most steeply at the "
    "end.",
)
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(
        step, total_steps, peak, warmup_fraction, shape=lambda done: tf.cos(math.pi * done / 2)
    )


@wrong("6.4", "After the last step the rate rises again.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(step, total_steps, peak, warmup_fraction, after=False)


@wrong("6.4", "The decay counts from step 0 instead of from the end of the warm-up.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    step = tf.cast(step, tf.float64)
    warmup = warmup_fraction * total_steps
    if warmup and float(step) < warmup:
        return peak * step / warmup
    done = tf.minimum(step / total_steps, 1.0)
    return peak * (1 + tf.cos(math.pi * done)) / 2


@wrong(
    "6.4", "After the warm-up the decay takes total_steps steps instead of the steps that remain."
)
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = warmup_fraction * total_steps
    step = tf.cast(step, tf.float64)
    done = tf.clip_by_value((step - warmup) / total_steps, 0.0, 1.0)
    rising = step / warmup if warmup else tf.ones_like(step)
    return peak * tf.where(step < warmup, rising, (1 + tf.cos(math.pi * done)) / 2)


@wrong("6.4", "The decay ends one step late, so at the last step the rate is not 0 yet.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = warmup_fraction * total_steps
    return curve(step, total_steps, peak, warmup, warmup, total_steps + 1 - warmup)


@wrong("6.4", "The decay ends one step early, so the last step changes nothing.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = warmup_fraction * total_steps
    return curve(step, total_steps, peak, warmup, warmup, max(total_steps - 1 - warmup, 1e-9))


@wrong("6.4", "The warm-up is one step ahead, so it does not start at 0.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = warmup_fraction * total_steps
    step = tf.cast(step, tf.float64)
    rate = decay(step, total_steps, peak, warmup_fraction)
    return tf.where(step < warmup, peak * tf.minimum((step + 1) / max(warmup, 1), 1), rate)


@wrong("6.4", "The peak is ignored.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(step, total_steps, 1.0, warmup_fraction)


@wrong("6.4", "The rate ends at a tenth of the peak instead of 0.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(step, total_steps, peak, warmup_fraction, floor=0.1)


@wrong("6.4", "A warm-up of 0 leads to a division by 0.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    step = tf.cast(step, tf.float64)
    warmup = tf.constant(warmup_fraction * total_steps, tf.float64)
    falling = (
        1 + tf.cos(math.pi * tf.clip_by_value((step - warmup) / (total_steps - warmup), 0, 1))
    ) / 2
    return peak * tf.minimum(step / warmup, 1.0) * tf.cast(step < warmup, tf.float64) + (
        peak * falling * tf.cast(step >= warmup, tf.float64)
    )


@wrong("6.4", "The step was rounded down to a whole number.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = warmup_fraction * total_steps
    step = int(step)
    if step < warmup:
        return peak * step / warmup
    done = min((step - warmup) / (total_steps - warmup), 1)
    return peak * (1 + math.cos(math.pi * done)) / 2


@wrong("6.4", "By default the warm-up takes 0.2 of the steps instead of 0.1.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.2):
    return decay(step, total_steps, peak, warmup_fraction)


def curve(step, total, peak, warmup, rising_over, falling_over):
    step = tf.cast(step, tf.float32)
    rising = step / rising_over if rising_over > 0 else tf.ones_like(step)
    progress = tf.clip_by_value((step - warmup) / falling_over, 0, 1)
    return peak * tf.where(step < warmup, rising, (1 + tf.cos(math.pi * progress)) / 2)


def checked(total, fraction):
    if total <= 0 or not 0 <= fraction < 1:
        raise ValueError("Wrong steps or warm-up.")
    return fraction * total


@wrong("6.4", "A warm-up shorter than one step was rounded up to one step.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = checked(total_steps, warmup_fraction)
    warmup = max(1.0, warmup) if warmup else 0.0
    return curve(step, total_steps, peak, warmup, warmup, max(total_steps - warmup, 1e-9))


@wrong("6.4", "max(1, ...), used to avoid dividing by 0, also changes lengths below one step.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    warmup = checked(total_steps, warmup_fraction)
    falling_over = max(1.0, total_steps - warmup)
    return curve(step, total_steps, peak, warmup, max(1.0, warmup), falling_over)


@wrong("6.4", "The step was rounded down to a whole number.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return reference.cosine_decay(tf.cast(step, tf.int32), total_steps, peak, warmup_fraction)


@right("6.4", "With a minimum of both curves' progress, in float64.")
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    return decay(step, total_steps, peak, warmup_fraction)


# 6.5


@wrong("6.5", "The base ran in training mode.")
def base_features(model, dataset):
    batches = [(model.features(images, training=True), labels) for images, labels in dataset]
    return tuple(tf.concat(part, axis=0) for part in zip(*batches, strict=True))


@wrong("6.5", "The dataset was read twice, but a shuffled one comes in another order each time.")
def base_features(model, dataset):
    features = tf.concat([model.features(images, False) for images, _ in dataset], axis=0)
    return features, tf.concat([labels for _, labels in dataset], axis=0)


@wrong("6.5", "The logits were returned instead of the features.")
def base_features(model, dataset):
    batches = [(model(images, training=False), labels) for images, labels in dataset]
    return tuple(tf.concat(part, axis=0) for part in zip(*batches, strict=True))


@wrong("6.5", "Only the last batch was returned.")
def base_features(model, dataset):
    for images, labels in dataset:
        found = model.features(images, training=False), labels
    return found


@wrong("6.5", "Only the first batch was returned.")
def base_features(model, dataset):
    return next((model.features(images, training=False), labels) for images, labels in dataset)


@wrong("6.5", "The short last batch was left out.")
def base_features(model, dataset):
    features, labels = reference.base_features(model, dataset)
    size = len(next(iter(dataset))[1])
    whole = len(labels) // size * size
    return features[:whole], labels[:whole]


@wrong("6.5", "The features were sorted by class, so they no longer match their labels.")
def base_features(model, dataset):
    features, labels = reference.base_features(model, dataset)
    order = tf.argsort(labels, stable=True)
    return tf.gather(features, order), labels


@wrong("6.5", "The labels are missing.")
def base_features(model, dataset):
    return reference.base_features(model, dataset)[0]


@wrong("6.5", "A list of batches was returned instead of one array.")
def base_features(model, dataset):
    batches = [(model.features(images, training=False), labels) for images, labels in dataset]
    features, labels = zip(*batches, strict=True)
    return np.array(features, dtype=object), np.array(labels, dtype=object)


@wrong(
    "6.5",
    "The features of the first call were kept and returned again, although the base has changed.",
)
def base_features(model, dataset):
    if "kept_features" not in model.__dict__:
        model.__dict__["kept_features"] = reference.base_features(model, dataset)
    return model.__dict__["kept_features"]


@wrong("6.5", "The labels were returned as floats.")
def base_features(model, dataset):
    features, labels = reference.base_features(model, dataset)
    return features, tf.cast(labels, tf.float32)


@wrong("6.5", "The labels were returned as booleans.")
def base_features(model, dataset):
    features, labels = reference.base_features(model, dataset)
    return features, tf.cast(labels, tf.bool)


@wrong("6.5", "The base was made untrainable, and the model stays changed.")
def base_features(model, dataset):
    for variable in model.base_variables:
        variable._trainable = False
    return reference.base_features(model, dataset)


@wrong("6.5", "The base ran over the first batch twice; the dataset should be read once.")
def base_features(model, dataset):
    images, _ = next(iter(dataset))
    model.features(images, training=False)
    return reference.base_features(model, dataset)


@wrong(
    "6.5",
    "The features of the first call were kept and returned again, although the base has changed.",
)
def base_features(model, dataset, kept={}):
    key = id(model), id(dataset)
    if key not in kept:
        kept[key] = *reference.base_features(model, dataset), model, dataset
    return kept[key][:2]


@right("6.5", "With a compiled base, into NumPy arrays.")
def base_features(model, dataset):
    run = tf.function(lambda images: model.features(images, training=False), reduce_retracing=True)
    batches = [(run(images).numpy(), labels.numpy()) for images, labels in dataset]
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


# 6.6


def loop_with(change_after=lambda history, whole_epochs: history, **change):
    """`train`, parts of which a wrong answer replaces: see `loop`; or its history, afterwards."""

    def train(
        model,
        train_set,
        val_set,
        whole_epochs,
        head_epochs,
        learning_rate=1e-3,
        head_learning_rate=1e-3,
        label_smoothing=0.0,
    ):
        epochs, rates = (whole_epochs, head_epochs), (learning_rate, head_learning_rate)
        history = loop(model, train_set, val_set, epochs, rates, label_smoothing, **change)
        return change_after(history, whole_epochs)

    return train


def over_examples(losses, sizes):
    """The mean of the batches' losses, each weighed by its examples."""
    return float(np.average(losses, weights=sizes))


def make_step(model, phase, rate, memory, label_smoothing):
    """A step with an optimizer of its own, which is put into `memory`."""
    memory[phase] = Adam(reference.variables_to_train(model, phase), rate)
    return reference.make_train_step(model, phase, memory[phase], label_smoothing=label_smoothing)


def loop(
    model,
    train_set,
    val_set,
    epochs,
    rates,
    label_smoothing=0.0,
    phases=("whole", "head"),
    make_step=make_step,
    before_epoch=lambda optimizer, rate, epoch, epochs: None,
    mean=over_examples,
    fresh_losses=True,
    after_training=lambda model, step, val_set: None,
    figures_of=reference.evaluate,
    score=lambda history: history["val_loss"][-1],
    kept=lambda model: model.variables,
    copy=lambda variable: variable.numpy(),
    between=lambda model, restore, best: restore(),
    at_end=lambda restore: restore(),
    show=tqdm.write,
):
    """A two-phase loop in a few lines, without cached features and without a schedule.

    Args:
        epochs, rates: `(whole, head)`.
        phases, ...: What a wrong answer does in another way.
    """
    history = {name: [] for name in ("phase", "loss", "val_loss", "val_accuracy")}
    best = {"score": math.inf, "values": [copy(v) for v in kept(model)]}
    memory, losses, sizes = {}, [], []

    def restore():
        for variable, value in zip(kept(model), best["values"], strict=True):
            variable.assign(value)

    for phase, count, rate in zip(phases, epochs, rates, strict=True):
        if phase == "head" and count:
            between(model, restore, best)
        step = make_step(model, phase, rate, memory, label_smoothing)
        for epoch in range(count):
            before_epoch(memory[phase], rate, epoch, count)
            if fresh_losses:
                losses, sizes = [], []
            for images, labels in train_set:
                losses.append(float(step(images, labels)))
                sizes.append(len(labels))
            after_training(model, step, val_set)
            figures = figures_of(model, val_set)
            history["phase"].append(phase)
            history["loss"].append(mean(losses, sizes))
            history["val_loss"].append(figures["loss"])
            history["val_accuracy"].append(figures["accuracy"])
            if score(history) < best["score"]:
                best.update(score=score(history), values=[copy(v) for v in kept(model)])
            show(f"{phase}: loss {history['loss'][-1]:.3f}")
    at_end(restore)
    return history


def nothing(*_):
    """Leave a part of the loop out."""


# What becomes of the best weights

wrong("6.6", "The weights of the last epoch were kept, not those of the best.")(
    loop_with(at_end=nothing)
)
wrong("6.6", "The head phase started from the last weights, not from the best.")(
    loop_with(between=nothing)
)
wrong(
    "6.6",
    "The best weights were lost: they were kept by reference, or each epoch was taken as the best.",
)(loop_with(copy=lambda variable: variable))
wrong(
    "6.6",
    "The best weights were lost: they were kept by reference, or each epoch was taken as the best.",
)(loop_with(score=lambda history: -len(history["loss"])))
wrong("6.6", "The highest validation loss was taken as the best.")(
    loop_with(score=lambda history: -history["val_loss"][-1])
)
wrong("6.6", "The best epoch was chosen by the training loss.")(
    loop_with(score=lambda history: history["loss"][-1])
)
wrong("6.6", "The best epoch was chosen by the accuracy instead of the validation loss.")(
    loop_with(score=lambda history: -history["val_accuracy"][-1])
)
wrong("6.6", "Only the trainable weights were kept, so the statistics of the best epoch are lost.")(
    loop_with(kept=lambda model: model.trainable_variables)
)


def by_at_least(least):
    """A score for which an epoch is only better if its loss is lower by more than `least`."""

    def score(history):
        best, better = math.inf, False
        for loss in history["val_loss"]:
            better = loss < best - least
            best = loss if better else best
        return -len(history["val_loss"]) if better else math.inf

    return score


wrong("6.6", "An epoch counted as better only if the validation loss fell by more than 0.0001.")(
    loop_with(score=by_at_least(1e-4))
)


def forget(model, restore, best):
    restore()
    best["score"] = math.inf


wrong("6.6", "The best loss of the 'whole' phase was forgotten when the head phase began.")(
    loop_with(between=forget)
)


def new_head(model, restore, best):
    restore()
    for k, variable in enumerate(model.head_variables):
        variable.assign(tf.random.stateless_normal(variable.shape, (k, 1), dtype=variable.dtype))


wrong("6.6", "The head was initialized again between the phases, so what it had learned is lost.")(
    loop_with(between=new_head)
)


# What each phase trains


def always_whole(model, phase, rate, memory, label_smoothing):
    memory["head"] = None
    return make_step(model, "whole", rate, memory, label_smoothing)


wrong("6.6", "The whole network was trained in the head phase too.")(
    loop_with(make_step=always_whole)
)


def always_head(model, phase, rate, memory, label_smoothing):
    memory["whole"] = None
    return make_step(model, "head", rate, memory, label_smoothing)


wrong("6.6", "The base was already frozen in the 'whole' phase.")(loop_with(make_step=always_head))


def head_step(model, label_smoothing, in_training, update):
    """A step of the head phase, in which the base runs in a mode of its own."""

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model.head(model.features(images, training=in_training), training=True)
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        update(clip_gradients(tape.gradient(loss, model.head_variables), 5.0))
        return loss

    return step


def zero_gradients(model, phase, rate, memory, label_smoothing):
    if phase == "whole":
        return make_step(model, phase, rate, memory, label_smoothing)
    optimizer = memory["head"] = memory["whole"]
    optimizer.learning_rate.assign(rate)
    head = {id(variable): k for k, variable in enumerate(model.head_variables)}

    def update(gradients):
        optimizer.apply(
            [
                gradients[head[id(variable)]] if id(variable) in head else tf.zeros_like(variable)
                for variable in model.trainable_variables
            ]
        )

    return head_step(model, label_smoothing, False, update)


wrong(
    "6.6",
    "The first optimizer was reused with gradients of zero for the base, so the base drifts.",
)(loop_with(make_step=zero_gradients))


def creeping(model, phase, rate, memory, label_smoothing):
    if phase == "whole":
        return make_step(model, phase, rate, memory, label_smoothing)
    memory[phase] = Adam(model.head_variables, rate)
    return head_step(model, label_smoothing, True, memory[phase].apply)


wrong("6.6", "The base ran in training mode in the head phase, so its statistics changed.")(
    loop_with(make_step=creeping)
)


def one_rate(model, phase, rate, memory, label_smoothing):
    return make_step(model, phase, memory.setdefault("rate", rate), memory, label_smoothing)


wrong(
    "6.6",
    "Both phases used the learning rate of the first phase.",
)(loop_with(make_step=one_rate))


def fixed_rate(model, phase, rate, memory, label_smoothing):
    return make_step(model, phase, 1e-3, memory, label_smoothing)


wrong("6.6", "The learning rates are ignored.")(loop_with(make_step=fixed_rate))


def head_without_dropout(model, phase, rate, memory, label_smoothing):
    if phase == "whole":
        return make_step(model, phase, rate, memory, label_smoothing)
    optimizer = memory[phase] = Adam(model.head_variables, rate)

    @tf.function(reduce_retracing=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = model(images, training=False)
            loss = softmax_cross_entropy(logits, labels, label_smoothing)
        optimizer.apply(clip_gradients(tape.gradient(loss, model.head_variables), 5.0))
        return loss

    return step


wrong("6.6", "In the head phase the head ran in inference mode too, so nothing was dropped.")(
    loop_with(make_step=head_without_dropout)
)


def untrainable(model, phase, rate, memory, label_smoothing):
    step = make_step(model, phase, rate, memory, label_smoothing)
    if phase == "head":
        for variable in model.base_variables:
            variable._trainable = False
    return step


wrong("6.6", "The base was made untrainable for the head phase, and the model stays changed.")(
    loop_with(make_step=untrainable)
)


@wrong("6.6", "The head was trained before the whole network instead of after it.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    epochs, rates = (head_epochs, whole_epochs), (head_learning_rate, learning_rate)
    return loop(model, train_set, val_set, epochs, rates, label_smoothing, phases=("head", "whole"))


@wrong("6.6", "The numbers of epochs of the two phases were swapped.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    epochs, rates = (head_epochs, whole_epochs), (learning_rate, head_learning_rate)
    return loop(model, train_set, val_set, epochs, rates, label_smoothing)


@wrong(
    "6.6", "The history holds only the first phase: the head phase was left out, or not recorded."
)
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    return loop(model, train_set, val_set, (whole_epochs, 0), (learning_rate, 1.0), label_smoothing)


@wrong("6.6", "In the head phase the training set was read twice, for features and for labels.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    first = loop(
        model, train_set, val_set, (whole_epochs, 0), (learning_rate, 1.0), label_smoothing
    )
    images, labels = ([pair[k] for pair in train_set] for k in (0, 1))
    pairs = list(zip(images, labels, strict=True))
    second = loop(
        model, pairs, val_set, (0, head_epochs), (1.0, head_learning_rate), label_smoothing
    )
    return {name: first[name] + second[name] for name in first}


# The schedule


def rates_from(change):
    """The reference's `train`, with another step handed to `cosine_decay`."""

    def train(*arguments, **options):
        def decay(step, total_steps, peak):
            return cosine_decay(change(step), total_steps, peak)

        cosine_decay = reference.cosine_decay
        with mock.patch.object(reference, "cosine_decay", decay):
            return reference.train(*arguments, **options)

    return train


wrong(
    "6.6",
    "The steps are counted from 0, where cosine_decay is 0, so the first step changes nothing.",
)(rates_from(lambda step: step - 0.5))

right("6.6", "The steps are counted from 1, so the last one is spent at a rate of 0.")(
    rates_from(lambda step: int(step + 0.5))
)


def once_an_epoch(optimizer, rate, epoch, epochs):
    optimizer.learning_rate.assign(reference.cosine_decay(epoch, epochs, rate))


wrong(
    "6.6",
    "The rate is set once per epoch, counted from 0, so nothing is learned in the first epoch.",
)(loop_with(before_epoch=once_an_epoch))

# Label smoothing


def smoothed_in(*phases):
    def step_of_phase(model, phase, rate, memory, label_smoothing):
        used = label_smoothing if phase in phases else 0.0
        return make_step(model, phase, rate, memory, used)

    return step_of_phase


wrong(
    "6.6",
    "The labels are not smoothed in the 'whole' phase.",
)(loop_with(make_step=smoothed_in()))
wrong("6.6", "The labels are smoothed in the 'whole' phase only.")(
    loop_with(make_step=smoothed_in("whole"))
)
wrong("6.6", "The labels are not smoothed in the 'whole' phase.")(
    loop_with(make_step=smoothed_in("head"))
)


def losses_with_smoothing(model, dataset, label_smoothing):
    """The mean smoothed loss over the examples, outside training."""
    logits, labels = gathered(model, dataset)
    return float(softmax_cross_entropy(logits, labels, label_smoothing))


def two_losses_in_training(model, phase, rate, memory, label_smoothing):
    smooth = make_step(model, phase, rate, memory, label_smoothing)

    def step(images, labels):
        statistics = [variable.numpy() for variable in model.batch_norm_statistics]
        logits = model.head(model.features(images, training=phase == "whole"), training=True)
        for variable, value in zip(model.batch_norm_statistics, statistics, strict=True):
            variable.assign(value)
        smooth(images, labels)
        return softmax_cross_entropy(logits, labels)

    return step


wrong("6.6", "The training loss was recorded without the smoothing that was used in training.")(
    loop_with(make_step=two_losses_in_training)
)


def smoothing_validation(recorded, chosen_by):
    """`train` whose validation loss is smoothed where it is recorded, or where it chooses."""

    def train(
        model,
        train_set,
        val_set,
        whole_epochs,
        head_epochs,
        learning_rate=1e-3,
        head_learning_rate=1e-3,
        label_smoothing=0.0,
    ):
        epochs, rates = (whole_epochs, head_epochs), (learning_rate, head_learning_rate)
        smoothed_losses = []

        def figures_of(model, val_set):
            figures = reference.evaluate(model, val_set)
            smoothed_losses.append(losses_with_smoothing(model, val_set, label_smoothing))
            return figures | ({"loss": smoothed_losses[-1]} if recorded else {})

        def score(history):
            return smoothed_losses[-1] if chosen_by else history["val_loss"][-1]

        change = {"figures_of": figures_of, "score": score}
        return loop(model, train_set, val_set, epochs, rates, label_smoothing, **change)

    return train


wrong("6.6", "The recorded validation loss is smoothed.")(
    smoothing_validation(recorded=True, chosen_by=True)
)
wrong("6.6", "The best epoch was chosen by a smoothed validation loss.")(
    smoothing_validation(recorded=False, chosen_by=True)
)


# What the history says

wrong("6.6", "The loss was averaged over batches instead of examples.")(
    loop_with(mean=lambda losses, sizes: float(np.mean(losses)))
)
wrong("6.6", "The loss of the last batch was recorded instead of the loss of the epoch.")(
    loop_with(mean=lambda losses, sizes: losses[-1])
)
wrong("6.6", "The mean loss was never reset, so each epoch's loss includes those before it.")(
    loop_with(fresh_losses=False)
)
wrong("6.6", "The loss of an epoch is the sum over its examples.")(
    loop_with(mean=lambda losses, sizes: float(np.dot(losses, sizes)))
)
wrong("6.6", "Only the last validation batch was scored.")(
    loop_with(figures_of=lambda model, val_set: reference.evaluate(model, list(val_set)[-1:]))
)
wrong("6.6", "Only the first validation batch was scored.")(
    loop_with(figures_of=lambda model, val_set: reference.evaluate(model, list(val_set)[:1]))
)
wrong("6.6", "The short last validation batch was left out.")(
    loop_with(
        figures_of=lambda model, val_set: reference.evaluate(
            model, [batch for batch in val_set if len(batch[1]) == 8]
        )
    )
)


def without_a_short_batch(losses, sizes):
    full = [size == sizes[0] for size in sizes]
    return over_examples(np.array(losses)[full], np.array(sizes)[full])


wrong("6.6", "The short last batch is missing from the training loss.")(
    loop_with(mean=without_a_short_batch)
)


def with_the_head_in_training(model, val_set):
    def network(images, training):
        return model.head(model.features(images, training=False), training=True)

    return reference.evaluate(network, val_set)


wrong("6.6", "Validation ran the head in training mode, with its dropout.")(
    loop_with(figures_of=with_the_head_in_training)
)


def first_phase_only(history, whole_epochs):
    return {name: figures[:whole_epochs] for name, figures in history.items()}


def lowest_so_far(history, whole_epochs):
    return history | {"val_loss": np.minimum.accumulate(history["val_loss"]).tolist()}


def last_accuracy(history, whole_epochs):
    return history | {"val_accuracy": [history["val_accuracy"][-1]] * len(history["loss"])}


def loss_stays(history, whole_epochs):
    kept = history["loss"][:whole_epochs]
    return history | {
        "loss": kept + [(kept or history["loss"])[-1]] * history["phase"].count("head")
    }


wrong(
    "6.6",
    "The history holds only the first phase: the head phase was left out, or not recorded.",
)(loop_with(change_after=first_phase_only))
wrong("6.6", "The lowest validation loss so far was recorded instead of that of the epoch.")(
    loop_with(change_after=lowest_so_far)
)
wrong("6.6", "The accuracy of the last epoch was recorded for every epoch.")(
    loop_with(change_after=last_accuracy)
)
wrong("6.6", "In the head phase the training loss of the phase before was recorded.")(
    loop_with(change_after=loss_stays)
)


@wrong("6.6", "The validation figures were computed on the training set.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    epochs, rates = (whole_epochs, head_epochs), (learning_rate, head_learning_rate)
    return loop(model, train_set, train_set, epochs, rates, label_smoothing)


@wrong("6.6", "By default the whole network is trained at another rate than 0.001.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-2,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    epochs, rates = (whole_epochs, head_epochs), (learning_rate, head_learning_rate)
    return loop(model, train_set, val_set, epochs, rates, label_smoothing)


@wrong("6.6", "By default the head is trained at another rate than 0.001.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-4,
    label_smoothing=0.0,
):
    epochs, rates = (whole_epochs, head_epochs), (learning_rate, head_learning_rate)
    return loop(model, train_set, val_set, epochs, rates, label_smoothing)


@wrong("6.6", "The head was trained on the features of the last base instead of the best.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    first_best = {}
    history = {n: [] for n in ("phase", "loss", "val_loss", "val_accuracy")}
    best, values = math.inf, [v.numpy() for v in model.variables]

    def note(phase, losses, sizes, figures):
        nonlocal best, values
        history["phase"].append(phase)
        history["loss"].append(over_examples(losses, sizes))
        history["val_loss"].append(figures["loss"])
        history["val_accuracy"].append(figures["accuracy"])
        if figures["loss"] < best:
            best, values = figures["loss"], [v.numpy() for v in model.variables]
        print(phase)

    optimizer = Adam(model.trainable_variables, learning_rate)
    step = reference.make_train_step(model, "whole", optimizer, label_smoothing=label_smoothing)
    for _ in range(whole_epochs):
        pairs = [(float(step(x, y)), len(y)) for x, y in train_set]
        note("whole", *zip(*pairs), reference.evaluate(model, val_set))
    if head_epochs:
        data = tf.data.Dataset.from_tensor_slices(reference.base_features(model, train_set)).batch(
            16
        )
        for v, k in zip(model.variables, values):
            v.assign(k)
        optimizer = Adam(model.head_variables, head_learning_rate)
        step = reference.make_train_step(
            reference.Head(model), "head", optimizer, label_smoothing=label_smoothing
        )
        for _ in range(head_epochs):
            pairs = [(float(step(x, y)), len(y)) for x, y in data]
            note("head", *zip(*pairs), reference.evaluate(model, val_set))
    for v, k in zip(model.variables, values):
        v.assign(k)
    return history


# What the validation set is for


def train_on_it(model, step, val_set):
    for images, labels in val_set:
        step(images, labels)


wrong(
    "6.6",
    "The validation cells were used for training too.",
)(loop_with(after_training=train_on_it))


def noting_the_phase(model, phase, rate, memory, label_smoothing):
    model.__dict__["in_head_phase"] = phase == "head"
    return make_step(model, phase, rate, memory, label_smoothing)


def head_learns_from_it(model, step, val_set):
    if model.__dict__["in_head_phase"]:
        train_on_it(model, step, val_set)


wrong("6.6", "The head was trained on the validation cells too.")(
    loop_with(make_step=noting_the_phase, after_training=head_learns_from_it)
)


def run_in_training(model, step, val_set):
    for images, _ in val_set:
        model.features(images, training=True)


wrong("6.6", "Validation ran in training mode, so the statistics follow the validation cells.")(
    loop_with(after_training=run_in_training)
)

wrong("6.6", "Nothing is shown while the training runs.")(loop_with(show=nothing))


@wrong(
    "6.6",
    "The training set was cached, so every epoch has the same order and the same augmentation.",
)
def train(model, train_set, *others, **options):
    return reference.train(model, train_set.cache(), *others, **options)


@right("6.6", "Without cached features and without a schedule.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
    verbose=True,
):
    epochs, rates = (whole_epochs, head_epochs), (learning_rate, head_learning_rate)
    show = print if verbose else nothing
    return loop(model, train_set, val_set, epochs, rates, label_smoothing, show=show)


@right("6.6", "On features gathered in NumPy, the loss measured after the epoch.")
def train(
    model,
    train_set,
    val_set,
    whole_epochs,
    head_epochs,
    learning_rate=1e-3,
    head_learning_rate=1e-3,
    label_smoothing=0.0,
):
    epochs, rates = (whole_epochs, 0), (learning_rate, 1.0)

    def cells_afterwards(losses, sizes):
        return reference.evaluate(model, train_set)["loss"]

    first = loop(model, train_set, val_set, epochs, rates, label_smoothing, mean=cells_afterwards)
    if not head_epochs:
        return first
    head = reference.Head(model)
    train_features, val_features = (
        tf.data.Dataset.from_tensor_slices(reference.base_features(model, cells)).batch(16)
        for cells in (train_set, val_set)
    )
    losses = list(first["val_loss"])
    best = min(losses, default=math.inf)
    values = [variable.numpy() for variable in model.head_variables]
    optimizer = Adam(model.head_variables, head_learning_rate)
    step = reference.make_train_step(head, "head", optimizer, label_smoothing=label_smoothing)
    for _ in range(head_epochs):
        pairs = [(float(step(x, y)), len(y)) for x, y in train_features]
        figures = reference.evaluate(head, val_features)
        first["phase"].append("head")
        first["loss"].append(over_examples(*zip(*pairs, strict=True)))
        first["val_loss"].append(figures["loss"])
        first["val_accuracy"].append(figures["accuracy"])
        if figures["loss"] < best:
            best, values = figures["loss"], [v.numpy() for v in model.head_variables]
    for variable, value in zip(model.head_variables, values, strict=True):
        variable.assign(value)
    return first

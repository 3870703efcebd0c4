"""Grades lesson 6: two phases, a base that is frozen bit for bit, figures over examples."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.graded import model_training
from tests.refusals import refused
from tests.small_models import (
    Momentum,
    PlainAdam,
    SmallModel,
    as_dataset,
    copies,
    small_batches,
)

OPTIMIZERS = {"momentum": Momentum, "Adam": PlainAdam}


def loss_by_numpy(logits, labels):
    """Mean softmax cross-entropy, written the plain way."""
    logits, labels = np.asarray(logits, float), np.asarray(labels)
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


def moved(before, variables):
    """How many of the variables differ from their copies in any bit."""
    return sum(not np.array_equal(a, v.numpy()) for a, v in zip(before, variables, strict=True))


# 6.1


@pytest.mark.exercise("6.1")
def test_variables_to_train_are_all_in_the_whole_phase():
    """The optimizer is built over them, in this order."""
    model = SmallModel()
    found = list(model_training.variables_to_train(model, "whole"))
    expected = list(model.trainable_variables)
    assert [id(v) for v in found] == [id(v) for v in expected], (
        f"In the phase 'whole' {len(found)} variables came back; the model's"
        f" trainable_variables are {len(expected)}, in their own order."
    )


@pytest.mark.exercise("6.1")
def test_variables_to_train_are_those_of_the_head_in_the_head_phase():
    """The variables themselves, not copies."""
    model = SmallModel()
    found = list(model_training.variables_to_train(model, "head"))
    assert [id(v) for v in found] == [id(v) for v in model.head_variables], (
        f"In the phase 'head' {len(found)} variables came back; the model's head_variables are"
        f" {len(model.head_variables)}, in their own order."
    )


@pytest.mark.exercise("6.1")
@pytest.mark.parametrize("phase", ["base", "Head", "", None])
def test_variables_to_train_refuses_any_other_phase(phase):
    """A misspelt phase must not train the wrong part in silence."""
    with refused(f"the phase {phase!r}"):
        model_training.variables_to_train(SmallModel(), phase)


@pytest.mark.exercise("6.1")
@pytest.mark.parametrize(
    "phase", ["all", "heads", "wholesale", "WHOLE", "whole ", "h", "w", "the head", 0, 1, True]
)
def test_variables_to_train_refuses_what_is_only_similar(phase):
    """Anything but the two words is an error."""
    with refused(f"the phase {phase!r}"):
        model_training.variables_to_train(SmallModel(), phase)


@pytest.mark.exercise("6.1")
def test_variables_to_train_asks_the_model_and_changes_nothing():
    """Another model, with other names for its weights; asking twice, in both phases."""
    for _ in range(2):
        base, head = tf.Variable([1.0]), tf.Variable([2.0])
        other = SimpleNamespace(
            trainable_variables=(base, head), base_variables=[base], head_variables=[head]
        )
        head_found = model_training.variables_to_train(other, "head")
        whole_found = model_training.variables_to_train(other, "whole")
        for phase, found, expected in (
            ("head", head_found, [head]),
            ("whole", whole_found, [base, head]),
        ):
            assert hasattr(found, "__len__"), f"Phase {phase}: no sequence, but {type(found)}."
            assert [id(v) for v in found] == [id(v) for v in expected], (
                f"Phase {phase}: not the variables that the model itself says are of that phase."
            )
        assert [base.trainable, head.trainable] == [True, True], (
            "A variable is not trainable any more; the phase is chosen by what is given to the"
            " optimizer, the model stays as it is."
        )


# 6.2


def plain_step(model, phase, optimizer, images, labels, max_norm):
    """A training step written the plain way; returns the loss before it."""
    variables = model.trainable_variables if phase == "whole" else model.head_variables
    with tf.GradientTape() as tape:
        features = model.features(images, training=phase == "whole")
        logits = model.head(features, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, variables)
    norm = math.sqrt(sum(float(tf.reduce_sum(g**2)) for g in gradients))
    optimizer.apply([g * min(1, max_norm / norm) for g in gradients])
    return float(loss)


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("max_norm", [5.0, 0.05])
@pytest.mark.parametrize("phase", ["whole", "head"])
def test_make_train_step_keeps_pace_with_plain_steps(phase, max_norm):
    """Side by side over five batches, the last one short; the message says where they part."""
    ours, theirs = SmallModel(), SmallModel()
    variables = ours.trainable_variables if phase == "whole" else ours.head_variables
    step = model_training.make_train_step(ours, phase, Momentum(variables), max_norm)
    others = theirs.trainable_variables if phase == "whole" else theirs.head_variables
    optimizer = Momentum(others)
    for k, (images, labels) in enumerate(small_batches(), start=1):
        expected = plain_step(theirs, phase, optimizer, images, labels, max_norm)
        loss = step(images, labels)
        assert loss is not None, "The step returned None instead of the loss."
        assert np.shape(loss) == (), f"The step returned the shape {np.shape(loss)}, no scalar."
        assert abs(float(loss) - expected) <= 1e-9, (
            f"Phase {phase}, step {k}: the loss is {float(loss):.5f}, not {expected:.5f}: the mean"
            " over the batch, before the step, with each part in its mode."
        )
        for name in ("base_kernel", "moving_mean", "w1", "b1", "w2", "b2"):
            error = float(np.abs(getattr(ours, name) - getattr(theirs, name)).max())
            assert error <= 1e-9, (
                f"Phase {phase}, max_norm {max_norm}: after step {k} {name} is off by {error:.2g}."
                " Look at what is differentiated, clipped (by one factor) and applied."
            )


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_make_train_step_freezes_the_base_bit_for_bit(kind):
    """After a whole phase on the same model: zeroed gradients would still let memory drift."""
    model = SmallModel()
    step = model_training.make_train_step(
        model, "whole", OPTIMIZERS[kind](model.trainable_variables)
    )
    for images, labels in small_batches():
        step(images, labels)
    base = copies([*model.base_variables, *model.batch_norm_statistics])
    head = copies(model.head_variables)
    step = model_training.make_train_step(model, "head", OPTIMIZERS[kind](model.head_variables))
    for images, labels in small_batches(count=10):
        step(images, labels)
    drifted = moved(base[:1], model.base_variables)
    assert drifted == 0, (
        f"With {kind} the base's weights changed in 10 steps of the head phase. A base that is"
        " given gradients of zero, or a graph of the phase before, still moves."
    )
    crept = moved(base[1:], model.batch_norm_statistics)
    assert crept == 0, (
        "The base's batch-norm statistics crept in the head phase; in which mode does it run?"
    )
    assert moved(head, model.head_variables) == 4, (
        f"Of the head's 4 variables {moved(head, model.head_variables)} moved in the head phase."
    )


@pytest.mark.exercise("6.2")
def test_make_train_step_moves_everything_in_the_whole_phase():
    """The base's weights and its statistics too."""
    model = SmallModel()
    everything = [*model.trainable_variables, *model.batch_norm_statistics]
    before = copies(everything)
    step = model_training.make_train_step(model, "whole", Momentum(model.trainable_variables))
    for images, labels in small_batches():
        step(images, labels)
    still = len(before) - moved(before, everything)
    assert still == 0, f"{still} of {len(before)} variables did not move in the whole phase."


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("phase", ["whole", "head"])
def test_make_train_step_runs_each_part_in_its_mode(phase):
    """A frozen base runs as outside training; the head, with its dropout, in training mode."""
    model = SmallModel()
    variables = model.trainable_variables if phase == "whole" else model.head_variables
    step = model_training.make_train_step(model, phase, Momentum(variables))
    images, labels = small_batches()[0]
    step(images, labels)
    modes = {(part, mode) for part, mode in model.calls}
    expected = {("features", phase == "whole"), ("head", True)}
    assert modes == expected, (
        f"Phase {phase}: called as (part, training) {sorted(modes)}, not {sorted(expected)}."
    )


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("phase", ["whole", "head"])
def test_make_train_step_clips_at_a_norm_of_5_unless_told_otherwise(phase):
    """With a learning rate of 1 and no momentum, the step is as long as the clipped gradient."""
    model = SmallModel()
    for variable in (model.w1, model.w2):
        variable.assign(60 * variable)  # for gradients with a norm far above 5
    variables = model.trainable_variables if phase == "whole" else model.head_variables
    optimizer = Momentum(variables, learning_rate=1.0, momentum=0.0)
    step = model_training.make_train_step(model, phase, optimizer)
    before = copies(variables)
    step(*small_batches()[0])
    squares = [np.sum((a - v.numpy()) ** 2) for a, v in zip(before, variables, strict=True)]
    norm = math.sqrt(sum(squares))
    assert abs(norm - 5) <= 1e-6, (
        f"Phase {phase}: a huge gradient was applied with a global norm of {norm:.4f}, not 5."
    )


@pytest.mark.exercise("6.2")
def test_make_train_step_is_compiled():
    """The model's Python code runs while a graph is traced, not at every step."""
    model = SmallModel()
    step = model_training.make_train_step(model, "whole", Momentum(model.trainable_variables))
    for images, labels in small_batches(count=4, last=8):
        step(images, labels)
    before = len(model.calls)
    for images, labels in small_batches(count=6, last=8):
        step(images, labels)
    again = len(model.calls) - before
    assert again == 0, (
        f"In 6 further steps on batches of one size the model's Python code ran {again // 2} times;"
        " compile the step once."
    )


@pytest.mark.exercise("6.2")
def test_make_train_step_follows_the_learning_rate():
    """It is a variable: a schedule changes it between the steps."""
    model = SmallModel()
    optimizer = Momentum(model.trainable_variables, momentum=0.0)
    step = model_training.make_train_step(model, "whole", optimizer)
    images, labels = small_batches()[0]
    step(images, labels)
    optimizer.learning_rate.assign(0.0)
    before = copies(model.trainable_variables)
    step(images, labels)
    assert moved(before, model.trainable_variables) == 0, (
        "With the learning rate set to 0 between the steps, the weights still moved; leave it to"
        " the optimizer, which reads its variable at every step."
    )


@pytest.mark.exercise("6.2")
def test_make_train_step_refuses_any_other_phase():
    """As variables_to_train does."""
    model = SmallModel()
    with refused("the phase 'tail'"):
        step = model_training.make_train_step(model, "tail", Momentum(model.head_variables))
        step(*small_batches()[0])  # the first step is early enough


@pytest.mark.exercise("6.2")
def test_make_train_step_fixes_the_phase_when_it_is_made():
    """Both steps made at first, used in turn, a second optimizer at last: each keeps to its own."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    everything = Momentum(model.trainable_variables)
    whole = model_training.make_train_step(model, "whole", everything)
    head = model_training.make_train_step(model, "head", Momentum(model.head_variables))
    still = model_training.make_train_step(
        model, "head", Momentum(model.head_variables, learning_rate=0.0)
    )
    base = [*model.base_variables, *model.batch_norm_statistics]
    for step, name, expected in (
        (whole, "whole", (2, 4)),
        (head, "head", (0, 4)),
        (still, "head, at a learning rate of 0", (0, 0)),
        (whole, "whole", (2, 4)),
    ):
        before = copies(base), copies(model.head_variables)
        step(images, labels)
        found = moved(before[0], base), moved(before[1], model.head_variables)
        assert found == expected, (
            f"With the steps of both phases made before any was used, a step of the phase {name}"
            f" moved {found[0]} of the base's 2 and {found[1]} of the head's 4 variables, not"
            f" {expected[0]} and {expected[1]}. Nothing that is set later, or kept from before,"
            " may decide."
        )
    assert len(model.trainable_variables) == 5, (
        "The model has other trainable variables than before; freezing is a matter of the step."
    )


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("phase", ["whole", "head"])
def test_make_train_step_compiles_all_of_the_step(phase):
    """Base, head and update: none of them runs in Python once the step is traced."""

    class Counted(Momentum):
        updates = 0

        def apply(self, gradients):
            self.updates += 1
            super().apply(gradients)

    model = SmallModel()
    optimizer = Counted(model.trainable_variables if phase == "whole" else model.head_variables)
    step = model_training.make_train_step(model, phase, optimizer)
    for images, labels in small_batches(count=4, last=8):
        step(images, labels)
    before = len(model.calls), optimizer.updates
    for images, labels in small_batches(count=6, last=8):
        step(images, labels)
    again = len(model.calls) - before[0], optimizer.updates - before[1]
    assert again == (0, 0), (
        f"Phase {phase}: in 6 further steps on batches of one size the model's Python code ran"
        f" {again[0]} times and the optimizer's {again[1]} times; compile the whole step, once."
    )


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("phase", ["whole", "head"])
def test_make_train_step_runs_the_model_once_a_step(phase):
    """In float32, within another graph; a second pass would draw a second dropout mask."""

    class Counted(SmallModel):
        def __init__(self):
            super().__init__(dtype=tf.float32)
            self.runs = tf.Variable(0, trainable=False)

        def head(self, features, training):
            self.runs.assign_add(1)
            return super().head(features, training)

    class Descent(tf.Module):
        def __init__(self, variables):
            super().__init__()
            self.updated, self.learning_rate = list(variables), tf.Variable(0.1, trainable=False)

        def apply(self, gradients):
            for variable, gradient in zip(self.updated, gradients, strict=True):
                variable.assign_sub(self.learning_rate * gradient)

    model = Counted()
    optimizer = Descent(model.trainable_variables if phase == "whole" else model.head_variables)
    step = model_training.make_train_step(model, phase, optimizer)
    outer = tf.function(lambda images, labels: step(images, labels))
    images, labels = small_batches()[0]
    loss = outer(tf.cast(images, tf.float32), labels)
    assert tf.is_tensor(loss), "The loss is no tensor."
    assert loss.dtype == tf.float32, f"A float32 model gave a {loss.dtype.name} loss."
    runs = int(model.runs)
    assert runs == 1, f"Phase {phase}: in one step the head ran {runs} times."
    assert tf.is_tensor(step(tf.cast(images, tf.float32), labels)), "The loss is no tensor."


@pytest.mark.exercise("6.2")
@pytest.mark.parametrize("phase", ["whole", "head"])
def test_make_train_step_survives_huge_logits(phase):
    """exp() of a logit in the thousands overflows; the loss must not."""
    model, (images, labels) = SmallModel(), small_batches()[0]
    model.w2.assign(1e5 * model.w2)
    logits = model.head(model.features(images, phase == "whole"), True)
    model.moving_mean.assign(tf.zeros_like(model.moving_mean))
    variables = model.trainable_variables if phase == "whole" else model.head_variables
    loss = float(model_training.make_train_step(model, phase, Momentum(variables))(images, labels))
    expected = loss_by_numpy(logits, labels)
    assert abs(loss - expected) <= 1e-6 * expected, (
        f"Phase {phase}: with logits in the thousands the loss is {loss:.4g}, not {expected:.4g}."
    )
    finite = all(np.isfinite(v.numpy()).all() for v in variables)
    assert finite, f"Phase {phase}: logits in the thousands turned a variable into NaN."


# 6.3


class Told(SmallModel):
    """A model whose logits are the first two values of each image."""

    def features(self, images, training):
        self.calls.append(("features", bool(training)))
        return tf.reshape(images, (-1, 48))[:, :2]

    def head(self, features, training):
        self.calls.append(("head", bool(training)))
        return features


def told(logits, labels, batch=4):
    """A dataset on which `Told` answers with these logits."""
    logits = np.asarray(logits, float)
    images = np.zeros((len(logits), 48))
    images[:, :2] = logits
    data = tf.data.Dataset.from_tensor_slices(
        (images.reshape(-1, 4, 4, 3), np.asarray(labels, np.int32))
    )
    return data.batch(batch)


def figures_by_counting(logits, labels):
    """The five figures, pair by pair and cell by cell."""
    scores = [b - a for a, b in logits]
    sick = [s for s, y in zip(scores, labels, strict=True) if y == 1]
    well = [s for s, y in zip(scores, labels, strict=True) if y == 0]
    pairs = [1.0 if s > w else 0.5 if s == w else 0.0 for s in sick for w in well]
    return {
        "loss": loss_by_numpy(logits, labels),
        "accuracy": (sum(s > 0 for s in sick) + sum(s < 0 for s in well)) / len(labels),
        "sensitivity": sum(s > 0 for s in sick) / len(sick) if sick else math.nan,
        "specificity": sum(s < 0 for s in well) / len(well) if well else math.nan,
        "auc": sum(pairs) / len(pairs) if pairs else math.nan,
    }


LOOK_AT = {
    "loss": "Every example weighs the same, and the loss takes logits, not probabilities.",
    "accuracy": "Count right decisions over all examples.",
    "sensitivity": "The share of the parasitized cells (label 1) that are found.",
    "specificity": "The share of the uninfected cells (label 0) that are cleared.",
    "auc": "The share of all pairs that are ordered rightly by the scores, a tie counting half.",
}


def check_figures(found, expected, what):
    """Compare two dicts of figures, NaN with NaN."""
    assert isinstance(found, dict), f"evaluate returned a {type(found).__name__}, no dict."
    for name, value in expected.items():
        assert name in found, f"The figure {name!r} is missing; there are {sorted(found)}."
        ours = found[name]
        assert isinstance(ours, float), f"{name} is a {type(ours).__name__}, no Python float."
        if math.isnan(value):
            assert math.isnan(ours), f"{what}: {name} is {ours:.4f}; it is undefined, so NaN."
        else:
            # A sum in float32 is as good as seven digits.
            assert abs(ours - value) <= 1e-6 * max(1, abs(value)), (
                f"{what}: {name} is {ours:.4f}, not {value:.4f}. {LOOK_AT[name]}"
            )


@pytest.mark.exercise("6.3")
@pytest.mark.parametrize("seed", range(4))
def test_evaluate_agrees_with_counting(seed):
    """30 cells in batches of 4, the last one short: over examples, not over batches."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(30) < 0.4).astype(int)
    logits = rng.normal(0, 1, (30, 2)) + 0.7 * np.stack([1 - labels, labels], axis=1)
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "30 cells")


@pytest.mark.exercise("6.3")
def test_evaluate_counts_ties_half():
    """Most scores are shared by cells of both classes here."""
    labels = [0, 1, 0, 1, 0, 1, 1, 0, 1, 1]
    scores = [1, 1, 1, 2, 2, 2, -1, -1, 3, 1]
    logits = [(0.0, float(s)) for s in scores]
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "10 cells with ties")


@pytest.mark.exercise("6.3")
def test_evaluate_weighs_examples_and_not_batches():
    """Four right answers in the first batch, one wrong in the second: .8, not .5."""
    logits, labels = [(0.0, 3.0)] * 4 + [(2.0, 0.0)], [1] * 5
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "batches of 4 and 1")


@pytest.mark.exercise("6.3")
@pytest.mark.parametrize("label", [0, 1])
def test_evaluate_says_nan_where_a_class_is_absent(label):
    """0 or 1 would be taken for a measurement."""
    logits = [(0.0, 1.0), (2.0, 0.5), (0.3, 0.9)]
    found = model_training.evaluate(Told(), told(logits, [label] * 3))
    check_figures(found, figures_by_counting(logits, [label] * 3), f"only class {label}")


@pytest.mark.exercise("6.3")
def test_evaluate_tells_sensitivity_from_specificity():
    """Parasitized is the positive class: its share found is the sensitivity."""
    logits = [(0.0, 1.0)] * 3 + [(1.0, 0.0)] + [(1.0, 0.0)] * 1 + [(0.0, 1.0)] * 3
    labels = [1, 1, 1, 1, 0, 0, 0, 0]
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "3 of 4 and 1 of 4 right")


@pytest.mark.exercise("6.3")
def test_evaluate_keeps_labels_beside_their_images():
    """A dataset that is shuffled anew at each pass must not be read once for each of the two."""
    rng = np.random.default_rng(5)
    labels = (rng.random(40) < 0.5).astype(int)
    logits = rng.normal(0, 1, (40, 2)) + 2 * np.stack([1 - labels, labels], axis=1)
    data = told(logits, labels).unbatch().shuffle(40, reshuffle_each_iteration=True).batch(6)
    found = model_training.evaluate(Told(), data)
    check_figures(found, figures_by_counting(logits, labels), "40 shuffled cells")


@pytest.mark.exercise("6.3")
def test_evaluate_survives_extreme_logits():
    """A cell that is wrong and certain costs 2000, not infinity."""
    logits, labels = [(1000.0, -1000.0), (-1000.0, 1000.0), (1000.0, -1000.0)], [0, 1, 1]
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "logits of +-1000")


@pytest.mark.exercise("6.3")
def test_evaluate_changes_nothing():
    """Not the weights, and not the batch-norm statistics: it runs outside training."""
    model = SmallModel()
    everything = [*model.variables]
    before = copies(everything)
    model_training.evaluate(model, as_dataset(small_batches()))
    assert moved(before, everything) == 0, (
        "Evaluating changed a variable of the model; run it outside training."
    )
    assert not any(mode for _, mode in model.calls), "The model was called in training mode."


@pytest.mark.exercise("6.3")
def test_evaluate_tells_close_scores_and_certain_ones_apart():
    """Probabilities of 1 - 1e-9 and 1 - 1e-11 are no tie."""
    scores = [25.0, 20.0, -25.0, -20.0, 0.5004, 0.5001]
    labels = [1, 0, 0, 1, 1, 0]
    logits = [(0.0, score) for score in scores]
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "scores of +-20 and +-25")


@pytest.mark.exercise("6.3")
def test_evaluate_leaves_a_bad_model_its_auc_below_a_half():
    """Of 4 pairs one is ordered rightly: .25, not .75."""
    logits, labels = [(0.0, score) for score in (-2.0, -1.0, 1.0, 2.0)], [1, 0, 1, 0]
    found = model_training.evaluate(Told(), told(logits, labels))
    check_figures(found, figures_by_counting(logits, labels), "a model worse than chance")


@pytest.mark.exercise("6.3")
def test_evaluate_sets_nothing_on_the_model():
    """training=False is all it takes; a rate set to 0 would stay at 0."""
    model = SmallModel()
    model.dropout, model.training = 0.5, True
    model_training.evaluate(model, as_dataset(small_batches()))
    found = model.dropout, model.training
    assert found == (0.5, True), f"The model's dropout and training were set to {found}."


# 6.4


def cosine_by_hand(step, total, peak, warmup_fraction):
    """A line up, half a cosine down, 0 after."""
    warmup = warmup_fraction * total
    if step < warmup:
        return peak * step / warmup
    if step >= total:
        return 0.0
    return peak * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def part_of_the_curve(step, total, fraction):
    """What to look at when the rate is wrong at a step."""
    if step < fraction * total:
        return "It is on the line up, whose length is not rounded."
    return "It is after the end." if step >= total else "It is on the half cosine down."


@pytest.mark.exercise("6.4")
@pytest.mark.parametrize(
    ("total", "peak", "fraction"),
    [(100, 1.0, 0.1), (10, 0.5, 0.25), (7, 2.0, 0.0), (30, 1e-3, 0.5), (15, 1.0, 0.1)],
)
def test_cosine_decay_agrees_with_the_formula(total, peak, fraction):
    """At every step and beyond the last; a warm-up of 2.5 steps is not rounded."""
    for step in range(total + 4):
        found = model_training.cosine_decay(step, total, peak, fraction)
        assert found is not None, "cosine_decay returned None."
        expected = cosine_by_hand(step, total, peak, fraction)
        assert abs(float(found) - expected) <= 1e-5 * peak, (
            f"Step {step} of {total}, peak {peak}, warm-up {fraction}: {float(found):.5f}, not"
            f" {expected:.5f}. {part_of_the_curve(step, total, fraction)}"
        )


@pytest.mark.exercise("6.4")
def test_cosine_decay_warms_up_over_a_tenth_unless_told_otherwise():
    """Half the peak in the middle of the warm-up, the peak at its end."""
    found = [round(float(model_training.cosine_decay(step, 200, 1.0)), 4) for step in (0, 10, 20)]
    assert found == [0.0, 0.5, 1.0], (
        f"At the steps 0, 10 and 20 of 200 the rate is {found}; by default the warm-up is a tenth."
    )


@pytest.mark.exercise("6.4")
def test_cosine_decay_takes_a_tensor():
    """A step counter is often a variable."""
    for step in (0.0, 5.0, 30.0, 60.0):
        found = float(model_training.cosine_decay(tf.constant(step), 50, 1.0, 0.2))
        expected = cosine_by_hand(step, 50, 1.0, 0.2)
        assert abs(found - expected) <= 1e-5, (
            f"Step {step} as a tensor: {found:.5f}, not {expected:.5f}."
        )


@pytest.mark.exercise("6.4")
@pytest.mark.parametrize(
    ("total", "fraction"), [(5, 0.1), (1, 0.1), (1, 0.0), (1, 0.9), (3, 0.25), (100, 0.004)]
)
def test_cosine_decay_takes_warm_ups_shorter_than_a_step(total, fraction):
    """At whole and at fractional steps: nothing is rounded up to 1."""
    for quarter in range(4 * total + 8):
        step = quarter / 4
        found = model_training.cosine_decay(tf.constant(step), total, 1.0, fraction)
        expected = cosine_by_hand(step, total, 1.0, fraction)
        assert abs(float(found) - expected) <= 1e-5, (
            f"Step {step} of {total}, warm-up {fraction}: {float(found):.5f}, not {expected:.5f}."
            f" {part_of_the_curve(step, total, fraction)}"
        )


# 6.5


@pytest.mark.exercise("6.5")
def test_base_features_are_those_of_the_base_in_the_dataset_order():
    """Against the base by NumPy, outside training; the short last batch included."""
    model, batches = SmallModel(), small_batches()
    model.moving_mean.assign(np.linspace(-0.3, 0.3, 6))  # so that training mode would differ
    found = model_training.base_features(model, as_dataset(batches))
    assert found is not None, "base_features returned None."
    assert len(found) == 2, (
        f"base_features returned {len(found)} things; it should be the features and the labels."
    )
    images = np.concatenate([images for images, _ in batches]).reshape(-1, 48)
    expected = np.tanh(images @ model.base_kernel.numpy() - model.moving_mean.numpy())
    features, labels = (np.asarray(part) for part in found)
    assert features.shape == expected.shape, (
        f"35 images gave features of the shape {features.shape}, not {expected.shape}."
    )
    error = float(np.abs(features - expected).max())
    assert features.dtype == np.float64, f"Of a float64 base the features are {features.dtype}."
    assert error <= 1e-9, f"The features are off by up to {error:.2g}: order, or training mode?"
    wanted = np.concatenate([labels for _, labels in batches])
    assert labels.tolist() == wanted.tolist(), (
        f"The labels, of the shape {labels.shape}, are not those of the dataset in its order."
    )


@pytest.mark.exercise("6.5")
def test_base_features_leave_the_model_alone():
    """No statistic moves, the head is not run, and the base sees each image once."""
    seen = []

    class Counted(SmallModel):
        def features(self, images, training):
            tf.numpy_function(lambda rows: seen.append(int(rows)), [tf.shape(images)[0]], [])
            return super().features(images, training)

    model = Counted()
    before = copies(model.variables)
    model_training.base_features(model, as_dataset(small_batches()))
    assert moved(before, model.variables) == 0, (
        "A variable of the model changed; a frozen base runs outside training."
    )
    heads = sum(part == "head" for part, _ in model.calls)
    assert heads == 0, f"The head was run {heads} times; the features are its input."
    assert sum(seen) == 35, (
        f"The base was run on {sum(seen)} images of a dataset of 35; each needs it once."
    )


@pytest.mark.exercise("6.5")
def test_base_features_keep_labels_beside_their_images():
    """A training set is shuffled anew at each pass: features and labels must come from one."""
    passes = []

    def other_order_each_time():
        passes.append(1)
        batches = small_batches(count=4, last=8)
        yield from batches[len(passes) % 4 :] + batches[: len(passes) % 4]

    spec = (tf.TensorSpec((None, 4, 4, 3), tf.float64), tf.TensorSpec((None,), tf.int32))
    dataset = tf.data.Dataset.from_generator(other_order_each_time, output_signature=spec)
    model = SmallModel()
    found = model_training.base_features(model, dataset)
    features, labels = (np.asarray(part) for part in found)
    batches = small_batches(count=4, last=8)
    images, own_labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    rows = np.tanh(images.reshape(-1, 48) @ model.base_kernel.numpy())
    nearest = np.abs(features[:, None] - rows).max(-1).argmin(1)
    apart = int(np.sum(own_labels[nearest] != labels))
    assert apart == 0, (
        f"On a dataset that comes in another order at each pass, {apart} of {len(labels)} rows of"
        f" features stand beside another image's label; the dataset was read {len(passes)} times."
    )


@pytest.mark.exercise("6.5")
def test_base_features_are_computed_anew_at_every_call():
    """After the base has changed, on the same and on another set; labels are whole numbers."""
    model = SmallModel()
    cases = [(batches, as_dataset(batches)) for batches in (small_batches(), small_batches(2, 5))]
    for number, (batches, dataset) in enumerate((cases[0], cases[0], cases[1])):
        model.base_kernel.assign((number + 1) * model.base_kernel)
        features, labels = model_training.base_features(model, dataset)
        images = np.concatenate([images for images, _ in batches]).reshape(-1, 48)
        expected = np.tanh(images @ model.base_kernel.numpy())
        features, labels = np.asarray(features), np.asarray(labels)
        assert features.shape == expected.shape, (
            f"Call {number + 1}: {len(images)} images gave features of the shape {features.shape}."
        )
        assert np.abs(features - expected).max() <= 1e-9, (
            f"Call {number + 1}: the features are not those of the base as it is now."
        )
        assert labels.dtype.kind in "iu", f"The labels came back as {labels.dtype}, not whole."
    assert model.base_kernel.trainable, "The base's weights are not trainable any more."


# 6.6


def small_model():
    """In float32, as the network is trained."""
    return SmallModel(dtype=tf.float32)


def datasets(flipped=False):
    """A training and a validation set; the labels of the latter may be exchanged.

    All training batches have one size, because each size may cost a trace.
    """
    val = validation_batches()
    if flipped:
        val = [(images, 1 - labels) for images, labels in val]
    return as_dataset(training_batches(last=8)), as_dataset(val)


def training_batches(last=3):
    """Images in float32, as the network takes them; the last batch is short."""
    return small_batches(last=last, dtype=tf.float32)


def validation_batches():
    """Other images than those of the training set."""
    return small_batches(count=3, seed=11, dtype=tf.float32)


def val_loss(model, val_set):
    """The loss over the examples of a validation set, outside training, by NumPy."""
    pairs = [(model(images).numpy(), labels.numpy()) for images, labels in val_set]
    logits, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return loss_by_numpy(logits, labels)


def trained(model, sets, whole_epochs, head_epochs, *rates):
    """The history of a training, checked for its form."""
    history = model_training.train(model, *sets, whole_epochs, head_epochs, *rates)
    assert isinstance(history, dict), f"train returned a {type(history).__name__}, no dict."
    for name in ("phase", "loss", "val_loss", "val_accuracy"):
        assert name in history, f"The history has no {name!r}; it has {sorted(history)}."
        count = len(history[name])
        assert count == whole_epochs + head_epochs, (
            f"After {whole_epochs} + {head_epochs} epochs history[{name!r}] has {count} entries."
        )
    return history


@dataclass
class Training:
    """A training that several tests look at, and what the model was before it."""

    model: tf.Module
    sets: tuple
    history: dict
    head_before: list
    base_before: list

    @property
    def base(self):
        """All that must stand still in the head phase."""
        return [*self.model.base_variables, *self.model.batch_norm_statistics]

    def head_step(self):
        """By how much the weight of the head moved that moved most."""
        pairs = zip(self.head_before, self.model.head_variables, strict=True)
        return max(float(np.abs(before - variable).max()) for before, variable in pairs)


def run_training(sets, whole_epochs, head_epochs, *rates, model=None):
    """Train a new small model, or the one given."""
    model = model or small_model()
    head, base = copies(model.head_variables), copies([model.base_kernel, model.moving_mean])
    history = trained(model, sets, whole_epochs, head_epochs, *rates)
    return Training(model, sets, history, head, base)


# A training takes half a second, most of it for its graphs: these are run once for several tests.


@pytest.fixture(scope="module")
def whole_epoch():
    """One epoch of the whole network."""
    return run_training(datasets(), 1, 0, 0.05)


@pytest.fixture(scope="module")
def whole_epoch_at_rest():
    """The same at a rate that changes nothing, with a short last batch."""
    sets = as_dataset(training_batches()), as_dataset(validation_batches())
    return run_training(sets, 1, 0, 1e-14, 0.05)


@pytest.fixture(scope="module")
def head_epochs():
    """Four epochs of the head alone."""
    return run_training(datasets(), 0, 4, 0.05, 0.05)


@pytest.fixture(scope="module")
def head_epochs_at_rest():
    """Two of them at a rate that changes nothing, on a training set shuffled anew at each pass."""
    train_set = as_dataset(training_batches()).unbatch().shuffle(35).batch(8)
    train_set = train_set.apply(tf.data.experimental.assert_cardinality(5)).prefetch(1)
    return run_training((train_set, as_dataset(validation_batches())), 0, 2, 0.05, 1e-14)


class Watched(SmallModel):
    """Keeps the set of all states of its base in which it was ever run."""

    def __init__(self):
        super().__init__(dtype=tf.float32)
        self.states = set()

    def features(self, images, training):
        state = [self.base_kernel.read_value(), self.moving_mean.read_value()]
        tf.numpy_function(
            lambda *arrays: self.states.add(b"".join(array.tobytes() for array in arrays)),
            state,
            [],
        )
        return super().features(images, training)


@pytest.fixture(scope="module")
def both_phases():
    """Six epochs of the whole network, then three of the head."""
    return run_training(datasets(), 6, 3, 0.05, 0.05, model=Watched())


@pytest.fixture(scope="module")
def worse_and_worse():
    """Five epochs that unlearn the validation set, then two that hardly move."""
    return run_training(datasets(flipped=True), 5, 2, 0.05, 1e-12)


@pytest.mark.exercise("6.6")
def test_train_runs_the_whole_network_first_and_then_the_head(
    whole_epoch, head_epochs, both_phases
):
    """One entry an epoch; either phase may be left out."""
    for one, epochs in ((whole_epoch, (1, 0)), (head_epochs, (0, 4)), (both_phases, (6, 3))):
        phases = list(one.history["phase"])
        assert phases == ["whole"] * epochs[0] + ["head"] * epochs[1], (
            f"With {epochs[0]} + {epochs[1]} epochs the phases were {phases}; the whole network"
            " comes first."
        )
        finite = all(np.isfinite(one.history[name]).all() for name in ("loss", "val_loss"))
        assert finite, "The history holds a loss that is no number."


@pytest.mark.exercise("6.6")
def test_train_learns():
    """Bright images against dark ones, validated on the same: 12 epochs learn 40 by heart."""
    train_set, _ = datasets()
    history = trained(small_model(), (train_set, train_set), 12, 0, 0.05)
    first, last = history["loss"][0], history["loss"][-1]
    assert last <= 0.05 * first, (
        f"In 12 epochs the loss went from {first:.3f} to {last:.3f} only; each entry is that of"
        " its own epoch."
    )
    best = max(history["val_accuracy"])
    assert best >= 0.9, f"The best accuracy on the cells that were trained on is {best:.2f}."


@pytest.mark.exercise("6.6")
def test_train_moves_everything_in_the_whole_phase(whole_epoch):
    """The base's weights, its statistics, and the head."""
    still = 6 - moved(whole_epoch.head_before, whole_epoch.model.head_variables)
    still -= moved(whole_epoch.base_before, whole_epoch.base)
    assert still == 0, f"{still} of 6 variables did not move in the whole phase."


@pytest.mark.exercise("6.6")
def test_train_freezes_the_base_in_the_head_phase(head_epochs):
    """Bit for bit, its statistics included, while all of the head moves."""
    count = moved(head_epochs.base_before, head_epochs.base)
    assert count == 0, "The base, or its statistics, moved in the head phase."
    count = moved(head_epochs.head_before, head_epochs.model.head_variables)
    assert count == 4, f"Of the head's 4 variables {count} moved in the head phase."


@pytest.mark.exercise("6.6")
def test_train_stops_changing_the_base_after_the_whole_phase(both_phases):
    """What the first phase's optimizer remembers must not move the base in the second."""
    model = both_phases.model
    model.features(tf.zeros((1, 4, 4, 3)), training=False)  # the final state counts as well
    changes = len(model.states) - 1
    assert changes >= 30, (
        f"6 whole epochs of 5 batches make 30 steps, but the base went through {changes} changes"
        " only."
    )
    assert changes == 30, (
        "6 whole epochs of 5 batches change the base and its statistics 30 times, but it ran in"
        f" {changes + 1} different states: does the head phase go on moving it, or was it brought"
        " back to a state in which it had never been?"
    )


@pytest.mark.exercise("6.6")
def test_train_ends_with_the_best_weights(both_phases):
    """Those of the lowest validation loss, of whatever epoch."""
    check_best(both_phases)


@pytest.mark.exercise("6.6")
def test_train_does_not_end_with_a_ruined_head():
    """A rate of 100 makes all epochs of the head phase worse than those before it."""
    check_best(run_training(datasets(), 4, 2, 0.001, 100.0))


@pytest.mark.exercise("6.6")
def test_train_ends_with_the_best_weights_of_the_whole_phase(worse_and_worse):
    """Where the first epoch was the best."""
    check_best(worse_and_worse)


def check_best(one):
    """The model must have the lowest of the validation losses that were recorded."""
    losses = one.history["val_loss"]
    found = val_loss(one.model, one.sets[1])
    assert abs(found - min(losses)) <= 1e-5, (
        f"The lowest validation loss was {min(losses):.4f} in epoch {int(np.argmin(losses)) + 1} of"
        f" {len(losses)}; the model that came back has {found:.4f}. Keep a copy of all variables,"
        " the statistics too, at the best epoch."
    )


@pytest.mark.exercise("6.6")
def test_train_starts_the_head_from_the_best_weights(worse_and_worse):
    """The head phase hardly moves here, so its losses must be those of the best whole epoch."""
    losses = worse_and_worse.history["val_loss"]
    whole, head = losses[:5], losses[5:]
    assert abs(head[0] - min(whole)) <= 1e-5, (
        f"The whole phase's best validation loss was {min(whole):.4f}, its last"
        f" {whole[-1]:.4f}; the head phase began at {head[0]:.4f}."
    )


def mean_loss(batches, training):
    """The loss of the untrained model over the examples, its base in training mode or not."""
    twin = small_model()
    losses = [
        loss_by_numpy(twin.head(twin.features(images, training), True), labels)
        for images, labels in batches
    ]
    return np.average(losses, weights=[len(labels) for _, labels in batches])


@pytest.mark.exercise("6.6")
def test_train_averages_the_loss_over_examples(whole_epoch_at_rest):
    """Batches of 8 and a last one of 3, at a rate that changes nothing: by NumPy.

    The loss of the steps is asked for; that of the cells after the epoch is accepted.
    """
    found = float(whole_epoch_at_rest.history["loss"][0])
    expected = mean_loss(training_batches(), training=True)
    afterwards = val_loss(whole_epoch_at_rest.model, whole_epoch_at_rest.sets[0])
    assert min(abs(found - expected), abs(found - afterwards)) <= 1e-5, (
        f"The first epoch's loss is {found:.5f}; over its 35 examples it is {expected:.5f}. Weigh"
        " each batch by its examples."
    )


@pytest.mark.exercise("6.6")
def test_train_keeps_labels_beside_their_images_in_the_head_phase(head_epochs_at_rest):
    """A training set shuffled anew at each pass, at a rate that changes nothing: by NumPy."""
    for name, batches in (("loss", training_batches()), ("val_loss", validation_batches())):
        expected = mean_loss(batches, training=False)
        for epoch, found in enumerate(head_epochs_at_rest.history[name], start=1):
            assert abs(found - expected) <= 1e-5, (
                f"Epoch {epoch} of the head phase: {name} is {found:.5f}; over the examples, on a"
                f" frozen base, it is {expected:.5f}. Do images and labels come from one pass?"
            )


@pytest.mark.exercise("6.6")
def test_train_records_the_validation_figures_outside_training(whole_epoch):
    """The loss and the accuracy over the examples of the validation set, by NumPy."""
    model, val_set = whole_epoch.model, whole_epoch.sets[1]
    expected, found = val_loss(model, val_set), float(whole_epoch.history["val_loss"][0])
    assert abs(found - expected) <= 1e-5, (
        f"val_loss is {found:.5f}, but the model that came back has {expected:.5f} over the"
        " examples of the validation set, outside training."
    )
    pairs = [(model(images).numpy().argmax(1), labels.numpy()) for images, labels in val_set]
    right = np.concatenate([calls == labels for calls, labels in pairs]).mean()
    found = float(whole_epoch.history["val_accuracy"][0])
    assert abs(found - right) <= 1e-5, f"val_accuracy is {found:.4f}, not {right:.4f}."


@pytest.mark.exercise("6.6")
def test_train_learns_nothing_from_the_validation_set(whole_epoch):
    """After one epoch the weights are the same whatever was validated on."""
    weights = copies(whole_epoch.model.variables)
    other = run_training(datasets(flipped=True), 1, 0, 0.05).model
    same = moved(weights, other.variables) == 0
    # A training may draw an order of its own, which no seed was given for.
    drawn = not same and moved(weights, run_training(datasets(), 1, 0, 0.05).model.variables) > 0
    assert same or drawn, (
        "With other validation labels other weights came out of one epoch: something is learnt"
        " from the validation set."
    )


@pytest.mark.exercise("6.6")
def test_train_uses_the_learning_rate_of_the_phase(
    whole_epoch, whole_epoch_at_rest, head_epochs, head_epochs_at_rest
):
    """One rate for each: with a rate near 0 nothing moves to speak of."""
    for phase, one in (("whole", whole_epoch_at_rest), ("head", head_epochs_at_rest)):
        step = one.head_step()
        assert step <= 1e-9, (
            f"With the rate 1e-14 for the {phase} phase and .05 for the other, a weight of the"
            f" head moved by {step:.2g}."
        )
    for phase, one in (("whole", whole_epoch), ("head", head_epochs)):
        step = one.head_step()
        assert step >= 1e-3, (
            f"With the rate .05 for the {phase} phase the head moved by {step:.2g} only."
        )


@pytest.mark.exercise("6.6")
def test_train_shows_its_progress(capfd, caplog, pytestconfig):
    """Nobody should wait in front of a silent screen; a log is shown as well."""
    everything = pytestconfig.pluginmanager.getplugin("capturemanager")
    everything.read_global_capture()
    tf.get_logger().setLevel("ERROR")  # its warnings are no progress
    trained(small_model(), datasets(), 1, 0)
    # The last is what goes to a sys.stdout that was looked up when the module was imported.
    shown = "".join([*capfd.readouterr(), caplog.text, *everything.read_global_capture()])
    assert shown.strip(), "Nothing was written to the screen during the training."


@pytest.mark.exercise("6.6")
def test_train_uses_a_rate_of_a_thousandth_unless_told_otherwise():
    """The default of each phase against .001 given by name: the head moves about as far.

    Only about: in an order that is drawn without a seed, another of the two epochs may be the best.
    """
    for epochs, name in (((2, 0), "learning_rate"), ((0, 2), "head_learning_rate")):
        steps = []
        for options in ({}, {name: 1e-3}):
            model = small_model()
            before = copies(model.head_variables)
            model_training.train(model, *datasets(), *epochs, **options)
            pairs = zip(before, model.head_variables, strict=True)
            steps.append(max(float(np.abs(b - v).max()) for b, v in pairs))
        assert 0.4 <= steps[0] / steps[1] <= 2.5, (
            f"Without {name} the head moved by {steps[0]:.2g}, with {name}=.001 by {steps[1]:.2g}."
        )


@pytest.mark.exercise("6.6")
def test_train_counts_small_improvements_too():
    """Three epochs that gain some millionths each: the last is still the best."""
    train_set, _ = datasets()
    one = run_training((train_set, train_set), 0, 3, 1e-3, 5e-6)  # the base's statistics rest
    losses = one.history["val_loss"]
    found = val_loss(one.model, train_set)
    assert abs(found - min(losses)) <= (max(losses) - min(losses)) / 4, (
        f"The validation losses were {[round(float(x), 6) for x in losses]}; the model that came"
        f" back has {found:.6f}. However small a gain is, it counts."
    )


@pytest.mark.exercise("6.6")
def test_train_records_each_epochs_own_figures(worse_and_worse):
    """While the validation set is unlearnt, its figures fall; the best weights give the first."""
    history = worse_and_worse.history
    losses = [float(x) for x in history["val_loss"][:5]]
    shares = [float(x) for x in history["val_accuracy"][:5]]
    assert (losses[4] > losses[0] + 0.01, shares[4] < shares[0]) == (True, True), (
        "In 5 epochs that unlearn the validation set its loss rises and its accuracy falls, but the"
        f" history says {[round(x, 3) for x in losses]} and {[round(x, 3) for x in shares]}: each"
        " entry is that of its own epoch."
    )


@pytest.mark.exercise("6.6")
def test_train_trains_the_head_on_the_best_base(worse_and_worse):
    """The head hardly moves here, so its training loss is that of the best weights."""
    expected = val_loss(worse_and_worse.model, worse_and_worse.sets[0])
    for found in worse_and_worse.history["loss"][5:]:
        assert abs(float(found) - expected) <= 1e-4, (
            f"In the head phase the training loss is {float(found):.4f}; with the best weights of"
            f" the phase before it is {expected:.4f}. Take the best weights back before the base"
            " runs over the training set."
        )


@pytest.mark.exercise("6.6")
def test_train_leaves_the_model_trainable(head_epochs):
    """Freezing is a matter of the step: the model can be trained on afterwards."""
    count = len(head_epochs.model.trainable_variables)
    assert count == 5, f"After the head phase the model has {count} trainable variables, not 5."
    assert ("head", True) in head_epochs.model.calls, (
        "In the head phase the head never ran in training mode: there is no dropout."
    )


@pytest.mark.exercise("6.6")
def test_train_validates_the_head_outside_training_as_well():
    """A head that answers otherwise in training, as one with dropout does."""

    class Partial(SmallModel):
        def head(self, features, training):
            logits = super().head(features, training)
            return logits + tf.constant([0.0, 0.5]) if training else logits

    one = run_training(datasets(), 1, 0, 0.05, model=Partial(dtype=tf.float32))
    found, expected = float(one.history["val_loss"][0]), val_loss(one.model, one.sets[1])
    assert abs(found - expected) <= 1e-5, (
        f"After one epoch val_loss is {found:.5f}; outside training the same weights have"
        f" {expected:.5f}. Validate with training=False, in the head too."
    )


@pytest.mark.exercise("6.6")
def test_train_reads_the_training_set_anew_in_every_whole_epoch():
    """At each pass it draws another order and other augmentations."""
    passes, batches = [], small_batches(count=2, last=8, dtype=tf.float32)

    def counted():
        passes.append(1)
        yield from batches

    spec = (tf.TensorSpec((None, 4, 4, 3)), tf.TensorSpec((None,), tf.int32))
    train_set = tf.data.Dataset.from_generator(counted, output_signature=spec)
    train_set = train_set.apply(tf.data.experimental.assert_cardinality(2))
    run_training((train_set, datasets()[1]), 4, 0, 0.05)
    assert len(passes) >= 4, (
        f"In 4 whole epochs the training set was read {len(passes)} times: iterate over it in each"
        " epoch, do not keep or cache what came."
    )

"""Grades lesson 6: two phases, a base that is frozen bit for bit, figures over examples."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests import oracles, properties, received
from tests.graded import model_training
from tests.properties import Example
from tests.received import digits
from tests.refusals import refused
from tests.small_models import (
    CountedModel,
    EchoModel,
    Momentum,
    PlainAdam,
    RememberingModel,
    ShiftedInTraining,
    SmallModel,
    as_dataset,
    copies,
    echo_dataset,
    small_batches,
)

PHASES = ("whole", "head")


def variables_of(model, phase):
    """The variables that a phase trains."""
    return model.trainable_variables if phase == "whole" else model.head_variables


def base_of(model):
    """All that must stand still in the head phase: the base's weights and its statistics."""
    return [*model.base_variables, *model.batch_norm_statistics]


def count_changed(before, variables):
    """How many of the variables differ from their copies in any bit."""
    return sum(not np.array_equal(a, v.numpy()) for a, v in zip(before, variables, strict=True))


def dataset_in_turns(passes, dtype=tf.float64):
    """Four batches of 8, with another one in front at each pass; each pass is added to `passes`."""
    batches = small_batches(count=4, last=8, dtype=dtype)

    def one_pass():
        passes.append(1)
        first = len(passes) % 4
        yield from batches[first:] + batches[:first]

    spec = (tf.TensorSpec((None, 4, 4, 3), dtype), tf.TensorSpec((None,), tf.int32))
    dataset = tf.data.Dataset.from_generator(one_pass, output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(4))


# What the messages say of numbers


def instead(found, expected):
    """What was found and what was not: `0.25, not 0.5`, and the error where both look alike."""
    shown, asked = digits(found), digits(expected)
    return f"{shown}, not {asked}" + (f": off by {found - expected:.1g}" if shown == asked else "")


def worst(found, expected):
    """Where two arrays of one shape differ most, and what stands there instead of what."""
    place = np.unravel_index(np.argmax(np.abs(found - expected)), np.shape(found))
    index = ", ".join(map(str, place))
    return f"[{index}] is {instead(float(found[place]), float(expected[place]))}"


def known_as(found, values):
    """Which of some values came out, in words; "" if it is none of them, or it could be two.

    Args:
        found: A float.
        values: From words to floats.
    """
    near = [
        words for words, value in values.items() if abs(found - value) <= 1e-6 * max(1, abs(value))
    ]
    return f" It is {near[0]}." if len(near) == 1 else ""


def means_of_batches(means, sizes):
    """What a mean over all examples is mistaken for, from those of the batches; for `known_as`."""
    if len(means) == 1:
        return {}
    return {
        "that of the first batch alone": means[0],
        "that of the last batch alone": means[-1],
        "that of all batches except the short last one": np.average(means[:-1], weights=sizes[:-1]),
        "the mean over the batches, whatever their sizes": np.mean(means),
        "the sum over the batches": np.sum(means),
        "the sum over the examples": np.dot(means, sizes),
    }


def chosen(model, phase):
    """What variables_to_train gives for a phase, a list."""
    found = model_training.variables_to_train(model, phase)
    return received.sequence(found, f"what variables_to_train returns for the phase {phase!r}")


def check_chosen(found, expected, phase, name):
    """Compare variables with those of the model: the same objects, in the same order."""
    strangers = sum(all(v is not own for own in expected) for v in found)
    others = f" ({strangers} not among them)" if strangers else ""
    assert len(found) == len(expected), (
        f"In the phase {phase!r}, the model's {name} should be returned, {len(expected)} in all;"
        f" {len(found)} came back{others}."
    )
    assert strangers == 0, (
        f"In the phase {phase!r}, as many came back as the model has {name}, namely {len(found)}"
        f"{others}: return the variables themselves, not copies."
    )
    in_order = all(v is own for v, own in zip(found, expected, strict=True))
    assert in_order, (
        f"In the phase {phase!r}, the model's {name} came back in another order; the optimizer"
        " relies on the model's own."
    )


@pytest.mark.exercise("6.1")
class TestVariablesToTrain:
    """The model's own lists, by the name of the phase."""

    def test_are_all_in_the_whole_phase(self):
        """The optimizer is built over them, in this order."""
        model = SmallModel()
        expected = model.trainable_variables
        check_chosen(chosen(model, "whole"), expected, "whole", "trainable_variables")

    def test_are_those_of_the_head_in_the_head_phase(self):
        """The variables themselves, not copies."""
        model = SmallModel()
        check_chosen(chosen(model, "head"), model.head_variables, "head", "head_variables")

    def test_ask_the_model_and_change_nothing(self):
        """Another model, with other names for its weights; asked twice, in both phases."""
        for _ in range(2):
            base, head = tf.Variable([1.0]), tf.Variable([2.0])
            other = SimpleNamespace(
                trainable_variables=(base, head), base_variables=[base], head_variables=[head]
            )
            head_found, whole_found = chosen(other, "head"), chosen(other, "whole")
            check_chosen(head_found, [head], "head", "head_variables")
            check_chosen(whole_found, [base, head], "whole", "trainable_variables")
            assert all(variable.trainable for variable in (base, head)), (
                "A variable is not trainable any more: choose the phase by what is returned, and do"
                " not change the model."
            )

    @pytest.mark.parametrize(
        "phase",
        [
            *("base", "all", "tail", "", None, 0, 1, True),
            *("Head", "WHOLE", "whole ", "heads", "wholesale", "the head", "h", "w"),
        ],
    )
    def test_refuses_any_other_phase(self, phase):
        """A misspelt phase must not train the wrong part in silence."""
        with refused(f"the phase {phase!r}"):
            model_training.variables_to_train(SmallModel(), phase)


def made_step(model, phase, optimizer=None, **options):
    """A step of `make_train_step`; what it returns is looked at before a test sees it.

    Args:
        model: A small model.
        phase: "whole" or "head".
        optimizer: By default a new `Momentum` over the variables of the phase.
        **options: Further arguments of `make_train_step`.
    """
    if optimizer is None:
        optimizer = Momentum(variables_of(model, phase))
    made = model_training.make_train_step(model, phase, optimizer, **options)
    step = received.function(made, "what make_train_step returns")

    def checked_step(images, labels):
        loss = received.call(step, "what make_train_step returns", images, labels)
        if not tf.is_tensor(loss):  # a Python number stands still in a graph around the step
            received.refuse(loss, "the loss of a step", "a tensor")
        if tf.executing_eagerly():
            received.array(loss, "the loss of a step", shape=(), dtype="floats")
        return loss

    return checked_step


NAMES = ("base_kernel", "moving_mean", "w1", "b1", "w2", "b2")  # of a small model's variables


def check_variables(ours, theirs, what):
    """Compare all variables of two models."""
    for name in NAMES:
        found, expected = getattr(ours, name).numpy(), getattr(theirs, name).numpy()
        error = received.distance(found, expected)
        assert error <= 1e-9, (
            f"{what}, {name}{worst(found, expected)}. Check what is differentiated, clipped (by"
            " one factor) and applied."
        )


@pytest.mark.exercise("6.2")
class TestMakeTrainStep:
    """A compiled step that moves what its phase trains, and nothing else."""

    @pytest.mark.parametrize("phase", PHASES)
    def test_runs_the_model_once(self, phase):
        """In float32, within another graph; a second pass would draw a second dropout mask."""
        model = CountedModel(dtype=tf.float32)
        step = made_step(model, phase)
        images, labels = small_batches(dtype=tf.float32)[0]
        tf.function(step, autograph=False)(images, labels)
        runs = int(model.runs.heads)
        assert runs == 1, f"Phase {phase}: in one step the head ran {runs} times."
        step(images, labels)

    @pytest.mark.parametrize("phase", PHASES)
    def test_runs_each_part_in_its_mode(self, phase):
        """A frozen base runs as outside training; the head, with its dropout, in training mode."""
        model = SmallModel()
        made_step(model, phase)(*small_batches()[0])
        modes, expected = set(model.calls), {("features", phase == "whole"), ("head", True)}
        assert modes == expected, (
            f"Phase {phase}: called as (part, training) {sorted(modes)}, not {sorted(expected)}."
        )

    def test_moves_everything_in_the_whole_phase(self):
        """The base's weights and its statistics too."""
        model = SmallModel()
        everything = [*model.trainable_variables, *model.batch_norm_statistics]
        before = copies(everything)
        step = made_step(model, "whole")
        for images, labels in small_batches(last=8):
            step(images, labels)
        still = len(before) - count_changed(before, everything)
        assert still == 0, (
            f"{still} of {len(before)} variables did not change in the 'whole' phase."
        )

    @pytest.mark.parametrize("optimizer_class", [Momentum, PlainAdam])
    def test_freezes_the_base_bit_for_bit_in_the_head_phase(self, optimizer_class):
        """After a whole phase on the same model: zeroed gradients would still let memory drift."""
        model = SmallModel()
        for phase, count in (("whole", 5), ("head", 10)):
            # In the end these are from before the head phase.
            base, head = copies(model.base_variables), copies(model.head_variables)
            statistics = copies(model.batch_norm_statistics)
            step = made_step(model, phase, optimizer_class(variables_of(model, phase)))
            for images, labels in small_batches(count, last=8):
                step(images, labels)
        assert count_changed(base, model.base_variables) == 0, (
            f"With {optimizer_class.__name__}, the base's weights changed in 10 steps of the head"
            " phase: are they given gradients of zero, or is the graph of the phase before used?"
        )
        assert count_changed(statistics, model.batch_norm_statistics) == 0, (
            "The base's batch-norm statistics changed in the head phase: in which mode does the"
            " base run?"
        )
        moved = count_changed(head, model.head_variables)
        assert moved == 4, f"Of the head's 4 variables, {moved} changed in the head phase."

    @pytest.mark.parametrize("phase", PHASES)
    def test_clips_at_a_norm_of_5_unless_told_otherwise(self, phase):
        """With a learning rate of 1 and no momentum, a step is as long as the clipped gradient."""
        model = SmallModel()
        for variable in (model.w1, model.w2):
            variable.assign(60 * variable)  # for gradients with a norm far above 5
        variables = variables_of(model, phase)
        step = made_step(model, phase, Momentum(variables, learning_rate=1.0, momentum=0.0))
        before = copies(variables)
        step(*small_batches()[0])
        squares = [np.sum((a - v.numpy()) ** 2) for a, v in zip(before, variables, strict=True)]
        norm = math.sqrt(sum(squares))
        assert abs(norm - 5) <= 1e-6, (
            f"Phase {phase}: a large gradient was applied with a global norm of {instead(norm, 5)}."
        )

    @pytest.mark.parametrize("max_norm", [5.0, 0.05])
    @pytest.mark.parametrize("phase", PHASES)
    def test_keeps_pace_with_plain_steps(self, phase, max_norm):
        """Side by side over five batches, the last one short; the message says where they part."""
        ours, theirs = SmallModel(), SmallModel()
        step = made_step(ours, phase, max_norm=max_norm)
        optimizer = Momentum(variables_of(theirs, phase))
        for k, (images, labels) in enumerate(small_batches(), start=1):
            expected = oracles.train_step(theirs, phase, optimizer, images, labels, max_norm)
            loss = float(step(images, labels))
            assert abs(loss - expected) <= 1e-9, (
                f"Phase {phase}, step {k}: the loss is {instead(loss, expected)}. It should be the"
                " mean over the batch, before the step, with each part in its mode."
            )
            check_variables(ours, theirs, f"Phase {phase}, max_norm {max_norm}: after step {k}")

    @pytest.mark.parametrize("phase", PHASES)
    def test_smooths_the_labels_if_told_to(self, phase):
        """The loss that comes back and the one that is differentiated are the same, smoothed."""
        ours, theirs = SmallModel(), SmallModel()
        step = made_step(ours, phase, label_smoothing=0.4)
        optimizer = Momentum(variables_of(theirs, phase))
        (images, labels), max_norm = small_batches()[0], 5.0
        expected = oracles.train_step(theirs, phase, optimizer, images, labels, max_norm, 0.4)
        loss = float(step(images, labels))
        other = SmallModel()
        other_optimizer = Momentum(variables_of(other, phase))
        plain = oracles.train_step(other, phase, other_optimizer, images, labels, max_norm)
        assert abs(loss - expected) <= 1e-9, (
            f"Phase {phase}, label_smoothing 0.4: the loss is {instead(loss, expected)}."
            f"{known_as(loss, {'the loss without smoothing': plain})}"
        )
        what = f"Phase {phase}, label_smoothing 0.4: the loss is right, but after the step"
        check_variables(ours, theirs, what)

    @pytest.mark.parametrize("phase", PHASES)
    def test_is_compiled_as_a_whole(self, phase):
        """Base, head and update: none of them runs in Python once the step is traced."""
        model = SmallModel()
        optimizer = Momentum(variables_of(model, phase))
        step = made_step(model, phase, optimizer)
        for images, labels in small_batches(count=4, last=8):
            step(images, labels)
        before = len(model.calls), optimizer.calls
        for images, labels in small_batches(count=6, last=8):
            step(images, labels)
        of_model, of_optimizer = len(model.calls) - before[0], optimizer.calls - before[1]
        assert of_model + of_optimizer == 0, (
            f"Phase {phase}: in 6 further steps on batches of one size, the model's Python code ran"
            f" {of_model} times and the optimizer's {of_optimizer} times: compile the whole step"
            " once."
        )

    def test_follows_the_learning_rate(self):
        """It is a variable: a schedule changes it between the steps."""
        model = SmallModel()
        optimizer = Momentum(model.trainable_variables, momentum=0.0)
        step = made_step(model, "whole", optimizer)
        images, labels = small_batches()[0]
        step(images, labels)
        optimizer.learning_rate.assign(0.0)
        before = copies(model.trainable_variables)
        step(images, labels)
        assert count_changed(before, model.trainable_variables) == 0, (
            "With the learning rate set to 0 between two steps, the weights still changed: leave"
            " the rate to the optimizer, which reads its variable in every step."
        )

    def test_fixes_the_phase_when_it_is_made(self):
        """Three steps are made first and then used in turn: each keeps to its phase and optimizer.

        The last of them, of the head phase at a learning rate of 0, moves nothing at all.
        """
        model, (images, labels) = SmallModel(), small_batches()[0]
        whole, head, head_at_0 = (
            made_step(model, phase, optimizer)
            for phase, optimizer in (
                ("whole", Momentum(model.trainable_variables)),
                ("head", Momentum(model.head_variables)),
                ("head", Momentum(model.head_variables, learning_rate=0.0)),
            )
        )
        for step, name, of_base, of_head in (
            (whole, "whole", 2, 4),
            (head, "head", 0, 4),
            (head_at_0, "head, at a learning rate of 0", 0, 0),
            (whole, "whole", 2, 4),
        ):
            base, head_before = copies(base_of(model)), copies(model.head_variables)
            step(images, labels)
            found = count_changed(base, base_of(model))
            head_found = count_changed(head_before, model.head_variables)
            assert (found, head_found) == (of_base, of_head), (
                f"With the steps of both phases made before any was used, a step of the phase"
                f" {name} changed {found} of the base's 2 and {head_found} of the head's 4"
                f" variables, not {of_base} and {of_head}. A step must depend only on what it was"
                " made with, not on what is set later or kept from before."
            )
        assert len(model.trainable_variables) == 5, (
            "The model has other trainable variables than before: freeze by the choice of"
            " variables, without changing the model."
        )

    @pytest.mark.parametrize("phase", PHASES)
    def test_survives_huge_logits(self, phase):
        """exp() of a logit in the thousands overflows; the loss must not."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        model.w2.assign(1e5 * model.w2)
        logits = model.head(model.features(images, phase == "whole"), True)
        model.moving_mean.assign(tf.zeros_like(model.moving_mean))
        variables = variables_of(model, phase)
        step = made_step(model, phase)
        loss, expected = float(step(images, labels)), oracles.cross_entropy(logits, labels)
        assert abs(loss - expected) <= 1e-6 * expected, (
            f"Phase {phase}: with logits in the thousands, the loss is {instead(loss, expected)}."
        )
        finite = all(np.isfinite(v.numpy()).all() for v in variables)
        assert finite, f"Phase {phase}: with logits in the thousands, a variable became NaN."

    def test_refuses_any_other_phase(self):
        """As variables_to_train does."""
        model = SmallModel()
        with refused("the phase 'tail'"):
            step = made_step(model, "tail", Momentum(model.head_variables))
            step(*small_batches()[0])  # the first step is early enough


FIGURES = ("loss", "accuracy", "sensitivity", "specificity", "auc")
LOOK_AT = {
    "loss": "Every example has the same weight, and the loss takes logits, not probabilities.",
    "accuracy": "It is the share of correct decisions over all examples.",
    "sensitivity": "It is the share of parasitized cells (label 1) that are classified as such.",
    "specificity": "It is the share of uninfected cells (label 0) that are classified as such.",
    "auc": "It is the share of all pairs of one cell of each class that the scores order correctly;"
    " a tie counts half.",
}


def evaluated(model, dataset):
    """What evaluate returned, checked for its form: a dict of five floats."""
    found = received.mapping(
        model_training.evaluate(model, dataset), FIGURES, "what evaluate returns"
    )
    for name in FIGURES:
        if not isinstance(found[name], float):
            received.refuse(found[name], f"the figure {name!r}", "a Python float")
    return found


def look_at(name):
    """What to look at next where a figure is wrong."""
    return f" {LOOK_AT[name]}"


def check_figures(found, expected, what, look_at=look_at):
    """Compare two dicts of figures, NaN with NaN."""
    for name, value in expected.items():
        if math.isnan(value):
            assert math.isnan(found[name]), (
                f"{what}: {name} is {digits(found[name])}; it is undefined and should be NaN."
            )
        else:
            # A sum in float32 is as good as seven digits.
            assert abs(found[name] - value) <= 1e-6 * max(1, abs(value)), (
                f"{what}: {name} is {instead(found[name], value)}.{look_at(name)}"
            )


def batches_scored(found, logits, labels, size):
    """Which of the batches' cells were scored, where it was not all of them, in words; or ""."""
    parts = {
        "of the first batch alone": slice(size),
        "of the last batch alone": slice((len(labels) - 1) // size * size, None),
        "of all batches except the short last one": slice(len(labels) // size * size),
    }
    fitting = []
    for words, part in parts.items():
        figures = oracles.figures(logits[part], labels[part])
        ours = [found[name] for name in figures]
        if np.allclose(ours, list(figures.values()), rtol=1e-6, equal_nan=True):
            fitting.append(words)
    return f" All five figures are those {fitting[0]}." if len(fitting) == 1 else ""


def check_evaluation(logits, labels, what, batch=4, **by_hand):
    """Evaluate a model with these logits; of the five figures, some may be known by hand."""
    found = evaluated(EchoModel(), echo_dataset(logits, labels, batch))
    scored = batches_scored(found, logits, labels, batch) if len(labels) > batch else ""

    def cause_of(name):
        if scored or name not in ("loss", "accuracy"):
            return scored or look_at(name)
        starts = range(0, len(labels), batch)
        parts = [(logits[k : k + batch], labels[k : k + batch]) for k in starts]
        means = [oracles.figures(*part)[name] for part in parts]
        mistaken = means_of_batches(means, [len(part) for _, part in parts])
        return known_as(found[name], mistaken) or look_at(name)

    check_figures(found, oracles.figures(logits, labels) | by_hand, what, cause_of)


def overlapping_cells(count, seed, apart):
    """Logits and labels of random cells; the classes' scores overlap less the more `apart`."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.45).astype(int)
    return rng.normal(0, 1, (count, 2)) + apart * np.stack([1 - labels, labels], axis=1), labels


@pytest.mark.exercise("6.3")
class TestEvaluate:
    """Five figures, each over all examples, and a model that is as it was."""

    def test_weighs_examples_and_not_batches(self):
        """Right are 4 of the first batch, 3 of the second, none of the third, which is short."""
        sick, well, labels = (0.0, 3.0), (2.0, 0.0), [1, 0] * 4 + [1]
        logits = [sick, well] * 3 + [sick, sick] + [well]
        what = "Batches of 4, 4 and 1"
        check_evaluation(logits, labels, what, accuracy=7 / 9, sensitivity=4 / 5)

    def test_tells_sensitivity_from_specificity(self):
        """Parasitized is the positive class: its share found is the sensitivity."""
        called_sick, called_well = (0.0, 1.0), (1.0, 0.0)
        logits = [called_sick] * 3 + [called_well] + [called_well] + [called_sick] * 3
        labels = [1] * 4 + [0] * 4
        what = "3 of 4 parasitized and 1 of 4 uninfected cells classified correctly"
        check_evaluation(logits, labels, what, sensitivity=0.75, specificity=0.25)

    def test_leaves_a_bad_model_its_auc_below_a_half(self):
        """Of 4 pairs one is ordered rightly: 0.25, not 0.75."""
        logits, labels = [(0.0, score) for score in (-2.0, -1.0, 1.0, 2.0)], [1, 0, 1, 0]
        check_evaluation(logits, labels, "A model worse than chance", auc=0.25)

    def test_counts_ties_half(self):
        """Most scores are shared by cells of both classes here."""
        labels = [0, 1, 0, 1, 0, 1, 1, 0, 1, 1]
        scores = [1, 1, 1, 2, 2, 2, -1, -1, 3, 1]
        logits = [(0.0, float(score)) for score in scores]
        check_evaluation(logits, labels, "10 cells with ties")

    @pytest.mark.parametrize("seed", range(4))
    def test_agrees_with_counting(self, seed):
        """30 cells in batches of 4, the last one short: over examples, not over batches."""
        check_evaluation(*overlapping_cells(30, seed, apart=0.7), "30 cells")

    def test_keeps_labels_beside_their_images(self):
        """A dataset that is shuffled anew at each pass must not be read once for each of them."""
        logits, labels = overlapping_cells(40, seed=5, apart=2)
        cells = echo_dataset(logits, labels).unbatch()
        shuffled = cells.shuffle(40, reshuffle_each_iteration=True).batch(6)
        found = evaluated(EchoModel(), shuffled)
        what = "40 cells in another order in each pass"
        check_figures(found, oracles.figures(logits, labels), what)

    def test_changes_nothing(self):
        """Not the weights, and not the batch-norm statistics: it runs outside training."""
        model = SmallModel()
        before = copies(model.variables)
        evaluated(model, as_dataset(small_batches()))
        assert count_changed(before, model.variables) == 0, (
            "Evaluating changed a variable of the model: run it outside training."
        )
        assert not any(mode for _, mode in model.calls), "The model was called in training mode."

    def test_sets_nothing_on_the_model(self):
        """training=False is all it takes; a rate set to 0 would stay at 0."""
        model = SmallModel()
        model.dropout, model.training = 0.5, True
        evaluated(model, as_dataset(small_batches()))
        found = model.dropout, model.training
        assert found == (0.5, True), (
            f"The model's attributes `dropout` and `training` were set to {found}."
        )

    @pytest.mark.parametrize("label", [0, 1])
    def test_says_nan_where_a_class_is_absent(self, label):
        """0 or 1 would be taken for a measurement."""
        logits = [(0.0, 1.0), (2.0, 0.5), (0.3, 0.9)]
        check_evaluation(logits, [label] * 3, f"Only class {label}", auc=math.nan)

    def test_survives_extreme_logits(self):
        """A cell that is wrong and certain costs 2000, not infinity."""
        logits, labels = [(1000.0, -1000.0), (-1000.0, 1000.0), (1000.0, -1000.0)], [0, 1, 1]
        check_evaluation(logits, labels, "Logits of +-1000", loss=2000 / 3)

    def test_tells_close_scores_and_certain_ones_apart(self):
        """Probabilities of 1 - 1e-9 and 1 - 1e-11 are not a tie."""
        scores = [25.0, 20.0, -25.0, -20.0, 0.5004, 0.5001]
        labels = [1, 0, 0, 1, 1, 0]
        logits = [(0.0, score) for score in scores]
        check_evaluation(logits, labels, "Scores of +-20 and +-25")


def rate_at(*arguments):
    """What cosine_decay returned, checked for its form; a float."""
    return received.number(model_training.cosine_decay(*arguments), "the rate")


def check_rates(steps, total, peak, fraction):
    """Compare the rates at some steps, numbers or tensors, with the formula."""
    for step in steps:
        rate, k = rate_at(step, total, peak, fraction), float(step)
        expected = oracles.cosine_decay(k, total, peak, fraction)
        if k < fraction * total:
            place = "This is in the linear warm-up, whose length must not be rounded."
        else:
            place = "This is after the last step." if k >= total else "This is in the cosine decay."
        assert abs(rate - expected) <= 1e-5 * peak, (
            f"At step {k:g} of {total}, with the peak {peak} and the warm-up {fraction}, the rate"
            f" is {instead(rate, expected)}."
            f" {place}{end_of_decay(total, peak, fraction)}"
        )


def end_of_decay(total, peak, fraction):
    """A sentence about the rate after the last step where it is not 0; otherwise ""."""
    end = rate_at(total, total, peak, fraction)
    return (
        "" if abs(end) <= 1e-5 * peak else f" At the last step, {total}, it is {instead(end, 0)}."
    )


@pytest.mark.exercise("6.4")
class TestCosineDecay:
    """A line up, half a cosine down, 0 after; nothing is rounded."""

    def test_warms_up_over_a_tenth_unless_told_otherwise(self):
        """Half the peak in the middle of the warm-up, the peak at its end."""
        found = [round(rate_at(step, 200, 1.0), 4) for step in (0, 10, 20)]
        assert found == [0.0, 0.5, 1.0], (
            f"At the steps 0, 10 and 20 of 200, with the peak 1, the rate is {digits(found)}, not"
            " [0, 0.5, 1]; the default warm-up is 0.1 of the steps."
        )

    @pytest.mark.parametrize(
        ("total", "peak", "fraction"),
        [(100, 1.0, 0.1), (10, 0.5, 0.25), (7, 2.0, 0.0), (30, 1e-3, 0.5), (15, 1.0, 0.1)],
    )
    def test_agrees_with_the_formula(self, total, peak, fraction):
        """At every step and beyond the last; a warm-up of 2.5 steps is not rounded."""
        check_rates(range(total + 4), total, peak, fraction)

    def test_takes_a_tensor(self):
        """A step counter is often a variable."""
        check_rates([tf.constant(step) for step in (0.0, 5.0, 30.0, 60.0)], 50, 1.0, 0.2)

    @pytest.mark.parametrize(
        ("total", "fraction"), [(5, 0.1), (1, 0.1), (1, 0.0), (1, 0.9), (3, 0.25), (100, 0.004)]
    )
    def test_takes_warm_ups_shorter_than_a_step(self, total, fraction):
        """At whole and at fractional steps: nothing is rounded up to 1."""
        quarters = [tf.constant(k / 4) for k in range(4 * total + 8)]
        check_rates(quarters, total, 1.0, fraction)


def features_and_labels(model, dataset):
    """What base_features returned, checked for its form: two NumPy arrays."""
    names = ("the features", "the labels")
    found = model_training.base_features(model, dataset)
    found = received.parts(found, names, "what base_features returns")
    for name, part in zip(names, found, strict=True):
        if not hasattr(part, "shape"):
            received.refuse(part, name, "one tensor: concatenate the batches")
    features = received.array(found[0], "the features", shape=(None, 6), dtype="floats")
    assert ("features", True) not in model.calls, (
        "The base was run in training mode; a frozen base runs in inference mode."
    )
    return features, received.array(found[1], "the labels", shape=(None,), dtype="integers")


def check_joined(features, labels, model, batches, what):
    """Compare with the base by NumPy, and with the labels, over all batches."""
    images, own_labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    expected = oracles.small_base(model, images)
    assert len(features) == len(images), (
        f"{what}: the features of {len(features)} images came back, not of {len(images)}."
        f"{batches_joined(features, expected, [len(y) for _, y in batches])}"
    )
    assert len(labels) == len(images), (
        f"{what}: the labels of {len(labels)} images came back, not of {len(images)}."
    )
    error = received.distance(features, expected)
    assert error <= 1e-9, (
        f"{what}: feature {worst(features, expected)}, as the current base computes it outside"
        " training, in the order of the dataset."
    )
    apart = int(np.sum(labels != own_labels))
    assert apart == 0, f"{what}: {apart} of the {len(labels)} labels are not those of their images."


def batches_joined(features, expected, sizes):
    """Which batches' features came back, where it was not all of them, in words; or ""."""
    whole, last = expected[: sum(sizes[:-1])], expected[sum(sizes[:-1]) :]
    parts = {
        "the first batch alone": expected[: sizes[0]],
        "the last batch alone": last,
        "all batches except the short last one": whole,
    }
    for words, part in parts.items():
        if len(part) == len(features) and received.distance(features, part) <= 1e-9:
            return f" They are those of {words}."
    return ""


@pytest.mark.exercise("6.5")
class TestBaseFeatures:
    """The base's output and the labels of a whole dataset, each image run once."""

    def test_are_those_of_the_base_in_the_order_of_the_dataset(self):
        """Against the base by NumPy, outside training; the short last batch included."""
        model, batches = SmallModel(), small_batches()
        model.moving_mean.assign(np.linspace(-0.3, 0.3, 6))  # so that training mode would differ
        features, labels = features_and_labels(model, as_dataset(batches))
        what = "Four batches of 8 and a last one of 3"
        check_joined(features, labels, model, batches, what)

    def test_keep_labels_beside_their_images(self):
        """A training set is shuffled anew at each pass: features and labels must come from one."""
        model, passes = SmallModel(), []
        features, labels = features_and_labels(model, dataset_in_turns(passes))
        batches = small_batches(count=4, last=8)
        images, own_labels = (np.concatenate(part) for part in zip(*batches, strict=True))
        rows = oracles.small_base(model, images)
        assert len(features) == len(labels), (
            f"The features of {len(features)} images came back, but the labels of {len(labels)}."
        )
        nearest = np.abs(features[:, None] - rows).max(axis=-1).argmin(axis=1)
        apart = int(np.sum(own_labels[nearest] != labels))
        assert apart == 0, (
            f"On a dataset that comes in another order in each pass, {apart} of {len(labels)} rows"
            f" of features got the label of another image; the dataset was read {len(passes)}"
            " times."
        )

    def test_are_computed_anew_at_every_call(self):
        """After the base has changed, on the same and on another set."""
        model, before = SmallModel(), None
        one, other = ((b, as_dataset(b)) for b in (small_batches(), small_batches(2, 5)))
        for call, (batches, dataset) in enumerate((one, one, other), start=1):
            model.base_kernel.assign(call * model.base_kernel)
            features, labels = features_and_labels(model, dataset)
            assert not np.array_equal(features, before), (
                f"At call {call}, the features of call {call - 1} came back again, although the"
                " base has changed since."
            )
            before = features
            check_joined(features, labels, model, batches, f"Call {call} for one model")

    def test_leave_the_model_alone(self):
        """No statistic moves, the head is not run, and the base sees each image once."""
        model = CountedModel()
        before = copies(model.variables)
        features_and_labels(model, as_dataset(small_batches()))
        assert count_changed(before, model.variables) == 0, (
            "A variable of the model changed; a frozen base runs outside training."
        )
        heads = sum(part == "head" for part, _ in model.calls)
        assert heads == 0, f"The head was run {heads} times, but the features are only its input."
        seen = int(model.runs.images)
        assert seen == 35, (
            f"The base was run on {seen} images, but the dataset has 35: run it on each once."
        )
        assert model.base_kernel.trainable, (
            "The base's weights are not trainable any more: do not change the model."
        )


def training_set(last=8, count=5):
    """Batches of 8 and a last one; by default of 8 too, because each size may cost a trace."""
    return as_dataset(small_batches(count, last=last, dtype=tf.float32))


def validation_set(flipped=False, last=8):
    """Three batches of other images than the training set's; their labels may be exchanged."""
    batches = small_batches(count=3, last=last, seed=11, dtype=tf.float32)
    return as_dataset([(images, 1 - labels if flipped else labels) for images, labels in batches])


RECORDED = ("phase", "loss", "val_loss", "val_accuracy")


@dataclass
class Training:
    """A training of a small model: what it was, what it became, and what `train` returned.

    Attributes:
        model: The model afterwards.
        train_set, val_set: What it was trained and validated on.
        history: What `train` returned, a dict of lists; use `figures` and `phases`.
        head_before, base_before: Copies of the head's variables, and of the base's with its
            statistics, from before the training.
        passes: How often the training set was read, where that was counted.
    """

    model: tf.Module
    train_set: tf.data.Dataset
    val_set: tf.data.Dataset
    history: dict
    head_before: list
    base_before: list
    passes: int = 0

    @classmethod
    def of(
        cls,
        whole=0,
        head=0,
        rate=None,
        head_rate=None,
        train_set=None,
        val_set=None,
        model=None,
        **options,
    ):
        """Train for some epochs of each phase, and check the form of what came back.

        Args:
            whole, head: The epochs of each phase.
            rate, head_rate: The learning rate of each phase; None leaves it to `train`.
            train_set, val_set: By default the two sets above.
            model: By default a new `SmallModel` in float32, as the network is trained.
            **options: Further arguments of `train`.
        """
        model = SmallModel(dtype=tf.float32) if model is None else model
        train_set = training_set() if train_set is None else train_set
        val_set = validation_set() if val_set is None else val_set
        rates = {"learning_rate": rate, "head_learning_rate": head_rate}
        options |= {name: value for name, value in rates.items() if value is not None}
        before = copies(model.head_variables), copies(base_of(model))
        returned = model_training.train(model, train_set, val_set, whole, head, **options)
        history = received.mapping(returned, RECORDED, "what train returns")
        for name in RECORDED:
            what = f"after {whole} whole and {head} head epochs, the history's {name!r}"
            history[name] = received.sequence(history[name], what, length=whole + head)
        return cls(model, train_set, val_set, history, *before)

    def figures(self, name, finite=True):
        """A figure's entries in the history, a list of floats."""
        entries = self.history[name]
        found = [received.number(entry, f"an entry of the history's {name!r}") for entry in entries]
        assert np.isfinite(found).all() or not finite, (
            f"The history's {name!r} is {digits(found)}: not all entries are finite."
        )
        return found

    @property
    def phases(self):
        """The entries for the phase, a list of strings."""
        return [
            text_of(entry, "an entry of the history's 'phase'") for entry in self.history["phase"]
        ]

    @property
    def head_changes(self):
        """How many of the head's 4 variables have changed."""
        return count_changed(self.head_before, self.model.head_variables)

    @property
    def base_changes(self):
        """How many of the base's 2 variables, its weights and its statistics, have changed."""
        return count_changed(self.base_before, base_of(self.model))

    @property
    def head_step(self):
        """By how much the weight of the head has moved that moved most."""
        pairs = zip(self.head_before, self.model.head_variables, strict=True)
        return max(received.distance(before, variable.numpy()) for before, variable in pairs)

    def check_best(self):
        """The model must have the lowest of the validation losses that were recorded."""
        losses = self.figures("val_loss", finite=False)
        best = min(losses, key=lambda loss: math.inf if math.isnan(loss) else loss)
        found = oracles.figures_of(self.model, self.val_set)["loss"]
        as_after = [epoch for epoch, loss in enumerate(losses, 1) if abs(loss - found) <= 1e-5]
        assert abs(found - best) <= 1e-5, (
            f"The lowest validation loss was {digits(best)}, in epoch {losses.index(best) + 1} of"
            f" {len(losses)}, but that of the final model is {digits(found)}"
            f"{f', as after epoch {as_after[-1]}' if as_after else ''}. Keep a copy of all"
            " variables, including the statistics, of the best epoch."
        )


def text_of(entry, what):
    """A string, however it is held: as Python's, NumPy's or TensorFlow's own."""
    text = entry.numpy() if tf.is_tensor(entry) else entry
    if not isinstance(text, (str, bytes)):
        received.refuse(entry, what, "a string")
    return text.decode() if isinstance(text, bytes) else text


def batch_losses(model, dataset, base=False, head=False):
    """The loss of each batch and its number of examples, two lists; changes nothing.

    Args:
        model: A small model.
        dataset: Batches of `(images, labels)`.
        base, head: Whether each of the two is in training mode.
    """
    statistics = copies(model.batch_norm_statistics)
    losses, sizes = [], []
    for images, labels in dataset:
        logits = model.head(model.features(images, base), head)
        losses.append(oracles.cross_entropy(logits, labels))
        sizes.append(len(labels))
    for variable, value in zip(model.batch_norm_statistics, statistics, strict=True):
        variable.assign(value)
    return losses, sizes


def loss_over(model, dataset, base=False, head=False):
    """The loss over all examples of a dataset, as `batch_losses` has it for the batches."""
    losses, sizes = batch_losses(model, dataset, base, head)
    return float(np.average(losses, weights=sizes))


def untrained():
    """What every training begins with, unless told otherwise."""
    return SmallModel(dtype=tf.float32)


def certain_model():
    """A model that knows bright images from dark ones and is certain of it: a loss of 0.07."""
    model = SmallModel(dtype=tf.float32)
    model.base_kernel.assign(tf.fill((48, 6), 60 / 48))  # how bright an image is ...
    model.moving_mean.assign(tf.fill((6,), 30.0))  # ... above the middle
    model.w1.assign([[0.3, -0.3, 0.0, 0.0, 0.0]] * 6)
    model.w2.assign([[0.0, 2.0], [2.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    return model


# Most of a training's time goes into its graphs, so that each of these is run once for all tests
# that it can serve. A rate of 1e-14 changes nothing to speak of: NumPy knows every figure
# beforehand.


@pytest.fixture(scope="module")
def one_whole_at_1e_14():
    """An epoch without learning anything, on a training set with a short last batch."""
    return Training.of(whole=1, rate=1e-14, head_rate=0.05, train_set=training_set(last=3))


@pytest.fixture(scope="module")
def two_head_at_1e_14():
    """Two of the head likewise, on a training set shuffled anew at each pass."""
    shuffled = training_set(last=3).unbatch().shuffle(35).batch(8)
    counted = shuffled.apply(tf.data.experimental.assert_cardinality(5)).prefetch(1)
    return Training.of(head=2, rate=0.05, head_rate=1e-14, train_set=counted)


@pytest.fixture(scope="module")
def one_whole_by_default():
    """One epoch of the whole network; the learning rate is left to `train`.

    Its head answers otherwise in training, as one with dropout does. The last batch of its
    validation set is short.
    """
    model = ShiftedInTraining(dtype=tf.float32)
    return Training.of(whole=1, model=model, val_set=validation_set(last=3))


@pytest.fixture(scope="module")
def one_whole_at_1e_3_flipped():
    """The same with the learning rate that should be the default, and exchanged labels."""
    model = ShiftedInTraining(dtype=tf.float32)
    return Training.of(whole=1, rate=1e-3, model=model, val_set=validation_set(flipped=True))


@pytest.fixture(scope="module")
def two_head_by_default():
    """Two epochs of the head alone, validated on the training set."""
    return Training.of(head=2, val_set=training_set())


@pytest.fixture(scope="module")
def two_head_at_1e_3():
    """The same with the learning rate that should be the default, and fewer validation cells."""
    return Training.of(head=2, head_rate=1e-3, val_set=training_set(count=3))


@pytest.fixture(scope="module")
def twelve_whole_then_three_head():
    """Both phases of a model that remembers all states of its base, validated on what it learns."""
    model, val_set = RememberingModel(dtype=tf.float32), training_set()
    return Training.of(whole=12, head=3, rate=0.05, head_rate=0.05, model=model, val_set=val_set)


@pytest.fixture(scope="module")
def five_whole_then_two_head_at_1e_12_flipped():
    """Five epochs that unlearn a validation set with exchanged labels, then two that hardly move.

    The first epoch is the best, and the head starts from it.
    """
    passes = []
    training = Training.of(
        whole=5,
        head=2,
        rate=0.05,
        head_rate=1e-12,
        train_set=dataset_in_turns(passes, tf.float32),
        val_set=validation_set(flipped=True),
    )
    training.passes = len(passes)
    return training


@pytest.fixture(scope="module")
def two_whole_then_four_head_smoothed():
    """A model that is certain and right, trained on labels that say little, and validated on them.

    It unlearns its certainty, so that the loss without smoothing rises.
    """
    return Training.of(
        whole=2,
        head=4,
        rate=0.02,
        head_rate=0.1,
        model=certain_model(),
        val_set=training_set(),
        label_smoothing=0.9,
    )


@pytest.mark.exercise("6.6")
class TestTrain:
    """The loop: two phases, a base that is frozen in the second, the best weights, the history."""

    # The phases

    def test_runs_the_whole_network_first_and_then_the_head(
        self, one_whole_by_default, two_head_by_default, twelve_whole_then_three_head
    ):
        """One entry an epoch; either phase may be left out."""
        for training, whole, head in (
            (one_whole_by_default, 1, 0),
            (two_head_by_default, 0, 2),
            (twelve_whole_then_three_head, 12, 3),
        ):
            phases = training.phases
            shown = " and ".join(
                f"{phases.count(phase)} {phase}" for phase in dict.fromkeys(phases)
            )
            assert phases == ["whole"] * whole + ["head"] * head, (
                f"With {whole} whole and {head} head epochs, the history's phases are {shown}, in"
                " this order; the whole network should be trained first."
            )
            for name in ("loss", "val_loss", "val_accuracy"):
                training.figures(name)

    def test_learns(self, twelve_whole_then_three_head):
        """Bright images against dark ones: 12 epochs learn 40 of them by heart."""
        training = twelve_whole_then_three_head
        losses = training.figures("loss")[:12]
        assert losses[-1] <= 0.05 * losses[0], (
            f"In 12 epochs, the loss went from {digits(losses[0])} to {digits(losses[-1])}; it"
            " should fall to 5%. Each entry must be that of its own epoch."
        )
        best = max(training.figures("val_accuracy"))
        assert best >= 0.9, (
            f"The best accuracy on the cells used for training is {digits(best)}; it should be at"
            " least 0.9."
        )

    def test_moves_everything_in_the_whole_phase(self, one_whole_by_default):
        """The base's weights, its statistics, and the head."""
        still = 6 - one_whole_by_default.head_changes - one_whole_by_default.base_changes
        assert still == 0, f"{still} of 6 variables did not change in the 'whole' phase."

    def test_learns_in_the_first_epoch_too(self, two_head_by_default):
        """The features may be a single batch, whose step is the epoch: its rate must not be 0."""
        before = loss_over(untrained(), two_head_by_default.val_set)
        losses = two_head_by_default.figures("val_loss")
        still = [abs(loss - before) <= 1e-6 for loss in losses]
        assert not all(still), (
            f"Before the training, the validation loss was {digits(before)}, and after each of two"
            " epochs of the head phase it is the same: nothing was learned."
        )
        assert not still[0], (
            f"Before the training, the validation loss was {digits(before)}, and after the first of"
            f" two epochs of the head phase it is the same: {digits(losses)}. Either the learning"
            " rate was 0, as cosine_decay is at step 0, or the validation came before the steps."
        )

    def test_uses_the_learning_rate_of_the_phase(
        self, one_whole_at_1e_14, two_head_at_1e_14, twelve_whole_then_three_head
    ):
        """One rate for each: with a rate near 0 nothing moves to speak of."""
        for phase, training in (("whole", one_whole_at_1e_14), ("head", two_head_at_1e_14)):
            assert training.head_step <= 1e-9, (
                f"With the rate 1e-14 for the phase {phase} and 0.05 for the other, a weight of the"
                f" head changed by {digits(training.head_step)}."
            )
        step = twelve_whole_then_three_head.head_step
        assert step >= 1e-3, (
            f"With the rate 0.05 for both phases, the head changed by only {digits(step)}."
        )

    def test_reads_the_training_set_anew_in_every_whole_epoch(
        self, five_whole_then_two_head_at_1e_12_flipped
    ):
        """At each pass it draws another order and other augmentations."""
        passes = five_whole_then_two_head_at_1e_12_flipped.passes
        assert passes >= 6, (
            f"In 5 whole epochs and the head phase, the training set was read {passes} times:"
            " iterate over it in each epoch; do not keep or cache its batches."
        )

    def test_learns_nothing_from_the_validation_set(
        self,
        one_whole_by_default,
        one_whole_at_1e_3_flipped,
        two_head_by_default,
        two_head_at_1e_3,
    ):
        """What is validated on changes neither the weights nor the next epoch's training loss."""

        def apart(first, second, phase):
            if phase == "whole":
                return count_changed(copies(first.model.variables), second.model.variables) > 0
            pairs = zip(first.figures("loss"), second.figures("loss"), strict=True)
            return any(abs(a - b) > 1e-6 for a, b in pairs)

        for phase, default, told, again in (
            ("whole", one_whole_by_default, one_whole_at_1e_3_flipped, {"whole": 1, "rate": 1e-3}),
            ("head", two_head_by_default, two_head_at_1e_3, {"head": 2, "head_rate": 1e-3}),
        ):
            if not apart(default, told, phase):
                continue
            # Is it the rate that differs, or an order that is drawn without a seed?
            first, second = (
                Training.of(
                    **again, model=type(default.model)(dtype=tf.float32), val_set=default.val_set
                )
                for _ in range(2)
            )
            assert not apart(first, told, phase) or apart(first, second, phase), (
                f"With other validation cells, the phase {phase!r} gave another network: something"
                " is learned from the validation set."
            )

    # A frozen base

    def test_freezes_the_base_in_the_head_phase(self, two_head_by_default):
        """Bit for bit, its statistics included, while all of the head moves."""
        changes = two_head_by_default.base_changes
        assert changes == 0, "The base's weights or its statistics changed in the head phase."
        count = two_head_by_default.head_changes
        assert count == 4, f"Of the head's 4 variables, {count} changed in the head phase."

    def test_stops_changing_the_base_after_the_whole_phase(self, twelve_whole_then_three_head):
        """What the first phase's optimizer remembers must not move the base in the second."""
        model = twelve_whole_then_three_head.model
        model.features(tf.zeros((1, 4, 4, 3)), training=False)  # the final state counts as well
        changes = len(model.states) - 1
        assert changes >= 60, (
            f"12 whole epochs of 5 batches make 60 steps, but the base changed only {changes}"
            " times."
        )
        assert changes == 60, (
            "12 whole epochs of 5 batches change the base and its statistics 60 times, but it ran"
            f" in {changes + 1} different states: does the head phase change it too, or was it"
            " restored to a state that it never had?"
        )

    def test_leaves_the_model_trainable(self, two_head_by_default):
        """Freezing is a matter of the step: the model can be trained on afterwards."""
        count = len(two_head_by_default.model.trainable_variables)
        assert count == 5, (
            f"After the head phase, the model has {count} trainable variables, not 5."
        )

    def test_trains_the_head_with_its_dropout(self, two_head_by_default):
        """The base runs as outside training in the head phase, but the head does not."""
        assert ("head", True) in two_head_by_default.model.calls, (
            "In the head phase, the head never ran in training mode, so there was no dropout."
        )

    # The figures of the history

    def test_averages_the_loss_over_examples(self, one_whole_at_1e_14):
        """Batches of 8 and a last one of 3, at a rate that changes nothing: by NumPy.

        The loss of the steps is asked for; that of the cells after the epoch is accepted.
        """
        model, train_set = one_whole_at_1e_14.model, one_whole_at_1e_14.train_set
        found = one_whole_at_1e_14.figures("loss")[0]
        losses, sizes = batch_losses(untrained(), train_set, base=True, head=True)
        expected = np.average(losses, weights=sizes)
        afterwards = oracles.figures_of(model, train_set)["loss"]
        mistaken = known_as(found, means_of_batches(losses, sizes))
        assert min(abs(found - expected), abs(found - afterwards)) <= 1e-5, (
            "At a rate of 1e-14, the loss of the first epoch, over its 35 examples, is"
            f" {instead(found, expected)}."
            f"{mistaken or ' Weight each batch by its number of examples.'}"
        )

    def test_records_the_validation_figures_outside_training(self, one_whole_by_default):
        """The loss and the accuracy over the examples of the validation set, by NumPy."""
        model, val_set = one_whole_by_default.model, one_whole_by_default.val_set
        expected = oracles.figures_of(model, val_set)
        found = one_whole_by_default.figures("val_loss")[0]
        mistaken = means_of_batches(*batch_losses(model, val_set)) | {
            "the loss with the head in training mode": loss_over(model, val_set, head=True),
            "the loss with base and head in training mode": loss_over(model, val_set, True, True),
            "that of the training set": loss_over(model, one_whole_by_default.train_set),
        }
        assert abs(found - expected["loss"]) <= 1e-5, (
            f"val_loss is {instead(found, expected['loss'])}, which is the loss of the final model"
            f" over the validation set, outside training.{known_as(found, mistaken)}"
        )
        found = one_whole_by_default.figures("val_accuracy")[0]
        assert abs(found - expected["accuracy"]) <= 1e-5, (
            f"val_accuracy is {instead(found, expected['accuracy'])}."
        )

    def test_keeps_labels_beside_their_images_in_the_head_phase(self, two_head_at_1e_14):
        """A training set shuffled anew at each pass, at a rate that changes nothing: by NumPy."""
        for name, dataset in (
            ("loss", two_head_at_1e_14.train_set),
            ("val_loss", two_head_at_1e_14.val_set),
        ):
            expected = loss_over(untrained(), dataset, head=True)
            for epoch, found in enumerate(two_head_at_1e_14.figures(name), start=1):
                assert abs(found - expected) <= 1e-5, (
                    f"Epoch {epoch} of the head phase, on a frozen base and at a rate of 1e-14:"
                    f" {name} is {instead(found, expected)}. Each example must count once, with the"
                    " label that came with it in the same pass."
                )

    def test_records_each_epochs_own_figures(self, five_whole_then_two_head_at_1e_12_flipped):
        """While the validation set is unlearnt, its loss rises and its accuracy falls."""
        losses = five_whole_then_two_head_at_1e_12_flipped.figures("val_loss")[:5]
        shares = five_whole_then_two_head_at_1e_12_flipped.figures("val_accuracy")[:5]
        assert losses[-1] > losses[0] + 0.01, (
            "In 5 epochs with swapped validation labels, val_loss rises, but the history has"
            f" {digits(losses)}: each entry must be that of its own epoch."
        )
        assert shares[-1] < shares[0], (
            "In 5 epochs with swapped validation labels, val_accuracy falls, but the history has"
            f" {digits(shares)}: each entry must be that of its own epoch."
        )

    # Label smoothing

    def test_smooths_the_labels_in_training_only(self, two_whole_then_four_head_smoothed):
        """In both phases; the validation loss is without it, by NumPy.

        The history's loss is that of the steps, or, as accepted above, that of the cells after the
        epoch.
        """
        training = two_whole_then_four_head_smoothed
        logits, labels = zip(*((training.model(x), y) for x, y in training.val_set), strict=True)
        logits, labels = np.concatenate(logits), np.concatenate(labels)
        plain, smoothed = (oracles.cross_entropy(logits, labels, s) for s in (0.0, 0.9))
        losses, val_losses = training.figures("loss"), training.figures("val_loss")
        for found in val_losses:
            assert abs(found - smoothed) > 1e-5 or abs(found - plain) <= 1e-5, (
                f"With label_smoothing 0.9, a val_loss is {digits(found)}, which is the smoothed"
                f" loss of the final model; val_loss is without smoothing: {digits(plain)}."
            )
        before = loss_over(certain_model(), training_set())
        for phase, first, last in (
            ("whole", before, val_losses[1]),
            ("head", min(val_losses[:2]), val_losses[5]),
        ):
            assert last > 1.2 * first, (
                "With label_smoothing 0.9, the confident and correct network becomes less"
                f" confident, but in the phase {phase!r} its validation loss went from"
                f" {digits(first)} to {digits(last)}: is label_smoothing passed to the steps of"
                " this phase?"
            )
        least = oracles.cross_entropy([(0.0, math.log(0.55 / 0.45))], [1], label_smoothing=0.9)
        for epoch, (found, afterwards) in enumerate(zip(losses, val_losses, strict=True), start=1):
            assert found >= least - 1e-6 or abs(found - afterwards) <= 1e-5, (
                f"With label_smoothing 0.9, the training loss of epoch {epoch} is {digits(found)};"
                f" with the smoothed labels used in training it cannot be below {digits(least)}."
            )

    # The best weights

    def test_ends_with_the_best_weights(self, twelve_whole_then_three_head):
        """Those of the lowest validation loss, of whatever epoch."""
        twelve_whole_then_three_head.check_best()

    def test_ends_with_the_best_weights_of_the_whole_phase(
        self, five_whole_then_two_head_at_1e_12_flipped
    ):
        """Where the first epoch was the best."""
        five_whole_then_two_head_at_1e_12_flipped.check_best()

    def test_does_not_end_with_a_head_that_got_worse(self, two_whole_then_four_head_smoothed):
        """Smoothed labels make all epochs of the head phase worse than those before it."""
        two_whole_then_four_head_smoothed.check_best()

    def test_starts_the_head_from_the_best_weights(self, five_whole_then_two_head_at_1e_12_flipped):
        """The head phase hardly moves here, so its losses must be those of the best whole epoch."""
        losses = five_whole_then_two_head_at_1e_12_flipped.figures("val_loss")
        whole, head = losses[:5], losses[5:]
        assert abs(head[0] - min(whole)) <= 1e-5, (
            f"In the 'whole' phase the best validation loss was {digits(min(whole))} and the last"
            f" was {digits(whole[-1])}; the head phase, at a rate of 1e-12, started at"
            f" {digits(head[0])}."
        )

    def test_trains_the_head_on_the_best_base(self, five_whole_then_two_head_at_1e_12_flipped):
        """The head hardly moves here, so its training loss is that of the best weights."""
        training = five_whole_then_two_head_at_1e_12_flipped
        expected = oracles.figures_of(training.model, training.train_set)["loss"]
        losses = training.figures("loss")
        advice = " Restore the best weights before the base runs over the training set."
        for found in losses[5:]:
            mistaken = known_as(found, {"the figure of the last whole epoch": losses[4]})
            assert abs(found - expected) <= 1e-4, (
                f"In the head phase, the training loss is {digits(found)}; with the best weights of"
                f" the phase before, it is {digits(expected)}.{mistaken or advice}"
            )

    def test_counts_small_improvements_too(self):
        """Three epochs that gain some millionths each: the last is still the best."""
        # Of the head, because the whole phase would move the statistics as well.
        training = Training.of(head=3, head_rate=5e-6, val_set=training_set())
        losses = training.figures("val_loss")
        found = oracles.figures_of(training.model, training.val_set)["loss"]
        above = found - min(losses)
        assert abs(above) <= (max(losses) - min(losses)) / 4, (
            f"In 3 epochs, the validation loss fell by {digits(max(losses) - min(losses))}; that of"
            f" the final model is {digits(abs(above))} {'above' if above > 0 else 'below'} the"
            " lowest. Every improvement counts, however small it is."
        )

    # The defaults, and what is shown

    def test_uses_a_rate_of_a_thousandth_unless_told_otherwise(
        self,
        one_whole_by_default,
        one_whole_at_1e_3_flipped,
        two_head_by_default,
        two_head_at_1e_3,
    ):
        """The default against 0.001 given by name: the head moves about as far.

        Only about: in an order that is drawn without a seed, another epoch may be best.
        """
        for phase, default, told in (
            ("whole", one_whole_by_default.head_step, one_whole_at_1e_3_flipped.head_step),
            ("head", two_head_by_default.head_step, two_head_at_1e_3.head_step),
        ):
            assert told > 0, (
                f"With the rate 0.001 for the phase {phase}, no weight of the head changed."
            )
            assert 0.4 <= default / told <= 2.5, (
                f"With the default learning rate for the phase {phase}, the head changed by"
                f" {digits(default)}; with 0.001, it changed by {digits(told)}."
            )

    def test_shows_its_progress(self, capfd, caplog, pytestconfig):
        """Nobody should wait in front of a silent screen; a log is shown as well."""
        everything = pytestconfig.pluginmanager.getplugin("capturemanager")
        everything.read_global_capture()
        logger = tf.get_logger()
        level = logger.level
        logger.setLevel("ERROR")  # TensorFlow's warnings are not progress
        Training.of(whole=1)
        logger.setLevel(level)
        # The last is what goes to a sys.stdout that was looked up when the module was imported.
        shown = [*capfd.readouterr(), caplog.text, *everything.read_global_capture()]
        assert "".join(shown).strip(), "Nothing was written to the screen during the training."


# The properties that all exercises have in common; tests/properties.py has the tests. None of them
# is one of 6.6, whose order may be drawn from the global state and whose data sets cannot change.


def batch_of(dtype):
    """Images and labels."""
    return small_batches(dtype=dtype)[0]


def model_and_dataset(batch):
    """A model that works in the dtype of the images, and a dataset of this batch alone."""
    return SmallModel(dtype=batch[0].dtype), as_dataset([batch])


def step_once(images, labels):
    """The loss of a step of the whole network."""
    return made_step(SmallModel(dtype=images.dtype), "whole")(images, labels)


test_properties = properties.tests_of(
    Example(
        "6.1",
        lambda phase: chosen(SmallModel(), phase),
        inputs=lambda dtype: ("head",),
    ),
    Example("6.2", step_once, inputs=batch_of, dtype=True),
    Example("6.3", lambda *batch: evaluated(*model_and_dataset(batch)), batch_of),
    Example(
        "6.4",
        lambda step: model_training.cosine_decay(step, 100, 1.0),
        inputs=lambda dtype: (tf.constant(30, dtype),),
    ),
    Example(
        "6.5",
        lambda *batch: features_and_labels(*model_and_dataset(batch)),
        inputs=batch_of,
        dtype=True,
    ),
)

"""Grades lesson 6: two phases, a base that is frozen bit for bit, figures over examples."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests import oracles, properties
from tests.graded import model_training
from tests.properties import Example
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


@pytest.mark.exercise("6.1")
class TestVariablesToTrain:
    """The model's own lists, by the name of the phase."""

    def test_are_all_in_the_whole_phase(self):
        """The optimizer is built over them, in this order."""
        model = SmallModel()
        found = list(model_training.variables_to_train(model, "whole"))
        expected = list(model.trainable_variables)
        assert [id(v) for v in found] == [id(v) for v in expected], (
            f"In the phase 'whole' {len(found)} variables came back; the model's"
            f" trainable_variables are {len(expected)}, in their own order."
        )

    def test_are_those_of_the_head_in_the_head_phase(self):
        """The variables themselves, not copies."""
        model = SmallModel()
        found = list(model_training.variables_to_train(model, "head"))
        assert [id(v) for v in found] == [id(v) for v in model.head_variables], (
            f"In the phase 'head' {len(found)} variables came back; the model's head_variables are"
            f" {len(model.head_variables)}, in their own order."
        )

    def test_ask_the_model_and_change_nothing(self):
        """Another model, with other names for its weights; asked twice, in both phases."""
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
                assert hasattr(found, "__len__"), (
                    f"Phase {phase}: not a sequence came back, but a {type(found).__name__}."
                )
                assert [id(v) for v in found] == [id(v) for v in expected], (
                    f"Phase {phase}: these are not the variables that the model itself says are of"
                    " that phase."
                )
            assert all(variable.trainable for variable in (base, head)), (
                "A variable is not trainable any more; the phase is chosen by what the optimizer is"
                " given, and the model stays as it is."
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


@pytest.mark.exercise("6.2")
class TestMakeTrainStep:
    """A compiled step that moves what its phase trains, and nothing else."""

    @pytest.mark.parametrize("phase", PHASES)
    def test_runs_the_model_once(self, phase):
        """In float32, within another graph; a second pass would draw a second dropout mask."""
        model = CountedModel(dtype=tf.float32)
        optimizer = Momentum(variables_of(model, phase))
        step = model_training.make_train_step(model, phase, optimizer)
        images, labels = small_batches(dtype=tf.float32)[0]
        loss = tf.function(lambda images, labels: step(images, labels))(images, labels)
        assert tf.is_tensor(loss), "In a graph the loss is not a tensor."
        runs = int(model.runs.heads)
        assert runs == 1, f"Phase {phase}: in one step the head ran {runs} times."
        assert tf.is_tensor(step(images, labels)), "The loss is not a tensor."

    @pytest.mark.parametrize("phase", PHASES)
    def test_runs_each_part_in_its_mode(self, phase):
        """A frozen base runs as outside training; the head, with its dropout, in training mode."""
        model = SmallModel()
        step = model_training.make_train_step(model, phase, Momentum(variables_of(model, phase)))
        images, labels = small_batches()[0]
        step(images, labels)
        modes, expected = set(model.calls), {("features", phase == "whole"), ("head", True)}
        assert modes == expected, (
            f"Phase {phase}: called as (part, training) {sorted(modes)}, not {sorted(expected)}."
        )

    def test_moves_everything_in_the_whole_phase(self):
        """The base's weights and its statistics too."""
        model = SmallModel()
        everything = [*model.trainable_variables, *model.batch_norm_statistics]
        before = copies(everything)
        step = model_training.make_train_step(model, "whole", Momentum(model.trainable_variables))
        for images, labels in small_batches():
            step(images, labels)
        still = len(before) - count_changed(before, everything)
        assert still == 0, f"{still} of {len(before)} variables did not move in the whole phase."

    @pytest.mark.parametrize("optimizer_class", [Momentum, PlainAdam])
    def test_freezes_the_base_bit_for_bit_in_the_head_phase(self, optimizer_class):
        """After a whole phase on the same model: zeroed gradients would still let memory drift."""
        model = SmallModel()
        for phase, count in (("whole", 5), ("head", 10)):
            # In the end these are from before the head phase.
            base, head = copies(model.base_variables), copies(model.head_variables)
            statistics = copies(model.batch_norm_statistics)
            optimizer = optimizer_class(variables_of(model, phase))
            step = model_training.make_train_step(model, phase, optimizer)
            for images, labels in small_batches(count):
                step(images, labels)
        assert count_changed(base, model.base_variables) == 0, (
            f"With {optimizer_class.__name__} the base's weights changed in 10 steps of the head"
            " phase. A base that is given gradients of zero, or a graph of the phase before, still"
            " moves."
        )
        assert count_changed(statistics, model.batch_norm_statistics) == 0, (
            "The base's batch-norm statistics crept in the head phase; in which mode does it run?"
        )
        moved = count_changed(head, model.head_variables)
        assert moved == 4, f"Of the head's 4 variables {moved} moved in the head phase."

    @pytest.mark.parametrize("phase", PHASES)
    def test_clips_at_a_norm_of_5_unless_told_otherwise(self, phase):
        """With a learning rate of 1 and no momentum, a step is as long as the clipped gradient."""
        model = SmallModel()
        for variable in (model.w1, model.w2):
            variable.assign(60 * variable)  # for gradients with a norm far above 5
        variables = variables_of(model, phase)
        optimizer = Momentum(variables, learning_rate=1.0, momentum=0.0)
        step = model_training.make_train_step(model, phase, optimizer)
        before = copies(variables)
        step(*small_batches()[0])
        squares = [np.sum((a - v.numpy()) ** 2) for a, v in zip(before, variables, strict=True)]
        norm = math.sqrt(sum(squares))
        assert abs(norm - 5) <= 1e-6, (
            f"Phase {phase}: a huge gradient was applied with a global norm of {norm:.4f}, not 5."
        )

    @pytest.mark.parametrize("max_norm", [5.0, 0.05])
    @pytest.mark.parametrize("phase", PHASES)
    def test_keeps_pace_with_plain_steps(self, phase, max_norm):
        """Side by side over five batches, the last one short; the message says where they part."""
        ours, theirs = SmallModel(), SmallModel()
        optimizer, other_optimizer = (Momentum(variables_of(m, phase)) for m in (ours, theirs))
        step = model_training.make_train_step(ours, phase, optimizer, max_norm)
        for k, (images, labels) in enumerate(small_batches(), start=1):
            expected = oracles.train_step(theirs, phase, other_optimizer, images, labels, max_norm)
            loss = step(images, labels)
            assert loss is not None, "The step returned None instead of the loss."
            assert np.shape(loss) == (), (
                f"The step returned the shape {np.shape(loss)}, which is not a scalar."
            )
            assert abs(float(loss) - expected) <= 1e-9, (
                f"Phase {phase}, step {k}: the loss is {float(loss):.5f}, not {expected:.5f}: the"
                " mean over the batch, before the step, with each part in its mode."
            )
            for name in ("base_kernel", "moving_mean", "w1", "b1", "w2", "b2"):
                error = float(np.abs(getattr(ours, name) - getattr(theirs, name)).max())
                assert error <= 1e-9, (
                    f"Phase {phase}, max_norm {max_norm}: after step {k} {name} is off by"
                    f" {error:.2g}. Look at what is differentiated, clipped (by one factor) and"
                    " applied."
                )

    @pytest.mark.parametrize("phase", PHASES)
    def test_is_compiled_as_a_whole(self, phase):
        """Base, head and update: none of them runs in Python once the step is traced."""
        model = SmallModel()
        optimizer = Momentum(variables_of(model, phase))
        step = model_training.make_train_step(model, phase, optimizer)
        for images, labels in small_batches(count=4, last=8):
            step(images, labels)
        before = len(model.calls), optimizer.calls
        for images, labels in small_batches(count=6, last=8):
            step(images, labels)
        of_model, of_optimizer = len(model.calls) - before[0], optimizer.calls - before[1]
        assert of_model + of_optimizer == 0, (
            f"Phase {phase}: in 6 further steps on batches of one size the model's Python code ran"
            f" {of_model} times and the optimizer's {of_optimizer} times; compile the whole step,"
            " once."
        )

    def test_follows_the_learning_rate(self):
        """It is a variable: a schedule changes it between the steps."""
        model = SmallModel()
        optimizer = Momentum(model.trainable_variables, momentum=0.0)
        step = model_training.make_train_step(model, "whole", optimizer)
        images, labels = small_batches()[0]
        step(images, labels)
        optimizer.learning_rate.assign(0.0)
        before = copies(model.trainable_variables)
        step(images, labels)
        assert count_changed(before, model.trainable_variables) == 0, (
            "With the learning rate set to 0 between the steps, the weights still moved; leave it"
            " to the optimizer, which reads its variable at every step."
        )

    def test_fixes_the_phase_when_it_is_made(self):
        """Three steps are made first and then used in turn: each keeps to its phase and optimizer.

        The last of them, of the head phase at a learning rate of 0, moves nothing at all.
        """
        model, (images, labels) = SmallModel(), small_batches()[0]
        whole, head, head_at_0 = (
            model_training.make_train_step(model, phase, optimizer)
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
                f" {name} moved {found} of the base's 2 and {head_found} of the head's 4 variables,"
                f" not {of_base} and {of_head}. Nothing that is set later, or kept from before, may"
                " decide."
            )
        assert len(model.trainable_variables) == 5, (
            "The model has other trainable variables than before; freezing is a matter of the step."
        )

    @pytest.mark.parametrize("phase", PHASES)
    def test_survives_huge_logits(self, phase):
        """exp() of a logit in the thousands overflows; the loss must not."""
        model, (images, labels) = SmallModel(), small_batches()[0]
        model.w2.assign(1e5 * model.w2)
        logits = model.head(model.features(images, phase == "whole"), True)
        model.moving_mean.assign(tf.zeros_like(model.moving_mean))
        variables = variables_of(model, phase)
        step = model_training.make_train_step(model, phase, Momentum(variables))
        loss, expected = float(step(images, labels)), oracles.cross_entropy(logits, labels)
        assert abs(loss - expected) <= 1e-6 * expected, (
            f"Phase {phase}: with logits in the thousands the loss is {loss:.4g}, not"
            f" {expected:.4g}."
        )
        finite = all(np.isfinite(v.numpy()).all() for v in variables)
        assert finite, f"Phase {phase}: logits in the thousands turned a variable into NaN."

    def test_refuses_any_other_phase(self):
        """As variables_to_train does."""
        model = SmallModel()
        with refused("the phase 'tail'"):
            step = model_training.make_train_step(model, "tail", Momentum(model.head_variables))
            step(*small_batches()[0])  # the first step is early enough


LOOK_AT = {
    "loss": "Every example weighs the same, and the loss takes logits, not probabilities.",
    "accuracy": "Count right decisions over all examples.",
    "sensitivity": "The share of the parasitized cells (label 1) that are found.",
    "specificity": "The share of the uninfected cells (label 0) that are cleared.",
    "auc": "The share of all pairs that are ordered rightly by the scores, a tie counting half.",
}


def check_figures(found, expected, what):
    """Compare two dicts of figures, NaN with NaN."""
    assert isinstance(found, dict), f"evaluate returned a {type(found).__name__}, not a dict."
    for name, value in expected.items():
        assert name in found, f"The figure {name!r} is missing; there are {sorted(found)}."
        ours = found[name]
        assert isinstance(ours, float), f"{name} is a {type(ours).__name__}, not a Python float."
        if math.isnan(value):
            assert math.isnan(ours), f"{what}: {name} is {ours:.4f}; it is undefined, so NaN."
        else:
            # A sum in float32 is as good as seven digits.
            assert abs(ours - value) <= 1e-6 * max(1, abs(value)), (
                f"{what}: {name} is {ours:.4f}, not {value:.4f}. {LOOK_AT[name]}"
            )


def check_evaluation(logits, labels, what, **by_hand):
    """Evaluate a model with these logits; of the five figures, some may be known by hand."""
    found = model_training.evaluate(EchoModel(), echo_dataset(logits, labels))
    check_figures(found, oracles.figures(logits, labels) | by_hand, what)


def overlapping_cells(count, seed, apart):
    """Logits and labels of random cells; the classes' scores overlap less the more `apart`."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.45).astype(int)
    return rng.normal(0, 1, (count, 2)) + apart * np.stack([1 - labels, labels], axis=1), labels


@pytest.mark.exercise("6.3")
class TestEvaluate:
    """Five figures, each over all examples, and a model that is as it was."""

    def test_weighs_examples_and_not_batches(self):
        """Four right answers in the first batch, one wrong in the second: 0.8, not 0.5."""
        logits, labels = [(0.0, 3.0)] * 4 + [(2.0, 0.0)], [1] * 5
        check_evaluation(logits, labels, "batches of 4 and 1", accuracy=0.8, sensitivity=0.8)

    def test_tells_sensitivity_from_specificity(self):
        """Parasitized is the positive class: its share found is the sensitivity."""
        called_sick, called_well = (0.0, 1.0), (1.0, 0.0)
        logits = [called_sick] * 3 + [called_well] + [called_well] + [called_sick] * 3
        labels = [1] * 4 + [0] * 4
        what = "3 of 4 sick and 1 of 4 well cells right"
        check_evaluation(logits, labels, what, sensitivity=0.75, specificity=0.25)

    def test_leaves_a_bad_model_its_auc_below_a_half(self):
        """Of 4 pairs one is ordered rightly: 0.25, not 0.75."""
        logits, labels = [(0.0, score) for score in (-2.0, -1.0, 1.0, 2.0)], [1, 0, 1, 0]
        check_evaluation(logits, labels, "a model worse than chance", auc=0.25)

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
        found = model_training.evaluate(EchoModel(), shuffled)
        check_figures(found, oracles.figures(logits, labels), "40 shuffled cells")

    def test_changes_nothing(self):
        """Not the weights, and not the batch-norm statistics: it runs outside training."""
        model = SmallModel()
        before = copies(model.variables)
        model_training.evaluate(model, as_dataset(small_batches()))
        assert count_changed(before, model.variables) == 0, (
            "Evaluating changed a variable of the model; run it outside training."
        )
        assert not any(mode for _, mode in model.calls), "The model was called in training mode."

    def test_sets_nothing_on_the_model(self):
        """training=False is all it takes; a rate set to 0 would stay at 0."""
        model = SmallModel()
        model.dropout, model.training = 0.5, True
        model_training.evaluate(model, as_dataset(small_batches()))
        found = model.dropout, model.training
        assert found == (0.5, True), f"The model's dropout and training were set to {found}."

    @pytest.mark.parametrize("label", [0, 1])
    def test_says_nan_where_a_class_is_absent(self, label):
        """0 or 1 would be taken for a measurement."""
        logits = [(0.0, 1.0), (2.0, 0.5), (0.3, 0.9)]
        check_evaluation(logits, [label] * 3, f"only class {label}", auc=math.nan)

    def test_survives_extreme_logits(self):
        """A cell that is wrong and certain costs 2000, not infinity."""
        logits, labels = [(1000.0, -1000.0), (-1000.0, 1000.0), (1000.0, -1000.0)], [0, 1, 1]
        check_evaluation(logits, labels, "logits of +-1000", loss=2000 / 3)

    def test_tells_close_scores_and_certain_ones_apart(self):
        """Probabilities of 1 - 1e-9 and 1 - 1e-11 are not a tie."""
        scores = [25.0, 20.0, -25.0, -20.0, 0.5004, 0.5001]
        labels = [1, 0, 0, 1, 1, 0]
        logits = [(0.0, score) for score in scores]
        check_evaluation(logits, labels, "scores of +-20 and +-25")


def rate_at(*arguments):
    """What cosine_decay returned, checked for its form; a float."""
    rate = model_training.cosine_decay(*arguments)
    assert rate is not None, "cosine_decay returned None."
    assert np.shape(rate) == (), f"The rate has the shape {np.shape(rate)}; it is not a scalar."
    return float(rate)


def check_rates(steps, total, peak, fraction):
    """Compare the rates at some steps, numbers or tensors, with the formula."""
    for step in steps:
        rate, k = rate_at(step, total, peak, fraction), float(step)
        expected = oracles.cosine_decay(k, total, peak, fraction)
        if k < fraction * total:
            place = "It is on the line up, whose length is not rounded."
        else:
            place = "It is after the end." if k >= total else "It is on the half cosine down."
        assert abs(rate - expected) <= 1e-5 * peak, (
            f"Step {k:g} of {total}, peak {peak}, warm-up {fraction}: {rate:.5f}, not"
            f" {expected:.5f}. {place}"
        )


@pytest.mark.exercise("6.4")
class TestCosineDecay:
    """A line up, half a cosine down, 0 after; nothing is rounded."""

    def test_warms_up_over_a_tenth_unless_told_otherwise(self):
        """Half the peak in the middle of the warm-up, the peak at its end."""
        found = [round(rate_at(step, 200, 1.0), 4) for step in (0, 10, 20)]
        assert found == [0.0, 0.5, 1.0], (
            f"At the steps 0, 10 and 20 of 200 the rate is {found}; by default the warm-up is a"
            " tenth."
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
    found = model_training.base_features(model, dataset)
    assert found is not None, "base_features returned None."
    assert len(found) == 2, (
        f"base_features returned {len(found)} things; it should be the features and the labels."
    )
    for name, part in zip(("features", "labels"), found, strict=True):
        assert hasattr(part, "shape"), (
            f"The {name} are a {type(part).__name__}; join the batches into one tensor."
        )
    return tuple(np.asarray(part) for part in found)


def check_features(features, expected, what):
    """Compare features with those of the base by NumPy."""
    assert features.shape == expected.shape, (
        f"{what}: {len(expected)} images gave features of the shape {features.shape}, not"
        f" {expected.shape}."
    )
    error = float(np.abs(features - expected).max())
    assert error <= 1e-9, (
        f"{what}: the features are off by up to {error:.2g} from those of the base as it is now,"
        " outside training, in the order of the dataset."
    )


@pytest.mark.exercise("6.5")
class TestBaseFeatures:
    """The base's output and the labels of a whole dataset, each image run once."""

    def test_are_those_of_the_base_in_the_order_of_the_dataset(self):
        """Against the base by NumPy, outside training; the short last batch included."""
        model, batches = SmallModel(), small_batches()
        model.moving_mean.assign(np.linspace(-0.3, 0.3, 6))  # so that training mode would differ
        features, labels = features_and_labels(model, as_dataset(batches))
        images, expected = (np.concatenate(part) for part in zip(*batches, strict=True))
        check_features(features, oracles.small_base(model, images), "Batches of 8 and a last of 3")
        assert labels.tolist() == expected.tolist(), (
            f"The labels, of the shape {labels.shape}, are not those of the dataset in its order."
        )
        assert labels.dtype.kind in "iu", f"The labels came back as {labels.dtype}, not whole."

    def test_keep_labels_beside_their_images(self):
        """A training set is shuffled anew at each pass: features and labels must come from one."""
        model, passes = SmallModel(), []
        features, labels = features_and_labels(model, dataset_in_turns(passes))
        batches = small_batches(count=4, last=8)
        images, own_labels = (np.concatenate(part) for part in zip(*batches, strict=True))
        rows = oracles.small_base(model, images)
        nearest = np.abs(features[:, None] - rows).max(axis=-1).argmin(axis=1)
        apart = int(np.sum(own_labels[nearest] != labels))
        assert apart == 0, (
            f"On a dataset that comes in another order at each pass, {apart} of {len(labels)} rows"
            f" of features stand beside another image's label; the dataset was read {len(passes)}"
            " times."
        )

    def test_are_computed_anew_at_every_call(self):
        """After the base has changed, on the same and on another set."""
        model = SmallModel()
        one, other = ((b, as_dataset(b)) for b in (small_batches(), small_batches(2, 5)))
        for call, (batches, dataset) in enumerate((one, one, other), start=1):
            model.base_kernel.assign(call * model.base_kernel)
            features, _ = features_and_labels(model, dataset)
            images = np.concatenate([images for images, _ in batches])
            check_features(features, oracles.small_base(model, images), f"Call {call}")

    def test_leave_the_model_alone(self):
        """No statistic moves, the head is not run, and the base sees each image once."""
        model = CountedModel()
        before = copies(model.variables)
        model_training.base_features(model, as_dataset(small_batches()))
        assert count_changed(before, model.variables) == 0, (
            "A variable of the model changed; a frozen base runs outside training."
        )
        heads = sum(part == "head" for part, _ in model.calls)
        assert heads == 0, f"The head was run {heads} times; the features are its input."
        seen = int(model.runs.images)
        assert seen == 35, (
            f"The base was run on {seen} images of a dataset of 35; each needs it once."
        )
        assert model.base_kernel.trainable, "The base's weights are not trainable any more."


def training_set(last=8):
    """Four batches of 8 and a last one; by default of 8 too, because each size may cost a trace."""
    return as_dataset(small_batches(last=last, dtype=tf.float32))


def validation_set(flipped=False):
    """Other images than those of the training set, 8, 8 and 3; their labels may be exchanged."""
    batches = small_batches(count=3, seed=11, dtype=tf.float32)
    return as_dataset([(images, 1 - labels if flipped else labels) for images, labels in batches])


@dataclass
class Training:
    """A training of a small model: what it was, what it became, and what `train` returned.

    Attributes:
        model: The model afterwards.
        train_set, val_set: What it was trained and validated on.
        history: What `train` returned; use `figures`.
        head_before, base_before: Copies of the head's variables, and of the base's with its
            statistics, from before the training.
    """

    model: tf.Module
    train_set: tf.data.Dataset
    val_set: tf.data.Dataset
    history: dict
    head_before: list
    base_before: list

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
    ):
        """Train for some epochs of each phase, and check the form of what came back.

        Args:
            whole, head: The epochs of each phase.
            rate, head_rate: The learning rate of each phase; None leaves it to `train`.
            train_set, val_set: By default the two sets above.
            model: By default a new `SmallModel` in float32, as the network is trained.
        """
        model = SmallModel(dtype=tf.float32) if model is None else model
        train_set = training_set() if train_set is None else train_set
        val_set = validation_set() if val_set is None else val_set
        rates = {"learning_rate": rate, "head_learning_rate": head_rate}
        rates = {name: value for name, value in rates.items() if value is not None}
        before = copies(model.head_variables), copies(base_of(model))
        history = model_training.train(model, train_set, val_set, whole, head, **rates)
        assert isinstance(history, dict), f"train returned a {type(history).__name__}, not a dict."
        for name in ("phase", "loss", "val_loss", "val_accuracy"):
            assert name in history, f"The history has no {name!r}; it has {sorted(history)}."
            count = len(history[name])
            assert count == whole + head, (
                f"After {whole} + {head} epochs history[{name!r}] has {count} entries."
            )
        return cls(model, train_set, val_set, history, *before)

    def figures(self, name):
        """A figure's entries in the history, a list of floats."""
        return [float(figure) for figure in self.history[name]]

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
        return max(float(np.abs(before - variable).max()) for before, variable in pairs)

    def check_best(self):
        """The model must have the lowest of the validation losses that were recorded."""
        losses = self.figures("val_loss")
        found = oracles.figures_of(self.model, self.val_set)["loss"]
        assert abs(found - min(losses)) <= 1e-5, (
            f"The lowest validation loss was {min(losses):.4f} in epoch"
            f" {int(np.argmin(losses)) + 1} of {len(losses)}; the model that came back has"
            f" {found:.4f}. Keep a copy of all variables, the statistics too, at the best epoch."
        )


def untrained_loss(dataset, training):
    """The loss over a dataset of a model that has learnt nothing yet, its head in training mode.

    Args:
        dataset: Batches of `(images, labels)`.
        training: Whether the base is in training mode.
    """
    model = SmallModel(dtype=tf.float32)
    batches = [(model.features(images, training), labels) for images, labels in dataset]
    losses = [oracles.cross_entropy(model.head(x, True), labels) for x, labels in batches]
    return np.average(losses, weights=[len(labels) for _, labels in batches])


# A training takes half a second, most of it for its graphs: these are run once for several tests.
# A rate of 1e-14 changes nothing to speak of, so that NumPy knows every figure beforehand.


@pytest.fixture(scope="module")
def one_whole():
    """One epoch of the whole network."""
    return Training.of(whole=1, rate=0.05)


@pytest.fixture(scope="module")
def one_whole_at_1e_14():
    """The same without learning anything, on a training set with a short last batch."""
    return Training.of(whole=1, rate=1e-14, head_rate=0.05, train_set=training_set(last=3))


@pytest.fixture(scope="module")
def four_head():
    """Four epochs of the head alone."""
    return Training.of(head=4, rate=0.05, head_rate=0.05)


@pytest.fixture(scope="module")
def two_head_at_1e_14():
    """Two of them without learning anything, on a training set shuffled anew at each pass."""
    shuffled = training_set(last=3).unbatch().shuffle(35).batch(8)
    counted = shuffled.apply(tf.data.experimental.assert_cardinality(5)).prefetch(1)
    return Training.of(head=2, rate=0.05, head_rate=1e-14, train_set=counted)


@pytest.fixture(scope="module")
def six_whole_then_three_head():
    """Both phases, with a model that remembers all states of its base."""
    model = RememberingModel(dtype=tf.float32)
    return Training.of(whole=6, head=3, rate=0.05, head_rate=0.05, model=model)


@pytest.fixture(scope="module")
def five_whole_then_two_head_at_1e_12_flipped():
    """Five epochs that unlearn a validation set with exchanged labels, then two that hardly move.

    The first epoch is the best, and the head starts from it.
    """
    return Training.of(
        whole=5, head=2, rate=0.05, head_rate=1e-12, val_set=validation_set(flipped=True)
    )


@pytest.mark.exercise("6.6")
class TestTrain:
    """The loop: two phases, a base that is frozen in the second, the best weights, the history."""

    # The phases

    def test_runs_the_whole_network_first_and_then_the_head(
        self, one_whole, four_head, six_whole_then_three_head
    ):
        """One entry an epoch; either phase may be left out."""
        for training, whole, head in (
            (one_whole, 1, 0),
            (four_head, 0, 4),
            (six_whole_then_three_head, 6, 3),
        ):
            phases = list(training.history["phase"])
            assert phases == ["whole"] * whole + ["head"] * head, (
                f"With {whole} + {head} epochs the phases were {phases}; the whole network comes"
                " first."
            )
            losses = training.figures("loss") + training.figures("val_loss")
            assert np.isfinite(losses).all(), "The history holds a loss that is not finite."

    def test_learns(self):
        """Bright images against dark ones, validated on the same: 12 epochs learn 40 by heart."""
        training = Training.of(whole=12, rate=0.05, val_set=training_set())
        first, *_, last = training.figures("loss")
        assert last <= 0.05 * first, (
            f"In 12 epochs the loss went from {first:.3f} to {last:.3f} only; each entry is that of"
            " its own epoch."
        )
        best = max(training.figures("val_accuracy"))
        assert best >= 0.9, f"The best accuracy on the cells that were trained on is {best:.2f}."

    def test_moves_everything_in_the_whole_phase(self, one_whole):
        """The base's weights, its statistics, and the head."""
        still = 6 - one_whole.head_changes - one_whole.base_changes
        assert still == 0, f"{still} of 6 variables did not move in the whole phase."

    def test_uses_the_learning_rate_of_the_phase(
        self, one_whole, one_whole_at_1e_14, four_head, two_head_at_1e_14
    ):
        """One rate for each: with a rate near 0 nothing moves to speak of."""
        for phase, training in (("whole", one_whole_at_1e_14), ("head", two_head_at_1e_14)):
            assert training.head_step <= 1e-9, (
                f"With the rate 1e-14 for the {phase} phase and 0.05 for the other, a weight of the"
                f" head moved by {training.head_step:.2g}."
            )
        for phase, training in (("whole", one_whole), ("head", four_head)):
            assert training.head_step >= 1e-3, (
                f"With the rate 0.05 for the {phase} phase the head moved by"
                f" {training.head_step:.2g} only."
            )

    def test_reads_the_training_set_anew_in_every_whole_epoch(self):
        """At each pass it draws another order and other augmentations."""
        passes = []
        Training.of(whole=4, rate=0.05, train_set=dataset_in_turns(passes, tf.float32))
        assert len(passes) >= 4, (
            f"In 4 whole epochs the training set was read {len(passes)} times: iterate over it in"
            " each epoch, do not keep or cache what came."
        )

    def test_learns_nothing_from_the_validation_set(self, one_whole):
        """After one epoch of a phase the weights are the same whatever was validated on."""
        one_head = Training.of(head=1, head_rate=0.05)
        for phase, training in (("whole", one_whole), ("head", one_head)):
            weights = copies(training.model.variables)
            options = {phase: 1, "rate": 0.05, "head_rate": 0.05}
            flipped = Training.of(**options, val_set=validation_set(flipped=True))
            if count_changed(weights, flipped.model.variables) > 0:
                # A training may draw an order of its own, which no seed was given for.
                repeated = Training.of(**options)
                assert count_changed(weights, repeated.model.variables) > 0, (
                    f"With other validation labels other weights came out of one epoch of the phase"
                    f" {phase!r}: something is learnt from the validation set."
                )

    # A frozen base

    def test_freezes_the_base_in_the_head_phase(self, four_head):
        """Bit for bit, its statistics included, while all of the head moves."""
        assert four_head.base_changes == 0, "The base, or its statistics, moved in the head phase."
        count = four_head.head_changes
        assert count == 4, f"Of the head's 4 variables {count} moved in the head phase."

    def test_stops_changing_the_base_after_the_whole_phase(self, six_whole_then_three_head):
        """What the first phase's optimizer remembers must not move the base in the second."""
        model = six_whole_then_three_head.model
        model.features(tf.zeros((1, 4, 4, 3)), training=False)  # the final state counts as well
        changes = len(model.states) - 1
        assert changes >= 30, (
            f"6 whole epochs of 5 batches make 30 steps, but the base went through {changes}"
            " changes only."
        )
        assert changes == 30, (
            "6 whole epochs of 5 batches change the base and its statistics 30 times, but it ran in"
            f" {changes + 1} different states: does the head phase go on moving it, or was it"
            " brought back to a state in which it had never been?"
        )

    def test_leaves_the_model_trainable(self, four_head):
        """Freezing is a matter of the step: the model can be trained on afterwards."""
        count = len(four_head.model.trainable_variables)
        assert count == 5, f"After the head phase the model has {count} trainable variables, not 5."

    def test_trains_the_head_with_its_dropout(self, four_head):
        """The base runs as outside training in the head phase, but the head does not."""
        assert ("head", True) in four_head.model.calls, (
            "In the head phase the head never ran in training mode: there is no dropout."
        )

    # The best weights

    def test_ends_with_the_best_weights(self, six_whole_then_three_head):
        """Those of the lowest validation loss, of whatever epoch."""
        six_whole_then_three_head.check_best()

    def test_ends_with_the_best_weights_of_the_whole_phase(
        self, five_whole_then_two_head_at_1e_12_flipped
    ):
        """Where the first epoch was the best."""
        five_whole_then_two_head_at_1e_12_flipped.check_best()

    def test_does_not_end_with_a_ruined_head(self):
        """A rate of 100 makes all epochs of the head phase worse than those before it."""
        Training.of(whole=4, head=2, rate=0.001, head_rate=100.0).check_best()

    def test_starts_the_head_from_the_best_weights(self, five_whole_then_two_head_at_1e_12_flipped):
        """The head phase hardly moves here, so its losses must be those of the best whole epoch."""
        losses = five_whole_then_two_head_at_1e_12_flipped.figures("val_loss")
        whole, head = losses[:5], losses[5:]
        assert abs(head[0] - min(whole)) <= 1e-5, (
            f"The whole phase's best validation loss was {min(whole):.4f}, its last"
            f" {whole[-1]:.4f}; the head phase began at {head[0]:.4f}."
        )

    def test_trains_the_head_on_the_best_base(self, five_whole_then_two_head_at_1e_12_flipped):
        """The head hardly moves here, so its training loss is that of the best weights."""
        training = five_whole_then_two_head_at_1e_12_flipped
        expected = oracles.figures_of(training.model, training.train_set)["loss"]
        for found in training.figures("loss")[5:]:
            assert abs(found - expected) <= 1e-4, (
                f"In the head phase the training loss is {found:.4f}; with the best weights of the"
                f" phase before it is {expected:.4f}. Take the best weights back before the base"
                " runs over the training set."
            )

    def test_counts_small_improvements_too(self):
        """Three epochs that gain some millionths each: the last is still the best."""
        # Of the head, because the whole phase would move the statistics as well.
        training = Training.of(head=3, head_rate=5e-6, val_set=training_set())
        losses = training.figures("val_loss")
        found = oracles.figures_of(training.model, training.val_set)["loss"]
        assert abs(found - min(losses)) <= (max(losses) - min(losses)) / 4, (
            f"The validation losses were {[round(loss, 6) for loss in losses]}; the model that came"
            f" back has {found:.6f}. However small a gain is, it counts."
        )

    # The figures of the history

    def test_averages_the_loss_over_examples(self, one_whole_at_1e_14):
        """Batches of 8 and a last one of 3, at a rate that changes nothing: by NumPy.

        The loss of the steps is asked for; that of the cells after the epoch is accepted.
        """
        model, train_set = one_whole_at_1e_14.model, one_whole_at_1e_14.train_set
        found = one_whole_at_1e_14.figures("loss")[0]
        expected = untrained_loss(train_set, training=True)
        afterwards = oracles.figures_of(model, train_set)["loss"]
        assert min(abs(found - expected), abs(found - afterwards)) <= 1e-5, (
            f"The first epoch's loss is {found:.5f}; over its 35 examples it is {expected:.5f}."
            " Weigh each batch by its examples."
        )

    def test_keeps_labels_beside_their_images_in_the_head_phase(self, two_head_at_1e_14):
        """A training set shuffled anew at each pass, at a rate that changes nothing: by NumPy."""
        for name, dataset in (
            ("loss", two_head_at_1e_14.train_set),
            ("val_loss", two_head_at_1e_14.val_set),
        ):
            expected = untrained_loss(dataset, training=False)
            for epoch, found in enumerate(two_head_at_1e_14.figures(name), start=1):
                assert abs(found - expected) <= 1e-5, (
                    f"Epoch {epoch} of the head phase: {name} is {found:.5f}; over the examples, on"
                    f" a frozen base, it is {expected:.5f}. Do images and labels come from one"
                    " pass?"
                )

    def test_records_the_validation_figures_outside_training(self, one_whole):
        """The loss and the accuracy over the examples of the validation set, by NumPy."""
        expected = oracles.figures_of(one_whole.model, one_whole.val_set)
        found = one_whole.figures("val_loss")[0]
        assert abs(found - expected["loss"]) <= 1e-5, (
            f"val_loss is {found:.5f}, but the model that came back has {expected['loss']:.5f} over"
            " the examples of the validation set, outside training."
        )
        found = one_whole.figures("val_accuracy")[0]
        assert abs(found - expected["accuracy"]) <= 1e-5, (
            f"val_accuracy is {found:.4f}, not {expected['accuracy']:.4f}."
        )

    def test_validates_the_head_outside_training_as_well(self):
        """A head that answers otherwise in training, as one with dropout does."""
        training = Training.of(whole=1, rate=0.05, model=ShiftedInTraining(dtype=tf.float32))
        found = training.figures("val_loss")[0]
        expected = oracles.figures_of(training.model, training.val_set)["loss"]
        assert abs(found - expected) <= 1e-5, (
            f"After one epoch val_loss is {found:.5f}; outside training the same weights have"
            f" {expected:.5f}. Validate with training=False, in the head too."
        )

    def test_records_each_epochs_own_figures(self, five_whole_then_two_head_at_1e_12_flipped):
        """While the validation set is unlearnt, its loss rises and its accuracy falls."""
        losses = five_whole_then_two_head_at_1e_12_flipped.figures("val_loss")[:5]
        shares = five_whole_then_two_head_at_1e_12_flipped.figures("val_accuracy")[:5]
        assert losses[-1] > losses[0] + 0.01, (
            "In 5 epochs that unlearn the validation set its loss rises, but the history says"
            f" {[round(loss, 3) for loss in losses]}: each entry is that of its own epoch."
        )
        assert shares[-1] < shares[0], (
            "In 5 epochs that unlearn the validation set its accuracy falls, but the history says"
            f" {[round(share, 3) for share in shares]}: each entry is that of its own epoch."
        )

    # The defaults, and what is shown

    @pytest.mark.parametrize(
        ("epochs", "name"), [({"whole": 2}, "rate"), ({"head": 2}, "head_rate")], ids=PHASES
    )
    def test_uses_a_rate_of_a_thousandth_unless_told_otherwise(self, epochs, name):
        """The default against 0.001 given by name: the head moves about as far.

        Only about: in an order that is drawn without a seed, another of the two epochs may be best.
        """
        default = Training.of(**epochs).head_step
        told = Training.of(**epochs, **{name: 1e-3}).head_step
        assert 0.4 <= default / told <= 2.5, (
            f"Without a learning rate for the phase the head moved by {default:.2g}, with 0.001 by"
            f" {told:.2g}."
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


# The properties that all exercises have in common; tests/properties.py has the tests.


def batch_of(dtype):
    """Images and labels."""
    return small_batches(dtype=dtype)[0]


def model_and_dataset(batch):
    """A model that works in the dtype of the images, and a dataset of this batch alone."""
    return SmallModel(dtype=batch[0].dtype), as_dataset([batch])


def step_once(images, labels):
    """The loss of a step of the whole network."""
    model = SmallModel(dtype=images.dtype)
    step = model_training.make_train_step(model, "whole", Momentum(model.trainable_variables))
    return step(images, labels)


def train_on(*batch):
    """The history of an epoch of the head."""
    model, dataset = model_and_dataset(batch)
    return model_training.train(model, dataset, dataset, 0, 1)


test_properties = properties.tests_of(
    Example(
        "6.1",
        lambda phase: model_training.variables_to_train(SmallModel(), phase),
        inputs=lambda dtype: ("head",),
    ),
    Example("6.2", step_once, inputs=batch_of, dtype=True),
    Example("6.3", lambda *batch: model_training.evaluate(*model_and_dataset(batch)), batch_of),
    Example(
        "6.4",
        lambda step: model_training.cosine_decay(step, 100, 1.0),
        inputs=lambda dtype: (tf.constant(30, dtype),),
    ),
    Example(
        "6.5",
        lambda *batch: model_training.base_features(*model_and_dataset(batch)),
        inputs=batch_of,
        dtype=True,
    ),
    # Its order may be drawn without a seed, from the global state.
    Example("6.6", train_on, inputs=batch_of, global_state=False),
)

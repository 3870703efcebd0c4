"""Lesson 6: what a base that was trained in one hospital is worth in another.

A network is trained on many patients of hospital 1. Hospital 2 has another dye and another camera,
and only `FEW` patients to train on. Every arm that trains there takes the same number of steps, but
for the second:

    from scratch            all of a new network
    from scratch, 4x steps  the same for longer: what the few patients can teach at all
    whole, then head        the order of `train`
    as it is                the network of hospital 1
    new statistics          the same, but those of batch norm are of hospital 2 [1]
    head                    a new head on the frozen base of hospital 1
    new statistics, head    a new head on the frozen base with those statistics
    head, then all at 1/10  the usual order: then all of it at a tenth of the rate
    head, then all          the same at the full rate
    all                     the base of hospital 1 with a new head, all of it from the first step on

Sources
    [1] Li et al., "Revisiting batch normalization for practical domain adaptation", 2016,
        https://arxiv.org/abs/1603.04779: new statistics for old weights.
"""

from functools import lru_cache

import numpy as np

from malaria.given.experiments.definition import Experiment

FEW, FEW_CELLS = 8, 240  # patients of hospital 2 to train on, and their cells
MANY, MANY_CELLS = 24, 720  # to test on
FIRST_SEED = 1000  # of their drawing
BEFORE = 24  # epochs in hospital 1
EPOCHS = 60  # in hospital 2, in every arm that trains there
HEAD = 20  # of them, where the head has a phase of its own
PEAK = 3e-3  # the greatest learning rate
SETTLING = 100  # batches in training mode: the statistics' start then counts for 0.006


@lru_cache(maxsize=1)  # the arms of a seed share them
def hospitals(seed: int):
    """The cells of a seed: to train on and to test on, in hospital 1 and in hospital 2."""
    from malaria.given.cells.folders import practice_cells
    from malaria.given.experiments.training import drawn_cells, read_cells
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed)
    sets = split_by_patient(cells.patients, cells.labels, (0.75, 0.25), seed=seed)
    place = FIRST_SEED + 2 * seed
    few = read_cells(practice_cells(FEW, FEW_CELLS, place, hospital=2))
    many = read_cells(practice_cells(MANY, MANY_CELLS, place + 1, hospital=2))
    return [*(cells.at(np.asarray(rows)) for rows in sets), few, many]


def batches_of(cells):
    """A dataset of some cells, in their order."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((cells.images, cells.labels)).batch(128)


def train(model, cells, phase: str, epochs: int, seed: int, peak: float = PEAK) -> None:
    """One phase of lesson 6, without validation. The head trains on stored features."""
    from malaria.data_preprocessing import flip_and_rotate, jitter_stain
    from malaria.given.experiments.training import BATCH, Cells, fit
    from malaria.gradient_tape import Adam
    from malaria.model_training import (
        Head,
        base_features,
        cosine_decay,
        make_train_step,
        variables_to_train,
    )

    steps = epochs * (len(cells) // BATCH)

    def make_step(network, rate):
        optimizer = Adam(variables_to_train(network, phase), learning_rate=rate)
        return make_train_step(network, phase, optimizer), optimizer

    def augment(images, draw):
        return jitter_stain(flip_and_rotate(images, draw), draw + 1)

    def rate_at(done):
        return float(cosine_decay(done * steps + 0.5, steps, 1.0))

    if phase == "head":
        features, _ = base_features(model, batches_of(cells))
        cells = Cells(np.asarray(features), cells.labels, cells.patients)
        model, augment = Head(model), None
    fit(model, cells, epochs, seed, peak, augment, make_step, rate_at=rate_at)


@lru_cache(maxsize=1)
def network_of_hospital_1(seed: int):
    """A network that has seen hospital 1."""
    from malaria.given.experiments.training import new_network

    first, *_ = hospitals(seed)
    model = new_network(first, seed)
    train(model, first, "whole", BEFORE, seed)
    return model


def fresh(seed: int):
    """A network for hospital 2 that has seen nothing."""
    from malaria.given.experiments.training import new_network

    return new_network(hospitals(seed)[2], seed + FIRST_SEED)


def pre_trained(seed: int, new_head: bool = True, new_statistics: bool = False):
    """A network with the base of hospital 1.

    Args:
        seed: Of everything.
        new_head: Whether its head is new, or that of hospital 1 as well.
        new_statistics: Whether those of batch norm are of hospital 2, which needs no labels [1].
    """
    import tensorflow as tf

    from malaria.given.experiments.training import BATCH, new_network

    first, _, few, _ = hospitals(seed)
    old = network_of_hospital_1(seed)
    model = new_network(first, seed + FIRST_SEED)
    pairs = [*zip(model.base_variables, old.base_variables, strict=True)]
    pairs += zip(model.batch_norm_statistics, old.batch_norm_statistics, strict=True)
    if not new_head:
        pairs += zip(model.head_variables, old.head_variables, strict=True)
    for variable, value in pairs:
        variable.assign(value)
    if new_statistics:
        batches = tf.data.Dataset.from_tensor_slices(few.images).batch(BATCH).repeat()
        settle = tf.function(
            lambda images: model.features(images, training=True), reduce_retracing=True
        )
        for images in batches.take(SETTLING):
            settle(images)
    return model


def whole_then_head(seed, few):
    """Nothing is pre-trained; the course's order."""
    model = fresh(seed)
    train(model, few, "whole", EPOCHS - HEAD, seed)
    train(model, few, "head", HEAD, seed)
    return model


def one_phase(model, phase, seed, few, times=1):
    """All epochs in one phase."""
    train(model, few, phase, times * EPOCHS, seed)
    return model


def head_then_all(seed, few, peak):
    """Pre-trained; the usual order."""
    model = pre_trained(seed)
    train(model, few, "head", HEAD, seed)
    train(model, few, "whole", EPOCHS - HEAD, seed, peak)
    return model


# From a seed and the cells of the few patients to a network for hospital 2.
ARMS = {
    "from scratch": lambda seed, few: one_phase(fresh(seed), "whole", seed, few),
    "from scratch, 4x steps": lambda seed, few: one_phase(fresh(seed), "whole", seed, few, 4),
    "whole, then head": whole_then_head,
    "as it is": lambda seed, few: pre_trained(seed, new_head=False),
    "new statistics": lambda seed, few: pre_trained(seed, new_head=False, new_statistics=True),
    "head": lambda seed, few: one_phase(pre_trained(seed), "head", seed, few),
    "new statistics, head": lambda seed, few: one_phase(
        pre_trained(seed, new_statistics=True), "head", seed, few
    ),
    "head, then all at 1/10": lambda seed, few: head_then_all(seed, few, PEAK / 10),
    "head, then all": lambda seed, few: head_then_all(seed, few, PEAK),
    "all": lambda seed, few: one_phase(pre_trained(seed), "whole", seed, few),
}


def run(arm: str, seed: int) -> dict[str, float]:
    """One network for hospital 2."""
    from malaria.given.system.cpu_time import of_this_process
    from malaria.model_training import evaluate

    _, first, few, many = hospitals(seed)
    network_of_hospital_1(seed)  # so that its seconds count for no arm
    start = of_this_process()
    model = ARMS[arm](seed, few)
    seconds = of_this_process() - start
    found = evaluate(model, batches_of(many))
    return {
        "auc": found["auc"],
        "accuracy": found["accuracy"],
        "auc_first": evaluate(model, batches_of(first))["auc"],
        "seconds": seconds,
    }


EXPERIMENT = Experiment(
    name="freezing",
    lesson=6,
    question="Hospital 2 has another stain and 8 patients to train on: what is a base that was"
    " trained in hospital 1 worth there, and what does freezing it buy?",
    figures={
        "auc": "AUC by patient, hospital 2",
        "accuracy": "accuracy, hospital 2",
        "auc_first": "AUC by patient, hospital 1",
        "seconds": "processor seconds",
    },
    arms=tuple(ARMS),
    modules=(
        *("train_test_split", "data_preprocessing", "cnn_model"),
        *("tf_function", "gradient_tape", "model_training"),
    ),
    minutes=5,
    run=run,
)

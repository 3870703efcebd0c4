"""Lesson 4: what test-time augmentation buys, and what it costs."""

import time
from functools import lru_cache

import numpy as np

from malaria.given.experiments.definition import Experiment

EPOCHS = 15
BATCH = 256  # of the cells that are classified at a time
RUNS = 3  # the cheapest counts
ARMS = {
    f"{training}, {views} view{'s' if views > 1 else ''}": (training, views)
    for training in ("augmented", "plain")
    for views in (1, 2, 4, 8)
}


@lru_cache(maxsize=2)  # a training serves the four arms of its seed that differ in the views only
def trained(training: str, seed: int):
    """A network and its test cells; `training` says whether it saw the cells turned and mirrored.

    Returns:
        A function `(images, views)` -> P(parasitized), compiled, and the cells of other patients.
    """
    import tensorflow as tf

    from malaria.data_preprocessing import flip_and_rotate
    from malaria.given.experiments.training import drawn_cells, fit, new_network
    from malaria.tf_function import average_over_views, compile_classifier
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed)
    sets = split_by_patient(cells.patients, cells.labels, (0.6, 0.4), seed=seed)
    train, test = (cells.at(np.asarray(rows)) for rows in sets)
    model = new_network(train, seed)
    fit(model, train, EPOCHS, seed, augment=flip_and_rotate if training == "augmented" else None)
    classify = compile_classifier(model, train.images.shape[1])

    @tf.function(reduce_retracing=True)
    def by_views(images, views):
        return average_over_views(classify, images, views)

    return by_views, test


def run(arm: str, seed: int) -> dict[str, float]:
    """One network, asked about each test cell in one way or in several."""
    import tensorflow as tf

    from malaria.given.scores import scores

    training, views = ARMS[arm]
    by_views, test = trained(training, seed)
    count = tf.constant(views)

    def probabilities():
        parts = (test.images[k : k + BATCH] for k in range(0, len(test), BATCH))
        return np.concatenate([by_views(tf.constant(part), count).numpy() for part in parts])

    answers, seconds = probabilities(), []  # the first call traces
    for _ in range(RUNS):
        start = time.process_time()  # what else the machine does is not counted
        probabilities()
        seconds.append(time.process_time() - start)
    return {
        "auc": scores(test.labels, answers)["auc"],
        "milliseconds": 1000 * min(seconds) / len(test),
    }


EXPERIMENT = Experiment(
    name="views",
    lesson=4,
    question="How much better does a network judge a cell that it is shown in several views, and"
    " what does it cost?",
    figures={
        "auc": "AUC on other patients",
        "milliseconds": "milliseconds of the processor for a cell",
    },
    arms=tuple(ARMS),
    modules=(
        "train_test_split",
        "data_preprocessing",
        "cnn_model",
        "tf_function",
        "gradient_tape",
    ),
    minutes=2,
    run=run,
)

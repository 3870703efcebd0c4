"""Lesson 5: which learning rates train, and what clipping changes.

A range test [1] raises the rate by a tenth in every step, until the loss blows up. Then networks
are trained at that rate, and at some that are smaller or greater, which stay as they are.

Sources
    [1] Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3
"""

from functools import lru_cache

import numpy as np

from malaria.given.experiments.definition import Experiment

CELLS = 64  # of the range test: few enough to be learnt in a hundred steps
RATES = 1e-4 * 1.1 ** np.arange(125)  # to 13.6, far beyond what any seed survived
WINDOW = 5  # steps: the loss is averaged over so many, because batches differ
EPOCHS = 12
CLIPPED, NOT_CLIPPED = 5.0, 1e9  # the greatest norm of the gradients; the first is `train_step`'s


def clipped_step(max_norm: float):
    """What makes a step of lesson 5 with that norm, for `fit`."""

    def make_step(model, rate):
        from malaria.gradient_tape import Adam, train_step

        optimizer = Adam(model.trainable_variables, learning_rate=rate)
        return lambda images, labels: train_step(
            model, optimizer, images, labels, max_norm
        ), optimizer

    return make_step


def split_cells(seed: int):
    """The training and the test cells of a seed."""
    from malaria.given.experiments.training import drawn_cells
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed)
    sets = split_by_patient(cells.patients, cells.labels, (0.75, 0.25), seed=seed)
    return [cells.at(np.asarray(rows)) for rows in sets]


def range_test(seed: int) -> list[float]:
    """The loss before each step, at the rates `RATES`."""
    import tensorflow as tf

    from malaria.given.experiments.training import BATCH, new_network

    rng = np.random.default_rng([seed, 2])
    cells, _ = split_cells(seed)
    cells = cells.at(rng.permutation(len(cells))[:CELLS])
    model = new_network(cells, seed, dropout=0.0)
    step, optimizer = clipped_step(CLIPPED)(model, RATES[0])
    step, losses = tf.function(step), []
    for rate in RATES:
        rows = rng.permutation(CELLS)[:BATCH]
        optimizer.learning_rate.assign(rate)
        losses.append(float(step(tf.constant(cells.images[rows]), tf.constant(cells.labels[rows]))))
    return losses


@lru_cache(maxsize=1)  # the arms of a seed share it
def blow_up(seed: int) -> float:
    """The rate at which the loss of a range test is twice as high as it was at best."""
    losses = np.nan_to_num(range_test(seed), nan=np.inf, posinf=np.inf)
    smooth = np.convolve(losses, np.ones(WINDOW) / WINDOW, "valid")
    high = np.append(np.flatnonzero(smooth > 2 * np.minimum.accumulate(smooth)), len(smooth) - 1)
    return float(RATES[high[0] + WINDOW // 2])  # the middle of the window


# By which factor of that rate, and clipped to which norm.
ARMS = {
    "1/100": (0.01, CLIPPED),
    "1/10": (0.1, CLIPPED),
    "1/3": (1 / 3, CLIPPED),
    "the rate that blew up": (1.0, CLIPPED),
    "10 times": (10.0, CLIPPED),
    "1/10, not clipped": (0.1, NOT_CLIPPED),
    "1/3, not clipped": (1 / 3, NOT_CLIPPED),
    "that rate, not clipped": (1.0, NOT_CLIPPED),
}


def run(arm: str, seed: int) -> dict[str, float]:
    """One network, trained at one rate, and tested on other patients."""
    from malaria.given.experiments.training import figures_of, fit, new_network

    factor, max_norm = ARMS[arm]
    rate = factor * blow_up(seed)
    train, test = split_cells(seed)
    model = new_network(train, seed)
    step = clipped_step(max_norm)
    losses = fit(model, train, EPOCHS, seed, rate, make_step=step, rate_at=lambda _: 1.0)
    return {"auc": figures_of(model, test)["auc"], "loss": losses[-1], "rate": rate}


EXPERIMENT = Experiment(
    name="learning-rate",
    lesson=5,
    question="How far below the rate at which a range test blew up does a network train, and does"
    " it matter whether its gradients are clipped?",
    figures={
        "auc": "AUC by patient",
        "loss": "training loss of the last epoch",
        "rate": "learning rate",
    },
    arms=tuple(ARMS),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=4,
    run=run,
)

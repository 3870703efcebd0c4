"""Lesson 3: how large the kernels are at the start, and what batch norm forgives."""

import itertools
import math

import numpy as np

from malaria.given.experiments.definition import Experiment

CHANNELS, HIDDEN = (8, 16, 32), 32
EPOCHS = 12
WITH = " + batch norm"


def deviation(choice: str, fan_in: int) -> float:
    """The standard deviation of a kernel's weights: "He", "LeCun" or a number."""
    squares = {"He": 2 / fan_in, "LeCun": 1 / fan_in}
    return math.sqrt(squares[choice]) if choice in squares else float(choice)


def new_network(choice: str, normalise: bool, train, seed: int):
    """Three blocks and two dense layers, with or without batch norm.

    Args:
        choice: Of the kernels' size, for `deviation`. The head, which no batch norm can help,
            starts as He has it.
        normalise: Whether the blocks have batch norm; without it their convolutions have a bias,
            which is its beta.
        train: The training cells, by whose statistics the images are standardised.
        seed: Of the initial weights: one draw, which the choices only scale.
    """
    import tensorflow as tf

    from malaria.cnn_model import batch_norm, he_normal
    from malaria.data_preprocessing import channel_statistics, standardise

    def draw_kernel(inputs, outputs, layer):
        fan_in = 9 * inputs
        scale = deviation(choice, fan_in) / deviation("He", fan_in)
        return tf.Variable(scale * he_normal((3, 3, inputs, outputs), 1000 * seed + layer))

    def draw_dense(inputs, outputs, layer):
        return tf.Variable(he_normal((inputs, outputs), 1000 * seed + layer))

    class Network(tf.Module):
        def __init__(self):
            super().__init__()
            pairs = itertools.pairwise((3, *CHANNELS))
            self.kernels = [draw_kernel(*pair, layer) for layer, pair in enumerate(pairs)]
            self.gammas = [tf.Variable(tf.ones(size), trainable=normalise) for size in CHANNELS]
            self.betas = [tf.Variable(tf.zeros(size)) for size in CHANNELS]
            self.means = [tf.Variable(tf.zeros(size), trainable=False) for size in CHANNELS]
            self.variances = [tf.Variable(tf.ones(size), trainable=False) for size in CHANNELS]
            self.w1, self.b1 = (
                draw_dense(2 * CHANNELS[-1], HIDDEN, 10),
                tf.Variable(tf.zeros(HIDDEN)),
            )
            self.w2, self.b2 = draw_dense(HIDDEN, 2, 11), tf.Variable(tf.zeros(2))

        def __call__(self, images, training=False):
            x = standardise(images, *statistics)
            for kernel, gamma, beta, *moving in zip(
                self.kernels, self.gammas, self.betas, self.means, self.variances, strict=True
            ):
                x = tf.nn.conv2d(x, kernel, 1, "SAME")
                if normalise:
                    x, *new = batch_norm(x, gamma, beta, *moving, training)
                    if training:
                        for variable, value in zip(moving, new, strict=True):
                            variable.assign(value)
                else:
                    x = x + beta
                x = tf.nn.relu(tf.nn.max_pool2d(x, 2, 2, "VALID"))
            x = tf.concat([tf.reduce_max(x, (1, 2)), tf.reduce_mean(x, (1, 2))], axis=1)
            return tf.nn.relu(x @ self.w1 + self.b1) @ self.w2 + self.b2

    statistics = channel_statistics(tf.constant(train.images))
    return Network()


def run(arm: str, seed: int) -> dict[str, float]:
    """One network, trained for a fixed number of steps, and shown other patients."""
    from malaria.given.experiments.training import drawn_cells, figures_of, fit
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed)
    sets = split_by_patient(cells.patients, cells.labels, (0.6, 0.4), seed=seed)
    train, test = (cells.at(np.asarray(rows)) for rows in sets)
    model = new_network(arm.removesuffix(WITH), arm.endswith(WITH), train, seed)
    losses = fit(model, train, EPOCHS, seed)
    return {"auc": figures_of(model, test)["auc"], "loss": losses[-1]}


CHOICES = ("He", "LeCun", "0.01")

EXPERIMENT = Experiment(
    name="initialisation",
    lesson=3,
    question="How much does the size of the initial weights matter, with batch norm and without?",
    figures={"auc": "AUC on other patients", "loss": "training loss of the last epoch (nats)"},
    arms=(*CHOICES, *(choice + WITH for choice in CHOICES)),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=3,
    run=run,
)

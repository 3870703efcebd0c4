"""A training that takes seconds: drawn cells, 32 pixels, a small network of the modules in use.

It uses lessons 1, 2, 3 and 5, in a loop of its own, so that an experiment can be run before lesson
6 is written.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from malaria.given.cells.folders import practice_cells
from malaria.given.cells.images import find_cells
from malaria.given.ctrl_c import CtrlC
from malaria.given.scores import scores

IMAGE_SIZE = 32
CHANNELS, HIDDEN = (8, 16, 32), 32
BATCH = 32
FIRST_SEED = 100  # of the drawing: the lessons have the first ones


class Cells(NamedTuple):
    """N cells in memory.

    Attributes:
        images: `(N, S, S, 3)` float32 in [0, 1].
        labels: `(N,)` int32, parasitized = 1.
        patients: `(N,)` str.
    """

    images: np.ndarray
    labels: np.ndarray
    patients: np.ndarray

    def __len__(self):
        return len(self.labels)

    def at(self, rows) -> "Cells":
        """Some of the cells, by an array of row numbers or of bools."""
        return Cells(self.images[rows], self.labels[rows], self.patients[rows])


@lru_cache(maxsize=4)  # the arms of a seed share their cells
def read_cells(folder, image_size: int = IMAGE_SIZE) -> Cells:
    """The cells of a folder, read by lesson 2, their patients by lesson 1."""
    from malaria.data_preprocessing import make_dataset
    from malaria.train_test_split import patient_of

    paths, labels = find_cells(folder)
    batches = make_dataset(paths, labels, image_size, batch_size=256, training=False, seed=0)
    images = np.concatenate([np.asarray(images) for images, _ in batches])
    return Cells(images, labels, np.array([patient_of(path) for path in paths]))


def drawn_cells(
    seed: int, patients: int = 40, cells: int = 1600, image_size: int = IMAGE_SIZE
) -> Cells:
    """Practice cells of a seed, drawn when they are asked for the first time, and read.

    Experiments share the default set of each seed, so that it is drawn once for all of them.

    Args:
        seed: Another seed, other patients; none of those of the lessons.
        patients, cells: As in `malaria data`.
        image_size: The side of the images, in pixels.
    """
    return read_cells(practice_cells(patients, cells, FIRST_SEED + seed), image_size)


def new_network(train: Cells, seed: int, **options):
    """A small `CNN` that standardises by the training cells.

    Args:
        train: The training cells.
        seed: Of the initial weights and the dropout masks.
        options: Other arguments of `CNN`, instead of the small ones here.
    """
    import tensorflow as tf

    from malaria.cnn_model import CNN
    from malaria.data_preprocessing import channel_statistics

    mean, std = channel_statistics(tf.constant(train.images))
    small = {"channels": CHANNELS, "hidden": HIDDEN, "dropout": 0.3}
    size = train.images.shape[1]
    return CNN(image_size=size, seed=seed, mean=mean, std=std, **(small | options))


def fit(
    model,
    train: Cells,
    epochs: int,
    seed: int,
    learning_rate: float = 3e-3,
    augment=None,
    make_step=None,
    batch: int = BATCH,
    rate_at=None,
):
    """Train a network. There is no validation: the weights of the last step stay.

    Args:
        model: A `CNN`; trained in place.
        train: The training cells.
        epochs: How often each cell is seen.
        seed: Of the order of the cells, and of the augmentation.
        learning_rate: The greatest one; by default it falls in a line to 0, so that the last step
            is not a matter of luck.
        augment: From images `(B, S, S, 3)` and a stateless seed `(2,)` to images; or None.
        make_step: From `(model, learning_rate)` to a function `(images, labels)` -> loss and an
            object with the variable `learning_rate`, its optimizer; by default `train_step` with
            `Adam`, of lesson 5.
        batch: The number of cells in a batch; what is left over of an epoch is dropped.
        rate_at: From the share of the steps that are done, in [0, 1), to a factor of the learning
            rate; by default one that falls in a line from 1 to 0.

    Returns:
        The mean loss of each epoch, a list of floats.
    """
    import tensorflow as tf

    step, optimizer = (make_step or adam_step)(model, learning_rate)
    images, labels = tf.constant(train.images), tf.constant(train.labels, tf.int32)

    @tf.function(reduce_retracing=True)
    def step_on(rows, draw):
        some = tf.gather(images, rows)
        some = augment(some, draw) if augment else some
        return step(some, tf.gather(labels, rows))

    rng = np.random.default_rng([seed, 1])
    batches = max(len(train) // batch, 1)
    losses = []
    with CtrlC() as ctrl_c:
        for epoch in range(epochs):
            order = rng.permutation(len(train)).astype(np.int32)
            total = 0.0
            for k in range(batches):
                ctrl_c.raise_if_pressed()
                done = (epoch * batches + k) / (epochs * batches)
                factor = rate_at(done) if rate_at else 1 - done
                optimizer.learning_rate.assign(learning_rate * factor)
                draw = tf.constant([seed, epoch * batches + k], tf.int32)
                total += float(step_on(tf.constant(order[k * batch : (k + 1) * batch]), draw))
            losses.append(total / batches)
    return losses


def adam_step(model, learning_rate: float):
    """A step of lesson 5 over all trainable variables, and its optimizer."""
    from malaria.gradient_tape import Adam, train_step

    optimizer = Adam(model.trainable_variables, learning_rate=learning_rate)
    return lambda images, labels: train_step(model, optimizer, images, labels), optimizer


def margins(model, images: np.ndarray, batch: int = 256) -> np.ndarray:
    """How far the parasitized logit lies above the other, `(N,)`: above 0 it says "parasitized"."""
    import tensorflow as tf

    # Not compiled: tracing would take longer than a few batches.
    parts = (tf.constant(images[k : k + batch]) for k in range(0, len(images), batch))
    logits = np.concatenate([model(part, training=False).numpy() for part in parts])
    return logits[:, 1] - logits[:, 0]


def figures_of(model, cells: Cells) -> dict[str, float]:
    """The `accuracy`, `auc`, `sensitivity` and `specificity` of a network on some cells."""
    return scores(cells.labels, margins(model, cells.images), threshold=0.0)

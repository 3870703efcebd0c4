"""Lesson 1: what a split by image promises of a network, and what new patients then see.

There are two hospitals, and each takes its turn as the one where the network is trained and tested;
the patients of the other are the new ones. In a hospital every third of the cells is the test set
once. So every cell is judged in both ways, as the split has it and as a new patient's, and the two
figures do not differ by which patients happened to be in which set. Each of the six networks of a
seed starts from weights of its own, because with so few cells some starts never find the parasite.
"""

import itertools

import numpy as np

from malaria.given.experiments.definition import Experiment

PATIENTS, CELLS = 24, 800  # of both hospitals together
PARTS = 3
EPOCHS = 40


def parts_of(cells, arm: str, seed: int) -> list[np.ndarray]:
    """The row numbers of three parts of some cells, dealt out by image or by patient."""
    from malaria.train_test_split import shuffle_together, split_by_patient

    if arm == "by image":
        (order,) = shuffle_together(np.arange(len(cells)), seed=seed)
        return np.array_split(np.asarray(order), PARTS)
    thirds = (1 / PARTS,) * PARTS
    sets = split_by_patient(cells.patients, cells.labels, thirds, seed=seed)
    return [np.asarray(rows) for rows in sets]


def run(arm: str, seed: int) -> dict[str, float]:
    """The accuracy on all cells, each tested as the split has it, and as a new patient's."""
    from malaria.given.experiments.training import drawn_cells, fit, margins, new_network
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed, PATIENTS, CELLS)
    hospitals = split_by_patient(cells.patients, cells.labels, (0.5, 0.5), seed=seed)
    hospitals = [cells.at(np.asarray(rows)) for rows in hospitals]
    promised, true = [], []  # for each cell whether it was called right
    starts = itertools.count(10 * seed)
    for here, elsewhere in (hospitals, hospitals[::-1]):
        parts = parts_of(here, arm, seed)
        for k, test in enumerate(parts):
            train = here.at(np.concatenate(parts[:k] + parts[k + 1 :]))
            start = next(starts)
            model = new_network(train, seed=start)
            fit(model, train, EPOCHS, seed=start)
            for right, some in ((promised, here.at(test)), (true, elsewhere)):
                right.extend((margins(model, some.images) > 0) == some.labels)
    figures = {"promised": np.mean(promised), "true": np.mean(true)}
    return {"gap": figures["promised"] - figures["true"], **figures}


EXPERIMENT = Experiment(
    name="leaky-split",
    lesson=1,
    question="A network is tested on a part of the cells, split by image or by patient. How much"
    " more accuracy does the test promise than new patients then see?",
    figures={
        "gap": "accuracy promised by the test, minus accuracy on new patients",
        "promised": "accuracy that the test promises",
        "true": "accuracy on new patients",
    },
    arms=("by patient", "by image"),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=4,
    run=run,
)

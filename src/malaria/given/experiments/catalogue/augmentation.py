"""Lesson 2: what flips, rotations and stain jitter are worth when the training patients are few."""

import numpy as np

from malaria.given.experiments.definition import Experiment

TRAIN = 0.2  # of the cells: those of about 8 patients; the others test
EPOCHS = 60
FAR = 24, 720, 1001  # patients, cells and first seed of another hospital's, as in `freezing`


def augmenter(arm: str):
    """The arm's augmentation, from images and a stateless seed to images; or None."""
    from malaria.data_preprocessing import flip_and_rotate, jitter_stain

    return {
        "none": None,
        "flips and rotations": flip_and_rotate,
        "stain jitter": jitter_stain,
        # Each draws with a seed of its own, or the draws would go together.
        "both": lambda images, seed: jitter_stain(flip_and_rotate(images, seed), seed + 10_000),
    }[arm]


def run(arm: str, seed: int) -> dict[str, float]:
    """One network of few patients, tested on many, of its own hospital and of another."""
    from malaria.given.cells.folders import practice_cells
    from malaria.given.experiments.training import (
        drawn_cells,
        figures_of,
        fit,
        new_network,
        read_cells,
    )
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed)
    sets = split_by_patient(cells.patients, cells.labels, (TRAIN, 1 - TRAIN), seed=seed)
    train, test = (cells.at(np.asarray(rows)) for rows in sets)
    patients, number, first = FAR
    far = read_cells(practice_cells(patients, number, first + 2 * seed, hospital=2))
    model = new_network(train, seed=seed)
    fit(model, train, EPOCHS, seed=seed, augment=augmenter(arm))
    return {"auc": figures_of(model, test)["auc"], "far": figures_of(model, far)["auc"]}


EXPERIMENT = Experiment(
    name="augmentation",
    lesson=2,
    question="A network learns from the cells of 8 patients. What does augmenting them gain on new"
    " patients, and in another hospital?",
    figures={"auc": "AUC on new patients", "far": "AUC in another hospital"},
    arms=("none", "flips and rotations", "stain jitter", "both"),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=4,
    run=run,
)

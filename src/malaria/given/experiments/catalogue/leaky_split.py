"""Lesson 1: what a split by image promises of a network, and what new patients then see."""

import numpy as np

from malaria.given.experiments.definition import Experiment

TRAIN = 0.75  # of the cells that the hospital has; the rest are its test set
EPOCHS = 12


def run(arm: str, seed: int) -> dict[str, float]:
    """One network: trained and tested in one hospital, then shown the patients of another."""
    from malaria.given.experiments.training import drawn_cells, figures_of, fit, new_network
    from malaria.train_test_split import shuffle_together, split_by_patient

    cells = drawn_cells(seed)
    # Half of the patients come later: neither split has ever seen them.
    here, later = split_by_patient(cells.patients, cells.labels, (0.5, 0.5), seed=seed)
    here, later = cells.at(np.asarray(here)), cells.at(np.asarray(later))
    if arm == "by image":
        (order,) = shuffle_together(np.arange(len(here)), seed=seed)
        train, test = np.split(np.asarray(order), [round(TRAIN * len(here))])
    else:
        sets = split_by_patient(here.patients, here.labels, (TRAIN, 1 - TRAIN), seed=seed)
        train, test = (np.asarray(rows) for rows in sets)
    model = new_network(here.at(train), seed=seed)
    fit(model, here.at(train), EPOCHS, seed=seed)
    promised = figures_of(model, here.at(test))["accuracy"]
    true = figures_of(model, later)["accuracy"]
    return {"too_much": promised - true, "promised": promised, "true": true}


EXPERIMENT = Experiment(
    name="leaky-split",
    lesson=1,
    question="How much more does a network promise on its test cells than it holds on patients of"
    " another day, split by image and split by patient?",
    figures={
        "too_much": "accuracy promised beyond that on new patients",
        "promised": "accuracy on its own test cells",
        "true": "accuracy on new patients",
    },
    arms=("by patient", "by image"),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=3,
    run=run,
)

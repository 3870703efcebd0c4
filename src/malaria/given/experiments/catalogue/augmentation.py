"""Lesson 2: what flips, rotations and stain jitter are worth when the training patients are few."""

import numpy as np

from malaria.given.experiments.definition import Experiment

TRAIN = 0.2  # of the cells: those of about 8 patients; the rest test
EPOCHS = 60
# Another lamp and another camera: more red, less blue. Beyond the jitter of 0.1, and not drawn anew
# for each cell, as the jitter is.
OTHER_LIGHT = np.float32([1.1, 1.0, 0.8])


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
    """One network of few patients, tested on many, as they are and in another light."""
    from malaria.given.experiments.training import drawn_cells, figures_of, fit, new_network
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed)
    sets = split_by_patient(cells.patients, cells.labels, (TRAIN, 1 - TRAIN), seed=seed)
    train, test = (cells.at(np.asarray(rows)) for rows in sets)
    model = new_network(train, seed=seed)
    fit(model, train, EPOCHS, seed=seed, augment=augmenter(arm))
    other = test._replace(images=np.clip(test.images * OTHER_LIGHT, 0, 1))
    return {"auc": figures_of(model, test)["auc"], "other_light": figures_of(model, other)["auc"]}


EXPERIMENT = Experiment(
    name="augmentation",
    lesson=2,
    question="A network learns from the cells of 8 patients. What does augmenting them gain on new"
    " patients, and on images of another microscope?",
    figures={"auc": "AUC on new patients", "other_light": "AUC on new patients, in another light"},
    arms=("none", "flips and rotations", "stain jitter", "both"),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=4,
    run=run,
)

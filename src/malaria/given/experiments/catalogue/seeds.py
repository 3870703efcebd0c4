"""Lesson 7: one split and one training are one draw; what do others of both give?"""

from functools import lru_cache

import numpy as np

from malaria.given.experiments.definition import Experiment

PATIENTS, CELLS = 40, 1600
EPOCHS = 15
OTHER_WEIGHTS = 1000  # added to a seed, for a second training on the same cells


@lru_cache(maxsize=1)  # the arms of a seed share it
def replicate(seed: int):
    """The cells of a seed, and of each test cell the dark-spot score and what was drawn.

    Returns:
        `(train, test, spots, drawn)`: `Cells` twice, then `(N,)` each, of the test cells.
    """
    from PIL import Image

    from malaria.given.cells.folders import practice_cells
    from malaria.given.cells.images import find_cells
    from malaria.given.cells.truth import drawn_truth
    from malaria.given.dark_spot import dark_spot_score
    from malaria.given.experiments.training import FIRST_SEED, drawn_cells
    from malaria.train_test_split import split_by_patient

    cells = drawn_cells(seed, PATIENTS, CELLS)
    train, test = split_by_patient(cells.patients, cells.labels, (0.6, 0.4), seed=seed)
    train, test = np.asarray(train), np.asarray(test)
    paths, _ = find_cells(practice_cells(PATIENTS, CELLS, FIRST_SEED + seed))
    paths = [paths[row] for row in test]
    spots = np.array([dark_spot_score(np.asarray(Image.open(path))) for path in paths])
    return cells.at(train), cells.at(test), spots, drawn_truth(paths)


def augment(images, draw):
    """The augmentation of lesson 2."""
    from malaria.data_preprocessing import flip_and_rotate, jitter_stain

    return jitter_stain(flip_and_rotate(images, draw), (draw[0], draw[1] + 1_000_000))


def run(arm: str, seed: int) -> dict[str, float]:
    """One classifier on the test patients of a seed, against the labels and against the drawing."""
    from malaria.given.dark_spot import THRESHOLD
    from malaria.given.experiments.training import fit, margins, new_network
    from malaria.given.scores import scores

    train, test, spots, drawn = replicate(seed)
    if arm == "dark spot":
        values, threshold = spots, THRESHOLD
    else:
        start = seed if arm == "network" else seed + OTHER_WEIGHTS
        model = new_network(train, seed=start, channels=(16, 32, 64), hidden=64)
        fit(model, train, EPOCHS, seed=start, augment=augment)
        values, threshold = margins(model, test.images), 0.0
    against_labels = scores(test.labels, values, threshold)
    return {
        "accuracy": against_labels["accuracy"],
        "auc": against_labels["auc"],
        "drawn": scores(drawn, values, threshold)["accuracy"],
    }


EXPERIMENT = Experiment(
    name="seeds",
    lesson=7,
    question="On other patients, with other initial weights: is the network better than the"
    " dark-spot rule?",
    figures={
        "accuracy": "accuracy on new patients, against the labels",
        "auc": "AUC on new patients",
        "drawn": "accuracy on new patients, against the drawing",
    },
    arms=("dark spot", "network", "network, other weights"),
    modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
    minutes=3,
    run=run,
)

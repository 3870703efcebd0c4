"""Draw docs/cells.png, the README's picture: practice cells, and what the demo's network looks at.

make picture
"""

from pathlib import Path

import numpy as np

from malaria import PROJECT, utils
from malaria.given.runs.classifier import Classifier
from malaria.given.runs.run_folder import RUNS, RunFolder
from malaria.given.system.json_file import read_json

DEMO = RunFolder(RUNS / "demo")
COLUMNS = 9


def main():
    """Draw some cells of the demo's test set, uninfected and parasitized in turn."""
    import matplotlib as mpl

    mpl.use("Agg")
    test = set(read_json(DEMO.split)["test"])
    paths, labels = utils.find_cells(utils.practice_cells())
    rng = np.random.default_rng(8)
    of_class = [
        rng.permutation([p for p, y in zip(paths, labels, strict=True) if y == label])
        for label in (0, 1)
    ]
    chosen = [[p for p in found if Path(p).name in test] for found in of_class]
    picked = [chosen[k % 2][k] for k in range(COLUMNS)]
    classifier = Classifier(DEMO.saved_model)
    images, maps = zip(*classifier.saliency(picked), strict=True)
    titles = [f"P = {p:.2f}" for p in classifier.probabilities(picked)]
    figure = utils.show_saliency(images, maps, titles)
    figure.savefig(PROJECT / "docs" / "cells.png", dpi=80)


if __name__ == "__main__":
    main()

"""A run folder: what one training run leaves behind, and how it is read again.

settings.json   how the run was trained, and on which cells
split.json      the file names of each set: train, val, test
checkpoints/    the state after the newest finished epoch (see journal.py)
weights.npz     the model's variables at its best epoch
saved_model/    the classifier (see classifier.py)
history.json    one entry an epoch
scores.json     the figures on the test set
report.html     all of it, to look at
"""

import json
import os
from pathlib import Path

import numpy as np

SAVED_MODEL = "saved_model"


def write_json(path, content):
    """Write a JSON file, whole or not at all: a kill leaves the old file or the new one."""
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        unfinished.write_text(text + "\n", encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_json(path):
    """Read a JSON file of a run.

    Raises:
        ValueError: The file is missing, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path.parent} is no run folder: it has no {path.name}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from None


def save_weights(model, path):
    """Write the variables of a `tf.Module` to an .npz file, in the order of `model.variables`."""
    weights = {f"{i:03d}": variable.numpy() for i, variable in enumerate(model.variables)}
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            np.savez(file, **weights)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_weights(model, path):
    """Read what `save_weights` wrote into a model of the same shape.

    Raises:
        ValueError: The weights are those of another model, such as one of another image size.
    """
    with np.load(path) as file:
        weights = [file[name] for name in sorted(file.files)]
    variables = model.variables
    if [w.shape for w in weights] != [tuple(v.shape) for v in variables]:
        raise ValueError(f"{path} holds the weights of a model of another shape or image size.")
    for variable, weight in zip(variables, weights, strict=True):
        variable.assign(weight)


def newest_run(folder):
    """The run under `folder` whose classifier is the newest.

    Raises:
        ValueError: There is none.
    """
    exported = [run for run in folder.glob(f"*/{SAVED_MODEL}") if run.is_dir()]
    if not exported:
        raise ValueError(f"There is no finished run in {folder}: run `malaria train` first.")
    return max(exported, key=lambda run: run.stat().st_mtime).parent

"""`malaria train`: from a folder of cells to a run folder with a classifier and a report."""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np

import malaria
from malaria import utils
from malaria.given.cells.folders import DATA
from malaria.given.command_line.common import (
    RUNS,
    fraction,
    rate,
    sound_files,
    whole_number,
)
from malaria.given.command_line.evaluate import dark_spot_figures, print_figures
from malaria.given.exercises.stubs import first_unwritten
from malaria.given.runs.run_folder import SAVED_MODEL, read_json, save_weights, write_json
from malaria.given.scores import scores
from malaria.given.system.lock import locked
from malaria.given.system.quiet_start import import_tensorflow

# name: (argparse type, default, what it is)
OPTIONS = {
    "image_size": (whole_number(16), 64, "side of the images, in pixels"),
    "batch_size": (whole_number(1), 64, "images in a batch"),
    "whole_epochs": (whole_number(0), 12, "epochs of the first phase: the whole network"),
    "head_epochs": (whole_number(0), 3, "epochs of the second phase: the head alone"),
    "learning_rate": (rate, 1e-3, "greatest learning rate of the first phase"),
    "head_learning_rate": (rate, 3e-4, "greatest learning rate of the second phase"),
    "label_smoothing": (fraction, 0.1, "share of each label spread over both classes"),
    "views": (whole_number(1, 8), 4, "symmetries of a cell that are averaged, 1 to 8"),
    "seed": (whole_number(0), 0, "seed of the split, the weights and the order"),
}
LOCK, SPLIT = ".lock", "split.json"
STATISTICS_CELLS = 1000  # enough for the mean and deviation of a channel to .5%, in 50 MB


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "train",
        help="train the classifier and report on it",
        description="Train in two phases, the whole network and then its head, and write a run"
        " folder with the classifier, its history and a report. Ctrl-C leaves a usable run.",
        # An option that is not given stays out of the namespace: a resumed run keeps its own.
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="default: the practice cells, drawn if need be"
    )
    parser.add_argument("--out", type=Path, metavar="RUN", help="default: runs/ and data's name")
    parser.add_argument(
        "--modules", metavar="FOLDER", help='"solutions", or a folder; default: your own modules'
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --out, if there is one"
    )
    parser.add_argument(
        "--each-cell-its-own-patient",
        action="store_true",
        help="for file names without a patient: split by cell, at the price of a leak",
    )
    for name, (kind, default, text) in OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, metavar="N", help=f"{text}; default: {default}")
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command; returns the exit status."""
    given = vars(arguments)
    data = given.get("data", DATA / "practice_cells")
    run_folder = given.get("out", RUNS / data.resolve().name)
    settings = settings_of(run_folder, data, given)
    modules = malaria.use_modules(settings["modules"])
    unwritten = first_unwritten(modules)
    if unwritten:
        number, file = unwritten
        raise ValueError(
            f"Exercise {number} in {file} is not written yet. Finish it first, or train the"
            " reference with --modules solutions."
        )

    listed, labels = utils.find_cells(data if "data" in given else utils.practice_cells())
    label_of = dict(zip(listed, labels.tolist(), strict=True))
    paths = sound_files(listed)
    labels = np.array([label_of[path] for path in paths], np.int32)
    if len(set(labels.tolist())) < 2:
        raise ValueError(f"Training needs sound images of both classes, but {data} has not.")
    patients = np.array(patients_of(paths, settings["each_cell_its_own_patient"]))

    from malaria.train_test_split import split_by_patient

    sets = dict(
        zip(
            ("train", "val", "test"),
            split_by_patient(patients, labels, seed=settings["seed"]),
            strict=True,
        )
    )
    names = {key: [Path(paths[i]).name for i in rows] for key, rows in sets.items()}
    settings |= {"cells": len(paths), "names": fingerprint(paths)}
    for key, rows in sets.items():
        count = len({patients[i] for i in rows})
        print(f"{key:6}{len(rows):6} cells of {count:3} patients")

    import_tensorflow()
    with locked(run_folder / LOCK):
        start_run(run_folder, settings, names)
        epochs = train_and_export(run_folder, settings, paths, labels, sets)
        interrupted = epochs < settings["whole_epochs"] + settings["head_epochs"]
        report(run_folder, settings, paths, labels, patients, sets, interrupted)
    if interrupted:
        print(f"Stopped after {epochs} epochs; --out {run_folder} --resume goes on.")
        return 130
    return 0 if len(paths) == len(listed) else 1


def settings_of(run_folder, data, given):
    """The settings of a run: its own if it is resumed, otherwise what was given and the defaults.

    Raises:
        ValueError: The folder is taken, or the run was made with other settings than those given.
    """
    settings = {name: default for name, (_, default, _) in OPTIONS.items()}
    settings |= {"modules": "", "each_cell_its_own_patient": False, "data": str(data.resolve())}
    chosen = {name: given[name] for name in settings if name in given}
    chosen["data"] = settings["data"]
    if not (run_folder / "settings.json").is_file():
        # A run that was killed at once has left these two at most.
        if run_folder.is_dir() and {p.name for p in run_folder.iterdir()} - {LOCK, SPLIT}:
            raise ValueError(f"{run_folder} holds other things than a run: choose another --out.")
        return settings | chosen
    if "resume" not in given:
        raise ValueError(
            f"{run_folder} already holds a run: choose another --out, or go on with --resume."
        )
    stored = read_json(run_folder / "settings.json")
    for name, value in chosen.items():
        if stored.get(name) != value:
            raise ValueError(
                f"The run in {run_folder} was made with {name.replace('_', ' ')}"
                f" {stored.get(name)!r}, not {value!r}: choose another --out, or leave that out."
            )
    return settings | stored


def patients_of(paths, each_its_own):
    """The patient of each file; the file itself where each cell is to be its own patient."""
    if each_its_own:
        return list(paths)
    from malaria.train_test_split import patient_of

    try:
        return [patient_of(path) for path in paths]
    except ValueError as error:
        raise ValueError(
            f"{error} If the patients are not known, --each-cell-its-own-patient splits by cell;"
            " the test figures are then too good, because neighbours stand on both sides."
        ) from None


def fingerprint(paths):
    """A hash of the file names, by which a resumed run knows its cells again."""
    names = "\n".join(f"{Path(path).parent.name}/{Path(path).name}" for path in paths)
    return hashlib.sha256(names.encode()).hexdigest()


def start_run(run_folder, settings, names):
    """Write down how the run is made; or, if it is resumed, check that its cells are the same."""
    for stale in run_folder.glob("*.part"):  # of a killed run; ours is the only one at work
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    file = run_folder / "settings.json"
    if file.is_file():
        stored = read_json(file)
        if stored["names"] != settings["names"]:
            raise ValueError(
                f"The cells in {settings['data']} are not those that the run in {run_folder}"
                f" started with ({stored['cells']} cells): restore them, or start a new run."
            )
        return
    write_json(run_folder / SPLIT, names)
    write_json(file, settings)  # last: a folder with settings is a run that can be resumed


def train_and_export(run_folder, settings, paths, labels, sets):
    """Train, and write the weights, the SavedModel and the history. Returns the epochs done."""
    import tensorflow as tf

    from malaria.cnn_model import CNN
    from malaria.data_preprocessing import channel_statistics, make_dataset
    from malaria.given.runs.classifier import export_classifier
    from malaria.gradient_tape import saliency_map
    from malaria.model_training import train
    from malaria.tf_function import average_over_views, compile_classifier

    size, seed = settings["image_size"], settings["seed"]

    def dataset(rows, training):
        some = [paths[i] for i in rows]
        return make_dataset(some, labels[rows], size, settings["batch_size"], training, seed)

    some = np.random.default_rng(seed).permutation(sets["train"])[:STATISTICS_CELLS]
    mean, std = channel_statistics(tf.concat([x for x, _ in dataset(some, False)], axis=0))
    model = CNN(image_size=size, seed=seed, mean=mean, std=std)
    history = train(
        model,
        dataset(sets["train"], True),
        dataset(sets["val"], False).cache(),
        settings["whole_epochs"],
        settings["head_epochs"],
        settings["learning_rate"],
        settings["head_learning_rate"],
        label_smoothing=settings["label_smoothing"],
        seed=seed,
        folder=run_folder / "checkpoints",
    )
    classify = compile_classifier(model, size)
    export_classifier(
        run_folder / SAVED_MODEL,
        model,
        lambda images: average_over_views(classify, images, settings["views"]),
        lambda images: saliency_map(model, images),
        size,
    )
    save_weights(model, run_folder / "weights.npz")
    write_json(run_folder / "history.json", history)
    return len(history.get("loss", []))


def report(run_folder, settings, paths, labels, patients, sets, interrupted):
    """Score the exported classifier on the test set, beside what needs no network; write it up."""
    from malaria.given.runs.classifier import Classifier
    from malaria.given.runs.report import write_report
    from malaria.train_test_split import majority_baseline

    test = sets["test"]
    test_paths = [paths[i] for i in test]
    classifier = Classifier(run_folder / SAVED_MODEL)  # what a user will load, not what we trained
    probabilities = classifier.probabilities(test_paths)
    dark_spot, spots = dark_spot_figures(test_paths, labels[test])
    by_patient = majority_baseline(patients, labels, sets["train"], test)
    blank = {"auc": float("nan"), "sensitivity": float("nan"), "specificity": float("nan")}
    figures = {
        "classifier": scores(labels[test], probabilities),
        "dark-spot rule": dark_spot,
        "majority baseline": {"accuracy": by_patient} | blank,
    }
    write_json(run_folder / "scores.json", figures)
    notes = ["The training was stopped early; the figures are those of its best epoch so far."]
    if settings["each_cell_its_own_patient"]:
        notes.append("The cells were split one by one, so these figures are too good.")
    write_report(
        run_folder / "report.html",
        title=f"Malaria classifier: {run_folder.name}",
        settings=settings,
        history=read_json(run_folder / "history.json"),
        patients=patients,
        labels=labels,
        sets=sets,
        test_probabilities=probabilities,
        baselines={
            "dark-spot rule": (dark_spot, spots),
            "majority baseline": (figures["majority baseline"], None),
        },
        paths=paths,
        saliency=classifier.saliency,
        notes=notes if interrupted else notes[1:],
    )
    print_figures(figures)
    print(f"Report: {run_folder / 'report.html'}")
    sys.stdout.flush()

"""`malaria train`: from a folder of cells to a run folder with a classifier and a report."""

import argparse
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

import malaria
from malaria.given.cells.images import name_in_class
from malaria.given.command_line.common import (
    PRACTICE_CELLS,
    folder_path,
    sound_cells,
    use_written_modules,
)
from malaria.given.command_line.train_options import Settings, add_options, settings_for, with_cells
from malaria.given.runs.results import (
    Result,
    as_json,
    dark_spot_result,
    meaning,
    network_result,
    table,
)
from malaria.given.runs.run_folder import RUNS, RunFolder
from malaria.given.runs.split_cells import SETS, SplitCells
from malaria.given.system.json_file import write_json
from malaria.given.system.lock import locked
from malaria.given.system.quiet_start import import_tensorflow

STATISTICS_CELLS = 1000  # give a channel's mean and standard deviation to 0.5%, in 50 MB


def add_parser(commands) -> None:
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "train",
        help="train the classifier and write a report",
        description="Train in two phases, first the whole network and then its head, and write a"
        " run folder with the classifier, its history and a report. The reference saves its state"
        " after every epoch, so --resume continues from there, and Ctrl-C leaves a usable run. Your"
        " own train (exercise 6.6) need not do either; if it does not, the command says so.",
    )
    parser.add_argument(
        "--data",
        # Resolved, because a run may be resumed from anywhere.
        type=lambda text: str(folder_path(str(Path(text).resolve()))),
        metavar="FOLDER",
        help="default: the practice cells, drawn if necessary",
    )
    parser.add_argument(
        "--out",
        type=folder_path,
        metavar="RUN",
        help="default: runs/ and the name of the data folder",
    )
    parser.add_argument(
        "--modules",
        type=malaria.lasting,  # likewise
        metavar="FOLDER",
        help='"solutions", or a folder; default: MALARIA_MODULES if set, or else your own modules',
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out, if there is one, from its saved state",
    )
    parser.add_argument(
        "--each-cell-its-own-patient",
        action="store_true",
        default=None,  # not given: a resumed run keeps its own setting, as for all the others
        help="for file names without a patient: split by cell, at the cost of data leakage",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    folder = RunFolder(arguments.out or RUNS / Path(arguments.data or PRACTICE_CELLS).name)
    settings = settings_for(folder, chosen_settings(arguments), arguments.resume)
    use_written_modules(settings.modules)
    say(1, "finding the cells; practice cells are drawn once, in about half a minute")
    paths, labels, refused = sound_cells(Path(settings.data))
    cells = split(paths, labels, settings)
    settings = with_cells(settings, folder, cells)
    for name, rows in cells.sets.items():
        print(f"{name:6}{len(rows):6} cells of {len(set(cells.patients[rows])):3} patients")

    import_tensorflow()
    with locked(folder.lock):
        resumed = folder.settings.is_file()
        begin(folder, settings, cells)
        if resumed and not holds_state(folder):
            print(f"{folder} holds no saved training state, so training starts from scratch.")
        say(
            2,
            f"training, {settings.whole_epochs} epochs of the whole network and"
            f" {settings.head_epochs} of its head; the progress bars show how long an epoch takes",
        )
        try:
            epochs = train_and_export(folder, settings, cells)
        except KeyboardInterrupt:
            print(f"Stopped. {what_follows(folder)}")
            raise
        stopped = epochs < settings.whole_epochs + settings.head_epochs
        say(3, "scoring the test cells and writing the report, in less than a minute")
        score_and_report(folder, settings, cells, stopped)
    if stopped:
        print(f"Stopped after {epochs} epochs. {what_follows(folder)}")
        return 130
    if not holds_state(folder):
        print(f"This run could not have been resumed. {what_follows(folder)}")
    return 1 if refused else 0


def say(part: int, what: str) -> None:
    """Announce a part of the work before it begins, and how long it takes."""
    print(f"Part {part} of 3: {what}.", flush=True)


def holds_state(folder: RunFolder) -> bool:
    """Whether the training has stored anything to go on from: a learner's own need not."""
    return any(path.is_file() for path in folder.checkpoints.rglob("*"))


def what_follows(folder: RunFolder) -> str:
    """What `--resume` will do, a sentence."""
    if holds_state(folder):
        return f"--out {folder} --resume continues from the saved state."
    return (
        f"The train function of these modules (exercise 6.6) has saved no state in"
        f" {folder.checkpoints}, so --out {folder} --resume starts from scratch."
    )


def chosen_settings(arguments: argparse.Namespace) -> dict:
    """The settings that were given on the command line, or by MALARIA_MODULES; by name."""
    given = {one.name: getattr(arguments, one.name, None) for one in fields(Settings)}
    in_front = malaria.modules_in_use
    if given["modules"] is None and in_front != malaria.OWN_MODULES:
        given["modules"] = "solutions" if in_front == malaria.REFERENCE else str(in_front)
    return {name: value for name, value in given.items() if value is not None}


def split(paths: list[str], labels: np.ndarray, settings: Settings) -> SplitCells:
    """Split the sound cells by patient.

    Raises:
        ValueError: A class is missing, or the patients cannot be told or split.
    """
    if len(set(labels.tolist())) < 2:
        raise ValueError(
            f"Training needs usable images of both classes, but {settings.data} lacks one class."
        )
    from malaria.train_test_split import split_by_patient

    patients = np.array(patients_of(paths, settings.each_cell_its_own_patient))
    rows = split_by_patient(patients, labels, seed=settings.seed)
    return SplitCells(paths, labels, patients, dict(zip(SETS, rows, strict=True)))


def patients_of(paths: list[str], each_its_own: bool) -> list[str]:
    """The patient of each file; the file itself where each cell is to be its own patient."""
    if each_its_own:
        return paths
    from malaria.train_test_split import patient_of

    try:
        return [patient_of(path) for path in paths]
    except ValueError as error:
        raise ValueError(
            f"{error} If the patients are not known, --each-cell-its-own-patient splits by cell;"
            " the scores are then too optimistic, because a patient's cells end up in several sets."
        ) from None


def begin(folder: RunFolder, settings: Settings, cells: SplitCells) -> None:
    """Write down how a new run is made, and clear away what a kill left of a resumed one."""
    for part in folder.leftovers():  # not of another run at work: we hold the lock
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    if not folder.settings.is_file():
        names = {key: [name_in_class(path) for path in cells.paths_of(key)] for key in SETS}
        write_json(folder.split, names)
        # Last: a folder with settings is a run that can be resumed.
        write_json(folder.settings, asdict(settings))


def train_and_export(folder: RunFolder, settings: Settings, cells: SplitCells) -> int:
    """Train, and write the classifier and the history; returns the number of epochs done."""
    import tensorflow as tf

    from malaria.cnn_model import CNN
    from malaria.data_preprocessing import channel_statistics, make_dataset
    from malaria.given.runs.classifier import export_classifier
    from malaria.gradient_tape import saliency_map
    from malaria.model_training import train
    from malaria.tf_function import average_over_views, compile_classifier

    size, seed = settings.image_size, settings.seed

    def dataset(rows, training):
        return make_dataset(
            paths=[cells.paths[row] for row in rows],
            labels=cells.labels[rows],
            image_size=size,
            batch_size=settings.batch_size,
            training=training,
            seed=seed,
        )

    some = np.random.default_rng(seed).permutation(cells.sets["train"])[:STATISTICS_CELLS]
    images = tf.concat([batch for batch, _ in dataset(some, training=False)], axis=0)
    mean, std = channel_statistics(images)
    model = CNN(image_size=size, seed=seed, mean=mean, std=std)
    history = train(
        model,
        train_set=dataset(cells.sets["train"], training=True),
        val_set=dataset(cells.sets["val"], training=False).cache(),
        whole_epochs=settings.whole_epochs,
        head_epochs=settings.head_epochs,
        learning_rate=settings.learning_rate,
        head_learning_rate=settings.head_learning_rate,
        label_smoothing=settings.label_smoothing,
        seed=seed,
        folder=folder.checkpoints,
    )
    classify = compile_classifier(model, size)
    export_classifier(
        folder.saved_model,
        model,
        classify=lambda images: average_over_views(classify, images, settings.views),
        saliency=lambda images: saliency_map(model, images),
        image_size=size,
    )
    write_json(folder.history, history)
    return len(history.get("loss", []))


def score_and_report(
    folder: RunFolder, settings: Settings, cells: SplitCells, stopped: bool
) -> None:
    """Score the exported classifier on the test set, beside what needs no network; write it up."""
    from malaria.given.runs.classifier import Classifier
    from malaria.given.runs.report import write_report
    from malaria.train_test_split import majority_baseline

    paths, labels = cells.paths_of("test"), cells.labels_of("test")
    classifier = Classifier(folder.saved_model)  # what a user will load, not what we trained
    by_patient = majority_baseline(
        cells.patients, cells.labels, train=cells.sets["train"], test=cells.sets["test"]
    )
    results = {
        "classifier": network_result(labels, classifier.probabilities(paths)),
        "dark-spot rule": dark_spot_result(labels, paths),
        "majority baseline": Result({"accuracy": by_patient}),
    }
    write_json(folder.scores, as_json(results))
    notes = []
    if stopped:
        notes.append(
            "The training was stopped early; the scores are those of its best epoch so far."
        )
    if settings.each_cell_its_own_patient:
        notes.append("The split was by cell, not by patient, so these scores are too optimistic.")
    write_report(folder, settings, cells, results, classifier.saliency, notes)
    print(table(results))
    print(
        meaning(
            labels,
            cells.patients_of("test"),
            network=results["classifier"],
            rule=results["dark-spot rule"],
        ),
        *notes,
        sep="\n",
    )
    print(f"Report: {folder.report}")

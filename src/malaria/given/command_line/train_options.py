"""How a run is trained: the options of `malaria train`, and what a run remembers of them."""

import argparse
import hashlib
from dataclasses import dataclass, field, fields, replace

from malaria.given.cells.classes import CLASSES
from malaria.given.cells.images import name_in_class
from malaria.given.command_line.common import PRACTICE_CELLS, fraction, rate, whole_number
from malaria.given.runs.run_folder import RunFolder
from malaria.given.runs.split_cells import SplitCells
from malaria.given.system.json_file import read_json


def option(default, kind, text: str):
    """A field of `Settings` that is an option with a number; `kind` is an argparse type."""
    return field(default=default, metadata={"type": kind, "help": text})


@dataclass(frozen=True)
class Settings:
    """How a run is trained, and on which cells; stored as JSON."""

    image_size: int = option(64, whole_number(16), "side length of the images, in pixels")
    batch_size: int = option(64, whole_number(1), "number of images in a batch")
    whole_epochs: int = option(12, whole_number(0), "epochs of the first phase: the whole network")
    head_epochs: int = option(3, whole_number(0), "epochs of the second phase: the head alone")
    learning_rate: float = option(1e-3, rate, "peak learning rate of the first phase")
    head_learning_rate: float = option(3e-4, rate, "peak learning rate of the second phase")
    label_smoothing: float = option(0.1, fraction, "share of a label spread over both classes")
    views: int = option(4, whole_number(1, 8), "symmetries of a cell to average over, 1 to 8")
    seed: int = option(0, whole_number(0), "seed of the split, the weights and the order")
    modules: str = ""  # as for `malaria.use_modules`
    each_cell_its_own_patient: bool = False
    data: str = str(PRACTICE_CELLS)
    cells: int = 0  # how many were found; 0 before the first look
    fingerprint: str = ""  # of their names, by which a resumed run knows its cells again


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options with a number to a parser; None stands for one that was not given."""
    for one in fields(Settings):
        if one.metadata:
            parser.add_argument(
                f"--{one.name.replace('_', '-')}",
                type=one.metadata["type"],
                metavar="N",
                help=f"{one.metadata['help']}; default: {one.default}",
            )


def settings_for(run: RunFolder, chosen: dict, resume: bool) -> Settings:
    """The settings of a run: its own if it is resumed, otherwise the chosen ones and the defaults.

    Args:
        run: Where the run is, or is to be.
        chosen: The settings that were given on the command line, by name.
        resume: Whether a run that is there may go on.

    Raises:
        ValueError: The folder is taken, or the run was made with other settings than those chosen.
    """
    if not run.settings.is_file():
        if run.holds_other_things():
            raise ValueError(f"{run} holds other things than a run: choose another --out.")
        return Settings(**chosen)
    if not resume:
        raise ValueError(
            f"{run} already holds a run: choose another --out, or continue it with --resume."
        )
    stored = stored_settings(run)
    for name, value in chosen.items():
        own = getattr(stored, name)
        if own != value:
            raise ValueError(
                f"The run in {run} was made with {name.replace('_', ' ')} {own!r}, not {value!r}:"
                " choose another --out, or omit that option."
            )
    return stored


def stored_settings(run: RunFolder) -> Settings:
    """The settings that a run was made with.

    Raises:
        ValueError: They cannot be read, or are those of another version.
    """
    stored = read_json(run.settings)
    if not isinstance(stored, dict) or set(stored) != {one.name for one in fields(Settings)}:
        raise ValueError(
            f"The run in {run} was made by another version of the course and cannot be resumed:"
            " choose another --out, or delete that folder."
        )
    return Settings(**stored)


def with_cells(settings: Settings, run: RunFolder, cells: SplitCells) -> Settings:
    """The settings, and which cells were found.

    Raises:
        ValueError: The run is resumed, and started with other cells.
    """
    names = [
        f"{CLASSES[label]}/{name_in_class(path)}"
        for path, label in zip(cells.paths, cells.labels, strict=True)
    ]
    found = hashlib.sha256("\n".join(names).encode()).hexdigest()
    if settings.fingerprint not in ("", found):
        raise ValueError(
            f"The cells in {settings.data} are not those that the run in {run} started with"
            f" ({settings.cells} cells): restore them, or start a new run."
        )
    return replace(settings, cells=len(cells.paths), fingerprint=found)

"""Running an experiment: every arm with every seed, each stored as soon as it is done."""

import hashlib
import math
import time
from pathlib import Path

from tqdm import tqdm

from malaria import OWN_MODULES
from malaria.given.experiments.definition import Experiment
from malaria.given.system.cpu_time import of_this_process
from malaria.given.system.json_file import read_json, write_json
from malaria.given.system.lock import locked

BAR = "{desc}: {n_fmt}/{total_fmt} |{bar:20}| {elapsed}, {remaining} left{postfix}"
TRAINING = Path(__file__).with_name("training.py")


def fingerprint(experiment: Experiment, modules: Path) -> str:
    """A hash of the code whose figures belong together: the modules, and what trains them.

    Args:
        experiment: Its own file, and the modules that it names, count.
        modules: The folder of modules in front.
    """
    files = [Path(experiment.run.__code__.co_filename), TRAINING]
    for name in experiment.modules:
        file = modules / f"{name}.py"
        files.append(file if file.is_file() else OWN_MODULES / f"{name}.py")
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def stored_rows(file: Path, code: str) -> list[dict]:
    """The rows of a file, if it was written by the same code; otherwise none."""
    if not file.is_file():
        return []
    stored = read_json(file)
    return stored["rows"] if isinstance(stored, dict) and stored.get("code") == code else []


def rows_of(
    experiment: Experiment, seeds: int, modules: Path, folder: Path, progress: bool = True
) -> list[dict]:
    """Run what is not stored yet. Ctrl-C loses no more than the row at work.

    Args:
        experiment: What to run.
        seeds: With the seeds 0 to `seeds - 1`.
        modules: The folder of modules in front.
        folder: Where `NAME.json` is, or is to be.
        progress: Whether to show a bar on stderr.

    Returns:
        For each seed, and in it for each arm, a dict with `arm`, `seed`, `figures`, `seconds` and
        `cpu_seconds`.

    Raises:
        ValueError: A figure is missing or not finite, or the stored rows cannot be read.
        BlockingIOError: The experiment is being run in another process.
    """
    file = folder / f"{experiment.name}.json"
    code = fingerprint(experiment, modules)
    # All arms of a seed, then the next: what is there after a stop is complete as far as it goes.
    wanted = [(arm, seed) for seed in range(seeds) for arm in experiment.arms]
    with locked(folder / f".{experiment.name}.lock"):
        rows = {(row["arm"], row["seed"]): row for row in stored_rows(file, code)}
        missing = [place for place in wanted if place not in rows]
        bar = tqdm(
            missing,
            experiment.name,
            total=len(wanted),
            initial=len(wanted) - len(missing),
            disable=not progress,
            bar_format=BAR,
        )
        for arm, seed in bar:
            bar.set_postfix_str(f"{arm}, seed {seed}")
            rows[arm, seed] = one_row(experiment, arm, seed)
            write_json(file, {"code": code, "rows": list(rows.values())})
    return [rows[place] for place in wanted]


def one_row(experiment: Experiment, arm: str, seed: int) -> dict:
    """Run one arm with one seed.

    Raises:
        ValueError: It gives other figures than it promises, or one that is not finite.
    """
    start, start_of_cpu = time.perf_counter(), of_this_process()
    figures = {key: float(value) for key, value in experiment.run(arm, seed).items()}
    if set(figures) != set(experiment.figures) or not all(map(math.isfinite, figures.values())):
        raise ValueError(
            f'Arm "{arm}" of {experiment.name} gave {figures} with seed {seed}, instead of a finite'
            f" number for each of: {', '.join(experiment.figures)}."
        )
    return {
        "arm": arm,
        "seed": seed,
        "figures": figures,
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(of_this_process() - start_of_cpu, 2),
    }


def content_of(experiment: Experiment, rows: list[dict]) -> dict:
    """What a recorded result holds, as `malaria.given.recorded.result` reads it.

    Args:
        experiment: What was run.
        rows: What `rows_of` returned.
    """
    return {
        "name": experiment.name,
        "lesson": experiment.lesson,
        "question": experiment.question,
        "arms": list(experiment.arms),
        "seeds": sorted({row["seed"] for row in rows}),
        "measured": {
            key: {
                "figure": words,
                "values": {
                    arm: [row["figures"][key] for row in rows if row["arm"] == arm]
                    for arm in experiment.arms
                },
            }
            for key, words in experiment.figures.items()
        },
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "cpu_seconds": round(sum(row["cpu_seconds"] for row in rows), 1),
    }

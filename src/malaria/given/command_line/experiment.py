"""`malaria experiment`: a question that no test can grade, asked of the modules in use."""

import argparse

import malaria
from malaria import REFERENCE
from malaria.given.command_line.common import use_written_modules, whole_number
from malaria.given.experiments.definition import Experiment, all_experiments
from malaria.given.experiments.runner import content_of, rows_of
from malaria.given.grading.nearest_name import nearest
from malaria.given.grading.verdict import folded
from malaria.given.recorded.result import RECORDED, experiment, recorded_names, result_from
from malaria.given.recorded.table import WIDTH, table
from malaria.given.runs.run_folder import RUNS
from malaria.given.system.json_file import write_json
from malaria.given.system.quiet_start import import_tensorflow

FOLDER = RUNS / "experiments"


def add_parser(commands) -> None:
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "experiment",
        help="run an experiment of a lesson over several seeds",
        description="Run an experiment: several arms, each with several seeds. Every result is"
        " stored as soon as it is there, so that after Ctrl-C the same command goes on. Printed are"
        " means with their 95% intervals, and those that the reference had. Without a name: list"
        " the experiments.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="such as leaky-split")
    parser.add_argument(
        "--seeds",
        type=whole_number(1, 100),
        metavar="N",
        help="how many seeds; default: as many as in the recorded result",
    )
    parser.add_argument(
        "--modules",
        type=malaria.lasting,
        metavar="FOLDER",
        help='"solutions", or a folder; default: MALARIA_MODULES if set, or else your own modules',
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="for maintainers: store the result as the one that the lessons read",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if arguments.name is None:
        print("\n".join(listing(all_experiments())))
        return 0
    asked = asked_experiment(arguments.name)
    if arguments.modules is None:
        choice = malaria.lasting(str(malaria.modules_in_use))
    else:
        choice = arguments.modules
    use_written_modules(choice, asked.modules, "run the experiment on the reference")
    seeds = arguments.seeds or asked.seeds
    reference = malaria.modules_in_use == REFERENCE
    if arguments.record and not (reference and seeds == asked.seeds):
        raise ValueError(
            "Only a run of the reference with all its seeds can be recorded: add --modules"
            " solutions, and leave --seeds out."
        )
    print(folded(f"{asked.question} About {asked.minutes:g} minutes.", WIDTH, "", ""), flush=True)
    import_tensorflow()
    try:
        rows = rows_of(asked, seeds, malaria.modules_in_use, FOLDER)
    except KeyboardInterrupt:
        print("Stopped. What was done is stored; the same command goes on from there.")
        raise
    content = content_of(asked, rows)
    print_result(result_from(content), asked, "the reference" if reference else "your modules")
    if arguments.record:
        RECORDED.mkdir(exist_ok=True)
        file = RECORDED / f"{asked.name}.json"
        write_json(file, content)
        print(f"Recorded in {file}")
    return 0


def listing(experiments: dict[str, Experiment]) -> list[str]:
    """A few lines for each experiment."""
    lines = ["malaria experiment NAME runs one of these:"]
    for one in experiments.values():
        lines += ["", f"{one.name}  (lesson {one.lesson}, about {one.minutes:g} minutes)"]
        lines.append(folded(one.question, WIDTH, "    ", "    "))
    return lines


def asked_experiment(name: str) -> Experiment:
    """The experiment of a name.

    Raises:
        ValueError: There is none.
    """
    experiments = all_experiments()
    if name not in experiments:
        raise ValueError(
            f"There is no experiment {name}.{nearest(name, experiments)} `malaria experiment`"
            " lists them all."
        )
    return experiments[name]


def print_result(result, asked: Experiment, whose: str) -> None:
    """Print each figure, and what the reference had beside it."""
    recorded = experiment(asked.name) if asked.name in recorded_names() else None
    for key in asked.figures:
        print()
        print("\n".join(table(result.of(key), whose)))
        if recorded and key in recorded.measured and whose != "the reference":
            print()
            print("\n".join(table(recorded.of(key), "the reference")))
    print(f"\n{result.seconds:.0f} seconds in all.")

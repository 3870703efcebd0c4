"""What the README claims: its commands, its exit statuses, its numbers."""

import json
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

import malaria
from malaria import LESSON_MODULES, PROJECT
from malaria.given.command_line import EPILOG, make_parser
from malaria.given.exercises import EXERCISES
from malaria.given.grading.diagnosis import BEHAVIOUR
from malaria.given.grading.running import LIMIT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")


def commands(text):
    """What stands in a text's blocks of shell code, line by line, and in its `code`."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line] + re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def commands_of(program):
    """The README's calls of a program, as lists of arguments."""
    return [
        shlex.split(line)[1:] for line in commands(README) if re.match(rf"{program} [\w.-]", line)
    ]


def subcommands():
    """A dict from the name of each command of `malaria` to its parser."""
    return next(a.choices for a in make_parser()._actions if a.dest == "command")


@pytest.mark.parametrize("arguments", commands_of("malaria"), ids=" ".join)
def test_the_commands_of_the_readme_are_understood(arguments):
    """An option that was renamed would be refused by the reader's first try."""
    if arguments[0] == "COMMAND":  # stands for any of them
        arguments = ["train"]
    if "--help" not in arguments:
        make_parser().parse_args(arguments)


def test_every_command_stands_in_the_readme():
    """A command that nobody reads of is not found."""
    in_readme = {arguments[0] for arguments in commands_of("malaria")}
    assert set(subcommands()) - in_readme == set()


def test_make_knows_its_targets():
    """Each `make ...` of README and CONTRIBUTING, and in the Makefile each with a word of help."""
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    assert targets == set(re.search(r"\.PHONY: (.+)", MAKEFILE)[1].split())
    named = [
        line.split()[1] for line in commands(README + CONTRIBUTING) if line.startswith("make ")
    ]
    assert set(named) <= targets
    assert targets - {"help", "picture"} <= set(named)


def test_without_make_the_same_is_done():
    """The README's plain lines are those of the Makefile."""
    section = README.partition("## Without make")[2].partition("\n## ")[0]
    plain = commands(section)
    recipes = re.findall(r"^\t\$\(BIN\)/(.+)$", MAKEFILE, re.MULTILINE)
    recipes = [line.removeprefix("python -m ") for line in recipes]
    pieces = {piece.strip() for line in plain for piece in line.split("&&")}
    pieces = {piece.removeprefix("python -m ") for piece in pieces}
    for start in ("malaria train", "jupyter lab", "ruff check", "ruff format", "tools.run_tests"):
        wanted = [line for line in recipes if line.startswith(start)]
        assert wanted, start
        assert set(wanted) <= pieces, start


def test_pytest_knows_the_options_of_the_readme():
    """And the files and marks that it names exist."""
    help_text = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    others = "".join(command.format_help() for command in subcommands().values())
    for option in (line.split()[0] for line in commands(README) if line.startswith("--")):
        assert option in help_text + others, option
    for arguments in commands_of("pytest"):
        for argument in arguments:
            if argument.startswith("--") and argument != "--nbval":  # nbval's own is blocked
                assert argument in help_text, arguments
            if argument.startswith("tests/"):
                assert (PROJECT / argument).is_file(), arguments
        marks = [a for a in arguments if a.startswith("exercise_")]
        assert set(marks) <= {exercise.marker for exercise in EXERCISES}, arguments


def test_the_exit_statuses_are_those_of_the_commands():
    """`tests/course/test_command_line.py` sees each of them occur."""
    sentence = r"Exit status: (.+?)\.\s"
    in_readme, in_help = (
        {int(number) for number in re.findall(r"\b\d+\b", re.search(sentence, text, re.DOTALL)[1])}
        for text in (README, EPILOG)
    )
    assert in_readme == in_help
    tests = (PROJECT / "tests" / "course" / "test_command_line.py").read_text(encoding="utf-8")
    for status in in_readme:
        assert re.search(rf"== {status}\b", tests), status


def test_the_numbers_of_exercises_and_answers_are_true():
    """Counted where they are stored."""
    prose = " ".join(README.split())
    assert f"with {len(EXERCISES)} exercises" in prose
    assert f"marks all {len(EXERCISES)} as" in prose
    for lesson, module in enumerate(LESSON_MODULES, start=1):
        assert f"| {lesson} " in README
        assert f"`{module}.py` | `pytest tests/test_{module}.py`" in README
    stored = json.loads(BEHAVIOUR.read_text(encoding="utf-8"))["exercises"]
    answers = sum(len(exercise["mistakes"]) for exercise in stored.values())
    claimed = int(re.search(r"more than (\d+) wrong answers", prose)[1])
    assert claimed < answers <= claimed + 100, f"{answers} wrong answers are stored"


def test_the_hours_are_those_that_lessons_and_manifest_announce():
    """To the nearest hour, for the sum of estimates is not known any better."""
    reading = 0
    for lesson in (PROJECT / "lessons").glob("*.ipynb"):
        text = lesson.read_text(encoding="utf-8")
        reading += int(re.search(r"\*\*Time\*\* (?:about )?(\d+) minutes", text)[1])
    exercises = sum(exercise.minutes for exercise in EXERCISES)
    claimed = re.search(r"about (\d+) hours in all, (\w+) of them for reading", README)
    assert abs(60 * int(claimed[1]) - reading - exercises) <= 45
    assert abs(60 * ("four", "five", "six").index(claimed[2]) + 240 - reading) <= 45


def test_the_time_limit_is_the_one_that_is_in_force():
    """Processor time, for the tests of one exercise."""
    assert f"may take {LIMIT:.0f} seconds of processor time" in " ".join(README.split())


def test_the_measured_figures_are_those_that_were_stored():
    """`benchmarks/measured.json` says with which command each was measured."""
    measured = json.loads((PROJECT / "benchmarks" / "measured.json").read_text(encoding="utf-8"))

    def mean(values):
        return f"{sum(values) / len(values):.3f}"

    assert f"AUC of {mean(measured['practice to real']['auc'])} on real cells" in " ".join(
        README.split()
    )
    half = measured["half of the real set"]
    for name in ("network", "dark-spot rule"):
        row = next(line for line in README.splitlines() if line.startswith("|") and name in line)
        assert row.split("|")[2:4] == [f" {mean(half[name][k])} " for k in ("accuracy", "auc")]


def test_the_versions_of_python_are_those_of_the_project():
    """In the README, in the workflows and in environment.yml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least, below = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    span = f"3.{least} to 3.{int(below) - 1}"
    assert README.count(f"Python {span}") == 2
    assert f"any of {span}" in (PROJECT / "environment.yml").read_text(encoding="utf-8")
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert f'python: ["3.{least}", "3.{int(below) - 1}"]' in workflow


def test_the_constraints_hold_what_the_project_asks_for():
    """After a change of the dependencies: `make constraints`."""
    from packaging.requirements import Requirement

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    text = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    chosen = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    for line in [*project["dependencies"], *(line for some in extras for line in some)]:
        asked = Requirement(line)
        versions = [version for name, version in chosen if name == asked.name]
        assert versions, f"{asked.name} is not in constraints.txt"
        assert all(version in asked.specifier for version in versions), asked.name


def test_the_workflows_are_pinned_and_may_only_read():
    """A tag can be moved to other code; a commit cannot."""
    for file in (PROJECT / ".github" / "workflows").glob("*.yml"):
        text = file.read_text(encoding="utf-8")
        assert "\npermissions:\n  contents: read\n" in text
        assert "\nconcurrency:\n" in text
        for action in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action


def test_the_version_is_that_of_the_project():
    """One place says it."""
    from importlib import metadata

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata.version("malaria") == project["version"]
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {project['version']}\n" in changelog
    assert malaria.PROJECT == PROJECT

"""The switch `MALARIA_MODULES`, in fresh processes: it is read once, when malaria is imported."""

import os
import subprocess
import sys

import pytest

from malaria import OWN_MODULES, PROJECT, REFERENCE
from malaria.given.command_line import make_parser
from tests.course.patience import PATIENCE
from tests.course.submissions import stubs


def run_python(code, modules=None, cwd=None):
    """Run `code` in a new Python; returns the finished process."""
    environment = {k: v for k, v in os.environ.items() if k != "MALARIA_MODULES"}
    if modules is not None:
        environment["MALARIA_MODULES"] = str(modules)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


WHERE = "from malaria import train_test_split as m; print(m.__file__)"


@pytest.mark.parametrize("value", [None, ""])
def test_unset_means_the_learners_own(value):
    """An empty variable counts as unset."""
    where = run_python(WHERE, value).stdout.strip()
    assert where == str(PROJECT / "src" / "malaria" / "train_test_split.py")


def test_solutions_means_the_reference_from_any_folder(tmp_path):
    """The word is not a path, so the working folder does not matter."""
    where = run_python(WHERE, "solutions", cwd=tmp_path).stdout.strip()
    assert where == str(REFERENCE / "train_test_split.py")


def test_a_submission_may_be_a_whole_copy_of_the_course(tmp_path):
    """Its lesson modules are graded; what grades is ours."""
    (tmp_path / "given").mkdir()
    for file in ("train_test_split.py", "given/__init__.py"):
        (tmp_path / file).write_text("mark = 1\n", encoding="utf-8")
    code = "from malaria import train_test_split; from malaria.given import scores; "
    where = run_python(code + "print(train_test_split.mark, scores.__file__)", tmp_path)
    assert where.stdout.rstrip() == f"1 {OWN_MODULES / 'given' / 'scores.py'}"


def test_a_folder_stands_in_front_and_the_learners_own_fill_its_gaps(tmp_path):
    """A submission with spaces and other letters in its path, and one module of six."""
    folder = tmp_path / "Abgabe von Jürgen"
    folder.mkdir()
    (folder / "train_test_split.py").write_text("mark = 1\n", encoding="utf-8")
    code = "from malaria import train_test_split, stub_probe_missing"
    assert "stub_probe_missing" in run_python(code, folder).stderr
    code = "import malaria.train_test_split as a, importlib.util as u;"
    code += "print(a.mark, u.find_spec('malaria.cnn_model').origin)"
    mark, origin = run_python(code, folder).stdout.split(maxsplit=1)
    assert mark == "1"
    assert origin.strip() == str(PROJECT / "src" / "malaria" / "cnn_model.py")


IN_USE = "import malaria, os; print(malaria.modules_in_use, os.environ.get('MALARIA_MODULES'))"
ELSEWHERE = f"""
import malaria, os, subprocess, sys
os.chdir("/")
subprocess.run([sys.executable, "-c", {IN_USE!r}], check=True)
"""


@pytest.mark.parametrize("choice", ["mine", "./solutions", "../course/mine"])
def test_a_relative_path_means_the_same_to_every_process(tmp_path, choice):
    """A command starts others, such as pytest, in other folders."""
    course = stubs(tmp_path / "course" / "mine").parent
    stubs(course / "solutions")
    folder = (course / choice).resolve()
    assert run_python(ELSEWHERE, choice, cwd=course).stdout.strip() == f"{folder} {folder}"


@pytest.mark.parametrize("choice", ["./solutions", "tests/../solutions", str(REFERENCE)])
def test_the_reference_is_the_reference_however_it_is_spelled(choice):
    """Otherwise it would pass for a learner's own modules."""
    said = run_python(IN_USE, choice, cwd=PROJECT).stdout.strip()
    assert said == f"{REFERENCE} solutions"


def test_the_learners_own_folder_is_the_learners_own():
    """Its path stands for an unset switch."""
    assert run_python(IN_USE, "src/malaria", cwd=PROJECT).stdout.strip() == str(OWN_MODULES)


def test_a_home_that_does_not_exist_is_a_sentence(tmp_path):
    """As any folder that is not there."""
    finished = run_python("import malaria", "~no-such-user/modules", cwd=tmp_path)
    assert finished.returncode == 2
    assert finished.stderr.startswith("malaria: MALARIA_MODULES is wrong: There is no folder ")


def run_command(*arguments, modules, cwd):
    """`malaria ...` in a new Python."""
    code = f"import sys; from malaria.given.command_line import main; sys.exit(main({arguments}))"
    return run_python(code, modules, cwd)


def test_check_grades_the_folder_that_was_meant(tmp_path):
    """Its pytest runs in the project, where `./solutions` is the reference."""
    stubs(tmp_path / "solutions")
    finished = run_command("check", "1.1", modules="./solutions", cwd=tmp_path)
    assert finished.stdout.startswith("Exercise 1.1, patient_of: not started.")
    assert finished.returncode == 1


@pytest.mark.parametrize("choice", ["solutions", "./solutions"])
def test_the_reference_opens_no_solution(choice):
    """That it is right says nothing about a learner's own."""
    finished = run_command("solution", "1.1", modules=choice, cwd=PROJECT)
    assert finished.returncode == 2
    assert "unset MALARIA_MODULES" in finished.stderr
    assert finished.stdout == ""
    shown = run_command("solution", "1.1", "--anyway", modules=choice, cwd=PROJECT)
    assert shown.stdout.startswith("def patient_of(")


def test_a_run_remembers_a_folder_wherever_it_goes_on(monkeypatch, tmp_path):
    """`malaria train --modules mine`, resumed from another folder."""
    monkeypatch.chdir(tmp_path)
    parse = make_parser().parse_args
    assert parse(["train", "--modules", "mine"]).modules == str(tmp_path / "mine")
    assert parse(["train", "--modules", "solutions"]).modules == "solutions"
    assert parse(["train", "--modules", str(REFERENCE)]).modules == "solutions"


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_folder_without_modules_is_an_error(tmp_path, kind):
    """Falling back to the stubs in silence would grade the wrong person."""
    folder = tmp_path / "nobody"
    if kind == "empty":
        folder.mkdir()
    finished = run_python("import malaria", folder)
    assert finished.returncode == 2
    assert finished.stderr.startswith("malaria: MALARIA_MODULES is wrong: ")
    assert finished.stderr.count("\n") == 1
    assert str(folder) in finished.stderr


def test_import_malaria_loads_no_tensorflow_and_no_module_loads_keras():
    """The command line's --help must be quick, and the course is about raw operations."""
    code = "import malaria, sys; print('tensorflow' in sys.modules)"
    assert run_python(code).stdout.strip() == "False"
    names = "train_test_split, data_preprocessing, cnn_model, tf_function, gradient_tape"
    code = f"from malaria import {names}, model_training, utils; import sys;"
    code += "print([m for m in sys.modules if m.split('.')[0] in ('keras', 'tf_keras')])"
    assert run_python(code, "solutions").stdout.strip() == "[]"

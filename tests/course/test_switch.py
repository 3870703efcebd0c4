"""The switch `MALARIA_MODULES`, in fresh processes: it is read once, when malaria is imported."""

import os
import subprocess
import sys

import pytest

from malaria import PROJECT, REFERENCE


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
        timeout=60,
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

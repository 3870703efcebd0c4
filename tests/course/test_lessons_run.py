"""Runs the lessons: stored as they run now, everywhere the same, and red for what is wrong.

All of it is slow; `pytest --modules solutions --nbval lessons` is the short of it.
"""

import base64
import io
import os
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

from malaria import LESSON_MODULES, PROJECT
from malaria.given.exercises import EXERCISES
from tests.course.submissions import stubs, submission
from tools.notebooks import LESSONS, executed, is_check, keep_what_varies, varies

pytestmark = pytest.mark.slow

PATHS = sorted(LESSONS.glob("*.ipynb"))
WITH_EXERCISES = [path for path in PATHS if path.stem[2:] in LESSON_MODULES]
# How much another version of matplotlib may change a picture: of 255 levels, in the mean.
GRAIN = 4.0

# A lesson is compared with the outputs of one machine: these stand for other ones.
VARIATIONS = {
    "one thread": dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    "four threads": dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "4"),
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "without AVX-512": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
}

# The reference, with another right answer in the place of each exercise that has one.
OTHERS = """
import importlib
import tests.answers
importlib.import_module("tests.answers.{name}")
for _answer in tests.answers.RIGHT:
    if _answer.module == "{name}":
        globals()[_answer.replacement.__name__] = _answer.replacement
"""

# The reference, with one wrong answer, which a file beside the module chooses.
ONE_WRONG = """
import importlib, pathlib
import tests.answers
importlib.import_module("tests.answers.{name}")
_answers = [_answer for _answer in tests.answers.WRONG if _answer.module == "{name}"]
_choice = pathlib.Path(__file__).with_name("wrong_answer")
if _choice.is_file():
    _answer = _answers[int(_choice.read_text())]
    globals()[_answer.replacement.__name__] = _answer.replacement
"""


def with_answers(folder, addition):
    """The reference in a folder, each module with code at its end that takes answers in."""
    return submission(folder, **{name: addition.format(name=name) for name in LESSON_MODULES})


def nbval(lessons, modules="solutions", **environment):
    """Check notebooks: the exit status, and for each code cell "PASSED" or "FAILED"."""
    command = [sys.executable, "-m", "pytest", "--nbval", "-v", "-p", "no:cacheprovider"]
    finished = subprocess.run(
        [*command, "--modules", str(modules), *map(str, lessons)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return finished.returncode, re.findall(r"::Cell \d+ (PASSED|FAILED)", finished.stdout)


def code_cells(notebook):
    """The code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell):
    """The pictures that a cell shows, `(H, W, 3)` int each."""
    encoded = [output.get("data", {}).get("image/png") for output in cell.outputs]
    files = [io.BytesIO(base64.b64decode(data)) for data in encoded if data]
    return [np.asarray(Image.open(file).convert("RGB"), int) for file in files]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_second_run_leaves_no_diff_and_the_pictures_are_as_stored(path):
    """nbval compares no pictures."""
    stored = nbformat.read(path, as_version=4)
    first, second = executed(stored), executed(stored)
    assert [cell.source for cell in first.cells] == [cell.source for cell in stored.cells]
    for now, then in zip(code_cells(first), code_cells(stored), strict=True):
        shown, kept = pictures(now), pictures(then)
        assert [picture.shape for picture in shown] == [picture.shape for picture in kept]
        if not varies(then):
            apart = [np.abs(a - b).mean() for a, b in zip(shown, kept, strict=True)]
            assert all(grain <= GRAIN for grain in apart), then.source
    for notebook in (first, second):
        keep_what_varies(notebook, stored)
    assert nbformat.writes(first) == nbformat.writes(second)


@pytest.mark.parametrize("variation", VARIATIONS)
def test_the_lessons_are_the_same_on_another_machine(variation):
    """Stored outputs are equal on every processor."""
    status, cells = nbval(PATHS, **VARIATIONS[variation])
    assert (status, set(cells)) == (0, {"PASSED"})


def test_the_lessons_are_the_same_for_another_right_implementation(tmp_path):
    """What a lesson prints is a property of the task, not of the reference. Right ones may warn."""
    status, cells = nbval(PATHS, with_answers(tmp_path, OTHERS), PYTHONWARNINGS="ignore")
    assert (status, set(cells)) == (0, {"PASSED"})


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_a_lesson_is_red_while_an_exercise_is_unwritten(path, tmp_path):
    """Each of them makes the cell fail that checks it."""
    status, cells = nbval([path], stubs(tmp_path))
    stored = code_cells(nbformat.read(path, as_version=4))
    checks = [verdict for verdict, cell in zip(cells, stored, strict=True) if is_check(cell)]
    assert (status, set(checks)) == (1, {"FAILED"})
    assert len(checks) == len([e for e in EXERCISES if e.module == path.stem[2:]])


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_a_lesson_is_red_for_wrong_answers(path, tmp_path):
    """Every second one: the cell that checks the exercise fails.

    To spare the rest of the lesson, a notebook is made of its first cell and, for each answer, the
    cell that checks it.
    """
    from tests.answers import WRONG

    __import__(f"tests.answers.{path.stem[2:]}")
    answers = [answer for answer in WRONG if answer.module == path.stem[2:]]
    notebook = nbformat.read(path, as_version=4)
    first, *others = code_cells(notebook)
    check_of = {c.source[7:-2]: c for c in others if is_check(c)}
    notebook.cells = [first]
    choice = str(tmp_path / "wrong_answer")
    for k in range(0, len(answers), 2):
        choose = f'import pathlib\n_ = pathlib.Path({choice!r}).write_text("{k}")'
        notebook.cells.append(nbformat.v4.new_code_cell(choose, execution_count=1))
        notebook.cells.append(
            nbformat.from_dict(dict(check_of[answers[k].number], id=f"check-{k}"))
        )
    nbformat.write(notebook, tmp_path / path.name)
    status, cells = nbval([tmp_path / path.name], with_answers(tmp_path, ONE_WRONG))
    assert status == 1
    accepted = [answers[2 * k] for k, verdict in enumerate(cells[2::2]) if verdict != "FAILED"]
    assert [f"{answer.number} {answer.sentence}" for answer in accepted] == []
    assert len(cells[2::2]) == len(answers[::2])

"""Holds the notebooks to their form: what nbval lets pass is caught here."""

import itertools
import re

import nbformat
import pytest
from nbclient import NotebookClient

from malaria import LESSON_MODULES, PROJECT, REFERENCE
from malaria.given.exercises import EXERCISES
from tests.course.patience import PATIENCE
from tests.course.submissions import stubs
from tools.lesson_prose import measured
from tools.notebooks import NOT_COMPARED, address, first_cell, is_check, varies

LESSONS = sorted((PROJECT / "lessons").glob("*.ipynb"))
NAMES = ("tensors", *LESSON_MODULES, "classify_malaria_cells")
WITH_EXERCISES = [lesson for lesson in LESSONS if lesson.stem[2:] in LESSON_MODULES]


def cells_of(lesson, kind="code"):
    """The cells of one kind."""
    notebook = nbformat.read(lesson, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def printed(cell):
    """What a cell printed or showed as text."""
    texts = [output.get("text", "") for output in cell.outputs]
    texts += [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts)


def problems(cells):
    """What is wrong with the code cells of a notebook, a list of sentences."""
    found = []
    numbers = [cell.execution_count for cell in cells]
    if numbers != list(range(1, len(cells) + 1)):
        found.append("it was not executed once, from top to bottom")
    for k, cell in enumerate(cells, start=1):
        outputs = [output.output_type for output in cell.outputs]
        if "error" in outputs:
            found.append(f"cell {k} holds an error")
        if set(cell.metadata.get("tags", [])) - {NOT_COMPARED}:  # such as raises-exception
            found.append(f"cell {k} has a tag that may let an error go unnoticed")
        if k > 1 and varies(cell) and not is_check(cell) and not claims(cell):
            found.append(f"cell {k} is not compared, and claims nothing that could fail")
        if k > 1 and re.search(r"^\s*[!%]", cell.source, re.MULTILINE):
            found.append(f"cell {k} has a command or a magic, whose failure goes unnoticed")
        if re.search(r"(?<![\w.:/])/\w[\w.-]*/|\b[A-Z]:\\", printed(cell)):
            found.append(f"cell {k} printed a path of one machine")
        if any(output.get("name") == "stderr" for output in cell.outputs):
            found.append(f"cell {k} wrote to stderr")
        if "NBVAL" in cell.source:
            found.append(f"cell {k} has a mark of nbval's that `make notebooks` does not know")
    return found


def claims(cell):
    """Whether a cell asserts something, or shows nothing but a picture."""
    printed = [output for output in cell.outputs if output.output_type == "stream"]
    return "assert " in cell.source or not printed


def cell(source="1", number=1, outputs=(), tags=()):
    """A code cell, for what must be noticed."""
    made = nbformat.v4.new_code_cell(source, execution_count=number, outputs=list(outputs))
    made.metadata["tags"] = list(tags)
    return made


def stream(text, name="stdout"):
    """An output."""
    return nbformat.v4.new_output("stream", text=text, name=name)


BAD = {
    "not executed": [cell(number=None)],
    "executed out of order": [cell(number=2), cell(number=1)],
    "an error": [cell(outputs=[nbformat.v4.new_output("error", ename="E", evalue="x")])],
    "an exception allowed": [cell(tags=["raises-exception"])],
    "a number that nothing holds": [
        cell(),
        cell("print(x)", 2, outputs=[stream("0.3")], tags=[NOT_COMPARED]),
    ],
    "a command": [cell(), cell("!pytest", 2)],
    "a magic": [cell(), cell("x = 1\n%notmagic", 2)],
    "another mark": [cell("# NBVAL_SKIP\n1")],
    "a path": [cell(outputs=[stream("/home/anna/course")])],
    "stderr": [cell(outputs=[stream("a warning", "stderr")])],
}


@pytest.mark.parametrize("kind", BAD)
def test_each_problem_is_noticed(kind):
    """A check that cannot fail is none."""
    assert problems(BAD[kind])
    assert not problems([cell(outputs=[stream("fine")]), cell(number=2)])


def test_the_lessons_are_all_there():
    """One before all modules, one for each and the last for all."""
    assert [lesson.stem for lesson in LESSONS] == [f"{k}_{name}" for k, name in enumerate(NAMES)]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_is_whole_and_clean(lesson):
    """Executed from top to bottom, without errors, commands, paths or noise."""
    assert problems(cells_of(lesson)) == []


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_begins_as_all_do(lesson):
    """The first cell says whose modules are in use; the stored one was run on the reference."""
    cells = cells_of(lesson)
    assert cells[0].source == first_cell([cell.source for cell in cells])
    assert "Modules in use: the reference" in printed(cells[0])


@pytest.mark.parametrize("lesson", WITH_EXERCISES, ids=lambda lesson: lesson.stem)
def test_a_lesson_takes_the_minutes_that_the_manifest_says(lesson):
    """Each exercise's under its heading, all of them at the top."""
    prose = "\n".join(c.source for c in cells_of(lesson, "markdown"))
    told = re.findall(r"### Exercise (\d\.\d) · `(\w+)` · (\d+) minutes", prose)
    own = [e for e in EXERCISES if e.module == lesson.stem[2:]]
    assert told == [(e.number, e.name, str(e.minutes)) for e in own]
    total = re.search(r"\*\*Time\*\* \d+ minutes to read, (\d+) for the exercises", prose)
    assert int(total.group(1)) == sum(e.minutes for e in own)


def test_the_readme_says_where_the_lessons_run():
    """Each of them in Colab, the first in Binder, at the address that pyproject.toml has."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    place = address().removeprefix("https://github.com/")
    for lesson in LESSONS:
        path = f"lessons/{lesson.name}"
        assert f"https://colab.research.google.com/github/{place}/blob/main/{path}" in readme
    assert f"https://mybinder.org/v2/gh/{place}/main?urlpath=lab/tree/lessons/0_" in readme
    assert set(re.findall(r"git(?:hub\.com|hub|h)/([\w-]+/[\w-]+)", readme)) == {place}


@pytest.mark.parametrize("lesson", WITH_EXERCISES, ids=lambda lesson: lesson.stem)
def test_a_lesson_checks_each_of_its_exercises(lesson):
    """Once, in their order; no verdict is stored, for whoever opens the lesson has not begun."""
    checks = [cell for cell in cells_of(lesson) if is_check(cell)]
    expected = [e.number for e in EXERCISES if e.module == lesson.stem[2:]]
    assert [cell.source for cell in checks] == [f'check("{number}")' for number in expected]
    assert [cell.outputs for cell in checks] == [[]] * len(checks)
    assert all(varies(cell) for cell in checks)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_reads_well(lesson):
    """A sentence before every code cell, cells of at most 20 lines, no words that belittle."""
    notebook = nbformat.read(lesson, as_version=4)
    kinds = [c.cell_type for c in notebook.cells]
    assert ("code", "code") not in list(itertools.pairwise(kinds))
    assert max(len(c.source.splitlines()) for c in cells_of(lesson)) <= 20
    prose = " ".join(c.source for c in cells_of(lesson, "markdown"))
    assert not re.findall(r"\b(easily|just|simply|obviously)\b", prose)
    assert "### Questions" in prose
    assert "### Read on" in prose


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_answers_its_questions(lesson):
    """Each question has its answer folded below it."""
    found = measured(nbformat.read(lesson, as_version=4))
    assert found.questions == found.answers >= 2


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_every_picture_is_described(lesson):
    """For those who cannot see it, in the page and in what is made of the notebook."""
    found = measured(nbformat.read(lesson, as_version=4))
    assert found.described == found.pictures
    sources = [cell.source for cell in cells_of(lesson)]
    assert not [source for source in sources if "plt.show" in source]


def test_cells_print_numbers_not_booleans():
    """A number can be learned from; what holds of it, an assertion says."""
    assert sum(measured(nbformat.read(path, as_version=4)).booleans for path in LESSONS) <= 8


def test_the_lessons_are_small():
    """Whoever clones the repository downloads them all."""
    assert sum(lesson.stat().st_size for lesson in LESSONS) <= 6_000_000


def run_cells(sources, folder, monkeypatch):
    """What each of some cells prints on the modules of a folder; of an error, its traceback."""
    monkeypatch.setenv("MALARIA_MODULES", str(folder))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(notebook, allow_errors=True, startup_timeout=PATIENCE).execute()
    return [
        "".join(output.get("text") or "\n".join(output.traceback) for output in cell.outputs)
        for cell in notebook.cells
    ]


def test_a_notebook_stays_readable_on_unwritten_exercises(tmp_path, monkeypatch):
    """A cell names the exercise that it needs, also if it is an earlier one that does."""
    stubs(tmp_path)
    _, needs, builds_on_it, in_a_graph, own_mistake = run_cells(
        [
            "from malaria.given.lesson import begin\nbegin()\nimport tensorflow as tf",
            "from malaria.train_test_split import patient_of\npatient = patient_of('C1_a.png')",
            "letter = patient[0]",
            "tf.function(lambda x: x + len(letter))(1)",
            "unknown + 1",
        ],
        tmp_path,
        monkeypatch,
    )
    assert needs.startswith("This cell needs exercise 1.1: write patient_of in")
    assert needs == builds_on_it == in_a_graph
    assert "NameError" in own_mistake
    assert "Traceback" in own_mistake


def test_check_grades_what_is_in_the_file(tmp_path, monkeypatch):
    """Not what a notebook still holds of a module that cannot be read any more."""
    stubs(tmp_path)
    module = tmp_path / "train_test_split.py"
    right = (REFERENCE / module.name).read_text(encoding="utf-8")
    module.write_text(right, encoding="utf-8")
    write = f"with open({str(module)!r}, 'a') as file:\n    print({{!r}}, file=file)"
    said = run_cells(
        [
            "from malaria.given.lesson import begin, check\nbegin()",
            "from malaria.train_test_split import leaked_patients\ncheck('1.4')",
            write.format("leaked_patients = len"),
            "check('1.4')",
            write.format("def broken(:"),
            "check('1.4')",
        ],
        tmp_path,
        monkeypatch,
    )
    assert said[1].strip() == "Exercise 1.4, leaked_patients: done and right."
    assert "Exercise 1.4, leaked_patients: wrong." in said[3]
    assert "SyntaxError in train_test_split.py, line" in said[5]

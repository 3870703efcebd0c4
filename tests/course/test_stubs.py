"""The stubs are made from the reference, and the maker does what it says."""

import ast

import pytest

from malaria import LESSON_MODULES, OWN_MODULES, REFERENCE
from malaria.given.exercises import EXERCISES, stubs
from malaria.given.exercises.parts import count_parts, hole_above_code, parts_to_write
from malaria.given.exercises.reference import source_of
from malaria.given.exercises.stubs import first_unwritten, make_stub

ONE_FUNCTION = '''
def double(x):
    """Twice x."""
    x = float(x)
    # Exercise 1.1: double it
    def helper(y):
        return y
    return 2 * helper(x)


AFTER = 1
'''


def test_the_answer_gives_way_to_a_loud_hole():
    """Everything above the marker and below the function stays; a nested function is answer."""
    stub = make_stub(ONE_FUNCTION)
    assert 'x = float(x)\n    raise NotImplementedError("Exercise 1.1: double it")\n\n\n' in stub
    assert "helper" not in stub
    assert stub.endswith("AFTER = 1\n")
    names = {}
    exec(compile(stub, "stub", "exec"), names)
    with pytest.raises(NotImplementedError, match=r"Exercise 1\.1"):
        names["double"](1)


def test_a_marker_in_a_string_is_no_marker():
    """The maker reads tokens, not text."""
    source = 'def f():\n    return "# Exercise 1.1: no marker"\n'
    assert make_stub(source) == source


@pytest.mark.parametrize("character", "\f\x1c\x85\u2028")
def test_what_ends_no_line_for_python_moves_no_answer(character):
    """`str.splitlines` would count one line more than `ast` and `tokenize`."""
    before = f"# page{character}break\n"
    assert make_stub(before + ONE_FUNCTION) == before + make_stub(ONE_FUNCTION)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# Exercise 1.1: lost\nx = 1\n", "not in a function"),
        (
            "def f():\n    # Exercise 1.1: one\n    x = 1\n    # Exercise 1.2: two\n    return x\n",
            "second marker",
        ),
    ],
)
def test_a_misplaced_marker_is_refused(source, message):
    """A marker outside a function has no end, and of two in one function one would vanish."""
    with pytest.raises(ValueError, match=message):
        make_stub(source)


@pytest.mark.parametrize("name", LESSON_MODULES)
def test_the_committed_stub_is_the_made_one(name):
    """One source: a stub edited by hand, or a solution changed alone, shows here."""
    source = (REFERENCE / f"{name}.py").read_text(encoding="utf-8")
    stub = (OWN_MODULES / f"{name}.py").read_text(encoding="utf-8")
    assert stub == make_stub(source), f"{name}: run `make stubs`"
    ast.parse(stub)


def test_the_parts_to_write_are_named():
    """However the statement is laid out; those of another exercise are not meant."""
    text = """
class Block:
    @property
    def size(self):
        raise NotImplementedError(
            'Exercise 3.7: count'
        )
    def call(self):
        def inner():
            if self: raise NotImplementedError("Exercise 3.7: call")
        raise NotImplementedError("Exercise 3.70: call")
def done():
    raise NotImplementedError
"""
    assert parts_to_write(text, "3.7") == ["Block.size", "Block.call.inner"]


def test_a_raise_above_the_learners_code_is_found():
    """And not one with nothing below it, nor another exercise's."""
    text = """
def f():
    raise NotImplementedError("Exercise 1.1: read")
    return 1
def g():
    raise NotImplementedError("Exercise 1.2: shuffle")
"""
    assert hole_above_code(text, "1.1") == 3
    assert hole_above_code(text, "1.2") is None


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.number)
def test_a_stub_has_all_parts_to_write(exercise):
    """And the reference none."""
    source, number = source_of(exercise.module), exercise.number
    assert len(parts_to_write(make_stub(source), number)) == count_parts(number) >= 1
    assert parts_to_write(source, number) == []


def test_the_first_unwritten_exercise_is_the_lowest_number(tmp_path):
    """The order is that of the course, not that of the files; missing modules are the learner's."""
    assert first_unwritten(REFERENCE) is None
    for name in LESSON_MODULES:
        (tmp_path / f"{name}.py").write_text("", encoding="utf-8")
    assert first_unwritten(tmp_path) is None
    hole = 'raise NotImplementedError("Exercise {}: x")\n'
    (tmp_path / "train_test_split.py").write_text(hole.format("5.2"), encoding="utf-8")
    (tmp_path / "cnn_model.py").write_text(hole.format("3.7"), encoding="utf-8")
    assert first_unwritten(tmp_path) == ("3.7", tmp_path / "cnn_model.py")


def test_a_module_that_is_missing_is_looked_for_among_the_learners(tmp_path, monkeypatch):
    """A submission may hold some of the six modules only."""
    own = tmp_path / "own"
    for folder in (tmp_path, own):
        folder.mkdir(exist_ok=True)
        for name in LESSON_MODULES:
            (folder / f"{name}.py").write_text("", encoding="utf-8")
    hole = 'raise NotImplementedError("Exercise 3.1: x")\n'
    (own / "cnn_model.py").write_text(hole, encoding="utf-8")
    monkeypatch.setattr(stubs, "OWN_MODULES", own)
    assert first_unwritten(tmp_path) is None
    (tmp_path / "cnn_model.py").unlink()
    assert first_unwritten(tmp_path) == ("3.1", own / "cnn_model.py")


def test_a_module_that_is_not_python_is_named(tmp_path):
    """Otherwise the first hole would be blamed, which may be another's."""
    hole = 'raise NotImplementedError("Exercise 1.2: x")\n'
    (tmp_path / "train_test_split.py").write_text(f"def f(:\n{hole}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"train_test_split\.py, line 1"):
        first_unwritten(tmp_path)

"""`malaria reset`, and reading a learner's module in whatever form an editor has saved it."""

import pytest

import malaria
from malaria.given.command_line import main
from malaria.given.exercises import reset as resetting
from malaria.given.exercises.changes import parts_of, touched
from malaria.given.exercises.definitions import definitions
from malaria.given.exercises.reference import solution, source_of
from malaria.given.exercises.reset import reset
from malaria.given.exercises.stubs import first_unwritten, make_stub
from tests.course.submissions import submission

SOURCE = source_of("cnn_model")
STUB = make_stub(SOURCE)
STUB_3_6 = definitions(STUB)["softmax_cross_entropy"].text

FORMS = {
    "form feed": lambda text: text.replace("\n\n\ndef ", "\n\f\n\ndef ").encode(),
    "separator in a comment": lambda text: f"# a\x1cb\x0bc\x85d\n{text}".encode(),
    "separator in a string": lambda text: f"LINES = 'a\u2028b'\n{text}".encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "declared encoding": lambda text: f"# coding: latin-1\n# Zoë\n{text}".encode("latin-1"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "old line ends": lambda text: text.replace("\n", "\r").encode(),
    "blank lines at the end": lambda text: f"{text}\n\n".encode(),
}


@pytest.fixture(params=FORMS)
def form(request):
    """A way to save a text: a function from `str` to bytes."""
    return FORMS[request.param]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of the reference's answers, as the learner's modules in use."""
    folder = submission(tmp_path / "own")
    monkeypatch.setattr(malaria, "modules_in_use", folder)
    monkeypatch.setattr(malaria, "PROJECT", tmp_path)
    monkeypatch.setattr(resetting, "PROGRESS", tmp_path / "memory")
    return folder


def test_reset_keeps_the_rest_and_a_copy(own):
    """Only the exercise's own definitions are put back."""
    module = own / "cnn_model.py"
    before = module.read_text(encoding="utf-8")
    kept = reset("3.3")
    after = module.read_text(encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == before
    assert "Exercise 3.3:" in after
    assert 'raise NotImplementedError("Exercise 3.3' in after
    assert 'raise NotImplementedError("Exercise 3.2' not in after
    module.write_text(after + "\ndef broken(:\n", encoding="utf-8")
    with pytest.raises(ValueError, match="--whole-module"):
        reset("3.3")
    reset("3.3", whole_module=True)
    assert module.read_text(encoding="utf-8") == STUB


def test_reset_changes_nothing_else_in_any_form(own, form):
    """Byte for byte: lines are counted as Python counts them, and written as they were."""
    module = own / "cnn_model.py"
    module.write_bytes(form(SOURCE))
    kept = reset("3.6")
    assert kept.read_bytes() == form(SOURCE)
    assert module.read_bytes() == form(SOURCE.replace(solution("3.6"), STUB_3_6))


def test_reset_adds_what_is_missing_in_the_same_form(own):
    """With the line ends of the rest."""
    module = own / "cnn_model.py"
    without = SOURCE.replace(solution("3.6"), "")
    module.write_bytes(without.replace("\n", "\r\n").encode())
    reset("3.6")
    after = module.read_bytes()
    assert b"\n" not in after.replace(b"\r\n", b"")
    assert after.endswith(STUB_3_6.replace("\n", "\r\n").encode())


def test_train_and_watch_read_any_form(own, form):
    """No module is taken for a broken one."""
    module = own / "cnn_model.py"
    module.write_bytes(form(SOURCE))
    before = parts_of(module)
    assert first_unwritten(own) is None
    module.write_bytes(form(SOURCE.replace(solution("3.6"), STUB_3_6)))
    assert touched("cnn_model", before, parts_of(module)) == ["3.6"]
    assert first_unwritten(own) == ("3.6", module)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# one\n# \xff\n", r"cnn_model\.py cannot be read, line 2: not utf-8 text"),
        (b"# one\n# two\n# \xff\n", r"cnn_model\.py cannot be read, line 3: not utf-8 text"),
        (b"# coding: klingon\n", r"cnn_model\.py cannot be read, line 1: unknown encoding"),
        (b"x = 1\0\n", r"cnn_model\.py cannot be read, line 1: a null byte"),
        (b"x = 1\ndef f(:\n", r"cnn_model\.py cannot be read, line 2: "),
    ],
)
def test_what_python_cannot_read_is_told_and_kept(own, content, reason):
    """The copy holds the same bytes."""
    module = own / "cnn_model.py"
    module.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        reset("3.6")
    assert module.read_bytes() == content
    assert parts_of(module) is None
    with pytest.raises(ValueError, match=r"cnn_model\.py, line \d\.$"):
        first_unwritten(own)
    assert reset("3.6", whole_module=True).read_bytes() == content
    assert module.read_text(encoding="utf-8") == STUB


def test_the_folder_in_use_is_reset_and_no_other(own, capsys):
    """`MALARIA_MODULES` holds for this command as for all others."""
    learners = (malaria.OWN_MODULES / "train_test_split.py").read_bytes()
    assert main(["reset", "1.1"]) == 0
    assert "Exercise 1.1 has been reset. Your version is saved in memory" in capsys.readouterr().out
    hole = 'raise NotImplementedError("Exercise 1.1'
    assert hole in (own / "train_test_split.py").read_text(encoding="utf-8")
    assert (malaria.OWN_MODULES / "train_test_split.py").read_bytes() == learners


@pytest.mark.parametrize("option", [[], ["--whole-module"]])
def test_the_reference_is_never_reset(own, option, monkeypatch, capsys):
    """It is what the stubs are made from."""
    monkeypatch.setattr(malaria, "REFERENCE", own)
    before = (own / "train_test_split.py").read_bytes()
    assert main(["reset", "1.1", *option]) == 2
    assert "the reference's, which are never reset" in capsys.readouterr().err
    assert (own / "train_test_split.py").read_bytes() == before


def test_a_module_that_is_gone_is_put_back(own, capsys):
    """Without the option, a sentence says which file is missing, and how."""
    module = own / "train_test_split.py"
    module.unlink()
    assert main(["reset", "1.3"]) == 2
    assert capsys.readouterr().err == (
        f"malaria: There is no {module}. `malaria reset 1.1 --whole-module` puts the stub back.\n"
    )
    assert not module.exists()
    assert main(["reset", "1.3", "--whole-module"]) == 0
    assert capsys.readouterr().out == "The module has been reset.\n"
    assert module.read_text(encoding="utf-8") == make_stub(source_of("train_test_split"))


def test_the_folder_in_use_is_named_where_an_exercise_is_to_be_written(own):
    """In `Next: ...`, and by a notebook."""
    assert malaria.given.exercises.exercise_of("3.2").place == "own/cnn_model.py"

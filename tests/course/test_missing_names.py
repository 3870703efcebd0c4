"""A function or a module that is not there, or is called otherwise: told by its name."""

import sys

import pytest

import malaria
from malaria.given.exercises.reference import source_of
from malaria.given.grading import session
from malaria.given.grading.judge import STUMBLED, judge
from malaria.given.grading.outcome import Outcome
from tests import graded
from tests.course.submissions import submission


def test_a_misspelled_function_is_told_with_the_nearest_name(tmp_path, monkeypatch):
    """And not with a line of a test, which the learner has not written."""
    folder = submission(tmp_path)
    module = folder / "train_test_split.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace("def patient_of", "def pateint_of"), encoding="utf-8")
    monkeypatch.setenv("MALARIA_MODULES", str(folder))
    [verdict] = session.graded("tests/test_train_test_split.py", "-m", "exercise_1_1")
    assert verdict.outcome is Outcome.WRONG
    assert {sentence for _, sentence in verdict.findings} == {
        "There is no patient_of in train_test_split.py. The most similar name is pateint_of."
    }
    assert "test_train_test_split" not in verdict.text(80)


def test_another_exercise_is_not_the_nearest_name(tmp_path, monkeypatch):
    """It was not misspelled."""
    text = source_of("train_test_split").replace("def leaked_patients", "def _leaks")
    (tmp_path / "train_test_split.py").write_text(text, encoding="utf-8")
    only(tmp_path, monkeypatch)
    with pytest.raises(pytest.fail.Exception) as raised:
        _ = graded.train_test_split.leaked_patients
    assert str(raised.value) == "There is no leaked_patients in train_test_split.py."


def only(folder, monkeypatch):
    """Let lesson modules come from one folder alone."""
    monkeypatch.setattr(malaria, "__path__", [str(folder)])
    monkeypatch.setattr(malaria, "modules_in_use", folder)
    for name in malaria.LESSON_MODULES:
        monkeypatch.delitem(sys.modules, f"malaria.{name}", raising=False)
        monkeypatch.delattr(malaria, name, raising=False)


def test_a_module_that_is_not_there_is_named(tmp_path, monkeypatch):
    """With what it may have been renamed to, and how to have it back."""
    (tmp_path / "train_test_spilt.py").touch()
    only(tmp_path, monkeypatch)
    with pytest.raises(pytest.fail.Exception) as raised:
        _ = graded.train_test_split.leaked_patients
    assert judge(raised.value, "1.4") == (
        Outcome.WRONG,
        f"There is no {tmp_path / 'train_test_split.py'}. `malaria reset 1.1 --whole-module` puts"
        " the stub back. The most similar name is train_test_spilt.",
    )


def test_what_a_module_imports_in_vain_is_its_own_mistake(tmp_path, monkeypatch):
    """The module is there."""
    (tmp_path / "train_test_split.py").write_text("import no_such_library", encoding="utf-8")
    only(tmp_path, monkeypatch)
    with pytest.raises(ModuleNotFoundError) as raised:
        _ = graded.train_test_split.leaked_patients
    assert judge(raised.value, "1.4") == (
        Outcome.CRASHED,
        "ModuleNotFoundError in train_test_split.py, line 1: No module named 'no_such_library'",
    )


def judgement(folder, monkeypatch, text, use):
    """What is said of `use(leaked_patients)`, where the module holds this text."""
    (folder / "train_test_split.py").write_text(text, encoding="utf-8")
    only(folder, monkeypatch)
    try:
        use(graded.train_test_split.leaked_patients)
    except Exception as error:
        return judge(error, "1.4")
    return None


def test_a_misspelled_method_is_told_with_the_nearest_name(tmp_path, monkeypatch):
    """As a misspelled function is."""
    text = "class leaked_patients:\n    def featrues(self):\n        pass\n"
    assert judgement(tmp_path, monkeypatch, text, lambda network: network().features) == (
        Outcome.WRONG,
        "leaked_patients has no features. The most similar name is featrues.",
    )


def test_a_missing_argument_is_told_without_a_line_of_a_test(tmp_path, monkeypatch):
    """Which the learner has not written."""
    text = "def leaked_patients():\n    return []\n"
    assert judgement(tmp_path, monkeypatch, text, lambda function: function([1], [2], [3])) == (
        Outcome.WRONG,
        "leaked_patients cannot be called as the lesson calls it: leaked_patients() takes 0"
        " positional arguments but 3 were given",
    )


def test_what_a_test_cannot_use_is_told_without_a_line_of_it(tmp_path, monkeypatch):
    """The last resort, which `python -m tests.try_answers` finds."""
    text = "def leaked_patients():\n    return 3\n"
    outcome, sentence = judgement(tmp_path, monkeypatch, text, lambda function: len(function()))
    assert outcome is Outcome.WRONG
    assert sentence.startswith(f"leaked_patients {STUMBLED}: TypeError: object of type")

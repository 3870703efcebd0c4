"""Proves the bug hunts: each passes its check, is caught by the test that is named, and is kept."""

import ast
import json
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import replace

import pytest

import malaria
from malaria import LESSON_MODULES, PROJECT
from malaria.given import lesson
from malaria.given.command_line import learn, main
from malaria.given.grading.outcome import Outcome
from malaria.given.grading.verdict import Verdict
from malaria.given.hunts import answer_to, found, in_place, words
from malaria.given.hunts.hunt import FOLDER, LETTERS, hunts, repaired
from tests.course.submissions import stubs, submission
from tests.try_hunts import CHECK, is_sound

COLUMNS = 80


def tried(folder, *options):
    """What came of all hunts, by their names; in a process of its own, which forks for each."""
    file = folder / "hunts.json"
    command = [sys.executable, "-m", "tests.try_hunts", "--json", str(file), *options]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    return {result["hunt"]: result for result in json.loads(file.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What came of all hunts."""
    return tried(tmp_path_factory.mktemp("hunts"))


def test_every_hunt_passes_its_check_and_is_caught(results):
    """By the test that its answer names; and none is left out."""
    assert list(results) == [hunt.name for hunt in hunts()]
    assert [name for name, result in results.items() if not is_sound(result, False)] == []


def test_a_hunt_that_is_not_one_is_noticed():
    """Its check fails, its test lets it pass or is not there; a repair does not repair."""
    passes, fails = [CHECK, "done", ""], [CHECK, "wrong", "AssertionError"]
    right, caught = ["test_it", "done", ""], ["test_it", "wrong", "It is 2."]
    for records in ([], [passes], [passes, right], [fails, caught], [fails]):
        assert not is_sound({"records": records}, repairs=False)
    assert is_sound({"records": [passes, right, caught]}, repairs=False)
    assert not is_sound({"records": [passes, right, caught]}, repairs=True)
    assert is_sound({"records": [passes, right]}, repairs=True)


@pytest.mark.slow
def test_every_repair_is_right(tmp_path):
    """The hunt has one mistake: without it, the check and all tests of the exercise pass."""
    results = tried(tmp_path, "--repairs")
    assert list(results) == [hunt.name for hunt in hunts()]
    assert [name for name, result in results.items() if not is_sound(result, True)] == []


def test_there_are_three_hunts_or_more_in_each_lesson():
    """And an answer to each of them, no more and no fewer."""
    modules = [hunt.exercise.module for hunt in hunts()]
    assert [name for name in LESSON_MODULES if modules.count(name) < 3] == []
    assert answers_by_number() == Counter(hunt.exercise.number for hunt in hunts())


def answers_by_number():
    """How many answers there are for the hunts of each exercise."""
    stored = tomllib.loads((FOLDER / "answers.toml").read_text(encoding="utf-8"))
    return Counter({number: len(rows) for number, rows in stored.items()})


@pytest.mark.parametrize("hunt", hunts(), ids=lambda hunt: hunt.name)
def test_a_hunt_can_be_read(hunt, results):
    """It is Python, of some length; it fits into a terminal; its check shows and claims."""
    answer, lines = answer_to(hunt), hunt.code.splitlines()
    names = {getattr(node, "name", "") for node in ast.parse(hunt.code).body}
    assert hunt.exercise.name in names
    assert 5 <= len(lines) <= 25
    assert "assert " in hunt.check
    assert results[hunt.name]["printed"].strip()
    assert len(set(hunt.sentences)) == len(LETTERS)
    assert answer.lines <= set(range(1, len(lines) + 1))
    assert set(answer.repair) & answer.lines
    assert ast.unparse(ast.parse(repaired(hunt))) != ast.unparse(ast.parse(hunt.code))
    page = words.page(hunt, results[hunt.name]["printed"], COLUMNS)
    assert max(map(len, page.splitlines())) <= COLUMNS


def test_what_is_shown_does_not_spoil(results):
    """Neither the page nor the nudge has the test, the repair or the lesson of the hunt."""
    for hunt in hunts():
        answer = answer_to(hunt)
        shown = words.page(hunt, results[hunt.name]["printed"], COLUMNS)
        shown += words.not_it(hunt, 1, COLUMNS) + hunt.code
        assert answer.test not in shown, hunt.name
        assert answer.teaches[:30] not in shown, hunt.name
        for text in answer.repair.values():
            assert not text.strip() or text not in shown.splitlines(), hunt.name
    letters = [answer_to(hunt).letter for hunt in hunts()]
    assert max(letters.count(letter) for letter in LETTERS) <= len(letters) // 2


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A learner's modules, all written; what is remembered of that learner; the grade is `done`."""
    monkeypatch.setattr(malaria, "modules_in_use", submission(tmp_path / "meine Lösung"))
    monkeypatch.setattr(found, "FILE", tmp_path / "memory" / "hunts.json")
    monkeypatch.setattr(learn, "verdict_on", lambda number: Verdict(number, grade[0]))
    monkeypatch.setattr(lesson, "_verdict_on", lambda number: Verdict(number, grade[0]))
    monkeypatch.setattr(in_place, "check_output", lambda hunt: "0.5\n")
    monkeypatch.setattr(in_place, "caught", lambda hunt: ("test_it[2]", "It is 0.5, not 1."))
    grade = [Outcome.DONE]
    return grade


def test_a_hunt_opens_when_its_exercise_is_right(own, capsys):
    """Once it is open it is not graded again; `--anyway` opens none."""
    own[0] = Outcome.WRONG
    assert main(["bug", "3.4"]) == 2
    assert "exercise 3.4 is not done yet (wrong)" in capsys.readouterr().err
    assert main(["bug", "3.4", "--anyway"]) == 0
    assert "malaria bug 3.4 --anyway --line N" in " ".join(capsys.readouterr().out.split())
    assert main(["bug", "3.4"]) == 2
    own[0] = Outcome.DONE
    assert main(["bug", "3.4"]) == 0
    own[0] = Outcome.WRONG
    assert main(["bug", "3.4"]) == 0
    assert found.states() == {"3.4": "open"}


def test_a_guess_is_answered(own, capsys):
    """A wrong one by a nudge, a right one by what it teaches; the exit status tells them apart."""
    hunt = found.hunt_called("3.4")
    answer = answer_to(hunt)
    wrong = next(letter for letter in LETTERS if letter != answer.letter)
    for guess in (["--line", "1"], ["--choose", wrong], ["--choose", wrong.upper()]):
        assert main(["bug", "3.4", *guess]) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert said.endswith(f"of 3.4 is not it. {answer.nudge}")
    for guess in (["--choose", answer.letter], ["--line", str(min(answer.lines))]):
        assert main(["bug", "3.4", *guess]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert answer.teaches in said
        assert "test_it[2], in tests/test_cnn_model.py, was run on it" in said
        assert "It is 0.5, not 1." in said
        assert said.endswith(f"1 of {len(hunts())} hunts found. Next: malaria bug 3.5")
    assert found.states() == {"3.4": "found"}
    assert main(["bug", "3.4"]) == 0
    assert capsys.readouterr().out.startswith("You have found this one already.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["9.9"], "There is no exercise '9.9'"),
        (["4.1"], "There is no bug hunt for exercise 4.1. There are some for 1."),
        (["3.4/3"], "There is no bug hunt '3.4/3'. Exercise 3.4 has 3.4."),
        (["3.4", "--line", "99"], "there is no line 99"),
        (["--line", "3"], "Name the bug hunt that you answer"),
    ],
)
def test_what_is_no_hunt_and_no_guess_is_refused(own, capsys, arguments, words):
    """In a sentence, and before anything is graded."""
    own[0] = Outcome.WRONG
    assert main(["bug", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_list_says_what_is_locked_open_and_found(own, tmp_path, capsys, monkeypatch):
    """From the text of the modules, without grading; a damaged memory is an empty one."""
    found.remember(found.hunt_called("3.4"), found.FOUND)
    assert main(["bug"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split() for row in rows if row.startswith("3.4")] == [
        ["3.4", "batch_norm", "found"]
    ]
    assert {row.split()[-1] for row in rows[: len(hunts())]} == {"open", "found"}
    monkeypatch.setattr(malaria, "modules_in_use", stubs(tmp_path / "stubs"))
    found.FILE.write_text("[", encoding="utf-8")
    assert main(["bug"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert {row.split()[-1] for row in rows[: len(hunts())]} == {"locked"}


def test_the_next_hunt_of_an_exercise_is_one_that_is_not_found(own):
    """And the first again, when all are found; each can be named."""
    first, second = found.hunts_of("2.6")
    assert (first.name, second.name) == ("2.6/1", "2.6/2")
    assert found.hunt_called("2.6") == first
    found.remember(first, found.FOUND)
    found.remember(first, found.OPEN)  # what is found stays so
    assert found.hunt_called("2.6") == second
    assert found.hunt_called("2.6/1") == first
    found.remember(second, found.FOUND)
    assert found.hunt_called("2.6") == first


def test_what_cannot_be_remembered_is_said(own, capsys, monkeypatch, tmp_path):
    """The hunt goes on all the same."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(found, "FILE", tmp_path / "file" / "hunts.json")
    assert main(["bug", "3.4"]) == 0
    assert "This cannot be recorded: " in capsys.readouterr().err


def test_at_a_terminal_it_asks_until_it_is_found(own, capsys, monkeypatch):
    """What is neither a line nor a letter is refused; nothing at all leaves."""
    letter = answer_to(found.hunt_called("3.4")).letter
    typed = iter(["99", "x", "1", letter.upper()])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert main(["bug", "3.4"]) == 0
    said = capsys.readouterr().out
    assert "there is no line 99" in said
    assert "Answer with the number of a line or with a, b, c, d, not 'x'." in said
    assert "Line 1 of 3.4 is not it." in said
    assert f"Found: sentence {letter}." in said
    monkeypatch.setattr("builtins.input", lambda prompt: "")
    assert main(["bug", "3.4"]) == 0


def test_a_lesson_shows_and_answers_a_hunt(own, capsys):
    """The same words; of an exercise that is not right a sentence, which fails the cell."""
    answer = answer_to(found.hunt_called("3.4"))
    own[0] = Outcome.NOT_STARTED
    with pytest.raises(lesson.NotDone, match=r"opens when your exercise 3\.4 is right\. It is not"):
        lesson.bug("3.4")
    own[0] = Outcome.DONE
    lesson.bug("3.4")
    assert 'Answer: bug("3.4", line=N), or bug("3.4", choose="a").' in capsys.readouterr().out
    lesson.bug("3.4", line=1)
    assert answer.nudge in " ".join(capsys.readouterr().out.split())
    lesson.bug("3.4", choose=answer.letter)
    assert answer.teaches in " ".join(capsys.readouterr().out.split())
    for wrong in ({"line": 99}, {"choose": "e"}, {"line": 1, "choose": "a"}, {"line": "7"}):
        with pytest.raises(lesson.NotDone):
            lesson.bug("3.4", **wrong)


def test_the_references_hunts_are_open_and_always_the_same(own, monkeypatch, capsys):
    """In a lesson, for its stored output; on the command line only `--anyway` shows one."""
    found.remember(found.hunt_called("3.4"), found.FOUND)
    monkeypatch.setattr(malaria, "modules_in_use", malaria.REFERENCE)
    own[0] = Outcome.WRONG
    lesson.bug("3.4")
    assert found.states() == {}
    assert main(["bug", "3.4"]) == 2
    assert "there is no way to tell whether yours are right" in capsys.readouterr().err


def test_the_check_and_the_test_run_on_the_code():
    """Each in a process of its own, as a learner has it."""
    hunt = found.hunt_called("3.1")
    output = in_place.check_output(hunt)
    assert output.startswith("deviation 0.0707")
    assert "For (3, 3, 32, 64), the standard deviation is 0.2495" in in_place.caught(hunt)[1]
    broken = replace(hunt, check="assert he_normal((4, 4), 0)[0, 0] > 9")
    with pytest.raises(ValueError, match=r"The check of bug hunt 3\.1 failed: AssertionError"):
        in_place.check_output(broken)

"""Proves the grading: wrong answers are rejected by their own exercise, right ones accepted."""

import importlib
import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from malaria import LESSON_MODULES, PROJECT
from malaria.given.exercises import EXERCISES
from malaria.given.grading.diagnosis import BEHAVIOUR, digests, find
from malaria.given.grading.outcome import Outcome, Record
from tests import answers
from tests.try_answers import records_in, sources_digest, verdict_on

FEWEST_WRONG = 5  # for each exercise


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the tests said about every answer, up to the first that rejected it."""
    return try_all(tmp_path_factory.mktemp("answers"))


def try_all(folder, *options):
    """Try all answers in a process of its own, which forks for each and limits its time."""
    file = folder / "results.json"
    command = [sys.executable, "-m", "tests.try_answers", "--json", str(file), *options]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    return json.loads(file.read_text(encoding="utf-8"))


def of_kind(results, kind):
    """The results of the wrong, or of the right answers."""
    return [result for result in results if result["kind"] == kind]


def named(results):
    """Short names of answers, for a failure."""
    return [f"{result['number']} {result['sentence']}" for result in results]


def test_every_wrong_answer_is_rejected(results):
    """By the tests of its own exercise: no others were run."""
    accepted = [r for r in of_kind(results, "wrong") if verdict_on(r) != "wrong"]
    assert named(accepted) == []


def test_every_right_answer_is_accepted(results):
    """Another way is no mistake."""
    refused = [r for r in of_kind(results, "right") if verdict_on(r) != "right"]
    assert named(refused) == []


def registered(kind):
    """How many answers of a kind there are to each exercise in `tests/answers`."""
    for name in LESSON_MODULES:
        importlib.import_module(f"tests.answers.{name}")
    return Counter(answer.number for answer in getattr(answers, kind.upper()))


def stored_behaviour():
    """What `make behaviour` has stored."""
    return json.loads(BEHAVIOUR.read_text(encoding="utf-8"))


def test_each_exercise_has_several_wrong_answers():
    """One mistake proves little about its tests."""
    wrong = registered("wrong")
    few = [exercise.number for exercise in EXERCISES if wrong[exercise.number] < FEWEST_WRONG]
    assert few == []


def test_every_answer_is_tried(results):
    """None of those in the files is left out, neither here nor in what the learners get."""
    for kind in ("wrong", "right"):
        assert Counter(r["number"] for r in of_kind(results, kind)) == registered(kind)


def test_what_is_stored_is_of_every_wrong_answer():
    """Otherwise a learner could not be told the mistake; and the README says how many there are."""
    stored = Counter({number: len(of) for number, of in stored_behaviour()["mistakes"].items()})
    assert stored == registered("wrong")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    claimed = int(re.search(r"more than (\d+) wrong answers", readme)[1])
    assert stored.total() > claimed


def test_each_answer_has_the_name_of_its_exercise(results):
    """Otherwise it would take nothing's place, and the reference would be tried."""
    names = {exercise.number: exercise.name for exercise in EXERCISES}
    assert [r["sentence"] for r in results if r["name"] != names[r["number"]]] == []


def test_the_stored_behaviour_is_that_of_these_answers():
    """After a change in tests, answers or solutions: `make behaviour`."""
    assert stored_behaviour()["of"] == sources_digest()


@pytest.mark.slow
def test_most_mistakes_are_told_apart(tmp_path):
    """The learner is told the one mistake that behaves the same, and never another."""
    results = of_kind(try_all(tmp_path, "--whole"), "wrong")
    # By what is stored: a mistake that draws at random says other numbers in every run.
    told = [(find(r["number"], records_in(r)), r["sentence"]) for r in results]
    assert [(name, own) for name, own in told if name not in ("", own)] == []
    assert sum(name != "" for name, _ in told) >= 0.8 * len(results)


def test_a_diagnosis_asks_for_one_fitting_mistake():
    """To the word first, then but for the numbers; two that fit are none."""

    def records(sentence):
        return [Record("a", Outcome.WRONG, sentence)]

    def named(*known):
        known = {"1.1": [[name, *digests(records(sentence))] for name, sentence in known]}
        return find("1.1", records("it gave 3.5, not 7"), known)

    same, alike = ("same", "it gave 3.5, not 7"), ("alike", "it gave 4.1, not 7")
    other = ("other", "the shape is (3,)")
    assert named(same, alike, other) == "same"
    assert named(alike, other) == "alike"
    assert named(alike, ("also", "it gave -2.5, not 8")) == ""
    assert named(alike, ("also", "it gave -1e-5, not 8")) == ""
    assert named(same, ("too", "it gave 3.5, not 7")) == ""
    assert named(other) == ""

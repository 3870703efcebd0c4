"""Proves the grading: wrong answers are rejected by their own exercise, right ones accepted."""

import importlib
import json
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from malaria import LESSON_MODULES, PROJECT
from malaria.given.exercises import EXERCISES
from malaria.given.grading import session
from malaria.given.grading.checksum import Checksum
from malaria.given.grading.diagnosis import Behaviour, Mistake, find, fitting, known
from malaria.given.grading.outcome import Outcome, Record
from tests import answers
from tests.course.submissions import submission
from tests.try_answers import code_of, outdated, records_in, verdict_on

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
    """Another way is not a mistake."""
    refused = [r for r in of_kind(results, "right") if verdict_on(r) != "right"]
    assert named(refused) == []


def registered(kind):
    """How many answers of a kind there are to each exercise in `tests/answers`."""
    for name in LESSON_MODULES:
        importlib.import_module(f"tests.answers.{name}")
    return Counter(answer.number for answer in getattr(answers, kind.upper()))


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
    stored = Counter({e.number: len(known(e.number).mistakes) for e in EXERCISES})
    assert stored == registered("wrong")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    claimed = int(re.search(r"more than (\d+) wrong answers", readme)[1])
    assert stored.total() > claimed


def test_what_a_learner_reads_has_no_more_digits_than_anybody_reads(results):
    """Four that count, and no more than five after the point."""
    sentences = {record.sentence for result in results for record in records_in(result)}
    assert [sentence for sentence in sentences if re.search(r"\d\.\d{6,}", sentence)] == []


def test_each_answer_has_the_name_of_its_exercise(results):
    """Otherwise it would take nothing's place, and the reference would be tried."""
    names = {exercise.number: exercise.name for exercise in EXERCISES}
    assert [r["sentence"] for r in results if r["name"] != names[r["number"]]] == []


def test_the_stored_behaviour_is_that_of_these_answers():
    """After a change in tests, answers or solutions: `make behaviour`."""
    assert outdated() == []


def test_what_is_stored_depends_on_code_alone():
    """Not on docstrings and comments; on the text that an answer or a test gives."""
    code = code_of('def f():\n    """It is."""\n    return 1  # why\n')
    assert code == code_of('def f():\n    """It was."""\n    return 1\n')
    assert code != code_of('def f():\n    """It is."""\n    return "1"\n')


@pytest.mark.slow
def test_most_mistakes_are_told_apart(tmp_path):
    """The learner is told the one mistake that behaves the same, and never another."""
    results = of_kind(try_all(tmp_path, "--whole"), "wrong")
    told = [(find(r["number"], records_in(r)), r["sentence"]) for r in results]
    assert [(name, own) for name, own in told if name not in ("", own)] == []
    assert sum(name != "" for name, _ in told) >= 0.8 * len(results)


def behaviour(sentence, *values, drawn=()):
    """Of an answer with one test, in which these values came back."""
    came_back = Checksum()
    for value in values:
        came_back.add(np.array(value))
    record = Record("a", Outcome.WRONG, sentence, checksum=came_back.taken())
    return Behaviour.of([record], drawn)


def test_a_diagnosis_asks_for_one_fitting_mistake():
    """Two that fit are none, unless they share a sentence."""
    same, other = behaviour("it gave 3.5, not 7"), behaviour("the shape is (3,)")
    one, two = Mistake("one", "a", same), Mistake("two", "a", same)
    assert fitting(same, [one, Mistake("other", "a", other)]) == "one"
    assert fitting(same, [one, two]) == ""
    assert fitting(same, [one, one]) == "one"
    assert fitting(other, [one]) == ""


@pytest.mark.parametrize(
    ("like", "other"),
    [
        (("it gave 3.5", 3.5), ("it gave 3.5", 3.500001)),
        (("off by 1.0e-07", [1.0, 2e-8]), ("off by 0", [1.0, 0.0])),
        (("KeyError in a.py, line 3: 5", 1), ("KeyError in a.py, line 33: 5", 1)),
        (("no /tmp/1/a.png", "C1"), ("no /tmp/2/a.png", "C1")),
    ],
)
def test_the_last_digits_are_nothing_to_go_by(like, other):
    """Nor is the line of an error, nor where a file is."""
    assert behaviour(*like).is_like(behaviour(*other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("it was late", 0), ("it was early", 0)),
        (("it was called 3 times", 0), ("it was called 8 times", 0)),
        (("wrong", 3.5), ("wrong", 3.6)),
        (("wrong", 3.5), ("wrong", -3.5)),
        (("wrong", 0.001), ("wrong", 0.0011)),
        (("wrong", [1.0, np.nan]), ("wrong", [np.nan, 1.0])),
        (("wrong", [1, 2, 3]), ("wrong", [1, 3, 2])),
        (("wrong", [1, 2]), ("wrong", [[1], [2]])),
        (("wrong", 1, 2), ("wrong", 2, 1)),
        (("wrong", [0.0] * 100), ("wrong", [0.0] * 101)),
        (("wrong", "C1"), ("wrong", "C10")),
    ],
)
def test_values_count(one, other):
    """Also where the sentences are the same, and in a test that was passed."""
    assert not behaviour(*one).is_like(behaviour(*other))


def test_what_right_answers_draw_differently_is_nothing_to_go_by():
    """But how large it is, where the test says so."""
    one, other = (
        behaviour("it was 3.5", 1.0, drawn=["a"]),
        behaviour("it was 3.6", 2.0, drawn=["a"]),
    )
    assert one.is_like(other)
    assert not one.is_like(behaviour("it was 7.2", 1.0, drawn=["a"]))


def test_no_mistake_is_named_for_another():
    """Each is left out in turn, as if it were unknown: what fits then has the same sentence."""
    wrong = {}
    for exercise in EXERCISES:
        mistakes = known(exercise.number).mistakes
        for k, mistake in enumerate(mistakes):
            name = fitting(mistake.behaviour, mistakes[:k] + mistakes[k + 1 :])
            if name not in ("", mistake.sentence):
                wrong[mistake.sentence] = name
    assert wrong == {}


# Each was once taken for a known mistake of which the tests say the same, but for the numbers.
LIKE_ANOTHER = {
    "data_preprocessing": """
def make_dataset(paths, labels, image_size, batch_size, training, seed):
    paths = [str(path) for path in paths]
    if not paths or len(paths) != len(labels):
        raise ValueError("Not as many labels as images.")
    dataset = tf.data.Dataset.from_tensor_slices((paths, tf.cast(labels, tf.int32)))
    dataset = dataset.map(lambda path, label: (read_image(path, image_size), label))
    if not training:
        return dataset.batch(batch_size)
    dataset = dataset.cache().shuffle(len(paths), seed=seed, reshuffle_each_iteration=False)
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(4)

    def augment(batch, seeds):
        return jitter_stain(flip_and_rotate(batch[0], seeds[:2]), seeds[2:]), batch[1]

    return tf.data.Dataset.zip((dataset.batch(batch_size), seeds)).map(augment)
""",
    "tf_function": """
def compile_epoch(step):
    first = []

    @tf.function
    def epoch():
        total, count = tf.constant(0.0), tf.constant(0.0)
        for images, labels in first[0]:
            size = tf.cast(tf.shape(labels)[0], tf.float32)
            total += size * tf.cast(step(images, labels), tf.float32)
            count += size
        return total / count

    def of_the_first(dataset):
        first.append(dataset)
        return epoch()

    return of_the_first
""",
    "gradient_tape": """
def gradient_at(function, point):
    with tf.GradientTape() as tape:
        value = function(point)
    return tape.gradient(value, point, unconnected_gradients="zero")
""",
    "model_training": """
_right = cosine_decay
def cosine_decay(step, total_steps, peak, warmup_fraction=0.1):
    _right(step, total_steps, peak, warmup_fraction)
    step = tf.convert_to_tensor(step)
    step = step if step.dtype.is_floating else tf.cast(step, tf.float32)
    warmup = warmup_fraction * total_steps
    rising = step / warmup if warmup > 0 else tf.ones_like(step)
    progress = tf.clip_by_value((step - warmup) / (total_steps + 1 - warmup), 0, 1)
    return peak * tf.where(step < warmup, rising, (1 + tf.cos(math.pi * progress)) / 2)
""",
}


MISNAMED = {  # what was said of them
    "2.6": "only shuffles neighbours",
    "4.6": "The mean was not reset",
    "5.1": "The sign",
    "6.4": "a tenth of the peak",
}


def test_what_was_said_of_them_is_said_of_other_answers():
    """Otherwise the test below could not fail."""
    registered("wrong")  # imports the answers
    said = {
        number: [
            one.number for one in answers.WRONG if one.number == number and words in one.sentence
        ]
        for number, words in MISNAMED.items()
    }
    assert all(said.values()), said


def test_a_mistake_is_not_taken_for_one_that_is_like_it(tmp_path):
    """A sentence that names the wrong mistake is worse than none."""
    folder = submission(tmp_path / "own", **LIKE_ANOTHER)
    marks = " or ".join(f"exercise_{number.replace('.', '_')}" for number in MISNAMED)
    verdicts = session.graded("--modules", str(folder), "-m", marks)
    assert {v.number: v.outcome for v in verdicts} == dict.fromkeys(MISNAMED, Outcome.WRONG)
    assert [v.diagnosis for v in verdicts if MISNAMED[v.number] in v.diagnosis] == []

"""The grading desk, end to end: what a learner sees, and what one exercise cannot do to another."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from malaria import LESSON_MODULES, OWN_MODULES, PROJECT
from malaria.given.exercises import BY_NUMBER, EXERCISES, hints
from malaria.given.exercises.reference import names_of, source_of
from malaria.given.exercises.reset import with_definitions
from malaria.given.grading import session
from malaria.given.grading.desk import complete, grade_exercise, grade_in
from malaria.given.grading.isolation import End, Ended
from malaria.given.grading.judge import STUMBLED, judge
from malaria.given.grading.messages import Stack
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.running import preserved_state
from malaria.given.grading.session import QUIET
from malaria.given.grading.standing_in import Neighbours
from malaria.given.grading.verdict import Verdict
from malaria.given.grading.worker import Worker, without_ctrl_c
from malaria.given.lesson import NotDone, check
from tests.course.patience import PATIENCE, is_held, until
from tests.course.submissions import SEES, stubs, submission

LIMIT = 2  # CPU seconds for an exercise that never ends; what is right beside it takes a tenth


def graded(folder, *arguments):
    """`(exit status, what pytest said, outcome by exercise)` of a grading in its own process."""
    with tempfile.TemporaryDirectory() as place:
        return graded_into(Path(place) / "verdicts.json", folder, arguments)


def graded_into(file, folder, arguments):
    """Grade, and read the verdicts from a file."""
    command = [sys.executable, "-m", "pytest", "--modules", str(folder), "--json", str(file)]
    finished = subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )
    content = json.loads(file.read_text(encoding="utf-8"))
    outcomes = {one["number"]: one["outcome"] for one in content["exercises"]}
    return finished.returncode, finished.stdout, outcomes


def test_a_fresh_clone_is_not_started():
    """38 times, with the next exercise named, and no more than a screen of it."""
    status, said, outcomes = graded(OWN_MODULES)
    assert status == 1
    assert outcomes == {exercise.number: "not started" for exercise in EXERCISES}
    assert "Next: exercise 1.1, patient_of in src/malaria/train_test_split.py" in said
    assert "what to look at" not in said
    assert "Traceback" not in said
    score = said[said.index("lesson  ") :].splitlines()
    assert max(map(len, score)) <= 80


def test_what_is_written_below_the_stubs_raise_is_not_unwritten(tmp_path):
    """The learner has started, and only forgot to delete a line."""
    folder = stubs(tmp_path / "own")
    module = folder / "train_test_split.py"
    text = module.read_text(encoding="utf-8")
    hole = re.search(r'    raise NotImplementedError\("Exercise 1\.1: .*', text)[0]
    module.write_text(text.replace(hole, f"{hole}\n    return 'C1'"), encoding="utf-8")
    _, said, outcomes = graded(folder, "tests/test_train_test_split.py", "-m", "exercise_1_1")
    assert outcomes == {"1.1": "wrong"}
    assert "The stub's `raise NotImplementedError` is still there, in line" in said


@pytest.mark.skipif(sys.platform != "linux", reason="needs a process for each exercise")
def test_no_exercise_spoils_another(tmp_path):
    """exit(), a dead process, a module that cannot be read, other folders, seeds and eager mode."""
    folder = submission(
        tmp_path / "Abgabe von Zoë",
        train_test_split="""
import os as _os
def shuffle_together(*arrays, seed):
    exit()
def leaked_patients(*arguments):
    _os._exit(0)
""",
        cnn_model="def broken(:",
        tf_function="""
import os as _os
_os.chdir("/")
np = __import__("numpy")
np.random.seed(0)
np.seterr(all="raise")
tf.config.run_functions_eagerly(True)
""",
    )
    expected = dict.fromkeys(["1.1", "1.5", "2.3", "4.1", "4.2", "4.3", "4.5", "5.1"], "done")
    expected |= dict.fromkeys(["1.2", "1.4", "3.1", "3.7"], "crashed")
    marks = " or ".join(BY_NUMBER[number].marker for number in expected)
    status, said, outcomes = graded(folder, "-m", marks)
    assert status == 1
    assert outcomes == expected
    assert "exit() was called in train_test_split.py, line" in said
    assert "SyntaxError in cnn_model.py, line" in said


# Writes to every file that is open: among them what leads to the desk.
WRITES = """
import os as _os
def _write_everywhere(data):
    for file in range(3, 64):
        try:
            _os.write(file, data)
        except OSError:
            pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a process for each exercise")
def test_what_code_writes_to_the_desk_spoils_its_own_grade_only(tmp_path):
    """No number, no thousand brackets, no half message, no closed pipe."""
    folder = submission(
        tmp_path / "own",
        train_test_split=WRITES
        + """
def patient_of(path):
    _write_everywhere(b"5\\n")
def shuffle_together(*arrays, seed):
    _write_everywhere(b"[" * 50_000 + b"\\n")
def split_by_patient(*arguments, **options):
    _write_everywhere(b'{"Record": [')
    while True:
        pass
def leaked_patients(*arguments):
    _os.closerange(3, 64)
""",
    )
    _, _, outcomes = graded(folder, "tests/test_train_test_split.py", f"--time-limit={LIMIT}")
    assert outcomes.pop("1.3") in ("crashed", "timed out")
    assert outcomes == {"1.1": "crashed", "1.2": "crashed", "1.4": "crashed", "1.5": "done"}


def test_without_fork_it_is_the_same(tmp_path):
    """Where there is no fork, one other process grades, and is replaced when it was killed.

    Also there half a message is not waited for.
    """
    folder = submission(
        tmp_path / "own",
        train_test_split=WRITES
        + """
def patient_of(path):
    exit()
def shuffle_together(*arrays, seed):
    _write_everywhere(b"\\0\\0\\0\\x015")
def split_by_patient(*arguments, **options):
    _write_everywhere(b"\\0\\x7f\\xff\\xff")
    while True:
        print("and so on")
def leaked_patients(*arguments):
    _os._exit(0)
""",
    )
    arguments = ["tests/test_train_test_split.py", "--no-fork", f"--time-limit={LIMIT}"]
    _, _, outcomes = graded(folder, *arguments)
    assert outcomes.pop("1.3") in ("crashed", "timed out")
    assert outcomes == {"1.1": "crashed", "1.2": "crashed", "1.4": "crashed", "1.5": "done"}


def worker_for(folder, module="train_test_split"):
    """What a notebook's `check` works with, for the tests of one module."""
    return Worker([*QUIET, f"--modules={folder}", f"tests/test_{module}.py"], PROJECT)


ENDLESS = """
def patient_of(path):
    while True:
        pass
def split_by_patient(*arguments, **options):
    while True:
        print("and so on")
"""


def test_an_endless_loop_ends_in_a_notebook_as_on_the_command_line(tmp_path):
    """With the same words; the next check is none the worse for it."""
    folder = submission(tmp_path / "own", train_test_split=ENDLESS)
    with worker_for(folder) as worker:
        words = " ".join(grade_in(worker, "1.1", limit=LIMIT).text(80).split())
        assert grade_in(worker, "1.4").outcome is Outcome.DONE
    assert f"after {LIMIT} seconds of CPU time" in words
    _, said, outcomes = graded(
        *(folder, "tests/test_train_test_split.py", f"--time-limit={LIMIT}"),
        *("-m", "exercise_1_1 or exercise_1_3 or exercise_1_4"),
    )
    assert outcomes == {"1.1": "timed out", "1.3": "timed out", "1.4": "done"}
    said = " ".join(said.split())
    assert words in said
    assert len(re.findall(r"still running in train_test_split\.py, line \d+", said)) == 2


def test_a_notebook_grades_what_is_saved_in_one_process(tmp_path):
    """TensorFlow is loaded once; the modules are read anew for each check."""
    folder = submission(tmp_path / "own")
    module = folder / "train_test_split.py"
    source = module.read_text(encoding="utf-8")
    with worker_for(folder) as worker:
        assert grade_in(worker, "1.4").outcome is Outcome.DONE
        process = worker._process.pid
        module.write_text(source.replace("np.intersect1d", "np.union1d"), encoding="utf-8")
        assert grade_in(worker, "1.4").outcome is Outcome.WRONG
        module.write_text(source, encoding="utf-8")
        assert grade_in(worker, "1.4").outcome is Outcome.DONE
        assert worker._process.pid == process


@pytest.mark.parametrize(
    "what",
    [
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        pytest.param(
            "subprocess.Popen(['sleep', '1000'])",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no telling there"),
        ),
    ],
    ids=["thread", "process"],
)
def test_what_code_leaves_at_work_takes_no_time_from_the_next(tmp_path, what):
    """A process that still holds a thread or a process of it is replaced."""
    leaves = f"""
import subprocess, threading, time
_leaked_patients = leaked_patients
def leaked_patients(*arguments):
    {what}
    return _leaked_patients(*arguments)
"""
    with worker_for(submission(tmp_path / "own", train_test_split=leaves)) as worker:
        worker.tests_of("1.4")
        process = worker._process
        assert grade_in(worker, "1.4").outcome is Outcome.DONE
        assert not process.is_alive()
        assert grade_in(worker, "1.1").outcome is Outcome.DONE


def test_a_check_that_is_stopped_is_not_heard_as_the_next(tmp_path, monkeypatch):
    """Wherever Ctrl-C has struck: here just after the job was sent."""
    with worker_for(submission(tmp_path / "own")) as worker:
        worker.tests_of("1.4")
        process = worker._process
        with monkeypatch.context() as patch:
            patch.setattr(worker, "_listen", stopped)
            with pytest.raises(KeyboardInterrupt):
                grade_in(worker, "1.4")
        assert not process.is_alive()
        verdict = grade_in(worker, "1.1")
    assert (verdict.outcome, verdict.stood_in) == (Outcome.DONE, False)


def stopped(*_):
    """What Ctrl-C does."""
    raise KeyboardInterrupt


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C goes another way")
def test_a_worker_hears_no_ctrl_c(ctrl_c_is_heard):
    """The notebook answers it; the worker would print a traceback while it starts."""
    code = "import signal; signal.raise_signal(signal.SIGINT); print('not heard')"
    with without_ctrl_c():
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert said.strip() == b"not heard"
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_what_grades_does_not_outlive_the_notebook(tmp_path):
    """However it ends, and in the middle of an endless loop. While it lives it holds a lock."""
    lock, taken = tmp_path / "lock", tmp_path / "taken"
    holds = f"""
from pathlib import Path as _Path
from malaria.given.system.lock import locked as _locked
_lock = _locked(_Path({str(lock)!r}))
_lock.__enter__()
_Path({str(taken)!r}).touch()
"""
    folder = submission(tmp_path / "own", train_test_split=ENDLESS + holds)

    notebook = subprocess.Popen(
        [sys.executable, "-c", "from malaria.given.lesson import check; check('1.1')"],
        env=os.environ | {"MALARIA_MODULES": str(folder)},
    )
    until(taken.is_file)
    assert is_held(lock)
    notebook.kill()
    notebook.wait()
    until(lambda: not is_held(lock))


@pytest.mark.parametrize("how", ["--no-fork", "--in-process", "fork", "notebook"])
def test_what_grades_sees_no_accelerator(how, tmp_path, monkeypatch):
    """Whatever the user has set; a notebook itself keeps what it has."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    seen = tmp_path / "seen"
    folder = submission(tmp_path / "own", train_test_split=SEES.format(file=str(seen)))
    if how == "notebook":
        code = (
            "import os; from malaria.given.lesson import check; check('1.4')\n"
            "assert os.environ['CUDA_VISIBLE_DEVICES'] == '0'"
        )
        environment = os.environ | {"MALARIA_MODULES": str(folder)}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    else:
        graded(
            folder,
            "tests/test_train_test_split.py",
            "-m",
            "exercise_1_4",
            *([how] if how != "fork" else []),
        )
    assert seen.read_text(encoding="utf-8") == "-1"


def test_what_trains_shares_its_accelerator():
    """Read by TensorFlow, which otherwise takes all memory of a card for the first to ask."""
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def jobs_of(ends):
    """The jobs for exercise 1.1 as its runs end one after the other, and the verdict."""
    steps, jobs = grade_exercise("1.1", ["test_a", "test_b"], 60), []
    try:
        jobs.append(next(steps))
        for end in ends:
            records = [Record(f"test_{k}", Outcome.DONE) for k in "ab"]
            jobs.append(steps.send(Ended(records if end is End.FINISHED else [], end, 1.0)))
    except StopIteration as stop:
        return jobs, stop.value.verdict
    raise AssertionError("more ends are needed")


def test_the_reference_around_an_exercise_takes_no_time_from_it():
    """What is slow is slow there as well; what takes too long there is not tried once more."""
    jobs, verdict = jobs_of([End.TIMED_OUT, End.FINISHED])
    assert [(job.others, job.limit) for job in jobs] == [
        (Neighbours.OWN, 60),
        (Neighbours.REFERENCE, 60),
    ]
    assert (verdict.outcome, verdict.stood_in) == (Outcome.DONE, True)
    jobs, verdict = jobs_of([End.TIMED_OUT, End.TIMED_OUT])
    assert len(jobs) == 2
    assert (verdict.outcome, verdict.stood_in) == (Outcome.TIMED_OUT, False)
    # What crashes among the reference's modules may lack a helper of the learner's.
    jobs, verdict = jobs_of([End.WAITED, End.DIED, End.FINISHED])
    assert [job.others for job in jobs][2] is Neighbours.NAMED
    assert verdict.outcome is Outcome.DONE


def test_a_time_out_says_what_was_at_work_and_for_how_long():
    """The learner's line where the code was last seen there, otherwise the test."""
    tests, done = ["test_a", "test_b", "test_c"], [Record("test_a", Outcome.DONE)]
    inside = Stack([("/lib/os.py", 1), ("/own/cnn_model.py", 23), ("/tests/test_cnn_model.py", 5)])
    outside = Stack([("/tests/test_cnn_model.py", 6)])

    def said(end, stacks):
        records = complete(Ended(done, end, 1.0, stacks), tests, 60)
        assert [record.outcome for record in records] == [Outcome.DONE] + 2 * [Outcome.TIMED_OUT]
        (sentence,) = {record.sentence for record in records[1:]}
        return sentence

    computing = "after 60 seconds of CPU time"
    assert said(End.TIMED_OUT, [inside]) == f"still running in cnn_model.py, line 23 {computing}"
    assert said(End.TIMED_OUT, [inside, outside]) == said(End.TIMED_OUT, [inside])
    assert said(End.TIMED_OUT, [outside]) == f"still running in test_b {computing}"
    waited = "after 600 seconds: is it waiting for something?"
    assert said(End.WAITED, []) == f"still running in test_b {waited}"


def test_a_right_exercise_beside_unwritten_ones_is_right(tmp_path):
    """The reference stands in for what is missing, and the words say so."""
    folder = stubs(tmp_path / "one")
    written = source_of("gradient_tape")
    module = folder / "gradient_tape.py"
    stub = module.read_text(encoding="utf-8")
    module.write_text(with_definitions(stub, written, ["train_step"]), encoding="utf-8")
    arguments = ["tests/test_gradient_tape.py", "-m", "exercise_5_7"]
    status, _, outcomes = graded(folder, *arguments)
    assert (status, outcomes) == (0, {"5.7": "done"})


def without(module, *tasks):
    """The text of a reference module in which the parts with these tasks are unwritten again."""
    source = source_of(module)
    for task in tasks:
        assert source.count(f": {task}") == 1
        number = re.search(rf"# Exercise (.*): {re.escape(task)}", source)[1]
        source = source.replace(
            f"# Exercise {number}: {task}",
            f'raise NotImplementedError("Exercise {number}: {task}")',
        )
    return source


def test_a_class_of_which_parts_are_written_is_judged_by_them(tmp_path):
    """What is missing is named, first of all; a fault in what is there is told."""
    folder = submission(tmp_path / "own")
    network = without(
        "cnn_model",
        "every block's trainable variables",
        "the weights and biases of both dense layers",
    )
    running_mean = without("tf_function", "set both variables to 0")
    adam = without("gradient_tape", "count the step, update variables and slots")
    texts = {
        "cnn_model": network.replace("if self.mean is not None:", "if False:"),
        "tf_function": running_mean.replace("divide_no_nan(", "divide("),
        "gradient_tape": adam,
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    _, said, outcomes = graded(folder, "-m", "exercise_3_7 or exercise_4_3 or exercise_5_6")
    assert outcomes == {"3.7": "wrong", "4.3": "wrong", "5.6": "wrong"}
    words = " ".join(said.split())
    assert (
        "Exercise 3.7, CNN: wrong. - Still to write: CNN.base_variables and CNN.head_variables. - "
    ) in words
    assert "With a mean and a standard deviation, raw images should give" in words
    assert "Exercise 4.3, RunningMean: wrong. - Still to write: RunningMean.reset. - " in words
    assert "Exercise 5.6, Adam: wrong. - Still to write: Adam.apply." in words


def test_helpers_aliases_and_warnings_are_no_fault(tmp_path):
    """The reference stands in before a name is taken; helpers stay; a warning passes."""
    folder = submission(
        tmp_path / "own",
        train_test_split="""
import warnings
_patient_of = patient_of
def patient_of(path):
    warnings.warn("This may be slow.")
    return _patient_of(path)
""",
        data_preprocessing="""
def unchanged(images):
    return images
def flip_and_rotate(images, seed):
    raise NotImplementedError("Exercise 2.4: another day")
""",
        tf_function="""
from .data_preprocessing import flip_and_rotate as turn, unchanged
TURNS = [turn]
def make_augmenter(seed):
    generator = tf.random.Generator.from_seed(seed)
    @tf.function
    def augment(images):
        return TURNS[0](unchanged(images), generator.make_seeds(1)[:, 0])
    return augment
""",
    )
    status, _, outcomes = graded(folder, "-m", "exercise_1_1 or exercise_4_5")
    assert (status, outcomes) == (0, {"1.1": "done", "4.5": "done"})


def test_a_known_mistake_is_named(tmp_path):
    """By what it returned: here in other words than those of the known answer."""
    loss = """
def softmax_cross_entropy(logits, labels, label_smoothing=0.0):
    probabilities = tf.nn.softmax(tf.convert_to_tensor(logits))
    classes = logits.shape[1]
    one_hot = tf.one_hot(labels, classes, dtype=probabilities.dtype)
    targets = one_hot * (1 - label_smoothing) + label_smoothing / classes
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, probabilities))
"""
    folder = submission(tmp_path / "twice", cnn_model=loss)
    status, said, outcomes = graded(folder, "tests/test_cnn_model.py", "-m", "exercise_3_6")
    assert (status, outcomes) == (1, {"3.6": "wrong"})
    said = " ".join(said.split())
    assert "A softmax was applied before a loss that applies it again." in said

    # A notebook's check() says the same.
    code = """
from malaria.given.lesson import NotDone, check
try:
    check("3.6")
except NotDone as words:
    print(words)
"""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MALARIA_MODULES": str(folder)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    words = " ".join(finished.stdout.split())
    assert words.startswith("Exercise 3.6, softmax_cross_entropy: wrong.")
    assert words in said


def test_a_check_of_an_exercise_that_does_not_exist_says_so():
    """In a notebook a traceback would say less."""
    with pytest.raises(NotDone, match=r"^There is no exercise '3\.9': the numbers,"):
        check("3.9")


def test_what_cannot_be_graded_is_an_error():
    """With what pytest said last."""
    with pytest.raises(ValueError, match=r"Nothing could be graded\..* deselected"):
        session.graded("tests/course/test_switch.py", "-q", "-k", "no_such_test")


def test_a_crash_is_told_before_what_is_only_wrong(tmp_path):
    """Three findings are shown; among many the one that explains a crash must not be the fourth."""
    answer = """
def patient_of(path):
    return re.search(r"C\\d+", str(path)).group()
"""
    folder = submission(tmp_path / "own", train_test_split=answer)
    _, said, outcomes = graded(folder, "tests/test_train_test_split.py", "-m", "exercise_1_1")
    assert outcomes["1.1"] == "crashed"
    assert "- AttributeError in train_test_split.py" in said


def test_a_mistyped_mark_is_refused():
    """Without a word nothing would be graded."""
    command = [sys.executable, "-m", "pytest", "-m", "exercise_1.1"]
    finished = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert finished.returncode == 4
    assert "No exercise has the marker exercise_1.1" in finished.stderr + finished.stdout
    assert "Traceback" not in finished.stderr + finished.stdout


def test_two_saves_within_a_second_are_told_apart(tmp_path, monkeypatch):
    """A compiled copy of the first must not be graded in its place (pytest before 9 keeps one)."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    folder = submission(tmp_path / "own")
    module = folder / "train_test_split.py"
    arguments = ["tests/test_train_test_split.py", "-m", "exercise_1_4"]
    source, when = module.read_text(encoding="utf-8"), module.stat().st_mtime
    assert graded(folder, *arguments)[2] == {"1.4": "done"}
    changed = source.replace("np.intersect1d", "np.setdiff1d  ")
    assert len(changed) == len(source)
    module.write_text(changed, encoding="utf-8")
    os.utime(module, (when, when))
    assert graded(folder, *arguments)[2] == {"1.4": "wrong"}


def test_every_check_has_words():
    """A learner reads what is said, never the test's source."""
    for name in LESSON_MODULES:
        file = PROJECT / "tests" / f"test_{name}.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                assert node.msg is not None, f"{file.name}, line {node.lineno}"


def test_the_manifest_lists_what_the_solutions_mark():
    """Each exercise once, in the module where its marker is, under a name that exists."""
    assert len(EXERCISES) == len(BY_NUMBER) == 38
    for exercise in EXERCISES:
        assert exercise.name in names_of(exercise.number)
        assert len(exercise.hints) == 3
        assert all(hint.strip() for hint in exercise.hints)
        assert exercise.minutes > 0 < exercise.points


def test_a_verdict_is_the_worst_of_its_tests():
    """And tells at most three things, a crash first, the others counted."""
    assert Verdict.of("3.2", [Record("test", Outcome.DONE)]).text(80) == (
        "Exercise 3.2, conv2d: done and right."
    )
    records = [Record(f"test {k}", Outcome.WRONG, f"sentence {k}") for k in range(5)]
    records += [Record("test 5", Outcome.CRASHED, "sentence 5"), Record("test 6", Outcome.DONE)]
    verdict = Verdict.of("3.2", records)
    assert verdict.outcome is Outcome.CRASHED
    assert verdict.text(80).split("\n") == [
        "Exercise 3.2, conv2d: crashed.",
        "  - sentence 5",
        "  - sentence 0",
        "  - sentence 1",
        "  - and 3 more, which may have the same cause",
    ]


def test_the_words_of_a_verdict_fit_into_their_columns():
    """But what is to be copied, such as a path, stays in one piece."""
    path = "/home/" + 5 * "somebody-with-a-long-name/"
    sentence = f"It gave something else. See {path}. " + 30 * "word "
    record = Record("test", Outcome.WRONG, sentence, printed=f"first\n\n{sentence}")
    verdict = Verdict.of("3.2", [record])
    verdict.diagnosis = 30 * "mistake "
    lines = verdict.text(60).split("\n")
    assert [line for line in lines if len(line) > 60 and path not in line] == []
    assert any(path in line for line in lines)
    assert "  Your code printed:" in lines
    assert "    first" in lines


def test_a_verdict_comes_back_from_its_json():
    """With every field."""
    record = Record("test", Outcome.TIMED_OUT, "still running", printed="here")
    verdict = Verdict.of("3.2", [record], stood_in=True)
    verdict.diagnosis, verdict.seconds = "a mistake", 1.5
    content = json.loads(json.dumps(verdict.as_dict()))
    assert content["outcome"] == "timed out"
    assert Verdict.from_dict(content) == verdict


def test_what_a_stub_of_another_exercise_raises_is_not_a_verdict_on_this_one():
    """Its number tells whose it is."""
    stub = NotImplementedError("Exercise 5.4: do it")
    assert judge(stub, "5.4") == (Outcome.NOT_STARTED, "do it")
    assert judge(stub, "5.7")[0] is Outcome.CRASHED


def raised_in(file, code):
    """What some code raises that stands in a file of that name."""
    try:
        exec(compile(code, str(file), "exec"), {})
    except Exception as error:
        return error


def test_an_error_in_a_learners_line_is_a_crash():
    """In a test's own it is the test's to say what came back."""
    code = "None.shape"
    tests, elsewhere = PROJECT / "tests" / "test_cnn_model.py", PROJECT / "cnn_model.py"
    assert judge(raised_in(tests, code), "3.2") == (
        Outcome.WRONG,
        f"conv2d {STUMBLED}: AttributeError: 'NoneType' object has no attribute 'shape'.",
    )
    outcome, sentence = judge(raised_in(elsewhere, code), "3.2")
    assert outcome is Outcome.CRASHED
    assert sentence.startswith("AttributeError in cnn_model.py, line 1: 'NoneType' object has no")


def test_an_error_in_a_graph_is_told_without_the_way_there():
    """AutoGraph puts its own account in front of it."""
    text = (
        "in user code:\n\n    File 'x', line 3, in f  *\n        y + 1\n\n    TypeError: no float\n"
    )
    error = raised_in(PROJECT / "cnn_model.py", f"raise TypeError({text!r})")
    assert judge(error, "3.2")[1] == "TypeError in cnn_model.py, line 1: no float"


def test_hints_come_one_by_one(tmp_path, monkeypatch):
    """And are remembered; a number that does not exist is refused."""
    monkeypatch.setattr(hints, "PROGRESS", tmp_path / "memory")
    assert [len(hints.next_hints("2.4")) for _ in range(5)] == [1, 2, 3, 3, 3]
    with pytest.raises(ValueError, match=r"no exercise '7\.1'"):
        hints.next_hints("7.1")


def test_a_test_that_sets_the_global_seed_leaves_none_behind():
    """In a notebook, what is drawn after a check would otherwise be the same every time."""
    import tensorflow as tf

    tf.random.set_seed(5)
    expected = float(tf.random.uniform(()))
    with preserved_state():
        tf.random.set_seed(5)
    assert float(tf.random.uniform(())) != expected

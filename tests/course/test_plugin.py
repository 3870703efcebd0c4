"""What ties the grading desk to pytest, hook by hook; in folders that are not the course's."""

import json
import re
import subprocess
import sys
import types

import _pytest.capture
import _pytest.runner
import _pytest.tmpdir
import nbformat
import pytest

from malaria import PROJECT
from malaria.given import lesson
from malaria.given.command_line import main
from malaria.given.exercises import EXERCISES
from malaria.given.grading import plugin, session
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.plugin import LONGEST_CELL
from malaria.given.grading.scoreboard import in_words, next_step, one_by_one, table
from malaria.given.grading.verdict import Verdict
from malaria.given.system.installed import PLUGIN

pytest_plugins = ["pytester"]

SETTINGS = f"--config-file={PROJECT / 'pyproject.toml'}"
NO_GRADE = "import pytest\ndef test_passes(): pass\n"


@pytest.fixture
def run(pytester):
    """Run pytest on a file without an exercise, in a process of its own, and without nbval.

    It takes two seconds to load.
    """
    pytester.makepyfile(NO_GRADE)

    def run(*arguments):
        options = ("-p", "no:cacheprovider", "-p", "no:nbval")
        return pytester.runpytest_subprocess(*options, *arguments)

    return run


def test_json_is_written_where_nothing_was_graded(run, pytester):
    """Whoever reads it finds no exercises, in place of no file."""
    assert run("--json=verdicts.json").ret == 0
    content = json.loads((pytester.path / "verdicts.json").read_text(encoding="utf-8"))
    assert (content["exercises"], content["points"]) == ([], 0)


def test_json_is_written_without_a_terminal(run, pytester):
    """It is not part of what is printed."""
    assert run("--json=verdicts.json", "-p", "no:terminal").ret == 0
    assert (pytester.path / "verdicts.json").is_file()


def test_json_is_not_written_of_what_was_only_collected(run, pytester):
    """The worker, which collects for a pytest with --json, must not write over its file."""
    run("--json=verdicts.json", "--collect-only")
    assert not (pytester.path / "verdicts.json").exists()


def test_json_into_a_folder_that_is_missing_is_refused_at_once(run):
    """Not after minutes of grading."""
    result = run("--json=no/such/verdicts.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--json: there is no folder no/such."])


def test_a_folder_is_no_file_for_json(run):
    """Refused at once, like a device, which must not be replaced by a file."""
    result = run("--json=.")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--json: . is not a file."])


def test_json_into_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    """Also at once; where nobody may not, as for an administrator, it is not seen otherwise."""
    plugin.refuse_unwritable(tmp_path / "verdicts.json")
    monkeypatch.setattr(plugin.os, "access", lambda folder, mode: False)
    with pytest.raises(pytest.UsageError, match="is not writable"):
        plugin.refuse_unwritable(tmp_path / "verdicts.json")


FULL = """
import errno
from malaria.given.grading import scoreboard
def write_json(file, verdicts):
    raise OSError(errno.ENOSPC, "No space left on device")
scoreboard.write_json = write_json
"""


def test_json_that_cannot_be_written_in_the_end_is_told(run, pytester):
    """And the score is printed all the same."""
    pytester.makeconftest(FULL)
    result = run("--json=verdicts.json")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stderr.fnmatch_lines(["--json: No space left on device: verdicts.json"])
    result.stdout.fnmatch_lines(["*1 passed*"])
    result.stderr.no_fnmatch_line("Traceback*")


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "1e300"])
def test_a_time_limit_that_is_none_is_refused(run, limit):
    """By a sentence."""
    result = run(f"--time-limit={limit}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--time-limit: {limit} is not between 0 and 86400*"])


def test_another_projects_marks_and_header_are_its_own(run):
    """The plugin belongs to every pytest of the environment."""
    result = run("-m", "not exercise_9_9")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("modules in use*")


def test_a_mistyped_mark_is_refused(run):
    """Without a word nothing would be graded."""
    result = run(SETTINGS, "-m", "exercise_1.1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*No exercise has the marker exercise_1.1; *exercise_3_2."])
    result.stderr.no_fnmatch_line("Traceback*")


def test_modules_that_do_not_exist_are_refused(run):
    """By a sentence."""
    result = run(SETTINGS, "--modules=no/such/folder")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*There is no folder *no/such/folder of modules to use."])


def test_nbval_is_let_in_for_those_who_ask(run):
    """It costs every other run two seconds."""
    without, asked = run(SETTINGS, "--trace-config"), run(SETTINGS, "--trace-config", "--nbval")
    assert "nbval.plugin" not in without.stdout.str()
    assert asked.ret == 0
    asked.stdout.fnmatch_lines(["*nbval.plugin*"])


WAITS = """
def pytest_collection_finish(session):
    option, (cell,) = session.config.option, session.items
    print("waits", option.nbval_cell_timeout, option.nbval_kernel_startup_timeout,
          cell.output_timeout)
"""


def test_a_notebook_may_be_slow(pytester):
    """On a busy machine neither its start nor what it prints is given up."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("1")]
    nbformat.write(notebook, pytester.path / "lesson.ipynb")
    pytester.makeconftest(WAITS)
    options = ("-p", "no:cacheprovider", "--nbval", "--collect-only", "-s")
    result = pytester.runpytest_subprocess(SETTINGS, *options, "lesson.ipynb")
    result.stdout.fnmatch_lines([f"*waits{3 * f' {LONGEST_CELL}'}"])


def test_nbval_works_for_another_project(pytester):
    """Whose settings do not keep it out: it is there already, and one of that name is enough."""
    pytester.makepyfile(NO_GRADE)
    assert pytester.runpytest_subprocess("-p", "no:cacheprovider", "--nbval").ret == 0


def test_files_that_cannot_be_collected_end_the_run(pytester):
    """As without the plugin: a part of the tests would look like all of them."""
    pytester.makepyfile(test_a=NO_GRADE, test_b="import no_such_module\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:nbval")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)


def test_pytest_has_the_private_parts_that_are_used(request):
    """`grading/pytest_internals.py` names them; another pytest may have renamed one."""
    assert callable(_pytest.runner.runtestprotocol)
    assert callable(_pytest.runner.SetupState.teardown_exact)
    assert callable(_pytest.capture.CaptureManager.suspend_global_capture)
    assert callable(_pytest.capture.CaptureManager.start_global_capturing)
    assert callable(_pytest.tmpdir.TempPathFactory.getbasetemp)
    assert hasattr(request.session, "_setupstate")
    assert hasattr(request.config, "_tmp_path_factory")
    assert request.config.pluginmanager.hasplugin("capturemanager")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    assert reporter is None or reporter._tw.fullwidth > 0


def test_another_copy_of_the_course_is_refused(run, pytester, monkeypatch, capsys):
    """In silence the modules of the installed one would be graded, or trained."""
    copy = pytester.path / PLUGIN
    copy.parent.mkdir(parents=True)
    copy.touch()
    pytester.makepyprojecttoml("[tool.pytest.ini_options]")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{pytester.path} is not the copy of the course *{PROJECT}.*"])
    below = pytester.mkdir("lessons")
    for folder in (pytester.path, below):
        monkeypatch.chdir(folder)
        capsys.readouterr()
        refusal = f"{pytester.path} is not the copy of the course"
        for command in ("check 1.1", "hint 1.1", "watch", "train", "predict cell.png"):
            assert main(command.split()) == 2
            assert capsys.readouterr().err.startswith(f"malaria: {refusal}")
        assert lesson.modules_in_words().startswith(refusal)
        with pytest.raises(lesson.NotDone, match=f"^{re.escape(refusal)}"):
            lesson.check("1.1")
    monkeypatch.chdir(pytester.path.parent)
    assert lesson.modules_in_words().startswith("Modules in use")


XDIST = """
def pytest_addoption(parser):
    parser.addoption("--numprocesses", dest="numprocesses", type=int)
    parser.addoption("--dist", default="no")
"""


@pytest.mark.parametrize("option", ["--numprocesses=2", "--dist=load"])
def test_xdist_is_refused(run, pytester, option):
    """It would leave the desk no tests."""
    pytester.makepyfile(imitation=XDIST)
    pytester.syspathinsert()
    result = run(SETTINGS, "-p", "imitation", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*leave out the options of pytest-xdist, such as -n."])
    assert run(SETTINGS, "-p", "imitation", "--numprocesses=0").ret == 0


def test_python_without_assertions_is_refused(run, monkeypatch, capsys):
    """Everything would pass."""
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    result = run(SETTINGS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Python ignores all assertions*"])
    result.stderr.no_fnmatch_line("Traceback*")
    with pytest.raises(ValueError, match="ignores all assertions"):
        optimized(session.graded)
    capsys.readouterr()
    assert optimized(lambda: main(["watch"])) == 2
    assert capsys.readouterr().out == ""  # at once
    with pytest.raises(lesson.NotDone, match=r"^Python ignores all assertions"):
        optimized(lambda: lesson.check("1.1"))


def optimized(function):
    """Call a function as if Python had been started with -O."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            session, "sys", types.SimpleNamespace(flags=types.SimpleNamespace(optimize=1))
        )
        return function()


def test_a_cache_that_cannot_be_written_is_no_fault(run, pytester):
    """The checkout may be another user's."""
    (pytester.path / "cache").write_text("a file where a folder should be", encoding="utf-8")
    result = run(SETTINGS, "-p", "cacheprovider", "-o", f"cache_dir={pytester.path / 'cache'}")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*PytestCacheWarning*")


def in_project(folder, *arguments):
    """A pytest in a folder of the project: its status, what it said."""
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--modules=solutions",
            *arguments,
        ],
        cwd=PROJECT / folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return finished.returncode, finished.stdout


def test_in_a_folder_without_tests_all_exercises_are_meant():
    """In `src/malaria`, where a learner is, "no tests ran" would say little."""
    status, said = in_project("src/malaria", "--collect-only", "-q", "-m", "exercise_1_4")
    assert status == 0
    assert "tests/test_train_test_split.py::" in said
    assert "tests/course" not in said


def test_a_part_of_the_tests_earns_no_points(tmp_path):
    """Chosen by node id or by -k, in words, table and JSON; a whole exercise earns all."""
    file, json_file = "tests/test_train_test_split.py", tmp_path / "verdicts.json"
    tests = in_project(".", "--collect-only", "-q", file, "-m", "exercise_1_4")[1].splitlines()
    tests = [line for line in tests if "::" in line]
    name = tests[0].rpartition("::")[2].partition("[")[0]
    for chosen in ((tests[0],), (file, "-k", name), (file, "--deselect", tests[0])):
        status, said = in_project(".", *chosen, "-m", "exercise_1_4", f"--json={json_file}")
        assert status == 1
        assert f"of its {len(tests)} tests were run; points require all" in " ".join(said.split())
        assert "0/1 points, 1 done so far" in said
        assert "Next: exercise 1.4" in said
        content = json.loads(json_file.read_text(encoding="utf-8"))
        assert content["points"] == 0
        assert content["exercises"][0]["outcome"] == "done so far"
    for chosen in ((*tests,), (file, "-k", "leaked_patients"), (file, "-m", "exercise_1_4")):
        status, said = in_project(".", *chosen, f"--json={json_file}")
        assert status == 0
        assert "1/1" in said


def verdicts(*outcomes):
    """Verdicts on the first exercises of the course."""
    return [
        Verdict(exercise.number, outcome)
        for exercise, outcome in zip(EXERCISES, outcomes, strict=False)
    ]


def test_the_next_exercise_is_the_first_that_is_not_done():
    """Whatever order they were graded in; after the last, what comes then is named."""
    done, wrong = Outcome.DONE, Outcome.WRONG
    assert next_step(verdicts(done, wrong, wrong)[::-1]).startswith("Next: exercise 1.2,")
    assert "malaria progress" in next_step(verdicts(done, done))
    end = " ".join(next_step(verdicts(*[done] * len(EXERCISES))).split())
    assert "`malaria train` trains a classifier with your modules, and lesson 7" in end


@pytest.mark.parametrize("width", [44, 60, 80])
def test_the_score_fits_into_the_terminal(width):
    """In a window beside an editor, too."""
    some = verdicts(*2 * len(EXERCISES) * list(Outcome))
    lines = "\n".join([*table(some, width), next_step(some, width)]).split("\n")
    assert max(map(len, lines)) <= width


def test_the_same_crash_is_told_once():
    """A module that cannot be read concerns all its exercises, however many tests they have."""
    record = Record("test", Outcome.CRASHED, "SyntaxError in cnn_model.py, line 3: invalid syntax")
    crashed = [Verdict.of(f"3.{k}", k * [record]) for k in (1, 2, 3)]
    other = Verdict.of("4.1", [record._replace(sentence="ValueError")])
    assert in_words([*crashed, other], 80) == [
        f"Exercises 3.1, 3.2 and 3.3: crashed.\n  - {record.sentence}",
        "Exercise 4.1, count_traces: crashed.\n  - ValueError",
    ]
    said = list(one_by_one([*crashed, other], 80))
    assert "\n".join(said).count("SyntaxError") == 1
    assert said[1] == "Exercise 3.2, conv2d: crashed, for the same reason as 3.1."


def test_a_missing_module_is_told_once():
    """As any reason that all exercises of a module share; what is only done is not."""
    record = Record("test", Outcome.WRONG, "There is no cnn_model.py.")
    wrong = [Verdict.of(f"3.{k}", [record]) for k in (1, 2)]
    (words,) = in_words(wrong, 80)
    assert words.startswith("Exercises 3.1 and 3.2: wrong.")
    done = [Verdict(f"3.{k}") for k in (1, 2)]
    assert all("done and right" in words for words in one_by_one(done, 80))

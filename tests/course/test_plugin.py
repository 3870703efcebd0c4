"""What ties the grading desk to pytest, hook by hook; in folders that are not the course's."""

import json

import _pytest.capture
import _pytest.runner
import _pytest.tmpdir
import pytest

from malaria import PROJECT

pytest_plugins = ["pytester"]

SETTINGS = f"--config-file={PROJECT / 'pyproject.toml'}"
NO_GRADE = "import pytest\ndef test_passes(): pass\n"


@pytest.fixture
def run(pytester):
    """Run pytest on a file without an exercise, in a process of its own."""
    pytester.makepyfile(NO_GRADE)

    def run(*arguments):
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)

    return run


def test_json_is_written_where_nothing_was_graded(run, pytester):
    """Whoever reads it finds no exercises, in place of no file."""
    assert run("--json=verdicts.json").ret == 0
    content = json.loads((pytester.path / "verdicts.json").read_text(encoding="utf-8"))
    assert (content["exercises"], content["points"]) == ([], 0)


def test_json_is_written_without_a_terminal(run, pytester):
    """It is no part of what is printed."""
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


def test_another_projects_marks_and_header_are_its_own(run):
    """The plugin belongs to every pytest of the environment."""
    result = run("-m", "not exercise_9_9")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("modules in use*")


def test_a_mistyped_mark_is_refused(run):
    """Without a word nothing would be graded."""
    result = run(SETTINGS, "-m", "exercise_1.1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*No exercise has the mark exercise_1.1; *exercise_3_2."])
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


def test_files_that_cannot_be_collected_end_the_run(pytester):
    """As without the plugin: a part of the tests would look like all of them."""
    pytester.makepyfile(test_a=NO_GRADE, test_b="import no_such_module\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
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

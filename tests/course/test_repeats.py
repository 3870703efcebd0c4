"""A verdict is the same every time: over hash seeds and numbers of threads."""

import json
import os
import subprocess
import sys

import pytest

from malaria import PROJECT
from malaria.given.exercises import EXERCISES

REPEATS = 20
GRADE = [sys.executable, "-m", "pytest", "--modules", "solutions", "-p", "no:cacheprovider"]
TRY = [sys.executable, "-m", "tests.try_answers", "--whole", "--one-in", "20"]


def repeated(folder, command):
    """What a command writes as JSON, under another hash seed and number of threads each time."""
    for k in range(REPEATS):
        threads = str((1, 2, 4)[k % 3])
        names = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"
        environment = os.environ | dict.fromkeys(names, threads) | {"PYTHONHASHSEED": str(k)}
        file = folder / f"{k}.json"
        subprocess.run(
            [*command, "--json", str(file)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            check=False,
        )
        yield json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_reference_is_right_every_time(tmp_path):
    """All exercises, without help."""
    for result in repeated(tmp_path, GRADE):
        verdicts = [(one["outcome"], one["stood_in"]) for one in result["exercises"]]
        assert verdicts == [("done", False)] * len(EXERCISES)


@pytest.mark.slow
def test_wrong_answers_fail_the_same_tests_every_time(tmp_path):
    """Some twenty, from all lessons; what failed, and how."""
    found = set()
    for result in repeated(tmp_path, TRY):
        outcomes = [[(test, outcome) for test, outcome, *_ in one["signature"]] for one in result]
        assert len(outcomes) >= 20
        found.add(json.dumps(outcomes))
    assert len(found) == 1

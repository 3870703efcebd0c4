"""Try the wrong and right answers of one module: `python -m tests.try_answers cnn_model [3.2]`.

Each takes the reference's place in turn; then the tests of its exercise are run.
"""

import contextlib
import importlib
import io
import os
import sys
import warnings

os.environ["MALARIA_MODULES"] = "solutions"

import pytest

from tests import answers


class Failures:
    """A pytest plugin that keeps the sentences of the tests that failed."""

    def __init__(self):
        self.sentences = []
        self.passed = 0

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.sentences.append(str(report.longrepr))
        elif report.when == "call":
            self.passed += 1


def grade(module, number):
    """Run the tests of one exercise in this process."""
    failures = Failures()
    arguments = [f"tests/test_{module}.py", "-p", "no:terminal", "-p", "no:cacheprovider"]
    arguments += ["-m", "exercise_" + number.replace(".", "_")]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        pytest.main(arguments, plugins=[failures])
    return failures


def main():
    module_name, numbers = sys.argv[1], sys.argv[2:]
    importlib.import_module(f"tests.answers.{module_name}")
    module = importlib.import_module(f"malaria.{module_name}")
    bad = 0
    for answer in answers.WRONG + answers.RIGHT:
        if numbers and answer.number not in numbers:
            continue
        name = answer.replacement.__name__
        kept = getattr(module, name)
        setattr(module, name, answer.replacement)
        failures = grade(module_name, answer.number)
        setattr(module, name, kept)
        is_wrong = answer in answers.WRONG
        ok = bool(failures.sentences) == is_wrong and (failures.sentences or failures.passed)
        bad += not ok
        mark, kind = "ok " if ok else "BAD", "wrong" if is_wrong else "right"
        print(f"{mark} {kind} {answer.number} {name}: {answer.sentence}")
        for sentence in failures.sentences[: 3 if is_wrong else 9]:
            print("       ", sentence)
    print(f"{bad} bad" if bad else "all as they should be")
    sys.exit(bool(bad))


main()

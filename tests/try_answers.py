"""Put every wrong and right answer in the reference's place and run the tests of its exercise.

    python -m tests.try_answers                    all of them
    python -m tests.try_answers cnn_model 3.2      a module, an exercise
    python -m tests.try_answers --whole            every test, also after the first that rejects
    python -m tests.try_answers --one-in 20        each twentieth of the wrong answers
    python -m tests.try_answers --json FILE        for machines

A wrong answer must be rejected, a right one accepted; what the learner would read is printed.
"""

import argparse
import importlib
import json
import os
import sys
import warnings

import pytest

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.grading import diagnosis
from malaria.given.grading.desk import _run, in_child
from malaria.given.grading.isolation import Child, run_children
from malaria.given.grading.plugin import by_exercise
from malaria.given.grading.standing_in import modules_for
from malaria.given.grading.verdict import DONE
from malaria.given.quiet_start import import_tensorflow
from tests import answers

LIMIT = 60  # seconds for the tests of one answer


class Trial:
    """A pytest plugin that tries answers on the collected tests instead of running them."""

    def __init__(self, numbers, whole, one_in):
        self.numbers, self.whole, self.one_in, self.results = numbers, whole, one_in, []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Try each answer in a process of its own."""
        config, items_of = session.config, by_exercise(session.items)
        session.config._tmp_path_factory.getbasetemp()
        todo = [
            (kind, k, answer)
            for kind, known in (("wrong", answers.WRONG), ("right", answers.RIGHT))
            for k, answer in enumerate(known)
            if answer.number in self.numbers
        ]
        if self.one_in:
            todo = [entry for entry in todo if entry[0] == "wrong"][:: self.one_in]
        waiting = iter(todo)

        def next_child():
            entry = next(waiting, None)
            if entry is None:
                return None
            answer, stop_early = entry[2], entry[0] == "wrong" and not self.whole
            items = items_of[answer.number]
            records = records_of(config, answer, items, stop_early)
            return Child(entry, lambda: in_child(config, records), LIMIT)

        for child in run_children(next_child, os.cpu_count()):
            kind, k, answer = child.key
            records = [record for record in child.ended.records if "test" in record]
            self.results.append(
                {
                    "kind": kind,
                    "place": k,
                    "number": answer.number,
                    "name": answer.replacement.__name__,
                    "sentence": answer.sentence,
                    "end": child.ended.end,
                    "seconds": round(child.ended.seconds, 2),
                    "signature": [[r["test"], r["outcome"], r["sentence"]] for r in records],
                }
            )
        return True


def records_of(config, answer, items, stop_early):
    """Run the tests on an answer within the reference, if asked up to the first that fails."""
    warnings.simplefilter("ignore")  # a right answer may warn; in a process of its own
    with modules_for(answer.number) as module:
        setattr(module, answer.replacement.__name__, answer.replacement)
        for record in _run(config, items):
            yield record
            if stop_early and record["outcome"] != DONE:
                return


def verdict_on(result):
    """ "wrong" if a test failed or never ended, "right" if all passed, otherwise how it ended."""
    if result["end"] == "timed out" or any(o != DONE for _, o, _ in result["signature"]):
        return "wrong"
    return "right" if result["end"] == "finished" else result["end"]


def name_mistakes(results):
    """Add to each wrong answer what a learner would be told who made that mistake."""
    for number in dict.fromkeys(result["number"] for result in results):
        known = [r for r in results if r["number"] == number and r["kind"] == "wrong"]
        known.sort(key=lambda result: result["place"])
        candidates = [(r["sentence"], r["signature"]) for r in known]
        for result in known:
            result["diagnosis"] = diagnosis.find(result["signature"], candidates)


def try_answers(numbers, whole=False, one_in=None):
    """Try the answers to some exercises; a list of dicts, in the order of the course.

    With `whole`, all tests are run on each, and each mistake is held against the others. With
    `one_in`, a sample of the wrong answers is tried.
    """
    import_tensorflow()
    modules = list(dict.fromkeys(BY_NUMBER[number].module for number in numbers))
    for module in modules:
        importlib.import_module(f"tests.answers.{module}")
    trial = Trial(numbers, whole, one_in)
    files = [f"{malaria.PROJECT}/tests/test_{module}.py" for module in modules]
    # --collect-only keeps the grading desk from grading the reference first.
    pytest.main(
        [*files, "--modules=solutions", "--collect-only", "-p", "no:terminal"], plugins=[trial]
    )
    trial.results.sort(key=lambda r: (r["number"], r["kind"] == "right", r["place"]))
    if whole:
        name_mistakes(trial.results)
    return trial.results


def main():
    """Read the command line; exit with 1 if an answer was judged wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.try_answers", description=__doc__)
    parser.add_argument("which", nargs="*", help="modules and numbers of exercises")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--one-in", type=int, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    chosen = [
        exercise.number
        for exercise in EXERCISES
        if not arguments.which or {exercise.number, exercise.module} & set(arguments.which)
    ]
    results = try_answers(chosen, arguments.whole, arguments.one_in)
    misjudged = 0
    for result in results:
        ok = verdict_on(result) == result["kind"]
        misjudged += not ok
        mark = "ok       " if ok else "MISJUDGED"
        print(f"{mark} {result['kind']} {result['number']} {result['name']}: {result['sentence']}")
        for sentence in list(dict.fromkeys(s for _, o, s in result["signature"] if o != DONE))[:3]:
            print(f"            {sentence}")
    print(f"{len(results)} answers, {misjudged} misjudged")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    sys.exit(bool(misjudged))


if __name__ == "__main__":
    main()

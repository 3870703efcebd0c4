"""Put every wrong and right answer in the reference's place and run the tests of its exercise.

    python -m tests.try_answers                    all of them
    python -m tests.try_answers cnn_model 3.2      a module, an exercise
    python -m tests.try_answers --whole            every test, also after the first that rejects
    python -m tests.try_answers --store            all, whole: the learners' diagnosis is made of it
    python -m tests.try_answers --one-in 20        each twentieth of the wrong answers
    python -m tests.try_answers --json FILE        for machines

A wrong answer must be rejected, a right one accepted; what the learner would read is printed.
"""

import argparse
import hashlib
import importlib
import json
import os
import sys
import warnings

import pytest

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.grading import diagnosis
from malaria.given.grading.isolation import Child, run_children
from malaria.given.grading.running import by_exercise, in_child, run_items
from malaria.given.grading.standing_in import modules_for
from malaria.given.grading.verdict import DONE
from malaria.given.system.quiet_start import import_tensorflow
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
        for record in run_items(config, items):
            yield record
            if stop_early and record["outcome"] != DONE:
                return


def verdict_on(result):
    """ "wrong" if a test failed or never ended, "right" if all passed, otherwise how it ended."""
    if result["end"] == "timed out" or any(o != DONE for _, o, _ in result["signature"]):
        return "wrong"
    return "right" if result["end"] == "finished" else result["end"]


def behaviour_of(results):
    """What the tests say about each wrong answer, as `diagnosis.find` reads it."""
    mistakes = {}
    for result in results:
        if result["kind"] == "wrong":
            digests = diagnosis.digests(records_in(result))
            mistakes.setdefault(result["number"], []).append([result["sentence"], *digests])
    return mistakes


def records_in(result):
    """The records of an answer's tests."""
    return [
        dict(zip(("test", "outcome", "sentence"), said, strict=True))
        for said in result["signature"]
    ]


def sources_digest():
    """A digest of all that the behaviour of an answer depends on, but for the libraries."""
    modules = malaria.LESSON_MODULES
    names = [f"tests/{name}.py" for name in ("refusals", "small_models", "oracles", "properties")]
    names += [f"tests/test_{module}.py" for module in modules]
    names += [
        f"{folder}/{module}.py" for folder in ("tests/answers", "solutions") for module in modules
    ]
    names += ["src/malaria/given/grading/verdict.py", "src/malaria/given/grading/diagnosis.py"]
    texts = ((malaria.PROJECT / name).read_text(encoding="utf-8") for name in names)
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:16]


def store(results):
    """Write `behaviour.json`."""
    content = {
        "made by": "python -m tests.try_answers --store",
        "of": sources_digest(),
        "mistakes": behaviour_of(results),
    }
    text = json.dumps(content, indent=0, ensure_ascii=False) + "\n"
    diagnosis.BEHAVIOUR.write_text(text, encoding="utf-8", newline="\n")


def try_answers(numbers, whole=False, one_in=None):
    """Try the answers to some exercises; a list of dicts, in the order of the course.

    With `whole`, all tests are run on each; with `one_in`, a sample of the wrong answers is tried.
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
    return trial.results


def main():
    """Read the command line; exit with 1 if an answer was judged wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.try_answers", description=__doc__)
    parser.add_argument("which", nargs="*", help="modules and numbers of exercises")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--one-in", type=int, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    chosen = [
        exercise.number
        for exercise in EXERCISES
        if not arguments.which or {exercise.number, exercise.module} & set(arguments.which)
    ]
    if arguments.store and (arguments.which or arguments.one_in):
        parser.error("--store takes all answers")
    results = try_answers(chosen, arguments.whole or arguments.store, arguments.one_in)
    misjudged = 0
    for result in results:
        ok = verdict_on(result) == result["kind"]
        misjudged += not ok
        mark = "ok       " if ok else "MISJUDGED"
        print(f"{mark} {result['kind']} {result['number']} {result['name']}: {result['sentence']}")
        for sentence in list(dict.fromkeys(s for _, o, s in result["signature"] if o != DONE))[:3]:
            print(f"            {sentence}")
    print(f"{len(results)} answers, {misjudged} misjudged")
    if arguments.store:
        store(results)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    sys.exit(bool(misjudged))


if __name__ == "__main__":
    main()

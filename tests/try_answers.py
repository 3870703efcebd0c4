"""Put every wrong and right answer in the reference's place and run the tests of its exercise.

    python -m tests.try_answers                    all of them
    python -m tests.try_answers cnn_model 3.2      a module, an exercise
    python -m tests.try_answers --whole            every test, also after the first that rejects
    python -m tests.try_answers --store            those of each module that has changed, whole,
                                                   and the nonsense: the diagnosis is made of it
    python -m tests.try_answers --store cnn_model  those of a module, changed or not
    python -m tests.try_answers --one-in 20        each twentieth of the wrong answers
    python -m tests.try_answers --nonsense         what no exercise should return, in their place
    python -m tests.try_answers --json FILE        for machines

A wrong answer must be rejected, a right one accepted, and no test may stumble over what it gets;
what the learner would read is printed.
"""

import argparse
import ast
import hashlib
import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import malaria
from malaria.given.exercises import BY_NUMBER, EXERCISES
from malaria.given.grading import diagnosis, pytest_internals
from malaria.given.grading.checksum import near
from malaria.given.grading.isolation import Child, End, run_children
from malaria.given.grading.judge import STUMBLED
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.running import LIMIT, Items, in_fork, run_items
from malaria.given.grading.session import QUIET, collected
from malaria.given.grading.standing_in import modules_for
from malaria.given.system.accelerators import hide_accelerators
from malaria.given.system.quiet_start import import_tensorflow
from malaria.given.system.whole import whole_file
from tests import answers
from tests.nonsense import nonsense

SHOWN = 3  # sentences of an answer; a learner is told no more
SHARED_BY_TESTS = ("graded", "oracles", "properties", "received", "refusals", "small_models")
ORDER = {exercise.number: place for place, exercise in enumerate(EXERCISES)}


class Trial(NamedTuple):
    """An answer to be tried.

    Attributes:
        kind: "wrong", "right" or "nonsense".
        place: Its place among those of its kind.
        answer: The answer.
    """

    kind: str
    place: int
    answer: answers.Answer


def trials(
    numbers: Iterable[str], whole: bool = False, one_in: int | None = None, kind: str = ""
) -> list[Trial]:
    """The answers to some exercises; if `whole`, with the reference's; `one_in`: a sample."""
    if kind == "nonsense":
        made = [answer for number in numbers for answer in nonsense(number)]
        return [Trial(kind, place, answer) for place, answer in enumerate(made)][:: one_in or 1]
    chosen = [
        Trial(kind, place, answer)
        for kind, known in (
            ("wrong", answers.WRONG),
            ("right", answers.RIGHT + (references() if whole else [])),
        )
        for place, answer in enumerate(known)
        if answer.number in numbers
    ]
    return [trial for trial in chosen if trial.kind == "wrong"][::one_in] if one_in else chosen


def references() -> list[answers.Answer]:
    """The reference's own answers, which are right as well."""
    return [
        answers.Answer(
            e.number, "The reference's.", getattr(import_module(f"solutions.{e.module}"), e.name)
        )
        for e in EXERCISES
    ]


def try_all(
    config: pytest.Config, items_of: Items, chosen: list[Trial], whole: bool
) -> Iterator[dict[str, Any]]:
    """Try answers, each in a process of its own; yields what came out, as JSON has it."""
    # Made before the first fork, so that all processes share it.
    pytest_internals.temporary_folder(config)
    waiting = iter(chosen)

    def next_child() -> Child | None:
        trial = next(waiting, None)
        if trial is None:
            return None
        items, all_tests = items_of[trial.answer.number], whole or trial.kind == "right"
        if not all_tests:  # a wrong answer meets the test first that is known to reject it soonest
            soonest = diagnosis.rejecting_test(trial.answer.number, trial.answer.sentence)
            items = sorted(items, key=lambda item: item.name != soonest)
        records = records_of(config, trial.answer, items, all_tests)
        return Child(trial, lambda: in_fork(config, records), LIMIT)

    for child in run_children(next_child, os.cpu_count() or 1):
        kind, place, answer = child.key
        failed = [r for r in child.ended.records if r.outcome is not Outcome.DONE]
        yield {
            "kind": kind,
            "place": place,
            "number": answer.number,
            "name": answer.replacement.__name__,
            "sentence": answer.sentence,
            "end": child.ended.end.value,
            "seconds": round(child.ended.seconds, 2),
            "computed": round(child.ended.computed, 2),
            "rejected by": soonest_of(failed, items_of[answer.number]),
            "signature": [
                [r.test, r.outcome.word, r.sentence, r.checksum] for r in child.ended.records
            ],
        }


def soonest_of(failed: list[Record], items: list[pytest.Item]) -> str:
    """Of the tests that reject an answer, the one that does so soonest if it comes first; or ""."""
    # What several tests share is made for the first of them, which is then the one that takes long.
    shared = {item.name: len(item.fixturenames) for item in items}
    cost = {record.test: (shared[record.test], record.seconds) for record in failed}
    return min(cost, key=cost.__getitem__, default="")


def records_of(
    config: pytest.Config, answer: answers.Answer, items: list[pytest.Item], whole: bool
) -> Iterator[Record]:
    """Run the tests on an answer within the reference, unless `whole` up to the first to fail."""
    warnings.simplefilter("ignore")  # a right answer may warn; in a process of its own
    with modules_for(answer.number) as module:
        setattr(module, answer.replacement.__name__, answer.replacement)
        for record in run_items(config, items):
            yield record
            if record.outcome is not Outcome.DONE and not whole:
                return


def records_in(result: dict[str, Any]) -> list[Record]:
    """The records of an answer's tests."""
    return [
        Record(test, Outcome(outcome), sentence, checksum=checksum)
        for test, outcome, sentence, checksum in result["signature"]
    ]


def verdict_on(result: dict[str, Any]) -> str:
    """The kind: "wrong" if a test failed or never ended, "right" if all passed; or how it ended."""
    end = End(result["end"])
    failed = any(record.outcome is not Outcome.DONE for record in records_in(result))
    if failed or not end.in_time:
        return "wrong"
    return "right" if end is End.FINISHED else end.value


def rightly_judged(result: dict[str, Any]) -> bool:
    """Whether an answer was judged as its kind should be, and no test stumbled over it.

    Some nonsense is another form of the right thing: it may pass.
    """
    stumbled = any(STUMBLED in record.sentence for record in records_in(result))
    return not stumbled and result["kind"] in ("nonsense", verdict_on(result))


def drawn_tests(results: Iterable[dict[str, Any]]) -> list[str]:
    """The tests in which the right answers to an exercise differ in what they return."""
    checksums = [{r.test: r.checksum for r in records_in(one)} for one in results]
    return [t for t in checksums[0] if any(not near(c[t], checksums[0][t]) for c in checksums)]


def by_number(results: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The results of each exercise."""
    results_of: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        results_of.setdefault(result["number"], []).append(result)
    return results_of


def known_of(number: str, results: Iterable[dict[str, Any]]) -> diagnosis.Known:
    """What is known of an exercise, of which these are all the results."""
    right = [result for result in results if result["kind"] == "right"]
    wrong = [result for result in results if result["kind"] == "wrong"]
    drawn = drawn_tests(right)
    mistakes = []
    for result in wrong:
        records, sentence = records_in(result), result["sentence"]
        failed = [record.test for record in records if record.outcome is not Outcome.DONE]
        # What is stored already stays while it is true: seconds differ from run to run.
        before = diagnosis.rejecting_test(number, sentence)
        soonest = before if before in failed else result["rejected by"]
        behaviour = diagnosis.Behaviour.of(records, drawn)
        mistakes.append(diagnosis.Mistake(sentence, soonest, behaviour))
    return diagnosis.Known(drawn, mistakes)


def sources_digest(module: str) -> str:
    """A digest of what a module's answers and nonsense depend on, but for libraries.

    Docstrings and comments are none of it, so that a lesson's words can be changed alone. A module
    may import those before it, and nothing that comes later in the course.
    """
    up_to_it = malaria.LESSON_MODULES[: malaria.LESSON_MODULES.index(module) + 1]
    grading = Path(diagnosis.__file__).parent
    files = [
        *(malaria.TESTS / f"{k}.py" for k in (*SHARED_BY_TESTS, "nonsense")),
        *(malaria.TESTS / folder for folder in (f"test_{module}.py", f"answers/{module}.py")),
        *(malaria.REFERENCE / f"{name}.py" for name in up_to_it),
        *(grading / f"{name}.py" for name in ("judge", "checksum", "diagnosis")),
    ]
    code = "".join(code_of(file.read_text(encoding="utf-8")) for file in files)
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def outdated() -> list[str]:
    """The modules of which something else is stored than their answers would do now."""
    of = stored()["of"]
    return [name for name in malaria.LESSON_MODULES if of.get(name) != sources_digest(name)]


def stored() -> dict[str, Any]:
    """The content of `behaviour.json`."""
    return json.loads(diagnosis.BEHAVIOUR.read_text(encoding="utf-8"))


def code_of(source: str) -> str:
    """What Python makes of a module's text, which docstrings and comments do not change."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node):
            del node.body[0]
    return ast.dump(tree)


def store(modules: Iterable[str], results: list[dict[str, Any]]) -> None:
    """Write what came out of some modules into `behaviour.json`."""
    before = stored()
    known = {number: known_of(number, of)._asdict() for number, of in by_number(results).items()}
    content = {
        "made by": "python -m tests.try_answers --store",
        "of": before["of"] | {name: sources_digest(name) for name in modules},
        "exercises": {
            exercise.number: known.get(exercise.number) or before["exercises"][exercise.number]
            for exercise in EXERCISES
        },
    }
    with whole_file(diagnosis.BEHAVIOUR) as unfinished:
        text = json.dumps(content, ensure_ascii=False) + "\n"
        text = text.replace('], ["', '],\n["')  # a line for each mistake
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def try_answers(
    numbers: list[str], whole: bool = False, one_in: int | None = None, kind: str = ""
) -> list[dict[str, Any]]:
    """Try the answers to some exercises; what came out, in the order of the course.

    With `whole`, all tests are run on each; with `one_in`, a sample of the wrong answers is tried;
    with the kind "nonsense", that is tried in their place.
    """
    hide_accelerators()
    import_tensorflow()
    modules = list(dict.fromkeys(BY_NUMBER[number].module for number in numbers))
    for module in modules:
        import_module(f"tests.answers.{module}")
    chosen = trials(numbers, whole, one_in, kind)
    results: list[dict[str, Any]] = []
    collected(
        [*QUIET, "--modules=solutions", *(f"{malaria.TESTS}/test_{name}.py" for name in modules)],
        lambda config, items_of: results.extend(try_all(config, items_of, chosen, whole)),
    )
    return sorted(results, key=lambda r: (ORDER[r["number"]], r["kind"] == "right", r["place"]))


def main() -> None:
    """Read the command line; exit with 1 if an answer was judged wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.try_answers", description=__doc__)
    parser.add_argument("which", nargs="*", help="modules and numbers of exercises")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--nonsense", action="store_true")
    parser.add_argument("--one-in", type=int, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    which = arguments.which or (outdated() if arguments.store else malaria.LESSON_MODULES)
    part = not set(which) <= set(malaria.LESSON_MODULES)
    if arguments.store and (part or arguments.one_in or arguments.nonsense):
        parser.error("--store takes all answers of a module")
    if not which:
        print("What is stored is of these answers, these tests and this reference.")
        return
    chosen = [e.number for e in EXERCISES if {e.number, e.module} & set(which)]
    whole = arguments.whole or arguments.store
    kind = "nonsense" if arguments.nonsense else ""
    results = try_answers(chosen, whole, arguments.one_in, kind)
    if arguments.store:
        results += try_answers(chosen, kind="nonsense")
    misjudged = 0
    for result in results:
        ok = rightly_judged(result)
        misjudged += not ok
        mark = "ok       " if ok else "MISJUDGED"
        print(f"{mark} {result['kind']} {result['number']} {result['name']}: {result['sentence']}")
        failed = [r.sentence for r in records_in(result) if r.outcome is not Outcome.DONE]
        for sentence in list(dict.fromkeys(failed))[:SHOWN]:
            print(f"            {sentence}")
    print(f"{len(results)} answers, {misjudged} misjudged")
    if arguments.store and not misjudged:
        store(which, results)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    sys.exit(bool(misjudged))


if __name__ == "__main__":
    main()

"""Try every bug hunt: its check must pass, and the test that is named must reject it.

    python -m tests.try_hunts              all of them
    python -m tests.try_hunts 3.4 2.6/2    some
    python -m tests.try_hunts --repairs    their repairs: the check and all tests must pass
    python -m tests.try_hunts --json FILE  for machines

What the check prints and what the test says is printed.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import malaria
from malaria.given.grading import pytest_internals
from malaria.given.grading.isolation import Child, run_children
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.running import LIMIT, Items, in_fork, run_items
from malaria.given.grading.session import QUIET, collected
from malaria.given.grading.standing_in import modules_for
from malaria.given.hunts import Hunt, answer_to
from malaria.given.hunts.hunt import hunts, repaired
from malaria.given.hunts.in_place import in_place, run_check
from malaria.given.system.accelerators import hide_accelerators
from malaria.given.system.quiet_start import import_tensorflow

CHECK = "the check"  # stands for a test's name in the record of it


def try_all(
    config: pytest.Config, items_of: Items, chosen: list[Hunt], repairs: bool
) -> Iterator[dict[str, Any]]:
    """Try hunts, each in a process of its own; yields what came out, as JSON has it."""
    pytest_internals.temporary_folder(config)  # made before the first fork: all share it
    waiting = iter(chosen)

    def next_child() -> Child | None:
        hunt = next(waiting, None)
        if hunt is None:
            return None
        items = items_of[hunt.exercise.number]
        if not repairs:
            items = [item for item in items if answer_to(hunt).test in item.name]
        records = records_of(config, hunt, items, repaired(hunt) if repairs else hunt.code)
        return Child(hunt, lambda: in_fork(config, records), LIMIT)

    for child in run_children(next_child, os.cpu_count() or 1):
        yield {
            "hunt": child.key.name,
            "end": child.ended.end.value,
            "seconds": round(child.ended.computed, 2),
            "records": [[r.test, r.outcome.word, r.sentence] for r in child.ended.records],
            "printed": "".join(r.printed for r in child.ended.records if r.test == CHECK),
        }


def records_of(
    config: pytest.Config, hunt: Hunt, items: list[pytest.Item], code: str
) -> Iterator[Record]:
    """Run a hunt's check and some tests on a code."""
    warnings.simplefilter("ignore")  # in a process of its own
    with in_place(hunt, code) as folder:
        malaria.use_modules(str(folder))
        with modules_for(hunt.exercise.number):
            yield record_of_check(hunt)
            yield from run_items(config, items)


def record_of_check(hunt: Hunt) -> Record:
    """Run a hunt's check on the modules in use."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            run_check(hunt.exercise.module, hunt.check)
    except Exception as error:
        return Record(CHECK, Outcome.WRONG, f"{type(error).__name__}: {error}", printed.getvalue())
    return Record(CHECK, Outcome.DONE, printed=printed.getvalue())


def is_sound(result: dict[str, Any], repairs: bool) -> bool:
    """Whether a hunt does what it must: the check passes, the test rejects; a repair passes all."""
    (_, check, _), *tests = result["records"] or [["", "", ""]]
    outcomes = {outcome for _, outcome, _ in tests}
    if check != Outcome.DONE.word or not tests:
        return False
    return outcomes == {Outcome.DONE.word} if repairs else Outcome.WRONG.word in outcomes


def try_hunts(chosen: list[Hunt], repairs: bool = False) -> list[dict[str, Any]]:
    """Try some hunts, or their repairs; what came out, in their order."""
    hide_accelerators()
    import_tensorflow()
    results: list[dict[str, Any]] = []
    modules = dict.fromkeys(hunt.exercise.module for hunt in chosen)
    collected(
        [*QUIET, "--modules=solutions", *(f"{malaria.TESTS}/test_{name}.py" for name in modules)],
        lambda config, items_of: results.extend(try_all(config, items_of, chosen, repairs)),
    )
    names = [hunt.name for hunt in chosen]
    return sorted(results, key=lambda result: names.index(result["hunt"]))


def main() -> None:
    """Read the command line; exit with 1 if a hunt is not sound."""
    parser = argparse.ArgumentParser(prog="python -m tests.try_hunts", description=__doc__)
    parser.add_argument("which", nargs="*", help="names of hunts, or numbers of exercises")
    parser.add_argument("--repairs", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    which = set(arguments.which)
    chosen = [h for h in hunts() if not which or which & {h.name, h.exercise.number}]
    results = try_hunts(chosen, arguments.repairs)
    unsound = [r["hunt"] for r in results if not is_sound(r, arguments.repairs)]
    for result in results:
        mark = "UNSOUND" if result["hunt"] in unsound else "ok     "
        print(f"{mark} {result['hunt']} ({result['seconds']} s)")
        for line in result["printed"].splitlines():
            print(f"            {line}")
        for test, outcome, sentence in result["records"]:
            if sentence:
                print(f"        {test}: {outcome}: {sentence}")
    print(f"{len(results)} hunts, {len(unsound)} unsound")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    sys.exit(bool(unsound))


if __name__ == "__main__":
    main()

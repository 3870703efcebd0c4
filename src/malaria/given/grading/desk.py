"""Grades exercises: each by its tests, if need be with help; names the mistake if it is known."""

import os
import time
from collections import deque
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from malaria import LESSON_MODULES
from malaria.given.exercises import BY_NUMBER
from malaria.given.grading import diagnosis
from malaria.given.grading.isolation import Child, Ended, run_children
from malaria.given.grading.running import Job, in_child, run_tests
from malaria.given.grading.standing_in import MODULES, NAMES, OWN
from malaria.given.grading.verdict import CRASHED, DONE, NOT_STARTED, TIMED_OUT, WRONG, Verdict
from malaria.given.grading.worker import Worker

FORK, WORKER, HERE = "fork", "worker", "here"
LIMIT = 60.0  # seconds for the tests of one exercise; the slowest of the reference takes about 6


def grade_exercise(number, items, limit=LIMIT):
    """Grade one exercise, step by step.

    An exercise is right if its tests pass among the learner's own exercises, or with the
    reference's in their places.

    Args:
        number: The exercise.
        items: Its tests.
        limit: Seconds for one run of them.

    Yields:
        A `Job` to do; must be sent its `Ended`.

    Returns:
        `(verdict, records)`: a `Verdict`, and what became of each test.
    """
    seconds, tried = 0.0, {}
    for how in (OWN, NAMES, MODULES):
        ended = yield Job(number, how, limit)
        seconds += ended.seconds
        records = complete(ended, items, limit)
        verdict = Verdict(number, stood_in=how != OWN)
        # Only the first few sentences are shown, and what crashed explains a crash.
        for record in sorted(records, key=lambda record: record["outcome"] != CRASHED):
            verdict.add(record["test"], record["outcome"], record["sentence"])
        tried[how] = verdict, records
        if verdict.outcome in (DONE, NOT_STARTED) or (how != OWN and verdict.outcome == WRONG):
            break
        if verdict.outcome == TIMED_OUT and how == OWN:
            limit /= 3  # with the reference around it, what is right is quick
    else:
        # Among the learner's own modules, all else being right, it failed by itself. What it lacks
        # among the reference's modules, such as a helper in another one, is no fault.
        verdict, records = tried[OWN if tried[NAMES][0].outcome == TIMED_OUT else NAMES]
    if verdict.outcome in (WRONG, CRASHED):
        verdict.diagnosis = diagnosis.find(number, records)
    verdict.printed = "\n".join(r["printed"] for r in records if r["outcome"] != DONE)
    verdict.seconds = round(seconds, 2)
    return verdict, records


def complete(ended, items, limit):
    """The records of all tests: also of those that a process did not live to report."""
    records = [record for record in ended.records if "test" in record]
    if ended.end == "timed out":
        place = learners_place(ended.records)
        outcome, sentence = TIMED_OUT, f"still at work{place} after {limit:.0f} seconds"
    elif ended.end == "died":
        outcome, sentence = CRASHED, "the process ended in the middle of a test"
    elif records and records[-1]["same_for_all"]:
        outcome, sentence = records[-1]["outcome"], records[-1]["sentence"]
    else:
        outcome, sentence = CRASHED, "the test did not end"
    missing = {"outcome": outcome, "sentence": sentence, "printed": "", "seconds": 0.0}
    reported = {record["test"]: record for record in records}
    tests = [item.nodeid.rpartition("::")[2] for item in items]
    return [reported.get(test, {"test": test} | missing) for test in tests]


def learners_place(records):
    """` in FILE, line N` of the learner's, if the process said where it was."""
    for record in records:
        for file, line in record.get("stack", ()):
            if Path(file).stem in LESSON_MODULES:
                return f" in {Path(file).name}, line {line}"
    return ""


def grade_all(config, items_of, limit=LIMIT, where=FORK):
    """Grade exercises.

    Args:
        config: pytest's.
        items_of: A dict from an exercise's number to its tests.
        limit: Seconds for one run of an exercise's tests.
        where: `FORK`, in a process for each run, some at a time; `WORKER`, in one other process,
            which is replaced when it had to be killed; `HERE`, in this one, where nothing is
            killed.

    Yields:
        `(verdict, records)` of each exercise, in the order of `items_of`.
    """
    steps = {number: grade_exercise(number, items, limit) for number, items in items_of.items()}
    if where == FORK:
        yield from _grade_in_forks(config, items_of, steps)
        return
    if where == WORKER:
        invocation = config.invocation_params
        worker = Worker(invocation.args, invocation.dir)
        do = worker.do
    else:
        worker = nullcontext()
        do = partial(_do_here, config, items_of)
    with worker:
        for step in steps.values():
            job = next(step)
            while job is not None:
                try:
                    job = step.send(do(job))
                except StopIteration as stop:
                    job = None
                    yield stop.value


def _do_here(config, items_of, job):
    start = time.monotonic()
    records = list(run_tests(config, items_of, job))
    return Ended(records, "finished", time.monotonic() - start)


def _grade_in_forks(config, items_of, steps):
    # Made before the first fork, so that all processes share one folder for temporary files.
    config._tmp_path_factory.getbasetemp()
    # Lesson by lesson, so that verdicts come soon; in a lesson the longest first, so that none of
    # the processors waits for the last.
    longest_first = sorted(steps, key=lambda n: (n.partition(".")[0], -BY_NUMBER[n].minutes))
    waiting = deque((number, next(steps[number])) for number in longest_first)

    def next_child():
        if not waiting:
            return None
        number, job = waiting.popleft()
        return Child(number, lambda: in_child(config, run_tests(config, items_of, job)), job.limit)

    graded, order = {}, deque(steps)
    for child in run_children(next_child, min(os.cpu_count() or 1, 4)):
        try:
            waiting.appendleft((child.key, steps[child.key].send(child.ended)))
        except StopIteration as stop:
            graded[child.key] = stop.value
        while order and order[0] in graded:
            yield graded.pop(order.popleft())

"""Grades exercises: each by its tests, if need be with help; names the mistake if it is known."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import malaria
from malaria import LESSON_MODULES
from malaria.given.exercises import BY_NUMBER
from malaria.given.exercises.parts import hole_above_code
from malaria.given.exercises.source import read_source
from malaria.given.grading import diagnosis, pytest_internals
from malaria.given.grading.isolation import Child, End, Ended, longest_wait, run_children
from malaria.given.grading.messages import Stack
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.running import LIMIT, Items, Job, in_fork, names_of, run_tests
from malaria.given.grading.standing_in import Neighbours
from malaria.given.grading.verdict import Verdict
from malaria.given.grading.worker import Worker

# Processes at a time, where there are processors for them. Each takes 100 to 150 MB of its own, and
# many learners may share one server.
MOST_AT_ONCE = 4


class Where(Enum):
    """Where the tests run."""

    FORK = "in a process for each run, some at a time"
    WORKER = "in one other process, which is replaced when it had to be killed"
    HERE = "in this process, where nothing is killed"


class Graded(NamedTuple):
    """The verdict on an exercise, and what became of each of its tests."""

    verdict: Verdict
    records: list[Record]


Steps = Generator[Job, Ended, Graded]


def grade_exercise(number: str, tests: list[str], limit: float = LIMIT) -> Steps:
    """Grade one exercise, step by step.

    An exercise is right if its tests pass among the learner's own exercises, or with the
    reference's in their places.

    Args:
        number: The exercise.
        tests: The names of its tests.
        limit: CPU seconds for one run of them.

    Yields:
        A `Job` to do; must be sent its `Ended`.
    """
    tried: dict[Neighbours, Graded] = {}
    seconds = 0.0
    to_try = list(Neighbours)
    while to_try:
        others = to_try.pop(0)
        ended = yield Job(number, others, limit)
        seconds += ended.seconds
        records = complete(ended, tests, limit)
        verdict = Verdict.of(number, records, stood_in=others is not Neighbours.OWN)
        tried[others] = Graded(verdict, records)
        if is_settled(verdict):
            break
        if verdict.outcome is Outcome.TIMED_OUT:
            # What takes too long even without the learner's other code need not be tried with it.
            own = others is Neighbours.OWN
            to_try = [Neighbours.REFERENCE, Neighbours.NAMED] if own else []
    verdict, records = chosen(tried)
    if verdict.outcome in (Outcome.WRONG, Outcome.CRASHED):
        verdict.diagnosis = diagnosis.find(number, records)
    if verdict.outcome is Outcome.NOT_STARTED and (cause := left_in_place(number)):
        verdict.outcome, verdict.findings = Outcome.WRONG, [(records[0].test, cause)]
    verdict.seconds = round(seconds, 2)
    return Graded(verdict, records)


def left_in_place(number: str) -> str:
    """A sentence about the stub's `raise`, if it still stands above the learner's code; or ""."""
    module = BY_NUMBER[number].module
    try:
        line = hole_above_code(read_source(malaria.modules_in_use / f"{module}.py").text, number)
    except (OSError, SyntaxError):  # the tests have said so
        return ""
    if line is None:
        return ""
    return (
        f"The stub's `raise NotImplementedError` is still there, in line {line} of {module}.py: the"
        " code below it never runs."
    )


def is_settled(verdict: Verdict) -> bool:
    """Whether more help cannot change a verdict.

    What is right or unwritten stays so. What is wrong beside the learner's own exercises may be
    their fault; beside the reference's it is its own.
    """
    if verdict.outcome is Outcome.WRONG:
        return verdict.stood_in
    return verdict.outcome in (Outcome.DONE, Outcome.NOT_STARTED)


def chosen(tried: dict[Neighbours, Graded]) -> Graded:
    """The run that counts: the one that settled the matter, and if none has, the fairest.

    That is the one on the learner's own modules with all else in them right: there the exercise
    failed by itself. Among the reference's modules it may lack what is not its fault, such as a
    helper in another module.
    """
    last = list(tried.values())[-1]
    if is_settled(last.verdict):
        return last
    return tried.get(Neighbours.NAMED, tried[Neighbours.OWN])


def complete(ended: Ended, tests: list[str], limit: float) -> list[Record]:
    """The records of all tests: also of those that a process did not live to report."""
    records = ended.records
    reported = {record.test: record for record in records}
    if not ended.end.in_time:
        at_work = next((test for test in tests if test not in reported), "")
        place = learners_place(ended.stacks) or at_work
        missing = Outcome.TIMED_OUT, f"still running in {place} after {time_of(ended.end, limit)}"
    elif ended.end is End.DIED:
        missing = Outcome.CRASHED, "the process ended in the middle of a test"
    elif records and records[-1].same_for_all:
        missing = records[-1].outcome, records[-1].sentence
    else:
        missing = Outcome.CRASHED, "the test did not end"
    return [reported.get(test, Record(test, *missing)) for test in tests]


def time_of(end: End, limit: float) -> str:
    """The time that was over, in words."""
    if end is End.WAITED:
        return f"{longest_wait(limit):.0f} seconds: is it waiting for something?"
    return f"{limit:g} seconds of CPU time"


def learners_place(stacks: Sequence[Stack]) -> str:
    """`FILE, line N` of the learner's where the code was last seen, or "" if it never was there."""
    for stack in reversed(stacks):
        for file, line in stack.places:
            if Path(file).stem in LESSON_MODULES:
                return f"{Path(file).name}, line {line}"
    return ""


def grade_all(
    config: pytest.Config, items_of: Items, limit: float = LIMIT, where: Where = Where.FORK
) -> Iterator[Graded]:
    """Grade exercises.

    Args:
        config: pytest's.
        items_of: The tests of each exercise.
        limit: CPU seconds for one run of an exercise's tests.
        where: Where they run.

    Yields:
        Each exercise's `Graded`, in the order of `items_of`.
    """
    steps_of = {
        number: grade_exercise(number, tests, limit) for number, tests in names_of(items_of).items()
    }
    if where is Where.FORK:
        yield from _grade_in_forks(config, items_of, steps_of)
    elif where is Where.WORKER:
        invocation = config.invocation_params
        with Worker([str(argument) for argument in invocation.args], invocation.dir) as worker:
            yield from _grade_one_by_one(steps_of, worker.do)
    else:
        yield from _grade_one_by_one(steps_of, partial(_do_here, config, items_of))


def grade_in(worker: Worker, number: str, limit: float = LIMIT) -> Verdict:
    """The verdict on an exercise whose tests a worker has; it may go on to the next."""
    steps_of = {number: grade_exercise(number, worker.tests_of(number), limit)}
    return next(_grade_one_by_one(steps_of, worker.do)).verdict


def _next(steps: Steps, ended: Ended | None = None) -> Job | Graded:
    """The next job for an exercise, or what has come out of it."""
    try:
        return next(steps) if ended is None else steps.send(ended)
    except StopIteration as stop:
        return stop.value


def _grade_one_by_one(steps_of: dict[str, Steps], do: Callable[[Job], Ended]) -> Iterator[Graded]:
    for steps in steps_of.values():
        result = _next(steps)
        while isinstance(result, Job):
            result = _next(steps, do(result))
        yield result


def _do_here(config: pytest.Config, items_of: Items, job: Job) -> Ended:
    start = time.monotonic()
    records = list(run_tests(config, items_of, job))
    return Ended(records, End.FINISHED, time.monotonic() - start)


def _grade_in_forks(
    config: pytest.Config, items_of: Items, steps_of: dict[str, Steps]
) -> Iterator[Graded]:
    # Made before the first fork, so that all processes share it.
    pytest_internals.temporary_folder(config)
    waiting = deque((number, _next(steps_of[number])) for number in sorted(steps_of, key=_urgency))

    def next_child() -> Child | None:
        if not waiting:
            return None
        number, job = waiting.popleft()
        return Child(number, lambda: in_fork(config, run_tests(config, items_of, job)), job.limit)

    graded, order = {}, deque(steps_of)
    for child in run_children(next_child, min(os.cpu_count() or 1, MOST_AT_ONCE)):
        result = _next(steps_of[child.key], child.ended)
        if isinstance(result, Job):
            waiting.appendleft((child.key, result))
        else:
            graded[child.key] = result
        while order and order[0] in graded:
            yield graded.pop(order.popleft())


def _urgency(number: str) -> tuple[int, int]:
    """Lesson by lesson, so that verdicts come soon; in a lesson the longest first.

    So none of the processors waits for the last.
    """
    exercise = BY_NUMBER[number]
    return LESSON_MODULES.index(exercise.module), -exercise.minutes

"""Grades exercises: each by its tests, if need be with help; names the mistake if it is known."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from malaria import LESSON_MODULES
from malaria.given.exercises import BY_NUMBER
from malaria.given.grading import diagnosis, pytest_internals
from malaria.given.grading.isolation import Child, End, Ended, run_children
from malaria.given.grading.messages import Stack
from malaria.given.grading.outcome import Outcome, Record
from malaria.given.grading.running import LIMIT, Items, Job, in_fork, run_tests
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


def grade_exercise(number: str, items: list[pytest.Item], limit: float = LIMIT) -> Steps:
    """Grade one exercise, step by step.

    An exercise is right if its tests pass among the learner's own exercises, or with the
    reference's in their places.

    Args:
        number: The exercise.
        items: Its tests.
        limit: Seconds for one run of them.

    Yields:
        A `Job` to do; must be sent its `Ended`.
    """
    tried: dict[Neighbours, Graded] = {}
    seconds = 0.0
    for others in Neighbours:
        ended = yield Job(number, others, limit)
        seconds += ended.seconds
        records = complete(ended, items, limit)
        verdict = Verdict.of(number, records, stood_in=others is not Neighbours.OWN)
        tried[others] = Graded(verdict, records)
        if is_settled(verdict):
            break
        if others is Neighbours.OWN and verdict.outcome is Outcome.TIMED_OUT:
            limit /= 3  # with the reference around it, what is right is quick
    verdict, records = chosen(tried)
    if verdict.outcome in (Outcome.WRONG, Outcome.CRASHED):
        verdict.diagnosis = diagnosis.find(number, records)
    verdict.seconds = round(seconds, 2)
    return Graded(verdict, records)


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
    helper in another module. But a time-out there came after a part of the time, so that then the
    first run has more to say.
    """
    last = list(tried.values())[-1]
    if is_settled(last.verdict):
        return last
    fairest = tried[Neighbours.NAMED]
    return tried[Neighbours.OWN] if fairest.verdict.outcome is Outcome.TIMED_OUT else fairest


def complete(ended: Ended, items: list[pytest.Item], limit: float) -> list[Record]:
    """The records of all tests: also of those that a process did not live to report."""
    records = ended.records
    if ended.end is End.TIMED_OUT:
        place = learners_place(ended.stack)
        missing = Outcome.TIMED_OUT, f"still at work{place} after {limit:.0f} seconds"
    elif ended.end is End.DIED:
        missing = Outcome.CRASHED, "the process ended in the middle of a test"
    elif records and records[-1].same_for_all:
        missing = records[-1].outcome, records[-1].sentence
    else:
        missing = Outcome.CRASHED, "the test did not end"
    reported = {record.test: record for record in records}
    tests = [item.nodeid.rpartition("::")[2] for item in items]
    return [reported.get(test, Record(test, *missing)) for test in tests]


def learners_place(stack: Stack | None) -> str:
    """` in FILE, line N` of the learner's, if the process said where it was."""
    for file, line in stack.places if stack else ():
        if Path(file).stem in LESSON_MODULES:
            return f" in {Path(file).name}, line {line}"
    return ""


def grade_all(
    config: pytest.Config, items_of: Items, limit: float = LIMIT, where: Where = Where.FORK
) -> Iterator[Graded]:
    """Grade exercises.

    Args:
        config: pytest's.
        items_of: The tests of each exercise.
        limit: Seconds for one run of an exercise's tests.
        where: Where they run.

    Yields:
        Each exercise's `Graded`, in the order of `items_of`.
    """
    steps_of = {number: grade_exercise(number, items, limit) for number, items in items_of.items()}
    if where is Where.FORK:
        yield from _grade_in_forks(config, items_of, steps_of)
    elif where is Where.WORKER:
        invocation = config.invocation_params
        with Worker([str(argument) for argument in invocation.args], invocation.dir) as worker:
            yield from _grade_one_by_one(steps_of, worker.do)
    else:
        yield from _grade_one_by_one(steps_of, partial(_do_here, config, items_of))


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

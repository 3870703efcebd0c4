"""What a process that grades tells the desk, as lines of JSON.

A learner's code runs in that process and can write whatever it likes to wherever it likes. So
nothing that comes is unpickled, and what is not a message is refused, however it is wrong.
"""

import json
from types import FrameType
from typing import NamedTuple

from malaria.given.grading.outcome import Outcome, Record

# Bytes from one process. The tests of one exercise say some kilobytes; more than this is not ours,
# and must not fill the desk's memory.
LARGEST_ACCOUNT = 8 * 2**20


class Stack(NamedTuple):
    """Where code is: file and line of a frame and of those that called it, the innermost first."""

    places: list[tuple[str, int]]

    @classmethod
    def of(cls, frame: FrameType | None) -> "Stack":
        """The stack above which nothing is called."""
        places = []
        while frame is not None:
            places.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        return cls(places)


class Names(NamedTuple):
    """The names of the tests of each exercise, by its number."""

    of: dict[str, list[str]]


class OutOfTime(NamedTuple):
    """The process has computed for longer than it may."""


class Finished(NamedTuple):
    """All is done: nothing will follow.

    Attributes:
        clean: Whether the process can do another job: nothing goes on in it.
    """

    clean: bool = True


Message = Record | Stack | Names | OutOfTime | Finished


def encode(message: Message) -> bytes:
    """A message as a line."""
    content = {type(message).__name__: message}
    return json.dumps(content, default=lambda outcome: outcome.value).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message in a line.

    Raises:
        ValueError: It is not a message.
    """
    try:
        ((kind, fields),) = json.loads(line).items()
        if kind == "Record":
            test, outcome, sentence, printed, seconds, same_for_all, checksum = fields
            words = str(test), Outcome(outcome), str(sentence), str(printed)
            return Record(*words, float(seconds), bool(same_for_all), float(checksum))
        if kind == "Stack":
            return Stack([(str(file), int(line)) for file, line in fields[0]])
        if kind == "Names":
            return Names({str(n): [str(name) for name in names] for n, names in fields[0].items()})
        if kind == "OutOfTime":
            return OutOfTime()
        if kind == "Finished":
            return Finished(bool(fields[0]))
    except Exception as error:  # half a line, a number, ten thousand brackets: all may come
        raise ValueError("not a message") from error
    raise ValueError("not a message")


class Account:
    """What a process has told so far.

    Attributes:
        records: Of its tests, in the order in which they ended.
        stacks: Where the code was as its time ran out, the latest last.
        tests: The names of the tests of each exercise, if it was asked for them.
        out_of_time: Whether it has said that its time is over.
        finished: Whether it has said that all is done.
        clean: Whether it can do another job then.
    """

    def __init__(self) -> None:
        """Nothing has been told."""
        self.records: list[Record] = []
        self.stacks: list[Stack] = []
        self.tests: dict[str, list[str]] = {}
        self.out_of_time = False
        self.finished = False
        self.clean = False
        self._size = 0

    def add(self, line: bytes) -> None:
        """Take in a line.

        Raises:
            ValueError: It is not a message, or it is one too many.
        """
        self._size += len(line)
        if self._size > LARGEST_ACCOUNT:
            raise ValueError("more than there can be to say")
        match decode(line):
            case Record() as record:
                self.records.append(record)
            case Stack() as stack:
                self.stacks.append(stack)
            case Names(of):
                self.tests = of
            case OutOfTime():
                self.out_of_time = True
            case Finished(clean):
                self.finished, self.clean = True, clean

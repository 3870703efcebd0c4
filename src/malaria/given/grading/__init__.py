"""The grading desk: how the tests of an exercise become a verdict.

plugin.py            ties it to pytest: the options, the marks, the score at the end
session.py           starts such a pytest from Python, for notebooks and commands
desk.py              grades exercises, each by its tests, if need be with help
worker.py            one other process that does its jobs: in a notebook, and without fork
isolation.py         a process for each exercise, which can be killed
messages.py          what such a process tells the desk
running.py           runs the tests of an exercise, one after the other
standing_in.py       the reference in place of a learner's other exercises
judge.py             what a test raised, in a word and a sentence
nearest_name.py      the name most like one that is missing
outcome.py           the outcomes, and the record of a test
verdict.py           the verdict on an exercise, and its words
checksum.py          what came back in a test, as one number
diagnosis.py         which known mistake behaves like a wrong answer
behaviour.json       how each of them behaves; `make behaviour` stores it
scoreboard.py        the table, the next exercise, the JSON
pytest_internals.py  what pytest does not promise to keep
"""

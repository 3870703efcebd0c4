"""The grading desk: how the tests of an exercise become a verdict.

    verdict.py      one test's end, in a word and a sentence; one exercise's verdict
    standing_in.py  the reference in place of a learner's other exercises
    isolation.py    a process for each exercise, which can be killed
    diagnosis.py    which known mistake behaves like a wrong answer
    score.py        the table, the next exercise, the JSON

`tests/conftest.py` ties them to pytest.
"""

"""The grading desk: how the tests of an exercise become a verdict.

plugin.py       ties it to pytest: the options, the marks, the score at the end
desk.py         grades exercises, each by its tests, if need be with help
running.py      runs the tests of an exercise, one after the other
standing_in.py  the reference in place of a learner's other exercises
isolation.py    a process for each exercise, which can be killed
worker.py       the same where there is no fork
verdict.py      one test's end, in a word and a sentence; one exercise's verdict
diagnosis.py    which known mistake behaves like a wrong answer
scoreboard.py   the table, the next exercise, the JSON
"""

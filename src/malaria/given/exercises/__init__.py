"""The exercises: what they are, the stubs made of them, and the help with one.

exercises.toml  every exercise once: name, minutes, points, hints
manifest.py     the same as objects
markers.py      the grammar of "Exercise 3.2: <what to do>"
source.py       the text of a learner's module, as Python reads it
definitions.py  the functions and classes in a module's text
reference.py    the reference's answer to an exercise
stubs.py        the stubs, made from the reference
parts.py        which parts of an exercise are still to be written
changes.py      which exercises a save has touched
hints.py        one hint more each time
reset.py        a stub put back, the learner's text kept
"""

from malaria.given.exercises.manifest import BY_NUMBER as BY_NUMBER
from malaria.given.exercises.manifest import EXERCISES as EXERCISES
from malaria.given.exercises.manifest import Exercise as Exercise
from malaria.given.exercises.manifest import exercise_of as exercise_of
from malaria.given.exercises.manifest import following as following

"""The exercises as data: the manifest, the stubs made from the reference, and the help with one.

manifest.py     every exercise once: module, name, minutes, points, hints
stubs.py        the stubs, made from the reference
help.py         hints, a fresh start, the reference's answer
"""

from malaria.given.exercises.manifest import BY_NUMBER as BY_NUMBER
from malaria.given.exercises.manifest import EXERCISES as EXERCISES
from malaria.given.exercises.manifest import Exercise as Exercise

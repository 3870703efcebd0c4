"""Bug hunts: answers that look right and pass a naive check, and are caught by the tests.

lesson_1.toml  what is shown of each hunt of lesson 1: the code, the check, four sentences
lesson_2.toml  of lesson 2
lesson_3.toml  of lesson 3
lesson_4.toml  of lesson 4
lesson_5.toml  of lesson 5
lesson_6.toml  of lesson 6
answers.toml   which line is wrong, and what is told afterwards: kept apart, so as not to spoil
hunt.py        both as objects
in_place.py    a hunt's code in the place of the reference's answer: its check, its test
found.py       which hunts are open and which are found
words.py       what is printed
"""

from malaria.given.hunts.hunt import Hunt as Hunt
from malaria.given.hunts.hunt import answer_to as answer_to

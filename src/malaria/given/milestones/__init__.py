"""How good the classifier is after each step of the course: the one figure that grows.

picture.py       the figure: the AUC of each step by patient, with its interval
record.py        what the reference reached, and the same measured of the learner's own
recorded.json    the former; made from the stored lessons by `python -m tools.milestones`
fixed_cells.py   the cells that all steps are trained and tested on

Each imports only files further down.
"""

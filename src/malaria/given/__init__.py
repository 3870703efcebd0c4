"""Given code, finished and not to be edited. What stands here is what a learner's code imports.

lesson.py       the first cell of a notebook, the check after each exercise, and bug hunts
pictures.py     the pictures of data (import them from malaria.utils)
scores.py       accuracy, AUC, sensitivity, specificity; their interval by patient
dark_spot.py    the rule of forty lines that a network has to beat
journal.py      storing a training run, and going on after a kill
ctrl_c.py       Ctrl-C between two steps of a training

Everything else lives in a room. A room imports from those below it only:

command_line/   `malaria ...`
experiments/    questions that no test can grade, over several seeds
runs/           what a training run leaves behind
hunts/          answers that look right, with a mistake to be found
grading/        how tests become a verdict
milestones/     how good the classifier is after each lesson (imports pictures.py, scores.py)
diagrams/       what the lessons draw to explain something (imports pictures.py)
recorded/       what was measured once and is read in the lessons
exercises/      what the exercises are, and the help with them
cells/          the images
system/         files, locks, CPU time, the start of TensorFlow
"""

"""What was measured once and is read in the lessons: the results of the experiments.

result.py       a result: arms, seeds, a figure for each of both; its means and intervals
student_t.py    the quantiles that an interval over a few seeds needs
table.py        a result as text, beside another

`experiments/NAME.json` is what `malaria experiment NAME --modules solutions --record` stores.
Nothing here imports a lesson module, or TensorFlow.
"""

"""What a training run leaves behind.

run_folder.py    the places of its files
split_cells.py   its cells and the sets they are split into
classifier.py    the trained network as a SavedModel
results.py       how well it does on labelled cells, beside the dark-spot rule
report.py        the page about it; report.html.j2 and report.css are its text and its looks
"""

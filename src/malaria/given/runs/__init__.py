"""What a training run leaves behind.

run_folder.py   the files of a run
classifier.py   the trained network as a SavedModel
report.py       the page about it
"""

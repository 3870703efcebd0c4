# make demo      from nothing to a trained classifier with a report
# make test      all of the project's tests, on the reference
# make test-all  with those that take long; some need Chromium or Chrome
# make lessons   JupyterLab at lesson 1
# The README has each of them as plain lines, for those without make.

PYTHON ?= python3
BIN := .venv/bin
# Kept free of the user's own settings: nothing outside .venv is imported.
export PYTHONNOUSERSITE := 1

.PHONY: demo test lessons notebooks picture stubs behaviour test-all

demo: .venv/installed
	$(BIN)/malaria train --modules solutions --out runs/demo --resume

test: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m pytest --modules solutions -m "not slow" tests
	$(BIN)/python -m pytest --modules solutions --nbval lessons

test-all: test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[develop,browser]"
	$(BIN)/python -m pytest --modules solutions -m slow tests

lessons: .venv/installed
	$(BIN)/jupyter lab lessons/1_train_test_split.ipynb

# For maintainers.

stubs: .venv/installed  ## make the stubs in src/malaria anew from solutions/
	$(BIN)/python -m malaria.given.exercises.stubs

behaviour: .venv/installed  ## try all wrong answers and store what the tests say of each
	$(BIN)/python -m tests.try_answers --store

notebooks: .venv/installed  ## run all lessons on the reference and store what they print
	$(BIN)/python -m tools.notebooks

picture: demo  ## draw the README's picture, from the demo's classifier
	$(BIN)/python tools/draw_cells.py

# The stamp is touched last, so that a broken install is begun again.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[develop]"
	touch $@

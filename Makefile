# `make` lists what there is to make. The README has each of them as plain lines, for those without
# make.

PYTHON ?= python3
BIN := .venv/bin
# The versions that are known to work together. `make test CONSTRAINTS=` takes the newest instead.
CONSTRAINTS ?= constraints.txt
# Kept free of the user's own settings: nothing outside .venv is imported.
export PYTHONNOUSERSITE := 1
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	$(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

.DEFAULT_GOAL := help
.PHONY: help demo lessons test test-all stubs notebooks behaviour constraints picture

help:  ## list these
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: .venv/installed  ## from nothing to a trained classifier with a report
	$(BIN)/malaria train --modules solutions --out runs/demo --resume

lessons: .venv/installed  ## open JupyterLab at lesson 0
	$(BIN)/jupyter lab --ServerApp.root_dir=. lessons/0_tensors.ipynb

test: .venv/installed  ## run all of the project's tests, on the reference
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m tools.run_tests

test-all: test  ## run those that take long as well; some need Chromium or Chrome
	$(INSTALL) --editable ".[develop,browser]"
	$(BIN)/python -m pytest --modules solutions -m slow tests

# For maintainers.

stubs: .venv/installed  ## make the stubs in src/malaria anew from solutions/
	$(BIN)/python -m malaria.given.exercises.stubs

notebooks: .venv/installed  ## run all lessons on the reference and store what they print
	$(BIN)/python -m tools.notebooks

behaviour: .venv/installed  ## try the wrong answers of changed modules, store what the tests say
	$(BIN)/python -m tests.try_answers --store

constraints: .venv/installed  ## choose the newest versions of all libraries for constraints.txt
	$(BIN)/uv pip compile pyproject.toml --upgrade --quiet --all-extras --universal \
	--python-version 3.11 --no-annotate --custom-compile-command "make constraints" \
	--output-file constraints.txt

picture: demo  ## draw the README's picture, from the demo's classifier
	$(BIN)/python -m tools.draw_cells

# The stamp is touched last, so that a broken install is begun again.
.venv/installed: pyproject.toml $(CONSTRAINTS)
	@echo "Installing into .venv, once: a few minutes, most of it the download of TensorFlow."
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable ".[develop]"
	touch $@

# Everything a fresh machine needs is Python 3.11 or newer; the rest comes from PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo lab test soak lint format clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml mlops_jupyter/__init__.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[dev,demo]"
	@touch $@

demo: $(STAMP) ## Set up and run the first example notebook from start to end
	$(BIN)/python example_notebooks/run_demo.py

lab: $(STAMP) ## Open JupyterLab on the examples
	$(BIN)/jupyter lab --notebook-dir example_notebooks

test: $(STAMP) ## Set up and pass all tests
	$(BIN)/python -m pytest -m "not soak"

soak: $(STAMP) ## The slow endurance tests
	$(BIN)/python -m pytest -m soak

lint: $(STAMP) ## ruff, mypy and the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment and caches
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

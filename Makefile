# Two commands matter: `make demo` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests with processes of their own wait for one another much of the time: two workers a core.
PYTEST_WORKERS ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 1))
# What is run on PostgreSQL too, besides the tests of the store; `make test-postgres` runs far more.
ON_POSTGRES := $(addprefix tests/unit/exchange/test_exchange_,collections.py server.py waiting.py withheld_lane.py) \
	$(addprefix tests/unit/node/test_node_,disclose.py exchange.py hits.py orders.py purge_everywhere.py)

.PHONY: help demo test test-postgres check bench soak lock clean

help:
	@echo "make demo        six nodes, one treaty, real releases (ONCE=1 ends after the table)"
	@echo "make test        everything the build checks: format, lint, types, contracts, tests"
	@echo "make test-postgres  nodes, exchange and federation on PostgreSQL"
	@echo "make check       the same without the tests"
	@echo "make bench       measure intake, disclosure, pages, look-ups"
	@echo "make soak        long kill and fuzz runs, by hand"
	@echo "make lock        refresh the locked versions in requirements/"

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Foedus needs Python 3.11 or later, found " + sys.version.split()[0] + "; set PYTHON=...") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/run.stamp
	@$(BIN)/foedus demo $(if $(ONCE),--once)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest -m "not soak" -n $(PYTEST_WORKERS) --dist loadfile
	FOEDUS_TEST_ENGINE=postgres $(BIN)/pytest -m "not soak" -n $(PYTEST_WORKERS) --dist loadfile $(ON_POSTGRES)

test-postgres: $(VENV)/dev.stamp
	FOEDUS_TEST_ENGINE=postgres $(BIN)/pytest -m "not soak" -n $(PYTEST_WORKERS) --dist loadfile tests/unit/node tests/unit/exchange tests/federation
	$(BIN)/pytest -m soak -n 0 tests/federation/test_federation_replica.py

bench: $(VENV)/dev.stamp
	$(BIN)/python -m bench

soak: $(VENV)/dev.stamp
	$(BIN)/pytest -m soak -n 0

lock:
	sh requirements/lock.sh

clean:
	rm -rf $(VENV) dist demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Two commands are enough: `make demo` shows the job at work, `make test` proves it. Everything lands in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BENCH ?=
# uv installs many times as fast as pip, which installs it. Its settings are its own: where they lead to no registry, pip
# goes on.
UV = $(shell ls .venv/bin/uv $(BIN)/uv 2> /dev/null | head -n 1)
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
install = $(if $(UV),$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || )$(PIP) $(1)

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-others check images lock keep-dump docs bench bench-views dashboard metabase dbt airflow build clean

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 13

demo: $(VENV)/runtime  ## fill an embedded PostgreSQL from a made-up account and look at it
	@$(BIN)/etl demo

test: check  ## linters and tests
	@$(BIN)/pytest -q -n auto --dist worksteal -m "not long"

test-long: check  ## linters and all tests with many more examples, for an hour; fails below the floor of coverage
	@$(BIN)/pytest -q -n auto --dist worksteal --hypothesis-profile=long \
		--cov --cov-branch --cov-context=test --cov-report=term:skip-covered

test-others: .venv/dev  ## the tests of what speaks SQL with another Python and on another PostgreSQL, where installed
	@.ci/other-versions

check: $(VENV)/dev  ## linters, types and import rules only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

images:  ## build the image and run it as docker-compose.yml has it, where an engine is there
	@.ci/images

docs: $(VENV)/dev  ## write the generated documents anew
	@$(BIN)/python docs/generate.py

keep-dump: $(VENV)/dev  ## keep a small database of this version in tests, for later ones to upgrade: before a release
	@$(BIN)/python -m tests.keep_dump

lock: $(VENV)/dev  ## renew the pinned, hashed dependencies
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --group build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --group dev pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links benchmarks/peers.in -o benchmarks/peers.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-strip-extras --no-emit-index-url --no-emit-find-links bi/superset/superset.in -o bi/superset/superset.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-strip-extras --no-emit-index-url --no-emit-find-links bi/dbt/dbt.in -o bi/dbt/dbt.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-strip-extras --no-emit-index-url --no-emit-find-links deploy/airflow/airflow.in -o deploy/airflow/airflow.lock

bench: $(VENV)/dev build/peers/ready build/ours/ready  ## measure against the limit and two peers, for hours; BENCH="--latency 20 --in-flight 16" one cell
	@$(BIN)/python -m benchmarks $(BENCH)

bench-views: $(VENV)/dev  ## how fast the views of schema bi answer, on 200,000 conversations
	@$(BIN)/python -m benchmarks.views

dashboard: $(VENV)/dev build/superset/ready  ## start Superset with the dashboard on the demo, ask every chart, and take its picture
	@$(BIN)/python bi/superset/dashboard.py

metabase: $(VENV)/dev  ## bring the dashboard into the Metabase of METABASE_URL; without that, tell how
	@$(BIN)/python bi/metabase/apply.py

dbt: $(VENV)/dev build/dbt/ready  ## build and test the dbt package on the demo, and hold every metric of MetricFlow against SQL
	@PYTHONPATH=docs $(BIN)/python bi/dbt/check.py

airflow: build/airflow/ready  ## try the DAG in an Airflow of its own: parse it, and look at its tasks
	@AIRFLOW_HOME="$(CURDIR)/build/airflow/home" build/airflow/env/bin/python deploy/airflow/parse.py

build: $(VENV)/dev  ## the wheel, the source archive and the bill of materials (CycloneDX) in dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-format JSON --output-file "$$(ls dist/*.tar.gz | sed 's/tar.gz$$/cdx.json/')" requirements.lock

clean:  ## remove the environment and what was built
	rm -rf $(VENV) dist build/peers build/superset build/dbt build/airflow build/python3.*

$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "etl needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime: requirements.lock pyproject.toml | $(VENV)/pip
	@echo "Installing into $(VENV) ..."
	@$(call install,--require-hashes -r requirements.lock)
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

# uv alone, as the lock pins it: the rest of what developers need is then its work.
$(VENV)/uv: requirements-dev.lock | $(VENV)/pip
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $@.txt
	@$(if $(UV),,$(PIP) --require-hashes -r $@.txt)
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/uv $(VENV)/runtime
	@$(call install,--require-hashes -r requirements-dev.lock)
	@touch $@

# What is measured is installed as a user has it, without what developers need.
build/ours/ready: requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory build/ours/runtime VENV=build/ours
	@touch $@

# The peers' own environment: what they need is no dependency of ours.
build/peers/ready: benchmarks/peers.lock
	@$(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers.lock
	@touch $@

# Superset, dbt and Airflow need much that we do not, each in an environment of its own.
build/superset/ready: bi/superset/superset.lock
	@echo "Installing Superset into build/superset ..."
	@$(PYTHON) -m venv build/superset/env
	@build/superset/env/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bi/superset/superset.lock
	@touch $@

build/dbt/ready: bi/dbt/dbt.lock
	@echo "Installing dbt into build/dbt ..."
	@$(PYTHON) -m venv build/dbt/env
	@build/dbt/env/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bi/dbt/dbt.lock
	@touch $@

# By uv: the pip that comes with Python 3.11 takes `fastapi[...]==...` for no pin of fastapi.
build/airflow/ready: deploy/airflow/airflow.lock | $(VENV)/dev
	@echo "Installing Airflow into build/airflow ..."
	@$(PYTHON) -m venv build/airflow/env
	@$(BIN)/uv pip install --quiet --python build/airflow/env/bin/python --require-hashes -r deploy/airflow/airflow.lock
	@touch $@

# `make up` and `make test` install what they need into .venv/ and .uv/, and change nothing else on the machine.
PYTHON ?= python3
export PYTHON
.DEFAULT_GOAL := help
.PHONY: help up test check faults bench hostile lock samples clean install

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

up: install ## start everything: servers, API, worker; Ctrl-C stops it
	@.venv/bin/shapr up

test: install ## run the tests against real servers; ARGS="-k word" chooses some
	@.venv/bin/pytest -n logical --maxprocesses 4 --dist loadgroup $(ARGS)

check: install ## format, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

faults: install ## kill -9 every process, the API under load, S3 away for minutes
	@.venv/bin/pytest tests/end_to_end -m faults $(ARGS)

bench: install ## our warm converter beside other programs; FILES="a.step b.step", ARGS="--runs 5"
	@.venv/bin/python -m benchmarks.converters $(ARGS) $(FILES)

hostile: install ## hostile files of every format through the converters; WORD="step" chooses some
	@.venv/bin/python -m benchmarks.hostile $(WORD)

install:
	@.ci/install

lock: ## make requirements.lock from pyproject.toml
	$$(.ci/uv) pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url --group dev \
		pyproject.toml -o requirements.lock --custom-compile-command 'make lock'

samples: install ## make the files in samples/ again
	.venv/bin/python samples/make.py

clean: ## remove what was installed and cached, not the data in .shapr/
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

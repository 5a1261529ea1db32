PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two at once, each on one core: that is what the smallest machine it is meant for has.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2
# Two hundred kills and the killed night take minutes each: begun last they would leave a core idle.
LONGEST_FIRST := --dist loadfile --no-loadscope-reorder tests/app/test_kill.py tests/rlaif tests/persona tests/store tests/scheduler tests/app

.PHONY: serve test test-all test-long check bench clean

serve: $(READY)  ## chat at http://localhost:7860
	$(BIN)/yogeiko serve

test: $(READY) .model  ## everything but browser tests
	$(PYTEST)
	$(PYTEST) $(LONGEST_FIRST) -m "slow and not e2e and not gpu"

test-all: $(READY) .model  ## browser tests too; needs Chromium
	$(PYTEST)
	$(PYTEST) $(LONGEST_FIRST) -m "(slow or e2e) and not gpu"

test-long: $(READY)  ## simulations and repetitions that take many minutes
	$(BIN)/python -m pytest -q -m long

check: $(READY)  ## style, types, rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) .model
	for bench in tests/benchmarks/bench_*.py; do $(BIN)/python -m tests.benchmarks.$$(basename $$bench .py); done

.PHONY: .model
.model: $(READY)
	$(BIN)/yogeiko model prepare

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "yogeiko needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info

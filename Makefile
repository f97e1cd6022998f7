# Two commands need only Python 3.11 or newer, pip and make:
#   make demo    segment the bundled story with the embedded language model, say where the outputs are
#   make test    everything CI checks
# Each sets up .venv first, and again when pyproject.toml or constraints.txt change.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that is new enough. `make PYTHON=python3.13 test` chooses another.
CANDIDATES := python3 python python3.14 python3.13 python3.12 python3.11
PYTHON := $(firstword $(foreach p,$(CANDIDATES),$(shell \
	$(p) -c 'import sys; print("$(p)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))

BIN := .venv/bin
READY := .venv/.ready
OLDEST_READY := .oldest/.ready
TOGETHER := -n 2 --dist loadfile
OLDEST_TESTS := tests/lm tests/segmentation tests/cli
STORY := datasets/demo/late_letter.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: help setup demo figures test lint format unit oldest campaign docs tutorial statistics wheel clean

help:
	@sed -n 's/^#   //p' Makefile
	@echo "also: make figures | setup | lint | format | unit | oldest | campaign | docs | tutorial | statistics | wheel | clean"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "emcog needs Python 3.11 or newer; give one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "creating .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "installing emcog into .venv (the first time, this fetches PyTorch)"
	@# In the environment the constraints hold for the build tools too; `-c` alone would not reach those.
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(PIP) install --quiet --editable ".[dev,docs]"
	@touch $@

demo: $(READY)
	@$(BIN)/emcog segment $(STORY) --n-events 12 --snap sentence --out demo-output --plot
	@echo
	@echo "The outputs are in demo-output:"
	@ls demo-output | sed 's/^/  /'

# The paper's figures with quick settings: reports that are there are kept, data that are not here are named.
figures: $(READY)
	@$(BIN)/emcog reproduce

# What is measured on docs/statistics.md, and the comparison's time on docs/human.md. People's data are taken from
# EMCOG_DATA, or from ../shared/human; simulations that are in results/calibration already are kept.
statistics: $(READY)
	$(BIN)/python analyses/people.py --write
	$(BIN)/python analyses/bench_agreement.py --write
	$(BIN)/python analyses/calibration.py --campaign --processes 2 --write

test: lint unit oldest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Two processes of one thread each: files of tests do not know of each other.
unit oldest: export OMP_NUM_THREADS := 1
unit: $(READY)
	$(BIN)/pytest $(TOGETHER)

# The oldest transformers and pandas we promise to work with, laid in front of those in .venv: a few wheels, no second
# torch.
$(OLDEST_READY): oldest.txt $(READY)
	@rm -rf .oldest
	@$(PIP) install --quiet --no-deps --no-compile --target .oldest --requirement oldest.txt
	@touch $@

oldest: export PYTHONPATH := $(CURDIR)/.oldest
oldest: $(OLDEST_READY)
	@$(BIN)/python -c 'import pandas, transformers; pins = open("oldest.txt").read().split(); \
		found = [f"{m.__name__}=={m.__version__}" for m in (pandas, transformers)]; \
		print("with", *found); assert set(found) <= set(pins), "the oldest versions are not in front"'
	$(BIN)/pytest $(TOGETHER) $(OLDEST_TESTS)

# What is too slow for every test: 200 kills, thousands of spoiled files, every command in every bad environment, two
# workers against one. Hours on a quiet machine; the counts are written into docs/robustness.md and docs/batch.md.
# Coverage-guided fuzzing takes part where atheris installs.
campaign: $(READY)
	-@$(PIP) install --quiet atheris==3.0.0
	$(BIN)/python analyses/kill_tests.py --write
	$(BIN)/python analyses/fuzz_tests.py --write
	$(BIN)/python analyses/batch_throughput.py --write
ifneq ($(CORPUS),)
	$(BIN)/python analyses/long_text.py $(CORPUS) --write
else
	@echo "no texts for ten million tokens: make campaign CORPUS='TEXT.txt.xz ...' runs analyses/long_text.py too"
endif

# The documentation, in site/: pages that open in a browser as they lie there. (The variable silences an advertisement.)
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(READY)
	@$(BIN)/python -m mkdocs build --quiet --strict --clean
	@echo "The documentation is in site/index.html"

# Runs the pages whose code is run by the tests, and writes what it prints below each block.
tutorial: $(READY)
	$(BIN)/python docs/tools/running.py --write

wheel: $(READY)
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist

clean:
	rm -rf .venv .oldest build dist site demo-output .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache

# Each target does its whole set-up on a machine with Python 3.11 or later and make; nothing is installed outside .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# What the locks name, then the package without asking an index; each is made anew when its lock or the metadata changes.
RUNS   := $(VENV)/.runs
STAMP  := $(VENV)/.installed
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-all lint format lock benchmark benchmark-history results ladders brute-force fuzz mutants pin clean

$(RUNS): requirements.lock
$(STAMP): requirements-dev.lock
$(RUNS) $(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes --requirement $(filter %.lock,$^)
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

demo: $(RUNS)  ## bisect two reproducers over real clangs: one that LLVM 18 broke, and the control that never broke
	$(BIN)/mmio-bisect doctor
	$(BIN)/mmio-bisect run store_then_step zig:0.8.0..0.17.1 --opt 2
	$(BIN)/mmio-bisect run asm_accessor zig:0.8.0..0.17.1 --opt 2
	$(BIN)/mmio-bisect history list

# See tests/fakes/scheduling.py; PYTEST_ARGS may say -n 0.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

test: $(STAMP)  ## what can be tested here without root; PYTEST_ARGS narrows it
	@.ci/fetch.sh || true
	$(PYTEST) $(PYTEST_ARGS)

test-all: $(STAMP)  ## as root on Debian: installs all that tests need, and skips none; PYTEST_ARGS narrows them
	.ci/everything.sh
	CI=true $(PYTEST) $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(STAMP)  ## the newest versions in pyproject.toml's ranges, with hashes: commit what it changes
	.ci/lock.sh

LONG := %/ladders.py %/differential.py %/brute_force.py %/million_outcomes.py %/history_queries.py %/mutants.py

benchmark: $(STAMP)  ## side-by-side measurements, see tests/benchmarks/
	for each in $(filter-out $(LONG),$(wildcard tests/benchmarks/*.py)); do \
		PYTHONPATH=tests/fakes $(BIN)/python $$each || exit; done

ladders: $(STAMP)  ## all of Debian's compilers in docker: a quarter of an hour, and 20 GB of images in the store
	$(BIN)/python tests/benchmarks/ladders.py

OBJECTS ?= 21000
differential: $(STAMP)  ## OBJECTS of driver-shaped functions, run and held against what is said of them: an hour or so
	PYTHONPATH=tests/fakes $(BIN)/python tests/benchmarks/differential.py --objects $(OBJECTS)

FUNCTIONS ?= 60
brute-force: $(STAMP)  ## run for FUNCTIONS over all zigs, beside what executions say of each version: six minutes, 3 GB in the store
	PYTHONPATH=tests/fakes $(BIN)/python tests/benchmarks/brute_force.py --functions $(FUNCTIONS)

SECONDS ?= 60
fuzz: $(STAMP)  ## malformed objects, instructions and recipes for SECONDS; what crashes is kept in tests/fixtures/corpus
	PYTHONPATH=tests/fakes $(BIN)/python tests/fuzzing/fuzz.py --seconds $(SECONDS)

MUTANTS ?= 150
mutants: $(STAMP)  ## MUTANTS random changes to classify, search and workflow: do the unit tests notice? (half an hour)
	PYTHONPATH=tests/fakes $(BIN)/python tests/benchmarks/mutants.py --count $(MUTANTS)

benchmark-history: $(STAMP)  ## each question to a million outcomes beside SQL by hand (minutes)
	$(BIN)/python tests/benchmarks/history_queries.py

results: $(STAMP)  ## results/README.md and results/published: RESULTS_SERIES names the series, zig by default
	.ci/results.sh $(RESULTS_SERIES)

pin:  ## .env for docker-compose.yml: the base image by digest, or built here where no registry answers; docker's group
	.docker/pin.sh

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist

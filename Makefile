# make demo   run the main job on the sample data; results in results/demo
# make test   the whole suite: compiled, then again without compiling
# make lint   style and format

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed-test
LINTERS := $(VENV)/installed-dev
# pip's advice to upgrade itself, and its progress bars, only hide what matters in a log.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --progress-bar off
PYTEST := $(BIN)/python -m pytest
SLOW_EXAMPLES := $(patsubst %,--ignore=hotspot/models/%.py,$(addprefix self_exciting/,fitted inference resample resolution sensitivity) boosted/fitted endemic_epidemic/fitted)

.PHONY: demo test test-compiled test-plain lint pins clean

demo: $(INSTALLED)
	$(BIN)/hotspot demo --out results/demo

test: test-compiled test-plain

# Every test, the examples in docstrings, and the notebooks; loops compiled.
test-compiled: $(INSTALLED)
	$(PYTEST) --doctest-modules tests hotspot

# The same numbers must come out of the loops as Python runs them. Notebooks, tests that start
# whole processes, and a few that loop for minutes (among them the examples of files that
# fit self-exciting models) show nothing more without the compiler.
test-plain: $(INSTALLED)
	NUMBA_DISABLE_JIT=1 $(PYTEST) --doctest-modules tests hotspot $(SLOW_EXAMPLES) \
		-m "not notebook and not process and not compiled"

lint: $(LINTERS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

pins: $(INSTALLED)
	{ head -n 1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The stamps make it install once, and again when what is needed changes.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e ".[test]"
	touch $@

$(LINTERS): $(INSTALLED)
	$(PIP) -c constraints.txt "ruff>=0.6"
	touch $@

# `make book` and `make test` are all that a fresh machine with Python 3.11 and make needs.
PYTHON ?= python3
PROFILE ?= lite
NOTEBOOKS ?=
JOBS ?= 1
SHARD ?= 1/1
RETRIES ?= 0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Snakemake has an environment of its own.
SCALE := .venv-scale
ENGINE := $(SCALE)/.ready
TABLES ?=
CORES ?= 1
GRID ?=
ENGINE_OPTIONS ?=
SIGNALS ?=

BENCH ?=
FUZZ ?=
DIR ?=
SETS ?=
TO ?=
# Percent of the package's lines that the tests run: what was reached.
COVERAGE := 88

.PHONY: help book test lint run check-gpu bench bench-seeds bench-sound bench-ternary records clean \
	bench-depth conformance fuzz data tables test-pages evidence evidence-budget

help:
	@echo "make book [PROFILE=lite]          build the HTML book at _build/html/index.html"
	@echo "make test                         run the tests"
	@echo "make test-pages                   the built pages in a real browser (Chromium)"
	@echo "make run PROFILE=... [NOTEBOOKS=] [JOBS=2] [SHARD=1/4] [RETRIES=1]"
	@echo "                                  run notebooks through papermill into _build/runs/PROFILE"
	@echo "make tables PROFILE=cpu|paper [TABLES='1 3'] [CORES=2] the paper's tables as a sweep that goes on"
	@echo "make evidence [TABLES='1'] [SIGNALS='kodim01'] [CORES=2]  the rows that decide Tables 1, 3 and 8"
	@echo "make evidence-budget              core-hours and minutes of a GPU that they take"
	@echo "make data SETS='kodak' [TO=DIR]    fetch data sets of the paper; without SETS, list them"
	@echo "make check-gpu                    a paper-profile fit on CUDA, certified there and on the CPU"
	@echo "make bench [BENCH='--signals DIR'] PAPER against FAST, alternately in one run, with ratios"
	@echo "make bench-seeds BENCH='...'      FAST over seeds and pictures, with its failures"
	@echo "make bench-sound BENCH='...'      FAST on sound: seconds, certificates and memory of whole commands"
	@echo "make bench-ternary BENCH='PICTURES'  TERNARY on pictures: seconds and bytes of whole commands"
	@echo "make bench-depth BENCH='--signals DIR' bit-depth expansion, every method, with intervals over pictures"
	@echo "make conformance DIR=SUITES       read public test suites, a folder each, and compare all samples"
	@echo "make fuzz [FUZZ='--count 1000']   give damaged files to every reader"
	@echo "make lint                         ruff and pyright"
	@echo "make records                      copy the records of the last lite run to data/results/lite"
	@echo "make clean                        remove _build and .venv"

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -r requirements.txt -e '.[test]'
	@touch $@

book: $(READY)
	BOOK_PROFILE=$(PROFILE) $(BIN)/python book/execute.py
	BOOK_PROFILE=$(PROFILE) $(BIN)/jupyter-book build . -W -n --keep-going --all
	$(BIN)/python book/check_pages.py _build/html

$(ENGINE): workflow/requirements.txt
	$(PYTHON) -m venv $(SCALE)
	$(SCALE)/bin/pip install --quiet --upgrade pip
	$(SCALE)/bin/pip install --quiet -r workflow/requirements.txt
	@touch $@

test: $(READY) $(ENGINE)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=
	$(BIN)/coverage report --fail-under=$(COVERAGE) --format=total

# After `make book`; a Chromium is needed, without one the tests are skipped.
test-pages: $(READY)
	$(BIN)/python -m pytest tests/pages -n 2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

run: $(READY)
	$(BIN)/python -m lossless_inr_lite.batch --profile $(PROFILE) --jobs $(JOBS) --shard $(SHARD) \
		--retries $(RETRIES) $(NOTEBOOKS)

tables: $(READY) $(ENGINE)
	$(BIN)/python workflow/tables.py --profile $(PROFILE) $(if $(GRID),--grid "$(GRID)") \
		--tables "$(TABLES)" --cores $(CORES) -- $(ENGINE_OPTIONS)

# The rows that decide the claims of Tables 1, 3 and 8; a run that was stopped goes on.
evidence: $(READY) $(ENGINE)
	$(BIN)/python workflow/tables.py --profile evidence --tables "$(TABLES)" --signals "$(SIGNALS)" \
		--cores $(CORES) -- $(ENGINE_OPTIONS)
	$(BIN)/python -m lossless_inr_lite.companion.evidence_record _build/tables/evidence

evidence-budget: $(READY)
	$(BIN)/python workflow/tables.py --profile evidence --tables "$(TABLES)" \
		--signals "$(SIGNALS)" --budget

data: $(READY)
	$(BIN)/python -m lossless_inr_lite.companion.data $(if $(SETS),fetch $(SETS) $(if $(TO),--to "$(TO)"),list)

check-gpu: $(READY)
	$(BIN)/python workflow/check_gpu.py

bench: $(READY)
	$(BIN)/python benchmarks/bench.py $(BENCH)

bench-seeds: $(READY)
	$(BIN)/python benchmarks/seeds.py $(BENCH)

bench-sound: $(READY)
	$(BIN)/python benchmarks/sound.py $(BENCH)

bench-ternary: $(READY)
	$(BIN)/python benchmarks/ternary.py $(BENCH)

bench-depth: $(READY)
	$(BIN)/python benchmarks/bit_depth.py $(BENCH)

conformance: $(READY)
	$(BIN)/python workflow/conformance.py "$(or $(DIR),$(error DIR is missing: a folder with a folder for each suite))" --output data/results/conformance.json

fuzz: $(READY)
	$(BIN)/python benchmarks/fuzz_readers.py $(FUZZ)

records: $(READY)
	$(BIN)/python workflow/keep_records.py

clean:
	rm -rf _build $(VENV) $(SCALE)

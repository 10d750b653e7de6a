# Two commands need nothing before them but Python 3.11+ and make: `make demo` and `make test`.
# Kept to what GNU make 3.81 knows, since macOS ships that.

PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv
LOWEST := .venv-lowest
BARE := .venv-bare
BIN := $(DEV)/bin
ANNOTATED := out/demo
MEASURED := benchmarks/results/$(shell date +%F)
# Tests that need the light runtime alone; some of them look at an optional package, too, and are skipped where it is absent.
NOT_LIGHT := $(addprefix tests/unit/,test_settings.py test_stats.py model/test_drawing.py)
LIGHT_TESTS := $(addprefix tests/integration/test_,command.py imports.py golden.py batch_equals_single.py processes.py) \
	$(filter-out $(NOT_LIGHT),$(wildcard tests/unit/test_*.py tests/unit/model/test_*.py)) tests/unit/cli tests/unit/detect
# The most bytes that the wheel may have.
WHEEL_LIMIT := 6000000
DATA ?= data/fer2013
SOURCES := $(shell find src -type f ! -name '*.pyc')

.PHONY: help demo test test-wheel test-lowest lint format build bench figures reproduce reproduce-gpu clean

help:
	@echo "make demo         recognize the expressions in examples/ (installs the light runtime into $(DEMO))"
	@echo "make test         run every check and test, and say what they cover (installs everything into $(DEV))"
	@echo "make test-wheel   build the wheel, and run the tests of the light runtime on it in a bare environment ($(BARE))"
	@echo "make test-lowest  the same tests on the lowest versions that mien allows (needs Python 3.11 or 3.12)"
	@echo "make lint         the checks without the tests"
	@echo "make format       let ruff format and tidy the code"
	@echo "make build        make the source archive and the wheel, in dist/"
	@echo "make bench        measure speed, start-up, size and memory"
	@echo "make figures      write the figures in README and docs, and the reference pages, from their sources"
	@echo "make reproduce    train the shipped models from FER2013 in DATA=data/fer2013, into runs/ (hours; goes on where it was)"
	@echo "make reproduce-gpu  by the recipe for one GPU, as they were shipped, into runs/gpu (ten minutes on a large one)"
	@echo "make clean        remove environments, caches and annotated pictures (runs and results stay)"

demo: $(DEMO)/.installed
	@$(DEMO)/bin/mien recognize examples/*.jpg --format table --annotate $(ANNOTATED)
	@echo "The annotated pictures lie in $(ANNOTATED)."

test: lint
	$(BIN)/python -m pytest --cov

test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest $(LIGHT_TESTS)

# Not editable, so that what is tested is what the wheel has.
test-wheel: build
	@test $$(cat dist/*.whl | wc -c) -le $(WHEEL_LIMIT) || { echo "The wheel is larger than $(WHEEL_LIMIT) bytes: $$(ls -l dist/*.whl)" >&2; exit 1; }
	$(call make_venv,$(BARE))
	@$(BARE)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.whl
	@$(BARE)/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl pytest hypothesis
	$(BARE)/bin/python -m pytest $(LIGHT_TESTS)

# import-linter's cache overlooks modules that were missing when it was written.
lint: $(DEV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(DEV)/.installed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The wheel is made from the source archive, so that this is known to be whole.
build: $(DEV)/.installed
	rm -rf dist
	$(BIN)/python -m build

bench: $(DEMO)/.installed
	@for name in model pipeline startup; do $(DEMO)/bin/python benchmarks/$$name.py --out $(MEASURED)-$$name.json || exit 1; done

figures: $(DEV)/.installed
	$(BIN)/python tools/render_figures.py
	$(BIN)/python tools/render_reference.py

reproduce: runs/base.onnx runs/tiny.onnx

# Configurations name the runs and models that they learn from by these paths.
runs/teacher-distilled.onnx: runs/teacher.onnx runs/teacher-sgd.onnx
runs/base.onnx: runs/teacher-distilled.onnx runs/teacher.onnx runs/teacher-sgd.onnx
runs/tiny.onnx: runs/teacher-distilled.onnx
# Not a variable of the target: what it needs would inherit that and be exported as int8, too.
PRECISION_OF_base := int8
PRECISION_OF_tiny := int8

runs/%.onnx: configs/%.toml | $(DEV)/.installed
	$(BIN)/mien train --config $< --data $(DATA) --output runs/$* $$(test ! -f runs/$*/last.ckpt || echo --resume)
	$(BIN)/mien export runs/$* --data $(DATA) --output $@ --precision $(or $(PRECISION_OF_$*),fp32) --force

reproduce-gpu: runs/gpu/base.onnx runs/gpu/tiny.onnx

runs/gpu/%.onnx: runs/gpu/.trained
	$(BIN)/mien export runs/gpu/$* --data $(DATA) --output $@ --precision int8 --force

runs/gpu/.trained: | $(DEV)/.installed
	$(BIN)/python tools/train_on_gpu.py --data $(DATA) --output runs/gpu
	@touch $@

clean:
	rm -rf $(DEMO) $(DEV) $(LOWEST) $(BARE) dist $(ANNOTATED) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The demo installs mien as a user's pip would, not editable, so it is installed anew when the sources change.
$(DEMO)/.installed: pyproject.toml $(SOURCES)
	$(call make_venv,$(DEMO))
	@echo "Installing mien into $(DEMO) ..."
	@$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

$(DEV)/.installed: pyproject.toml
	$(call make_venv,$(DEV))
	@echo "Installing mien and all its tools into $(DEV); the first time takes some minutes ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(LOWEST)/.installed: pyproject.toml tests/lowest.txt
	$(call make_venv,$(LOWEST))
	@$(LOWEST)/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || { echo "The lowest versions have no wheels for Python 3.13 or newer. Start again with another: rm -r $(LOWEST); make test-lowest PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing mien and the lowest versions it allows into $(LOWEST) ..."
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint tests/lowest.txt --editable . pytest hypothesis
	@touch $@

# $(call make_venv,FOLDER): a virtual environment, or one line that says what is missing.
define make_venv
	@command -v $(PYTHON) > /dev/null || { echo "mien needs Python 3.11 or newer; there is no '$(PYTHON)'. Install it, or name yours: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mien needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
endef

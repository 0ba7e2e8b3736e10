# Needs Python 3.11 or newer, pip and make; everything else goes into .venv.
#
#   make serve      install, then serve ./aplay.toml until Ctrl-C     ARGS="--reload"
#   make test       install with the dev tools, then run all tests    ARGS="tests/kernel -x"
#   make check      formatting, lint and types
#   make bench      the figures of kernel, plugins, live change, operating and durable mail, in 15 minutes
#   make clean      remove .venv and all that was built or cached
#
# PYTHON=python3.12 chooses the interpreter of a new .venv.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins_example/*/pyproject.toml))
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
EDITABLE_PLUGINS := $(PLUGINS:%=--editable %)

.PHONY: serve test check bench clean
.DEFAULT_GOAL := test

# `exec`, so that a signal finds the host itself and no shell in between.
serve: .venv/.serve
	@exec $(BIN)/aplay-host -c aplay.toml serve $(ARGS)

test: .venv/.dev
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/.dev
	@$(BIN)/python benchmarks/kernel.py $(ARGS)
	@$(BIN)/python benchmarks/capacity.py
	@$(BIN)/python benchmarks/plugins.py
	@$(BIN)/python benchmarks/reload.py
	@$(BIN)/python benchmarks/operating.py
	@$(BIN)/python benchmarks/watching.py
	@$(BIN)/python benchmarks/durable.py

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf plugins_example/*/build plugins_example/*/*.egg-info plugins_example/*/src/*.egg-info plugins_example/*/.*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# One stamp for each set of packages, out of date when a pyproject.toml has changed.

.venv/.serve: $(PROJECTS) | $(BIN)/pip
	@echo "installing aplay-host and $(notdir $(PLUGINS)) into .venv"
	@$(PIP) --editable . $(EDITABLE_PLUGINS)
	@touch $@

.venv/.dev: $(PROJECTS) | $(BIN)/pip
	@echo "installing aplay-host[dev] and $(notdir $(PLUGINS)) into .venv"
	@$(PIP) --editable '.[dev]' $(EDITABLE_PLUGINS)
	@touch $@ .venv/.serve

# Debian keeps `ensurepip` in a package of its own (python3-venv). Without it, the pip that is
# there installs another one into the bare environment.
define MAKE_VENV
for python in "$(PYTHON)" python3.13 python3.12 python3.11 none; do
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break;
done;
if [ "$$python" = none ]; then
  echo "make: $(PYTHON) is no Python 3.11 or newer, and neither python3.13, python3.12 nor";
  echo "make: python3.11 works; install one of them or name yours: make PYTHON=/path/to/python";
  exit 1;
fi >&2;
echo "making .venv with $$("$$python" --version)";
if "$$python" -c 'import ensurepip' 2>/dev/null; then
  "$$python" -m venv --clear .venv;
else
  "$$python" -m venv --clear --without-pip .venv &&
  "$$python" -m pip --python $(BIN)/python --disable-pip-version-check --quiet install pip;
fi || {
  echo "make: $$python cannot make an environment: it has neither ensurepip nor pip 22.3 or newer;";
  echo "make: on Debian or Ubuntu: apt install python3-venv";
  exit 1;
} >&2
endef

$(BIN)/pip:
	@$(strip $(MAKE_VENV))

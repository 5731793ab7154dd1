# The one place that knows how the project is installed, tried, tested and measured.

PYTHON ?= python3
VENV ?= .venv
PACKAGES := cloudmesh-plugin cloudmesh-config cloudmesh-db cloudmesh-cloud cloudmesh-vm cloudmesh-dask cloudmesh-rest cloudmesh-cms
SOURCES := $(PACKAGES:%=%/src)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TOOLS := 'botocore[crt]' build httpx2 hypothesis import-linter keyring mpi4py mpich mypy openstacksdk parsl pexpect pipx playwright 'psycopg[binary]' pyte pytest pytest-xdist requests-mock ruff sqlite-utils tabulate types-docopt types-greenlet types-tabulate uv
# How many processes run the quick tests, and the slow ones, which wait more than they work; each has whole files of them.
# Those with a cluster, which takes all cores, run alone, and so does what would see that a command is slow.
WORKERS ?= 2
WAITERS ?= 3
ALONE := tests/cluster tests/test_walk.py
SLOW := slow and not long and not openstack and not qemu and not browser
# How many of the slow stage and that on a real OpenStack run at once: one waits while the other works. 1 runs them in
# a row.
STAGES ?= 2
# Tests that call make themselves are not to be taken for a part of this run.
PYTEST := env -u MAKEFLAGS -u MFLAGS $(BIN)/pytest -q
# Each stage reads all tests; what it makes of them is kept for the next one.
unexport PYTHONDONTWRITEBYTECODE

BED := $(BIN)/python tests/openstack/bed
GUEST := $(BIN)/python tests/qemu/guest

.DEFAULT_GOAL := help
.PHONY: help install demo demo-qemu test test-quick test-slow test-alone test-openstack test-qemu test-browser test-long
.PHONY: all-openstack all-qemu all-browser lint type sizes bench docs clean wheels

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

install: $(VENV)/installed ## install all packages, editable, into .venv

wheels: $(VENV)/installed ## build the wheels of all packages into dist, to be installed with pip, pipx or uv
	rm -rf dist cloudmesh-*/build
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist $(PACKAGES:%=./%)

demo: $(VENV)/installed ## see machines boot, suspend, resume and vanish on the simulated cloud
	@$(abspath docs/demo.sh) $(abspath $(BIN))

demo-qemu: $(VENV)/installed ## see the same with real machines on this computer, with QEMU
	@$(abspath docs/demo-qemu.sh) $(abspath $(BIN))

test: test-quick $(VENV)/moto/installed $(VENV)/clients/installed ## run all tests, the quick ones first
	$(MAKE) --no-print-directory --jobs=$(STAGES) --output-sync=target test-slow all-openstack
	$(MAKE) --no-print-directory --jobs=1 all-qemu all-browser test-alone

# A stage in the run of all tests: where its programs are missing it is left out with a word, but never in CI.
all-openstack:
	@if missing=$$($(BED) missing); then $(MAKE) --no-print-directory test-openstack; \
	elif [ "$$CI" = true ]; then echo "the tests on a real OpenStack need $$missing" >&2; exit 1; \
	else echo "NOT RUN: the tests on a real OpenStack, which need the Debian packages $$missing"; fi

all-qemu:
	@if missing=$$($(GUEST) missing); then $(MAKE) --no-print-directory test-qemu; \
	elif [ "$$CI" = true ]; then echo "the tests with real machines need $$missing" >&2; exit 1; \
	else echo "NOT RUN: the tests with real machines, which need the Debian packages $$missing"; fi

all-browser:
	@if [ "$$CI" = true ] || { command -v chromium && command -v npm; } > /dev/null; then $(MAKE) --no-print-directory test-browser; \
	else echo "NOT RUN: the tests of the page in a browser, which need the Debian packages chromium npm"; fi

test-quick: $(VENV)/tools
	$(PYTEST) -n $(WORKERS) -m "not slow and not long and not openstack and not qemu and not browser"

test-slow: $(VENV)/tools $(VENV)/moto/installed $(VENV)/clients/installed
	$(PYTEST) -n $(WAITERS) --dist loadfile -m "$(SLOW)" $(ALONE:%=--ignore=%)

test-alone: $(VENV)/tools
	$(PYTEST) -m "$(SLOW)" $(ALONE)

test-openstack: $(VENV)/tools $(VENV)/moto/installed ## run the tests on a real OpenStack, started on loopback for them
	CLOUDMESH_TESTBED_NEEDED=1 $(BED) run $(PYTEST) -m "openstack and not long" tests/openstack

test-qemu: $(VENV)/tools ## run the tests with real machines, which QEMU runs on this computer
	$(PYTEST) -m qemu tests/qemu

test-long: $(VENV)/tools $(VENV)/moto/installed $(VENV)/clients/installed ## run the property tests on new random input, and what is too long for make test
	HYPOTHESIS_PROFILE=search $(PYTEST) -n $(WORKERS) -m "(hypothesis or long) and not openstack and not qemu and not browser"
	@if missing=$$($(BED) missing); then CLOUDMESH_TESTBED_NEEDED=1 $(BED) run $(PYTEST) -m "openstack and long" tests/openstack; \
	else echo "NOT RUN: the long tests on a real OpenStack, which need the Debian packages $$missing"; fi

test-browser: $(VENV)/tools ## run the tests of the page of REST in a real Chromium
	$(PYTEST) -n $(WORKERS) -m browser cloudmesh-rest/tests/page

lint: $(VENV)/tools ## look for mistakes and bad style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

type: $(VENV)/tools ## check the types, strictly
	$(BIN)/mypy $(SOURCES)

sizes: ## tell how large files and tests are, and what has no docstring
	@$(PYTHON) tests/sizes.py

bench: $(VENV)/tools ## measure speed, as ratios side by side
	@if missing=$$($(BED) missing); then CLOUDMESH_TESTBED_NEEDED=1 $(BED) run $(BIN)/python benchmarks/bench.py; \
	else echo "NOT MEASURED: the real OpenStack, which needs the Debian packages $$missing"; \
	$(BIN)/python benchmarks/bench.py; fi

docs: $(VENV)/installed ## write docs/commands.md from the commands
	$(BIN)/python docs/make_commands.py

clean: ## remove what was installed and built
	@[ ! -e .openstack/run/pid ] || $(BED) down
	rm -rf $(VENV) .openstack build dist cloudmesh-*/build cloudmesh-*/src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/installed: constraints.txt $(PACKAGES:%=%/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt setuptools wheel
	$(PIP) install --quiet --constraint constraints.txt --no-build-isolation $(PACKAGES:%=--editable %)
	@touch $@

$(VENV)/tools: $(VENV)/installed
	$(PIP) install --quiet --constraint constraints.txt $(TOOLS)
	@touch $@

# A place of its own: the pins of Amazon's libraries are not ours.
$(VENV)/moto/installed: tests/ec2/constraints.txt | $(VENV)/installed
	$(PYTHON) -m venv $(VENV)/moto
	$(VENV)/moto/bin/python -m pip --disable-pip-version-check install --quiet --constraint tests/ec2/constraints.txt moto flask flask-cors
	@touch $@

# Programs that read the description of REST: they are to need nothing of ours.
$(VENV)/clients/installed: tests/rest/constraints.txt | $(VENV)/installed
	$(PYTHON) -m venv $(VENV)/clients
	$(VENV)/clients/bin/python -m pip --disable-pip-version-check install --quiet --constraint tests/rest/constraints.txt \
		openapi-python-client openapi-spec-validator schemathesis
	@touch $@

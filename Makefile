# Every way to use this checkout: `make help` lists them.
#
# The only thing needed beforehand is Python 3.11 or later. A virtual environment is made in .venv and follows
# pyproject.toml; as root on Debian, missing Debian packages are installed, and elsewhere they are named.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore

# Configuration files of some more Debian packages (tests/documents/real/debian.py, 40 MB) are fetched into build/debian
# by apt-get, as their .deb files: nothing of them is installed.
# What the tests and measurements use beside Python. npm comes along with a Node.js that is not Debian's.
TEST_PACKAGES  := nginx php8.2-fpm php8.2-cli systemd sudo strace gcc libc6-dev libcap2-bin attr acl e2fsprogs xfsprogs \
                  logrotate apparmor zsh fish git mariadb-client-core wireguard-tools supervisor libglib2.0-0 \
                  openjdk-17-jdk-headless dbus-system-bus-common fontconfig-config \
                  $(if $(shell command -v npm),,npm)
BENCH_PACKAGES := gcc libc6-dev sudo crudini

FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo test check bench fuzz soak crash clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/runtime ## a server on a scratch directory, and what an unprivileged user can and cannot do there
	@$(BIN)/python contrib/demo/run.py

test: $(VENV)/test ## everything: lint, types, all tests with branch coverage; as root on Debian it installs what they use
	@.ci/packages $(TEST_PACKAGES)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/coverage
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/confined

check: $(VENV)/test ## lint, types and the fast tests
	@.ci/packages $(TEST_PACKAGES)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -m "not slow"

bench: $(VENV)/test ## measurements beside C, plain Python and sudo; some four minutes on an idle machine
	@.ci/packages $(BENCH_PACKAGES)
	@$(BIN)/python -m tests.bench

fuzz: $(VENV)/fuzz ## search for inputs that break wire, gate or settings: a minute each, or FUZZ_SECONDS=…
	@for part in wire gate settings; do \
		echo "$$part for $(FUZZ_SECONDS) s: what is found stays in build/fuzz/$$part"; \
		$(BIN)/python -m tests.fuzz $$part -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

soak: $(VENV)/test ## as root: 200,000 mixed calls, or SOAK_CALLS=…, and what the server holds before and after
	@$(BIN)/python -m tests.load.soak $(SOAK_CALLS)

crash: $(VENV)/test ## as root: kill the server at every system call of a change, cut the power, and look; CRASH=xfs, …
	@.ci/packages $(TEST_PACKAGES)
	@$(BIN)/python -m tests.crash

clean: ## remove the environment and everything that was generated
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "rpcd needs Python 3.11 or later as $(PYTHON): name it with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages --needed python3-venv
	@$(PYTHON) -m venv --clear $(VENV)

# Two steps, so that the demo need not wait for compilers of types.
$(VENV)/runtime: pyproject.toml $(VENV)/bin/python
	@echo "Installing into $(VENV) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/test: $(VENV)/runtime
	@echo "Installing what the tests use into $(VENV) …"
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/fuzz: $(VENV)/test
	@echo "Installing the fuzzer into $(VENV) …"
	@$(PIP) --editable '.[fuzz]'
	@touch $@

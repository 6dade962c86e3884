# make up     install what is missing, then run Hearth on http://localhost:3000
# make test   the whole test suite, browser tests included, in two processes
# make quick  all of it but the browser tests
# make check  formatting, lint, types, templates, spelling
# make e2e    the browser tests alone
# make fmt    format the sources
# make messages  bring the catalogues in locale/ up to the words in the sources
# make lock   refresh requirements*.lock from pyproject.toml

PYTHON := .venv/bin/python
UV := .venv/bin/uv
UV_VERSION := 0.13.8
INSTALL := $(UV) pip install --python $(PYTHON) --no-deps --require-hashes --compile-bytecode
# Files are the units: what a module shares is made once. In the order of tests/conftest.py, the long ones first.
PYTEST := $(PYTHON) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed

.PHONY: up test quick check e2e fmt messages lock

up: $(RUNTIME)
	@exec $(PYTHON) manage.py up

test: $(DEVELOPMENT)
	@chromium="$$(sh .ci/chromium $(PYTHON))" && HEARTH_TEST_CHROMIUM="$$chromium" $(PYTEST)

quick: $(DEVELOPMENT)
	@$(PYTEST) -m "not e2e"

e2e: $(DEVELOPMENT)
	@chromium="$$(sh .ci/chromium $(PYTHON))" && HEARTH_TEST_CHROMIUM="$$chromium" $(PYTEST) -m e2e tests/e2e

check: $(DEVELOPMENT)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/pre-commit run --all-files

fmt: $(DEVELOPMENT)
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .
	@git ls-files 'templates/*.html' | xargs .venv/bin/djade --target-version 5.2 || true

messages: $(RUNTIME)
	@$(PYTHON) manage.py makemessages

lock: $(UV)
	@$(UV) lock
	@$(UV) export --frozen --no-emit-project --no-header --no-annotate --no-dev --group embedder -o requirements.lock
	@$(UV) export --frozen --no-emit-project --no-header --no-annotate --only-group dev -o requirements-dev.lock

$(UV):
	@python=""; \
	for name in python3.13 python3.12 python3.11 python3 python; do \
	  if command -v $$name >/dev/null 2>&1 && \
	     $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	    python=$$name; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then echo "Hearth needs Python 3.11, 3.12 or 3.13, and none was found on the PATH." >&2; exit 1; fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Creating the environment .venv with $$($$python --version)."; \
	$$python -m venv .venv
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(RUNTIME): requirements.lock | $(UV)
	@if ! $(PYTHON) -c 'import importlib.util as u, sys; sys.exit(u.find_spec("llama_cpp") is None)'; then \
	  if ! command -v cc >/dev/null 2>&1 || ! command -v c++ >/dev/null 2>&1; then \
	    echo "A C and C++ compiler is needed. On Debian and Ubuntu: apt-get install build-essential" >&2; exit 1; \
	  fi; \
	  echo "Compiling llama-cpp-python: about four minutes on two cores, the first time only."; \
	fi
	@echo "Installing the packages of requirements.lock."
	@$(INSTALL) -r requirements.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock $(RUNTIME)
	@echo "Installing the packages of requirements-dev.lock."
	@$(INSTALL) -r requirements-dev.lock
	@touch $@

# One command for everything. `make help` lists them; each sets up .venv first when it has to.

BIN := .venv/bin
STAMP := .venv/.installed
PEERS := .venv/peers/.installed
TEST_ARGS ?=
# Behind a company's TLS proxy only the system's certificates are right; pip reads them by itself, uv asks.
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test peers screenshots faults bench docs release check lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv with the locked requirements (PYTHON=... picks the interpreter)

demo: $(STAMP) ## tell the story on the real local stack, then play the January incident, without the bus and with it
	@$(BIN)/ticketbus demo
	@$(BIN)/ticketbus drill january --fast --without-bus
	@$(BIN)/ticketbus drill january --fast

test: $(STAMP) ## run the tests (TEST_ARGS="-k outbox")
	@$(BIN)/ticketbus fetch
	@$(BYTECODE) $(BIN)/python -m pytest $(if $(TEST_ARGS),$(TEST_ARGS),-n 3)

peers: $(STAMP) ## tests with peers of other languages (Node, Java, promtool) and in Chromium; what is missing is skipped and said
	@$(BIN)/ticketbus fetch
	@if command -v npm > /dev/null; then for one in tests/peers/kafkajs tests/peers/openapi tests/peers/cloudevents examples/node; do \
		npm ci --prefix $$one --ignore-scripts --no-audit --no-fund --silent || exit 1; done; \
		else echo "npm is not installed: what needs Node is skipped"; fi
	@if command -v mvn > /dev/null; then for one in examples/java tests/peers/cloudevents; do (cd $$one && \
		mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib && sha256sum --check --quiet jars.sha256) || exit 1; done; \
		else echo "mvn is not installed: what needs jars of its own is skipped"; fi
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r tests/peers/requirements.lock
	@$(BYTECODE) $(BIN)/python -m pytest tests/peers -m peers -rs $(TEST_ARGS)

screenshots: $(STAMP) ## take the pictures of README anew, in Chromium (after make peers)
	@$(BIN)/ticketbus fetch
	@$(BIN)/python -m tests.peers.screenshots

faults: $(STAMP) ## faults, garbage and floods at length, about an hour and a half (SEED=7 repeats a run, TEST_ARGS="-k clock")
	@$(BIN)/ticketbus fetch
	@$(BYTECODE) $(BIN)/python -m pytest tests/faults tests/fuzz -m "faults or not faults" \
		$(if $(SEED),--seed $(SEED)) $(TEST_ARGS)

bench: $(STAMP) $(PEERS) ## figures beside the bare limits, about 12 minutes (BENCH_ARGS="relay", --scale, --write docs/performance.md)
	@$(BIN)/ticketbus fetch
	@$(BIN)/python -m bench $(BENCH_ARGS)

docs: $(STAMP) ## the docs as one site in build/site, which needs no network: open build/site/index.html
	@rm -rf build/site
	@$(BIN)/sphinx-build $(SITE) . build/site && echo "build/site/index.html"

release: $(STAMP) ## sdist, wheel and the docs in dist/, tried in an empty environment, with SBOM and licences (RELEASE_ARGS=--rehearsal)
	@$(BIN)/python ops/release.py $(RELEASE_ARGS)

check: $(STAMP) ## format, lint, types, import contracts, dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@echo "dead code"; $(DEAD_CODE)

lock: $(STAMP) ## resolve the requirements anew into both lock files (LOCK_ARGS=--upgrade)
	@$(COMPILE) -o requirements.lock pyproject.toml
	@$(COMPILE) --group dev --all-extras -c requirements.lock -o requirements-dev.lock pyproject.toml
	@$(COMPILE) -o bench/requirements-peers.lock bench/requirements-peers.in
	@$(COMPILE) -c requirements-dev.lock -o tests/peers/requirements.lock tests/peers/requirements.in
	@for one in python sql analysis; do $(COMPILE) -c requirements-dev.lock -c tests/peers/requirements.lock \
		-o examples/$$one/requirements.txt examples/$$one/requirements.in || exit 1; done

clean: ## remove .venv and every cache; data of local stacks stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	rm -rf tests/peers/*/node_modules tests/peers/*/lib examples/node/node_modules examples/java/lib
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Tests start many programs: compiled once, wherever the environment says that nothing is to be.
BYTECODE = PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/.venv/bytecode

# Every warning, such as a link that leads nowhere, is an error.
SITE = --quiet --fail-on-warning --conf-dir docs --doctree-dir build/doctrees --builder html

# The flags keep registry hosts and paths of the machine out of the files.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-header --no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

# Fields and attributes are left out: rows, Avro and JSON read them by name, where vulture cannot see it.
DEAD_CODE = found=$$($(BIN)/vulture); status=$$?; [ $$status = 0 ] || [ $$status = 3 ] || { echo "$$found"; exit $$status; }; \
	found=$$(echo "$$found" | grep -E "unused (function|method|class|property|import)|unreachable") || exit 0; \
	echo "$$found"; exit 1

# uv itself comes out of the lock, with its hash, through the pip that every venv has; then uv does the rest.
$(STAMP): requirements-dev.lock pyproject.toml
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
			$$python -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
			echo "creating .venv with $$($$python --version)"; \
			exec $$python -m venv --clear .venv; \
		done; \
		echo "No Python >= 3.11 with venv and ensurepip was found. Install one (Debian, Ubuntu: apt-get install python3-venv)" >&2; \
		echo "or name it: make setup PYTHON=/path/to/python3.13" >&2; \
		exit 1; }
	@awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements-dev.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	@echo "installing the locked requirements"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# What the bench compares with, in an environment of its own: its pins are not ours.
$(PEERS): $(STAMP) bench/requirements-peers.lock
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/peers
	@$(BIN)/uv pip install --quiet --python .venv/peers/bin/python --require-hashes -r bench/requirements-peers.lock
	@touch $@

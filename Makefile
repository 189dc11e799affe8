# Two commands do everything on a fresh machine that has Python >= 3.11 and make: `make run` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ROOMS := schemas producers stream_processors projections api_gateway storage_agent infra
# One wheel of the lock, faust-streaming, is not built for Linux on ARM; its sdist builds there without a compiler.
BINARY := --only-binary :all: $(if $(filter aarch64 arm64,$(shell uname -sm)),$(if $(filter Linux,$(shell uname -s)),--no-binary faust-streaming))
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# The fast tests; a plugin that none of them uses costs each process more than a second.
FAST := -q -n 2 --dist worksteal -p no:schemathesis -m "not servers and not stack" tests/unit tests/sagas tests/contracts tests/golden tests/test_house.py
SLOWEST := --durations 25 --durations-min 5
# What shares no server runs two at a time: most of it waits for processes that it has killed or for the drive.
SIDE_BY_SIDE := -n 2 --dist worksteal $(SLOWEST) -m "not servers and not stack"
export PIP_REQUIRE_VIRTUALENV := 1

.PHONY: help run stop test planted e2e ui client fire kills power fuzz slow explore bench check image format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

run: $(VENV)/.run ui ## start everything, put the demo documents through it, leave it running
	@$(BIN)/artstore up
	@$(BIN)/artstore demo

stop: ## stop everything that `make run` has started
	@if [ -x $(BIN)/artstore ]; then $(BIN)/artstore down; else echo "nothing to stop: there is no $(VENV)"; fi

test: $(VENV)/.dev ui ## run every test, on real Kafka, PostgreSQL and Valkey: ARGS="tests/hostile -x"
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE); alone=$$?; \
	$(BIN)/python -m pytest $(SLOWEST) -m "servers or stack"; real=$$?; exit $$((alone ? alone : real))
endif

planted: $(VENV)/.dev ## plant bugs in copies of the code, one by one, and see the tests notice each (also in make test)
	@$(BIN)/python -m pytest -v --no-header tests/planted $(ARGS)

e2e: $(VENV)/.dev ui ## drive the interface in a real browser, on a whole stack
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

ui: $(VENV)/.node ## build the interface, if its sources have changed
	@$(BIN)/python -m ui.build

client: $(VENV)/.dev ## write the OpenAPI document and the interface's typed client anew
	@$(BIN)/python -m api_gateway.openapi
	@$(BIN)/python -c 'from ui.build import install, npm; install(); npm("run", "--silent", "client")'

fire: $(VENV)/.dev ## kill and stop everything in turn under uploads, and reckon: SEED=n ROUNDS=n
	@$(BIN)/python -m tests.campaigns.fire $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

kills: $(VENV)/.dev ## kill an agent under eight writers, again and again, and look what is lost: SEED=n KILLS=n
	@$(BIN)/python -m tests.campaigns.kills $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS))

power: $(VENV)/.dev ## cut ext4 (or XFS) off under an agent, as root, and look what is lost: KIND=xfs SEED=n CUTS=n
	@$(BIN)/python -m tests.campaigns.power $(if $(KIND),--kind $(KIND)) $(if $(SEED),--seed $(SEED)) $(if $(CUTS),--cuts $(CUTS))

fuzz: $(VENV)/.dev ## send a million mutated requests to an agent's port: SEED=n REQUESTS=n
	@$(BIN)/python -m tests.campaigns.requests $(if $(SEED),--seed $(SEED)) $(if $(REQUESTS),--requests $(REQUESTS))

slow: $(VENV)/.dev ## hold a thousand slow connections open at an agent, and measure what fast clients notice
	@$(BIN)/python -m tests.campaigns.slow $(ARGS)

check: $(VENV)/.dev ## format, lint, types, layers and the fast tests, in under a minute
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/lint-imports --no-cache > .import-linter.out || { cat .import-linter.out; exit 1; }; rm -f .import-linter.out
	@$(BIN)/mypy $(ROOMS) ui tests > .mypy.out 2>&1 & types=$$!; \
	$(BIN)/python -m pytest $(FAST); tests=$$?; \
	wait $$types; types=$$?; cat .mypy.out; rm -f .mypy.out; exit $$((tests ? tests : types))

explore: $(VENV)/.dev ## start an element from every state that a power cut can leave of short workloads: ARGS="--length 2"
	@$(BIN)/python -m tests.campaigns.explorer $(ARGS)

bench: $(VENV)/.dev ## measure ours beside raw programs: make bench ARGS="--rounds 1 --only latency"
	@$(BIN)/python -m tests.benchmarks $(ARGS)

image: $(VENV)/.run ui ## build the Docker image artstore:local from this clone (BASE=... for another Debian with Python)
	docker build $(if $(BASE),--build-arg BASE=$(BASE)) $(ARGS) -t artstore:local -f infra/stack/docker/Dockerfile .

format: $(VENV)/.dev ## format the code and mend what can be mended
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

clean: stop ## remove the virtual environment, the data and all caches
	rm -rf $(VENV) ui/dist ui/node_modules ui/.angular tests/e2e/node_modules .artstore .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found: install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) comes without ensurepip: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@echo "making the virtual environment"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements.lock pyproject.toml
	@test -e $(VENV)/.dev || { echo "installing the packages of requirements.lock"; $(PIP) install $(BINARY) --require-hashes -r requirements.lock; }
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.node: $(BIN)/python requirements-ui.lock
	@test -e $(VENV)/.dev || { echo "installing Node, which builds the interface"; $(PIP) install $(BINARY) --require-hashes -r requirements-ui.lock; }
	@touch $@

$(VENV)/.dev: $(BIN)/python requirements-dev.lock pyproject.toml
	@echo "installing the packages of requirements-dev.lock"
	@$(PIP) install $(BINARY) --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run $(VENV)/.node

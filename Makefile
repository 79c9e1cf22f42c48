# Warren's commands; `make help` lists them. A fresh Debian 12 machine needs nothing but make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD  := build
VENV   := $(BUILD)/venv
# Debian's own: another python3 that comes first in PATH may lack venv or be too old.
PYTHON := /usr/bin/python3
export UBSAN_OPTIONS ?= print_stacktrace=1
JOBS   ?= $(shell nproc)
# One line that moves on a terminal, errors alone elsewhere.
NINJA  := ninja -j$(JOBS) $(shell test -t 1 || echo --quiet)
WERROR := $(if $(CI),ON,OFF)
BUF_VERSION := 1.75.0

CLIENT_FILES := $(shell find clients/python proto -type f -not -path '*/__pycache__/*' \
                          -not -path '*.egg-info/*' -not -path 'clients/python/build/*')

.PHONY: help
help: ## List the commands.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: run
run: build ## Build and start the broker: gRPC on 127.0.0.1:7171, HTTP on 127.0.0.1:7172, data in ./data. More flags: ARGS="…".
	@exec $(BUILD)/bin/warren $(ARGS)

.PHONY: test
test: test-tools $(BUILD)-asan/build.ninja $(BUILD)-tsan/build.ninja $(BUILD)-fuzz/build.ninja ## Build everything and run every test, those of core, storage and hostile clients under sanitizers, too; the last line is `N passed, N failed`.
	@echo "building everything, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD)
	@echo "building what runs under sanitizers, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD)-asan tests_under_asan warren
	@$(NINJA) -C $(BUILD)-tsan tests_under_tsan
	@echo "building the fuzzers, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD)-fuzz fuzzers
	@$(VENV)/bin/python tests/report/run.py --build $(BUILD) --jobs $(JOBS) --sanitizers asan tsan

.PHONY: build
build: $(BUILD)/build.ninja ## Build build/bin/warren and build/bin/warrenctl.
	@echo "building warren and warrenctl, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD) warren warrenctl

.PHONY: package
package: build ## Make the Debian package, build/warren_VERSION_amd64.deb.
	@deploy/install-dependencies.sh package
	@cpack --config $(BUILD)/CPackConfig.cmake -B $(BUILD) >$(BUILD)/package.log || { cat $(BUILD)/package.log >&2; exit 1; }
	@rm -rf $(BUILD)/_CPack_Packages
	@ls $(BUILD)/*.deb

.PHONY: lint
lint: test-tools ## Check layering, tidiness, documents and the proto files, without running the tests.
	@$(VENV)/bin/pytest -q tests/checks --build $(BUILD)

.PHONY: prove prove-backlog prove-space prove-failover
prove: PROOFS := tests/proofs ## Prove in full what the three applications promise, and what follows (20 minutes); STORAGE=….
prove-backlog: PROOFS := tests/proofs/test_backlog.py ## Prove that 2,000,000 messages fit into a quarter of the memory that they take; STORAGE=….
prove-space: PROOFS := tests/proofs/test_space.py ## Prove that PostgreSQL's space is bounded while 5,000,000 messages pass one that stays.
prove-failover: PROOFS := tests/proofs/test_failover.py ## Prove that clients follow from broker to broker: 60 changes under load, nothing lost, short pauses.
prove prove-backlog prove-space prove-failover: build test-tools
	@$(NINJA) -C $(BUILD) warren-bench warren-follower
	@WARREN_BINARY=$(abspath $(BUILD))/bin/warren $(VENV)/bin/pytest -q -s $(PROOFS) --full $(ARGS)

.PHONY: test-deploy
test-deploy: build test-tools ## Run the tests of what deploys Warren alone: the Helm chart, rendered, judged and lived by a real broker.
	@WARREN_BINARY=$(abspath $(BUILD))/bin/warren $(VENV)/bin/pytest -q tests/deploy $(ARGS)

.PHONY: prove-image
prove-image: build test-tools ## Carry out all of the image's Dockerfile, the builder stage from a bare Debian 12, too, and run what comes of it; 15 minutes at first.
	@WARREN_BINARY=$(abspath $(BUILD))/bin/warren $(VENV)/bin/pytest -q -s tests/deploy/test_image.py --builder $(ARGS)

.PHONY: torture
torture: export ROUNDS ?= $(if $(MINUTES),,20)
torture: build test-tools ## Kill, stop, cut, slow and fill up all there is under load, and look for losses: 20 rounds of each kind, or MINUTES=… of the mixture; FAULT=…, STORAGE=…, ROUNDS=…, SEED=….
	@WARREN_BINARY=$(abspath $(BUILD))/bin/warren $(VENV)/bin/pytest -q -s tests/torture/test_torture.py $(ARGS)

.PHONY: fault-matrix
fault-matrix: test-tools ## Fail every call, statement and byte that the stores depend on, in turn (two hours); FAULTS="rocksdb_faults spill_faults postgres_statements", CASES=….
	@$(NINJA) -C $(BUILD) rocksdb_faults_test spill_faults_test postgres_statements_test
	@for zone in $(or $(FAULTS),rocksdb_faults spill_faults postgres_statements); do \
	  WARREN_FAULT_MATRIX=$(or $(CASES),all) $(BUILD)/tests/$${zone}_test; done

.PHONY: fuzz
fuzz: $(BUILD)-fuzz/build.ninja ## Feed hostile bytes to all that reads them, for MINUTES=10 in all; FUZZERS="NAME …".
	@echo "building the fuzzers, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD)-fuzz fuzzers
	@$(PYTHON) tests/fuzz/fuzzers.py --minutes $(or $(MINUTES),10) --jobs $(JOBS) $(FUZZERS)

.PHONY: bench
bench: $(BUILD)/build.ninja ## Measure what a message costs in the core and in routing, as bindings, queues, backlog and timers grow (2 minutes); ARGS="--benchmark_filter=…".
	@echo "building the micro-benchmarks, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD) warren_core_bench warren_routing_bench
	@for part in core routing; do $(BUILD)/bin/warren_$${part}_bench $(ARGS); done

.PHONY: profile
profile: build test-dependencies ## Show where the broker's time goes under load, by perf; STORAGE=…, ARGS="flags of warren-bench".
	@deploy/install-dependencies.sh profile
	@$(NINJA) -C $(BUILD) warren-bench
	@WARREN_BINARY=$(abspath $(BUILD))/bin/warren $(PYTHON) tests/bench/profile_broker.py --output $(BUILD)/profile.data $(ARGS)

.PHONY: bench-recovery
bench-recovery: build test-tools ## Measure the start on an empty store and after a crash with 1,000,000 messages in it; STORAGE=….
	@WARREN_BINARY=$(abspath $(BUILD))/bin/warren $(VENV)/bin/python tests/bench/recovery.py $(MESSAGES) $(BYTES)

.PHONY: pictures
pictures: build test-tools ## Draw the dashboards from real data into docs/pictures (three minutes).
	@PYTHONPATH=tests/support:tests/monitoring WARREN_BINARY=$(abspath $(BUILD))/bin/warren \
	  $(VENV)/bin/python tests/monitoring/pictures.py $(ARGS)

# All of it goes to the page, a part to the terminal alone.
.PHONY: compare
compare: test-tools compare-dependencies ## Measure Warren, RabbitMQ, NATS and others under the same load and write docs/benchmarks.md (20 minutes); REPEATS=…; with ARGS="--systems … --seconds 5" a part, and no page.
	@deploy/debian13.sh $(BUILD)/debian13
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check 'pika>=1.3,<2'
	@CMAKE_CXX_COMPILER_LAUNCHER=$$(command -v ccache || true) \
	  cmake --preset release -DWARREN_WERROR=$(WERROR) >/dev/null
	@echo "building what is compared, $(JOBS) at a time"
	@$(NINJA) -C $(BUILD) warren warren-bench peer_benches
	@$(VENV)/bin/python tests/bench/compare.py --build $(BUILD) --repeats $(or $(REPEATS),3) \
	  $(or $(ARGS),--page docs/benchmarks.md)

.PHONY: sim
sim: $(BUILD)/build.ninja ## Run the core in simulated worlds and look for one that fails; SEEDS=1-100000, ACTIONS=….
	@$(NINJA) -C $(BUILD) warren-sim
	@$(BUILD)/bin/warren-sim --seeds $(or $(SEEDS),1-100000) --actions $(or $(ACTIONS),500) $(ARGS)

.PHONY: teeth
teeth: test-dependencies ## Put each fault of tests/sim/faults into the code and see that it is caught (10 minutes).
	@$(PYTHON) tests/sim/teeth.py --build $(BUILD)-teeth --jobs $(JOBS) $(ARGS)

.PHONY: asan
asan: test-tools $(BUILD)-asan/build.ninja ## Run all C++ tests, hostile clients and the Python client's tests under AddressSanitizer and UndefinedBehaviorSanitizer (long).
	@$(NINJA) -C $(BUILD)-asan
	@ctest --preset asan -j$(JOBS)
	@WARREN_BINARY=$(abspath $(BUILD))-asan/bin/warren $(VENV)/bin/pytest -q tests/hostile tests/python $(ARGS)

.PHONY: tsan
tsan: dependencies $(BUILD)-tsan/build.ninja ## Run the tests of all that needs no gRPC under ThreadSanitizer (long).
	@$(NINJA) -C $(BUILD)-tsan
	@ctest --preset tsan -j$(JOBS)

.PHONY: coverage
coverage: test-dependencies $(BUILD)-coverage/build.ninja ## Measure which lines and branches of core and storage the C++ tests reach; the report is in build-coverage/coverage.
	@$(NINJA) -C $(BUILD)-coverage
	@find $(BUILD)-coverage -name '*.gcda' -delete
	@ctest --preset coverage -j$(JOBS) --progress
	@$(PYTHON) tests/report/coverage.py --build $(BUILD)-coverage --jobs $(JOBS)

.PHONY: clean
clean: ## Remove all that was built. Data stays.
	@rm -rf $(BUILD) $(BUILD)-*

# What the commands above stand on.

.PHONY: dependencies
dependencies:
	@deploy/install-dependencies.sh build

$(BUILD)/build.ninja: CMakePresets.json | dependencies
	@CMAKE_CXX_COMPILER_LAUNCHER=$$(command -v ccache || true) \
	  cmake --preset release -DWARREN_WERROR=$(WERROR) >/dev/null

$(BUILD)-%/build.ninja: CMakePresets.json | dependencies
	@CMAKE_CXX_COMPILER_LAUNCHER=$$(command -v ccache || true) cmake --preset $* >/dev/null

# Its compiler is among what the tests take.
$(BUILD)-fuzz/build.ninja: | test-dependencies

.PHONY: test-tools
test-tools: test-dependencies $(BUILD)/build.ninja $(VENV)/.installed $(BUILD)/node/.buf-$(BUF_VERSION) $(BUILD)/helm/.installed

.PHONY: test-dependencies
test-dependencies: dependencies
	@deploy/install-dependencies.sh test

.PHONY: compare-dependencies
compare-dependencies:
	@deploy/install-dependencies.sh compare

$(VENV)/.installed: tests/requirements.txt $(CLIENT_FILES) | test-dependencies
	@echo "installing the Python client and the test tools into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt ./clients/python
	@touch $@

$(BUILD)/node/.buf-$(BUF_VERSION): | test-dependencies
	@echo "installing buf into $(BUILD)/node"
	@mkdir -p $(BUILD)/node
	@npm install --prefix $(BUILD)/node --silent --no-fund --no-audit --no-save @bufbuild/buf@$(BUF_VERSION)
	@touch $@

$(BUILD)/helm/.installed: tests/deploy/install_tools.py tests/deploy/package.json | test-dependencies
	@echo "installing Helm and Kubernetes' types into $(BUILD)/helm"
	@$(PYTHON) tests/deploy/install_tools.py $(BUILD)/helm
	@touch $@

# Each target installs what is missing, then does its job.
SHELL := /bin/bash
MODEL ?= Models/tiny
PORT ?= 8080
BINARY := .build/release/infer-serve
SWIFT_PATHS := Package.swift Sources Tests
# The parts to build beside the server: TRAITS=Server,MPI,ZMQ has all.
TRAITS ?=
# One way of building, for what is served and for what is tested: all is compiled once.
BUILD := -c release -Xswiftc -enable-testing $(if $(TRAITS),--traits $(TRAITS))

.PHONY: serve build test build-and-kernels test-build bench format lint manual install uninstall deb deb-test docs swift-test kernels-test allocation-test fuzz-test client-test \
  client-test-all kill-test deploy-test monitoring-test page-test instruction-test instruction-update mpi-test events-test outside-test thread-test region-test tiles-test tiles-test-all clean

serve: build
	exec $(BINARY) serve --model $(MODEL) --port $(PORT)

build: .build/libraries-installed
	scripts/build.sh $(BUILD) --product infer-serve

test: build-and-kernels swift-test region-test allocation-test fuzz-test client-test instruction-test outside-test

# The kernels beside the Swift modules, the largest of which leave processors idle while they are compiled.
build-and-kernels:
	$(MAKE) -j2 test-build kernels-test

test-build: .build/libraries-installed
	scripts/build.sh $(BUILD) --build-tests

# The engine, its kernels, blocks and server, in one process each.
swift-test: test-build
	swift test $(BUILD) --skip-build --parallel

# The C kernels for every instruction set, this machine's or emulated, and under the address and undefined-behaviour
# sanitizers.
kernels-test: .build/libraries-installed .build/emulators-installed
	Tests/Kernels/run.sh

# Whole models with the products of AMX, whose tiles are spelled in plain C beside this machine's AVX-512: the suites that
# hold logits, products and quantised weights to references. One file of kernels is compiled anew. Not a part of `make test`,
# but of what every change has to pass (`.ci/run`).
tiles-test: .build/libraries-installed
	scripts/test-tiles.sh $(BUILD) --filter '$(TILED)'

# All suites of the engine, its blocks and the library. Not a part of `make test`.
tiles-test-all: .build/libraries-installed
	scripts/test-tiles.sh $(BUILD) --filter 'InferCoreTests|HybridBlocksTests|InferKitTests'

TILED := everyLogitOfEveryPromptMatches|MatMulTests|ExpertTests|PackedMatrixTests|PanelFile|InstructionSetTests|MixedStepTests|QuantizedLoadTests|GGUFParityTests|TinyModelTests|ScanTests|AttentionTests|DeltaRuleTests

# The parallel regions of thread teams under the thread sanitizer, in seconds.
region-test: .build/libraries-installed
	Tests/Regions/run.sh

# The threads of metrics, engine, kernels and server under the thread sanitizer: the suites that have any, but for those
# whose arithmetic would take it an hour. Left out of the server's are those that compute a value on one thread, which are
# most: among them ArgumentTests and ConfigurationTests, which parse a hundred command lines and take 62 of the 75 seconds of
# processor time that all of the server's take without the sanitizer. Not a part of `make test`: all is compiled once more,
# for ten minutes.
thread-test: region-test
	swift test $(THREAD_SANITIZER) --filter 'InferMetricsTests|InferServeTests\.($(THREADED_SERVER))/'
	swift test $(THREAD_SANITIZER) --filter '$(THREADED)'

THREAD_SANITIZER := --sanitize=thread --scratch-path .build/thread-sanitizer
THREADED_SERVER := AlarmTests|AnswerTests|EventLogTests|LineWriterTests|LoadingTests|ModelRegistryTests|OpenResponsesTests|ProgressReportTests|ReplayDriverTests|ResponseStoreTests|RotatingFileTests|ServerMetricsTests|ServerStateTests|SQLiteConnectionTests|StatisticsTests|UsageLedgerTests
THREADED := ThreadTeamTests|ThreadPlacementTests|ThreadRosterTests|SharedThreadsTests|EngineTests|EngineLifeTests|EngineThreadsTests|BackPressureTests|TextGenerationTests|PrefixCacheTests|DiskTierTests|SavedStateTests

# That steps take nothing from the heap.
allocation-test: .build/libraries-installed
	scripts/build.sh $(BUILD) --product Allocations
	.build/release/Allocations

# The readers of weights, tokenizers and templates on damaged files, for a minute and in four gigabytes.
fuzz-test: .build/libraries-installed
	scripts/build.sh $(BUILD) --product Fuzz
	ulimit -v 4194304; .build/release/Fuzz --seconds 60

# The library as other packages have it, and a family of one of them.
outside-test: .build/libraries-installed
	Tests/OutsideFamily/run.sh

# The built binary against the official clients, two files of tests at a time; the router of replicas, and their simulation.
client-test: build .venv/installed .build/packaging-installed
	.venv/bin/python -m pytest -q -n 2 --dist loadfile Tests/EndToEnd --durations 20 --binary $(BINARY) --model $(MODEL)
	cd Deploy/ray && ../../.venv/bin/python -m pytest -q tests/pure
	cd Benchmarks/cluster && ../../.venv/bin/python -m pytest -q tests

# The server killed 200 times under load, to see that it has lost nothing of what it had answered. Not a part of `make test`,
# which does so ten times.
kill-test: build .venv/installed
	.venv/bin/python -m pytest -q Tests/EndToEnd/test_usage.py -k killed --kills 200 --binary $(BINARY) --model $(MODEL)

# The binary against libraries and programs that build on such clients. Not a part of `make test`: they take over a gigabyte
# and several minutes to install, into an environment of their own.
client-test-all: build .venv/installed .venv-all/installed
	.venv-all/bin/python -m pytest -q -W ignore::UserWarning Tests/Clients --binary $(BINARY)
	.venv/bin/python -m pytest -q Tests/EndToEnd/test_gemma3.py --large-models --binary $(BINARY)

# Replicas behind Ray Serve, killed and scaled, and the manifests for Kubernetes; types of Python packages. Not a part of `make test`: Ray takes half a
# gigabyte.
deploy-test: build .venv-deploy/installed
	cd Benchmarks/cluster && ../../.venv-deploy/bin/mypy
	cd Deploy/ray && ../../.venv-deploy/bin/mypy && ../../.venv-deploy/bin/python -m pytest -q tests/pure && \
	  ../../.venv-deploy/bin/python -m pytest -q tests/ray --binary ../../$(BINARY) --model ../../$(MODEL)
	.venv-deploy/bin/python -m pytest -q Tests/Kubernetes --binary $(BINARY) --model $(MODEL)

# One model over several machines by MPI: ranks in network namespaces with a shaped network between them. Needs root; not a part
# of `make test`: all is compiled once more, with the traits MPI and ZMQ.
mpi-test: .build/mpi/release/infer-serve .venv/installed
	.venv/bin/python -m pytest -q Tests/MPI --binary $< --model $(MODEL)

# Events of the prefix cache against subscribers of ZeroMQ. Not a part of `make test`, as above.
events-test: .build/mpi/release/infer-serve .venv/installed
	.venv/bin/python -m pytest -q Tests/Events --binary $< --model $(MODEL)

.PHONY: .build/mpi/release/infer-serve
.build/mpi/release/infer-serve: .build/libraries-installed .build/mpi-installed
	scripts/build.sh -c release --traits Server,MPI,ZMQ --scratch-path .build/mpi --product infer-serve

# Its metrics in Prometheus, with the alerts and the Grafana dashboard that are shipped.
monitoring-test: build .venv/installed .build/prometheus-installed
	.venv/bin/python -m pytest -q Tests/Monitoring --binary $(BINARY) --model $(MODEL)

# The page, in Debian's Chromium.
page-test: build .venv-page/installed
	.venv-page/bin/python -m pytest -q Tests/Browser --binary $(BINARY)

# That steps execute no more instructions than they did; `make instruction-update` keeps what they execute now.
instruction-test: build .build/valgrind-installed
	python3 Tests/Instructions/count.py --binary $(BINARY)

instruction-update: build .build/valgrind-installed
	python3 Tests/Instructions/count.py --binary $(BINARY) --update

bench: build
	$(BINARY) bench --model $(MODEL) --prompt-tokens 128,512 --generate-tokens 32 --batch 1,4,16

format:
	swift format --in-place --recursive $(SWIFT_PATHS)

# The sources' form, and the arrows between their folders.
lint:
	swift format lint --strict --recursive $(SWIFT_PATHS)
	scripts/check-layers.py --self-test
	scripts/check-layers.py

# Manual pages and completions for shells, from what the command's own parser knows.
manual: build
	scripts/make-manual.py $(BINARY) .build/manual
	for shell in bash zsh fish; do \
	  $(BINARY) --generate-completion-script $$shell > .build/manual/infer-serve.$$shell || exit; done

# The command with all that it needs to run without a Swift toolchain, below PREFIX; DESTDIR stands before it for packages.
PREFIX ?= /usr/local
DESTDIR ?=
install: build .build/packaging-installed
	scripts/install.sh $(BINARY) $(PREFIX) $(DESTDIR)

uninstall:
	scripts/install.sh --uninstall $(PREFIX) $(DESTDIR)

# A package for the Debian that it is built on, in .build/deb.
deb: build .build/packaging-installed
	scripts/make-deb.sh $(BINARY) .build/deb

# The package, held to Debian's policy, and installed and served with in a minimal Debian in a folder. Needs root; not a part
# of `make test`.
deb-test: deb
	scripts/install-libraries.sh debootstrap lintian
	lintian --allow-root --fail-on error,warning .build/deb/infer-serve_*.deb
	scripts/test-deb.sh .build/deb/infer-serve_*.deb .build/deb-test

# The libraries' documentation, in .build/docs.
docs: build
	scripts/check-docs.sh $(dir $(BINARY))

.build/libraries-installed: scripts/install-libraries.sh
	scripts/install-libraries.sh
	mkdir -p .build && touch $@

# Elsewhere the tests say what they skip.
.build/emulators-installed: scripts/install-libraries.sh .build/libraries-installed
	if command -v apt-get >/dev/null && test "$$(uname -m)" = x86_64; then \
	  scripts/install-libraries.sh qemu-user gcc-aarch64-linux-gnu libsimde-dev; fi
	mkdir -p .build && touch $@

# What manual pages are checked with, and packages are made with.
.build/packaging-installed: scripts/install-libraries.sh
	if command -v apt-get >/dev/null; then scripts/install-libraries.sh groff-base mandoc patchelf; fi
	mkdir -p .build && touch $@

.build/valgrind-installed: scripts/install-libraries.sh
	scripts/install-libraries.sh valgrind binutils
	mkdir -p .build && touch $@

.build/mpi-installed: scripts/install-libraries.sh
	scripts/install-libraries.sh libopenmpi-dev openmpi-bin iproute2 iputils-ping libzmq3-dev
	mkdir -p .build && touch $@

.build/prometheus-installed: scripts/install-libraries.sh
	scripts/install-libraries.sh prometheus
	mkdir -p .build && touch $@

.venv/installed: Tests/EndToEnd/requirements.txt scripts/make-venv.sh
	scripts/make-venv.sh .venv Tests/EndToEnd/requirements.txt
	touch $@

.venv-all/installed: Tests/Clients/requirements.txt scripts/make-venv.sh
	scripts/make-venv.sh .venv-all Tests/Clients/requirements.txt
	touch $@

.venv-deploy/installed: Deploy/ray/requirements.txt Deploy/ray/pyproject.toml Tests/Kubernetes/requirements.txt
	scripts/make-venv.sh .venv-deploy Deploy/ray/requirements.txt
	touch $@

.venv-page/installed: Tests/Browser/requirements.txt scripts/make-venv.sh
	scripts/install-libraries.sh chromium
	scripts/make-venv.sh .venv-page Tests/Browser/requirements.txt
	touch $@

clean:
	rm -rf .build .venv .venv-all .venv-page .venv-deploy

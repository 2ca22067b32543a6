# The two commands of the README: `make demo` and `make test`. Both start from a fresh checkout.
PYTHON ?= python3
BIN := .venv/bin
# Two more than there are processors: many tests wait for an index, a disk, or a build that another one makes.
JOBS ?= $(shell expr 2 + $$(getconf _NPROCESSORS_ONLN))

.PHONY: demo test long lint types unit format docs schema launchers man soak bench launcher-check platforms emulators \
	clean

demo: .venv/installed
	$(BIN)/onebin bundle
	dist/logscan formats
	dist/logscan scan examples/logscan/samples/app.jsonl examples/logscan/samples/auth.syslog examples/logscan/samples/wtmp

# Lint and types take one processor each.
test: .venv/installed
	$(MAKE) --no-print-directory -j2 lint types
	$(BIN)/pytest -n $(JOBS) --dist worksteal

# What `make test` leaves out, because another test shows the same kind: more hosts and Pythons, other platforms.
long: .venv/installed
	$(BIN)/pytest --soak -n $(JOBS) -m long

unit: .venv/installed
	$(BIN)/pytest -n $(JOBS) tests/unit examples/logscan/tests

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

types: .venv/installed
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation as a site, in site/.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

schema: .venv/installed
	$(BIN)/python -m onebin.manifest.schema > src/onebin/manifest/bundle.schema.json
	$(BIN)/python -m onebin.catalogue.model > src/onebin/catalogue/catalogue.schema.json
	$(BIN)/python -m onebin.card.report > src/onebin/card/inspect.schema.json
	$(BIN)/python -m onebin.card.difference > src/onebin/card/diff.schema.json
	$(BIN)/python -m onebin.sidecar.report > src/onebin/sidecar/side-car.schema.json
	$(BIN)/python -m onebin.pipeline.failure > src/onebin/pipeline/failure.schema.json

# Compile launchers into the package, as a release carries them: make launchers PLATFORM="linux-x86_64 linux-aarch64"
launchers: .venv/installed
	$(BIN)/python -m onebin.cli.machine.launchers $(PLATFORM)

# Write the manual pages, which the wheel installs; groff and mandoc accept them without a warning (a test).
man: .venv/installed
	$(BIN)/python -m onebin.cli.machine.man man

# The long tests and their figures (docs/reliability.md), load, and the figures of examples/logscan/README.md: hours.
# Without atheris, which has no wheel for every platform, its test is skipped.
soak: .venv/installed
	-$(BIN)/python -m pip install --quiet --editable '.[dev,fuzz]'
	$(BIN)/pytest --soak -n $(JOBS) -m "soak or long"
	$(BIN)/python benchmarks/load.py
	$(BIN)/onebin bundle
	$(BIN)/onebin bundle bundle.lite.toml
	$(BIN)/python benchmarks/logscan.py

# onebin beside its peers (benchmarks/README.md): hours, most of them Nuitka's. PROGRAM="hello flake8" are some of it.
bench: .venv/installed
	$(BIN)/python benchmarks/start.py $(PROGRAM)

# The tests of the launcher's Zig part, and whether it compiles for other platforms: some minutes.
launcher-check: .venv/installed
	$(BIN)/python -m onebin.cli.machine.launchers --check

# Artifacts for other platforms (docs/platforms.md), on Debian 12 and as root: install emulators, fetch or make an
# interpreter of each platform below build/platforms (10 minutes on two processors), test what runs there (an hour).
# They stay there, so that `make long` has them, too.
LAUNCHER_TESTS := $(addprefix tests/integration/test_,launcher.py launcher_attacks.py launcher_faults.py)
STARTER_TESTS := $(addprefix tests/integration/test_,starter.py finder.py huge_pages.py patterns.py quiet_exit.py \
	tree_use.py)
PREPARED := $(addprefix build/platforms/,linux-aarch64 linux-x86_64-musl linux-aarch64-musl windows-x86_64)
PREPARED += $(addprefix build/platforms/,macos-arm64 macos-x86_64) # nothing here runs them

platforms: .venv/installed emulators $(PREPARED)
	$(BIN)/pytest --platform linux-aarch64 -n $(JOBS) $(LAUNCHER_TESTS) $(STARTER_TESTS)
	$(BIN)/pytest --platform linux-x86_64-musl -n $(JOBS) $(STARTER_TESTS)
	$(BIN)/pytest --soak -n $(JOBS) $(addprefix tests/,e2e/test_platforms.py e2e/test_macos.py \
		integration/test_other_platforms.py)

emulators:
	apt-get install --yes --quiet=2 binfmt-support binutils-aarch64-linux-gnu musl qemu-user-static wine64

build/platforms/linux-aarch64:
	tests/platforms/debian.sh $@ arm64

build/platforms/linux-%-musl: | .venv/installed
	tests/platforms/musl.sh $@ $* $(BIN)/python

build/platforms/windows-x86_64: | .venv/installed
	tests/platforms/windows.sh $@ $(BIN)/python

build/platforms/macos-arm64: | .venv/installed
	tests/platforms/macos.sh $@ aarch64 $(BIN)/python

build/platforms/macos-x86_64: | .venv/installed
	tests/platforms/macos.sh $@ x86_64 $(BIN)/python

.venv/installed: pyproject.toml $(wildcard src/onebin/launcher/native/* src/onebin/launcher/native/*/*)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m onebin.cli.machine.launchers
	touch $@

clean:
	rm -rf .venv build dist man .mypy_cache .pytest_cache .ruff_cache

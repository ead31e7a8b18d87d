# Everything a newcomer types. `make demo` and `make test` set themselves up.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup web build demo test continuity world bench pictures lint fmt

help: ## Says what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Installs what is missing; the second time it does nothing
	@scripts/setup.sh

# The pages are built into the binary, so they come first.
web: setup
	@cd web && npm run --silent build

build: web ## Builds the pages and the binaries
	cargo build --locked --workspace --bins

demo: build ## Runs an interview on this machine and prints the link to open (ARGS="--port 8081 …")
	@exec target/debug/vivavoce demo $(ARGS)

test: ## Checks and tests everything; ends with `N passed, M failed`
	@scripts/test.sh

continuity: web ## Every fault of the table 20 times, each in an interview of its own; writes docs/continuity.md (ARGS="--row NAME --runs 5 …")
	cargo test --locked --workspace --profile world --test continuity -- --all --runs 20 --at-once 16 --markdown docs/continuity.md $(ARGS)

N ?= 100
world: ## N random interviews in virtual time, two faults each (N=20000 ARGS="--seed 1 --faults 2 --only rebinds …")
	cargo build --locked --workspace --profile world --bin vivavoce-world
	target/world/vivavoce-world --n $(N) $(ARGS)

bench: web ## Measures the release build beside a bare UDP relay, and joins by Chromium; writes docs/benchmarks.md (ARGS="--sessions 50 …")
	cargo build --locked --release -p vivavoce -p vivavoce-bench -p vivavoce-simulator
	target/release/vivavoce-bench compare --server target/release/vivavoce \
		--json target/bench.json --markdown docs/benchmarks.md $(ARGS)
	node tests/browser/joins.mjs --server target/release/vivavoce --simulator target/release/vivavoce-simulator \
		--json target/joins.json --markdown docs/benchmarks.md

pictures: build ## Causes each kind of outage; writes its picture, its words and what a screen reader says into docs/outages. As root
	cd tests/browser && npm run --silent outages

lint: setup ## Formatting, clippy, eslint, types, licences and duplicates of dependencies
	@scripts/lint.sh

fmt: ## Formats the Rust code
	cargo fmt --all

# Builds, checks and shows s3-backup. `make` alone lists what there is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help check lint test histories tables fuzz mir bench conformance compat demo stop record package cli man install clean

# Where `make install` puts things.
PREFIX ?= /usr/local

# Processor of the function: x86_64 or arm64.
ARCH ?= x86_64
export ARCH BUILD DATA EVENTS KEEP PICTURES PROGRESS HISTORIES FUZZ_SECONDS FUZZ_TARGETS CASES HUGE SMALL REPEAT RIVALS RIVAL_SECONDS STORES

help: ## List the targets
	@echo "usage: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F '|' '{ printf "  %-11s %s\n", $$1, $$2 }'

check: ## Format, lints, unit tests, architecture: the fast part
	@scripts/prerequisites rust lint
	@scripts/check

lint: ## Spelling, shell scripts, documentation of the code, the template
	@scripts/prerequisites rust python
	@scripts/lint

test: ## Everything that CI runs, with the time of each part
	@scripts/test

histories: ## Random histories against the model of tests/it/model; HISTORIES=20000 plays so many of each kind
	@scripts/histories

tables: ## The tests that cross everything with everything, whole; `make test` plays a share of each
	@scripts/tables

fuzz: ## Any bytes into each reader of bytes for FUZZ_SECONDS (60); FUZZ_TARGETS=names: see tests/fuzz
	@scripts/fuzz

mir: ## Whether the compiler has dropped a value that the release build still reads: see scripts/lints/mir.py
	@scripts/mir

bench: ## CPU, memory, time and requests on a simulator; CASES=names, HUGE=1, RIVALS=1: see docs/performance.md
	@scripts/bench

conformance: ## Which changes ours and other tools miss; CASES=names, RIVALS=1: see docs/comparison.md
	@scripts/conformance

compat: ## The whole job against other stores that can be installed here; STORES=names: see docs/compatible.md
	@scripts/compat

demo: ## The whole job on a local AWS; DATA=folder takes your files, KEEP=1 leaves it running; EVENTS=1, WEB=1: see scripts/demo
	@scripts/demo

stop: ## Stop and remove what `make demo KEEP=1` left running
	@if [ -d .demo ]; then python3 scripts/local_aws.py stop .demo && rm -rf .demo; fi

record: ## docs/demo.svg, a session on a local AWS; PICTURES=folder draws each command, PROGRESS=1 a restore under way instead
	@scripts/record

package: ## dist/bootstrap.zip, to deploy; ARCH=arm64 for Graviton
	@scripts/prerequisites rust $(ARCH) python
	@scripts/python-tools
	@scripts/package

cli: ## target/release/s3-backup, the command line
	@scripts/prerequisites rust
	@scripts/programs s3-backup

man: cli ## target/man, the manual pages of the command line
	@mkdir -p target/man
	target/release/s3-backup man target/man

install: cli ## Command line, completions and manual pages into PREFIX (/usr/local)
	@scripts/install target/release/s3-backup "$(PREFIX)"

clean: stop ## Remove everything that was built or installed here
	rm -rf target dist .venv .venv-lint .venv-rivals .venv-compat .venv-compat-localstack .pytest_cache cdk/node_modules cdk/cdk.out

# What people run: make demo, make test, make bench. See README.md.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# Compiled dependencies are large: on CI they are kept outside the clone, so that the next clone finds them.
ifdef CI
export CARGO_TARGET_DIR ?= $(or $(CANDLEFLOW_CACHE),$(HOME)/.cache/candleflow)/target
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo test lint build bench clean fmt

## Builds, and shows the whole path in a minute: no network, no server.
demo:
	cargo build --locked -p candleflow
	$(TARGET)/debug/candleflow demo

## Everything that CI runs.
test:
	deploy/dev/test

build:
	cargo build --locked --release -p candleflow

fmt:
	cargo fmt --all

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

## Figures of this machine: topics, indicators beside TA-Lib, strategies beside vectorbt and raptorbt.
bench:
	deploy/dev/bench

clean:
	cargo clean

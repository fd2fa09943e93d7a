# Two commands do everything: `make demo` runs the example on real input, `make
# test` passes all tests. The others are for those who change the code.
#
# Needs: cargo (Rust 1.88 or newer) and go (1.26.4 or newer, or one that may fetch
# it: the demo's test vectors ask for that), on Linux. Everything
# else is fetched by the two, or by a target that says so.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz bench-quick bench-payload bench-rkyv gen

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## verify real signatures in a Rust sidecar, called from a Go node
	@examples/sigverify/demo.sh

test: ## all tests of both languages
	@.ci/test

check: ## everything a change must pass besides the tests
	@.ci/check

fuzz: ## random types and bytes, rkyv against Go: MINUTES=N, or SEED=N to repeat
	@.ci/fuzz

bench-quick: ## round trips side by side, under a minute
	@cargo run --quiet --release -p outrigger-benches --bin quick

bench-payload: ## payloads of 64 bytes to 64 MiB beside a unix socket, a minute
	@cargo run --quiet --release -p outrigger-benches --bin payload

bench-rkyv: ## what messages cost in Go and Rust, beside other formats, two minutes
	@cargo run --quiet --release -p outrigger-benches --bin rkyv

gen: ## write the generated files: numbers of the ABI, Go of the built-in methods
	@cargo run --quiet -p outrigger-layout --example gen
	@cargo run --quiet -p outrigger -- gen go --from builtin --out client-go
	@gofmt -l client-go/internal/abi client-go/builtin

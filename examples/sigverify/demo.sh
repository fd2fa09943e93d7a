#!/usr/bin/env bash
#
# The signature demo, from a clean clone to a verdict: builds the Rust sidecar
# and the Go node, and becomes the node, which starts the sidecar and ends it.
# Only the two builds in the target folder stay.
#
#   make demo
#   examples/sigverify/demo.sh [--codec json] [--seconds 10] [--goroutines 1,8,64]
#
# The flags are the node's; the last one of a kind counts. Exit status: the node's
# (0: no verdict was wrong and every flipped bit was noticed).

set -euo pipefail

say() { echo "demo: $*" >&2; }
fail() { say "$*"; exit 1; }

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v cargo >/dev/null || fail "cargo not found: install Rust, https://rustup.rs"
command -v go >/dev/null || fail "go not found: install Go, https://go.dev/dl"

build=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release

say "building the sidecar (cargo build --release)"
cargo build --release --quiet -p outrigger-example-sigverify
say "building the node (CGO_ENABLED=0 go build)"
(cd examples/sigverify/node && CGO_ENABLED=0 go build -o "$build/sigverify-node" .)
say "built in $SECONDS s"

exec "$build/sigverify-node" --sidecar "$build/sigverify-sidecar" \
    --codec archive,json --seconds 1.5 "$@"

#!/usr/bin/env bash
#
# The signature demo, from a clean clone to a verdict: builds the Rust sidecar
# and the Go node, starts one, runs the other, stops the first, and leaves
# nothing behind.
#
#   make demo
#   examples/sigverify/demo.sh [--seconds 10] [--goroutines 1,8,64]    flags of the node
#
# Exit status: the node's (0: no verdict was wrong); 1 if the sidecar did not
# end well.

set -euo pipefail

readonly ready_deciseconds_max=100 # for the sidecar to open its socket
readonly stop_deciseconds_max=100  # for it to end after SIGTERM

folder=
sidecar=

say() { echo "demo: $*" >&2; }
fail() { say "$*"; exit 1; }

# Runs at every exit: the sidecar and the folder go, whatever happened.
clean_up() {
    if [[ -n $sidecar ]]; then kill -KILL "$sidecar" 2>/dev/null || true; fi
    if [[ -n $folder ]]; then rm -rf "$folder"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v cargo >/dev/null || fail "cargo not found: install Rust, https://rustup.rs"
command -v go >/dev/null || fail "go not found: install Go, https://go.dev/dl"

# In /tmp itself, not $TMPDIR: a unix socket's path has room for 107 bytes.
folder=$(TMPDIR=/tmp mktemp -d)
socket=$folder/s

say "building the sidecar (cargo build --release)"
cargo build --release --quiet -p outrigger-example-sigverify
say "building the node (CGO_ENABLED=0 go build)"
(cd examples/sigverify/node && CGO_ENABLED=0 go build -o "$folder/node" .)
say "built in $SECONDS s"
built_seconds=$SECONDS

say "starting the sidecar on $socket"
"${CARGO_TARGET_DIR:-target}/release/sigverify-sidecar" serve --socket "$socket" &
sidecar=$!
for ((waited = 0; ; waited++)); do
    [[ -S $socket ]] && break
    kill -0 "$sidecar" 2>/dev/null || fail "the sidecar ended before it was ready"
    ((waited < ready_deciseconds_max)) || fail "no socket after $((waited / 10)) s"
    sleep 0.1
done

node_status=0
"$folder/node" --socket "$socket" "$@" || node_status=$?

say "stopping the sidecar (SIGTERM)"
kill -TERM "$sidecar" 2>/dev/null || true
for ((waited = 0; waited < stop_deciseconds_max; waited++)); do
    kill -0 "$sidecar" 2>/dev/null || break
    sleep 0.1
done
kill -KILL "$sidecar" 2>/dev/null && say "the sidecar did not stop in $((waited / 10)) s"
sidecar_status=0
wait "$sidecar" || sidecar_status=$?
sidecar=

took="$SECONDS s, of which building $built_seconds s"
if ((node_status != 0)); then
    say "FAIL: the node ended with status $node_status ($took)"
    exit "$node_status"
elif ((sidecar_status != 0)); then
    fail "FAIL: the sidecar ended with status $sidecar_status ($took)"
fi
say "PASS ($took)"

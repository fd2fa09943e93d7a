#!/usr/bin/env bash
# What `cargo test` cannot do for the ring, as lanes:
#
#   ringbuf/tests/lanes.sh loom    the models without a bound that matters
#   ringbuf/tests/lanes.sh miri    behaviour under Miri, one run for each seed
#   ringbuf/tests/lanes.sh tsan    behaviour under ThreadSanitizer, and a control run
#   ringbuf/tests/lanes.sh asan    behaviour under AddressSanitizer
#   ringbuf/tests/lanes.sh         all of them
#
# A lane that cannot run here says `not run: NAME` and succeeds; each is ended
# after MINUTES. MIRI_SEEDS=128 makes a long night of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

MINUTES=${MINUTES:-10}
MIRI_SEEDS=${MIRI_SEEDS:-4}
target=$(rustc -vV | sed -n 's/^host: //p')

# Over the heap only: Miri has no memfd, and sanitizers do not see two mappings of one.
tests=(-p outrigger-ringbuf --test ring --test hostile)

bounded() { timeout --kill-after=10 "$((MINUTES * 60))" "$@"; }

loom() {
    LOOM_MAX_PREEMPTIONS=7 bounded cargo test --release -p outrigger-ringbuf --test loom
}

miri() {
    cargo +nightly miri --version >/dev/null 2>&1 || { echo "not run: miri"; return; }
    MIRIFLAGS="-Zmiri-many-seeds=0..$MIRI_SEEDS" \
        bounded cargo +nightly miri test --target-dir target/miri "${tests[@]}"
    # Without preemption each thread runs until it waits: other schedules, other bugs.
    MIRIFLAGS="-Zmiri-preemption-rate=0" \
        bounded cargo +nightly miri test --target-dir target/miri "${tests[@]}"
}

# Sanitizers are a nightly option; RUSTC_BOOTSTRAP gives it to stable, for tests only.
sanitized() {
    local name=$1 flags=$2
    TSAN_OPTIONS="suppressions=$PWD/ringbuf/tests/tsan.suppressions" \
        RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$flags" \
        bounded cargo test --target-dir "target/$name" --target "$target" "${tests[@]}"
}

sanitizer_works() {
    echo 'fn main() {}' | RUSTC_BOOTSTRAP=1 rustc - -o /dev/null \
        "-Zsanitizer=$1" -Cunsafe-allow-abi-mismatch=sanitizer --target "$target" 2>/dev/null
}

tsan() {
    sanitizer_works thread || { echo "not run: tsan"; return; }
    local flags="thread -Cunsafe-allow-abi-mismatch=sanitizer"
    sanitized tsan "$flags --cfg outrigger_tsan"
    # A lane that finds nothing proves nothing. Without the cfg the acquire fences, which
    # ThreadSanitizer does not see, stand alone: it must report a race over the payload.
    local report
    report=$(sanitized tsan-control "$flags" 2>&1) || true
    grep -q "ThreadSanitizer: data race" <<<"$report" && grep -q "read_payload" <<<"$report" ||
        { echo "$report" && echo "tsan: no race found in the control run" && exit 1; }
    echo "tsan: the control run was found out, as it must be"
}

asan() {
    sanitizer_works address || { echo "not run: asan"; return; }
    sanitized asan address
}

[ $# -gt 0 ] || set -- loom miri tsan asan
for lane in "$@"; do
    case $lane in
    loom | miri | tsan | asan) echo "== $lane" && "$lane" ;;
    *) echo "no lane $lane (there are: loom miri tsan asan)" && exit 2 ;;
    esac
done

# Steps of a script: each says what it is, how long it took and how it ended; the
# verdict at the end is the exit status. Sourced by .ci/test and .ci/check.

steps_failed=()
steps_passed=0

# step TEXT COMMAND...: runs a command; prints its output only if it fails.
step() {
    local text=$1 begin=$SECONDS log
    shift
    log=$(mktemp)
    printf '%-60s' "$text"
    if "$@" >"$log" 2>&1; then
        printf 'ok      %4d s\n' "$((SECONDS - begin))"
        steps_passed=$((steps_passed + 1))
        grep -E '^not run: ' "$log"
    else
        printf 'FAILED  %4d s\n' "$((SECONDS - begin))"
        steps_failed+=("$text")
        grep -nE -A4 'panicked at|^--- FAIL|DATA RACE' "$log" | head -n 60
        tail -n 150 "$log"
    fi
    rm -f "$log"
}

# in_folder FOLDER COMMAND...: runs a command elsewhere.
in_folder() {
    local folder=$1
    shift
    (cd "$folder" && "$@")
}

# verdict NAME: prints the outcome and exits with it.
verdict() {
    local text
    for text in "${steps_failed[@]}"; do echo "failed: $text"; done
    echo "$steps_passed passed, ${#steps_failed[@]} failed"
    if [ "${#steps_failed[@]}" -gt 0 ]; then
        echo "$1: FAILED"
        exit 1
    fi
    echo "$1: passed"
}

#!/usr/bin/env bash
# Everything that must hold, in the order in which it fails soonest. Ends with `N passed, M failed`, and with status 0 only
# if nothing failed. Each step's output is kept in target/test-logs/.
#
# Counts are read from what the test runners say of themselves; a step that fails without saying so counts as one failure,
# and so does a step that should say how many passed and does not.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
exec </dev/null

logs=target/test-logs
mkdir -p "$logs"
passed=0
failed=0
began=$SECONDS

# Sums a runner's own counts: cargo test, vitest, node --test, and the scripts under tests/. Prints `passed failed`.
counts() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        /^test result: / { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } }
        /^ *Tests  / { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } }
        /^(# |ℹ )pass [0-9]+$/ { p += $3 }
        /^(# |ℹ )fail [0-9]+$/ { f += $3 }
        /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }'
}

finish() {
    printf '\n%d s\n%d passed, %d failed\n' $((SECONDS - began)) "$passed" "$failed"
    [ "$failed" -eq 0 ]
    exit
}

# step NAME KIND COMMAND…; KIND `check` says only yes or no, `tests` counts, `needed` is a check without which no other can be.
step() {
    local name=$1 kind=$2 log="$logs/${1// /-}.log" start=$SECONDS status p f
    shift 2
    printf '== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    read -r p f < <(counts "$log")
    if [ "$kind" = tests ]; then
        passed=$((passed + p))
        failed=$((failed + f))
        if [ "$p" -eq 0 ] && [ "$f" -eq 0 ]; then
            echo "no test of \"$name\" was run"
            status=1
        fi
    fi
    if [ "$status" -ne 0 ]; then
        [ "$kind" = tests ] && [ "$f" -gt 0 ] || failed=$((failed + 1))
        echo "FAILED: $name (status $status; $log)"
    fi
    printf -- '-- %s: %d s\n' "$name" $((SECONDS - start))
    [ "$kind" != needed ] || [ "$status" -eq 0 ] || finish
}

# What a job printed, and its status.
told() { cat "$1" && return "$2"; }

in_dir() { (cd "$1" && shift && "$@"); }

step "setup" needed scripts/setup.sh
step "pages" needed in_dir web npm run --silent build
step "pages lint" check in_dir web npm run --silent lint
step "pages tests" tests in_dir web npm run --silent test
step "format" check cargo fmt --all --check
# All targets at once: of the binaries alone, which several tests run, cargo would build half of the crates with other features
# and then once more.
step "build" needed cargo build --locked --quiet --workspace --all-targets
# Interviews wait more than they work: clippy has the time that they leave, and no other (SCHED_IDLE), and four times as
# many tests run as there are cores. It begins once cargo has let go of the build folder to run the tests.
in_the_idle_time() {
    until grep -q '^ *Running ' "$logs/rust-tests.log" 2>/dev/null || [ -e "$logs/rust-tests.done" ]; do sleep 1; done
    exec chrt --idle 0 cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
}
rm -f "$logs"/rust-tests.{log,done}
trap '[ -z "$clippy" ] || kill "$clippy" 2>/dev/null' EXIT
in_the_idle_time >"$logs/clippy.out" 2>&1 &
clippy=$!
step "rust tests" tests env RUST_TEST_THREADS="${RUST_TEST_THREADS:-$(($(nproc) * 4))}" cargo test --locked --workspace --no-fail-fast
touch "$logs/rust-tests.done"
export SIMULATOR=$PWD/target/debug/vivavoce-simulator VIVAVOCE=$PWD/target/debug/vivavoce
step "official clients" tests tests/official/run.sh
if [ -x tests/browser/run.sh ]; then
    step "browsers" tests tests/browser/run.sh
elif compgen -G 'tests/browser/*.test.mjs' >/dev/null; then
    step "browsers" tests in_dir tests/browser npm test --silent
fi
wait "$clippy"
step "clippy" check told "$logs/clippy.out" $?
clippy=
finish

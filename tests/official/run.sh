#!/bin/sh
# The official clients against the simulator. Prints `N passed, M failed`; exit status 0 if none failed.
# Environment: SIMULATOR (binary; built if absent), CHROMIUM, PYTHON.
set -u
cd "$(dirname "$0")" || exit 2
if [ -z "${SIMULATOR:-}" ]; then
    cargo build --quiet -p vivavoce-simulator --bin vivavoce-simulator || exit 2
    SIMULATOR=${CARGO_TARGET_DIR:-../../target}/debug/vivavoce-simulator
fi
export SIMULATOR
# Each install is skipped where what is pinned is already there.
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error || exit 2
fi
if [ ! -x .venv/bin/python ] || [ requirements.txt -nt .venv/.installed ]; then
    "${PYTHON:-python3}" -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt || exit 2
    touch .venv/.installed
fi
passed=0
failed=0
check() {
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $*" >&2; fi
}
check node browser_webrtc.mjs
check .venv/bin/python python_websocket.py
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

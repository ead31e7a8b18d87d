#!/usr/bin/env bash
# Installs what a bare Debian machine lacks to build, run and test this. A no-op once all is there.
#
# Given: Rust (rust-toolchain.toml) and gcc, Node 20.19 or later, Python 3.9 or later. Works as root, or as a user with sudo.
# The stamp holds a hash of what decides the outcome; beside it, each result is looked for, so that what somebody removed
# is put back. Caches of apt, npm, pip and cargo are used where they are.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.setup/stamp
say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Folders with a package-lock.json of their own, and folders with a requirements.txt.
mapfile -t node_dirs < <(git ls-files '*package-lock.json' 2>/dev/null | xargs -r -n1 dirname)
[ ${#node_dirs[@]} -gt 0 ] || mapfile -t node_dirs < <(find . -name package-lock.json -not -path '*/node_modules/*' -not -path './target/*' -printf '%h\n' | sort)
mapfile -t python_dirs < <(find tests -name requirements.txt -not -path '*/node_modules/*' -not -path '*/.venv/*' -printf '%h\n' | sort)

inputs_hash() {
    {
        cat scripts/setup.sh Cargo.lock rust-toolchain.toml
        for dir in "${node_dirs[@]}"; do cat "$dir/package-lock.json"; done
        for dir in "${python_dirs[@]}"; do cat "$dir/requirements.txt"; done
        node --version; python3 --version
    } | sha256sum | cut -d' ' -f1
}

# Debian packages that are missing, each told by what it would bring.
missing_packages() {
    has() { command -v "$1" >/dev/null 2>&1; }
    has cmake || echo cmake                                  # libopus is built from source
    has pkg-config || echo pkg-config
    has cc || echo gcc libc6-dev
    has make || echo make
    has setpriv || echo util-linux                           # PostgreSQL refuses to run as root
    has chromium || echo chromium
    has firefox-esr || has firefox || echo firefox-esr
    has pulseaudio || echo pulseaudio                        # Firefox needs an audio device; tests make a null sink
    has pactl || echo pulseaudio-utils
    has espeak-ng || echo espeak-ng                          # speaks the candidate's part in browser tests
    [ -n "$(fc-list 2>/dev/null | head -1)" ] || echo fontconfig fonts-dejavu-core
    has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

results_are_there() {
    [ -z "$(missing_packages)" ] || return 1
    for dir in "${node_dirs[@]}"; do [ -e "$dir/node_modules/.package-lock.json" ] || return 1; done
    for dir in "${python_dirs[@]}"; do [ -x "$dir/.venv/bin/python" ] || return 1; done
}

for tool in cargo node npm python3; do
    command -v "$tool" >/dev/null || die "$tool is needed and not found: Rust from https://rustup.rs, Node 20.19 or later, Python 3.9 or later"
done
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
    || die "Node 20.19 or later is needed; this is $(node --version)"

hash=$(inputs_hash)
if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && results_are_there; then
    exit 0
fi

packages=$(missing_packages | tr '\n' ' ')
if [ -n "${packages// /}" ]; then
    command -v apt-get >/dev/null || die "please install what Debian calls: $packages"
    if [ "$(id -u)" -eq 0 ]; then as_root=(env)
    elif command -v sudo >/dev/null; then as_root=(sudo env)
    else die "as root, please: apt-get install $packages"
    fi
    say "installing $packages"
    apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update
    # shellcheck disable=SC2086 # a list
    "${apt[@]}" install --no-install-recommends -y $packages >/dev/null
    left=$(missing_packages | tr '\n' ' ')
    [ -z "${left// /}" ] || die "still missing after the installation: $left"
fi

if command -v rustup >/dev/null; then
    # Installs the pinned toolchain with its components, where it is not there.
    cargo --version >/dev/null
    cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 || rustup component add clippy rustfmt
fi
say "fetching crates"
cargo fetch --locked --quiet

for dir in "${node_dirs[@]}"; do
    if [ ! -e "$dir/node_modules/.package-lock.json" ] || [ "$dir/package-lock.json" -nt "$dir/node_modules/.package-lock.json" ]; then
        say "installing node modules of $dir"
        (cd "$dir" && npm ci --no-audit --no-fund --prefer-offline --loglevel=error)
    fi
done

for dir in "${python_dirs[@]}"; do
    if [ ! -x "$dir/.venv/bin/python" ] || [ "$dir/requirements.txt" -nt "$dir/.venv/.installed" ]; then
        say "installing Python packages of $dir"
        python3 -m venv "$dir/.venv"
        "$dir/.venv/bin/pip" install --quiet --disable-pip-version-check -r "$dir/requirements.txt"
        touch "$dir/.venv/.installed"
    fi
done

mkdir -p "$(dirname "$stamp")"
echo "$hash" >"$stamp"
say "done"

#!/bin/sh
# Renders the simulator's spoken lines: espeak-ng speaks, the example `encode_clip` writes Ogg Opus (mono, 20 kbit/s).
# The clips are committed; run this again only after a change to lines.txt. Needs espeak-ng.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
while IFS='|' read -r name text; do
    case "$name" in ''|\#*) continue ;; esac
    espeak-ng -v en-gb -s 165 -w "$tmp/$name.wav" "$text"
done < "$here/lines.txt"
cargo run --quiet --manifest-path "$here/../Cargo.toml" --example encode_clip -- "$tmp" "$here"

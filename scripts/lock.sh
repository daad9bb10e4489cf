#!/usr/bin/env bash
# Resolves requirements/*.txt from pyproject.toml, for every Python and platform at once.
#
#   bash scripts/lock.sh                      keep the versions that are locked and still fit
#   bash scripts/lock.sh --upgrade            take the newest that fit
#   bash scripts/lock.sh --upgrade-package x  take the newest x
#
# uv is used in an environment of its own, so that a lock can be made where nothing is installed.
set -euo pipefail
CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/.."

# The lock is about packages, not about the machine it was made on: no index, link or path is written into it. pip's
# hashes hold wherever the same files come from.
COMPILE=(
  pip compile -q --no-config --universal --python-version 3.11 --fork-strategy fewest --generate-hashes
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links
)

GROUPS_ALL=(--group install --group build --group test --group lint --group bench)

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -qq uv
uv="$work/venv/bin/uv"

compile() { # compile OUTPUT ARGUMENT...
  local output="$1"
  shift
  "$uv" "${COMPILE[@]}" -o "$output" "$@"
}

# Everything together first, starting from what is locked now; the sets then take their versions from it, so that no
# set disagrees with another and one environment can hold them all.
cat requirements/dev.txt requirements/bench.txt >"$work/all.txt" 2>/dev/null || true
compile "$work/all.txt" "$@" "${GROUPS_ALL[@]}" pyproject.toml

lock_set() { # lock_set NAME GROUP...
  local name="$1" group groups=()
  shift
  for group in "$@"; do groups+=(--group "$group"); done
  # Into an empty file: what it held before must not weigh against the common versions.
  compile "$work/$name.txt" -c "$work/all.txt" "${groups[@]}" pyproject.toml
  install -m 644 "$work/$name.txt" "requirements/$name.txt"
}

lock_set run install
# What the image installs: the server's extra beside the library.
compile "$work/server.txt" -c "$work/all.txt" --group install --extra server pyproject.toml
install -m 644 "$work/server.txt" requirements/server.txt
lock_set test install test
lock_set dev install build test lint
lock_set bench install bench

# The installer is locked as well, but apart: nothing depends on it.
if [ -f requirements/installer.txt ]; then cp requirements/installer.txt "$work/installer.txt"; fi
printf 'uv>=0.9\n' >"$work/installer.in"
compile "$work/installer.txt" "$@" "$work/installer.in"
install -m 644 "$work/installer.txt" requirements/installer.txt

grep -c '^[a-z]' requirements/*.txt

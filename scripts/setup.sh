#!/usr/bin/env bash
# Brings .venv up to date for one set of requirements: run, test, dev or bench.
#
#   bash scripts/setup.sh run
#
# The first lines decide whether anything has to be done: two hashes, no Python and no network, because `make run`
# starts with them every time. .venv/.mnemon-setup holds what is installed: the directory, the hash of the lock files,
# the hash of what the installed project depends on, and the sets.
set -euo pipefail
CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/.."

readonly WANTED="${1:?usage: setup.sh run|test|dev|bench}"
readonly STAMP=.venv/.mnemon-setup
readonly HERE="$PWD"
PYTHON="${PYTHON:-python3}"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

digest() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

lock_key() { cat requirements/*.txt | digest; }

# Only the part of pyproject.toml that the installed metadata comes from: tool settings change often and matter to
# no installation.
project_key() { { sed '/^\[dependency-groups\]/q' pyproject.toml; cat src/mnemon/_version.py; } | digest; }

LOCKED="$(lock_key)"
PROJECT="$(project_key)"

read_stamp() {
  at='' locked='' project='' sets=''
  if [ -f "$STAMP" ]; then
    { read -r at; read -r locked; read -r project; read -r sets; } <"$STAMP" || true
  fi
  # What is installed counts only if it came from these lock files and from this directory: the scripts in .venv/bin
  # carry its path.
  if [ "$at" != "$HERE" ] || [ "$locked" != "$LOCKED" ]; then project='' sets=''; fi
}

has_wanted() { case " $sets " in *" $WANTED "*) return 0 ;; *) return 1 ;; esac; }

chosen_python_differs() {
  [ -n "${MNEMON_PYTHON_CHOSEN:-}" ] && [ -x .venv/bin/python ] &&
    [ "$("$PYTHON" -c 'import sys; print(sys.version)')" != "$(.venv/bin/python -c 'import sys; print(sys.version)')" ]
}

up_to_date() {
  read_stamp
  has_wanted && [ "$project" = "$PROJECT" ] && [ -x .venv/bin/python ] && ! chosen_python_differs
}

up_to_date && exit 0

# One at a time: two makes in one directory would install into each other. (No flock on macOS: one has to take care.)
if command -v flock >/dev/null; then
  exec 9<requirements
  flock 9
  up_to_date && exit 0
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

check_python() {
  command -v "$PYTHON" >/dev/null ||
    fail "Mnemon needs Python 3.11 to 3.14; there is no $PYTHON here. Name one: make PYTHON=/path/to/python3.12 ..."
  "$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' ||
    fail "Mnemon needs Python 3.11 to 3.14; $PYTHON is $("$PYTHON" --version 2>&1). Name another: make PYTHON=python3.12 ..."
}

# Debian's python3 comes without ensurepip, and then `python3 -m venv` fails.
make_venv_without_ensurepip() {
  local package
  package="python$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
  if "$PYTHON" -m pip --version >/dev/null 2>&1 && "$PYTHON" -m venv --clear --without-pip .venv &&
    "$PYTHON" -m pip --python .venv/bin/python install -q pip; then
    return
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "This Python has no ensurepip: installing the Debian package $package"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >&2
    "$PYTHON" -m venv --clear .venv
    return
  fi
  fail "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install $package"
}

make_venv() {
  check_python
  say "Making .venv with $("$PYTHON" --version 2>&1)"
  local log
  if ! log="$("$PYTHON" -m venv --clear .venv 2>&1)"; then
    "$PYTHON" -c 'import ensurepip' 2>/dev/null && fail "$log"
    make_venv_without_ensurepip
  fi
}

venv_works() {
  { [ "$at" = "$HERE" ] || [ -z "$at" ]; } && ! chosen_python_differs &&
    .venv/bin/python -c 'import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

# uv installs the same locked files in a third of pip's time. It reads no pip configuration, so the two settings that
# decide whether it can reach the registry at all are handed to it.
prepare_uv() {
  [ "${INSTALLER:-}" != pip ] || return 1
  local config
  .venv/bin/python -m pip install -qq --no-compile --no-deps --only-binary :all: --require-hashes \
    -r requirements/installer.txt || return 1
  config="$(.venv/bin/python -m pip config list 2>/dev/null || true)"
  pip_setting() { sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" <<<"$config" | tail -n 1; }
  local index cert
  index="${PIP_INDEX_URL:-$(pip_setting index-url)}"
  cert="${PIP_CERT:-$(pip_setting cert)}"
  if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
  if [ -n "$cert" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"; fi
  mkdir -p "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}" 2>/dev/null || export UV_NO_CACHE=1
}

# The lock is complete, so dependencies need not be resolved again; modules are compiled when first imported.
install() {
  if [ "$uv" = yes ]; then
    .venv/bin/uv pip install -q --no-config --python .venv/bin/python --no-deps "$@" && return
    say "uv could not install; trying pip"
    uv=no
  fi
  .venv/bin/python -m pip install -qq --no-compile --no-deps "$@"
}

# Some tests run real programs that no wheel carries: PgBouncer, gocryptfs for encrypted data directories, libfaketime
# for a server whose clock jumps, a PostgreSQL with pg_stat_statements. Without them they are skipped, and say so.
install_package() {
  local program=$1 what=$2
  shift 2
  if PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" >/dev/null; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ ! -d /run/systemd/system ]; then
    say "Installing the Debian packages for the tests: $*"
    local get=(timeout 120 env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10)
    get+=(-o Dpkg::Options::=--force-confold)
    local install=(install -y --no-install-recommends "$@")
    "${get[@]}" "${install[@]}" >/dev/null 2>&1 && return
    "${get[@]}" update >/dev/null 2>&1 && "${get[@]}" "${install[@]}" >/dev/null 2>&1 && return
  fi
  say "$what is not installed (Debian: apt-get install $*): the tests that need it will be skipped"
}

# Not where systemd runs: there Debian's packages of servers would also start them.
install_for_tests() {
  install_package pgbouncer PgBouncer pgbouncer
  install_package gocryptfs gocryptfs gocryptfs fuse3
  install_package faketime libfaketime faketime
  # Without a word to the contrary this package makes a cluster, too.
  local told=/etc/postgresql-common/createcluster.d
  if [ "$(id -u)" = 0 ] && [ -d /etc/apt ] && [ ! -d /run/systemd/system ]; then
    mkdir -p "$told" && echo 'create_main_cluster = false' >"$told/no-main-cluster.conf"
  fi
  install_package "$(find /usr/lib/postgresql -name initdb 2>/dev/null | head -n 1)" pg_stat_statements postgresql
}

main() {
  local started=$SECONDS uv=no
  read_stamp
  venv_works || { make_venv; project='' sets=''; }
  rm -f "$STAMP"  # until the end nothing is certain
  if prepare_uv; then uv=yes; fi
  if ! has_wanted; then
    say "Installing requirements/$WANTED.txt"
    install --require-hashes -r "requirements/$WANTED.txt"
    sets="$sets $WANTED"
    # Every set holds the ones before it, in the same versions.
    case "$WANTED" in
      test) sets="$sets run" ;;
      dev) sets="$sets test run" ;;
      bench) sets="$sets run" ;;
    esac
  fi
  install --no-build-isolation -e .
  case "$WANTED" in test | dev) install_for_tests ;; esac
  printf '%s\n' "$HERE" "$LOCKED" "$PROJECT" "$sets" >"$STAMP.new"
  mv "$STAMP.new" "$STAMP"
  say "Set up in $((SECONDS - started)) s"
}

main

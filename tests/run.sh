#!/usr/bin/env bash
# run.sh [--keep]: the whole test command. Formatting, lints, licences, and every test, against a real Kubernetes, Prometheus,
# Gitea and an emulated GitHub that it builds (once), starts for itself and stops again. Nothing is skipped: a system that does not start fails
# the run. It ends with the test runner's own closing lines and their sum.
#   --keep            leave the lab running, and say how to use and stop it
#   BPCTL_LAB_CACHE   where the lab's binaries are kept between runs (default ~/.cache/bpctl-kit)
# Needs Linux, Rust by rustup, Go 1.26, Python 3 with venv, Node 20 with npm, gcc, git, openssl, curl and flock; as root on Debian it installs what is missing.
# The first run takes about an hour on two cores, most of it for the lab's binaries; later ones some minutes.
# shellcheck disable=SC2317 # functions are run by name, through step and trap
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CACHE=${BPCTL_LAB_CACHE:-$HOME/.cache/bpctl-kit}
CARGO_DENY=0.20.2
KEEP=no
case ${1-} in
  '') ;;
  --keep) KEEP=yes ;;
  *)
    echo "usage: tests/run.sh [--keep]" >&2
    exit 2
    ;;
esac
mkdir -p "$CACHE/bin"
CACHE=$(cd "$CACHE" && pwd)
export BPCTL_LAB_CACHE=$CACHE
# Short, because Unix sockets may come to lie in it.
BPCTL_LAB_STATE=$(mktemp -d "${TMPDIR:-/tmp}/bpctl-lab.XXXXXX")
export BPCTL_LAB_STATE
LOG=$BPCTL_LAB_STATE/log
mkdir "$LOG"

PREPARE= # the process group that builds what the tests need, while cargo is at work
finish() {
  local code=$?
  trap '' INT TERM
  if [ -n "$PREPARE" ]; then kill -- "-$PREPARE" 2>/dev/null || true; fi
  if [ "$KEEP" = yes ] && [ -s "$BPCTL_LAB_STATE/env" ]; then
    echo "the lab is still up: . $BPCTL_LAB_STATE/env"
    echo "to stop it:          BPCTL_LAB_STATE=$BPCTL_LAB_STATE tests/lab/down.sh --wipe"
  else
    bash tests/lab/down.sh --wipe || true
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# step NAME COMMAND…: runs it and says how long it took; the run ends with the first that fails. (In a function that is run
# so, a failing command does not end the function: hence the && in them.)
step() {
  local name=$1 from=$SECONDS code=0
  shift
  echo "=== $name"
  "$@" || code=$?
  if [ $code != 0 ]; then
    echo "=== $name failed after $((SECONDS - from)) s" >&2
    exit 1
  fi
  echo "=== $name: $((SECONDS - from)) s"
}

# --- what the machine must have ----------------------------------------------------------------------
needs() {
  local tool missing=()
  for tool in git openssl curl gcc flock; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "please install: ${missing[*]}" >&2
      return 1
    fi
    # As Debian names them.
    apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]/flock/util-linux}" ca-certificates libc6-dev || return 1
  fi
  if ! python3 -m venv --help >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "please install Python 3 with venv: pre-commit is tried with it" >&2
      return 1
    fi
    apt-get update -q && apt-get install -qy --no-install-recommends python3 python3-venv || return 1
  fi
  if ! command -v npm >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "please install Node 20 with npm: the emulated GitHub runs on it" >&2
      return 1
    fi
    apt-get update -q && apt-get install -qy --no-install-recommends nodejs npm || return 1
  fi
  if ! command -v cargo >/dev/null; then
    echo "please install Rust with rustup; rust-toolchain.toml names the version" >&2
    return 1
  fi
  if ! command -v go >/dev/null; then
    echo "please install Go 1.26 or newer: the lab's servers are built with it" >&2
    return 1
  fi
}

# --- what takes long the first time goes on in the background ----------------------------------------
prepare() {
  bash tests/lab/build.sh || return 1
  if [ "$("$CACHE/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $CARGO_DENY" ]; then
    echo "building cargo-deny $CARGO_DENY"
    # Not into the project's target folder: that one is busy.
    env -u CARGO_TARGET_DIR nice -n 10 cargo install --locked --quiet --force --root "$CACHE" "cargo-deny@$CARGO_DENY"
  fi
}
prepared() {
  local code=0
  wait "$PREPARE" || code=$?
  PREPARE=
  cat "$LOG/prepare"
  return "$code"
}

# --- the tests -----------------------------------------------------------------------------------------
lab_up() {
  # shellcheck source=/dev/null
  bash tests/lab/lab-up.sh >/dev/null && . "$BPCTL_LAB_STATE/env"
}
# The edges' own tests on the real systems are ignored by a plain `cargo test`; each lies in a module named lab.
run_tests() {
  local code=0
  export CARGO_TERM_COLOR=never
  # One more than cores, because many tests wait: for a server, or for time to pass.
  export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) + 1))}
  cargo test --workspace --no-fail-fast 2>&1 | tee "$LOG/tests" || code=$?
  cargo test --no-fail-fast --lib lab:: -- --ignored 2>&1 | tee -a "$LOG/tests" || code=$?
  return "$code"
}

step "needs" needs
set -m # a process group of its own
prepare >"$LOG/prepare" 2>&1 </dev/null &
PREPARE=$!
set +m
step "cargo fmt" cargo fmt --all --check
step "cargo clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
step "cargo test, compiled" cargo test --locked --workspace --no-run
step "the lab's binaries and cargo-deny" prepared
step "cargo deny" "$CACHE/bin/cargo-deny" --locked check --hide-inclusion-graph licenses bans sources
step "pre-commit" env BPCTL="${CARGO_TARGET_DIR:-target}/debug/bpctl" bash tests/pre-commit.sh
step "the workflows" bash tests/workflows.sh
step "the lab" lab_up

echo "=== cargo test"
from=$SECONDS code=0
run_tests || code=$?
echo "=== cargo test: $((SECONDS - from)) s; all: $SECONDS s"

grep -E '^test result: ' "$LOG/tests" || true
awk '/^test result: / { passed += $4; failed += $6 }
  END { printf "%d passed, %d failed\n", passed, failed; exit passed == 0 || failed > 0 }' "$LOG/tests" || code=1
exit "$code"

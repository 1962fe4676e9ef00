#!/usr/bin/env bash
# pre-commit.sh: the hooks of .pre-commit-hooks.yaml, tried with pre-commit itself and real commits, in a scratch repository made
# from examples/shop. It says what it saw; the first thing that is not as it should be fails it.
#   BPCTL             the bpctl to try (default: the one of PATH)
#   BPCTL_LAB_CACHE   where pre-commit is kept between runs (default ~/.cache/bpctl-kit)
# Needs git and Python 3.10 or newer with venv; the first run asks PyPI. Nothing is built: the hook that builds bpctl with cargo is
# compared with the one that takes it from PATH, and the latter is run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VERSION=4.7.0
CACHE=${BPCTL_LAB_CACHE:-$HOME/.cache/bpctl-kit}
fail() {
  echo "pre-commit: $1" >&2
  if [ -s "${OUTPUT-}" ]; then sed 's/^/  | /' "$OUTPUT" >&2; fi
  exit 1
}
for tool in git python3; do command -v "$tool" >/dev/null || fail "please install $tool"; done
BPCTL=${BPCTL:-$(command -v bpctl || true)}
if [ -z "$BPCTL" ] || [ ! -x "$BPCTL" ]; then fail "no bpctl at '$BPCTL': say where with BPCTL=PATH"; fi
BPCTL=$(realpath "$BPCTL")

# --- pre-commit itself, once ---------------------------------------------------------------------------
VENV=$CACHE/pre-commit-$VERSION
if [ "$("$VENV/bin/pre-commit" --version 2>/dev/null)" != "pre-commit $VERSION" ]; then
  rm -rf "$VENV"
  python3 -m venv "$VENV" || fail "couldn't make $VENV: Python's venv is missing (on Debian: python3-venv)"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "pre-commit==$VERSION" || fail "couldn't install pre-commit $VERSION"
fi

# --- a scratch repository, and nothing of this machine's ----------------------------------------------
WORK=$(mktemp -d "${TMPDIR:-/tmp}/bpctl-pre-commit.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
OUTPUT=$WORK/output
unset "${!GIT_@}" "${!BPCTL_@}"
unset SKIP PRE_COMMIT_ALLOW_NO_CONFIG
mkdir "$WORK/bin" "$WORK/hooks" "$WORK/home"
ln -s "$BPCTL" "$WORK/bin/bpctl"
export HOME=$WORK/home PRE_COMMIT_HOME=$WORK/home/pre-commit PATH=$VENV/bin:$WORK/bin:$PATH
export GIT_CONFIG_GLOBAL=$WORK/home/gitconfig GIT_CONFIG_NOSYSTEM=1 PRE_COMMIT_COLOR=never NO_COLOR=1
git config --global user.name Somebody
git config --global user.email somebody@shop.example
git config --global init.defaultBranch main

# The hooks as they stand here, committed or not.
cp .pre-commit-hooks.yaml "$WORK/hooks/"
pre-commit validate-manifest .pre-commit-hooks.yaml >"$OUTPUT" 2>&1 || fail "it is no manifest of hooks"
git -C "$WORK/hooks" init -q
git -C "$WORK/hooks" add -A
git -C "$WORK/hooks" commit -qm hooks
# The two hooks differ in where bpctl comes from, and in nothing else.
same() { # ID: its hook, without what may differ
  awk -v id="$1" '/^- id: / { on = $3 == id } on && !/^- id:|^ *(description|language):|^ *#|^#/' .pre-commit-hooks.yaml
}
[ -n "$(same bpctl-lint)" ] || fail "there is no hook bpctl-lint"
[ "$(same bpctl-lint)" = "$(same bpctl-lint-system)" ] || fail "bpctl-lint and bpctl-lint-system are not the same"

cp -R examples/shop "$WORK/shop"
cd "$WORK/shop"
git init -q
configure() { # ARGS: what the hook is given
  cat >.pre-commit-config.yaml <<CONFIG
repos:
  - repo: $WORK/hooks
    rev: $(git -C "$WORK/hooks" rev-parse HEAD)
    hooks: [{id: bpctl-lint-system, args: [$1]}]
CONFIG
}
configure ''
git add -A
pre-commit install >"$OUTPUT" 2>&1 || fail "couldn't install the hook"

# --- what commits say ----------------------------------------------------------------------------------
replace() { # FILE OLD NEW: must change the file
  sed -i "s/$2/$3/" "$1"
  ! git diff --quiet -- "$1" || fail "$1 has no '$2' any more: the example changed, change this test"
}
commit() { git commit -m "$1" >"$OUTPUT" 2>&1; }
says() { grep -qF -- "$1" "$OUTPUT" || fail "$2: '$1' is not in what the commit said"; }
passes() { # NAME TEXT…
  local name=$1 before text
  before=$(git rev-parse -q --verify HEAD || true)
  commit "$name" || fail "$name: the commit was refused"
  [ "$(git rev-parse HEAD)" != "$before" ] || fail "$name: there is no commit"
  for text in "${@:2}"; do says "$text" "$name"; done
  echo "ok: $name"
}
refused() { # NAME TEXT…
  local name=$1 before text
  before=$(git rev-parse HEAD)
  if commit "$name"; then fail "$name: the commit was made"; fi
  [ "$(git rev-parse HEAD)" = "$before" ] || fail "$name: HEAD moved"
  for text in "${@:2}"; do says "$text" "$name"; done
  git reset -q --hard
  echo "ok: $name"
}
BLUEPRINT=blueprints/frontend/blueprint.yaml

passes "the example is committed" "bpctl lint" "Passed"

replace $BLUEPRINT 'max_replicas: 5' 'max_replicas: 6'
git add -A
passes "a good blueprint passes" "Passed"

replace $BLUEPRINT 'max_replicas: 6' 'max_replicas: 1'
git add -A
refused "a broken blueprint is refused, with the finding" "Failed" "exit code: 6" "error[bounds-inverted]" "$BLUEPRINT:" "help: "

replace deploy/frontend.yaml 'readinessProbe' 'startupProbe'
git add -A
refused "a manifest that breaks its blueprint is refused" "Failed" "error[probe-missing]" "deploy/frontend.yaml:"

printf 'colour: blue\n' >blueprints/colour.yaml
git add -A
refused "a file that is no blueprint is refused" "Failed" "blueprints/colour.yaml:"

echo '# a comment' >>blueprints/allowed_signers
git add -A
passes "the list of signers is among the files" "Passed"

# Were it run, it would fail.
replace $BLUEPRINT 'max_replicas: 6' 'max_replicas: 1'
git add -A
git -c core.hooksPath=/dev/null commit -qm "past the hook"
echo 'The shop.' >README.md
git add README.md
passes "a commit without its files does not run it" "no files to check" "Skipped"
git revert --no-commit HEAD~1
passes "the way back passes" "Passed"

replace $BLUEPRINT 'cooldown: 60s' 'cooldown: 90s'
git add -A
replace $BLUEPRINT 'max_replicas: 6' 'max_replicas: 1'
passes "what is not staged is not looked at" "Passed"
grep -q 'max_replicas: 1' $BLUEPRINT || fail "the work that was not staged is gone"
git reset -q --hard

configure '--fail-on=warning'
git add -A
passes "the hook takes arguments" "Passed"
replace $BLUEPRINT 'cooldown: 90s' 'cooldown: 10s'
git add -A
refused "with --fail-on=warning a warning is enough" "Failed" "warning[cooldown-too-short]"

echo "pre-commit $VERSION with $("$BPCTL" --version), hooks of ${ROOT##*/}: all as it should be"

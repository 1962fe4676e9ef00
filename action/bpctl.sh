#!/usr/bin/env bash
# bpctl.sh install|run: the two steps of action.yml. Inputs come as variables, never as text of a script, and outputs go between random
# delimiters. It runs with the bash of macOS (3.2) too. A test runs it with hostile values.
#   BPCTL_VERSION    the release that is taken where the input names none
#   BPCTL_RELEASES   where releases are fetched from: a mirror's address instead of GitHub's (docs/CI.md has the layout)
set -euo pipefail
umask 077

die() {
  echo "bpctl action: $*" >&2
  exit 2
}

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# put NAME VALUE: an output of the step. Nobody guesses 128 bits, so that no value ends itself and begins another output.
put() {
  local end
  end=$(random)
  printf '%s<<%s\n%s\n%s\n' "$1" "$end" "$2" "$end" >>"${GITHUB_OUTPUT:-/dev/null}"
}

folder() { mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/bpctl.XXXXXX"; }

# --- install -----------------------------------------------------------------------------------------
target() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) die "there is no release for $(uname -s) on $(uname -m): use \`version: source\`" ;;
  esac
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# fetch URL FILE: over TLS; without it from this machine alone.
fetch() {
  local only='=https'
  case $1 in http://127.0.0.1:* | http://localhost:*) only='=http' ;; esac
  curl --fail --silent --show-error --location --proto "$only" --proto-redir "$only" --retry 3 --max-time 300 --output "$2" "$1" ||
    die "couldn't fetch $1"
}

from_source() {
  # Here, so that rustup takes the toolchain that bpctl names.
  cd "$GITHUB_ACTION_PATH"
  env -u INPUT_TOKEN cargo build --release --locked --target-dir "$GITHUB_ACTION_PATH/target"
  put bin "$GITHUB_ACTION_PATH/target/release/bpctl"
}

from_release() {
  local version=$1 official=https://github.com/bpctl/bpctl/releases/download base into name wanted found
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || die "version: $version is neither a release, like 1.2.3, nor \`source\`"
  base=${BPCTL_RELEASES:-$official}
  into=$(folder)
  name=bpctl-$version-$(target).tar.gz
  fetch "$base/v$version/SHA256SUMS" "$into/SHA256SUMS"
  fetch "$base/v$version/$name" "$into/$name"
  wanted=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$into/SHA256SUMS")
  [[ $wanted =~ ^[0-9a-f]{64}$ ]] || die "SHA256SUMS of $version does not have one line for $name"
  found=$(sha256 "$into/$name")
  [ "$wanted" = "$found" ] || die "$name is not what SHA256SUMS says: $found instead of $wanted. Nothing of it was run"
  # Who built it: GitHub knows of its own releases, and `gh` asks.
  if [ "$base" = "$official" ] && [ "${GITHUB_SERVER_URL-}" = https://github.com ] && command -v gh >/dev/null; then
    GH_TOKEN=${INPUT_TOKEN-} gh attestation verify "$into/$name" --repo bpctl/bpctl \
      --signer-workflow bpctl/bpctl/.github/workflows/release.yml >/dev/null ||
      die "$name has no attestation of bpctl's own release job. Nothing of it was run"
  fi
  tar -xzf "$into/$name" -C "$into" bpctl
  put bin "$into/bpctl"
}

# --- run -----------------------------------------------------------------------------------------------
give() { if [ -n "$2" ]; then export "$1=$2"; else unset "$1"; fi; }

run_url() {
  [ -n "${GITHUB_SERVER_URL-}" ] && [ -n "${GITHUB_REPOSITORY-}" ] && [ -n "${GITHUB_RUN_ID-}" ] || return 0
  # Gitea's pages go by the number that people see.
  local run=$GITHUB_RUN_ID
  if [ "${GITEA_ACTIONS-}" = true ]; then run=${GITHUB_RUN_NUMBER-$run}; fi
  echo "${GITHUB_SERVER_URL%/}/$GITHUB_REPOSITORY/actions/runs/$run"
}

# Of a plan the exit code says which of its verdicts is the strictest.
verdict() {
  case $1-$2 in
    plan-0) echo nothing ;;
    plan-3) echo allowed ;;
    plan-4) echo needs-approval ;;
    plan-5) echo forbidden ;;
    judge-0) echo "yes" ;;
    judge-6) echo "no" ;;
    *-0) echo fine ;;
    *-6) echo found ;;
    *) echo error ;;
  esac
}

# fails COMMAND CODE FAIL_ON: whether the step fails.
fails() {
  case $1-$3 in
    plan- | plan-error) [ "$2" != 0 ] && [ "$2" != 3 ] && [ "$2" != 4 ] && [ "$2" != 5 ] ;;
    plan-forbidden) [ "$2" != 0 ] && [ "$2" != 3 ] && [ "$2" != 4 ] ;;
    plan-needs-approval) [ "$2" != 0 ] && [ "$2" != 3 ] ;;
    plan-changes) [ "$2" != 0 ] ;;
    plan-*) die "fail-on: $3 is none of error, forbidden, needs-approval, changes" ;;
    # What the judge says is not the step's failure.
    judge-error) [ "$2" != 0 ] && [ "$2" != 6 ] ;;
    judge-?*) die "fail-on: of judge it is error, or left out; not $3" ;;
    *) [ "$2" != 0 ] ;;
  esac
}

# told: the last line that is not empty, without what it is indented by.
told() { awk 'NF { line = $0 } END { sub(/^ +/, "", line); print line }' "$1"; }

# comment NUMBER --plan FILE …: its answer is an output too.
comment() {
  local code=0
  BPCTL_OUTPUT=json "$BPCTL_BIN" comment "$@" >"$FOLDER/comment.json" || code=$?
  cat "$FOLDER/comment.json"
  put comment-id "$(sed -n 's/^  "comment": "\([0-9A-Za-z_=-]*\)",\{0,1\}$/\1/p' "$FOLDER/comment.json")"
  return "$code"
}

# Pull requests of this repository that were named; texts of others may name any.
pull_requests() {
  [ -n "${GITHUB_SERVER_URL-}" ] && [ -n "${GITHUB_REPOSITORY-}" ] || return 0
  local here=${GITHUB_SERVER_URL%/}/$GITHUB_REPOSITORY/pull word
  tr ' ' '\n' <"$1" | while IFS= read -r word; do
    word=${word%[.,:;]}
    case $word in "$here"/[0-9]* | "${here}s"/[0-9]*) [[ ${word##*/} =~ ^[0-9]+$ ]] && echo "$word" ;; esac
  done | sort -u
}

run() {
  local command code=0 stop plan='' sarif='' number hash
  read -r -a command <<<"${INPUT_COMMAND-}"
  [ ${#command[@]} -gt 0 ] || die "command: it is empty"
  # Before anything is done: whether fail-on is a word that it knows.
  fails "${command[0]}" 0 "$INPUT_FAIL_ON" || true
  case $INPUT_COMMENT in '' | always | on-change | never) ;; *) die "comment: $INPUT_COMMENT is none of always, on-change, never" ;; esac
  cd -- "$INPUT_WORKING_DIRECTORY" || die "working-directory: there is no folder $INPUT_WORKING_DIRECTORY"
  FOLDER=$(folder)
  trap 'rm -f "$FOLDER/kubeconfig"' EXIT
  trap 'exit 130' INT TERM
  give BPCTL_ENV "$INPUT_ENVIRONMENT"
  give BPCTL_TOKEN "$INPUT_TOKEN"
  give BPCTL_APP_ID "$INPUT_APP_ID"
  give BPCTL_APP_KEY "$INPUT_APP_KEY"
  unset INPUT_TOKEN INPUT_APP_ID INPUT_APP_KEY
  give BPCTL_COMMENT_METHOD "$INPUT_COMMENT_METHOD"
  if [ -n "$INPUT_CONTEXT" ]; then export BPCTL_CONTEXT=$INPUT_CONTEXT; fi
  if [ -n "$INPUT_KUBECONFIG" ]; then
    printf '%s\n' "$INPUT_KUBECONFIG" >"$FOLDER/kubeconfig"
    export BPCTL_KUBECONFIG=$FOLDER/kubeconfig
    unset INPUT_KUBECONFIG
  fi
  give BPCTL_RUN_URL "$(run_url)"
  put run-url "${BPCTL_RUN_URL-}"
  case ${command[0]} in
    plan)
      # At a place that is known without an output: of a step that failed not every runner hands outputs on.
      plan=${RUNNER_TEMP:-$FOLDER}/bpctl-plan.json
      rm -f "$plan"
      export BPCTL_DETAILED_EXITCODE=true BPCTL_PLAN_OUT=$plan
      if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then export BPCTL_SUMMARY=$GITHUB_STEP_SUMMARY; fi
      # Of a pull request: what it causes, told from what stood before it.
      if [ -n "${GITHUB_BASE_REF-}" ] && [ -z "${BPCTL_BASE_REF-}" ]; then export BPCTL_BASE_REF=refs/remotes/origin/$GITHUB_BASE_REF; fi
      ;;
    lint)
      give BPCTL_FAIL_ON "$INPUT_FAIL_ON"
      sarif=${RUNNER_TEMP:-$FOLDER}/bpctl.sarif
      rm -f "$sarif"
      export BPCTL_REPORT=sarif:$sarif,markdown:$FOLDER/lint.md,github:$FOLDER/annotations
      ;;
    comment) give BPCTL_COMMENT "$INPUT_COMMENT" ;;
  esac

  # What bpctl shows of clusters and pull requests is no workflow command.
  stop=$(random)
  echo "::stop-commands::$stop"
  if [ "${command[0]}" = comment ]; then
    comment "${command[@]:1}" || code=$?
  else
    "$BPCTL_BIN" "${command[@]}" | tee "$FOLDER/stdout" || code=${PIPESTATUS[0]}
    put summary "$(told "$FOLDER/stdout")"
    put pr-urls "$(pull_requests "$FOLDER/stdout")"
  fi
  if [ -n "$plan" ] && [ -s "$plan" ]; then
    put plan-path "$plan"
    hash=$(sed -n 's/^  "hash": "\([0-9a-f]\{64\}\)",\{0,1\}$/\1/p' "$plan")
    put plan-hash "$hash"
    number=$(sed -n 's|^refs/pull/\([0-9]*\)/.*|\1|p' <<<"${GITHUB_REF-}")
    if [ -n "$number" ] && [ -n "$INPUT_COMMENT" ] && [ "$INPUT_COMMENT" != never ]; then
      BPCTL_COMMENT=$INPUT_COMMENT comment "$number" --plan "$plan" || code=1
    fi
  fi
  echo "::$stop::"
  if [ -n "$sarif" ] && [ -s "$sarif" ]; then
    put sarif-path "$sarif"
    # Findings beside their lines. bpctl wrote these commands itself, with what comes from files escaped; nothing else of it is let through.
    grep -E '^::(error|warning|notice) ' "$FOLDER/annotations" || true
    if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then cat "$FOLDER/lint.md" >>"$GITHUB_STEP_SUMMARY"; fi
  fi
  case ${command[0]} in
    plan | judge | apply | verify | snapshot)
      if [ "$code" = 1 ] && [ -z "${BPCTL_KUBECONFIG-}${KUBECONFIG-}" ] && [ ! -e ~/.kube/config ] &&
        [ ! -d /var/run/secrets/kubernetes.io/serviceaccount ]; then
        echo "kubeconfig: the input is empty, as a secret is that is not there, and the runner has none of its own" >&2
      fi
      ;;
  esac
  put exitcode "$code"
  put verdict "$(verdict "${command[0]}" "$code")"
  if [ "$code" -ge 3 ] && [ "$code" -le 5 ]; then put changes true; else put changes false; fi
  if fails "${command[0]}" "$code" "$INPUT_FAIL_ON"; then exit "$code"; fi
}

case ${1-} in
  install)
    version=${INPUT_VERSION:-${BPCTL_VERSION:-source}}
    if [ "$version" = source ]; then from_source; else from_release "$version"; fi
    ;;
  run) run ;;
  *) die "usage: bpctl.sh install|run" ;;
esac

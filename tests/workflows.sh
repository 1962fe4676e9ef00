#!/usr/bin/env bash
# workflows.sh: action.yml, the workflows to copy and the release's own, looked at by actionlint and zizmor; a finding fails it.
#   BPCTL_LAB_CACHE   where both are kept between runs (default ~/.cache/bpctl-kit)
# Needs Go and Python 3.10 or newer with venv; the first run asks the Go module proxy and PyPI.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ACTIONLINT=1.7.12
ZIZMOR=1.32.0
CACHE=${BPCTL_LAB_CACHE:-$HOME/.cache/bpctl-kit}
mkdir -p "$CACHE/bin" "$CACHE/src"

actionlint=$CACHE/bin/actionlint-$ACTIONLINT
if [ ! -x "$actionlint" ]; then
  CGO_ENABLED=0 GOFLAGS=-mod=mod GOBIN=$CACHE/src go install -trimpath "github.com/rhysd/actionlint/cmd/actionlint@v$ACTIONLINT"
  mv "$CACHE/src/actionlint" "$actionlint"
fi
venv=$CACHE/zizmor-$ZIZMOR
if [ "$("$venv/bin/zizmor" --version 2>/dev/null)" != "zizmor $ZIZMOR" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "zizmor==$ZIZMOR"
fi

"$actionlint" templates/workflows/*.yml .github/workflows/*.yml
"$venv/bin/zizmor" --offline --no-progress --quiet action.yml templates/workflows/*.yml .github/workflows/*.yml
echo "actionlint and zizmor find nothing in action.yml and $(find templates/workflows .github/workflows -name '*.yml' | wc -l) workflows"

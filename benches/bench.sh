#!/usr/bin/env bash
# bench.sh [--runs N]: bpctl beside its peers on this machine, in one run: whole processes, medians, a table with the bounds.
# Uses the lab whose env file was sourced, else starts a cluster of its own and stops it again.
#   BPCTL         the binary to measure                  (default: builds the release binary)
#   BENCH_COUNT   how many workloads live; ten times as many recorded, a hundred times as many commits (default 1000)
#   BENCH_DRIFTED how many of them drifted in the cluster (default 50)
# Needs what the lab needs, and python3. Ends with 1 when a bound is broken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CACHE=${BPCTL_LAB_CACHE:-$HOME/.cache/bpctl-kit}
KUBECONFORM=0.8.0
COUNT=${BENCH_COUNT:-1000} DRIFTED=${BENCH_DRIFTED:-50}
RUNS=5
case ${1-} in
  '') ;;
  --runs) RUNS=${2:?--runs takes a number} ;;
  *)
    echo "usage: benches/bench.sh [--runs N]" >&2
    exit 2
    ;;
esac
mkdir -p "$CACHE/bin"

if [ -z "${BPCTL-}" ]; then
  cargo build --release --locked --bin bpctl
  BPCTL=${CARGO_TARGET_DIR:-target}/release/bpctl
fi
BPCTL=$(realpath "$BPCTL")
KUBECONFORM_BIN=$CACHE/bin/kubeconform-$KUBECONFORM
if [ ! -x "$KUBECONFORM_BIN" ]; then
  mkdir -p "$CACHE/src"
  CGO_ENABLED=0 GOBIN=$(realpath "$CACHE/src") go install -trimpath -ldflags '-s -w' "github.com/yannh/kubeconform/cmd/kubeconform@v$KUBECONFORM"
  mv "$CACHE/src/kubeconform" "$KUBECONFORM_BIN"
fi

WORK=$(mktemp -d "${TMPDIR:-/tmp}/bpctl-bench.XXXXXX")
NAMESPACE=bench-$$
OWN_LAB=no
# shellcheck disable=SC2317 # the trap runs it
finish() {
  if [ "$OWN_LAB" = yes ]; then
    BPCTL_LAB_STATE=$WORK/lab bash tests/lab/down.sh --wipe || true
  else
    kubectl delete namespace "$NAMESPACE" --wait=false >/dev/null 2>&1 || true
  fi
  rm -rf "$WORK"
}
trap finish EXIT
if [ -z "${LAB_AUDIT_LOG-}" ] || ! kubectl get --raw /readyz >/dev/null 2>&1; then
  OWN_LAB=yes
  mkdir "$WORK/lab"
  BPCTL_LAB_STATE=$WORK/lab bash tests/lab/kube-up.sh
  # shellcheck source=/dev/null
  . "$WORK/lab/kube/env"
  export PATH=$CACHE/bin:$PATH
fi

echo "laying out $COUNT workloads, $DRIFTED of them drifted" >&2
python3 benches/generate.py "$WORK/many" --count "$COUNT" --drifted "$DRIFTED" --namespace "$NAMESPACE"
python3 benches/generate.py "$WORK/one" --count 1 --drifted 0 --namespace "$NAMESPACE"
python3 benches/generate.py "$WORK/recorded" --count "$((10 * COUNT))" --drifted 0 --recorded
python3 benches/history.py "$WORK/past" --bpctl "$BPCTL" --commits "$((100 * COUNT))"
kubectl create namespace "$NAMESPACE" >/dev/null
kubectl apply --server-side -f "$WORK/many/repo/deploy" >/dev/null
kubectl apply --server-side --force-conflicts --field-manager=kubectl-edit -f "$WORK/many/drift" >/dev/null
# Until every pod runs and the pods from before the drift are gone.
for _ in $(seq 300); do
  sleep 1
  phases=$(kubectl get pods -n "$NAMESPACE" --no-headers | awk '{ print $3 }' | sort | uniq -c | tr -s ' ')
  [ "$phases" != " $COUNT Running" ] || break
done
[ "$phases" = " $COUNT Running" ] || {
  echo "the pods did not settle:$phases" >&2
  exit 1
}
python3 benches/compare.py --bpctl "$BPCTL" --kubeconform "$KUBECONFORM_BIN" --many "$WORK/many" --one "$WORK/one" \
  --recorded "$WORK/recorded" --past "$WORK/past" --audit "$LAB_AUDIT_LOG" --runs "$RUNS"

#!/usr/bin/env bash
# lab-up.sh: builds what is missing, starts Kubernetes with metrics.k8s.io, Prometheus, Gitea and an emulated GitHub, and leaves one file to source:
# $BPCTL_LAB_STATE/env, with all that the four say and a PATH with a kubectl of the cluster's version and promtool.
# Prometheus scrapes the kubelets' metrics from the start. Run again it starts what does not run. down.sh stops it all.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
bash "$LAB_DIR/build.sh"
parts=(kube prometheus forge github)
declare -A job
# Jobs of a script do not hear Ctrl-C by themselves.
trap 'kill "${job[@]}" 2>/dev/null; wait; exit 130' INT TERM
for part in "${parts[@]}"; do
  bash "$LAB_DIR/$part-up.sh" >"$STATE/$part-up.log" 2>&1 &
  job[$part]=$!
done
failed=()
for part in "${parts[@]}"; do
  wait "${job[$part]}" || failed+=("$part")
done
for part in "${failed[@]}"; do
  echo "--- $part-up.sh" >&2
  cat "$STATE/$part-up.log" >&2
done
[ ${#failed[@]} = 0 ] || die "did not start: ${failed[*]}"

# Its server is registered with the API server, so it comes after that.
bash "$LAB_DIR/metrics-up.sh" >"$STATE/metrics-up.log" 2>&1 || {
  cat "$STATE/metrics-up.log" >&2
  die "did not start: metrics"
}

# shellcheck source=/dev/null
LAB_NODE_METRICS=$(. "$STATE/kube/env" && echo "$LAB_NODE_METRICS")
separator='['
for endpoint in $LAB_NODE_METRICS; do
  address=${endpoint#https://}
  node=${address#*/nodes/}
  printf '%s{"targets": ["%s"], "labels": {"job": "kubelet", "node": "%s", "__scheme__": "https", "__metrics_path__": "/%s"}}' \
    "$separator" "${address%%/*}" "${node%%/*}" "${address#*/}"
  separator=$',\n '
done >"$STATE/prometheus/nodes.tmp"
echo ']' >>"$STATE/prometheus/nodes.tmp"
mv "$STATE/prometheus/nodes.tmp" "$STATE/prometheus/targets/nodes.json"

{
  cat "$STATE"/{kube,prometheus,forge,github}/env
  # shellcheck disable=SC2016 # PATH is expanded where the file is sourced
  printf 'export PATH=%q:"$PATH"\n' "$CACHE/bin"
} >"$STATE/env.tmp"
mv "$STATE/env.tmp" "$STATE/env"
echo "$STATE/env"

#!/usr/bin/env bash
# record-shop.sh: record examples/shop/clusters/staging anew from the running lab (lab-up.sh; source its env file first).
# Deploys the shop, lets it drift as the story tells, gives its pods a past load, and runs `bpctl snapshot`.
#   BPCTL  the program (default target/debug/bpctl)
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BPCTL=${BPCTL:-$ROOT/target/debug/bpctl}
: "${KUBECONFIG:?source the env file of lab-up.sh}" "${LAB_PROMETHEUS_TARGETS:?}" "${LAB_PROMETHEUS_URL:?}"
work=$(mktemp -d); trap 'kill "${exporter:-}" 2>/dev/null || true; rm -rf "$work"; rm -f "${targets:-}"; kubectl delete namespace shop --wait=false >/dev/null 2>&1 || true' EXIT
kubectl delete namespace shop --ignore-not-found >/dev/null
until ! kubectl get namespace shop >/dev/null 2>&1; do sleep 0.3; done
kubectl create namespace shop >/dev/null
for f in frontend backend; do kubectl apply --server-side --field-manager=bpctl -f "$ROOT/examples/shop/deploy/$f.yaml" >/dev/null; done
sed 's/replicas: 0/replicas: 1/' "$ROOT/examples/shop/deploy/backend-canary.yaml" | kubectl apply --server-side --field-manager=bpctl -f - >/dev/null
kubectl -n shop rollout status deployment/frontend deployment/backend deployment/backend-canary >/dev/null 2>&1 || for d in frontend backend backend-canary; do kubectl -n shop rollout status "deployment/$d" >/dev/null; done
sleep 2   # a person's edit, a moment later
kubectl -n shop patch deployment frontend --field-manager=kubectl-edit --type=json \
  -p '[{"op":"replace","path":"/spec/template/spec/containers/0/env/0/value","value":"debug"}]' >/dev/null
kubectl -n shop rollout status deployment/frontend >/dev/null
sleep 62   # past the cooldown of the first delivery
# The pods' past ten minutes, as their kubelets would have told it: 85m of 100m, 230m of 250m, 20m of 250m.
kubectl -n shop get pods -o jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}' >"$work/pods"
cat >"$work/exporter.py" <<'P'
import http.server, sys, time
cores = {"frontend": 0.0853, "backend": 0.23, "backend-canary": 0.02}
pods = [line.strip() for line in open(sys.argv[1]) if line.strip()]
end = int(time.time()) - 2
def of(pod):
    return cores[max((name for name in cores if pod.startswith(name + "-")), key=len)]
body = "# TYPE container_cpu_usage_seconds_total counter\n" + "".join(
    f'container_cpu_usage_seconds_total{{namespace="shop",pod="{p}",container="main"}} {of(p) * (t - end + 1000):.4f} {t * 1000}\n'
    for p in pods for t in range(end - 600, end + 1, 5))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Type", "text/plain; version=0.0.4"); self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True); server.serve_forever()
P
python3 "$work/exporter.py" "$work/pods" >"$work/port" & exporter=$!
until [ -s "$work/port" ]; do sleep 0.1; done
targets=$(dirname "$LAB_PROMETHEUS_TARGETS")/record-shop.json
printf '[{"targets": ["127.0.0.1:%s"]}]' "$(cat "$work/port")" >"$targets"
query=$(printf '%s/api/v1/query?query=count(container_cpu_usage_seconds_total%%7Bnamespace%%3D%%22shop%%22,container%%3D%%22main%%22%%7D)' "$LAB_PROMETHEUS_URL")
for _ in $(seq 100); do curl -fsS "$query" | grep -q '"value"' && break; sleep 0.3; done
sleep 3
cp -r "$ROOT/examples/shop" "$work/shop"; rm -rf "$work/shop/clusters"
(cd "$work/shop" && git init -q -b main && sed -i "s|cluster: {snapshot: clusters/staging}.*|cluster: {context: $(kubectl config current-context)}\n    prometheus: {url: \"$LAB_PROMETHEUS_URL\"}|" bpctl.yaml \
  && BPCTL_KUBECONFIG=$KUBECONFIG "$BPCTL" snapshot "$work/staging")
rm -rf "$ROOT/examples/shop/clusters/staging"; mkdir -p "$ROOT/examples/shop/clusters"
cp -r "$work/staging" "$ROOT/examples/shop/clusters/staging"

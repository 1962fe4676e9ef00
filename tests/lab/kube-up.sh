#!/usr/bin/env bash
# kube-up.sh: a real Kubernetes control plane on loopback (etcd, apiserver, controller-manager, scheduler) with simulated nodes
# (kwok), started in about five seconds. Run again it starts what does not run.
#   BPCTL_LAB_KUBE_PORT   the first of four ports   (default: free ones, kept by the instance)
#   BPCTL_LAB_KUBE_NODES  how many nodes            (default 2)
# Leaves $BPCTL_LAB_STATE/kube/env:
#   KUBECONFIG          an administrator's; requests as others: kubectl --as, or kubectl create token
#   LAB_AUDIT_LOG       every request of everyone but the control plane: who, what, with which body; one JSON object a line
#   LAB_POD_LOGS        the file that kubectl logs answers for every pod
#   LAB_NODE_METRICS    the kubelets' metrics endpoints, one a node, separated by blanks
# A pod's image tag decides its fate (stages.yaml). Its annotations kwok.x-k8s.io/usage-cpu and usage-memory are what it
# uses, as the kubelets' metrics say it.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
bash "$LAB_DIR/build.sh" kube
export PATH=$CACHE/bin:$PATH
CP=$CACHE/bin/controlplane-$K8S
SHARE=$CACHE/share/kwok-$KWOK
HOME_DIR=$STATE/kube
mkdir -p "$HOME_DIR/pod-logs"
cd "$HOME_DIR"
PORT=$(keep_port port "${BPCTL_LAB_KUBE_PORT-}" 4)
ETCD=$((PORT + 1)) PEER=$((PORT + 2)) KUBELET=$((PORT + 3))
NODES=${BPCTL_LAB_KUBE_NODES:-2}

[ -s sa.key ] || openssl genrsa -out sa.key 2048 2>/dev/null
# The control plane's own parts have users of their own, so that the audit log can leave them out.
if [ ! -s tokens.csv ]; then
  for user in admin system:kube-controller-manager system:kube-scheduler kwok; do
    echo "$(secret),$user,$user,\"system:masters\""
  done >tokens.csv
fi
token() { awk -F, -v user="$1" '$2 == user { print $1 }' tokens.csv; }
kubeconfig() { # USER FILE
  cat >"$2" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:$PORT", certificate-authority: "$HOME_DIR/certs/apiserver.crt"}}]
users: [{name: "$1", user: {token: "$(token "$1")"}}]
contexts: [{name: lab, context: {cluster: lab, user: "$1"}}]
current-context: lab
YAML
}
kubeconfig admin kubeconfig
kubeconfig system:kube-controller-manager controller-manager.kubeconfig
kubeconfig system:kube-scheduler scheduler.kubeconfig
kubeconfig kwok kwok.kubeconfig
cat >audit-policy.yaml <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver", kwok]}
- {level: RequestResponse, verbs: [create, update, patch, delete, deletecollection]}
- {level: Metadata, verbs: [get, list, watch]}
YAML
cat >logs.yaml <<YAML
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: logs}
spec: {logs: [{logsFile: "$HOME_DIR/pod-logs/all.log"}]}
YAML
[ -s pod-logs/all.log ] || printf '2026-01-01T00:00:00.000000000Z stdout F started\n' >pod-logs/all.log

spawn_on "$ETCD" etcd "$CP" etcd --data-dir "$HOME_DIR/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls "http://127.0.0.1:$ETCD" --advertise-client-urls "http://127.0.0.1:$ETCD" \
  --listen-peer-urls "http://127.0.0.1:$PEER" --initial-advertise-peer-urls "http://127.0.0.1:$PEER" \
  --initial-cluster "default=http://127.0.0.1:$PEER"
spawn_on "$PORT" apiserver "$CP" kube-apiserver --etcd-servers "http://127.0.0.1:$ETCD" --bind-address 127.0.0.1 --secure-port "$PORT" \
  --cert-dir "$HOME_DIR/certs" --token-auth-file tokens.csv --authorization-mode RBAC --allow-privileged=true \
  --service-account-key-file sa.key --service-account-signing-key-file sa.key \
  --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16 \
  --audit-policy-file audit-policy.yaml --audit-log-path "$HOME_DIR/audit.log" \
  --disable-admission-plugins ServiceAccount --endpoint-reconciler-type none --kubelet-preferred-address-types InternalIP
api() { # PATH [curl's arguments…]
  local path=$1
  shift
  curl -sS --cacert certs/apiserver.crt -H @- "$@" "https://127.0.0.1:$PORT$path" <<<"Authorization: Bearer $(token admin)"
}
wait_for apiserver 90 api /readyz -f

spawn controller-manager "$CP" kube-controller-manager --kubeconfig controller-manager.kubeconfig \
  --service-account-private-key-file sa.key --leader-elect=false --secure-port 0 --controllers '*,-nodeipam' \
  --kube-api-qps 400 --kube-api-burst 800 --concurrent-deployment-syncs 20 --concurrent-replicaset-syncs 20
spawn scheduler "$CP" kube-scheduler --kubeconfig scheduler.kubeconfig --leader-elect=false --secure-port 0 \
  --kube-api-qps 400 --kube-api-burst 800
endpoints=()
for i in $(seq 0 $((NODES - 1))); do
  endpoints+=("https://127.0.0.1:$KUBELET/metrics/nodes/node-$i/metrics/resource")
  cat >"node-$i.json" <<JSON
{"apiVersion": "v1", "kind": "Node",
 "metadata": {"name": "node-$i", "labels": {"kubernetes.io/hostname": "node-$i"},
  "annotations": {"kwok.x-k8s.io/node": "fake", "metrics.k8s.io/resource-metrics-path": "/metrics/nodes/node-$i/metrics/resource"}},
 "status": {"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "10000"}, "capacity": {"cpu": "64", "memory": "256Gi", "pods": "10000"}}}
JSON
  code=$(api /api/v1/nodes -o "node-$i.out" -w '%{http_code}' -H 'Content-Type: application/json' --data-binary "@node-$i.json")
  case $code in 201 | 409) ;; *) die "the node node-$i was not created: $(cat "node-$i.out")" ;; esac
done
spawn_on "$KUBELET" kwok "$CACHE/bin/kwok-$KWOK" --kubeconfig kwok.kubeconfig --manage-all-nodes=true --node-ip 127.0.0.1 --node-port "$KUBELET" \
  --config "$SHARE/node-initialize.yaml" --config "$SHARE/node-heartbeat.yaml" --config "$SHARE/metrics-resource.yaml" \
  --config "$SHARE/usage-from-annotation.yaml" --config "$LAB_DIR/stages.yaml" --config "$HOME_DIR/logs.yaml"
nodes_ready() { KUBECONFIG=kubeconfig kubectl wait --for=condition=Ready nodes --all --timeout=10s; }
wait_for kwok 30 nodes_ready
for part in etcd apiserver controller-manager scheduler kwok; do alive "$part" || wait_for "$part" 0 false; done

{
  printf 'export KUBECONFIG=%q\n' "$HOME_DIR/kubeconfig"
  printf 'export LAB_AUDIT_LOG=%q\n' "$HOME_DIR/audit.log"
  printf 'export LAB_POD_LOGS=%q\n' "$HOME_DIR/pod-logs/all.log"
  printf 'export LAB_NODE_METRICS=%q\n' "${endpoints[*]}"
} >env.tmp
mv env.tmp env

#!/usr/bin/env bash
# metrics-up.sh: a real metrics-server, registered as metrics.k8s.io, on the cluster of kube-up.sh. A pod's use is what its
# annotations say. Run again it starts what does not run.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
bash "$LAB_DIR/build.sh" metrics
export PATH=$CACHE/bin:$PATH
mkdir -p "$STATE/metrics"
cd "$STATE/metrics"
KUBECONFIG=$STATE/kube/kubeconfig
export KUBECONFIG
PORT=$(keep_port port "${BPCTL_LAB_METRICS_PORT-}" 1)
spawn_on "$PORT" metrics-server "$CACHE/bin/metrics-server-$METRICS_SERVER" --kubeconfig "$KUBECONFIG" \
  --authentication-kubeconfig "$KUBECONFIG" --authorization-kubeconfig "$KUBECONFIG" --authentication-skip-lookup=true \
  --authorization-always-allow-paths '/apis/*,/apis,/openapi/*,/healthz,/livez,/readyz' \
  --bind-address 127.0.0.1 --secure-port "$PORT" --cert-dir "$STATE/metrics/certs" --kubelet-insecure-tls \
  --kubelet-preferred-address-types InternalIP --kubelet-use-node-status-port --metric-resolution 10s --kubelet-request-timeout 5s
# The API server has asked and allowed; without a front-proxy certificate the metrics-server sees its calls as anonymous.
kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {type: ExternalName, externalName: localhost, ports: [{port: $PORT}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  {group: metrics.k8s.io, version: v1beta1, insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100,
   service: {name: metrics-server, namespace: kube-system, port: $PORT}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lab-metrics}
rules: [{apiGroups: [metrics.k8s.io], resources: [nodes, pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: lab-metrics}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lab-metrics}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous"}]
YAML
served() { kubectl get --raw /apis/metrics.k8s.io/v1beta1/nodes; }
wait_for metrics-server 90 served

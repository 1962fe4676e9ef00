#!/usr/bin/env bash
# prometheus-up.sh: a real Prometheus on loopback that scrapes once a second what the files in targets/ name, and looks at
# those files once a second. Run again it starts it where it does not run.
#   BPCTL_LAB_PROMETHEUS_PORT  (default: a free one, kept by the instance)
# Leaves $BPCTL_LAB_STATE/prometheus/env:
#   LAB_PROMETHEUS_URL
#   LAB_PROMETHEUS_TARGETS  the file to write targets to, in the format of file_sd_configs:
#                             [{"targets": ["127.0.0.1:9000"], "labels": {"job": "shop"}}]
#                           The labels __scheme__ and __metrics_path__ choose https and another path than /metrics. Any other
#                           *.json beside it is read too: a test takes a name of its own and renames the finished file there.
#   LAB_PROMETHEUS_DATA     the folder of its database
# A target may give its samples times of its own, up to a day old, in any order: a test writes the past in one scrape.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
bash "$LAB_DIR/build.sh" prometheus
HOME_DIR=$STATE/prometheus
mkdir -p "$HOME_DIR/targets"
cd "$HOME_DIR"
PORT=$(keep_port port "${BPCTL_LAB_PROMETHEUS_PORT-}" 1)
URL=http://127.0.0.1:$PORT
[ -e targets/tests.json ] || echo '[]' >targets/tests.json
cat >prometheus.yml <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
storage: {tsdb: {out_of_order_time_window: 1d}}
scrape_configs:
- job_name: lab
  honor_labels: true
  tls_config: {insecure_skip_verify: true}
  file_sd_configs: [{files: ["$HOME_DIR/targets/*.json"], refresh_interval: 1s}]
YAML
spawn_on "$PORT" prometheus "$CACHE/bin/prometheus-$PROMETHEUS" --config.file prometheus.yml --storage.tsdb.path "$HOME_DIR/data" \
  --web.listen-address "127.0.0.1:$PORT" --query.lookback-delta 15s
wait_for prometheus 60 curl -fsS "$URL/-/ready"
{
  printf 'export LAB_PROMETHEUS_URL=%q\n' "$URL"
  printf 'export LAB_PROMETHEUS_TARGETS=%q\n' "$HOME_DIR/targets/tests.json"
  printf 'export LAB_PROMETHEUS_DATA=%q\n' "$HOME_DIR/data"
} >env.tmp
mv env.tmp env

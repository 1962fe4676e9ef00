#!/usr/bin/env bash
# down.sh [--wipe]: stops every server of this lab, by the process ids and start times that it recorded; --wipe also drops its state.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# What talks to the API server goes before it, and that before its database.
for server in metrics/metrics-server kube/{kwok,scheduler,controller-manager,apiserver,etcd} prometheus/prometheus forge/gitea github/{proxy,emulator}; do
  if [ -d "$STATE/${server%/*}" ]; then (cd "$STATE/${server%/*}" && stop "${server#*/}"); fi
done
if [ "${1-}" = --wipe ]; then rm -rf "${STATE:?}"; fi

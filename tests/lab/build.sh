#!/usr/bin/env bash
# build.sh [kube|prometheus|metrics|forge|runner|github|helm|act…]: builds what the lab runs, from Go modules, into the cache; what is there already is left
# alone. The emulated GitHub comes from npm. Everything takes about half an hour on two cores the first time, and nothing afterwards. Needs Go
# 1.26, gcc, Node 20, and for the first build the Go module proxy and the npm registry. BPCTL_LAB_NICE is the builds' niceness (default 5).
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
export GOFLAGS=-mod=mod
nicely() { nice -n "${BPCTL_LAB_NICE:-5}" "$@"; }
module_dir() { (cd "$CACHE/src" && go mod download -json "$1" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p'); }

# One build at a time, whoever asks: two at once only make both slower.
exec 9>"$CACHE/.lock"
flock 9

# etcd and the control plane's components as one binary: they share nearly all their code.
build_kube() {
  local bin=$CACHE/bin/controlplane-$K8S src=$CACHE/src/controlplane-$K8S
  if [ ! -x "$bin" ]; then
    local base=k8s.io/component-base/version client=k8s.io/client-go/pkg/version minor=${K8S#*.}
    echo "building the Kubernetes control plane $K8S"
    mkdir -p "$src"
    install -m 644 "$LAB_DIR"/controlplane/{go.mod,go.sum,main.go} "$src/"
    (cd "$src" && CGO_ENABLED=0 nicely go build -trimpath -o "$bin.tmp" -ldflags "-s -w \
      -X $base.gitVersion=v$K8S -X $base.gitMajor=${K8S%%.*} -X $base.gitMinor=${minor%%.*} -X $client.gitVersion=v$K8S" .)
    mv "$bin.tmp" "$bin"
  fi
  # Written anew each time: the cache may have been moved.
  printf '#!/bin/sh\nexec "%s" kubectl "$@"\n' "$bin" >"$CACHE/bin/kubectl.tmp"
  chmod 755 "$CACHE/bin/kubectl.tmp"
  mv "$CACHE/bin/kubectl.tmp" "$CACHE/bin/kubectl"

  bin=$CACHE/bin/kwok-$KWOK
  if [ ! -x "$bin" ]; then
    echo "building kwok $KWOK"
    CGO_ENABLED=0 GOBIN=$CACHE/src nicely go install -trimpath -ldflags '-s -w' "sigs.k8s.io/kwok/cmd/kwok@v$KWOK"
    mv "$CACHE/src/kwok" "$bin"
  fi
  # kwok's own description of how nodes live and of the kubelet's metrics; how pods live is stages.yaml here.
  local share=$CACHE/share/kwok-$KWOK
  if [ ! -d "$share" ]; then
    local kustomize
    kustomize=$(module_dir "sigs.k8s.io/kwok@v$KWOK")/kustomize
    rm -rf "$share.tmp" && mkdir -p "$share.tmp"
    cp "$kustomize"/stage/node/{fast/node-initialize,heartbeat/node-heartbeat}.yaml \
      "$kustomize"/metrics/{resource/metrics-resource,usage/usage-from-annotation}.yaml "$share.tmp/"
    mv "$share.tmp" "$share"
  fi
}

build_prometheus() {
  local tool bin src=$CACHE/src/prometheus-$PROMETHEUS
  for tool in prometheus promtool; do
    bin=$CACHE/bin/$tool-$PROMETHEUS
    if [ ! -x "$bin" ]; then
      echo "building $tool $PROMETHEUS"
      mkdir -p "$src"
      printf 'module bpctl.test/prometheus\n\ngo 1.26\n\nrequire github.com/prometheus/prometheus v%s\n' "$PROMETHEUS" >"$src/go.mod"
      (cd "$src" && CGO_ENABLED=0 nicely go build -trimpath -ldflags '-s -w' -o "$bin.tmp" "github.com/prometheus/prometheus/cmd/$tool")
      mv "$bin.tmp" "$bin"
    fi
    ln -sfn "$tool-$PROMETHEUS" "$CACHE/bin/$tool"
  done
}

build_metrics() {
  local bin=$CACHE/bin/metrics-server-$METRICS_SERVER
  if [ -x "$bin" ]; then return 0; fi
  echo "building metrics-server $METRICS_SERVER"
  CGO_ENABLED=0 GOBIN=$CACHE/src nicely go install -trimpath -ldflags '-s -w' "sigs.k8s.io/metrics-server/cmd/metrics-server@v$METRICS_SERVER"
  mv "$CACHE/src/metrics-server" "$bin"
}

build_forge() {
  local bin=$CACHE/bin/gitea-$GITEA static=$CACHE/share/gitea-$GITEA src=$CACHE/src/gitea-$GITEA module tags='sqlite sqlite_unlock_notify'
  if [ -x "$bin" ] && [ -d "$static" ]; then return 0; fi
  echo "building Gitea $GITEA"
  module=$(module_dir "code.gitea.io/gitea@v$GITEA")
  [ -n "$module" ] || die "the Gitea module could not be downloaded"
  mkdir -p "$src"
  # A module of ours with Gitea's own requirements and replacements, and Gitea itself as one more.
  sed -e 's|^module .*|module bpctl.test/forge|' -e '/^tool /d' -e '/^ignore (/,/^)/d' "$module/go.mod" >"$src/go.mod"
  printf '\nrequire code.gitea.io/gitea v%s\n' "$GITEA" >>"$src/go.mod"
  install -m 644 "$module/go.sum" "$src/go.sum"
  (cd "$src" && CGO_ENABLED=1 nicely go build -trimpath -tags "$tags" \
    -ldflags "-s -w -X main.Version=$GITEA -X 'main.Tags=$tags'" -o "$bin.tmp" code.gitea.io/gitea)
  rm -rf "$static" "$static.tmp" && mkdir -p "$static.tmp"
  cp -r "$module/options" "$module/templates" "$module/public" "$static.tmp/"
  chmod -R u+w "$static.tmp"
  mv "$static.tmp" "$static"
  mv "$bin.tmp" "$bin"
}

# Runs workflows on this machine itself; a test starts one for its own repository.
build_runner() {
  local bin=$CACHE/bin/gitea-runner-$RUNNER src=$CACHE/src/gitea-runner-$RUNNER
  if [ ! -x "$bin" ]; then
    echo "building Gitea's runner $RUNNER"
    mkdir -p "$src"
    printf 'module bpctl.test/runner\n\ngo 1.26\n\nrequire gitea.com/gitea/runner v%s\n' "$RUNNER" >"$src/go.mod"
    (cd "$src" && CGO_ENABLED=0 nicely go build -trimpath -ldflags '-s -w' -o "$bin.tmp" gitea.com/gitea/runner)
    mv "$bin.tmp" "$bin"
  fi
  ln -sfn "gitea-runner-$RUNNER" "$CACHE/bin/gitea-runner"
}

# GitHub's schema of GraphQL, and what compares requests with it.
build_github_graphql() {
  local kit=$CACHE/share/github-graphql-$GITHUB_GRAPHQL
  if [ -d "$kit" ]; then return 0; fi
  echo "installing GitHub's schema"
  rm -rf "$kit.tmp" && mkdir -p "$kit.tmp"
  echo '{"private": true}' >"$kit.tmp/package.json"
  (cd "$kit.tmp" && nicely npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts \
    "@octokit/graphql-schema@$GITHUB_GRAPHQL")
  mv "$kit.tmp" "$kit"
}

build_github() {
  build_github_graphql
  local kit=$CACHE/share/github-$GITHUB_EMULATOR
  if [ -d "$kit" ]; then return 0; fi
  echo "installing the emulated GitHub"
  rm -rf "$kit.tmp" && mkdir -p "$kit.tmp"
  echo '{"private": true}' >"$kit.tmp/package.json"
  # Nothing that a package brings is run at its installation.
  (cd "$kit.tmp" && nicely npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts \
    "emulate@$GITHUB_EMULATOR" @stoplight/prism-cli@5.16.0 @octokit/openapi@23.0.2)
  local description=$kit.tmp/node_modules/@octokit/openapi
  node "$LAB_DIR/github/subset.mjs" "$description/generated/api.github.com.json" "$kit.tmp/github.json" \
    '^/(repos/\{owner\}/\{repo\}($|/(activity$|pulls|issues|commits|statuses|check-runs|branches|rules|git/refs|contents|collaborators|installation))|rate_limit|user$|apps/|app/installations)'
  rm -rf "$description"
  mv "$kit.tmp" "$kit"
}

build_helm() {
  local bin=$CACHE/bin/helm-$HELM
  if [ ! -x "$bin" ]; then
    echo "building Helm $HELM"
    CGO_ENABLED=0 GOBIN=$CACHE/src nicely go install -trimpath -ldflags '-s -w' "helm.sh/helm/v3/cmd/helm@v$HELM"
    mv "$CACHE/src/helm" "$bin"
  fi
  ln -sfn "helm-$HELM" "$CACHE/bin/helm"
}

# Runs workflows of GitHub's syntax without a server; tests start it.
build_act() {
  local bin=$CACHE/bin/act-$ACT src=$CACHE/src/act-$ACT
  if [ ! -x "$bin" ]; then
    echo "building act $ACT"
    mkdir -p "$src"
    printf 'module bpctl.test/act\n\ngo 1.26\n\nrequire github.com/nektos/act v%s\n' "$ACT" >"$src/go.mod"
    (cd "$src" && CGO_ENABLED=0 nicely go build -trimpath -ldflags "-s -w -X main.version=$ACT" -o "$bin.tmp" github.com/nektos/act)
    mv "$bin.tmp" "$bin"
  fi
  ln -sfn "act-$ACT" "$CACHE/bin/act"
}

[ $# -gt 0 ] || set -- kube prometheus metrics forge runner github helm act
for part in "$@"; do
  case $part in
    kube | prometheus | metrics | forge | runner | github | helm | act) "build_$part" ;;
    *) die "unknown part: $part" ;;
  esac
done

#!/usr/bin/env bash
# github-up.sh: an emulated GitHub with a state, and before it a proxy that compares every request with GitHub's own OpenAPI description. Run
# again it starts what does not run.
# Leaves $BPCTL_LAB_STATE/github/env: LAB_GITHUB_GRAPHQL (GitHub's schema of GraphQL, with what compares requests with it), LAB_GITHUB_URL (the proxy), LAB_GITHUB_LOG (what it found), LAB_GITHUB_EMULATOR (without the proxy).
# The emulator has no GraphQL, no commit statuses and no Git: of what needs those only the requests are compared.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
bash "$LAB_DIR/build.sh" github
KIT=$CACHE/share/github-$GITHUB_EMULATOR
mkdir -p "$STATE/github"
cd "$STATE/github"
EMULATOR=$(keep_port emulator.port "${BPCTL_LAB_GITHUB_PORT-}" 2)
PROXY=$((EMULATOR + 1))
spawn_on "$EMULATOR" emulator node --require "$LAB_DIR/github/loopback.cjs" "$KIT/node_modules/emulate/dist/index.js" start \
  --service github --port "$EMULATOR" --seed "$LAB_DIR/github/seed.yaml"
wait_for emulator 60 curl -s -o rate_limit.out "http://127.0.0.1:$EMULATOR/rate_limit"
spawn_on "$PROXY" proxy node "$KIT/node_modules/@stoplight/prism-cli/dist/index.js" proxy "$KIT/github.json" \
  "http://127.0.0.1:$EMULATOR" -h 127.0.0.1 -p "$PROXY"
wait_for proxy 60 curl -s -o rate_limit.out "http://127.0.0.1:$PROXY/rate_limit"
rm -f rate_limit.out
{
  printf 'export LAB_GITHUB_URL=%q\n' "http://127.0.0.1:$PROXY"
  printf 'export LAB_GITHUB_EMULATOR=%q\n' "http://127.0.0.1:$EMULATOR"
  printf 'export LAB_GITHUB_LOG=%q\n' "$PWD/proxy.log"
  printf 'export LAB_GITHUB_GRAPHQL=%q\n' "$CACHE/share/github-graphql-$GITHUB_GRAPHQL"
} >env.tmp
mv env.tmp env

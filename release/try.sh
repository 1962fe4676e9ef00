#!/usr/bin/env bash
# try.sh VERSION FOLDER: takes a finished release as the action does, from this machine, and runs it: the checksum, the archive, the version,
# and the shipped example from lint to apply. What does not belong to this machine is left alone.
set -euo pipefail
version=${1:?usage: release/try.sh VERSION FOLDER}
folder=$(cd "${2:?usage: release/try.sh VERSION FOLDER}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
mkdir "$work/root" "$work/temp"
ln -s "$folder" "$work/root/v$version"
# With port 0 the system picks one, and the server says which.
python3 -u -m http.server --bind 127.0.0.1 --directory "$work/root" 0 >"$work/said" 2>&1 &
server=$!
for _ in $(seq 100); do
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/said")
  [ -z "$port" ] || break
  sleep 0.1
done
env -i PATH="$PATH" HOME="$work" RUNNER_TEMP="$work/temp" GITHUB_OUTPUT="$work/output" INPUT_VERSION="$version" \
  BPCTL_RELEASES="http://127.0.0.1:$port" bash action/bpctl.sh install
bin=$(sed -n '2p' "$work/output")
[ "$("$bin" --version)" = "bpctl $version" ]
env -i HOME="$work" PATH="$PATH" "$bin" tour >"$work/tour"
echo "$version is taken, verified, and tells its tour ($(wc -l <"$work/tour") lines)"

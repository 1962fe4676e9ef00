# shellcheck shell=bash
# Sourced by the lab's scripts: where things lie, and how a server is started, recognised and stopped.
#
#   BPCTL_LAB_CACHE  built binaries, kept between runs   (default ~/.cache/bpctl-kit)
#   BPCTL_LAB_STATE  everything of one running lab       (default $BPCTL_LAB_CACHE/run/lab)
#
# Each server has a folder of its own under the state, runs in it, and leaves there NAME.log and NAME.pid. The pid file
# holds the process id and the kernel's start time of that process: a number that was given to somebody else's process
# later is never taken for ours.
set -euo pipefail
umask 077

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${BPCTL_LAB_CACHE:-$HOME/.cache/bpctl-kit}
mkdir -p "$CACHE/bin" "$CACHE/src" "$CACHE/share"
CACHE=$(cd "$CACHE" && pwd)
STATE=${BPCTL_LAB_STATE:-$CACHE/run/lab}
mkdir -p "$STATE"
STATE=$(cd "$STATE" && pwd)

# The versions of everything that gets built.
K8S=1.36.3
KWOK=0.8.0
PROMETHEUS=0.315.0 # how the module numbers Prometheus 3.15
GITEA=1.26.0
RUNNER=1.0.8 # Gitea's; the module proxy does not list its versions
HELM=3.22.0
ACT=0.2.89
METRICS_SERVER=0.9.0
GITHUB_EMULATOR=0.11.2
GITHUB_GRAPHQL=15.26.1
export K8S KWOK PROMETHEUS GITEA RUNNER HELM ACT METRICS_SERVER GITHUB_EMULATOR GITHUB_GRAPHQL LAB_DIR

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# start_time PID: when the kernel started it, in ticks since boot; nothing when there is no such process.
start_time() {
  local stat
  # The file may vanish between the two; the second field may hold blanks and parentheses.
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # the words of the line are wanted
  set -- $stat
  [ "$1" != Z ] && echo "${20}"
}

# alive NAME: whether the server that the current folder's NAME.pid describes still runs.
alive() {
  local pid started
  [ -s "$1.pid" ] && read -r pid started <"$1.pid" && [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ]
}

# spawn NAME COMMAND…: starts a server in the current folder unless it runs already.
spawn() {
  local name=$1
  shift
  if alive "$name"; then return 0; fi
  setsid "$@" >"$name.log" 2>&1 </dev/null &
  echo "$! $(start_time $!)" >"$name.pid"
}

# stop NAME: ends the server of the current folder; politely for five seconds.
stop() {
  local pid
  if alive "$1"; then
    read -r pid _ <"$1.pid"
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      alive "$1" || break
      sleep 0.1
    done
    if alive "$1"; then kill -9 "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$1.pid"
}

# wait_for NAME SECONDS COMMAND…: until the command succeeds; the end of the server's log when it does not.
wait_for() {
  local name=$1 tries=$(($2 * 10))
  shift 2
  for _ in $(seq "$tries"); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    alive "$name" || break
    sleep 0.1
  done
  echo "--- the end of $PWD/$name.log" >&2
  tail -n 25 "$name.log" >&2 || true
  if alive "$name"; then die "$name did not become ready"; else die "$name ended by itself"; fi
}

# listening PORT: whether somebody answers there.
listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# spawn_on PORT NAME COMMAND…: spawn, for a server whose port must be nobody else's: or readiness would be another's.
spawn_on() {
  local port=$1
  shift
  if ! alive "$1" && listening "$port"; then die "port $port, wanted for $1, is taken"; fi
  spawn "$@"
}

# free_ports COUNT: the first of so many neighbouring loopback ports that nobody listens on. They lie under the range
# from which the kernel picks ports for outgoing connections.
free_ports() {
  local first port
  for _ in $(seq 200); do
    first=$((20000 + RANDOM % 9000 + RANDOM % 900))
    for port in $(seq "$first" $((first + $1 - 1))); do
      if listening "$port"; then continue 2; fi
    done
    echo "$first"
    return 0
  done
  die "no $1 free ports"
}

# keep_port FILE WISH COUNT: the port that this instance has used before, else the wished one, else a free one.
keep_port() {
  [ -s "$1" ] || echo "${2:-$(free_ports "$3")}" >"$1"
  cat "$1"
}

secret() { openssl rand -hex 24; }

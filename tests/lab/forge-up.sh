#!/usr/bin/env bash
# forge-up.sh: a real Gitea server on loopback with four users, each with a token. Run again it starts it where it does not run.
#   BPCTL_LAB_FORGE_PORT  (default: a free one, kept by the instance)
# Leaves $BPCTL_LAB_STATE/forge/env: LAB_FORGE_URL and LAB_FORGE_TOKEN_{ADMIN,AUTHOR,REVIEWER,BOT} of the users forge-admin
# (the site's administrator), forge-author, forge-reviewer and forge-bot.
# shellcheck source=tests/lab/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
bash "$LAB_DIR/build.sh" forge
BIN=$CACHE/bin/gitea-$GITEA
HOME_DIR=$STATE/forge
mkdir -p "$HOME_DIR/home"
cd "$HOME_DIR"
PORT=$(keep_port port "${BPCTL_LAB_FORGE_PORT-}" 1)
URL=http://127.0.0.1:$PORT
INI=$HOME_DIR/app.ini
# Without these it would look at the caller's home and git configuration.
export HOME=$HOME_DIR/home GITEA_WORK_DIR=$HOME_DIR GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true
if [ ! -s "$INI" ]; then
  cat >"$INI.tmp" <<INI
APP_NAME = forge
RUN_MODE = prod
RUN_USER = $(id -un)
WORK_PATH = $HOME_DIR
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = $PORT
ROOT_URL = $URL/
STATIC_ROOT_PATH = $CACHE/share/gitea-$GITEA
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = $HOME_DIR/gitea.db
SQLITE_JOURNAL_MODE = WAL
[security]
INSTALL_LOCK = true
SECRET_KEY = $(secret)
INTERNAL_TOKEN = $("$BIN" generate secret INTERNAL_TOKEN)
PASSWORD_HASH_ALGO = pbkdf2_v2
[service]
DISABLE_REGISTRATION = true
[repository]
ROOT = $HOME_DIR/repos
DEFAULT_BRANCH = main
[repository.pull-request]
DEFAULT_MERGE_STYLE = squash
[oauth2]
ENABLED = false
[session]
PROVIDER = memory
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
MODE = file
LEVEL = Warn
ROOT_PATH = $HOME_DIR/log
[cron]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[actions]
ENABLED = true
DEFAULT_ACTIONS_URL = self
INI
  mv "$INI.tmp" "$INI"
fi
spawn_on "$PORT" gitea "$BIN" web --config "$INI"
wait_for gitea 60 curl -fsS "$URL/api/healthz"

if [ ! -s env ]; then
  # The first user comes from the command line, which also gives a token; the others through the API, which is faster.
  admin=$("$BIN" admin user create --config "$INI" --admin --username forge-admin --email forge-admin@forge.test \
    --random-password --must-change-password=false --access-token --access-token-name lab 2>&1 |
    sed -n 's/.*[^0-9a-f]\([0-9a-f]\{40\}\)$/\1/p')
  [ -n "$admin" ] || die "no token for forge-admin"
  post() { # PATH BODY [curl's arguments…]
    local path=$1 body=$2
    shift 2
    curl -fsS -H 'Content-Type: application/json' -d "$body" "$@" "$URL/api/v1$path"
  }
  {
    printf 'export LAB_FORGE_URL=%q\n' "$URL"
    printf 'export LAB_FORGE_TOKEN_ADMIN=%q\n' "$admin"
    for name in author reviewer bot; do
      user=forge-$name password=$(secret)
      post /admin/users "{\"username\": \"$user\", \"email\": \"$user@forge.test\", \"password\": \"$password\", \"must_change_password\": false}" \
        -H "Authorization: token $admin" -o user.out
      post "/users/$user/tokens" '{"name": "lab", "scopes": ["all"]}' -u "$user:$password" -o token.out
      printf 'export LAB_FORGE_TOKEN_%s=%q\n' "${name^^}" "$(sed -n 's/.*"sha1":"\([0-9a-f]*\)".*/\1/p' token.out)"
    done
  } >env.tmp
  rm -f user.out token.out
  mv env.tmp env
fi

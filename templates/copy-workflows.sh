#!/usr/bin/env bash
# copy-workflows.sh FOLDER ENVIRONMENT [NAME...]: copies workflows of bpctl into FOLDER, such as .github/workflows or .gitea/workflows, ready to run: with
# the commit of this clone of bpctl in the place of the zeros that they are shipped with, and your environment's name.
#   NAME   pull-request, judge, apply and the other files of templates/workflows; left out: pull-request
# Run it in your repository's folder: where bpctl.yaml there names another base branch than main, they run for that one.
# Check out what you looked at first, a release or a commit: it is what your workflows will run. Nothing is overwritten.
set -euo pipefail

die() {
  echo "copy-workflows.sh: $*" >&2
  exit 2
}

[ $# -ge 2 ] || die 'say where to, and for which environment: copy-workflows.sh .github/workflows staging pull-request judge apply'
into=$1 environment=$2
shift 2
[ $# -gt 0 ] || set -- pull-request
[[ $environment =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || die "$environment is no environment's name: small letters, digits and -, as in bpctl.yaml"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
[ "$(git -C "$here" rev-parse --show-toplevel 2>/dev/null)" = "$here" ] ||
  die "$here is no clone of bpctl, so that nobody knows its commit: clone it, or put one in the place of the zeros yourself"
commit=$(git -C "$here" rev-parse --verify --quiet HEAD) || die "$here has no commit"
git -C "$here" diff --quiet HEAD -- action.yml action templates/workflows src core Cargo.toml Cargo.lock ||
  die "files were changed here after ${commit:0:7}: what you see is not what would run"
[ -n "$(git -C "$here" for-each-ref --count=1 --contains "$commit" refs/remotes refs/tags)" ] ||
  die "no branch of a remote and no tag has ${commit:0:7}: a runner would not find it. Push it, or check out one that is there"

for name in "$@"; do
  [[ $name =~ ^[a-z-]+$ ]] && [ -f "$here/templates/workflows/$name.yml" ] || die "there is no workflow $name"
  [ ! -e "$into/$name.yml" ] && [ ! -L "$into/$name.yml" ] || die "$into/$name.yml is there already"
done
# The workflows run for the base branch, which bpctl.yaml names where it is not main.
base=
if [ -f bpctl.yaml ]; then
  base=$(sed -n "s/^base:[[:blank:]]*[\"']\{0,1\}\([A-Za-z0-9._\/-]*\).*/\1/p" bpctl.yaml | head -n 1)
fi
base=${base:-main}
# On another branch than the default one each push is one to act on; a schedule runs on the default branch all the same.
also=
[ "$base" = main ] || also="github.ref == 'refs\/heads\/${base//\//\\\/}' || "
mkdir -p "$into"
for name in "$@"; do
  sed -e "s/@0\{40\} #.*/@$commit/" -e "s|branches: \[main\]|branches: [$base]|" -e "s/if: github.ref == format/if: ${also}github.ref == format/" -e "/\[staging, prod\]/!s/staging/$environment/g" \
    "$here/templates/workflows/$name.yml" >"$into/$name.yml"
  echo "$into/$name.yml uses bpctl at $commit"
  if [[ $into == *.gitea* || $into == *.forgejo* ]] && grep -q -- '-artifact@' "$into/$name.yml"; then
    echo "  put forks of its artifact actions in their place: those of GitHub refuse other servers (docs/CI.md, Gitea)"
  fi
  if grep -q '\[staging, prod\]' "$into/$name.yml"; then
    echo "  name your environments in it: environment: [staging, prod]"
  fi
done

#!/usr/bin/env bash
# pack.sh PROGRAM TARGET FOLDER: packs a bpctl that runs here, with what belongs to it, as FOLDER/bpctl-VERSION-TARGET.tar.gz, and prints
# that path. The program itself says its version, its completions and its manual.
#   SOURCE_DATE_EPOCH   the time of the files in it, in seconds (default: the commit's)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${1:?usage: release/pack.sh PROGRAM TARGET FOLDER} target=${2:?} folder=${3:?}
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
version=$("$program" --version | cut -d ' ' -f 2)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || {
  echo "release/pack.sh: $program --version says no version: $version" >&2
  exit 1
}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -m 755 "$program" "$stage/bpctl"
install -m 644 LICENSE README.md CHANGELOG.md "$stage/"
mkdir -p "$stage/completions" "$stage/man"
for shell in bash zsh fish elvish powershell; do
  case $shell in
    zsh) file=_bpctl ;;
    powershell) file=_bpctl.ps1 ;;
    *) file=bpctl.$shell ;;
  esac
  "$program" completions "$shell" >"$stage/completions/$file"
done
"$program" --quiet completions --man "$stage/man"
chmod -R u=rwX,go=rX "$stage/completions" "$stage/man"
mkdir -p "$folder"
archive=$folder/bpctl-$version-$target.tar.gz
# GNU's, which macOS's runners have under another name: order, owner and times do not depend on the machine.
tar=$(command -v gtar || command -v tar)
"$tar" --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner --format=ustar -C "$stage" -cf - \
  bpctl CHANGELOG.md LICENSE README.md completions man | gzip -n >"$archive.tmp"
mv "$archive.tmp" "$archive"
echo "$archive"

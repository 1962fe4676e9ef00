#!/usr/bin/env bash
# build.sh TARGET [FOLDER]: builds bpctl for TARGET and leaves bpctl-VERSION-TARGET.tar.gz and its bill of materials,
# bpctl-VERSION-TARGET.cdx.json (CycloneDX), in FOLDER (default target/dist). It has to run where TARGET's programs do.
#   x86_64-unknown-linux-musl, aarch64-unknown-linux-musl   static; needs musl-tools and rustup's target
#   x86_64-apple-darwin, aarch64-apple-darwin               needs rustup's target
#   x86_64-unknown-linux-gnu                                static too, with the C library of this machine: for trying this script where
#                                                           rustup has no other target. Not released: names would be looked up by modules of
#                                                           whatever C library the other machine has
# Two builds of one commit on one kind of machine give the same bytes: times and names of files are the commit's, paths are cut.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
CYCLONEDX=0.5.9

target=${1:?usage: release/build.sh TARGET [FOLDER]}
folder=${2:-target/dist}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
flags="--remap-path-prefix=$PWD=/bpctl --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
case $target in
  *-linux-musl)
    # What is written in C (Git's objects, zlib, the allocator, the cryptography) is built against musl as well.
    export "CC_${target//-/_}=musl-gcc"
    ;;
  *-linux-gnu) flags+=' -C target-feature=+crt-static' ;;
  *-apple-darwin) ;;
  *)
    echo "release/build.sh: nothing is released for $target" >&2
    exit 2
    ;;
esac

# For the target alone: with --target, what runs while building (macros, build scripts) is built without them.
RUSTFLAGS=$flags cargo build --release --locked --target "$target"
binary=${CARGO_TARGET_DIR:-target}/$target/release/bpctl
if [[ $target == *-linux-* ]] && ldd "$binary" 2>&1 | grep -q '=>'; then
  echo "release/build.sh: $binary needs libraries: $(ldd "$binary")" >&2
  exit 1
fi
archive=$(bash release/pack.sh "$binary" "$target" "$folder")

tools=${CARGO_TARGET_DIR:-target}/tools
if [ "$("$tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null | tr -dc '0-9.')" != "$CYCLONEDX" ]; then
  cargo install --locked --quiet --force --root "$tools" "cargo-cyclonedx@$CYCLONEDX"
fi
# It writes beside each Cargo.toml.
"$tools/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --override-filename bpctl-release-sbom
rm core/bpctl-release-sbom.json
# It names its own two packages by where they lay.
sed "s|file://$PWD|file:///bpctl|g" bpctl-release-sbom.json >"${archive%.tar.gz}.cdx.json"
rm bpctl-release-sbom.json
ls -l "$archive" "${archive%.tar.gz}.cdx.json"

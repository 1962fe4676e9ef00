#!/usr/bin/env bash
# image.sh VERSION FOLDER CONTEXT: of a finished release's Linux archives the folder CONTEXT that the image is built of.
#   BPCTL_CERTIFICATES   the certificates that it brings (default: this machine's)
set -euo pipefail
version=${1:?usage: release/image.sh VERSION FOLDER CONTEXT} folder=${2:?} context=${3:?}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$context/linux-amd64" "$context/linux-arm64"
tar -xzf "$folder/bpctl-$version-x86_64-unknown-linux-musl.tar.gz" -C "$context/linux-amd64" bpctl
tar -xzf "$folder/bpctl-$version-aarch64-unknown-linux-musl.tar.gz" -C "$context/linux-arm64" bpctl
install -m 644 "${BPCTL_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}" "$context/ca-certificates.crt"
install -m 644 "$here/Dockerfile" "$context/Dockerfile"

#!/usr/bin/env bash
# finish.sh VERSION FOLDER: of a folder with the archives of all targets the checksums, FOLDER/SHA256SUMS, and the Homebrew formula,
# FOLDER/bpctl.rb, which holds them. A target that is missing ends it: a release is whole or none.
#   BPCTL_REPOSITORY   where the release will be (default https://github.com/bpctl/bpctl)
set -euo pipefail
version=${1:?usage: release/finish.sh VERSION FOLDER}
cd "${2:?usage: release/finish.sh VERSION FOLDER}"
home=${BPCTL_REPOSITORY:-https://github.com/bpctl/bpctl}
TARGETS=(aarch64-apple-darwin aarch64-unknown-linux-musl x86_64-apple-darwin x86_64-unknown-linux-musl)

files=()
for target in "${TARGETS[@]}"; do
  for file in "bpctl-$version-$target.tar.gz" "bpctl-$version-$target.cdx.json"; do
    [ -s "$file" ] || {
      echo "release/finish.sh: there is no $file" >&2
      exit 1
    }
    files+=("$file")
  done
done
sha256sum "${files[@]}" >SHA256SUMS.tmp
mv SHA256SUMS.tmp SHA256SUMS

# source TARGET: its lines of the formula.
source_of() {
  local name=bpctl-$version-$1.tar.gz
  printf '      url "%s/releases/download/v%s/%s"\n      sha256 "%s"\n' "$home" "$version" "$name" \
    "$(awk -v name="$name" '$2 == name { print $1 }' SHA256SUMS)"
}
cat >bpctl.rb.tmp <<FORMULA
# Written by release/finish.sh from SHA256SUMS.
class Bpctl < Formula
  desc "Stateless GitOps: plan, judge and propose Kubernetes changes from blueprints"
  homepage "$home"
  version "$version"
  license "MIT"

  depends_on "git"

  on_macos do
    on_arm do
$(source_of aarch64-apple-darwin)
    end
    on_intel do
$(source_of x86_64-apple-darwin)
    end
  end

  on_linux do
    on_arm do
$(source_of aarch64-unknown-linux-musl)
    end
    on_intel do
$(source_of x86_64-unknown-linux-musl)
    end
  end

  def install
    bin.install "bpctl"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/bpctl.bash" => "bpctl"
    fish_completion.install "completions/bpctl.fish"
    zsh_completion.install "completions/_bpctl"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/bpctl --version")
  end
end
FORMULA
mv bpctl.rb.tmp bpctl.rb

# The commands of daily work; `just` alone lists them. Each is one line, so none of them needs just.

# How the lab of `lab-up` is reached and stopped by later commands.
lab_state := env("BPCTL_LAB_STATE", env("BPCTL_LAB_CACHE", home_directory() / ".cache/bpctl-kit") / "run/lab")

_list:
    @just --list --unsorted

# Everything CI does: formatting, lints, licences, all tests against the lab
test:
    bash tests/run.sh

# Clippy over all targets, with warnings as errors
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Format all Rust code
fmt:
    cargo fmt --all

# bpctl beside its peers, in one run
bench *ARGS:
    bash benches/bench.sh {{ ARGS }}

# Lines of the library that the tests reach, with the sourced lab; needs cargo-llvm-cov and the toolchain's llvm-tools
coverage *ARGS:
    cargo llvm-cov --locked --workspace --ignore-filename-regex '(^|/)(tests?|lab)(/|\.rs$)' --fail-under-lines 85 {{ ARGS }}

# A thousand seeds of passes that are killed, crossed and interrupted on the local forge; an ordinary test run plays thirty
seeds *ARGS='1000':
    BPCTL_SEEDS={{ ARGS }} cargo test --test it -- --nocapture seeds::

# Start Kubernetes, Prometheus and Gitea on loopback; prints the file to source
lab-up:
    BPCTL_LAB_STATE={{ quote(lab_state) }} bash tests/lab/lab-up.sh

# Stop them and drop their state
lab-down:
    BPCTL_LAB_STATE={{ quote(lab_state) }} bash tests/lab/down.sh --wipe

# The whole story on the shipped example
tour:
    cargo run --quiet -- tour

# Write schemas/ anew from the types; a test compares them
schemas:
    BPCTL_UPDATE=1 cargo test --test it schemas

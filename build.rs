//! The shipped example is part of the binary: building again when it changes.

fn main() {
    println!("cargo::rerun-if-changed=examples/shop");
}

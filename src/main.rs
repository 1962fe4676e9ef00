//! The `bpctl` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    give_back_memory(Some(0));
    let exit = bpctl::cli::main();
    // The system takes all of it in a moment.
    give_back_memory(None);
    exit
}

/// After how many milliseconds memory that is freed goes back to the system, or that it never does. At once, not 10 ms later: a plan
/// reads thousands of files on several threads, each with a heap of its own, and what one has freed would otherwise be held while
/// the next asks for more (50 MiB less of 300 in a plan of 10,000 workloads, at the same speed).
#[allow(unsafe_code)] // The allocator has no safe way to say it.
fn give_back_memory(after: Option<u16>) {
    // `mi_option_purge_delay` in mimalloc.h, which the bindings leave out: the next of their list.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_eager_commit_delay + 1;
    // SAFETY: `mi_option_set` stores one number in a table of the allocator, whose size the index is checked against.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, after.map_or(-1, std::ffi::c_long::from)) }
}

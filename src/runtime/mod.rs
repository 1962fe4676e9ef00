//! The process around bpctl: clock, environment, folders, exit codes. The only place that asks the operating system for them.

#![allow(clippy::disallowed_methods, reason = "an edge: this is where the clock and the environment are read")]

mod exit;
mod fail_point;
mod secrets;

use std::path::PathBuf;

use bpctl_core::model::Timestamp;
use secrecy::SecretString;

pub use exit::Exit;
pub use fail_point::{FailPoint, Moment};
pub use secrets::{hold, said, without_credentials};

/// The local clock.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// What tells this run from any other at the same time. Nothing is decided by it but which of several is the one.
pub fn run_id() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    static ID: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    // The standard library's own random keys.
    let id = ID.get_or_init(|| std::hash::RandomState::new().build_hasher().finish());
    format!("{id:016x}")
}

/// An environment variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The first of these variables that is set, as a secret that nothing shows. The line break that a file or an echo leaves at its end is none of it.
pub fn secret(names: &[&str]) -> Option<SecretString> {
    let set = |name: &&str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let secret = names.iter().find_map(set).map(SecretString::from)?;
    hold(&secret);
    Some(secret)
}

/// The folder that commands start from: `-C`, else the working directory.
pub fn start_folder(given: Option<&std::path::Path>) -> std::io::Result<PathBuf> {
    match given {
        Some(folder) => std::fs::canonicalize(folder),
        None => std::env::current_dir(),
    }
}

/// bpctl's cache folder; deleting it costs time only.
pub fn cache_folder() -> Option<PathBuf> {
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    base.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache"))).map(|base| base.join("bpctl"))
}

/// Reads a file named by a person.
pub fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// The same of a file that somebody else may have written: an error where it is more than `most` bytes.
pub fn read_at_most(path: &std::path::Path, most: u64) -> std::io::Result<Vec<u8>> {
    whole(std::fs::File::open(path)?, most)
}

/// The largest event of a runner that is read.
const LARGEST_EVENT: u64 = 32 << 20;

/// The event that started this job, as its runner wrote it down; what is no JSON is null. `None`: no runner says.
///
/// # Errors
/// The file that the runner names cannot be read, or is too large.
pub fn event() -> std::io::Result<Option<serde_json::Value>> {
    let Some(file) = variable("GITHUB_EVENT_PATH") else { return Ok(None) };
    let bytes = read_at_most(std::path::Path::new(&file), LARGEST_EVENT)?;
    Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// All of the standard input; an error where it is more than `most` bytes.
pub fn read_input(most: u64) -> std::io::Result<Vec<u8>> {
    whole(std::io::stdin().lock(), most)
}

fn whole(from: impl std::io::Read, most: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it has more than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// Appends to a file named by a person.
pub fn append_file(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    std::fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
}

/// Writes a file named by a person, whole or not at all.
pub fn write_file(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(folder)?;
    // As any file a person makes: the umask decides. One that was there keeps what may be done with it.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
    if let Ok(before) = std::fs::symlink_metadata(path)
        && before.is_file()
    {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether a folder is there.
pub fn is_folder(path: &std::path::Path) -> bool {
    path.is_dir()
}

/// Writes a file that must not exist yet, below a folder that may have to be made.
pub fn create_file(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(bytes)
}

/// Waits.
pub async fn sleep(period: bpctl_core::model::Period) {
    tokio::time::sleep(std::time::Duration::from_millis(period.as_millis())).await;
}

/// Makes a folder that must not exist yet.
pub fn new_folder(path: &std::path::Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir(path)?;
    std::fs::canonicalize(path)
}

/// The first symbolic link on the way from `root` to this path below it, or in the two levels of folders that it holds.
pub fn first_link(root: &std::path::Path, below: &str) -> Option<String> {
    let is_link =
        |path: &std::path::Path| path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_symlink());
    let mut path = root.to_owned();
    for part in below.split('/') {
        path.push(part);
        if is_link(&path) {
            return path.strip_prefix(root).ok().map(|link| link.display().to_string());
        }
    }
    let entries = |folder: &std::path::Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .map(|list| list.filter_map(Result::ok).map(|entry| entry.path()).collect())
            .unwrap_or_default()
    };
    let first = entries(&path);
    let second = first.iter().filter(|entry| !is_link(entry) && entry.is_dir()).flat_map(|folder| entries(folder));
    let found = second.collect::<Vec<_>>().into_iter().chain(first).find(|entry| is_link(entry))?;
    Some(format!("{below}/{}", found.file_name()?.to_string_lossy().escape_debug()))
}

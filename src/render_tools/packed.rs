//! Packed charts (`charts/NAME-1.2.3.tgz`), opened: what they hold may go by the clock as any other chart's templates (X9).

use std::io::Read as _;
use std::path::Component;

use bpctl_core::model::{Blob, Digest, File, Files, RepoPath};
use bpctl_core::rendering::RenderFailure;

/// What all packed charts of one rendering may hold together, opened.
const LIMIT: u64 = 64 << 20;
/// How deep one may be packed in another.
const DEPTH: usize = 4;

/// The same files with every packed chart as the folder that Helm makes of it.
///
/// # Errors
/// One is no archive, or holds too much: what is in it is not known then.
pub fn unpacked(files: &Files) -> Result<Files, RenderFailure> {
    let mut open = files.clone();
    let mut left = LIMIT;
    for _ in 0..DEPTH {
        let packed: Vec<RepoPath> = open.0.keys().filter(|path| is_packed(path)).cloned().collect();
        if packed.is_empty() {
            return Ok(open);
        }
        for path in packed {
            if let Some(File::Blob(blob)) = open.0.remove(&path) {
                open.0.extend(entries(&path, &blob.bytes, &mut left)?);
            }
        }
    }
    Err(RenderFailure::new(format!("charts are packed in one another more than {DEPTH} times")))
}

fn is_packed(path: &RepoPath) -> bool {
    let mut parts = path.as_str().rsplit('/');
    parts.next().is_some_and(|name| name.strip_suffix(".tgz").is_some()) && parts.next() == Some("charts")
}

/// What an entry counts for beside its name and what it holds.
const ENTRY: u64 = 512;

fn entries(path: &RepoPath, bytes: &[u8], left: &mut u64) -> Result<Vec<(RepoPath, File)>, RenderFailure> {
    let broken = |why: &std::io::Error| RenderFailure::new(format!("{path} is no packed chart")).said(&why.to_string());
    let too_many = || RenderFailure::new(format!("packed charts hold more than {} MiB: {path}", LIMIT >> 20));
    let folder = path.as_str().trim_end_matches(".tgz");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes).take(LIMIT + 1));
    let mut found = Vec::new();
    for entry in archive.entries().map_err(|why| broken(&why))? {
        let mut entry = entry.map_err(|why| broken(&why))?;
        // An entry takes memory whatever it holds, and so do its names.
        let held = ENTRY + entry.path_bytes().len() as u64;
        *left = left.checked_sub(held).ok_or_else(too_many)?;
        let Ok(named) = entry.path().map(std::borrow::Cow::into_owned) else { continue };
        // The first part is the chart's name, which Helm does not look at.
        let plain = named.components().skip(1).map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        });
        let place = plain.collect::<Option<Vec<_>>>().map(|parts| format!("{folder}/{}", parts.join("/")));
        let Some(place) = place.and_then(|place| RepoPath::new(place).ok()) else { continue };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut content = Vec::new();
        entry.by_ref().take(*left + 1).read_to_end(&mut content).map_err(|why| broken(&why))?;
        *left = left.checked_sub(content.len() as u64).ok_or_else(too_many)?;
        found.push((
            place,
            File::Blob(Blob { id: Digest::of_bytes(&content).to_string(), bytes: content.as_slice().into() }),
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(all: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, content) in all {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> Result<Vec<String>, RenderFailure> {
        let file = File::Blob(Blob { id: String::new(), bytes: bytes.into() });
        let files = Files([(RepoPath::new("c/charts/db-1.tgz").unwrap(), file)].into());
        unpacked(&files).map(|files| files.0.into_keys().map(|path| path.to_string()).collect())
    }

    /// Would miss: the templates of a packed chart, and of one that is packed in it; a bomb.
    #[test]
    fn x09_packed_charts_are_opened_within_bounds() {
        let inner = packed(&[("sub/templates/b.yaml", b"b")]);
        let all =
            packed(&[("db/Chart.yaml", b"name: db"), ("db/templates/a.yaml", b"a"), ("db/charts/sub-2.tgz", &inner)]);
        let expected = ["Chart.yaml", "charts/sub-2/templates/b.yaml", "templates/a.yaml"];
        assert_eq!(opened(&all).unwrap(), expected.map(|name| format!("c/charts/db-1/{name}")));
        let zeros = vec![0_u8; 40 << 20];
        let bomb = opened(&packed(&[("db/a", &zeros), ("db/b", &zeros)])).unwrap_err();
        assert!(bomb.message.contains("more than 64 MiB") || bomb.message.contains("no packed chart"), "{bomb:?}");
        assert!(opened(b"nonsense").unwrap_err().message.contains("is no packed chart"));
    }
}

//! `edits FOLDER OUT [COUNT] [SEED]`: single values of YAML files that others wrote, edited in place, chosen by chance.
//!
//! Of each edit OUT gets what stood before (`N.before`), after it (`N.after`), and `N.json`: the file, the document, the path, the value meant, or why it was
//! refused. That every other byte is as it was is checked here; what the files say afterwards `edits.py` asks another reader. A quarter of the files are given
//! Windows line ends first, and another quarter a byte order mark. Ends with 1 where a byte moved.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of the bench: it reads and writes files, and prints"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bpctl_core::model::{FieldPath, Segment};
use bpctl_core::yaml::{Edit, Kind, Node, Scalar, Value, apply, parse};

/// A generator whose numbers are the same on each machine (`xorshift64*`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap_or(0) % bound
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, rest @ ..] = arguments.as_slice() else { return Err("edits FOLDER OUT [COUNT] [SEED]".into()) };
    let count: usize = rest.first().map_or(Ok(1000), |count| count.parse())?;
    let mut chance = Chance(rest.get(1).map_or(Ok(1), |seed| seed.parse())?);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    std::fs::create_dir_all(out)?;
    let (mut done, mut refused, mut moved, mut unread) = (0, 0, 0, BTreeSet::new());
    while done < count {
        let file = &files[chance.below(files.len())];
        let bytes = dressed(std::fs::read(file)?, chance.below(4));
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Ok(documents) = parse(name, &bytes, Kind::Manifest) else {
            unread.insert(file.clone());
            continue;
        };
        let mut places = Vec::new();
        for document in &documents {
            scalars(document.index, &document.root, &FieldPath::default(), &mut places);
        }
        if places.is_empty() {
            continue;
        }
        let (document, path, node) = places.swap_remove(chance.below(places.len()));
        let Some((from, to)) = other(&node, &mut chance) else { continue };
        let edit = Edit { document, path: path.clone(), from: Some(from), to: Some(to.clone()) };
        let meant = match &to {
            Scalar::Bool(flag) => serde_json::json!(flag),
            Scalar::Int(number) => serde_json::json!(i64::try_from(*number).unwrap_or_default()),
            Scalar::String(text) => serde_json::json!(text),
        };
        let at = |end: &str| Path::new(out).join(format!("{done}.{end}"));
        let steps: Vec<serde_json::Value> = path.0.iter().map(step).collect();
        let mut told = serde_json::json!({ "file": name, "document": document, "path": steps, "to": meant });
        match apply(name, &bytes, &[edit]) {
            Ok(after) => {
                let (head, tail) = (&bytes[..node.start as usize], &bytes[node.end as usize..]);
                if !after.starts_with(head) || !after.ends_with(tail) || after.len() < head.len() + tail.len() {
                    moved += 1;
                    println!("a byte moved: {name} {path}");
                }
                std::fs::write(at("after"), after)?;
            }
            Err(why) => {
                refused += 1;
                println!("refused: {name} {path}: {why}");
                told["refused"] = why.to_string().into();
            }
        }
        std::fs::write(at("before"), &bytes)?;
        std::fs::write(at("json"), told.to_string())?;
        done += 1;
    }
    println!(
        "{done} edits, {refused} refused, {moved} moved a byte; {} files that bpctl takes for no manifests",
        unread.len()
    );
    if moved > 0 { Err("a byte moved".into()) } else { Ok(()) }
}

/// As it is, with Windows line ends, or with a byte order mark.
fn dressed(bytes: Vec<u8>, way: usize) -> Vec<u8> {
    match (way, String::from_utf8(bytes)) {
        (1, Ok(text)) if !text.contains('\r') => text.replace('\n', "\r\n").into_bytes(),
        (2, Ok(text)) if !text.starts_with('\u{feff}') => format!("\u{feff}{text}").into_bytes(),
        (_, Ok(text)) => text.into_bytes(),
        (_, Err(error)) => error.into_bytes(),
    }
}

fn step(segment: &Segment) -> serde_json::Value {
    match segment {
        Segment::Key(key) => serde_json::json!(key),
        Segment::Index(index) => serde_json::json!(index),
        Segment::Item(keys) => serde_json::json!(keys),
    }
}

fn scalars(document: usize, node: &Node, path: &FieldPath, out: &mut Vec<(usize, FieldPath, Node)>) {
    for entry in node.entries() {
        scalars(document, &entry.value, &path.key(entry.key.clone()), out);
    }
    for (at, item) in node.items().iter().enumerate() {
        scalars(document, item, &path.join(Segment::Index(at)), out);
    }
    if matches!(node.value, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_)) {
        out.push((document, path.clone(), node.clone()));
    }
}

/// What stands there, and another value of the kind.
fn other(node: &Node, chance: &mut Chance) -> Option<(Scalar, Scalar)> {
    const TEXTS: [&str; 12] = [
        "plain",
        "a b",
        "a: b",
        "a #b",
        "yes",
        "08",
        "1e3",
        "'q'",
        "\"d\"",
        "é — ü",
        "registry.example/x:1@sha256:0",
        "- x",
    ];
    let text = |chance: &mut Chance| Scalar::String(TEXTS[chance.below(TEXTS.len())].to_owned());
    Some(match &node.value {
        Value::Bool(flag) => (Scalar::Bool(*flag), Scalar::Bool(!flag)),
        Value::Int(number) => (Scalar::Int(number.get()), Scalar::Int(number.get() / 2 + 7)),
        Value::Float(was) | Value::String(was) => (Scalar::String(was.to_string()), text(chance)),
        _ => return None,
    })
}

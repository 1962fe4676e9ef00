//! The structure that the architecture promises: imports go down only, the core holds no IO, stages cannot write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The modules of this crate that a text mentions as `crate::NAME`.
fn mentioned(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.insert(name);
            // `use crate::{git, forge};`
            if let Some(list) = part.strip_prefix('{') {
                names.extend(list.split([',', '}']).map(|n| n.trim().split("::").next().unwrap_or("").to_owned()));
            }
        }
    }
    names
}

/// What each module of the program may import, besides itself and the core.
#[test]
fn imports_go_down_only() {
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("runtime", &[] as &[&str]),
        ("git", &["runtime"]),
        ("cluster", &["runtime"]),
        ("metrics", &["runtime"]),
        ("forge", &["git", "runtime"]),
        ("render_tools", &["runtime"]),
        ("webhook", &["runtime"]),
        ("pipeline", &["cluster", "forge", "git", "metrics", "render_tools", "runtime", "webhook"]),
        ("cli", &["cluster", "forge", "git", "metrics", "pipeline", "runtime"]),
    ]);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (module, allowed) in &may {
        let mut files = Vec::new();
        rust_files(&root().join("src").join(module), &mut files);
        // Unit tests may look around.
        files.retain(|file| {
            !file
                .components()
                .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "testing.rs" | "lab.rs")))
        });
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file");
            for name in mentioned(&text) {
                seen += 1;
                if may.contains_key(name.as_str()) && name != *module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{} imports crate::{name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 50, "the test sees no imports any more");
}

/// Would miss: a stage that only reads and is handed what writes (B4). What it is handed, `Reading`, has no way to that; this sees to it that it
/// is handed nothing else.
#[test]
fn b04_stages_that_read_are_handed_nothing_that_writes() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file");
    let code = |text: &str| -> String {
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    let stages = code(&read("src/pipeline/stage.rs"));
    for word in ["Session", "Effects", "ForgeAccess", "ForgeWrite", "ClusterWrite", "writing", "Permit"] {
        assert!(!stages.contains(word), "src/pipeline/stage.rs names {word}");
    }
    let session = code(&read("src/pipeline/session.rs"));
    let (_, reading) = session.split_once("pub struct Reading<'a> {").expect("what reads");
    let (fields, _) = reading.split_once("\n}").expect("its end");
    let fields: Vec<&str> = fields.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(fields, ["pub repository: &'a Repository,", "pub forge: &'a dyn Forge,"]);
}

/// Files that nobody wants to live in are split.
#[test]
fn no_file_is_over_800_lines() {
    let mut files = Vec::new();
    for folder in ["src", "core/src", "tests/it"] {
        rust_files(&root().join(folder), &mut files);
    }
    let long: Vec<String> = files
        .iter()
        .map(|file| (file, std::fs::read_to_string(file).expect("a file").lines().count()))
        .filter(|(_, lines)| *lines > 800)
        .map(|(file, lines)| format!("{}: {lines}", file.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// The whole dependency tree of the core, by name: a new one is looked at, and none of it does IO.
#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "bpctl-core",
            "-e",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--offline",
            "--locked",
        ])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let names: BTreeSet<&str> =
        text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).collect();
    let known: BTreeSet<&str> =
        include_str!("core-dependencies.txt").lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    assert_eq!(names, known, "look at what is new, then write it into tests/it/core-dependencies.txt");
    for name in &names {
        let io = [
            "tokio",
            "mio",
            "socket2",
            "hyper",
            "reqwest",
            "git2",
            "libgit2-sys",
            "rustix",
            "nix",
            "tempfile",
            "ureq",
            "walkdir",
            "getrandom",
            "fs-err",
            "async-io",
            "polling",
            "kube",
        ];
        assert!(!io.contains(name), "{name} does IO");
    }
}

/// Compiles a text against the core as this test was built with it; by clippy, with the project's own rules, where `lint`.
fn compile(text: &str, lint: bool) -> (bool, String) {
    let deps = Path::new(env!("CARGO_BIN_EXE_bpctl")).parent().expect("a folder").join("deps");
    let mut libraries: Vec<PathBuf> = std::fs::read_dir(&deps)
        .expect("deps")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.starts_with("libbpctl_core-") && Path::new(name).extension().is_some_and(|e| e == "rlib")
        })
        .collect();
    libraries.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).expect("a time"));
    let library = libraries.pop().expect("the core was built");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stage.rs");
    std::fs::write(&file, text).expect("written");
    let program = if lint { "clippy-driver" } else { "rustc" };
    let output = Command::new(program)
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-D", "warnings", "--out-dir"])
        .arg(folder.path())
        .arg("--extern")
        .arg(format!("bpctl_core={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg(&file)
        .env("CLIPPY_CONF_DIR", root())
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn builds(text: &str, lint: bool) {
    let (built, said) = compile(text, lint);
    assert!(built, "{said}");
}

#[track_caller]
fn does_not_build(text: &str, lint: bool, because: &str) {
    let (built, said) = compile(text, lint);
    assert!(!built, "it builds");
    assert!(said.contains(because), "{because:?} is not why:\n{said}");
}

/// A judge takes trusted rules. What a pull request brings along does not fit (X5, T1).
#[test]
fn judging_by_a_proposed_policy_does_not_build() {
    let judge = |rules: &str| {
        format!(
            "pub fn f(rules: &bpctl_core::model::{rules}<bpctl_core::blueprint::Catalog>, e: &bpctl_core::model::Name,
                s: &bpctl_core::govern::Subject, f: &bpctl_core::observe::Recorder<'_>) -> bpctl_core::govern::Verdict {{
                bpctl_core::govern::judge(rules, e, s, f) }}"
        )
    };
    builds(&judge("Trusted"), false);
    does_not_build(&judge("Proposed"), false, "E0308");
}

/// Nothing turns a proposed value into a trusted one, and only an edge may attest a base tip.
#[test]
fn a_stage_cannot_make_its_own_trust() {
    does_not_build(
        "pub fn f<T>(p: bpctl_core::model::Proposed<T>) -> bpctl_core::model::Trusted<T> { p.into() }",
        false,
        "E0277",
    );
    does_not_build(
        "pub fn f() -> bpctl_core::model::BaseTip { bpctl_core::model::BaseTip::attest(\"main\", \"0\") }",
        true,
        "disallowed",
    );
}

/// Permits come from the judge alone, and are spent once.
#[test]
fn a_permit_cannot_be_made_or_copied() {
    builds("pub fn f(p: bpctl_core::govern::MergePermit) -> u64 { p.pull() }", false);
    does_not_build(
        "pub fn f(p: &bpctl_core::govern::MergePermit) -> bpctl_core::govern::MergePermit { p.clone() }",
        false,
        "E0308",
    );
    does_not_build(
        "pub fn f(at: bpctl_core::model::Timestamp, d: bpctl_core::model::Digest) -> bpctl_core::govern::MergePermit {
            bpctl_core::govern::MergePermit { pull: 1, head: String::new(), base: String::new(), base_branch: String::new(),
              tree: String::new(), rules: d.clone(), changes: d, approvals: vec![], checks: vec![], at } }",
        false,
        "E0451",
    );
    does_not_build(
        "pub fn f(effect: bpctl_core::execute::RestartPods, at: bpctl_core::model::Timestamp, d: bpctl_core::model::Digest)
            -> bpctl_core::govern::RestartPermit {
            bpctl_core::govern::RestartPermit { effect, base: String::new(), action: d, at } }",
        false,
        "E0451",
    );
    does_not_build(
        "pub fn f(p: &bpctl_core::govern::RestartPermit) -> bpctl_core::govern::RestartPermit { p.clone() }",
        false,
        "E0308",
    );
}

/// A stage that opens a file does not pass the build.
#[test]
fn a_stage_that_opens_a_file_does_not_build() {
    builds("pub fn f(bytes: &[u8]) -> usize { bytes.len() }", true);
    for call in [
        "std::fs::read(\"x\").map(|b| b.len()).unwrap_or(0)",
        "std::env::var(\"X\").map(|v| v.len()).unwrap_or(0)",
        "std::process::Command::new(\"x\").get_args().len()",
        "std::time::SystemTime::now().elapsed().map(|d| d.as_secs() as usize).unwrap_or(0)",
        "std::net::TcpStream::connect(\"127.0.0.1:1\").map(|_| 1).unwrap_or(0)",
    ] {
        does_not_build(&format!("pub fn f() -> usize {{ {call} }}"), true, "disallowed");
    }
}

/// The effects interface is not visible from the core: a stage that calls an effect does not build (B4).
#[test]
fn a_stage_that_calls_an_effect_does_not_build() {
    builds(
        "pub fn f(e: &bpctl_core::execute::Effect) -> bool { matches!(e, bpctl_core::execute::Effect::SetField(_)) }",
        false,
    );
    does_not_build("pub fn f(e: &bpctl_core::pipeline::Effects) { let _ = e; }", false, "E0433");
    does_not_build("pub fn f(e: &bpctl::pipeline::Effects) { let _ = e; }", false, "E0433");
    let manifest = std::fs::read_to_string(root().join("core/Cargo.toml")).expect("the core's manifest");
    assert!(!manifest.contains("path = \"..\""), "the core depends on the program");
}

/// Text from outside cannot be printed without a sink.
#[test]
fn outside_text_does_not_print_itself() {
    builds("pub fn f(t: &bpctl_core::model::Untrusted) -> String { bpctl_core::render::sink::terminal(t) }", false);
    does_not_build("pub fn f(t: &bpctl_core::model::Untrusted) -> String { format!(\"{t}\") }", false, "E0277");
}

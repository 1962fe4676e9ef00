//! What a release is made of (`release/`, `.github/workflows/release.yml`), and what the action asks of one before it runs it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGETS: [&str; 4] =
    ["aarch64-apple-darwin", "aarch64-unknown-linux-musl", "x86_64-apple-darwin", "x86_64-unknown-linux-musl"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn script(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("bash");
    command.arg(root().join("release").join(name)).args(arguments).env("SOURCE_DATE_EPOCH", "1700000000");
    command.output().expect("bash starts")
}

#[track_caller]
fn fine(ran: &Output) -> String {
    assert!(ran.status.success(), "{}{}", text(&ran.stdout), text(&ran.stderr));
    text(&ran.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn program(file: &Path, script: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{script}\n")).expect("a file");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("rights");
}

/// A finished release, of a program that hands over to the one at hand.
fn finished() -> (tempfile::TempDir, PathBuf) {
    let here = tempfile::tempdir().expect("a folder");
    let (bpctl, dist) = (here.path().join("bpctl"), here.path().join("dist"));
    program(&bpctl, &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_bpctl")));
    for target in TARGETS {
        let packed = script("pack.sh", &[&bpctl.display().to_string(), target, &dist.display().to_string()]);
        let archive = fine(&packed);
        assert_eq!(archive.trim(), dist.join(format!("bpctl-{VERSION}-{target}.tar.gz")).display().to_string());
        std::fs::write(dist.join(format!("bpctl-{VERSION}-{target}.cdx.json")), "{}").expect("a file");
    }
    (here, dist)
}

/// Would miss: an archive that the action cannot take, or that holds less than packagers need; one that differs by who packed it when; a formula
/// with another's checksum; a release of which a target is missing.
#[test]
fn a_release_is_whole_and_the_action_takes_it() {
    let (here, dist) = finished();
    let (at, archive) = (dist.display().to_string(), format!("bpctl-{VERSION}-x86_64-unknown-linux-musl.tar.gz"));
    let listed =
        Command::new("tar").args(["-tvzf", &archive]).env("TZ", "UTC").current_dir(&dist).output().expect("tar starts");
    let listed = fine(&listed);
    for wanted in [
        " bpctl\n",
        " LICENSE\n",
        " completions/_bpctl\n",
        " completions/bpctl.bash\n",
        " man/bpctl.1\n",
        " man/bpctl-plan.1\n",
    ] {
        assert!(listed.contains(wanted), "{wanted} in {listed}");
    }
    assert!(listed.lines().all(|line| line.contains(" 0/0 ") && line.contains(" 2023-11-14 ")), "{listed}");
    let before = std::fs::read(dist.join(&archive)).expect("an archive");
    let bpctl = here.path().join("bpctl").display().to_string();
    fine(&script("pack.sh", &[&bpctl, "x86_64-unknown-linux-musl", &at]));
    assert!(before == std::fs::read(dist.join(&archive)).expect("an archive"), "the same again");

    fine(&script("finish.sh", &[VERSION, &at]));
    let sums = std::fs::read_to_string(dist.join("SHA256SUMS")).expect("sums");
    assert_eq!(sums.lines().count(), 2 * TARGETS.len(), "{sums}");
    let formula = std::fs::read_to_string(dist.join("bpctl.rb")).expect("a formula");
    for target in TARGETS {
        let name = format!("bpctl-{VERSION}-{target}.tar.gz");
        let sum = sums.lines().find_map(|line| line.strip_suffix(&format!("  {name}"))).expect("a line");
        let source = format!("/releases/download/v{VERSION}/{name}\"\n      sha256 \"{sum}\"\n");
        assert!(sum.len() == 64 && formula.contains(&source), "{formula}");
    }
    let tried = fine(&script("try.sh", &[VERSION, &at]));
    assert!(tried.starts_with(&format!("{VERSION} is taken, verified, and tells its tour")), "{tried}");

    // An image of it: the program, certificates, and nobody's root.
    let (certificates, context) = (here.path().join("certificates"), here.path().join("context"));
    std::fs::write(&certificates, "a certificate").expect("a file");
    let mut image = Command::new("bash");
    image
        .arg(root().join("release/image.sh"))
        .args([VERSION, &at])
        .arg(&context)
        .env("BPCTL_CERTIFICATES", &certificates);
    fine(&image.output().expect("bash starts"));
    let file = std::fs::read_to_string(context.join("Dockerfile")).expect("a file");
    for line in file.lines().filter(|line| line.starts_with("COPY ")) {
        let source = line.split(' ').nth(1).expect("a source");
        for arch in ["amd64", "arm64"] {
            assert!(context.join(source.replace("${TARGETARCH}", arch)).is_file(), "{line}");
        }
    }
    let user = file.lines().rfind(|line| line.starts_with("USER ")).expect("a user");
    assert!(!user.starts_with("USER 0") && !user.contains("root") && file.contains("\nARG BASE=scratch\n"), "{file}");

    // Less than whole is none.
    std::fs::remove_file(dist.join("SHA256SUMS")).expect("removed");
    std::fs::remove_file(dist.join(format!("bpctl-{VERSION}-aarch64-apple-darwin.tar.gz"))).expect("removed");
    let ran = script("finish.sh", &[VERSION, &at]);
    assert!(!ran.status.success() && text(&ran.stderr).contains("there is no bpctl-"), "{}", text(&ran.stderr));
    assert!(!dist.join("SHA256SUMS").exists());
    assert!(!script("try.sh", &[VERSION, &at]).status.success(), "without checksums");
}

/// Would miss: a release that somebody who may write assets, but not run the release's workflow, put there with checksums of his own.
#[test]
fn t40_of_a_release_on_github_the_attestation_is_asked_before_it_runs() {
    let (here, dist) = finished();
    fine(&script("finish.sh", &[VERSION, &dist.display().to_string()]));
    let bin = here.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    // In the place of GitHub: `--output FILE ADDRESS` are its last arguments.
    let curl = "while [ \"$1\" != --output ]; do shift; done\n\
        case $3 in https://github.com/bpctl/bpctl/releases/download/v*) ;; *) exit 22 ;; esac\ncp \"$DIST/${3##*/}\" \"$2\"";
    program(&bin.join("curl"), curl);
    let install = |verdict: &str| {
        program(&bin.join("gh"), &format!("printf '%s\\n' \"$@\" >\"$RUNNER_TEMP/asked\"\n{verdict}"));
        let temp = tempfile::tempdir().expect("a folder");
        let mut bash = Command::new("bash");
        bash.arg(root().join("action/bpctl.sh")).arg("install").env_clear();
        bash.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path")))
            .env("DIST", &dist)
            .env("RUNNER_TEMP", temp.path())
            .env("GITHUB_OUTPUT", temp.path().join("output"))
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("INPUT_VERSION", VERSION);
        let ran = bash.output().expect("bash starts");
        let asked = std::fs::read_to_string(temp.path().join("asked")).unwrap_or_default();
        (ran.status.code(), text(&ran.stderr), asked, temp.path().join("output").exists())
    };
    let (code, said, asked, put) = install("exit 0");
    assert_eq!((code, put), (Some(0), true), "{said}");
    let wanted = "--repo\nbpctl/bpctl\n--signer-workflow\nbpctl/bpctl/.github/workflows/release.yml\n";
    assert!(asked.starts_with("attestation\nverify\n") && asked.ends_with(wanted), "{asked}");
    let (code, said, _, put) = install("exit 1");
    assert!(code == Some(2) && !put && said.contains("has no attestation"), "{said}");
}

/// T14, T40, T41. Would miss: a build script that could write the release, a cache that it is poisoned by, an action that moves.
#[test]
fn t40_t41_who_builds_a_release_writes_nothing_and_who_writes_builds_nothing() {
    let text = std::fs::read_to_string(root().join(".github/workflows/release.yml")).expect("a file");
    let workflow: Json = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    assert_eq!(workflow["on"], serde_json::json!({ "push": { "tags": ["v[0-9]+.[0-9]+.[0-9]+*"] } }));
    let jobs = workflow["jobs"].as_object().expect("jobs");
    assert_eq!(jobs.keys().map(String::as_str).collect::<Vec<_>>(), ["build", "publish"]);
    assert_eq!(jobs["build"]["permissions"], serde_json::json!({ "contents": "read" }));
    let mut targets: Vec<&str> = jobs["build"]["strategy"]["matrix"]["include"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["target"].as_str().expect("text"))
        .collect();
    targets.sort_unstable();
    assert_eq!(targets, TARGETS);
    for (name, job) in jobs {
        let told = job.to_string();
        assert!(!told.contains("cache") && !told.contains("secrets."), "{name}");
        assert!(name == "build" || !(told.contains("cargo") || told.contains("build.sh")), "{name} builds");
        for step in job["steps"].as_array().expect("steps") {
            assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step}");
            let Some(uses) = step["uses"].as_str() else { continue };
            let pin = uses.split('@').nth(1).expect("a pin");
            assert!(pin.len() == 40 && pin.bytes().all(|byte| byte.is_ascii_hexdigit()), "{uses}");
            assert!(!uses.starts_with("actions/checkout@") || step["with"]["persist-credentials"] == false, "{name}");
        }
    }
    // The attestation stands before what it is of can be had.
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted}"));
    assert!(
        at("release/finish.sh") < at("release/try.sh")
            && at("release/try.sh") < at("subject-checksums: dist/SHA256SUMS")
    );
    assert!(at("subject-checksums: dist/SHA256SUMS") < at("gh release create"));
}

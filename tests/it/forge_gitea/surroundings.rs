//! What surrounds the program: a hostile environment, a hostile clone, a wrong clock (T21, T38, T43, Z14).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::server::{ADMIN, AUTHOR, REVIEWER, Shop, told};
use crate::support::{Repo, lab};

/// Built into a shared library that is preloaded: says which program it is in, and shifts the wall clock.
const PRELOADED: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
  char name[256];
  int from = open("/proc/self/comm", O_RDONLY), to = open(SEEN, O_WRONLY | O_CREAT | O_APPEND, 0600);
  ssize_t length = read(from, name, sizeof name);
  if (length > 0 && write(to, name, length) < 0) _exit(99);
  close(from);
  close(to);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  int code = syscall(SYS_clock_gettime, clock, time);
  const char *shift = getenv("CLOCK_SHIFT");
  if (code == 0 && clock == CLOCK_REALTIME && shift) time->tv_sec += atol(shift);
  return code;
}
"#;

/// The library and the file that it writes to.
fn preloaded(repo: &Repo) -> (PathBuf, PathBuf) {
    let folder = repo.folder.path();
    let (source, library, seen) = (folder.join("p.c"), folder.join("p.so"), folder.join("preloaded-into"));
    std::fs::write(&source, PRELOADED).expect("a file");
    let status = Command::new("gcc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg(format!("-DSEEN=\"{}\"", seen.display()))
        .status()
        .expect("gcc starts");
    assert!(status.success());
    (library, seen)
}

fn script(path: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn t21_t43_nothing_of_the_environment_or_the_clone_runs() {
    let shop = Shop::new();
    let folder = shop.repo.folder.path();
    let ran = folder.join("ran");
    let canary = script(&folder.join("canary"), &format!("echo \"$0 $*\" >> {}", ran.display()));
    // Programs of these names, found first.
    for name in ["git", "ssh", "sh", "curl"] {
        script(&folder.join("bin").join(name), &format!("echo {name} >> {}; exit 1", ran.display()));
    }
    for name in ["git-remote-http", "git-remote-https", "git-fetch", "git-push"] {
        script(&folder.join("exec").join(name), &format!("echo {name} >> {}; exit 1", ran.display()));
    }
    for hook in [
        "pre-push",
        "reference-transaction",
        "post-checkout",
        "post-commit",
        "pre-commit",
        "post-index-change",
        "fsmonitor-watchman",
    ] {
        script(&shop.repo.path().join(".git/hooks").join(hook), &format!("echo hook {hook} >> {}", ran.display()));
    }
    let hostile = format!(
        "[core]\n\tsshCommand = {canary}\n\taskPass = {canary}\n\tfsmonitor = {canary}\n\tpager = {canary}\n\teditor = {canary}\n\tgitProxy = {canary}\n\
         \talternateRefsCommand = {canary}\n\
         [credential]\n\thelper = \"!{canary}\"\n\
         [url \"ext::{canary} \"]\n\tinsteadOf = http://\n\tpushInsteadOf = http://\n\
         [protocol \"ext\"]\n\tallow = always\n\
         [diff]\n\texternal = {canary}\n\
         [gpg]\n\tprogram = {canary}\n[commit]\n\tgpgSign = true\n\
         [http]\n\tproxy = http://127.0.0.1:9\n\
         [filter \"evil\"]\n\tclean = {canary}\n\tsmudge = {canary}\n\trequired = true\n\
         [merge \"evil\"]\n\tdriver = {canary}\n\
         [uploadpack]\n\tpackObjectsHook = {canary}\n\
         [remote \"origin\"]\n\tuploadpack = {canary}\n\treceivepack = {canary}\n\tvcs = ext\n\tproxy = http://127.0.0.1:9\n"
    );
    let config = shop.repo.path().join(".git/config");
    let before = std::fs::read_to_string(&config).expect("a file");
    std::fs::write(&config, format!("{before}{hostile}")).expect("a file");
    std::fs::write(shop.repo.home().join(".gitconfig"), &hostile).expect("a file");
    std::fs::write(shop.repo.path().join(".git/info/attributes"), "* filter=evil merge=evil diff=evil\n")
        .expect("a file");
    let (library, seen) = preloaded(&shop.repo);
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("PATH"));
    let mut program = shop
        .bpctl()
        .with("PATH", path)
        .with("LD_PRELOAD", library.to_str().expect("a path"))
        .with("GIT_EXEC_PATH", folder.join("exec").to_str().expect("a path"))
        .with("GIT_CONFIG_COUNT", "2")
        .with("GIT_CONFIG_KEY_0", "core.sshCommand")
        .with("GIT_CONFIG_VALUE_0", &canary)
        .with("GIT_CONFIG_KEY_1", format!("url.ext::{canary} .insteadOf"))
        .with("GIT_CONFIG_VALUE_1", "http://")
        .with("GIT_CONFIG_PARAMETERS", format!("'credential.helper=!{canary}'"))
        .with("GIT_CONFIG_GLOBAL", shop.repo.home().join(".gitconfig").to_str().expect("a path"))
        .with("GIT_DIR", "/nonexistent")
        .with("GIT_WORK_TREE", "/nonexistent")
        .with("GIT_OBJECT_DIRECTORY", "/nonexistent")
        .with("GIT_ALLOW_PROTOCOL", "ext:http")
        .with("GIT_TRACE", folder.join("trace").to_str().expect("a path"))
        .with("GIT_TRACE_CURL", folder.join("trace").to_str().expect("a path"))
        .with("GIT_TEMPLATE_DIR", folder.to_str().expect("a path"));
    for name in [
        "GIT_SSH_COMMAND",
        "GIT_SSH",
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_EXTERNAL_DIFF",
        "GIT_EDITOR",
        "GIT_PAGER",
        "GIT_PROXY_COMMAND",
        "EDITOR",
        "PAGER",
    ] {
        program = program.with(name, &canary);
    }
    let report = program.run(&["apply", "--env", "staging", "-o", "json"]).exits(0).json();
    assert!(told(&report).iter().any(|line| line.contains("frontend: merged")), "{:?}", told(&report));
    program.run(&["judge", &shop.open_of("backend").to_string(), "--env", "staging"]).exits(6);
    assert!(!ran.exists(), "ran: {}", std::fs::read_to_string(&ran).unwrap_or_default());
    assert!(!folder.join("trace").exists());
    let seen = std::fs::read_to_string(seen).expect("bpctl itself was preloaded into");
    assert!(seen.lines().all(|name| name == "bpctl"), "{seen}");
    assert_eq!(
        std::fs::read_to_string(&config).expect("a file"),
        format!("{before}{hostile}"),
        "the clone's config is nobody's to change"
    );
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn t38_the_token_is_nowhere() {
    let shop = Shop::new();
    let token = lab("LAB_FORGE_TOKEN_BOT");
    let forms =
        [token.clone(), base64(&format!("x-access-token:{token}")), base64(&token).trim_end_matches('=').to_owned()];
    let clean = |what: &str, text: &str| {
        assert!(!forms.iter().any(|form| text.contains(form.as_str())), "the token is in {what}")
    };
    for arguments in [
        &["apply", "--env", "staging", "-vv"][..],
        &["judge", "1", "--env", "staging", "-o", "json"],
        &["audit", "--env", "staging"],
        &["judge", "999", "--env", "staging"],
    ] {
        let ran = shop.bpctl().run(arguments);
        clean("stdout", &ran.stdout);
        clean("stderr", &ran.stderr);
    }
    let mut all = Vec::new();
    files(shop.repo.folder.path(), &mut all);
    for file in all {
        let bytes = std::fs::read(&file).expect("a file");
        clean(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
    let objects = shop.repo.git_command(&["cat-file", "--batch-all-objects", "--batch"]).output().expect("git starts");
    clean("an object", &String::from_utf8_lossy(&objects.stdout));
    for pull in shop.pulls() {
        clean("a pull request", &pull.to_string());
    }

    // A token that the server does not take, and one in the remote's address: refused, and not shown.
    let wrong = "c0ffee0123456789c0ffee0123456789c0ffee01";
    let ran = shop.repo.bpctl().with("BPCTL_TOKEN", wrong).run(&["apply", "--env", "staging"]).exits(1);
    assert!(!ran.stderr.contains(wrong) && !ran.stdout.contains(wrong), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("hint") || ran.stderr.contains("next") || ran.stderr.contains("token"),
        "{}",
        ran.stderr
    );
    shop.repo.git(&[
        "remote",
        "set-url",
        "origin",
        &shop.address().replacen("://", &format!("://someone:{wrong}@"), 1),
    ]);
    for program in [shop.repo.bpctl(), shop.bpctl()] {
        let ran = program.run(&["apply", "--env", "staging"]);
        assert!(!ran.stderr.contains(wrong) && !ran.stdout.contains(wrong), "{}", ran.stderr);
    }
    // Nobody is there.
    shop.repo.git(&["remote", "set-url", "origin", &format!("http://someone:{wrong}@127.0.0.1:9/a/b.git")]);
    let ran = shop.bpctl().run(&["apply", "--env", "staging"]).exits(1);
    assert!(!ran.stderr.contains(wrong), "{}", ran.stderr);
    clean("stderr", &ran.stderr);
}

fn base64(text: &str) -> String {
    let mut child = Command::new("base64")
        .arg("-w0")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("base64 starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), text.as_bytes()).expect("written");
    String::from_utf8(child.wait_with_output().expect("base64 ends").stdout).expect("UTF-8")
}

#[test]
fn z14_a_wrong_clock_here_changes_nothing_and_prod_goes_by_the_servers() {
    let shop = Shop::changed(|repo| repo.replace("bpctl.yaml", "tier: staging", "tier: prod"));
    let (library, _) = preloaded(&shop.repo);
    let at = |shift: &str| {
        let program = shop.bpctl().with("LD_PRELOAD", library.to_str().expect("a path")).with("CLOCK_SHIFT", shift);
        move |arguments: &[&str]| program.run(arguments)
    };
    let (slow, fast) = (at("-3600"), at("3600"));
    let looked = fast(&["doctor"]).exits(0).stdout;
    assert!(looked.contains("s off the forge's, which is the one that counts"), "{looked}");
    // The clock is indeed another one for bpctl.
    let report = fast(&["apply", "--env", "staging", "-o", "json"]).exits(0).json();
    let number = shop.open_of("backend");
    let judge = ["judge", &number.to_string(), "--env", "staging", "-o", "json"];
    let right = shop.bpctl().run(&judge).exits(6).stdout;
    assert_eq!(slow(&judge).exits(6).stdout, right);
    assert_eq!(fast(&judge).exits(6).stdout, right);
    assert!(!right.contains("local-clock"), "{right}");
    // What was decided is dated by the server.
    let ledger = shop.fetch("refs/heads/bpctl-ledger/staging");
    let year = shop.repo.git(&["log", "-1", "--format=%ct", &ledger]).trim().parse::<i64>().expect("a time");
    let now = Command::new("date").arg("+%s").output().expect("date starts").stdout;
    let now: i64 = String::from_utf8(now).expect("UTF-8").trim().parse().expect("a time");
    assert!((now - year).abs() < 600, "{year} {now}: {:?}", told(&report));

    shop.approve(REVIEWER, number);
    let report = slow(&["apply", "--env", "staging", "-o", "json"]).exits(0).json();
    assert_eq!(shop.pull(number)["merged"], true, "{:?}", told(&report));
}

#[test]
fn the_doctor_tells_what_the_server_lets_bpctl_do() {
    let shop = Shop::new();
    shop.rebases(true);
    let told = shop.bpctl().run(&["doctor"]).exits(0).stdout;
    let name = format!("forge-admin/{}", shop.name);
    for line in [
        "bpctl is forge-bot there (id ",
        &format!("  ✓ forge-bot may write to {name}\n"),
        "  ! main is not protected: whoever may write can pass bpctl by\n",
        "  ! pull requests may be merged by a rebase or a fast-forward, which brings each commit: ",
        "go by the forge's clock, which agrees with this machine's\n",
    ] {
        assert!(told.contains(line), "{line:?} is missing in:\n{told}");
    }
    assert!(!told.contains("administrators"), "{told}");
    let rule = |contexts: Value| json!({ "rule_name": "main", "enable_push": true, "enable_status_check": true, "status_check_contexts": contexts });
    shop.api(ADMIN, "POST", "/branch_protections", rule(json!(["ci/test"])), 201);
    let told = shop.bpctl().run(&["doctor"]).exits(0).stdout;
    assert!(told.contains("  ! main does not wait for the check bpctl/verdict"), "{told}");
    shop.api(ADMIN, "PATCH", "/branch_protections/main", rule(json!(["bpctl/verdict"])), 200);
    shop.rebases(false);
    let told = shop.bpctl().run(&["doctor"]).exits(0).stdout;
    assert!(!told.contains("rebase"), "{told}");
    // A status is anybody's who may write.
    let told = shop.bpctl().run(&["doctor"]).exits(0).stdout;
    assert!(
        told.contains("  ! whoever may write can write the status bpctl/verdict, and merge what bpctl refuses\n"),
        "{told}"
    );
    let some = json!({ "enable_merge_whitelist": true, "merge_whitelist_usernames": ["forge-bot"] });
    shop.api(ADMIN, "PATCH", "/branch_protections/main", some, 200);
    let told = shop.bpctl().run(&["doctor"]).exits(0).stdout;
    assert!(!told.contains("whoever may write"), "{told}");
    // An author may write, and is not shown what reviewers may; who may only read does nothing.
    shop.api(ADMIN, "PUT", "/collaborators/forge-reviewer", json!({ "permission": "read" }), 204);
    let of = |who: &str, code| {
        shop.bpctl().with("BPCTL_TOKEN", lab(&format!("LAB_FORGE_TOKEN_{who}"))).run(&["doctor"]).exits(code).stdout
    };
    let told = of(AUTHOR, 0);
    assert!(told.contains("  ✓ main is protected, and waits for bpctl/verdict\n"), "{told}");
    assert!(told.contains("make forge-author an administrator"), "{told}");
    assert!(of(REVIEWER, 6).contains(&format!("  ✗ forge-reviewer may only read {name}: nothing is proposed")));
}

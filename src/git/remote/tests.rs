#![allow(clippy::disallowed_methods, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;

use super::*;

const URL: &str = "https://forge.test/a/b.git";

/// A bare repository elsewhere with one commit on `main`, and a bare one here.
struct Two {
    root: TempDir,
    first: String,
}

impl Two {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["there", "here"] {
            git2::Repository::init_bare(root.path().join(name)).unwrap();
        }
        let mut two = Self { root, first: String::new() };
        two.first = two.commit("there", None, "first");
        two.set("there", "refs/heads/main", &two.first);
        two
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn commit(&self, name: &str, parent: Option<&str>, message: &str) -> String {
        let repository = git2::Repository::open_bare(self.path(name)).unwrap();
        let blob = repository.blob(message.as_bytes()).unwrap();
        let mut tree = repository.treebuilder(None).unwrap();
        tree.insert("file", blob, 0o100_644).unwrap();
        let tree = repository.find_tree(tree.write().unwrap()).unwrap();
        let person = git2::Signature::now("n", "e@x.test").unwrap();
        let parent = parent.map(|parent| repository.find_commit(parent.parse().unwrap()).unwrap());
        let parents: Vec<_> = parent.iter().collect();
        repository.commit(None, &person, &person, message, &tree, &parents).unwrap().to_string()
    }

    fn set(&self, name: &str, full: &str, commit: &str) {
        let repository = git2::Repository::open_bare(self.path(name)).unwrap();
        repository.reference(full, commit.parse().unwrap(), true, "test").unwrap();
    }

    fn repository(&self) -> Arc<Repository> {
        Arc::new(Repository::discover(&self.path("here")).unwrap())
    }

    fn remote(&self) -> GitRemote {
        let url = Url::from_file_path(self.path("there")).unwrap();
        GitRemote::new(self.repository(), url.as_str(), None).unwrap()
    }

    /// An executable here that leaves a mark when it runs; its path and the mark's.
    fn canary(&self, path: &str) -> (PathBuf, PathBuf) {
        let (path, mark) = (self.root.path().join(path), self.root.path().join("canary"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\nenv > {}\nexit 0\n", mark.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (path, mark)
    }
}

#[tokio::test]
async fn fetches_commits_and_leaves_no_ref() {
    let two = Two::new();
    let remote = two.remote();
    let wanted = ["refs/heads/main".to_owned(), "refs/heads/none".to_owned()];
    let found = remote.fetch(&wanted).await.unwrap();
    assert_eq!(found, BTreeMap::from([(wanted[0].clone(), two.first.clone())]));
    assert_eq!(remote.repository().commit_info(&two.first).unwrap().id, two.first);
    assert!(remote.repository().refs_below("refs/").unwrap().is_empty());
    assert!(remote.fetch(&wanted[1..]).await.unwrap().is_empty());
    let second = two.commit("there", Some(&two.first), "second");
    two.set("there", "refs/heads/main", &second);
    assert_eq!(remote.fetch(&wanted).await.unwrap()["refs/heads/main"], second);
    assert_eq!(remote.ls_remote("refs/heads/").await.unwrap(), BTreeMap::from([(wanted[0].clone(), second)]));
    two.set("there", "refs/heads/a/refs/heads/b", &two.first);
    assert!(remote.ls_remote("refs/heads/b").await.unwrap().is_empty());
}

#[tokio::test]
async fn z2_a_ref_is_moved_by_compare_and_swap() {
    let two = Two::new();
    let remote = two.remote();
    let main = "refs/heads/main";
    remote.fetch(&[main.to_owned()]).await.unwrap();
    let (a, b) = (two.commit("here", Some(&two.first), "a"), two.commit("here", Some(&two.first), "b"));
    let (one, other) = tokio::join!(remote.push("refs/heads/x", &a, None), remote.push("refs/heads/x", &b, None));
    let answers = [one.unwrap(), other.unwrap()];
    assert_eq!(answers.iter().filter(|answer| **answer == Pushed::Done).count(), 1, "{answers:?}");
    let now = remote.ls_remote("refs/heads/x").await.unwrap()["refs/heads/x"].clone();
    assert!(answers.contains(&Pushed::Elsewhere(Some(now.clone()))), "{answers:?}");
    let next = if now == a { &b } else { &a };
    assert_eq!(remote.push("refs/heads/x", &now, None).await.unwrap(), Pushed::Already);
    assert_eq!(remote.push("refs/heads/x", next, Some(next)).await.unwrap(), Pushed::Elsewhere(Some(now.clone())));
    assert_eq!(remote.push("refs/heads/x", next, Some(&now)).await.unwrap(), Pushed::Done);
    assert_eq!(remote.delete("refs/heads/x", &now).await.unwrap(), Pushed::Elsewhere(Some(next.clone())));
    assert_eq!(remote.delete("refs/heads/x", next).await.unwrap(), Pushed::Done);
    assert_eq!(remote.delete("refs/heads/x", next).await.unwrap(), Pushed::Already);
    assert_eq!(remote.push("refs/heads/x", next, Some(&now)).await.unwrap(), Pushed::Elsewhere(None));
}

#[tokio::test]
async fn a_refusal_of_the_other_side_is_an_error() {
    let two = Two::new();
    let hook = two.path("there").join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho no >&2; exit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let commit = two.commit("here", None, "a");
    let error = two.remote().push("refs/heads/x", &commit, None).await.unwrap_err();
    assert!(matches!(&error, GitError::Program { said, .. } if said.raw().contains("no")), "{error:?}");
}

#[tokio::test]
async fn t22_names_and_addresses_are_never_options() {
    let two = Two::new();
    let (_, mark) = two.canary("bin/x");
    let evil = format!("--upload-pack=touch {}", mark.display());
    let remote = two.remote();
    for name in [
        evil.as_str(),
        "--upload-pack=x",
        "-x",
        "main",
        "refs/heads/a b",
        "refs/heads/*",
        "refs/heads/a..b",
        "refs/heads/a:b",
        "",
    ] {
        assert!(remote.fetch(&[name.to_owned()]).await.is_err(), "{name}");
        assert!(remote.ls_remote(name).await.is_err(), "{name}");
        assert!(remote.push(name, &two.first, None).await.is_err(), "{name}");
    }
    for id in ["--exec=x", "HEAD", "", "refs/heads/main"] {
        assert!(remote.push("refs/heads/x", id, None).await.is_err(), "{id}");
        assert!(remote.fetch_commit(id).await.is_err(), "{id}");
    }
    // A full ref that only looks like an option is a name like any other.
    assert!(remote.ls_remote("refs/heads/--upload-pack=x").await.unwrap().is_empty());
    for url in [
        evil.as_str(),
        "-oProxyCommand=x",
        "ext::sh -c x",
        "ext::x",
        "host:path",
        "ssh://-oProxyCommand=x/y",
        "fd::1",
        "git://h/x",
        "/x",
    ] {
        assert!(GitRemote::new(two.repository(), url, None).is_err(), "{url}");
    }
    assert!(!mark.exists());
}

#[test]
fn t38_secrets_stand_neither_in_addresses_nor_in_debug_output() {
    let two = Two::new();
    for url in ["https://user:pw@forge.test/a", "https://user@forge.test/a", "https://forge.test/a?token=x"] {
        assert!(GitRemote::new(two.repository(), url, None).is_err(), "{url}");
    }
    let token = SecretString::from("canary-token".to_owned());
    let remote = GitRemote::new(two.repository(), URL, Some(&token)).unwrap();
    let shown = format!("{remote:?}");
    assert!(!shown.contains("canary") && !shown.contains("eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LXRva2Vu"), "{shown}");
    assert_eq!(remote.header.unwrap().expose_secret(), "Authorization: Basic eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LXRva2Vu");
}

#[tokio::test]
async fn t21_the_repositorys_own_config_and_hooks_decide_nothing() {
    let two = Two::new();
    let (canary, mark) = two.canary("bin/x");
    let canary = canary.display();
    let here = two.path("here");
    let elsewhere = two.path("nowhere");
    fs::write(
        here.join("config"),
        format!(
            "[core]\n\tbare = true\n\trepositoryformatversion = 0\n\tsshCommand = {canary}\n\thooksPath = {root}/bin\n\tfsmonitor = {canary}\n\
             \tgitProxy = {canary}\n\taskPass = {canary}\n\talternateRefsCommand = {canary}\n\tpager = {canary}\n\
             [credential]\n\thelper = !{canary}\n[uploadpack]\n\tpackObjectsHook = {canary}\n\
             [url \"file://{nowhere}\"]\n\tinsteadOf = file://\n\tpushInsteadOf = file://\n\
             [remote \"origin\"]\n\turl = {nowhere}\n\tuploadpack = {canary}\n\treceivepack = {canary}\n\tvcs = x\n\
             [gc]\n\tauto = 1\n\tautoDetach = false\n[push]\n\tgpgSign = true\n[gpg]\n\tprogram = {canary}\n\
             [filter \"x\"]\n\tsmudge = {canary}\n\tclean = {canary}\n[http]\n\tproxy = http://127.0.0.1:1\n",
            root = two.root.path().display(),
            nowhere = elsewhere.display(),
        ),
    )
    .unwrap();
    fs::create_dir_all(here.join("info")).unwrap();
    fs::write(here.join("info/attributes"), "* filter=x\n").unwrap();
    for hook in ["pre-push", "reference-transaction", "post-checkout", "pre-auto-gc", "post-merge"] {
        let (path, _) = two.canary(&format!("bin/{hook}"));
        fs::create_dir_all(here.join("hooks")).unwrap();
        fs::copy(path, here.join("hooks").join(hook)).unwrap();
    }
    // The canary does sing where the config is read.
    let _ = Command::new("git").arg("--git-dir").arg(&here).args(["ls-remote", "ssh://127.0.0.1:1/x"]).output();
    fs::remove_file(&mark).unwrap();
    let remote = two.remote();
    let found = remote.fetch(&["refs/heads/main".to_owned()]).await.unwrap();
    assert_eq!(found["refs/heads/main"], two.first);
    let next = two.commit("here", Some(&two.first), "next");
    assert_eq!(remote.push("refs/heads/x", &next, None).await.unwrap(), Pushed::Done);
    for url in ["ssh://127.0.0.1:1/x", "http://127.0.0.1:1/x"] {
        assert!(GitRemote::new(two.repository(), url, None).unwrap().ls_remote("refs/heads/").await.is_err());
    }
    assert!(!mark.exists(), "ran with {}", fs::read_to_string(&mark).unwrap());
}

/// Runs the test below in a process whose environment is hostile.
#[test]
fn t43_child_processes_get_a_clean_environment() {
    let two = Two::new();
    let (canary, mark) = two.canary("bin/ssh");
    let (hook, environment) = two.canary("there/hooks/pre-receive");
    fs::write(&hook, format!("#!/bin/sh\nenv > {}\n", two.path("environment").display())).unwrap();
    assert_eq!(environment, mark);
    let module = module_path!().split_once("::").unwrap().1;
    let name = format!("{module}::pushes_in_a_hostile_environment");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", &name]).env("BPCTL_TEST_ROOT", two.root.path());
    for key in [
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_EXTERNAL_DIFF",
        "GIT_PROXY_COMMAND",
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_EDITOR",
        "GIT_PAGER",
        "GIT_EXEC_PATH",
        "GIT_TEMPLATE_DIR",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_TRACE",
        "LD_PRELOAD_CANARY",
        "HTTPS_PROXY",
        "BASH_ENV",
        "ENV",
    ] {
        child.env(key, &canary);
    }
    child.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "core.sshCommand").env("GIT_CONFIG_VALUE_0", &canary);
    child.env("GIT_CONFIG_PARAMETERS", format!("'core.sshCommand'='{}'", canary.display()));
    // A `git` and an `ssh` of somebody's in front of the path, and a configuration at home.
    let bin = two.path("bin");
    two.canary("bin/git");
    fs::write(two.path(".gitconfig"), format!("[core]\n\tsshCommand = {}\n", canary.display())).unwrap();
    child.env("HOME", two.root.path()).env("XDG_CONFIG_HOME", two.root.path());
    child.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{name}");
    assert!(!mark.exists(), "ran with {}", fs::read_to_string(&mark).unwrap());
    let seen = fs::read_to_string(two.path("environment")).unwrap();
    for line in seen.lines() {
        assert!(
            !line.contains("/bin/ssh") && !line.contains("BPCTL_TEST") && !line.contains(&bin.display().to_string()),
            "{line}"
        );
    }
    let home = seen.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
    assert!(home.ends_with("/home") && !Path::new(home).exists(), "{home}");
}

#[tokio::test]
#[ignore = "started by t43_child_processes_get_a_clean_environment"]
async fn pushes_in_a_hostile_environment() {
    let Some(root) = std::env::var_os("BPCTL_TEST_ROOT").map(PathBuf::from) else { return };
    let repository = Arc::new(Repository::discover(&root.join("here")).unwrap());
    let commit = {
        let raw = git2::Repository::open_bare(root.join("here")).unwrap();
        let tree = raw.find_tree(raw.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let person = git2::Signature::now("n", "e@x.test").unwrap();
        raw.commit(None, &person, &person, "m", &tree, &[]).unwrap().to_string()
    };
    let url = Url::from_file_path(root.join("there")).unwrap();
    let remote = GitRemote::new(repository.clone(), url.as_str(), None).unwrap();
    assert_eq!(remote.push("refs/heads/x", &commit, None).await.unwrap(), Pushed::Done);
    let ssh = GitRemote::new(repository, "ssh://127.0.0.1:1/x", None).unwrap();
    assert!(ssh.ls_remote("refs/heads/").await.is_err());
}

#[tokio::test]
async fn z13_a_shallow_clone_is_fetched_into_as_it_is_cut() {
    let two = Two::new();
    let second = two.commit("there", Some(&two.first), "second");
    two.set("there", "refs/heads/main", &second);
    let url = Url::from_file_path(two.path("there")).unwrap();
    fs::remove_dir_all(two.path("here")).unwrap();
    let cloned = Command::new("git")
        .args(["clone", "-q", "--bare", "--depth=1", "--branch=main", url.as_str()])
        .arg(two.path("here"))
        .status();
    assert!(cloned.unwrap().success());
    let remote = two.remote();
    assert!(remote.repository().is_shallow());
    let third = two.commit("there", Some(&second), "third");
    two.set("there", "refs/heads/main", &third);
    assert_eq!(remote.fetch(&["refs/heads/main".to_owned()]).await.unwrap()["refs/heads/main"], third);
    assert!(remote.repository().resolve(&two.first).unwrap().is_none(), "history stays cut");
    let fourth = two.commit("here", Some(&third), "fourth");
    assert_eq!(remote.push("refs/heads/main", &fourth, Some(&third)).await.unwrap(), Pushed::Done);
}

#[test]
fn z13_a_partial_clone_is_refused() {
    let two = Two::new();
    let packs = two.path("here").join("objects/pack");
    fs::create_dir_all(&packs).unwrap();
    fs::write(packs.join("pack-1.promisor"), "").unwrap();
    let error = GitRemote::new(two.repository(), URL, None).unwrap_err();
    assert!(error.to_string().contains("partial clone"), "{error}");
}

#[tokio::test]
async fn objects_that_no_ref_holds_survive_a_fetch() {
    let two = Two::new();
    let loose: Vec<String> = (0..40).map(|i| two.commit("here", None, &i.to_string())).collect();
    for i in 0..3 {
        let next = two.commit("there", None, &format!("n{i}"));
        two.set("there", "refs/heads/main", &next);
        two.remote().fetch(&["refs/heads/main".to_owned()]).await.unwrap();
    }
    for commit in loose {
        assert!(two.remote().repository().resolve(&commit).unwrap().is_some());
    }
}

#[tokio::test]
async fn an_operation_ends_in_time() {
    let two = Two::new();
    // Somebody listens and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.git", listener.local_addr().unwrap());
    let remote = GitRemote::new(two.repository(), &url, None).unwrap().with_timeout(Duration::from_millis(300));
    let started = std::time::Instant::now();
    let error = remote.ls_remote("refs/heads/").await.unwrap_err();
    assert!(error.to_string().contains("did not end"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn t37_a_redirect_is_not_followed_and_the_token_goes_to_its_host_only() {
    use std::io::{Read as _, Write as _};
    let two = Two::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = other.local_addr().unwrap();
    let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.git", first.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = first.accept().unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        write!(stream, "HTTP/1.1 302 Found\r\nLocation: http://{target}/b.git/info/refs\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    });
    let token = SecretString::from("canary-token".to_owned());
    let remote = GitRemote::new(two.repository(), &url, Some(&token)).unwrap();
    let error = remote.ls_remote("refs/heads/").await.unwrap_err();
    assert!(!format!("{error:?}").contains("eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LXRva2Vu"), "{error:?}");
    assert!(server.join().unwrap().contains("Authorization: Basic"));
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "somebody came along");
}

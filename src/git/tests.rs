//! Git against real repositories.

#![expect(clippy::disallowed_methods, reason = "tests make files")]

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use anyhow::{Context as _, Result, bail};
use bpctl_core::model::{File, Files, RepoPath};
use rstest::rstest;

use super::lock::{Checkout, Intent};
use super::testing::{TestRepo, git, paths, who};
use super::{GitError, MAX_FILE_BYTES, MergedTree, RefCreated, RefSwapped, Repository};

fn refused<'a>(files: &'a Files, path: &str) -> Result<&'a str> {
    match files.get(&RepoPath::new(path)?) {
        Some(File::Refused(why)) => Ok(why),
        other => bail!("{path}: {other:?}"),
    }
}

fn text(files: &Files, path: &str) -> Result<String> {
    let blob = files.blob(&RepoPath::new(path)?).with_context(|| format!("no {path}"))?;
    Ok(String::from_utf8(blob.bytes.to_vec())?)
}

#[test]
fn reads_the_same_from_a_commit_and_from_disk() -> Result<()> {
    let repo = TestRepo::new()?;
    std::fs::create_dir_all(repo.file("deploy/web"))?;
    for (name, content) in [("deploy/web/a.yaml", "a: 1\n"), ("deploy/b.yaml", ""), ("deploy-x", "no\n"), ("top", "t")]
    {
        std::fs::write(repo.file(name), content)?;
    }
    std::fs::write(repo.file("deploy/large"), vec![b'x'; MAX_FILE_BYTES + 1])?;
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "files"])?;
    let wanted = paths(&["deploy", "deploy/web", "top", "absent/file", "top/below"])?;
    let committed = repo.repository.read_tree(&repo.head()?, &wanted)?;
    let on_disk = repo.repository.read_work_tree(&wanted)?;
    assert_eq!(committed, on_disk);
    assert_eq!(committed.0.len(), 4);
    assert_eq!(text(&committed, "deploy/web/a.yaml")?, "a: 1\n");
    assert!(refused(&committed, "deploy/large")?.contains("4 MiB"));
    assert_eq!(repo.repository.uncommitted(&repo.head()?, &wanted)?, []);

    std::fs::write(repo.file("deploy/b.yaml"), "b: 2\n")?;
    std::fs::remove_file(repo.file("top"))?;
    std::fs::write(repo.file("deploy/new.yaml"), "")?;
    let changed = repo.repository.uncommitted(&repo.head()?, &wanted)?;
    assert_eq!(changed, paths(&["deploy/b.yaml", "deploy/new.yaml", "top"])?);
    Ok(())
}

/// Would miss: a file that is read twice, or by nobody, where several threads read a tree; and one whose bytes stand at another's path.
#[test]
fn many_files_are_read_each_once() -> Result<()> {
    let repo = TestRepo::new()?;
    std::fs::create_dir_all(repo.file("many"))?;
    for number in 0..700 {
        std::fs::write(repo.file(&format!("many/{number:03}")), format!("{number}\n"))?;
    }
    symlink("000", repo.file("many/link"))?;
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "many"])?;
    let wanted = paths(&["many"])?;
    let committed = repo.repository.read_tree(&repo.head()?, &wanted)?;
    assert_eq!(committed, repo.repository.read_work_tree(&wanted)?);
    assert_eq!(committed.0.len(), 701);
    assert_eq!(text(&committed, "many/699")?, "699\n");
    assert!(refused(&committed, "many/link")?.contains("symbolic link"));

    let mut seen = BTreeMap::new();
    let mine = |path: &RepoPath| !path.as_str().ends_with('7');
    repo.repository.each_in_tree(&repo.head()?, &wanted, mine, |path, read| -> Result<(), GitError> {
        let read = read.map(<[u8]>::to_vec).map_err(ToOwned::to_owned);
        assert!(seen.insert(path, read).is_none());
        Ok(())
    })?;
    let expected = committed.0.iter().filter(|(path, _)| mine(path)).map(|(path, file)| {
        let read = match file {
            File::Blob(blob) => Ok(blob.bytes.to_vec()),
            File::Refused(why) => Err(why.clone()),
        };
        (path.clone(), read)
    });
    assert_eq!(seen, expected.collect());
    Ok(())
}

/// T18
#[test]
fn t18_links_are_reported_and_never_followed() -> Result<()> {
    let repo = TestRepo::new()?;
    let outside = tempfile::tempdir()?;
    std::fs::write(outside.path().join("secret"), "s3cret")?;
    std::fs::create_dir(repo.file("deploy"))?;
    symlink("/etc/passwd", repo.file("deploy/file.yaml"))?;
    symlink(outside.path(), repo.file("deploy/folder"))?;
    symlink(outside.path(), repo.file("linked"))?;
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "links"])?;
    let wanted = paths(&["deploy", "linked/secret"])?;
    for files in [repo.repository.read_tree(&repo.head()?, &wanted)?, repo.repository.read_work_tree(&wanted)?] {
        assert_eq!(files.0.len(), 3);
        for path in ["deploy/file.yaml", "deploy/folder", "linked"] {
            assert!(refused(&files, path)?.contains("link"), "{path}");
        }
    }
    for path in ["deploy/file.yaml", "linked/new", "linked"] {
        let error = repo.commit(&repo.head()?, &[(path, Some("x"))], "a@example.com").err().context(path.to_owned())?;
        assert!(error.to_string().contains("symbolic link"), "{error}");
    }
    Ok(())
}

/// T18: the merge that is brought along must not write through a link that stands in the work tree.
#[test]
fn t18_nothing_is_checked_out_through_a_link() -> Result<()> {
    let repo = TestRepo::new()?;
    let outside = tempfile::tempdir()?;
    symlink(outside.path(), repo.file("deploy"))?;
    let head = repo.head()?;
    let next = repo.commit(&head, &[("deploy/a.yaml", Some("a: 1\n"))], "a@example.com")?;
    let result = repo.repository.advance("refs/heads/main", &head, &next);
    assert!(matches!(&result, Err(GitError::LocalChanges { files, .. }) if files == &["deploy/a.yaml"]), "{result:?}");
    assert_eq!(repo.head()?, head);
    assert!(outside.path().read_dir()?.next().is_none());
    Ok(())
}

/// T20
#[test]
fn t20_submodules_are_reported_and_never_entered() -> Result<()> {
    let repo = TestRepo::new()?;
    let other = TestRepo::new()?;
    repo.git(&["submodule", "--quiet", "add", &format!("file://{}", other.path().display()), "deploy/sub"])?;
    repo.git(&["commit", "--quiet", "-m", "submodule"])?;
    for wanted in [paths(&["deploy"])?, paths(&["deploy/sub/readme"])?] {
        for files in [repo.repository.read_tree(&repo.head()?, &wanted)?, repo.repository.read_work_tree(&wanted)?] {
            assert_eq!(files.0.len(), 1);
            assert!(refused(&files, "deploy/sub")?.contains("submodule"));
        }
    }
    let error =
        repo.commit(&repo.head()?, &[("deploy/sub/x", Some("x"))], "a@example.com").err().context("no error")?;
    assert!(error.to_string().contains("submodule"), "{error}");
    Ok(())
}

/// T21: every operation runs in a repository full of traps, each of which would leave a file behind.
#[test]
fn t21_hooks_filters_fsmonitor_and_local_config_never_run() -> Result<()> {
    let repo = TestRepo::new()?;
    let traps = tempfile::tempdir()?;
    let trap = traps.path().join("trap.sh");
    let canary = traps.path().join("canary");
    std::fs::write(&trap, format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\nexit 0\n", canary.display()))?;
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755))?;
    let hooks = repo.file(".git/hooks");
    std::fs::create_dir_all(&hooks)?;
    for hook in [
        "reference-transaction",
        "post-checkout",
        "pre-commit",
        "post-commit",
        "pre-merge-commit",
        "post-merge",
        "post-index-change",
        "update",
        "pre-receive",
        "post-rewrite",
        "commit-msg",
        "prepare-commit-msg",
        "fsmonitor-watchman",
    ] {
        std::fs::copy(&trap, hooks.join(hook))?;
    }
    std::fs::write(repo.file(".gitattributes"), "* filter=evil merge=evil diff=evil text eol=crlf ident\n")?;
    std::fs::create_dir_all(repo.file(".git/info"))?;
    std::fs::copy(repo.file(".gitattributes"), repo.file(".git/info/attributes"))?;
    let evil = trap.display();
    let elsewhere = tempfile::tempdir()?;
    let mut config = std::fs::read_to_string(repo.file(".git/config"))?;
    let sections = format!(
        "[filter \"evil\"]\nclean = {evil}\nsmudge = {evil}\nprocess = {evil}\nrequired = true\n\
         [merge \"evil\"]\ndriver = {evil} %O %A %B\n[diff \"evil\"]\ncommand = {evil}\ntextconv = {evil}\n\
         [core]\nfsmonitor = {evil}\nhooksPath = {}\nautocrlf = true\nworktree = {}\nsshCommand = {evil}\neditor = {evil}\n\
         [gpg]\nprogram = {evil}\n[commit]\ngpgSign = true\n[user]\nname = Evil\nemail = evil@example.com\n\
         [url \"ssh://evil/\"]\ninsteadOf = https://\n[remote \"origin\"]\nurl = https://example.com/x\n",
        hooks.display(),
        elsewhere.path().display(),
    );
    config += &sections;
    std::fs::write(repo.file(".git/config"), config)?;

    let repository = Repository::discover(repo.path())?;
    assert_eq!(repository.work_tree().context("bare")?, repo.path().canonicalize()?);
    assert_eq!(repository.remote_url("origin")?.as_deref(), Some("https://example.com/x"));
    let base = repository.head_commit()?.context("no head")?;
    let files = |path: &str, text: &str| -> Result<BTreeMap<RepoPath, Option<Vec<u8>>>> {
        Ok(BTreeMap::from([(RepoPath::new(path)?, Some(text.as_bytes().to_vec()))]))
    };
    let ours =
        repository.commit_files(&base, &files("deploy/a", "1\n2\n3\n4\n5\n6\n$Id$\n")?, &who("a@example.com"), "a")?;
    let left = repository.commit_files(
        &ours,
        &files("deploy/a", "one\n2\n3\n4\n5\n6\n$Id$\n")?,
        &who("a@example.com"),
        "b",
    )?;
    let right = repository.commit_files(
        &ours,
        &files("deploy/a", "1\n2\n3\n4\n5\nsix\n$Id$\n")?,
        &who("a@example.com"),
        "c",
    )?;
    let MergedTree::Clean(tree) = repository.merge_tree(&left, &right)? else { bail!("conflict") };
    let merge = repository.merge_commit(&left, &right, &tree, &who("a@example.com"), "m")?;
    assert_eq!(repository.advance("refs/heads/main", &base, &merge)?, RefSwapped::Swapped);
    assert_eq!(std::fs::read_to_string(repo.file("deploy/a"))?, "one\n2\n3\n4\n5\nsix\n$Id$\n");
    assert_eq!(repository.commit_info(&merge)?.author.email, "a@example.com");
    repository.create_ref("refs/heads/x", &merge)?;
    repository.swap_ref("refs/heads/x", &merge, &left)?;
    repository.delete_ref("refs/heads/x", &left)?;
    let wanted = paths(&["deploy", "readme", ".gitattributes"])?;
    repository.read_tree(&merge, &wanted)?;
    assert_eq!(repository.uncommitted(&merge, &wanted)?, paths(&[".gitattributes"])?);
    repository.diff_paths(&base, &merge)?;
    repository.first_parent_log(&merge, 10)?;
    repository.merge_base(&left, &right)?;
    assert!(elsewhere.path().read_dir()?.next().is_none(), "core.worktree was followed");
    assert!(!canary.exists(), "ran: {}", std::fs::read_to_string(&canary)?);
    Ok(())
}

/// T22
#[rstest]
#[case("--upload-pack=touch /tmp/x")]
#[case("-c")]
#[case("refs/heads/a..b")]
#[case("HEAD~1")]
#[case("main")]
#[case("@{upstream}")]
#[case(":/first")]
#[case("refs/heads/--output=x")]
fn t22_ref_names_that_look_like_options(#[case] name: &str) -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    assert_eq!(repo.repository.resolve(name)?, None);
    if !name.starts_with("refs/heads/--") {
        assert!(repo.repository.create_ref(name, &head).is_err());
    }
    assert!(repo.repository.commit_info(name).is_err());
    assert!(!name.starts_with('-') || crate::forge::BranchName::new(name).is_none());
    Ok(())
}

#[test]
fn resolves_full_refs_and_ids_only() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    repo.git(&["tag", "-a", "v1", "-m", "v1"])?;
    for name in ["HEAD", "refs/heads/main", "refs/tags/v1", &head, &head[..8]] {
        assert_eq!(repo.repository.resolve(name)?.as_deref(), Some(head.as_str()), "{name}");
    }
    assert_eq!(repo.repository.head_branch()?.as_deref(), Some("main"));
    Ok(())
}

#[test]
fn a_bare_repository_inside_a_work_tree_does_not_pose_as_it() -> Result<()> {
    let repo = TestRepo::new()?;
    git(repo.path(), &["init", "--quiet", "--bare", "vendor"])?;
    std::fs::create_dir_all(repo.file("vendor/deploy"))?;
    let found = Repository::discover(&repo.file("vendor/deploy"))?;
    assert_eq!(found.path(), repo.path().canonicalize()?.join(".git"));
    Ok(())
}

#[test]
fn commits_are_deterministic_and_keep_modes() -> Result<()> {
    let repo = TestRepo::new()?;
    std::fs::create_dir_all(repo.file("a/b"))?;
    std::fs::write(repo.file("a/b/run"), "#!/bin/sh\n")?;
    std::fs::set_permissions(repo.file("a/b/run"), std::fs::Permissions::from_mode(0o755))?;
    std::fs::write(repo.file("a/other"), "x\n")?;
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "files"])?;
    let head = repo.head()?;
    let changes = [("a/b/run", Some("#!/bin/bash\n")), ("a/other", None), ("n/e/w", Some("")), ("absent/x", None)];
    let one = repo.commit(&head, &changes, "a@example.com")?;
    assert_eq!(one, repo.commit(&head, &changes, "a@example.com")?);
    let listed = repo.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", &one])?;
    assert_eq!(listed, "100755 a/b/run\n100644 n/e/w\n100644 readme");
    let empty = repo.commit(&one, &[("a/b/run", None)], "a@example.com")?;
    assert_eq!(repo.git(&["ls-tree", "--name-only", &empty])?, "n\nreadme");
    assert!(repo.commit(&head, &[("readme/x", Some(""))], "a@example.com").is_err());
    assert!(repo.commit(&head, &[("a/b", Some(""))], "a@example.com").is_err());
    repo.git(&["fsck", "--strict"])?;
    Ok(())
}

#[test]
fn differences_name_every_path_odd_ones_included() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    std::fs::write(repo.file("back\\slash"), "x")?;
    std::fs::write(repo.file("readme"), "changed\n")?;
    std::fs::set_permissions(repo.file("readme"), std::fs::Permissions::from_mode(0o755))?;
    std::fs::create_dir(repo.file("new"))?;
    std::fs::write(repo.file("new/file"), "x")?;
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "files"])?;
    let changed = repo.repository.diff_paths(&head, &repo.head()?)?;
    let named: Vec<String> =
        changed.iter().map(|c| c.path.as_ref().map_or_else(|text| format!("! {text}"), ToString::to_string)).collect();
    assert_eq!(named, ["! back\\slash", "new/file", "readme"]);
    assert_eq!(changed[2].before.as_ref().map(|b| b.1), Some(0o100_644));
    assert_eq!(changed[2].after.as_ref().map(|b| b.1), Some(0o100_755));
    assert_eq!(repo.repository.diff_paths(&head, &head)?, []);
    Ok(())
}

#[test]
fn merges_as_git_does() -> Result<()> {
    let repo = TestRepo::new()?;
    let lines = "1\n2\n3\n4\n5\n6\n7\n8\n";
    let base = repo.commit(
        &repo.head()?,
        &[("d/x", Some(lines)), ("d/gone", Some("g\n")), ("y", Some("y\n"))],
        "a@example.com",
    )?;
    let left =
        repo.commit(&base, &[("d/x", Some(&lines.replace('1', "one"))), ("left/new", Some("l\n"))], "a@example.com")?;
    let right = repo.commit(
        &base,
        &[("d/x", Some(&lines.replace('8', "eight"))), ("d/gone", None), ("y", Some("z\n"))],
        "a@example.com",
    )?;
    let MergedTree::Clean(tree) = repo.repository.merge_tree(&left, &right)? else { bail!("conflict") };
    assert_eq!(tree, repo.git(&["merge-tree", "--write-tree", &left, &right])?);
    let clash = repo.commit(
        &base,
        &[("d/x", Some(&lines.replace('1', "eins"))), ("d/gone", Some("changed\n"))],
        "a@example.com",
    )?;
    assert_eq!(repo.repository.merge_tree(&left, &clash)?, MergedTree::Conflict(vec!["d/x".to_owned()]));
    assert_eq!(repo.repository.merge_tree(&right, &clash)?, MergedTree::Conflict(vec!["d/gone".to_owned()]));
    assert_eq!(repo.repository.merge_tree(&base, &left)?, MergedTree::Clean(repo.repository.commit_info(&left)?.tree));
    assert_eq!(repo.repository.merge_base(&left, &right)?.as_deref(), Some(base.as_str()));
    assert!(repo.repository.is_ancestor(&base, &left)?);
    assert!(!repo.repository.is_ancestor(&left, &right)?);
    Ok(())
}

/// Would miss: a value that is judged under one object and lands under another, because a forge matches lines that repeat by another algorithm;
/// and a merge of lines that all agree on, which is held for nothing.
#[tokio::test]
async fn x02_a_merge_that_a_forge_would_make_otherwise_is_a_conflict() -> Result<()> {
    let map = |name: &str, more: &str, level: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n  CACHE: \"1\"\n{more}  LOG_LEVEL: {level}\n"
        )
    };
    let (a, b, c) = (map("a", "", "info"), map("b", "", "info"), map("c", "  POOL: \"5\"\n", "info"));
    let repo = TestRepo::new()?;
    let commit = |on: &str, text: &str| repo.commit(on, &[("x", Some(text))], "a@example.com");
    let base = commit(&repo.head()?, &format!("{a}{b}{c}"))?;
    let head = commit(&base, &format!("{a}{}{c}", map("b", "", "debug")))?;
    let moved = commit(&base, &format!("{}{c}{b}{a}", map("n1", "", "info")))?;
    let MergedTree::Clean(ours) = repo.repository.merge_tree(&moved, &head)? else { bail!("conflict") };
    assert_ne!(ours, repo.git(&["merge-tree", "--write-tree", &moved, &head])?.trim());
    let forges = repo.repository.merge_tree_as_forges_do(&moved, &head).await?;
    assert_eq!(forges, MergedTree::Conflict(vec!["x".to_owned()]));
    let above = commit(&base, &format!("{}{b}{c}", map("a", "", "warn")))?;
    let MergedTree::Clean(tree) = repo.repository.merge_tree(&above, &head)? else { bail!("conflict") };
    assert_eq!(repo.repository.merge_tree_as_forges_do(&above, &head).await?, MergedTree::Clean(tree));
    Ok(())
}

/// Git itself is the oracle. Would miss: commits that a merge took back and a rebase brings, a change that the base branch has and that is
/// taken back with it, and a plain branch beside a base that moved on, which is held for nothing.
#[test]
fn x02_what_a_rebase_gives_is_known_or_said_not_to_be() -> Result<()> {
    let repo = TestRepo::new()?;
    let commit = |on: &str, path: &str, text: &str| repo.commit(on, &[(path, Some(text))], "a@example.com");
    let base = commit(&repo.head()?, "image", "good\n")?;
    let moved = commit(&base, "notes", "x\n")?;
    let merged = |ours: &str, theirs: &str, tree: Option<String>| -> Result<String> {
        let MergedTree::Clean(merge) = repo.repository.merge_tree(ours, theirs)? else { bail!("conflict") };
        Ok(repo.repository.merge_commit(ours, theirs, &tree.unwrap_or(merge), &who("a@example.com"), "m")?)
    };
    let evil = commit(&base, "image", "evil\n")?;
    let read = commit(&base, "readme", "a word\n")?;
    let tree = |id: &str| -> Result<String> { Ok(repo.repository.commit_info(id)?.tree) };
    let hidden = merged(&evil, &moved, Some(tree(&commit(&moved, "readme", "a word\n")?)?))?;
    let fixed = repo.commit(&base, &[("image", Some("fixed\n"))], "b@example.com")?;
    let fix = commit(&commit(&base, "image", "fixed\n")?, "image", "good\n")?;
    let both = merged(&read, &commit(&base, "more", "1\n")?, None)?;
    for (name, onto, head, straight, wanted) in [
        ("on top", &base, &read, true, Some(true)),
        ("beside", &moved, &read, false, Some(true)),
        ("brought up to date", &moved, &merged(&read, &moved, None)?, false, Some(true)),
        ("hidden by a merge", &moved, &hidden, false, Some(false)),
        ("taken back", &fixed, &fix, false, None),
        ("two lines of its own", &moved, &both, false, None),
    ] {
        assert_eq!(repo.repository.is_straight(onto, head)?, straight, "{name}");
        let MergedTree::Clean(merge) = repo.repository.merge_tree(onto, head)? else { bail!("conflict: {name}") };
        let rebased = repo.repository.rebased_tree(onto, head)?;
        assert_eq!(rebased.as_ref().map(|tree| *tree == merge), wanted, "{name}");
        if let Some(rebased) = rebased {
            repo.git(&["checkout", "-q", "--detach", head])?;
            repo.git(&["rebase", "-q", onto])?;
            assert_eq!(rebased, repo.git(&["rev-parse", "HEAD^{tree}"])?, "{name}");
        }
    }
    Ok(())
}

#[test]
fn says_which_commit_of_the_line_brought_a_head_in() -> Result<()> {
    let repo = TestRepo::new()?;
    let root = repo.head()?;
    let mut tip = root.clone();
    for at in 0..70 {
        tip = repo.commit(&tip, &[("line", Some(&at.to_string()))], "a@example.com")?;
    }
    let inner = repo.commit(&root, &[("a", Some("1"))], "a@example.com")?;
    let head = repo.commit(&inner, &[("a", Some("2"))], "a@example.com")?;
    assert_eq!(repo.repository.landed_by(&tip, &head)?, None);
    let MergedTree::Clean(tree) = repo.repository.merge_tree(&tip, &head)? else { bail!("conflict") };
    let merge = repo.repository.merge_commit(&tip, &head, &tree, &who("a@example.com"), "m")?;
    let mut later = merge.clone();
    for at in 0..70 {
        later = repo.commit(&later, &[("line", Some(&(100 + at).to_string()))], "a@example.com")?;
    }
    // Without a commit-graph, with one of the older half, with one of all.
    for graph in [None, Some(&merge), Some(&later)] {
        if let Some(of) = graph {
            repo.git(&["update-ref", "refs/heads/graph", of])?;
            repo.git(&["commit-graph", "write", "--reachable"])?;
        }
        assert_eq!(repo.repository.landed_by(&later, &head)?.as_deref(), Some(merge.as_str()));
        assert_eq!(repo.repository.landed_by(&later, &inner)?.as_deref(), Some(merge.as_str()));
        assert_eq!(repo.repository.landed_by(&later, &tip)?.as_deref(), Some(tip.as_str()));
        assert!(repo.repository.first_parent_contains(&later, &merge)?);
        assert!(!repo.repository.first_parent_contains(&later, &head)?);
        assert_eq!(repo.repository.first_parent_log(&later, 2)?.len(), 2);
        assert_eq!(repo.repository.commits_between(&tip, &merge, 10)?.len(), 3);
        assert_eq!(repo.repository.landed_by(&merge, &later)?, None, "{graph:?}");
        assert!(!repo.repository.is_ancestor(&later, &head)?, "{graph:?}");
        assert!(repo.repository.is_ancestor(&root, &later)?, "{graph:?}");
        assert!(repo.repository.is_ancestor(&inner, &later)?, "{graph:?}");
    }
    Ok(())
}

#[test]
fn co_authors_are_found_wherever_they_stand() -> Result<()> {
    let repo = TestRepo::new()?;
    let message = "x\n\nCo-authored-by: Ann <ann@example.com>\n\nmore\n  co-AUTHORED-by: bob@example.com\nCo-authored-by: Ann <ann@example.com>\n";
    let tree = repo.repository.commit_info(&repo.head()?)?.tree;
    let commit = repo.repository.commit_tree(&tree, &[&repo.head()?], &who("<evil>\n@x"), message)?;
    assert_eq!(repo.repository.commit_info(&commit)?.co_authors, ["ann@example.com", "bob@example.com"]);
    Ok(())
}

/// Z2
#[test]
fn z2_of_many_that_create_or_swap_a_ref_one_wins() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    let commits: Vec<String> =
        (0..8).map(|at| repo.commit(&head, &[("n", Some(&at.to_string()))], "a@example.com")).collect::<Result<_>>()?;
    let race = |run: &(dyn Fn(&Repository, &str) -> Result<bool> + Sync)| -> Result<usize> {
        std::thread::scope(|scope| {
            let running: Vec<_> = commits.iter().map(|commit| scope.spawn(|| run(&*repo.again()?, commit))).collect();
            let mut won = 0;
            for thread in running {
                won += usize::from(thread.join().ok().context("panicked")??);
            }
            Ok(won)
        })
    };
    let name = "refs/heads/bpctl/prod/web/scale";
    assert_eq!(race(&|r, commit| Ok(r.create_ref(name, commit)? == RefCreated::Created))?, 1);
    let first = repo.repository.ref_target(name)?.context("no ref")?;
    let swapped = race(&|r, commit| Ok(commit != first && r.swap_ref(name, &first, commit)? == RefSwapped::Swapped))?;
    assert_eq!(swapped, 1);
    repo.git(&["pack-refs", "--all"])?;
    let second = repo.repository.ref_target(name)?.context("no ref")?;
    assert!(matches!(repo.repository.create_ref(name, &first)?, RefCreated::Exists(at) if at == second));
    assert!(repo.repository.create_ref("refs/heads/bpctl/prod", &first).is_err());
    assert!(repo.repository.create_ref(&format!("{name}/x"), &first).is_err());
    assert_eq!(race(&|r, _| Ok(r.delete_ref(name, &second)? == RefSwapped::Swapped))?, 1);
    assert_eq!(repo.repository.ref_target(name)?, None);
    Ok(())
}

/// Z1: what a process leaves behind that is killed while it holds a ref's lock file.
#[test]
fn z1_a_lock_file_left_by_a_killed_run_is_cleared_by_the_next() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    std::fs::write(repo.file(".git/refs/heads/x.lock"), "")?;
    let mut lock = repo.repository.lock()?;
    lock.note(&Intent { refs: vec!["refs/heads/x".to_owned()], checkout: None })?;
    drop(lock);
    assert_eq!(repo.again()?.create_ref("refs/heads/x", &head)?, RefCreated::Created);
    // One that bpctl did not leave is somebody's: waited for, named, and kept.
    std::fs::write(repo.file(".git/refs/heads/y.lock"), "")?;
    let error = repo.repository.create_ref("refs/heads/y", &head);
    assert!(matches!(&error, Err(GitError::Busy { lock, .. }) if lock.ends_with("refs/heads/y.lock")), "{error:?}");
    Ok(())
}

#[test]
fn the_work_tree_comes_along_with_its_branch() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    let start = repo.commit(
        &head,
        &[("a/b", Some("b\n")), ("a/c", Some("c\n")), ("file", Some("f\n")), ("gone/deep/x", Some("x\n"))],
        "a@example.com",
    )?;
    assert_eq!(repo.repository.advance("refs/heads/main", &head, &start)?, RefSwapped::Swapped);
    assert_eq!(repo.git(&["status", "--porcelain"])?, "");
    // A folder becomes a file, a file a folder; untouched and untracked files stay.
    std::fs::write(repo.file("readme"), "my work\n")?;
    std::fs::write(repo.file("untracked"), "mine\n")?;
    let gone =
        repo.commit(&start, &[("a/b", None), ("a/c", None), ("file", None), ("gone/deep/x", None)], "a@example.com")?;
    let next = repo.commit(&gone, &[("a", Some("a\n")), ("file/x", Some("fx\n"))], "a@example.com")?;
    assert_eq!(repo.repository.advance("refs/heads/main", &start, &next)?, RefSwapped::Swapped);
    assert_eq!(repo.git(&["status", "--porcelain"])?, " M readme\n?? untracked");
    assert!(!repo.file("gone").exists());
    assert_eq!(std::fs::read_to_string(repo.file("file/x"))?, "fx\n");
    assert_eq!(repo.repository.advance("refs/heads/main", &start, &next)?, RefSwapped::Moved(Some(next.clone())));
    // Modes and links.
    repo.git(&["checkout", "--quiet", "--", "readme"])?;
    repo.git(&["switch", "--quiet", "-c", "other"])?;
    std::fs::set_permissions(repo.file("a"), std::fs::Permissions::from_mode(0o755))?;
    symlink("/etc/passwd", repo.file("link"))?;
    repo.git(&["add", "a", "link"])?;
    repo.git(&["commit", "--quiet", "-m", "modes"])?;
    let modes = repo.head()?;
    repo.git(&["switch", "--quiet", "main"])?;
    assert_eq!(repo.repository.advance("refs/heads/main", &next, &modes)?, RefSwapped::Swapped);
    assert_eq!(repo.git(&["status", "--porcelain"])?, "?? untracked");
    Ok(())
}

#[rstest]
#[case::modified("readme", Some("mine\n"), "readme")]
#[case::deleted("readme", None, "readme")]
#[case::untracked_in_the_way("new", Some("mine\n"), "new")]
#[case::folder_in_the_way("new/mine", Some("mine\n"), "new")]
fn uncommitted_work_is_never_overwritten(
    #[case] at: &str,
    #[case] content: Option<&str>,
    #[case] named: &str,
) -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    let next = repo.commit(&head, &[("readme", Some("theirs\n")), ("new", Some("theirs\n"))], "a@example.com")?;
    match content {
        Some(content) => {
            std::fs::create_dir_all(repo.file(at).parent().context("no parent")?)?;
            std::fs::write(repo.file(at), content)?;
        }
        None => std::fs::remove_file(repo.file(at))?,
    }
    let before = repo.git(&["status", "--porcelain"])?;
    let result = repo.repository.advance("refs/heads/main", &head, &next);
    assert!(matches!(&result, Err(GitError::LocalChanges { files, .. }) if files == &[named]), "{result:?}");
    assert_eq!(repo.head()?, head);
    assert_eq!(repo.git(&["status", "--porcelain"])?, before);
    // Staged work counts too, although the file on disk is as committed.
    if at == "readme" && content.is_some() {
        repo.git(&["add", "readme"])?;
        std::fs::write(repo.file("readme"), "hello\n")?;
        assert!(repo.repository.advance("refs/heads/main", &head, &next).is_err());
    }
    Ok(())
}

/// Z1: killed between the ref and the work tree.
#[test]
fn z1_a_checkout_that_was_cut_off_is_finished_by_the_next_run() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    let next = repo.commit(&head, &[("readme", Some("theirs\n")), ("a/new", Some("n\n"))], "a@example.com")?;
    let mut lock = repo.repository.lock()?;
    lock.note(&Intent {
        refs: vec!["refs/heads/main".to_owned()],
        checkout: Some(Checkout {
            git_dir: repo.repository.path().to_owned(),
            work_tree: repo.path().to_owned(),
            branch: "refs/heads/main".to_owned(),
            from: head.clone(),
            to: next.clone(),
        }),
    })?;
    lock.compare_and_swap(
        "refs/heads/main",
        Some(super::repository::oid(&head)?),
        Some(super::repository::oid(&next)?),
    )?;
    drop(lock);
    std::fs::write(repo.file("readme"), "theirs\n")?;
    drop(repo.again()?.lock()?);
    assert_eq!(repo.git(&["status", "--porcelain"])?, "");
    assert_eq!(std::fs::read_to_string(repo.file("a/new"))?, "n\n");
    Ok(())
}

#[test]
fn linked_work_trees_are_known() -> Result<()> {
    let repo = TestRepo::new()?;
    let head = repo.head()?;
    let elsewhere = tempfile::tempdir()?;
    let linked = elsewhere.path().join("tree");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &linked.display().to_string()])?;
    let next = repo.commit(&head, &[("readme", Some("next\n"))], "a@example.com")?;
    let there = Repository::discover(&linked)?;
    assert_eq!(there.head_branch()?.as_deref(), Some("side"));
    for (repository, branch) in [(&*repo.repository, "refs/heads/side"), (&there, "refs/heads/main")] {
        let error = repository.advance(branch, &head, &next).err().context("no error")?;
        assert!(error.to_string().contains("checked out"), "{error}");
    }
    assert_eq!(there.advance("refs/heads/side", &head, &next)?, RefSwapped::Swapped);
    assert_eq!(git(&linked, &["status", "--porcelain"])?, "");
    assert_eq!(repo.head()?, head);
    Ok(())
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored measures"]
fn measures_reading_ten_thousand_files() -> Result<()> {
    let repo = TestRepo::new()?;
    for at in 0..10_000 {
        let folder = repo.file(&format!("deploy/{:03}", at % 200));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{at}.yaml")), format!("kind: Deployment\nname: n{at}\n").repeat(20))?;
    }
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "many"])?;
    repo.git(&["gc", "--quiet"])?;
    let wanted = paths(&["deploy"])?;
    let mut lines = Vec::new();
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let disk = repo.repository.read_work_tree(&wanted)?;
        let from_disk = start.elapsed();
        let start = std::time::Instant::now();
        let tree = repo.repository.read_tree(&repo.head()?, &wanted)?;
        let from_tree = start.elapsed();
        let start = std::time::Instant::now();
        assert_eq!(repo.repository.uncommitted_in(&disk, &repo.head()?, &wanted)?, []);
        lines.push(format!("disk {from_disk:?}, tree {from_tree:?}, compare {:?}", start.elapsed()));
        assert_eq!(disk, tree);
    }
    bail!("{lines:#?}")
}

/// Would miss: a signature that changes with each run, so that a killed one's work is not found again.
#[test]
fn a_signed_commit_has_the_same_id_each_time() -> Result<()> {
    let repo = TestRepo::new()?;
    std::fs::write(repo.file("a"), "a")?;
    repo.git(&["add", "."])?;
    repo.git(&["commit", "--quiet", "-m", "a"])?;
    let changes = BTreeMap::from([(RepoPath::new("b")?, Some(b"b".to_vec()))]);
    let parent = repo.head()?;
    let made = |repository: &Repository| repository.commit_files(&parent, &changes, &who("bot"), "b\n\nü\n");
    let plain = made(&repo.repository)?;
    let key = super::SshKey::generate()?;
    let signing = repo.again()?;
    signing.sign_with(key.clone());
    let signed = made(&signing)?;
    assert_eq!((made(&signing)?, made(&signing.again()?)?), (signed.clone(), signed.clone()));
    // It is the same but for the signature.
    let text = repo.git(&["cat-file", "commit", &signed])?;
    let (head, rest) = text.split_once("gpgsig -----BEGIN SSH SIGNATURE-----\n").context("a signature")?;
    let (_, message) = rest.split_once(" -----END SSH SIGNATURE-----\n").context("its end")?;
    assert_eq!(format!("{head}{message}"), repo.git(&["cat-file", "commit", &plain])?);
    Ok(())
}

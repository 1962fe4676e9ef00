//! `bpctl tour`: the whole story on the shipped example. Every command is the real one, run on a real repository in a temporary
//! folder; what is printed is what it printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpctl_core::model::{Period, RepoPath};
use clap::Args;
use include_dir::{Dir, include_dir};

use super::{CommandError, Global, Output, parse, run as run_command};
use crate::forge::local::SigningKey;
use crate::git::{Repository, Signature};
use crate::pipeline::PipelineError;
use crate::runtime::{self, Exit};

static SHOP: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples/shop");

/// Who approves in the story.
const ALICE: &str = "alice@shop.example";

/// Arguments of `tour`.
#[derive(Debug, Args)]
pub struct TourArgs {
    /// Tell it in this folder, which must not exist yet, and keep it
    #[arg(long, value_name = "FOLDER", env = "BPCTL_TOUR_KEEP")]
    keep: Option<PathBuf>,
}

/// Runs the command.
pub fn run(global: &Global, args: &TourArgs, output: &Output) -> Result<Exit, CommandError> {
    let started = runtime::now();
    let (folder, _guard) = match &args.keep {
        Some(folder) => {
            (runtime::new_folder(folder).map_err(|e| CommandError::io(&format!("make {}", folder.display()), e))?, None)
        }
        None => {
            let guard = tempfile::Builder::new()
                .prefix("bpctl-tour-")
                .tempdir()
                .map_err(|e| CommandError::io("make a folder", e))?;
            (guard.path().to_owned(), Some(guard))
        }
    };
    let key = folder.join("alice_ed25519");
    let shop = folder.join("shop");
    set_up(&shop, &key)?;
    let tell = |text: &str| output.data(text);
    let show = |command: &[&str]| -> Result<(), CommandError> { step(global, output, &shop, &key, command) };

    tell(
        "A shop runs in a cluster: a storefront and a backend. Its Git repository says what should run (deploy/), and how far a machine\n\
         may change that (blueprints/). The cluster here is a recording, the forge is the repository itself; nothing else is needed.\n\n",
    );
    tell(
        "── 1. Are the blueprints right? ─────────────────────────────────────────────────────────────────────────────\n",
    );
    show(&["lint"])?;
    tell(
        "\n── 2. What differs, what should be done about it, and who may do it? ────────────────────────────────────────\n",
    );
    show(&["plan", "--env", "staging"])?;
    tell(
        "\n── 3. One pass. What the rules allow is proposed, merged and delivered; what needs a person waits for one. ──\n",
    );
    show(&["apply", "--env", "staging"])?;
    tell(
        "\n── 4. The backend may not pass its maximum alone. Alice looks at the pull request, and signs. ───────────────\n",
    );
    show(&["judge", "1", "--env", "staging"])?;
    show(&["approve", "1", "--message", "the database got more connections"])?;
    tell(
        "\n── 5. The next pass finds the approval. ─────────────────────────────────────────────────────────────────────\n",
    );
    show(&["apply", "--env", "staging"])?;
    tell(
        "\n── 6. What happened, and why? ───────────────────────────────────────────────────────────────────────────────\n",
    );
    show(&["audit", "--env", "staging"])?;
    tell(
        "\nGit holds all of it: the changes on main, the account on bpctl-ledger/staging, the approval with its signature.\n",
    );
    tell(&history(&shop)?);
    let took = runtime::now().duration_since(started).as_millis();
    let kept = match &args.keep {
        Some(folder) => format!("The repository stays in {}.", folder.join("shop").display()),
        None => "Keep the repository with: bpctl tour --keep FOLDER".into(),
    };
    tell(&format!(
        "\nThat took {}. {kept}\nIn your own repository: bpctl init writes bpctl.yaml and a blueprint for each workload; then bpctl lint. What it finds\n\
         `bpctl explain` explains; every field is in {}",
        Period::from_millis(u64::try_from(took).unwrap_or(0)),
        page_of(env!("CARGO_PKG_REPOSITORY"))
    ));
    Ok(Exit::Fine)
}

/// Where a repository's server shows the page with all fields.
fn page_of(repository: &str) -> String {
    let branch = if repository.starts_with("https://github.com/") { "blob" } else { "src/branch" };
    format!("{repository}/{branch}/main/docs/BLUEPRINT_FORMAT.md")
}

fn step(global: &Global, output: &Output, shop: &Path, key: &Path, command: &[&str]) -> Result<(), CommandError> {
    let shown: Vec<String> =
        command.iter().map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() }).collect();
    let signed = if command.first() == Some(&"approve") { " --signing-key ~/.ssh/alice_ed25519" } else { "" };
    output.data(&format!("$ bpctl {}{signed}", shown.join(" ")));
    let mut words: Vec<std::ffi::OsString> = vec!["bpctl".into(), "-C".into(), shop.into(), "--quiet".into()];
    words.extend(command.iter().map(Into::into));
    if !signed.is_empty() {
        words.extend(["--signing-key".into(), key.into()]);
    }
    let (mut cli, _) = parse(words).map_err(|error| CommandError::told(error.to_string(), "this is a bug"))?;
    cli.global.no_color = global.no_color;
    // A finding of `judge` is part of the story.
    run_command(cli, output).map(|_| ())
}

/// Makes the repository: the example's files, Alice's new key, one commit on main.
fn set_up(shop: &Path, key: &Path) -> Result<(), CommandError> {
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::told(format!("couldn't set up the example: {error}"), "see the cause")
    };
    let signing_key = SigningKey::generate().map_err(|error| failed(&error))?;
    signing_key.save(key).map_err(|error| failed(&error))?;
    let mut files: BTreeMap<RepoPath, Vec<u8>> = BTreeMap::new();
    collect(&SHOP, &mut files);
    let line = signing_key.public_line(ALICE).map_err(|error| failed(&error))?;
    let signers = RepoPath::new("blueprints/allowed_signers").map_err(|error| failed(&error))?;
    files.insert(signers, format!("{}\n", line.trim_end()).into_bytes());
    for (path, bytes) in &files {
        let file = shop.join(path.as_str());
        runtime::write_file(&file, bytes)
            .map_err(|error| CommandError::io(&format!("write {}", file.display()), error))?;
    }
    let git = |error: crate::git::GitError| CommandError::from(PipelineError::from(error));
    let repository = Repository::init(shop, "main").map_err(git)?;
    let author = Signature { name: "Alice".into(), email: ALICE.into(), at: runtime::now() };
    repository.commit_all(&files, &author, "The shop, and how far a machine may change it\n").map_err(git)?;
    Ok(())
}

fn collect(folder: &Dir<'_>, files: &mut BTreeMap<RepoPath, Vec<u8>>) {
    for file in folder.files() {
        if let Some(Ok(path)) = file.path().to_str().map(RepoPath::new) {
            files.insert(path, file.contents().to_vec());
        }
    }
    for inner in folder.dirs() {
        collect(inner, files);
    }
}

/// `git log --oneline --graph`, as far as the story goes.
fn history(shop: &Path) -> Result<String, CommandError> {
    let git = |error: crate::git::GitError| CommandError::from(PipelineError::from(error));
    let repository = Repository::discover(shop).map_err(git)?;
    let mut lines = vec!["$ git log --oneline --first-parent main".to_owned()];
    if let Some(tip) = repository.ref_target("refs/heads/main").map_err(git)? {
        for commit in repository.first_parent_log(&tip, 10).map_err(git)? {
            let subject = commit.message.raw().lines().next().unwrap_or_default().to_owned();
            let shown = bpctl_core::render::sink::terminal(&bpctl_core::model::Untrusted::new(subject));
            lines.push(format!("{} {shown}", commit.id.get(..7).unwrap_or_default()));
        }
    }
    Ok(lines.join("\n"))
}

//! `bpctl init`.

use bpctl_core::blueprint::TierName;
use bpctl_core::blueprint::derive::DECLARED_TOO;
use bpctl_core::model::{Name, Period, RepoPath, Untrusted};
use bpctl_core::render::sink;
use clap::{Args, ValueEnum};

use super::{CommandError, Global, Output, repository};
use crate::pipeline::init::{self, InitOptions};
use crate::runtime::Exit;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Look for manifests below these folders only, seen from the repository's root
    paths: Vec<RepoPath>,
    /// Who answers for workloads whose labels do not say (labels team, owner, app.kubernetes.io/part-of)
    #[arg(long, value_name = "TEAM", env = "BPCTL_OWNER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    owner: Option<String>,
    /// The namespace of manifests that name none
    #[arg(short, long, default_value = "default", env = "BPCTL_NAMESPACE")]
    namespace: Name,
    /// The name of the first environment; where it is left out, as the overlays are called, else `staging`; in a workspace that is there, the one to look at
    #[arg(short, long = "env", value_name = "NAME", env = "BPCTL_ENV")]
    environment: Option<Name>,
    /// Its kubeconfig context; the current one where it is left out
    #[arg(long, value_name = "NAME", env = "BPCTL_CONTEXT")]
    context: Option<String>,
    /// Its tier; where it is left out, as the environment's name says: prod for production, dev for dev and test, else staging
    #[arg(long, value_enum, env = "BPCTL_TIER")]
    tier: Option<Tier>,
    /// Show the files and write none
    #[arg(long, env = "BPCTL_DRY_RUN", value_parser = super::flag())]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tier {
    Dev,
    Staging,
    Prod,
}

/// How long folders are rendered, all together: a repository of somebody else's may hold hundreds that never end.
const RENDERING: Period = Period::from_secs(60);

/// Runs the command.
pub async fn run(global: &Global, args: &InitArgs, output: &Output) -> Result<Exit, CommandError> {
    let repository = repository(global)?;
    let options = InitOptions {
        owner: args.owner.clone(),
        namespace: args.namespace.clone(),
        environment: args.environment.clone(),
        context: args.context.clone(),
        tier: args.tier.map(|tier| match tier {
            Tier::Dev => TierName::Dev,
            Tier::Staging => TierName::Staging,
            Tier::Prod => TierName::Prod,
        }),
        below: args.paths.clone(),
        patience: RENDERING,
    };
    let initial = init::prepare(&repository, &options).await?;
    let blueprints = initial.files.iter().filter(|file| file.text.contains("\nkind: Blueprint\n")).count();
    if blueprints == 0 && initial.governed == 0 {
        // What could not be rendered may hold all of them.
        let first = initial.left_out.iter().find(|left| left.unrendered).or(initial.left_out.first());
        let hint = match first {
            Some(left) => {
                format!("{} was left out: {}", left.path, sink::terminal(&Untrusted::new(&left.because)))
            }
            None => "run it in the repository that holds the manifests, or name a folder".to_owned(),
        };
        let missing = "couldn't find a Deployment, StatefulSet or DaemonSet, plain or rendered";
        return Err(CommandError::told(missing, hint));
    }
    if !args.dry_run {
        initial.write(&repository)?;
    }
    // Names come from manifests: none of them starts a line of its own (T11).
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    let mut text = String::new();
    let width = initial.files.iter().map(|file| file.path.as_str().len()).max().unwrap_or_default();
    for file in &initial.files {
        if args.dry_run {
            text.push_str(&format!("# {}\n{}\n", file.path, file.text));
        } else {
            text.push_str(&format!("wrote {:<width$}  {}\n", file.path.as_str(), shown(&file.about)));
        }
    }
    for left in &initial.left_out {
        text.push_str(&format!("left out {}: {}\n", left.path, shown(&left.because)));
    }
    for (path, note) in &initial.notes {
        text.push_str(&format!("note {path}: {}\n", shown(note)));
    }
    if initial.governed > 0 {
        let (verb, plural) = if initial.governed == 1 { ("has", "") } else { ("have", "s") };
        text.push_str(&format!("{} workload{plural} {verb} a blueprint already\n", initial.governed));
    }
    output.data(sink::page(&text).trim_end());
    if !args.dry_run && !initial.files.is_empty() {
        let (guesses, lines) =
            (initial.guesses(), if initial.guesses() == 1 { "line is a guess" } else { "lines are guesses" });
        output.talk(&format!("\n{guesses} {lines}: grep -rn '# guessed' bpctl.yaml blueprints"));
        if initial.files.iter().any(|file| file.text.lines().any(|line| line.ends_with(DECLARED_TOO))) {
            output.talk(
                "several places declare the same workloads, and the one nearest to the root was taken: if another is deployed, delete these \
                 files and run bpctl init FOLDER",
            );
        }
        output.talk("next: bpctl lint; then commit, and merge to the base branch: plans are judged by the rules that stand there");
    }
    Ok(Exit::Fine)
}

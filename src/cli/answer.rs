//! `bpctl approve` and `bpctl reject`, on the local forge.

use std::path::PathBuf;

use bpctl_core::model::Untrusted;
use bpctl_core::render::sink;
use clap::Args;

use super::{CommandError, Global, Output, session_with};
use crate::forge::Answer;
use crate::pipeline::{Effects, PipelineError, SessionOptions, base_tree, pulls, workspace_on_base};
use crate::runtime::Exit;

/// Arguments of `approve` and `reject`.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The pull request's number
    number: u64,
    /// The commit that you looked at; the answer is refused where the pull request has moved on
    #[arg(long, value_name = "COMMIT", env = "BPCTL_HEAD")]
    head: Option<String>,
    /// Why: it is kept with the answer
    #[arg(short, long, default_value = "", env = "BPCTL_MESSAGE")]
    message: String,
    /// The SSH private key (ed25519, OpenSSH format) that signs the answer
    #[arg(long, value_name = "FILE", env = "BPCTL_SIGNING_KEY")]
    signing_key: Option<PathBuf>,
    /// Who you are, where nothing is signed: such an approval counts in dev only
    #[arg(long = "as", value_name = "NAME", env = "BPCTL_IDENTITY")]
    identity: Option<String>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &AnswerArgs, output: &Output, answer: Answer) -> Result<Exit, CommandError> {
    let identity = args.identity.clone().or_else(|| Some("me".into()));
    let options = SessionOptions { signing_key: args.signing_key.clone(), identity, ..SessionOptions::default() };
    let session = session_with(global, options).await?;
    let forge = session.forge.reading();
    let pull = forge.pull(args.number).await.map_err(PipelineError::from)?;
    if let Some(seen) = args.head.as_ref().filter(|seen| seen.len() < 7 || !pull.head.starts_with(seen.as_str())) {
        let now = pull.head.get(..7).unwrap_or_default();
        return Err(CommandError::told(
            format!("the pull request is at {now} now, not at {seen}"),
            format!("look at it again: bpctl judge {}", args.number),
        ));
    }
    let tip = forge.base_tip().await.map_err(PipelineError::from)?;
    // It is a courtesy: where base cannot be read the answer counts as it does.
    let rules = base_tree(&session.repository, &tip).ok().map(|(_, rules)| rules);
    let asks_why = rules.as_ref().and_then(|rules| pulls::asks_why(rules.get(), pull.head_branch.as_deref()));
    let workspace = workspace_on_base(&session.repository, &tip)?;
    if let Some(name) = asks_why.as_ref().filter(|_| answer == Answer::Approve && args.message.trim().is_empty()) {
        return Err(CommandError::told(
            format!(
                "{name} asks approvers why (approval_workflow.justification): an approval without a reason does not count"
            ),
            pulls::approval(workspace.get(), args.number, true),
        ));
    }
    let effects = Effects::new(session.forge.writing()?, None, false);
    effects.answer(args.number, &pull.head, answer, &args.message).await?;
    let url = forge.pull_url(args.number);
    let short = pull.head.get(..7).unwrap_or_default();
    let signed = args.signing_key.is_some();
    match answer {
        Answer::Approve if signed => {
            // A courtesy, too: who approves in vain is not to learn it from the next pass.
            let answered = forge.pull(args.number).await.ok();
            match rules.zip(answered).and_then(|(rules, answered)| pulls::uncounted(rules.get(), &answered)) {
                Some(why) => output.data(&format!(
                    "recorded an approval of {url} at {short}, signed, that does not count: {}",
                    sink::terminal(&Untrusted::new(why))
                )),
                None => {
                    output.data(&format!("approved {url} at {short}, signed"));
                    output.talk("next: bpctl apply");
                }
            }
        }
        Answer::Approve => {
            output.data(&format!(
                "recorded an approval of {url} at {short}, not signed: it counts only where all environments are dev"
            ));
            output.talk(&format!("next: {}", pulls::approval(workspace.get(), args.number, asks_why.is_some())));
        }
        Answer::Reject => output.data(&format!(
            "rejected {url}, {}: it is closed, and not proposed again until it would change something else",
            if signed { "signed" } else { "not signed: who said so is a claim" }
        )),
    }
    Ok(Exit::Fine)
}

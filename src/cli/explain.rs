//! `bpctl explain`.

use bpctl_core::blueprint::lint;
use bpctl_core::govern;
use clap::Args;

use super::{CommandError, Output};
use crate::runtime::Exit;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A lint code or a governance rule; left out: list them
    code: Option<String>,
}

/// Runs the command.
pub fn run(args: &ExplainArgs, output: &Output) -> Result<Exit, CommandError> {
    let Some(code) = &args.code else {
        let mut lines = vec!["lint".to_owned()];
        let pages = lint::pages();
        lines.extend(pages.map(|page| format!("  {:<29} {}", page.code, page.about)));
        lines.push("\ngovernance".into());
        lines.extend(govern::RULES.iter().map(|rule| format!("  {:<29} {}", rule.ident(), rule.about())));
        output.data(&lines.join("\n"));
        return Ok(Exit::Fine);
    };
    if let Some(page) = lint::page(code) {
        output.data(&format!("{}: {}\n\n{}", page.code, page.about, page.explain));
        return Ok(Exit::Fine);
    }
    if let Some(rule) = govern::RULES.iter().find(|rule| rule.ident() == code) {
        output.data(&format!("{}: {}", rule.ident(), rule.about()));
        return Ok(Exit::Fine);
    }
    Err(CommandError::usage(format!("there is no rule {code:?}"), "`bpctl explain` lists all"))
}

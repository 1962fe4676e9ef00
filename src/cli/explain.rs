//! `bpctl explain`.

use bpctl_core::blueprint::lint;
use bpctl_core::decide::PAGES;
use bpctl_core::govern;
use clap::Args;

use super::{CommandError, Output};
use crate::runtime::Exit;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A lint code or a governance rule; left out: list them
    code: Option<String>,
    /// Print the page of every lint code, as Markdown
    #[arg(long, env = "BPCTL_EXPLAIN_MARKDOWN", value_parser = super::flag(), conflicts_with = "code")]
    markdown: bool,
}

/// Runs the command.
pub fn run(args: &ExplainArgs, output: &Output) -> Result<Exit, CommandError> {
    if args.markdown {
        output.data(&lint_rules());
        return Ok(Exit::Fine);
    }
    let Some(code) = &args.code else {
        let mut lines = vec!["lint".to_owned()];
        let pages = lint::pages();
        lines.extend(pages.map(|page| format!("  {:<29} {}", page.code, page.about)));
        lines.push("\nfound by plans".into());
        lines.extend(PAGES.iter().map(|page| format!("  {:<29} {}", page.code, page.about)));
        lines.push("\ngovernance".into());
        lines.extend(govern::RULES.iter().map(|rule| format!("  {:<29} {}", rule.ident(), rule.about())));
        output.data(&lines.join("\n"));
        return Ok(Exit::Fine);
    };
    if let Some(page) = lint::page(code).or_else(|| PAGES.into_iter().find(|page| page.code == *code)) {
        output.data(&format!("{}: {}\n\n{}", page.code, page.about, page.explain));
        return Ok(Exit::Fine);
    }
    if let Some(rule) = govern::RULES.iter().find(|rule| rule.ident() == code) {
        output.data(&format!("{}: {}", rule.ident(), rule.about()));
        return Ok(Exit::Fine);
    }
    Err(CommandError::usage(format!("there is no rule {code:?}"), "`bpctl explain` lists all"))
}

/// `docs/LINT_RULES.md`: the page of every code.
fn lint_rules() -> String {
    let mut text = String::from(
        "# Lint rules\n\nWhat `bpctl lint` finds, and what to write instead. Generated from the pages that `bpctl explain CODE` shows; a test keeps it so.\n",
    );
    let rules: Vec<lint::Page> = lint::RULES.iter().map(|rule| rule.page()).collect();
    for (title, about, pages) in [
        ("Rules", "", rules),
        ("About versions and suppressions", "", lint::BESIDE.to_vec()),
        ("Reading", "What reading a file can meet. Nothing suppresses these.", lint::READING.to_vec()),
    ] {
        text.push_str(&format!("\n## {title}\n"));
        if !about.is_empty() {
            text.push_str(&format!("\n{about}\n"));
        }
        for page in pages {
            text.push_str(&format!("\n### {}\n\n{}.\n\n{}\n", page.code, page.about, paragraphs(page.explain)));
        }
    }
    text
}

/// A page's paragraphs, those that are examples as code.
fn paragraphs(explain: &str) -> String {
    let shown = explain
        .split("\n\n")
        .map(|part| if part.starts_with("  ") { format!("```yaml\n{part}\n```") } else { part.to_owned() });
    shown.collect::<Vec<_>>().join("\n\n")
}

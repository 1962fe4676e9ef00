//! `bpctl explain`.

use bpctl_core::blueprint::{Operation, lint};
use bpctl_core::decide::PAGES;
use bpctl_core::govern;
use clap::Args;

use super::{CommandError, Output};
use crate::runtime::Exit;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A lint code, a governance rule, by its name or as plans cite it, or an operation; left out: list them
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
        lines.extend(govern::LONE.iter().map(|(name, about)| format!("  {name:<29} {about}")));
        lines.push("\noperations".into());
        lines.extend(Operation::ALL.into_iter().map(|known| format!("  {:<29} {}", known.name(), about(known))));
        output.data(&lines.join("\n"));
        return Ok(Exit::Fine);
    };
    if let Some(page) = lint::page(code).or_else(|| PAGES.into_iter().find(|page| page.code == *code)) {
        output.data(&format!("{}: {}\n\n{}", page.code, page.about, page.explain));
        return Ok(Exit::Fine);
    }
    if let Some(known) = Operation::ALL.into_iter().find(|known| known.name() == code) {
        output.data(&format!(
            "{code}: {}\n\nAn operation. Built in it is `{}`; governance.agent_authority of a blueprint and operations of a policy say otherwise,\n\
             and the stricter of them wins.",
            about(known),
            govern::default_tier(known)
        ));
        return Ok(Exit::Fine);
    }
    // As a plan cites it: `scaling.min_replicas = 2`.
    let cited = |rule: &&&dyn govern::Rule| {
        rule.cites().iter().any(|cite| code.starts_with(cite) || code == cite.trim_end_matches([' ', '.']))
    };
    if let Some(rule) =
        govern::RULES.iter().find(|rule| rule.ident() == code).or_else(|| govern::RULES.iter().find(cited))
    {
        let names: Vec<&str> = rule.cites().iter().map(|cite| cite.trim_end_matches([' ', '.'])).collect();
        output.data(&format!("{}: {}\n\nPlans cite it as: {}.", rule.ident(), rule.about(), names.join(", ")));
        return Ok(Exit::Fine);
    }
    if let Some((name, about)) = govern::LONE.iter().find(|(name, _)| name == code) {
        output.data(&format!("{name}: {about}"));
        return Ok(Exit::Fine);
    }
    let codes = lint::pages().map(|page| page.code).chain(PAGES.iter().map(|page| page.code));
    let governance = govern::RULES.iter().map(|rule| rule.ident()).chain(govern::LONE.iter().map(|(name, _)| *name));
    let known: Vec<&str> = codes.chain(governance).chain(Operation::ALL.into_iter().map(Operation::name)).collect();
    let hint = match bpctl_core::yaml::nearest(code, &known) {
        Some(meant) => format!("did you mean `{meant}`? `bpctl explain` lists all"),
        None => "`bpctl explain` lists all".to_owned(),
    };
    Err(CommandError::usage(format!("there is no rule or operation {code:?}"), hint))
}

/// What an operation is, as its schema says.
fn about(operation: Operation) -> String {
    let schema = schemars::schema_for!(Operation);
    let all = schema.get("oneOf").and_then(serde_json::Value::as_array).into_iter().flatten();
    let mine = all.filter(|one| one["const"] == operation.name()).find_map(|one| one["description"].as_str());
    mine.unwrap_or_default().trim_end_matches('.').to_owned()
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

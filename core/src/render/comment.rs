//! A plan as a page of Markdown: the comment on a pull request, a job's summary, `plan -o markdown`. Verdict, danger, counts, table; then
//! what explains them, folded; then who judged and what was seen.
//!
//! The plan may come from a file that another job wrote, so that no text in it is taken for bpctl's own: what was outside text when the plan
//! was made stands in code spans, and every other sentence passes [`sink::prose`] (T7, T8). Whatever the plan holds, the page stays below
//! what forges take (Z17).

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{back as backs, because, change, sink, symbol, words};
use crate::blueprint::Tier;
use crate::credential::names_credential;
use crate::decide::drift::{DriftKind, FieldDrift};
use crate::decide::{Reported, UnknownFact};
use crate::execute::Effect;
use crate::model::{FieldPath, Name, RepoPath, Untrusted};
use crate::plan::{CauseCounts, ConfigChange, Counts, Plan, PlanItem, Settled};

/// Forges refuse comments over 65,536 characters. Each part of the page ends where its share of these bytes does, so that the last line
/// always has room.
const TABLE: usize = 20_000;
const FOUND: usize = 27_000;
const DIFFS: usize = 40_000;
const FOLDED: usize = 48_000;
const BEFORE: usize = 54_000;
const SETTLED: usize = 58_000;
/// Most fields of one action that its diff shows.
const FIELDS: usize = 20;
/// Longest value in a diff.
const VALUE: usize = 120;

/// What a page can point to.
pub struct Around<'a> {
    /// The page of a line: commit, file, line.
    pub line: &'a dyn Fn(&str, &RepoPath, usize) -> Option<String>,
    /// The page of the run that made it.
    pub run: Option<&'a str>,
    /// Where the whole plan is, where the page has not all of it.
    pub whole: &'a str,
}

/// The first line of an environment's comment, by which it is found again.
pub fn marker(environment: &Name) -> String {
    format!("<!-- bpctl:{environment} -->\n")
}

/// The comment where a head could not be planned: what was said of an earlier one does not hold for it (R6).
pub fn unplanned(environment: &Name, head: &str, run: Option<&str>) -> String {
    let short = head.get(..7).unwrap_or(head);
    let run = run.and_then(target).map_or_else(|| "The run".to_owned(), |run| format!("[The run]({run})"));
    format!(
        "{}### bpctl · {environment} — not planned\n\n**`{short}` could not be planned**: what was said of another commit does not hold for it. {run} says \
         why, and so does `bpctl plan --env {environment}`.\n",
        marker(environment)
    )
}

/// The comment on a pull request.
pub fn comment(plan: &Plan, around: &Around<'_>) -> String {
    marker(&plan.environment) + &page(plan, around)
}

/// The page alone.
pub fn page(plan: &Plan, around: &Around<'_>) -> String {
    let page = Page { plan, around, out: String::new() };
    page.written()
}

/// `3`, or `3 and 1 note` where some of them are no more than told.
fn and_notes(counted: usize, all: usize) -> String {
    match all.saturating_sub(counted) {
        0 => counted.to_string(),
        notes => format!("{counted} and {}", words::count(notes, "note")),
    }
}

/// Whether the planned change itself does, settles, hides or lets go of something; of a plan without a base: whether there is anything.
pub fn is_telling(plan: &Plan) -> bool {
    let own = Sides { plan, before: false };
    let causes = plan.causes.as_ref();
    let by_change = causes.is_some_and(|causes| {
        let lists = [causes.settled.len(), causes.lost.len(), causes.mended.len(), causes.unknown.len()];
        lists.iter().sum::<usize>()
            + causes.orphaned.len()
            + causes.ungoverned.len()
            + causes.unclaimed.len()
            + causes.config.len()
            > 0
    });
    by_change || plan.proposed_rules.is_some() || own.items().next().is_some() || own.findings().next().is_some()
}

/// Text that was not made for Markdown, as a whole.
fn told(text: impl Into<String>) -> String {
    sink::prose(&Untrusted::new(text))
}

fn raw(text: &Untrusted) -> String {
    text.raw().to_owned()
}

/// What comes from the change, or what stood before it. Of a plan without a base all is the former.
struct Sides<'a> {
    plan: &'a Plan,
    before: bool,
}

impl<'a> Sides<'a> {
    fn is_here(&self, item: &PlanItem) -> bool {
        self.plan.stood(item) == self.before
    }

    fn items(&self) -> impl Iterator<Item = (&'a Name, &'a PlanItem)> {
        let all = self.plan.blueprints.iter().flat_map(|part| part.items.iter().map(move |item| (&part.name, item)));
        all.filter(|(_, item)| self.is_here(item))
    }

    fn findings(&self) -> impl Iterator<Item = (&'a Name, &'a Reported)> {
        self.plan.findings().filter(|(name, reported)| self.plan.found_before(name, reported) == self.before)
    }

    fn counts(&self) -> Counts {
        self.plan.counts_of(self.items().map(|(_, item)| item))
    }

    fn persons(&self) -> usize {
        self.plan.for_persons(self.items().map(|(_, item)| item), self.findings())
    }
}

struct Page<'a> {
    plan: &'a Plan,
    around: &'a Around<'a>,
    out: String,
}

impl Page<'_> {
    fn written(mut self) -> String {
        let (own, before) = (Sides { plan: self.plan, before: false }, Sides { plan: self.plan, before: true });
        self.head(&own);
        self.danger(&own);
        self.rules();
        self.table(&own, TABLE);
        self.found(&own, FOUND);
        let diffs = own.items().filter_map(|(name, item)| self.diff(name, item)).collect();
        self.folded("Diffs", diffs, DIFFS);
        self.folded("What goes back", back(&own), DIFFS + 2_000);
        self.folded("Not proposed, and until when", not_proposed(self.plan), FOLDED);
        let unseen = words::unseen(self.plan);
        self.folded("Unknown", unknown(self.plan, &unseen), FOLDED + 2_000);
        self.before(&before);
        self.settled();
        self.foot();
        self.out
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Verdict and counts.
    fn head(&mut self, own: &Sides<'_>) {
        let counts = own.counts();
        // Of a change: whose verdict it is has to stand beside it. Whether the change may be merged is another question.
        let about = self.plan.causes.is_some() && own.items().next().is_some();
        let when = if about { "once merged: " } else { "" };
        let verdict = verdict(self.plan, own, counts);
        let _ = writeln!(self.out, "### bpctl · {} — {when}{verdict}", self.plan.environment);
        let mut told = format!(
            "**{} allowed · {} need{} approval · {} forbidden**",
            counts.allowed,
            counts.needs_approval,
            if counts.needs_approval == 1 { "s" } else { "" },
            counts.forbidden
        );
        let persons = own.persons();
        for (number, what) in
            [(counts.held, "held for now"), (counts.controller, "for the controller"), (persons, "for a person")]
        {
            if number > 0 {
                let _ = write!(told, " · {number} {what}");
            }
        }
        if let Some(causes) = &self.plan.causes {
            // As `bpctl plan` counts them.
            let CauseCounts { before: stood, settled, .. } = causes.counts(self.plan);
            let _ = write!(told, " · {stood} stood before this change · {settled} settled by it");
        }
        self.line(&format!("{told}\n"));
        if self.plan.causes.is_some() {
            // At night nobody reads to the end: green here is not green there.
            self.line(
                "This is what bpctl would deliver or propose once it is merged. Whether it **may be merged** is another question: \
                 the check `bpctl/verdict` says it.\n",
            );
        }
        if let Some(scope) = &self.plan.scope {
            let asked = sink::markdown(&Untrusted::new(scope.asked.join(" ")));
            let told = format!("Of {} blueprints only {}: {asked}\n", scope.of, self.plan.blueprints.len());
            self.line(&told);
        }
    }

    /// What must not be overlooked: what is forbidden, what the change lets go of or hides, and what nobody could see.
    fn danger(&mut self, own: &Sides<'_>) {
        let forbidden = own.items().filter(|(_, item)| item.verdict.tier == Tier::Forbidden);
        let forbidden: Vec<String> = forbidden.map(|(name, item)| format!("{name} ({})", change(item))).collect();
        if !forbidden.is_empty() {
            self.line(&format!("**Forbidden:** {}\n", told(words::listed(&forbidden, 3))));
        }
        if let Some(causes) = &self.plan.causes {
            let told_of = words::causes(causes, self.plan);
            // The first line counts, which the head has done.
            for line in told_of.lines().skip(1) {
                self.line(&format!("**Mind:** {}\n", told(line)));
            }
            if !causes.unknown.is_empty() {
                let hidden = causes.unknown.iter().map(|hidden| format!("{} ({})", hidden.blueprint, hidden.what));
                let hidden: Vec<String> = hidden.collect();
                self.line(&format!("**Not to be seen with this change:** {}\n", told(words::listed(&hidden, 3))));
            }
        }
        if let Some(uncompared) = words::uncompared(self.plan) {
            self.line(&format!("**{}**\n", told(uncompared)));
        }
        for unseen in words::unseen(self.plan).iter().take(3) {
            let (why, what) = (told(unseen.why(raw)), told(unseen.what()));
            let help = unseen.help(sink::markdown);
            self.line(&format!("**Not seen in the cluster:** {why}, of {what}. {help}\n"));
        }
    }

    /// A change of the rules is judged by those of base, and shown to be (X5).
    fn rules(&mut self) {
        let Some(proposed) = &self.plan.proposed_rules else { return };
        let files: Vec<&str> = proposed.files.iter().map(RepoPath::as_str).collect();
        let files = sink::markdown(&Untrusted::new(words::listed(&files, 3)));
        let base = self.base();
        self.line(&format!(
            "**This change edits rules** ({files}). What stands here is the judgement of {base}; its own rules count once a person has \
             merged them.\n"
        ));
        let flips: Vec<_> =
            self.plan.items().filter_map(|item| Some((item, proposed.verdicts.get(&item.id)?))).collect();
        if flips.is_empty() {
            self.line("By its own rules every verdict would be the same.\n");
            return;
        }
        let mut rows = String::new();
        for (item, own) in flips.iter().take(FIELDS) {
            let _ = writeln!(
                rows,
                "| `{}` | {} {} | {} | {}, by {} |",
                item.action.blueprint(),
                item.action.name(),
                told(change(item)),
                item.verdict.tier,
                own.tier,
                told(own.cite.as_str())
            );
        }
        self.out.push_str("| workload | change | counts | its own rules would say |\n|---|---|---|---|\n");
        self.line(&rows);
        if flips.len() > FIELDS {
            self.line(&format!("… and {} more\n", flips.len() - FIELDS));
        }
    }

    fn table(&mut self, side: &Sides<'_>, budget: usize) {
        let mut left = 0;
        for (number, (name, item)) in side.items().enumerate() {
            if number == 0 {
                self.out.push_str("| | workload | change | verdict | because |\n|---|---|---|---|---|\n");
            }
            let row = self.row(name, item);
            if self.out.len() + row.len() < budget {
                self.out.push_str(&row);
            } else {
                left += 1;
            }
        }
        if left > 0 {
            let told = format!("\n… and {left} more; the whole plan is {}.", self.around.whole);
            self.line(&told);
        }
    }

    fn row(&self, name: &Name, item: &PlanItem) -> String {
        let verdict = verdict_of(self.plan, item);
        let rule = item.verdict.principal().map_or_else(String::new, |rule| {
            let place = rule.source.as_ref();
            let place =
                place.map(|span| self.place(Some(&self.plan.desired.base_commit), span.file.as_str(), span.line));
            format!(" · {}{}", told(rule.cite.as_str()), place.map_or_else(String::new, |place| format!(" {place}")))
        });
        let instead = item.verdict.alternative.as_ref();
        let instead =
            instead.map_or_else(String::new, |instead| format!(" · nearest allowed: {}", told(instead.as_str())));
        let before = self.plan.causes.as_ref().and_then(|causes| words::cause(causes, item));
        let before = before.map_or_else(String::new, |before| format!(" · {}", told(before)));
        format!(
            "| {} | `{name}` | {} {} | {verdict} | {}{rule}{instead}{before} |\n",
            symbol(item),
            item.action.name(),
            told(change(item)),
            told(because(item))
        )
    }

    /// A line of a file, with its page where the forge has one.
    fn place(&self, commit: Option<&str>, file: &str, line: usize) -> String {
        let shown = sink::markdown(&Untrusted::new(format!("{file}:{line}")));
        let commit = commit.filter(|commit| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let page =
            commit.zip(RepoPath::new(file).ok()).and_then(|(commit, path)| (self.around.line)(commit, &path, line));
        match page.and_then(|page| target(&page)) {
            Some(page) => format!("[{shown}]({page})"),
            None => shown,
        }
    }

    /// What no action answers stands open, not folded: it waits for a person.
    fn found(&mut self, side: &Sides<'_>, budget: usize) {
        let mut left = 0;
        for (number, (name, reported)) in side.findings().enumerate() {
            let row = finding(name, reported);
            if self.out.len() + row.len() > budget {
                left += 1;
                continue;
            }
            if number == 0 {
                self.out.push_str("\n**Found**\n\n");
            }
            self.line(&row);
        }
        if left > 0 {
            let told = format!("\n… and {left} more findings; the whole plan is {}.", self.around.whole);
            self.line(&told);
        }
    }

    /// What an action does, field by field, with the lines that say so.
    fn diff(&self, name: &Name, item: &PlanItem) -> Option<String> {
        let drifted = words::fields(item);
        let mut places = Vec::new();
        let mut lines = Vec::new();
        let edits = item.effects.iter().filter_map(|effect| match effect {
            Effect::SetField(set) => Some(set),
            Effect::ApplyObject(_) | Effect::RestartPods(_) => None,
        });
        let commit = self.plan.desired.commit.as_deref();
        let mut fields = 0;
        for set in edits {
            fields += 1;
            if let Some(at) = set.at {
                places.push(self.place(commit, set.path.as_str(), at.line));
            }
            let written = drifted.iter().find(|(_, field)| field.path == set.field).and_then(|(_, field)| by(field));
            if fields <= FIELDS {
                lines.extend(set_lines(None, &set.field, set.from.as_ref(), set.to.as_ref(), written));
            }
        }
        if fields == 0 {
            for (object, field) in &drifted {
                fields += 1;
                if let Some(span) = &field.span {
                    places.push(self.place(commit, span.file.as_str(), span.line));
                }
                if fields <= FIELDS {
                    lines.extend(drift_lines(object.as_deref(), field));
                }
            }
        }
        let notes = words::approximate(item, raw).into_iter();
        let mut notes: Vec<String> =
            notes.chain(item.sync.iter().map(|sync| sync.told(self.plan.causes.is_some()))).collect();
        if self.plan.is_delivered_by_others(item) {
            notes.extend(words::unheeded(item));
        }
        if lines.is_empty() && notes.is_empty() {
            return None;
        }
        if fields > FIELDS {
            lines.push(format!("  … and {} more fields", fields - FIELDS));
        }
        places.dedup();
        let mut out = format!("**`{name}`** {}", item.action.name());
        for place in places.iter().take(3) {
            let _ = write!(out, " · {place}");
        }
        out.push_str("\n\n");
        if !lines.is_empty() {
            let fence = "`".repeat(lines.iter().map(|line| sink::longest_run(line)).max().unwrap_or(0).max(2) + 1);
            let _ = write!(out, "{fence}diff\n{}\n{fence}\n", lines.join("\n"));
        }
        for note in notes {
            let _ = writeln!(out, "\n{}", told(format!("{}: {note}", item.action.workload())));
        }
        Some(out)
    }

    /// Lines that are folded away: each is shown whole or not at all, so that what it opens it closes.
    fn folded(&mut self, title: &str, lines: Vec<String>, budget: usize) {
        if lines.is_empty() {
            return;
        }
        let _ = write!(self.out, "\n<details><summary>{title}</summary>\n\n");
        let total = lines.len();
        for (shown, line) in lines.into_iter().enumerate() {
            if self.out.len() + line.len() > budget {
                let told = format!("- … and {} more; the whole plan is {}.", total - shown, self.around.whole);
                self.line(&told);
                break;
            }
            self.line(&line);
        }
        self.line("\n</details>");
    }

    /// What is not the change's doing.
    fn before(&mut self, before: &Sides<'_>) {
        let items: Vec<String> = before.items().map(|(name, item)| brief(self.plan, name, item)).collect();
        let found: Vec<String> = before.findings().map(|(name, reported)| finding(name, reported)).collect();
        let stood = self.plan.causes.as_ref().map_or(0, |causes| causes.counts(self.plan).before);
        let title =
            format!("{} stood before this change, whoever merges it", and_notes(stood, items.len() + found.len()));
        self.folded(&title, items.into_iter().chain(found).collect(), BEFORE);
    }

    fn settled(&mut self) {
        let Some(causes) = &self.plan.causes else { return };
        let one = |settled: &Settled| brief(self.plan, &settled.blueprint, &settled.item);
        let mended = causes.mended.iter().map(|one| finding(&one.blueprint, &one.reported));
        let settled: Vec<String> = causes.settled.iter().map(one).chain(mended).collect();
        let all = and_notes(causes.counts(self.plan).settled, settled.len());
        self.folded(&format!("{all} settled by this change"), settled, BEFORE + 2_000);
        let config = |change: &ConfigChange| format!("- `{}` {}", change.blueprint, told(words::config(change, raw)));
        let config: Vec<String> = causes.config.iter().map(config).collect();
        self.folded(
            &format!("{} of ConfigMaps made others", words::count(config.len() as u64, "value")),
            config,
            SETTLED,
        );
        let lost: Vec<String> = causes.lost.iter().map(one).collect();
        self.folded("Not planned any more, and not settled", lost, SETTLED);
    }

    /// `main@7a33c76`.
    fn base(&self) -> String {
        let desired = &self.plan.desired;
        let short = short(&desired.base_commit, 7);
        // An at sign between two words is a mention to no forge.
        let branch = desired.base_branch.as_str();
        let plain = branch.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && branch.len() <= 100;
        if plain { format!("{branch}@{short}") } else { sink::markdown(&Untrusted::new(format!("{branch}@{short}"))) }
    }

    fn foot(&mut self) {
        let plan = self.plan;
        if plan.items().next().is_none() && plan.findings().next().is_none() {
            self.line(&format!("\n{}", told(words::nothing(plan))));
        }
        let commit = plan.desired.commit.as_deref().map_or_else(|| "the work tree".into(), |commit| short(commit, 7));
        let id = plan.items().next().map_or_else(String::new, |_| format!(" · plan {}", short(plan.hash.short(), 12)));
        let base = self.base();
        let _ = write!(
            self.out,
            "\n<sub>judged by {base}{id} · planned {commit} · observed {:.0}{}",
            plan.observed_at,
            words::exact(plan)
        );
        if let Some(run) = self.around.run.and_then(target) {
            let _ = write!(self.out, " · [run]({run})");
        }
        self.out.push_str("</sub>\n");
    }
}

/// The short form of an id; a file may hold anything in its place.
fn short(id: &str, digits: usize) -> String {
    id.chars().take(digits).filter(char::is_ascii_hexdigit).collect()
}

/// An address as a link's target: of a web page, and with nothing that could end the target.
fn target(url: &str) -> Option<String> {
    let url = url.replace('(', "%28").replace(')', "%29");
    let good = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'*+,;=%".contains(c);
    let web = url.starts_with("https://") || url.starts_with("http://");
    (web && url.len() <= 2_000 && url.chars().all(good)).then_some(url)
}

fn verdict(plan: &Plan, own: &Sides<'_>, counts: Counts) -> &'static str {
    let persons = own.persons() > 0;
    match counts {
        _ if counts.forbidden > 0 => "forbidden",
        _ if counts.needs_approval > 0 => "needs approval",
        _ if persons => "needs a person",
        _ if plan.is_blind() => "not all could be compared",
        _ if counts.allowed > 0 => "allowed",
        _ if counts.controller > 0 => "for the controller",
        _ if counts.held > 0 => "held for now",
        _ if plan.causes.is_some() => "nothing to do because of this change",
        _ => "nothing to do",
    }
}

/// Who may do an action, or does it.
fn verdict_of(plan: &Plan, item: &PlanItem) -> String {
    let approvers = &item.verdict.approvers;
    match (item.hold(), item.verdict.tier) {
        _ if plan.waits_for_sync(item) => "**a person syncs it**".into(),
        _ if plan.is_controllers(item) && item.unmerged => "the controller's, once merged".into(),
        _ if plan.is_controllers(item) => "the controller's".into(),
        (Some(hold), _) => format!("held: {}", told(hold.rule.cite.as_str())),
        (None, Tier::Allowed) => "allowed".into(),
        (None, Tier::RequiresApproval) if !approvers.is_empty() => {
            format!("**{}** by {}", Tier::RequiresApproval, sink::markdown(&Untrusted::new(approvers.join(", "))))
        }
        (None, tier) => format!("**{tier}**"),
    }
}

/// `- backend scale replicas 3 → 4: allowed`.
fn brief(plan: &Plan, name: &Name, item: &PlanItem) -> String {
    let mut line = format!(
        "- {} `{name}` {} {}: {}",
        symbol(item),
        item.action.name(),
        told(change(item)),
        verdict_of(plan, item)
    );
    if plan.waits_for_sync(item)
        && let Some(sync) = &item.sync
    {
        let _ = write!(line, " · {}", told(sync.told(plan.causes.is_some())));
    }
    line
}

fn finding(name: &Name, reported: &Reported) -> String {
    let help: Vec<String> = reported.help.iter().take(FIELDS).map(sink::markdown).collect();
    let help = if help.is_empty() { String::new() } else { format!(" — {}", help.join(", ")) };
    let seen = reported.events.iter().take(3).map(|event| format!("\n  - seen: {}", sink::markdown(event)));
    let severity = told(words::severity(reported));
    format!("- `{name}` {severity}: {}{help}{}", sink::markdown(&reported.message), seen.collect::<String>())
}

fn back(side: &Sides<'_>) -> Vec<String> {
    let told = |(name, item): (&Name, &PlanItem)| {
        let lines =
            backs::broken(item, raw).into_iter().chain(backs::set_backs(item, raw)).chain(backs::notes(item, raw));
        lines.map(|line| format!("- `{name}` {}", told(line))).collect::<Vec<_>>()
    };
    side.items().flat_map(told).collect()
}

fn not_proposed(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &plan.blueprints {
        for item in &part.items {
            if let Some(hold) = item.hold() {
                let why = told(format!("{}: {}", hold.until(), hold.rule.because));
                lines.push(format!("- `{}` {} {why}", part.name, item.action.name()));
            }
        }
        let why = |why: &crate::decide::WhyNot| told(format!("{}: {}", why.what, why.because));
        lines.extend(part.not_proposed.iter().map(|why_not| format!("- `{}` {}", part.name, why(why_not))));
    }
    lines
}

fn unknown(plan: &Plan, unseen: &[words::Unseen<'_>]) -> Vec<String> {
    let other = |unknown: &&UnknownFact| !unseen.iter().any(|unseen| unseen.holds(unknown));
    let of = |part: &crate::plan::BlueprintPlan| {
        let line = |unknown| format!("- `{}` {}", part.name, told(words::unknown(unknown, raw)));
        part.unknown.iter().filter(other).map(line).collect::<Vec<_>>()
    };
    plan.blueprints.iter().flat_map(of).collect()
}

/// Who wrote a live value.
fn by(field: &FieldDrift) -> Option<String> {
    words::writer(field, raw)
}

fn drift_lines(object: Option<&str>, field: &FieldDrift) -> Vec<String> {
    let (live, declared) = (field.live.as_ref(), field.declared.as_ref());
    match field.kind {
        DriftKind::Changed | DriftKind::Missing => set_lines(object, &field.path, live, declared, by(field)),
        DriftKind::PendingRemoval => set_lines(object, &field.path, live, None, by(field)),
        DriftKind::Admission if names_credential(&field.path) => Vec::new(),
        DriftKind::Admission | DriftKind::Order => {
            let object = object.map_or_else(String::new, |object| format!("{object} "));
            vec![shown("  ", &format!("{object}{}: {}", field.path, words::difference(field, raw)))]
        }
    }
}

/// A field, what stands there, and what will: lines of a diff.
fn set_lines(
    object: Option<&str>,
    field: &FieldPath,
    from: Option<&Json>,
    to: Option<&Json>,
    written: Option<String>,
) -> Vec<String> {
    let object = object.map_or_else(String::new, |object| format!("{object} "));
    let written = written.map_or_else(String::new, |written| format!("   {written}"));
    let mut lines = vec![shown("  ", &format!("{object}{field}{written}"))];
    // What is in Git or in the cluster need not be on a page as well (T38).
    if names_credential(field) {
        lines.push("  (not shown)".into());
        return lines;
    }
    let (was, becomes) = super::values(from, to);
    lines.extend(from.map(|_| shown("- ", was.raw())));
    lines.extend(to.map(|_| shown("+ ", becomes.raw())));
    lines
}

/// A line of a diff: one line, and not longer than anybody reads.
fn shown(mark: &str, text: &str) -> String {
    let text = sink::terminal(&Untrusted::new(text));
    let cut: String = text.chars().take(VALUE).collect();
    let more = if cut.len() < text.len() { " …" } else { "" };
    format!("{mark}{cut}{more}")
}

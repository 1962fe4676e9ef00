//! Findings that a `kind: Suppression` takes away, and what is wrong with suppressions themselves.

use super::{Look, Page, RULES, mark};
use crate::blueprint::{Catalog, Located, Suppression};
use crate::model::Diagnostic;

const EXPIRED: &str = "suppression-expired";
const UNKNOWN: &str = "suppression-unknown-code";
const UNUSED: &str = "suppression-unused";

/// The pages of this file's codes.
pub const PAGES: [Page; 3] = [
    Page {
        code: EXPIRED,
        about: "A suppression has ended",
        explain: "What it hid is shown again. Somebody decided that the reason holds up to this day, not longer.\n\n\
            \x20 kind: Suppression\n  spec: {code: scaling-fixed, blueprint: web, reason: one licence, expires: 2026-01-01T00:00:00Z}\n\n\
            Mend what it hid and delete it; or write a later time, which is reviewed like the first.",
    },
    Page {
        code: UNKNOWN,
        about: "A suppression of a code that cannot be suppressed",
        explain: "It hides nothing. Only findings of rules can be lived with: problems of reading leave the file without meaning, and versions\n\
            have to rise.\n\n  spec: {code: scaling-fixd, blueprint: web, …}\n\n\
            Write the code as lint shows it, `scaling-fixed`; `bpctl explain` lists all.",
    },
    Page {
        code: UNUSED,
        about: "A suppression that hides nothing",
        explain: "There is no such finding there any more, or there never was one. It would hide the next one that nobody looked at.\n\n\
            \x20 spec: {code: scaling-fixed, blueprint: wbe, …}   # there is no such blueprint\n\nDelete it, or correct where it holds.",
    },
];

/// Takes away what is suppressed, and says what is wrong with suppressions. Gives how many findings were taken away.
pub(super) fn suppress(look: &Look<'_>, found: &mut Vec<Diagnostic>) -> usize {
    let now = look.surroundings.now;
    let mut about = Vec::new();
    let mut active: Vec<(&Located<Suppression>, usize)> = Vec::new();
    for suppression in look.catalog.suppressions.values() {
        let spec = &suppression.value.spec;
        if !RULES.iter().any(|rule| rule.page().code == spec.code) {
            let diagnostic = Diagnostic::error(UNKNOWN, "no rule that can be suppressed has this code");
            let diagnostic = mark(diagnostic, suppression, &["spec", "code"], "hides nothing");
            let codes: Vec<&str> = RULES.iter().map(|rule| rule.page().code).collect();
            about.push(diagnostic.help(match crate::yaml::nearest(&spec.code, &codes) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write a rule's code; `bpctl explain` lists all, those of reading cannot be suppressed".into(),
            }));
        } else if spec.expires <= now {
            let message = format!("suppression {} ended at {}", suppression.value.metadata.name, spec.expires);
            let diagnostic =
                mark(Diagnostic::warning(EXPIRED, message), suppression, &["spec", "expires"], "in the past");
            about.push(diagnostic.help("mend what it hid and delete it; or write a later time, and have it reviewed"));
        } else {
            active.push((suppression, 0));
        }
    }
    let before = found.len();
    found.retain(|diagnostic| {
        let mut hidden = false;
        for (suppression, count) in &mut active {
            if speaks_of(look.catalog, &suppression.value, diagnostic) {
                *count += 1;
                hidden = true;
            }
        }
        !hidden
    });
    let taken = before - found.len();
    // A file that could not be read may hold what it is about.
    for (suppression, _) in active.into_iter().filter(|(_, count)| *count == 0 && look.all_read()) {
        let message = format!("suppression {} hides nothing", suppression.value.metadata.name);
        let diagnostic = mark(Diagnostic::info(UNUSED, message), suppression, &["spec", "code"], "not found there");
        about.push(diagnostic.help("delete it, or correct where it holds"));
    }
    found.extend(about);
    taken
}

/// Whether the finding's principal place lies where the suppression holds.
fn speaks_of(catalog: &Catalog, suppression: &Suppression, found: &Diagnostic) -> bool {
    let spec = &suppression.spec;
    let Some(place) = found.labels.first().filter(|_| found.code == spec.code) else { return false };
    if let Some(path) = &spec.path {
        let below = place.span.file.strip_prefix(path.as_str());
        return below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    }
    let blueprint = spec.blueprint.as_ref().and_then(|name| catalog.blueprints.get(name));
    blueprint.is_some_and(|blueprint| {
        // A file may hold several blueprints.
        blueprint.path.as_str() == place.span.file && blueprint.document.root.range().contains(&place.span.start)
    })
}

#[cfg(test)]
mod tests {

    use super::super::{Surroundings, lint};
    use crate::blueprint::Catalog;
    use crate::model::{Blob, File, Files, RepoPath};

    /// It holds before its end, and not from that moment on.
    #[test]
    fn a_suppression_ends_at_its_moment() {
        let workspace = "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: local\nenvironments: {prod: {tier: prod, cluster: {context: x}}}\nlocal: {allowed_signers: s}\n";
        let suppression = "apiVersion: bpctl.dev/v1\nkind: Suppression\nmetadata: {name: x, owner: us}\nspec: {code: prod-on-local-forge, path: bpctl.yaml, reason: a trial, expires: 2026-06-01T00:00:00Z}\n";
        let file = |path: &str, text: &str| {
            let blob = Blob { id: String::new(), bytes: text.as_bytes().into() };
            (RepoPath::new(path).expect("a path"), File::Blob(blob))
        };
        let files = Files([file("bpctl.yaml", workspace), file("blueprints/x.yaml", suppression)].into());
        let catalog = Catalog::load(&files).expect("a workspace");
        let at = |time: &str| {
            let linted = lint(&catalog, &Surroundings::at(time.parse().expect("a time")));
            (linted.found.into_iter().map(|found| found.code).collect::<Vec<_>>(), linted.suppressed)
        };
        assert_eq!(at("2026-05-31T23:59:59Z"), (vec![], 1));
        let shown = vec!["suppression-expired".to_owned(), "prod-on-local-forge".to_owned()];
        assert_eq!(at("2026-06-01T00:00:00Z"), (shown, 0));
    }
}

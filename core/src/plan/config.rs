//! Which values of `ConfigMap`s a change makes others: of a generated one, the plan itself shows nothing but another name (X1).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::blueprint::{Catalog, Companion, Manifest, is_credential};
use crate::model::{FieldPath, File, Files, Name, ObjectRef, RepoPath, SourceSpan, Untrusted};
use crate::propose::generated_name;
use crate::rendering::Origin;
use crate::yaml::Node;

/// How much of a value is told.
const MOST: usize = 80;

/// A value of a `ConfigMap`, before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigChange {
    /// The blueprint whose workload reads it.
    pub blueprint: Name,
    /// The object, as the change has it.
    pub object: ObjectRef,
    /// The key.
    pub key: String,
    /// What it was, or the first line of it that differs; none: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Untrusted>,
    /// What it is; none: it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Untrusted>,
    /// The line that makes it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SourceSpan>,
}

/// What differs, and what has to be traced before it can be told where it stands.
#[derive(Debug, Default)]
pub struct ConfigChanges {
    changes: Vec<(ConfigChange, Option<RepoPath>)>,
}

impl ConfigChanges {
    /// Compares what the blueprints of a plan read before and after.
    pub fn of(plan: &Plan, before: &Catalog, after: &Catalog) -> Self {
        let mut changes = Vec::new();
        for name in plan.blueprints.iter().map(|part| &part.name) {
            let (then, now) = (maps(plan, before, name), maps(plan, after, name));
            for (stem, new) in &now {
                let Some(old) = then.get(stem) else { continue };
                let keys: BTreeSet<&str> =
                    data(old.manifest).keys().chain(data(new.manifest).keys()).copied().collect();
                for key in keys {
                    let value =
                        |companion: &Companion<'_>| data(companion.manifest).get(key).copied().map(str::to_owned);
                    let (was, is) = (value(old), value(new));
                    if was == is {
                        continue;
                    }
                    let (before, after) = told(key, was.as_deref(), is.as_deref());
                    let rendered = new.manifest.rendered.then(|| new.manifest.path.clone());
                    let span = (!new.manifest.rendered).then(|| value_span(new.manifest, key)).flatten();
                    let change = ConfigChange {
                        blueprint: name.clone(),
                        object: new.object.clone(),
                        key: key.into(),
                        before,
                        after,
                        span,
                    };
                    changes.push((change, rendered.filter(|_| is.is_some())));
                }
            }
        }
        Self { changes }
    }

    /// The rendered fields whose lines are to be found.
    pub fn fields(&self, after: &Catalog, environment: &Name) -> BTreeSet<(RepoPath, ObjectRef, FieldPath)> {
        let field = |(change, root): &(ConfigChange, Option<RepoPath>)| {
            let manifest = manifest(after, environment, root.as_ref()?, &change.object)?;
            Some((root.clone()?, manifest.object.clone(), FieldPath::keys(["data", change.key.as_str()])))
        };
        self.changes.iter().filter_map(field).collect()
    }

    /// The changes, with the lines that were found. Of a value of several lines it is the one that differs, in the file that makes it.
    pub fn placed(self, after: &Catalog, files: &Files, environment: &Name) -> Vec<ConfigChange> {
        let place = |(mut change, root): (ConfigChange, Option<RepoPath>)| {
            let field = FieldPath::keys(["data", change.key.as_str()]);
            let manifest = root.and_then(|root| manifest(after, environment, &root, &change.object));
            if let Some(manifest) = manifest
                && let Some(Origin::Line(line)) = after.origin(environment, manifest, &field)
            {
                let several = manifest.document.root.at(&["data", change.key.as_str()]).and_then(Node::as_str);
                let several = several.is_some_and(|text| text.trim_end().contains('\n'));
                let differing = change.after.as_ref().filter(|_| several);
                change.span = differing.and_then(|text| line_of(files, &line.span, text)).or(Some(line.span.clone()));
            }
            change
        };
        self.changes.into_iter().map(place).collect()
    }
}

fn manifest<'c>(catalog: &'c Catalog, environment: &Name, root: &RepoPath, object: &ObjectRef) -> Option<&'c Manifest> {
    let all = catalog.manifests_at(environment, root)?;
    all.iter().find(|manifest| object.is_declared_by(&manifest.object))
}

/// The `ConfigMap`s of a workload, by the name that a generator puts a hash behind.
fn maps<'c>(plan: &Plan, catalog: &'c Catalog, name: &Name) -> BTreeMap<String, Companion<'c>> {
    let companions = catalog.companions(&plan.environment, name).compared.into_iter();
    let maps = companions.filter(|companion| companion.object.kind == "ConfigMap");
    maps.map(|map| (generated_name(map.manifest).unwrap_or(&map.object.name).to_owned(), map)).collect()
}

fn data(manifest: &Manifest) -> BTreeMap<&str, &str> {
    let entries = manifest.document.root.get("data").map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?))).collect()
}

fn value_span(manifest: &Manifest, key: &str) -> Option<SourceSpan> {
    Some(manifest.document.span_of(manifest.document.root.at(&["data", key])?))
}

/// What is told of two values: the first lines that differ. Of a credential only that it is another.
fn told(key: &str, before: Option<&str>, after: Option<&str>) -> (Option<Untrusted>, Option<Untrusted>) {
    let lines = |text: Option<&str>| text.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let (was, is) = (lines(before), lines(after));
    let differs = (0..was.len().max(is.len())).find(|at| was.get(*at) != is.get(*at)).unwrap_or(0);
    let show = |text: Option<&str>, lines: &[String]| {
        let line = text.map(|_| lines.get(differs).map_or("", |line| line.trim()))?;
        let named = line.split(['=', ':']).next().filter(|name| name.len() < line.len()).unwrap_or_default();
        let hidden = is_credential(key, None) || is_credential(named.trim().trim_matches('"'), None);
        let cut = || line.chars().take(MOST).collect::<String>();
        Some(Untrusted::new(if hidden { crate::ledger::WITHHELD.to_owned() } else { cut() }))
    };
    (show(before, &was), show(after, &is))
}

/// The one line of the file of a place that says this.
fn line_of(files: &Files, place: &SourceSpan, text: &Untrusted) -> Option<SourceSpan> {
    let File::Blob(blob) = files.get(&RepoPath::new(place.file.as_str()).ok()?)? else { return None };
    let all = std::str::from_utf8(&blob.bytes).ok()?;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, line) in all.split_inclusive('\n').enumerate() {
        if line.trim() == text.raw() {
            let indent = line.len() - line.trim_start().len();
            let (start, end) = (start + indent, start + line.trim_end().len());
            found.push(SourceSpan { file: place.file.clone(), line: at + 1, column: indent + 1, start, end });
        }
        start += line.len();
    }
    if found.len() == 1 { found.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a password in a plan that a pull request shows; the line of a file that is another.
    #[test]
    fn t38_the_first_line_that_differs_is_told_and_no_credential() {
        let shown = |key: &str, before: Option<&str>, after: Option<&str>| {
            let (before, after) = told(key, before, after);
            let text = |value: Option<Untrusted>| value.map_or("-".to_owned(), |value| value.raw().to_owned());
            format!("{} → {}", text(before), text(after))
        };
        for (key, before, after, expected) in [
            ("size", Some("huge"), Some("giant"), "huge → giant"),
            ("size", None, Some("giant"), "- → giant"),
            ("DB_PASSWORD", Some("a"), Some("b"), "(withheld) → (withheld)"),
            ("app.conf", Some("a=1\nb=2\n"), Some("a=1\nb=3\n"), "b=2 → b=3"),
            ("app.conf", Some("a: 1\npassword: x"), Some("a: 1\npassword: y"), "(withheld) → (withheld)"),
            ("app.json", Some("{\n \"api_key\": 1}"), Some("{\n \"api_key\": 2}"), "(withheld) → (withheld)"),
            ("app.conf", Some("a=1"), Some("a=1\nb=2"), " → b=2"),
        ] {
            assert_eq!(shown(key, before, after), expected, "{key}");
        }
    }
}

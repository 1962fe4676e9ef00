//! Which values of `ConfigMap`s a change makes others: of a generated one, the plan itself shows nothing but another name (X1).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::blueprint::{Catalog, Companion, Manifest};
use crate::credential::{WITHHELD, key_holds, lines_that_hold};
use crate::model::{Digest, FieldPath, File, Files, Name, ObjectRef, RepoPath, SourceSpan, Untrusted};
use crate::propose::generated_name;
use crate::render::count;
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
    /// How many further lines of the value differ; none: no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<usize>,
    /// The line that makes it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SourceSpan>,
}

/// A change, the rendering that its line is looked for in, and the whole of the line that is told.
type Untraced = (ConfigChange, Option<RepoPath>, Option<String>);

/// What differs, and what has to be traced before it can be told where it stands.
#[derive(Debug, Default)]
pub struct ConfigChanges {
    changes: Vec<Untraced>,
}

impl ConfigChanges {
    /// Compares what the blueprints of a plan read before and after.
    pub fn of(plan: &Plan, before: &Catalog, after: &Catalog) -> Self {
        let mut changes = Vec::new();
        for name in plan.blueprints.iter().map(|part| &part.name) {
            let (then, now) = (maps(plan, before, name), maps(plan, after, name));
            let gone: Vec<&Companion<'_>> =
                then.iter().filter(|(stem, _)| !now.contains_key(*stem)).flat_map(|(_, all)| all).collect();
            for (stem, new) in now.iter().flat_map(|(stem, all)| all.iter().map(move |one| (stem, one))) {
                // Several of one stem: what one of them held before is no change, and an object of the same name is the one it was.
                let olds = then.get(stem).map(Vec::as_slice).unwrap_or_default();
                if olds.iter().any(|old| data(old.manifest) == data(new.manifest)) {
                    continue;
                }
                let same = olds.iter().find(|old| old.object == new.object);
                let old = same.or(olds.first());
                // A workload that comes with the change has no value that becomes another.
                if old.is_none() && !before_had(before, plan, name) {
                    continue;
                }
                // Whichever blueprint it was counted for: of what several read, that is the first by name of those that are left.
                let there = || before.delivered(&plan.environment).find(|map| new.object.is_declared_by(&map.object));
                let old = old.map(|old| old.manifest).or_else(there);
                let held = old.map(data).unwrap_or_default();
                let holds = data(new.manifest);
                let keys: BTreeSet<&str> = held.keys().chain(holds.keys()).copied().collect();
                for key in keys {
                    // Of a map under a new name, what another one held that goes: a value that moves is the same one.
                    let moved = || gone.iter().find_map(|old| data(old.manifest).get(key).copied());
                    let was = held.get(key).copied().or_else(|| old.is_none().then(moved).flatten());
                    let is = holds.get(key).copied();
                    if was == is {
                        continue;
                    }
                    let Told { before, after, more, line } = match (was, is) {
                        (Some(Held::Bytes(_)), _) | (_, Some(Held::Bytes(_))) => Told {
                            before: was.map(|was| was.brief(key)),
                            after: is.map(|is| is.brief(key)),
                            more: None,
                            line: None,
                        },
                        _ => told(key, was.and_then(Held::text), is.and_then(Held::text)),
                    };
                    let rendered = new.manifest.rendered.then(|| new.manifest.path.clone());
                    let span = (!new.manifest.rendered).then(|| value_span(new.manifest, key)).flatten();
                    let change = ConfigChange {
                        blueprint: name.clone(),
                        object: new.object.clone(),
                        key: key.into(),
                        before,
                        after,
                        more,
                        span,
                    };
                    changes.push((change, rendered.filter(|_| is.is_some()), line));
                }
            }
        }
        Self { changes }
    }

    /// The rendered fields whose lines are to be found.
    pub fn fields(&self, after: &Catalog, environment: &Name) -> BTreeSet<(RepoPath, ObjectRef, FieldPath)> {
        let field = |(change, root, _): &Untraced| {
            let manifest = manifest(after, environment, root.as_ref()?, &change.object)?;
            Some((
                root.clone()?,
                manifest.object.clone(),
                FieldPath::keys([part(manifest, &change.key), change.key.as_str()]),
            ))
        };
        self.changes.iter().filter_map(field).collect()
    }

    /// The changes, with the lines that were found. Of a value of several lines it is the one that differs, in the file that makes it.
    pub fn placed(self, after: &Catalog, files: &Files, environment: &Name) -> Vec<ConfigChange> {
        let place = |(mut change, root, told_line): Untraced| {
            let manifest = root.and_then(|root| manifest(after, environment, &root, &change.object));
            let field = |manifest| FieldPath::keys([part(manifest, &change.key), change.key.as_str()]);
            if let Some(manifest) = manifest
                && let Some(Origin::Line(line)) = after.origin(environment, manifest, &field(manifest))
            {
                let several = manifest.document.root.at(&["data", change.key.as_str()]).and_then(Node::as_str);
                let several = several.is_some_and(|text| text.trim_end().contains('\n'));
                // One line of several may come from elsewhere: the place that was found has to hold it.
                change.span = match &told_line {
                    Some(text) if several => line_of(files, &line.span, text)
                        .or_else(|| holds(files, &line.span, text).then(|| line.span.clone())),
                    None if several => holds(files, &line.span, "\n").then(|| line.span.clone()),
                    _ => Some(line.span.clone()),
                };
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
fn maps<'c>(plan: &Plan, catalog: &'c Catalog, name: &Name) -> BTreeMap<String, Vec<Companion<'c>>> {
    let companions = catalog.companions(&plan.environment, name).compared.into_iter();
    let mut maps: BTreeMap<String, Vec<Companion<'c>>> = BTreeMap::new();
    for map in companions.filter(|companion| companion.object.kind == "ConfigMap") {
        let stem = generated_name(map.manifest).unwrap_or(&map.object.name).to_owned();
        maps.entry(stem).or_default().push(map);
    }
    maps
}

/// Whether a workload was there before the change.
fn before_had(before: &Catalog, plan: &Plan, name: &Name) -> bool {
    let source = before.blueprints.get(name).map(|blueprint| &blueprint.value);
    source.is_some_and(|blueprint| {
        let target = blueprint.object_in(&plan.environment);
        before.manifest(&plan.environment, &blueprint.spec.target.source, &target).is_some()
    })
}

/// A value of a `ConfigMap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held<'a> {
    Text(&'a str),
    /// What is no text, as `binaryData` holds it: in base 64.
    Bytes(&'a str),
}

impl<'a> Held<'a> {
    fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(_) => None,
        }
    }

    /// In a line. Bytes are told by how many there are and by their hash: nobody reads them, and they are another value all the same.
    fn brief(self, key: &str) -> Untrusted {
        match self {
            Self::Text(text) => told(key, None, Some(text)).after.unwrap_or_else(|| Untrusted::new("")),
            Self::Bytes(_) if key_holds(key) => Untrusted::new(WITHHELD),
            Self::Bytes(coded) => {
                let digits = coded.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).count();
                let hash = Digest::of(&coded);
                Untrusted::new(format!("(binary, {}, {})", count(digits * 3 / 4, "byte"), hash.short()))
            }
        }
    }
}

fn data(manifest: &Manifest) -> BTreeMap<&str, Held<'_>> {
    let entries = |part| manifest.document.root.get(part).map(Node::entries).unwrap_or_default().iter();
    let bytes =
        entries("binaryData").filter_map(|entry| Some((entry.key.as_str(), Held::Bytes(entry.value.as_str()?))));
    let texts = entries("data").filter_map(|entry| Some((entry.key.as_str(), Held::Text(entry.value.as_str()?))));
    bytes.chain(texts).collect()
}

/// Where a `ConfigMap` has a key.
fn part(manifest: &Manifest, key: &str) -> &'static str {
    if manifest.document.root.at(&["binaryData", key]).is_some() { "binaryData" } else { "data" }
}

fn value_span(manifest: &Manifest, key: &str) -> Option<SourceSpan> {
    Some(manifest.document.span_of(manifest.document.root.at(&[part(manifest, key), key])?))
}

/// What is told of two values.
struct Told {
    before: Option<Untrusted>,
    after: Option<Untrusted>,
    more: Option<usize>,
    /// The line of the new value that is told, whole; none: it is withheld.
    line: Option<String>,
}

/// The first lines that differ and are no comment, and how many more do. Of what may be a credential only that it is another (T38).
fn told(key: &str, before: Option<&str>, after: Option<&str>) -> Told {
    let lines = |text: Option<&str>| text.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let (was, is) = (lines(before), lines(after));
    let differing: Vec<usize> = (0..was.len().max(is.len())).filter(|at| was.get(*at) != is.get(*at)).collect();
    let says = |at: &&usize| [was.get(**at), is.get(**at)].into_iter().flatten().any(|line| !is_comment(line));
    let held = [before, after].map(|text| lines_that_hold(text.unwrap_or_default()));
    let named = key_holds(key);
    let withheld = |at: usize| named || held.iter().any(|lines| lines.get(at) == Some(&true));
    // What can be shown first: beside a new password another change would pass unseen.
    let shown = differing.iter().filter(says).find(|at| !withheld(**at));
    let first = shown.or(differing.iter().find(says)).or(differing.first()).copied().unwrap_or(0);
    let hidden = withheld(first);
    let at = |lines: &[String]| lines.get(first).cloned().unwrap_or_default();
    let blanks = at(&was).trim() == at(&is).trim() && before.is_some() && after.is_some();
    let line = |text: Option<&str>, lines: &'_ [String]| -> Option<String> {
        // Where blanks are all that differs, they are what is told: `admin: true` two columns further in is another's.
        text.map(|_| if blanks { with_blanks(&at(lines), text) } else { at(lines).trim().to_owned() })
    };
    let (old, new) = (line(before, &was), line(after, &is));
    let skipped = common(old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default());
    let show = |line: &Option<String>| {
        let line = line.as_ref()?;
        Some(Untrusted::new(if hidden { WITHHELD.to_owned() } else { excerpt(line, skipped) }))
    };
    Told {
        before: show(&old),
        after: show(&new),
        more: differing.len().checked_sub(2).map(|more| more + 1),
        line: new.filter(|_| !hidden && !blanks),
    }
}

/// A line with its blanks at both ends to be seen, and how the text ends that it is of.
fn with_blanks(line: &str, text: Option<&str>) -> String {
    let (inside, blank) = (line.trim(), |part: &str| "·".repeat(part.chars().count()));
    let (before, after) = line.split_once(inside).filter(|_| !inside.is_empty()).unwrap_or((line, ""));
    let crlf = text.is_some_and(|text| text.contains('\r'));
    let ends = match text.is_some_and(|text| text.ends_with('\n')) {
        _ if crlf => " (lines end with CR LF)",
        true => " (with a line end)",
        false => " (without a line end)",
    };
    format!("{}{inside}{}{ends}", blank(before), blank(after))
}

/// How many characters of two lines are left out before what differs: none where both are short.
fn common(one: &str, other: &str) -> usize {
    if one.chars().count().max(other.chars().count()) <= MOST {
        return 0;
    }
    let alike = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    // Some of what stands before it says what it is about.
    alike.saturating_sub(MOST / 3)
}

/// A line from a character on, with a mark where something is left out.
fn excerpt(line: &str, skipped: usize) -> String {
    let mut rest = line.chars().skip(skipped);
    let shown: String = rest.by_ref().take(MOST).collect();
    let (before, after) = (if skipped > 0 { "…" } else { "" }, if rest.next().is_some() { "…" } else { "" });
    format!("{before}{shown}{after}")
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || ["#", "//", ";"].iter().any(|mark| line.starts_with(mark))
}

/// Whether a text stands within a place.
fn holds(files: &Files, place: &SourceSpan, text: &str) -> bool {
    let Some(File::Blob(blob)) = RepoPath::new(place.file.as_str()).ok().and_then(|path| files.get(&path)) else {
        return false;
    };
    let part = blob.bytes.get(place.start..place.end).and_then(|bytes| std::str::from_utf8(bytes).ok());
    part.is_some_and(|part| part.contains(text))
}

/// The one line of the file of a place that says this.
fn line_of(files: &Files, place: &SourceSpan, text: &str) -> Option<SourceSpan> {
    let File::Blob(blob) = files.get(&RepoPath::new(place.file.as_str()).ok()?)? else { return None };
    let all = std::str::from_utf8(&blob.bytes).ok()?;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, line) in all.split_inclusive('\n').enumerate() {
        if line.trim() == text {
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
    /// Would miss: another address behind the eightieth character of a line.
    #[test]
    fn x01_what_differs_is_told_wherever_it_stands() {
        let long = |address: &str| {
            format!("{} -Dupstream=http://{address}.example -Dend={}", "-Dx=1".repeat(30), "z".repeat(90))
        };
        let Told { before, after, .. } = told("JAVA_OPTS", Some(&long("good")), Some(&long("evil")));
        let (before, after) = (before.unwrap(), after.unwrap());
        assert!(
            before.raw().starts_with('…')
                && before.raw().contains("http://good.example")
                && before.raw().ends_with('…'),
            "{before:?}"
        );
        assert!(after.raw().contains("http://evil.example"), "{after:?}");
        let Told { before, after, .. } = told("X", Some("short"), None);
        assert_eq!((before.unwrap().raw(), after), ("short", None));
    }

    #[test]
    fn t38_the_first_line_that_differs_is_told_and_no_credential() {
        let shown = |key: &str, before: Option<&str>, after: Option<&str>| {
            let Told { before, after, more, .. } = told(key, before, after);
            let text = |value: Option<Untrusted>| value.map_or("-".to_owned(), |value| value.raw().to_owned());
            let more = more.map_or_else(String::new, |more| format!(" +{more}"));
            format!("{} → {}{more}", text(before), text(after))
        };
        for (key, before, after, expected) in [
            ("size", Some("huge"), Some("giant"), "huge → giant"),
            ("size", None, Some("giant"), "- → giant"),
            // Would miss: a value that reads the same before and after, and is another.
            (
                "roles",
                Some("a:\n  b: 1\n"),
                Some("a:\n    b: 1\n"),
                "··b: 1 (with a line end) → ····b: 1 (with a line end)",
            ),
            ("x", Some("x"), Some("x "), "x (without a line end) → x· (without a line end)"),
            ("x", Some("a"), Some("a\n"), "a (without a line end) → a (with a line end)"),
            ("x", Some("a\nb"), Some("a\r\nb"), "a (without a line end) → a (lines end with CR LF)"),
            ("DB_PASSWORD", Some("a"), Some("b"), "(withheld) → (withheld)"),
            ("app.conf", Some("a=1\nb=2\n"), Some("a=1\nb=3\n"), "b=2 → b=3"),
            ("app.conf", Some("a: 1\npassword: x"), Some("a: 1\npassword: y"), "(withheld) → (withheld)"),
            ("app.json", Some("{\n \"api_key\": 1}"), Some("{\n \"api_key\": 2}"), "(withheld) → (withheld)"),
            ("app.conf", Some("a=1"), Some("a=1\nb=2"), " → b=2"),
            // Decoys: a comment or a password that changes above what is meant.
            (
                "app.conf",
                Some("password=one\n# old\nup=good"),
                Some("password=two\n# new\nup=evil"),
                "up=good → up=evil +2",
            ),
            ("app.conf", Some("password=one\n# old"), Some("password=two\n# new"), "(withheld) → (withheld) +1"),
            ("app.conf", Some("# old\nmax=1\nup=a"), Some("# new\nmax=1\nup=b"), "up=a → up=b +1"),
            (
                "DATABASE_URL",
                Some("postgres://app:one@db/app"),
                Some("postgres://app:two@db/app"),
                "(withheld) → (withheld)",
            ),
            ("URL", Some("http://good/a:b@c"), Some("http://evil/a:b@c"), "http://good/a:b@c → http://evil/a:b@c"),
            ("tls", Some("-----BEGIN KEY-----\nold"), Some("-----BEGIN KEY-----\nnew"), "(withheld) → (withheld)"),
            ("tls.pem", Some("old"), Some("new"), "(withheld) → (withheld)"),
            (
                "app.yaml",
                Some("db:\n  password:\n    old"),
                Some("db:\n  password:\n    new"),
                "(withheld) → (withheld)",
            ),
            ("app.yaml", Some("secrets:\n  - name: old"), Some("secrets:\n  - name: new"), "(withheld) → (withheld)"),
            ("app.yaml", Some("db:\n  host: old"), Some("db:\n  host: new"), "host: old → host: new"),
        ] {
            assert_eq!(shown(key, before, after), expected, "{key}");
        }
    }
}

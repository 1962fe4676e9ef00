//! What a chart gives otherwise each time (X9): by chance, by the clock, by an order that is none.
//!
//! Two renderings that are alike prove little: a clock stands still for a second, and a map of two keys mostly comes in the same order. So a
//! chart is rendered again as it would be at another time: under another clock, its maps' keys the other way round.

use std::ops::Range;
use std::sync::Arc;

use super::{Mutation, Rendering};
use crate::blueprint::{Manifest, is_yaml};
use crate::model::{FieldPath, File, Files, RepoPath};

/// Functions of templates that give something else each time, though two renderings need not show it: what stands for the name, and what
/// follows the command, in the first variant and in the second.
struct Varying {
    name: &'static str,
    instead: Option<&'static str>,
    then: [&'static str; 2],
}

/// A date is one of today where it is given none, or a text: so all of them are taken for another day's.
const DATED: [&str; 2] = [" | printf `9%v`"; 2];

const VARYING: [Varying; 11] = [
    Varying { name: "now", instead: Some("(toDate `2006-01-02` `2001-02-03`)"), then: ["", ""] },
    Varying { name: "ago", instead: Some("print `years`"), then: ["", ""] },
    Varying { name: "date", instead: None, then: DATED },
    Varying { name: "dateInZone", instead: None, then: DATED },
    Varying { name: "date_in_zone", instead: None, then: DATED },
    Varying { name: "htmlDate", instead: None, then: DATED },
    Varying { name: "htmlDateInZone", instead: None, then: DATED },
    Varying { name: "durationRound", instead: None, then: DATED },
    Varying { name: "keys", instead: None, then: [" | sortAlpha", " | sortAlpha | reverse"] },
    Varying { name: "values", instead: None, then: ["", " | reverse"] },
    Varying { name: "randInt", instead: None, then: [" | add 1000003", " | add 2000003"] },
];

/// What stands around the template that `tpl` is given: it may be put together only while it runs. In its actions, clocks are another time's then,
/// and templates that are put together in turn are not run. No quotes and no backslashes: it may stand in a text of YAML.
const COMPUTED: [&str; 2] = [
    "(regexReplaceAll `([{][{](?:(?:[^}]|[}][^}])*?[^A-Za-z0-9_.$])?)(?:(?:ago|date|dateInZone|date_in_zone|htmlDate|htmlDateInZone|durationRound)\
     ([^A-Za-z0-9_])|tpl([ ]*[(]))` \
     (regexReplaceAll `([{][{](?:(?:[^}]|[}][^}])*?[^A-Za-z0-9_.$])?)now([^A-Za-z0-9_])` ",
    " `${1}(0)${2}`) `${1}print${2}${3}`)",
];

/// The same files as they might render another time, each to be rendered in a zone of time far from here: a chart that gives the same for all
/// of them is taken to give it always. One at least: chance shows in that alone.
pub fn variants(files: &Files) -> [Option<Mutation>; 2] {
    let text = |file: &File| match file {
        File::Blob(blob) => std::str::from_utf8(&blob.bytes).map(ToOwned::to_owned).ok(),
        File::Refused(_) => None,
    };
    let calls_tpl =
        |text: &str| text.contains("tpl") && calls(text).into_iter().any(|call| text.get(call.name) == Some("tpl"));
    let anything =
        files.0.iter().any(|(path, file)| may_be_template(path) && text(file).is_some_and(|t| calls_tpl(&t)));
    let variant = |which: usize| {
        let changed = files.0.iter().filter_map(|(path, file)| {
            let text = text(file).filter(|_| anything || may_be_template(path))?;
            Some((path.clone(), otherwise(&text, which)?.into_bytes().into()))
        });
        Mutation { files: changed.collect(), far_away: true, ..Mutation::default() }
    };
    let (first, second) = (variant(0), variant(1));
    let second = (first.files != second.files).then_some(second);
    [Some(first), second]
}

/// Templates, and what a chart mostly takes for one with `tpl`; where it calls that, any file may be one.
fn may_be_template(path: &RepoPath) -> bool {
    is_yaml(path) || path.as_str().split('/').any(|part| part == "templates")
}

/// A template that gives what it might another time; `None`: it calls nothing that varies unseen.
fn otherwise(text: &str, which: usize) -> Option<String> {
    let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
    for call in calls(text) {
        if text.get(call.name.clone()) == Some("tpl")
            && let Some(template) = operand(text, call.name.end)
        {
            edits.push((template.start..template.start, COMPUTED[0]));
            edits.push((template.end..template.end, COMPUTED[1]));
        }
        let Some(varying) = VARYING.iter().find(|varying| text.get(call.name.clone()) == Some(varying.name)) else {
            continue;
        };
        edits.extend(varying.instead.map(|instead| (call.name.clone(), instead)));
        edits.push((call.end..call.end, varying.then[which]));
    }
    // From the last to the first, so that places stay where they are.
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut changed = text.to_owned();
    for (range, instead) in &edits {
        changed.replace_range(range.clone(), instead);
    }
    (changed != text).then_some(changed)
}

/// What a function is given first, behind its name.
fn operand(text: &str, name_end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = name_end + bytes[name_end..].iter().position(|byte| !byte.is_ascii_whitespace())?;
    let mut at = start;
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' | b'`' => at = behind_quote(text, at) - 1,
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b')' | b'|' | b'}' if depth == 0 => break,
            byte if depth == 0 && byte.is_ascii_whitespace() => break,
            _ => {}
        }
        at += 1;
    }
    (at > start && depth == 0 && at <= text.len()).then_some(start..at)
}

/// Where a text in quotes ends that begins here.
fn behind_quote(text: &str, at: usize) -> usize {
    let quote = text.as_bytes()[at];
    let mut escaped = false;
    let inner = text.as_bytes()[at + 1..].iter().position(|other| {
        let ends = *other == quote && !escaped;
        escaped = *other == b'\\' && !escaped && quote != b'`';
        ends
    });
    inner.map_or(text.len(), |inner| at + inner + 2)
}

/// A word in a template's code that is no field and no variable, and where the command that it stands in ends.
#[derive(Debug)]
struct Call {
    name: Range<usize>,
    end: usize,
}

fn calls(text: &str) -> Vec<Call> {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.$".contains(&byte) || !byte.is_ascii();
    let find = |from: usize, what: &str| text.get(from..).and_then(|rest| rest.find(what)).map(|found| from + found);
    let mut calls: Vec<Call> = Vec::new();
    let end = |calls: &mut Vec<Call>, which: Vec<usize>, at: usize| {
        let before = text[..at].trim_end();
        for call in which {
            calls[call].end = before.strip_suffix('-').map_or(before, str::trim_end).len();
        }
    };
    let mut at = 0;
    while let Some(open) = find(at, "{{") {
        at = open + 2;
        // The commands that go on, by the brackets that they stand in.
        let mut commands: Vec<Vec<usize>> = vec![Vec::new()];
        while let Some(byte) = bytes.get(at).filter(|_| !bytes[at..].starts_with(b"}}")) {
            match byte {
                b'"' | b'\'' | b'`' => at = behind_quote(text, at),
                b'/' if bytes[at..].starts_with(b"/*") => at = find(at + 2, "*/").map_or(bytes.len(), |end| end + 2),
                b'(' => {
                    commands.push(Vec::new());
                    at += 1;
                }
                b'|' | b')' => {
                    end(&mut calls, commands.pop().unwrap_or_default(), at);
                    if *byte == b'|' || commands.is_empty() {
                        commands.push(Vec::new());
                    }
                    at += 1;
                }
                byte if is_word(*byte) => {
                    let name = at..bytes[at..].iter().position(|b| !is_word(*b)).map_or(bytes.len(), |len| at + len);
                    at = name.end;
                    // What is called, without the fields of what it gives: `now` of `now.Unix`.
                    let called = text[name.clone()].find('.').map_or(name.end, |dot| name.start + dot);
                    let name = name.start..called;
                    if !matches!(byte, b'.' | b'$') {
                        if let Some(command) = commands.last_mut() {
                            command.push(calls.len());
                        }
                        calls.push(Call { end: at, name });
                    }
                }
                _ => at += 1,
            }
        }
        end(&mut calls, commands.concat(), at);
    }
    calls
}

/// Whether a chart holds what may give another value each time, though no variant need show it: a clock, an order that is none, templates
/// that values or archives bring along.
fn may_vary(files: &Files) -> bool {
    const EXACT: [&str; 9] = ["htpasswd", "bcrypt", "uuidv4", "shuffle", "now", "ago", "keys", "values", "tpl"];
    const BEGINNINGS: [&str; 7] = ["rand", "genCA", "genS", "genPrivateKey", "encrypt", "date", "htmlDate"];
    let varies = |word: &str| EXACT.contains(&word) || BEGINNINGS.iter().any(|beginning| word.starts_with(beginning));
    in_templates(files, |text| calls(text).into_iter().any(|call| text.get(call.name).is_some_and(varies)))
}

/// Whether a chart asks what only the cluster and its history know, and is answered otherwise here: a change of its values may do more there
/// than is seen here. Any mention counts, wherever it stands.
pub(super) fn asks_the_cluster(files: &Files) -> bool {
    const ASKED: [&str; 5] = ["Capabilities", "lookup", "IsUpgrade", "IsInstall", "Revision"];
    in_templates(files, |text| ASKED.iter().any(|asked| text.contains(asked)))
}

/// Whether any template says something; of one in an archive it is not known, which is a yes.
fn in_templates(files: &Files, says: impl Fn(&str) -> bool) -> bool {
    files.0.iter().any(|(path, file)| {
        let File::Blob(blob) = file else { return false };
        if path.file_name().strip_suffix(".tgz").is_some() {
            return true;
        }
        path.as_str().split('/').any(|part| part == "templates") && says(&String::from_utf8_lossy(&blob.bytes))
    })
}

impl Rendering {
    /// Notes which fields a variant of the same files gave otherwise: all of them, where it gave nothing.
    #[must_use]
    pub fn beside(mut self, variant: &Self, files: &Files) -> Self {
        let Ok(first) = &self.outcome else { return self };
        let second = variant.outcome.as_deref().map_or(&[] as &[Manifest], Vec::as_slice);
        let (objects, hooks) = (noted(first, second), noted(&self.hooks, &variant.hooks));
        let varies = objects.iter().chain(&hooks).any(|manifest| !manifest.unstable.is_empty());
        if varies || may_vary(files) {
            self.shown.clear();
        }
        self.alone = !asks_the_cluster(files);
        self.outcome = Ok(Arc::new(objects));
        self.hooks = Arc::new(hooks);
        self
    }
}

/// Objects, with what another rendering gave otherwise.
fn noted(first: &[Manifest], second: &[Manifest]) -> Vec<Manifest> {
    let noted = |manifest: &Manifest| {
        // A whole object that comes and goes, or that the variant could not make.
        let other = second.iter().find(|other| other.object == manifest.object);
        let mut unstable = manifest.unstable.clone();
        match other {
            None => unstable.push(FieldPath::default()),
            Some(other) => {
                let varies = crate::propose::differences(&manifest.document.root, &other.document.root);
                unstable.extend(varies.into_iter().map(|difference| difference.field));
            }
        }
        unstable.sort();
        unstable.dedup();
        Manifest { unstable, ..manifest.clone() }
    };
    first.iter().map(noted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a function whose order or clock stays as it was, and a word in a text, a comment or a name that is taken for one.
    #[test]
    fn x09_a_template_is_turned_to_another_time() {
        for (text, first, second) in [
            (
                "a: {{ now | date \"15\" }}",
                "a: {{ (toDate `2006-01-02` `2001-02-03`) | date \"15\" | printf `9%v` }}",
                None,
            ),
            (
                "{{- if (dateInZone \"2\" \"\" \"UTC\") }}",
                "{{- if (dateInZone \"2\" \"\" \"UTC\" | printf `9%v`) }}",
                None,
            ),
            // In a file of values, quotes would end the text.
            ("a: {{ now.Unix }}", "a: {{ (toDate `2006-01-02` `2001-02-03`).Unix }}", None),
            ("a: {{ ago 1700000000 }}", "a: {{ print `years` 1700000000 }}", None),
            ("a: \"{{ now | unixEpoch }}\"", "a: \"{{ (toDate `2006-01-02` `2001-02-03`) | unixEpoch }}\"", None),
            (
                "{{- range (keys .Values.m) -}}",
                "{{- range (keys .Values.m | sortAlpha) -}}",
                Some("{{- range (keys .Values.m | sortAlpha | reverse) -}}"),
            ),
            (
                "{{ $k := keys .m (dict \"a)\" 1) -}}",
                "{{ $k := keys .m (dict \"a)\" 1) | sortAlpha -}}",
                Some("{{ $k := keys .m (dict \"a)\" 1) | sortAlpha | reverse -}}"),
            ),
        ] {
            assert_eq!(otherwise(text, 0).as_deref(), Some(first));
            assert_eq!(otherwise(text, 1).as_deref(), Some(second.unwrap_or(first)));
        }
        for (text, template) in
            [("tpl (a \") }}\" | b) $", "(a \") }}\" | b)"), ("tpl .a .", ".a"), ("tpl `x y` .", "`x y`")]
        {
            let [before, after] = COMPUTED;
            let expected = format!("{{{{ {} }}}}", text.replacen(template, &format!("{before}{template}{after}"), 1));
            assert_eq!(otherwise(&format!("{{{{ {text} }}}}"), 0), Some(expected));
        }
        assert!(!COMPUTED.concat().contains(['"', '\'', '\\']));
        for same in ["now keys", "{{ .Values.keys }} {{ $now }} {{ \"\\\" now\" }} {{/* now */}} {{ `now` }}"] {
            assert_eq!(otherwise(same, 0), None, "{same}");
        }
    }

    /// Would miss: a template that a chart reads from a file of another name; one of a file that no chart runs, as a dashboard's.
    #[test]
    fn x09_any_file_may_be_a_template_where_a_chart_runs_texts() {
        use super::super::tests::files;
        let changed = |template: &str| {
            let all = files(&[("c/templates/a.yaml", template), ("c/seed", "{{ now }}")]);
            let [first, _] = variants(&all);
            first.unwrap().files.keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(changed("{{ tpl (.Files.Get \"seed\") . }}"), ["c/seed", "c/templates/a.yaml"]);
        assert_eq!(changed("{{ .Files.Get \"seed\" }}"), Vec::<String>::new());
    }
}

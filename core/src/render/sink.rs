//! One sink per medium: the only ways for outside text to be shown (T7, T8, T10, T11).

use crate::model::Untrusted;

/// Longest outside text that is shown; the rest is cut and said.
const LONGEST: usize = 300;

/// For a terminal: control characters, escape sequences, bidirectional and invisible marks are written as `\u{…}`; one line.
pub fn terminal(text: &Untrusted) -> String {
    escape(text.raw(), |_| false)
}

/// For Markdown on a forge: a code span, in which no HTML, link, image, mention or reference is live; `|` is safe in tables.
pub fn markdown(text: &Untrusted) -> String {
    let inner = escape(text.raw(), |_| false);
    // A code span ends at a run of as many backticks as began it: use one more than the longest run inside.
    let fence = "`".repeat(longest_run(&inner) + 1);
    // Forges' table parsers split at a bar even inside a code span; the HTML-free way that all of them read is a look-alike escape.
    let inner = inner.replace('|', "\\u{7c}");
    let pad = if inner.starts_with('`') || inner.ends_with('`') || inner.is_empty() { " " } else { "" };
    format!("{fence}{pad}{inner}{pad}{fence}")
}

/// The longest run of backticks: what fences it in has to be longer.
pub fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// For Markdown on a forge: a sentence of which neither Markdown nor a forge makes anything stays as it is, and all else becomes a code span.
pub fn prose(text: &Untrusted) -> String {
    let raw = text.raw();
    if raw.is_empty() || (raw.chars().count() <= LONGEST && is_inert(raw)) { raw.to_owned() } else { markdown(text) }
}

/// For a chat by a Slack-compatible webhook: a plain sentence stays as it is, and all else becomes a code span.
pub fn slack(text: &Untrusted) -> String {
    let raw = text.raw();
    if raw.is_empty() || (raw.chars().count() <= LONGEST && is_inert(raw)) { raw.to_owned() } else { slack_code(text) }
}

/// The same, always as a code span: Slack's three signs are written as entities, so that nothing in it is a mention (`<!channel>`) or a link,
/// and what other chats make a mention of (`@all`) is none either.
pub fn slack_code(text: &Untrusted) -> String {
    let inner = escape(text.raw(), |c| matches!(c, '@' | '`'));
    format!("`{}`", inner.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// Letters, digits and the signs of plain sentences, where they do not come together to an address, emphasis, an emoji or a reference.
fn is_inert(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || " .,:;()'\"=%+-/_→·…—≥≤".contains(c);
    let lower = text.to_ascii_lowercase();
    let issue = |at: usize| lower[at..].starts_with(|c: char| c.is_ascii_digit());
    let live = ["//", "www.", ":100:", ":1234:"].iter().any(|live| lower.contains(live))
        || lower.match_indices("gh-").any(|(at, found)| issue(at + found.len()));
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let next = rest.chars().next().unwrap_or(' ');
        let fits = match c {
            // Emphasis does not begin or end inside a word.
            '_' => before.is_ascii_alphanumeric() && next.is_ascii_alphanumeric(),
            // `:smile:`; times have digits on both sides.
            ':' => {
                let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_+-".contains(c));
                (before.is_ascii_digit() && next.is_ascii_digit()) || name.len() == rest.len() || !name.starts_with(':')
            }
            _ => good(c),
        };
        if !fits {
            return false;
        }
        before = c;
    }
    // At the beginning of a line a list, a heading or a rule could begin: `1.` and `1)` do, `1 field` does not.
    let unnumbered = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let begins = unnumbered.starts_with(|c: char| c.is_ascii_alphabetic() || "\"( ".contains(c));
    !live && begins && !text.starts_with(' ')
}

/// For a commit message or another plain text that a forge turns into a page: one line, no mention, no reference, no trailer.
pub fn commit(text: &Untrusted) -> String {
    escape(text.raw(), |c| matches!(c, '@' | '#' | '!' | '<' | '>' | '[' | ']' | '(' | ')' | '`'))
}

/// A whole page of bpctl's own words, as the last filter before a terminal: whatever slipped through is written as `\u{…}`; line ends
/// and tabs stay.
pub fn page(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) && c != '\n' && c != '\t' {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A JSON text, made to be shown: what a terminal obeys or a reader does not see is escaped as JSON knows it. JSON itself escapes
/// the C0 characters only; every other one stands inside a string, so that its escape means the same.
pub fn json(text: &str) -> String {
    use std::fmt::Write as _;
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// For a commit's first line: as for the rest of its message, but round brackets stay; they mean nothing alone.
pub fn commit_title(text: &Untrusted) -> String {
    commit(text).replace("\\u{28}", "(").replace("\\u{29}", ")")
}

/// For a line of a CI log: as for a terminal, and never a workflow command.
pub fn workflow(text: &Untrusted) -> String {
    escape(text.raw(), |c| matches!(c, ':' | '#' | '%'))
}

/// For the message of a workflow command (`::error …::MESSAGE`): one line, in which no `%` begins an escape of its own.
pub fn workflow_message(text: &Untrusted) -> String {
    terminal(text).replace('%', "%25")
}

/// For a property of a workflow command (`::error title=PROPERTY::…`): neither ends the property nor the list of them.
pub fn workflow_property(text: &Untrusted) -> String {
    workflow_message(text).replace(':', "%3A").replace(',', "%2C")
}

/// For the text of an XML document, before the writer of XML escapes it: no character that XML 1.0 cannot hold.
pub fn xml(text: &Untrusted) -> String {
    escape(text.raw(), |c| matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn escape(text: &str, also: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (position, c) in text.chars().enumerate() {
        if position == LONGEST {
            shown.push_str("… (cut)");
            break;
        }
        if hidden(c) || also(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Characters that a reader does not see, or that change what is seen around them.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<img src=x onerror=alert(1)>[a](http://evil.test)![b](http://evil.test) @team #12 `x` ``y`` a|b\n::add-mask::x\u{1b}[31m\u{202e}";

    /// T7: what stands in a code span is not live; the span cannot be left from inside.
    #[test]
    fn t07_markdown_from_outside_stays_inside_its_code_span() {
        let shown = markdown(&Untrusted::new(HOSTILE));
        let fence: String = shown.chars().take_while(|c| *c == '`').collect();
        let inner = shown.strip_prefix(&fence).and_then(|rest| rest.strip_suffix(&fence)).expect("one span");
        assert!(!inner.contains(&fence), "{shown}");
        assert!(!inner.contains(['\n', '|']), "{shown}");
    }

    /// Would miss: something that a forge makes more of than text, and a plain sentence that is made to look like code.
    #[test]
    fn t07_t08_a_sentence_is_text_or_a_code_span() {
        let prose = |text: &str| prose(&Untrusted::new(text));
        for plain in [
            "CPU 85.4% of request over 5m, above 80% (171m of 200m used by 2 ready pods)",
            "scaling.min_replicas = 2, max_replicas = 5",
            "until 2026-11-21T14:03:05Z: high-water cooldown",
            "2 of 7 workloads could not be compared: api, cart",
            "replicas 2 → 3",
            "image frontend:1.5.0 → frontend:1.4.0",
            "",
        ] {
            assert_eq!(prose(plain), plain);
        }
        for live in [
            HOSTILE,
            "@team",
            "a@b.test",
            "see #12",
            "fixes GH-12",
            "!12",
            "http://evil.test",
            "www.evil.test",
            "*bold*",
            "_em_",
            "a_ b_",
            "<b>",
            "&lt;",
            "[x](y)",
            ":tada:",
            "a:100:b",
            "~~x~~",
            "$x$",
            "a|b",
            "a\nb",
            "- item",
            "1. item",
            "1) item",
            "# head",
            " x",
            "back\\slash",
            "\u{202e}x",
            "`",
        ] {
            assert!(prose(live).starts_with('`') && prose(live).ends_with('`'), "{live:?}: {:?}", prose(live));
        }
        assert!(prose(&"x".repeat(70_000)).chars().count() < 400);
    }

    /// T8
    #[test]
    fn t08_no_mention_and_no_reference_is_live_in_a_commit_message() {
        let shown = commit(&Untrusted::new("ping @team, fixes #12, see !3\n\nApproved-by: root"));
        assert!(!shown.contains(['@', '#', '!', '\n']), "{shown}");
    }

    /// T10
    #[test]
    fn t10_no_escape_sequence_and_no_bidi_mark_reaches_the_terminal() {
        let shown = terminal(&Untrusted::new("a\u{1b}]8;;http://evil.test\u{7}b\r\u{202e}c\u{200b}d\u{9b}31m"));
        assert!(shown.chars().all(|c| !hidden(c)), "{shown:?}");
        assert!(shown.contains("\\u{1b}") && shown.contains("\\u{202e}"), "{shown}");
    }

    /// T11
    #[test]
    fn t11_no_workflow_command_survives() {
        let shown = workflow(&Untrusted::new("\n::stop-commands::x ##[error]y %0A"));
        assert!(
            !shown.contains("::") && !shown.contains("##") && !shown.contains('\n') && !shown.contains('%'),
            "{shown}"
        );
    }

    /// T10
    #[test]
    fn t10_json_is_shown_without_hidden_characters_and_means_the_same() {
        let value = serde_json::json!({"k": HOSTILE, "tag": "\u{9b}2J\u{200b}\u{e0041}\u{1d173}"});
        let shown = json(&serde_json::to_string_pretty(&value).expect("JSON"));
        assert!(shown.chars().all(|c| c == '\n' || !hidden(c)), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }

    /// T11
    #[test]
    fn t11_a_workflow_command_cannot_be_left_from_its_parts() {
        let hostile = "x,line=1::error::y\r\n::stop-commands::z %0A%3A\u{1b}[31m";
        let message = workflow_message(&Untrusted::new(hostile));
        assert!(!message.contains(['\n', '\r', '\u{1b}']) && message.contains("%250A%253A"), "{message}");
        let property = workflow_property(&Untrusted::new(hostile));
        assert!(!property.contains([',', ':', '\n', '\r']) && property.contains("x%2Cline=1%3A%3Aerror"), "{property}");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let shown = terminal(&Untrusted::new("x".repeat(1000)));
        assert!(shown.ends_with("… (cut)") && shown.len() < 400);
    }
}

//! An alert in words: the issue's title and page, and the line of a chat. An issue is found again by its first line, and what it is about is
//! its second; whose it is is told by the account, never by what it says (T9).

use std::fmt::Write as _;

use super::Alert;
use crate::credential;
use crate::model::{Digest, Name, Untrusted};
use crate::render::sink;

/// What an issue of bpctl's says that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// This occurrence.
    This(Digest),
    /// Its cause is gone: bpctl itself closed it.
    Over,
}

const OVER: &str = "<!-- bpctl:over -->";
const ABOUT: &str = "<!-- bpctl:about:";
const END: &str = " -->";

/// How the first line of all of an environment's alerts begins. A name holds no colon.
pub fn marker(environment: &Name) -> String {
    format!("<!-- bpctl:alert:{environment}:")
}

/// The key in an issue's first line.
pub fn key_of(environment: &Name, body: &str) -> Option<String> {
    let first = body.lines().next()?.trim_end();
    Some(first.strip_prefix(&marker(environment))?.strip_suffix(END)?.to_owned())
}

/// What an issue is about, by its second line; `None`: somebody changed that.
pub fn about(body: &str) -> Option<About> {
    let second = body.lines().nth(1)?.trim_end();
    if second == OVER {
        return Some(About::Over);
    }
    let digest = second.strip_prefix(ABOUT)?.strip_suffix(END)?;
    serde_json::from_value(serde_json::Value::String(digest.to_owned())).ok().map(About::This)
}

/// The issue's title: bpctl's own words, and names, which hold nothing that a forge makes more of.
pub fn title(environment: &Name, alert: &Alert) -> String {
    match &alert.of {
        Some(of) => format!("bpctl {environment}/{of}: {}", alert.cause.words()),
        None => format!("bpctl {environment}: {}", alert.cause.words()),
    }
}

/// The issue's page.
pub fn body(environment: &Name, alert: &Alert, over: bool) -> String {
    let prose = |text: &str| sink::prose(&Untrusted::new(text));
    let mut out = format!("{}{}{END}\n", marker(environment), alert.key());
    let _ = if over { writeln!(out, "{OVER}") } else { writeln!(out, "{ABOUT}{}{END}", alert.about) };
    let of = alert.of.as_ref().map_or_else(String::new, |of| format!(" of **{of}**"));
    let _ = writeln!(out, "**{}**{of} in {environment}\n", alert.cause.words());
    if over {
        let _ = writeln!(out, "It is over: the last pass did not find it any more. What it was:\n");
    }
    let _ = writeln!(out, "{}", prose(&alert.told));
    if let Some(said) = withheld(alert) {
        let _ = writeln!(out, "\nWhat was said: {}", sink::markdown(&said));
    }
    if let Some(page) = alert.page.as_deref().filter(|page| is_address(page)) {
        let _ = writeln!(out, "\nSee <{page}>");
    }
    if let Some(next) = &alert.next {
        let _ = writeln!(out, "\nNext: {}", prose(next));
    }
    let last = if alert.cause.is_derived() {
        "bpctl closes this issue when its cause is gone. Close it yourself to say that it was seen: it stays closed until something about it changes."
    } else {
        "Close this issue when it was looked at: no pass can tell that for you."
    };
    let _ = write!(out, "\n---\n{last} This is `{}`.", alert.key());
    out
}

/// The line of a chat.
pub fn chat(environment: &Name, alert: &Alert, over: bool) -> String {
    let text = |text: &str| sink::slack(&Untrusted::new(text));
    let of = alert.of.as_ref().map_or_else(String::new, |of| format!("/{of}"));
    let mut line = format!("*bpctl {environment}{of}*: {}", alert.cause.words());
    if over {
        line.push_str(": over");
        return line;
    }
    let _ = write!(line, " — {}", text(&alert.told));
    if let Some(said) = withheld(alert) {
        let _ = write!(line, " — {}", sink::slack_code(&said));
    }
    if let Some(page) = alert.page.as_deref().filter(|page| is_address(page)) {
        let _ = write!(line, " — <{page}>");
    }
    if let Some(next) = &alert.next {
        let _ = write!(line, " — next: {}", text(next));
    }
    line
}

/// What somebody said, unless a credential may stand in it (T38).
fn withheld(alert: &Alert) -> Option<Untrusted> {
    let said = alert.said.as_ref().filter(|said| !said.raw().trim().is_empty())?;
    Some(if credential::text_holds(said.raw()) { Untrusted::new(credential::WITHHELD) } else { said.clone() })
}

/// An address without a sign that would end the link around it.
fn is_address(page: &str) -> bool {
    let web = page.starts_with("https://") || page.starts_with("http://");
    web && page.chars().all(|c| c.is_ascii_graphic() && !"<>|`\"".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Cause;

    const HOSTILE: &str = "<!channel> @everyone <https://evil.test|ok> http://evil.test [x](http://evil.test) `a` # h\n- [ ] *b* &lt; \u{202e}";

    fn alert() -> Alert {
        alert_of(HOSTILE)
    }

    fn alert_of(hostile: &str) -> Alert {
        let web = Name::new("web").expect("a name");
        let said = format!("{hostile} {}", "x".repeat(70_000));
        Alert::new(Cause::OperationRefused, Some(&web), &1, format!("told {hostile}"))
            .said(Some(Untrusted::new(said)))
            .next(Some(hostile.into()))
            .page("https://forge.test/shop/deploy/pulls/7")
    }

    /// T7, T8. Would miss: text of a log that pings a channel, makes a link, or fills the chat.
    #[test]
    fn t07_t08_text_from_outside_is_dead_in_a_chat() {
        let env = Name::new("staging").expect("a name");
        let line = chat(&env, &alert(), false);
        assert!(line.len() < 4_000, "{}", line.len());
        assert_eq!(line.matches('<').count(), 1, "only bpctl's own link: {line}");
        assert!(line.contains("<https://forge.test/shop/deploy/pulls/7>"), "{line}");
        assert!(!line.contains('@') && !line.contains('\n') && !line.contains('\u{202e}'), "{line}");
        // What is left of it stands between backticks: no link and no emphasis there.
        let outside: String = line.split('`').step_by(2).collect();
        assert!(!outside.contains("evil.test") && !outside.contains("*b*"), "{outside}");
    }

    /// T7, T8, Z17. Would miss: the same in an issue, a page longer than a forge takes, and a second first line.
    #[test]
    fn t07_t08_text_from_outside_is_dead_in_an_issue() {
        let env = Name::new("staging").expect("a name");
        // With a backtick the spans have longer fences: that is the sink's own test.
        let page = body(&env, &alert_of(&HOSTILE.replace('`', "'")), false);
        assert!(page.len() < 6_000, "{}", page.len());
        assert_eq!(key_of(&env, &page).as_deref(), Some("operation-refused/web"));
        assert_eq!(about(&page), Some(About::This(alert().about)));
        let outside: String = page.lines().skip(2).flat_map(|line| line.split('`').step_by(2)).collect();
        for live in ["@everyone", "evil.test", "<!channel>", "- [ ]", "*b*"] {
            assert!(!outside.contains(live), "{live}: {outside}");
        }
        assert_eq!(about(&body(&env, &alert(), true)), Some(About::Over));
        assert_eq!(key_of(&Name::new("prod").expect("a name"), &page), None);
    }

    /// T38. Would miss: a credential in what a server said, told to a whole channel.
    #[test]
    fn t38_a_text_that_may_hold_a_credential_is_not_told() {
        let env = Name::new("staging").expect("a name");
        let alert = Alert { said: Some(Untrusted::new("DB_PASSWORD=hunter2hunter2")), ..alert() };
        for text in [chat(&env, &alert, false), body(&env, &alert, false)] {
            assert!(!text.contains("hunter2") && text.contains(credential::WITHHELD), "{text}");
        }
    }
}

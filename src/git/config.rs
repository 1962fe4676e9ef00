//! Reads `remote.*.url` from a repository's config file, and nothing else: no includes, no conditions, no other key.

/// The first `url` of `[remote "name"]` in the text of a Git config file.
pub(super) fn remote_url(text: &str, name: &str) -> Option<String> {
    let mut in_section = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut rest = line.trim_start();
        if let Some(header) = rest.strip_prefix('[') {
            let (section, after) = header_of(header)?;
            in_section = section.as_deref() == Some(name);
            rest = after.trim_start();
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
        let (key, tail) = rest.split_at(end);
        // A value may go on in the next lines; they have to be taken even when the key is not ours.
        let mut value = tail.trim_start().strip_prefix('=').unwrap_or("").trim_start().to_owned();
        while continues(&value) {
            value.pop();
            value.push_str(lines.next().unwrap_or(""));
        }
        if in_section && key.eq_ignore_ascii_case("url") {
            return unquote(&value);
        }
    }
    None
}

/// The name in `remote "name"]`, and what follows the bracket. The name is `None` for any other section.
fn header_of(text: &str) -> Option<(Option<String>, &str)> {
    let end = text.find(|c: char| c == ']' || c.is_whitespace())?;
    let (section, rest) = text.split_at(end);
    if let Some(after) = rest.strip_prefix(']') {
        return Some((None, after));
    }
    let quoted = rest.trim_start().strip_prefix('"')?;
    let mut name = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = quoted[at + 1..].trim_start().strip_prefix(']')?;
                return Some((section.eq_ignore_ascii_case("remote").then_some(name), after));
            }
            '\\' => name.push(chars.next()?.1),
            c => name.push(c),
        }
    }
    None
}

/// Whether the line ends in a backslash that is not itself escaped.
fn continues(value: &str) -> bool {
    value.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// A value without quotes, escapes, comment and trailing space. `None`: malformed.
fn unquote(value: &str) -> Option<String> {
    let (mut out, mut keep, mut quoted) = (String::new(), 0, false);
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                c @ ('"' | '\\') => out.push(c),
                _ => return None,
            },
            c => {
                out.push(c);
                if c.is_whitespace() && !quoted {
                    continue;
                }
            }
        }
        keep = out.len();
    }
    out.truncate(keep);
    (!quoted).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_url_as_git_does() {
        let text = "[core]\n\tbare = false # no\n\tlong = a \\\n[remote \"origin\"]\n\
                    [include]\n path = /dev/zero\n[Remote \"origin\"] ; here\n\tfetch = +refs/*\n\
                    \tURL = \"https://example.com/a;b\" ; comment\n[remote \"q\\\"x\"] url = ssh://h/p  \n";
        assert_eq!(remote_url(text, "origin").as_deref(), Some("https://example.com/a;b"));
        assert_eq!(remote_url(text, "q\"x").as_deref(), Some("ssh://h/p"));
        assert_eq!(remote_url(text, "other"), None);
        assert_eq!(remote_url("[remote \"a\"]\nurl = \"open", "a"), None);
        assert_eq!(remote_url("[remote", "a"), None);
    }
}

//! Which parts of a text may hold a credential (T38): one answer for all that bpctl shows and keeps, that is plans, judgements, comments
//! on pull requests and the ledger.
//!
//! It goes by forms that name what they hold: a name that [`is_credential`] with a value behind it, a password in an address, an
//! `Authorization`, `IDENTIFIED BY`, a key file. What names nothing cannot be told from any other text and is shown. In doubt a value is
//! withheld as a whole, since a part of a password helps to guess it. Each text is passed over once, however long its lines are: whoever
//! writes it may be an attacker.

use serde_json::Value as Json;

use crate::blueprint::is_credential;
use crate::model::{FieldPath, Segment};
use crate::yaml::{self, Kind};

/// What stands for a value that is withheld (T38).
pub const WITHHELD: &str = "(withheld)";

/// Values that say how something is done, or nothing.
const PLAIN: [&str; 15] = [
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "null",
    "nil",
    "none",
    "~",
    "undefined",
    "enabled",
    "disabled",
    "required",
    "optional",
];
/// Ways to prove who one is: `auth: oidc` holds nothing.
const SCHEMES: [&str; 25] = [
    "basic",
    "bearer",
    "digest",
    "token",
    "negotiate",
    "ntlm",
    "oauth",
    "oauth2",
    "oidc",
    "saml",
    "jwt",
    "ldap",
    "mtls",
    "tls",
    "x509",
    "plain",
    "login",
    "cram-md5",
    "scram-sha-256",
    "scram-sha-512",
    "md5",
    "trust",
    "peer",
    "rbac",
    "webhook",
];
/// Where files lie: a place of a key is no key.
const ROOTS: [&str; 14] = [
    "/etc/",
    "/var/",
    "/run/",
    "/opt/",
    "/usr/",
    "/home/",
    "/mnt/",
    "/srv/",
    "/tmp/",
    "/secrets/",
    "/tls/",
    "/certs/",
    "./",
    "~/",
];
/// Parts of names whose numbers are measures: `TOKEN_LIFETIME=3600`.
const MEASURES: [&str; 20] = [
    "max",
    "min",
    "ttl",
    "lifetime",
    "timeout",
    "expiry",
    "expires",
    "expiration",
    "length",
    "size",
    "count",
    "limit",
    "seconds",
    "minutes",
    "hours",
    "days",
    "interval",
    "age",
    "duration",
    "tokens",
];
/// Ends of names that name something else by name or place, as Kubernetes' own fields do: `secretName`, `secretKeyRef`.
const REFERENCES: [&str; 6] = ["name", "names", "ref", "refs", "namespace", "policy"];
/// Ends of words that were joined, as `requirepass`, `rootpw`, `AccountKey`; and words that end so by chance.
const JOINED: [&str; 10] =
    ["pass", "pwd", "pw", "psk", "accesskey", "accountkey", "signingkey", "encryptionkey", "privatekey", "sharedkey"];
const UNJOINED: [&str; 2] = ["bypass", "compass"];
/// How tokens of well-known services begin, each with how many signs are behind that at least.
const TOKENS: [(&str, usize); 18] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xapp-", 16),
    ("hvs.", 16),
    ("AKIA", 16),
    ("eyJ", 30),
    ("hooks.slack.com/services/", 8),
    ("hooks.slack.com/workflows/", 8),
    ("hooks.slack.com/triggers/", 8),
    ("discord.com/api/webhooks/", 8),
    ("discordapp.com/api/webhooks/", 8),
    ("webhook.office.com/webhookb2/", 8),
];
/// Words that go on with a sentence: `the token is renewed`.
const PROSE: [&str; 14] =
    ["is", "are", "was", "of", "for", "and", "or", "to", "in", "with", "has", "not", "must", "from"];
/// Directives that hand a request on.
const HANDED_ON: [&str; 6] = ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

/// Whether the name of a `ConfigMap`'s key or of a file in it says that all of its value may be one (T38).
pub fn key_holds(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let ends = [".pem", ".key", ".p12", ".pfx", ".jks", ".netrc", ".pgpass", ".htpasswd", "_dsn", "-dsn"];
    let names = [
        "kubeconfig",
        "dockerconfigjson",
        "dsn",
        "netrc",
        "pgpass",
        "htpasswd",
        "users.conf",
        "users.txt",
        "userlist.txt",
        "users.acl",
        "id_rsa",
        "id_ecdsa",
        "id_ed25519",
    ];
    is_credential(key, None)
        || ends.iter().any(|end| lower.ends_with(end))
        || names.contains(&lower.trim_start_matches('.'))
}

/// Whether a text may hold a credential, in any line of it (T38).
pub fn text_holds(text: &str) -> bool {
    lines_that_hold(text).contains(&true)
}

/// Which lines of a text may hold one (T38): by what stands in them, or by what they belong to.
pub fn lines_that_hold(text: &str) -> Vec<bool> {
    if text.contains("-----BEGIN") || is_patch_that_holds(text) {
        return text.lines().map(|_| true).collect();
    }
    // What is above a line and less far in, the nearest last: how far in, and whether it names a credential.
    let mut above: Vec<(usize, bool)> = Vec::new();
    let (mut section, mut next, mut quoted) = (false, false, None);
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(mark) = quoted {
            lines.push(true);
            quoted = Some(mark).filter(|mark: &&str| !line.contains(*mark));
            continue;
        }
        if trimmed.is_empty() {
            lines.push(false);
            continue;
        }
        // Doubled, so that an item's dash may stand between what it belongs to and what belongs to it.
        let indent = 2 * (line.len() - line.trim_start().len());
        let item = trimmed.starts_with("- ");
        let depth = if item { indent + 1 } else { indent };
        while above.last().is_some_and(|(over, _)| *over >= depth) {
            above.pop();
        }
        let owned = above.last().is_some_and(|(_, credential)| *credential);
        if let Some(header) = header(trimmed) {
            section = words(header).any(|(start, end)| is_credential(&header[start..end], None));
            lines.push(false);
            (next, above) = (false, Vec::new());
            continue;
        }
        let found = look(line);
        let holds = found.holds || owned || section || next;
        lines.push(holds);
        next = found.next && !next || holds && trimmed.ends_with('\\');
        quoted = found.quoted;
        if let Some(depth_of_name) = found.names_next(depth, item, indent) {
            above.push((depth_of_name, true));
        } else if found.below || owned || is_named(trimmed) {
            above.push((depth, owned || found.below));
        }
    }
    lines
}

/// Whether a text is a patch, or of a Secret, or holds such a text, and brings one: its names stand in paths, and may stand behind the values.
fn is_patch_that_holds(text: &str) -> bool {
    let says = |key: &str| text.contains(key);
    let of_secret = says("Secret") && (says("data") || says("Data"));
    if !(of_secret || says("path") && says("value") && says_op(text)) {
        return false;
    }
    match yaml::parse("patch", text.as_bytes(), Kind::Manifest) {
        Ok(documents) => documents.iter().any(|document| brings(&document.root.to_json())),
        // Whoever takes it all the same may take a name in it.
        Err(_) => {
            of_secret || text.split(|sign: char| sign.is_whitespace() || "/\"',[]{}".contains(sign)).any(is_step_name)
        }
    }
}

/// Whether a text has the key of a patch's operations: not `stop:`, which configuration says.
fn says_op(text: &str) -> bool {
    text.match_indices("op").any(|(at, _)| {
        let behind = text[at + 2..].trim_start_matches(['\\', '"', '\'', ' ', '\t']);
        !text[..at].ends_with(char::is_alphanumeric) && behind.starts_with(':')
    })
}

/// Whether a patch, or an object that is brought with one, brings a credential.
fn brings(patch: &Json) -> bool {
    match patch {
        Json::Array(steps) => steps.iter().any(|step| step.is_object() && value_holds(step) || brings(step)),
        Json::Object(map) => {
            let secret = map.get("kind").and_then(Json::as_str) == Some("Secret");
            secret && ["data", "stringData"].iter().any(|key| map.contains_key(*key))
                || conceals(patch)
                || map.values().any(brings)
        }
        Json::String(text) => is_patch_that_holds(text),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Whether a mapping is a step of a JSON patch that writes to what is named as a credential, or a patch of a Secret: what it brings is one,
/// whatever it is called itself.
pub fn conceals(step: &Json) -> bool {
    let text = |key: &str| step.get(key).and_then(Json::as_str);
    let path = text("path").filter(|path| path.starts_with('/') || step.get("op").is_some());
    let steps = step.get("value").is_some() && path.is_some_and(|path| path.split('/').any(is_step_name));
    let target = step.get("target").and_then(|target| target.get("kind")).and_then(Json::as_str);
    steps || (text("patch").is_some() && target.is_some_and(|kind| kind.contains("Secret")))
}

/// Whether a part of a step's path is named as a credential, or only a Secret has it.
fn is_step_name(part: &str) -> bool {
    let part = part.replace("~1", "/").replace("~0", "~");
    part == "stringData" || (part != "key" && (key_holds(&part) || is_name(&part)))
}

/// Whether a value of an object may hold one (T38): a text of it does, or the name beside it says so.
pub fn value_holds(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
        Json::String(text) => text_holds(text),
        Json::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            // Of a command line a name and its value may be two items.
            let command = texts.iter().any(|text| text.starts_with('-')) && text_holds(&texts.join(" "));
            command || is_login(&texts) || items.iter().any(value_holds)
        }
        Json::Object(map) => {
            let name = map.get("name").and_then(Json::as_str);
            let named = map.get("value").zip(name).is_some_and(|(value, name)| variable_holds(name, Some(value)));
            named || conceals(value) || map.iter().any(|(key, value)| entry_holds(key, value))
        }
    }
}

/// A command line that hands a password over by an option that is something else in all other programs.
fn is_login(items: &[&str]) -> bool {
    let program = |item: &&str| ["redis-cli", "valkey-cli", "keydb-cli"].iter().any(|name| item.ends_with(name));
    let words = || items.iter().flat_map(|item| item.split_whitespace());
    words().any(|word| program(&word)) && words().any(|word| word == "-a")
}

/// Whether a variable of a container may be one: by its name, or by its name and its value as they would stand in a file.
fn variable_holds(name: &str, value: Option<&Json>) -> bool {
    let lower = name.to_ascii_lowercase();
    let text = || Some(format!("{name}: {}", value?.as_str()?));
    is_credential(name, None)
        || lower == "dsn"
        || lower.ends_with("_dsn")
        || text().is_some_and(|text| text_holds(&text))
}

fn entry_holds(key: &str, value: &Json) -> bool {
    if key == "image" {
        return false; // its tag stands behind a colon
    }
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return value_holds(value),
    };
    // Kubernetes' own `key` names one, of a `ConfigMap` or a label.
    let named = key != "key" && is_name(key);
    (named && !is_harmless(key, &text, Way::Sign)) || text_holds(&text)
}

/// Whether the values of an object's field may be credentials (T38): by the object's kind, by names on the way to it, or by a text of
/// theirs, before or after.
pub fn field_holds<'v>(kind: &str, field: &FieldPath, values: impl IntoIterator<Item = Option<&'v Json>>) -> bool {
    let last = match field.0.last() {
        Some(Segment::Key(key)) => Some(key.as_str()),
        _ => None,
    };
    let named = |segment: &Segment| matches!(segment, Segment::Key(key) if key_holds(key));
    let config = kind == "ConfigMap" || field.has_key("annotations");
    if kind == "Secret" || (config && field.0.iter().any(named)) || names_credential(field) {
        return true;
    }
    let variables = field.0.iter().filter(|_| field.has_key("env")).filter_map(|segment| match segment {
        Segment::Item(keys) => keys.iter().find(|(key, _)| key == "name").map(|(_, name)| name.as_str()),
        Segment::Key(_) | Segment::Index(_) => None,
    });
    let variables: Vec<&str> = variables.collect();
    let holds = |value: &Json| {
        let by_itself = || last.map_or_else(|| value_holds(value), |key| entry_holds(key, value));
        variables.iter().any(|name| variable_holds(name, Some(value))) || by_itself()
    };
    values.into_iter().flatten().any(holds)
}

/// Whether a field is the value of a variable that is named as a credential (T38).
pub fn names_credential(field: &FieldPath) -> bool {
    let named = |segment: &Segment| match segment {
        Segment::Item(keys) => keys.iter().any(|(_, name)| variable_holds(name, None)),
        Segment::Key(_) | Segment::Index(_) => false,
    };
    field.has_key("env") && field.0.iter().any(named)
}

/// What was found in a line.
#[derive(Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a thing of its own that a line says, and a line may say several"
)]
struct Found {
    /// It may hold one.
    holds: bool,
    /// It ends with a name whose value is what stands below it, farther in.
    below: bool,
    /// It ends with an option whose value is the next line.
    next: bool,
    /// It begins a text of several lines, which ends with this.
    quoted: Option<&'static str>,
    /// It says `name: DB_PASSWORD`: the value is beside it.
    beside: bool,
}

impl Found {
    /// How far in the line stands whose siblings are its value.
    fn names_next(&self, depth: usize, item: bool, indent: usize) -> Option<usize> {
        self.beside.then_some(if item { depth } else { indent.saturating_sub(1) })
    }
}

/// How a value stands behind its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Behind `=` or `:`, an element's end, or as the next item of a command line.
    Sign,
    /// Behind a space.
    Space,
}

/// The title of a section, of TOML or of an INI file.
fn header(line: &str) -> Option<&str> {
    let title = line.strip_prefix('[')?.strip_suffix(']')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-: \"'[]/".contains(c);
    (!title.is_empty() && title.chars().all(plain)).then_some(title)
}

/// Whether something stands before an `=` or a `:`, so that what is farther in belongs to it.
fn is_named(line: &str) -> bool {
    line.contains(['=', ':'])
}

/// The words of a line that may be names: all else parts them.
fn words(line: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = line.as_bytes();
        let start = at + bytes.get(at..)?.iter().position(is_word)?;
        let end = bytes[start..].iter().position(|byte| !is_word(byte)).map_or(bytes.len(), |length| start + length);
        at = end;
        Some((start, end))
    })
}

/// Whether a word names a credential: as `lint` and the rules have it, or joined together, as `requirepass`.
fn is_name(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let joined = JOINED.iter().any(|end| lower.ends_with(end)) && !UNJOINED.iter().any(|end| lower.ends_with(end));
    let alone = ["hmac", "jwt", "cookie", "sig"].contains(&lower.as_str());
    (joined || alone || is_credential(&lower, None))
        && !REFERENCES.iter().any(|end| lower.ends_with(end))
        && !HANDED_ON.contains(&lower.as_str())
}

/// Whether it names how somebody proves who they are, with what they prove it by: `smtp_auth`, `Authorization`.
fn is_proof(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    lower.ends_with("auth") || lower.ends_with("authorization")
}

/// Whether something stands in a line that is a token wherever it stands.
fn has_token(line: &str) -> bool {
    let long = |rest: &str, least: usize| {
        rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(byte)).count() >= least
    };
    let begins = |at: usize| !line.as_bytes()[..at].last().is_some_and(u8::is_ascii_alphanumeric);
    TOKENS.iter().any(|(prefix, least)| {
        line.match_indices(prefix).any(|(at, _)| begins(at) && long(&line[at + prefix.len()..], *least))
    })
}

fn look(line: &str) -> Found {
    let mut found = Found { holds: has_userinfo(line) || has_statement(line) || has_token(line), ..Found::default() };
    let mut first = None;
    for (start, end) in words(line) {
        let second = first;
        first = first.or(Some(&line[start..end]).filter(|word| *word != "-"));
        let (before, word, rest) = (&line[..start], &line[start..end], &line[end..]);
        let name = word.trim_matches(['-', '.']);
        if name.is_empty() {
            continue;
        }
        let option = word.starts_with('-');
        if option && matches!(name, "u" | "user" | "proxy-user") {
            found.holds |= behind(rest, true).is_some_and(|(value, _)| is_pair(value));
            continue;
        }
        found.holds |= found.beside && name.eq_ignore_ascii_case("value");
        if name.eq_ignore_ascii_case("bearer") || name.eq_ignore_ascii_case("basic") {
            found.holds |= is_proven(name, rest);
            continue;
        }
        let (credential, proof) = (is_name(name), is_proof(name));
        // `</password>`, and what is part of an address: `http://token-service:8080`.
        if !(credential || proof) || before.ends_with('/') && !before.ends_with("=/") {
            continue;
        }
        if before_is_name(before) && credential {
            found.beside = true;
        }
        let Some((value, way)) = behind(rest, option) else {
            found.next |= option && credential && !rest.contains(|c: char| c.is_ascii_alphanumeric());
            continue;
        };
        let bare = way == Way::Space && !option;
        let lower = name.to_ascii_lowercase();
        if bare {
            let begins = second.is_none_or(|first| matches!(first, "set" | "export" | "setenv" | "SET" | "ENV"));
            let strong =
                is_strong(&lower) || (begins && lower != "key" && !lower.ends_with("_key") && !lower.ends_with("-key"));
            let proves = lower.ends_with("authorization") && value.starts_with(['"', '\'', 'B', 'b', 'D', 'T', 't']);
            if PROSE.contains(&token(value)) || !(credential && strong || proof && (proves || begins)) {
                continue;
            }
        }
        // Whether such a text ends is asked once of each: the next one of them is found soon, or there is none.
        let mark = ["\"\"\"", "'''"].into_iter().find(|mark| value.starts_with(mark));
        if let Some(mark) = mark.filter(|mark| credential && !value[mark.len()..].contains(mark)) {
            (found.quoted, found.holds) = (Some(mark), true);
            continue;
        }
        // An anchor or a tag of YAML stands before the value.
        let anchored = value.strip_prefix(['&', '!']).and_then(|rest| rest.split_once(' ').map(|(_, value)| value));
        let value = anchored.unwrap_or(value).trim_start_matches(['"', '\'', '`', '\\', ' ', '\t']);
        let opened = value.trim_start_matches(['{', '[', '(', ' ', '\t']);
        if value.is_empty() || value.starts_with('|') && value.len() < 4 || opened.is_empty() {
            found.below |= credential && !bare;
            found.next |= option && credential;
            continue;
        }
        // Of a way to prove oneself that has parts, the parts say what they are.
        let parts = opened.len() < value.len();
        if parts && (proof && !credential || opened.starts_with(['}', ']', ')']) || value.starts_with("{{")) {
            continue;
        }
        found.holds |= !is_harmless(name, value, way) && (credential || !is_scheme(value));
    }
    found
}

/// Whether a word stands as what a `name:` or a `key=` names, beside its `value`.
fn before_is_name(before: &str) -> bool {
    let before = before.trim_end_matches(['"', '\'', ' ', '\\']);
    let Some(before) = before.strip_suffix([':', '=']) else { return false };
    let before = before.trim_end_matches(['"', '\'', ' ', '\\']);
    ["name", "Name", "key", "variable"].iter().any(|name| before.ends_with(name))
}

/// Parts of names that mean nothing else, in prose neither.
fn is_strong(lower: &str) -> bool {
    !HANDED_ON.contains(&lower)
        && (["password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "credential", "private_key"]
            .iter()
            .any(|word| lower.contains(word))
            || ["requirepass", "masterauth"].contains(&lower))
}

/// What stands behind a name, and how.
fn behind(rest: &str, option: bool) -> Option<(&str, Way)> {
    let closed = rest.trim_start_matches(['"', '\'', '\\', '`', ']']);
    let open = closed.trim_start();
    let spaced = open.len() < closed.len();
    match open.chars().next()? {
        '=' | ':' => Some((open.trim_start_matches(['=', ':', '>', ' ', '\t']), Way::Sign)),
        '>' if !spaced => Some((&open[1..], Way::Sign)),
        ',' if option => Some((open[1..].trim_start(), Way::Sign)),
        '(' => Some((open[1..].trim_start(), Way::Sign)).filter(|(value, _)| value.starts_with(['"', '\''])),
        ',' | ';' | ')' | '}' | ']' | '/' | '<' | '|' | '&' | '\\' => None,
        _ if spaced => {
            let word = open.contains(|c: char| c.is_ascii_alphanumeric());
            word.then_some((open, Way::Space))
        }
        _ => None,
    }
}

/// The first of a value, up to what ends it in any of the forms that it may stand in. Not more than decides.
fn token(value: &str) -> &str {
    let end = value.char_indices().take(128).find(|(_, c)| c.is_whitespace() || "\"'`,;&}]<)\\".contains(*c));
    let most = || value.char_indices().nth(128).map_or(value.len(), |(at, _)| at);
    &value[..end.map_or_else(most, |(at, _)| at)]
}

/// Whether a value says nothing that needs to be withheld, for its name.
fn is_harmless(name: &str, value: &str, way: Way) -> bool {
    let token = token(value);
    let (name, lower) = (name.to_ascii_lowercase(), token.to_ascii_lowercase());
    let measures = || name.split(['_', '-', '.']).any(|part| MEASURES.contains(&part)) || name.ends_with("seconds");
    let number = || {
        let unit = token.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        unit.len() < token.len() && unit.len() <= 3 && unit.chars().all(|c| c.is_ascii_alphabetic() || c == '%')
    };
    let version = || {
        let digits = token.trim_start_matches('v');
        digits.contains('.') && digits.starts_with(|c: char| c.is_ascii_digit()) && digits.len() < 16
    };
    let place = ["url", "uri", "endpoint", "host", "auth", "server", "service"].iter().any(|end| name.ends_with(end));
    let address = place && (lower.starts_with("http://") || lower.starts_with("https://"));
    token.is_empty()
        || PLAIN.contains(&lower.as_str())
        || is_reference(value)
        || ROOTS.iter().any(|root| token.starts_with(root))
        || address
        || (measures() && number())
        || (way == Way::Sign && version() && !is_strong(&name))
        || token == WITHHELD.trim_end_matches(')')
}

/// Whether a value of a proof is only its kind: `auth: oidc`. With something behind it, it is the proof.
fn is_scheme(value: &str) -> bool {
    let token = token(value);
    let behind = value[token.len()..].trim_start();
    let spaced = value[token.len()..].starts_with([' ', '\t']);
    let proof = spaced && behind.starts_with(|c: char| c.is_ascii_alphanumeric()) && !is_reference(behind);
    let known = SCHEMES.contains(&token.to_ascii_lowercase().as_str());
    (known && !proof) || token.chars().all(|c| c.is_ascii_digit())
}

/// Whether a value is taken from elsewhere: `$(DB_PASSWORD)`, `${DB_PASSWORD}`, `$DB_PASSWORD`, `{{ .Values.password }}`.
fn is_reference(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else { return value.starts_with("{{") };
    let (rest, close) = match rest.chars().next() {
        Some('(') => (&rest[1..], Some(')')),
        Some('{') => (&rest[1..], Some('}')),
        _ => (rest, None),
    };
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let after = match close {
        Some(close) => match after.strip_prefix(close) {
            Some(after) => after,
            None => return false,
        },
        // A password may begin so, a variable is written in capitals.
        None if name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            || name.starts_with("http_") =>
        {
            after
        }
        None => return false,
    };
    !name.is_empty() && after.chars().next().is_none_or(|c| c.is_whitespace() || "\"'`,;&}]<)\\@".contains(c))
}

/// `app:hunter2`, and not a user's and a group's number.
fn is_pair(value: &str) -> bool {
    let token = token(value.trim_start_matches(['"', '\'']));
    token.split_once(':').is_some_and(|(user, password)| {
        let number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let ids = number(user) && number(password);
        !(password.is_empty() || ids || is_reference(password))
    })
}

/// `Bearer abc`, `Basic dXNlcjpwYXNz`, and not `basic authentication`.
fn is_proven(scheme: &str, rest: &str) -> bool {
    let value = rest.trim_start();
    if value.len() == rest.len() || is_reference(value) {
        return false;
    }
    let token = token(value);
    if scheme.eq_ignore_ascii_case("bearer") {
        let prose = ["token", "tokens", "auth", "authentication", "authorization", "scheme"];
        let lower = token.to_ascii_lowercase();
        return !token.is_empty() && !lower.starts_with("realm=") && !prose.contains(&lower.as_str());
    }
    let coded = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let signs = |(at, c): (usize, char)| c.is_ascii_digit() || c == '=' || (at > 0 && c.is_ascii_uppercase());
    token.len() >= 6 && token.chars().all(coded) && token.char_indices().any(signs)
}

/// `CREATE USER app IDENTIFIED BY 'hunter2'`; what drivers of databases take: `app:hunter2@tcp(db:3306)/app`, `thin:app/hunter2@db`.
fn has_statement(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let thin = || {
        let (_, login) = lower.split_once("jdbc:oracle:thin:")?;
        let (login, _) = login.split_once('@')?;
        login.split_once('/').filter(|(_, password)| !password.is_empty())
    };
    lower.contains("identified by ")
        || lower.contains("identified with ")
        || [("@tcp("), ("@unix(")].iter().any(|at| lower.split_once(at).is_some_and(|(login, _)| login.contains(':')))
        || thin().is_some()
}

/// Whether an address in a line has a password: what stands before its last `@`.
fn has_userinfo(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`<>\\".contains(c)).unwrap_or(rest.len());
        let Some((login, _)) = rest[..end].rsplit_once('@') else { return false };
        let path = login.find(['/', '?', '#']);
        let user = &login[..path.unwrap_or(login.len())];
        match (user.split_once(':'), path) {
            (Some((_, password)), None) => !password.is_empty() && !is_reference(password),
            // A password with a slash of its own; behind a port it is a path.
            (Some((_, port)), Some(_)) => {
                let port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
                !port || (!login.ends_with('/') && !login.contains('?'))
            }
            // A token alone.
            (None, None) => user.len() >= 16 && user.contains(|c: char| c.is_ascii_digit()),
            (None, Some(_)) => false,
        }
    })
}

#[cfg(test)]
mod tests;

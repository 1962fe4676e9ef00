//! Paths inside a repository, checked once (T19).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A relative path inside a repository: `/` between parts, no `.`/`..`, nothing that a file system could take for `.git`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct RepoPath(#[schemars(with = "String")] SmolStr);

/// A path that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {path:?} is refused: {why}")]
pub struct RepoPathError {
    path: String,
    why: &'static str,
}

impl RepoPath {
    /// Checks and makes a path. A trailing `/` is dropped.
    pub fn new(path: impl Into<String>) -> Result<Self, RepoPathError> {
        let mut path = path.into();
        while path.len() > 1 && path.ends_with('/') {
            path.pop();
        }
        match refusal(&path) {
            None => Ok(Self(path.into())),
            Some(why) => Err(RepoPathError { path, why }),
        }
    }

    /// The repository itself: `.`, which [`RepoPath::new`] takes for no path. Only a field that says so means it.
    pub fn root() -> Self {
        Self(".".into())
    }

    /// Whether it is the repository itself.
    pub fn is_root(&self) -> bool {
        self.0 == "."
    }

    /// The path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Whether this path is `folder` or lies below it.
    pub fn is_within(&self, folder: &RepoPath) -> bool {
        folder.is_root()
            || self.0.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether one of the two lies within the other.
    pub fn meets(&self, other: &RepoPath) -> bool {
        self.is_within(other) || other.is_within(self)
    }

    /// The deepest folder that holds or is both; `None`: only the repository does.
    pub fn common(&self, other: &RepoPath) -> Option<Self> {
        let parts = self.0.split('/').zip(other.0.split('/')).take_while(|(one, two)| one == two);
        let parts: Vec<&str> = parts.map(|(part, _)| part).collect();
        Self::new(parts.join("/")).ok()
    }

    /// This path with one or more parts appended.
    pub fn join(&self, rest: &str) -> Result<Self, RepoPathError> {
        Self::new(if self.is_root() { rest.to_owned() } else { format!("{}/{rest}", self.0) })
    }
}

fn refusal(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > 4096 {
        return Some("it is empty or over 4096 bytes");
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    // Every file of a tree passes here: most names are ASCII, of which no character is invisible.
    let odd = if path.is_ascii() {
        path.bytes().any(|byte| byte.is_ascii_control() || byte == b'\\')
    } else {
        path.contains(|c: char| c.is_control() || c == '\\')
    };
    if odd {
        return Some("it holds a backslash or a control character");
    }
    if !path.is_ascii() && path.contains(is_ignorable) {
        return Some("it holds an invisible character");
    }
    if path == "." {
        return Some("it is the whole repository: move what stands there into a folder, and name that");
    }
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Some("a part of it is empty, `.` or `..`");
        }
        // Case-insensitive file systems, NTFS short names and streams all lead to .git; so would HFS+'s ignored characters, refused above.
        let stem = part.split(':').next().unwrap_or("").trim_end_matches([' ', '.']);
        let begins = stem.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("git~"));
        if stem.eq_ignore_ascii_case(".git") || begins {
            return Some("a part of it can mean .git");
        }
    }
    None
}

/// Characters that some file systems drop from names.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl std::fmt::Display for RepoPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for RepoPath {
    type Err = RepoPathError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T19
    #[test]
    fn t19_paths_that_leave_the_repository_or_reach_git_are_refused() {
        for path in [
            "../x",
            "a/../b",
            "/etc/passwd",
            ".git/config",
            ".GIT/config",
            "a/.Git",
            "git~1/x",
            "GIT~2",
            ".git /x",
            ".git./x",
            ".git::$INDEX_ALLOCATION/x",
            ".g\u{200c}it/config",
            "a\\b",
            "a//b",
            "./a",
            ".",
            "",
            "a\nb",
        ] {
            assert!(RepoPath::new(path).is_err(), "{path:?}");
        }
        for path in ["a", "a/b.yaml", ".github/workflows/x.yaml", ".gitignore", "digit~1", "deploy/"] {
            assert!(RepoPath::new(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn within_compares_whole_parts() {
        let folder = RepoPath::new("deploy/web").expect("path");
        assert!(RepoPath::new("deploy/web/a.yaml").expect("path").is_within(&folder));
        assert!(!RepoPath::new("deploy/web2").expect("path").is_within(&folder));
    }
}

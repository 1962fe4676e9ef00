//! Which server the remote `origin` names, and what it is.

use bpctl_core::blueprint::ForgeKind;
use url::Url;

use super::PipelineError;
use crate::runtime;

/// A repository on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The server as people open it, with the path that it is served under.
    pub(super) server: Url,
    /// The user or organisation.
    pub(super) owner: String,
    /// The repository.
    pub(super) repo: String,
    /// It was an ssh address; the API is asked by https.
    ssh: bool,
}

impl Address {
    /// Reads a remote's address. `None`: it names no server, but a folder, or something that is no address of a repository there.
    ///
    /// # Errors
    /// A web address that does not end in OWNER/REPOSITORY.
    pub(super) fn of(remote: &str) -> Result<Option<Self>, PipelineError> {
        if remote.starts_with("http://") || remote.starts_with("https://") {
            return split(remote, false).map(Some).ok_or_else(|| {
                PipelineError::told(
                    "the address of the remote `origin` does not end in OWNER/REPOSITORY",
                    "git remote set-url origin https://SERVER/OWNER/REPOSITORY.git",
                )
            });
        }
        Ok(web_address(remote).and_then(|url| split(&url, true)))
    }

    /// Which forge it is, where bpctl.yaml leaves that open: GitHub by its hosts, or where the runner says that this server is its own; any
    /// other web address is taken for Gitea's. An ssh address of another server names no forge.
    pub(super) fn kind(&self) -> ForgeKind {
        let host = self.server.host_str().unwrap_or_default();
        if host == "github.com" || host.ends_with(".ghe.com") || self.is_runners() {
            ForgeKind::Github
        } else if self.ssh {
            ForgeKind::Local
        } else {
            ForgeKind::Gitea
        }
    }

    /// Whether this is the server of a GitHub Enterprise runner. Gitea's and Forgejo's runners set the same variable.
    fn is_runners(&self) -> bool {
        let other = ["GITEA_ACTIONS", "FORGEJO_ACTIONS"].into_iter().any(|name| runtime::variable(name).is_some());
        let own = runtime::variable("GITHUB_SERVER_URL").and_then(|url| Url::parse(&url).ok());
        !other && own.is_some_and(|own| own.origin() == self.server.origin())
    }
}

/// Whether a remote is a folder of this machine, as Git has it: no address of any kind, no `HOST:PATH`, no helper of its own (`codecommit::…`).
pub(super) fn is_folder(remote: &str) -> bool {
    let before_slash = remote.split('/').next().unwrap_or_default();
    remote.starts_with("file://") || !(remote.contains("://") || before_slash.contains(':'))
}

/// `ssh://[USER@]HOST[:PORT]/PATH` and `[USER@]HOST:PATH` as the web address of the same. The port is ssh's own.
fn web_address(remote: &str) -> Option<String> {
    let (host, path) = match remote.strip_prefix("ssh://") {
        Some(rest) => {
            let (host, path) = rest.split_once('/')?;
            (host.split_once(':').map_or(host, |(host, _)| host), path)
        }
        None if remote.contains("://") => return None,
        None => remote.split_once(':').filter(|(host, _)| !host.contains('/'))?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    // Where ssh is not let through, GitHub takes it under another name.
    let host = if host == "ssh.github.com" { "github.com" } else { host };
    (!host.is_empty()).then(|| format!("https://{host}/{}", path.trim_start_matches('/')))
}

/// Credentials in it are dropped.
fn split(url: &str, ssh: bool) -> Option<Address> {
    let mut server = Url::parse(url).ok()?;
    let path = server.path().trim_end_matches('/').trim_end_matches(".git").to_owned();
    let mut parts = path.rsplitn(3, '/');
    let (repo, owner, prefix) = (parts.next()?, parts.next()?, parts.next()?);
    if repo.is_empty() || owner.is_empty() {
        return None;
    }
    server.set_path(&format!("{prefix}/"));
    server.set_username("").ok()?;
    server.set_password(None).ok()?;
    Some(Address { server, owner: owner.to_owned(), repo: repo.to_owned(), ssh })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(remote: &str) -> Option<(String, String, String, ForgeKind)> {
        let address = Address::of(remote).unwrap()?;
        let kind = address.kind();
        Some((address.server.into(), address.owner, address.repo, kind))
    }

    fn found(server: &str, kind: ForgeKind) -> (String, String, String, ForgeKind) {
        (server.into(), "o".into(), "r".into(), kind)
    }

    #[test]
    fn every_way_to_write_an_address_names_the_same_repository() {
        let github = found("https://github.com/", ForgeKind::Github);
        for remote in [
            "https://github.com/o/r",
            "https://github.com/o/r.git",
            "https://ann:secret@github.com/o/r.git/",
            "git@github.com:o/r.git",
            "git@github.com:/o/r",
            "github.com:o/r",
            "ssh://git@github.com/o/r.git",
            "ssh://git@ssh.github.com:443/o/r.git",
        ] {
            assert_eq!(read(remote).unwrap(), github, "{remote}");
        }
        assert_eq!(read("https://acme.ghe.com/o/r").unwrap(), found("https://acme.ghe.com/", ForgeKind::Github));
        let below = found("https://x.test/git/", ForgeKind::Gitea);
        assert_eq!(read("https://x.test/git/o/r.git").unwrap(), below);
        assert_eq!(read("ssh://git@x.test:2222/o/r.git").unwrap(), found("https://x.test/", ForgeKind::Local));
    }

    /// Would miss: a look-alike host that gets the token for github.com, or is asked as if it were.
    #[test]
    fn t22_a_host_that_only_looks_like_github_is_none() {
        for remote in [
            "https://github.com.evil.test/o/r",
            "https://notgithub.com/o/r",
            "https://evil.test/github.com/o/r",
            "https://github.com@evil.test/o/r",
            "git@evil.test:github.com/o/r",
            "https://ghe.com.evil.test/o/r",
        ] {
            assert_ne!(Address::of(remote).unwrap().unwrap().kind(), ForgeKind::Github, "{remote}");
        }
        for folder in ["/srv/o/r.git", "../o/r", "file:///srv/o/r.git", "./a:b/c", ""] {
            assert_eq!(Address::of(folder).unwrap(), None, "{folder}");
            assert!(is_folder(folder), "{folder}");
        }
        for server in
            ["git@host:shop", "host:shop.git", "git+ssh://h/o/r", "git://h/o/r", "codecommit::eu://r", "git@[::1]:o/r"]
        {
            assert!(!is_folder(server), "{server}");
        }
        assert!(Address::of("https://github.com/r").is_err());
    }
}

//! Who somebody is: people and machines, rights, and the addresses in commits.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use bpctl_core::model::Untrusted;
use bpctl_core::observe::{Identity, Known, Rights, UnknownCode};

use super::wire::{Commit, Found, Permission, User};
use super::{GiteaForge, ghost};
use crate::forge::ForgeError;
use crate::forge::error::unknown;

/// How many co-authors' addresses are looked up.
const ADDRESSES: usize = 50;

impl GiteaForge {
    /// Who a user is, as far as it is known without asking.
    pub(super) fn identity_of(&self, user: Option<&User>) -> Identity {
        let Some(user) = user else { return ghost() };
        let known = self.machines.lock().unwrap_or_else(PoisonError::into_inner).get(&user.id).copied();
        // bpctl's own account is a machine, whatever the server takes it for: it approves nothing.
        let own = self.me.get().is_some_and(|me| me.id == user.id);
        let bot = own || user.id < 0 || self.bots.contains(&user.login.to_lowercase()) || known == Some(true);
        Identity { id: user.id.to_string(), login: Untrusted::new(&user.login), bot }
    }

    /// Who a user is, asking whether it is a machine account.
    pub(super) async fn whole_identity(&self, user: &User) -> Result<Identity, ForgeError> {
        let identity = self.identity_of(Some(user));
        if identity.bot {
            return Ok(identity);
        }
        let bot = self.is_machine(user).await?;
        Ok(Identity { bot, ..identity })
    }

    /// The search for people finds a person by id and leaves machine accounts out, which exist nonetheless.
    async fn is_machine(&self, user: &User) -> Result<bool, ForgeError> {
        let known = self.machines.lock().unwrap_or_else(PoisonError::into_inner).get(&user.id).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let attempt = format!("ask whether user {} is a machine account", user.id);
        let id = user.id.to_string();
        let found: Found = self.api.get(&attempt, &["users", "search"], &[("uid", &id)]).await?.json(&attempt)?;
        let person = found.data.unwrap_or_default().iter().any(|found| found.id == user.id);
        let machine = if person {
            false
        } else {
            // Somebody whom nobody may see would not be found either.
            let visible: User = self.api.read(&attempt, &["users", &user.login]).await?;
            visible.id == user.id
        };
        self.machines.lock().unwrap_or_else(PoisonError::into_inner).insert(user.id, machine);
        Ok(machine)
    }

    /// What a user may do in the repository (T5).
    pub(super) async fn rights(&self, user: &User) -> Known<Rights> {
        let attempt = format!("read the rights of user {}", user.id);
        let path = self.path(&["collaborators", &user.login, "permission"]);
        let reply = match self.api.get(&attempt, &path, &[]).await {
            Ok(reply) => reply,
            Err(error) => return Known::Unknown(unknown(&error)),
        };
        if reply.status.as_u16() == 403 {
            let message =
                "bpctl's account does not administer the repository, so Gitea does not tell what reviewers may do";
            return Known::unknown(UnknownCode::Forbidden, message);
        }
        let permission: Permission = match reply.json(&attempt) {
            Ok(permission) => permission,
            Err(error) => return Known::Unknown(unknown(&error)),
        };
        // Names change hands; the id says who is meant (T6).
        if permission.user.is_none_or(|told| told.id != user.id) {
            return Known::unknown(UnknownCode::Malformed, "the forge told the rights of somebody else");
        }
        match permission.permission.as_str() {
            "write" | "admin" | "owner" => Known::Known(Rights::Write),
            "none" | "read" => Known::Known(Rights::Read),
            _ => Known::unknown(UnknownCode::Malformed, "the forge told a right that bpctl does not know"),
        }
    }

    /// Everyone who wrote or co-wrote these commits. Whom the forge does not know by an address is `email:ADDRESS`.
    ///
    /// `seen` are users who are known from elsewhere: their addresses are compared too.
    pub(super) async fn writers(&self, commits: &[Commit], seen: &[&User]) -> Result<Vec<Identity>, ForgeError> {
        let mut by_email: BTreeMap<String, User> = BTreeMap::new();
        for user in seen.iter().copied().filter(|user| user.email.contains('@')) {
            by_email.insert(user.email.to_lowercase(), user.clone());
        }
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        let mut people: BTreeMap<String, Identity> = BTreeMap::new();
        for commit in commits {
            let sides = [(&commit.author, &commit.text.author), (&commit.committer, &commit.text.committer)];
            for (user, person) in sides {
                let email = person.as_ref().map(|person| person.email.trim().to_lowercase()).unwrap_or_default();
                if let Some(user) = user {
                    by_email.insert(email, user.clone());
                    let identity = self.identity_of(Some(user));
                    people.insert(identity.id.clone(), identity);
                } else if let Some(person) = person {
                    named.entry(email).or_insert_with(|| person.name.clone());
                }
            }
            for (name, email) in co_authors(&commit.text.message) {
                named.entry(email.to_lowercase()).or_insert_with(|| name.to_owned());
            }
        }
        for (looked_up, (email, name)) in named.into_iter().enumerate() {
            let stands_for = || seen.iter().copied().find(|user| is_handed_out_for(&email, user));
            let user = match by_email.get(&email).or_else(stands_for) {
                Some(user) => Some(user.clone()),
                None if looked_up < ADDRESSES => self.user_by_email(&email).await?,
                None => None,
            };
            let identity = match user {
                Some(user) => self.identity_of(Some(&user)),
                None => Identity { id: format!("email:{email}"), login: Untrusted::new(name), bot: false },
            };
            people.insert(identity.id.clone(), identity);
        }
        Ok(people.into_values().collect())
    }

    /// Addresses that users keep private are found for the site's administrators only, second addresses for nobody.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, ForgeError> {
        if !email.contains('@') || email.len() > 254 {
            return Ok(None);
        }
        let attempt = "look up a co-author's address";
        let found: Found =
            self.api.get(attempt, &["users", "search"], &[("q", email), ("limit", "50")]).await?.json(attempt)?;
        Ok(found.data.unwrap_or_default().into_iter().find(|user| user.email.eq_ignore_ascii_case(email)))
    }
}

/// Whether an address is one that the server hands out instead of a user's own: `ID+LOGIN@…`, and before version 1.26
/// `LOGIN@noreply.…`. Which domain it is under is the server's setting, which it does not tell.
fn is_handed_out_for(email: &str, user: &User) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    match local.split_once('+') {
        Some((id, login)) => id == user.id.to_string() && login.eq_ignore_ascii_case(&user.login),
        None => domain.starts_with("noreply.") && local.eq_ignore_ascii_case(&user.login),
    }
}

/// Names and addresses of `Co-authored-by:` lines, wherever in the message they stand.
fn co_authors(message: &str) -> impl Iterator<Item = (&str, &str)> {
    message.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        if !key.trim().eq_ignore_ascii_case("co-authored-by") {
            return None;
        }
        let (name, rest) = value.rsplit_once('<')?;
        let (email, _) = rest.split_once('>')?;
        Some((name.trim(), email.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::{User, co_authors, is_handed_out_for};

    #[test]
    fn t27_knows_the_addresses_that_the_server_hands_out() {
        let user = User { id: 3, login: "Ann".into(), email: "ann@x.test".into() };
        let known = |email| is_handed_out_for(email, &user);
        assert!(known("3+ann@noreply.x.test") && known("ann@noreply.x.test"));
        assert!(
            !known("4+ann@noreply.x.test") && !known("ann@x.test") && !known("3+bob@noreply.x.test") && !known("ann")
        );
    }

    #[test]
    fn t27_reads_co_authors_wherever_they_stand() {
        let message = "Scale\n\nco-authored-BY: Ann <Ann@x.test>\ntext: <no@x.test>\nCo-authored-by: nobody\n\n Co-Authored-By:B<b@x>";
        let found: Vec<_> = co_authors(message).collect();
        assert_eq!(found, [("Ann", "Ann@x.test"), ("B", "b@x")]);
    }
}

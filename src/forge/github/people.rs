//! Who somebody is: bpctl itself, people and machines, rights, and the addresses in commits.

use std::collections::BTreeMap;

use bpctl_core::model::Untrusted;
use bpctl_core::observe::{Identity, Known, Rights, UnknownCode};
use serde::Deserialize;
use serde_json::json;

use super::api::locked;
use super::wire::{Actor, App, GitActor, Permission, User};
use super::{GithubForge, Me, Role};
use crate::forge::ForgeError;
use crate::forge::error::unknown;

pub(super) const VIEWER: &str = "query { viewer { login databaseId } }";
/// What GitHub calls the account of its own workflows.
const WORKFLOWS: &str = "github-actions";
/// What follows an app's name in the login of its account; no person's login holds brackets.
const BOT: &str = "[bot]";

impl GithubForge {
    pub(super) async fn me(&self) -> Result<&Me, ForgeError> {
        #[derive(Deserialize)]
        struct Answer {
            viewer: Actor,
        }
        if let Some(me) = self.me.get() {
            return Ok(me);
        }
        let attempt = "ask the forge who bpctl is there";
        if !self.api.is_app() {
            let reply = self.api.get(attempt, &["user"], &[]).await?;
            // An app's token is no user's: it is refused here, whoever gave it to bpctl.
            if reply.status.as_u16() != 403 {
                let me = Me { user: reply.json(attempt)?, app: None, role: Role::Person };
                return Ok(self.me.get_or_init(|| me));
            }
        }
        let Answer { viewer } = self.api.graphql(attempt, VIEWER, json!({}), false).await?;
        let user = user_of(viewer).ok_or_else(|| ForgeError::Malformed {
            attempt: attempt.into(),
            why: "the forge does not tell the account's id".into(),
        })?;
        let me = match user.login.strip_suffix(BOT) {
            None => Me { user, app: None, role: Role::Person },
            Some(slug) => {
                let role = if slug == WORKFLOWS { Role::Workflow } else { Role::App };
                let reply = self.api.get(attempt, &["apps", slug], &[]).await?;
                // A private app may not be shown: then its checks are commit statuses, which need no app's id.
                let app = if reply.status.as_u16() == 404 { None } else { Some(reply.json::<App>(attempt)?.id) };
                Me { user, app, role }
            }
        };
        Ok(self.me.get_or_init(|| me))
    }

    /// Who a user is.
    pub(super) fn identity_of(&self, user: Option<&User>) -> Identity {
        let Some(user) = user else { return ghost() };
        // bpctl's own account is a machine, whatever the server takes it for: it approves nothing.
        let own = self.me.get().is_some_and(|me| me.user.id == user.id);
        Identity { id: user.id.to_string(), login: Untrusted::new(&user.login), bot: own || user.kind != "User" }
    }

    /// Who an app is: bpctl itself, or an identity that no account has.
    pub(super) fn identity_of_app(&self, app: Option<&App>) -> Identity {
        let Some(app) = app else { return ghost() };
        match self.me.get() {
            Some(me) if me.app == Some(app.id) => self.identity_of(Some(&me.user)),
            _ => Identity {
                id: format!("app/{}", app.id),
                login: Untrusted::new(app.slug.as_deref().unwrap_or("app")),
                bot: true,
            },
        }
    }

    /// What a user may do in the repository (T5).
    pub(super) async fn rights(&self, user: &User) -> Known<Rights> {
        let known = locked(&self.rights).get(&user.id).cloned();
        if let Some(known) = known {
            return known;
        }
        let rights = self.ask_rights(user).await;
        if rights.known().is_some() {
            locked(&self.rights).insert(user.id, rights.clone());
        }
        rights
    }

    async fn ask_rights(&self, user: &User) -> Known<Rights> {
        let attempt = format!("read the rights of user {}", user.id);
        let path = self.path(&["collaborators", &user.login, "permission"]);
        let permission: Permission = match self.api.read(&attempt, &path).await {
            Ok(permission) => permission,
            Err(error) => return Known::Unknown(unknown(&error)),
        };
        // Names change hands; the id says who is meant (T6).
        if permission.user.is_none_or(|told| told.id != user.id) {
            return Known::unknown(UnknownCode::Malformed, "the forge told the rights of somebody else");
        }
        match permission.permission.as_str() {
            "write" | "admin" => Known::Known(Rights::Write),
            "none" | "read" => Known::Known(Rights::Read),
            _ => Known::unknown(UnknownCode::Malformed, "the forge told a right that bpctl does not know"),
        }
    }

    /// Everyone of these who wrote or co-wrote a commit, once. Whom the forge does not know by an address is `email:ADDRESS`.
    pub(super) fn writers(&self, people: Vec<GitActor>) -> Vec<Identity> {
        let mut found: BTreeMap<String, Identity> = BTreeMap::new();
        for GitActor { name, email, user } in people {
            let email = email.unwrap_or_default().trim().to_lowercase();
            let user = user.and_then(user_of).or_else(|| handed_out(&email));
            let identity = match user {
                Some(user) => self.identity_of(Some(&user)),
                None => Identity {
                    id: format!("email:{email}"),
                    login: Untrusted::new(name.unwrap_or_default()),
                    bot: false,
                },
            };
            found.insert(identity.id.clone(), identity);
        }
        found.into_values().collect()
    }
}

/// An account that is gone, or was never told.
pub(super) fn ghost() -> Identity {
    Identity { id: "-1".into(), login: Untrusted::new("ghost"), bot: true }
}

/// GraphQL's word for an account. A login with brackets is an app's.
fn user_of(actor: Actor) -> Option<User> {
    let kind = if actor.login.ends_with(BOT) { "Bot" } else { "User" };
    Some(User { id: actor.database_id?, login: actor.login, kind: kind.into() })
}

/// The account behind an address that the server hands out instead of a user's own: `ID+LOGIN@users.noreply.HOST`.
fn handed_out(email: &str) -> Option<User> {
    let (local, domain) = email.split_once('@')?;
    let (id, login) = local.split_once('+')?;
    domain.starts_with("users.noreply.").then_some(())?;
    user_of(Actor { login: login.into(), database_id: Some(id.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::handed_out;

    #[test]
    fn t27_knows_the_addresses_that_the_server_hands_out() {
        let known = |email| handed_out(email).map(|user| (user.id, user.login, user.kind));
        assert_eq!(known("3+ann@users.noreply.github.com"), Some((3, "ann".into(), "User".into())));
        let bot = known("41898282+github-actions[bot]@users.noreply.github.com");
        assert_eq!(bot, Some((41_898_282, "github-actions[bot]".into(), "Bot".into())));
        for other in ["ann@users.noreply.github.com", "3+ann@x.test", "x+ann@users.noreply.github.com", "ann"] {
            assert_eq!(known(other), None, "{other}");
        }
    }
}

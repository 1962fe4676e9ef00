//! When an Application's Argo CD makes the cluster what Git declares: its `syncPolicy` (X8, R6).

use crate::model::RepoPath;
use crate::render::shell;
use crate::yaml::{Node, Value};

/// What an Application says of when it is synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPolicy {
    /// The Application's name.
    pub application: String,
    /// The file that declares it.
    pub file: RepoPath,
    /// When Argo CD syncs by itself.
    pub when: Syncs,
    /// A sync leaves alone what `ignoreDifferences` names. Without it that counts for what is shown as out of sync, and a sync writes all.
    pub respects_ignored: bool,
}

/// When Argo CD syncs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// Whenever the cluster is otherwise than Git: `automated.selfHeal`.
    Always,
    /// Each commit once: what is changed in the cluster afterwards stays.
    EachCommit,
    /// Never: somebody starts it.
    ByHand,
}

impl SyncPolicy {
    /// What a person runs to sync it.
    pub fn command(&self) -> String {
        format!("argocd app sync {}", shell(&self.application))
    }

    /// Reads an Application.
    pub(super) fn read(root: &Node, file: &RepoPath) -> Self {
        let policy = root.at(&["spec", "syncPolicy"]);
        let is = |node: Option<&Node>, wanted: bool| matches!(node.map(|n| &n.value), Some(Value::Bool(is)) if *is == wanted);
        let automated = policy.and_then(|policy| policy.get("automated")).filter(|node| node.value != Value::Null);
        let automated = automated.filter(|automated| !is(automated.get("enabled"), false));
        let options = policy.and_then(|policy| policy.get("syncOptions")).map_or(&[] as &[Node], Node::items);
        Self {
            // It goes into a command: what Kubernetes would not take for a name, a program may take for an option.
            application: root
                .at(&["metadata", "name"])
                .and_then(Node::as_str)
                .filter(|name| crate::blueprint::is_object_name(name))
                .unwrap_or("APPLICATION")
                .to_owned(),
            file: file.clone(),
            when: match automated {
                Some(automated) if is(automated.get("selfHeal"), true) => Syncs::Always,
                Some(_) => Syncs::EachCommit,
                None => Syncs::ByHand,
            },
            respects_ignored: options.iter().any(|option| option.as_str() == Some("RespectIgnoreDifferences=true")),
        }
    }
}

//! When an Application's Argo CD makes the cluster what Git declares: its `syncPolicy` (X8, R6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::RepoPath;
use crate::observe::LiveObject;
use crate::render::shell;
use crate::yaml::{Node, Value};

/// What an Application says of when it is synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPolicy {
    /// The Application's name.
    pub application: String,
    /// The Application's namespace, where it names one.
    pub namespace: Option<String>,
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
    /// Not even then: an annotation tells Argo CD's controller to leave the Application alone.
    Skipped,
}

/// With the value `true` Argo CD's controller does nothing at all with an Application.
const SKIP: &str = "argocd.argoproj.io/skip-reconcile";

impl SyncPolicy {
    /// What a person runs to sync it.
    pub fn command(&self) -> String {
        let (namespace, name) = (self.namespace.as_deref(), shell(&self.application));
        match (self.when, namespace) {
            (Syncs::Skipped, namespace) => {
                let namespace = namespace.map(|namespace| format!("-n {} ", shell(namespace))).unwrap_or_default();
                format!("kubectl {namespace}annotate applications.argoproj.io {name} {SKIP}-")
            }
            // Beside Argo CD's own namespace an Application goes by both names.
            (_, Some(namespace)) if namespace != "argocd" => format!("argocd app sync {}/{name}", shell(namespace)),
            _ => format!("argocd app sync {name}"),
        }
    }

    /// Reads an Application.
    pub(super) fn read(root: &Node, file: &RepoPath) -> Self {
        let policy = root.at(&["spec", "syncPolicy"]);
        let is = |node: Option<&Node>, wanted: bool| matches!(node.map(|n| &n.value), Some(Value::Bool(is)) if *is == wanted);
        let automated = policy.and_then(|policy| policy.get("automated")).filter(|node| node.value != Value::Null);
        let automated = automated.filter(|automated| !is(automated.get("enabled"), false));
        let options = policy.and_then(|policy| policy.get("syncOptions")).map_or(&[] as &[Node], Node::items);
        // It goes into a command: what Kubernetes would not take for a name, a program may take for an option.
        let named = |key| {
            let named = root.at(&["metadata", key]).and_then(Node::as_str);
            named.filter(|name| crate::blueprint::is_object_name(name)).map(str::to_owned)
        };
        let skip = root.at(&["metadata", "annotations"]).and_then(|all| all.get(SKIP));
        Self {
            application: named("name").unwrap_or_else(|| "APPLICATION".to_owned()),
            namespace: named("namespace"),
            file: file.clone(),
            when: match automated {
                _ if skip.is_some_and(|skip| skip.as_str() != Some("false")) => Syncs::Skipped,
                Some(automated) if is(automated.get("selfHeal"), true) => Syncs::Always,
                Some(_) => Syncs::EachCommit,
                None => Syncs::ByHand,
            },
            respects_ignored: options.iter().any(|option| option.as_str() == Some("RespectIgnoreDifferences=true")),
        }
    }
}

/// A mark of an object for whose sake its controller does not bring it what Git declares (X8, R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LeftAlone {
    /// `kustomize.toolkit.fluxcd.io/reconcile: disabled`, which Flux heeds in Git and in the cluster.
    FluxDisabled,
    /// `kustomize.toolkit.fluxcd.io/ssa: Ignore`, likewise.
    FluxIgnore,
    /// `kustomize.toolkit.fluxcd.io/ssa: IfNotPresent`, of the manifest: made once, and never changed.
    FluxIfNotPresent,
    /// `argocd.argoproj.io/hook: Skip`, of the manifest: Argo CD never applies it.
    ArgoSkip,
}

const FLUX_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
const FLUX_APPLY: &str = "kustomize.toolkit.fluxcd.io/ssa";
const ARGO_HOOK: &str = "argocd.argoproj.io/hook";

impl LeftAlone {
    /// The mark of a manifest, or of the object that the cluster has, and whether Git has it. `by_application`: an Application delivers it, to
    /// which Flux's marks say nothing.
    pub fn of(manifest: &Node, live: Option<&LiveObject>, by_application: bool) -> Option<(Self, bool)> {
        // Flux looks at labels and at annotations, and takes small and capital letters for the same.
        let in_git = |key: &str, value: &str| {
            let of = |part| manifest.at(&["metadata", part]).and_then(|part| part.get(key)).and_then(Node::as_str);
            ["annotations", "labels"].into_iter().filter_map(of).any(|has| has.eq_ignore_ascii_case(value))
        };
        let in_cluster = |key: &str, value: &str| {
            let part = |part| live.and_then(|live| live.body.get("metadata")?.get(part)?.get(key)?.as_str());
            ["annotations", "labels"].into_iter().filter_map(part).any(|has| has.eq_ignore_ascii_case(value))
        };
        let hook = manifest.at(&["metadata", "annotations"]).and_then(|all| all.get(ARGO_HOOK)).and_then(Node::as_str);
        if hook == Some("Skip") {
            return Some((Self::ArgoSkip, true));
        }
        if by_application {
            return None;
        }
        let either = |mark: Self| {
            let (key, value) = mark.mark();
            if in_git(key, value) { Some((mark, true)) } else { in_cluster(key, value).then_some((mark, false)) }
        };
        either(Self::FluxDisabled).or_else(|| either(Self::FluxIgnore)).or_else(|| {
            let (key, value) = Self::FluxIfNotPresent.mark();
            (live.is_some() && in_git(key, value)).then_some((Self::FluxIfNotPresent, true))
        })
    }

    /// Its key and its value.
    pub fn mark(self) -> (&'static str, &'static str) {
        match self {
            Self::FluxDisabled => (FLUX_RECONCILE, "disabled"),
            Self::FluxIgnore => (FLUX_APPLY, "Ignore"),
            Self::FluxIfNotPresent => (FLUX_APPLY, "IfNotPresent"),
            Self::ArgoSkip => (ARGO_HOOK, "Skip"),
        }
    }

    /// Who leaves the object alone.
    pub fn by(self) -> &'static str {
        if self == Self::ArgoSkip { "Argo CD" } else { "Flux" }
    }
}

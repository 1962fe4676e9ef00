//! `bpctl.yaml` at the repository's root: environments, the forge, limits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlueprintVersion, Located};
use crate::alert::Cause;
use crate::model::{Diagnostic, Name, Period, RepoPath};
use crate::rendering::{OwnValues, Parameter};
use crate::yaml::Node;

/// The file's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkspaceKind {
    /// A workspace.
    Workspace,
}

/// The workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// `bpctl.dev/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: BlueprintVersion,
    /// `Workspace`.
    pub kind: WorkspaceKind,
    /// The folder that holds blueprints, policies and the like.
    #[serde(default = "default_blueprints")]
    pub blueprints: RepoPath,
    /// The protected branch that rules are read from and changes are merged into.
    #[serde(default = "default_base", deserialize_with = "branch_name")]
    pub base: String,
    /// Where pull requests live.
    #[serde(default)]
    pub forge: ForgeKind,
    /// Settings of the local forge.
    #[serde(default)]
    pub local: LocalForge,
    /// Clusters and how changes reach them, by name.
    pub environments: BTreeMap<Name, Environment>,
    /// How changes are proposed.
    #[serde(default)]
    pub proposals: Proposals,
    /// How long what landed is watched (B16).
    #[serde(default)]
    pub verification: Verification,
    /// How people hear of what they have to look at (R6).
    #[serde(default)]
    pub alerts: Alerts,
}

/// How people hear of what they have to look at (R6). Where the chat is is a credential, and stands in `BPCTL_ALERT_WEBHOOK` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Whether what lasts gets an issue on the forge.
    #[serde(default = "default_issues")]
    pub issues: bool,
    /// What nobody is alerted of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mute: Vec<Cause>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { issues: default_issues(), mute: Vec::new() }
    }
}

fn default_issues() -> bool {
    true
}

/// The protected branch where no `bpctl.yaml` names one.
pub const DEFAULT_BASE: &str = "main";

fn default_base() -> String {
    DEFAULT_BASE.into()
}

/// A branch's short name, by the rules of `git check-ref-format`; never an option (T22).
fn branch_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    #[allow(clippy::case_sensitive_file_extension_comparisons, reason = "it is in lower case")]
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.to_ascii_lowercase().ends_with(".lock");
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let good = text.split('/').all(part)
        && !text.starts_with('-')
        && !text.starts_with("refs/")
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(odd);
    if good {
        Ok(text)
    } else {
        Err(serde::de::Error::custom(format!("{text:?} is not a branch's name, such as main")))
    }
}

// The literal is a valid path; a refusal here would be a bug that every test meets.
fn default_blueprints() -> RepoPath {
    #[expect(clippy::expect_used, reason = "a constant that a test reads")]
    RepoPath::new("blueprints").expect("`blueprints` is a path")
}

/// Where pull requests live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// By the remote `origin`: GitHub where it is known to be one, else a Gitea server, else this repository itself.
    #[default]
    Auto,
    /// GitHub, github.com or Enterprise.
    Github,
    /// Gitea or Forgejo.
    Gitea,
    /// This repository: pull requests are refs.
    Local,
}

/// Settings of the local forge.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalForge {
    /// Keys whose approvals count, in the format of `git`'s `gpg.ssh.allowedSignersFile`. Read from the base branch only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_signers: Option<RepoPath>,
}

/// How dear an environment is. Policies match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierName {
    /// For trying things: unsigned local approvals count.
    Dev,
    /// Like production, without its users.
    #[serde(alias = "stage")]
    Staging,
    /// Production: never merged by a local clock.
    Prod,
}

impl std::fmt::Display for TierName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
        })
    }
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// How dear it is.
    pub tier: TierName,
    /// Its cluster.
    pub cluster: ClusterSource,
    /// Its Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSource>,
    /// Its Argo CD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoCd>,
    /// How merged changes reach the cluster.
    #[serde(default)]
    pub delivery: Delivery,
    /// What Kustomize or Helm renders on the way to it (X9). A blueprint whose `source` holds one of these folders is compared with what
    /// is rendered; all others with their manifests as they stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub render: Vec<Render>,
}

/// One folder that is rendered: exactly one of `kustomize`, `helm` and `application`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Render {
    /// A folder with a kustomization: the overlay of this environment; `.`: the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "folder")]
    pub kustomize: Option<RepoPath>,
    /// A folder with a `Chart.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<RepoPath>,
    /// A file that declares an Application of Argo CD: its folder, values and parameters are the delivery's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<RepoPath>,
    /// The Helm release's name, or which Application of its file; left out: the folder's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Name>,
    /// The Helm release's namespace; left out: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Name>,
    /// Values files of the repository, the last one wins; the chart's own `values.yaml` stands before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<RepoPath>,
    /// Single values, as `helm --set-json` takes them: `image.tag: v3`. They win over files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, serde_json::Value>,
    /// The Kubernetes version that a chart is told, `1.33`; left out: what Helm was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_version: Option<String>,
    /// Values files that are not there are left out, as the Application says.
    #[serde(skip)]
    pub ignore_missing: bool,
    /// The namespace that a chart is told, where the Application tells another one than it delivers to.
    #[serde(skip)]
    pub template_namespace: Option<Name>,
    /// A chart's CRDs are left out, as the Application says.
    #[serde(skip)]
    pub skip_crds: bool,
    /// What the Application tells Argo CD to pass over.
    #[serde(skip)]
    pub ignored: Vec<crate::rendering::IgnoreRule>,
    /// When that Application is synced.
    #[serde(skip)]
    pub sync: Option<crate::rendering::SyncPolicy>,
    /// The Application delivers something else than what this repository holds: why.
    #[serde(skip)]
    pub elsewhere: Option<crate::rendering::RenderFailure>,
    /// The Application does not say what is rendered: why. Nothing is known of what its environment renders then.
    #[serde(skip)]
    pub unresolved: Option<crate::rendering::RenderFailure>,
    /// The Application that this entry was made from.
    #[serde(skip)]
    pub resolved_from: Option<RepoPath>,
    /// That Application's parameters.
    #[serde(skip)]
    pub parameters: Vec<Parameter>,
    /// The values that it holds itself.
    #[serde(skip)]
    pub own_values: Option<OwnValues>,
}

impl Render {
    /// The rendered folder and its renderer; `None`: the entry names none.
    pub fn root(&self) -> Option<(Renderer, &RepoPath)> {
        let kustomize = self.kustomize.as_ref().map(|root| (Renderer::Kustomize, root));
        kustomize.or(self.helm.as_ref().map(|root| (Renderer::Helm, root)))
    }

    /// What is wrong with the entry: the field, what is wrong, what to write.
    pub(super) fn fault(&self) -> Option<(&'static str, String, String)> {
        if self.application.is_some() {
            let mixed = [("kustomize", self.kustomize.is_some()), ("helm", self.helm.is_some())];
            let mixed = mixed.into_iter().chain([
                ("namespace", self.namespace.is_some()),
                ("values", !self.values.is_empty()),
                ("set", !self.set.is_empty()),
            ]);
            return mixed.into_iter().find(|(_, given)| *given).map(|(field, _)| {
                let help = "write it there, or name the folder by `kustomize` or `helm` instead of the Application";
                (field, format!("`{field}` comes from the Application"), help.into())
            });
        }
        match (&self.kustomize, &self.helm) {
            (None, None) => {
                let help = "write `kustomize: FOLDER` (with a kustomization.yaml), `helm: FOLDER` (with a Chart.yaml) or `application: FILE`";
                return Some(("", "this entry renders nothing".into(), help.into()));
            }
            (Some(_), Some(_)) => {
                let help = "make two entries of it: each folder is rendered by itself";
                return Some((
                    "helm",
                    "one entry is rendered by Kustomize or by Helm, not by both".into(),
                    help.into(),
                ));
            }
            (None, Some(_)) => {}
            (Some(_), None) => {
                let helms = [
                    ("release", self.release.is_some()),
                    ("namespace", self.namespace.is_some()),
                    ("values", !self.values.is_empty()),
                    ("set", !self.set.is_empty()),
                    ("kube_version", self.kube_version.is_some()),
                ];
                let helm = helms.into_iter().find(|(_, given)| *given).map(|(field, _)| field);
                return helm.map(|field| {
                    let help = "say it in the kustomization.yaml itself, or in an overlay of it";
                    (field, format!("`{field}` is Helm's: Kustomize takes none"), help.into())
                });
            }
        }
        if self.release.as_ref().is_some_and(|release| release.as_str().len() > 53) {
            return Some(("release", "Helm takes release names of up to 53 characters".into(), "shorten it".into()));
        }
        let odd = |c: char| !(c.is_ascii_digit() || c == '.' || c == 'v');
        if self.kube_version.as_ref().is_some_and(|version| version.is_empty() || version.contains(odd)) {
            return Some((
                "kube_version",
                "this is not a Kubernetes version".into(),
                "write one such as \"1.33\"".into(),
            ));
        }
        None
    }
}

fn folder<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<RepoPath>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if matches!(text.as_str(), "." | "./") {
        return Ok(Some(RepoPath::root()));
    }
    RepoPath::new(text).map(Some).map_err(serde::de::Error::custom)
}

/// What renders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Renderer {
    /// `kustomize build`, or `kubectl kustomize`.
    Kustomize,
    /// `helm template`.
    Helm,
}

impl std::fmt::Display for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kustomize => "Kustomize",
            Self::Helm => "Helm",
        })
    }
}

/// Where a cluster is: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSource {
    /// A context of the kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The cluster that bpctl runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_cluster: Option<bool>,
    /// A folder of the repository that `bpctl snapshot` recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<RepoPath>,
}

/// Where Prometheus is, and what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSource {
    /// Base URL. `BPCTL_PROMETHEUS_URL` replaces it.
    pub url: String,
    /// The time that `rate()` looks at; at least four scrape intervals.
    #[serde(default = "default_rate_interval")]
    pub rate_interval: Period,
    /// What is asked for service levels, instead of what usual exporters serve.
    #[serde(default)]
    pub queries: LevelQueries,
}

/// PromQL for service levels (B1). `$namespaces` stands for a regular expression, to be used as `namespace=~"$namespaces"`, and `$rate` for the
/// rate interval. Each answers with the label `namespace`, and `pod` or `workload`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelQueries {
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// Those that failed, per second; zero, and not nothing, where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<String>,
    /// Requests per second by `le`, in seconds: the rates of a histogram's buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<String>,
}

fn default_rate_interval() -> Period {
    Period::from_secs(60)
}

/// Where Argo CD keeps its Applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArgoCd {
    /// Its namespace.
    pub namespace: String,
}

/// How merged changes reach the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// A controller (Argo CD, Flux) brings them; bpctl never writes fields that Git declares.
    #[default]
    Gitops,
    /// bpctl applies them by server-side apply.
    Direct,
}

/// How changes are proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposals {
    /// What shares a pull request.
    #[serde(default)]
    pub group: Grouping,
    /// Open pull requests of bpctl at a time, per environment.
    #[serde(default = "default_limit")]
    pub limit: usize,
    /// Labels that a pull request of bpctl is opened with. In each, `{environment}`, `{blueprint}` and `{action}` stand for what it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "label_names")]
    pub labels: Vec<String>,
}

impl Proposals {
    /// The labels of one pull request. One that names an environment is none of a pull request that is about no single one.
    pub fn labels_of(&self, environment: Option<&Name>, blueprint: &Name, action: &str) -> Vec<String> {
        let values = [
            ("{environment}", environment.map(Name::as_str)),
            ("{blueprint}", Some(blueprint.as_str())),
            ("{action}", Some(action)),
        ];
        let mut labels: Vec<String> = Vec::with_capacity(self.labels.len());
        for label in &self.labels {
            let filled = values.iter().try_fold(label.clone(), |label, (place, value)| match value {
                Some(value) => Some(label.replace(place, value)),
                None => (!label.contains(place)).then_some(label),
            });
            labels.extend(filled.filter(|filled| !labels.contains(filled)));
        }
        labels
    }
}

/// Names that forges take as labels: GitHub's are of up to 50 characters, and queries separate them by commas.
fn label_names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let labels = Vec::<String>::deserialize(deserializer)?;
    if labels.len() > 10 {
        return Err(serde::de::Error::custom(format!("{} labels: a pull request gets up to 10", labels.len())));
    }
    for label in &labels {
        let known = ["{environment}", "{blueprint}", "{action}"];
        let plain = known.iter().fold(label.clone(), |label, place| label.replace(place, "x"));
        if plain.contains(['{', '}']) {
            let message =
                format!("the label {label:?} has a brace: write {{environment}}, {{blueprint}} or {{action}}");
            return Err(serde::de::Error::custom(message));
        }
        let shown = crate::render::sink::terminal(&crate::model::Untrusted::new(label.as_str())) == *label;
        if label.trim() != label || plain.is_empty() || plain.chars().count() > 50 || plain.contains(',') || !shown {
            let message =
                format!("{label:?} is no label: write 1 to 50 characters without commas, and no blanks around them");
            return Err(serde::de::Error::custom(message));
        }
    }
    Ok(labels)
}

impl Default for Proposals {
    fn default() -> Self {
        Self { group: Grouping::default(), limit: default_limit(), labels: Vec::new() }
    }
}

fn default_limit() -> usize {
    10
}

/// What shares a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// One pull request per workload and kind of operation.
    #[default]
    Blueprint,
}

/// How long what landed is watched: the first two windows (B16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Within this the change is in the cluster without error.
    #[serde(default = "default_applied")]
    pub applied: Period,
    /// Within this the pods run and are ready.
    #[serde(default = "default_ready")]
    pub ready: Period,
    /// How long after that usage and service levels settle; judged by what Prometheus measured in it. Zero: not watched (B16).
    #[serde(default = "default_settled")]
    pub settled: Period,
    /// How long after that they are watched. Zero: not watched (B16).
    #[serde(default = "default_sustained")]
    pub sustained: Period,
    /// Within this of a restart the pods run, are ready and have not failed again (B15).
    #[serde(default = "default_recovered")]
    pub recovered: Period,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            applied: default_applied(),
            ready: default_ready(),
            settled: default_settled(),
            sustained: default_sustained(),
            recovered: default_recovered(),
        }
    }
}

fn default_applied() -> Period {
    Period::from_secs(10)
}
fn default_ready() -> Period {
    Period::from_secs(60)
}
fn default_settled() -> Period {
    Period::from_secs(240)
}
fn default_sustained() -> Period {
    Period::from_secs(600)
}
fn default_recovered() -> Period {
    Period::from_secs(30)
}

/// What a workspace says beyond the types of its fields that nobody can go by.
pub(super) fn check(workspace: &Located<Workspace>) -> Result<(), Box<Diagnostic>> {
    if workspace.value.environments.is_empty() {
        let span = workspace.span(&["environments"]);
        let told = Diagnostic::error("bad-value", "there is no environment: nothing is compared with any cluster");
        let help = "name one: environments: {staging: {tier: staging, cluster: {context: NAME}, delivery: gitops}}";
        return Err(Box::new(told.label(span, "here").source(workspace.source()).help(help)));
    }
    for name in workspace.value.environments.keys() {
        check_cluster(workspace, name)?;
        check_render(workspace, name)?;
        check_prometheus(workspace, name)?;
    }
    Ok(())
}

fn check_prometheus(workspace: &Located<Workspace>, name: &Name) -> Result<(), Box<Diagnostic>> {
    let Some(source) = &workspace.value.environments[name].prometheus else { return Ok(()) };
    let rest = ["http://", "https://"].iter().find_map(|scheme| source.url.strip_prefix(scheme));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let (wrong, help) = match (rest, host) {
        (Some(_), Some(host)) if host.contains('@') => {
            let help = "leave them out, and put a bearer token into BPCTL_PROMETHEUS_TOKEN; what was committed is to be changed there";
            ("the address of Prometheus holds credentials", help)
        }
        (Some(rest), Some(host)) if !host.is_empty() && !rest.contains(['?', '#', ' ']) => return Ok(()),
        _ => (
            "this is no plain http or https address",
            "write it as http://HOST:PORT or https://HOST/PATH, without a query",
        ),
    };
    let span = workspace.span(&["environments", name.as_str(), "prometheus", "url"]);
    Err(Box::new(Diagnostic::error("bad-value", wrong).label(span, "here").source(workspace.source()).help(help)))
}

fn check_render(workspace: &Located<Workspace>, name: &Name) -> Result<(), Box<Diagnostic>> {
    let entries = &workspace.value.environments[name].render;
    let nodes =
        workspace.document.root.at(&["environments", name.as_str(), "render"]).map_or(&[] as &[Node], Node::items);
    for (position, (entry, node)) in entries.iter().zip(nodes).enumerate() {
        let twice = || {
            let again = entries[..position].contains(entry);
            again.then(|| ("", "this entry stands there twice".to_owned(), "delete one of the two".to_owned()))
        };
        let Some((field, wrong, help)) = entry.fault().or_else(twice) else { continue };
        let key = node.entry(field).map(|entry| entry.key_start as usize..entry.key_end as usize);
        let span = workspace.document.span(key.unwrap_or_else(|| node.range()));
        return Err(Box::new(
            Diagnostic::error("bad-value", wrong).label(span, "here").source(workspace.source()).help(help),
        ));
    }
    Ok(())
}

fn check_cluster(workspace: &Located<Workspace>, name: &Name) -> Result<(), Box<Diagnostic>> {
    let cluster = &workspace.value.environments[name].cluster;
    let given = usize::from(cluster.context.is_some())
        + usize::from(cluster.in_cluster == Some(true))
        + usize::from(cluster.snapshot.is_some());
    if given == 1 {
        return Ok(());
    }
    let span = workspace.span(&["environments", name.as_str(), "cluster"]);
    Err(Box::new(
        Diagnostic::error("bad-value", format!("environment {name} names {given} clusters; it needs exactly one"))
            .label(span, "here")
            .source(workspace.source())
            .help("write one of {context: NAME}, {in_cluster: true} or {snapshot: FOLDER}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposals(labels: &[&str]) -> Result<Proposals, serde_json::Error> {
        serde_json::from_value(serde_json::json!({ "labels": labels }))
    }

    /// Would miss: a place that is left as it is written, a label twice, a label of an environment on what is about none; and labels that a forge
    /// refuses, so that a proposal gets none of them.
    #[test]
    fn labels_are_filled_in_or_refused() {
        let of = |labels: &[&str], environment: Option<&str>| {
            let environment = environment.map(|name| Name::new(name).expect("a name"));
            let blueprint = Name::new("web").expect("a name");
            proposals(labels).expect("labels").labels_of(environment.as_ref(), &blueprint, "scale")
        };
        let all = ["bpctl", "env/{environment}", "{blueprint}: {action}", "scale", "{action}"];
        assert_eq!(of(&all, Some("prod")), ["bpctl", "env/prod", "web: scale", "scale"]);
        assert_eq!(of(&all, None), ["bpctl", "web: scale", "scale"]);
        assert_eq!(proposals(&[]).expect("none"), Proposals::default());
        let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
        assert!(proposals(&many.iter().map(String::as_str).collect::<Vec<_>>()).is_err());
        for (refused, words) in [
            ("{env}", "write {environment}, {blueprint} or {action}"),
            ("a,b", "is no label"),
            ("", "is no label"),
            (" a", "is no label"),
            ("a\u{202e}b", "is no label"),
            (&"x".repeat(51), "is no label"),
        ] {
            let said = proposals(&[refused]).expect_err(refused).to_string();
            assert!(said.contains(words), "{said}");
        }
    }
}

//! A workspace over manifests that are in the lab's cluster.

use std::path::Path;

use bpctl_core::model::FieldPath;
use serde_json::Value as Json;

use crate::support::{Namespace, Program, Repo, lab};

/// The two ways in which Git's manifests come into a cluster.
pub const WAYS: [&[&str]; 2] = [&["apply"], &["apply", "--server-side", "--field-manager=bpctl"]];

/// `bpctl.yaml` of a live environment.
pub fn workspace() -> String {
    "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: local\nenvironments:\n  lab:\n    tier: dev\n    cluster: {context: lab}\n    \
     delivery: direct\n"
        .into()
}

/// A blueprint that says nothing but where its workload is.
pub fn blueprint(name: &str, namespace: &str, source: &str) -> (String, String) {
    // An object's name may have dots, a blueprint's may not.
    let own = name.replace('.', "-");
    let text = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: {own}, version: 1.0.0, owner: team}}\nspec:\n  target:\n    \
         workload: Deployment/{name}\n    namespace: {namespace}\n    source: {source}\n"
    );
    (format!("blueprints/{own}.yaml"), text)
}

/// A repository of these Deployments: name, file, text.
pub fn repository(namespace: &Namespace, manifests: &[(String, String, String)]) -> Repo {
    let repo = Repo::empty();
    repo.write("bpctl.yaml", &workspace());
    for (name, file, text) in manifests {
        repo.write(file, text);
        let (path, blueprint) = blueprint(name, &namespace.name, file);
        repo.write(&path, &blueprint);
    }
    repo.commit(&[], "start");
    repo
}

/// bpctl with a kubeconfig.
pub fn bpctl(repo: &Repo, kubeconfig: Option<&Path>) -> Program {
    let kubeconfig = kubeconfig.map_or_else(|| lab("KUBECONFIG"), |path| path.display().to_string());
    repo.bpctl().with("BPCTL_KUBECONFIG", kubeconfig)
}

/// The parts of a plan.
pub fn parts(plan: &Json) -> impl Iterator<Item = (&str, &Json)> {
    plan["blueprints"].as_array().unwrap().iter().map(|part| (part["name"].as_str().unwrap(), part))
}

/// One difference as a test says it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub path: String,
    pub kind: String,
    pub at: String,
    pub by: Option<String>,
}

/// The drift of one part of a plan.
pub fn drift(part: &Json) -> Vec<Difference> {
    let items = part["items"].as_array().unwrap().iter().filter(|item| item["finding"]["finding"] == "drift");
    let fields = items.flat_map(|item| item["finding"]["fields"].as_array().unwrap());
    let one = |field: &Json| Difference {
        path: serde_json::from_value::<FieldPath>(field["path"].clone()).unwrap().to_string(),
        kind: field["kind"].as_str().unwrap().into(),
        at: format!("{}:{}", field["span"]["file"].as_str().unwrap_or("?"), field["span"]["line"]),
        by: field["by"]["manager"].as_str().map(Into::into),
    };
    fields.map(one).collect()
}

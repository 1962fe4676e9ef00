//! Edits by real `kubectl`, each on a Deployment of its own: found, at the right line, with the right author, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use super::workspace::{Difference, WAYS, bpctl, drift, parts, repository};
use crate::support::{Namespace, Repo};

/// The manifest that is edited.
const MANIFEST: &str = include_str!("edited.yaml");

/// One edit: its name, what kubectl is told (`{}` is `deployment/NAME`), and the differences that it makes.
struct Edit {
    name: &'static str,
    kubectl: Vec<&'static str>,
    makes: Vec<Expected>,
}

/// Path, kind, the text of the manifest's line, and the manager where one can be named.
type Expected = (&'static str, &'static str, &'static str, Option<&'static str>);

fn edit(name: &'static str, kubectl: &[&'static str], makes: &[Expected]) -> Edit {
    Edit { name, kubectl: kubectl.to_vec(), makes: makes.to_vec() }
}

/// As `kubectl edit` does.
fn patch(name: &'static str, patch: &'static str, makes: &[Expected]) -> Edit {
    let kind = if patch.starts_with('[') { "--type=json" } else { "--type=strategic" };
    edit(name, &["patch", "{}", "--field-manager=kubectl-edit", kind, "-p", patch], makes)
}

const WEB: &str = "spec.template.spec.containers[name=web]";
const EDITOR: Option<&str> = Some("kubectl-edit");

fn edits() -> Vec<Edit> {
    let mut edits = changed();
    edits.extend(missing());
    edits.extend(foreign());
    edits
}

fn changed() -> Vec<Edit> {
    let set = Some("kubectl-set");
    let one = |path, line, by| vec![(path, "changed", line, by)];
    vec![
        edit("scale", &["scale", "{}", "--replicas=3"], &one("spec.replicas", "replicas: 1", Some("kubectl"))),
        edit(
            "set-env",
            &["set", "env", "{}", "-c", "web", "LOG_LEVEL=debug"],
            &one("WEB.env[name=LOG_LEVEL].value", "value: info", set),
        ),
        edit(
            "set-image",
            &["set", "image", "{}", "web=registry.example.org/web:2"],
            &one("WEB.image", "web:1.0.0", set),
        ),
        edit(
            "set-init-image",
            &["set", "image", "{}", "migrate=registry.example.org/migrate:2"],
            &one("spec.template.spec.initContainers[name=migrate].image", "migrate:1", set),
        ),
        edit(
            "set-limits",
            &["set", "resources", "{}", "-c", "web", "--limits=memory=512Mi"],
            &one("WEB.resources.limits.memory", "memory: 256Mi", set),
        ),
        edit(
            "set-account",
            &["set", "serviceaccount", "{}", "other"],
            &one("spec.template.spec.serviceAccountName", "serviceAccountName: web", set),
        ),
        edit(
            "label",
            &["label", "{}", "--overwrite", "tier=db"],
            &one("metadata.labels.tier", "tier: front", Some("kubectl-label")),
        ),
        edit(
            "annotate",
            &["annotate", "{}", "--overwrite", "team=other"],
            &one("metadata.annotations.team", "team: platform", Some("kubectl-annotate")),
        ),
        edit("pause", &["rollout", "pause", "{}"], &one("spec.paused", "paused: false", Some("kubectl-rollout"))),
        patch(
            "history",
            r#"{"spec":{"revisionHistoryLimit":7}}"#,
            &one("spec.revisionHistoryLimit", "revisionHistoryLimit: 3", EDITOR),
        ),
        patch(
            "min-ready",
            r#"{"spec":{"minReadySeconds":5}}"#,
            &one("spec.minReadySeconds", "minReadySeconds: 0", EDITOR),
        ),
        patch(
            "probe-path",
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/readinessProbe/httpGet/path","value":"/"}]"#,
            &one("WEB.readinessProbe.httpGet.path", "path: /ready", EDITOR),
        ),
        patch(
            "toleration",
            r#"[{"op":"replace","path":"/spec/template/spec/tolerations/0/value","value":"db"}]"#,
            &one("spec.template.spec.tolerations[0].value", "value: dedicated-web", EDITOR),
        ),
        patch(
            "node-selector",
            r#"{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":"node-1"}}}}}"#,
            &one(
                r#"spec.template.spec.nodeSelector["kubernetes.io/hostname"]"#,
                "kubernetes.io/hostname: node-0",
                EDITOR,
            ),
        ),
        patch(
            "node-selector-more",
            r#"{"spec":{"template":{"spec":{"nodeSelector":{"disk":"ssd"}}}}}"#,
            &one("spec.template.spec.nodeSelector", "kubernetes.io/hostname: node-0", EDITOR),
        ),
        patch(
            "strategy",
            r#"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#,
            &[
                ("spec.strategy.type", "changed", "type: RollingUpdate", EDITOR),
                ("spec.strategy.rollingUpdate", "missing", "maxSurge: 1", EDITOR),
            ],
        ),
        patch(
            "surge",
            r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"50%"}}}}"#,
            &one("spec.strategy.rollingUpdate.maxSurge", "maxSurge: 1", EDITOR),
        ),
        patch(
            "args",
            r#"[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--trace"}]"#,
            &one("WEB.args", "- --port=8080", EDITOR),
        ),
        patch(
            "grace",
            r#"{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":5}}}}"#,
            &one("spec.template.spec.terminationGracePeriodSeconds", "terminationGracePeriodSeconds: 20", EDITOR),
        ),
        patch(
            "pull-policy",
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/imagePullPolicy","value":"Always"}]"#,
            &one("WEB.imagePullPolicy", "imagePullPolicy: IfNotPresent", EDITOR),
        ),
        patch(
            "host-network",
            r#"{"spec":{"template":{"spec":{"hostNetwork":true}}}}"#,
            &one("spec.template.spec.hostNetwork", "hostNetwork: false", EDITOR),
        ),
        patch(
            "config-map",
            r#"[{"op":"replace","path":"/spec/template/spec/volumes/1/configMap/name","value":"db"}]"#,
            &one("spec.template.spec.volumes[name=config].configMap.name", "name: web-config", EDITOR),
        ),
    ]
}

fn missing() -> Vec<Edit> {
    let one = |path, line, by| vec![(path, "missing", line, by)];
    vec![
        edit(
            "unset-env",
            &["set", "env", "{}", "-c", "web", "REGION-"],
            &one("WEB.env[name=REGION]", "name: REGION", None),
        ),
        edit("unlabel", &["label", "{}", "tier-"], &one("metadata.labels.tier", "tier: front", None)),
        patch(
            "no-second-container",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"log","$patch":"delete"}]}}}}"#,
            &one("spec.template.spec.containers[name=log]", "name: log", None),
        ),
        patch(
            "port",
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/ports/0/containerPort","value":9090}]"#,
            &one("WEB.ports[containerPort=8080,protocol=TCP]", "name: http", EDITOR),
        ),
        patch(
            "volume-type",
            r#"[{"op":"replace","path":"/spec/template/spec/volumes/0","value":{"name":"cache","hostPath":{"path":"/tmp"}}}]"#,
            &one("spec.template.spec.volumes[name=cache].emptyDir", "sizeLimit: 1Gi", EDITOR),
        ),
        patch(
            "probe-kind",
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/readinessProbe","value":{"periodSeconds":5,"tcpSocket":{"port":8080}}}]"#,
            &one("WEB.readinessProbe.httpGet", "path: /ready", EDITOR),
        ),
        patch(
            "env-from-elsewhere",
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/env/1","value":{"name":"EMPTY","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}}]"#,
            &one("WEB.env[name=EMPTY].value", "value: \"\"", EDITOR),
        ),
        patch(
            "mount-path",
            r#"[{"op":"replace","path":"/spec/template/spec/containers/0/volumeMounts/0/mountPath","value":"/tmp"}]"#,
            &one("WEB.volumeMounts[mountPath=/cache]", "name: cache # mounted", EDITOR),
        ),
        patch(
            "no-limits",
            r#"[{"op":"remove","path":"/spec/template/spec/containers/0/resources/limits"}]"#,
            &one("WEB.resources.limits", "memory: 256Mi", None),
        ),
    ]
}

/// What others add, and what says the same in other words, is not drift.
fn foreign() -> Vec<Edit> {
    let none = |name, kubectl: &[&'static str]| edit(name, kubectl, &[]);
    vec![
        none("untouched", &["get", "{}"]),
        none("foreign-annotation", &["annotate", "{}", "other.example.org/seen=yes"]),
        none("foreign-label", &["label", "{}", "owner=somebody"]),
        none("restarted", &["rollout", "restart", "{}"]),
        none(
            "same-quantities",
            &["set", "resources", "{}", "-c", "web", "--limits=memory=268435456", "--requests=cpu=0.1,memory=131072Ki"],
        ),
        patch(
            "sidecar",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"mesh","image":"registry.example.org/mesh:1"}]}}}}"#,
            &[],
        ),
        patch("pull-secret", r#"{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"more"}]}}}}"#, &[]),
        patch(
            "more-env",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"MORE","value":"1"}]}]}}}}"#,
            &[],
        ),
        patch("deadline", r#"{"spec":{"progressDeadlineSeconds":90}}"#, &[]),
    ]
}

/// The line of a manifest that holds a text, which stands there once.
fn line_of(manifest: &str, text: &str) -> usize {
    assert_eq!(manifest.matches(text).count(), 1, "{text:?}");
    manifest.lines().position(|line| line.contains(text)).unwrap() + 1
}

/// The manifests, the repository that declares them, and the cluster in which each is edited.
struct Edited {
    namespace: Namespace,
    edits: Vec<Edit>,
    manifests: Vec<(String, String, String)>,
    repo: Repo,
}

fn edited(way: &[&str]) -> Edited {
    let namespace = Namespace::new("edits");
    let edits = edits();
    let one = |edit: &Edit| {
        let text = MANIFEST.replace("NAMESPACE", &namespace.name).replace("NAME", edit.name);
        (edit.name.to_owned(), format!("deploy/{}.yaml", edit.name), text)
    };
    let manifests: Vec<_> = edits.iter().map(one).collect();
    let all: Vec<&str> = manifests.iter().map(|(_, _, text)| text.as_str()).collect();
    let mut arguments = way.to_vec();
    arguments.extend(["-f", "-"]);
    namespace.kubectl(&arguments, Some(&all.join("\n---\n")));
    let repo = repository(&namespace, &manifests);
    // `managedFields` have seconds: an edit is later than the delivery.
    std::thread::sleep(Duration::from_millis(1100));
    for edit in &edits {
        let target = format!("deployment/{}", edit.name);
        let given = |argument: &&'static str| if *argument == "{}" { target.clone() } else { (*argument).to_owned() };
        let arguments: Vec<String> = edit.kubectl.iter().map(given).collect();
        namespace.kubectl(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), None);
    }
    Edited { namespace, edits, manifests, repo }
}

/// Every edit is found, as it is and no more; where no apply brings Git's value back, it is told to a person and not proposed.
fn found(edited: &Edited, refused: &[&str]) {
    let Edited { edits, manifests, repo, .. } = edited;
    let plan = bpctl(repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    let mut wrong = Vec::new();
    for (name, part) in parts(&plan) {
        let (edit, (_, file, text)) = edits.iter().zip(manifests).find(|(edit, _)| edit.name == name).expect("an edit");
        let expected: Vec<Difference> = edit
            .makes
            .iter()
            .map(|(path, kind, line, by)| Difference {
                path: path.replace("WEB", WEB),
                kind: (*kind).into(),
                at: format!("{file}:{}", line_of(text, line)),
                by: by.map(Into::into),
            })
            .collect();
        let found = drift(part);
        if refused.contains(&name) {
            let told = part.to_string();
            let field = edit.makes[0].0.rsplit('.').next().unwrap();
            let code = if name == "port" { "port-kept" } else { "apply-refused" };
            assert!(found.is_empty() && told.contains(code) && told.contains(field), "{name}: {told}");
        } else if found != expected {
            wrong.push(format!("{name}: expected {expected:#?}\nfound {found:#?}"));
        }
        assert_eq!(part["unknown"], serde_json::json!([]), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(parts(&plan).count(), edits.len());
}

#[test]
fn edits_of_what_server_side_apply_applied_are_found_with_line_and_author() {
    found(&edited(WAYS[1]), &KNOWN);
}

/// A value of another kind beside the declared one, or a port's name under another number: the server takes both or none, so a person has to look.
const KNOWN: [&str; 3] = ["port", "probe-kind", "volume-type"];
/// The same, where the server takes an empty text for none.
const SILENT: &str = "env-from-elsewhere";

#[test]
fn edits_of_what_kubectl_applied_are_found_with_line_and_author_and_one_pass_settles_them() {
    let edited = edited(WAYS[0]);
    found(&edited, &KNOWN);
    let Edited { namespace, repo, .. } = &edited;
    namespace.kubectl(&["delete", "deployment/untouched"], None);

    let ran = bpctl(repo, None).run(&["apply", "-o", "json"]).exits(0);
    let told: BTreeMap<String, String> = ran.json()["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["blueprint"].as_str().unwrap().to_owned(), step["told"].as_str().unwrap().to_owned()))
        .collect();
    let plan = bpctl(repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    let left: Vec<&str> =
        parts(&plan).filter(|(_, part)| part["items"] != serde_json::json!([])).map(|(name, _)| name).collect();
    assert_eq!(left, [SILENT], "{told:#?}");
    for edit in &edited.edits {
        let told = told.get(edit.name);
        if KNOWN.contains(&edit.name) {
            assert!(!told.is_some_and(|told| told.starts_with("applied")), "{told:?}");
        } else if edit.name == SILENT {
            assert!(told.unwrap().contains("the server took the manifest and changed nothing"), "{told:?}");
        } else if edit.name == "untouched" {
            assert_eq!(told.unwrap(), "applied Deployment/untouched: created");
        } else {
            assert_eq!(
                told.is_some_and(|told| told.starts_with("applied Deployment/")),
                !edit.makes.is_empty(),
                "{} {told:?}",
                edit.name
            );
        }
    }
    // What others added is still there.
    let sidecar = namespace.get("deployment sidecar");
    assert_eq!(
        sidecar.pointer("/spec/template/spec/containers").and_then(serde_json::Value::as_array).unwrap().len(),
        3
    );
}

//! `plan --exact`: what the API server itself would make of an apply, asked by an account that can do nothing but ask.

use serde_json::{Value as Json, json};

use super::quirks::{Mutation, WEB, deliver, repository};
use super::rights::changed;
use super::workspace::{WAYS, bpctl, drift, parts};
use crate::support::{Namespace, Repo, audited, kubectl, lab, wait_for};

const EXACT: &str = include_str!("../../../templates/rbac/exact.yaml");
const READER: &str = include_str!("../../../templates/rbac/reader.yaml");
const IMAGE: &str = "spec.template.spec.containers[name=web].image";

fn part(repo: &Repo, arguments: &[&str]) -> Json {
    let arguments: Vec<&str> = ["plan", "-o", "json"].iter().chain(arguments).copied().collect();
    let plan = bpctl(repo, None).run(&arguments).exits(0).json();
    parts(&plan).next().expect("a part").1.clone()
}

fn told(repo: &Repo) -> String {
    bpctl(repo, None).run(&["plan", "--exact"]).exits(0).stdout
}

fn paths(part: &Json) -> Vec<(String, String)> {
    drift(part).into_iter().map(|drift| (drift.path, drift.kind)).collect()
}

fn image(namespace: &Namespace) -> Json {
    namespace.get("deployment web").pointer("/spec/template/spec/containers/0/image").cloned().unwrap_or_default()
}

/// Delivers until the policy is at work.
fn mutated(namespace: &Namespace) -> Mutation {
    let policy = Mutation::on(namespace);
    let probe = WEB.replace("name: web}", "name: probe}");
    wait_for("the policy", 60, || {
        namespace
            .kubectl(&["apply", "--server-side", "--dry-run=server", "-o", "json", "-f", "-"], Some(&probe))
            .contains("mirror.")
            .then_some(())
    });
    policy
}

#[test]
fn what_admission_changes_is_told_and_suspects_that_an_apply_would_not_change_are_none() {
    let namespace = Namespace::new("exact");
    let repo = repository(&namespace, "", "");
    deliver(&namespace, WAYS[1], WEB);
    namespace.kubectl(&["set", "env", "deployment/web", "A=9"], None);
    let _policy = mutated(&namespace);
    let plain = [("spec.template.spec.containers[name=web].env[name=A].value".to_owned(), "changed".to_owned())];
    assert_eq!(paths(&part(&repo, &[])), plain);
    let exactly = part(&repo, &["--exact"]);
    let mut expected = plain.to_vec();
    expected.push(("metadata.labels".to_owned(), "admission".to_owned()));
    expected.push((IMAGE.to_owned(), "admission".to_owned()));
    assert_eq!(paths(&exactly), expected);
    let text = told(&repo);
    let added = r#"metadata.labels: nothing in the cluster, admission makes it {"injected":"yes"}; Git does not say"#;
    assert!(text.contains(added), "{text}");
    let both = format!(
        "{IMAGE}: \"registry.example.org/web:1\" in the cluster, Git says \"registry.example.org/web:1\", admission makes it \"mirror.example.org/web:1\""
    );
    assert!(text.contains(&both), "{text}");
    assert_eq!(image(&namespace), json!("registry.example.org/web:1"), "nothing was written");

    // Delivered through the policy the image differs for ever, and no apply would change it.
    namespace.kubectl(&["apply", "--server-side", "--force-conflicts", "--field-manager=bpctl", "-f", "-"], Some(WEB));
    assert_eq!(image(&namespace), json!("mirror.example.org/web:1"));
    assert_eq!(paths(&part(&repo, &[])), [(IMAGE.to_owned(), "changed".to_owned())]);
    let exactly = part(&repo, &["--exact"]);
    assert_eq!(exactly["items"], json!([]));
    let because = exactly["notProposed"][0]["because"].as_str().unwrap();
    assert!(because.contains("applying the manifest changes nothing"), "{because}");

    // What does not exist is told as it would become.
    namespace.kubectl(&["delete", "deployment/web"], None);
    let text = told(&repo);
    assert!(text.contains("+ reconcile create Deployment/web"), "{text}");
    assert!(text.contains(&format!("{IMAGE}: Git says \"registry.example.org/web:1\", admission makes it")), "{text}");
    let asked = audited(&namespace.name).into_iter().filter(|event| {
        event["verb"] == "patch" && event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("bpctl/"))
    });
    let asked: Vec<String> = asked.map(|event| event["requestURI"].as_str().unwrap().to_owned()).collect();
    assert!(asked.len() >= 4 && asked.iter().all(|uri| uri.contains("dryRun=All")), "{asked:?}");
}

#[test]
fn what_the_server_does_not_try_is_approximate_and_the_rest_goes_on() {
    let namespace = Namespace::new("refused");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}]}\n";
    let repo = repository(&namespace, service, "");
    deliver(&namespace, WAYS[1], &format!("{WEB}---\n{service}"));
    namespace.kubectl(&["set", "env", "deployment/web", "A=9"], None);
    namespace.kubectl(
        &[
            "patch",
            "service/x",
            "--type=json",
            "-p",
            r#"[{"op":"replace","path":"/spec/ports/0/targetPort","value":99}]"#,
        ],
        None,
    );
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: deny-{0}}}\nspec:\n  matchConstraints:\n    resourceRules: [{{apiGroups: [\"\"], apiVersions: [v1], operations: [UPDATE], resources: [services]}}]\n  matchConditions: [{{name: here, expression: \"object.metadata.namespace == '{0}'\"}}]\n  validations: [{{expression: \"false\", message: \"not on a Friday\"}}]\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: deny-{0}}}\nspec: {{policyName: deny-{0}, validationActions: [Deny]}}\n",
        namespace.name
    );
    let _gone = Gone(vec![
        format!("validatingadmissionpolicy/deny-{}", namespace.name),
        format!("validatingadmissionpolicybinding/deny-{}", namespace.name),
    ]);
    kubectl(&["apply", "-f", "-"], Some(&policy));
    let text = wait_for("the policy", 60, || Some(told(&repo)).filter(|text| text.contains("refuses it: ")));
    assert!(text.contains("the API server refuses it: ") && text.contains("not on a Friday"), "{text}");
    assert!(text.contains(" · checked with the server's dry run"), "{text}");
    assert!(text.contains("reconcile Service/x: 1 field"), "{text}");
    assert_eq!(text.matches("refuses it: ").count(), 1, "the Deployment is exact: {text}");
    let markdown = bpctl(&repo, None).run(&["plan", "--exact", "-o", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("Service/x: the API server refuses it"), "{markdown}");

    // A namespace that is not there yet, and rights that do not reach.
    repo.replace("blueprints/web.yaml", &format!("namespace: {}", namespace.name), "namespace: not-there-yet");
    repo.commit(&[], "elsewhere");
    let text = told(&repo);
    assert!(
        text.contains("+ reconcile create Deployment/web")
            && text.contains("the API server refuses it: namespaces \"not-there-yet\" not found"),
        "{text}"
    );

    // A recording cannot be asked.
    bpctl(&repo, None).run(&["snapshot", "recorded"]).exits(0);
    repo.replace("bpctl.yaml", "cluster: {context: lab}", "cluster: {snapshot: recorded}");
    repo.commit(&[], "a recording");
    let text = told(&repo);
    assert!(text.contains("approximate: a recording cannot be asked"), "{text}");
    assert!(text.contains(" · not checked with a dry run: a recording cannot be asked"), "{text}");
}

/// A webhook that cannot be reached refuses the dry run as it would the write.
#[test]
fn a_webhook_that_fails_makes_what_it_guards_approximate() {
    let namespace = Namespace::new("webhook");
    let repo = repository(&namespace, "", "");
    deliver(&namespace, WAYS[1], WEB);
    namespace.kubectl(&["set", "env", "deployment/web", "A=9"], None);
    let name = format!("fails-{}", namespace.name);
    let _gone = Gone(vec![format!("validatingwebhookconfiguration/{name}")]);
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name}, "webhooks": [{"name": "guard.example.org", "sideEffects": "None", "failurePolicy": "Fail",
            "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/guard"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}},
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}]}]});
    kubectl(&["apply", "-f", "-"], Some(&webhook.to_string()));
    let text = wait_for("the webhook", 60, || Some(told(&repo)).filter(|text| text.contains("approximate: ")));
    assert!(text.contains("failed calling webhook"), "{text}");
    assert!(text.contains("env[name=A].value: \"9\" in the cluster, Git says \"1\""), "{text}");
}

/// Objects of the whole cluster that go when the test ends.
struct Gone(Vec<String>);

impl Drop for Gone {
    fn drop(&mut self) {
        for what in &self.0 {
            let arguments = ["delete", what.as_str(), "--wait=false", "--ignore-not-found"];
            let _ = std::process::Command::new("kubectl").args(arguments).env("KUBECONFIG", lab("KUBECONFIG")).output();
        }
    }
}

/// The shipped account, in a namespace of the test.
#[test]
fn the_shipped_account_tries_everything_and_writes_nothing() {
    let namespace = Namespace::new("account");
    let name = format!("bpctl-exact-{}", namespace.name);
    let own = |text: &str| {
        let text = text
            .replace("serviceaccount:bpctl:bpctl-exact", "SERVICE-ACCOUNT")
            .replace("namespace: bpctl", &format!("namespace: {}", namespace.name));
        let text =
            text.replace("bpctl-exact", &name).replace("bpctl-reader", &format!("bpctl-reader-{}", namespace.name));
        text.replace("SERVICE-ACCOUNT", &format!("serviceaccount:{}:{name}", namespace.name))
    };
    let kinds = ["validatingadmissionpolicy", "validatingadmissionpolicybinding", "clusterrole", "clusterrolebinding"];
    let mut gone: Vec<String> = kinds.iter().map(|kind| format!("{kind}/{name}")).collect();
    gone.extend([
        format!("clusterrolebinding/{name}-reader"),
        format!("clusterrole/bpctl-reader-{}", namespace.name),
        format!("clusterrolebinding/bpctl-reader-{}", namespace.name),
    ]);
    let _gone = Gone(gone);
    kubectl(&["apply", "-f", "-"], Some(&own(READER)));
    kubectl(&["apply", "-f", "-"], Some(&own(EXACT)));

    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}]}\n";
    let repo = repository(&namespace, service, "");
    deliver(&namespace, WAYS[0], WEB);
    namespace.kubectl(&["set", "env", "deployment/web", "A=9"], None);
    let token = namespace.kubectl(&["create", "token", &name], None);
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = changed(&folder, |config| config["users"][0]["user"] = json!({"token": token.trim()}));
    let user = |arguments: &[&str], input: Option<&str>| {
        use std::io::Write as _;
        let mut child = std::process::Command::new("kubectl")
            .args(["--namespace", &namespace.name])
            .args(arguments)
            .env("KUBECONFIG", &kubeconfig)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).expect("written");
        let output = child.wait_with_output().expect("kubectl ends");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let apply = |text: &str, more: &[&str]| {
        let arguments = ["apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-"];
        user(&arguments.iter().chain(more).copied().collect::<Vec<_>>(), Some(text))
    };
    // The policy needs a moment; until then the account must not be trusted with anything, as the file says.
    let harmless = WEB.replace("name: web}", "name: harmless}");
    let denied = wait_for("the policy", 60, || {
        let (done, said) = apply(&harmless, &[]);
        (!done).then_some(said)
    });
    assert!(denied.contains("may only try what it would write"), "{denied}");
    namespace.kubectl(&["delete", "--ignore-not-found", "deployment/harmless"], None);
    let version = || namespace.get("deployment web")["metadata"]["resourceVersion"].clone();
    let settled = wait_for("a settled Deployment", 60, || {
        let before = version();
        std::thread::sleep(std::time::Duration::from_millis(700));
        (version() == before).then_some(before)
    });
    for text in [WEB, service] {
        assert!(!apply(text, &[]).0, "a write");
        let (done, said) = apply(text, &["--dry-run=server"]);
        assert!(done, "a dry run: {said}");
    }
    for arguments in
        [&["delete", "deployment/web"] as &[&str], &["scale", "deployment/web", "--replicas=9"], &["get", "secrets"]]
    {
        assert!(!user(arguments, None).0, "{arguments:?}");
    }

    let plan = bpctl(&repo, Some(&kubeconfig)).run(&["plan", "--exact", "-o", "json"]).exits(0).json();
    let part = parts(&plan).next().expect("a part").1;
    assert_eq!(part["unknown"], json!([]));
    assert!(!plan.to_string().contains("approximate"), "{plan:#}");
    let expected = [("spec.template.spec.containers[name=web].env[name=A].value".to_owned(), "changed".to_owned())];
    assert_eq!(paths(part), expected);
    assert_eq!(part["items"][1]["finding"]["finding"], "absent");

    // Even a whole pass with it writes nothing to the cluster.
    let ran = bpctl(&repo, Some(&kubeconfig)).run(&["apply"]).exits(1);
    assert!(ran.stdout.contains("forbidden") || ran.stderr.contains("forbidden"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(version(), settled);
}

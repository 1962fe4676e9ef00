//! Deliveries that a real API server refuses (B11): counted by checks, told by plans, stopped by the breaker.

use super::workspace::{blueprint, bpctl, repository};
use crate::chat::Chat;
use crate::support::{Namespace, lab};

fn manifest(namespace: &str, app: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: \
         {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}}}\n    spec: {{containers: [{{name: web, image: \
         \"registry.example.org/web:1\"}}]}}\n"
    )
}

/// Would miss: a refusal that no entry, no plan and no breaker knows of; an exit code that says that all is well while base is not
/// delivered; a count that lives in the ledger.
#[test]
fn b11_what_the_server_refuses_again_and_again_is_stopped_until_a_person_changes_it() {
    let namespace = Namespace::new("refused");
    let text = |app| manifest(&namespace.name, app);
    namespace.kubectl(&["apply", "-f", "-"], Some(&text("web")));
    // A Deployment's selector cannot be changed.
    let repo = repository(&namespace, &[("web".into(), "deploy/web.yaml".into(), text("other"))]);
    // What is not measured has no say in what is delivered.
    let (path, blueprint) = blueprint("web", &namespace.name, "deploy/web.yaml");
    let scaling = "  scaling: {min_replicas: 1, max_replicas: 3, window: 20s}\n";
    repo.commit(&[(path.as_str(), &format!("{blueprint}{scaling}"))], "scaling");
    let chat = Chat::new();
    let run = |arguments: &[&str]| bpctl(&repo, None).with("BPCTL_ALERT_WEBHOOK", chat.address()).run(arguments);
    let failed = || repo.ledger("lab").iter().filter(|entry| entry["event"]["kind"] == "failed").count();
    for attempt in 1..=3 {
        let ran = run(&["apply"]).exits(1);
        assert!(ran.stdout.contains("immutable"), "{}", ran.stdout);
        assert_eq!(failed(), attempt, "{:#?}", repo.ledger("lab"));
        let told = run(&["plan"]).exits(0).stdout;
        assert!(told.contains("delivery-failed") && told.contains("spec.selector: Invalid value"), "{told}");
    }
    // People hear of the same refusal once, whatever is tried again.
    let heard = chat.heard();
    assert!(heard.len() == 1 && heard[0].contains("an operation was refused"), "{heard:?}");
    assert!(heard[0].contains("spec.selector: Invalid value"), "{heard:?}");
    let ran = run(&["apply"]).exits(1);
    assert!(ran.stdout.contains("held by limits.breaker = 3"), "{}", ran.stdout);
    let heard = chat.heard();
    assert!(heard.len() == 1 && heard[0].contains("stopped after failures"), "{heard:?}");
    assert_eq!(failed(), 3);
    repo.git(&["update-ref", "-d", "refs/heads/bpctl-ledger/lab"]);
    let told = run(&["breaker"]).exits(0).stdout;
    assert!(
        told.contains("web  stopped since")
            && told.contains("spec.selector: Invalid value")
            && told.contains("ends when a change of the blueprint or of its manifests is merged, or nothing differs")
            && told.contains("blueprint blueprints/web.yaml, manifests deploy/web.yaml"),
        "{told}"
    );
    assert!(run(&["plan"]).exits(0).stdout.contains("limits.breaker = 3"));
    // What was lost with the ledger is written down again from the checks.
    run(&["apply"]).exits(1);
    assert_eq!(failed(), 3);
    let at = repo.git(&["rev-parse", "HEAD"]);
    let good = || {
        run(&["apply"]).exits(0);
        assert_eq!(run(&["breaker"]).exits(0).stdout.trim(), "nothing is stopped, and nothing failed");
    };
    repo.commit(&[("deploy/web.yaml", &text("web"))], "back to the selector that it has");
    good();
    // Or the cluster is mended: with nothing left to deliver it has not failed.
    repo.git(&["reset", "--hard", at.trim()]);
    run(&["apply"]).exits(1);
    namespace.kubectl(&["delete", "deployment/web"], None);
    namespace.kubectl(&["apply", "-f", "-"], Some(&text("other")));
    good();
}

/// Would miss: an apply that changes nothing, or cannot, and leaves people alone with it.
#[test]
fn b11_what_no_apply_can_bring_back_is_told_with_the_way_out() {
    let namespace = Namespace::new("dropped");
    let dropped = manifest(&namespace.name, "web");
    let service = |port: u16| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: {}}}\nspec:\n  selector: {{app: web}}\n  ports: [{{port: \
             {port}, targetPort: 80}}]\n",
            namespace.name
        )
    };
    let before =
        dropped.replace("web:1\"", "web:1\", env: [{name: LOG_LEVEL, value: debug}, {name: KEPT, value: \"1\"}]");
    let after = dropped.replace("web:1\"", "web:1\", env: [{name: KEPT, value: \"1\"}]");
    namespace.kubectl(&["apply", "-f", "-"], Some(&format!("{before}{}", service(5432))));
    let patch = r#"{"spec":{"ports":[{"port":5433,"targetPort":5433}]}}"#;
    namespace.kubectl(&["patch", "service", "web", "--type", "merge", "-p", patch], None);
    let repo = repository(&namespace, &[("web".into(), "deploy/web.yaml".into(), format!("{after}{}", service(5432)))]);
    let edit = format!("write 5432 in the place of 5433: kubectl -n {} edit service/web", namespace.name);
    let hand_over = ["apply", "--server-side", "--field-manager=bpctl", "--force-conflicts", "-f"];
    let way = format!("kubectl -n {} {} deploy/web.yaml", namespace.name, hand_over.join(" "));
    // Neither is planned as something that bpctl does, and no apply tries it.
    for command in ["plan", "apply"] {
        let told = bpctl(&repo, None).run(&[command]).exits(0).stdout;
        assert!(!told.contains("~ reconcile") && !told.contains("Required value"), "{told}");
        assert!(told.contains("port-kept, for a person") && told.contains(&edit), "{told}");
        assert!(told.contains("env[name=LOG_LEVEL] is no longer in Git") && told.contains(&way), "{told}");
    }
    bpctl(&repo, None).run(&["plan", "--detailed-exitcode"]).exits(4);
    // Both ways lead out, and what was handed over is bpctl's to take away from then on.
    let patch = r#"{"spec":{"ports":[{"port":5432,"targetPort":80}]}}"#;
    namespace.kubectl(&["patch", "service", "web", "--type", "merge", "-p", patch], None);
    let file = repo.path().join("deploy/web.yaml").display().to_string();
    namespace.kubectl(&[&hand_over[..], &[&file]].concat(), None);
    assert!(bpctl(&repo, None).run(&["plan"]).exits(0).stdout.contains("nothing to do"));
    repo.replace("deploy/web.yaml", ", env: [{name: KEPT, value: \"1\"}]", "");
    repo.commit(&[], "nothing is kept");
    // To be tried, were it not for the pause after an apply as bpctl.
    let told = bpctl(&repo, None).run(&["plan"]).exits(0).stdout;
    assert!(
        told.contains("~ reconcile") && told.contains("no longer in Git") && !told.contains("field-kept"),
        "{told}"
    );
}

/// Would miss: what every apply is refused for, told as brought back by the controller: a port's name that the cluster has under another number, a
/// limit that stays below what Git requests.
#[test]
fn b05_what_the_cluster_keeps_at_odds_with_git_is_told() {
    let namespace = Namespace::new("odds");
    let port = "web:1\", ports: [{name: http, containerPort: 80}]";
    let web = manifest(&namespace.name, "web").replace("web:1\"", port);
    let sized = manifest(&namespace.name, "sized").replace("name: web, namespace", "name: sized, namespace");
    let sized = sized.replace("web:1\"", "web:1\", resources: {requests: {cpu: 10m}}");
    namespace.kubectl(&["apply", "-f", "-"], Some(&format!("{web}---\n{sized}")));
    let files = [("web", &web), ("sized", &sized)];
    let files = files.map(|(name, text)| (name.to_owned(), format!("deploy/{name}.yaml"), text.clone()));
    let repo = repository(&namespace, &files);
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    repo.commit(&[], "a controller delivers");
    let list = "/spec/template/spec/containers/0";
    let patch = format!(r#"[{{"op":"replace","path":"{list}/ports/0/containerPort","value":8080}}]"#);
    namespace.kubectl(&["patch", "deployment", "web", "--type", "json", "-p", &patch], None);
    namespace.kubectl(&["set", "resources", "deployment/sized", "--requests=cpu=1m", "--limits=cpu=5m"], None);
    let told = bpctl(&repo, None).run(&["plan"]).stdout;
    for wanted in ["the cluster has port 8080, Git says 80", "takes no request above its limit"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    assert!(!told.contains("~ reconcile"), "{told}");
    // As said: nobody's apply goes through.
    for name in ["web", "sized"] {
        let file = repo.path().join(format!("deploy/{name}.yaml")).display().to_string();
        let refused = std::process::Command::new("kubectl")
            .args(["--namespace", &namespace.name, "apply", "-f", &file])
            .env("KUBECONFIG", lab("KUBECONFIG"))
            .output()
            .expect("kubectl starts");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("invalid"), "{said}");
    }
}

/// Would miss: a field of a load balancer, told as kept beside Git, which the API server clears with the type that Git gives back; a type that
/// every server-side apply leaves beside what Git says of a rolling update.
#[test]
fn b05_what_goes_with_a_type_is_not_told_as_kept() {
    let namespace = Namespace::new("types");
    let rolling = "replicas: 1\n  strategy: {rollingUpdate: {maxUnavailable: 0}}";
    let web = manifest(&namespace.name, "web").replace("replicas: 1", rolling);
    let service = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: {}}}\nspec: {{type: ClusterIP, selector: {{app: web}}, ports: \
         [{{port: 80}}]}}\n",
        namespace.name
    );
    let (text, by_kubectl) = (format!("{web}{service}"), ["apply", "--server-side", "-f", "-"]);
    namespace.kubectl(&by_kubectl, Some(&text));
    let repo = repository(&namespace, &[("web".into(), "deploy/web.yaml".into(), text.clone())]);
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    repo.commit(&[], "a controller delivers");
    let patch =
        |what: &str, text: &str| namespace.kubectl(&["patch", what, "web", "--type", "merge", "-p", text], None);
    patch(
        "service",
        r#"{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","sessionAffinity":"ClientIP"}}"#,
    );
    patch("deployment", r#"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#);
    let told = bpctl(&repo, None).run(&["plan"]).stdout;
    assert!(told.contains("spec.type") && told.contains("keeps it: spec.sessionAffinity (by kubectl-patch)"), "{told}");
    for gone in ["allocateLoadBalancerNodePorts", "externalTrafficPolicy", "healthCheckNodePort"] {
        assert!(!told.contains(gone), "{gone}: {told}");
    }
    let rival = "Git declares spec.strategy.rollingUpdate, and the cluster has spec.strategy.type (by kubectl-patch)";
    assert!(told.contains(rival), "{told}");
    // As said: the Service is as Git declares but for what is kept, and the Deployment is taken only without the type.
    let (_, of_service) = text.split_once("---\n").expect("two documents");
    namespace.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], Some(of_service));
    let spec = &namespace.get("services")["items"][0]["spec"];
    assert!(spec.get("externalTrafficPolicy").is_none() && spec["sessionAffinity"] == "ClientIP", "{spec}");
    patch("deployment", r#"{"spec":{"strategy":{"type":null}}}"#);
    namespace.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], Some(&web));
}

/// Would miss: a run that came second and counts what the first one did as a refusal, so that every later run ends with 1.
#[test]
fn z2_two_runs_that_make_the_same_objects_leave_no_failure() {
    let namespace = Namespace::new("twice");
    let maps: String = (0..12)
        .map(|n| {
            format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings-{n}, namespace: {}}}\ndata: {{a: b}}\n", namespace.name)
        })
        .collect();
    let mounts: String = (0..12).map(|n| format!(", {{configMapRef: {{name: settings-{n}}}}}")).collect();
    let text = manifest(&namespace.name, "web").replace(
        "image: \"registry.example.org/web:1\"",
        &format!("image: \"registry.example.org/web:1\", envFrom: [{}]", mounts.trim_start_matches(", ")),
    );
    let repo = repository(&namespace, &[("web".into(), "deploy/web.yaml".into(), format!("{text}{maps}"))]);
    let ran: Vec<_> = std::thread::scope(|scope| {
        let one = || bpctl(&repo, None).run(&["apply"]);
        let both = [scope.spawn(one), scope.spawn(one)];
        both.into_iter().map(|run| run.join().expect("a run")).collect()
    });
    for ran in ran {
        let told = ran.exits(0).stdout;
        assert!(!told.contains("changed nothing"), "{told}");
    }
    assert_eq!(bpctl(&repo, None).run(&["breaker"]).exits(0).stdout.trim(), "nothing is stopped, and nothing failed");
    assert!(bpctl(&repo, None).run(&["apply"]).exits(0).stdout.contains("nothing to do"));
}

/// B4. Would miss: pods that start before what they read is there, or with the values of before; a roll-out onto what the server refused.
#[test]
fn b04_what_pods_read_is_delivered_before_them_and_without_it_they_are_not() {
    let first = Namespace::new("order");
    let all = |version: u8, level: &str, immutable: bool| {
        let web = manifest(&first.name, "web")
            .replace("web:1\"", &format!("web:{version}\", envFrom: [{{configMapRef: {{name: web}}}}]"));
        format!(
            "{web}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web, namespace: {}}}\nimmutable: {immutable}\ndata: {{LEVEL: {level}}}\n",
            first.name
        )
    };
    let repo = repository(&first, &[("web".into(), "deploy/web.yaml".into(), all(1, "info", true))]);
    let told = bpctl(&repo, None).run(&["apply"]).exits(0).stdout;
    let at = |what: &str| told.find(what).unwrap_or_else(|| panic!("{what}: {told}"));
    assert!(at("applied ConfigMap/web: created") < at("applied Deployment/web: created"), "{told}");
    let namespace = Namespace::new("refused");
    let of = |version, level| {
        all(version, level, true)
            .replace(&format!("namespace: {}", first.name), &format!("namespace: {}", namespace.name))
    };
    namespace.kubectl(&["apply", "-f", "-"], Some(&of(1, "info")));
    let repo = repository(&namespace, &[("web".into(), "deploy/web.yaml".into(), of(2, "debug"))]);
    let told = bpctl(&repo, None).run(&["apply"]).exits(1).stdout;
    assert!(told.contains("immutable"), "{told}");
    assert!(told.contains("Deployment/web not applied: ConfigMap/web"), "{told}");
    assert!(told.contains("comes first, and could not be brought"), "{told}");
    let live =
        || namespace.get("deployments")["items"][0]["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(live(), "registry.example.org/web:1");
    // A person makes way, and both come.
    namespace.kubectl(&["delete", "configmap/web"], None);
    bpctl(&repo, None).run(&["apply"]).exits(0);
    assert_eq!(live(), "registry.example.org/web:2");
}

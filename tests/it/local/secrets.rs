//! Passwords within commands, addresses and configuration: in no output, and not in the ledger (T38).

use serde_json::json;

use super::{APPLY, says};
use crate::support::Repo;

const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";
const CANARY: &str = "CANARY";

fn config(secret: &str, colour: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: front-config, namespace: shop}}\ndata:\n  colour: {colour}\n  \
         config.json: '{{\"host\":\"db\",\"password\":\"{secret}\"}}'\n  dsn.txt: host=db user=app password={secret}\n  \
         jdbc: jdbc:mysql://db/app?user=a&password={secret}\n  nginx.conf: 'proxy_set_header Authorization \"Basic {secret}\";'\n  \
         run.sh: |\n    serve --user app --password {secret}\n  app.toml: |\n    [credentials]\n    value = \"{secret}\"\n  \
         app.xml: <password>{secret}</password>\n  init.sql: CREATE USER a IDENTIFIED BY '{secret}'\n  users.conf: admin:{secret}\n"
    )
}

fn manifest(repo: &Repo, secret: &str) -> String {
    let text = repo.git(&["show", "main:deploy/frontend.yaml"]);
    let args = format!("          args: [\"--db-password={secret}\", \"--url=https://u:{secret}@x/\"]\n");
    let env = format!(
        "            - {{name: DATABASE_URL, value: \"postgres://app:{secret}@db/app\"}}\n            \
         - {{name: JAVA_OPTS, value: \"-Ddb.password={secret}\"}}\n"
    );
    let mut lines = String::new();
    for line in text
        .lines()
        .filter(|line| !line.contains("args: [") && !line.contains("DATABASE_URL") && !line.contains("JAVA_OPTS"))
    {
        if line.trim_start().starts_with("env:") {
            lines.push_str(&args);
        }
        lines.push_str(line);
        lines.push('\n');
        if line.trim_start().starts_with("env:") {
            lines.push_str(&env);
        }
    }
    assert!(lines.contains("DATABASE_URL"), "{lines}");
    lines.replacen(
        "          env:",
        "          envFrom: [{configMapRef: {name: front-config}}]\n          env:",
        usize::from(!text.contains("envFrom")),
    )
}

/// Would miss: a password that stands in Git or in the cluster within a longer text, and with that in a terminal, an artifact, a comment that
/// many read, or for ever in the ledger; a plan that for fear of it shows no value at all.
#[test]
fn t38_passwords_within_texts_are_in_no_output_and_not_in_the_ledger() {
    let repo = Repo::shop();
    let frontend = manifest(&repo, "CANARY-GIT");
    repo.commit(
        &[("deploy/frontend.yaml", &frontend), ("deploy/config.yaml", &config("CANARY-OLD", "red"))],
        "addresses and commands",
    );
    let mut live: serde_json::Value = serde_json::from_str(&repo.read(DEPLOYMENTS)).expect("JSON");
    for item in live["items"].as_array_mut().expect("items") {
        if item["metadata"]["name"] == "frontend" {
            item["spec"]["template"]["spec"]["containers"][0]["env"] = json!([
                {"name": "LOG_LEVEL", "value": "-Ddb.password=CANARY-L1 postgres://a:CANARY-L2@b/c"},
                {"name": "DATABASE_URL", "value": "http://u:CANARY-L3@backend:8080/?token=CANARY-L4"},
            ]);
        }
    }
    repo.write(DEPLOYMENTS, &live.to_string());
    let clean = |what: &str, text: &str| {
        let line = text.lines().find(|line| line.contains(CANARY)).unwrap_or_default();
        assert!(!text.contains(CANARY), "{what}: {line}");
    };
    let plan = |format: &str, more: &[&str]| {
        let ran = repo.run(&[&["plan", "--env", "staging", "-o", format], more].concat());
        clean(format, &format!("{}{}", ran.stdout, ran.stderr));
        ran.stdout
    };
    let text = plan("text", &[]);
    says(&text, &["DATABASE_URL", "(withheld)"]);
    for format in ["json", "markdown", "yaml"] {
        says(&plan(format, &[]), &["DATABASE_URL", "(withheld)"]);
    }
    // A change of them, as a plan of a pull request shows it.
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.commit(&[("deploy/config.yaml", &config("CANARY-NEW", "blue"))], "others");
    plan("markdown", &["--base", "main"]);
    for format in ["text", "json"] {
        says(&plan(format, &["--base", "main"]), &["(withheld)", "blue"]);
    }
    repo.git(&["switch", "-q", "main"]);
    // As a proposal's branch has it, and the judge.
    let applied = repo.run(&APPLY);
    clean("apply", &format!("{}{}", applied.stdout, applied.stderr));
    let branch = "bpctl/staging/backend/scale";
    repo.git(&["switch", "-q", branch]);
    let frontend = manifest(&repo, "CANARY-PUSHED");
    repo.commit(
        &[("deploy/frontend.yaml", &frontend), ("deploy/config.yaml", &config("CANARY-PUSHED", "green"))],
        "pushed",
    );
    repo.git(&["switch", "-q", "main"]);
    for format in ["text", "json"] {
        let judged = repo.run(&["judge", "1", "-o", format]);
        clean("judge", &format!("{}{}", judged.stdout, judged.stderr));
        says(&judged.stdout, &["DATABASE_URL", "(withheld)"]);
    }
    let again = repo.run(&APPLY);
    clean("apply", &format!("{}{}", again.stdout, again.stderr));
    let ledger = repo.git(&["log", "-p", "--format=%B", "refs/heads/bpctl-ledger/staging"]);
    says(&ledger, &["DATABASE_URL"]);
    clean("ledger", &ledger);
    let replayed = repo.run(&["audit", "replay"]).exits(0);
    clean("replay", &replayed.stdout);
}

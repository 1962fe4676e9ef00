//! Adoption on the server (X8): a value of a chart's own values file, from the cluster into Git, and a close that is a no.

use serde_json::{Value, json};

use super::server::{ADMIN, Shop, told};

const VALUES: &str = "charts/frontend/values-staging.yaml";
const ADOPT: [&str; 7] = ["apply", "--env", "staging", "-o", "json", "--adopt", "frontend:LOG_LEVEL"];

/// The shop, whose frontend is a chart's.
fn shop() -> Shop {
    Shop::changed(|repo| {
        let manifest =
            repo.read("deploy/frontend.yaml").replace("value: info}", "value: {{ .Values.logLevel | quote }}}");
        repo.git(&["rm", "-q", "deploy/frontend.yaml"]);
        repo.write("charts/frontend/templates/frontend.yaml", &manifest);
        repo.write("charts/frontend/Chart.yaml", "apiVersion: v2\nname: frontend\nversion: 1.0.0\n");
        repo.write("charts/frontend/values.yaml", "logLevel: warn\n");
        repo.write(VALUES, "# one for each stage\nlogLevel: info   # what operators want\n");
        let blueprint = "blueprints/frontend/blueprint.yaml";
        repo.replace(blueprint, "source: deploy/frontend.yaml", "source: charts/frontend");
        repo.replace(blueprint, "scale_up_threshold: 80%", "scale_up_threshold: 99%");
        let entry = "    delivery: direct\n    render: [{helm: charts/frontend, namespace: shop, values: [charts/frontend/values-staging.yaml]}]";
        repo.replace("bpctl.yaml", "    delivery: direct", entry);
    })
}

fn adoptions(shop: &Shop) -> Vec<Value> {
    let mut pulls = shop.pulls();
    pulls.retain(|pull| {
        pull["head"]["ref"] == "bpctl/staging/frontend/adopt" || pull["head"]["label"] == "bpctl/staging/frontend/adopt"
    });
    pulls
}

/// Would miss: a line of a chart that is not found, an adoption that bpctl merges behind a computed value, and a value that is brought back
/// while its adoption is open on a server, or left after a no.
#[test]
fn x08_a_charts_value_is_adopted_on_the_server_and_a_close_is_a_no() {
    let shop = shop();
    let ran = shop.bpctl().run(&ADOPT).exits(0).json();
    let lines = told(&ran);
    assert!(lines.iter().any(|line| line.contains("adopt LOG_LEVEL info → debug")), "{lines:?}");
    let pull = adoptions(&shop).pop().expect("a pull request");
    let number = pull["number"].as_u64().expect("a number");
    let body = pull["body"].as_str().expect("a body");
    assert!(body.contains("written by `kubectl-edit`") && body.contains(&format!("{VALUES}:2:11")), "{body}");
    assert_eq!(shop.judge(number)["tier"], "requires_approval");

    // Left while it is open.
    let report = shop.apply();
    let left = report["left"].to_string();
    assert!(left.contains(&format!("held by adoption until #{number} is merged or closed")), "{report}");
    // Closed: brought back, and not proposed again.
    shop.api(ADMIN, "PATCH", &format!("/pulls/{number}"), json!({ "state": "closed" }), 201);
    let lines = told(&shop.bpctl().run(&ADOPT).exits(0).json());
    assert!(lines.iter().any(|line| line.contains("a person closed this adopt before")), "{lines:?}");
    let lines = told(&shop.apply());
    assert!(lines.iter().any(|line| line.starts_with("frontend: applied Deployment/frontend")), "{lines:?}");
    assert_eq!(adoptions(&shop).len(), 1);
}

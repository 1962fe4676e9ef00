//! Labels of proposals on the real server: those that it has, with the very request that opens.

use serde_json::json;

use super::server::{ADMIN, Shop};

/// Would miss: a label that the server takes by another name than was made, one that bpctl makes without being asked to, one that a person took off
/// and that comes back, a proposal that is not made for want of one, and a lack that nobody is told of.
#[test]
fn z01_a_proposal_is_opened_with_the_labels_that_the_server_has() {
    let shop = Shop::changed(|repo| {
        let workspace = repo.read("bpctl.yaml");
        repo.write(
            "bpctl.yaml",
            &format!("{workspace}proposals: {{labels: [Bot, \"env: {{environment}}\", missing]}}\n"),
        );
    });
    for name in ["bot", "env: staging", "other"] {
        shop.api(ADMIN, "POST", "/labels", json!({ "name": name, "color": "#112233" }), 201);
    }
    shop.apply();
    let names = |pull: &serde_json::Value| {
        let labels = pull["labels"].as_array().expect("labels").iter();
        let mut names: Vec<String> = labels.map(|label| label["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    };
    let pulls = shop.pulls();
    assert_eq!(pulls.iter().map(names).collect::<Vec<_>>(), vec![["bot", "env: staging"]; 2]);
    let known = shop.api(ADMIN, "GET", "/labels", json!(null), 200);
    assert_eq!(known.as_array().map(Vec::len), Some(3), "none was made: {known}");
    let waits = shop.open_of("backend");
    shop.api(ADMIN, "DELETE", &format!("/issues/{waits}/labels"), json!(null), 204);
    shop.apply();
    assert_eq!(names(&shop.pull(waits)), Vec::<String>::new());
    let looked = shop.bpctl().run(&["doctor", "--env", "staging"]);
    assert!(
        looked.stdout.contains("the forge lacks 1 label, which proposals are opened without: missing"),
        "{}",
        looked.stdout
    );
}

//! What the shipped RBAC grants, read as it is written.

use serde_json::Value as Json;

/// T39
#[test]
fn t39_no_template_grants_a_wildcard_secrets_or_a_way_to_more() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/rbac");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a file");
        for document in text.split("\n---\n") {
            let object: Json = serde_yaml::from_str(document).expect("YAML");
            for rule in object["rules"].as_array().into_iter().flatten() {
                let list = |key: &str| -> Vec<String> {
                    let items = rule[key].as_array().into_iter().flatten();
                    items.map(|item| item.as_str().expect("text").to_owned()).collect()
                };
                let (resources, verbs) = (list("resources"), list("verbs"));
                let all = [list("apiGroups"), resources.clone(), verbs.clone()].concat();
                assert!(all.iter().all(|item| !item.contains('*')), "{name}: {rule}");
                let refused =
                    ["secrets", "pods/exec", "pods/log", "serviceaccounts/token", "nodes", "clusterroles", "roles"];
                assert!(resources.iter().all(|resource| !refused.contains(&resource.as_str())), "{name}: {rule}");
                let allowed: &[&str] = match name.as_str() {
                    "reader.yaml" => &["get", "list", "watch"],
                    "applier.yaml" => &["get", "patch"],
                    "exact.yaml" => &["create", "patch"],
                    other => panic!("{other}: say here what it may grant"),
                };
                assert!(verbs.iter().all(|verb| allowed.contains(&verb.as_str())), "{name}: {rule}");
                seen.push(name.clone());
            }
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["applier.yaml", "exact.yaml", "reader.yaml"]);
}

//! Rights that are missing, as the API server names them, and the rule that grants one (R6, T30). Never grants anything, and guesses no kind: group
//! and resource stand in the answer.

use crate::model::Untrusted;

/// What `templates/rbac/reader.yaml` lets an account list, by group.
const READER: [(&str, &[&str]); 5] = [
    ("", &["configmaps", "events", "pods", "services"]),
    ("apps", &["daemonsets", "deployments", "statefulsets"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("metrics.k8s.io", &["pods"]),
    ("policy", &["poddisruptionbudgets"]),
];

/// The rule of a role that grants what the API server refused (R6), where `templates/rbac/reader.yaml` does not: of `cannot list resource
/// "ingresses" in API group "networking.k8s.io"`. `None`: that file grants it, or no kind is named.
pub fn missing_rule(said: &Untrusted) -> Option<String> {
    let (verb, rest) = said.raw().split_once("cannot ")?.1.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let (group, _) = rest.strip_prefix(" in API group \"")?.split_once('"')?;
    // It is copied into a role: words of a name, and nothing else.
    let is_word =
        |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/'));
    if resource.is_empty() || ![verb, resource, group].into_iter().all(is_word) {
        return None;
    }
    let granted = READER.iter().any(|(of, resources)| *of == group && resources.contains(&resource));
    if granted && matches!(verb, "get" | "list" | "watch") {
        return None;
    }
    let group = if group.is_empty() { "\"\"" } else { group };
    Some(format!("{{apiGroups: [{group}], resources: [{resource}], verbs: [{verb}]}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R6, Would miss: "apply reader.yaml", which is applied and does not grant it, for a kind that a blueprint names as a companion.
    #[test]
    fn r6_a_right_that_the_readers_role_does_not_grant_is_named_as_a_rule() {
        let refused = |resource: &str, group: &str| {
            let said = format!(
                "x is forbidden: User \"bot\" cannot list resource \"{resource}\" in API group \"{group}\" in the namespace \"shop\""
            );
            missing_rule(&Untrusted::new(said))
        };
        let ingress = "{apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [list]}";
        assert_eq!(refused("ingresses", "networking.k8s.io").as_deref(), Some(ingress));
        let secrets = "{apiGroups: [\"\"], resources: [secrets], verbs: [list]}";
        assert_eq!(refused("secrets", "").as_deref(), Some(secrets));
        // Of the same name in another group.
        assert!(refused("deployments", "extensions").is_some());
        assert_eq!(refused("a], verbs: ['*'", "apps"), None);
        assert_eq!(missing_rule(&Untrusted::new("Unauthorized")), None);
    }

    /// Would miss: a rule to add by hand for what the file grants, or none for what it grants no more.
    #[test]
    fn r6_the_readers_role_is_known_as_it_is_shipped() {
        let shipped = include_str!("../../../templates/rbac/reader.yaml");
        let lists = |line: &str, key: &str| -> Option<Vec<String>> {
            let items = line.trim_start().trim_start_matches("- ").strip_prefix(key)?.trim();
            let items = items.strip_prefix('[')?.strip_suffix(']')?.split(',');
            Some(items.map(|item| item.trim().trim_matches('"').to_owned()).collect())
        };
        let mut found = Vec::new();
        let lines: Vec<&str> = shipped.lines().collect();
        for pair in lines.windows(2) {
            if let (Some(groups), Some(resources)) = (lists(pair[0], "apiGroups:"), lists(pair[1], "resources:")) {
                let of = |group: &String| resources.iter().map(|one| (group.clone(), one.clone())).collect::<Vec<_>>();
                found.extend(groups.iter().flat_map(of));
            }
        }
        found.sort();
        let known =
            READER.iter().flat_map(|(group, all)| all.iter().map(|one| ((*group).to_owned(), (*one).to_owned())));
        assert_eq!(found, known.collect::<Vec<_>>());
    }
}

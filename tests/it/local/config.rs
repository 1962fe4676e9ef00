//! Configuration through the program (B9): what `judge` says of a person's change of a value, a strategy or a probe.

use super::{APPLY, says};
use crate::support::{Repo, signed_shop};

/// The shop with a `ConfigMap` beside the frontend, and a pull request that makes these edits of its file.
fn proposed(edits: &[(&str, &str)]) -> (Repo, String) {
    let (repo, _) = signed_shop();
    let (manifest, blueprint) = ("deploy/frontend.yaml", "blueprints/frontend/blueprint.yaml");
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend, namespace: shop}\ndata:\n  LOG_LEVEL: INFO\n  DB_PASSWORD: hunter2\n";
    repo.write(manifest, &format!("{}{map}", repo.read(manifest)));
    repo.replace(
        blueprint,
        "  reliability:\n",
        "  config: {ConfigMap/frontend: {LOG_LEVEL: {one_of: [INFO, DEBUG]}}}\n  reliability:\n",
    );
    repo.replace(blueprint, "[scale, reconcile, restart]", "[scale, reconcile, restart, configure]");
    repo.commit(&[], "configured");
    repo.run(&APPLY).exits(0);
    // The local forge knows pull requests of its own branches: this one's content is a person's.
    repo.git(&["checkout", "-q", "-B", "mine", "main"]);
    for (from, to) in edits {
        repo.replace(manifest, from, to);
    }
    repo.commit(&[], "mine");
    repo.git(&["branch", "-q", "-f", "bpctl/staging/backend/scale", "mine"]);
    repo.git(&["checkout", "-q", "main"]);
    let number = repo.refs("refs/bpctl/pull").len();
    let judged = (1..=number).map(|n| repo.run(&["judge", &n.to_string(), "--env", "staging"]).stdout);
    let judged = judged.into_iter().find(|told| told.contains("frontend")).unwrap_or_default();
    (repo, judged)
}

/// Would miss: a range that only the core knows of, a credential that a person lets through, an impact that nobody is shown.
#[test]
fn b09_a_log_level_is_judged_from_the_command_line() {
    let (_, judged) = proposed(&[("LOG_LEVEL: INFO", "LOG_LEVEL: DEBUG")]);
    says(
        &judged,
        &["data.LOG_LEVEL: \"INFO\" → \"DEBUG\"", "[spec.config.ConfigMap/frontend.LOG_LEVEL = one of [INFO, DEBUG]]"],
    );
    // Somebody pushed to bpctl's own: what it was opened for is gone, and the check waits.
    assert!(judged.contains("· allowed, held ·"), "{judged}");
    let (_, judged) = proposed(&[("LOG_LEVEL: INFO", "LOG_LEVEL: TRACE")]);
    says(&judged, &["· needs approval ·", "instead: LOG_LEVEL = INFO or DEBUG"]);
    let (_, judged) = proposed(&[("DB_PASSWORD: hunter2", "DB_PASSWORD: hunter3")]);
    says(
        &judged,
        &[
            "· forbidden ·",
            "its name says that it is a credential",
            "instead: put it into a Secret; a person changes that by other means",
        ],
    );
    assert!(!judged.contains("hunter"), "{judged}");
    let (_, judged) = proposed(&[("path: /ready", "path: /")]);
    says(
        &judged,
        &[
            "· needs approval ·",
            "impact: readiness of web: something else is asked; if no pod answers it, all are taken out of service at once",
        ],
    );
}

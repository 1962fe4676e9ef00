//! `selects-nothing`: a Service, disruption budget or network policy whose selector no pods carry.

use super::{Look, Page, PodLabels, Rule, mark_node};
use crate::model::Diagnostic;

/// Labels that select pods of no workload that any manifest declares.
pub(super) struct SelectsNothing;

impl Rule for SelectsNothing {
    fn page(&self) -> Page {
        Page {
            code: "selects-nothing",
            about: "A Service, PodDisruptionBudget or NetworkPolicy selects the pods of no workload",
            explain: "Kubernetes takes such an object and says nothing: the Service sends its traffic nowhere, the budget and the policy protect nothing.\n\
                Looked at are the pod templates of every manifest below a blueprint's source, for all environments; a label whose key none of them has\n\
                may be set on running pods, and is left out.\n\n\
                \x20 kind: Service\n  spec: {selector: {app: wbe}}           # the pods carry app: web\n\n\
                Write the labels that the pod template carries. A Service for pods that something else makes is suppressed with a Suppression\n\
                of this code, or stands outside the blueprints' sources.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        // What could not be read or rendered may declare the workload.
        if !look.knows_all() {
            return Vec::new();
        }
        let pods = PodLabels::of(look.all_manifests());
        let lost = look.all_manifests().filter_map(|manifest| Some((manifest, pods.selecting_nothing(manifest)?)));
        let lost = lost.filter(|(manifest, _)| look.reaches(manifest));
        lost.map(|(manifest, entry)| {
            let meant = entry.value.as_str().and_then(|value| pods.meant(&entry.key, value));
            let message = format!("{} selects the pods of no workload", manifest.object);
            let label = "by this label";
            let diagnostic = mark_node(Diagnostic::warning("selects-nothing", message), manifest, &entry.value, label);
            diagnostic.help(match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write the labels that the workload's pod template carries".into(),
            })
        })
        .collect()
    }
}

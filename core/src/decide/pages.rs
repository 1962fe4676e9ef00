//! Pages of what plans report and no lint rule knows, for `bpctl explain`.

use crate::blueprint::lint::Page;

/// Codes that only plans report; those that lint has too have their page there.
pub const PAGES: [Page; 6] = [
    page(
        "pods-failed",
        "Pods failed, and no restart is left or would help",
        "The finding says which container failed, and why it is not restarted: max_restart_count is spent, it failed again at once, or\n\
         the blueprint sets no max_restart_count. Look at its last log with the command that stands there. Where Git is ahead of the\n\
         cluster, nothing is to be reverted: what Git declares has to arrive first.",
    ),
    page(
        "image-not-pulled",
        "A node cannot pull a container's image",
        "A restart does not change that. Correct the image's name or tag in the manifest, or the credentials for its registry; where\n\
         Git declares another image already, it has to arrive first.",
    ),
    page(
        "container-not-created",
        "A container cannot be created",
        "It names a ConfigMap, a Secret or a volume that is not there, or a key that it does not have. `kubectl describe pod` says which.",
    ),
    page(
        "container-waits",
        "A container waits and never ran",
        "The reason that Kubernetes gives stands in the finding; `kubectl describe pod` tells more. A restart does not help.",
    ),
    page(
        "pod-unschedulable",
        "No node takes a pod",
        "No node has room for what it requests, or none is allowed to take it. Lower the requests, add nodes, or look at node selectors,\n\
         taints and affinity.",
    ),
    page(
        "service-levels-unseen",
        "Service levels that bpctl cannot see",
        "The blueprint promises them in spec.performance, and bpctl asks no metric for them. No decision rests on them.",
    ),
];

const fn page(code: &'static str, about: &'static str, explain: &'static str) -> Page {
    Page { code, about, explain }
}

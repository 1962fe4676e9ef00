//! `target-above-scale-up`: a request sized for a utilization that at once adds a replica, or that an autoscaler holds usage to as well.

use super::{Look, Page, Rule, Variant, mark, mark_node};
use crate::blueprint::divides_by;
use crate::model::Diagnostic;
use crate::yaml::Node;

/// CPU `target_utilization` at or above `scale_up_threshold`, or beside a `HorizontalPodAutoscaler` that goes by a share of the request.
pub(super) struct TargetAboveScaleUp;

impl Rule for TargetAboveScaleUp {
    fn page(&self) -> Page {
        Page {
            code: "target-above-scale-up",
            about: "Pods sized as wanted would at once be scaled up",
            explain: "target_utilization is what CPU requests are sized for; scale_up_threshold is where a replica is added. With the first at or\n\
                above the second a well-sized workload grows without need.\n\n\
                \x20 resources: {cpu: {target_utilization: 85%}}\n  scaling: {scale_up_threshold: 80%}\n\n\
                Lower target_utilization, or raise scale_up_threshold.\n\n\
                A HorizontalPodAutoscaler that goes by averageUtilization holds usage to a share of the same request: each new request moves\n\
                its replicas, then usage, and then the request again. bpctl proposes no such request; leave target_utilization out.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            found.extend(beside_autoscaler(look, variant));
            let spec = &variant.blueprint.value.spec;
            let target = spec.resources.cpu.as_ref().and_then(|cpu| cpu.target_utilization);
            let (Some(target), Some(scaling)) = (target, &spec.scaling) else { continue };
            let up = scaling.scale_up_threshold;
            if target < up {
                continue;
            }
            let message = format!("CPU sized for {target} would at once be scaled up");
            let diagnostic = Diagnostic::warning("target-above-scale-up", message);
            let path = ["spec", "resources", "cpu", "target_utilization"];
            let diagnostic = mark(diagnostic, &variant.blueprint, &path, format!("{target} is wanted …"));
            let path = ["spec", "scaling", "scale_up_threshold"];
            let diagnostic = mark(diagnostic, &variant.blueprint, &path, format!("… but above {up} one is added"));
            found.push(diagnostic.help(format!("lower target_utilization below {up}, or raise scale_up_threshold")));
        }
        found
    }
}

/// Each resource that is sized for a share of the request which an autoscaler goes by too. With `spec.scaling` there are two owners of the
/// replicas, which `two-scalers` says.
fn beside_autoscaler(look: &Look<'_>, variant: &Variant<'_>) -> Vec<Diagnostic> {
    let spec = &variant.blueprint.value.spec;
    let name = &variant.blueprint.value.metadata.name;
    let mut all = variant.environments.iter().filter_map(|(environment, _)| look.catalog.autoscaler(environment, name));
    let Some(scaler) = all.next().filter(|_| spec.scaling.is_none()) else { return Vec::new() };
    let declared = scaler.manifest.document.root.get("spec").map(Node::to_json);
    let container = spec.resources.container.as_ref().map(crate::model::Name::as_str);
    let sized = [("cpu", "CPU", &spec.resources.cpu), ("memory", "memory", &spec.resources.memory)];
    let sized = sized.into_iter().filter(|(resource, _, bounds)| {
        bounds.as_ref().is_some_and(|bounds| bounds.target_utilization.is_some())
            && divides_by(&scaler.object.api_version, declared.as_ref(), resource, container)
    });
    let told = |(resource, named, _): (&str, &str, _)| {
        let message =
            format!("{named} is sized by usage, and an autoscaler holds usage to a share of the same request");
        let diagnostic = Diagnostic::warning("target-above-scale-up", message);
        let path = ["spec", "resources", resource, "target_utilization"];
        let diagnostic = mark(diagnostic, &variant.blueprint, &path, "no request is proposed for it …");
        let node = scaler.manifest.document.root.get("spec");
        let label = "… since each would move the replicas of this one";
        let diagnostic = match node {
            Some(node) => mark_node(diagnostic, scaler.manifest, node, label),
            None => diagnostic,
        };
        diagnostic
            .help(format!("leave spec.resources.{resource}.target_utilization out; minimum and maximum hold as before"))
    };
    sized.map(told).collect()
}

//! What may be done instead of something that is forbidden, where no rule's number says it (B8, B9).

use super::RuleInput;
use crate::blueprint::Operation;

/// One line for every operation: a no without a way on is a dead end.
pub(in crate::govern) fn alternative(input: &RuleInput<'_>) -> String {
    let spec = &input.blueprint.value.spec;
    match input.operation {
        Operation::Delete if !spec.target.object().is_declared_by(&input.subject.object) => {
            "a person deletes it by other means; nothing that bpctl does needs that".into()
        }
        Operation::Delete => {
            let restart = "pods that failed are replaced by restart, which needs no deleting";
            match &spec.scaling {
                Some(scaling) => format!("replicas = {} (min_replicas); {restart}", scaling.min_replicas.max(1)),
                None => restart.into(),
            }
        }
        Operation::ChangeSecrets => "a person changes the Secret by other means; the manifest only names it".into(),
        Operation::ChangeNetworkPolicy => "a person changes network policies by other means, beside bpctl".into(),
        Operation::ChangeRbac => "a person changes roles and bindings by other means, beside bpctl".into(),
        Operation::ScaleToZero => "as many replicas as it needs, and at least 1".into(),
        Operation::Restart => "a person restarts it: kubectl rollout restart".into(),
        _ => "a pull request that changes this rule, for people to approve".into(),
    }
}

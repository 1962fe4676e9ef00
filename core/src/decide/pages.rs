//! Pages of what plans report and no lint rule knows, for `bpctl explain`.

use crate::blueprint::lint::Page;

/// Codes that only plans report; those that lint has too have their page there.
pub const PAGES: [Page; 28] = [
    page(
        "pods-failed",
        "Pods failed, and no restart is left or would help",
        "The finding says which container failed, and why it is not restarted: max_restart_count is spent, it failed again at once, or\n\
         the blueprint sets no max_restart_count. Look at its last log with the command that stands there. Where the pods\n\
         do not run what Git declares, nothing is to be reverted: that has to arrive first.",
    ),
    page(
        "pods-restarted",
        "Containers were killed or crashed within the last hour, and run again",
        "Nothing is down now, but it was: the kubelet started them again. Look at the log of the run before with the command that stands\n\
         there. After OOMKilled the container took more memory than its limit: raise the limit, or find what takes it.",
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
        "It names a ConfigMap, a Secret or a volume that is not there, or a key that it does not have. The kubelet's own words\n\
         stand in the finding.",
    ),
    page(
        "container-waits",
        "A container waits and never ran",
        "The reason that Kubernetes gives stands in the finding; `kubectl describe pod` tells more. A restart does not help.",
    ),
    page(
        "pod-unschedulable",
        "No node takes a pod",
        "No node has room for what it requests, none is allowed to take it, or a volume claim of it is not bound. Lower the requests, add\n\
         nodes, or look at node selectors, taints and affinity; of claims, at their storage class (`kubectl describe pvc`).",
    ),
    page(
        "pods-not-created",
        "Fewer pods exist than the workload wants",
        "The controller cannot create them: a quota, an admission webhook or a service account that is missing; its own words stand in the\n\
         finding. Where it says nothing, pods are missing and none was made for as long as a roll-out may take: `kubectl describe` of the\n\
         workload tells more.",
    ),
    page(
        "pods-not-ready",
        "Pods run or begin, and are not ready for longer than a roll-out may take",
        "Their containers do not fail, but no request reaches them: a readiness probe fails, or a volume or a network is not there. The\n\
         time is progressDeadlineSeconds of the Deployment, else 10 minutes. See the probe's answer (`kubectl describe pod`) and the log.",
    ),
    page(
        "rollout-stuck",
        "A roll-out makes no progress",
        "The Deployment's condition Progressing is False: for progressDeadlineSeconds no pod of the new template became ready. The pods of\n\
         the template before it serve on, if they are ready. `kubectl rollout status` and `kubectl describe` tell more.",
    ),
    page(
        "rollout-paused",
        "A roll-out is paused, and Git wants other pods",
        "Somebody paused it (`kubectl rollout pause`), and Git does not say so. The object may be brought back to Git, but no pod changes\n\
         until `kubectl rollout resume`. Where it is meant to stay so, declare `spec.paused: true`.",
    ),
    page(
        "rollout-held",
        "Pods of an earlier pod template that the cluster's own update strategy keeps",
        "Somebody set a partition (`spec.updateStrategy.rollingUpdate.partition`) or `OnDelete` in the cluster, and Git does not say so: the\n\
         object is as Git declares, and its pods are not. Take the setting out, or declare it where it is meant. Under OnDelete a pod\n\
         becomes what Git declares when somebody deletes it. Where Git declares the setting this is a note: those pods may still run an\n\
         image that somebody had set by hand before it was brought back. Where the cluster's template is another one than Git's, the\n\
         setting keeps that from them: bring the template back before anything else, and delete no pod.",
    ),
    page(
        "being-deleted",
        "An object that Git declares is being deleted",
        "Somebody deleted it, and it goes when its last finalizer is taken away; until then it takes no part in what Git declares, and no\n\
         controller can bring it back. The finalizers' names say who is to let it go; foregroundDeletion waits for what it owns. Take one\n\
         out by hand only where its owner is gone. Nothing is proposed of the object meanwhile.",
    ),
    page(
        "runs-nowhere",
        "A DaemonSet runs on no node",
        "Its node selector, its affinity or the nodes' taints leave none. Where Git itself declares a node selector or an affinity that may be\n\
         meant, so it is a warning and for nobody; else a person is asked.",
    ),
    page(
        "verification-failed",
        "What bpctl merged failed its verification",
        "The merge did not reach the cluster in time, or its pods are not all running and ready; `bpctl audit` shows what was seen. Where\n\
         spec.reliability.rollback.on_failed_verification is true its values are proposed to go back, for a person to approve; the finding\n\
         says why not here. It ends when its pods are ready, when the manifest says something else, or with a person's change of the blueprint.",
    ),
    page(
        "delivery-failed",
        "The cluster refused what Git declares",
        "Each try is recorded at the commit that was to arrive, and the circuit breaker counts it (`bpctl breaker`). Correct the manifest,\n\
         or what refuses it: an admission policy, a quota. The next apply tries again, unless the breaker holds it by then; a change of the\n\
         blueprint or of its manifests on the base branch begins anew. A right that bpctl's own account lacks is not counted.",
    ),
    page(
        "field-kept",
        "A field that is not in Git, and that no apply takes out of the cluster",
        "A server-side apply takes away what its manager alone applied. A field that another manager owns too stays, however that one\n\
         wrote it: most often kubectl-client-side-apply, from before bpctl delivered the object. Take the field out by hand; or hand over\n\
         to bpctl what kubectl applied, with the second command of the finding: from then on bpctl's applies take away what Git drops.\n\
         Where a controller delivers as `kubectl apply` does, it is a key that somebody added to a mapping of Git's (a Service's selector, a node\n\
         selector): such a merge takes away what it applied itself, and nothing else.",
    ),
    page(
        "apply-refused",
        "The API server refuses what Git declares, whoever applies it",
        "Git changes a field that Kubernetes never changes in place (a selector, a StatefulSet's serviceName, podManagementPolicy or\n\
         volumeClaimTemplates, a Service's clusterIP, most of a volume claim), or declares one of two fields that exclude each other, or a request above\n\
         a limit, while somebody else keeps the other one in the cluster, or the dry run of `plan --exact` was refused. No controller brings that: the whole\n\
         object stays as it is. Take the change back, or do what the finding names.",
    ),
    page(
        "port-kept",
        "A changed port that no apply can bring back",
        "A port of a Service or a container is told apart by its number and protocol, so that to an apply a changed number is another port,\n\
         beside the old one. Where others than who delivers own the old one it stays, and the API server refuses two ports of one name, and of a\n\
         Service two without names.\n\
         Write Git's number in the place of the old one with the command of the finding.",
    ),
    page(
        "scaled-to-zero",
        "No pods run, and nobody brings them back",
        "The cluster has 0 replicas and Git declares more. Either the Application's ignoreDifferences names spec.replicas, so that Argo CD\n\
         calls it in sync: without `RespectIgnoreDifferences=true` in syncOptions its next sync, whatever that is for, sets them back; with\n\
         it nobody does. Or Git leaves the number open, so that no apply sets one. Or autoscalers may not be listed, so that whose the\n\
         replicas are is not known. The finding holds the commands.",
    ),
    page(
        "autoscaler-off",
        "0 replicas behind an autoscaler: nobody brings them back",
        "Somebody scaled the workload to 0. At 0 a HorizontalPodAutoscaler is off (ScalingDisabled) and never scales up again; the replicas are\n\
         left to it, so that neither bpctl nor a controller that ignores them brings them back. Scale it to 1 or more with the command of the\n\
         finding, or declare `replicas: 0` if it is meant.",
    ),
    page(
        "autoscaler-undeclared",
        "An autoscaler of the cluster that no source declares",
        "A HorizontalPodAutoscaler scales the workload, and none of the blueprint's sources declares it. It owns the replicas all the same:\n\
         bpctl neither brings them back nor proposes others. Declare it beside the manifest, or delete it if nobody wants it any more. Where\n\
         Git has one of its name for another workload, or outside the sources, the finding says where: correct its scaleTargetRef, or the source.",
    ),
    page(
        "replicas-reset",
        "Replicas that Git says no more are set to 1 once, behind an autoscaler",
        "What delivers the object (Argo CD, `kubectl apply`) takes away what it applied before and Git says no more. Of spec.replicas that leaves\n\
         Kubernetes' own default, 1, until the autoscaler scales up again. Let go of the field first: of a client-side apply with\n\
         `kubectl apply edit-last-applied`, of a server-side apply by another manager that applies the same number; the finding holds the\n\
         command. A delivery by bpctl itself leaves the number where it is.",
    ),
    page(
        "drift-stays",
        "Fields differ from Git, and no apply would settle it",
        "The chart renders a field otherwise each time (`randAlphaNum`, `genCA`, `now`, an unsorted `keys`): whoever applies the object writes\n\
         that anew, and new pods with it. So nothing of it is brought back. Give the chart a fixed value, or sort what it lists; until then a\n\
         person brings the other fields back. Or the API server refuses every apply of the object: what the finding names comes first.",
    ),
    page(
        "latency-above-target",
        "Requests take longer than spec.performance promises",
        "The 95th percentile over the window is above latency_p95. Where CPU is the cause, a replica more is proposed beside it; otherwise\n\
         none would help: see what it waits for (a database, another service), and what was merged last.",
    ),
    page(
        "error-rate-above-target",
        "More requests fail than spec.performance allows",
        "The share of failed requests over the window is above error_rate, rounded up to 0.01%. See what fails in the logs, and what was\n\
         merged last.",
    ),
    page(
        "availability-below-target",
        "Fewer requests are answered than spec.performance promises",
        "What did not fail over the window is less than availability. See what fails in the logs, and what was merged last.",
    ),
    page(
        "throughput-above-target",
        "More requests arrive than spec.performance says it has to carry",
        "Nothing is broken by that: but nobody promised that it holds. See whether it does, and raise throughput to what it carries.",
    ),
    page(
        "service-levels-unseen",
        "Service levels that bpctl cannot see",
        "The blueprint promises them in spec.performance, and no Prometheus was asked, none of its series is the workload's, or too few\n\
         samples arrived; the finding says which. Name the queries in bpctl.yaml under prometheus.queries. No decision rests on them.",
    ),
];

const fn page(code: &'static str, about: &'static str, explain: &'static str) -> Page {
    Page { code, about, explain }
}

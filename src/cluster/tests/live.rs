//! Faults of the live API.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bpctl_core::model::{ObjectKind, ObjectParts, ObjectRef, WorkloadKind};
use bpctl_core::observe::{Known, Resource, Unknown, UnknownCode};
use serde_json::{Value as Json, json};

use super::fake::Fake;
use super::{deployment, deployments, pod};
use crate::cluster::{Cluster, ClusterError, NamespaceListing, Trial, WantedObjects};

#[allow(clippy::unnecessary_wraps)] // what a script answers
fn page(items: &[Json], next: &str) -> Option<(u16, String)> {
    Some((
        200,
        json!({"kind": "L", "metadata": {"continue": next, "resourceVersion": "9"}, "items": items}).to_string(),
    ))
}

#[allow(clippy::unnecessary_wraps)] // what a script answers
fn status(code: u16, message: &str) -> Option<(u16, String)> {
    Some((code, json!({"kind": "Status", "status": "Failure", "message": message, "code": code}).to_string()))
}

fn reason<T>(known: &Known<T>) -> &Unknown {
    match known {
        Known::Known(_) => panic!("known"),
        Known::Unknown(unknown) => unknown,
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_named_to_the_server() {
    let fake = Fake::start(|line, _| match line {
        line if line.contains("/pods?") => page(&[pod("web-7d-x", "web")], ""),
        line if line.contains("continue=a%2Fb%3D") => page(&[deployment("b", "2", 1)], ""),
        _ => page(&[deployment("a", "1", 1)], "a/b="),
    })
    .await;
    let NamespaceListing { workloads, pods } = fake.cluster.list_namespace("shop", &deployments()).await;
    let names: Vec<_> =
        workloads[&WorkloadKind::Deployment].known().expect("whole").iter().map(|d| d.reference.name.clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(pods.known().expect("whole")[&(WorkloadKind::Deployment, "web".to_owned())].len(), 1);
    assert_eq!(fake.count("GET "), 3, "one call a kind, namespace and page");
    assert_eq!(fake.count("limit=500"), 3);
    assert_eq!(fake.count(concat!("user-agent: bpctl/", env!("CARGO_PKG_VERSION"))), 3);
}

#[tokio::test]
async fn only_the_kinds_that_are_asked_for_are_listed_and_pods_find_their_owner() {
    let owned = |name: &str, kind: &str, owner: &str| {
        let mut pod = pod(name, "x");
        pod["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": owner, "controller": true}]);
        pod
    };
    let fake = Fake::start(move |line, _| match line {
        line if line.contains("/pods?") => page(
            &[owned("db-0", "StatefulSet", "db"), owned("agent-x", "DaemonSet", "agent"), owned("j-1", "Job", "j")],
            "",
        ),
        _ => page(&[], ""),
    })
    .await;
    let kinds = [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet].into();
    let listing = fake.cluster.list_namespace("shop", &kinds).await;
    assert!(listing.workloads.keys().eq(&kinds));
    let pods = listing.pods.known().expect("whole");
    let owners: Vec<_> = pods.keys().map(|(kind, name)| (kind.as_str(), name.as_str())).collect();
    assert_eq!(owners, [("StatefulSet", "db"), ("DaemonSet", "agent")]);
    assert_eq!((fake.count("/statefulsets?"), fake.count("/daemonsets?"), fake.count("/deployments?")), (1, 1, 0));
}

/// Z9
#[tokio::test]
async fn z9_a_list_whose_second_page_fails_is_unknown() {
    let fake = Fake::start(|line, _| match line {
        line if line.contains("/pods?") => page(&[], ""),
        line if line.contains("continue=") => status(500, "etcd <b>down</b>"),
        _ => page(&[deployment("a", "1", 1)], "t"),
    })
    .await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    let unknown = reason(&listing.workloads[&WorkloadKind::Deployment]);
    assert_eq!(unknown.code, UnknownCode::Unreachable);
    assert_eq!(
        unknown.message,
        "couldn't list Deployment objects in namespace shop of context prod: the API server answered 500"
    );
    assert_eq!(unknown.detail.as_ref().expect("said").raw(), "etcd <b>down</b>");
    assert!(listing.pods.known().is_some(), "the other list is whole");
    assert_eq!(fake.count("continue="), 3, "tried again, and not for ever");
}

/// Z9. Would miss: a proxy that cuts a list, and leaves out how to get the rest.
#[tokio::test]
async fn z9_a_list_that_says_that_more_is_left_is_not_whole() {
    for (left, is_whole) in [(7, false), (0, true)] {
        let fake = Fake::start(move |line, _| match line {
            line if line.contains("/pods?") => page(&[], ""),
            _ => {
                let metadata = json!({"remainingItemCount": left, "resourceVersion": "9"});
                Some((200, json!({"metadata": metadata, "items": [deployment("a", "1", 1)]}).to_string()))
            }
        })
        .await;
        let listing = fake.cluster.list_namespace("shop", &deployments()).await;
        let known = &listing.workloads[&WorkloadKind::Deployment];
        assert_eq!(known.known().is_some(), is_whole, "{left}: {known:?}");
        assert!(is_whole || reason(known).code == UnknownCode::Incomplete, "{known:?}");
    }
}

/// T42. Would miss: a server that answers each page just in time and has always one more, which holds a plan for hours; and a look whose
/// time began with the run, so that one which waits for pods has none left.
#[tokio::test]
async fn t42_all_lists_of_a_look_have_one_time() {
    let fake = Fake::start(|line, _| match line {
        line if line.contains("/pods?") => page(&[], ""),
        _ => {
            std::thread::sleep(Duration::from_millis(150));
            page(&[], "more")
        }
    })
    .await;
    let cluster = fake.within(Duration::from_secs(1)).await;
    for _ in 0..2 {
        cluster.begin_look();
        let begun = std::time::Instant::now();
        let listing = cluster.list_namespace("shop", &deployments()).await;
        assert!(listing.pods.known().is_some(), "{:?}", listing.pods);
        let told = reason(&listing.workloads[&WorkloadKind::Deployment]);
        assert_eq!(told.code, UnknownCode::Incomplete);
        assert!(
            told.message.contains("list Deployment objects in namespace shop")
                && told
                    .message
                    .contains("pages of it had come when the 1 s were over that a look at a cluster may take"),
            "{told:?}"
        );
        // What is asked after that has no time of its own.
        assert!(cluster.warnings("shop").await.known().is_none());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

/// Z10
#[tokio::test]
async fn z10_a_list_that_expires_under_way_is_begun_anew() {
    let expired = AtomicUsize::new(0);
    let fake = Fake::start(move |line, _| match line {
        line if line.contains("/pods?") && line.contains("continue=") => status(410, "expired"),
        line if line.contains("/pods?") => page(&[pod("x", "web")], "t"),
        line if line.contains("continue=") && expired.fetch_add(1, Ordering::SeqCst) == 0 => status(410, "expired"),
        line if line.contains("continue=") => page(&[deployment("b", "2", 1)], ""),
        _ => page(&[deployment("a", "1", 1)], "t"),
    })
    .await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    assert_eq!(listing.workloads[&WorkloadKind::Deployment].known().expect("whole").len(), 2, "nothing twice");
    assert_eq!(reason(&listing.pods).code, UnknownCode::Incomplete);
    assert_eq!(fake.count("/pods?"), 6, "three lists of two pages");
}

/// Would miss: an expired login that reads like missing rights.
#[tokio::test]
async fn an_expired_login_says_so() {
    let fake = Fake::start(|_, _| status(401, "Unauthorized")).await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    let told = &reason(&listing.pods).message;
    assert!(told.contains("log in again") && !told.contains("forbidden"), "{told}");
}

#[tokio::test]
async fn each_cause_has_its_code() {
    for (answer, code) in [
        (status(403, "no"), UnknownCode::Forbidden),
        (status(401, "who"), UnknownCode::Forbidden),
        (status(404, "what"), UnknownCode::Refused),
        (Some((200, "<html>".into())), UnknownCode::Malformed),
        (Some((200, "{\"kind\": \"Status\"}".into())), UnknownCode::Malformed),
        (page(&[json!({"metadata": {}})], ""), UnknownCode::Malformed),
        (Some((302, String::new())), UnknownCode::Malformed),
        (None, UnknownCode::Unreachable),
    ] {
        let shown = format!("{answer:?}");
        let fake = Fake::start(move |_, _| answer.clone()).await;
        let listing = fake.cluster.list_namespace("shop", &deployments()).await;
        assert_eq!(reason(&listing.workloads[&WorkloadKind::Deployment]).code, code, "{shown}");
        assert_eq!(reason(&listing.pods).code, code, "{shown}");
        assert!(!format!("{listing:?}").contains("hunter2"), "T38");
    }
}

#[tokio::test]
async fn pages_of_two_versions_are_no_list() {
    let fake = Fake::start(|line, _| {
        let version = if line.contains("continue=") { "10" } else { "9" };
        let next = if line.contains("continue=") { "" } else { "t" };
        Some((200, json!({"metadata": {"continue": next, "resourceVersion": version}, "items": []}).to_string()))
    })
    .await;
    assert_eq!(reason(&fake.cluster.list_namespace("shop", &deployments()).await.pods).code, UnknownCode::Incomplete);
}

#[tokio::test]
async fn a_name_that_is_no_namespace_asks_nothing() {
    let fake = Fake::start(|_, _| page(&[], "")).await;
    for name in ["", "../kube-system", "a/b", "a?b", "A"] {
        assert!(fake.cluster.list_namespace(name, &deployments()).await.pods.known().is_none(), "{name}");
    }
    assert_eq!(fake.count(""), 0);
}

#[tokio::test]
async fn several_namespaces_each_have_their_own_answer() {
    let fake = Fake::start(|line, _| match line {
        line if line.contains("/namespaces/shut/") => status(403, "no"),
        _ => page(&[], ""),
    })
    .await;
    let names: Vec<String> = (0..20).map(|n| format!("n{n}")).chain(["shut".into()]).collect();
    let names = names.into_iter().map(|name| (name, deployments())).collect();
    let listings = fake.cluster.list_namespaces(&names).await;
    assert_eq!(listings.len(), 21);
    assert_eq!(listings.values().filter(|listing| listing.pods.known().is_some()).count(), 20);
    assert!(listings["shut"].pods.known().is_none());
}

#[tokio::test]
async fn what_may_pass_by_itself_is_asked_again_when_reading_and_never_when_writing() {
    let calls = AtomicUsize::new(0);
    let fake = Fake::start(move |line, _| match line {
        line if line.starts_with("PATCH") => None,
        line if line.contains("/deployments/web") => Some((200, deployment("web", "u", 1).to_string())),
        _ if calls.fetch_add(1, Ordering::SeqCst) == 0 => status(429, "slow down"),
        _ => Some((200, json!({"major": "1", "minor": "36+"}).to_string())),
    })
    .await;
    assert_eq!(fake.cluster.version().await.expect("a version"), "1.36");
    let web = ObjectRef::deployment("shop", "web");
    let error = fake.cluster.apply_object(&web, Some("u"), &deployment("web", "u", 2), false).await.expect_err("lost");
    assert!(error.outcome_is_open(), "{error}");
    assert_eq!(fake.count("PATCH "), 1);
}

/// T44
#[tokio::test]
async fn t44_nothing_is_applied_to_another_object_of_the_same_name() {
    let fake = Fake::start(|_, _| Some((200, deployment("web", "new", 1).to_string()))).await;
    let web = ObjectRef::deployment("shop", "web");
    for uid in [Some("old"), None] {
        let error = fake.cluster.apply_object(&web, uid, &deployment("web", "x", 2), false).await.expect_err("another");
        assert!(matches!(error, ClusterError::Replaced { .. }), "{error}");
    }
    assert_eq!(fake.count("PATCH "), 0);
}

#[tokio::test]
async fn an_apply_names_the_object_and_leaves_out_what_the_server_writes() {
    let fake = Fake::start(|line, body| match line {
        line if line.starts_with("GET") => Some((200, deployment("web", "u", 1).to_string())),
        _ if body.contains("\"replicas\":3") => Some((200, deployment("web", "u", 3).to_string())),
        _ => status(422, "no"),
    })
    .await;
    let web = ObjectRef::deployment("shop", "web");
    let mut manifest = deployment("web", "elsewhere", 3);
    manifest["status"] = json!({"replicas": 9});
    manifest["metadata"]["managedFields"] = json!([]);
    let applied = fake.cluster.apply_object(&web, Some("u"), &manifest, true).await.expect("applied");
    assert!(applied.changed);
    let request = fake.requests.lock().expect("requests").pop().expect("a request");
    assert!(request.contains("/deployments/web?fieldManager=bpctl&force=true&fieldValidation=Strict&dryRun=All"));
    assert!(request.contains("\"uid\":\"u\""), "{request}");
    for part in ["managedFields", "status", "resourceVersion", "generation"] {
        assert!(!request.contains(part), "{part}: {request}");
    }
    manifest["spec"]["replicas"] = json!(4);
    let error = fake.cluster.apply_object(&web, Some("u"), &manifest, false).await.expect_err("refused");
    assert!(matches!(&error, ClusterError::Invalid { said, .. } if said.raw() == "no"), "{error}");
    let other = ObjectRef::deployment("shop", "other");
    assert!(fake.cluster.apply_object(&other, Some("u"), &manifest, false).await.is_err(), "another name");
}

#[tokio::test]
async fn a_schema_is_kept_by_the_hash_of_its_document() {
    let hash = AtomicUsize::new(0);
    let fake = Fake::start(move |line, _| match line {
        line if line.ends_with("/openapi/v3") => {
            let hash = hash.fetch_add(1, Ordering::SeqCst) / 2; // of every second run another
            let url = format!("/openapi/v3/apis/apps/v1?hash={hash}");
            Some((200, json!({"paths": {"apis/apps/v1": {"serverRelativeURL": url}}}).to_string()))
        }
        _ => {
            let kind = json!([{"group": "apps", "version": "v1", "kind": "Deployment"}]);
            let schema = json!({"x-kubernetes-group-version-kind": kind, "properties": {"spec": {"items": {}}}});
            Some((200, json!({"components": {"schemas": {"d": schema}}}).to_string()))
        }
    })
    .await;
    for (run, documents) in [1, 1, 2].into_iter().enumerate() {
        let cluster = fake.next_run().await;
        for _ in 0..2 {
            let schema = cluster.type_schema("apps/v1", "Deployment").await;
            assert!(schema.known().is_some_and(|schema| schema.lists.contains_key("spec")));
        }
        assert_eq!(fake.count("?hash="), documents);
        assert_eq!(fake.count("/openapi/v3\n"), run + 1, "the index is read once a run");
    }
    let none = fake.cluster.type_schema("g.io/v1", "Thing").await;
    assert_eq!(reason(&none).code, UnknownCode::Unsupported);
}

fn object(kind: &str, name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": name}, "data": {"a": name}})
}

fn further(kinds: &[&str]) -> WantedObjects {
    let place = |kind: &&str| (("shop".to_owned(), ObjectKind::new("v1", *kind)), ["web".to_owned()].into());
    kinds.iter().map(place).collect()
}

/// Z9
#[tokio::test]
async fn z9_companions_whose_second_page_fails_are_unknown_and_the_other_kinds_are_not() {
    let fake = Fake::start(|line, _| match line {
        line if line.contains("/services?") => page(&[object("Service", "web"), object("Service", "other")], ""),
        line if line.contains("continue=") => status(500, "down"),
        _ => page(&[object("ConfigMap", "web")], "t"),
    })
    .await;
    let found = fake.cluster.list_objects(&further(&["ConfigMap", "Service"])).await;
    let of = |kind| &found[&("shop".to_owned(), ObjectKind::new("v1", kind))];
    assert_eq!(reason(of("ConfigMap")).code, UnknownCode::Unreachable);
    let services = of("Service").known().expect("whole");
    assert_eq!(services.keys().collect::<Vec<_>>(), ["web"], "what nobody asked about is not handed on");
}

/// Z10
#[tokio::test]
async fn z10_companions_that_expire_under_way_are_listed_anew() {
    let expired = AtomicUsize::new(0);
    let fake = Fake::start(move |line, _| match line {
        line if line.contains("continue=") && expired.fetch_add(1, Ordering::SeqCst) == 0 => status(410, "expired"),
        line if line.contains("continue=") => page(&[object("ConfigMap", "web")], ""),
        _ => page(&[object("ConfigMap", "a")], "t"),
    })
    .await;
    let found = fake.cluster.list_objects(&further(&["ConfigMap"])).await;
    let known = found.values().next().expect("an answer").known().expect("whole");
    assert_eq!((known["web"].uid.as_str(), known.len()), ("web", 1));
    assert_eq!(fake.count("limit=50"), 4);
}

/// Z9
#[tokio::test]
async fn z9_a_server_that_goes_away_in_mid_list_leaves_it_unknown() {
    let fake = Fake::start(|line, _| match line {
        line if line.contains("continue=") => None,
        line if line.contains("/pods?") => page(&[pod("x", "web")], "t"),
        line if line.contains("/configmaps?") => page(&[object("ConfigMap", "web")], "t"),
        _ => page(&[deployment("web", "1", 1)], "t"),
    })
    .await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    assert_eq!(reason(&listing.workloads[&WorkloadKind::Deployment]).code, UnknownCode::Unreachable);
    assert_eq!(reason(&listing.pods).code, UnknownCode::Unreachable);
    let found = fake.cluster.list_objects(&further(&["ConfigMap"])).await;
    assert_eq!(reason(found.values().next().expect("an answer")).code, UnknownCode::Unreachable);
}

#[tokio::test]
async fn secrets_are_neither_written_nor_asked_for_whatever_a_permit_says() {
    let fake = Fake::start(|_, _| Some((200, object("Secret", "web").to_string()))).await;
    let secret =
        ObjectParts { api_version: "v1".into(), kind: "Secret".into(), namespace: "shop".into(), name: "web".into() }
            .into();
    let error =
        fake.cluster.apply_object(&secret, Some("web"), &object("Secret", "web"), true).await.expect_err("refused");
    assert!(matches!(error, ClusterError::Unsupported(_)), "{error}");
    let found = fake.cluster.list_objects(&further(&["Secret"])).await;
    assert_eq!(reason(found.values().next().expect("an answer")).code, UnknownCode::Unsupported);
    assert_eq!(fake.count(""), 0);
}

/// B4
#[tokio::test]
async fn b04_the_reading_half_can_try_an_apply_and_nothing_more() {
    let fake = Fake::start(|line, body| match line {
        line if !line.contains("dryRun=All") => status(500, "written"),
        line if line.contains("/web?") && body.contains("\"uid\":\"u\"") => {
            Some((200, deployment("web", "u", 3).to_string()))
        }
        _ => status(422, "admission webhook \"x\" denied the request"),
    })
    .await;
    let trial = |name: &str, uid: Option<&str>| Trial {
        object: ObjectRef::deployment("shop", name),
        uid: uid.map(Into::into),
        manifest: deployment(name, "elsewhere", 3),
    };
    let reading: &dyn Cluster = &fake.cluster;
    let answers = reading.dry_run(vec![trial("web", Some("u")), trial("new", None)]).await;
    let web = answers[&ObjectRef::deployment("shop", "web")].known().expect("tried");
    assert_eq!(web.body["spec"]["replicas"], 3);
    let refused = reason(&answers[&ObjectRef::deployment("shop", "new")]);
    assert!(refused.detail.as_ref().is_some_and(|said| said.raw().contains("denied")), "{refused:?}");
    assert_eq!((fake.count("PATCH "), fake.count("dryRun=All")), (2, 2));
    assert_eq!(fake.count("/web?fieldManager=bpctl&force=true"), 1);
    assert_eq!(fake.count("/new?fieldManager=bpctl&force=false"), 1, "whoever made one meanwhile keeps what is theirs");
}

/// T42
#[tokio::test]
async fn t42_a_list_that_does_not_end_is_capped_and_so_incomplete() {
    let fake = Fake::start(|line, _| page(&[], if line.contains("/pods?") { "more" } else { "" })).await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    let unknown = reason(&listing.pods);
    assert_eq!(unknown.code, UnknownCode::Incomplete);
    assert!(unknown.message.ends_with("it has more than 1000 pages"), "{}", unknown.message);
    assert!(listing.workloads[&WorkloadKind::Deployment].known().is_some());
}

/// T42, Would miss: an answer without end that is read until the memory is full.
#[tokio::test]
async fn t42_an_answer_is_read_up_to_32_mib_and_no_further() {
    let long = |line: &str| if line.contains("/deployments?") { (32 << 20) + 1 } else { 0 };
    let fake = Fake::start(move |line, _| padded(long(line), "")).await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    let unknown = reason(&listing.workloads[&WorkloadKind::Deployment]);
    assert!(unknown.message.contains("longer than 32 MiB"), "{unknown:?}");
    assert_eq!(fake.count("/deployments?"), 3, "pages of fewer objects are asked for, and then no more");
    assert!(listing.pods.known().is_some(), "the rest is known");
}

/// T42, Would miss: a list whose pages are short enough, each of them, and that is kept whole until the memory is full.
#[tokio::test]
async fn t42_a_list_of_whole_objects_is_kept_up_to_256_mib_and_no_further() {
    let pages = AtomicUsize::new(0);
    let fake = Fake::start(move |line, _| {
        // It would end after eleven.
        let is_long = line.contains("/deployments?");
        let token = if is_long && pages.fetch_add(1, Ordering::Relaxed) < 10 { "more" } else { "" };
        padded(if is_long { 30 << 20 } else { 0 }, token)
    })
    .await;
    let listing = fake.cluster.list_namespace("shop", &deployments()).await;
    let unknown = reason(&listing.workloads[&WorkloadKind::Deployment]);
    assert_eq!(unknown.code, UnknownCode::Incomplete);
    assert!(unknown.message.ends_with("it is longer than 256 MiB"), "{unknown:?}");
    assert_eq!(fake.count("/deployments?"), 9, "nine of 30 MiB are more than it");
    assert!(listing.pods.known().is_some(), "the rest is known");
}

/// A page without items that is this long.
#[allow(clippy::unnecessary_wraps)] // what a script answers
fn padded(length: usize, token: &str) -> Option<(u16, String)> {
    let padding = "x".repeat(length);
    let text = format!(
        "{{\"kind\": \"L\", \"metadata\": {{\"continue\": \"{token}\", \"resourceVersion\": \"9\"}}, \"padding\": \"{padding}\", \"items\": []}}"
    );
    Some((200, text))
}

#[tokio::test]
async fn what_pods_use_at_the_moment_is_the_sum_over_containers_and_half_an_answer_is_none() {
    let container = |cpu: &str, memory: &str| json!({"name": "c", "usage": {"cpu": cpu, "memory": memory}});
    let pod = |name: &str, namespace: &str, containers: Json| {
        json!({"metadata": {"name": name, "namespace": namespace}, "timestamp": "2026-11-21T12:00:00Z", "window": "15.012s",
            "containers": containers})
    };
    let two = json!([container("100000000n", "64Mi"), container("0.05", "65536Ki")]);
    let half = json!([container("1", "1Gi"), {"name": "d", "usage": {"memory": "1Gi"}}]);
    let whole = json!({"metadata": {}, "items": [pod("a", "shop", two.clone()), pod("b", "shop", half), pod("c", "shop", json!([]))]});
    let fake = Fake::start(move |_, _| Some((200, whole.to_string()))).await;
    let Known::Known(moments) = fake.cluster.pod_moments("shop").await else { panic!("an answer") };
    assert_eq!(fake.count("GET /apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"), 1);
    let used = |name: &str, resource| moments[name].used.get(&resource).map(ToString::to_string);
    assert_eq!(
        (used("a", Resource::Cpu), used("a", Resource::Memory)),
        (Some("150m".into()), Some("134217728".into()))
    );
    assert_eq!((used("b", Resource::Cpu), used("b", Resource::Memory)), (None, Some("2147483648".into())));
    assert_eq!((used("c", Resource::Cpu), moments["a"].over.as_millis()), (None, 15_012));

    for (answer, code) in [
        (Some((200, json!({"items": [pod("a", "other", two.clone())]}).to_string())), UnknownCode::Malformed),
        (Some((200, json!({"metadata": {"continue": "t"}, "items": []}).to_string())), UnknownCode::Incomplete),
        (
            Some((200, json!({"items": [{"metadata": {"name": "a", "namespace": "shop"}}]}).to_string())),
            UnknownCode::Malformed,
        ),
        (status(404, "not found"), UnknownCode::Unsupported),
        (status(403, "no"), UnknownCode::Forbidden),
        (status(503, "the metrics server is down"), UnknownCode::Unreachable),
    ] {
        let shown = format!("{answer:?}");
        let fake = Fake::start(move |_, _| answer.clone()).await;
        assert_eq!(reason(&fake.cluster.pod_moments("shop").await).code, code, "{shown}");
    }
}

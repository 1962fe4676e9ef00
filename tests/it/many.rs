//! A namespace with more pods than anybody wants to hold in memory.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::support::Repo;

const PODS: usize = 10_000;
const PAGE: usize = 500;
/// Kubernetes takes annotations up to 256 KiB; this many of 20 KiB are 200 MB.
const ANNOTATION: usize = 20 * 1024;
/// The bound of bpctl, in KiB.
const MOST: u64 = 300 * 1024;

/// An API server with one Deployment and its pods, page by page. It notes each request.
fn serve(requests: &Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let requests = Arc::clone(requests);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let requests = Arc::clone(&requests);
            std::thread::spawn(move || answer(stream, &requests));
        }
    });
    port
}

fn answer(mut stream: TcpStream, requests: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|read| read > 2) {}
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = if path.contains("/pods?") {
        pods(path.split("continue=").nth(1).and_then(|from| from.parse().ok()).unwrap_or(0))
    } else if path.contains("/deployments?") {
        let metadata = json!({"name": "web", "namespace": "shop", "uid": "d"});
        let item = json!({"metadata": metadata, "spec": {"replicas": PODS}});
        json!({"metadata": {"resourceVersion": "1"}, "items": [item]}).to_string()
    } else {
        json!({"major": "1", "minor": "36", "paths": {}}).to_string()
    };
    requests.lock().expect("requests").push(path);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

fn pods(from: usize) -> String {
    let annotation = "x".repeat(ANNOTATION);
    let pod = |number: usize| {
        json!({"metadata": {"name": format!("web-7d-{number}"), "namespace": "shop", "uid": format!("u{number}"),
            "annotations": {"huge": annotation}, "labels": {"pod-template-hash": "7d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d", "controller": true}]},
            "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "100m"}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    let items: Vec<Json> = (from..from + PAGE).map(pod).collect();
    let next = from + PAGE;
    let next = if next < PODS { next.to_string() } else { String::new() };
    json!({"metadata": {"resourceVersion": "1", "continue": next}, "items": items}).to_string()
}

/// T42
#[test]
fn t42_ten_thousand_pods_with_huge_annotations_are_paged_and_stay_within_300_mib() {
    let requests = Arc::default();
    let port = serve(&requests);
    let repo = Repo::with(&[
        (
            "bpctl.yaml",
            "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: local\nenvironments:\n  lab: {tier: dev, cluster: {context: lab}}\n",
        ),
        ("deploy/web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 10000}\n"),
        (
            "blueprints/web.yaml",
            "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 1.0.0, owner: team}\nspec:\n  target: {workload: Deployment/web, namespace: shop, source: deploy}\n",
        ),
    ]);
    let kubeconfig = repo.folder.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\ncontexts: [{{name: lab, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&kubeconfig, text).expect("a file");
    let program = repo.bpctl().with("BPCTL_KUBECONFIG", kubeconfig.display().to_string());
    let mut child = program.command(&["stage", "observe"]).spawn().expect("bpctl starts");
    let status = format!("/proc/{}/status", child.id());
    let peak = Arc::new(AtomicUsize::new(0));
    let watched = Arc::clone(&peak);
    let watch = std::thread::spawn(move || {
        // The kernel keeps the highest it was; it is there until the process is waited for.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
            let kib = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
            watched.fetch_max(kib, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    let mut out = String::new();
    std::io::Read::read_to_string(child.stdout.as_mut().expect("stdout"), &mut out).expect("text");
    assert!(child.wait().expect("it ends").success());
    watch.join().expect("it watched");

    let observation: Json = serde_json::from_str(&out).expect("JSON");
    let seen = &observation["facts"]["pods:apps/v1:Deployment:shop:web"]["value"]["pods"]["known"];
    assert_eq!(seen.as_array().expect("whole").len(), PODS);
    let requests: Vec<String> = requests.lock().expect("requests").clone();
    let pages: Vec<&String> = requests.iter().filter(|request| request.contains("/pods?")).collect();
    assert_eq!(pages.len(), PODS / PAGE);
    assert!(pages.iter().all(|page| page.contains("limit=500")));
    let peak = peak.load(Ordering::SeqCst) as u64;
    assert!(peak > 5_000 && peak <= MOST, "{peak} KiB");
    eprintln!("at most {peak} KiB");
}

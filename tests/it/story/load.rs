//! A fixed load on a Deployment, shared by its real ready pods, as their kubelets and they themselves would tell it: with every pod more,
//! each does less. Each answers 100 requests a second, slowly where fewer pods are ready than the load began with.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;

use crate::support::{lab, wait_for};

/// How long before its start the load is told to have been there, in seconds.
const PAST: u64 = 90;

/// The exporter; it and its target go when it is dropped.
pub struct Load {
    meters: Arc<Mutex<Meters>>,
    target: PathBuf,
    watch: Child,
}

#[derive(Default)]
struct Meters {
    ready: BTreeMap<String, bool>,
    /// Each pod's counter in millionths of a core second, by second.
    counters: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Its requests that took at most 100ms, 200ms, 400ms, and all.
    requests: BTreeMap<String, BTreeMap<u64, [u64; 4]>>,
    /// With fewer pods than this, requests are slow.
    enough: usize,
    told_until: Option<u64>,
}

const BOUNDS: [&str; 4] = ["0.1", "0.2", "0.4", "+Inf"];
/// 95 % take at most 150ms.
const FAST: [u64; 4] = [90, 100, 100, 100];
/// 95 % take at most 300ms.
const SLOW: [u64; 4] = [0, 90, 100, 100];

impl Meters {
    /// Brings the counters up to a second.
    fn tell(&mut self, until: u64, millicores: u64) {
        let from = self.told_until.map_or(until, |told| told + 1);
        for second in from..=until {
            let ready: Vec<String> =
                self.ready.iter().filter(|(_, ready)| **ready).map(|(pod, _)| pod.clone()).collect();
            for pod in &ready {
                let counter = self.counters.entry(pod.clone()).or_default();
                let last = counter.last_key_value().map_or(1_000_000_000, |(_, value)| *value);
                counter.insert(second, last + millicores * 1000 / ready.len() as u64);
                let requests = self.requests.entry(pod.clone()).or_default();
                let last = requests.last_key_value().map_or([0; 4], |(_, counts)| *counts);
                let more = if ready.len() < self.enough { SLOW } else { FAST };
                requests.insert(second, std::array::from_fn(|n| last[n] + more[n]));
            }
        }
        self.told_until = Some(until);
    }

    fn text(&self, namespace: &str) -> String {
        let mut text = "# TYPE container_cpu_usage_seconds_total counter\n".to_owned();
        for (pod, counter) in &self.counters {
            for (second, value) in counter {
                text += &format!(
                    "container_cpu_usage_seconds_total{{namespace=\"{namespace}\",pod=\"{pod}\",container=\"web\"}} {}.{:06} {second}000\n",
                    value / 1_000_000,
                    value % 1_000_000
                );
            }
        }
        text += "# TYPE http_request_duration_seconds histogram\n";
        for (pod, requests) in &self.requests {
            for (n, bound) in BOUNDS.iter().enumerate() {
                for (second, counts) in requests {
                    text += &format!(
                        "http_request_duration_seconds_bucket{{namespace=\"{namespace}\",pod=\"{pod}\",le=\"{bound}\"}} {} {second}000\n",
                        counts[n]
                    );
                }
            }
        }
        text
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

impl Load {
    /// Puts the load on the ready pods of a namespace, of which there have to be as many as said first.
    pub fn on(namespace: &str, pods: usize, millicores: u64) -> Self {
        let meters = Arc::new(Mutex::new(Meters::default()));
        let watch = watch(namespace, &meters);
        wait_for("the pods' readiness", 60, || {
            (meters.lock().unwrap().ready.values().filter(|r| **r).count() == pods).then_some(())
        });
        {
            let mut meters = meters.lock().unwrap();
            meters.enough = pods;
            meters.told_until = Some(now() - PAST);
            meters.tell(now() - 1, millicores);
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (served, of) = (meters.clone(), namespace.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let body = served.lock().unwrap().text(&of);
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        let ticking = Arc::downgrade(&meters);
        std::thread::spawn(move || {
            while let Some(meters) = ticking.upgrade() {
                meters.lock().unwrap().tell(now(), millicores);
                drop(meters);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let targets = PathBuf::from(lab("LAB_PROMETHEUS_TARGETS"));
        let target = targets.with_file_name(format!("{namespace}.json"));
        let unfinished = targets.with_file_name(format!("{namespace}.tmp"));
        std::fs::write(&unfinished, format!(r#"[{{"targets": ["127.0.0.1:{port}"]}}]"#)).expect("a target");
        std::fs::rename(unfinished, &target).expect("a target");
        let load = Self { meters, target, watch };
        load.wait_for_pods(namespace, pods);
        load
    }

    /// Waits until Prometheus has heard of so many pods.
    fn wait_for_pods(&self, namespace: &str, pods: usize) {
        let query =
            format!("count(rate(container_cpu_usage_seconds_total{{namespace=\"{namespace}\",job=\"lab\"}}[5s]))");
        wait_for("Prometheus' scrape", 30, || {
            let output = Command::new("curl")
                .args([
                    "-fsS",
                    "--data-urlencode",
                    &format!("query={query}"),
                    &format!("{}/api/v1/query", lab("LAB_PROMETHEUS_URL")),
                ])
                .output()
                .expect("curl starts");
            let answer: Json = serde_json::from_slice(&output.stdout).ok()?;
            let count = answer.pointer("/data/result/0/value/1")?.as_str()?;
            (count == pods.to_string()).then_some(())
        });
    }

    /// From now on requests are slow with fewer ready pods than this.
    pub fn needs(&self, pods: usize) {
        self.meters.lock().unwrap().enough = pods;
    }

    /// The pods that are ready now.
    pub fn ready(&self) -> usize {
        self.meters.lock().unwrap().ready.values().filter(|ready| **ready).count()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(Path::new(&self.target));
        let _ = self.watch.kill();
        let _ = self.watch.wait();
    }
}

/// Follows the namespace's pods.
fn watch(namespace: &str, meters: &Arc<Mutex<Meters>>) -> Child {
    let mut child = Command::new("kubectl")
        .args(["--namespace", namespace, "get", "pods", "--watch", "--output-watch-events", "-o", "json"])
        .env("KUBECONFIG", lab("KUBECONFIG"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let events = child.stdout.take().expect("stdout");
    let meters = Arc::downgrade(meters);
    std::thread::spawn(move || {
        for event in serde_json::Deserializer::from_reader(std::io::BufReader::new(events)).into_iter::<Json>() {
            let (Ok(event), Some(meters)) = (event, meters.upgrade()) else { return };
            let Some(pod) = event.pointer("/object/metadata/name").and_then(Json::as_str) else { continue };
            let gone = event["type"] == "DELETED" || event.pointer("/object/metadata/deletionTimestamp").is_some();
            let conditions =
                event.pointer("/object/status/conditions").and_then(Json::as_array).cloned().unwrap_or_default();
            let ready =
                conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
            meters.lock().unwrap().ready.insert(pod.to_owned(), ready && !gone);
        }
    });
    child
}

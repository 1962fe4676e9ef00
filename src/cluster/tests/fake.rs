//! An API server of a few lines that answers what a test tells it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::cluster::{ConnectOptions, LiveCluster};

/// Status and body for a request line and all that came with it; `None`: hang up.
type Script = dyn Fn(&str, &str) -> Option<(u16, String)> + Send + Sync;

pub(super) struct Fake {
    pub(super) requests: Arc<Mutex<Vec<String>>>,
    pub(super) cluster: LiveCluster,
    options: ConnectOptions,
    _kubeconfig: tempfile::TempDir,
}

impl Fake {
    pub(super) async fn start(script: impl Fn(&str, &str) -> Option<(u16, String)> + Send + Sync + 'static) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, script) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Box<Script>>::new(Box::new(script)));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, &seen, &**script));
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
             users: [{{name: u, user: {{token: hunter2}}}}]\n\
             contexts: [{{name: prod, context: {{cluster: c, user: u}}}}]\ncurrent-context: prod\n"
        );
        std::fs::write(&file, text).expect("a kubeconfig");
        let options = ConnectOptions {
            kubeconfig: Some(file),
            schema_cache: Some(folder.path().join("cache")),
            ..ConnectOptions::default()
        };
        let cluster = LiveCluster::connect(options.clone()).await.expect("a client");
        Self { requests, cluster, options, _kubeconfig: folder }
    }

    /// A client that has so much time for a look.
    pub(super) async fn within(&self, patience: std::time::Duration) -> LiveCluster {
        let options = ConnectOptions { patience: Some(patience), ..self.options.clone() };
        LiveCluster::connect(options).await.expect("a client")
    }

    /// A client as the next run has it.
    pub(super) async fn next_run(&self) -> LiveCluster {
        LiveCluster::connect(self.options.clone()).await.expect("a client")
    }

    pub(super) fn count(&self, part: &str) -> usize {
        self.requests.lock().expect("requests").iter().filter(|request| request.contains(part)).count()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, script: &Script) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let (mut line, mut rest) = (String::new(), String::new());
    if reader.read_line(&mut line).is_err() {
        return;
    }
    while reader.read_line(&mut rest).is_ok_and(|read| read > 2) {}
    let length = rest.lines().find_map(|header| header.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = reader.read_exact(&mut body);
    rest.push_str(&String::from_utf8_lossy(&body));
    let line = line.trim_end().trim_end_matches(" HTTP/1.1");
    seen.lock().expect("requests").push(format!("{line}\n{rest}"));
    if let Some((status, body)) = script(line, &rest) {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all((head + &body).as_bytes());
    }
}

//! A server that answers as a test says.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use url::Url;

use super::{BranchName, NewPull};

/// A pull request of a branch that asks nobody.
pub(crate) fn new_pull(branch: &BranchName) -> NewPull {
    NewPull {
        branch: branch.clone(),
        after: None,
        title: "Scale".into(),
        body: "why".into(),
        reviewers: Vec::new(),
        labels: Vec::new(),
    }
}

/// Answers every request with what a function makes of it, one after the other, and remembers the requests.
pub(crate) struct Server {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` is given the request's first line.
    pub(crate) fn new(mut answer: impl FnMut(&str) -> String + Send + 'static) -> Self {
        Self::on_request(move |request| answer(request.lines().next().unwrap_or_default()))
    }

    /// `answer` is given the whole request.
    pub(crate) fn on_request(mut answer: impl FnMut(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !complete(&request) {
                    match stream.read(&mut buffer) {
                        Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                        _ => break,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let reply = answer(&request);
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(reply.as_bytes());
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A repository to keep what is fetched; and TLS has its provider.
pub(crate) fn bare() -> TempDir {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let here = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(here.path()).unwrap();
    here
}

/// Whether a request arrived whole.
fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |n| n.trim().parse().unwrap());
    body.len() >= length
}

pub(crate) fn reply(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

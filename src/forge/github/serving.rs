//! HTTP for the GitHub for tests: one answer for each connection. What it started ends with it, so that ten thousand of them fit into one process.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Answer;

/// How long a client may take over a request: one that never sends any keeps no test from ending.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// A port that is served as long as this value lives.
pub(super) struct Serving {
    pub(super) url: String,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// `answer` is given a request and the server's address.
    pub(super) fn begin(answer: impl Fn(&Request, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let ends = Arc::new(AtomicBool::new(false));
        let (base, last) = (url.clone(), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            // The scope ends when the last request is answered; what went wrong in one of them is this thread's end.
            std::thread::scope(|scope| {
                for stream in listener.incoming().flatten().take_while(|_| !last.load(Ordering::SeqCst)) {
                    scope.spawn(|| serve(stream, &answer, &base));
                }
            });
        });
        Self { url, ends, thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // It waits for a connection: this is its last.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(!matches!(ended, Some(Err(_))), "the server for tests did not take a request");
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16384];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut body = bytes.split_off(end);
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    assert!(!headers.contains_key("transfer-encoding"), "bodies of these tests are small");
    let length = headers.get("content-length").map_or(0, |text| text.parse().expect("a length"));
    while body.len() < length {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&buffer[..read]);
    }
    let url = url::Url::parse(&format!("http://x{target}")).ok()?;
    let query = url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    Some(Request { method, path: target.split('?').next()?.to_owned(), query, headers, body })
}

fn serve(mut stream: TcpStream, answer: impl Fn(&Request, &str) -> Answer, base: &str) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let Some(request) = read(&mut stream) else { return };
    let Answer(status, headers, body) = answer(&request, base);
    let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

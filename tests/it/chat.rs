//! A chat's incoming webhook, on loopback: what it was sent, and what it answers.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub struct Chat {
    address: String,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Chat {
    /// One that takes what it is sent.
    pub fn new() -> Self {
        Self::answering("200 OK")
    }

    /// One that answers this.
    pub fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/hooks/CANARY-T0/CANARY-B0", listener.local_addr().expect("an address"));
        let texts: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&texts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                let text = loop {
                    let read = stream.read(&mut buffer).unwrap_or(0);
                    request.extend_from_slice(&buffer[..read]);
                    let whole = String::from_utf8_lossy(&request).into_owned();
                    let body = whole.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
                    if let Ok(message) = serde_json::from_str::<Value>(&body) {
                        break message["text"].as_str().expect("a text").to_owned();
                    }
                    assert!(read > 0, "no message: {whole}");
                };
                seen.lock().expect("the texts").push(text);
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 9\r\nConnection: close\r\n\r\nCANARY-B0");
            }
        });
        Self { address, texts }
    }

    /// For `BPCTL_ALERT_WEBHOOK`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it was sent since the last time that somebody asked.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.texts.lock().expect("the texts"))
    }
}

//! A hub on a port of its own: HTTP over a socket, so that it can break off where a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rose::weights::HubConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How one request is answered. After the last, [`Answer::Whole`] goes on.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Ranges honoured.
    Whole,
    /// The whole file, whatever range was asked for.
    IgnoreRange,
    /// The header promises all, the line breaks after so many bytes.
    BreakAfter(usize),
    Other(Vec<u8>),
    Status(u16),
    /// To another address, as the hub does for large files.
    SendOn(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) range: Option<String>,
    pub(super) authorization: Option<String>,
}

pub(super) struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Hub {
    pub(super) fn start(content: Vec<u8>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // Ends with the process: it holds nothing but its socket.
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let answer = answers.next().unwrap_or(Answer::Whole);
                // A client that hangs up has had enough.
                let _ = serve(stream.unwrap(), &content, answer, &seen);
            }
        });
        Self { endpoint, requests }
    }

    pub(super) fn config(&self) -> HubConfig {
        HubConfig { endpoint: self.endpoint.clone(), token: None, cache: None }
    }

    /// Behind TLS, with a certificate that only tests/fixtures/tls/authority.pem vouches for: both made with
    /// openssl for this alone, and valid until 2126. Every answer is whole.
    pub(super) fn start_with_tls(content: Vec<u8>) -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("../../fixtures/tls/localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../fixtures/tls/localhost.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = Arc::new(tls.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
                let stream = rustls::StreamOwned::new(connection, stream.unwrap());
                // A client that trusts nobody here hangs up.
                let _ = serve(stream, &content, Answer::Whole, &seen);
            }
        });
        Self { endpoint, requests }
    }

    /// With a slash in front.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn ranges(&self) -> Vec<Option<String>> {
        self.requests().into_iter().map(|request| request.range).collect()
    }
}

fn serve(
    mut stream: impl Read + Write,
    content: &[u8],
    answer: Answer,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut request =
        Request { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), range: None, authorization: None };
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value.to_owned()),
            "authorization" => request.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let asked = request.range.as_deref().and_then(|range| range.strip_prefix("bytes="));
    let start: Option<usize> = asked.and_then(|range| range.trim_end_matches('-').parse().ok());
    seen.lock().unwrap().push(request);
    let total = content.len();
    let (status, body, promised) = match answer {
        Answer::Status(status) => (format!("{status} No"), Vec::new(), 0),
        Answer::SendOn(url) => (format!("302 Found\r\nLocation: {url}"), Vec::new(), 0),
        Answer::Other(other) => ("200 OK".into(), other.clone(), other.len()),
        Answer::IgnoreRange => ("200 OK".into(), content.to_vec(), total),
        Answer::Whole | Answer::BreakAfter(_) => {
            let from = start.unwrap_or(0);
            let rest = content.get(from..).unwrap_or_default();
            let status = match start {
                Some(start) if start >= total => "416 Range Not Satisfiable".into(),
                Some(start) => format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{total}", total - 1),
                None => "200 OK".into(),
            };
            let sent = if let Answer::BreakAfter(bytes) = answer { bytes.min(rest.len()) } else { rest.len() };
            (status, rest[..sent].to_vec(), rest.len())
        }
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)?;
    stream.flush()
}

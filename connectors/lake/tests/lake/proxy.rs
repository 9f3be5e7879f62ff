//! A proxy before an S3 server that loses answers: the server has done what was asked, and the client does not learn it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Loses every `n`th answer to a commit.
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    /// How many answers were lost.
    pub(crate) lost: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn start(server: &str, n: usize) -> Self {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (lost, commits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = lost.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, lost, commits) = (server.clone(), counted.clone(), commits.clone());
                std::thread::spawn(move || {
                    let lose = |head: &str| {
                        let is_commit =
                            head.starts_with("PUT ") && head.contains("_delta_log/") && head.contains(".json ");
                        let due = is_commit && commits.fetch_add(1, Ordering::SeqCst) % n == n - 1;
                        due && lost.fetch_add(1, Ordering::SeqCst) < usize::MAX
                    };
                    // A client that goes away in the middle is nothing to the proxy.
                    let _ = pass(client, &server, lose);
                });
            }
        });
        Self { endpoint, lost }
    }
}

/// Passes one request and its answer.
fn pass(mut client: TcpStream, server: &str, lose: impl Fn(&str) -> bool) -> std::io::Result<()> {
    let mut request = vec![];
    let mut bytes = [0; 64 * 1024];
    let head = loop {
        if let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        let n = client.read(&mut bytes)?;
        if n == 0 {
            return Ok(());
        }
        request.extend_from_slice(&bytes[..n]);
    };
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let length =
        text.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    while request.len() < head + 4 + length.unwrap_or(0) {
        let n = client.read(&mut bytes)?;
        request.extend_from_slice(&bytes[..n]);
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(&request[..head])?;
    upstream.write_all(b"\r\nConnection: close\r\n\r\n")?;
    upstream.write_all(&request[head + 4..])?;
    let mut answer = vec![];
    upstream.read_to_end(&mut answer)?;
    if lose(&text) {
        return Ok(());
    }
    client.write_all(&answer)
}

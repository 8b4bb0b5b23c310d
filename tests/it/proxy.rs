//! A proxy that writes down which requests pass through it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Requests of HTTP/1.1 to some server. It ends with the test's process.
pub struct Proxy {
    /// `127.0.0.1:PORT`
    pub address: String,
    /// What was sent on each connection, in the order in which they were opened.
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Both directions of a connection.
type Halves = (Box<dyn Read + Send>, Box<dyn Write + Send>);

impl Proxy {
    /// To `HOST:PORT`.
    pub fn to_tcp(upstream: &str) -> Self {
        let upstream = upstream.to_owned();
        Self::start(move || {
            let stream = TcpStream::connect(&upstream).expect("the server listens");
            (Box::new(stream.try_clone().expect("a handle")), Box::new(stream))
        })
    }

    /// To a socket of this machine.
    #[cfg(unix)]
    pub fn to_socket(path: &str) -> Self {
        let path = path.to_owned();
        Self::start(move || {
            let stream = std::os::unix::net::UnixStream::connect(&path).expect("the server listens");
            (Box::new(stream.try_clone().expect("a handle")), Box::new(stream))
        })
    }

    fn start(connect: impl Fn() -> Halves + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let sent: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let all = sent.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.expect("a connection");
                let (mut answers, mut requests) = connect();
                let mut to_client = client.try_clone().expect("a handle");
                let connection = {
                    let mut all = all.lock().expect("no panic");
                    all.push(Vec::new());
                    all.len() - 1
                };
                let all = all.clone();
                std::thread::spawn(move || {
                    let mut buffer = [0; 0x1_0000];
                    while let Ok(read @ 1..) = client.read(&mut buffer) {
                        // Written down before it is passed on: whoever has an answer finds the request here.
                        all.lock().expect("no panic")[connection].extend(&buffer[..read]);
                        if requests.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                });
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut answers, &mut to_client);
                    let _ = to_client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, sent }
    }

    /// `METHOD PATH` of each request.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.sent.lock().expect("no panic");
        let texts = sent.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        texts
            .flat_map(|text| {
                let lines: Vec<String> = text.lines().filter_map(request_line).collect();
                lines
            })
            .collect()
    }
}

/// A body may end right before the next request, without a line break.
fn request_line(line: &str) -> Option<String> {
    let line = line.strip_suffix(" HTTP/1.1")?;
    let (before, path) = line.rsplit_once(' ')?;
    let method =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|m| before.ends_with(m))?;
    Some(format!("{method} {path}"))
}

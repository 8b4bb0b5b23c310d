//! A registry that counts and throws away what it gets, so that an image can be larger than this machine.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

/// Serves until the test program ends; has nothing, and takes everything.
pub struct Discard {
    /// As it stands in references.
    pub host: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Whose memory is looked at.
    child: OnceLock<u32>,
    /// Path and length of each body.
    bodies: Mutex<Vec<(String, u64)>>,
    /// In KiB.
    peak: Mutex<Option<u64>>,
}

impl Discard {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(BufReader::with_capacity(1 << 18, stream), &seen));
            }
        });
        Self { host, shared }
    }

    /// The process that pushes here.
    pub fn watch(&self, process: u32) {
        self.shared.child.set(process).expect("one process");
    }

    /// Lengths of the blobs that came whole.
    pub fn blobs(&self) -> Vec<u64> {
        let bodies = self.shared.bodies.lock().expect("no panic");
        bodies.iter().filter(|(path, _)| path.contains("/uploads/")).map(|(_, length)| *length).collect()
    }

    /// The largest resident size in KiB that the process had until it sent the manifest. It was looked at while that
    /// was not answered yet, so the process cannot have been gone, and all that follows is its report.
    pub fn peak(&self) -> u64 {
        self.shared.peak.lock().expect("no panic").expect("a manifest came")
    }
}

fn serve(mut stream: BufReader<TcpStream>, shared: &Shared) {
    while let Some((method, path, length)) = head(&mut stream) {
        let read = std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink());
        if !read.is_ok_and(|read| read == length) {
            return;
        }
        let answer = match method.as_str() {
            "HEAD" => "404 Not Found\r\n".to_owned(),
            "POST" => "202 Accepted\r\nlocation: /v2/app/blobs/uploads/1?state=x\r\n".to_owned(),
            "PUT" => {
                if path.contains("/manifests/") {
                    *shared.peak.lock().expect("no panic") = Some(peak_of(*shared.child.wait()));
                }
                shared.bodies.lock().expect("no panic").push((path, length));
                "201 Created\r\n".to_owned()
            }
            _ => "405 Method Not Allowed\r\n".to_owned(),
        };
        let answer = format!("HTTP/1.1 {answer}content-length: 0\r\n\r\n");
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Method, path and the length of the body.
fn head(stream: &mut BufReader<TcpStream>) -> Option<(String, String, u64)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            Some(_) => {}
            None => return Some((method, path, length)),
        }
    }
}

fn peak_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

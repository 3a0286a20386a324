//! A daemon of the test's own: answers by a function of the request, and remembers what it was asked.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method, path and query.
    pub(crate) line: String,
    pub(crate) body: String,
}

/// What is answered: a status and a body; or lines, after which the connection stays open.
pub(crate) enum Answer {
    Whole(u16, String),
    Forever(String),
    /// No answer at all, while the connection stays open.
    Silence,
}

/// The requests so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().into_iter().map(|asked| asked.line).collect()
    }
}

/// Serves the socket `s` of a home until the test ends.
pub(crate) fn serve(folder: &Path, answer: fn(&Asked) -> Answer) -> Log {
    let socket = folder.join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, Permissions::from_mode(0o660)).unwrap();
    let log = Log::default();
    let shared = log.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let log = shared.clone();
            std::thread::spawn(move || {
                // A client that leaves early ends its thread.
                let _ = converse(&stream, answer, &log);
            });
        }
    });
    log
}

fn converse(stream: &UnixStream, answer: fn(&Asked) -> Answer, log: &Log) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(asked) = read(&mut reader)? {
        log.0.lock().unwrap().push(asked.clone());
        match answer(&asked) {
            Answer::Whole(status, body) => {
                let len = body.len();
                let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {len}\r\n\r\n");
                writer.write_all(head.as_bytes())?;
                writer.write_all(body.as_bytes())?;
            }
            Answer::Forever(lines) => {
                let len = lines.len();
                let text = format!(
                    "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n{len:x}\r\n{lines}\r\n"
                );
                writer.write_all(text.as_bytes())?;
            }
            Answer::Silence => {}
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<&UnixStream>) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut len = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            len = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked {
        line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        body: String::from_utf8(body).unwrap(),
    }))
}

//! A listener between machines and a hub without TLS, that hears all of what they say.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use atome_tests::{Hub, Remote, loopback};

use crate::world::{Must, contains};

/// Longest frame, unpacked: more than any may be.
const FRAME_LEN_MAX: usize = 16 << 20;

/// Everything that went over one connection, from either end.
#[derive(Default)]
struct Heard {
    said: Vec<u8>,
    answered: Vec<u8>,
}

/// The listener; it hears until the test ends.
pub(crate) struct Wire {
    address: String,
    heard: Arc<Mutex<Vec<Arc<Mutex<Heard>>>>>,
}

impl Wire {
    /// Listens, and passes on to the hub.
    pub(crate) fn between(hub: &Hub) -> Self {
        let listener = TcpListener::bind((loopback::ADDRESS, 0)).must();
        let address = listener.local_addr().must().to_string();
        let heard: Arc<Mutex<Vec<Arc<Mutex<Heard>>>>> = Arc::default();
        let (all, (host, port)) = (Arc::clone(&heard), hub.address());
        std::thread::spawn(move || {
            while let Ok((from, _)) = listener.accept() {
                let Ok(to) = TcpStream::connect((host, port)) else {
                    continue;
                };
                let one = Arc::<Mutex<Heard>>::default();
                all.lock().unwrap().push(Arc::clone(&one));
                let said = Arc::clone(&one);
                copy(&from, &to, move |part| {
                    said.lock().unwrap().said.extend(part);
                });
                copy(&to, &from, move |part| {
                    one.lock().unwrap().answered.extend(part);
                });
            }
        });
        Self { address, heard }
    }

    /// What a daemon needs to dial it instead of the hub.
    pub(crate) fn remote(&self) -> Remote {
        Remote {
            endpoint: format!("ws://{}", self.address),
            ca_file: None,
        }
    }

    /// What was sent over WebSockets after their upgrade, unpacked.
    pub(crate) fn frames(&self) -> Vec<Vec<u8>> {
        let heard = self.heard.lock().unwrap();
        let mut frames = Vec::new();
        for one in heard.iter() {
            let one = one.lock().unwrap();
            if contains(&one.said, b"/ws/sync") {
                frames.extend(unpack(&one.said));
                frames.extend(unpack(&one.answered));
            }
        }
        frames
    }
}

fn copy(from: &TcpStream, to: &TcpStream, mut hear: impl FnMut(&[u8]) + Send + 'static) {
    let (mut from, mut to) = (from.try_clone().must(), to.try_clone().must());
    std::thread::spawn(move || {
        let mut part = vec![0; 64 << 10];
        while let Ok(len @ 1..) = from.read(&mut part) {
            hear(&part[..len]);
            if to.write_all(&part[..len]).is_err() {
                break;
            }
        }
        // Where one end is gone, so is the other.
        let _gone = to.shutdown(Shutdown::Both);
    });
}

/// The payloads of the frames behind the head of an upgrade. Source: RFC 6455, section 5.2.
fn unpack(bytes: &[u8]) -> Vec<Vec<u8>> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let mut rest = &bytes[head.map_or(bytes.len(), |at| at + 4)..];
    let mut frames = Vec::new();
    while let Some((payload, binary, end)) = frame(rest) {
        frames.push(match zstd::bulk::decompress(&payload, FRAME_LEN_MAX) {
            Ok(unpacked) if binary => unpacked,
            Ok(_) | Err(_) => payload,
        });
        rest = &rest[end..];
    }
    frames
}

/// The payload of the first frame, whether it is binary, and where it ends; `None` where it is not whole.
fn frame(bytes: &[u8]) -> Option<(Vec<u8>, bool, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (len, mut at) = match second & 0x7f {
        126 => {
            let len = u16::from_be_bytes(bytes.get(2..4)?.try_into().must());
            (usize::from(len), 4)
        }
        127 => {
            let len = u64::from_be_bytes(bytes.get(2..10)?.try_into().must());
            (usize::try_from(len).must(), 10)
        }
        len => (usize::from(len), 2),
    };
    let mask = if second & 0x80 == 0 {
        [0; 4]
    } else {
        at += 4;
        bytes.get(at - 4..at)?.try_into().must()
    };
    let payload = bytes.get(at..at + len)?;
    let payload = payload.iter().zip(mask.iter().cycle());
    let payload = payload.map(|(byte, mask)| byte ^ mask).collect();
    Some((payload, first & 0x0f == 2, at + len))
}

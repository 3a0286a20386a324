//! Frames of the sync protocol, from either end.

use atome_proto::limit::FRAME_LEN_MAX;
use atome_proto::sync::v1::{ClientFrame, Entry, HubFrame};
use atome_proto::sync::{BadFrame, Encoding, FrameBytes};

use crate::{commit, state};

/// What stands before the content of a binary frame.
const BINARY: u8 = b'z';

/// What a client sends: after a `z` the content of a binary frame, after any other byte that of a text one.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn client_frame(bytes: &[u8]) {
    let Some(frame) = content(bytes) else { return };
    let Ok(Some(message)) = ClientFrame::decode(frame) else {
        return;
    };
    for encoding in [Encoding::Text, Encoding::Zstd] {
        let Some(frame) = written(message.encode(encoding), bytes) else {
            continue;
        };
        let again = ClientFrame::decode(frame).expect("what was written is read");
        assert_eq!(again.as_ref(), Some(&message), "read again, it is another");
    }
    if let ClientFrame::Push(push) = &message {
        push.commits.iter().for_each(commit::raw_commit);
    }
}

/// What a hub sends, in the same form.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn hub_frame(bytes: &[u8]) {
    let Some(frame) = content(bytes) else { return };
    let Ok(Some(message)) = HubFrame::decode(frame) else {
        return;
    };
    for encoding in [Encoding::Text, Encoding::Zstd] {
        let Some(frame) = written(message.encode(encoding), bytes) else {
            continue;
        };
        let again = HubFrame::decode(frame).expect("what was written is read");
        assert_eq!(again.as_ref(), Some(&message), "read again, it is another");
    }
    match &message {
        HubFrame::Batch(batch) => {
            // Neither end of a batch may overflow, whatever it claims.
            let _ = (batch.to(), batch.last_mine());
            for entry in &batch.entries {
                match entry {
                    Entry::Commit(raw) => commit::raw_commit(raw),
                    Entry::State(raw) => raw.decode().iter().for_each(state::hold),
                    Entry::Mine(_)
                    | Entry::Evict(_)
                    | Entry::Grant(_)
                    | Entry::Policy(_)
                    | Entry::Nothing => {}
                }
            }
        }
        HubFrame::Snapshot(page) => {
            let states = page.states.iter().filter_map(|raw| raw.decode().ok());
            states.for_each(|read| state::hold(&read));
        }
        HubFrame::States(page) => {
            let states = page.states.iter().filter_map(|raw| raw.decode().ok());
            states.for_each(|read| state::hold(&read));
        }
        HubFrame::Welcome(_)
        | HubFrame::Ack(_)
        | HubFrame::Digest(_)
        | HubFrame::Receipt(_)
        | HubFrame::Offered(_)
        | HubFrame::Pong(_)
        | HubFrame::AccountCreated(_)
        | HubFrame::AccountDeleted(_)
        | HubFrame::Error(_)
        | HubFrame::Bye(_) => {}
    }
}

fn content(bytes: &[u8]) -> Option<FrameBytes> {
    let (kind, content) = bytes.split_first()?;
    let frame = if *kind == BINARY {
        FrameBytes::Binary(content.to_vec())
    } else {
        FrameBytes::Text(String::from_utf8(content.to_vec()).ok()?)
    };
    if let Ok(json) = frame.clone().unpack() {
        assert!(json.len() <= FRAME_LEN_MAX, "unpacked beyond the limit");
    }
    Some(frame)
}

/// What was read is written, unless parts that were left out make it too long.
fn written(frame: Result<FrameBytes, BadFrame>, read: &[u8]) -> Option<FrameBytes> {
    match frame {
        Ok(frame) => Some(frame),
        Err(BadFrame::TooLong) if read.first() == Some(&BINARY) => None,
        Err(BadFrame::TooLong) if read.len() > FRAME_LEN_MAX / 8 => None,
        Err(error) => panic!("what was read cannot be written: {error}"),
    }
}

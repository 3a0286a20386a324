//! The bytes of every released version, frozen.
//!
//! Every message of `sync::v1`, a commit and a state stand here as files. What this program writes is
//! those bytes; what stands in any of the files, those of older versions included, is read for ever.
//! `ATOME_BLESS=1` writes the files anew, for a version that is not released yet.

#![cfg(test)]

mod cases;

use std::fs;
use std::path::PathBuf;

use atome_proto::commit::{Commit, RawCommit};
use atome_proto::state::{AtomeState, RawState};
use atome_proto::sync::FrameBytes;
use atome_proto::sync::v1::{ClientFrame, HubFrame};

/// A message, or what is kept: its file's name and what it holds.
enum Case {
    Client(&'static str, ClientFrame),
    Hub(&'static str, HubFrame),
    Commit(&'static str, Commit),
    State(&'static str, AtomeState),
}

impl Case {
    fn file_name(&self) -> String {
        match self {
            Self::Client(name, _) => format!("client-{name}.json"),
            Self::Hub(name, _) => format!("hub-{name}.json"),
            Self::Commit(name, _) => format!("commit-{name}.json"),
            Self::State(name, _) => format!("state-{name}.json"),
        }
    }

    fn encode(&self) -> String {
        match self {
            Self::Client(_, frame) => serde_json::to_string(frame).unwrap(),
            Self::Hub(_, frame) => serde_json::to_string(frame).unwrap(),
            Self::Commit(_, commit) => RawCommit::encode(commit).unwrap().as_str().to_owned(),
            Self::State(_, state) => RawState::encode(state).unwrap().as_str().to_owned(),
        }
    }

    fn assert_is(&self, text: &str) {
        let name = self.file_name();
        match self {
            Self::Client(_, frame) => assert_eq!(&client(text), frame, "{name}"),
            Self::Hub(_, frame) => assert_eq!(&hub(text), frame, "{name}"),
            Self::Commit(_, commit) => assert_eq!(&raw_commit(text).decode().unwrap(), commit),
            Self::State(_, state) => assert_eq!(&raw_state(text).decode().unwrap(), state),
        }
    }
}

fn client(text: &str) -> ClientFrame {
    ClientFrame::from_json(text).unwrap().unwrap()
}

fn hub(text: &str) -> HubFrame {
    HubFrame::from_json(text).unwrap().unwrap()
}

fn raw_commit(text: &str) -> RawCommit {
    RawCommit::from_text(text.to_owned()).unwrap()
}

fn raw_state(text: &str) -> RawState {
    RawState::from_text(text.to_owned()).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/sync_v1")
}

fn blessing() -> bool {
    std::env::var_os("ATOME_BLESS").is_some()
}

#[test]
fn what_is_written_is_frozen() {
    for case in cases::all() {
        let path = folder().join(case.file_name());
        let written = case.encode();
        if blessing() {
            fs::write(&path, format!("{written}\n")).unwrap();
        }
        let frozen = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; ATOME_BLESS=1 makes it", path.display()));
        assert_eq!(written, frozen.trim_end(), "{}", path.display());
        case.assert_is(frozen.trim_end());
    }
}

#[test]
fn every_message_has_a_file() {
    let written: Vec<String> = cases::all().iter().map(Case::encode).collect();
    let names: Vec<String> = cases::all().iter().map(Case::file_name).collect();
    let there = |kind: &str, message: &str| {
        let tag = format!("{{\"type\":\"{message}\"");
        let mut both = names.iter().zip(&written);
        both.any(|(name, text)| name.starts_with(kind) && text.starts_with(&tag))
    };
    for message in ClientFrame::TYPES {
        assert!(there("client-", message), "no golden file for '{message}'");
    }
    for message in HubFrame::TYPES {
        assert!(there("hub-", message), "no golden file for '{message}'");
    }
}

#[test]
fn whatever_was_ever_written_is_read() {
    let mut read = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".json") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.trim_end();
        match name.split('-').next().unwrap() {
            "client" => drop(client(text)),
            "hub" => drop(hub(text)),
            "commit" => drop(raw_commit(text).decode().unwrap()),
            "state" => drop(raw_state(text).decode().unwrap()),
            other => panic!("a golden file of kind '{other}'"),
        }
        read += 1;
    }
    assert!(read >= cases::all().len());
}

/// zstd may write other bytes in a later version, and must read these.
#[test]
fn a_binary_frame_of_the_first_version_is_read() {
    let path = folder().join("hub-batch-long.zst");
    let batch = cases::long_batch();
    if blessing() {
        let frame = batch.encode(atome_proto::sync::Encoding::Zstd).unwrap();
        let FrameBytes::Binary(bytes) = frame else {
            panic!("a long message was not compressed")
        };
        fs::write(&path, bytes).unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() < serde_json::to_string(&batch).unwrap().len());
    let read = HubFrame::decode(FrameBytes::Binary(bytes))
        .unwrap()
        .unwrap();
    assert_eq!(read, batch);
}

//! Every golden message with every field wrong: refused, or taken within the limits.

use atome_doors as doors;
use atome_proto::commit::RawCommit;
use atome_proto::state::RawState;
use atome_proto::sync::FrameBytes;
use atome_proto::sync::v1::{ClientFrame, Entry, HubFrame, Ruling};
use atome_wrong::{How, Wrong};

use crate::{ALONE, files, folder};

/// Members whose names are free: the last of two of one name counts.
const MAPS: &[&str] = &["set", "add", "particles", "enforced", "details", "buckets"];

#[test]
fn every_golden_message_with_every_field_wrong() {
    let _alone = ALONE.lock();
    let mut tried = 0_u64;
    let mut taken = 0_u64;
    for (name, bytes) in files(&folder("tests/golden/sync_v1")) {
        let Some(stem) = name.strip_suffix(".json") else {
            continue;
        };
        let golden = serde_json::from_slice(&bytes).unwrap();
        for wrong in atome_wrong::all(&golden) {
            let is_taken = match stem.split('-').next().unwrap() {
                "client" => frame(&wrong, doors::client_frame, client),
                "hub" => frame(&wrong, doors::hub_frame, hub),
                "commit" => bare(&wrong, doors::commit, |text| raw_commit(&text)),
                "state" => bare(&wrong, doors::state, |text| raw_state(&text)),
                other => panic!("a golden file of kind '{other}'"),
            };
            tried += 1;
            taken += u64::from(is_taken);
            if is_taken {
                let what = format!("{name} {wrong}: {}", String::from_utf8_lossy(&wrong.bytes));
                assert!(!wrong.is_no_json(), "no JSON is taken: {what}");
                assert!(may_be_taken(&wrong), "{what}");
            }
        }
    }
    println!("{tried} messages, {taken} of them taken");
    assert!(
        tried > 10_000 && taken > 100 && taken < tried / 2,
        "{taken} of {tried}"
    );
}

/// What is wrong only by being there twice, or not in its place, is refused but among free names.
fn may_be_taken(wrong: &Wrong) -> bool {
    match wrong.how {
        How::Twice => MAPS
            .iter()
            .any(|map| wrong.at.contains(&format!("/{map}/"))),
        How::End(_) => false,
        How::Missing | How::Instead(_) | How::Spoiled(_) => true,
    }
}

fn frame(wrong: &Wrong, door: fn(&[u8]), read: fn(String) -> bool) -> bool {
    door(&[b"t", &wrong.bytes[..]].concat());
    String::from_utf8(wrong.bytes.clone()).is_ok_and(read)
}

fn bare(wrong: &Wrong, door: fn(&[u8]), read: impl Fn(String) -> bool) -> bool {
    door(&wrong.bytes);
    String::from_utf8(wrong.bytes.clone()).is_ok_and(read)
}

/// Whether a message is taken, with all that stands in it.
fn client(text: String) -> bool {
    match ClientFrame::decode(FrameBytes::Text(text)) {
        Ok(Some(ClientFrame::Push(push))) => push.commits.iter().all(|raw| raw.decode().is_ok()),
        Ok(Some(ClientFrame::Offer(offer))) => offer.states.iter().all(|raw| raw.decode().is_ok()),
        Ok(Some(_)) => true,
        Ok(None) | Err(_) => false,
    }
}

fn hub(text: String) -> bool {
    match HubFrame::decode(FrameBytes::Text(text)) {
        Ok(Some(HubFrame::Batch(batch))) => batch.entries.iter().all(|entry| match entry {
            Entry::Commit(raw) => raw.decode().is_ok(),
            Entry::State(raw) => raw.decode().is_ok(),
            Entry::Mine(_) | Entry::Evict(_) | Entry::Grant(_) | Entry::Policy(_) => true,
            Entry::Nothing => true,
        }),
        Ok(Some(HubFrame::Snapshot(page))) => page.states.iter().all(|raw| raw.decode().is_ok()),
        Ok(Some(HubFrame::States(page))) => page.states.iter().all(|raw| raw.decode().is_ok()),
        Ok(Some(HubFrame::Ack(ack))) => ack.verdicts.iter().all(
            |verdict| !matches!(&verdict.ruling, Ruling::Deferred { on } if on.len() > 1 << 20),
        ),
        Ok(Some(_)) => true,
        Ok(None) | Err(_) => false,
    }
}

fn raw_commit(text: &str) -> bool {
    RawCommit::from_text(text.to_owned()).is_ok_and(|raw| raw.decode().is_ok())
}

fn raw_state(text: &str) -> bool {
    RawState::from_text(text.to_owned()).is_ok_and(|raw| raw.decode().is_ok())
}

/// A type without a golden message would not be in the table.
#[test]
fn every_message_type_is_in_the_table() {
    let golden = files(&folder("tests/golden/sync_v1"));
    let has = |kind: &str, message: &str| {
        golden.iter().any(|(name, bytes)| {
            let tag = format!("{{\"type\":\"{message}\"");
            name.starts_with(kind) && bytes.starts_with(tag.as_bytes())
        })
    };
    for message in ClientFrame::TYPES {
        assert!(has("client-", message), "no golden message '{message}'");
    }
    for message in HubFrame::TYPES {
        assert!(has("hub-", message), "no golden message '{message}'");
    }
}

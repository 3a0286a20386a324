//! Every body and every message with every field wrong, to a hub that runs: each gets the answer that
//! the protocol has for it, and the hub goes on.

mod bodies;
mod frames;

use std::path::Path;

use serde_json::Value;

/// The golden messages of a kind, by name.
fn golden(kind: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/sync_v1");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let name = name.strip_prefix(kind)?.strip_suffix(".json")?.to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            Some((name, serde_json::from_str(&text).unwrap()))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!found.is_empty());
    found
}

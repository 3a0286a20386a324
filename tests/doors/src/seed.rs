//! Lines of seed files.

use atome_proto::AccountId;
use atome_proto::limit::{KEY_LEN_MAX, NAME_LEN_MAX, SEED_LINE_LEN_MAX};
use atome_proto::seed::Record;
use uuid::Uuid;

use crate::value;

/// Seed files, plain or packed with gzip or zstd: every line that is text is within the limit.
///
/// # Panics
///
/// Where the reader breaks a promise.
pub fn seed_file(bytes: &[u8]) {
    let read = atomectl::seed_lines(bytes, |line| {
        assert!(!line.is_empty() && line.len() <= SEED_LINE_LEN_MAX);
        assert!(!line.contains('\n'));
    });
    assert!(read.is_ok() || is_packed(bytes), "plain bytes can be read");
}

fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// Lines of seed files: within the limits, and written and read again the same.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn seed_line(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(record) = Record::parse(line) else {
        return;
    };
    let names = [
        Some(&record.type_name),
        record.key.as_ref(),
        record.kind.as_ref(),
        record.parent.as_ref(),
    ];
    for name in names.into_iter().flatten() {
        assert!((1..=NAME_LEN_MAX).contains(&name.len()));
    }
    for (key, particle) in &record.properties {
        assert!(!key.is_reserved() && key.as_str().len() <= KEY_LEN_MAX);
        value::hold(particle);
    }
    let owner = AccountId(Uuid::from_u128(1));
    assert!(record.key.is_none() || record.id.is_none());
    let names_one = record.key.is_some() || record.id.is_some();
    assert_eq!(record.atome(owner).is_some(), names_one);
    assert_eq!(record.parent_id(owner).is_some(), record.parent.is_some());
    let written = serde_json::to_string(&record).expect("a record is written");
    assert!(!written.contains('\n'), "a record is one line");
    let again = Record::parse(&written).expect("what was written is read");
    assert_eq!(again, record, "read again, it is another");
}

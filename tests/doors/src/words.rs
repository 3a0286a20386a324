//! Words: what stands for something in a text, an argument, a header or a small document.

use atome_engine::name;
use atome_proto::account::{DirectoryEntry, Session};
use atome_proto::commit::Key;
use atome_proto::digest::{Buckets, Digest};
use atome_proto::directory::{DirectoryChanges, DirectoryPage};
use atome_proto::limit::KEY_LEN_MAX;
use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::sharing::{Grants, Policies, Right, Why};
use atome_proto::time::{from_rfc3339, to_rfc3339};
use atome_proto::{AccountId, AtomeId, Code, Epoch, GrantId, HubId, Problem, ReplicaId, Stamp};

use crate::text::{json, word};

/// Ids, stamps, keys, names, times, digests, codes, and the small documents made of them.
///
/// # Panics
///
/// Where a decoder breaks a promise.
pub fn words(bytes: &[u8]) {
    documents(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    word::<AccountId>(text);
    word::<AtomeId>(text);
    word::<GrantId>(text);
    word::<HubId>(text);
    word::<Right>(text);
    one_spelling(text, word::<ReplicaId>(text));
    one_spelling(text, word::<Epoch>(text));
    one_spelling(text, word::<Digest>(text));
    if let Some(stamp) = word::<Stamp>(text) {
        one_spelling(text, Some(stamp));
        assert_eq!(Stamp::from_bytes(stamp.to_bytes()), stamp);
    }
    names(text);
    if let Some(ms) = from_rfc3339(text) {
        assert_eq!(from_rfc3339(&to_rfc3339(ms)), Some(ms), "{text}");
    }
}

/// Texts that sort as what they stand for have one spelling.
fn one_spelling<T: ToString>(text: &str, read: Option<T>) {
    assert!(read.is_none_or(|read| read.to_string() == text), "{text}");
}

fn names(text: &str) {
    if let Ok(key) = Key::of_particle(text) {
        assert!((1..=KEY_LEN_MAX).contains(&key.as_str().len()) && !key.is_reserved());
    }
    if let Ok(folded) = name::fold(text) {
        assert_eq!(
            name::fold(&folded).as_ref(),
            Ok(&folded),
            "folding what is folded changes nothing: {text:?}"
        );
        assert!((1..=64).contains(&folded.chars().count()));
        assert_eq!(name::fold_prefix(&folded).as_ref(), Ok(&folded));
    }
    if name::is_e164(text) {
        assert!((8..=16).contains(&text.len()));
    }
}

fn documents(bytes: &[u8]) {
    json::<Buckets>(bytes);
    json::<Code>(bytes);
    json::<Problem>(bytes);
    json::<RuntimeDeclaration>(bytes);
    json::<DirectoryEntry>(bytes);
    json::<DirectoryPage>(bytes);
    json::<DirectoryChanges>(bytes);
    json::<Session>(bytes);
    json::<Grants>(bytes);
    json::<Policies>(bytes);
    json::<Why>(bytes);
}

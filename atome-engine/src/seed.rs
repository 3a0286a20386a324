//! Seed records against what a store has: what seeding would write, what verifying finds.
//!
//! A record says what must be so of its atome: its type, that it is (or is not) deleted, and the kind,
//! parent and properties that it names. What it does not name is left alone, and is a difference only
//! to a strict verification.

use atome_proto::commit::{Create, Key};
use atome_proto::local::v1::{Difference, DifferenceKind};
use atome_proto::seed::Record;
use atome_proto::state::AtomeState;
use atome_proto::value::Value;
use atome_proto::{AccountId, AtomeId};

use crate::draft::Draft;

/// What the record says of the envelope's registers, in the order of their names.
fn registers(record: &Record, owner: AccountId) -> Vec<(&'static str, Option<Value>)> {
    let text = |text: &String| Value::from_text(text);
    vec![
        (Key::KIND, record.kind.as_ref().map(text)),
        (
            Key::PARENT,
            record
                .parent_id(owner)
                .map(|id| Value::from_text(&id.to_string())),
        ),
        (Key::TYPE, Some(text(&record.type_name))),
    ]
}

fn flag(deleted: bool) -> Value {
    Value::of_bool(deleted)
}

/// What must be written so that the atome is as the record says; an empty draft where it is so already.
#[must_use]
pub fn diff(
    record: &Record,
    atome: AtomeId,
    owner: AccountId,
    state: Option<&AtomeState>,
) -> Draft {
    let mut draft = Draft::new(atome);
    if state.is_none() {
        draft.create = Some(Create {
            key: record.key.clone(),
            owner: None,
        });
    }
    let is = |key: &str| state.and_then(|state| state.value(key));
    for (key, value) in registers(record, owner) {
        if let Some(value) = value.filter(|value| is(key).as_ref() != Some(value)) {
            draft.set.insert(Key::of_envelope(key), value);
        }
    }
    if record.deleted != state.is_some_and(AtomeState::is_deleted) {
        draft
            .set
            .insert(Key::of_envelope(Key::DELETED), flag(record.deleted));
    }
    for (key, value) in &record.properties {
        if is(key.as_str()).as_ref() != Some(value) {
            draft.set.insert(key.clone(), value.clone());
        }
    }
    draft
}

/// How the atome differs from what the record says.
#[must_use]
pub fn differences(
    record: &Record,
    owner: AccountId,
    state: Option<&AtomeState>,
    strict: bool,
) -> Vec<Difference> {
    let name = record
        .key
        .clone()
        .or_else(|| record.id.map(|id| id.to_string()));
    let name = name.unwrap_or_default();
    let difference = |difference, field: Option<&str>, expected, found| Difference {
        record: name.clone(),
        difference,
        field: field.map(str::to_owned),
        expected,
        found,
    };
    let Some(state) = state else {
        return vec![difference(DifferenceKind::Missing, None, None, None)];
    };
    let mut found = vec![];
    let mut compare = |field: &str, expected: Option<Value>, is: Option<Value>| {
        let kind = match (&expected, &is) {
            (Some(a), Some(b)) if a != b => DifferenceKind::Different,
            (Some(_), None) => DifferenceKind::Missing,
            (None, Some(_)) if strict => DifferenceKind::Unexpected,
            (Some(_), Some(_)) | (None, _) => return,
        };
        found.push(difference(kind, Some(field), expected, is));
    };
    compare(
        Key::DELETED,
        Some(flag(record.deleted)),
        Some(flag(state.is_deleted())),
    );
    for (key, value) in registers(record, owner) {
        compare(key, value, state.value(key));
    }
    for (key, value) in &record.properties {
        compare(key.as_str(), Some(value.clone()), state.value(key.as_str()));
    }
    for (key, value) in state.properties() {
        if !record.properties.contains_key(key) {
            compare(key.as_str(), None, Some(value));
        }
    }
    found
}

/// The record that `export` writes for an atome; `parent_key` is the external key of its parent.
#[must_use]
pub fn record_of(state: &AtomeState, parent_key: Option<String>) -> Record {
    Record {
        id: state.key.is_none().then_some(state.atome),
        key: state.key.clone(),
        type_name: state.type_name(),
        kind: state.kind(),
        parent: parent_key.or_else(|| state.parent().map(|id| id.to_string())),
        deleted: state.is_deleted(),
        properties: state
            .properties()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::{Origin, apply};
    use atome_proto::ReplicaId;
    use atome_proto::stamp::{HybridTime, Stamp};
    use uuid::Uuid;

    const LINE: &str =
        r#"{"key":"k/1","type":"t","kind":"x","parent":"k/0","properties":{"a":1,"b":null}}"#;

    fn owner() -> AccountId {
        AccountId(Uuid::from_u128(1))
    }

    fn write(state: Option<AtomeState>, record: &Record, time: u64) -> AtomeState {
        let atome = record.atome(owner()).unwrap();
        let change = diff(record, atome, owner(), state.as_ref()).into_change(state.as_ref());
        let stamp = Stamp {
            time: HybridTime(time),
            replica: ReplicaId(1),
        };
        apply(
            state,
            &change,
            Origin {
                stamp,
                number: time,
                author: owner(),
            },
        )
    }

    #[test]
    fn seeding_twice_writes_once_and_verifies() {
        let record = Record::parse(LINE).unwrap();
        let state = write(None, &record, 1);
        let atome = record.atome(owner()).unwrap();
        assert!(diff(&record, atome, owner(), Some(&state)).is_empty());
        assert_eq!(differences(&record, owner(), Some(&state), true), []);
        let parent = Some("k/0".to_owned());
        assert_eq!(
            serde_json::to_string(&record_of(&state, parent)).unwrap(),
            LINE
        );
    }

    #[test]
    fn each_difference_is_named() {
        let record = Record::parse(LINE).unwrap();
        let state = write(None, &record, 1);
        let mut other = record.clone();
        other.deleted = true;
        other.kind = None;
        other.properties.remove("b");
        other
            .properties
            .insert(Key::of_particle("a").unwrap(), Value::from_text("2"));
        other
            .properties
            .insert(Key::of_particle("c").unwrap(), Value::from_text("3"));
        let fields = |strict| {
            differences(&other, owner(), Some(&state), strict)
                .into_iter()
                .map(|d| (d.field.unwrap(), d.difference))
                .collect::<Vec<_>>()
        };
        use DifferenceKind::{Different, Missing, Unexpected};
        let said = [("$deleted", Different), ("a", Different), ("c", Missing)];
        assert_eq!(
            fields(false),
            said.map(|(field, kind)| (field.to_owned(), kind))
        );
        assert!(fields(true).contains(&("b".to_owned(), Unexpected)));
        assert!(fields(true).contains(&("$kind".to_owned(), Unexpected)));
        let missing = differences(&record, owner(), None, false);
        assert_eq!(missing[0].difference, Missing);
        let state = write(Some(state), &other, 2);
        assert_eq!(differences(&other, owner(), Some(&state), false), []);
    }
}

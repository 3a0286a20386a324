//! Writes on other accounts' atomes that are refused early, and why someone may do something.

use atome_proto::seed::Record;

use super::*;

fn refused(db: &mut ReplicaDb, draft: Draft) -> (Code, String) {
    let before = db.position().unwrap().number;
    let error = db.write(ANNA, vec![draft], now(0)).unwrap_err();
    assert_eq!(db.position().unwrap().number, before);
    (error.code(), error.to_string())
}

#[test]
fn a_reader_may_do_what_its_grant_says() {
    let mut db = reader(&[]);
    let (code, message) = refused(&mut db, set(12, "a", 1));
    assert_eq!(code, Code::NotAllowed);
    assert!(
        message.contains("alter 'a'") && message.contains(&atome(12).to_string()),
        "{message}"
    );
    let mut db = reader(&[Right::Alter]);
    write(&mut db, set(12, "a", 1));
    let delete = |n| {
        let mut draft = Draft::new(atome(n));
        let deleted = Key::of_envelope(Key::DELETED);
        draft.set.insert(deleted, Value::of_bool(true));
        draft
    };
    assert_eq!(refused(&mut db, delete(12)).0, Code::NotAllowed);
    let mut db = reader(&[Right::Delete]);
    write(&mut db, delete(12));
    check(&db);
}

#[test]
fn a_grant_that_has_ended_lets_nothing() {
    let mut db = reader(&[Right::Alter]);
    let mut ended = accepted(grant(1, 10, BOB, ANNA, &[Right::Alter]));
    ended.terms.until_ms = Some(NOW_MS + 100);
    feed(&mut db, vec![tell(ended)]);
    write(&mut db, set(12, "a", 1));
    let late = db.write(ANNA, vec![set(12, "a", 2)], now(100));
    assert_eq!(code_of(late), Code::NotAllowed);
}

#[test]
fn what_is_made_below_belongs_to_the_trees_owner() {
    let mut db = reader(&[Right::Create]);
    write(&mut db, below(create(20), 12));
    let state = db.get(atome(20)).unwrap().unwrap();
    assert_eq!((state.owner, state.creator), (BOB, ANNA));
    let pending = db.pending(0, 10, usize::MAX).unwrap();
    let commit = pending[0].decode().unwrap();
    assert_eq!(commit.changes[0].create.as_ref().unwrap().owner, Some(BOB));
    assert_eq!(db.owner_below(Some(atome(12))).unwrap(), BOB);
    assert_eq!(db.owner_below(Some(atome(77))).unwrap(), ANNA);
    assert_eq!(db.owner_below(None).unwrap(), ANNA);
    let keyed = |owner| {
        let mut draft = below(create(21), 12);
        draft.atome = AtomeId::from_key(owner, "k");
        draft.create = Some(Create {
            key: Some("k".to_owned()),
            owner: None,
        });
        draft
    };
    assert_eq!(refused(&mut db, keyed(ANNA)).0, Code::BadData);
    write(&mut db, keyed(BOB));
    // Not what it could not see.
    let mut db = reader(&[]);
    let mut some = accepted(grant(1, 10, BOB, ANNA, &[Right::Create]));
    some.terms.only = [key("a")].into();
    feed(&mut db, vec![tell(some)]);
    let with = |name| {
        let mut draft = below(create(20), 12);
        draft.set.insert(key(name), number(1));
        draft
    };
    assert_eq!(refused(&mut db, with("b")).0, Code::NotAllowed);
    write(&mut db, with("a"));
    check(&db);
}

#[test]
fn trees_of_two_owners_do_not_mix() {
    let every = [Right::Alter, Right::Create, Right::Delete, Right::Share];
    let mut db = reader(&every);
    write(&mut db, create(1));
    write(&mut db, create(2));
    let moved = |n, to| below(Draft::new(atome(n)), to);
    assert_eq!(refused(&mut db, moved(1, 10)).0, Code::NotAllowed);
    assert_eq!(refused(&mut db, moved(12, 1)).0, Code::NotAllowed);
    let mut top = Draft::new(atome(12));
    top.unset.insert(parent_key());
    assert_eq!(refused(&mut db, top).0, Code::NotAllowed);
    write(&mut db, moved(1, 2));
    write(&mut db, moved(12, 10));
    let both = vec![below(create(30), 12), below(create(31), 30)];
    let both = db.write(ANNA, both, now(0));
    assert_eq!(code_of(both), Code::NotAllowed, "one after the other");
    check(&db);
}

#[test]
fn a_seed_below_anothers_atome_makes_what_belongs_there() {
    let mut db = reader(&[Right::Create, Right::Alter]);
    let record = |id: u128, parent: u128| {
        let (id, parent) = (atome(id), atome(parent));
        let text =
            format!(r#"{{"id":"{id}","parent":"{parent}","type":"t","properties":{{"a":1}}}}"#);
        (id, Record::parse(&text).unwrap())
    };
    let records = [record(30, 12), record(31, 30)];
    let reply = db.seed(ANNA, &records, false, now(0)).unwrap();
    assert_eq!(
        (reply.created, reply.commits),
        (2, 2),
        "what is above comes first"
    );
    for n in [30, 31] {
        assert_eq!(db.get(atome(n)).unwrap().unwrap().owner, BOB);
    }
    check(&db);
    let mut db = reader(&[]);
    let error = db.seed(ANNA, &records, false, now(0)).unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
}

fn ask(actor: AccountId, right: Right, on: u128, at_ms: u64) -> Question {
    Question {
        actor,
        right,
        key: None,
        atome: atome(on),
        at_ms,
    }
}

#[test]
fn why_names_the_grant_and_the_atome_above() {
    let mut db = reader(&[Right::Alter]);
    let why = db.why(&ask(ANNA, Right::Alter, 12, NOW_MS)).unwrap();
    assert!(why.allowed && why.owner == party(BOB) && why.actor == party(ANNA));
    let reason = &why.reasons[0];
    assert!(reason.gives && reason.grant.atome == atome(10));
    assert!(
        !db.why(&ask(ANNA, Right::Delete, 12, NOW_MS))
            .unwrap()
            .allowed
    );
    let before = db.why(&ask(ANNA, Right::Read, 12, NOW_MS - 2_000)).unwrap();
    assert!(!before.allowed, "it was not offered yet");
    for other in [BOB, CAROL] {
        let others = db.why(&ask(other, Right::Read, 12, NOW_MS)).unwrap_err();
        assert_eq!(others.code(), Code::NotAllowed);
    }
    let sharer = reader(&[Right::Share]);
    let owner = sharer.why(&ask(BOB, Right::Delete, 12, NOW_MS)).unwrap();
    assert!(owner.allowed);
    let nothing = db.why(&ask(ANNA, Right::Read, 99, NOW_MS)).unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    write(&mut db, create(1));
    let own = db.why(&ask(CAROL, Right::Read, 1, NOW_MS)).unwrap();
    assert!(!own.allowed && own.reasons.is_empty());
}

#[test]
fn why_at_a_past_time_goes_by_the_parents_of_then() {
    let mut db = reader(&[]);
    let mut moved = Change::new(atome(12));
    moved.set.insert(parent_key(), id_text(atome(13)));
    let changes = vec![made(13, None)];
    let first = commit_of(BOB, 2, 499_500, changes);
    let second = commit_of(BOB, 3, 499_700, vec![moved]);
    let raw = |commit: &Commit| Entry::Commit(RawCommit::encode(commit).unwrap());
    feed(&mut db, vec![raw(&first), raw(&second)]);
    let allowed = |at_ms| db.why(&ask(ANNA, Right::Read, 12, at_ms)).unwrap().allowed;
    assert!(allowed(NOW_MS - 400), "it stood below 11 then");
    assert!(!allowed(NOW_MS - 200));
}

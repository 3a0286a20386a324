//! Acts: written, refused early, shown as pending, settled.

use atome_proto::sync::v1::{Refusal, Ruling, Verdict};

use super::*;

use GrantState::{Accepted, Blocked, Refused, Requested, Revoked, Withdrawn};

#[test]
fn a_share_is_pending_until_the_hub_tells_it() {
    let mut db = replica(1);
    write(&mut db, create(1));
    let written = act(&mut db, share(5, 1, BOB, &[Right::Alter])).unwrap();
    let pending = db.pending(1, 10, usize::MAX).unwrap();
    let commit = pending.first().unwrap().decode().unwrap();
    assert_eq!((written.number, commit.acts.len()), (2, 1));
    let here_only = [(grant_id(5), Requested, true)];
    for which in [Which::All, Which::Of(atome(1)), Which::ToOthers] {
        assert_eq!(shown(&db, which), here_only);
    }
    for which in [Which::Of(atome(2)), Which::WithMe, Which::Inbox] {
        assert_eq!(shown(&db, which), []);
    }
    db.acknowledge(2, &[]).unwrap();
    assert_eq!(
        shown(&db, Which::All),
        here_only,
        "its feed has not told it"
    );
    let mut told = grant(5, 1, ANNA, BOB, &[Right::Alter]);
    feed(&mut db, vec![tell(told.clone())]);
    assert_eq!(shown(&db, Which::All), [(grant_id(5), Requested, false)]);
    told = accepted(told);
    feed(&mut db, vec![tell(told)]);
    assert_eq!(shown(&db, Which::All), [(grant_id(5), Accepted, false)]);
    act(&mut db, Act::End { grant: grant_id(5) }).unwrap();
    assert_eq!(shown(&db, Which::All), [(grant_id(5), Revoked, true)]);
}

#[test]
fn what_the_hub_would_refuse_is_refused_at_once() {
    let mut db = reader(&[Right::Alter]);
    write(&mut db, create(1));
    let before = db.position().unwrap().number;
    let refused = |db: &mut ReplicaDb, it: Act| code_of(act(db, it));
    assert_eq!(refused(&mut db, share(5, 99, BOB, &[])), Code::NotFound);
    assert_eq!(refused(&mut db, share(5, 1, ANNA, &[])), Code::BadRequest);
    assert_eq!(refused(&mut db, share(5, 12, CAROL, &[])), Code::NotAllowed);
    assert_eq!(refused(&mut db, share(1, 1, BOB, &[])), Code::Conflict);
    let mut bad = terms(&[]);
    bad.can.clear();
    let bad = Act::Share {
        grant: grant_id(5),
        atome: atome(1),
        grantee: BOB,
        terms: bad,
    };
    assert_eq!(refused(&mut db, bad), Code::BadData);
    let end = |n| Act::End { grant: grant_id(n) };
    assert_eq!(refused(&mut db, end(77)), Code::NotFound);
    let answer = |n, answer| Act::Answer {
        grant: grant_id(n),
        answer,
        always: false,
    };
    assert_eq!(refused(&mut db, answer(77, Answer::Accept)), Code::NotFound);
    assert_eq!(refused(&mut db, answer(1, Answer::Refuse)), Code::Conflict);
    feed(&mut db, vec![tell(grant(2, 1, ANNA, BOB, &[]))]);
    assert_eq!(
        refused(&mut db, answer(2, Answer::Accept)),
        Code::NotAllowed
    );
    let publish = Act::Publish { atome: atome(1) };
    assert_eq!(refused(&mut db, publish), Code::NotAllowed);
    let about_self = Act::Policy {
        sender: ANNA,
        rule: Rule::Never,
        can: [].into(),
    };
    assert_eq!(refused(&mut db, about_self), Code::BadRequest);
    assert_eq!(db.position().unwrap().number, before, "nothing is written");
}

#[test]
fn whoever_may_share_passes_on_what_it_has() {
    let mut db = reader(&[Right::Share, Right::Alter]);
    act(&mut db, share(5, 12, CAROL, &[Right::Alter])).unwrap();
    let shown = db.grants(Which::Of(atome(12))).unwrap();
    let passed = &shown.first().unwrap().grant;
    assert_eq!((&passed.owner, &passed.by), (&party(BOB), &party(ANNA)));
    let more = act(&mut db, share(6, 12, CAROL, &[Right::Delete]));
    assert_eq!(code_of(more), Code::NotAllowed);
    // What is given back here no longer lets it.
    act(&mut db, Act::End { grant: grant_id(1) }).unwrap();
    let again = act(&mut db, share(7, 12, CAROL, &[]));
    assert_eq!(code_of(again), Code::NotAllowed);
}

#[test]
fn requests_are_answered_offline() {
    let mut db = replica(1);
    let requests = [1, 2, 3].map(|n| tell(grant(n, 10 + n, BOB, ANNA, &[])));
    feed(&mut db, requests.to_vec());
    assert_eq!(shown(&db, Which::Inbox).len(), 3);
    let answer = |n, answer, always| Act::Answer {
        grant: grant_id(n),
        answer,
        always,
    };
    act(&mut db, answer(1, Answer::Accept, true)).unwrap();
    assert_eq!(shown(&db, Which::WithMe)[0], (grant_id(1), Accepted, true));
    let policies = db.policies().unwrap();
    assert_eq!(
        (policies[0].sender.id, policies[0].rule),
        (BOB, Rule::Always)
    );
    act(&mut db, answer(2, Answer::Block, false)).unwrap();
    assert_eq!(
        shown(&db, Which::WithMe),
        [
            (grant_id(1), Accepted, true),
            (grant_id(2), Blocked, true),
            (grant_id(3), Blocked, true)
        ],
        "a block clears what the sender has waiting"
    );
    assert_eq!(db.policies().unwrap()[0].rule, Rule::Block);
    assert_eq!(shown(&db, Which::Inbox), []);
}

#[test]
fn a_refused_act_shows_nowhere_and_can_be_retried() {
    let mut db = replica(1);
    write(&mut db, create(1));
    act(&mut db, share(5, 1, BOB, &[])).unwrap();
    let refusal = Refusal {
        code: Code::NotFound,
        message: "there is no account to share with".to_owned(),
        states: vec![],
    };
    let verdict = Verdict {
        number: 2,
        ruling: Ruling::Refused(Box::new(refusal)),
    };
    db.acknowledge(2, &[verdict]).unwrap();
    assert_eq!(shown(&db, Which::All), []);
    let refused = db.refused().unwrap();
    assert_eq!((refused[0].number, refused[0].code), (2, Code::NotFound));
    db.retry_refused(2, now(10)).unwrap();
    assert_eq!(shown(&db, Which::All), [(grant_id(5), Requested, true)]);
    db.discard_pending().unwrap();
    assert_eq!(shown(&db, Which::All), []);
    check(&db);
}

#[test]
fn policies_are_those_of_the_hub_with_ones_own_word_laid_over() {
    let mut db = replica(1);
    let policy = |rule| Policy {
        sender: party(BOB),
        rule,
        can: [].into(),
    };
    feed(&mut db, vec![Entry::Policy(policy(Rule::Always))]);
    assert_eq!(db.policies().unwrap(), [policy(Rule::Always)]);
    let word = Act::Policy {
        sender: BOB,
        rule: Rule::Never,
        can: [].into(),
    };
    act(&mut db, word).unwrap();
    assert_eq!(db.policies().unwrap(), [policy(Rule::Never)]);
    db.acknowledge(1, &[]).unwrap();
    // What another of its replicas said after that is told in its place.
    feed(&mut db, vec![Entry::Policy(policy(Rule::Ask))]);
    assert_eq!(db.policies().unwrap(), [policy(Rule::Ask)]);
}

#[test]
fn acts_survive_a_fork_a_move_and_another_life_of_the_hub() {
    let mut db = replica(1);
    let mut keyed = create(1);
    keyed.atome = AtomeId::from_key(ANNA, "k");
    keyed.create = Some(Create {
        key: Some("k".to_owned()),
        owner: None,
    });
    write(&mut db, keyed);
    let mut offer = share(5, 1, BOB, &[]);
    if let Act::Share { atome, .. } = &mut offer {
        *atome = AtomeId::from_key(ANNA, "k");
    }
    act(&mut db, offer).unwrap();
    db.move_to(CAROL).unwrap();
    let moved = AtomeId::from_key(CAROL, "k");
    assert_eq!(
        shown(&db, Which::Of(moved)),
        [(grant_id(5), Requested, true)]
    );
    db.fork(1, ReplicaId(77)).unwrap();
    check(&db);
    let pending = db.pending(1, 10, usize::MAX).unwrap();
    let commit = pending[0].decode().unwrap();
    assert_eq!((commit.author, commit.acts.len()), (CAROL, 1));
    assert_eq!(shown(&db, Which::Of(moved)).len(), 1);
    let hub = HubId(Uuid::from_u128(1));
    db.adopt_hub(hub, Epoch(1), 0).unwrap();
    db.acknowledge(2, &[]).unwrap();
    let mut told = grant(5, 1, CAROL, BOB, &[]);
    told.atome = moved;
    told.moments.push(moment(Withdrawn, CAROL));
    feed(&mut db, vec![tell(told)]);
    assert_eq!(shown(&db, Which::All), [(grant_id(5), Withdrawn, false)]);
    db.adopt_hub(hub, Epoch(2), 1).unwrap();
    check(&db);
    assert_eq!(db.position().unwrap().pending(), 1, "it is told again");
}

#[test]
fn a_snapshot_tells_grants_and_policies_too() {
    let mut db = replica(1);
    feed(&mut db, vec![tell(grant(1, 10, BOB, ANNA, &[]))]);
    let policy = Policy {
        sender: party(CAROL),
        rule: Rule::Never,
        can: [].into(),
    };
    let mut refused = grant(2, 11, BOB, ANNA, &[]);
    let mut page = Snapshot {
        since: 9,
        page: 0,
        states: vec![],
        gone: vec![],
        grants: vec![refused.clone()],
        policies: vec![policy.clone()],
        total: 0,
        end: None,
    };
    db.stage(&page).unwrap();
    assert_eq!(shown(&db, Which::All), [(grant_id(1), Requested, false)]);
    refused.moments.push(moment(Refused, ANNA));
    page.page = 1;
    page.grants = vec![refused];
    page.policies = vec![];
    db.stage(&page).unwrap();
    let end = SnapshotEnd {
        cursor: at(9),
        number: 0,
    };
    install(&mut db, end, false);
    check(&db);
    assert_eq!(shown(&db, Which::All), [(grant_id(2), Refused, false)]);
    assert_eq!(db.policies().unwrap(), [policy]);
}

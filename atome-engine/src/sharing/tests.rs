//! The rule, by properties over random grants; and what becomes of grants.

use atome_proto::sharing::{Answer, Moment, Party, Policy, Rule};
use atome_proto::value::Value;
use atome_proto::{Code, GrantId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const KEYS: [&str; 3] = ["a", "b", "c"];

fn key(name: &str) -> Key {
    Key::of_particle(name).unwrap()
}

fn account(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

fn party(n: u128) -> Party {
    Party {
        id: account(n),
        name: n.to_string(),
    }
}

const OWNER: u128 = 1;
const SENDER: u128 = 2;
const READER: u128 = 3;

fn terms(can: &[Right]) -> Terms {
    Terms {
        can: can.iter().copied().chain([Right::Read]).collect(),
        only: [].into(),
        mode: Mode::Linked,
        from_ms: None,
        until_ms: None,
        message: None,
    }
}

fn grant(terms: Terms, moments: &[(GrantState, u64)]) -> Grant {
    let moment = |(state, at_ms): &(GrantState, u64)| Moment {
        state: *state,
        by: None,
        at_ms: *at_ms,
    };
    Grant {
        id: GrantId(Uuid::from_u128(7)),
        atome: AtomeId(Uuid::from_u128(8)),
        owner: party(OWNER),
        by: party(SENDER),
        grantee: party(READER),
        terms,
        moments: moments.iter().map(moment).collect(),
        published_at_ms: None,
        evictions: vec![],
    }
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let rights = prop::collection::btree_set(prop::sample::select(&Right::ALL[..]), 0..5);
    let only = prop::collection::btree_set(prop::sample::select(&KEYS[..]), 0..3);
    let time = prop::option::of(0..20u64);
    (rights, only, time.clone(), time).prop_map(|(mut can, only, from_ms, until_ms)| {
        can.insert(Right::Read);
        Terms {
            can,
            only: only.into_iter().map(key).collect(),
            from_ms,
            until_ms,
            ..terms(&[])
        }
    })
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let end = prop::option::of((
        10..20u64,
        prop::sample::select(&[GrantState::Revoked, GrantState::Expired][..]),
    ));
    (any_terms(), prop::option::of(1..10u64), end).prop_map(|(terms, accepted, end)| {
        let mut moments = vec![(GrantState::Requested, 0)];
        moments.extend(accepted.map(|at| (GrantState::Accepted, at)));
        moments.extend(
            end.filter(|_| accepted.is_some())
                .map(|(at, state)| (state, at)),
        );
        grant(terms, &moments)
    })
}

fn actions(keys: &[Key]) -> Vec<Action<'_>> {
    let mut all = vec![
        Action::Read(None),
        Action::Alter(None),
        Action::Create,
        Action::Delete,
        Action::Share,
    ];
    for key in keys {
        all.extend([Action::Read(Some(key)), Action::Alter(Some(key))]);
    }
    all
}

proptest! {
    #[test]
    fn more_grants_never_allow_less_but_where_one_names_particles(
        grants in prop::collection::vec(any_grant(), 0..5), more in any_grant(), at in 0..25u64,
    ) {
        let keys: Vec<Key> = KEYS.into_iter().map(key).collect();
        let reader = account(READER);
        let named = more.terms.only.clone();
        let mut with = grants.clone();
        with.push(more);
        for action in actions(&keys) {
            let before = allowed(reader, action, account(OWNER), &grants, at);
            let after = allowed(reader, action, account(OWNER), &with, at);
            let is_named = matches!(action, Action::Alter(Some(key)) if named.contains(key));
            prop_assert!(after || !before || is_named, "{action:?}");
        }
    }

    #[test]
    fn no_grant_that_counts_is_no_access(grants in prop::collection::vec(any_grant(), 0..5), at in 0..25u64) {
        let keys: Vec<Key> = KEYS.into_iter().map(key).collect();
        let counting = grants.iter().any(|grant| counts(grant, at));
        for action in actions(&keys) {
            prop_assert!(allowed(account(OWNER), action, account(OWNER), &grants, at));
            prop_assert!(!allowed(account(9), action, account(OWNER), &grants, at));
            if !counting {
                prop_assert!(!allowed(account(READER), action, account(OWNER), &grants, at));
            }
        }
        prop_assert_eq!(counting, allowed(account(READER), Action::Read(None), account(OWNER), &grants, at));
    }

    #[test]
    fn what_has_ended_or_is_over_counts_for_nothing(grant in any_grant(), at in 0..25u64) {
        let over = grant.terms.until_ms.is_some_and(|until| until <= at)
            || grant.moments.iter().any(|moment| {
                matches!(moment.state, GrantState::Revoked | GrantState::Expired) && moment.at_ms <= at
            });
        prop_assert!(!(over && counts(&grant, at)));
    }

    #[test]
    fn what_is_seen_is_what_may_be_read(given in prop::collection::vec(any_terms(), 1..5)) {
        let (sight, rights) = (Sight::of(&given), Rights::of(&given));
        for name in KEYS {
            let key = key(name);
            prop_assert_eq!(sight.whole().shows(&key), rights.allow(Action::Read(Some(&key))));
        }
    }

    #[test]
    fn whoever_passes_on_never_gives_more_than_they_have(
        given in prop::collection::vec(any_terms(), 0..5), offer in any_terms(),
    ) {
        let rights = Rights::of(&given);
        if rights.cover(&offer) {
            let keys: Vec<Key> = KEYS.into_iter().map(key).collect();
            let passed = Rights::of([&offer]);
            for action in actions(&keys) {
                prop_assert!(rights.allow(action) || !passed.allow(action), "{action:?}");
            }
        }
    }

    #[test]
    fn cuts_are_sets(left in any_terms(), right in any_terms()) {
        let cut = |terms: &Terms| Sight::of([terms]).whole();
        let (left, right) = (cut(&left), cut(&right));
        let (both, either) = (left.clone().and(&right), left.clone().or(right.clone()));
        for name in KEYS {
            let key = key(name);
            prop_assert_eq!(both.shows(&key), left.shows(&key) && right.shows(&key));
            prop_assert_eq!(either.shows(&key), left.shows(&key) || right.shows(&key));
        }
        prop_assert!(!both.exceeds(&left) && !left.exceeds(&either));
    }
}

#[test]
fn a_grant_that_names_particles_beats_one_that_does_not() {
    let whole = terms(&[Right::Alter]);
    let mut named = terms(&[]);
    named.only = [key("a")].into();
    let rights = Rights::of([&whole, &named]);
    assert!(!rights.allow(Action::Alter(Some(&key("a")))));
    assert!(rights.allow(Action::Alter(Some(&key("b")))));
    assert!(rights.allow(Action::Read(Some(&key("a")))));
}

#[test]
fn a_change_asks_for_what_it_does() {
    let mut change = Change::new(AtomeId(Uuid::from_u128(1)));
    let parent = AtomeId(Uuid::from_u128(2));
    change.set.insert(key("a"), Value::from_text("x"));
    change.set.insert(
        Key::of_envelope(Key::PARENT),
        Value::from_text(&parent.to_string()),
    );
    let name = key("a");
    assert_eq!(
        asks(&change, None),
        [
            Ask::PutBelow(Some(parent)),
            Ask::Do(Action::Read(Some(&name)))
        ]
    );
    let origin = crate::merge::Origin {
        stamp: atome_proto::Stamp::ZERO,
        number: 1,
        author: account(OWNER),
    };
    let before = crate::merge::apply(None, &Change::new(change.atome), origin);
    assert_eq!(
        asks(&change, Some(&before)),
        [
            Ask::Do(Action::Read(None)),
            Ask::Do(Action::Alter(Some(&name))),
            Ask::Do(Action::Alter(None)),
            Ask::PutBelow(Some(parent)),
        ]
    );
}

fn offer<'a>(terms: &'a Terms, rights: &'a Rights, policy: Option<&'a Policy>) -> Offer<'a> {
    Offer {
        actor: account(SENDER),
        owner: account(OWNER),
        grantee: account(READER),
        terms,
        rights,
        rights_until_ms: None,
        policy,
        now_ms: 5,
    }
}

fn states(moments: &[Moment]) -> Vec<GrantState> {
    moments.iter().map(|moment| moment.state).collect()
}

#[test]
fn the_recipients_policy_decides_on_an_offer() {
    let (terms, rights) = (terms(&[]), Rights::of([&terms(&[Right::Share])]));
    let decide = |rule, can: &[Right]| {
        let policy = Policy {
            sender: party(SENDER),
            rule,
            can: can.iter().copied().collect(),
        };
        states(&offered(offer(&terms, &rights, Some(&policy))).unwrap())
    };
    use GrantState::{Accepted, Blocked, Refused, Requested};
    assert_eq!(decide(Rule::Ask, &[]), [Requested]);
    assert_eq!(decide(Rule::Always, &[]), [Requested, Accepted]);
    assert_eq!(decide(Rule::Always, &[Right::Alter]), [Requested]);
    assert_eq!(decide(Rule::Never, &[]), [Requested, Refused]);
    assert_eq!(decide(Rule::Block, &[]), [Blocked]);
}

#[test]
fn offers_beyond_ones_own_are_refused() {
    let (mine, want) = (terms(&[Right::Share]), terms(&[Right::Alter]));
    let rights = Rights::of([&mine]);
    let code = |offer: Offer<'_>| offered(offer).unwrap_err().0;
    assert_eq!(code(offer(&want, &rights, None)), Code::NotAllowed);
    assert_eq!(
        code(offer(&mine, &Rights::default(), None)),
        Code::NotAllowed
    );
    let ends = Offer {
        rights_until_ms: Some(9),
        ..offer(&mine, &rights, None)
    };
    assert_eq!(code(ends), Code::NotAllowed);
    let own = Offer {
        grantee: account(OWNER),
        ..offer(&mine, &rights, None)
    };
    assert_eq!(code(own), Code::BadRequest);
}

#[test]
fn only_the_recipient_answers_and_once() {
    let request = grant(terms(&[]), &[(GrantState::Requested, 1)]);
    let reader = account(READER);
    assert_eq!(
        answered(&request, reader, Answer::Accept, 2),
        Ok(Some(GrantState::Accepted))
    );
    for other in [OWNER, SENDER] {
        let refused = answered(&request, account(other), Answer::Accept, 2).unwrap_err();
        assert_eq!(refused.0, Code::NotAllowed);
    }
    let refused = answered(&request, account(9), Answer::Accept, 2).unwrap_err();
    assert_eq!(refused.0, Code::NotFound);
    let accepted = grant(
        terms(&[]),
        &[(GrantState::Requested, 1), (GrantState::Accepted, 2)],
    );
    assert_eq!(answered(&accepted, reader, Answer::Accept, 3), Ok(None));
    assert_eq!(
        answered(&accepted, reader, Answer::Refuse, 3)
            .unwrap_err()
            .0,
        Code::Conflict
    );
    assert_eq!(ended(&accepted, reader), Ok(Some(GrantState::Revoked)));
    assert_eq!(
        ended(&request, account(SENDER)),
        Ok(Some(GrantState::Withdrawn))
    );
}

#[test]
fn a_sender_cannot_tell_that_it_is_blocked() {
    let asked = grant(terms(&[]), &[(GrantState::Requested, 1)]);
    let as_it_came = grant(terms(&[]), &[(GrantState::Blocked, 1)]);
    let later = grant(
        terms(&[]),
        &[(GrantState::Requested, 1), (GrantState::Blocked, 2)],
    );
    for sender in [OWNER, SENDER] {
        let waits = told_to(&asked, account(sender));
        assert_eq!(told_to(&as_it_came, account(sender)), waits);
        assert_eq!(told_to(&later, account(sender)), waits);
        assert_eq!(
            ended(&later, account(sender)),
            ended(&asked, account(sender))
        );
    }
    assert_eq!(told_to(&as_it_came, account(READER)), None);
    let told = told_to(&later, account(READER)).unwrap();
    assert_eq!(told.state(), GrantState::Blocked);
    assert_eq!(told_to(&asked, account(9)), None);
}

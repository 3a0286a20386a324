//! What another life of a hub gave, and the present one lacks.

use atome_proto::sync::v1::{CAPABILITY_OFFERS, Offered};

use super::*;

const ATOME: AtomeId = AtomeId(Uuid::from_u128(3));

/// As it stands when another life of the hub was adopted.
fn owing() -> Position {
    Position {
        owes: true,
        ..position(3, 0, None)
    }
}

/// A replica in that position, welcomed by a hub that takes offers, or by one that does not know of them.
fn welcomed(takes: bool) -> (Replica, Vec<Effect>) {
    let mut replica = Replica::new(&declaration(), owing(), 1);
    replica.handle(Input::Credentials(true), at(0));
    replica.handle(Input::Connected, at(1));
    effects(&mut replica);
    let Input::Frame(HubFrame::Welcome(mut welcome)) = welcome(9, 0) else {
        panic!("a welcome");
    };
    if takes {
        welcome.capabilities.push(CAPABILITY_OFFERS.to_owned());
    }
    replica.handle(Input::Frame(welcome.into()), at(2));
    let sent = effects(&mut replica);
    (replica, sent)
}

fn reads_pending(effects: &[Effect]) -> bool {
    let reads = |effect: &Effect| matches!(effect, Effect::ReadPending { .. });
    effects.iter().any(reads)
}

fn snapshot() -> Input {
    let page = Snapshot {
        since: 9,
        page: 0,
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total: 0,
        end: Some(SnapshotEnd {
            cursor: cursor(9),
            number: 0,
        }),
    };
    Input::Frame(page.into())
}

fn state() -> RawState {
    RawState::from_text("{}".into()).unwrap()
}

/// The same once a snapshot has been joined, and has shown that the hub lacks something.
fn offering() -> Replica {
    let (mut replica, sent) = welcomed(true);
    assert!(!reads_pending(&sent), "nothing is pushed before");
    replica.handle(snapshot(), at(3));
    replica.handle(Input::Done(owing()), at(4));
    let joined = Position {
        revision: 1,
        offers: 1,
        owes: false,
        cursor: Some(cursor(9)),
        ..owing()
    };
    replica.handle(Input::Done(joined), at(5));
    let sent = effects(&mut replica);
    assert!(matches!(sent.last(), Some(Effect::ReadOffers { .. })));
    assert!(!reads_pending(&sent), "nor before it is offered");
    replica
}

#[test]
fn what_a_hub_has_lost_is_offered_before_anything_is_pushed() {
    let mut replica = offering();
    replica.handle(wait(0, None), at(6));
    let (atomes, states) = (vec![ATOME], vec![state()]);
    replica.handle(Input::Offers { atomes, states }, at(6));
    let sent = effects(&mut replica);
    let [Effect::Send(ClientFrame::Offer(offer))] = &sent[..] else {
        panic!("only the offer goes out, {sent:?}");
    };
    let answer = |ask| {
        let refused = vec![];
        Input::Frame(Offered { ask, refused }.into())
    };
    replica.handle(answer(offer.ask + 1), at(7));
    assert_eq!(effects(&mut replica), [], "that is another's answer");
    replica.handle(answer(offer.ask), at(8));
    let stored = [Effect::Store(StoreJob::Offered(vec![ATOME]))];
    assert_eq!(effects(&mut replica), stored);
    let done = Position {
        revision: 2,
        cursor: Some(cursor(9)),
        ..position(3, 0, None)
    };
    replica.handle(Input::Done(done), at(9));
    let sent = effects(&mut replica);
    assert!(reads_pending(&sent), "{sent:?}");
    let asks = |effect: &Effect| matches!(effect, Effect::Send(ClientFrame::Ping(_)));
    assert!(sent.iter().any(asks), "who waits is answered from now on");
}

#[test]
fn an_offer_that_is_not_answered_is_made_again() {
    let mut replica = offering();
    let offers = || Input::Offers {
        atomes: vec![ATOME],
        states: vec![state()],
    };
    replica.handle(offers(), at(6));
    effects(&mut replica);
    replica.handle(offers(), at(7));
    assert_eq!(effects(&mut replica), [], "it is on its way");
    // Two heartbeats without a step.
    replica.handle(pong(9), at(8));
    replica.handle(pong(9), at(9));
    let sent = effects(&mut replica);
    let again = |effect: &Effect| matches!(effect, Effect::ReadOffers { .. });
    assert!(sent.iter().any(again), "{sent:?}");
}

#[test]
fn a_hub_that_takes_no_offers_is_pushed_to() {
    let (_, sent) = welcomed(false);
    assert!(reads_pending(&sent), "{sent:?}");
}

#[test]
fn without_a_cursor_what_comes_before_the_snapshot_is_asked_for_again() {
    let (mut replica, _) = welcomed(true);
    replica.handle(batch(1, vec![foreign()]), at(3));
    let sent = effects(&mut replica);
    assert_eq!(sent_pulls(&sent), 1, "{sent:?}");
}

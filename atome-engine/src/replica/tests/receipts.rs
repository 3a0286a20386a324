//! Waiting for one commit, by its receipt.

use atome_proto::AccountId;
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::sync::v1;

use super::*;

/// The receipt of a commit of a replica.
fn receipt(replica: ReplicaId, number: u64) -> Receipt {
    Receipt {
        author: AccountId(Uuid::from_u128(1)),
        stamp: Stamp {
            time: HybridTime(number),
            replica,
        },
        number,
        hub: None,
    }
}

fn told(standing: Standing, head: u64) -> Input {
    Input::Frame(
        v1::Receipt {
            ask: 77,
            standing,
            head,
        }
        .into(),
    )
}

fn asks_for_receipt(replica: &mut Replica) -> bool {
    let sent = effects(replica);
    assert!(sent.len() <= 1, "{sent:?}");
    matches!(&sent[..], [Effect::Send(ClientFrame::AskReceipt(ask))] if ask.ask == 77)
}

/// A replica of a hub that knows receipts.
fn open_for_receipts(position: Position, head: u64, number: u64) -> Replica {
    let mut replica = open(position, head, number);
    replica.link.tells_receipts = true;
    replica
}

#[test]
fn a_receipt_from_elsewhere_is_waited_for_until_it_is_here() {
    let mut replica = open_for_receipts(position(5, 5, Some(3)), 3, 5);
    replica.handle(wait(5, Some(receipt(ReplicaId(9), 8))), at(3));
    assert!(asks_for_receipt(&mut replica));
    replica.handle(told(Standing::Unknown, 3), at(4));
    assert_eq!(
        effects(&mut replica),
        [],
        "it is asked for again, after a while"
    );
    assert_eq!(replica.poll_timeout(), Some(1_004));
    replica.handle(Input::Tick, at(1_004));
    assert!(asks_for_receipt(&mut replica));
    replica.handle(told(Standing::Deferred, 3), at(1_005));
    replica.handle(Input::Tick, at(2_005));
    assert!(asks_for_receipt(&mut replica));
    replica.handle(told(Standing::Accepted, 4), at(2_006));
    assert!(
        !waited(&mut replica),
        "the hub has it, and this machine has not"
    );
    let here = Position {
        revision: 1,
        ..position(5, 5, Some(4))
    };
    replica.handle(Input::Stored(here), at(2_007));
    let done = Effect::Waited {
        token: 77,
        position: here,
        standing: Some(Standing::Accepted),
    };
    assert_eq!(effects(&mut replica), [done]);
}

#[test]
fn an_own_receipt_is_asked_for_once_the_commit_is_decided() {
    let mut replica = open_for_receipts(position(6, 4, Some(3)), 3, 4);
    replica.handle(wait(6, Some(receipt(ReplicaId(1), 5))), at(3));
    assert_eq!(effects(&mut replica), []);
    let acked = Position {
        revision: 1,
        ..position(6, 5, Some(3))
    };
    replica.handle(Input::Stored(acked), at(4));
    assert!(
        asks_for_receipt(&mut replica),
        "a later commit is not waited for"
    );
    replica.handle(told(Standing::Refused, 3), at(5));
    let done = effects(&mut replica);
    assert!(
        matches!(
            done[..],
            [Effect::Waited {
                standing: Some(Standing::Refused),
                ..
            }]
        ),
        "{done:?}"
    );
}

#[test]
fn a_receipt_is_asked_for_anew_on_a_new_connection_and_of_another_life_of_the_hub() {
    let mut replica = open_for_receipts(position(5, 5, Some(3)), 3, 5);
    replica.handle(wait(5, Some(receipt(ReplicaId(9), 8))), at(3));
    assert!(asks_for_receipt(&mut replica));
    replica.handle(told(Standing::Accepted, 9), at(4));
    replica.handle(Input::Closed(None), at(5));
    effects(&mut replica);
    replica.waits.start_over();
    replica.handle(Input::SyncNow, at(6));
    assert_eq!(effects(&mut replica), [Effect::Connect]);
    replica.handle(Input::Connected, at(7));
    effects(&mut replica);
    replica.handle(welcome(3, 5), at(8));
    let ended = effects(&mut replica);
    let cannot_tell = |effect: &Effect| {
        matches!(
            effect,
            Effect::Waited {
                standing: Some(Standing::Unknown),
                ..
            }
        )
    };
    assert!(
        ended.iter().any(cannot_tell),
        "this hub knows no receipts: {ended:?}"
    );
}

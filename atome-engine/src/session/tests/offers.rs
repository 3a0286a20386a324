//! Offers: taken as they come, and no more of them at once than memory is for.

use atome_proto::sync::v1::{Offer, Offered};

use super::*;

fn offer(ask: u64) -> Offer {
    let states = vec![];
    Offer { ask, states }
}

#[test]
fn an_offer_is_answered_once_it_is_durable() {
    let mut session = open(5, 0);
    assert_eq!(say(&mut session, offer(1)), [Effect::Offer(offer(1))]);
    let offered = Offered {
        ask: 1,
        refused: vec![],
    };
    let sent = hear(&mut session, Input::Offered(offered.clone()));
    assert_eq!(sent, [Effect::Send(offered.into())]);
}

#[test]
fn too_many_offers_at_once_end_the_connection() {
    let mut session = open(5, 0);
    for ask in 0..u64::from(WINDOW_FRAMES) {
        say(&mut session, offer(ask));
    }
    let refused = vec![];
    hear(&mut session, Input::Offered(Offered { ask: 0, refused }));
    assert!(!is_error(&say(&mut session, offer(8)), Code::Busy));
    assert!(is_error(&say(&mut session, offer(9)), Code::Busy));
}

//! Readers that a feed has left behind, and clients that have seen more than there is.

use super::*;

#[test]
fn a_reader_that_is_overtaken_is_sent_a_snapshot_and_no_gap() {
    let mut session = open(10, 9);
    let asked = say(&mut session, pull(Some(2), 4));
    assert!(matches!(asked[..], [Effect::ReadFeed { after: 2, .. }]));
    // Meanwhile everything before 8 has gone.
    let asked = hear(&mut session, batch(8, vec![], 11));
    assert_eq!(asked, [Effect::ReadStates { after: None }]);
    let page = StatePage {
        states: vec![],
        last: None,
        total: 0,
    };
    hear(&mut session, Input::States(page.clone()));
    let grants = GrantPage {
        grants: vec![],
        policies: vec![],
        last: None,
    };
    let asked = hear(&mut session, Input::Grants(grants.clone()));
    assert!(matches!(asked[..], [Effect::ReadChanged { since: 11, .. }]));
    // And now everything before 15, so that what changed since 11 is not known.
    let overtaken = ChangedPage {
        overtaken: true,
        complete: false,
        ..changed_page(20)
    };
    let asked = hear(&mut session, Input::Changed(overtaken));
    assert_eq!(asked, [Effect::ReadStates { after: None }]);
    hear(&mut session, Input::States(page));
    let asked = hear(&mut session, Input::Grants(grants));
    assert!(matches!(asked[..], [Effect::ReadChanged { since: 20, .. }]));
    let sent = hear(&mut session, Input::Changed(changed_page(20)));
    let Effect::Send(HubFrame::Snapshot(last)) = &sent[0] else {
        panic!("a page")
    };
    assert_eq!((last.page, last.since), (0, 20), "it begins anew");
    assert_eq!(last.end.as_ref().unwrap().cursor.feed, 20);
    let asked = hear(&mut session, Input::Head(21));
    assert!(matches!(asked[..], [Effect::ReadFeed { after: 20, .. }]));
}

#[test]
fn a_reader_at_the_head_of_a_feed_that_keeps_nothing_goes_on() {
    let mut session = Session::new(identity(), "c".into(), now());
    say(&mut session, hello());
    let position = FeedPosition {
        head: 10,
        oldest: 11,
        number: 9,
        directory: 0,
        epoch: EPOCH,
    };
    hear(&mut session, Input::Position(position));
    assert_eq!(say(&mut session, pull(Some(10), 4)), []);
    let asked = hear(&mut session, Input::Head(11));
    assert!(matches!(asked[..], [Effect::ReadFeed { after: 10, .. }]));
    assert_eq!(say(&mut session, pull(Some(9), 4)), []);
    let asked = hear(&mut session, batch(11, vec![], 11));
    assert_eq!(asked, [Effect::ReadStates { after: None }], "one behind it");
}

/// The hub's first answer to a client that has applied up to 7 and knows 9 commits to be decided.
fn greeted(epoch: Epoch, head: u64, number: u64) -> (Session, Vec<Effect>) {
    let mut session = Session::new(identity(), "c".into(), now());
    let cursor = Cursor {
        hub: identity().hub,
        epoch,
        feed: 7,
    };
    let hello = Hello {
        cursor: Some(cursor),
        ..hello()
    };
    say(&mut session, hello);
    let there = position(head, number, EPOCH);
    let said = hear(&mut session, Input::Position(there));
    (session, said)
}

fn position(head: u64, number: u64, epoch: Epoch) -> FeedPosition {
    FeedPosition {
        head,
        oldest: 1,
        number,
        directory: 0,
        epoch,
    }
}

#[test]
fn a_client_that_has_more_than_there_is_shows_that_the_hub_went_back() {
    for (head, number) in [(6, 9), (7, 8), (0, 0)] {
        let (mut session, said) = greeted(EPOCH, head, number);
        let claim = Claim {
            epoch: EPOCH,
            feed: 7,
            acked: 9,
        };
        let replica = REPLICA;
        assert_eq!(said, [Effect::Heed { replica, claim }]);
        // It is welcomed to the life that its account begins, and greeted once.
        let anew = position(head, number, Epoch(99));
        let said = hear(&mut session, Input::Position(anew));
        let [Effect::Send(HubFrame::Welcome(welcome))] = &said[..] else {
            panic!("{said:?}")
        };
        assert_eq!((welcome.epoch, welcome.number), (Epoch(99), number));
        let Pull { window, .. } = pull(None, 4);
        let old = say(&mut session, pull(Some(0), window));
        assert!(is_error(&old, Code::BadRequest), "of the life before");
    }
}

#[test]
fn what_a_client_has_of_another_life_shows_nothing() {
    for (epoch, head, number) in [(EPOCH, 7, 9), (Epoch(3), 0, 0)] {
        let (_, said) = greeted(epoch, head, number);
        assert!(matches!(&said[..], [Effect::Send(HubFrame::Welcome(w))] if w.epoch == EPOCH));
    }
}

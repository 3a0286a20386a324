//! Readers of a feed that has let go of what they come for.

use super::*;

pub(super) fn changed_page(through: u64) -> ChangedPage {
    ChangedPage {
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        through,
        complete: true,
        number: 0,
        overtaken: false,
    }
}

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

//! Copies of one disk, whose account comes to see less of another's atome.

use super::hub::{World, account};
use super::*;

/// Where copies of the first account's disk stand in the world. One brings something else under the number that the
/// others have their commit by.
const OTHER: usize = 4;
const COPIES: [usize; 2] = [5, 6];

impl World {
    /// The first account sees all of atome 11 by one grant, and some of it by another; copies of one disk show that.
    fn of_copies() -> Self {
        let mut world = Self::new();
        let grant = grant_id(4);
        let share = Act::Share {
            grant,
            atome: atome(11),
            grantee: account(0),
            terms: Terms {
                only: [key("a")].into(),
                ..terms(&[])
            },
        };
        let accept = Act::Answer {
            grant,
            answer: Answer::Accept,
            always: false,
        };
        for (who, said) in [(2, share), (0, accept)] {
            world.act(who, said);
            world.sync();
        }
        for who in OTHER..=COPIES[1] {
            let disk = ReplicaDb::open_in_memory(account(0), ReplicaId(9)).unwrap();
            world.dbs.push(disk);
            world.snapshot(who, true);
        }
        world
    }

    /// A copy pulls, then pushes a commit; the hub has another by its number, and it comes again as another replica.
    fn come_as_another(&mut self, who: usize) {
        while self.pull(who, usize::MAX) {}
        let db = &mut self.dbs[who];
        let position = db.position().unwrap();
        let commits = db.pending(position.acked, 1, usize::MAX).unwrap();
        let (replica, first) = (position.replica, position.acked + 1);
        let admitted = self
            .hub
            .admit(db.account(), replica, first, &commits, NOW_MS)
            .unwrap();
        let position = db.fork(admitted.fork.unwrap(), ReplicaId(77)).unwrap();
        // The hub begins with a snapshot where there is no cursor.
        if position.cursor.is_none() {
            self.snapshot(who, true);
        }
        self.settle_one(who);
    }
}

#[test]
fn the_second_copy_shows_no_more_of_its_commit_than_may_be_seen() {
    let mut world = World::of_copies();
    let never = Act::Policy {
        sender: account(2),
        rule: Rule::Never,
        can: [].into(),
    };
    world.act(OTHER, never);
    for copy in COPIES {
        world.write(copy, set(11, "n", 2));
    }
    world.settle_one(OTHER);
    world.come_as_another(COPIES[0]);
    // What it has brought may be seen no more before the second copy brings the same.
    world.act(2, Act::End { grant: grant_id(3) });
    world.settle_one(2);
    world.come_as_another(COPIES[1]);
    world.sync();
    let [one, two] = COPIES.map(|copy| &world.dbs[copy]);
    assert_eq!(one.head.replica, two.head.replica, "it is taken once");
    assert_eq!(value(&world.dbs[2], 11, "n").as_deref(), Some("2"));
    assert_eq!((value(one, 11, "n"), value(two, 11, "n")), (None, None));
    world.settle();
}

//! What a commit costs the hub's store by the number of accounts that read what it touches.
//!
//! `cargo run --release -p atome-store --example readers` prints, for 0 to 1,000 readers of one atome, the time
//! of a commit on it, of a commit on another atome of the same account, and of one of an account that shares
//! nothing. Each is the mean of many, with `synchronous=FULL` in a temp directory.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for people, which stops where something fails"
)]

use std::time::Instant;

use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::commit::{Change, Commit, Create, Key, RawCommit};
use atome_proto::sharing::{Act, Answer, Mode, Right, Terms};
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId, GrantId, ReplicaId};
use atome_store::Durability;
use atome_store::hub::{Admission, HubDb, NewAccount, NewSession};
use uuid::Uuid;

const COMMITS: u64 = 200;
const NOW_MS: u64 = 1_800_000_000_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temp directory");
    let mut hub = Hub {
        db: HubDb::open(&folder.path().join("store/hub.db"), Durability::Full).expect("a hub"),
        numbers: [0; 2],
        accounts: 0,
    };
    let (owner, other) = (hub.account(), hub.account());
    for (author, place, id) in [(owner, 0, 1), (owner, 0, 2), (other, 1, 3)] {
        hub.commit(author, place, id, true);
    }
    println!("readers  on it µs  beside it µs  elsewhere µs");
    let mut readers = 0;
    for wanted in [0, 1, 10, 100, 1_000] {
        while readers < wanted {
            readers += 1;
            let reader = hub.account();
            hub.share(owner, reader);
        }
        let on_it = hub.mean_us(owner, 0, 1);
        let beside = hub.mean_us(owner, 0, 2);
        let elsewhere = hub.mean_us(other, 1, 3);
        println!("{wanted:>7}  {on_it:>8}  {beside:>12}  {elsewhere:>12}");
    }
}

struct Hub {
    db: HubDb,
    numbers: [u64; 2],
    accounts: u128,
}

impl Hub {
    fn account(&mut self) -> AccountId {
        self.accounts += 1;
        let id = AccountId(Uuid::from_u128(self.accounts));
        let account = NewAccount {
            entry: DirectoryEntry {
                user_id: id,
                username: format!("account{}", self.accounts),
                phone: None,
                visibility: Visibility::Private,
            },
            password_hash: String::new(),
            retry_hash: [0; 32],
            admission: Admission::Open,
            created_at_ms: NOW_MS,
        };
        let mut token_hash = [0; 32];
        token_hash[..16].copy_from_slice(id.as_bytes());
        let session = NewSession {
            account: id,
            session: id.0,
            token_hash,
            device: "bench".to_owned(),
            created_at_ms: NOW_MS,
            ttl_ms: 1_000,
        };
        self.db.register(&account, &session).expect("an account");
        id
    }

    fn share(&mut self, owner: AccountId, grantee: AccountId) {
        let grant = GrantId(grantee.0);
        let share = Act::Share {
            grant,
            atome: AtomeId(Uuid::from_u128(1)),
            grantee,
            terms: Terms {
                can: [Right::Read].into(),
                only: [].into(),
                mode: Mode::Linked,
                from_ms: None,
                until_ms: None,
                message: None,
            },
        };
        self.db.act(owner, &share, NOW_MS).expect("offered");
        let accept = Act::Answer {
            grant,
            answer: Answer::Accept,
            always: false,
        };
        self.db.act(grantee, &accept, NOW_MS).expect("accepted");
    }

    fn mean_us(&mut self, author: AccountId, place: usize, id: u128) -> u128 {
        let began = Instant::now();
        for _ in 0..COMMITS {
            self.commit(author, place, id, false);
        }
        began.elapsed().as_micros() / u128::from(COMMITS)
    }

    fn commit(&mut self, author: AccountId, place: usize, id: u128, makes: bool) {
        let number = self.numbers.get_mut(place).expect("one of two");
        *number += 1;
        let number = *number;
        let replica = ReplicaId(place as u64 + 1);
        let mut change = Change::new(AtomeId(Uuid::from_u128(id)));
        if makes {
            change.create = Some(Create::default());
            change
                .set
                .insert(Key::of_envelope(Key::TYPE), Value::from_text("thing"));
        }
        let value = Value::from_number(Number::Whole(i64::try_from(number).expect("few")));
        change
            .set
            .insert(Key::of_particle("n").expect("a key"), value);
        let commit = Commit {
            number,
            author,
            stamp: Stamp {
                time: HybridTime::from_ms(NOW_MS + number),
                replica,
            },
            claimed: None,
            changes: vec![change],
            acts: vec![],
        };
        let raw = RawCommit::encode(&commit).expect("a commit");
        let admitted = self
            .db
            .admit(author, replica, number, &[raw], NOW_MS + number)
            .expect("a decision");
        assert_eq!(admitted.verdicts, [], "plainly accepted");
    }
}

//! What stands in the golden files: every message with its optional parts there and left out.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::account::{DirectoryEntry, Secret, Visibility};
use atome_proto::commit::{Addend, Change, Commit, Create, Key, RawCommit};
use atome_proto::digest::{Buckets, Digest as Sum};
use atome_proto::runtime::{Profile, RuntimeDeclaration, RuntimeType};
use atome_proto::sharing::{
    Act, Answer, Eviction, Grant, GrantState, Mode, Moment, Party, Policy, Right, Rule, Terms,
};
use atome_proto::stamp::HybridTime;
use atome_proto::state::{AtomeState, Particle, RawState, Tally};
use atome_proto::sync::v1::{
    AccountCreated, AccountDeleted, Ack, Applied, AskDigest, AskReceipt, AskStates, Auth, Batch,
    Bye, Cursor, Digest, Entry, Error, Evicted, Hello, HubFrame, Limits, Offer, Offered, Ping,
    Pong, Pull, Push, Receipt, Refusal, RefusedOffer, Ruling, Snapshot, SnapshotEnd, Standing,
    States, Verdict, Welcome,
};
use atome_proto::value::Number;
use atome_proto::{AccountId, AtomeId, Code, Epoch, GrantId, HubId, ReplicaId, Stamp, Value};
use uuid::Uuid;

use crate::Case;

const OWNER: AccountId = AccountId(Uuid::from_u128(0x0193_5a2b_7c00_7000_8000_0000_0000_0001));
const OTHER: AccountId = AccountId(Uuid::from_u128(0x0193_5a2b_7c00_7000_8000_0000_0000_0002));
const REPLICA: ReplicaId = ReplicaId(0x0123_4567_89ab_cdef);
const HUB: HubId = HubId(Uuid::from_u128(0x0193_5a2b_7c00_7000_8000_0000_0000_00ff));
const CURSOR: Cursor = Cursor {
    hub: HUB,
    epoch: Epoch(0xe90c_0000_0000_0001),
    feed: 42,
};

/// Everything that is frozen.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = client();
    cases.extend(hub());
    cases.extend(offered());
    cases.extend(feed());
    cases.extend(listed());
    cases.extend(shared());
    cases.push(Case::Commit("full", full_commit()));
    cases.push(Case::Commit("least", least_commit(7)));
    cases.push(Case::Commit("acts", acts()));
    cases.push(Case::State("full", state()));
    cases
}

fn ask_receipt() -> AskReceipt {
    AskReceipt {
        ask: 3,
        author: OTHER,
        stamp: stamp(7),
        number: 6,
    }
}

fn ask_states(after: Option<AtomeId>) -> AskStates {
    AskStates {
        ask: 3,
        buckets: vec![0, 7, 255],
        after,
    }
}

fn states(last: Option<AtomeId>) -> States {
    States {
        ask: 3,
        feed: 42,
        states: vec![RawState::encode(&state()).unwrap()],
        last,
    }
}

fn offer() -> Offer {
    Offer {
        ask: 3,
        states: vec![RawState::encode(&state()).unwrap()],
    }
}

fn offered() -> Vec<Case> {
    let offered = |refused| Offered { ask: 3, refused };
    let refused = RefusedOffer {
        atome: state().atome,
        code: Code::NotAllowed,
        message: "the atome belongs to another account".into(),
    };
    vec![
        Case::Hub("offered", offered(vec![]).into()),
        Case::Hub("offered-refused", offered(vec![refused]).into()),
    ]
}

fn receipt() -> Receipt {
    Receipt {
        ask: 3,
        standing: Standing::Accepted,
        head: 42,
    }
}

fn client() -> Vec<Case> {
    let runtime = RuntimeDeclaration {
        runtime_type: RuntimeType::Daemon,
        has_local_server: true,
        local_endpoint: None,
        remote_endpoint: Some("wss://hub.example.org".into()),
        profile: Profile::Production,
        enforced: BTreeMap::new(),
        pid: None,
    };
    let hello = Hello {
        protocols: vec![1],
        runtime,
        replica: REPLICA,
        number: 9,
        acked: 7,
        cursor: Some(CURSOR),
        capabilities: vec!["zstd".into()],
    };
    let enforced = [("tcpListen", "denied by landlock (ABI 7)")];
    let caged_hello = Hello {
        runtime: RuntimeDeclaration {
            enforced: enforced.map(|(k, v)| (k.into(), v.into())).into(),
            ..hello.runtime.clone()
        },
        ..hello.clone()
    };
    let first_hello = Hello {
        number: 0,
        acked: 0,
        cursor: None,
        capabilities: Vec::new(),
        ..hello.clone()
    };
    let auth = Auth {
        token: Secret("00ff".repeat(16)),
    };
    let push = Push {
        first: 8,
        commits: vec![raw(&least_commit(8)), raw(&least_commit(9))],
    };
    let pull = |cursor| Pull { cursor, window: 4 };
    let applied = |cursor| Applied { cursor };
    vec![
        Case::Client("auth", auth.into()),
        Case::Client("hello", hello.into()),
        Case::Client("hello-caged", caged_hello.into()),
        Case::Client("hello-first", first_hello.into()),
        Case::Client("push", push.into()),
        Case::Client("pull", pull(Some(CURSOR)).into()),
        Case::Client("pull-first", pull(None).into()),
        Case::Client("applied", applied(Some(CURSOR)).into()),
        Case::Client("applied-page", applied(None).into()),
        Case::Client("evicted", Evicted { feed: 41 }.into()),
        Case::Client("digest", AskDigest { ask: 3 }.into()),
        Case::Client("receipt", ask_receipt().into()),
        Case::Client("states", ask_states(Some(state().atome)).into()),
        Case::Client("states-first", ask_states(None).into()),
        Case::Client("offer", offer().into()),
        Case::Client(
            "ping",
            Ping {
                timestamp: 1_764_000_000_000,
            }
            .into(),
        ),
    ]
}

const GRANT: GrantId = GrantId(Uuid::from_u128(0x0193_5a2b_7c00_7000_8000_0000_0000_0009));

fn terms() -> Terms {
    Terms {
        can: [Right::Read, Right::Alter].into(),
        only: [Key::of_particle("name").unwrap()].into(),
        mode: Mode::Manual,
        from_ms: Some(1_764_000_000_000),
        until_ms: Some(1_765_000_000_000),
        message: Some("for the trip".into()),
    }
}

fn acts() -> Commit {
    let share = Act::Share {
        grant: GRANT,
        atome: state().atome,
        grantee: OTHER,
        terms: terms(),
    };
    let answer = Act::Answer {
        grant: GRANT,
        answer: Answer::Accept,
        always: true,
    };
    let policy = Act::Policy {
        sender: OTHER,
        rule: Rule::Always,
        can: [Right::Read].into(),
    };
    let publish = Act::Publish {
        atome: state().atome,
    };
    Commit {
        changes: vec![],
        acts: vec![share, answer, Act::End { grant: GRANT }, policy, publish],
        ..least_commit(10)
    }
}

fn shared() -> Vec<Case> {
    let party = |id, name: &str| Party {
        id,
        name: name.into(),
    };
    let moment = |state, by, at_ms| Moment { state, by, at_ms };
    let grant = Grant {
        id: GRANT,
        atome: state().atome,
        owner: party(OWNER, "Ada"),
        by: party(OWNER, "Ada"),
        grantee: party(OTHER, "Zoë"),
        terms: terms(),
        moments: vec![
            moment(GrantState::Requested, Some(OWNER), 1_763_000_000_000),
            moment(GrantState::Expired, None, 1_765_000_000_000),
        ],
        published_at_ms: Some(1_764_000_000_001),
        evictions: vec![Eviction {
            replica: REPLICA,
            confirmed: true,
            seen_at_ms: 1_765_000_000_002,
        }],
    };
    let least = Grant {
        terms: Terms {
            can: [Right::Read].into(),
            only: [].into(),
            mode: Mode::Linked,
            from_ms: None,
            until_ms: None,
            message: None,
        },
        published_at_ms: None,
        evictions: vec![],
        ..grant.clone()
    };
    let policy = Policy {
        sender: party(OTHER, "Zoë"),
        rule: Rule::Block,
        can: [].into(),
    };
    let batch = Batch {
        from: 43,
        entries: vec![
            Entry::State(RawState::encode(&state()).unwrap()),
            Entry::Evict(vec![state().atome]),
            Entry::Grant(Box::new(grant)),
            Entry::Policy(policy.clone()),
            Entry::Nothing,
        ],
        head: 47,
    };
    let page = Snapshot {
        since: 40,
        page: 0,
        states: vec![],
        gone: vec![state().atome],
        grants: vec![least],
        policies: vec![policy],
        total: 2,
        end: None,
    };
    vec![
        Case::Hub("batch-shared", batch.into()),
        Case::Hub("snapshot-shared", page.into()),
    ]
}

fn listed() -> Vec<Case> {
    let created = AccountCreated {
        number: 12,
        entry: DirectoryEntry {
            user_id: OTHER,
            username: "Zoë".into(),
            phone: Some("+41791234567".into()),
            visibility: Visibility::Public,
        },
    };
    let deleted = AccountDeleted {
        number: 13,
        user_id: OTHER,
    };
    vec![
        Case::Hub("account-created", created.into()),
        Case::Hub("account-deleted", deleted.into()),
    ]
}

fn hub() -> Vec<Case> {
    let welcome = Welcome {
        client_id: "c-17".into(),
        timestamp: 1_764_000_000_123,
        protocol: 1,
        hub: HUB,
        epoch: CURSOR.epoch,
        head: 42,
        oldest: 1,
        number: 7,
        limits: Limits {
            commit_len_max: 4 << 20,
            frame_len_max: (4 << 20) + (64 << 10),
            window: 4,
        },
        capabilities: vec!["zstd".into()],
        directory: None,
        session_expires_at_ms: None,
    };
    let full_welcome = Welcome {
        directory: Some(12),
        session_expires_at_ms: Some(1_771_776_000_123),
        ..welcome.clone()
    };
    let digest = Digest {
        ask: 3,
        feed: 42,
        buckets: Buckets(BTreeMap::from([
            (1, Sum([1, 2, 3, 4])),
            (255, Sum([0, 0, 0, 5])),
        ])),
    };
    let pong = Pong {
        timestamp: 1_764_000_000_000,
        hub_time: 1_764_000_000_123,
        head: 42,
        number: 9,
    };
    let error = Error {
        code: Code::Unsupported,
        message: "this hub speaks versions 1 to 1 of the sync protocol".into(),
        retry: false,
        details: BTreeMap::from([("newest".into(), 1), ("oldest".into(), 1)]),
    };
    let plain_error = Error {
        code: Code::BadRequest,
        message: "the frame cannot be read".into(),
        retry: true,
        details: BTreeMap::new(),
    };
    let bye = |retry_after_ms| Bye {
        code: Code::Stopping,
        message: "the hub is stopping".into(),
        retry_after_ms,
    };
    vec![
        Case::Hub("welcome", welcome.into()),
        Case::Hub("welcome-full", full_welcome.into()),
        Case::Hub("ack", ack(Vec::new()).into()),
        Case::Hub("ack-verdicts", ack(verdicts()).into()),
        Case::Hub("digest", digest.into()),
        Case::Hub("receipt", receipt().into()),
        Case::Hub("states", states(Some(state().atome)).into()),
        Case::Hub("states-last", states(None).into()),
        Case::Hub("pong", pong.into()),
        Case::Hub("error", error.into()),
        Case::Hub("error-plain", plain_error.into()),
        Case::Hub("bye", bye(Some(1500)).into()),
        Case::Hub("bye-plain", bye(None).into()),
    ]
}

fn feed() -> Vec<Case> {
    let batch = Batch {
        from: 41,
        entries: vec![Entry::Commit(raw(&full_commit())), Entry::Mine(7)],
        head: 42,
    };
    let page = Snapshot {
        since: 40,
        page: 0,
        states: vec![RawState::encode(&state()).unwrap()],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total: 2,
        end: None,
    };
    let last_page = Snapshot {
        since: 40,
        page: 1,
        states: Vec::new(),
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total: 2,
        end: Some(SnapshotEnd {
            cursor: CURSOR,
            number: 7,
        }),
    };
    vec![
        Case::Hub("batch", batch.into()),
        Case::Hub("snapshot", page.into()),
        Case::Hub("snapshot-last", last_page.into()),
    ]
}

/// A batch that is long enough to be compressed.
pub(crate) fn long_batch() -> HubFrame {
    let commits = (1..=20).map(|number| Entry::Commit(raw(&least_commit(number))));
    Batch {
        from: 1,
        entries: commits.collect(),
        head: 20,
    }
    .into()
}

fn ack(verdicts: Vec<Verdict>) -> Ack {
    Ack {
        replica: REPLICA,
        first: 1,
        number: 9,
        verdicts,
    }
}

fn verdicts() -> Vec<Verdict> {
    let refusal = Refusal {
        code: Code::BadData,
        message: "the commit has no number or no change".into(),
        states: vec![state()],
    };
    let rulings = [
        Ruling::Clamped { stamp: stamp(5) },
        Ruling::Refused(Box::new(refusal)),
        Ruling::Deferred { on: "grant".into() },
    ];
    let numbered = (7..).zip(rulings);
    numbered
        .map(|(number, ruling)| Verdict { number, ruling })
        .collect()
}

fn full_commit() -> Commit {
    let mut made = Change::new(AtomeId::from_key(OTHER, "tasks/1"));
    made.create = Some(Create {
        key: Some("tasks/1".into()),
        owner: Some(OTHER),
    });
    made.set = BTreeMap::from([
        (Key::of_envelope(Key::TYPE), Value::from_text("task")),
        (Key::of_envelope(Key::DELETED), value("false")),
        (key("title"), Value::from_text("Ünï \"quoted\"\n")),
        (
            key("layout.position"),
            value(r#"{"x":1.5,"y":[null,true]}"#),
        ),
    ]);
    let mut altered = Change::new(atome());
    altered.unset = BTreeSet::from([key("note")]);
    let addend = |by, to| Addend { by, to };
    altered.add = BTreeMap::from([
        (key("seen"), addend(Number::Whole(-2), Stamp::ZERO)),
        (key("weight"), addend(Number::Double(0.25), stamp(1))),
    ]);
    Commit {
        number: 6,
        author: OWNER,
        stamp: stamp(3),
        claimed: Some(stamp(9)),
        changes: vec![made, altered],
        acts: vec![],
    }
}

fn least_commit(number: u64) -> Commit {
    let mut change = Change::new(atome());
    change
        .set
        .insert(key("n"), Value::from_number(Number::Whole(1)));
    Commit {
        number,
        author: OWNER,
        stamp: stamp(number),
        claimed: None,
        changes: vec![change],
        acts: vec![],
    }
}

fn state() -> AtomeState {
    let tally = Tally {
        to: stamp(1),
        replica: REPLICA,
        through: 6,
        total: Number::Whole(4),
    };
    let particle = |at, base: Option<&str>| Particle {
        stamp: stamp(at),
        base: base.map(value),
        tallies: Vec::new(),
    };
    let counter = Particle {
        tallies: vec![tally],
        ..particle(1, Some("10"))
    };
    AtomeState {
        atome: AtomeId::from_key(OTHER, "tasks/1"),
        created: stamp(1),
        creator: OWNER,
        owner: OTHER,
        key: Some("tasks/1".into()),
        updated: stamp(3),
        particles: BTreeMap::from([
            (Key::of_envelope(Key::TYPE), particle(1, Some("\"task\""))),
            (key("empty"), particle(2, Some("null"))),
            (key("gone"), particle(3, None)),
            (key("seen"), counter),
        ]),
    }
}

fn raw(commit: &Commit) -> RawCommit {
    RawCommit::encode(commit).unwrap()
}

fn atome() -> AtomeId {
    AtomeId(Uuid::from_u128(0x0193_5a2b_7c00_7000_8000_0000_0000_0100))
}

fn key(name: &str) -> Key {
    Key::of_particle(name).unwrap()
}

fn value(text: &str) -> Value {
    Value::parse(text).unwrap()
}

fn stamp(second: u64) -> Stamp {
    Stamp {
        time: HybridTime::from_ms(1_764_000_000_000 + second * 1000),
        replica: REPLICA,
    }
}

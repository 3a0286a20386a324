//! How fast the stores are on this machine: `cargo run --release -p atome-store --example rates [FOLDER]`.
//!
//! The stores alone, without programs and wire, for whoever works on them: figures a second, and the processor
//! time of each, which does not depend on what else the machine does. What bare SQLite does on the same machine,
//! the example `limits` tells.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use atome_engine::clock::{BUILD_TIME_MS, Now};
use atome_engine::draft::Draft;
use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::commit::{Create, Key};
use atome_proto::limit::{FRAME_ENTRIES_MAX, FRAME_LEN_TARGET, SEED_CHUNK_RECORDS};
use atome_proto::seed::Record;
use atome_proto::sync::v1::{Cursor, Snapshot, SnapshotEnd};
use atome_proto::value::Value;
use atome_proto::{AccountId, AtomeId, ReplicaId};
use atome_store::hub::{Admission, NewAccount, NewSession};
use atome_store::{Durability, HubDb, ReplicaDb, ReplicaStore};
use uuid::Uuid;

#[path = "shared/record.rs"]
mod record;

type Done<T = ()> = Result<T, Box<dyn Error>>;

const ANNA: AccountId = AccountId(Uuid::from_u128(0xa));
const RECORDS: u64 = 100_000;
const SINGLE: u64 = 3_000;

fn now(ms: u64) -> Now {
    Now {
        mono_ms: ms,
        wall_ms: BUILD_TIME_MS + ms,
    }
}

fn id(n: u64) -> AtomeId {
    let [.., a, b, c, d, e, f, g, h] = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
    AtomeId::new_v7(BUILD_TIME_MS + n / 8, [a, b, c, d, e, f, g, h, 1, 2])
}

fn named(n: u64, key: bool) -> Done<(AtomeId, Record)> {
    let record = Record::parse(&record::line(n, key))?;
    Ok((record.atome(ANNA).unwrap_or_else(|| id(n)), record))
}

fn draft(n: u64) -> Done<Draft> {
    let (atome, record) = named(n, false)?;
    let mut draft = Draft::new(atome);
    draft.create = Some(Create::default());
    draft.set = record.properties;
    draft
        .set
        .insert(Key::of_envelope(Key::TYPE), Value::from_text("note"));
    Ok(draft)
}

/// When something began, by the clock and by the processor.
#[derive(Clone, Copy)]
struct Since {
    clock: Instant,
    processor: Duration,
}

impl Since {
    fn now() -> Self {
        Self {
            clock: Instant::now(),
            processor: processor(),
        }
    }
}

fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "it is what this program is for")]
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn tell(what: &str, count: u64, since: Since) {
    let seconds = since.clock.elapsed().as_secs_f64();
    let each = (processor() - since.processor).as_secs_f64() * 1e6 / count as f64;
    let rate = count as f64 / seconds;
    println!("{what:<58} {rate:>9.0} /s  {each:>6.1} us each  ({count} in {seconds:.2} s)");
}

fn main() -> Done {
    let folder = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder)?;
    let folder = folder.path();
    let folder = &folder.join("stores");
    single(folder)?;
    seed(folder, true)?;
    seed(folder, false)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime.block_on(together(folder))?;
    sync(folder, "as seed commits them", Some(SEED_CHUNK_RECORDS))?;
    sync(folder, "one commit each", None)
}

fn single(folder: &Path) -> Done {
    let path = folder.join("single.db");
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full)?;
    let drafts = (0..SINGLE).map(draft).collect::<Done<Vec<_>>>()?;
    let since = Since::now();
    for draft in drafts {
        db.write(ANNA, vec![draft], now(0))?;
    }
    tell("replica: one durable write after another", SINGLE, since);
    Ok(())
}

async fn together(folder: &Path) -> Done {
    let path = folder.join("together.db");
    let store = ReplicaStore::open(&path, ANNA, ReplicaId(1), Durability::Full)?;
    let since = Since::now();
    let clients = (0..32).map(|client| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..500 {
                let draft = draft(client * 500 + n).map_err(|error| error.to_string())?;
                let written = store.write(ANNA, vec![draft], now(0)).await;
                written.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(())
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await??;
    }
    tell("replica: durable writes of 32 clients", 32 * 500, since);
    let since = Since::now();
    for n in 0..10_000 {
        store.get(id(n)).await?;
    }
    tell("replica: get", 10_000, since);
    store.close().await;
    Ok(())
}

fn seed(folder: &Path, key: bool) -> Done {
    let path = folder.join(format!("seed-{key}.db"));
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full)?;
    let records = (0..RECORDS)
        .map(|n| named(n, key))
        .collect::<Done<Vec<_>>>()?;
    let with = if key { "by key" } else { "new ids" };
    for what in ["seed", "seed again"] {
        let since = Since::now();
        for chunk in records.chunks(SEED_CHUNK_RECORDS) {
            db.seed(ANNA, chunk, false, now(0))?;
        }
        tell(&format!("replica: {what}, {with}"), RECORDS, since);
    }
    Ok(())
}

fn hub(path: &Path) -> Done<HubDb> {
    let mut hub = HubDb::open(path, Durability::Full)?;
    let account = NewAccount {
        entry: DirectoryEntry {
            user_id: ANNA,
            username: "anna".to_owned(),
            phone: None,
            visibility: Visibility::Public,
        },
        password_hash: String::new(),
        retry_hash: [0; 32],
        admission: Admission::Open,
        created_at_ms: 0,
    };
    let session = NewSession {
        account: ANNA,
        session: Uuid::nil(),
        token_hash: [0; 32],
        device: String::new(),
        created_at_ms: 0,
        ttl_ms: 0,
    };
    hub.register(&account, &session)?;
    Ok(hub)
}

/// A replica in memory that has written all records and pushed none.
fn writer(chunk: Option<usize>) -> Done<ReplicaDb> {
    let mut db = ReplicaDb::open_in_memory(ANNA, ReplicaId(1))?;
    let Some(len) = chunk else {
        for n in 0..RECORDS {
            db.write(ANNA, vec![draft(n)?], now(0))?;
        }
        return Ok(db);
    };
    let records = (0..RECORDS)
        .map(|n| named(n, false))
        .collect::<Done<Vec<_>>>()?;
    for chunk in records.chunks(len) {
        db.seed(ANNA, chunk, false, now(0))?;
    }
    Ok(db)
}

fn sync(folder: &Path, what: &str, chunk: Option<usize>) -> Done {
    let folder = folder.join(if chunk.is_some() { "seeded" } else { "singly" });
    let mut a = writer(chunk)?;
    let mut hub = hub(&folder.join("hub.db"))?;
    let since = Since::now();
    loop {
        let acked = a.position()?.acked;
        let commits = a.pending(acked, FRAME_ENTRIES_MAX, FRAME_LEN_TARGET)?;
        if commits.is_empty() {
            break;
        }
        let admitted = hub.admit(ANNA, ReplicaId(1), acked + 1, &commits, BUILD_TIME_MS)?;
        a.acknowledge(admitted.number, &admitted.verdicts)?;
    }
    tell(&format!("hub: admit, {what}"), RECORDS, since);
    let mut b = ReplicaDb::open(&folder.join("b.db"), ANNA, ReplicaId(2), Durability::Full)?;
    let since = Since::now();
    loop {
        let after = b.position()?.feed();
        let batch = hub.feed(
            ANNA,
            ReplicaId(2),
            after,
            FRAME_ENTRIES_MAX,
            FRAME_LEN_TARGET,
        )?;
        if batch.entries.is_empty() {
            break;
        }
        b.apply(&batch, cursor(&hub, batch.to())?)?;
    }
    tell(&format!("replica: feed and apply, {what}"), RECORDS, since);
    let mut c = ReplicaDb::open(&folder.join("c.db"), ANNA, ReplicaId(3), Durability::Full)?;
    let since = Since::now();
    snapshot(&hub, &mut c)?;
    tell(
        &format!("replica: states, stage and install, {what}"),
        RECORDS,
        since,
    );
    let same = b.digest()? == c.digest()? && c.digest()? == hub.digest(ANNA)?;
    if same {
        Ok(())
    } else {
        Err("the stores differ".into())
    }
}

fn cursor(hub: &HubDb, feed: u64) -> Done<Cursor> {
    let identity = hub.identity()?;
    Ok(Cursor {
        hub: identity.hub,
        epoch: identity.epoch,
        feed,
    })
}

fn snapshot(hub: &HubDb, db: &mut ReplicaDb) -> Done {
    let (mut after, mut page) = (None, 0);
    loop {
        let states = hub.states(ANNA, after, FRAME_LEN_TARGET)?;
        db.stage(&Snapshot {
            since: 0,
            page,
            states: states.states,
            gone: vec![],
            grants: vec![],
            policies: vec![],
            total: states.total,
            end: None,
        })?;
        page += 1;
        after = states.last;
        if after.is_none() {
            break;
        }
    }
    let head = hub.position(ANNA, ReplicaId(3))?.head;
    db.install(SnapshotEnd {
        cursor: cursor(hub, head)?,
        number: 0,
    })?;
    Ok(())
}

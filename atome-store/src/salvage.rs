//! Salvage: what can still be read of a replica store whose file is damaged, put into a new one.
//!
//! What the hub has comes back from there; what only this machine had are the account's own commits. The
//! damaged file is read row by row, and never written.

use std::collections::BTreeMap;
use std::path::Path;

use atome_proto::commit::{Commit, RawCommit};
use atome_proto::{AccountId, ReplicaId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use crate::error::{Fault, OpenError, StoreError};
use crate::replica::ReplicaDb;
use crate::sqlite::Durability;
use crate::sqlite::value::Db;

/// Ids after the greatest that is seen in order which are tried one by one: more than a page has.
const BEYOND: u64 = 1_000;

/// What came of a salvage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Own commits that are in the new store and that the hub, as far as was known, has not decided.
    pub pending: u64,
    /// Rows of the timeline that cannot be read.
    pub unreadable: u64,
}

/// A verdict as it stands: its ruling, whether it is refused, listed, sealed.
pub(crate) type Verdict = (String, bool, bool, bool);

/// An own commit of a damaged store.
pub(crate) struct Own {
    pub(crate) commit: Commit,
    pub(crate) verdict: Option<Verdict>,
}

/// Whether an error says that the file itself is damaged, and not the disk or the program.
#[must_use]
pub fn is_damage(error: &OpenError) -> bool {
    match error {
        OpenError::Foreign { .. } => true,
        OpenError::Fault { source, .. } => matches!(source, Fault::Corrupt(_)),
        OpenError::Newer { .. }
        | OpenError::Exposed { .. }
        | OpenError::OtherAccount { .. }
        | OpenError::Io { .. } => false,
    }
}

/// Makes a store at `to`, where there is none, of what can be read of the one at `broken`.
///
/// Where all own commits can be read, it goes on as a backup that was put back does: under the old id until the
/// hub has decided what is pending, for only the hub knows what it has of it. Else what was pending, as far as
/// was known, comes under a new id.
///
/// # Errors
///
/// [`OpenError`], where the new store cannot be written.
pub fn salvage(
    broken: &Path,
    to: &Path,
    account: AccountId,
    fresh: ReplicaId,
    durability: Durability,
) -> Result<Salvaged, OpenError> {
    let mut salvaged = Salvaged::default();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = match Connection::open_with_flags(broken, flags) {
        Ok(source) => read(&source, account, &mut salvaged.unreadable),
        Err(error) => {
            tracing::warn!(%error, "nothing of a damaged store can be read");
            None
        }
    };
    let failed = |error: StoreError| OpenError::of(to, error.into_fault());
    let Some(Found {
        replica,
        acked,
        former,
        own,
    }) = found
    else {
        ReplicaDb::open(to, account, fresh, durability)?;
        return Ok(salvaged);
    };
    let mut db = ReplicaDb::open(to, account, replica, durability)?;
    db.take_former(&former).map_err(failed)?;
    salvaged.pending = db.take_salvaged(acked, own, fresh).map_err(failed)?;
    Ok(salvaged)
}

/// What can be read.
struct Found {
    replica: ReplicaId,
    /// The last of its commits that the hub has decided, as far as is known.
    acked: u64,
    /// Where no hub has them: the commits that it made under other ids, before it was restored or forked.
    former: Vec<Own>,
    /// Its commits, by number.
    own: BTreeMap<u64, Own>,
}

/// What can be read; `None` where neither the replica's id nor a commit of it can.
fn read(source: &Connection, account: AccountId, unreadable: &mut u64) -> Option<Found> {
    let sql = "SELECT replica, acked, hub IS NULL FROM replica";
    let head = source.query_row(sql, [], |row| {
        let replica = row.get::<_, Db<ReplicaId>>(0)?.0;
        Ok((replica, row.get::<_, Db<u64>>(1)?.0, row.get(2)?))
    });
    let mut head: Option<(ReplicaId, u64, bool)> = head.ok();
    let (mut own, mut former) = (BTreeMap::new(), vec![]);
    for id in 1..=last(source).saturating_add(BEYOND) {
        let body = source
            .query_row(
                "SELECT body, feed FROM commits WHERE id = ?",
                [Db(id)],
                of_row,
            )
            .optional();
        let commit = match body {
            Ok(None) => continue,
            Ok(Some((body, feed))) => decode(body).map(|commit| (commit, feed)),
            Err(_) => None,
        };
        let Some((commit, feed)) = commit else {
            *unreadable += 1;
            continue;
        };
        // Own ones came by no feed.
        if commit.author != account || feed.is_some() {
            continue;
        }
        let (replica, _, is_alone) = *head.get_or_insert((commit.stamp.replica, 0, false));
        let verdict = verdict(source, id);
        if commit.stamp.replica == replica {
            own.insert(commit.number, Own { commit, verdict });
        } else if is_alone {
            former.push(Own { commit, verdict });
        }
    }
    head.map(|(replica, acked, _)| Found {
        replica,
        acked,
        former,
        own,
    })
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<(String, Option<i64>)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn decode(body: String) -> Option<Commit> {
    RawCommit::from_text(body).ok()?.decode().ok()
}

fn verdict(source: &Connection, id: u64) -> Option<Verdict> {
    let sql = "SELECT ruling, refused, listed, sealed FROM verdicts WHERE id = ?";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    source.query_row(sql, params![Db(id)], read).ok()
}

/// The greatest id of the timeline that can be seen, from either end.
fn last(source: &Connection) -> u64 {
    let greatest = |sql: &str| {
        let mut last = 0;
        if let Ok(mut statement) = source.prepare(sql)
            && let Ok(mut rows) = statement.query([])
        {
            while let Ok(Some(row)) = rows.next() {
                last = last.max(row.get::<_, Db<u64>>(0).map_or(0, |Db(id)| id));
            }
        }
        last
    };
    greatest("SELECT max(id) FROM commits").max(greatest("SELECT id FROM commits ORDER BY id"))
}

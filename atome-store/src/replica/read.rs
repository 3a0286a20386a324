//! Reading a replica store. Each question is one statement, or one read transaction; none stays open.

use atome_proto::commit::RawCommit;
use atome_proto::digest::{Buckets, Digest};
use atome_proto::local::v1::{History, RefusedCommit, SetMode};
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::Ruling;
use atome_proto::time::to_rfc3339;
use atome_proto::{AtomeId, Code, ReplicaId};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::{Changes, Deferred, ReplicaDb, Scan, Sifted, family, history, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// Bytes of states from which on a page ends: a page is as much as a frame.
const PAGE_LEN: usize = 256 << 10;

/// The atomes that count.
const CURRENT: &str = "a.gen = (SELECT gen FROM replica)";
const STATES: &str = "SELECT s.body FROM atomes a JOIN states s ON s.id = a.state";

impl ReplicaDb {
    /// When the account syncs, and whether sync is paused.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn schedule(&self) -> Result<(SetMode, bool), StoreError> {
        schedule(&self.base.connection)
    }

    /// Commits of this replica after a number, in order: at least one where there is one, then as many as fit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn pending(
        &self,
        after: u64,
        commits_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RawCommit>, StoreError> {
        pending(&self.base.connection, after, commits_max, bytes_max)
    }

    /// The state of an atome.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn get(&self, atome: AtomeId) -> Result<Option<AtomeState>, StoreError> {
        get(&self.base.connection, atome)
    }

    /// The atomes whose id begins with a text, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn find_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<AtomeId>, StoreError> {
        find_prefix(&self.base.connection, prefix, limit)
    }

    /// A page of states, by id. It may be shorter than asked for and not the last: the last is empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn scan(&self, what: &Scan) -> Result<Vec<AtomeState>, StoreError> {
        scan(&self.base.connection, what)
    }

    /// What `take` makes of the texts of states, by id, where it makes something of them: of a part of them, with
    /// where to go on. A text is read by [`atome_proto::state::value_in`], or whole.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn sift<T>(
        &self,
        what: &Scan,
        take: impl FnMut(AtomeId, &str) -> Result<Option<T>, serde_json::Error>,
    ) -> Result<Sifted<T>, StoreError> {
        sift(&self.base.connection, what, take)
    }

    /// The atomes that stand directly below another, or at the top, by id; deleted ones are left out, and rings of
    /// parents cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn children(&self, parent: Option<AtomeId>) -> Result<Vec<AtomeState>, StoreError> {
        family::children(&self.base.connection, parent)
    }

    /// The parent under which an atome stands, a ring of parents cut.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn effective_parent(&self, atome: AtomeId) -> Result<Option<AtomeId>, StoreError> {
        family::effective_parent(&self.base.connection, atome)
    }

    /// The versions of an atome, or of one of its particles, the oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub fn history(&self, atome: AtomeId, key: Option<&str>) -> Result<History, StoreError> {
        history::history(&self.base.connection, atome, key)
    }

    /// What changed after local change `since`: about `limit` events, those of one change never divided.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        history::changes(&self.base.connection, since, limit)
    }

    /// The feed number of the cursor, and the digest of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn digest(&self) -> Result<(u64, Buckets), StoreError> {
        digest(&self.base.connection)
    }

    /// The refused commits that wait for a person, the oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn refused(&self) -> Result<Vec<RefusedCommit>, StoreError> {
        refused(&self.base.connection)
    }

    /// The commits that wait at the hub for a grant or for a parent, the oldest first. They count here
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn deferred(&self) -> Result<Vec<Deferred>, StoreError> {
        deferred(&self.base.connection)
    }
}

pub(super) fn get(
    connection: &Connection,
    atome: AtomeId,
) -> Result<Option<AtomeState>, StoreError> {
    let sql = format!("{STATES} WHERE {CURRENT} AND a.atome = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let body: Option<String> = statement
        .query_row([Db(atome)], |row| row.get(0))
        .optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

/// Atomes whose id begins with hexadecimal digits, hyphens left out.
pub(super) fn find_prefix(
    connection: &Connection,
    prefix: &str,
    limit: usize,
) -> Result<Vec<AtomeId>, StoreError> {
    let digits: String = prefix.chars().filter(|c| *c != '-').collect();
    let bound = |fill: char| {
        let digits: String = digits
            .chars()
            .chain(std::iter::repeat(fill))
            .take(32)
            .collect();
        digits.parse::<AtomeId>()
    };
    let (Ok(least), Ok(greatest)) = (bound('0'), bound('f')) else {
        return Ok(vec![]);
    };
    let too_long = digits.len() > 32;
    let sql = format!(
        "SELECT a.atome FROM atomes a WHERE {CURRENT} AND a.atome BETWEEN ? AND ? ORDER BY a.atome LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = if too_long { 0 } else { limit };
    let rows = statement.query_map(params![Db(least), Db(greatest), limit], |row| {
        row.get::<_, Db<AtomeId>>(0)
    })?;
    Ok(rows
        .map(|row| row.map(|Db(atome)| atome))
        .collect::<Result<_, _>>()?)
}

/// The states of atomes, in this order, until a page is full; and how many atomes that are. Those that are none
/// any more are left out.
pub(super) fn get_some(
    connection: &Connection,
    atomes: &[AtomeId],
) -> Result<(Vec<AtomeState>, usize), StoreError> {
    let sql = format!("{STATES} WHERE {CURRENT} AND a.atome = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut page, mut len, mut count) = (vec![], 0, 0);
    for atome in atomes {
        if len >= PAGE_LEN {
            break;
        }
        count += 1;
        let body: Option<String> = statement
            .query_row([Db(*atome)], |row| row.get(0))
            .optional()?;
        if let Some(body) = body {
            len += body.len();
            page.push(serde_json::from_str(&body)?);
        }
    }
    Ok((page, count))
}

pub(super) fn scan(connection: &Connection, scan: &Scan) -> Result<Vec<AtomeState>, StoreError> {
    Ok(sift(connection, scan, |_, body| {
        serde_json::from_str(body).map(Some)
    })?
    .taken)
}

/// Goes through states until a page is full of what was taken.
pub(super) fn sift<T>(
    connection: &Connection,
    scan: &Scan,
    mut take: impl FnMut(AtomeId, &str) -> Result<Option<T>, serde_json::Error>,
) -> Result<Sifted<T>, StoreError> {
    let (sql, values) = query(scan);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let (mut taken, mut last, mut len) = (vec![], None, 0);
    while len < PAGE_LEN
        && let Some(row) = rows.next()?
    {
        let body = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let Db(atome) = row.get(1)?;
        if let Some(found) = take(atome, body)? {
            taken.push(found);
            len += body.len();
        }
        last = Some(atome);
    }
    Ok(Sifted { taken, last })
}

/// The question that a scan is.
pub(super) fn query(scan: &Scan) -> (String, Vec<Sql>) {
    // SQLite itself would rather go through all of them by id.
    let by = scan.parent.map_or("", |_| "INDEXED BY atomes_by_parent");
    let mut sql = format!(
        "SELECT s.body, a.atome FROM atomes a {by} JOIN states s ON s.id = a.state \
         WHERE {CURRENT} AND a.atome > ?"
    );
    let after = scan.after.map_or(vec![], |after| after.as_bytes().to_vec());
    let mut values = vec![Sql::Blob(after)];
    match &scan.type_name {
        Some(type_name) => {
            sql.push_str(" AND a.type = ?");
            values.push(Sql::Text(type_name.clone()));
        }
        // One whose making has not come yet is nothing to show.
        None => sql.push_str(" AND a.type <> ''"),
    }
    if let Some(parent) = scan.parent {
        sql.push_str(" AND a.parent = ?");
        values.push(Sql::Blob(parent.as_bytes().to_vec()));
    }
    if !scan.deleted {
        sql.push_str(" AND NOT a.deleted");
    }
    sql.push_str(" ORDER BY a.atome LIMIT ?");
    values.push(Sql::Integer(scan.limit.into()));
    (sql, values)
}

/// The feed number of the cursor, and the digest of all.
pub(super) fn digest(connection: &Connection) -> Result<(u64, Buckets), StoreError> {
    let mut statement = connection.prepare_cached("SELECT coalesce(feed, 0) FROM replica")?;
    let feed = statement.query_row([], |row| row.get::<_, Db<u64>>(0))?.0;
    let sql = format!("SELECT a.bucket, a.digest FROM digests a WHERE {CURRENT}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, u8>(0)?, row.get::<_, Db<Digest>>(1)?.0))
    })?;
    let mut buckets = Buckets::default();
    for row in rows {
        let (bucket, digest) = row?;
        buckets.add(bucket, digest);
    }
    Ok((feed, buckets))
}

/// Commits that the hub has not decided, after a number: at least one, then as many as fit.
pub(super) fn pending(
    connection: &Connection,
    after: u64,
    commits_max: usize,
    bytes_max: usize,
) -> Result<Vec<RawCommit>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT replica FROM replica")?;
    let Db(replica) = statement.query_row([], |row| row.get::<_, Db<ReplicaId>>(0))?;
    let (mut commits, mut len) = (vec![], 0);
    timeline::after(connection, replica, after, |kept| {
        len += kept.body.len();
        let fits = commits.len() < commits_max && (commits.is_empty() || len <= bytes_max);
        if fits {
            commits.push(kept.raw()?);
        }
        Ok(fits)
    })?;
    Ok(commits)
}

/// When the account syncs, and whether sync is paused.
pub(super) fn schedule(connection: &Connection) -> Result<(SetMode, bool), StoreError> {
    let mut statement = connection.prepare_cached("SELECT schedule, paused FROM replica")?;
    let (schedule, paused): (String, bool) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((serde_json::from_str(&schedule)?, paused))
}

/// Whether there is a verdict on any commit.
pub(super) fn has_verdicts(connection: &Connection) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM verdicts")?;
    Ok(statement.exists([])?)
}

/// How many refused commits wait for a person.
pub(super) fn refused_count(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT count(*) FROM verdicts WHERE refused AND listed")?;
    Ok(statement.query_row([], |row| row.get::<_, Db<u64>>(0))?.0)
}

/// The commits that the hub has not decided although they were pushed, the oldest first.
pub(super) fn deferred(connection: &Connection) -> Result<Vec<Deferred>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id, ruling FROM verdicts WHERE NOT refused ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut deferred = vec![];
    while let Some(row) = rows.next()? {
        let ruling: String = row.get(1)?;
        let Ruling::Deferred { on } = serde_json::from_str(&ruling)? else {
            continue;
        };
        let commit = timeline::by_id(connection, row.get::<_, Db<u64>>(0)?.0)?.commit()?;
        deferred.push(Deferred {
            number: commit.number,
            on,
            at_ms: commit.stamp.time.ms(),
            atomes: commit.changes.iter().map(|change| change.atome).collect(),
        });
    }
    Ok(deferred)
}

/// The refused commits that wait for a person, the oldest first.
pub(super) fn refused(connection: &Connection) -> Result<Vec<RefusedCommit>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT v.id, v.ruling FROM verdicts v WHERE v.refused AND v.listed ORDER BY v.id",
    )?;
    let mut rows = statement.query([])?;
    let mut refused = vec![];
    while let Some(row) = rows.next()? {
        let ruling: String = row.get(1)?;
        let (code, message) = match serde_json::from_str(&ruling)? {
            Ruling::Refused(refusal) => (refusal.code, refusal.message),
            Ruling::Deferred { .. } => {
                let message = "access to what it alters has ended".to_owned();
                (Code::NotAllowed, message)
            }
            Ruling::Clamped { .. } => continue,
        };
        let commit = timeline::by_id(connection, row.get::<_, Db<u64>>(0)?.0)?.commit()?;
        refused.push(RefusedCommit {
            number: commit.number,
            code,
            message,
            at: to_rfc3339(commit.stamp.time.ms()),
            atomes: commit.changes.iter().map(|change| change.atome).collect(),
        });
    }
    Ok(refused)
}

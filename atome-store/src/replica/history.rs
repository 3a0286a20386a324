//! The past: the versions of an atome, and what changed since a moment.

use std::collections::BTreeMap;

use atome_proto::commit::{Change, Commit, Key};
use atome_proto::local::v1::{ChangeKind, History, HistoryVersion, VersionState};
use atome_proto::state::{AtomeState, Particle};
use atome_proto::time::to_rfc3339;
use atome_proto::{AtomeId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::ack::ALL;
use super::recompute::baseline;
use super::{Changes, read, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// The versions of an atome, or of one of its particles, the oldest first.
pub(super) fn history(
    connection: &Connection,
    atome: AtomeId,
    key: Option<&str>,
) -> Result<History, StoreError> {
    let state = read::get(connection, atome)?;
    let ids = timeline::touching(connection, atome)?;
    if state.is_none() && ids.is_empty() {
        return Err(StoreError::NotFound(atome));
    }
    let (generation, own, acked) = own(connection)?;
    let base = baseline(connection, generation, atome)?;
    let mut past = Past {
        key,
        state,
        versions: vec![],
    };
    for (key, particle) in base.iter().flat_map(|base| &base.particles) {
        past.push_base(key, particle);
    }
    for id in ids {
        let kept = timeline::by_id(connection, id)?;
        let pending = kept.replica == own && kept.number > acked;
        let commit = kept.commit()?;
        let verdict = verdict(connection, id)?;
        // A deferred one waits for the hub as well.
        let pending = pending || verdict == Some(false);
        let refused = verdict == Some(true);
        for change in commit.changes.iter().filter(|change| change.atome == atome) {
            past.push(&commit, change, pending, refused);
        }
    }
    let mut versions = past.versions;
    versions.sort_by(|a, b| (&a.key, a.stamp).cmp(&(&b.key, b.stamp)));
    // Of what a snapshot brought and a commit said again, the commit says more.
    versions.dedup_by(|later, first| {
        let same = later.key == first.key
            && later.stamp == first.stamp
            && first.number.is_none()
            && later.added.is_none();
        if same {
            std::mem::swap(later, first);
        }
        same
    });
    versions.sort_by_key(|version| version.stamp);
    Ok(History {
        atome,
        complete: base.is_none(),
        versions,
    })
}

/// The generation of states that counts.
pub(super) fn generation(connection: &Connection) -> Result<i64, StoreError> {
    Ok(own(connection)?.0)
}

fn own(connection: &Connection) -> Result<(i64, ReplicaId, u64), StoreError> {
    let mut statement = connection.prepare_cached("SELECT gen, replica, acked FROM replica")?;
    Ok(statement.query_row([], |row| {
        Ok((
            row.get(0)?,
            row.get::<_, Db<_>>(1)?.0,
            row.get::<_, Db<_>>(2)?.0,
        ))
    })?)
}

pub(super) fn is_refused(connection: &Connection, id: u64) -> Result<bool, StoreError> {
    Ok(verdict(connection, id)? == Some(true))
}

/// Whether a commit with a verdict is refused; else it is deferred.
fn verdict(connection: &Connection, id: u64) -> Result<Option<bool>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT refused FROM verdicts WHERE id = ?")?;
    Ok(statement.query_row([Db(id)], |row| row.get(0)).optional()?)
}

struct Past<'a> {
    key: Option<&'a str>,
    state: Option<AtomeState>,
    versions: Vec<HistoryVersion>,
}

impl Past<'_> {
    fn is_asked(&self, key: &Key) -> bool {
        self.key.is_none_or(|asked| asked == key.as_str())
    }

    fn particle(&self, key: &Key) -> Option<&Particle> {
        self.state.as_ref()?.particles.get(key)
    }

    fn push_base(&mut self, key: &Key, particle: &Particle) {
        if !self.is_asked(key) {
            return;
        }
        let current = self
            .particle(key)
            .is_some_and(|now| now.stamp == particle.stamp);
        self.versions.push(HistoryVersion {
            key: key.to_string(),
            value: particle.value(),
            added: None,
            at: to_rfc3339(particle.stamp.time.ms()),
            stamp: particle.stamp,
            claimed: None,
            author: None,
            number: None,
            pending: false,
            state: state_of(current, false),
        });
    }

    fn push(&mut self, commit: &Commit, change: &Change, pending: bool, refused: bool) {
        let set = change
            .set
            .iter()
            .map(|(key, value)| (key, Some(value.clone()), None));
        let unset = change.unset.iter().map(|key| (key, None, None));
        let add = change
            .add
            .iter()
            .map(|(key, addend)| (key, None, Some(addend)));
        for (key, value, addend) in set.chain(unset).chain(add) {
            if !self.is_asked(key) {
                continue;
            }
            // An addition is part of the value while what it was made to is.
            let of = addend.map_or(commit.stamp, |addend| addend.to);
            let current = self.particle(key).is_some_and(|now| now.stamp == of);
            self.versions.push(HistoryVersion {
                key: key.to_string(),
                value,
                added: addend.map(|addend| addend.by),
                at: to_rfc3339(commit.stamp.time.ms()),
                stamp: commit.stamp,
                claimed: commit.claimed,
                author: Some(commit.author),
                number: Some(commit.number),
                pending,
                state: state_of(current, refused),
            });
        }
    }
}

fn state_of(current: bool, refused: bool) -> VersionState {
    match (refused, current) {
        (true, _) => VersionState::Refused,
        (false, true) => VersionState::Current,
        (false, false) => VersionState::Superseded,
    }
}

/// What changed after local change `since`: about `limit` events, those of one change never divided.
pub(super) fn changes(
    connection: &Connection,
    since: u64,
    limit: usize,
) -> Result<Changes, StoreError> {
    let mut found = Changes {
        events: vec![],
        reset: false,
        through: since,
    };
    let reset = reset_after(connection, since)?;
    if let Some(reset) = reset {
        found.reset = true;
        found.through = reset;
        return Ok(found);
    }
    let mut statement = connection.prepare_cached(
        "SELECT id, TRUE FROM commits WHERE id > ?1 \
         UNION SELECT change, FALSE FROM echoes WHERE change > ?1 ORDER BY 1",
    )?;
    let mut rows = statement.query([Db(since)])?;
    while found.events.len() < limit {
        let Some(row) = rows.next()? else { break };
        let change = row.get::<_, Db<u64>>(0)?.0;
        let atomes = if row.get(1)? {
            of_commit(&timeline::by_id(connection, change)?.commit()?)
        } else {
            of_echo(connection, change)?
        };
        let events = atomes
            .into_iter()
            .map(|(atome, kind)| (change, kind, atome));
        found.events.extend(events);
        found.through = change;
    }
    Ok(found)
}

/// The last change after `since` by which a snapshot changed everything.
pub(super) fn reset_after(connection: &Connection, since: u64) -> Result<Option<u64>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT max(change) FROM echoes WHERE change > ? AND atome = ?")?;
    let found = statement.query_row(params![Db(since), Db(ALL)], |row| {
        row.get::<_, Option<Db<u64>>>(0)
    })?;
    Ok(found.map(|Db(change)| change))
}

fn of_commit(commit: &Commit) -> BTreeMap<AtomeId, ChangeKind> {
    let kind = |change: &Change| {
        let deleted = change.set.get(Key::DELETED);
        match (change.create.is_some(), deleted.map(|value| value.as_str())) {
            (_, Some("true")) => ChangeKind::Deleted,
            (true, _) => ChangeKind::Created,
            (false, _) => ChangeKind::Altered,
        }
    };
    commit
        .changes
        .iter()
        .map(|change| (change.atome, kind(change)))
        .collect()
}

fn of_echo(
    connection: &Connection,
    change: u64,
) -> Result<BTreeMap<AtomeId, ChangeKind>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT e.atome, EXISTS (SELECT 1 FROM atomes a WHERE a.gen = (SELECT gen FROM replica) \
         AND a.atome = e.atome) FROM echoes e WHERE e.change = ?",
    )?;
    let rows = statement.query_map(params![Db(change)], |row| {
        let is_there: bool = row.get(1)?;
        let kind = if is_there {
            ChangeKind::Altered
        } else {
            ChangeKind::Deleted
        };
        Ok((row.get::<_, Db<AtomeId>>(0)?.0, kind))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! The feeds: an entry more for everyone whom something concerns, numbered by account.

use std::collections::BTreeMap;

use atome_proto::limit::EVICTED_AT_ONCE;
use atome_proto::sharing::{Grant, Policy};
use atome_proto::state::RawState;
use atome_proto::{AccountId, AtomeId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::HubError;
use crate::hub::fanout::News;
use crate::hub::feed;
use crate::sqlite::value::Db;

/// What a feed entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Kind {
    Commit = 0,
    State = 1,
    Evict = 2,
    Grant = 3,
    Policy = 4,
}

impl Kind {
    pub(in crate::hub) fn read(number: i64) -> Option<Self> {
        let all = [
            Self::Commit,
            Self::State,
            Self::Evict,
            Self::Grant,
            Self::Policy,
        ];
        all.into_iter().find(|kind| kind.number() == number)
    }

    fn number(self) -> i64 {
        self as i64
    }
}

#[derive(Clone, Copy)]
pub(in crate::hub) struct Head {
    head: u64,
    oldest: u64,
    grown: bool,
}

/// Where feeds end.
pub(in crate::hub) type Heads = BTreeMap<AccountId, Head>;

pub(in crate::hub) struct Feeds<'c> {
    connection: &'c Connection,
    now_ms: u64,
    heads: Heads,
}

impl<'c> Feeds<'c> {
    /// Feeds whose new entries are taken at `now_ms`, in milliseconds since 1970.
    pub(super) fn new(connection: &'c Connection, now_ms: u64) -> Self {
        Self {
            connection,
            now_ms,
            heads: Heads::new(),
        }
    }

    pub(super) fn heads(&self) -> Heads {
        self.heads.clone()
    }

    pub(super) fn restore(&mut self, heads: Heads) {
        self.heads = heads;
    }

    fn head_mut(&mut self, account: AccountId) -> Result<&mut Head, HubError> {
        use std::collections::btree_map::Entry;
        Ok(match self.heads.entry(account) {
            Entry::Occupied(head) => head.into_mut(),
            Entry::Vacant(place) => {
                let (head, oldest) = feed::head(self.connection, account)?;
                place.insert(Head {
                    head,
                    oldest,
                    grown: false,
                })
            }
        })
    }

    /// The last number of an account's feed.
    pub(in crate::hub) fn head(&mut self, account: AccountId) -> Result<u64, HubError> {
        Ok(self.head_mut(account)?.head)
    }

    /// Adds an entry; its number. `item` is the id of the commit or body, `cut` what of a commit is seen.
    pub(super) fn append(
        &mut self,
        account: AccountId,
        kind: Kind,
        item: i64,
        cut: Option<&str>,
    ) -> Result<u64, HubError> {
        let head = self.head_mut(account)?;
        head.head += 1;
        head.grown = true;
        let number = head.head;
        self.connection
            .prepare_cached(
                "INSERT INTO feed (account, number, item, kind, cut, at_ms) VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                Db(account),
                Db(number),
                item,
                kind.number(),
                cut,
                Db(self.now_ms)
            ])?;
        Ok(number)
    }

    /// Says, of an entry that stands, what of its commit is seen.
    pub(super) fn cut(&self, account: AccountId, number: u64, cut: &str) -> Result<(), HubError> {
        self.connection
            .prepare_cached("UPDATE feed SET cut = ? WHERE account = ? AND number = ?")?
            .execute(params![cut, Db(account), Db(number)])?;
        Ok(())
    }

    /// Tells a reader what it sees of an atome's state; `owner` is whose the atome is.
    pub(in crate::hub) fn tell_state(
        &mut self,
        reader: AccountId,
        owner: AccountId,
        atome: AtomeId,
        part: &RawState,
    ) -> Result<(), HubError> {
        let hash = *blake3::hash(part.as_str().as_bytes()).as_bytes();
        let known = self
            .connection
            .prepare_cached("SELECT id FROM bodies WHERE account = ? AND hash = ?")?
            .query_row(params![Db(owner), hash], |row| row.get(0))
            .optional()?;
        let body = match known {
            Some(id) => id,
            None => self.insert_body(owner, Some(atome), Some(hash), part.as_str())?,
        };
        self.append(reader, Kind::State, body, None)?;
        Ok(())
    }

    /// Tells a reader what it may not have any more; the number of the last entry.
    pub(in crate::hub) fn tell_evicted(
        &mut self,
        reader: AccountId,
        atomes: &[AtomeId],
    ) -> Result<u64, HubError> {
        let mut last = 0;
        for some in atomes.chunks(EVICTED_AT_ONCE) {
            let body = self.insert_body(reader, None, None, &serde_json::to_string(some)?)?;
            last = self.append(reader, Kind::Evict, body, None)?;
        }
        Ok(last)
    }

    pub(in crate::hub) fn tell_grant(
        &mut self,
        reader: AccountId,
        grant: &Grant,
    ) -> Result<(), HubError> {
        let body = self.insert_body(reader, None, None, &serde_json::to_string(grant)?)?;
        self.append(reader, Kind::Grant, body, None)?;
        Ok(())
    }

    pub(in crate::hub) fn tell_policy(
        &mut self,
        reader: AccountId,
        policy: &Policy,
    ) -> Result<(), HubError> {
        let body = self.insert_body(reader, None, None, &serde_json::to_string(policy)?)?;
        self.append(reader, Kind::Policy, body, None)?;
        Ok(())
    }

    fn insert_body(
        &self,
        account: AccountId,
        atome: Option<AtomeId>,
        hash: Option<[u8; 32]>,
        body: &str,
    ) -> Result<i64, HubError> {
        self.connection
            .prepare_cached("INSERT INTO bodies (account, atome, hash, body) VALUES (?, ?, ?, ?)")?
            .execute(params![Db(account), atome.map(Db), hash, body])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Writes where the feeds end by now, and who is to hear of it.
    pub(super) fn finish(self) -> Result<Vec<News>, HubError> {
        let grown = self.heads.into_iter().filter(|(_, head)| head.grown);
        grown
            .map(|(account, head)| {
                self.connection
                    .prepare_cached(
                        "INSERT INTO heads (account, head, oldest, oldest_ms) VALUES (?, ?, ?, ?) \
                         ON CONFLICT DO UPDATE SET head = excluded.head, \
                         oldest_ms = coalesce(oldest_ms, excluded.oldest_ms)",
                    )?
                    .execute(params![
                        Db(account),
                        Db(head.head),
                        Db(head.oldest),
                        Db(self.now_ms)
                    ])?;
                Ok(News::Head(account, head.head))
            })
            .collect()
    }
}

//! Admission: what becomes of pushed commits. Step 12 of the way of a write.
//!
//! The engine decides on order and time; here it is asked, inside the one transaction in which commits,
//! feed, states and digest change together.

use std::collections::BTreeMap;

use atome_engine::admission::{self, Order};
use atome_engine::digest::of_content;
use atome_proto::commit::{BadCommit, Commit, RawCommit};
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::sync::v1::{Refusal, Ruling, Verdict};
use atome_proto::{AccountId, Code, ReplicaId};
use rules::Why;
use rusqlite::{Connection, OptionalExtension, params};
use sheaf::Sheaf;

use super::{Admitted, deletion, feed};
use crate::error::HubError;
use crate::sqlite::value::Db;

mod rules;
mod sheaf;

/// A pushed commit, read, and judged by what it says alone.
pub(super) struct Pushed {
    number: u64,
    content: [u8; 32],
    raw: RawCommit,
    commit: Result<Commit, Why>,
}

impl Pushed {
    /// Reads commits that `replica` pushed as its numbers from `first` on.
    pub(super) fn read(
        account: AccountId,
        replica: ReplicaId,
        first: u64,
        commits: impl IntoIterator<Item = RawCommit>,
    ) -> Vec<Self> {
        (first..)
            .zip(commits)
            .map(|(number, raw)| {
                let decoded = raw.decode();
                let content = decoded.as_ref().map_or_else(
                    |_| *blake3::hash(raw.as_str().as_bytes()).as_bytes(),
                    of_content,
                );
                let commit = judge(decoded, account, replica, number);
                Self {
                    number,
                    content,
                    raw,
                    commit,
                }
            })
            .collect()
    }
}

fn judge(
    decoded: Result<Commit, BadCommit>,
    account: AccountId,
    replica: ReplicaId,
    number: u64,
) -> Result<Commit, Why> {
    let commit = decoded.map_err(|error| (Code::BadData, error.to_string()))?;
    if commit.stamp.replica != replica || commit.number != number {
        let message = "the commit does not say the replica and number that it was pushed under";
        return Err((Code::BadData, message.to_owned()));
    }
    if commit.author != account {
        let message = "the commit names another account as its author";
        return Err((Code::NotAllowed, message.to_owned()));
    }
    Ok(commit)
}

/// Decides on pushed commits, in their order.
pub(super) fn admit(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    pushed: Vec<Pushed>,
    now_ms: u64,
) -> Result<Admitted, HubError> {
    if deletion::is_deleted(connection, account)? {
        return Err(HubError::AccountDeleted);
    }
    let mut admission = Admission::begin(connection, account, replica, now_ms)?;
    let mut admitted = Admitted::default();
    for one in pushed {
        let number = one.number;
        let known = || admission.content(number);
        match admission::order(number, admission.decided, || {
            Ok::<_, HubError>(known()?.as_deref() == Some(one.content.as_slice()))
        })? {
            Order::Next => admitted.verdicts.extend(admission.decide(one)?),
            Order::Duplicate => {
                let before = number.saturating_sub(1);
                let said = feed::verdicts(connection, account, replica, before, number)?;
                admitted.verdicts.extend(said);
            }
            Order::Fork => {
                admitted.fork = Some(number);
                break;
            }
            Order::Gap { expected } => {
                admitted.gap = Some(expected);
                break;
            }
        }
        // No more than what was asked about is answered for: of others the verdicts are not told here.
        admitted.number = number;
    }
    admitted.head = admission.head;
    admission.finish()?;
    Ok(admitted)
}

/// The admission of one push of one replica.
struct Admission<'c> {
    connection: &'c Connection,
    account: AccountId,
    replica: ReplicaId,
    now_ms: u64,
    /// The last number decided, and the last time admitted.
    decided: u64,
    last: HybridTime,
    head: u64,
    oldest: u64,
    /// Stamps of this push that were given anew, by the stamp that they came with.
    restamped: BTreeMap<Stamp, Stamp>,
    sheaf: Sheaf<'c>,
}

impl<'c> Admission<'c> {
    fn begin(
        connection: &'c Connection,
        account: AccountId,
        replica: ReplicaId,
        now_ms: u64,
    ) -> Result<Self, HubError> {
        let (head, oldest) = feed::head(connection, account)?;
        let (decided, last) = connection
            .prepare_cached(
                "SELECT number, last_time FROM replicas WHERE account = ? AND replica = ?",
            )?
            .query_row(params![Db(account), Db(replica)], |row| {
                Ok((row.get::<_, Db<_>>(0)?.0, row.get::<_, Db<_>>(1)?.0))
            })
            .optional()?
            .unwrap_or((0, HybridTime::default()));
        Ok(Self {
            connection,
            account,
            replica,
            now_ms,
            decided,
            last,
            head,
            oldest,
            restamped: BTreeMap::new(),
            sheaf: Sheaf::new(connection, account),
        })
    }

    /// The hash of what a commit that is known says.
    fn content(&self, number: u64) -> Result<Option<Vec<u8>>, HubError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT content FROM commits WHERE account = ? AND replica = ? AND number = ?",
        )?;
        let key = params![Db(self.account), Db(self.replica), Db(number)];
        Ok(statement.query_row(key, |row| row.get(0)).optional()?)
    }

    /// Decides on the next commit: takes it, or refuses it alone (`no-poison`).
    fn decide(&mut self, pushed: Pushed) -> Result<Option<Verdict>, HubError> {
        let Pushed {
            number,
            content,
            raw,
            commit,
        } = pushed;
        self.decided = number;
        let ruling = match self.stamp(commit, &raw)? {
            Ok(stamped) => self.take(&stamped, &content)?,
            Err(why) => Some(self.refuse(number, &content, &raw, why)?),
        };
        Ok(ruling.map(|ruling| Verdict { number, ruling }))
    }

    fn refuse(
        &mut self,
        number: u64,
        content: &[u8; 32],
        raw: &RawCommit,
        (code, message): Why,
    ) -> Result<Ruling, HubError> {
        let states = self.sheaf.shown(raw)?;
        let ruling = Ruling::Refused(Box::new(Refusal {
            code,
            message,
            states,
        }));
        self.insert(number, content, None, Some(&ruling), None)?;
        Ok(ruling)
    }

    /// Checks that the commit may be made, and gives it its time. One that is given another keeps the
    /// stamp that it claimed, and what names the stamps of its replica's earlier commits follows theirs.
    fn stamp(
        &mut self,
        commit: Result<Commit, Why>,
        raw: &RawCommit,
    ) -> Result<Result<Stamped, Why>, HubError> {
        let mut commit = match commit {
            Ok(commit) => commit,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(why) = rules::check(&mut self.sheaf, self.account, &commit)? {
            return Ok(Err(why));
        }
        let came = commit.stamp;
        commit.stamp.time = admission::time(came.time, self.last, self.now_ms);
        let mut altered = commit.stamp != came;
        if altered {
            commit.claimed.get_or_insert(came);
        }
        for addend in commit
            .changes
            .iter_mut()
            .flat_map(|change| change.add.values_mut())
        {
            if addend.to.replica == self.replica
                && let Some(stamp) = self.restamped(addend.to)?
            {
                addend.to = stamp;
                altered = true;
            }
        }
        let raw = if altered {
            match RawCommit::encode(&commit) {
                Ok(raw) => raw,
                Err(error) => return Ok(Err((Code::BadData, error.to_string()))),
            }
        } else {
            raw.clone()
        };
        Ok(Ok(Stamped { commit, raw, came }))
    }

    /// The stamp that one of the replica's commits has now, where it came with another.
    fn restamped(&self, came: Stamp) -> Result<Option<Stamp>, HubError> {
        if let Some(stamp) = self.restamped.get(&came) {
            return Ok(Some(*stamp));
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT stamp FROM commits WHERE account = ? AND claimed = ?")?;
        let found = statement.query_row(params![Db(self.account), Db(came)], |row| {
            row.get::<_, Db<Stamp>>(0)
        });
        Ok(found.optional()?.map(|Db(stamp)| stamp))
    }

    fn take(&mut self, stamped: &Stamped, content: &[u8; 32]) -> Result<Option<Ruling>, HubError> {
        let Stamped { commit, raw, came } = stamped;
        let clamped = (commit.stamp != *came).then_some(Ruling::Clamped {
            stamp: commit.stamp,
        });
        self.head += 1;
        self.last = commit.stamp.time;
        let id = self.insert(
            commit.number,
            content,
            Some(raw.as_str()),
            clamped.as_ref(),
            clamped.is_some().then_some((*came, commit.stamp)),
        )?;
        if clamped.is_some() {
            self.restamped.insert(*came, commit.stamp);
        }
        self.connection
            .prepare_cached("INSERT INTO feed (account, number, commit_id) VALUES (?, ?, ?)")?
            .execute(params![Db(self.account), Db(self.head), id])?;
        self.sheaf.add(commit, self.head)?;
        Ok(clamped)
    }

    fn insert(
        &self,
        number: u64,
        content: &[u8; 32],
        body: Option<&str>,
        verdict: Option<&Ruling>,
        restamped: Option<(Stamp, Stamp)>,
    ) -> Result<i64, HubError> {
        let verdict = verdict.map(serde_json::to_string).transpose()?;
        self.connection
            .prepare_cached(
                "INSERT INTO commits (account, replica, number, content, claimed, stamp, verdict, \
                 body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                Db(self.account),
                Db(self.replica),
                Db(number),
                content,
                restamped.map(|(came, _)| Db(came)),
                restamped.map(|(_, stamp)| Db(stamp)),
                verdict,
                body,
            ])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Writes what the commits came to.
    fn finish(self) -> Result<(), HubError> {
        self.sheaf.finish()?;
        self.connection
            .prepare_cached(
                "INSERT INTO replicas (account, replica, number, last_time) VALUES (?, ?, ?, ?) \
                 ON CONFLICT DO UPDATE SET number = excluded.number, last_time = excluded.last_time",
            )?
            .execute(params![
                Db(self.account),
                Db(self.replica),
                Db(self.decided),
                Db(self.last)
            ])?;
        self.connection
            .prepare_cached(
                "INSERT INTO heads (account, head, oldest) VALUES (?, ?, ?) \
                 ON CONFLICT DO UPDATE SET head = excluded.head",
            )?
            .execute(params![Db(self.account), Db(self.head), Db(self.oldest)])?;
        Ok(())
    }
}

/// A commit with the time that it is admitted with, and the stamp that it came with.
struct Stamped {
    commit: Commit,
    raw: RawCommit,
    came: Stamp,
}

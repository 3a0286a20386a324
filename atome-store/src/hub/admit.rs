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
use rusqlite::{Connection, OptionalExtension, params};

use super::fanout::News;
use super::ledger::Ledger;
use super::ledger::rules::{self, Judged, Why};
use super::sharing::acts;
use super::{Admitted, deletion, feed};
use crate::error::HubError;
use crate::sqlite::value::Db;

/// A pushed commit, read, and judged by what it says alone.
struct Pushed {
    number: u64,
    content: [u8; 32],
    raw: RawCommit,
    commit: Result<Commit, Why>,
}

/// Pushed commits that are read: what can be done of a push beside the one thread that writes.
pub struct ReadPush {
    account: AccountId,
    replica: ReplicaId,
    commits: Vec<Pushed>,
}

impl ReadPush {
    /// Reads commits that `replica`, one of the account's, pushed as its numbers from `first` on. One that cannot
    /// be read is one to be refused.
    #[must_use]
    pub fn of(account: AccountId, replica: ReplicaId, first: u64, commits: &[RawCommit]) -> Self {
        let read = |(number, raw): (u64, &RawCommit)| {
            let decoded = raw.decode();
            let content = decoded.as_ref().map_or_else(
                |_| *blake3::hash(raw.as_str().as_bytes()).as_bytes(),
                of_content,
            );
            Pushed {
                number,
                content,
                raw: raw.clone(),
                commit: judge(decoded, account, replica, number),
            }
        };
        Self {
            account,
            replica,
            commits: (first..).zip(commits).map(read).collect(),
        }
    }

    /// About how many bytes it brings.
    pub(super) fn len(&self) -> usize {
        self.commits
            .iter()
            .map(|pushed| pushed.raw.as_str().len())
            .sum()
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

/// Decides on pushed commits, in their order; what became of them, and who has news.
pub(super) fn admit(
    connection: &Connection,
    pushed: ReadPush,
    now_ms: u64,
) -> Result<(Admitted, Vec<News>), HubError> {
    let ReadPush {
        account,
        replica,
        commits,
    } = pushed;
    if deletion::is_deleted(connection, account)? {
        return Err(HubError::AccountDeleted);
    }
    let mut admission = Admission::begin(connection, account, replica, now_ms)?;
    let mut admitted = Admitted::default();
    for one in commits {
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
    admitted.head = admission.ledger.feeds.head(account)?;
    let news = admission.finish()?;
    Ok((admitted, news))
}

/// The admission of one push of one replica.
struct Admission<'c> {
    account: AccountId,
    replica: ReplicaId,
    /// The last number decided, and the last time admitted.
    decided: u64,
    last: HybridTime,
    /// Stamps of this push that were given anew, by the stamp that they came with.
    restamped: BTreeMap<Stamp, Stamp>,
    /// Whether earlier pushes of the account had such stamps.
    had_restamped: bool,
    ledger: Ledger<'c>,
}

impl<'c> Admission<'c> {
    fn begin(
        connection: &'c Connection,
        account: AccountId,
        replica: ReplicaId,
        now_ms: u64,
    ) -> Result<Self, HubError> {
        let (decided, last) = connection
            .prepare_cached(
                "SELECT number, last_time FROM replicas WHERE account = ? AND replica = ?",
            )?
            .query_row(params![Db(account), Db(replica)], |row| {
                Ok((row.get::<_, Db<_>>(0)?.0, row.get::<_, Db<_>>(1)?.0))
            })
            .optional()?
            .unwrap_or((0, HybridTime::default()));
        let had_restamped = connection
            .prepare_cached("SELECT 1 FROM commits WHERE account = ? AND claimed IS NOT NULL")?
            .exists([Db(account)])?;
        Ok(Self {
            account,
            replica,
            decided,
            last,
            restamped: BTreeMap::new(),
            had_restamped,
            ledger: Ledger::new(connection, now_ms),
        })
    }

    /// The hash of what a commit that is known says.
    fn content(&self, number: u64) -> Result<Option<Vec<u8>>, HubError> {
        let mut statement = self.ledger.connection.prepare_cached(
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
        let judged = match commit {
            Ok(commit) => match rules::check(&mut self.ledger, &commit)? {
                Judged::Allowed => Ok(commit),
                Judged::Deferred(on) => {
                    let ruling = Ruling::Deferred { on };
                    self.insert(number, &content, Some(raw.as_str()), Some(&ruling), None)?;
                    return Ok(Some(Verdict { number, ruling }));
                }
                Judged::Refused(why) => Err(why),
            },
            Err(why) => Err(why),
        };
        let stamped = match judged {
            Ok(commit) => self.stamp(commit, &raw)?,
            Err(why) => Err(why),
        };
        let taken = match stamped {
            Ok(stamped) => self.take(&stamped, &content)?,
            Err(why) => Err(why),
        };
        let ruling = match taken {
            Ok(ruling) => ruling,
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
        let states = self.ledger.shown(self.account, raw)?;
        let ruling = Ruling::Refused(Box::new(Refusal {
            code,
            message,
            states,
        }));
        self.insert(number, content, None, Some(&ruling), None)?;
        Ok(ruling)
    }

    /// Gives a commit its time. One that is given another keeps the stamp that it claimed, and what names the
    /// stamps of its replica's earlier commits follows theirs.
    fn stamp(
        &mut self,
        mut commit: Commit,
        raw: &RawCommit,
    ) -> Result<Result<Stamped, Why>, HubError> {
        let came = commit.stamp;
        commit.stamp.time = admission::time(came.time, self.last, self.ledger.now_ms);
        // What names the stamp that an earlier commit came with means that one, and would never mean this.
        while self.restamped(commit.stamp)?.is_some() {
            commit.stamp.time = commit.stamp.time.next();
        }
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
        if !self.had_restamped {
            return Ok(None);
        }
        let mut statement = self
            .ledger
            .connection
            .prepare_cached("SELECT stamp FROM commits WHERE account = ? AND claimed = ?")?;
        let found = statement.query_row(params![Db(self.account), Db(came)], |row| {
            row.get::<_, Db<Stamp>>(0)
        });
        Ok(found.optional()?.map(|Db(stamp)| stamp))
    }

    /// Takes a commit: merges its changes, or carries out its acts, all or none.
    fn take(
        &mut self,
        stamped: &Stamped,
        content: &[u8; 32],
    ) -> Result<Result<Option<Ruling>, Why>, HubError> {
        let Stamped { commit, raw, came } = stamped;
        if let Err(why) = acts::all(&mut self.ledger, commit.author, &commit.acts)? {
            return Ok(Err(why));
        }
        let clamped = (commit.stamp != *came).then_some(Ruling::Clamped {
            stamp: commit.stamp,
        });
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
        if !commit.changes.is_empty() {
            self.ledger.take(commit, id)?;
        }
        Ok(Ok(clamped))
    }

    fn insert(
        &self,
        number: u64,
        content: &[u8; 32],
        body: Option<&str>,
        verdict: Option<&Ruling>,
        restamped: Option<(Stamp, Stamp)>,
    ) -> Result<i64, HubError> {
        let connection = self.ledger.connection;
        let deferred = matches!(verdict, Some(Ruling::Deferred { .. }));
        let verdict = verdict.map(serde_json::to_string).transpose()?;
        connection
            .prepare_cached(
                "INSERT INTO commits (account, replica, number, content, claimed, stamp, verdict, \
                 body, deferred) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                deferred,
            ])?;
        Ok(connection.last_insert_rowid())
    }

    /// Writes what the commits came to; who has news.
    fn finish(self) -> Result<Vec<News>, HubError> {
        self.ledger
            .connection
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
        self.ledger.finish()
    }
}

/// A commit with the time that it is admitted with, and the stamp that it came with.
struct Stamped {
    commit: Commit,
    raw: RawCommit,
    came: Stamp,
}

//! Whether a hub's database is what it must be: sound as a file, and each part of it agreeing with the others.

use std::path::Path;
use std::time::Duration;

use atome_engine::digest::add_state;
use atome_engine::merge::join;
use atome_proto::digest::Buckets;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, ReplicaId};
use rusqlite::Connection;

use super::{states, upkeep};
use crate::error::{Fault, HubError, OpenError};
use crate::examine::{self, Soundness};
use crate::sqlite;
use crate::sqlite::value::Db;

/// Bytes of states that are read at a time.
const PAGE_LEN: usize = 4 << 20;
/// Longest check of the file itself.
const FILE_CHECK_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Accounts whose data is still being taken away are not looked at.
const NOT_GOING: &str = "NOT IN (SELECT account FROM deleted WHERE NOT purged)";

/// Looks for everything that is wrong with a hub's database, at one moment; a hub may run on it. What is wrong,
/// a line each, in words.
///
/// # Errors
///
/// [`OpenError`], where the file cannot be looked at, or its schema is not this program's.
pub fn check(database: &Path) -> Result<Vec<String>, OpenError> {
    upkeep::look_current(database)?;
    let failed = |fault| OpenError::of(database, fault);
    if let Soundness::Damaged(lines) = examine::check(database, FILE_CHECK_MAX).map_err(failed)? {
        let file = |line| format!("the file is damaged: {line}");
        return Ok(lines.into_iter().map(file).collect());
    }
    let look = || -> Result<Vec<String>, HubError> {
        let connection = sqlite::open_reader(database)?;
        let moment = connection.unchecked_transaction().map_err(Fault::from)?;
        agreement(&moment)
    };
    look().map_err(|error| failed(Fault::Corrupt(error.to_string())))
}

/// What of a database does not agree with the rest of it.
pub(super) fn agreement(connection: &Connection) -> Result<Vec<String>, HubError> {
    let mut wrong = vec![];
    feeds(connection, &mut wrong)?;
    entries(connection, &mut wrong)?;
    replicas(connection, &mut wrong)?;
    for account in accounts(connection)? {
        digest(connection, account, &mut wrong)?;
    }
    Ok(wrong)
}

/// `gapless-feed`: from the oldest number to the head there is every entry, and no other.
fn feeds(connection: &Connection, wrong: &mut Vec<String>) -> Result<(), HubError> {
    let sql = format!(
        "SELECT a.account, coalesce(h.head, 0), coalesce(h.oldest, 1), count(f.number), \
         coalesce(min(f.number), h.oldest, 1), coalesce(max(f.number), h.head, 0) \
         FROM (SELECT account FROM heads UNION SELECT account FROM feed) a \
         LEFT JOIN heads h ON h.account = a.account LEFT JOIN feed f ON f.account = a.account \
         WHERE a.account {NOT_GOING} GROUP BY a.account"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let account = row.get::<_, Db<AccountId>>(0)?.0;
        let number = |at| Ok::<_, HubError>(row.get::<_, Db<u64>>(at)?.0);
        let (head, oldest, count) = (number(1)?, number(2)?, number(3)?);
        let (first, last) = (number(4)?, number(5)?);
        let kept = (head + 1).saturating_sub(oldest);
        if count != kept || (count > 0 && (first, last) != (oldest, head)) {
            wrong.push(format!(
                "account {account}: its feed should have {kept} entries, {oldest} to {head}; \
                 it has {count}, {first} to {last}"
            ));
        }
    }
    Ok(())
}

/// Every entry has the commit or the body that it names; but what a deleted account made went with it.
fn entries(connection: &Connection, wrong: &mut Vec<String>) -> Result<(), HubError> {
    let mut statement = connection.prepare(&format!(
        "SELECT f.account, f.number, c.id IS NULL AND b.id IS NULL FROM feed f \
         LEFT JOIN commits c ON f.kind = 0 AND c.id = f.item \
         LEFT JOIN bodies b ON f.kind <> 0 AND b.id = f.item \
         WHERE f.account {NOT_GOING} AND coalesce(c.body, b.body) IS NULL \
         AND NOT (c.id IS NULL AND b.id IS NULL AND EXISTS (SELECT 1 FROM deleted)) LIMIT 20"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let account = row.get::<_, Db<AccountId>>(0)?.0;
        let number = row.get::<_, Db<u64>>(1)?.0;
        let what = if row.get(2)? {
            "is not there"
        } else {
            "has no body"
        };
        wrong.push(format!(
            "account {account}: what entry {number} of its feed names {what}"
        ));
    }
    Ok(())
}

/// `gapless-replica`: every commit up to the last one that is decided is there, once.
fn replicas(connection: &Connection, wrong: &mut Vec<String>) -> Result<(), HubError> {
    let mut statement = connection.prepare(&format!(
        "SELECT r.account, r.replica, r.number, count(c.id), coalesce(max(c.number), 0) FROM replicas r \
         LEFT JOIN commits c ON c.account = r.account AND c.replica = r.replica \
         WHERE r.account {NOT_GOING} GROUP BY r.account, r.replica \
         HAVING count(c.id) <> r.number OR coalesce(max(c.number), 0) <> r.number"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let account = row.get::<_, Db<AccountId>>(0)?.0;
        let replica = row.get::<_, Db<ReplicaId>>(1)?.0;
        let number = |at| Ok::<_, HubError>(row.get::<_, Db<u64>>(at)?.0);
        let (decided, count, last) = (number(2)?, number(3)?, number(4)?);
        wrong.push(format!(
            "account {account}: of replica {replica} {decided} commits are decided; \
             {count} are there, the last one is {last}"
        ));
    }
    Ok(())
}

fn accounts(connection: &Connection) -> Result<Vec<AccountId>, HubError> {
    let mut statement = connection.prepare("SELECT account FROM accounts ORDER BY account")?;
    let rows = statement.query_map([], |row| Ok(row.get::<_, Db<AccountId>>(0)?.0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The digest that is kept is that of what the account sees.
fn digest(
    connection: &Connection,
    account: AccountId,
    wrong: &mut Vec<String>,
) -> Result<(), HubError> {
    let mut seen = Buckets::default();
    let (mut after, mut atomes) = (None, 0u64);
    let total = loop {
        let page = states::page(connection, account, after, PAGE_LEN)?;
        let mut whole: Option<AtomeState> = None;
        for raw in &page.states {
            let part = match raw.decode() {
                Ok(part) => part,
                Err(error) => {
                    wrong.push(format!(
                        "account {account}: a state cannot be read: {error}"
                    ));
                    continue;
                }
            };
            // Long ones come in parts, one behind the other.
            whole = Some(match whole.take() {
                Some(before) if before.atome == part.atome => join(before, &part),
                before => {
                    atomes += u64::from(before.is_some());
                    before.iter().for_each(|state| add_state(&mut seen, state));
                    part
                }
            });
        }
        atomes += u64::from(whole.is_some());
        whole.iter().for_each(|state| add_state(&mut seen, state));
        after = page.last;
        if after.is_none() {
            break page.total;
        }
    };
    let (_, kept) = states::digest(connection, account)?;
    if kept != seen {
        let differing = kept.differing(&seen);
        let buckets: Vec<String> = differing
            .into_iter()
            .map(|bucket| format!("{bucket:02x}"))
            .collect();
        wrong.push(format!(
            "account {account}: its digest is not that of its atomes, in buckets {}",
            buckets.join(" ")
        ));
    }
    if total != atomes {
        wrong.push(format!(
            "account {account}: it has {atomes} atomes, and counts {total}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::upkeep::{CopyError, back_up, figures, restore};
    use crate::{Durability, HubDb};
    use atome_proto::Epoch;

    /// A hub with one account's feed of three commits to two atomes, written by hand.
    fn hub(dir: &Path) -> std::path::PathBuf {
        let path = dir.join("hub/hub.db");
        let mut hub = HubDb::open(&path, Durability::Normal).unwrap();
        crate::hub::conformance::fill(&mut hub);
        path
    }

    #[test]
    fn what_is_damaged_is_found_and_named() {
        let sound: [String; 0] = [];
        for (sql, named) in [
            (
                "DELETE FROM feed WHERE number = 2",
                "should have 5 entries, 1 to 5; it has 4",
            ),
            ("DELETE FROM feed WHERE number = 1", "it has 4, 2 to 5"),
            ("UPDATE heads SET head = 9", "should have 9 entries"),
            ("DELETE FROM heads", "should have 0 entries"),
            (
                "DELETE FROM commits WHERE number = 2",
                "entry 2 of its feed names is not there",
            ),
            (
                "UPDATE commits SET body = NULL WHERE number = 3",
                "names has no body",
            ),
            (
                "UPDATE replicas SET number = 4",
                "4 commits are decided; 5 are there",
            ),
            (
                "UPDATE states SET body = replace(body, '\"t\"', '\"u\"')",
                "digest is not that",
            ),
            (
                "UPDATE digests SET digest = zeroblob(32) WHERE bucket = 1",
                "in buckets 01",
            ),
            (
                "DELETE FROM states WHERE made = 1",
                "has 4 atomes, and counts 5",
            ),
            ("UPDATE states SET body = '{}'", "a state cannot be read"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = hub(dir.path());
            assert_eq!(check(&path).unwrap(), sound);
            let connection = Connection::open(&path).unwrap();
            assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
            drop(connection);
            let found = check(&path).unwrap().join("\n");
            assert!(found.contains(named), "{sql}: {found}");
        }
    }

    #[test]
    fn a_copy_is_put_back_as_another_life_and_nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = hub(dir.path());
        let before = figures(&path).unwrap();
        assert_eq!(
            (before.atomes, before.commits, before.feed_entries),
            (5, 5, 5)
        );
        let copy = dir.path().join("copy.db");
        // A writer is at work meanwhile, and what it has not committed is not copied.
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM feed")
            .unwrap();
        back_up(&path, &copy).unwrap();
        drop(writer);
        let mode = std::os::unix::fs::PermissionsExt::mode(&copy.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(back_up(&path, &copy), Err(CopyError::Exists(_))));
        assert!(matches!(
            restore(&copy, &path, Epoch(5)),
            Err(CopyError::Exists(_))
        ));
        let missing = dir.path().join("none.db");
        assert!(matches!(
            back_up(&missing, &dir.path().join("x")),
            Err(CopyError::Missing(_))
        ));
        let bytes = std::fs::read(&copy).unwrap();
        let anew = dir.path().join("new/state/hub.db");
        restore(&copy, &anew, Epoch(5)).unwrap();
        assert_eq!(
            bytes,
            std::fs::read(&copy).unwrap(),
            "the copy stays as it is"
        );
        let after = figures(&anew).unwrap();
        assert_eq!(
            (after.identity.hub, after.identity.epoch),
            (before.identity.hub, Epoch(5))
        );
        assert_eq!(after.feed_entries, 5);
        assert_eq!(check(&anew).unwrap(), [] as [String; 0]);
        drop(HubDb::open(&anew, Durability::Normal).unwrap());
        let left: Vec<_> = std::fs::read_dir(anew.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["hub.db"], "nothing else is left behind");
    }

    #[test]
    fn what_is_no_database_of_a_hub_is_not_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let anew = dir.path().join("state/hub.db");
        let junk = dir.path().join("junk");
        std::fs::write(
            &junk,
            "no database, however long this text may be, and it is",
        )
        .unwrap();
        assert!(matches!(
            restore(&junk, &anew, Epoch(5)),
            Err(CopyError::Open(_))
        ));
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        assert!(matches!(
            restore(&empty, &anew, Epoch(5)),
            Err(CopyError::Damaged { .. })
        ));
        let path = hub(dir.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[8192..].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        assert!(restore(&path, &anew, Epoch(5)).is_err());
        assert!(!anew.exists());
    }
}

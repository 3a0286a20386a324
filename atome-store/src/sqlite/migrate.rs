//! Migrations: forward only, each in one transaction, counted by `PRAGMA user_version`.
//!
//! To change a schema, add `migrations/<store>/NNNN_name.sql` with the next number and its line in the
//! list below. A file that was released is frozen: the test below holds its hash.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Fault, OpenError};

/// A kind of store: what its files are, and every migration from nothing to now.
pub(crate) struct Kind {
    /// What it is, in a message.
    pub(crate) name: &'static str,
    /// `PRAGMA application_id` of its files: "At" and a number.
    pub(crate) application_id: i32,
    /// The SQL of each migration.
    pub(crate) migrations: &'static [&'static str],
}

/// One account's replica.
pub(crate) const REPLICA: Kind = Kind {
    name: "a replica store of Atome",
    application_id: 0x4174_0101,
    migrations: &[
        include_str!("../../migrations/replica/0001_initial.sql"),
        include_str!("../../migrations/replica/0002_sharing.sql"),
        include_str!("../../migrations/replica/0003_restored.sql"),
        include_str!("../../migrations/replica/0004_offers.sql"),
    ],
};
/// The machine's accounts.
pub(crate) const MACHINE: Kind = Kind {
    name: "a machine store of Atome",
    application_id: 0x4174_0102,
    migrations: &[
        include_str!("../../migrations/machine/0001_initial.sql"),
        include_str!("../../migrations/machine/0002_accounts.sql"),
    ],
};
/// The hub.
pub(crate) const HUB: Kind = Kind {
    name: "a hub store of Atome",
    application_id: 0x4174_0103,
    migrations: &[
        include_str!("../../migrations/hub/0001_initial.sql"),
        include_str!("../../migrations/hub/0002_accounts.sql"),
        include_str!("../../migrations/hub/0003_sharing.sql"),
        include_str!("../../migrations/hub/0004_horizon.sql"),
    ],
};

impl Kind {
    /// The newest schema that this program knows.
    pub(crate) fn known(&self) -> u32 {
        u32::try_from(self.migrations.len()).unwrap_or(u32::MAX)
    }
}

/// Looks, without writing, at what schema a file has; 0 where it is still empty.
pub(crate) fn look(path: &Path, kind: &Kind) -> Result<u32, OpenError> {
    let failed = |source: Fault| OpenError::Fault {
        path: path.to_owned(),
        source,
    };
    let foreign = || OpenError::Foreign {
        path: path.to_owned(),
        expected: kind.name,
    };
    let empty = path.metadata().is_ok_and(|metadata| metadata.len() == 0);
    if empty {
        return Ok(0);
    }
    let (application_id, found, tables) = match read_header(path) {
        Ok(header) => header,
        Err(Fault::Corrupt(_)) => return Err(foreign()),
        Err(fault) => return Err(failed(fault)),
    };
    if application_id != kind.application_id && (application_id, found, tables) != (0, 0, 0) {
        return Err(foreign());
    }
    let known = kind.known();
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}

fn read_header(path: &Path) -> Result<(i32, u32, i64), Fault> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    Ok((
        i32::try_from(number("PRAGMA application_id")?).unwrap_or_default(),
        u32::try_from(version).unwrap_or(u32::MAX),
        number("SELECT count(*) FROM sqlite_master")?,
    ))
}

/// Brings the schema to the newest.
pub(crate) fn migrate(connection: &mut Connection, kind: &Kind) -> Result<(), Fault> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (version, sql) in (1u32..).zip(kind.migrations) {
        if version <= found {
            continue;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", kind.application_id)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of every migration that was ever released. Add a line for a new one; never change one.
    const FROZEN: &[(&Kind, &[&str])] = &[
        (
            &REPLICA,
            &[
                "c1971e07f4eee3dc",
                "4cd90d044b0266d9",
                "0cdaaaf53e0e187d",
                "08c9317d45783691",
            ],
        ),
        (&MACHINE, &["1e308b0bae4c28c4", "b39be4152497e73d"]),
        (
            &HUB,
            &[
                "cf8617ad10625fd1",
                "6cb9f8a6d6ecbebb",
                "a9e40ab8d8f896de",
                "f5e5dafd9deec702",
            ],
        ),
    ];

    fn schema(connection: &Connection) -> Vec<(String, String)> {
        let mut statement = connection
            .prepare("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn migrated_equals_fresh() {
        for (kind, _) in FROZEN {
            let mut fresh = Connection::open_in_memory().unwrap();
            migrate(&mut fresh, kind).unwrap();
            for first in 0..kind.migrations.len() {
                let older = Kind {
                    migrations: &kind.migrations[..first],
                    ..**kind
                };
                let mut migrated = Connection::open_in_memory().unwrap();
                migrate(&mut migrated, &older).unwrap();
                migrate(&mut migrated, kind).unwrap();
                assert_eq!(schema(&migrated), schema(&fresh));
                let version: u32 = migrated
                    .query_row("PRAGMA user_version", [], |row| row.get(0))
                    .unwrap();
                assert_eq!(version, kind.known());
            }
        }
    }

    #[test]
    fn released_migrations_are_frozen() {
        for (kind, hashes) in FROZEN {
            let found: Vec<String> = kind
                .migrations
                .iter()
                .map(|sql| blake3::hash(sql.as_bytes()).to_hex()[..16].to_owned())
                .collect();
            assert_eq!(found, *hashes, "of {}", kind.name);
        }
    }

    #[test]
    fn a_hub_of_schema_3_keeps_the_way_to_its_commits() {
        let older = Kind {
            migrations: &HUB.migrations[..3],
            ..HUB
        };
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &older).unwrap();
        connection
            .execute_batch(
                "INSERT INTO feed (account, number, item, kind) \
                 VALUES (x'01', 1, 70, 0), (x'01', 2, 5, 1), (x'01', 3, 90, 0);
                 INSERT INTO touched (account, atome, feed) VALUES (x'01', x'0a', 3);
                 INSERT INTO states (account, atome, made, body) \
                 VALUES (x'01', x'0a', 1, ''), (x'01', x'0b', 2, '');
                 INSERT INTO heads (account, head, oldest) VALUES (x'01', 3, 1), (x'02', 0, 1);",
            )
            .unwrap();
        migrate(&mut connection, &HUB).unwrap();
        let numbers = |sql| -> Vec<i64> {
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        assert_eq!(numbers("SELECT commit_id FROM touched"), [90]);
        assert_eq!(
            numbers("SELECT made FROM states ORDER BY atome"),
            [70, 0],
            "a copy has no commit that made it"
        );
        let young = "SELECT oldest_ms > 1700000000000 FROM heads WHERE oldest_ms IS NOT NULL";
        assert_eq!(numbers(young), [1]);
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing() {
        let kind = Kind {
            migrations: &[
                "CREATE TABLE a (x)",
                "CREATE TABLE b (x); CREATE TABLE a (x)",
            ],
            ..REPLICA
        };
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &kind).unwrap_err();
        assert_eq!(schema(&connection).len(), 1);
        let version: u32 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(version, 1);
    }
}

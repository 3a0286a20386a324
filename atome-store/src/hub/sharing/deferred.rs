//! Commits that came before the grant that they need: decided when it has come.

use atome_proto::AccountId;
use atome_proto::commit::RawCommit;
use rusqlite::params;

use crate::error::{Fault, HubError};
use crate::hub::ledger::Ledger;
use crate::hub::ledger::rules::{self, Judged};
use crate::sqlite::value::Db;

/// Takes those of an account's commits that may be made by now, in the order in which they came. The feed
/// tells their replica.
pub(super) fn decide(ledger: &mut Ledger<'_>, account: AccountId) -> Result<(), HubError> {
    let connection = ledger.connection;
    let waiting: Vec<(i64, String)> = connection
        .prepare_cached("SELECT id, body FROM commits WHERE account = ? AND deferred ORDER BY id")?
        .query_map([Db(account)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, body) in waiting {
        let commit = RawCommit::from_text(body)?
            .decode()
            .map_err(|error| Fault::Corrupt(error.to_string()))?;
        if let Judged::Allowed = rules::check(ledger, &commit)? {
            connection
                .prepare_cached("UPDATE commits SET deferred = FALSE, verdict = NULL WHERE id = ?")?
                .execute(params![id])?;
            ledger.take(&commit, id)?;
        }
    }
    Ok(())
}

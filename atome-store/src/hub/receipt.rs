//! What became of a commit, for whoever has its receipt.

use atome_proto::AccountId;
use atome_proto::commit::RawCommit;
use atome_proto::stamp::Stamp;
use atome_proto::sync::v1::{AskReceipt, Receipt, Standing};
use rusqlite::{Connection, OptionalExtension, params};

use super::feed;
use crate::error::{Fault, HubError};
use crate::sqlite::value::Db;

pub(super) fn read(
    connection: &Connection,
    reader: AccountId,
    ask: &AskReceipt,
) -> Result<Receipt, HubError> {
    let standing = standing(connection, ask)?;
    // Read after what became of it: whatever the reader may see of it stands at or before that.
    let (head, _) = feed::head(connection, reader)?;
    Ok(Receipt {
        ask: ask.ask,
        standing,
        head,
    })
}

fn standing(connection: &Connection, ask: &AskReceipt) -> Result<Standing, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT deferred, claimed, body FROM commits WHERE account = ? AND replica = ? AND number = ?",
    )?;
    let key = params![Db(ask.author), Db(ask.stamp.replica), Db(ask.number)];
    let found = statement.query_row(key, |row| {
        let claimed: Option<Db<Stamp>> = row.get(1)?;
        let body: Option<String> = row.get(2)?;
        Ok((row.get::<_, bool>(0)?, claimed.map(|Db(it)| it), body))
    });
    let Some((deferred, claimed, body)) = found.optional()? else {
        return Ok(Standing::Unknown);
    };
    let Some(body) = body else {
        return Ok(Standing::Refused);
    };
    let came_under = match claimed {
        Some(claimed) => claimed,
        None => {
            let commit = RawCommit::from_text(body)?.decode();
            commit
                .map_err(|error| Fault::Corrupt(error.to_string()))?
                .stamp
        }
    };
    Ok(if came_under != ask.stamp {
        Standing::Renumbered
    } else if deferred {
        Standing::Deferred
    } else {
        Standing::Accepted
    })
}

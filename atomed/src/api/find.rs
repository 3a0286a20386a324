//! `GET /v1/find`: the atomes in whose texts words stand; `POST /v1/index`: has that index read what it lacks.

use atome_proto::local::v1::IndexProgress;
use atome_proto::{Code, Problem};
use atome_store::ReplicaStore;
use atome_store::replica::{Wanted, Words};

use super::query::Query;
use super::reply::{self, Cut, Handled, Lines};
use super::route::Asked;
use super::view::show;
use crate::accounts::Account;
use crate::stop::Stop;
use crate::store_problem::problem;
use crate::sync::stopping;

pub(super) async fn find(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let wanted = read(&mut asked.query)?;
    asked.query.done()?;
    let stop = asked.shared.stop.clone();
    reply::lines(|lines| answer(account, wanted, stop, lines))
}

pub(super) fn read(query: &mut Query) -> Result<Wanted, Problem> {
    let text = query.text("text")?.unwrap_or_default();
    let words = Words::parse(&text).map_err(|error| {
        Problem::new(Code::BadRequest, error.to_string()).hint(
            "write words, the beginning of one with a * after it, or a phrase in double quotes",
        )
    })?;
    let limit: Option<u64> = query.number("limit")?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    Ok(Wanted {
        words,
        type_name: query.text("type")?,
        limit: limit.unwrap_or(usize::MAX),
    })
}

async fn answer(account: Account, wanted: Wanted, stop: Stop, mut lines: Lines) -> Result<(), Cut> {
    while advance(&account.store, &stop).await? > 0 {}
    let found = account.store.find(wanted).await;
    let found = found.map_err(|e| problem(&e))?;
    show(&account.store, &found, false, &mut lines).await
}

pub(super) async fn index(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    let stop = asked.shared.stop.clone();
    reply::lines(|lines| read_all(account, stop, lines))
}

async fn read_all(account: Account, stop: Stop, mut lines: Lines) -> Result<(), Cut> {
    loop {
        let left = advance(&account.store, &stop).await?;
        lines.push(&IndexProgress { left }).await?;
        lines.flush().await?;
        if left == 0 {
            return Ok(());
        }
    }
}

/// Has a part read; how much is left.
async fn advance(store: &ReplicaStore, stop: &Stop) -> Result<u64, Problem> {
    tokio::select! {
        left = store.advance_index() => left.map_err(|e| problem(&e)),
        () = stop.ordered() => Err(stopping()),
    }
}

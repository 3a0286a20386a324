//! One atome: as it is, and what it has been.

use super::reference::{missing, resolve};
use super::reply::{self, Handled};
use super::route::Asked;
use super::view::Viewer;
use crate::store_problem::problem;

pub(super) async fn get(mut asked: Asked<'_>, reference: &str) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    let id = resolve(&account.store, account.id, reference).await?;
    let state = account.store.get(id).await.map_err(|e| problem(&e))?;
    let state = state.ok_or_else(|| missing(reference))?;
    reply::ok(&Viewer::of(&account.store).view(&state).await?)
}

pub(super) async fn history(mut asked: Asked<'_>, reference: &str) -> Handled {
    let account = asked.account().await?;
    let key = asked.query.text("key")?;
    asked.query.done()?;
    let id = resolve(&account.store, account.id, reference).await?;
    let state = account.store.get(id).await.map_err(|e| problem(&e))?;
    state.ok_or_else(|| missing(reference))?;
    let history = account.store.history(id, key).await;
    reply::ok(&history.map_err(|e| problem(&e))?)
}

//! `GET /v1/tree`: atomes below one, or all of them, depth first.

use atome_proto::AtomeId;
use atome_proto::local::v1::TreeLine;
use atome_proto::state::AtomeState;

use super::reference::{missing, resolve};
use super::reply::{self, Cut, Handled, Lines};
use super::route::Asked;
use crate::accounts::Account;
use crate::store_problem::problem;

/// The deepest level that is shown. Rings are cut, so that only a chain as long as this could reach it.
const DEPTH_MAX: usize = 1_000;

pub(super) async fn tree(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let root = asked.query.text("root")?;
    asked.query.done()?;
    let root = match root {
        None => None,
        Some(reference) => {
            let id = resolve(&account.store, account.id, &reference).await?;
            let state = account.store.get(id).await.map_err(|e| problem(&e))?;
            Some(state.ok_or_else(|| missing(&reference))?)
        }
    };
    reply::lines(|lines| walk(account, root, lines))
}

/// Walks down. What is held is one list of siblings a level.
async fn walk(account: Account, root: Option<AtomeState>, mut lines: Lines) -> Result<(), Cut> {
    let mut levels: Vec<std::vec::IntoIter<TreeLine>> = Vec::new();
    match root {
        Some(root) => levels.push(vec![line(&root, 0)].into_iter()),
        None => levels.push(siblings(&account, None, 0).await?),
    }
    while let Some(level) = levels.last_mut() {
        let Some(line) = level.next() else {
            levels.pop();
            continue;
        };
        lines.push(&line).await?;
        if levels.len() < DEPTH_MAX {
            levels.push(siblings(&account, Some(line.id), line.depth + 1).await?);
        }
    }
    lines.flush().await
}

/// The atomes directly below one, or those at the top, by name then id.
async fn siblings(
    account: &Account,
    parent: Option<AtomeId>,
    depth: u32,
) -> Result<std::vec::IntoIter<TreeLine>, Cut> {
    let children = account.store.children(parent).await;
    let children = children.map_err(|e| problem(&e))?;
    let mut lines: Vec<TreeLine> = children.iter().map(|state| line(state, depth)).collect();
    lines.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    Ok(lines.into_iter())
}

fn line(state: &AtomeState, depth: u32) -> TreeLine {
    let text = |key: &str| state.value(key).and_then(|value| value.to_text());
    TreeLine {
        depth,
        id: state.atome,
        key: state.key.clone(),
        type_name: state.type_name(),
        name: text("name").or_else(|| text("title")),
    }
}

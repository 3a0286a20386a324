//! `get`, `list`, `find`, `tree`, `watch`.

use atome_client::{ClientError, Lines};
use atome_proto::local::v1::{AtomeView, FindQuery, ListQuery};
use atome_proto::{Code, Problem};
use serde::Deserialize;

use crate::cli::{Find, List};
use crate::cmd::or_dash;
use crate::context::Context;
use crate::fault::Fault;
use crate::out::{Out, draw_tree};

/// Shows each atome; what cannot be shown is told, and the others are shown all the same.
pub(super) async fn get(context: &mut Context, ids: &[String]) -> Result<(), Fault> {
    if let [id] = ids {
        let atome = context.client.get(id).await?;
        return show(&mut context.out, &atome);
    }
    let mut missing = None;
    let mut atomes = Vec::new();
    for id in ids {
        match context.client.get(id).await {
            Ok(atome) => atomes.push(atome),
            Err(ClientError::Problem(problem)) => {
                missing = missing.or(Some(problem.code));
                context.say.error(&problem);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if context.out.is_table() {
        for (i, atome) in atomes.iter().enumerate() {
            if i > 0 {
                context.out.line(b"")?;
            }
            show(&mut context.out, atome)?;
        }
    } else {
        let mut listing = context.out.listing(&[]);
        for atome in &atomes {
            listing.push(atome, |_| Vec::new())?;
        }
        listing.finish()?;
    }
    missing.map_or(Ok(()), |code| Err(Fault::Told(code)))
}

fn show(out: &mut Out, atome: &AtomeView) -> Result<(), Fault> {
    if !out.is_table() {
        return Ok(out.document(atome, |_| Vec::new())?);
    }
    let mut fields = vec![("id", atome.id.to_string())];
    let mut field = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    field("key", atome.key.clone());
    field("type", Some(atome.type_name.clone()));
    field("kind", atome.kind.clone());
    field("parent", atome.parent.map(|id| id.to_string()));
    field("owner", Some(atome.owner.to_string()));
    field("creator", Some(atome.creator.to_string()));
    field("created", Some(atome.created_at.clone()));
    field("updated", Some(atome.updated_at.clone()));
    field("deleted", atome.deleted.then(|| "yes".to_owned()));
    out.fields(&fields)?;
    if atome.properties.is_empty() {
        return Ok(());
    }
    out.line(b"")?;
    let mut listing = out.listing(&["PARTICLE", "VALUE"]);
    for (key, value) in &atome.properties {
        listing.push(value, |value| {
            vec![key.to_string(), value.as_str().to_owned()]
        })?;
    }
    Ok(listing.finish()?)
}

pub(super) async fn list(context: &mut Context, list: List) -> Result<(), Fault> {
    let query = ListQuery {
        type_name: list.type_name,
        parent: list.parent,
        wheres: list.wheres.into_iter().map(|clause| clause.0).collect(),
        order: list.order,
        limit: list.limit,
        deleted: list.deleted,
        seed: false,
    };
    let atomes = context.client.list(&query).await?;
    print(&mut context.out, atomes).await
}

pub(super) async fn find(context: &mut Context, find: Find) -> Result<(), Fault> {
    if context.progress.watched() {
        read_index(context).await?;
    }
    let query = FindQuery {
        text: find.text.join(" "),
        type_name: find.type_name,
        limit: find.limit,
    };
    let atomes = context.client.find(&query).await?;
    print(&mut context.out, atomes).await
}

/// Shows how far the index is that a search is made with; without a person who watches, the search itself waits for it.
async fn read_index(context: &Context) -> Result<(), Fault> {
    let mut progress = context.client.index().await?;
    let mut shown = None;
    while let Some(line) = progress.next().await {
        let left = line?.left;
        if left > 0 {
            let bar = shown.get_or_insert_with(|| context.progress.count("reading texts", left));
            bar.set_position(bar.length().unwrap_or_default().saturating_sub(left));
        }
    }
    if let Some(bar) = shown {
        bar.finish_and_clear();
    }
    Ok(())
}

async fn print(out: &mut Out, mut atomes: Lines<AtomeView>) -> Result<(), Fault> {
    let mut listing = out.listing(&["ID", "TYPE", "KEY", "NAME"]);
    while let Some(atome) = atomes.next().await {
        listing.push(&atome?, |atome| {
            vec![
                atome.id.to_string(),
                atome.type_name.clone(),
                or_dash(atome.key.as_ref()),
                or_dash(name_of(atome)),
            ]
        })?;
    }
    Ok(listing.finish()?)
}

fn name_of(atome: &AtomeView) -> Option<String> {
    let text = |key: &str| atome.properties.get(key)?.to_text();
    text("name").or_else(|| text("title"))
}

pub(super) async fn tree(context: &mut Context, root: Option<&str>) -> Result<(), Fault> {
    let mut answer = context.client.tree(root).await?;
    if context.out.is_table() {
        let mut lines = Vec::new();
        while let Some(line) = answer.next().await {
            lines.push(line?);
        }
        for line in draw_tree(&lines) {
            context.out.line(line.as_bytes())?;
        }
        return Ok(());
    }
    let mut listing = context.out.listing(&[]);
    while let Some(line) = answer.next().await {
        listing.push(&line?, |_| Vec::new())?;
    }
    Ok(listing.finish()?)
}

/// The one field of a change that is read here.
#[derive(Deserialize)]
struct At {
    cursor: u64,
}

/// Prints changes as they come. It ends when the daemon stops: then it says where to go on.
pub(super) async fn watch(
    context: &mut Context,
    type_name: Option<&str>,
    since: Option<u64>,
) -> Result<(), Fault> {
    let mut answer = context.client.watch(type_name, since).await?;
    let mut cursor = since;
    while let Some(line) = answer.next_line().await {
        let line = match line {
            Ok(line) => line,
            Err(ClientError::NoDaemon { .. }) => break,
            Err(error) => return Err(error.into()),
        };
        context.out.line(&line)?;
        context.out.flush()?;
        if let Ok(At { cursor: at }) = serde_json::from_slice(&line) {
            cursor = Some(at);
        }
    }
    let problem = Problem::new(Code::NoDaemon, "the daemon has stopped");
    Err(match cursor {
        Some(cursor) => problem.hint(format!(
            "when it is there again, go on with 'atomectl watch --since {cursor}'"
        )),
        None => problem.hint("start atomed, and watch again"),
    }
    .into())
}

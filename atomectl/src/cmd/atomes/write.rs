//! `create`, `set`, `unset`, `add`, `delete`, `undelete`, `move`: each is one commit.

use std::collections::BTreeSet;

use atome_proto::AtomeId;
use atome_proto::commit::Key;
use atome_proto::local::v1::{NewAtome, Operation, Write, WriteReply};
use serde::Serialize;

use crate::arg::pair::{BadPair, collect, parse, parse_number};
use crate::cli::{Create, Place};
use crate::context::Context;
use crate::fault::Fault;

/// Makes an atome and prints it: its id for people, all of it for programs.
pub(super) async fn create(context: &mut Context, create: Create) -> Result<(), Fault> {
    let id = create.id.as_deref().map(parse_id).transpose()?;
    let operation = Operation {
        create: Some(NewAtome {
            type_name: create.type_name,
            kind: create.kind,
            id,
            key: create.key,
        }),
        set: collect(&create.pairs, parse)?,
        parent: create.parent,
        ..Operation::default()
    };
    let reply = write(context, vec![operation]).await?;
    for id in &reply.atomes {
        if context.out.is_table() {
            context.out.line(id.to_string().as_bytes())?;
            continue;
        }
        match context.client.get(&id.to_string()).await {
            Ok(atome) => context.out.document(&atome, |_| Vec::new())?,
            // The atome is made; that it cannot be shown any more does not undo it.
            Err(_) => context.out.document(&OnlyId { id: *id }, |_| Vec::new())?,
        }
    }
    Ok(())
}

/// What is known of an atome that was made by a daemon that went away since.
#[derive(Serialize)]
struct OnlyId {
    id: AtomeId,
}

fn parse_id(text: &str) -> Result<AtomeId, Fault> {
    text.parse()
        .map_err(|error| Fault::usage(format!("--id '{text}' is no UUID: {error}")))
}

pub(super) async fn set(context: &mut Context, id: String, pairs: &[String]) -> Result<(), Fault> {
    let set = collect(pairs, parse)?;
    alter(
        context,
        Operation {
            atome: Some(id),
            set,
            ..Operation::default()
        },
    )
    .await
}

pub(super) async fn unset(context: &mut Context, id: String, keys: &[String]) -> Result<(), Fault> {
    let unset: Result<BTreeSet<Key>, BadPair> =
        keys.iter().map(|key| Ok(Key::of_particle(key)?)).collect();
    alter(
        context,
        Operation {
            atome: Some(id),
            unset: unset?,
            ..Operation::default()
        },
    )
    .await
}

pub(super) async fn add(context: &mut Context, id: String, pairs: &[String]) -> Result<(), Fault> {
    let add = collect(pairs, parse_number)?;
    alter(
        context,
        Operation {
            atome: Some(id),
            add,
            ..Operation::default()
        },
    )
    .await
}

/// Deletes or brings back, all in one commit.
pub(super) async fn delete(
    context: &mut Context,
    ids: Vec<String>,
    deleted: bool,
) -> Result<(), Fault> {
    let operations = ids.into_iter().map(|id| Operation {
        atome: Some(id),
        deleted: Some(deleted),
        ..Operation::default()
    });
    let reply = write(context, operations.collect()).await?;
    print(context, &reply)
}

pub(super) async fn move_below(
    context: &mut Context,
    id: String,
    place: Place,
) -> Result<(), Fault> {
    alter(
        context,
        Operation {
            atome: Some(id),
            parent: Some(place.parent.unwrap_or_default()),
            ..Operation::default()
        },
    )
    .await
}

async fn alter(context: &mut Context, operation: Operation) -> Result<(), Fault> {
    let reply = write(context, vec![operation]).await?;
    print(context, &reply)
}

async fn write(context: &Context, operations: Vec<Operation>) -> Result<WriteReply, Fault> {
    let write = Write {
        operations,
        receipt: false,
    };
    Ok(context.client.write(&write).await?)
}

/// For programs the commit; a person sees a note, as there is no new data.
fn print(context: &mut Context, reply: &WriteReply) -> Result<(), Fault> {
    if context.out.is_table() {
        let text = format!("written as commit {}", reply.number);
        context.say.note(&text);
        return Ok(());
    }
    Ok(context.out.document(reply, |_| Vec::new())?)
}

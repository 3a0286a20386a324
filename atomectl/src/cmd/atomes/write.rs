//! `create`, `set`, `unset`, `add`, `delete`, `undelete`, `move`: each is one commit.

use std::collections::BTreeSet;

use atome_proto::AtomeId;
use atome_proto::commit::Key;
use atome_proto::local::v1::{NewAtome, Operation, Write, WriteReply};
use serde::Serialize;

use crate::arg::pair::{BadPair, collect, parse, parse_number};
use crate::cli::{Create, Place, Proof};
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
    let reply = write(context, vec![operation], create.proof).await?;
    if reply.receipt.is_some() && !context.out.is_table() {
        return Ok(context.out.document(&reply, |_| Vec::new())?);
    }
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
    print_receipt(context, &reply)
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

pub(super) async fn set(
    context: &mut Context,
    id: String,
    pairs: &[String],
    proof: Proof,
) -> Result<(), Fault> {
    let set = collect(pairs, parse)?;
    alter(
        context,
        Operation {
            atome: Some(id),
            set,
            ..Operation::default()
        },
        proof,
    )
    .await
}

pub(super) async fn unset(
    context: &mut Context,
    id: String,
    keys: &[String],
    proof: Proof,
) -> Result<(), Fault> {
    let unset: Result<BTreeSet<Key>, BadPair> =
        keys.iter().map(|key| Ok(Key::of_particle(key)?)).collect();
    alter(
        context,
        Operation {
            atome: Some(id),
            unset: unset?,
            ..Operation::default()
        },
        proof,
    )
    .await
}

pub(super) async fn add(
    context: &mut Context,
    id: String,
    pairs: &[String],
    proof: Proof,
) -> Result<(), Fault> {
    let add = collect(pairs, parse_number)?;
    alter(
        context,
        Operation {
            atome: Some(id),
            add,
            ..Operation::default()
        },
        proof,
    )
    .await
}

/// Deletes or brings back, all in one commit.
pub(super) async fn delete(
    context: &mut Context,
    ids: Vec<String>,
    deleted: bool,
    proof: Proof,
) -> Result<(), Fault> {
    let operations = ids.into_iter().map(|id| Operation {
        atome: Some(id),
        deleted: Some(deleted),
        ..Operation::default()
    });
    let reply = write(context, operations.collect(), proof).await?;
    print(context, &reply)
}

pub(super) async fn move_below(
    context: &mut Context,
    id: String,
    place: Place,
    proof: Proof,
) -> Result<(), Fault> {
    alter(
        context,
        Operation {
            atome: Some(id),
            parent: Some(place.parent.unwrap_or_default()),
            ..Operation::default()
        },
        proof,
    )
    .await
}

async fn alter(context: &mut Context, operation: Operation, proof: Proof) -> Result<(), Fault> {
    let reply = write(context, vec![operation], proof).await?;
    print(context, &reply)
}

async fn write(
    context: &Context,
    operations: Vec<Operation>,
    Proof { receipt }: Proof,
) -> Result<WriteReply, Fault> {
    let write = Write {
        operations,
        receipt,
    };
    Ok(context.client.write(&write).await?)
}

/// For programs the commit; a person sees a note, as there is no new data.
fn print(context: &mut Context, reply: &WriteReply) -> Result<(), Fault> {
    if context.out.is_table() {
        let text = format!("written as commit {}", reply.number);
        context.say.note(&text);
        return print_receipt(context, reply);
    }
    Ok(context.out.document(reply, |_| Vec::new())?)
}

/// For people the receipt alone, which is all that a shell wants to keep.
fn print_receipt(context: &mut Context, reply: &WriteReply) -> Result<(), Fault> {
    match (&reply.receipt, context.out.is_table()) {
        (Some(receipt), true) => Ok(context.out.line(receipt.to_string().as_bytes())?),
        (Some(_), false) | (None, _) => Ok(()),
    }
}

//! Reading, writing and watching atomes.

mod read;
mod write;

use crate::cli::Atomes;
use crate::context::Context;
use crate::fault::Fault;

pub(super) async fn perform(context: &mut Context, command: Atomes) -> Result<(), Fault> {
    match command {
        Atomes::Create(create) => write::create(context, create).await,
        Atomes::Get { ids } => read::get(context, &ids).await,
        Atomes::Set { id, pairs, proof } => write::set(context, id, &pairs, proof).await,
        Atomes::Unset { id, keys, proof } => write::unset(context, id, &keys, proof).await,
        Atomes::Add { id, pairs, proof } => write::add(context, id, &pairs, proof).await,
        Atomes::Delete { ids, proof } => write::delete(context, ids, true, proof).await,
        Atomes::Undelete { ids, proof } => write::delete(context, ids, false, proof).await,
        Atomes::Move { id, place, proof } => write::move_below(context, id, place, proof).await,
        Atomes::List(list) => read::list(context, list).await,
        Atomes::Find(find) => read::find(context, find).await,
        Atomes::Tree { id } => read::tree(context, id.as_deref()).await,
        Atomes::Watch { type_name, since } => {
            read::watch(context, type_name.as_deref(), since).await
        }
    }
}

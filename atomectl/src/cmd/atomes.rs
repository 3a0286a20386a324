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
        Atomes::Set { id, pairs } => write::set(context, id, &pairs).await,
        Atomes::Unset { id, keys } => write::unset(context, id, &keys).await,
        Atomes::Add { id, pairs } => write::add(context, id, &pairs).await,
        Atomes::Delete { ids } => write::delete(context, ids, true).await,
        Atomes::Undelete { ids } => write::delete(context, ids, false).await,
        Atomes::Move { id, place } => write::move_below(context, id, place).await,
        Atomes::List(list) => read::list(context, list).await,
        Atomes::Tree { id } => read::tree(context, id.as_deref()).await,
        Atomes::Watch { type_name, since } => {
            read::watch(context, type_name.as_deref(), since).await
        }
    }
}

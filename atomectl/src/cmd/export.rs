//! `export`.

use atome_proto::local::v1::ListQuery;

use crate::cli::Export;
use crate::context::Context;
use crate::fault::Fault;

/// Prints the store as a seed file: the daemon's lines, byte by byte.
pub(super) async fn perform(context: &mut Context, export: Export) -> Result<(), Fault> {
    let query = ListQuery {
        type_name: export.type_name,
        wheres: export.wheres.into_iter().map(|clause| clause.0).collect(),
        seed: true,
        ..ListQuery::default()
    };
    let mut records = context.client.export(&query).await?;
    while let Some(line) = records.next_line().await {
        context.out.line(&line?)?;
    }
    Ok(())
}

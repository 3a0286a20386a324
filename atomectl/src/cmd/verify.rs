//! `verify`: compare records with the store; what differs is data, one JSON line each.

use std::collections::HashSet;

use atome_client::Client;
use atome_proto::AtomeId;
use atome_proto::local::v1::{Difference, DifferenceKind, ListQuery, VerifyReply};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use crate::cli::Verify;
use crate::cmd::seed::{IN_FLIGHT, lost, placed, read};
use crate::context::Context;
use crate::fault::Fault;
use crate::out::Out;
use crate::seedfile::{Checked, Chunk, Chunks, Rules};

/// What was found so far.
#[derive(Default)]
struct Tally {
    equal: u64,
    differences: u64,
    /// The atomes that records name; kept only for `--strict`.
    named: HashSet<AtomeId>,
}

pub(super) async fn perform(context: &mut Context, request: Verify) -> Result<(), Fault> {
    let (checked, bad) = read(context, &request.files, Rules { named: true })?;
    if let Some(bad) = bad {
        return Err(bad.nothing_done().into());
    }
    let mut tally = Tally::default();
    compare(context, checked, request.strict, &mut tally).await?;
    if request.strict {
        object_to_others(context, &mut tally).await?;
    }
    context.out.flush()?;
    let word = if tally.differences == 1 {
        "difference"
    } else {
        "differences"
    };
    context.say.note(&format!(
        "{} records equal, {} {word}",
        tally.equal, tally.differences
    ));
    if tally.differences == 0 {
        return Ok(());
    }
    Err(Fault::No)
}

async fn compare(
    context: &mut Context,
    checked: Checked,
    strict: bool,
    tally: &mut Tally,
) -> Result<(), Fault> {
    let bar = context.progress.count("verifying", checked.records);
    let mut on_the_way = FuturesOrdered::new();
    let out = &mut context.out;
    let client = &context.client;
    let mut take = |reply: VerifyReply, records: u64| {
        bar.inc(records);
        print(out, tally, reply, strict)
    };
    Chunks::new(checked)
        .for_each(async |chunk| {
            if on_the_way.len() == IN_FLIGHT
                && let Some(done) = on_the_way.next().await
            {
                let (reply, records) = done?;
                take(reply, records)?;
            }
            // Spawned, so that it is on its way while the next chunk is read.
            let sending = tokio::spawn(send(client.clone(), chunk, strict));
            on_the_way.push_back(async { sending.await.map_err(|_| lost())? });
            Ok::<_, Fault>(())
        })
        .await?;
    while let Some(done) = on_the_way.next().await {
        let (reply, records) = done?;
        take(reply, records)?;
    }
    bar.finish_and_clear();
    Ok(())
}

async fn send(client: Client, chunk: Chunk, strict: bool) -> Result<(VerifyReply, u64), Fault> {
    let records = u64::try_from(chunk.records).unwrap_or_default();
    match client.verify(chunk.body.into(), strict).await {
        Ok(reply) => Ok((reply, records)),
        Err(error) => Err(placed(error, &chunk.from, &chunk.to)),
    }
}

fn print(out: &mut Out, tally: &mut Tally, reply: VerifyReply, strict: bool) -> Result<(), Fault> {
    tally.equal += reply.equal;
    for difference in &reply.differences {
        tally.differences += 1;
        out.json_line(difference)?;
    }
    if strict {
        tally.named.extend(reply.atomes);
    }
    Ok(())
}

/// Objects to every atome of the store, but deleted ones, that no record named.
async fn object_to_others(context: &mut Context, tally: &mut Tally) -> Result<(), Fault> {
    let bar = context.progress.spinner("looking for others");
    let mut atomes = context.client.list(&ListQuery::default()).await?;
    while let Some(atome) = atomes.next().await {
        let atome = atome?;
        if tally.named.contains(&atome.id) {
            continue;
        }
        tally.differences += 1;
        context.out.json_line(&Difference {
            record: atome.key.unwrap_or_else(|| atome.id.to_string()),
            difference: DifferenceKind::Unexpected,
            field: None,
            expected: None,
            found: None,
        })?;
    }
    bar.finish_and_clear();
    Ok(())
}

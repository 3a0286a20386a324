//! `seed` and `verify`: the store is brought to what records say, or compared with it.

use std::collections::BTreeSet;
use std::time::Instant;

use atome_engine::seed::differences;
use atome_proto::limit::SEED_CHUNK_RECORDS;
use atome_proto::local::v1::{SeedReply, VerifyReply};
use atome_proto::seed::Record;
use atome_proto::{AccountId, AtomeId, Code, Problem};
use bytes::Bytes;

use super::reply::{self, Handled};
use super::route::Asked;
use crate::store_problem::problem;
use crate::{clock, random};

pub(super) async fn seed(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let dry_run = asked.query.flag("dry_run")?;
    asked.query.done()?;
    if !dry_run {
        asked.shared.room.for_writes()?;
    }
    let held = asked.shared.bodies.read(asked.body).await?;
    let records = parse(&held.bytes)?;
    if records.is_empty() {
        return reply::ok(&SeedReply::default());
    }
    let wall_ms = clock::wall_ms();
    let ids = random::atome_ids(wall_ms, records.len())?;
    let named = ids.zip(records).map(|(fresh, record)| {
        let id = record.atome(account.id).unwrap_or(fresh);
        (id, record)
    });
    let named: Vec<(AtomeId, Record)> = named.collect();
    twice(account.id, &named)?;
    let began = Instant::now();
    let seeded = account
        .store
        .seed(account.id, named, dry_run, clock::now())
        .await;
    let seeded = seeded.map_err(|e| problem(&e))?;
    account.writes.since(began);
    reply::ok(&seeded)
}

pub(super) async fn verify(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let strict = asked.query.flag("strict")?;
    asked.query.done()?;
    let held = asked.shared.bodies.read(asked.body).await?;
    let mut reply = VerifyReply::default();
    for (i, record) in parse(&held.bytes)?.into_iter().enumerate() {
        let id = record.atome(account.id);
        let state = match id {
            Some(id) => account.store.get(id).await.map_err(|e| problem(&e))?,
            None => None,
        };
        let mut found = differences(&record, account.id, state.as_ref(), strict);
        if id.is_none() {
            for difference in &mut found {
                difference.record = format!("line {}", i + 1);
            }
        }
        if found.is_empty() {
            reply.equal += 1;
        }
        reply.atomes.extend(id);
        reply.differences.append(&mut found);
    }
    reply::ok(&reply)
}

/// Reads the lines of a body; empty ones count, and say nothing.
fn parse(body: &Bytes) -> Result<Vec<Record>, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::new(Code::BadData, "the records are not UTF-8"))?;
    let mut records = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if records.len() == SEED_CHUNK_RECORDS {
            let message = format!("more than {SEED_CHUNK_RECORDS} records in one request");
            return Err(Problem::new(Code::TooLarge, message).hint("send them in several requests"));
        }
        records.push(Record::parse(line).map_err(|error| {
            Problem::new(Code::BadData, format!("line {}: {error}", i + 1))
                .hint("nothing of this request was written")
        })?);
    }
    Ok(records)
}

/// Refuses two records of one atome: which of them must hold cannot be said.
fn twice(owner: AccountId, records: &[(AtomeId, Record)]) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for (id, record) in records {
        if !seen.insert(*id) {
            let name = record.key.clone().unwrap_or_else(|| id.to_string());
            let message = format!("two records name '{name}' of account {owner}");
            return Err(Problem::new(Code::BadData, message)
                .hint("remove one of the two; nothing of this request was written"));
        }
    }
    Ok(())
}

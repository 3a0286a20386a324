//! W7: questions to many atomes.

use std::time::Instant;

use atome_client::{Client, Lines};
use atome_proto::local::v1::{AtomeView, FindQuery, ListQuery};

use crate::failure::{Tried, differs};
use crate::limits::ms;
use crate::record::{RARE, RARE_EVERY};
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::Stage;

/// How often each is asked between two measurements of the limit.
const ASKED: usize = 5;
const ROUNDS: usize = 2;
/// Fits this many records, whose `rank` is their number.
const FITTING: u64 = 100;

/// `list --where` on one particle, and `find` of one word: the first one, which reads all, and those after it.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let world = stage.world()?;
    let machine = world.machine_with(None, "ada").await?;
    let file = world.seed_file(stage.records)?;
    machine.ctl().run(&["seed", &file])?;
    let client = Client::new(machine.socket());
    let mut listed = Samples::default();
    let ours = async || {
        for _ in 0..ASKED {
            listed.0.push(list(&client).await?);
        }
        Ok(0.0)
    };
    let (_, scan) = stage
        .in_turn(ROUNDS, ("where", stage.records), ours)
        .await?;
    let index = Samples(vec![stage.sqlite("index", stage.records)?]);
    let texts = Samples(vec![stage.sqlite("texts", stage.records)?]);
    let first = find(&client, stage.records).await?;
    let mut found = Samples::default();
    let ours = async || {
        for _ in 0..ASKED {
            found.0.push(find(&client, stage.records).await?);
        }
        Ok(0.0)
    };
    let (_, text) = stage.in_turn(ROUNDS, ("text", stage.records), ours).await?;
    let row = |what: &str| Row::of("W7", what, "ms", &listed);
    Ok(vec![
        row("list --where, beside SQLite that looks at each")
            .beside(&scan)
            .bar(Bar::RatioAtMost(2.0)),
        row("the same, beside SQLite's index").beside(&index),
        Row::of("W7", "find, beside FTS5 itself", "ms", &found)
            .beside(&text)
            .bar(Bar::RatioAtMost(2.0)),
        Row::once(
            "W7",
            "the first find, beside FTS5 that makes its index",
            "ms",
            first,
        )
        .beside(&texts),
    ])
}

/// Milliseconds of one question, all answers read.
async fn list(client: &Client) -> Tried<f64> {
    let query = ListQuery {
        wheres: vec![format!("rank<{FITTING}")],
        ..ListQuery::default()
    };
    let began = Instant::now();
    let lines = client.list(&query).await?;
    all_read(began, lines, FITTING).await
}

/// The same of a search for a word that one record of many has.
async fn find(client: &Client, records: u64) -> Tried<f64> {
    let query = FindQuery {
        text: RARE.to_owned(),
        ..FindQuery::default()
    };
    let began = Instant::now();
    let lines = client.find(&query).await?;
    all_read(began, lines, records.div_ceil(RARE_EVERY)).await
}

async fn all_read(began: Instant, mut lines: Lines<AtomeView>, expected: u64) -> Tried<f64> {
    let mut found = 0;
    while let Some(line) = lines.next().await {
        line?;
        found += 1;
    }
    if found == expected {
        Ok(ms(began))
    } else {
        differs(format!("{found} atomes fit instead of {expected}"))
    }
}

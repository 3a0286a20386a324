//! W7: questions to many atomes.

use std::time::Instant;

use atome_client::Client;
use atome_proto::local::v1::ListQuery;

use crate::failure::{Tried, differs};
use crate::limits::ms;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::Stage;

/// How often each is asked between two measurements of the limit.
const ASKED: usize = 5;
const ROUNDS: usize = 2;
/// Fits this many records, whose `rank` is their number.
const FITTING: u64 = 100;

/// `list --where` on one particle; the limit of a text search, which Atome does not have yet.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let world = stage.world()?;
    let machine = world.machine_with(None, "ada").await?;
    let file = world.seed_file(stage.records)?;
    machine.ctl().run(&["seed", &file])?;
    let client = Client::new(machine.socket());
    let scan = ("where", stage.records);
    let mut listed = Samples::default();
    let ours = async || {
        for _ in 0..ASKED {
            listed.0.push(list(&client).await?);
        }
        Ok(0.0)
    };
    let (_, limit) = stage.in_turn(ROUNDS, scan, ours).await?;
    let index = Samples(vec![stage.sqlite("index", stage.records)?]);
    let text = stage.sqlite("text", stage.records)?;
    let row = |what: &str| Row::of("W7", what, "ms", &listed);
    Ok(vec![
        row("list --where, beside SQLite that looks at each")
            .beside(&limit)
            .bar(Bar::RatioAtMost(2.0)),
        row("the same, beside SQLite's index").beside(&index),
        Row::once(
            "W7",
            "find: not there yet; SQLite's FTS5 itself",
            "ms",
            text,
        ),
    ])
}

/// Milliseconds of one question, all answers read.
async fn list(client: &Client) -> Tried<f64> {
    let query = ListQuery {
        wheres: vec![format!("rank<{FITTING}")],
        ..ListQuery::default()
    };
    let began = Instant::now();
    let mut lines = client.list(&query).await?;
    let mut found = 0;
    while let Some(line) = lines.next().await {
        line?;
        found += 1;
    }
    if found == FITTING {
        Ok(ms(began))
    } else {
        differs(format!("{found} atomes fit instead of {FITTING}"))
    }
}

//! `seed`: check every line, then send the good ones in chunks, a few at a time.

use std::path::PathBuf;
use std::time::Instant;

use atome_client::{Client, ClientError};
use atome_proto::local::v1::SeedReply;
use atome_proto::{Code, Problem};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde::Serialize;

use crate::cli::Seed;
use crate::cmd::wait::wait;
use crate::context::Context;
use crate::fault::Fault;
use crate::seedfile::{BadLine, Checked, Chunk, Chunks, Rules, SeedError, Source, check};

/// Chunks on the way at once: one being written, one being read from the socket, one being sent.
pub(super) const IN_FLIGHT: usize = 3;

/// Bad lines that are told one by one; what follows is counted.
const TOLD_MAX: u64 = 20;

/// What seeding came to.
#[derive(Debug, Serialize)]
struct Summary {
    created: u64,
    altered: u64,
    unchanged: u64,
    commits: u64,
    seconds: f64,
}

pub(super) async fn perform(context: &mut Context, request: Seed) -> Result<(), Fault> {
    let began = Instant::now();
    let (checked, bad) = read(context, &request.files, Rules::default())?;
    if bad.is_some() && !request.keep_going {
        return bad.map_or(Ok(()), |problem| Err(problem.hint_for_all().into()));
    }
    let total = send_all(context, checked, request.dry_run).await?;
    let summary = Summary {
        created: total.created,
        altered: total.altered,
        unchanged: total.unchanged,
        commits: total.commits,
        seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
    };
    context.out.document(&summary, |summary| {
        vec![
            ("created", summary.created.to_string()),
            ("altered", summary.altered.to_string()),
            ("unchanged", summary.unchanged.to_string()),
            ("commits", summary.commits.to_string()),
            ("seconds", format!("{:.3}", summary.seconds)),
        ]
    })?;
    context.out.flush()?;
    if request.dry_run {
        context.say.note("nothing was written: this was a dry run");
    }
    if request.wait {
        let proof = wait(context, None).await?;
        context
            .say
            .note(&format!("the hub has it: cursor {}", proof.cursor));
    }
    bad.map_or(Ok(()), |problem| Err(problem.without_bad().into()))
}

/// Lines that are bad, told already but for their number.
pub(super) struct BadLines {
    count: u64,
    /// The first ones, for an error that is one JSON object.
    first: Vec<String>,
}

impl BadLines {
    fn problem(&self, outcome: &str) -> Problem {
        let lines = if self.count == 1 {
            "line is"
        } else {
            "lines are"
        };
        let mut message = format!("{} {lines} bad; {outcome}", self.count);
        for line in &self.first {
            message.push('\n');
            message.push_str(line);
        }
        Problem::new(Code::BadData, message)
    }

    fn hint_for_all(&self) -> Problem {
        self.problem("nothing was written")
            .hint("mend them, or write the good ones with --keep-going")
    }

    fn without_bad(&self) -> Problem {
        self.problem("the good ones were written")
    }

    /// For a command that only reads.
    pub(super) fn nothing_done(&self) -> Problem {
        self.problem("nothing was compared")
    }
}

/// Opens and checks all files. Bad lines are told as they are found.
pub(super) fn read(
    context: &Context,
    files: &[PathBuf],
    rules: Rules,
) -> Result<(Checked, Option<BadLines>), Fault> {
    let sources: Result<Vec<Source>, SeedError> =
        files.iter().map(|path| Source::open(path)).collect();
    let sources = sources?;
    let bytes = sources.iter().map(Source::len).sum();
    let bar = context.progress.bytes("checking", bytes);
    let mut bad = BadLines {
        count: 0,
        first: Vec::new(),
    };
    let say = context.say;
    let checked = check(sources, rules, &bar, |line| {
        bad.count += 1;
        if bad.count <= TOLD_MAX {
            let text = text_of(&line);
            bar.suspend(|| say.detail(&text));
            bad.first.extend(say.json.then_some(text));
        } else if bad.count == TOLD_MAX + 1 {
            bar.suspend(|| say.detail("… and more"));
        }
    });
    bar.finish_and_clear();
    let checked = checked?;
    let bad = (checked.bad > 0).then_some(bad);
    Ok((checked, bad))
}

fn text_of(line: &BadLine) -> String {
    format!("{}:{}: {}", line.name, line.line, line.message)
}

async fn send_all(context: &Context, checked: Checked, dry_run: bool) -> Result<SeedReply, Fault> {
    let bar = context.progress.count("seeding", checked.records);
    let mut total = SeedReply::default();
    let mut on_the_way = FuturesOrdered::new();
    let mut take = |reply: SeedReply, records: u64| {
        total.created += reply.created;
        total.altered += reply.altered;
        total.unchanged += reply.unchanged;
        total.commits += reply.commits;
        bar.inc(records);
    };
    let mut chunks = Chunks::new(checked);
    let sent = chunks
        .for_each(async |chunk| {
            if on_the_way.len() == IN_FLIGHT
                && let Some(done) = on_the_way.next().await
            {
                let (reply, records) = done?;
                take(reply, records);
            }
            // Spawned, so that it is on its way while the next chunk is read.
            let client = context.client.clone();
            let sending = tokio::spawn(send(client, chunk, dry_run));
            on_the_way.push_back(async { sending.await.map_err(|_| lost())? });
            Ok(())
        })
        .await;
    // What is on its way is written whether or not a later chunk failed, and counts.
    let mut failed = sent.err();
    while let Some(done) = on_the_way.next().await {
        match done {
            Ok((reply, records)) => take(reply, records),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    bar.finish_and_clear();
    match failed {
        None => Ok(total),
        Some(fault) => {
            let written = total.created + total.altered;
            if written > 0 && !dry_run {
                context.say.detail(&format!(
                    "{written} records were written before the error; seeding again goes on from there"
                ));
            }
            Err(fault)
        }
    }
}

/// A task of ours that did not end as it should.
pub(super) fn lost() -> Fault {
    Problem::new(Code::Internal, "a request was lost on its way").into()
}

async fn send(client: Client, chunk: Chunk, dry_run: bool) -> Result<(SeedReply, u64), Fault> {
    let records = u64::try_from(chunk.records).unwrap_or_default();
    match client.seed(chunk.body.into(), dry_run).await {
        Ok(reply) => Ok((reply, records)),
        Err(error) => Err(placed(error, &chunk.from, &chunk.to)),
    }
}

/// The error with the place of the lines that it is about.
pub(super) fn placed(error: ClientError, from: &str, to: &str) -> Fault {
    let mut fault = Fault::from(error);
    if let Fault::Client(ClientError::Problem(problem)) = &mut fault
        && problem.code == Code::BadData
    {
        problem.detail = format!("{from} to {to}: {}", problem.detail);
    }
    fault
}

//! `cargo xtask bench`: every workload of `docs/performance.md` on the real programs, beside each the limit of the
//! very machine, measured in turn with it.
//!
//! It reports and judges nothing: no test, and no part of a build. It knows the programs from outside only; what
//! it starts ends with it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to the person who runs it"
)]

mod arguments;
mod failure;
mod ground;
mod limits;
mod observe;
mod pair;
mod proxy;
#[path = "../../atome-store/examples/shared/record.rs"]
mod record;
mod row;
mod samples;
mod stage;
mod table;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w8;
mod writers;

use std::process::ExitCode;
use std::time::Instant;

use arguments::{Arguments, Workload};
use clap::Parser;
use failure::{Failure, Tried};
use ground::Ground;
use row::Row;
use stage::Stage;
use w2::Backlog;

/// Workloads in the order of the table; W1 and W1c are one step.
const STEPS: &[&[Workload]] = &[
    &[Workload::W1, Workload::W1c],
    &[Workload::W1b],
    &[Workload::W2],
    &[Workload::W2b],
    &[Workload::W3],
    &[Workload::W4],
    &[Workload::W5],
    &[Workload::W6],
    &[Workload::W7],
    &[Workload::W8],
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.bench {
        // `cargo test --all-targets` starts benchmarks too, to see that they are there.
        eprintln!("a benchmark, not a test: run `cargo xtask bench`");
        return ExitCode::SUCCESS;
    }
    match measure(&arguments) {
        Ok(code) => code,
        Err(Failure(why)) => {
            eprintln!("\nNothing could be measured: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Tried<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            done = everything(arguments) => done,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                eprintln!("\ninterrupted; what was started is stopped");
                Ok(ExitCode::from(130))
            }
        }
    })
}

async fn everything(arguments: &Arguments) -> Tried<ExitCode> {
    let scale = arguments.scale;
    let began = Instant::now();
    eprintln!("building the programs with optimisation");
    let stage = Stage::set(scale.records(), scale.sizes(), arguments.connections)?;
    limits::build()?;
    let ground = Ground::look(stage.folder(), stage.records);
    if ground.is_memory() {
        eprintln!("the temp folder is in memory, not on a disk: set TMPDIR to a folder on one");
    }
    let (mut rows, mut whole) = (Vec::new(), true);
    for step in STEPS {
        if !step.iter().any(|workload| arguments.has(*workload)) {
            continue;
        }
        let step_began = Instant::now();
        eprintln!("{step:?} ({:.0} s)", began.elapsed().as_secs_f64());
        match run(&stage, arguments, step).await {
            Ok(found) => rows.extend(found),
            Err(Failure(why)) => {
                whole = false;
                eprintln!("  could not be measured: {why}");
            }
        }
        eprintln!("  took {:.0} s", step_began.elapsed().as_secs_f64());
    }
    if arguments.json {
        println!("{}", table::json(&ground, &rows));
    } else {
        println!("{}", table::text(&ground, &rows));
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn run(stage: &Stage, arguments: &Arguments, step: &[Workload]) -> Tried<Vec<Row>> {
    match step.first() {
        Some(Workload::W1 | Workload::W1c) => w1::run(stage, arguments).await,
        Some(Workload::W1b) => w1::seed(stage).await,
        Some(Workload::W2) => w2::run(stage, Backlog::Single).await,
        Some(Workload::W2b) => w2::run(stage, Backlog::Seeded).await,
        Some(Workload::W3) => w3::run(stage).await,
        Some(Workload::W4) => w4::run(stage).await,
        Some(Workload::W5) => w5::run(stage).await,
        Some(Workload::W6) => w6::run(stage).await,
        Some(Workload::W7) => w7::run(stage).await,
        Some(Workload::W8) => w8::run(stage).await,
        None => Ok(Vec::new()),
    }
}

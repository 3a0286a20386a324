//! `cargo xtask demo`: a hub and two machines, really running, and the story of one person's data.
//!
//! Builds the three programs, starts them in a temp directory, plays the story through the command line
//! as a person would, measures, and checks that every word of it is true. It knows the programs from
//! outside only.

mod apart;
mod offline;
mod stage;
mod teller;
mod together;

use std::path::Path;
use std::time::Instant;

use atome_tests::Binaries;
use clap::Args;

use crate::Outcome;
use stage::Stage;
use teller::Teller;

/// How to play it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leaves hub and machines running, and prints how to go on with them.
    #[arg(long)]
    keep: bool,
    /// Builds the programs with optimisation.
    #[arg(long)]
    release: bool,
}

/// Why the story could not be told to its end, for a person.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Told<T = ()> = Result<T, Failure>;

/// Says that something is not as it must be.
fn differs<T>(what: impl Into<String>) -> Told<T> {
    Err(Failure(what.into()))
}

/// Plays the story.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    play(root, arguments).map_err(|Failure(why)| format!("The demo failed: {why}"))
}

fn play(root: &Path, arguments: &Arguments) -> Told {
    let teller = Teller::default();
    teller.open("Building atomed, atome-server and atomectl (the first time takes a while)");
    let began = Instant::now();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let binaries = Binaries::build(&target, arguments.release, false)?;
    teller.say(&format!("built in {:.1} s", began.elapsed().as_secs_f64()));

    let began = Instant::now();
    let mut stage = Stage::set(&binaries, &teller)?;
    let seeded = offline::play(&mut stage, &teller)?;
    together::first_sync(&mut stage, &teller, &seeded)?;
    apart::play(&mut stage, &teller)?;
    together::converge(&mut stage, &teller)?;
    teller.open("Everything held");
    teller.say(&format!(
        "the whole story took {:.1} s; every figure above was measured, every claim checked",
        began.elapsed().as_secs_f64()
    ));
    if arguments.keep {
        stage.leave_running(&teller);
    } else {
        stage.clear(&teller)?;
    }
    Ok(())
}

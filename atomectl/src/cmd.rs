//! The commands: each asks the daemon and prints what it answers.

mod accounts;
mod atomes;
mod daemon;
mod export;
mod seed;
mod sync;
mod time;
mod verify;
mod wait;

use crate::cli::{Command, Data};
use crate::context::Context;
use crate::fault::Fault;

/// Carries out one command.
pub(crate) async fn perform(context: &mut Context, command: Command) -> Result<(), Fault> {
    match command {
        Command::Daemon(command) => daemon::perform(context, command).await,
        Command::Accounts(command) => accounts::perform(context, command).await,
        Command::Atomes(command) => atomes::perform(context, command).await,
        Command::Time(command) => time::perform(context, command).await,
        Command::Sync(command) => sync::perform(context, command).await,
        Command::Data(Data::Seed(seed)) => seed::perform(context, seed).await,
        Command::Data(Data::Verify(verify)) => verify::perform(context, verify).await,
        Command::Data(Data::Export(export)) => export::perform(context, export).await,
    }
}

/// A JSON word of one of the contract's enums, such as `live`.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::from("?"),
    }
}

/// What a table shows where there is nothing.
fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| String::from("-"), |text| text.to_string())
}

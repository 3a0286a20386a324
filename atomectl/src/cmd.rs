//! The commands: each asks the daemon and prints what it answers.

mod accounts;
mod atomes;
mod backup;
mod daemon;
mod directory;
pub(crate) mod doctor;
mod export;
mod seed;
mod sessions;
mod sharing;
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
        Command::Directory(command) => directory::perform(context, command).await,
        Command::Atomes(command) => atomes::perform(context, command).await,
        Command::Time(command) => time::perform(context, command).await,
        Command::Sharing(command) => sharing::perform(context, command).await,
        Command::Sync(command) => sync::perform(context, command).await,
        Command::Data(Data::Seed(seed)) => seed::perform(context, seed).await,
        Command::Data(Data::Verify(verify)) => verify::perform(context, verify).await,
        Command::Data(Data::Backup(file)) => backup::back_up(context, file).await,
        Command::Data(Data::RestoreBackup(file)) => backup::restore(context, file).await,
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

/// A span of time in words, rounded down to its greatest unit: `3 minutes`.
fn roughly(ms: u64) -> String {
    let minutes = ms / 60_000;
    let (count, unit) = match minutes {
        0 => return String::from("less than a minute"),
        1..60 => (minutes, "minute"),
        60..1_440 => (minutes / 60, "hour"),
        1_440.. => (minutes / 1_440, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_greatest_unit() {
        const HOUR_MS: u64 = 3_600_000;
        assert_eq!(roughly(59_999), "less than a minute");
        assert_eq!(roughly(60_000), "1 minute");
        assert_eq!(roughly(HOUR_MS - 1), "59 minutes");
        assert_eq!(roughly(HOUR_MS), "1 hour");
        assert_eq!(roughly(24 * HOUR_MS - 1), "23 hours");
        assert_eq!(roughly(24 * HOUR_MS), "1 day");
        assert_eq!(roughly(u64::MAX), "213503982334 days");
    }
}

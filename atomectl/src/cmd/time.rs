//! `history`.

use atome_proto::local::v1::HistoryVersion;

use crate::cli::Time;
use crate::cmd::{or_dash, word};
use crate::context::Context;
use crate::fault::Fault;

/// How much of a value a table shows, in characters.
const VALUE_SHOWN: usize = 60;

pub(super) async fn perform(context: &mut Context, command: Time) -> Result<(), Fault> {
    let Time::History { id, key } = command;
    let history = context.client.history(&id, key.as_deref()).await?;
    if !context.out.is_table() {
        return Ok(context.out.document(&history, |_| Vec::new())?);
    }
    let mut listing = context
        .out
        .listing(&["WHEN", "PARTICLE", "STATE", "COMMIT", "VALUE"]);
    for version in &history.versions {
        listing.push(version, cells)?;
    }
    listing.finish()?;
    if !history.complete {
        context
            .say
            .note("this store began from a snapshot: what was before is not here");
    }
    Ok(())
}

fn cells(version: &HistoryVersion) -> Vec<String> {
    let mut state = word(&version.state);
    if version.pending {
        state.push_str(", pending");
    }
    let value = match (&version.value, &version.added) {
        (Some(value), _) => shortened(value.as_str()),
        (None, Some(added)) => format!("added {added}"),
        (None, None) => "unset".to_owned(),
    };
    vec![
        version.at.clone(),
        version.key.clone(),
        state,
        or_dash(version.number),
        value,
    ]
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= VALUE_SHOWN {
        return text.to_owned();
    }
    text.chars().take(VALUE_SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_at_a_character() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"é".repeat(100));
        assert_eq!(long.chars().count(), VALUE_SHOWN);
        assert!(long.ends_with('…'));
    }
}

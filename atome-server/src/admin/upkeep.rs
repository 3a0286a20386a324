//! `atome-server backup|restore|check|compact|stats`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_proto::Epoch;
use atome_proto::time::to_rfc3339;
use atome_store::HubStore;
use atome_store::hub::{self, Figures, Setback};
use serde_json::{Value, json};

use super::{AdminError, with_store};
use crate::config::Config;
use crate::hub::{wall_ms, whole_ms};

/// Entries that are let go of in one transaction, so that a running hub can write in between.
const COMPACTED_AT_ONCE: u32 = 1_000;

/// Copies the database into a new file.
///
/// # Errors
///
/// [`AdminError`].
pub fn back_up(config: &Config, to: &Path) -> Result<(), AdminError> {
    Ok(hub::back_up(&database(config)?, to)?)
}

/// Makes a copy the database of a hub that has none; gives the life that begins with it.
///
/// # Errors
///
/// [`AdminError`].
pub fn restore(config: &Config, from: &Path) -> Result<Epoch, AdminError> {
    let epoch = Epoch(getrandom::u64()?);
    hub::restore(from, &config.database_file(), epoch)?;
    Ok(epoch)
}

/// Looks for all that is wrong with the database and writes it to `out`, a line each. With `accept` it
/// accepts, where nothing else is wrong, that the database went back; gives the number of accounts.
///
/// # Errors
///
/// [`AdminError::Unsound`] where something is wrong.
pub async fn check(
    config: &Config,
    accept: bool,
    out: &mut (dyn Write + Send),
) -> Result<u64, AdminError> {
    let mut wrong = hub::check(&database(config)?)?;
    let accepted = with_store(config, async |store| {
        if accept && wrong.is_empty() {
            return Ok(store.accept_setbacks().await?);
        }
        wrong.extend(store.setbacks().await?.iter().map(went_back));
        Ok(0)
    });
    let accepted = accepted.await?;
    for line in &wrong {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    if wrong.is_empty() {
        Ok(accepted)
    } else {
        Err(AdminError::Unsound(wrong.len()))
    }
}

fn went_back(shown: &Setback) -> String {
    let Setback {
        account,
        replica,
        head,
        seen,
        number,
        acked,
        ..
    } = shown;
    let at = to_rfc3339(shown.shown_ms);
    format!(
        "account {account}: the database went back: at {at} a machine (replica {replica}) had seen its feed up \
         to {seen}, and the database had {head}; the hub had acknowledged {acked} of its commits, and the \
         database had {number}"
    )
}

/// Has feeds let go of what is older than their horizon, or than `older_than`; how many entries.
///
/// # Errors
///
/// [`AdminError::WentBack`] while that is not accepted.
pub async fn compact(config: &Config, older_than: Option<Duration>) -> Result<u64, AdminError> {
    let kept_ms = whole_ms(older_than.unwrap_or(config.feed_kept));
    let before_ms = wall_ms().saturating_sub(kept_ms);
    let file = database(config)?;
    with_store(config, async |store| {
        if !store.setbacks().await?.is_empty() {
            return Err(AdminError::WentBack);
        }
        let before = hub::figures(&file)?.feed_entries;
        while store.compact(before_ms, COMPACTED_AT_ONCE).await? {}
        let after = hub::figures(&file)?.feed_entries;
        Ok(before.saturating_sub(after))
    })
    .await
}

/// Writes how much the database keeps to `out`, a line each, or as one JSON object.
///
/// # Errors
///
/// [`AdminError`].
pub fn stats(
    config: &Config,
    as_json: bool,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let file = database(config)?;
    let figures = figures(&hub::figures(&file)?, wal_bytes(&file));
    if as_json {
        let object: serde_json::Map<String, Value> = figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        writeln!(out, "{}", Value::Object(object))?;
    } else {
        for (name, value) in figures {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{name:16}  {value}")?;
        }
    }
    out.flush()?;
    Ok(())
}

fn figures(kept: &Figures, wal_bytes: u64) -> Vec<(&'static str, Value)> {
    vec![
        ("hub", json!(kept.identity.hub)),
        ("epoch", json!(kept.identity.epoch)),
        ("schema", json!(kept.schema)),
        ("accounts", json!(kept.accounts)),
        ("sessions", json!(kept.sessions)),
        ("atomes", json!(kept.atomes)),
        ("commits", json!(kept.commits)),
        ("feed_entries", json!(kept.feed_entries)),
        (
            "oldest_entry_at",
            json!(kept.oldest_entry_ms.map(to_rfc3339)),
        ),
        ("setbacks", json!(kept.setbacks)),
        ("database_bytes", json!(kept.bytes)),
        ("free_bytes", json!(kept.free_bytes)),
        ("wal_bytes", json!(wal_bytes)),
    ]
}

fn wal_bytes(database: &Path) -> u64 {
    let wal = database.with_extension("db-wal");
    wal.metadata().map_or(0, |metadata| metadata.len())
}

/// The database of a hub that was started at least once.
fn database(config: &Config) -> Result<PathBuf, AdminError> {
    let file = config.database_file();
    if file.exists() {
        Ok(file)
    } else {
        Err(AdminError::NoHub(config.state_dir.display().to_string()))
    }
}

impl From<hub::CopyError> for AdminError {
    fn from(error: hub::CopyError) -> Self {
        Self::Copy(Box::new(error))
    }
}

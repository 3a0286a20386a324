//! Administration by command, on the hub's own machine; the hub may run meanwhile.

use std::io::{self, IsTerminal, Write};

use atome_proto::AccountId;
use atome_proto::account::Visibility;
use atome_proto::time::to_rfc3339;
use atome_store::hub::AccountRecord;
use atome_store::{HubError, HubStore, OpenError, SqliteHub};
use clap::ValueEnum;
use serde::Serialize;

use crate::config::Config;

/// Accounts read at a time.
const PAGE: u32 = 1_000;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns, for people.
    Table,
    /// One JSON array.
    Json,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    /// Columns on a terminal, else JSON lines.
    #[must_use]
    pub fn fitting() -> Self {
        if io::stdout().is_terminal() {
            Self::Table
        } else {
            Self::Jsonl
        }
    }
}

/// Why a command of administration was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no database yet.
    #[error("there is no hub in {0} yet; start it once with: atome-server run")]
    NoHub(String),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database does not work.
    #[error("the database does not work")]
    Store(#[from] HubError),
    /// The list cannot be written.
    #[error("the list cannot be written")]
    Write(#[from] io::Error),
}

/// An account in the list.
#[derive(Debug, Serialize)]
struct Line {
    id: AccountId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    visibility: Visibility,
    disabled: bool,
    created_at: String,
}

impl From<AccountRecord> for Line {
    fn from(account: AccountRecord) -> Self {
        let entry = account.entry;
        Self {
            id: entry.user_id,
            name: entry.username,
            phone: entry.phone,
            visibility: entry.visibility,
            disabled: account.disabled,
            created_at: to_rfc3339(account.created_at_ms),
        }
    }
}

/// Writes every account to `out`, page by page.
///
/// # Errors
///
/// [`AdminError`].
pub async fn list_accounts(
    config: &Config,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let file = config.database_file();
    if !file.exists() {
        return Err(AdminError::NoHub(config.state_dir.display().to_string()));
    }
    let store = SqliteHub::open(&file, config.durability)?;
    let written = write_accounts(&store, format, out).await;
    store.close().await;
    match written {
        // Whoever reads the list has seen enough of it.
        Err(AdminError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

async fn write_accounts(
    store: &dyn HubStore,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    match format {
        Format::Table => writeln!(
            out,
            "{:36}  {:20}  {:8}  {:8}  NAME",
            "ID", "CREATED", "LISTED", "STATE"
        )?,
        Format::Json => write!(out, "[")?,
        Format::Jsonl => {}
    }
    let mut after = None;
    let mut is_first = true;
    loop {
        let page = store.accounts(after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.entry.user_id);
        for account in page {
            write_line(&Line::from(account), format, is_first, out)?;
            is_first = false;
        }
    }
    if format == Format::Json {
        writeln!(out, "]")?;
    }
    out.flush()?;
    Ok(())
}

fn write_line(
    line: &Line,
    format: Format,
    is_first: bool,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let json = || serde_json::to_string(line).map_err(io::Error::from);
    match format {
        Format::Table => {
            let visibility = match line.visibility {
                Visibility::Public => "public",
                Visibility::Private => "private",
            };
            let state = if line.disabled { "disabled" } else { "active" };
            let (id, name) = (line.id.to_string(), &line.name);
            let created = line.created_at.get(..19).unwrap_or(&line.created_at);
            writeln!(
                out,
                "{id:36}  {created:19}Z  {visibility:8}  {state:8}  {name}"
            )?;
        }
        Format::Json => write!(out, "{}{}", if is_first { "" } else { "," }, json()?)?,
        Format::Jsonl => writeln!(out, "{}", json()?)?,
    }
    Ok(())
}

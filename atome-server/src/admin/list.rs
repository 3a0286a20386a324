//! Lists of accounts and sessions, for people and for programs.

use std::io::{self, IsTerminal, Write};

use atome_proto::AccountId;
use atome_proto::account::Visibility;
use atome_proto::time::to_rfc3339;
use atome_store::HubStore;
use atome_store::hub::{AccountRecord, SessionRecord};
use clap::ValueEnum;
use serde::Serialize;
use uuid::Uuid;

use super::{AdminError, find, with_store};
use crate::config::Config;
use crate::hub::wall_ms;

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

/// What stands in a list.
trait Line: Serialize {
    /// The head of the table.
    const HEAD: &str;

    /// Its line of the table.
    fn columns(&self) -> String;
}

/// An account in the list.
#[derive(Debug, Serialize)]
struct Account {
    id: AccountId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    visibility: Visibility,
    disabled: bool,
    created_at: String,
}

impl From<AccountRecord> for Account {
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

impl Line for Account {
    const HEAD: &str =
        "ID                                    CREATED               LISTED    STATE     NAME";

    fn columns(&self) -> String {
        let visibility = match self.visibility {
            Visibility::Public => "public",
            Visibility::Private => "private",
        };
        let state = if self.disabled { "disabled" } else { "active" };
        let (id, created, name) = (self.id.to_string(), second(&self.created_at), &self.name);
        format!("{id:36}  {created}  {visibility:8}  {state:8}  {name}")
    }
}

/// A session in the list.
#[derive(Debug, Serialize)]
struct Session {
    id: Uuid,
    device: String,
    created_at: String,
    seen_at: String,
    expires_at: String,
}

impl From<SessionRecord> for Session {
    fn from(session: SessionRecord) -> Self {
        Self {
            id: session.session,
            device: session.device,
            created_at: to_rfc3339(session.created_at_ms),
            seen_at: to_rfc3339(session.seen_at_ms),
            expires_at: to_rfc3339(session.expires_at_ms),
        }
    }
}

impl Line for Session {
    const HEAD: &str =
        "ID                                    SEEN                  EXPIRES               DEVICE";

    fn columns(&self) -> String {
        let (seen, expires) = (second(&self.seen_at), second(&self.expires_at));
        format!("{}  {seen}  {expires}  {}", self.id, self.device)
    }
}

/// A time to the second.
fn second(time: &str) -> String {
    time.get(..19)
        .map_or_else(|| time.to_owned(), |second| format!("{second}Z"))
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
    let written = with_store(config, async |store| {
        let mut list = List::begin::<Account>(format, out)?;
        let mut after = None;
        loop {
            let page = store.accounts(after, PAGE).await?;
            let Some(last) = page.last() else {
                return list.end();
            };
            after = Some(last.entry.user_id);
            for account in page {
                list.line(&Account::from(account))?;
            }
        }
    });
    unless_seen_enough(written.await)
}

/// Writes the sessions of an account to `out`.
///
/// # Errors
///
/// [`AdminError`].
pub async fn list_sessions(
    config: &Config,
    who: &str,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let written = with_store(config, async |store| {
        let account = find(store, who).await?.entry.user_id;
        let mut list = List::begin::<Session>(format, out)?;
        for session in store.sessions(account, wall_ms()).await? {
            list.line(&Session::from(session))?;
        }
        list.end()
    });
    unless_seen_enough(written.await)
}

/// Whoever reads a list may stop when they have seen enough of it.
fn unless_seen_enough(written: Result<(), AdminError>) -> Result<(), AdminError> {
    match written {
        Err(AdminError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A list that is being written.
struct List<'a> {
    format: Format,
    out: &'a mut (dyn Write + Send),
    is_empty: bool,
}

impl<'a> List<'a> {
    fn begin<L: Line>(format: Format, out: &'a mut (dyn Write + Send)) -> Result<Self, AdminError> {
        match format {
            Format::Table => writeln!(out, "{}", L::HEAD)?,
            Format::Json => write!(out, "[")?,
            Format::Jsonl => {}
        }
        Ok(Self {
            format,
            out,
            is_empty: true,
        })
    }

    fn line<L: Line>(&mut self, line: &L) -> Result<(), AdminError> {
        let json = || serde_json::to_string(line).map_err(io::Error::from);
        let comma = if self.is_empty { "" } else { "," };
        self.is_empty = false;
        match self.format {
            Format::Table => writeln!(self.out, "{}", line.columns())?,
            Format::Json => write!(self.out, "{comma}{}", json()?)?,
            Format::Jsonl => writeln!(self.out, "{}", json()?)?,
        }
        Ok(())
    }

    fn end(self) -> Result<(), AdminError> {
        if self.format == Format::Json {
            writeln!(self.out, "]")?;
        }
        self.out.flush()?;
        Ok(())
    }
}

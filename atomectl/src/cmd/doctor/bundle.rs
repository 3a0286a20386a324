//! The file for support: everything that helps to find a fault, and nobody's names, secrets or data.
//!
//! What it may hold is decided by its types: an account has no field for a name, an error none for its text.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use atome_proto::local::v1::{AccountState, AccountStatus, Facts, Finding, Mode, Status, Version};
use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::time::to_rfc3339;
use atome_proto::{AccountId, Code, Problem};
use serde::Serialize;

use super::Examined;
use crate::cmd::daemon::now_ms;
use crate::fault::Fault;

/// The version of the shape of the file.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Bundle {
    schema: u32,
    made_at: String,
    atomectl: &'static str,
    daemon: Option<Version>,
    runtime: Option<RuntimeDeclaration>,
    findings: Vec<Finding>,
    accounts: Vec<AccountFacts>,
    facts: Option<Facts>,
    metrics: Vec<String>,
    /// What the daemon did not tell.
    missing: Vec<&'static str>,
}

/// What `status` says of an account, but its name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountFacts {
    id: AccountId,
    state: AccountState,
    mode: Mode,
    pending: u64,
    refused: u64,
    cursor: Option<u64>,
    hub_head: Option<u64>,
    session_expires_at: Option<String>,
    last_synced_at: Option<String>,
    /// The code of the last error; its text may name somebody.
    last_error: Option<Code>,
}

impl From<AccountStatus> for AccountFacts {
    fn from(status: AccountStatus) -> Self {
        Self {
            id: status.id,
            state: status.state,
            mode: status.mode,
            pending: status.pending,
            refused: status.refused,
            cursor: status.cursor,
            hub_head: status.hub_head,
            session_expires_at: status.session_expires_at,
            last_synced_at: status.last_synced_at,
            last_error: status.last_error.map(|problem| problem.code),
        }
    }
}

/// Gathers and writes the file, which must not be there yet.
pub(super) async fn write(examined: &Examined, file: &Path) -> Result<(), Fault> {
    let text = text(
        &gather(examined).await,
        std::env::var("HOME").ok().as_deref(),
    )?;
    keep(file, &text).map_err(|error| not_kept(file, &error).into())
}

async fn gather(examined: &Examined) -> Bundle {
    let mut missing = Vec::new();
    let (mut status, mut facts, mut metrics) = (None, None, None);
    if let Some(client) = &examined.client {
        status = client.status().await.ok();
        facts = client.facts().await.ok();
        metrics = client.metrics().await.ok();
    }
    let told = [
        ("status", status.is_some()),
        ("facts", facts.is_some()),
        ("metrics", metrics.is_some()),
    ];
    missing.extend(told.iter().filter(|(_, is)| !is).map(|(name, _)| *name));
    let (runtime, accounts) = match status {
        Some(Status {
            runtime, accounts, ..
        }) => (Some(runtime), accounts),
        None => (None, Vec::new()),
    };
    Bundle {
        schema: SCHEMA,
        made_at: to_rfc3339(now_ms()),
        atomectl: env!("CARGO_PKG_VERSION"),
        daemon: examined.version.clone(),
        runtime,
        findings: examined.findings.clone(),
        accounts: accounts.into_iter().map(AccountFacts::from).collect(),
        facts,
        metrics: metrics
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect(),
        missing,
    }
}

/// The document, with the home folder, which has a person's name, written `~`.
fn text(bundle: &Bundle, home: Option<&str>) -> Result<String, Problem> {
    let text = serde_json::to_string_pretty(bundle)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let text = match home.filter(|home| home.len() > 1) {
        Some(home) => text.replace(home, "~"),
        None => text,
    };
    Ok(text + "\n")
}

fn keep(file: &Path, text: &str) -> io::Result<()> {
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    let written = to.write_all(text.as_bytes()).and_then(|()| to.sync_all());
    if written.is_err() {
        // Half of it helps nobody. Where it cannot be removed either, the first error tells why.
        let _ = fs::remove_file(file);
    }
    written
}

fn not_kept(file: &Path, error: &io::Error) -> Problem {
    let path = file.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("{path} is there already, and is not overwritten");
        return Problem::new(Code::Conflict, message).hint("name another file");
    }
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    let (code, hint) = if full.contains(&error.kind()) {
        (Code::LowSpace, "name a file on a disk that has room")
    } else {
        (
            Code::BadRequest,
            "name a file in a folder that you may write to",
        )
    };
    Problem::new(code, format!("{path} cannot be written: {error}")).hint(hint)
}
